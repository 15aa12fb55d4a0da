/* Any bytes as experiment.json: refused with a message, or an experiment whose resolved form parses back. */
#include <stdint.h>
#include <stdlib.h>

#include "search/experiment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    clade_experiment *experiment, *again;
    clade_text text = {0};
    if (clade_experiment_parse((const char *)data, size, "fuzz.json", "/", &experiment) != CLADE_OK)
        return 0;
    clade_experiment_print(experiment, true, &text);
    if (clade_text_status(&text) == CLADE_OK) {
        if (clade_experiment_parse(text.data, text.length, "resolved", "/", &again) != CLADE_OK)
            abort();
        clade_experiment_free(again);
    }
    clade_text_free(&text);
    clade_experiment_free(experiment);
    return 0;
}
