/* Running one method on tensors in memory, in pieces and tiles of the test's choice: what src/merge/execute.c does, without
 * files, threads and plans. */
#ifndef CLADE_METHOD_RUN_H
#define CLADE_METHOD_RUN_H

#include "near.h"

#include "clade/method.h"

enum { RUN_PARENTS = 8, RUN_VALUES = 16 };

typedef struct run_tensor {
    size_t rank;
    uint64_t shape[4];
    const float *base, *parents[RUN_PARENTS];
    const clade_tensor *statistics[RUN_PARENTS];
    float *out;
} run_tensor;

typedef struct method_run {
    const clade_method *method;
    size_t n_parents;
    double site[RUN_VALUES], parent[RUN_PARENTS * RUN_VALUES];
    uint64_t parent_keys[RUN_PARENTS];
    size_t tile, piece; /* elements */
    run_tensor *tensors;
    size_t n_tensors;
} method_run;

/* With the method's defaults and keys 1, 2, ... */
static inline method_run run_new(const char *name, size_t n_parents, run_tensor *tensors, size_t n_tensors)
{
    method_run run = {.method = clade_method_find(name),
                      .n_parents = n_parents,
                      .tile = 16384,
                      .piece = CLADE_MERGE_PIECE,
                      .tensors = tensors,
                      .n_tensors = n_tensors};
    assert_non_null(run.method);
    for (size_t p = 0; p < n_parents; p++) {
        run.parent_keys[p] = p + 1;
        for (size_t k = 0; k < run.method->n_parameters; k++) {
            run.site[k] = run.method->parameters[k].default_value;
            run.parent[p * run.method->n_parameters + k] = run.method->parameters[k].default_value;
        }
    }
    return run;
}

/* A parameter, of parent P where it has one per parent. */
static inline void run_set(method_run *run, const char *name, size_t p, double value)
{
    size_t n = run->method->n_parameters, k = clade_method_parameter(run->method, name);
    assert_true(k < n);
    if (run->method->parameters[k].scope == CLADE_PER_PARENT)
        run->parent[p * n + k] = value;
    else
        run->site[k] = value;
}

static inline clade_merge_tile run_whole(const method_run *run, const run_tensor *tensor)
{
    clade_merge_tile whole = {.n_parents = run->n_parents,
                              .tensor_count = 1,
                              .rank = tensor->rank,
                              .shape = tensor->shape,
                              .site = run->site,
                              .parent = run->parent,
                              .n_parameters = run->method->n_parameters,
                              .parent_keys = run->parent_keys,
                              .statistics = run->method->statistics ? tensor->statistics : NULL};
    for (size_t d = 0; d < tensor->rank; d++)
        whole.tensor_count *= tensor->shape[d];
    return whole;
}

/* Elements FIRST .. FIRST + N - 1 of a tensor; ROWS (RUN_PARENTS) and the scratch belong to the view. */
static inline clade_merge_tile run_view(const method_run *run, const run_tensor *tensor, size_t first, size_t n,
                                        const void *state, const float **rows)
{
    clade_merge_tile view = run_whole(run, tensor);
    view.n = n;
    view.offset = first;
    view.state = state;
    for (size_t p = 0; p < run->n_parents; p++)
        rows[p] = tensor->parents[p] + first;
    view.parents = rows;
    view.base = tensor->base && run->method->base != CLADE_BASE_IGNORED ? tensor->base + first : NULL;
    size_t bytes = run->method->scratch_bytes ? run->method->scratch_bytes(&view) : 0;
    view.scratch = clade_malloc(bytes);
    assert_non_null(view.scratch);
    return view;
}

/* At least one unit, and a multiple of it. */
static inline size_t run_step(size_t elements, size_t unit)
{
    return elements < unit ? unit : elements / unit * unit;
}

static inline clade_status run_survey_piece(const method_run *run, const run_tensor *tensor, size_t first, size_t end,
                                            unsigned pass, const void *state, void *partial)
{
    const float *rows[RUN_PARENTS];
    clade_merge_tile whole = run_whole(run, tensor);
    size_t step = run_step(run->tile, run->method->unit ? run->method->unit(&whole) : 1);
    clade_status status = CLADE_OK;
    for (size_t at = first; at < end && status == CLADE_OK; at += step) {
        clade_merge_tile view = run_view(run, tensor, at, end - at < step ? end - at : step, state, rows);
        status = run->method->survey(&view, pass, partial);
        clade_free(view.scratch);
    }
    return status;
}

/* One pass over the tensors FIRST_TENSOR .. LAST_TENSOR of a survey. */
static inline clade_status run_survey_pass(const method_run *run, size_t first_tensor, size_t last_tensor,
                                           const clade_merge_tile *of, unsigned pass, void *state, bool *again)
{
    const clade_method *method = run->method;
    clade_status status = CLADE_OK;
    for (size_t t = first_tensor; t <= last_tensor; t++) {
        clade_merge_tile whole = run_whole(run, &run->tensors[t]);
        size_t count = (size_t)whole.tensor_count;
        size_t step = run_step(run->piece, method->unit ? method->unit(&whole) : 1);
        for (size_t first = 0; first < count && status == CLADE_OK; first += step) {
            void *partial = clade_calloc(1, method->partial_bytes(of, pass));
            assert_non_null(partial);
            status = run_survey_piece(run, &run->tensors[t], first, count - first < step ? count : first + step, pass,
                                      state, partial);
            if (status == CLADE_OK)
                status = method->survey_merge(of, pass, state, partial);
            clade_free(partial);
        }
    }
    *again = false;
    return status == CLADE_OK && method->survey_end ? method->survey_end(of, pass, state, again) : status;
}

/* The state of the tensors FIRST_TENSOR .. LAST_TENSOR; freed by the caller. */
static inline clade_status run_survey(const method_run *run, size_t first_tensor, size_t last_tensor, void **state)
{
    clade_merge_tile of = run_whole(run, &run->tensors[first_tensor]);
    clade_status status = CLADE_OK;
    bool again = true;
    if (run->method->survey_scope == CLADE_SURVEY_RULE) {
        of.tensor_count = of.rank = 0;
        of.shape = NULL;
        for (size_t t = first_tensor; t <= last_tensor; t++)
            of.tensor_count += run_whole(run, &run->tensors[t]).tensor_count;
    }
    *state = clade_calloc(1, run->method->state_bytes(&of));
    assert_non_null(*state);
    for (unsigned pass = 0; again && status == CLADE_OK; pass++)
        status = run_survey_pass(run, first_tensor, last_tensor, &of, pass, *state, &again);
    return status;
}

static inline clade_status run_combine(const method_run *run, const run_tensor *tensor, const void *state)
{
    const clade_method *method = run->method;
    const float *rows[RUN_PARENTS];
    clade_merge_tile whole = run_whole(run, tensor);
    size_t (*unit)(const clade_merge_tile *) = method->combine_unit ? method->combine_unit : method->unit;
    size_t count = (size_t)whole.tensor_count, step = run_step(run->tile, unit ? unit(&whole) : 1);
    clade_status status = CLADE_OK;
    for (size_t at = 0; at < count && status == CLADE_OK; at += step) {
        clade_merge_tile view = run_view(run, tensor, at, count - at < step ? count - at : step, state, rows);
        view.parents = method->merged_in_survey ? NULL : rows;
        status = method->combine(&view, tensor->out + at);
        clade_free(view.scratch);
    }
    return status;
}

/* All tensors into their outs. */
static inline clade_status run_make(const method_run *run)
{
    clade_survey_scope scope = run->method->survey_scope;
    clade_status status = CLADE_OK;
    void *state = NULL;
    if (scope == CLADE_SURVEY_RULE)
        status = run_survey(run, 0, run->n_tensors - 1, &state);
    for (size_t t = 0; t < run->n_tensors && status == CLADE_OK; t++) {
        if (scope == CLADE_SURVEY_TENSOR) {
            clade_free(state);
            status = run_survey(run, t, t, &state);
        }
        if (status == CLADE_OK)
            status = run_combine(run, &run->tensors[t], state);
    }
    clade_free(state);
    return status;
}

#endif
