/* UTF-8, as table 3-7 of Unicode 15 has it (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef CLADE_UTF8_H
#define CLADE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The bytes of the character at TEXT, of which LEFT >= 1 bytes are there, its code in *CODE; 0: it is none. */
size_t clade_utf8_decode(const char *text, size_t left, uint32_t *code);
/* CODE, a Unicode scalar value, into OUT; returns the bytes. Law: decode gives CODE back. */
size_t clade_utf8_encode(uint32_t code, char out[4]);
/* The index of the first byte that is not part of valid UTF-8, or SIZE. */
size_t clade_utf8_valid(const char *text, size_t size);

#endif
