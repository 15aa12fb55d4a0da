#include "search/failures.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "search/ledger_file.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The length of the number at C: digits, fractions ("0.5", and versions like "1.2.3"), an exponent. */
static size_t number_length(const char *c)
{
    size_t n = 0;
    while (is_digit(c[n]) || (n > 0 && c[n] == '.' && is_digit(c[n + 1])))
        n++;
    if (n > 0 && (c[n] == 'e' || c[n] == 'E')) {
        const size_t sign = c[n + 1] == '+' || c[n + 1] == '-';
        size_t digits = 0;
        while (is_digit(c[n + 1 + sign + digits]))
            digits++;
        if (digits > 0)
            n += 1 + sign + digits;
    }
    return n;
}

void clade_failure_pattern(const char *reason, clade_text *pattern)
{
    for (const char *c = reason; *c != '\0';) {
        const bool in_word = c > reason && (isalnum((unsigned char)c[-1]) || c[-1] == '_');
        const size_t length = in_word ? 0 : number_length(c);
        clade_text_append_bytes(pattern, length > 0 ? "N" : c, 1);
        c += length > 0 ? length : 1;
    }
}

/* One more of KIND. */
static clade_status count_one(clade_failure_kind *kind, const char *reason)
{
    kind->count++;
    if (strcmp(clade_text_get(&kind->reason), reason) == 0 ||
        strcmp(clade_text_get(&kind->reason), clade_text_get(&kind->pattern)) == 0)
        return CLADE_OK;
    clade_text_clear(&kind->reason);
    clade_text_append(&kind->reason, "%s", clade_text_get(&kind->pattern));
    return clade_text_status(&kind->reason);
}

clade_status clade_failures_add(clade_failures *failures, uint64_t child, const char *reason)
{
    clade_text pattern = {0};
    clade_failure_pattern(reason, &pattern);
    clade_status status = clade_text_status(&pattern);
    size_t k = 0;
    while (status == CLADE_OK && k < failures->count &&
           strcmp(clade_text_get(&failures->kinds[k].pattern), clade_text_get(&pattern)) != 0)
        k++;
    if (status == CLADE_OK && k < failures->count) {
        status = count_one(&failures->kinds[k], reason);
    } else if (status == CLADE_OK && k == CLADE_MAX_FAILURE_KINDS) {
        failures->others++;
    } else if (status == CLADE_OK) {
        clade_failure_kind *kind = &failures->kinds[failures->count++];
        *kind = (clade_failure_kind){.pattern = pattern, .count = 1, .first_child = child}; /* moved */
        pattern = (clade_text){0};
        clade_text_append(&kind->reason, "%s", reason);
        status = clade_text_status(&kind->reason);
    }
    clade_text_free(&pattern);
    return status;
}

static int by_count(const void *a, const void *b)
{
    const clade_failure_kind *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return (x->first_child > y->first_child) - (x->first_child < y->first_child);
}

clade_status clade_failures_read(clade_ledger *ledger, clade_failures *failures)
{
    clade_text reason = {0};
    clade_status status = CLADE_OK;
    clade_query query = clade_query_begin(ledger->db, "SELECT e.child, e.reason FROM evaluations e JOIN commits c ON "
                                                      "c.child = e.child WHERE c.failed AND e.split = 'search' "
                                                      "ORDER BY e.child");
    while (status == CLADE_OK && clade_query_row(&query)) {
        clade_query_text(&query, 1, &reason);
        status = clade_failures_add(failures, (uint64_t)clade_query_integer(&query, 0), clade_text_get(&reason));
    }
    const clade_status asked = clade_query_end(&query);
    clade_text_free(&reason);
    qsort(failures->kinds, failures->count, sizeof *failures->kinds, by_count);
    return status == CLADE_OK ? asked : status;
}

void clade_failures_fini(clade_failures *failures)
{
    for (size_t k = 0; k < failures->count; k++) {
        clade_text_free(&failures->kinds[k].reason);
        clade_text_free(&failures->kinds[k].pattern);
    }
    *failures = (clade_failures){0};
}

static void put_kind(clade_json_writer *writer, const char *reason, uint64_t count)
{
    clade_json_begin_object(writer, NULL);
    clade_json_put_string(writer, "reason", reason);
    clade_json_put_u64(writer, "count", count);
}

void clade_failures_json(const clade_failures *failures, clade_json_writer *writer)
{
    clade_json_begin_array(writer, "failures");
    for (size_t k = 0; k < failures->count; k++) {
        put_kind(writer, clade_text_get(&failures->kinds[k].reason), failures->kinds[k].count);
        clade_json_put_u64(writer, "first_child", failures->kinds[k].first_child);
        clade_json_end_object(writer);
    }
    if (failures->others > 0) {
        put_kind(writer, "other reasons", failures->others);
        clade_json_put_null(writer, "first_child");
        clade_json_end_object(writer);
    }
    clade_json_end_array(writer);
}
