/*
 * percent.h - percent-encoding (RFC 3986, section 2.1).
 */
#ifndef BASE_PERCENT_H
#define BASE_PERCENT_H

#include <stdbool.h>

#include "base/str.h"

struct arena;
struct buf;
struct error;

/*
 * Decode %XX, and + as a blank when plus (application/x-www-form-urlencoded).
 * The result may be s itself. Returns 0; -1 with *err set when a % is not
 * followed by two hex digits, the text decoded holds a NUL or is not UTF-8, or
 * the arena is full (ERROR_LIMIT).
 */
int percent_decode(struct str s, bool plus, struct arena *a, struct str *out, struct error *err);

/* Append s with everything but RFC 3986's unreserved characters as %XX. */
void percent_encode(struct str s, struct buf *out);

#endif
