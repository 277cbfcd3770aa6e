/*
 * str.h - counted text.
 *
 * A str borrows its bytes: whoever made them owns them. The bytes are UTF-8
 * unless a function says otherwise, and are not NUL-ended. {NULL, 0} is the
 * absent text; STR("") the empty one; both have len 0.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct arena;

struct str {
	const char *p;
	size_t len;
};

/* A str of a string literal. */
#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
/* For printf's "%.*s". Texts over INT_MAX are not printed this way. */
#define STR_ARG(s) (int)(s).len, (s).p

static inline struct str
str_of(const char *p, size_t len)
{
	return (struct str){ p, len };
}

/* The str of a NUL-ended text; NULL gives the absent one. */
static inline struct str
str_from(const char *cstr)
{
	return (struct str){ cstr, cstr ? strlen(cstr) : 0 };
}

static inline bool
str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool
str_is(struct str a, const char *cstr)
{
	return str_eq(a, str_from(cstr));
}

static inline bool
str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.p, prefix.p, prefix.len) == 0);
}

static inline bool
str_ends(struct str s, struct str suffix)
{
	return s.len >= suffix.len &&
	       (suffix.len == 0 || memcmp(s.p + s.len - suffix.len, suffix.p, suffix.len) == 0);
}

/* From byte `from` (at most s.len) to the end. */
static inline struct str
str_from_index(struct str s, size_t from)
{
	return from >= s.len ? str_of(s.p + s.len, 0) : str_of(s.p + from, s.len - from);
}

/* Equal but for the case of ASCII letters. */
bool str_eq_nocase(struct str a, struct str b);

/* Order by bytes, as strcmp: below, at or above 0. */
int str_cmp(struct str a, struct str b);

/* Index of the first byte c, or -1. */
ptrdiff_t str_find(struct str s, char c);

/* Index of the first place where needle stands, or -1. */
ptrdiff_t str_find_str(struct str s, struct str needle);

/* Without the ASCII white space at both ends. */
struct str str_trim(struct str s);

/*
 * Cut *rest at the first sep: give what stands before it, and leave in *rest
 * what stands behind it. Returns false when *rest was already used up.
 *
 *	struct str part, rest = STR("a,b");
 *	while (str_split(&rest, ',', &part)) ...
 */
bool str_split(struct str *rest, char sep, struct str *part);

/* Decimal digits with an optional '-'. Returns false when s is anything else
 * or does not fit. */
bool str_to_int(struct str s, int64_t *out);

/*
 * Copies in the arena, with a NUL behind the last byte, which is not counted.
 * {NULL, 0} when the arena is full.
 */
struct str str_dup(struct arena *a, struct str s);

/* A NUL-ended copy in the arena; NULL when the arena is full. */
char *str_cstr(struct arena *a, struct str s);

/* The parts, one behind the other, as str_dup() has them. */
struct str str_concat(struct arena *a, const struct str *parts, size_t count);

/* printf into the arena; {NULL, 0} when it is full. */
struct str str_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Compare secrets in a time that depends on their lengths only. */
bool str_eq_secret(struct str a, struct str b);

/*
 * How far apart two words are (Levenshtein, case folded), for suggestions;
 * more than limit is given as limit + 1. Words over 64 bytes: limit + 1.
 */
unsigned str_distance(struct str a, struct str b, unsigned limit);

#endif
