/* Making children, tensor by tensor. A tensor goes through three stations: its parents' elements as f32 (the mapped
 * file itself where it is F32 and in its own dtype, else converted), the method, and the child's dtype. A method with
 * measure() sees the whole tensor first; all others work in tiles, so that a big child never needs more than a few
 * tiles of memory. */
#include <math.h>
#include <string.h>

#include "clade/kernels.h"
#include "clade/rng.h"
#include "clade/text.h"
#include "merge/family.h"

enum { DEFAULT_TILE = 16384, ROUNDED_AT_ONCE = 2048 };

struct clade_child {
    const clade_family *family; /* borrowed */
    bool widen;
    size_t tile;
    clade_tensor *tensors; /* (count), owned; names and shapes borrowed from the family */
    clade_dtype *dtypes;   /* (count), owned: of the child, also where it is stored widened */
    clade_arena weights, work;
    uint16_t *half; /* (tile), owned: a tile in a 16-bit dtype */
};

/* ---- a maker ---- */

clade_status clade_child_new(const clade_family *family, const clade_child_options *options, clade_child **child)
{
    *child = NULL;
    size_t n = clade_family_count(family);
    clade_child *made = clade_calloc(1, sizeof *made);
    if (!made)
        return clade_fail_memory(sizeof *made, "a child");
    made->family = family;
    made->widen = options && options->widen;
    made->tile = options && options->tile > 0 ? options->tile : DEFAULT_TILE;
    made->tensors = clade_calloc(n, sizeof *made->tensors);
    made->dtypes = clade_calloc(n, sizeof *made->dtypes);
    made->half = clade_calloc(made->tile, sizeof *made->half);
    if (!made->tensors || !made->dtypes || !made->half) {
        clade_child_free(made);
        return clade_fail_memory(n * sizeof *made->tensors + made->tile * sizeof *made->half, "a child");
    }
    for (size_t i = 0; i < n; i++) {
        made->tensors[i] = *clade_family_at(family, i);
        made->tensors[i].data = NULL;
    }
    *child = made;
    return CLADE_OK;
}

void clade_child_free(clade_child *child)
{
    if (!child)
        return;
    clade_free(child->tensors);
    clade_free(child->dtypes);
    clade_free(child->half);
    clade_arena_free(&child->weights);
    clade_arena_free(&child->work);
    clade_free(child);
}

size_t clade_child_count(const clade_child *child)
{
    return clade_family_count(child->family);
}

const clade_tensor *clade_child_at(const clade_child *child, size_t index)
{
    return &child->tensors[index];
}

const clade_tensor *clade_child_find(const clade_child *child, const char *name)
{
    size_t low = 0, high = clade_child_count(child);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(child->tensors[middle].name, name);
        if (order == 0)
            return &child->tensors[middle];
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

void clade_child_hash(const clade_child *child, char hex[CLADE_SHA256_HEX])
{
    clade_sha256 hash;
    clade_sha256_init(&hash);
    for (size_t i = 0; i < clade_child_count(child); i++) {
        const clade_tensor *tensor = &child->tensors[i];
        clade_sha256_update(&hash, tensor->name, strlen(tensor->name) + 1);
        if (tensor->data)
            clade_sha256_update(&hash, tensor->data, tensor->bytes);
    }
    clade_sha256_hex(&hash, hex);
}

/* ---- the plan: dtypes and sizes ---- */

/* F16 with BF16 gives F32, else the wider one. */
static clade_dtype promoted(clade_dtype a, clade_dtype b)
{
    if (a == b)
        return a;
    if (clade_dtype_of(a)->bits == clade_dtype_of(b)->bits)
        return CLADE_F32;
    return clade_dtype_of(a)->bits > clade_dtype_of(b)->bits ? a : b;
}

static clade_dtype dtype_of_child(const clade_family *family, const clade_recipe *recipe, size_t index)
{
    clade_dtype dtype = clade_checkpoint_at(family->parents[0], index)->dtype;
    if (clade_dtype_of(dtype)->integer)
        return dtype;
    if (recipe->has_out_dtype)
        return recipe->out_dtype;
    if (recipe->has_dtype)
        return recipe->dtype;
    for (size_t p = 1; p < family->n_parents; p++)
        dtype = promoted(dtype, clade_checkpoint_at(family->parents[p], index)->dtype);
    if (recipe->method->needs_base)
        dtype = promoted(dtype, clade_checkpoint_at(family->base, index)->dtype);
    return dtype;
}

clade_status clade_child_plan(clade_child *child, const clade_recipe *recipe)
{
    const clade_family *family = child->family;
    clade_problems problems = {0};
    for (size_t i = 0; i < clade_child_count(child); i++)
        child->tensors[i].data = NULL;
    clade_recipe_check(recipe, "recipe", &problems);
    CLADE_TRY(clade_problems_end(&problems, CLADE_ECONFIG));
    if (recipe->n_parents != family->n_parents || (recipe->method->needs_base && !family->base))
        return clade_fail(CLADE_EINTERNAL, "the recipe has %zu parents%s, the open family %zu%s", recipe->n_parents,
                          recipe->method->needs_base ? " and a base" : "", family->n_parents,
                          family->base ? " and a base" : "");
    for (size_t i = 0; i < clade_child_count(child); i++) {
        clade_tensor *tensor = &child->tensors[i];
        child->dtypes[i] = dtype_of_child(family, recipe, i);
        bool widened = child->widen && clade_dtype_of(child->dtypes[i])->mergeable;
        tensor->dtype = widened ? CLADE_F32 : child->dtypes[i];
        size_t bytes = clade_dtype_of(tensor->dtype)->bits / 8;
        if (tensor->count > SIZE_MAX / 8)
            return clade_fail(CLADE_EIO, "tensor %s: %zu elements are too many", tensor->name, tensor->count);
        tensor->bytes = tensor->count * bytes;
    }
    return CLADE_OK;
}

/* ---- one tensor ---- */

/* Everything about the tensor being made. */
typedef struct job {
    clade_child *child;
    const clade_recipe *recipe;
    size_t index;
    clade_dtype dtype; /* of the child */
    size_t n_sources;  /* parents, and the base behind them when the method needs it */
    const clade_tensor *source[CLADE_MAX_PARENTS + 1];
    float *converted[CLADE_MAX_PARENTS + 1]; /* (piece): room for those not used as they are */
    const float *row[CLADE_MAX_PARENTS + 1]; /* the piece being worked on */
    const float *tile_row[CLADE_MAX_PARENTS + 1];
    float *out; /* (tile) */
    double measures[CLADE_MAX_PARENTS][CLADE_MEASURES];
    uint64_t parent_keys[CLADE_MAX_PARENTS];
    clade_merge_tile tile;
    unsigned char *target; /* the child's bytes */
} job;

static const char *source_name(const job *self, size_t s)
{
    return s < self->recipe->n_parents ? self->recipe->parents[s].name : "base";
}

static bool rounded(const job *self, size_t s)
{
    return self->recipe->has_dtype && self->recipe->dtype != self->source[s]->dtype &&
           clade_dtype_of(self->recipe->dtype)->bits == 16;
}

/* The bytes of the file can be read as floats as they lie there. */
static bool direct(const job *self, size_t s)
{
    return self->source[s]->dtype == CLADE_F32 && !rounded(self, s) &&
           (uintptr_t)self->source[s]->data % _Alignof(float) == 0;
}

static void convert(const job *self, size_t s, size_t first, size_t n)
{
    const clade_tensor *tensor = self->source[s];
    const unsigned char *data = (const unsigned char *)tensor->data + first * (clade_dtype_of(tensor->dtype)->bits / 8);
    float *out = self->converted[s];
    clade_widen(tensor->dtype, data, n, out);
    if (!rounded(self, s))
        return;
    uint16_t half[ROUNDED_AT_ONCE];
    for (size_t done = 0; done < n; done += ROUNDED_AT_ONCE) {
        size_t m = n - done < ROUNDED_AT_ONCE ? n - done : ROUNDED_AT_ONCE;
        clade_narrow(self->recipe->dtype, out + done, m, half);
        clade_widen(self->recipe->dtype, half, m, out + done);
    }
}

/* Elements FIRST .. FIRST + N - 1 of every source as finite f32 rows. */
static clade_status load(job *self, size_t first, size_t n)
{
    const clade_kernels *kernels = clade_kernels_best();
    for (size_t s = 0; s < self->n_sources; s++) {
        if (self->converted[s]) {
            convert(self, s, first, n);
            self->row[s] = self->converted[s];
        } else {
            self->row[s] = (const float *)self->source[s]->data + first;
        }
        size_t bad = kernels->first_nonfinite(n, self->row[s]);
        if (bad < n)
            return clade_fail(CLADE_EEVAL, "tensor %s: element %zu of %s%s is %s, expected a finite number",
                              self->source[s]->name, first + bad, source_name(self, s),
                              rounded(self, s) ? " in the dtype of the recipe" : "",
                              isnan(self->row[s][bad]) ? "NaN" : "infinite");
    }
    return CLADE_OK;
}

static clade_status fail_result(const job *self, size_t element, float value)
{
    return clade_fail(CLADE_EEVAL, "tensor %s: element %zu of the child is %s in %s, expected a finite number",
                      self->source[0]->name, element, isnan(value) ? "NaN" : "infinite",
                      clade_dtype_of(self->dtype)->name);
}

/* The N results in OUT to their place in the child, in its dtype or as floats rounded to it. */
static clade_status store(const job *self, size_t first, size_t n)
{
    const clade_kernels *kernels = clade_kernels_best();
    size_t bad = kernels->first_nonfinite(n, self->out);
    if (bad < n)
        return fail_result(self, first + bad, self->out[bad]);
    size_t bytes = clade_dtype_of(self->dtype)->bits / 8;
    if (bytes != sizeof(uint16_t)) {
        if (self->child->widen)
            memcpy(self->target + first * sizeof(float), self->out, n * sizeof(float));
        else
            clade_narrow(self->dtype, self->out, n, self->target + first * bytes);
        return CLADE_OK;
    }
    clade_narrow(self->dtype, self->out, n, self->child->half);
    clade_widen(self->dtype, self->child->half, n, self->out);
    bad = kernels->first_nonfinite(n, self->out);
    if (bad < n)
        return fail_result(self, first + bad, self->out[bad]);
    if (self->child->widen)
        memcpy(self->target + first * sizeof(float), self->out, n * sizeof(float));
    else
        memcpy(self->target + first * bytes, self->child->half, n * bytes);
    return CLADE_OK;
}

static clade_status combine(job *self, size_t first, size_t n)
{
    const clade_method *method = self->recipe->method;
    for (size_t start = 0; start < n; start += self->child->tile) {
        for (size_t s = 0; s < self->n_sources; s++)
            self->tile_row[s] = self->row[s] + start;
        self->tile.n = n - start < self->child->tile ? n - start : self->child->tile;
        self->tile.offset = first + start;
        self->tile.parents = self->tile_row;
        self->tile.base = method->needs_base ? self->tile_row[self->recipe->n_parents] : NULL;
        clade_status status = method->combine(&self->tile, self->out);
        if (status != CLADE_OK)
            return clade_fail_prefix(status, "tensor %s", self->source[0]->name);
        CLADE_TRY(store(self, first + start, self->tile.n));
    }
    return CLADE_OK;
}

static clade_status measure(job *self, size_t n)
{
    const clade_method *method = self->recipe->method;
    self->tile.n = n;
    self->tile.offset = 0;
    self->tile.parents = self->row;
    self->tile.base = method->needs_base ? self->row[self->recipe->n_parents] : NULL;
    clade_status status = method->measure(&self->tile);
    return status == CLADE_OK ? status : clade_fail_prefix(status, "tensor %s", self->source[0]->name);
}

/* Rows for PIECE elements out of the work arena. */
static clade_status take_rows(job *self, size_t piece)
{
    const clade_method *method = self->recipe->method;
    clade_arena *work = &self->child->work;
    size_t tile = self->child->tile < piece ? self->child->tile : piece, rows = 0;
    size_t scratch = method->scratch_rows + self->recipe->n_parents * method->scratch_rows_per_parent;
    for (size_t s = 0; s < self->n_sources; s++)
        rows += !direct(self, s);
    if (piece > SIZE_MAX / sizeof(float) / (rows + scratch + 2))
        return clade_fail(CLADE_EIO, "tensor %s: too large for memory", self->source[0]->name);
    size_t bytes = ((rows + scratch) * piece + tile) * sizeof(float) + 64 * (rows + 2);
    clade_arena_reset(work);
    if (!clade_arena_reserve(work, bytes))
        return clade_fail_memory(bytes, "the parents of a tensor");
    for (size_t s = 0; s < self->n_sources; s++)
        self->converted[s] = direct(self, s) ? NULL : clade_arena_take(work, piece * sizeof(float));
    self->tile.scratch = clade_arena_take(work, scratch * piece * sizeof(float));
    self->out = clade_arena_take(work, tile * sizeof(float));
    return CLADE_OK;
}

static clade_status begin(job *self)
{
    const clade_family *family = self->child->family;
    const clade_recipe *recipe = self->recipe;
    const char *name = self->child->tensors[self->index].name;
    const clade_rule *rule = clade_recipe_rule(recipe, name);
    if (!rule)
        return clade_fail(CLADE_ECONFIG, "tensor %s: no rule of the recipe matches it", name);
    for (size_t p = 0; p < recipe->n_parents; p++) {
        self->source[p] = clade_checkpoint_at(family->parents[p], self->index);
        self->parent_keys[p] = clade_name_key(recipe->parents[p].name);
    }
    self->n_sources = recipe->n_parents + (recipe->method->needs_base ? 1 : 0);
    if (recipe->method->needs_base)
        self->source[recipe->n_parents] = clade_checkpoint_at(family->base, self->index);
    self->tile = (clade_merge_tile){
        .n_parents = recipe->n_parents,
        .tensor_count = self->source[0]->count,
        .site = rule->site,
        .parent = rule->parent,
        .n_parameters = recipe->method->n_parameters,
        .seed = recipe->seed,
        .tensor_key = clade_name_key(name),
        .parent_keys = self->parent_keys,
        .measures = self->measures,
    };
    return CLADE_OK;
}

clade_status clade_child_make_tensor(clade_child *child, const clade_recipe *recipe, size_t index, void *out)
{
    const clade_tensor *tensor = &child->tensors[index];
    if (clade_dtype_of(child->dtypes[index])->integer) {
        if (tensor->bytes > 0)
            memcpy(out, clade_checkpoint_at(child->family->parents[0], index)->data, tensor->bytes);
        return CLADE_OK;
    }
    job self = {.child = child, .recipe = recipe, .index = index, .dtype = child->dtypes[index], .target = out};
    CLADE_TRY(begin(&self));
    size_t piece = recipe->method->measure || child->tile > tensor->count ? tensor->count : child->tile;
    CLADE_TRY(take_rows(&self, piece));
    for (size_t first = 0; first < tensor->count; first += piece) {
        size_t n = tensor->count - first < piece ? tensor->count - first : piece;
        CLADE_TRY(load(&self, first, n));
        if (recipe->method->measure)
            CLADE_TRY(measure(&self, n));
        CLADE_TRY(combine(&self, first, n));
    }
    return CLADE_OK;
}

/* ---- the whole child ---- */

static clade_status make_all(clade_child *child, const clade_recipe *recipe)
{
    size_t bytes = 0;
    for (size_t i = 0; i < clade_child_count(child); i++) {
        if (child->tensors[i].bytes > SIZE_MAX - 128 - bytes)
            return clade_fail(CLADE_EIO, "tensor %s: the child is too large for memory", child->tensors[i].name);
        bytes += child->tensors[i].bytes + 64;
    }
    clade_arena_reset(&child->weights);
    if (!clade_arena_reserve(&child->weights, bytes))
        return clade_fail_memory(bytes, "a child");
    for (size_t i = 0; i < clade_child_count(child); i++) {
        void *data = clade_arena_take(&child->weights, child->tensors[i].bytes);
        CLADE_TRY(clade_child_make_tensor(child, recipe, i, data));
        child->tensors[i].data = data;
    }
    return CLADE_OK;
}

clade_status clade_child_make(clade_child *child, const clade_recipe *recipe)
{
    CLADE_TRY(clade_child_plan(child, recipe));
    clade_status status = make_all(child, recipe);
    for (size_t i = 0; i < clade_child_count(child) && status != CLADE_OK; i++)
        child->tensors[i].data = NULL;
    return status;
}
