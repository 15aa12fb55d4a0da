/* Reading adapter_config.json. What changes the arithmetic is read or refused; the rest (how it was trained, which
 * modules were asked for) is left alone: every version of PEFT adds to it, and the tensors tell what there is. */
#include "io/adapter_config.h"

#include <math.h>
#include <string.h>

#include "clade/alloc.h"

enum { MOST_PATTERNS = 1 << 16, MOST_RANK = 1 << 16 };

/* ---- keys of rank_pattern and alpha_pattern ---- */

/* One step of a key: a byte, any byte, or any run of bytes. */
typedef enum step_kind { STEP_BYTE, STEP_ANY, STEP_RUN, STEP_END, STEP_UNKNOWN } step_kind;
typedef struct step {
    step_kind kind;
    char byte;
    size_t length; /* bytes of the key that it takes */
} step;

static step step_at(const char *key)
{
    if (key[0] == '\0')
        return (step){STEP_END, 0, 0};
    if (key[0] == '.')
        return key[1] == '*' ? (step){STEP_RUN, 0, 2} : (step){STEP_ANY, 0, 1};
    if (key[0] == '\\')
        return key[1] && strchr(".-_/^$*+?()[]{}|\\", key[1]) ? (step){STEP_BYTE, key[1], 2}
                                                              : (step){STEP_UNKNOWN, 0, 0};
    return strchr("^$*+?()[]{}|", key[0]) ? (step){STEP_UNKNOWN, 0, 0} : (step){STEP_BYTE, key[0], 1};
}

const char *clade_io_pattern_wrong(const char *key)
{
    const char *at = key[0] == '^' ? key + 1 : key;
    step next = step_at(at);
    if (next.kind == STEP_END)
        return "is empty";
    for (; next.kind != STEP_END; next = step_at(at)) {
        if (next.kind == STEP_UNKNOWN)
            return "is a regular expression with more than \".\", \".*\" and escapes: name the modules instead";
        at += next.length;
        if (*at == '*' || *at == '+' || *at == '?' || *at == '{')
            return "is a regular expression that repeats more than \".\": name the modules instead";
    }
    return NULL;
}

/* KEY matches the whole of TEXT. After a run has failed to match with one length it is tried one byte longer; an
 * earlier run never has to be tried again, since the later one can take whatever it could. */
static bool matches_whole(const char *key, const char *text)
{
    const char *run_key = NULL, *run_text = NULL;
    for (;;) {
        step next = step_at(key);
        if (next.kind == STEP_RUN) {
            run_key = key + next.length;
            run_text = text;
            key = run_key;
        } else if (next.kind == STEP_END && *text == '\0') {
            return true;
        } else if (*text && (next.kind == STEP_ANY || (next.kind == STEP_BYTE && next.byte == *text))) {
            key += next.length;
            text++;
        } else if (run_key && *run_text) {
            key = run_key;
            text = ++run_text;
        } else {
            return false;
        }
    }
}

bool clade_io_pattern_matches(const char *key, const char *module)
{
    if (key[0] == '^')
        return matches_whole(key + 1, module);
    for (const char *from = module; from; from = strchr(from, '.'), from = from ? from + 1 : NULL)
        if (matches_whole(key, from))
            return true;
    return false;
}

static clade_status read_patterns(const clade_json_at *root, const char *name, bool integers, clade_problems *problems,
                                  clade_io_pattern **patterns, size_t *count)
{
    clade_json_at at = clade_json_member(root, name);
    clade_json_kind kind = clade_json_kind_of(&at);
    if (kind == CLADE_JSON_ABSENT || kind == CLADE_JSON_NULL || !clade_json_is(&at, problems, CLADE_JSON_OBJECT))
        return CLADE_OK;
    size_t size = clade_json_size(&at);
    if (size > MOST_PATTERNS) {
        clade_json_problem(&at, problems, "found %zu keys, expected at most %d", size, MOST_PATTERNS);
        return CLADE_OK;
    }
    *patterns = clade_calloc(size, sizeof **patterns);
    if (!*patterns)
        return clade_fail_memory(size * sizeof **patterns, "the patterns of an adapter");
    for (size_t i = 0; i < size; i++) {
        clade_json_at item = clade_json_item(&at, i);
        clade_io_pattern *pattern = &(*patterns)[i];
        int64_t rank = 0;
        pattern->key = clade_json_key(&item);
        const char *wrong = clade_io_pattern_wrong(pattern->key);
        if (wrong)
            clade_json_problem(&item, problems, "%s", wrong);
        if (!integers)
            clade_json_number(&item, problems, -INFINITY, INFINITY, &pattern->value);
        else if (clade_json_integer(&item, problems, 1, MOST_RANK, &rank))
            pattern->value = (double)rank;
    }
    *count = size;
    return CLADE_OK;
}

static double first_match(const clade_io_pattern *patterns, size_t count, const char *module, double otherwise)
{
    for (size_t i = 0; i < count; i++)
        if (clade_io_pattern_matches(patterns[i].key, module))
            return patterns[i].value;
    return otherwise;
}

void clade_io_adapter_config_of(const clade_io_adapter_config *config, const char *module, double *rank, double *alpha)
{
    *rank = first_match(config->ranks, config->n_ranks, module, config->rank);
    *alpha = first_match(config->alphas, config->n_alphas, module, config->alpha);
}

/* ---- everything else ---- */

/* Present, and not null, false, or empty. */
static bool says_something(const clade_json_at *at)
{
    clade_problems unused = {0};
    bool truth = false;
    const char *text = "";
    switch (clade_json_kind_of(at)) {
    case CLADE_JSON_ABSENT:
    case CLADE_JSON_NULL:
        return false;
    case CLADE_JSON_BOOL:
        return clade_json_bool(at, &unused, &truth) && truth;
    case CLADE_JSON_STRING:
        return clade_json_string(at, &unused, &text) && text[0] != '\0';
    case CLADE_JSON_ARRAY:
    case CLADE_JSON_OBJECT:
        return clade_json_size(at) > 0;
    default:
        return true;
    }
}

static void refuse_variants(const clade_json_at *root, clade_problems *problems)
{
    static const struct {
        const char *key, *what;
    } variants[] = {
        {"use_dora", "DoRA also rescales the base's weights"},
        {"lora_bias", "biases of the factors"},
        {"use_qalora", "QALoRA pools the inputs"},
        {"use_bdlora", "block-diagonal factors"},
        {"modules_to_save", "modules that were trained as a whole"},
        {"target_parameters", "factors of parameters that are no module's weight"},
        {"trainable_token_indices", "tokens whose embeddings were trained"},
        {"layer_replication", "a base whose layers are repeated"},
        {"alora_invocation_tokens", "an activated LoRA, which holds for a part of the text only"},
        {"arrow_config", "a router between adapters"},
        {"kasa_config", "KaSA takes singular values out of the base"},
        {"monteclora_config", "factors that are drawn at random"},
    };
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        clade_json_at at = clade_json_member(root, variants[i].key);
        if (says_something(&at))
            clade_json_problem(&at, problems,
                               "%s: base + scale B A is not that model; merge it in Python with merge_and_unload() and "
                               "use the whole model",
                               variants[i].what);
    }
}

/* Initialisations that take something out of the base leave an adapter for a changed base. */
static void check_start(const clade_json_at *root, clade_problems *problems)
{
    static const char *const harmless[] = {"gaussian", "eva", "orthogonal", "mica"};
    clade_json_at at = clade_json_member(root, "init_lora_weights");
    const char *name = "";
    if (clade_json_kind_of(&at) != CLADE_JSON_STRING || !clade_json_string(&at, problems, &name))
        return;
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (strcmp(name, harmless[i]) == 0)
            return;
    clade_json_problem(&at, problems,
                       "\"%.60s\" is not among those that leave the base as it was (true, false, gaussian, eva, "
                       "orthogonal, mica): save it again with path_initial_model_for_weight_conversion",
                       name);
}

static void check_type(const clade_json_at *root, clade_problems *problems)
{
    clade_json_at type = clade_json_member(root, "peft_type"), bias = clade_json_member(root, "bias");
    const char *name = "LORA", *which = "none";
    if (clade_json_string(&type, problems, &name) && strcmp(name, "LORA") != 0)
        clade_json_problem(&type, problems, "found \"%.60s\", expected \"LORA\": no other kind of adapter is read",
                           name);
    if (clade_json_kind_of(&bias) > CLADE_JSON_NULL && clade_json_string(&bias, problems, &which) &&
        strcmp(which, "none") != 0)
        clade_json_problem(&bias, problems,
                           "found \"%.60s\", expected \"none\": trained biases are not read; merge the adapter in "
                           "Python with merge_and_unload()",
                           which);
}

/* A member that may be absent or null. */
static void read_bool(const clade_json_at *root, const char *key, clade_problems *problems, bool *out)
{
    clade_json_at at = clade_json_member(root, key);
    if (clade_json_kind_of(&at) > CLADE_JSON_NULL)
        clade_json_bool(&at, problems, out);
}

static void read_string(const clade_json_at *root, const char *key, clade_problems *problems, const char **out)
{
    clade_json_at at = clade_json_member(root, key);
    if (clade_json_kind_of(&at) > CLADE_JSON_NULL)
        clade_json_string(&at, problems, out);
}

clade_status clade_io_adapter_config_read(const clade_json_at *root, clade_problems *problems,
                                          clade_io_adapter_config *config)
{
    *config = (clade_io_adapter_config){.rank = 0};
    if (!clade_json_is(root, problems, CLADE_JSON_OBJECT))
        return CLADE_OK;
    clade_json_at r = clade_json_member(root, "r"), alpha = clade_json_member(root, "lora_alpha");
    int64_t rank = 0;
    check_type(root, problems);
    if (clade_json_integer(&r, problems, 1, MOST_RANK, &rank))
        config->rank = (double)rank;
    clade_json_number(&alpha, problems, -INFINITY, INFINITY, &config->alpha);
    read_bool(root, "use_rslora", problems, &config->rslora);
    read_bool(root, "fan_in_fan_out", problems, &config->fan_in_fan_out);
    read_string(root, "base_model_name_or_path", problems, &config->base_name);
    read_string(root, "task_type", problems, &config->task_type);
    refuse_variants(root, problems);
    check_start(root, problems);
    CLADE_TRY(read_patterns(root, "rank_pattern", true, problems, &config->ranks, &config->n_ranks));
    return read_patterns(root, "alpha_pattern", false, problems, &config->alphas, &config->n_alphas);
}

void clade_io_adapter_config_free(clade_io_adapter_config *config)
{
    clade_free(config->ranks);
    clade_free(config->alphas);
}
