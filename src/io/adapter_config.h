/* What adapter_config.json of a PEFT folder says about the arithmetic. Private to src/io. */
#ifndef CLADE_IO_ADAPTER_CONFIG_H
#define CLADE_IO_ADAPTER_CONFIG_H

#include "clade/json.h"

/* An entry of rank_pattern or alpha_pattern. */
typedef struct clade_io_pattern {
    const char *key; /* borrowed from the document */
    double value;
} clade_io_pattern;

typedef struct clade_io_adapter_config {
    double rank, alpha; /* r and lora_alpha */
    bool rslora, fan_in_fan_out;
    clade_io_pattern *ranks, *alphas; /* (n_ranks), (n_alphas), owned */
    size_t n_ranks, n_alphas;
    const char *base_name, *task_type; /* borrowed from the document; NULL: not said */
} clade_io_adapter_config;

/* Read ROOT, adding a problem for everything that is wrong or not read by Clade; fails only without memory. To be freed
 * in any case. */
clade_status clade_io_adapter_config_read(const clade_json_at *root, clade_problems *problems,
                                          clade_io_adapter_config *config) CLADE_CHECK_RESULT;
void clade_io_adapter_config_free(clade_io_adapter_config *config);

/* r and alpha of a module ("model.layers.0.self_attn.q_proj"). As in PEFT, the first key of a pattern that matches the
 * whole name, or its end after a dot, holds. */
void clade_io_adapter_config_of(const clade_io_adapter_config *config, const char *module, double *rank, double *alpha);

/* NULL, or what is wrong with a key of a pattern. */
const char *clade_io_pattern_wrong(const char *key);
/* KEY (nothing wrong with it) matches the whole of MODULE, or its end after a dot. O(length of key * squared length of
 * module) at worst. */
bool clade_io_pattern_matches(const char *key, const char *module);

#endif
