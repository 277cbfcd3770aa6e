/*
 * utf8.h - UTF-8 (RFC 3629).
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/*
 * Decode the character at the start of s. Returns its length in bytes and sets
 * *out; 0 when s is empty or does not start with a well-formed character (no
 * surrogates, no overlong forms, nothing over U+10FFFF).
 */
size_t utf8_decode(struct str s, uint32_t *out);

/* Write c to out (room for 4 bytes). Returns the length. c must be a scalar
 * value. */
size_t utf8_encode(uint32_t c, char *out);

/* Length of the longest well-formed start of s: s.len when all of it is. */
size_t utf8_valid_prefix(struct str s);

static inline bool
utf8_is_valid(struct str s)
{
	return utf8_valid_prefix(s) == s.len;
}

#endif
