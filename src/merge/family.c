/* Parents opened together and checked against each other. All checkpoints list their tensors sorted by name, so once
 * the names agree, tensor number i is the same tensor in all of them and nothing is looked up by name again. */
#include "merge/family.h"

#include <math.h>
#include <string.h>

#include "clade/kernels.h"
#include "clade/text.h"

enum { MOST_LINES = 20, SHAPE_TEXT = 128 };

/* ---- what keeps two checkpoints from being merged ---- */

static void difference(clade_problems *problems, const char *line)
{
    if (problems->count < MOST_LINES)
        clade_problem(problems, "%s", line);
    else
        problems->count++;
}

bool clade_family_compare(const clade_checkpoint *one, const clade_tensor *expected, const clade_tensor *found,
                          clade_problems *problems)
{
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    const clade_dtype_traits *dtype = clade_dtype_of(found->dtype), *wanted = clade_dtype_of(expected->dtype);
    clade_text line = {0};
    clade_text_append(&line, "%s: tensor %s: ", clade_checkpoint_path(one), found->name);
    size_t start = line.length;
    if (!clade_tensor_same_shape(expected, found))
        clade_text_append(&line, "found shape %s, expected %s", clade_tensor_shape_text(found, a, sizeof a),
                          clade_tensor_shape_text(expected, b, sizeof b));
    else if (!dtype->mergeable && !dtype->integer)
        clade_text_append(&line, "found dtype %s, expected F32, F16, BF16, F64 or integers", dtype->name);
    else if (dtype->integer && found->dtype != expected->dtype)
        clade_text_append(&line, "found dtype %s, expected %s", dtype->name, wanted->name);
    else if (wanted->integer != dtype->integer)
        clade_text_append(&line, "found dtype %s, expected %s", dtype->name, wanted->name);
    else if (dtype->integer && found->bytes > 0 && memcmp(found->data, expected->data, found->bytes) != 0)
        clade_text_append(&line,
                          "its integers differ from those of the first checkpoint; integers are copied, not merged");
    bool alike = line.length == start;
    if (!alike)
        difference(problems, clade_text_get(&line));
    clade_text_free(&line);
    return alike;
}

static void missing(const clade_checkpoint *in, const clade_tensor *tensor, const char *what, clade_problems *problems)
{
    char shape[SHAPE_TEXT];
    clade_text line = {0};
    clade_text_append(&line, "%s: tensor %s %s (shape %s)", clade_checkpoint_path(in), tensor->name, what,
                      clade_tensor_shape_text(tensor, shape, sizeof shape));
    difference(problems, clade_text_get(&line));
    clade_text_free(&line);
}

/* One walk over two sorted lists. */
static void compare(const clade_checkpoint *reference, const clade_checkpoint *other, clade_problems *problems)
{
    size_t i = 0, j = 0, n = clade_checkpoint_count(reference), m = clade_checkpoint_count(other);
    while (i < n || j < m) {
        const clade_tensor *a = i < n ? clade_checkpoint_at(reference, i) : NULL;
        const clade_tensor *b = j < m ? clade_checkpoint_at(other, j) : NULL;
        int order = !a ? 1 : !b ? -1 : strcmp(a->name, b->name);
        if (order == 0)
            clade_family_compare(other, a, b, problems);
        else if (order < 0)
            missing(other, a, "is missing", problems);
        else
            missing(other, b, "is not in the first checkpoint", problems);
        i += order <= 0;
        j += order >= 0;
    }
}

static const clade_checkpoint *reference_of(const clade_family *family)
{
    return family->base ? family->base : family->parents[0];
}

static clade_status check_alike(const clade_family *family)
{
    clade_problems problems = {0};
    const clade_checkpoint *reference = reference_of(family);
    compare(reference, reference, &problems); /* dtypes that cannot be merged */
    for (size_t p = family->base ? 0 : 1; p < family->n_parents; p++)
        compare(reference, family->parents[p], &problems);
    if (problems.count > MOST_LINES) {
        size_t more = problems.count - MOST_LINES;
        clade_problem(&problems, "and %zu more", more);
    }
    return clade_problems_end(&problems, CLADE_EINCOMPATIBLE);
}

/* ---- open and close ---- */

static clade_status find_depths(clade_family *family)
{
    size_t n = clade_family_count(family);
    const char **names = clade_calloc(n, sizeof(const char *));
    family->depths = clade_calloc(n, sizeof *family->depths);
    clade_status status;
    if (!names || !family->depths) {
        status = clade_fail_memory(n * sizeof *family->depths, "the depths of tensors");
    } else {
        for (size_t i = 0; i < n; i++)
            names[i] = clade_family_at(family, i)->name;
        status = clade_depths_of(names, n, family->depths);
    }
    clade_free(names);
    return status;
}

static clade_status new_family(size_t n_parents, clade_family **family)
{
    *family = NULL;
    if (n_parents < 1 || n_parents > CLADE_MAX_PARENTS)
        return clade_fail(CLADE_ECONFIG, "found %zu parents, expected 1 to %d", n_parents, CLADE_MAX_PARENTS);
    clade_family *made = clade_calloc(1, sizeof *made);
    if (!made)
        return clade_fail_memory(sizeof *made, "a family of checkpoints");
    made->n_parents = n_parents;
    made->parents = clade_calloc(n_parents, sizeof(clade_checkpoint *));
    made->adapters = clade_calloc(n_parents, sizeof(clade_adapter *));
    made->statistics = clade_calloc(n_parents, sizeof(clade_checkpoint *));
    if (!made->parents || !made->adapters || !made->statistics) {
        clade_family_close(made);
        return clade_fail_memory(n_parents * sizeof(clade_checkpoint *), "a family of checkpoints");
    }
    *family = made;
    return CLADE_OK;
}

/* The model and the adapter of a parent. A path that is an adapter's folder is an adapter on the base. */
static clade_status open_parent(clade_family *family, const char *name, const char *path, const char *adapter, size_t p)
{
    bool is_adapter = false;
    if (path && !adapter)
        CLADE_TRY(clade_adapter_is(path, &is_adapter));
    if (is_adapter) {
        adapter = path;
        path = NULL;
    }
    if (!path && !family->base)
        return clade_fail(CLADE_ECONFIG, "parent %s: is an adapter, expected a base or a path for the model it is for",
                          name);
    if (path)
        CLADE_TRY(clade_checkpoint_open(path, &family->parents[p]));
    else
        family->parents[p] = family->base;
    if (!adapter)
        return CLADE_OK;
    CLADE_TRY(clade_adapter_open(adapter, &family->adapters[p]));
    clade_problems problems = {0};
    clade_adapter_check(family->adapters[p], family->parents[p], &problems);
    return clade_problems_end(&problems, CLADE_EINCOMPATIBLE);
}

static clade_status open_models(clade_family *family, const char *base, const char *const *parents)
{
    if (base)
        CLADE_TRY(clade_checkpoint_open(base, &family->base));
    for (size_t p = 0; p < family->n_parents; p++)
        CLADE_TRY(open_parent(family, parents[p], parents[p], NULL, p));
    CLADE_TRY(check_alike(family));
    family->alike = true;
    return find_depths(family);
}

static clade_status finish_open(clade_family *made, clade_status status, clade_family **family)
{
    *family = NULL;
    if (status == CLADE_OK)
        *family = made;
    else
        clade_family_close(made);
    return status;
}

clade_status clade_family_open(const char *base, const char *const *parents, size_t n_parents, clade_family **family)
{
    clade_family *made;
    CLADE_TRY(new_family(n_parents, &made));
    return finish_open(made, open_models(made, base, parents), family);
}

/* ---- everything that a recipe names ---- */

static clade_status open_statistics(clade_family *family, const clade_recipe *recipe)
{
    for (size_t p = 0; p < recipe->n_parents && recipe->method->statistics; p++) {
        const char *path = recipe->parents[p].statistics.path;
        if (!path)
            return clade_fail(CLADE_ECONFIG, "parent %s: found no \"statistics\", %s expects a file of %s",
                              recipe->parents[p].name, recipe->method->name, recipe->method->statistics);
        CLADE_TRY(clade_checkpoint_open(path, &family->statistics[p]));
    }
    return CLADE_OK;
}

static clade_status open_recipe(clade_family *family, const clade_recipe *recipe)
{
    if (recipe->base)
        CLADE_TRY(clade_checkpoint_open(recipe->base->path, &family->base));
    for (size_t p = 0; p < recipe->n_parents; p++)
        CLADE_TRY(
            open_parent(family, recipe->parents[p].name, recipe->parents[p].path, recipe->parents[p].adapter.path, p));
    CLADE_TRY(open_statistics(family, recipe));
    const clade_checkpoint *models[CLADE_MAX_PARENTS + 1];
    for (size_t s = 0; s <= family->n_parents; s++)
        models[s] = clade_family_source(family, s);
    return clade_vocabulary_new(recipe, models, &family->vocabulary);
}

clade_status clade_family_open_recipe(const clade_recipe *recipe, clade_family **family)
{
    clade_family *made;
    CLADE_TRY(new_family(recipe->n_parents, &made));
    return finish_open(made, open_recipe(made, recipe), family);
}

clade_status clade_family_open_adapted(const char *base, clade_adapter *adapter, clade_family **family)
{
    clade_family *made;
    *family = NULL;
    clade_status status = new_family(1, &made);
    if (status != CLADE_OK) {
        clade_adapter_close(adapter);
        return status;
    }
    made->adapters[0] = adapter;
    status = clade_checkpoint_open(base, &made->base);
    made->parents[0] = made->base;
    made->alike = true;
    return finish_open(made, status, family);
}

void clade_family_close(clade_family *family)
{
    if (!family)
        return;
    for (size_t p = 0; family->parents && p < family->n_parents; p++)
        if (family->parents[p] != family->base)
            clade_checkpoint_close(family->parents[p]);
    for (size_t p = 0; family->adapters && p < family->n_parents; p++)
        clade_adapter_close(family->adapters[p]);
    for (size_t p = 0; family->statistics && p < family->n_parents; p++)
        clade_checkpoint_close(family->statistics[p]);
    clade_checkpoint_close(family->base);
    clade_vocabulary_free(family->vocabulary);
    clade_free(family->parents);
    clade_free(family->adapters);
    clade_free(family->statistics);
    clade_free(family->depths);
    clade_free(family);
}

/* ---- looking in ---- */

clade_checkpoint *clade_family_source(const clade_family *family, size_t source)
{
    return source < family->n_parents ? family->parents[source] : family->base;
}

clade_checkpoint *clade_family_base(const clade_family *family)
{
    return family->base;
}

size_t clade_family_parents(const clade_family *family)
{
    return family->n_parents;
}

clade_checkpoint *clade_family_parent(const clade_family *family, size_t index)
{
    return family->parents[index];
}

size_t clade_family_count(const clade_family *family)
{
    return clade_checkpoint_count(reference_of(family));
}

const clade_tensor *clade_family_at(const clade_family *family, size_t index)
{
    return clade_checkpoint_at(reference_of(family), index);
}

clade_depth clade_family_depth(const clade_family *family, size_t index)
{
    return family->depths[index];
}

static clade_status check_finite(const clade_checkpoint *checkpoint)
{
    enum { TILE = 4096 };
    float tile[TILE];
    const clade_kernels *kernels = clade_kernels_best();
    for (size_t i = 0; i < clade_checkpoint_count(checkpoint); i++) {
        const clade_tensor *tensor = clade_checkpoint_at(checkpoint, i);
        const clade_dtype_traits *dtype = clade_dtype_of(tensor->dtype);
        for (size_t first = 0; first < tensor->count && dtype->mergeable; first += TILE) {
            size_t n = tensor->count - first < TILE ? tensor->count - first : TILE;
            clade_widen(tensor->dtype, (const unsigned char *)tensor->data + first * (dtype->bits / 8), n, tile);
            size_t bad = kernels->first_nonfinite(n, tile);
            if (bad < n)
                return clade_fail(CLADE_EINPUT, "%s: tensor %s: element %zu is %s, expected a finite number",
                                  clade_checkpoint_path(checkpoint), tensor->name, first + bad,
                                  isnan(tile[bad]) ? "NaN" : "infinite");
        }
    }
    return CLADE_OK;
}

clade_status clade_family_check_finite(const clade_family *family)
{
    if (family->base)
        CLADE_TRY(check_finite(family->base));
    for (size_t p = 0; p < family->n_parents; p++)
        CLADE_TRY(check_finite(family->parents[p]));
    return CLADE_OK;
}

static clade_status stamp_file(clade_recipe_file *file, clade_checkpoint *checkpoint)
{
    return checkpoint ? clade_checkpoint_hash(checkpoint, file->hash) : CLADE_OK;
}

clade_status clade_family_stamp(const clade_family *family, clade_recipe *recipe)
{
    if (recipe->n_parents != family->n_parents || (recipe->base && !family->base))
        return clade_fail(CLADE_EINTERNAL, "the recipe has %zu parents%s, the open family %zu%s", recipe->n_parents,
                          recipe->base ? " and a base" : "", family->n_parents, family->base ? " and a base" : "");
    if (recipe->base)
        CLADE_TRY(clade_checkpoint_hash(family->base, recipe->base->hash));
    for (size_t p = 0; p < family->n_parents; p++) {
        clade_recipe_parent *parent = &recipe->parents[p];
        if (family->parents[p] != family->base)
            CLADE_TRY(clade_checkpoint_hash(family->parents[p], parent->hash));
        if (family->adapters[p])
            clade_adapter_hash(family->adapters[p], parent->adapter.path ? parent->adapter.hash : parent->hash);
        CLADE_TRY(stamp_file(&parent->statistics, family->statistics[p]));
    }
    return CLADE_OK;
}
