/* Bits as a string of hex digits, two a byte, the lowest bit first: "0180" has bits 0 and 15. */
#include <string.h>

#include "clade/alloc.h"
#include "clade/json.h"

void clade_json_put_bits(clade_json_writer *writer, const char *key, const uint8_t *bits, size_t count)
{
    clade_text hex = {0};
    for (size_t i = 0; i < (count + 7) / 8; i++)
        clade_text_append(&hex, "%02x", bits[i]);
    clade_json_put_string(writer, key, clade_text_get(&hex));
    writer->text->failed = writer->text->failed || hex.failed;
    clade_text_free(&hex);
}

/* The value of a hex digit plus 1, or 0. A table: which digit is a letter is a coin toss, that no branch foresees. */
static const uint8_t hex_digits[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

bool clade_json_bits(const clade_json_at *at, size_t count, clade_problems *problems, uint8_t **out)
{
    const char *hex;
    *out = NULL;
    if (!clade_json_string(at, problems, &hex))
        return true;
    const size_t digits = strlen(hex), bytes = count / 8 + (count % 8 != 0);
    if (digits % 2 != 0 || digits / 2 != bytes) {
        clade_json_problem(at, problems, "found %zu digits, expected %zu for %zu items", digits, 2 * bytes, count);
        return true;
    }
    uint8_t *bits = *out = clade_calloc(bytes, 1);
    if (!bits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        const unsigned digit = hex_digits[(unsigned char)hex[i]];
        if (digit == 0) {
            clade_json_problem(at, problems, "found '%c' at %zu, expected 0-9 or a-f", hex[i], i);
            return true;
        }
        bits[i / 2] = (uint8_t)((unsigned)bits[i / 2] << 4 | (digit - 1));
    }
    if (count % 8 != 0 && bits[bytes - 1] >> (count % 8) != 0)
        clade_json_problem(at, problems, "found bits set beyond item %zu, the last", count - 1);
    return true;
}
