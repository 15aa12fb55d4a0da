/* The named templates are written from the formats' descriptions: what stands around each message, what comes first, and
 * what invites the answer. Strings are taken as they are: no template trims what a user wrote, but Llama 3's, whose
 * format says so. */
#include "merge/chat_template.h"

#include <string.h>

#include "base/json_walk.h"
#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/utf8.h"
#include "io/bytes.h"
#include "io/inside.h"
#include "merge/recipe_parts.h"

static const struct {
    const char *name, *text;
} named[] = {
    /* Stanford Alpaca: sections with headings; the system message stands before them */
    {"alpaca", "{% for message in messages %}"
               "{% if message['role'] == 'system' %}{{ message['content'] + '\\n\\n' }}"
               "{% elif message['role'] == 'user' %}{{ '### Instruction:\\n' + message['content'] + '\\n\\n' }}"
               "{% else %}{{ '### Response:\\n' + message['content'] + eos_token + '\\n\\n' }}{% endif %}"
               "{% endfor %}"
               "{% if add_generation_prompt %}{{ '### Response:\\n' }}{% endif %}"},
    /* every message between two tokens, its role in the first line */
    {"chatml", "{% for message in messages %}"
               "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
               "{% endfor %}"
               "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"},
    /* EXAONE 3: a system turn always comes first; a user's turn ends with its line, the others with a token */
    {"exaone", "{% for message in messages %}"
               "{% if loop.first and message['role'] != 'system' %}{{ '[|system|][|endofturn|]\\n' }}{% endif %}"
               "{{ '[|' + message['role'] + '|]' + message['content'] }}"
               "{% if message['role'] != 'user' %}{{ '[|endofturn|]' }}{% endif %}{{ '\\n' }}"
               "{% endfor %}"
               "{% if add_generation_prompt %}{{ '[|assistant|]' }}{% endif %}"},
    /* a header with the role, an empty line, the trimmed text */
    {"llama3", "{{ bos_token }}{% for message in messages %}"
               "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
               "{{ message['content'] | trim + '<|eot_id|>' }}"
               "{% endfor %}"
               "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"},
    /* instructions in brackets; a system message begins the instruction after it */
    {"mistral", "{{ bos_token }}{% set ahead = namespace(text='') %}{% for message in messages %}"
                "{% if message['role'] == 'system' %}{% set ahead.text = message['content'] + '\\n\\n' %}"
                "{% elif message['role'] == 'user' %}{{ '[INST] ' + ahead.text + message['content'] + ' [/INST]' }}"
                "{% set ahead.text = '' %}"
                "{% else %}{{ ' ' + message['content'] + eos_token }}{% endif %}"
                "{% endfor %}"},
};

/* ---- the template of a model ---- */

/* The value of the member "chat_template" of a checked tokenizer_config.json: where its string begins, or 0. */
static clade_json_entry find_template(const char *text)
{
    clade_json_entry entry = {0}, item, name, found = {0};
    if (clade_json_find(text, clade_json_skip_space(text, 0), "chat_template", &entry) == 0)
        return found;
    if (text[entry.value] == '"')
        return entry;
    for (size_t at = entry.value; text[entry.value] == '[' && clade_json_next(text, &at, &item);) {
        clade_json_entry one;
        if (clade_json_find(text, item.value, "template", &one) == 0 || text[one.value] != '"')
            continue;
        bool is_default = clade_json_find(text, item.value, "name", &name) > 0 &&
                          name.value_end - name.value == strlen("\"default\"") &&
                          memcmp(text + name.value, "\"default\"", strlen("\"default\"")) == 0;
        if (found.value == 0 || is_default)
            found = one;
    }
    return found;
}

static clade_status from_config(const char *path, char **out)
{
    char *text;
    size_t length;
    CLADE_TRY(clade_read_file(path, CLADE_JSON_MAX_BYTES, &text, &length));
    clade_status status = clade_json_check(text, length, path, CLADE_EINPUT);
    clade_json_entry found = {0};
    if (status == CLADE_OK)
        found = find_template(text);
    if (found.value > 0) {
        *out = clade_malloc(found.value_end - found.value);
        if (*out)
            clade_json_decode(text, found.value + 1, found.value_end - 1, *out);
        else
            status = clade_fail_memory(found.value_end - found.value, "a chat template");
    }
    clade_free(text);
    return status;
}

static clade_status from_file(const char *path, char **out)
{
    size_t length;
    CLADE_TRY(clade_read_file(path, CLADE_JSON_MAX_BYTES, out, &length));
    if (strlen(*out) == length && clade_utf8_valid(*out, length) == length)
        return CLADE_OK;
    clade_free(*out);
    *out = NULL;
    return clade_fail(CLADE_EINPUT, "%s: expected UTF-8 without NUL bytes", path);
}

/* *OUT stays NULL when the folder has no template. */
static clade_status read_template(const char *folder, char **out)
{
    char *file = clade_path_join(folder, "chat_template.jinja"),
         *config = clade_path_join(folder, "tokenizer_config.json");
    clade_status status = CLADE_OK;
    if (!file || !config)
        status = clade_fail_memory(strlen(folder), "a path");
    else
        status = clade_io_check_inside(folder, "chat_template.jinja");
    if (status == CLADE_OK)
        status = clade_io_check_inside(folder, "tokenizer_config.json");
    if (status == CLADE_OK && clade_path_exists(file))
        status = from_file(file, out);
    else if (status == CLADE_OK && clade_path_exists(config))
        status = from_config(config, out);
    clade_free(file);
    clade_free(config);
    return status;
}

/* ---- the choice ---- */

/* The template that occurs most often, the first of those; moved out of TEXTS. */
static char *most_common(char **texts, size_t count)
{
    size_t best = 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        size_t votes = 0;
        for (size_t k = 0; k < count; k++)
            votes += texts[i] && texts[k] && strcmp(texts[i], texts[k]) == 0;
        if (votes > most) {
            most = votes;
            best = i;
        }
    }
    char *chosen = texts[best];
    texts[best] = NULL;
    return chosen;
}

static clade_status vote(const clade_vocabulary *v, char **text)
{
    char *texts[CLADE_MAX_PARENTS + 1] = {0};
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < v->n_models && status == CLADE_OK; i++) {
        const clade_checkpoint *model = v->models[(i + v->n_models - 1) % v->n_models].checkpoint; /* the base first */
        if (model)
            status = read_template(clade_checkpoint_path(model), &texts[i]);
    }
    if (status == CLADE_OK)
        *text = most_common(texts, v->n_models);
    for (size_t i = 0; i < v->n_models; i++)
        clade_free(texts[i]);
    return status;
}

static clade_status fail_unknown(const char *given)
{
    const char *names[sizeof named / sizeof *named + 1] = {"auto"};
    clade_text text = {0};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        names[i + 1] = named[i].name;
    clade_append_suggestion(&text, given, names, sizeof names / sizeof *names);
    clade_status status =
        clade_fail(CLADE_ECONFIG, "chat_template: found \"%.60s\", expected a name or a template in Jinja%s", given,
                   clade_text_get(&text));
    clade_text_free(&text);
    return status;
}

clade_status clade_chat_template_choose(const clade_vocabulary *v, char **text)
{
    const char *given = v->recipe->chat_template, *found = NULL;
    *text = NULL;
    if (strcmp(given, "auto") == 0)
        return vote(v, text);
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (strcmp(given, named[i].name) == 0)
            found = named[i].text;
    if (!found && strchr(given, '{'))
        found = given;
    if (!found)
        return fail_unknown(given);
    *text = clade_strdup(found);
    return *text ? CLADE_OK : clade_fail_memory(strlen(found), "a chat template");
}

bool clade_chat_template_known(const char *name)
{
    bool known = strcmp(name, "auto") == 0 || strchr(name, '{');
    for (size_t i = 0; i < sizeof named / sizeof *named && !known; i++)
        known = strcmp(name, named[i].name) == 0;
    return known;
}
