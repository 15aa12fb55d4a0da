/* probes.json as tasks, before any other file is opened. Private to src/score. */
#ifndef CLADE_SCORE_PROBES_JSON_H
#define CLADE_SCORE_PROBES_JSON_H

#include "clade/json.h"
#include "clade/probes.h"

/* Read DOCUMENT into a new list of tasks without heads; paths are relative to PATH, the file's own. All problems of the
 * document at once: CLADE_ECONFIG. *PROBES is owned by the caller. */
clade_status clade_probes_from_json(const clade_json *document, const char *path,
                                    clade_probes **probes) CLADE_CHECK_RESULT;

#endif
