/* Order statistics by the digits of the keys (radix selection, most significant digit first). */
#include <string.h>

#include "merge/method/order_statistic.h"
#include "tensor/clones.h"

/* The digits, from the most significant one: 11, 11 and 10 bits. */
static const struct {
    unsigned shift, bits;
} digits[CLADE_ORDER_PASSES] = {{21, 11}, {10, 11}, {0, 10}};

/* Positive numbers: their bits with the sign bit set. Negative ones: their bits inverted. */
static inline uint32_t key_of(float x)
{
    float plus = x + 0.0F; /* -0 becomes +0 */
    uint32_t bits;
    memcpy(&bits, &plus, sizeof bits);
    uint32_t negative = 0 - (bits >> 31);
    return bits ^ (negative | UINT32_C(0x80000000));
}

uint32_t clade_order_key(float x)
{
    return key_of(x);
}

float clade_order_value(uint32_t key)
{
    uint32_t negative = (key >> 31) - 1, bits = key ^ (negative | UINT32_C(0x80000000));
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* After the first pass few numbers count, so groups without any are passed over. */
CLADE_CLONES
static void count_matching(uint32_t wanted, unsigned pass, size_t n, const float *x, uint32_t *counts)
{
    enum { GROUP = 32 };
    unsigned shift = digits[pass].shift, bits = digits[pass].bits;
    uint32_t mask = (UINT32_C(1) << bits) - 1, found[GROUP];
    for (size_t first = 0; first < n; first += GROUP) {
        size_t m = n - first < GROUP ? n - first : GROUP;
        uint32_t any = 0;
        for (size_t i = 0; i < m; i++) {
            found[i] = key_of(x[first + i]) >> shift;
            any |= found[i] >> bits == wanted;
        }
        for (size_t i = 0; i < m && any; i++)
            if (found[i] >> bits == wanted)
                counts[found[i] & mask]++;
    }
}

void clade_order_count(const clade_order_search *search, unsigned pass, size_t n, const float *x, uint32_t *counts)
{
    unsigned shift = digits[pass].shift, bits = digits[pass].bits;
    if (pass > 0) {
        count_matching(search->key >> shift >> bits, pass, n, x, counts);
        return;
    }
    for (size_t i = 0; i < n; i++)
        counts[key_of(x[i]) >> shift]++;
}

void clade_order_add(uint64_t *counts, const uint32_t *piece)
{
    for (size_t bucket = 0; bucket < CLADE_ORDER_BUCKETS; bucket++)
        counts[bucket] += piece[bucket];
}

void clade_order_narrow(clade_order_search *search, unsigned pass, const uint64_t *counts)
{
    uint32_t bucket = 0, last = (UINT32_C(1) << digits[pass].bits) - 1;
    for (; bucket < last && counts[bucket] <= search->rank; bucket++)
        search->rank -= counts[bucket];
    search->equal = counts[bucket];
    search->key |= bucket << digits[pass].shift;
}
