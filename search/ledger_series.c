/* The table series: how good the front was, commit by commit. */
#include <math.h>

#include "search/ledger.h"
#include "search/ledger_file.h"

clade_status clade_ledger_put_series(clade_ledger *ledger, const clade_series_row *row)
{
    clade_query query = clade_query_begin(
        ledger->db, isfinite(row->seconds) ? "INSERT OR IGNORE INTO series (child, images, hypervolume, front, seconds)"
                                             " VALUES (?, ?, ?, ?, ?)"
                                           : "INSERT OR IGNORE INTO series (child, images, hypervolume, front) VALUES "
                                             "(?, ?, ?, ?)");
    clade_query_bind_integer(&query, (int64_t)row->child);
    clade_query_bind_integer(&query, (int64_t)row->images);
    clade_query_bind_real(&query, row->hypervolume);
    clade_query_bind_integer(&query, (int64_t)row->front);
    if (isfinite(row->seconds))
        clade_query_bind_real(&query, row->seconds);
    return clade_query_run(&query);
}

/* The row QUERY gives: child, images, hypervolume, front, seconds and whether they are known. */
static clade_status read_row(clade_query *query, clade_series_row *row, bool *found)
{
    *found = clade_query_row(query);
    if (*found)
        *row = (clade_series_row){.child = (uint64_t)clade_query_integer(query, 0),
                                  .images = (uint64_t)clade_query_integer(query, 1),
                                  .hypervolume = clade_query_real(query, 2),
                                  .front = (uint64_t)clade_query_integer(query, 3),
                                  .seconds = clade_query_integer(query, 5) ? clade_query_real(query, 4) : (double)NAN};
    return clade_query_end(query);
}

clade_status clade_ledger_get_series(clade_ledger *ledger, uint64_t first, clade_series_row *row, bool *found)
{
    *found = false;
    if (ledger->version < 2 || first > INT64_MAX) /* after the last that SQLite can number; it would begin again */
        return CLADE_OK;
    clade_query query =
        clade_query_begin(ledger->db, "SELECT child, images, hypervolume, front, seconds, seconds IS NOT NULL FROM "
                                      "series WHERE child >= ? ORDER BY child LIMIT 1");
    clade_query_bind_integer(&query, (int64_t)first);
    return read_row(&query, row, found);
}

clade_status clade_ledger_last_series(clade_ledger *ledger, uint64_t last, clade_series_row *row, bool *found)
{
    *found = false;
    if (ledger->version < 2)
        return CLADE_OK;
    clade_query query =
        clade_query_begin(ledger->db, "SELECT child, images, hypervolume, front, seconds, seconds IS NOT NULL FROM "
                                      "series WHERE child <= ? ORDER BY child DESC LIMIT 1");
    clade_query_bind_integer(&query, last < INT64_MAX ? (int64_t)last : INT64_MAX);
    return read_row(&query, row, found);
}
