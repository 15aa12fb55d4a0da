/* What a run tells to those who watch many: a file in Prometheus' text format 0.0.4, as node exporter's textfile
 * collector reads it from its folder (names end in ".prom").
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 *
 * Every sample is labelled with the run's folder, so that files of several runs of a machine add up. Counters are of the
 * whole run, over all its sessions. */
#ifndef CLADE_SEARCH_METRICS_H
#define CLADE_SEARCH_METRICS_H

#include "search/engine.h"

/* Append the metrics of a run to TEXT: a HELP and a TYPE line each, then the samples. RUN_FOLDER as it is to stand in
 * the label; ACTIVE: a session is at work; LEDGER_BYTES: of run.db and its WAL. Values that are not known are left
 * out. */
void clade_metrics_print(const clade_experiment *experiment, const clade_progress *progress, const char *run_folder,
                         bool active, uint64_t ledger_bytes, clade_text *text);

/* Write them to FILE, atomically: a reader sees the old ones or the new ones. CLADE_EIO. */
clade_status clade_metrics_write(const char *file, const clade_experiment *experiment, const clade_progress *progress,
                                 const char *run_folder, bool active) CLADE_CHECK_RESULT;

#endif
