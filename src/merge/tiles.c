/* From stored elements to tiles and back. A source is used where it lies when it is F32 already; else it is converted
 * into a row of the room, and rounded to the recipe's dtype where that has 16 bits. */
#include "merge/tiles.h"

#include <math.h>
#include <string.h>

#include "clade/kernels.h"
#include "merge/family.h"

enum { ROUNDED_AT_ONCE = 2048 };

/* ---- jobs ---- */

static size_t unit_of(size_t (*unit)(const clade_merge_tile *), const clade_merge_tile *tensor)
{
    size_t elements = unit ? unit(tensor) : 1;
    return elements > 0 ? elements : 1;
}

/* The source that a copied target is copied from. */
static size_t first_source(const clade_target *target)
{
    size_t s = 0;
    while (s + 1 < target->n_sources && !target->sources[s].tensor)
        s++;
    return s;
}

static clade_status begin_job(const clade_plan *plan, size_t index, clade_tensor_job *job)
{
    const clade_recipe *recipe = plan->recipe;
    const clade_target *target = &plan->targets[index];
    size_t n = recipe->method->n_parameters, m = target->n_taking_part;
    *job = (clade_tensor_job){.plan = plan, .target = target, .index = index, .count = target->tensor.count};
    job->survey_unit = job->combine_unit = 1;
    if (target->copied) {
        const clade_tensor *from = target->sources[first_source(target)].tensor;
        job->copied_from = from ? from->data : NULL;
        return CLADE_OK;
    }
    job->parent_keys = clade_calloc(m, sizeof *job->parent_keys);
    job->parent = m < recipe->n_parents ? clade_calloc(m * n, sizeof(double)) : NULL;
    if (!job->parent_keys || (m < recipe->n_parents && !job->parent))
        return clade_fail_memory(m * (n + 1) * sizeof(double), "the values of a tensor");
    for (size_t i = 0; i < m; i++) {
        size_t p = target->taking_part[i];
        job->parent_keys[i] = clade_name_key(recipe->parents[p].name);
        if (job->parent)
            memcpy(job->parent + i * n, target->rule->parent + p * n, n * sizeof(double));
    }
    job->tensor = (clade_merge_tile){
        .n_parents = m,
        .tensor_count = job->count,
        .rank = target->tensor.rank,
        .shape = target->tensor.shape,
        .site = target->rule->site,
        .parent = job->parent ? job->parent : target->rule->parent,
        .n_parameters = n,
        .seed = recipe->seed,
        .tensor_key = clade_name_key(target->tensor.name),
        .rule_offset = target->rule_offset,
        .parent_keys = job->parent_keys,
        .statistics = target->statistics,
    };
    job->survey_unit = unit_of(recipe->method->unit, &job->tensor);
    job->combine_unit =
        unit_of(recipe->method->combine_unit ? recipe->method->combine_unit : recipe->method->unit, &job->tensor);
    return CLADE_OK;
}

clade_status clade_tensor_jobs_new(const clade_plan *plan, const size_t *targets, size_t count, clade_tensor_job **jobs)
{
    clade_status status = CLADE_OK;
    *jobs = NULL;
    clade_tensor_job *made = clade_calloc(count, sizeof *made);
    if (!made)
        return clade_fail_memory(count * sizeof *made, "the tensors of a merge");
    for (size_t j = 0; j < count && status == CLADE_OK; j++)
        status = begin_job(plan, targets[j], &made[j]);
    if (status == CLADE_OK)
        *jobs = made;
    else
        clade_tensor_jobs_free(made, count);
    return status;
}

void clade_tensor_jobs_free(clade_tensor_job *jobs, size_t count)
{
    for (size_t j = 0; jobs && j < count; j++) {
        clade_free(jobs[j].parent);
        clade_free(jobs[j].parent_keys);
    }
    clade_free(jobs);
}

void clade_tensor_job_release(const clade_tensor_job *job, uint64_t first, uint64_t n)
{
    const clade_family *family = job->plan->family;
    for (size_t s = 0; s <= family->n_parents; s++) {
        const clade_tensor *tensor = job->target->sources[s].tensor;
        const clade_checkpoint *checkpoint = s < family->n_parents ? family->parents[s] : family->base;
        uint64_t bytes = tensor ? clade_dtype_of(tensor->dtype)->bits / 8 : 0;
        if (tensor && checkpoint && !job->target->sources[s].rows)
            clade_checkpoint_release(checkpoint, tensor, first * bytes, n * bytes);
    }
}

/* ---- sources ---- */

/* Source number I of a tile: a parent that takes part, or the base behind them. */
static size_t source_of(const clade_tensor_job *job, size_t i)
{
    return i < job->target->n_taking_part ? job->target->taking_part[i] : job->plan->recipe->n_parents;
}

static size_t count_sources(const clade_tensor_job *job)
{
    return job->target->n_taking_part + (job->plan->uses_base ? 1 : 0);
}

/* Remapped rows may come from anywhere in their tensor: all of it is read with the first piece. */
static clade_status populate(const clade_tensor_job *job, size_t source, uint64_t first, uint64_t n)
{
    enum { WORTH_A_CALL = 1 << 16 };
    const clade_source *from = &job->target->sources[source];
    uint64_t size = clade_dtype_of(from->tensor->dtype)->bits / 8;
    bool whole = from->rows || job->target->copied;
    uint64_t bytes = !whole ? n * size : first == 0 ? from->tensor->bytes : 0;
    if (bytes < WORTH_A_CALL)
        return CLADE_OK;
    return clade_checkpoint_populate(clade_family_source(job->plan->family, source), from->tensor,
                                     whole ? 0 : first * size, bytes);
}

clade_status clade_tensor_job_populate(const clade_tensor_job *job, uint64_t first, uint64_t n)
{
    if (job->target->copied)
        return populate(job, first_source(job->target), first, n);
    for (size_t i = 0; i < count_sources(job); i++)
        CLADE_TRY(populate(job, source_of(job, i), first, n));
    return CLADE_OK;
}

static bool rounded(const clade_tensor_job *job, size_t source)
{
    const clade_recipe *recipe = job->plan->recipe;
    return recipe->has_dtype && recipe->dtype != job->target->sources[source].tensor->dtype &&
           clade_dtype_of(recipe->dtype)->bits == 16;
}

static bool direct(const clade_tensor_job *job, size_t source)
{
    return !rounded(job, source) && clade_source_direct(job->target, source) != NULL;
}

static void round_to(clade_dtype dtype, size_t n, float *x)
{
    uint16_t half[ROUNDED_AT_ONCE];
    for (size_t done = 0; done < n; done += ROUNDED_AT_ONCE) {
        size_t m = n - done < ROUNDED_AT_ONCE ? n - done : ROUNDED_AT_ONCE;
        clade_narrow(dtype, x + done, m, half);
        clade_widen(dtype, half, m, x + done);
    }
}

/* ---- the room ---- */

static size_t tile_scratch(const clade_tensor_job *job, size_t n)
{
    const clade_method *method = job->plan->recipe->method;
    clade_merge_tile tile = job->tensor;
    tile.n = n;
    size_t bytes = method->scratch_bytes ? method->scratch_bytes(&tile) : 0;
    for (size_t i = 0; i < count_sources(job); i++) {
        size_t one = clade_source_scratch(job->target, source_of(job, i));
        bytes = one > bytes ? one : bytes;
    }
    return bytes;
}

clade_status clade_tile_room_bytes(const clade_tensor_job *job, size_t tile, bool surveying, size_t *bytes)
{
    size_t unit = surveying ? job->survey_unit : job->combine_unit, rows = 1, n = unit > tile ? unit : tile;
    *bytes = 0;
    if (job->target->copied)
        return CLADE_OK;
    n = n < job->count ? n : (size_t)job->count;
    bool merged = !surveying && job->plan->recipe->method->merged_in_survey;
    for (size_t i = merged ? job->target->n_taking_part : 0; i < count_sources(job); i++)
        rows += !direct(job, source_of(job, i));
    if (n > SIZE_MAX / 16 / (rows + 1))
        return clade_fail(CLADE_EIO, "tensor %s: %llu elements are too many for memory", job->target->tensor.name,
                          (unsigned long long)job->count);
    *bytes = rows * n * sizeof(float) + n * sizeof(double) + tile_scratch(job, n) + 64 * (rows + 4);
    return CLADE_OK;
}

static clade_status check_finite(const clade_tensor_job *job, size_t source, uint64_t first, size_t n, const float *row)
{
    const clade_recipe *recipe = job->plan->recipe;
    size_t bad = clade_kernels_best()->first_nonfinite(n, row);
    if (bad == n)
        return CLADE_OK;
    return clade_fail(CLADE_EEVAL, "tensor %s: element %llu of %s%s is %s, expected a finite number",
                      job->target->sources[source].tensor->name, (unsigned long long)(first + bad),
                      source < recipe->n_parents ? recipe->parents[source].name : "base",
                      rounded(job, source) ? " in the dtype of the recipe" : "", isnan(row[bad]) ? "NaN" : "infinite");
}

void clade_tile_begin(const clade_tensor_job *job, clade_tile_room *room, size_t tile, clade_tile_use use)
{
    size_t m = job->target->n_taking_part;
    room->use = use;
    clade_arena_reset(&room->arena);
    room->result = clade_arena_take(&room->arena, tile * sizeof(float));
    room->stored = clade_arena_take(&room->arena, tile * sizeof(double));
    room->scratch = clade_arena_take(&room->arena, tile_scratch(job, tile));
    for (size_t i = use == CLADE_TILE_BASE ? m : 0; i < count_sources(job); i++)
        room->converted[i] =
            direct(job, source_of(job, i)) ? NULL : clade_arena_take(&room->arena, tile * sizeof(float));
}

/* Elements FIRST .. FIRST + N - 1 of a source of 16 bits, stored as they are, while those of the next tile are on their
 * way: one after the other the sources would be read at less than the memory's speed. */
static void read_halves(const clade_tensor *tensor, uint64_t first, size_t n, float *row)
{
    enum { LINE = 64, STEP = 512 };
    const unsigned char *data = (const unsigned char *)tensor->data + first * sizeof(uint16_t);
    uint64_t left = tensor->count - first - n;
    size_t ahead = n < STEP ? 0 : left < n ? (size_t)left : n;
    for (size_t done = 0; done < n; done += STEP) {
        size_t m = n - done < STEP ? n - done : STEP, end = done + STEP < ahead ? done + STEP : ahead;
        for (size_t i = done; i < end; i += LINE / sizeof(uint16_t))
            __builtin_prefetch(data + (n + i) * sizeof(uint16_t), 0, 2);
        clade_widen(tensor->dtype, data + done * sizeof(uint16_t), m, row + done);
    }
}

static void read_source(const clade_tensor_job *job, clade_tile_room *room, size_t source, uint64_t first, size_t n,
                        float *row)
{
    const clade_source *from = &job->target->sources[source];
    if (clade_dtype_of(from->tensor->dtype)->bits == 16 && !from->rows && !from->delta)
        read_halves(from->tensor, first, n, row);
    else
        clade_source_read(job->target, source, first, n, row, room->scratch);
    if (rounded(job, source))
        round_to(job->plan->recipe->dtype, n, row);
}

clade_status clade_tile_check(const clade_tensor_job *job, const clade_tile_room *room, uint64_t first, size_t n)
{
    for (size_t i = room->use == CLADE_TILE_BASE ? job->target->n_taking_part : 0; i < count_sources(job); i++)
        CLADE_TRY(check_finite(job, source_of(job, i), first, n, room->rows[i]));
    return CLADE_OK;
}

clade_status clade_tile_load(const clade_tensor_job *job, clade_tile_room *room, uint64_t first, size_t n, bool check,
                             clade_merge_tile *view)
{
    size_t m = job->target->n_taking_part;
    bool floats = room->widen || job->target->tensor.dtype == CLADE_F32;
    room->out = room->use != CLADE_TILE_SURVEY && floats && room->to ? room->to : room->result;
    for (size_t i = room->use == CLADE_TILE_BASE ? m : 0; i < count_sources(job); i++) {
        size_t source = source_of(job, i);
        if (room->converted[i])
            read_source(job, room, source, first, n, room->converted[i]);
        room->rows[i] = room->converted[i] ? room->converted[i] : clade_source_direct(job->target, source) + first;
    }
    if (check)
        CLADE_TRY(clade_tile_check(job, room, first, n));
    *view = job->tensor;
    view->n = n;
    view->offset = first;
    view->parents = room->use == CLADE_TILE_BASE ? NULL : room->rows;
    view->base = job->plan->uses_base ? room->rows[m] : NULL;
    view->scratch = room->scratch;
    return CLADE_OK;
}

/* ---- sources of 16 bits without tiles ---- */

bool clade_tile_halves(const clade_tensor_job *job, const clade_tile_room *room)
{
    clade_dtype dtype = job->target->tensor.dtype;
    bool halves = !room->widen && clade_dtype_of(dtype)->bits == 16;
    for (size_t i = 0; i < count_sources(job); i++) {
        const clade_source *from = &job->target->sources[source_of(job, i)];
        halves = halves && from->tensor->dtype == dtype && !from->rows && !from->delta &&
                 !rounded(job, source_of(job, i)) && (uintptr_t)from->tensor->data % _Alignof(uint16_t) == 0;
    }
    return halves;
}

/* Rounding keeps what is not finite, and may make more of it: with 16 bits looking at what is stored is enough. */
static bool finite_halves(clade_dtype dtype, size_t n, const uint16_t *stored)
{
    uint16_t exponent = dtype == CLADE_F16 ? 0x7c00 : 0x7f80;
    return clade_kernels_best()->finite_halves(n, stored, exponent);
}

bool clade_tile_weigh(const clade_tensor_job *job, clade_tile_room *room, uint64_t first, size_t n, const double *c,
                      const void **bytes)
{
    const uint16_t *rows[CLADE_MAX_PARENTS + 1] = {NULL};
    const clade_kernels *kernels = clade_kernels_best();
    size_t m = job->target->n_taking_part;
    uint16_t *out = room->to && (uintptr_t)room->to % _Alignof(uint16_t) == 0 ? room->to : room->stored;
    for (size_t i = 0; i < count_sources(job); i++)
        rows[i] = (const uint16_t *)job->target->sources[source_of(job, i)].tensor->data + first;
    (job->target->tensor.dtype == CLADE_F16 ? kernels->weighted_f16 : kernels->weighted_bf16)(n, m, rows, rows[m], c,
                                                                                              out);
    *bytes = room->to ? memmove(room->to, out, n * sizeof *out) : out;
    return finite_halves(job->target->tensor.dtype, n, out);
}

/* ---- results ---- */

static clade_status check_results(const clade_tensor_job *job, const clade_tile_room *room, uint64_t first, size_t n)
{
    const float *out = room->out;
    size_t bad = clade_kernels_best()->first_nonfinite(n, out);
    if (bad == n)
        return CLADE_OK;
    CLADE_TRY(clade_tile_check(job, room, first, n));
    return clade_fail(CLADE_EEVAL, "tensor %s: element %llu of the child is %s in %s, expected a finite number",
                      job->target->tensor.name, (unsigned long long)(first + bad), isnan(out[bad]) ? "NaN" : "infinite",
                      clade_dtype_of(job->target->tensor.dtype)->name);
}

clade_status clade_tile_finish(const clade_tensor_job *job, clade_tile_room *room, uint64_t first, size_t n,
                               const void **bytes, size_t *size)
{
    clade_dtype dtype = job->target->tensor.dtype;
    void *stored = room->to && !room->widen ? room->to : room->stored;
    bool halves = clade_dtype_of(dtype)->bits == 16;
    if (dtype != CLADE_F32)
        clade_narrow(dtype, room->out, n, stored);
    if (!halves || !finite_halves(dtype, n, stored))
        CLADE_TRY(check_results(job, room, first, n));
    if (halves && (room->widen || !finite_halves(dtype, n, stored))) {
        clade_widen(dtype, stored, n, room->out);
        CLADE_TRY(check_results(job, room, first, n));
    }
    *bytes = dtype == CLADE_F32 || room->widen ? room->out : stored;
    *size = n * (room->widen ? sizeof(float) : clade_dtype_of(dtype)->bits / 8);
    return CLADE_OK;
}
