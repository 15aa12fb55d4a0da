/* The folder best/: what a user takes away. It is built beside and put in place in one step, so that whoever looks sees
 * one child's recipe, lineage and weights, never a mixture of two. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/log.h"
#include "search/export/card.h"
#include "search/export/lineage.h"
#include "search/run_folder.h"
#include "search/subject_merge.h"

#define STAGED_PREFIX "best.tmp-"

typedef struct best {
    const clade_experiment *experiment;
    char *staged, *target; /* folders, owned */
    clade_lineage lineage; /* the last one is the child */
    clade_recipe *recipe;  /* owned */
} best;

/* FOLDER/NAME with this text. */
static clade_status write_text(const char *folder, const char *name, const clade_text *text)
{
    CLADE_TRY(clade_text_status(text));
    char *path = clade_path_join(folder, name);
    if (!path)
        return clade_fail_memory(strlen(folder) + strlen(name), "a path");
    clade_status status = clade_write_file(path, clade_text_get(text), text->length);
    clade_free(path);
    return status;
}

static clade_status begin(best *self, clade_ledger *ledger, const clade_experiment *experiment, const char *run_folder,
                          uint64_t child)
{
    char name[64];
    snprintf(name, sizeof name, "%s%ld", STAGED_PREFIX, (long)getpid());
    self->experiment = experiment;
    self->staged = clade_path_join(run_folder, name);
    self->target = clade_path_join(run_folder, "best");
    if (!self->staged || !self->target)
        return clade_fail_memory(strlen(run_folder) + sizeof name, "a path");
    CLADE_TRY(clade_lineage_read(ledger, child, &self->lineage));
    CLADE_TRY(clade_run_recipe(ledger, experiment, &self->lineage.items[self->lineage.count - 1].row, &self->recipe));
    CLADE_TRY(clade_remove_folder(self->staged));
    return clade_make_folders(self->staged);
}

static void end(best *self)
{
    clade_free(self->staged);
    clade_free(self->target);
    clade_lineage_fini(&self->lineage);
    clade_recipe_free(self->recipe);
}

static clade_status write_recipe(const best *self)
{
    clade_text text = {0};
    clade_recipe_print(self->recipe, true, &text);
    clade_status status = write_text(self->staged, "recipe.json", &text);
    clade_text_free(&text);
    return status;
}

static clade_status write_lineage(const best *self)
{
    clade_text text = {0};
    clade_status status = clade_lineage_write_json(&self->lineage, self->experiment, &text);
    if (status == CLADE_OK)
        status = write_text(self->staged, "lineage.json", &text);
    clade_text_free(&text);
    return status;
}

static clade_status write_ancestors(const best *self)
{
    clade_status status = CLADE_OK;
    char *folder = clade_path_join(self->staged, "ancestors");
    if (!folder)
        return clade_fail_memory(strlen(self->staged), "a path");
    status = clade_make_folders(folder);
    for (size_t i = 0; status == CLADE_OK && i + 1 < self->lineage.count; i++) {
        const clade_child_row *row = &self->lineage.items[i].row;
        char name[64];
        snprintf(name, sizeof name, "%llu.json", (unsigned long long)row->child);
        status = write_text(folder, name, &row->recipe);
    }
    clade_free(folder);
    return status;
}

/* mergekit.yml where mergekit can express the recipe, else mergekit.txt with the reason. */
static clade_status write_mergekit(const best *self)
{
    clade_text text = {0};
    const char *name = "mergekit.yml";
    clade_status status = clade_recipe_to_mergekit(self->recipe, &text);
    if (status == CLADE_ECONFIG) {
        clade_text_clear(&text);
        clade_text_append(
            &text,
            "mergekit cannot express this recipe: %s\nThe recipe itself is recipe.json; `clade merge recipe.json "
            "OUT_DIR` makes the weights from it.\n",
            clade_error_message());
        name = "mergekit.txt";
        status = CLADE_OK;
    }
    if (status == CLADE_OK)
        status = write_text(self->staged, name, &text);
    clade_text_free(&text);
    return status;
}

static clade_status write_weights(best *self, const clade_text *card)
{
    if (!self->experiment->best_weights)
        return CLADE_OK;
    char *folder = clade_path_join(self->staged, "weights");
    if (!folder)
        return clade_fail_memory(strlen(self->staged), "a path");
    clade_status status = clade_merge_to_folder(self->recipe, folder, 0, clade_text_get(card));
    clade_free(folder);
    return status;
}

clade_status clade_best_write(clade_ledger *ledger, const clade_experiment *experiment, const char *run_folder,
                              uint64_t child)
{
    best self = {0};
    clade_status status = begin(&self, ledger, experiment, run_folder, child);
    if (status == CLADE_OK)
        status = write_recipe(&self);
    if (status == CLADE_OK)
        status = write_lineage(&self);
    if (status == CLADE_OK)
        status = clade_replace_folder(self.staged, self.target);
    end(&self);
    return status;
}

clade_status clade_best_finish(clade_ledger *ledger, const clade_front *front, const char *run_folder)
{
    best self = {0};
    clade_text card = {0};
    const clade_member *member = &front->members[front->best];
    clade_status status = begin(&self, ledger, front->experiment, run_folder, member->child);
    if (status == CLADE_OK)
        status = write_recipe(&self);
    if (status == CLADE_OK)
        status = write_lineage(&self);
    if (status == CLADE_OK)
        status = write_ancestors(&self);
    if (status == CLADE_OK)
        status = write_mergekit(&self);
    if (status == CLADE_OK)
        status = clade_model_card(self.recipe, self.recipe, front, front->best, &card);
    if (status == CLADE_OK)
        status = write_text(self.staged, "README.md", &card);
    if (status == CLADE_OK)
        status = write_weights(&self, &card);
    if (status == CLADE_OK)
        status = clade_replace_folder(self.staged, self.target);
    if (status == CLADE_OK)
        clade_log(CLADE_LOG_INFO, "the best is child %llu (%s): %s", (unsigned long long)member->child, member->method,
                  self.target);
    clade_text_free(&card);
    end(&self);
    return status;
}

/* Whether NAME is of a folder or a file that was to be renamed when it is whole. */
static bool is_leftover(const char *name)
{
    static const char *const prefixes[] = {STAGED_PREFIX, "front.csv.tmp-"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static clade_status remove_if_left(void *run_folder, const char *name)
{
    if (!is_leftover(name))
        return CLADE_OK;
    char *path = clade_path_join(run_folder, name);
    if (!path)
        return clade_fail_memory(strlen(run_folder) + strlen(name), "a path");
    clade_status status = CLADE_OK;
    if (clade_path_is_folder(path))
        status = clade_remove_folder(path);
    else if (unlink(path) != 0)
        status = clade_fail_errno(path, "remove");
    if (status == CLADE_OK)
        clade_log(CLADE_LOG_INFO, "removed %s, which a session that was killed left behind", path);
    clade_free(path);
    return status;
}

clade_status clade_best_clean(const char *run_folder)
{
    return clade_folder_visit(run_folder, remove_if_left, (void *)(uintptr_t)run_folder);
}
