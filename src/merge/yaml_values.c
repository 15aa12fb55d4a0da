/* What scalars of YAML 1.1 mean to mergekit, whose parameters are all numbers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "merge/yaml_tree.h"

const clade_yaml_node *clade_yaml_get(const clade_yaml_node *node, const char *key)
{
    for (size_t i = 0; node && node->kind == CLADE_YAML_MAPPING && i < node->count; i++)
        if (strcmp(node->entries[i].key->text, key) == 0)
            return node->entries[i].value;
    return NULL;
}

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

bool clade_yaml_is_null(const clade_yaml_node *node)
{
    static const char *const nulls[] = {"", "~", "null"};
    return !node || (node->kind == CLADE_YAML_SCALAR && node->plain && is_one_of(node->text, nulls, 3));
}

/* [+-] digits [. digits] [e [+-] digits], with a digit before or after the point: what strtod takes besides is refused.
 */
static bool is_decimal(const char *text)
{
    text += *text == '+' || *text == '-';
    size_t whole = strspn(text, "0123456789"), fraction = 0;
    text += whole;
    if (*text == '.') {
        fraction = strspn(++text, "0123456789");
        text += fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '+' || *text == '-';
        size_t exponent = strspn(text, "0123456789");
        text += exponent;
        return exponent > 0 && *text == '\0';
    }
    return *text == '\0';
}

bool clade_yaml_number(const clade_yaml_node *node, double *out)
{
    static const char *const truths[] = {"true", "yes", "on"}, *const lies[] = {"false", "no", "off"};
    if (!node || node->kind != CLADE_YAML_SCALAR)
        return false;
    bool truth = node->plain && is_one_of(node->text, truths, 3);
    if (truth || (node->plain && is_one_of(node->text, lies, 3))) {
        *out = truth ? 1 : 0;
        return true;
    }
    if (!is_decimal(node->text))
        return false;
    double value = strtod(node->text, NULL);
    if (!isfinite(value))
        return false;
    *out = value;
    return true;
}
