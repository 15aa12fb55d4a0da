/* SHA-256 by OpenSSL's libcrypto, which uses the CPU's own instructions for it; XXH64 from its specification (Y. Collet,
 * "xxHash fast digest algorithm").
 *
 * Of libcrypto's two interfaces this is the older one. OpenSSL 3 calls it deprecated in favour of EVP, but an EVP
 * context lives on the heap and can fail to be made, and a hash that can fail would have to be checked in places that
 * cannot fail otherwise. Both run the same code. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "clade/hash.h"

#include <string.h>

#include <openssl/sha.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(clade_sha256) && _Alignof(SHA256_CTX) <= _Alignof(clade_sha256),
               "a clade_sha256 is what libcrypto's context lies in");
_Static_assert((int)CLADE_SHA256_BYTES == (int)SHA256_DIGEST_LENGTH, "both have 32 bytes");

static SHA256_CTX *context_of(clade_sha256 *hash)
{
    return (SHA256_CTX *)(void *)hash->opaque;
}

void clade_sha256_init(clade_sha256 *hash)
{
    SHA256_Init(context_of(hash));
}

void clade_sha256_update(clade_sha256 *hash, const void *data, size_t bytes)
{
    if (bytes > 0)
        SHA256_Update(context_of(hash), data, bytes);
}

void clade_sha256_final(clade_sha256 *hash, unsigned char digest[CLADE_SHA256_BYTES])
{
    SHA256_Final(digest, context_of(hash));
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
