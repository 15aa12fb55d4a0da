/* How the front came along: the ledger's series for programs and for people. */
#ifndef CLADE_EXPORT_SERIES_H
#define CLADE_EXPORT_SERIES_H

#include "search/ledger.h"

/* Columns child,images,seconds,hypervolume,front; one row for each commit that changed the front; seconds that are not
 * known are empty. */
clade_status clade_series_write_csv(clade_ledger *ledger, clade_text *text) CLADE_CHECK_RESULT;
/* {"series": [{"child", "images", "seconds", "hypervolume", "front"}]}; null for what is not known. */
clade_status clade_series_write_json(clade_ledger *ledger, clade_text *text) CLADE_CHECK_RESULT;
/* A table for Markdown: the front after each tenth of the first COMMITTED children; nothing without a series. */
clade_status clade_series_write_table(clade_ledger *ledger, uint64_t committed, clade_text *text) CLADE_CHECK_RESULT;

#endif
