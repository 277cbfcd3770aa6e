#include "base/percent.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/utf8.h"

/* Decode into to, which has room for s. Returns the length, or -1. */
static ptrdiff_t
decode(struct str s, bool plus, char *to, struct error *err)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c == '+' && plus) {
			c = ' ';
		} else if (c == '%') {
			if (s.len - i < 3 || !hex_decode(str_of(s.p + i + 1, 2), &c, 1))
				return error_set(err, ERROR_INVALID,
				    "there is a %% that two hex digits do not follow: write %%25 "
				    "for the character itself");
			i += 2;
		}
		to[n++] = c;
	}
	return (ptrdiff_t)n;
}

int
percent_decode(struct str s, bool plus, struct arena *a, struct str *out, struct error *err)
{
	*out = s;
	if (str_find(s, '%') >= 0 || (plus && str_find(s, '+') >= 0)) {
		char *to = arena_alloc_bytes(a, s.len + 1);
		ptrdiff_t n;

		if (!to)
			return error_set(err, ERROR_LIMIT, "the text is too long");
		n = decode(s, plus, to, err);
		if (n < 0)
			return -1;
		to[n] = '\0';
		*out = str_of(to, (size_t)n);
	}
	if (str_find(*out, '\0') >= 0)
		return error_set(err, ERROR_INVALID, "there is a NUL character (%%00)");
	if (!utf8_is_valid(*out))
		return error_set(err, ERROR_INVALID, "the text is not UTF-8 once decoded");
	return 0;
}

void
percent_encode(struct str s, struct buf *out)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		    c == '-' || c == '.' || c == '_' || c == '~')
			buf_put_byte(out, (char)c);
		else
			buf_put(out, (char[]){ '%', digits[c >> 4], digits[c & 15] }, 3);
	}
}
