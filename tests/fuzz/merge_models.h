/* Small models in a folder for harnesses that read recipes, and the plan of a recipe that was accepted: the files
 * "m.safetensors" and "n.safetensors" with four blocks, the folders "s" and "t" with tokenizers. */
#ifndef CLADE_FUZZ_MERGE_MODELS_H
#define CLADE_FUZZ_MERGE_MODELS_H

#include "clade/merge.h"
#include "fuzz/scratch.h"

static inline void write_model(const char *folder, const char *name)
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

/* FOLDER/NAME with embeddings of ROWS rows and a tokenizer. */
static inline void write_speaker(const char *folder, const char *name, uint64_t rows, const char *tokenizer)
{
    static const char config[] = "{\"vocab_size\": 3, \"tie_word_embeddings\": true}";
    static const float values[8] = {0};
    const uint64_t shape[] = {rows, 2};
    const clade_tensor tensor = {.name = "model.embed_tokens.weight",
                                 .dtype = CLADE_F32,
                                 .rank = 2,
                                 .shape = shape,
                                 .count = (size_t)rows * 2,
                                 .bytes = (size_t)rows * 2 * sizeof *values,
                                 .data = values};
    char *path = clade_path_join(folder, name), *weights = path ? clade_path_join(path, "model.safetensors") : NULL;
    char *text = path ? clade_path_join(path, "tokenizer.json") : NULL,
         *json = path ? clade_path_join(path, "config.json") : NULL;
    check(weights && text && json && clade_make_folders(path) == CLADE_OK);
    check(clade_safetensors_write(weights, &tensor, 1, NULL, NULL) == CLADE_OK);
    check(clade_write_file(text, tokenizer, strlen(tokenizer)) == CLADE_OK);
    check(clade_write_file(json, config, sizeof config - 1) == CLADE_OK);
    clade_free(path);
    clade_free(weights);
    clade_free(text);
    clade_free(json);
}

/* The folder they are in. */
static inline const char *models(void)
{
    static const char *folder;
    if (folder)
        return folder;
    folder = scratch_folder();
    write_model(folder, "m.safetensors");
    write_model(folder, "n.safetensors");
    write_speaker(folder, "s", 3, "{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0,\"b\":1,\"c\":2}}}");
    write_speaker(folder, "t", 4, "{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0,\"x\":1,\"c\":3}}}");
    return folder;
}

/* What the merge would be, when its models are there; 0 tensors otherwise. */
static inline clade_merge_outlook look(clade_recipe *recipe)
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

static inline void check_plan(clade_recipe *recipe)
{
    clade_merge_outlook once = look(recipe), twice = look(recipe);
    check(once.tensors == twice.tensors && once.elements == twice.elements && once.read_bytes == twice.read_bytes);
    check(once.memory_bytes == twice.memory_bytes && once.shards == twice.shards);
}

#endif
