/* The least experiment.json, and how tests read one. */
#ifndef CLADE_TEST_EXPERIMENT_FIXTURE_H
#define CLADE_TEST_EXPERIMENT_FIXTURE_H

#include "test.h"

#include "search/experiment.h"

#define BASICS                                                                                                         \
    "\"clade\": 1, \"base\": \"b\", \"parents\": {\"fashion\": \"f\", \"digits\": \"/d\"}, \"probes\": \"p.json\""

static inline clade_status parse(const char *text, clade_experiment **experiment)
{
    return clade_experiment_parse(text, strlen(text), "e.json", "/zoo", experiment);
}

#endif
