/* Hashes: SHA-256 (FIPS 180-4) for identities (recipes, files, runs), XXH64 for keys. */
#ifndef CLADE_HASH_H
#define CLADE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* A plain value: it may be copied to go on from the same prefix twice, and holds nothing that would have to be freed. */
typedef struct clade_sha256 {
    uint64_t opaque[14];
} clade_sha256;

enum { CLADE_SHA256_BYTES = 32, CLADE_SHA256_HEX = 65 }; /* HEX counts the NUL */

void clade_sha256_init(clade_sha256 *hash);
void clade_sha256_update(clade_sha256 *hash, const void *data, size_t bytes);
void clade_sha256_final(clade_sha256 *hash, unsigned char digest[CLADE_SHA256_BYTES]);
/* Lower-case hex of the digest, NUL-terminated. */
void clade_sha256_hex(clade_sha256 *hash, char hex[CLADE_SHA256_HEX]);

uint64_t clade_xxh64(const void *data, size_t bytes, uint64_t seed);
/* clade_xxh64 of a NUL-terminated name with seed 0: the key of a tensor, a parent, a task. */
uint64_t clade_name_key(const char *name);

#endif
