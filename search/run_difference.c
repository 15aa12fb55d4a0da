/* Two experiments side by side, as resolved: every default written out, so that a default is no difference. */
#include <stdio.h>
#include <string.h>

#include "search/run_folder.h"

enum { MAX_KEY = 256, MAX_SHOWN = 160 };

typedef struct comparison {
    const clade_experiment *wanted, *have;
    clade_text *lines;
} comparison;

/* The limit WANTED is that of the run, larger, or the one that was planned before the run's was raised. */
static bool may_grow(double wanted, double have, double planned)
{
    const bool both = (wanted > 0.0) == (have > 0.0);
    return both && !(wanted < have && (wanted < planned || wanted > planned));
}

/* KEY may differ: it is a path, which the hash of what is there vouches for, or a limit that grew. */
static bool may_differ(const comparison *self, const char *key)
{
    const clade_experiment *wanted = self->wanted, *have = self->have;
    if (strcmp(key, "base") == 0 || strcmp(key, "probes") == 0 || strncmp(key, "parents.", 8) == 0 ||
        strncmp(key, "first[", 6) == 0)
        return true;
    if (strcmp(key, "window") == 0)
        return !wanted->window_given;
    if (strcmp(key, "budget.children") == 0)
        return may_grow((double)wanted->children, (double)have->children, (double)have->planned);
    if (strcmp(key, "budget.images") == 0)
        return may_grow((double)wanted->images, (double)have->images, (double)have->planned_images);
    return strcmp(key, "budget.seconds") == 0 && may_grow(wanted->seconds, have->seconds, have->planned_seconds);
}

static void shown(comparison *self, const clade_json_at *at, char text[MAX_SHOWN])
{
    clade_text whole = {0};
    clade_json_print(at, &whole);
    const bool absent = clade_json_kind_of(at) == CLADE_JSON_ABSENT, cut = whole.length >= MAX_SHOWN;
    snprintf(text, MAX_SHOWN, "%.*s%s", MAX_SHOWN - 8, absent ? "nothing" : clade_text_get(&whole), cut ? "..." : "");
    self->lines->failed |= whole.failed;
    clade_text_free(&whole);
}

static bool equal(comparison *self, const clade_json_at *a, const clade_json_at *b)
{
    clade_text left = {0}, right = {0};
    clade_json_print(a, &left);
    clade_json_print(b, &right);
    const bool same = strcmp(clade_text_get(&left), clade_text_get(&right)) == 0;
    self->lines->failed |= left.failed || right.failed;
    clade_text_free(&left);
    clade_text_free(&right);
    return same;
}

static bool is_kind(const clade_json_at *a, const clade_json_at *b, clade_json_kind kind)
{
    return clade_json_kind_of(a) == kind && clade_json_kind_of(b) == kind;
}

static void compare(comparison *self, const char *key, const clade_json_at *wanted, const clade_json_at *have);

/* The members of OF, the wanted, with those of OTHER; SWAPPED: OF is what there is, and only what OTHER lacks counts. */
static void compare_members(comparison *self, const char *key, const clade_json_at *of, const clade_json_at *other,
                            bool swapped)
{
    for (size_t i = 0; i < clade_json_size(of); i++) {
        const clade_json_at item = clade_json_item(of, i);
        const clade_json_at there = clade_json_member(other, clade_json_key(&item));
        char below[MAX_KEY];
        snprintf(below, sizeof below, "%s%s%s", key, key[0] ? "." : "", clade_json_key(&item));
        if (!swapped)
            compare(self, below, &item, &there);
        else if (clade_json_kind_of(&there) == CLADE_JSON_ABSENT)
            compare(self, below, &there, &item);
    }
}

/* A list of another length is shown whole. */
static void compare_items(comparison *self, const char *key, const clade_json_at *wanted, const clade_json_at *have)
{
    for (size_t i = 0; i < clade_json_size(wanted); i++) {
        const clade_json_at a = clade_json_item(wanted, i), b = clade_json_item(have, i);
        char below[MAX_KEY];
        snprintf(below, sizeof below, "%s[%zu]", key, i);
        compare(self, below, &a, &b);
    }
}

static void compare(comparison *self, const char *key, const clade_json_at *wanted, const clade_json_at *have)
{
    if (equal(self, wanted, have))
        return;
    if (is_kind(wanted, have, CLADE_JSON_OBJECT)) {
        compare_members(self, key, wanted, have, false);
        compare_members(self, key, have, wanted, true);
    } else if (is_kind(wanted, have, CLADE_JSON_ARRAY) && clade_json_size(wanted) == clade_json_size(have)) {
        compare_items(self, key, wanted, have);
    } else if (clade_json_kind_of(wanted) == CLADE_JSON_ABSENT || clade_json_kind_of(have) == CLADE_JSON_ABSENT ||
               !may_differ(self, key)) {
        char a[MAX_SHOWN], b[MAX_SHOWN];
        shown(self, wanted, a);
        shown(self, have, b);
        clade_text_append(self->lines, "\n  %s: found %s, the run has %s", key, a, b);
    }
}

/* Genes are in the order of the parents, so another one breeds other children; to JSON it is the same object. */
static void compare_order(comparison *self)
{
    const clade_experiment *wanted = self->wanted, *have = self->have;
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < wanted->n_parents && i < have->n_parents; i++) {
        if (clade_experiment_parent(have, wanted->parent_names[i]) == have->n_parents)
            return; /* said already */
        if (first == SIZE_MAX && strcmp(wanted->parent_names[i], have->parent_names[i]) != 0)
            first = i;
    }
    if (wanted->n_parents == have->n_parents && first < have->n_parents)
        clade_text_append(self->lines, "\n  parents: found \"%s\" in place %zu, the run has \"%s\" there",
                          wanted->parent_names[first], first + 1, have->parent_names[first]);
}

static clade_status print(const clade_experiment *experiment, const char *name, clade_json **document)
{
    clade_text text = {0};
    clade_experiment_print(experiment, false, &text);
    clade_status status = clade_text_status(&text);
    if (status == CLADE_OK)
        status = clade_json_parse(clade_text_get(&text), text.length, name, CLADE_EINTERNAL, document);
    clade_text_free(&text);
    return status;
}

clade_status clade_experiment_difference(const clade_experiment *wanted, const clade_experiment *have,
                                         clade_text *lines)
{
    comparison self = {.wanted = wanted, .have = have, .lines = lines};
    clade_json *a = NULL, *b = NULL;
    clade_status status = print(wanted, "the experiment", &a);
    if (status == CLADE_OK)
        status = print(have, "the run's experiment", &b);
    if (status == CLADE_OK) {
        const clade_json_at left = clade_json_root(a), right = clade_json_root(b);
        compare(&self, "", &left, &right);
        compare_order(&self);
        status = clade_text_status(lines);
    }
    clade_json_free(a);
    clade_json_free(b);
    return status;
}
