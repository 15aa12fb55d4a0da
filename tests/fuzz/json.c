/* Whatever the bytes: no crash, no leak, and what is accepted prints to a text that is accepted and prints the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const clade_json_at *at, clade_problems *problems)
{
    double number;
    int64_t integer;
    uint64_t natural;
    clade_json_number(at, problems, 0, 1, &number);
    clade_json_integer(at, problems, 0, 9, &integer);
    clade_json_u64(at, problems, &natural);
    for (size_t i = 0; i < clade_json_size(at); i++) {
        clade_json_at item = clade_json_item(at, i);
        walk(&item, problems);
    }
}

static clade_status print(const char *data, size_t size, clade_text *out)
{
    clade_json *document;
    CLADE_TRY(clade_json_parse(data, size, "fuzz", CLADE_EINPUT, &document));
    clade_json_at root = clade_json_root(document);
    clade_problems problems = {0};
    walk(&root, &problems);
    clade_text_free(&problems.text);
    clade_json_print(&root, out);
    clade_json_free(document);
    return CLADE_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    clade_text once = {0}, twice = {0};
    if (print((const char *)data, size, &once) == CLADE_OK)
        if (print(once.data, once.length, &twice) != CLADE_OK || strcmp(once.data, twice.data) != 0)
            abort();
    clade_text_free(&once);
    clade_text_free(&twice);
    if (clade_alloc_live() != 0)
        abort();
    return 0;
}
