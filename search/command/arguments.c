/* Command lines: one table of options per command drives parsing and help. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clade/text.h"
#include "search/command/command.h"

static void print_help(const clade_command *command, const clade_option *options, size_t n_options)
{
    printf("usage: clade %s %s\n\n%s\n", command->name, command->synopsis, command->summary);
    if (n_options > 0)
        printf("\noptions:\n");
    for (size_t i = 0; i < n_options; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", options[i].name, options[i].value ? " " : "",
                 options[i].value ? options[i].value : "");
        printf("  %-26s %s\n", left, options[i].help);
    }
}

static clade_status unknown_option(const clade_command *command, const char *word, const clade_option *options,
                                   size_t n_options)
{
    const char *names[CLADE_MAX_REPEATED_OPTION];
    for (size_t i = 0; i < n_options && i < CLADE_MAX_REPEATED_OPTION; i++)
        names[i] = options[i].name;
    char what[64];
    snprintf(what, sizeof what, "option of clade %s", command->name);
    return clade_unknown_word(what, word, names, n_options);
}

static clade_status store_count(const clade_command *command, const clade_option *option, const char *value)
{
    char *end = NULL;
    unsigned long long number = 0;
    if (value[0] >= '0' && value[0] <= '9')
        number = strtoull(value, &end, 10);
    if (end == NULL || *end != '\0' || strlen(value) > 19)
        return clade_fail(CLADE_EUSAGE, "clade %s: %s: found \"%s\", expected a whole number", command->name,
                          option->name, value);
    *(uint64_t *)option->target = number;
    return CLADE_OK;
}

static clade_status store_value(const clade_command *command, const clade_option *option, const char *value)
{
    switch (option->kind) {
    case CLADE_OPTION_COUNT:
        return store_count(command, option, value);
    case CLADE_OPTION_STRINGS: {
        clade_option_strings *strings = option->target;
        if (strings->count == CLADE_MAX_REPEATED_OPTION)
            return clade_fail(CLADE_EUSAGE, "clade %s: %s: given more than %d times", command->name, option->name,
                              CLADE_MAX_REPEATED_OPTION);
        strings->items[strings->count++] = value;
        return CLADE_OK;
    }
    case CLADE_OPTION_STRING:
    case CLADE_OPTION_FLAG:
        break;
    }
    *(const char **)option->target = value;
    return CLADE_OK;
}

/* One option at argv[*index]; moves *index past its value. */
static clade_status parse_option(const clade_command *command, int argc, char **argv, int *index,
                                 const clade_option *options, size_t n_options)
{
    const char *word = argv[*index];
    const char *equals = strchr(word, '=');
    const size_t length = equals ? (size_t)(equals - word) : strlen(word);
    for (size_t i = 0; i < n_options; i++) {
        if (strlen(options[i].name) != length || strncmp(options[i].name, word, length) != 0)
            continue;
        if (options[i].kind == CLADE_OPTION_FLAG) {
            if (equals)
                return clade_fail(CLADE_EUSAGE, "clade %s: %s takes no value", command->name, options[i].name);
            *(bool *)options[i].target = true;
            return CLADE_OK;
        }
        if (!equals && *index + 1 >= argc)
            return clade_fail(CLADE_EUSAGE, "clade %s: %s needs a value (%s)", command->name, options[i].name,
                              options[i].value);
        return store_value(command, &options[i], equals ? equals + 1 : argv[++*index]);
    }
    return unknown_option(command, word, options, n_options);
}

static clade_status check_count(const clade_command *command, size_t count, size_t least, size_t most)
{
    if (count >= least && count <= most)
        return CLADE_OK;
    return clade_fail(CLADE_EUSAGE, "clade %s: found %zu argument%s, expected %s%zu\nusage: clade %s %s", command->name,
                      count, count == 1 ? "" : "s",
                      least == most   ? ""
                      : count < least ? "at least "
                                      : "at most ",
                      count < least ? least : most, command->name, command->synopsis);
}

clade_status clade_parse_arguments(const clade_command *command, int argc, char **argv, const clade_option *options,
                                   size_t n_options, size_t least, size_t most, clade_arguments *out)
{
    bool options_ended = false;
    *out = (clade_arguments){0};
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (!options_ended && strcmp(word, "--") == 0) {
            options_ended = true;
        } else if (!options_ended && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
            print_help(command, options, n_options);
            out->help = true;
            return CLADE_OK;
        } else if (!options_ended && word[0] == '-' && word[1] != '\0') {
            CLADE_TRY(parse_option(command, argc, argv, &i, options, n_options));
        } else if (out->count == CLADE_MAX_REPEATED_OPTION) {
            return check_count(command, out->count + 1, least, most < out->count ? most : out->count);
        } else {
            out->items[out->count++] = word;
        }
    }
    return check_count(command, out->count, least, most);
}

clade_status clade_finish_output(clade_status status, clade_text *text)
{
    clade_text shown = {0};
    if (status == CLADE_OK)
        status = clade_text_status(text);
    if (status == CLADE_OK) {
        clade_text_append_harmless(&shown, clade_text_get(text), text->length);
        status = clade_text_status(&shown);
    }
    if (status == CLADE_OK &&
        (fwrite(clade_text_get(&shown), 1, shown.length, stdout) != shown.length || fflush(stdout) != 0))
        status = clade_fail_errno("standard output", "write");
    clade_text_free(&shown);
    clade_text_free(text);
    return status;
}

clade_status clade_finish_json(clade_status status, clade_text *json, bool as_json, clade_layout_for_people layout)
{
    clade_text people = {0};
    clade_json *document = NULL;
    if (as_json)
        return clade_finish_output(status, json);
    if (status == CLADE_OK)
        status = clade_text_status(json);
    if (status == CLADE_OK)
        status = clade_json_parse(clade_text_get(json), json->length, "output", CLADE_EINTERNAL, &document);
    if (status == CLADE_OK) {
        const clade_json_at root = clade_json_root(document);
        layout(&root, &people);
    }
    clade_json_free(document);
    clade_text_free(json);
    return clade_finish_output(status, &people);
}

clade_status clade_unknown_word(const char *what, const char *word, const char *const *known, size_t count)
{
    clade_text text = {0};
    clade_text_append(&text, "unknown %s \"%s\"", what, word);
    clade_append_suggestion(&text, word, known, count);
    clade_status status = clade_fail(CLADE_EUSAGE, "%s", clade_text_get(&text));
    clade_text_free(&text);
    return status;
}
