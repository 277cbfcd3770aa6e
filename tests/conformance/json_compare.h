/*
 * json_compare.h - whether two texts are the same JSON, judged by Jansson:
 * white space, escapes and the order of members do not count, the digits of
 * numbers do (they are turned into strings before Jansson sees them).
 */
#ifndef TESTS_CONFORMANCE_JSON_COMPARE_H
#define TESTS_CONFORMANCE_JSON_COMPARE_H

#include <jansson.h>

#include "base/buf.h"

/* Copy text, each number outside of strings as "=digits" in quotes. */
static inline void
quote_numbers(struct str text, struct buf *out)
{
	bool inside = false;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];

		if (inside) {
			buf_put_byte(out, c);
			if (c == '\\' && i + 1 < text.len)
				buf_put_byte(out, text.p[++i]);
			inside = c != '"';
		} else if (c == '-' || (c >= '0' && c <= '9')) {
			buf_puts(out, "\"=");
			while (i < text.len && memchr("+-.eE0123456789", text.p[i], 15))
				buf_put_byte(out, text.p[i++]);
			buf_put_byte(out, '"');
			i--;
		} else {
			inside = c == '"';
			buf_put_byte(out, c);
		}
	}
}

static inline json_t *
load_exactly(struct str text)
{
	struct buf quoted;
	json_t *j;

	buf_init(&quoted, SIZE_MAX);
	quote_numbers(text, &quoted);
	j = json_loadb(quoted.p, quoted.len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
	buf_release(&quoted);
	return j;
}

static inline bool
json_same(struct str a, struct str b)
{
	json_t *x = load_exactly(a), *y = load_exactly(b);
	bool same = x && y && json_equal(x, y);

	json_decref(x);
	json_decref(y);
	return same;
}

#endif
