/*
 * hash.h - hashing.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum {
	SHA256_BYTES = 32,
};

/* XXH3, 64 bits: stable across machines and versions, so it may be stored. */
uint64_t hash64(struct str s, uint64_t seed);

/* SHA-256 (FIPS 180-4). */
void sha256(struct str s, uint8_t out[SHA256_BYTES]);

/* The same over several pieces in a row. */
void sha256_parts(const struct str *parts, size_t count, uint8_t out[SHA256_BYTES]);

/* len bytes nobody can guess. Ends the program when the system has none. */
void random_bytes(void *out, size_t len);

/* Lower-case hex of len bytes into out (2 * len characters and a NUL). */
void hex_encode(const void *bytes, size_t len, char *out);

/* Back; false when hex is not exactly 2 * len hex digits. */
bool hex_decode(struct str hex, void *out, size_t len);

/*
 * A new UUID (RFC 9562, version 7), 36 characters and a NUL: the time in
 * milliseconds, so that those made together stand together in an index, and 74
 * random bits.
 */
void uuid_make(char out[37]);

/* The UUID (version 8) that belongs to the text: the same each time. */
void uuid_of(struct str text, char out[37]);

#endif
