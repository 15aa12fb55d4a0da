/* Any bytes as probes.json: refused with a message, or read into tasks that keep what the header promises. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "clade/alloc.h"
#include "score/probes_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check(const clade_probes *probes)
{
    require(probes->n_tasks > 0);
    for (size_t t = 0; t < probes->n_tasks; t++) {
        const clade_task *task = &probes->tasks[t];
        require(task->name && task->images && task->head_file && task->head_tensor);
        require(task->logit_scale > 0.0);
        for (int a = 0; a < CLADE_SPLITS; a++) {
            require(task->splits[a].first <= task->splits[a].last);
            for (int b = 0; b < a; b++)
                require(task->splits[a].last <= task->splits[b].first ||
                        task->splits[b].last <= task->splits[a].first ||
                        task->splits[a].first == task->splits[a].last || task->splits[b].first == task->splits[b].last);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t live = clade_alloc_live();
    clade_json *document = NULL;
    clade_probes *probes = NULL;
    if (clade_json_parse((const char *)data, size, "fuzz", CLADE_ECONFIG, &document) == CLADE_OK &&
        clade_probes_from_json(document, "folder/probes.json", &probes) == CLADE_OK) {
        char hex[CLADE_SHA256_HEX];
        check(probes);
        clade_probes_hash(probes, hex);
    }
    clade_probes_free(probes);
    clade_json_free(document);
    require(clade_alloc_live() == live);
    return 0;
}
