/* Whatever the bytes: no crash, no leak; a recipe that is accepted and that mergekit can express is written as YAML that
 * means the same recipe, and one that can be planned is planned twice alike. Two small models lie beside the file,
 * "m.safetensors" and "n.safetensors", so that gradients, filters and slices are followed to the end. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FOLDER_BYTES = 4096 };

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void write_model(const char *folder, const char *name)
{
    static const char *const names[] = {"embed.w", "layers.0.w", "layers.1.w", "layers.2.w", "layers.3.w", "norm.w"};
    static const float values[1] = {0};
    static const uint64_t shape[1] = {1};
    enum { N = sizeof names / sizeof names[0] };
    clade_tensor tensors[N];
    char *path = clade_path_join(folder, name);
    for (size_t i = 0; i < N; i++)
        tensors[i] = (clade_tensor){.name = names[i],
                                    .dtype = CLADE_F32,
                                    .rank = 1,
                                    .shape = shape,
                                    .count = 1,
                                    .bytes = sizeof values,
                                    .data = values};
    check(path && clade_safetensors_write(path, tensors, N, NULL, NULL) == CLADE_OK);
    clade_free(path);
}

static char *folder_of_models(void)
{
    static char folder[FOLDER_BYTES];
    return folder;
}

static void remove_models(void)
{
    if (clade_remove_folder(folder_of_models()) != CLADE_OK)
        fprintf(stderr, "%s\n", clade_error_message());
}

/* Made at the first call, removed when the program ends. */
static const char *models(void)
{
    char *folder = folder_of_models();
    if (folder[0])
        return folder;
    const char *parent = getenv("TMPDIR");
    snprintf(folder, FOLDER_BYTES, "%s/clade-fuzz-XXXXXX", parent && parent[0] ? parent : "/tmp");
    check(mkdtemp(folder) != NULL);
    write_model(folder, "m.safetensors");
    write_model(folder, "n.safetensors");
    check(atexit(remove_models) == 0);
    return folder;
}

static void check_round_trip(const clade_recipe *recipe, const char *name)
{
    clade_recipe *again;
    clade_text yaml = {0}, once = {0}, twice = {0};
    if (clade_recipe_to_mergekit(recipe, &yaml) == CLADE_OK) {
        check(clade_recipe_from_mergekit_text(yaml.data, yaml.length, name, &again) == CLADE_OK);
        clade_recipe_print(recipe, false, &once);
        clade_recipe_print(again, false, &twice);
        check(strcmp(once.data, twice.data) == 0);
        clade_recipe_free(again);
    }
    clade_text_free(&yaml);
    clade_text_free(&once);
    clade_text_free(&twice);
}

/* What the merge would be, when its models are there; 0 tensors otherwise. */
static clade_merge_outlook look(clade_recipe *recipe)
{
    clade_merge *merge;
    clade_merge_outlook outlook = {0};
    if (clade_merge_open(recipe, 1, &merge) == CLADE_OK)
        clade_merge_look(merge, 0, &outlook);
    else
        check(merge == NULL && clade_error_message()[0] != '\0');
    clade_merge_close(merge);
    return outlook;
}

static void check_plan(clade_recipe *recipe)
{
    clade_merge_outlook once = look(recipe), twice = look(recipe);
    check(once.tensors == twice.tensors && once.elements == twice.elements && once.read_bytes == twice.read_bytes);
    check(once.memory_bytes == twice.memory_bytes && once.shards == twice.shards);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    clade_recipe_list list;
    char *name = clade_path_join(models(), "config.yml");
    check(name != NULL);
    if (clade_recipes_from_mergekit_text((const char *)data, size, name, "/nowhere/at/all", &list) == CLADE_OK) {
        check_round_trip(list.documents[list.count - 1].recipe, name);
        check_plan(list.documents[list.count - 1].recipe);
    }
    clade_recipe_list_free(&list);
    clade_free(name);
    check(clade_alloc_live() == 0);
    return 0;
}
