/* What tests of the task-vector rows share: random tensors, a recipe of numbers, and a small executor that cuts tensors
 * into tiles and pieces as src/merge/execute.c does. */
#ifndef CLADE_TASK_VECTOR_FIXTURE_H
#define CLADE_TASK_VECTOR_FIXTURE_H

#include "near.h"

#include "clade/hash.h"
#include "clade/method.h"
#include "clade/rng.h"

enum { PARENTS = 3, MOST = CLADE_MERGE_PIECE + 70000, TENSORS = 2 };

/* A tensor with parents whose task vectors have many equal magnitudes, or none. */
typedef struct fixture {
    const char *name;
    size_t rank, n;
    uint64_t shape[3];
    float base[MOST], parents[PARENTS][MOST], out[MOST];
    double expected[MOST];
} fixture;

static fixture tensors[TENSORS];

typedef struct recipe {
    const clade_method *method;
    double site[CLADE_MAX_PARAMETERS], parent[PARENTS][CLADE_MAX_PARAMETERS];
} recipe;

static inline void fill(fixture *to, const char *name, size_t rank, uint64_t a, uint64_t b, uint64_t c, bool equal)
{
    clade_rng rng = clade_rng_seeded(a + b, c + equal);
    to->name = name;
    to->rank = rank;
    to->shape[0] = a;
    to->shape[1] = b;
    to->shape[2] = c;
    to->n = (size_t)(rank == 0 ? 1 : rank == 1 ? a : rank == 2 ? a * b : a * b * c);
    for (size_t i = 0; i < to->n; i++) {
        to->base[i] = i % 17 == 3 ? -0.0f : (float)(floor(4096 * (2 * clade_rng_uniform(&rng) - 1)) / 4096);
        for (size_t p = 0; p < PARENTS; p++) {
            double d = 2 * clade_rng_uniform(&rng) - 1;
            to->parents[p][i] = (float)((double)to->base[i] + (equal ? floor(4 * d + 0.5) / 64 : d / 4));
        }
    }
}

static inline recipe recipe_of(const char *name)
{
    recipe made = {.method = clade_method_find(name)};
    assert_non_null(made.method);
    for (size_t k = 0; k < made.method->n_parameters; k++) {
        made.site[k] = made.method->parameters[k].default_value;
        for (size_t p = 0; p < PARENTS; p++)
            made.parent[p][k] = made.method->parameters[k].default_value;
    }
    return made;
}

static inline void set(recipe *to, const char *name, double value)
{
    size_t k = clade_method_parameter(to->method, name);
    assert_true(k < to->method->n_parameters);
    to->site[k] = value;
}

static inline void set_parent(recipe *to, const char *name, size_t p, double value)
{
    size_t k = clade_method_parameter(to->method, name);
    assert_true(k < to->method->n_parameters);
    to->parent[p][k] = value;
}

static double site(const recipe *of, const char *name)
{
    size_t k = clade_method_parameter(of->method, name);
    return k < of->method->n_parameters ? of->site[k] : 0;
}

static double parent(const recipe *of, const char *name, size_t p)
{
    size_t k = clade_method_parameter(of->method, name);
    return k < of->method->n_parameters ? of->parent[p][k] : 0;
}

/* ---- a small executor ---- */

typedef struct execution {
    const recipe *recipe;
    size_t tile;
    bool reused;
    uint64_t keys[PARENTS];
    double values[PARENTS * CLADE_MAX_PARAMETERS];
    const float *rows[PARENTS];
    void *scratch;
} execution;

static inline clade_merge_tile whole_of(execution *self, size_t t)
{
    const clade_method *method = self->recipe->method;
    for (size_t p = 0; p < PARENTS; p++) {
        self->keys[p] = 1000 + p;
        memcpy(self->values + p * method->n_parameters, self->recipe->parent[p], method->n_parameters * sizeof(double));
    }
    clade_merge_tile tile = {.n_parents = PARENTS,
                             .tensor_count = tensors[t].n,
                             .rank = tensors[t].rank,
                             .shape = tensors[t].shape,
                             .site = self->recipe->site,
                             .parent = self->values,
                             .n_parameters = method->n_parameters,
                             .seed = 5,
                             .tensor_key = clade_name_key(tensors[t].name),
                             .parent_keys = self->keys,
                             .reused = self->reused};
    for (size_t before = 0; before < t && method->survey_scope == CLADE_SURVEY_RULE; before++)
        tile.rule_offset += tensors[before].n;
    return tile;
}

static inline clade_merge_tile view_of(execution *self, size_t t, size_t first, size_t n, const void *state)
{
    clade_merge_tile tile = whole_of(self, t);
    tile.n = n;
    tile.offset = first;
    tile.base = tensors[t].base + first;
    tile.parents = self->rows;
    for (size_t p = 0; p < PARENTS; p++)
        self->rows[p] = tensors[t].parents[p] + first;
    tile.state = state;
    tile.scratch = self->scratch;
    return tile;
}

static inline size_t rounded(size_t n, size_t unit)
{
    return n < unit ? unit : n / unit * unit;
}

static inline size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* One pass over tensors FROM .. UNTIL - 1. */
static inline bool survey_pass(execution *self, const clade_merge_tile *whole, size_t from, size_t until, unsigned pass,
                               void *state)
{
    const clade_method *method = self->recipe->method;
    size_t bytes = method->partial_bytes(whole, pass);
    void *partial = test_malloc(bytes + 1);
    bool again = false;
    for (size_t t = from; t < until; t++) {
        clade_merge_tile tensor = whole_of(self, t);
        size_t unit = method->unit ? method->unit(&tensor) : 1, piece = rounded(CLADE_MERGE_PIECE, unit);
        size_t stride = method->sample_stride ? method->sample_stride(whole, pass) : 0;
        for (size_t first = 0; first < tensors[t].n; first += piece) {
            memset(partial, 0xff, bytes);
            memset(partial, 0, method->cleared_bytes ? method->cleared_bytes(whole, pass) : bytes);
            size_t end = smaller(tensors[t].n, first + piece), step = rounded(self->tile, unit);
            for (size_t block = first; block < end && stride > 0; block += stride) {
                size_t at = (size_t)clade_sample_place(block, stride);
                clade_merge_tile view = view_of(self, t, at, CLADE_MERGE_SAMPLE, state);
                if (at + CLADE_MERGE_SAMPLE <= end)
                    assert_ok(method->survey(&view, pass, partial));
            }
            for (size_t at = first; at < end && stride == 0; at += step) {
                clade_merge_tile view = view_of(self, t, at, smaller(end - at, step), state);
                assert_ok(method->survey(&view, pass, partial));
            }
            assert_ok(method->survey_merge(whole, pass, state, partial));
        }
    }
    if (method->survey_end)
        assert_ok(method->survey_end(whole, pass, state, &again));
    test_free(partial);
    return again;
}

/* The recipe as a survey for many uses may see it: what it must not read is no number. */
static inline recipe hidden(const recipe *of)
{
    recipe seen = *of;
    for (size_t k = 0; k < of->method->n_parameters; k++) {
        if (of->method->survey_parameters >> k & 1)
            continue;
        seen.site[k] = NAN;
        for (size_t p = 0; p < PARENTS; p++)
            seen.parent[p][k] = NAN;
    }
    return seen;
}

/* The state of tensor FROM (of those until UNTIL, when it is of a rule). */
static inline void *survey(execution *self, size_t from, size_t until)
{
    const recipe *given = self->recipe, seen = hidden(given);
    self->recipe = self->reused ? &seen : given;
    clade_merge_tile whole = whole_of(self, from);
    for (size_t t = from + 1; t < until; t++)
        whole.tensor_count += tensors[t].n;
    size_t bytes = given->method->state_bytes(&whole);
    bool again = bytes > 0;
    void *state = test_calloc(bytes + 1, 1);
    for (unsigned pass = 0; again; pass++)
        again = survey_pass(self, &whole, from, until, pass, state);
    self->recipe = given;
    return state;
}

static inline void execute(const recipe *of, size_t count, size_t tile, bool reused)
{
    execution self = {.recipe = of, .tile = tile, .reused = reused};
    const clade_method *method = of->method;
    bool rule = method->survey_scope == CLADE_SURVEY_RULE;
    void *state = NULL;
    for (size_t t = 0; t < count; t++) {
        clade_merge_tile whole = whole_of(&self, t);
        size_t unit = method->unit ? method->unit(&whole) : 1, step = rounded(tile, unit);
        whole.n = smaller(step, tensors[t].n);
        self.scratch = test_malloc((method->scratch_bytes ? method->scratch_bytes(&whole) : 0) + 1);
        if (!rule || t == 0)
            state = survey(&self, t, rule ? count : t + 1);
        for (size_t at = 0; at < tensors[t].n; at += step) {
            clade_merge_tile view = view_of(&self, t, at, smaller(tensors[t].n - at, step), state);
            assert_ok(method->combine(&view, tensors[t].out + at));
        }
        test_free(self.scratch);
        if (!rule || t + 1 == count)
            test_free(state);
    }
}

#endif
