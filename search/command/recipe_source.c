#include "search/command/recipe_source.h"

#include <stdlib.h>
#include <string.h>

#include "clade/files.h"
#include "clade/merge.h"
#include "search/engine.h"

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static clade_status child_number(const char *source, const char *folder, const char *word, uint64_t *child)
{
    if (strcmp(word, "best") == 0)
        return clade_run_best(folder, child);
    char *end = NULL;
    *child = strtoull(word, &end, 10);
    if (word[0] < '0' || word[0] > '9' || *end != '\0')
        return clade_fail(CLADE_EUSAGE, "%s: found child \"%s\", expected a number or \"best\"", source, word);
    return CLADE_OK;
}

static clade_status recipe_of_child(const char *folder, uint64_t child, clade_recipe **recipe)
{
    clade_ledger *ledger = NULL;
    clade_child_row row = {0};
    clade_json *document = NULL;
    clade_problems problems = {0};
    bool found = false;
    clade_status status = clade_run_ledger(folder, &ledger);
    if (status == CLADE_OK)
        status = clade_ledger_get_child(ledger, child, &row, &found);
    if (status == CLADE_OK && !found)
        status = clade_fail(CLADE_EUSAGE, "%s: no child %llu in this run", folder, (unsigned long long)child);
    if (status == CLADE_OK)
        status = clade_json_parse(clade_text_get(&row.recipe), row.recipe.length, folder, CLADE_EINPUT, &document);
    if (status == CLADE_OK) {
        const clade_json_at root = clade_json_root(document);
        status = clade_recipe_parse(&root, &problems, recipe);
        clade_status listed = clade_problems_end(&problems, CLADE_EINPUT);
        status = status == CLADE_OK ? listed : status;
    }
    clade_json_free(document);
    clade_child_row_fini(&row);
    clade_ledger_close(ledger);
    return status;
}

clade_status clade_recipe_open(const char *source, clade_recipe **recipe)
{
    const char *colon = strrchr(source, ':');
    if (colon != NULL && colon != source && !clade_path_exists(source)) {
        char *folder = clade_strndup(source, (size_t)(colon - source));
        uint64_t child = 0;
        if (folder == NULL)
            return clade_fail_memory(strlen(source), "a path");
        clade_status status = child_number(source, folder, colon + 1, &child);
        if (status == CLADE_OK)
            status = recipe_of_child(folder, child, recipe);
        clade_free(folder);
        return status;
    }
    if (ends_with(source, ".yml") || ends_with(source, ".yaml"))
        return clade_recipe_from_mergekit(source, recipe);
    if (ends_with(source, ".json") || !clade_path_is_folder(source))
        return clade_recipe_read(source, recipe);
    return clade_fail(CLADE_EUSAGE,
                      "%s: is a folder; expected a recipe (.json), a mergekit YAML (.yml) or RUN_FOLDER:CHILD", source);
}
