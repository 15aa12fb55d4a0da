/* Four small models with different vocabularies, for tests of vocabularies. */
#ifndef CLADE_VOCABULARY_ZOO_H
#define CLADE_VOCABULARY_ZOO_H

#include "clade/files.h"
#include "clade/safetensors.h"
#include "clade/vocabulary.h"
#include "test.h"

#define SPECIALS "\"<s>\": 0, \"</s>\": 1, \"<unk>\": 2, "
#define TOKENIZER(vocabulary, added)                                                                                   \
    "{\n  \"added_tokens\": [" added "],\n  \"model\": {\"type\": \"BPE\", \"vocab\": {" SPECIALS vocabulary           \
    "}, \"merges\": []}\n}\n"

/* The base has three rows more than tokens. */
static const char base_tokens[] = TOKENIZER("\"a\": 3, \"b\": 4, \"c\": 5, \"ab\": 6", ""),
                  a_tokens[] = TOKENIZER("\"a\": 3, \"b\": 4, \"c\": 5, \"ab\": 6",
                                         "{\"id\": 7, \"content\": \"<x>\", \"special\": true},"
                                         "{\"id\": 8, \"content\": \"<both>\", \"lstrip\": true}"),
                  c_tokens[] = TOKENIZER("\"c\": 3, \"b\": 4, \"a\": 5, \"bc\": 6, \"d\": 7",
                                         "{\"id\": 8, \"content\": \"<y>\", \"special\": true},"
                                         "{\"id\": 9, \"content\": \"<both>\", \"lstrip\": true}"),
                  beyond_tokens[] = TOKENIZER("\"a\": 3", "{\"id\": 4, \"content\": \"<beyond>\"}");

enum { A, B, C, BASE, MODELS }; /* parent b is like the base, without the padding */

typedef struct zoo {
    char folder[TEST_PATH];
    clade_checkpoint *models[MODELS];
    clade_recipe_parent parents[3], base;
    clade_recipe recipe;
} zoo;

static const uint64_t no_shape[] = {2};

static inline void write_weights(const char *folder, uint64_t rows, uint64_t head_rows)
{
    static const float zeros[64];
    const uint64_t shape[] = {rows, 2}, head_shape[] = {head_rows};
    const clade_tensor tensors[] = {
        {"model.embed_tokens.weight", CLADE_F32, 2, shape, rows * 2, rows * 8, zeros},
        {"lm_head.bias", CLADE_F32, 1, head_shape, head_rows, head_rows * 4, zeros},
        {"model.norm.weight", CLADE_F32, 1, no_shape, 2, 8, zeros},
    };
    assert_ok(clade_safetensors_write(path_in(folder, "model.safetensors"), tensors, 3, NULL, NULL));
}

static inline void write_text(const char *folder, const char *name, const char *text)
{
    write_test_file(path_in(folder, name), text, strlen(text));
}

static inline void make_model(zoo *self, size_t index, const char *name, const char *tokens, uint64_t rows)
{
    char folder[TEST_PATH];
    snprintf(folder, sizeof folder, "%s", path_in(self->folder, name));
    if (self->models[index])
        clade_checkpoint_close(self->models[index]);
    else
        assert_int_equal(mkdir(folder, 0777), 0);
    write_weights(folder, rows, rows);
    write_text(folder, "tokenizer.json", tokens);
    assert_ok(clade_checkpoint_open(folder, &self->models[index]));
}

/* A file of a model. */
static inline void write_in(zoo *self, const char *model, const char *name, const char *text)
{
    char folder[TEST_PATH];
    snprintf(folder, sizeof folder, "%s", path_in(self->folder, model));
    write_text(folder, name, text);
}

static inline int set_up(void **state)
{
    static char name_a[] = "a", name_b[] = "b", name_c[] = "c", name_base[] = "base";
    zoo *self = calloc(1, sizeof *self);
    assert_non_null(self);
    make_temporary_folder(self->folder);
    make_model(self, A, "a", a_tokens, 9);
    make_model(self, B, "b", base_tokens, 7);
    make_model(self, C, "c", c_tokens, 12);
    make_model(self, BASE, "base", base_tokens, 10);
    self->parents[A].name = name_a;
    self->parents[B].name = name_b;
    self->parents[C].name = name_c;
    self->base.name = name_base;
    self->recipe =
        (clade_recipe){.base = &self->base, .parents = self->parents, .n_parents = 3, .files_from = SIZE_MAX};
    *state = self;
    return 0;
}

static inline int tear_down(void **state)
{
    zoo *self = *state;
    for (size_t i = 0; i < MODELS; i++)
        clade_checkpoint_close(self->models[i]);
    remove_temporary_folder(self->folder);
    free(self);
    return 0;
}

static inline clade_status make(zoo *self, clade_vocabulary **vocabulary)
{
    return clade_vocabulary_new(&self->recipe, (const clade_checkpoint *const *)self->models, vocabulary);
}

#define ZOO_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
