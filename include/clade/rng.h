/* Keyed random numbers: PCG64 DXSM (O'Neill 2014; NumPy's PCG64DXSM), used like a counter.
 *
 * A generator is a value; there is no global one. clade_rng_keyed derives an independent stream from a list of 64-bit
 * keys (seed, child, purpose, ...), so any rank can redo any draw. clade_rng_advance jumps, so draw i of a stream is
 * reachable in O(log i): masks (from clade_pcg32, below) are drawn per element index, never per tile or thread. */
#ifndef CLADE_RNG_H
#define CLADE_RNG_H

#include <stddef.h>
#include <stdint.h>

__extension__ typedef unsigned __int128 clade_uint128;

typedef struct clade_rng {
    clade_uint128 state, increment; /* increment is odd */
} clade_rng;

/* pcg's srandom: inc = (sequence << 1) | 1; state = 0; step; state += initial; step. */
clade_rng clade_rng_seeded(clade_uint128 initial, clade_uint128 sequence);
/* An independent stream per list of keys: two XXH64 of the keys' bytes under two seeds give state and sequence. The
 * order of keys matters; COUNT is part of the key. */
clade_rng clade_rng_keyed(const uint64_t *keys, size_t count);

uint64_t clade_rng_next(clade_rng *rng); /* 64 uniform bits; outputs the old state, as NumPy */
void clade_rng_advance(clade_rng *rng, clade_uint128 delta);
/* Uniform integer in [0, bound), by multiply-shift with rejection (Lemire); bound >= 1. Variable number of draws. */
uint64_t clade_rng_below(clade_rng *rng, uint64_t bound);
double clade_rng_uniform(clade_rng *rng); /* 53-bit double in [0, 1): (next >> 11) * 2^-53 */
/* Standard normal, exactly two draws (Box-Muller, cosine branch; u1 in (0,1]). Uses libm: same bits per platform only,
 * so never for weights. */
double clade_rng_normal(clade_rng *rng);

/* pcg32 XSH-RR 64/32 (O'Neill 2014): the draws of masks, one for each element, which vector units make side by side. */
typedef struct clade_pcg32 {
    uint64_t state, increment;
} clade_pcg32;
clade_pcg32 clade_pcg32_seeded(uint64_t initial, uint64_t sequence);
/* An independent stream per list of keys, as clade_rng_keyed. */
clade_pcg32 clade_pcg32_keyed(const uint64_t *keys, size_t count);
uint32_t clade_pcg32_next(clade_pcg32 *rng); /* many at once: fill_pcg32 in kernels.h */
void clade_pcg32_advance(clade_pcg32 *rng, uint64_t delta);
/* The T for which clade_pcg32_next is below T with probability P, to 2^-32; P in [0, 1]. */
static inline uint32_t clade_pcg32_threshold(double p)
{
    double scaled = p * 0x1p32 + 0.5;
    return scaled < 0x1p32 ? (uint32_t)scaled : UINT32_MAX;
}

#endif
