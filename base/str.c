#include "base/str.h"

#include <stdarg.h>

#include <openssl/crypto.h>

#include "base/arena.h"

static inline char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool
str_eq_nocase(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

int
str_cmp(struct str a, struct str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	if (c)
		return c;
	return (a.len > b.len) - (a.len < b.len);
}

ptrdiff_t
str_find(struct str s, char c)
{
	const char *p = s.len ? memchr(s.p, c, s.len) : NULL;

	return p ? p - s.p : -1;
}

ptrdiff_t
str_find_str(struct str s, struct str needle)
{
	const char *p;

	if (needle.len == 0)
		return 0;
	if (s.len < needle.len)
		return -1;
	p = memmem(s.p, s.len, needle.p, needle.len);
	return p ? p - s.p : -1;
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str
str_trim(struct str s)
{
	while (s.len && is_space(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len && is_space(s.p[s.len - 1]))
		s.len--;
	return s;
}

bool
str_split(struct str *rest, char sep, struct str *part)
{
	ptrdiff_t at;

	if (!rest->p)
		return false;
	at = str_find(*rest, sep);
	if (at < 0) {
		*part = *rest;
		*rest = (struct str){ NULL, 0 };
		return true;
	}
	*part = str_of(rest->p, (size_t)at);
	*rest = str_from_index(*rest, (size_t)at + 1);
	return true;
}

bool
str_to_int(struct str s, int64_t *out)
{
	bool negative = s.len && s.p[0] == '-';
	uint64_t limit = (uint64_t)INT64_MAX + negative;
	uint64_t n = 0;

	if (s.len == (size_t)negative)
		return false;
	for (size_t i = negative; i < s.len; i++) {
		unsigned d = (unsigned)(s.p[i] - '0');

		if (d > 9 || n > (limit - d) / 10)
			return false;
		n = n * 10 + d;
	}
	*out = negative ? (int64_t)(0 - n) : (int64_t)n;
	return true;
}

struct str
str_dup(struct arena *a, struct str s)
{
	char *p = str_cstr(a, s);

	return p ? str_of(p, s.len) : (struct str){ NULL, 0 };
}

char *
str_cstr(struct arena *a, struct str s)
{
	char *p = s.len < SIZE_MAX ? arena_alloc_bytes(a, s.len + 1) : NULL;

	if (!p)
		return NULL;
	if (s.len)
		memcpy(p, s.p, s.len);
	p[s.len] = '\0';
	return p;
}

struct str
str_printf(struct arena *a, const char *fmt, ...)
{
	char short_text[256];
	va_list ap;
	int n;
	char *p;

	va_start(ap, fmt);
	n = vsnprintf(short_text, sizeof(short_text), fmt, ap);
	va_end(ap);
	if (n < 0)
		return (struct str){ NULL, 0 };
	if ((size_t)n < sizeof(short_text))
		return str_dup(a, str_of(short_text, (size_t)n));
	p = arena_alloc_bytes(a, (size_t)n + 1);
	if (!p)
		return (struct str){ NULL, 0 };
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return str_of(p, (size_t)n);
}

struct str
str_concat(struct arena *a, const struct str *parts, size_t count)
{
	size_t len = 0;
	char *p, *to;

	for (size_t i = 0; i < count; i++)
		if (__builtin_add_overflow(len, parts[i].len, &len))
			return (struct str){ NULL, 0 };
	p = to = arena_alloc_bytes(a, len + 1);
	if (!p)
		return (struct str){ NULL, 0 };
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len)
			memcpy(to, parts[i].p, parts[i].len);
		to += parts[i].len;
	}
	*to = '\0';
	return str_of(p, len);
}

bool
str_eq_secret(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.p, b.p, a.len) == 0);
}

unsigned
str_distance(struct str a, struct str b, unsigned limit)
{
	unsigned row[65];

	if (a.len > 64 || b.len > 64)
		return limit + 1;
	for (size_t j = 0; j <= b.len; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= a.len; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b.len; j++) {
			unsigned above = row[j], best = diagonal;

			if (lower(a.p[i - 1]) != lower(b.p[j - 1]))
				best++;
			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[b.len] > limit ? limit + 1 : row[b.len];
}
