/* A recipe to a checkpoint folder: tensors are made one by one as the writer asks for them, so a child of any size is
 * written in the memory of its largest tensor. */
#include <string.h>

#include "clade/files.h"
#include "merge/family.h"

typedef struct producer {
    clade_child *child;
    const clade_recipe *recipe;
} producer;

static clade_status produce(void *context, size_t index, void *out)
{
    const producer *self = context;
    return clade_child_make_tensor(self->child, self->recipe, index, out);
}

static clade_status write_child(const clade_family *family, const clade_recipe *recipe, const char *out,
                                uint64_t shard_bytes, const char *card)
{
    const char *like = recipe->base ? recipe->base->path : recipe->parents[0].path;
    const clade_checkpoint_layout layout = {
        .shard_bytes = shard_bytes, .config_from = clade_path_is_folder(like) ? like : NULL, .card = card};
    producer self = {.recipe = recipe};
    CLADE_TRY(clade_child_new(family, NULL, &self.child));
    clade_status status = clade_child_plan(self.child, recipe);
    if (status == CLADE_OK)
        status = clade_checkpoint_write(out, clade_child_at(self.child, 0), clade_child_count(self.child), produce,
                                        &self, &layout);
    clade_child_free(self.child);
    return status;
}

clade_status clade_merge_to_folder(clade_recipe *recipe, const char *out, uint64_t shard_bytes, const char *card)
{
    const char *paths[CLADE_MAX_PARENTS];
    clade_problems problems = {0};
    clade_family *family;
    clade_recipe_check(recipe, "recipe", &problems);
    CLADE_TRY(clade_problems_end(&problems, CLADE_ECONFIG));
    for (size_t p = 0; p < recipe->n_parents; p++)
        paths[p] = recipe->parents[p].path;
    CLADE_TRY(clade_family_open(recipe->base ? recipe->base->path : NULL, paths, recipe->n_parents, &family));
    clade_status status = clade_family_stamp(family, recipe);
    if (status == CLADE_OK)
        status = write_child(family, recipe, out, shard_bytes, card);
    clade_family_close(family);
    return status;
}
