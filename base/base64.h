/*
 * base64.h - base64url without padding (RFC 4648, section 5).
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>

#include "base/str.h"

struct arena;

/* The text of some bytes, in the arena; {NULL, 0} when that is full. */
struct str base64url_encode(struct str bytes, struct arena *a);

/*
 * The bytes of a text, in the arena. false: it is none, has bits at its end that
 * mean nothing, or the arena is full.
 */
bool base64url_decode(struct str text, struct arena *a, struct str *out);

#endif
