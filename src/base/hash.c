/* SHA-256 from FIPS 180-4, XXH64 from its specification (Y. Collet, "xxHash fast digest algorithm"). */
#include "clade/hash.h"

#include <string.h>

static const uint32_t sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate_right(uint32_t x, unsigned n)
{
    return (x >> n) | (x << (32 - n));
}

static void sha256_block(uint32_t state[8], const unsigned char *block)
{
    uint32_t w[64];
    for (size_t t = 0; t < 16; t++)
        w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 | (uint32_t)block[4 * t + 2] << 8 |
               (uint32_t)block[4 * t + 3];
    for (size_t t = 16; t < 64; t++) {
        uint32_t s0 = rotate_right(w[t - 15], 7) ^ rotate_right(w[t - 15], 18) ^ (w[t - 15] >> 3);
        uint32_t s1 = rotate_right(w[t - 2], 17) ^ rotate_right(w[t - 2], 19) ^ (w[t - 2] >> 10);
        w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (size_t t = 0; t < 64; t++) {
        uint32_t s1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
        uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + sha256_constants[t] + w[t];
        uint32_t s0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
        uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    const uint32_t added[8] = {a, b, c, d, e, f, g, h};
    for (size_t i = 0; i < 8; i++)
        state[i] += added[i];
}

void clade_sha256_init(clade_sha256 *hash)
{
    *hash = (clade_sha256){
        .state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void clade_sha256_update(clade_sha256 *hash, const void *data, size_t bytes)
{
    const unsigned char *next = data;
    size_t held = (size_t)(hash->bytes % 64);
    hash->bytes += bytes;
    if (held > 0) {
        size_t taken = bytes < 64 - held ? bytes : 64 - held;
        if (taken > 0)
            memcpy(hash->block + held, next, taken);
        if (held + taken < 64)
            return;
        sha256_block(hash->state, hash->block);
        next += taken;
        bytes -= taken;
    }
    for (; bytes >= 64; next += 64, bytes -= 64)
        sha256_block(hash->state, next);
    if (bytes > 0)
        memcpy(hash->block, next, bytes);
}

void clade_sha256_final(clade_sha256 *hash, unsigned char digest[CLADE_SHA256_BYTES])
{
    static const unsigned char padding[64] = {0x80};
    uint64_t bits = hash->bytes * 8;
    size_t held = (size_t)(hash->bytes % 64);
    clade_sha256_update(hash, padding, held < 56 ? 56 - held : 120 - held);
    unsigned char length[8];
    for (size_t i = 0; i < 8; i++)
        length[i] = (unsigned char)(bits >> (56 - 8 * i));
    clade_sha256_update(hash, length, 8);
    for (size_t i = 0; i < CLADE_SHA256_BYTES; i++)
        digest[i] = (unsigned char)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

void clade_sha256_hex(clade_sha256 *hash, char hex[CLADE_SHA256_HEX])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[CLADE_SHA256_BYTES];
    clade_sha256_final(hash, digest);
    for (size_t i = 0; i < CLADE_SHA256_BYTES; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[CLADE_SHA256_HEX - 1] = '\0';
}

static const uint64_t prime1 = 0x9e3779b185ebca87U, prime2 = 0xc2b2ae3d27d4eb4fU, prime3 = 0x165667b19e3779f9U;
static const uint64_t prime4 = 0x85ebca77c2b2ae63U, prime5 = 0x27d4eb2f165667c5U;

static uint64_t rotate_left(uint64_t x, unsigned n)
{
    return (x << n) | (x >> (64 - n));
}

/* Little-endian words; the library runs on little-endian machines only (see tensor/dtype.c). */
static uint64_t word64(const unsigned char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

static uint64_t word32(const unsigned char *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

static uint64_t xxh64_round(uint64_t lane, uint64_t word)
{
    return rotate_left(lane + word * prime2, 31) * prime1;
}

uint64_t clade_xxh64(const void *data, size_t bytes, uint64_t seed)
{
    const unsigned char *p = data;
    uint64_t hash = seed + prime5;
    size_t left = bytes;
    if (bytes >= 32) {
        uint64_t lanes[4] = {seed + prime1 + prime2, seed + prime2, seed, seed - prime1};
        for (; left >= 32; p += 32, left -= 32)
            for (size_t i = 0; i < 4; i++)
                lanes[i] = xxh64_round(lanes[i], word64(p + 8 * i));
        hash =
            rotate_left(lanes[0], 1) + rotate_left(lanes[1], 7) + rotate_left(lanes[2], 12) + rotate_left(lanes[3], 18);
        for (size_t i = 0; i < 4; i++)
            hash = (hash ^ xxh64_round(0, lanes[i])) * prime1 + prime4;
    }
    hash += bytes;
    for (; left >= 8; p += 8, left -= 8)
        hash = rotate_left(hash ^ xxh64_round(0, word64(p)), 27) * prime1 + prime4;
    if (left >= 4) {
        hash = rotate_left(hash ^ word32(p) * prime1, 23) * prime2 + prime3;
        p += 4;
        left -= 4;
    }
    for (; left > 0; p++, left--)
        hash = rotate_left(hash ^ *p * prime5, 11) * prime1;
    hash = (hash ^ hash >> 33) * prime2;
    hash = (hash ^ hash >> 29) * prime3;
    return hash ^ hash >> 32;
}

uint64_t clade_name_key(const char *name)
{
    return clade_xxh64(name, strlen(name), 0);
}
