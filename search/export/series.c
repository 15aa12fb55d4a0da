#include "search/export/series.h"

#include <inttypes.h>
#include <math.h>

#include "clade/json.h"

clade_status clade_series_write_csv(clade_ledger *ledger, clade_text *text)
{
    clade_series_row row = {0};
    bool found = true;
    clade_text_append(text, "child,images,seconds,hypervolume,front\n");
    for (uint64_t next = 0; found; next = row.child + 1) {
        CLADE_TRY(clade_ledger_get_series(ledger, next, &row, &found));
        if (!found)
            break;
        clade_text_append(text, "%" PRIu64 ",%" PRIu64 ",", row.child, row.images);
        if (isfinite(row.seconds))
            clade_text_append(text, "%.3f", row.seconds);
        clade_text_append(text, ",");
        clade_text_append_number(text, row.hypervolume);
        clade_text_append(text, ",%" PRIu64 "\n", row.front);
    }
    return clade_text_status(text);
}

clade_status clade_series_write_json(clade_ledger *ledger, clade_text *text)
{
    clade_series_row row = {0};
    bool found = true;
    clade_json_writer writer = clade_json_writer_to(text, true);
    clade_json_begin_object(&writer, NULL);
    clade_json_begin_array(&writer, "series");
    for (uint64_t next = 0; found; next = row.child + 1) {
        CLADE_TRY(clade_ledger_get_series(ledger, next, &row, &found));
        if (!found)
            break;
        clade_json_begin_object(&writer, NULL);
        clade_json_put_u64(&writer, "child", row.child);
        clade_json_put_u64(&writer, "images", row.images);
        clade_json_put_number(&writer, "seconds", row.seconds);
        clade_json_put_number(&writer, "hypervolume", row.hypervolume);
        clade_json_put_u64(&writer, "front", row.front);
        clade_json_end_object(&writer);
    }
    clade_json_end_array(&writer);
    clade_json_end_object(&writer);
    clade_text_append(text, "\n");
    return clade_text_status(text);
}

clade_status clade_series_write_table(clade_ledger *ledger, uint64_t committed, clade_text *text)
{
    enum { STEPS = 10 };
    uint64_t before = 0;
    for (uint64_t step = 1; step <= STEPS; step++) {
        clade_series_row row;
        bool found = false;
        const uint64_t children = committed * step / STEPS;
        if (children > before)
            CLADE_TRY(clade_ledger_last_series(ledger, children - 1, &row, &found));
        if (found && before == 0)
            clade_text_append(text, "| children | hypervolume | front | last change at child | after images | after "
                                    "seconds |\n|---|---|---|---|---|---|\n");
        if (!found)
            continue;
        clade_text_append(text, "| %" PRIu64 " | %.6f | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " |", children,
                          row.hypervolume, row.front, row.child, row.images);
        if (isfinite(row.seconds))
            clade_text_append(text, " %.1f", row.seconds);
        clade_text_append(text, " |\n");
        before = children;
    }
    return clade_text_status(text);
}
