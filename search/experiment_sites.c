/* The keys of the section "space" that say where values may differ and where good ones are: sites, coordinates, prior,
 * sum. */
#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/experiment_parts.h"

enum { MAX_GROUP_NAME = 64 };

static clade_status copy_word(const char *word, char **out)
{
    *out = clade_strdup(word);
    return *out ? CLADE_OK : clade_fail_memory(strlen(word) + 1, "the sites of an experiment");
}

/* ["model", "layer", "tensor"] as "model,layer,tensor". */
static clade_status read_list(const clade_json_at *at, char **out, clade_problems *problems)
{
    clade_text list = {0};
    if (clade_json_size(at) == 0)
        clade_json_problem(at, problems, "found no level, expected some from coarse to fine");
    for (size_t i = 0; i < clade_json_size(at); i++) {
        const clade_json_at item = clade_json_item(at, i);
        const char *word = "";
        (void)clade_json_string(&item, problems, &word);
        clade_text_append(&list, "%s%s", i > 0 ? "," : "", word);
    }
    clade_status status = clade_text_status(&list);
    if (status == CLADE_OK)
        status = copy_word(clade_text_get(&list), out);
    clade_text_free(&list);
    return status;
}

static clade_status read_group(clade_named_site *group, const clade_json_at *at, clade_problems *problems)
{
    static const char *const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.- ";
    const char *name = clade_json_key(at);
    const size_t length = strlen(name);
    if (length == 0 || length > MAX_GROUP_NAME || strspn(name, allowed) != length)
        clade_json_problem(at, problems, "found the name \"%.80s\", expected 1 to %d of A-Z a-z 0-9 _ . - and spaces",
                           name, MAX_GROUP_NAME);
    CLADE_TRY(copy_word(name, &group->name));
    if (!clade_json_is(at, problems, CLADE_JSON_ARRAY))
        return CLADE_OK;
    group->patterns = clade_calloc(clade_json_size(at) + 1, sizeof *group->patterns);
    if (!group->patterns)
        return clade_fail_memory((clade_json_size(at) + 1) * sizeof *group->patterns, "the patterns of a group");
    for (size_t i = 0; i < clade_json_size(at); i++) {
        const clade_json_at item = clade_json_item(at, i);
        const char *pattern;
        if (!clade_json_string(&item, problems, &pattern))
            continue;
        CLADE_TRY(copy_word(pattern, &group->patterns[group->n_patterns]));
        group->n_patterns++;
    }
    return CLADE_OK;
}

/* {"groups": {NAME: [PATTERN ...], ...}}. */
static clade_status read_groups(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    static const char *const keys[] = {"groups"};
    const clade_json_at groups = clade_json_member(at, "groups");
    clade_json_only(at, problems, keys, 1);
    CLADE_TRY(copy_word("groups", &experiment->sites));
    if (!clade_json_is(&groups, problems, CLADE_JSON_OBJECT))
        return CLADE_OK;
    const size_t count = clade_json_size(&groups);
    experiment->named_sites = clade_calloc(count + 1, sizeof *experiment->named_sites);
    if (!experiment->named_sites)
        return clade_fail_memory((count + 1) * sizeof *experiment->named_sites, "the groups of an experiment");
    for (size_t g = 0; g < count; g++) {
        const clade_json_at item = clade_json_item(&groups, g);
        experiment->n_named_sites++;
        CLADE_TRY(read_group(&experiment->named_sites[g], &item, problems));
    }
    return CLADE_OK;
}

/* A word, a list of levels, or groups. */
static clade_status read_sites(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    const char *word = "layer";
    if (clade_json_kind_of(at) == CLADE_JSON_ARRAY)
        return read_list(at, &experiment->sites, problems);
    if (clade_json_kind_of(at) == CLADE_JSON_OBJECT)
        return read_groups(experiment, at, problems);
    if (clade_json_kind_of(at) != CLADE_JSON_ABSENT && clade_json_string(at, problems, &word) &&
        (strchr(word, ',') || strcmp(word, "groups") == 0)) /* how lists and groups are kept, not how they are given */
        clade_json_problem(at, problems, "found \"%.80s\", expected a word, a list of words, or {\"groups\": {...}}",
                           word);
    return copy_word(word, &experiment->sites);
}

static clade_status read_prior(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    const clade_json_at mean = clade_json_item(at, 0), deviation = clade_json_item(at, 1);
    clade_prior_override *prior = &experiment->priors[experiment->n_priors];
    if (!clade_json_is(at, problems, CLADE_JSON_ARRAY))
        return CLADE_OK;
    if (clade_json_size(at) != 2) {
        clade_json_problem(at, problems, "found %zu numbers, expected [mean, deviation]", clade_json_size(at));
        return CLADE_OK;
    }
    const bool has_mean = clade_json_number(&mean, problems, -INFINITY, INFINITY, &prior->mean);
    const bool has_deviation = clade_json_number(&deviation, problems, 0, INFINITY, &prior->deviation);
    if (!has_mean || !has_deviation)
        return CLADE_OK;
    CLADE_TRY(copy_word(clade_json_key(at), &prior->parameter));
    experiment->n_priors++;
    return CLADE_OK;
}

static clade_status read_priors(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    if (clade_json_kind_of(at) == CLADE_JSON_ABSENT || !clade_json_is(at, problems, CLADE_JSON_OBJECT))
        return CLADE_OK;
    experiment->priors = clade_calloc(clade_json_size(at) + 1, sizeof *experiment->priors);
    if (!experiment->priors)
        return clade_fail_memory((clade_json_size(at) + 1) * sizeof *experiment->priors, "the priors of an experiment");
    for (size_t i = 0; i < clade_json_size(at); i++) {
        const clade_json_at item = clade_json_item(at, i);
        CLADE_TRY(read_prior(experiment, &item, problems));
    }
    return CLADE_OK;
}

clade_status clade_experiment_sites(clade_experiment *experiment, const clade_json_at *at, clade_problems *problems)
{
    const clade_json_at sites = clade_json_member(at, "sites"), coordinates = clade_json_member(at, "coordinates"),
                        prior = clade_json_member(at, "prior"), sum = clade_json_member(at, "sum");
    CLADE_TRY(read_sites(experiment, &sites, problems));
    /* Levels tie what "product" would take apart into factors: with them each value is its own. */
    const bool levels = strcmp(experiment->sites, "auto") == 0 || strchr(experiment->sites, ',');
    const char *word = levels ? "full" : "product";
    if (clade_json_kind_of(&coordinates) != CLADE_JSON_ABSENT)
        (void)clade_json_string(&coordinates, problems, &word);
    CLADE_TRY(copy_word(word, &experiment->coordinates));
    if (clade_json_kind_of(&sum) != CLADE_JSON_ABSENT &&
        clade_json_number(&sum, problems, -INFINITY, INFINITY, &experiment->sum) && !(experiment->sum > 0))
        clade_json_problem(&sum, problems, "found %g, expected a number above 0", experiment->sum);
    return read_priors(experiment, &prior, problems);
}

void clade_experiment_sites_fini(clade_experiment *experiment)
{
    for (size_t g = 0; g < experiment->n_named_sites; g++) {
        clade_named_site *group = &experiment->named_sites[g];
        for (size_t p = 0; p < group->n_patterns; p++)
            clade_free(group->patterns[p]);
        clade_free(group->patterns);
        clade_free(group->name);
    }
    for (size_t i = 0; i < experiment->n_priors; i++)
        clade_free(experiment->priors[i].parameter);
    clade_free(experiment->named_sites);
    clade_free(experiment->priors);
    clade_free(experiment->sites);
    clade_free(experiment->coordinates);
}

/* ---- printed ---- */

static void print_word_or_list(const char *sites, clade_json_writer *writer)
{
    if (!strchr(sites, ',')) {
        clade_json_put_string(writer, "sites", sites);
        return;
    }
    clade_json_begin_array(writer, "sites");
    for (const char *word = sites;; word++) {
        char text[64];
        const size_t length = strcspn(word, ",") < sizeof text ? strcspn(word, ",") : sizeof text - 1;
        memcpy(text, word, length);
        text[length] = '\0';
        clade_json_put_string(writer, NULL, text);
        word += length;
        if (*word == '\0')
            break;
    }
    clade_json_end_array(writer);
}

static void print_groups(const clade_experiment *experiment, clade_json_writer *writer)
{
    clade_json_begin_object(writer, "sites");
    clade_json_begin_object(writer, "groups");
    for (size_t g = 0; g < experiment->n_named_sites; g++) {
        clade_json_begin_array(writer, experiment->named_sites[g].name);
        for (size_t p = 0; p < experiment->named_sites[g].n_patterns; p++)
            clade_json_put_string(writer, NULL, experiment->named_sites[g].patterns[p]);
        clade_json_end_array(writer);
    }
    clade_json_end_object(writer);
    clade_json_end_object(writer);
}

void clade_experiment_print_sites(const clade_experiment *experiment, clade_json_writer *writer)
{
    if (experiment->n_named_sites > 0)
        print_groups(experiment, writer);
    else
        print_word_or_list(experiment->sites, writer);
    clade_json_put_string(writer, "coordinates", experiment->coordinates);
    clade_json_begin_object(writer, "prior");
    for (size_t i = 0; i < experiment->n_priors; i++) {
        clade_json_begin_array(writer, experiment->priors[i].parameter);
        clade_json_put_number(writer, NULL, experiment->priors[i].mean);
        clade_json_put_number(writer, NULL, experiment->priors[i].deviation);
        clade_json_end_array(writer);
    }
    clade_json_end_object(writer);
    if (experiment->sum > 0)
        clade_json_put_number(writer, "sum", experiment->sum);
}
