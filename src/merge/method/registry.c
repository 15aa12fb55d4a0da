/* All merge methods. A new one is one file and one line here. */
#include <string.h>

#include "clade/text.h"
#include "merge/method/methods.h"

static const clade_method *const methods[] = {
    &clade_method_linear,
    &clade_method_slerp,
    &clade_method_nuslerp,
    &clade_method_multislerp,
    &clade_method_karcher,
    &clade_method_model_stock,
    &clade_method_nearswap,
    &clade_method_arcee_fusion,
    &clade_method_passthrough,
    &clade_method_fisher,
    &clade_method_metagpt,
    &clade_method_task_arithmetic,
    &clade_method_ties,
    &clade_method_dare_linear,
    &clade_method_dare_ties,
    &clade_method_ties_global,
    &clade_method_breadcrumbs,
    &clade_method_breadcrumbs_ties,
    &clade_method_della,
    &clade_method_della_linear,
    &clade_method_sce,
    &clade_method_ram,
    &clade_method_ramplus_tl,
    &clade_method_magmax,
    &clade_method_consensus_ta,
    &clade_method_tall_mask,
    &clade_method_emr,
    &clade_method_pcb,
    &clade_method_iso_c,
    &clade_method_iso_cts,
    &clade_method_tsv_m,
    &clade_method_knots,
    &clade_method_fourier,
    &clade_method_wudi,
    &clade_method_wudi_closed_form,
    &clade_method_regmean,
    &clade_method_lora_cat,
    &clade_method_lora_linear,
    &clade_method_lora_hub,
    &clade_method_lora_svd,
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
