/* All merge methods. A new one is one file and one line here. */
#include <string.h>

#include "clade/text.h"
#include "merge/methods.h"

static const clade_method *const methods[] = {
    &clade_method_linear, &clade_method_slerp,       &clade_method_task_arithmetic,
    &clade_method_ties,   &clade_method_dare_linear, &clade_method_dare_ties,
};
enum { N_METHODS = sizeof methods / sizeof methods[0] };

const clade_method *const *clade_methods(size_t *count)
{
    *count = N_METHODS;
    return methods;
}

const clade_method *clade_method_find(const char *name)
{
    for (size_t i = 0; i < N_METHODS; i++)
        if (strcmp(methods[i]->name, name) == 0)
            return methods[i];
    return NULL;
}

size_t clade_method_parameter(const clade_method *method, const char *name)
{
    size_t i = 0;
    while (i < method->n_parameters && strcmp(method->parameters[i].name, name) != 0)
        i++;
    return i;
}

clade_status clade_method_unknown(const char *name)
{
    const char *names[N_METHODS];
    clade_text text = {0};
    for (size_t i = 0; i < N_METHODS; i++)
        names[i] = methods[i]->name;
    clade_append_suggestion(&text, name, names, N_METHODS);
    clade_status status = clade_fail(CLADE_ECONFIG, "unknown method \"%.60s\"%s", name, clade_text_get(&text));
    clade_text_free(&text);
    return status;
}
