/* The PCG family from its published definition: M. O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically
 * Good Algorithms for Random Number Generation", 2014, and the DXSM output of NumPy's PCG64DXSM (64-bit multiplier in
 * the step, output taken from the old state). */
#include "clade/rng.h"

#include <math.h>

#include "clade/hash.h"

static const uint64_t dxsm_multiplier = 0xda942042e4dd58b5U;
static const uint64_t pcg32_multiplier = 6364136223846793005U;
static const uint64_t state_seed = 0, sequence_seed = 0x9e3779b97f4a7c15U; /* of keys: any two different numbers */

clade_rng clade_rng_seeded(clade_uint128 initial, clade_uint128 sequence)
{
    clade_rng rng = {.state = 0, .increment = (sequence << 1) | 1};
    clade_rng_next(&rng);
    rng.state += initial;
    clade_rng_next(&rng);
    return rng;
}

clade_rng clade_rng_keyed(const uint64_t *keys, size_t count)
{
    size_t bytes = count * sizeof *keys;
    return clade_rng_seeded(clade_xxh64(keys, bytes, state_seed), clade_xxh64(keys, bytes, sequence_seed));
}

static inline uint64_t output(clade_uint128 state)
{
    uint64_t high = (uint64_t)(state >> 64), low = (uint64_t)state | 1;
    high ^= high >> 32;
    high *= dxsm_multiplier;
    high ^= high >> 48;
    return high * low;
}

uint64_t clade_rng_next(clade_rng *rng)
{
    clade_uint128 state = rng->state;
    rng->state = state * dxsm_multiplier + rng->increment;
    return output(state);
}

/* Brown, "Random Number Generation with Arbitrary Strides", 1994: the step x -> m x + c composed with itself by
 * squaring. */
void clade_rng_advance(clade_rng *rng, clade_uint128 delta)
{
    clade_uint128 step_multiplier = dxsm_multiplier, step_increment = rng->increment;
    clade_uint128 multiplier = 1, increment = 0;
    for (; delta > 0; delta >>= 1) {
        if (delta & 1) {
            multiplier *= step_multiplier;
            increment = increment * step_multiplier + step_increment;
        }
        step_increment *= step_multiplier + 1;
        step_multiplier *= step_multiplier;
    }
    rng->state = multiplier * rng->state + increment;
}

/* Lemire, "Fast Random Integer Generation in an Interval", 2019: the high word of draw * bound, rejecting the low words
 * that would make some results more likely. */
uint64_t clade_rng_below(clade_rng *rng, uint64_t bound)
{
    clade_uint128 product = (clade_uint128)clade_rng_next(rng) * bound;
    if ((uint64_t)product < bound) {
        uint64_t rejected = (0 - bound) % bound;
        while ((uint64_t)product < rejected)
            product = (clade_uint128)clade_rng_next(rng) * bound;
    }
    return (uint64_t)(product >> 64);
}

double clade_rng_uniform(clade_rng *rng)
{
    return (double)(clade_rng_next(rng) >> 11) * 0x1p-53;
}

double clade_rng_normal(clade_rng *rng)
{
    static const double two_pi = 6.283185307179586476925286766559;
    double radius = (double)((clade_rng_next(rng) >> 11) + 1) * 0x1p-53; /* (0, 1]: its logarithm is finite */
    double turn = clade_rng_uniform(rng);
    return sqrt(-2 * log(radius)) * cos(two_pi * turn);
}

clade_pcg32 clade_pcg32_seeded(uint64_t initial, uint64_t sequence)
{
    clade_pcg32 rng = {.state = 0, .increment = (sequence << 1) | 1};
    clade_pcg32_next(&rng);
    rng.state += initial;
    clade_pcg32_next(&rng);
    return rng;
}

clade_pcg32 clade_pcg32_keyed(const uint64_t *keys, size_t count)
{
    size_t bytes = count * sizeof *keys;
    return clade_pcg32_seeded(clade_xxh64(keys, bytes, state_seed), clade_xxh64(keys, bytes, sequence_seed));
}

uint32_t clade_pcg32_next(clade_pcg32 *rng)
{
    uint64_t state = rng->state;
    rng->state = state * pcg32_multiplier + rng->increment;
    uint32_t shifted = (uint32_t)(((state >> 18) ^ state) >> 27);
    uint32_t turn = (uint32_t)(state >> 59);
    return (shifted >> turn) | (shifted << ((32 - turn) & 31));
}

void clade_pcg32_advance(clade_pcg32 *rng, uint64_t delta)
{
    uint64_t step_multiplier = pcg32_multiplier, step_increment = rng->increment;
    uint64_t multiplier = 1, increment = 0;
    for (; delta > 0; delta >>= 1) {
        if (delta & 1) {
            multiplier *= step_multiplier;
            increment = increment * step_multiplier + step_increment;
        }
        step_increment *= step_multiplier + 1;
        step_multiplier *= step_multiplier;
    }
    rng->state = multiplier * rng->state + increment;
}
