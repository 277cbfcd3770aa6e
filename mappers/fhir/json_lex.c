#include "mappers/fhir/json_lex.h"

#include <limits.h>

#include "base/error.h"
#include "base/utf8.h"

#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u

static const char cut_short[] = "the text ends too early";

static inline uint64_t
load8(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	w = __builtin_bswap64(w);
#endif
	return w;
}

/*
 * Of eight bytes of a string, mark those that are not copied as they are: a
 * quote, a backslash, a control character, a byte over ASCII. Borrows can only
 * mark bytes above a byte rightly marked, so the lowest mark is right.
 */
static inline uint64_t
special8(uint64_t w)
{
	return (((w ^ ONES * '"') - ONES) | ((w ^ ONES * '\\') - ONES) | (w - ONES * ' ') | w) &
	       HIGHS;
}

void
json_lex_init(struct json_lex *x, struct str text)
{
	*x = (struct json_lex){ .p = text.p, .end = text.p + text.len, .start = text.p };
	if (str_starts(text, STR("\xef\xbb\xbf")))
		x->p += 3;
}

bool
json_fail(struct json_lex *x, const char *fault)
{
	if (!x->fault)
		x->fault = x->p == x->end ? cut_short : fault;
	return false;
}

void
json_long_space(struct json_lex *x)
{
	const char *p = x->p, *end = x->end;

	/* Mostly one line feed and an indentation. */
	if (p < end && *p == '\n')
		p++;
	while (end - p >= 8) {
		uint64_t w = load8(p) ^ ONES * ' ';

		if (w) {
			p += __builtin_ctzll(w) >> 3;
			break;
		}
		p += 8;
	}
	while (p < end && json_is_space(*p))
		p++;
	x->p = p;
}

static bool
hex4(const char *p, const char *end, uint32_t *out)
{
	uint32_t value = 0;

	if (end - p < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)p[i], letter = c | 0x20;

		if (c >= '0' && c <= '9')
			value = value << 4 | (c - '0');
		else if (letter >= 'a' && letter <= 'f')
			value = value << 4 | (letter - 'a' + 10u);
		else
			return false;
	}
	*out = value;
	return true;
}

/* The four hex digits behind "\u" at p, and a second escape when they are the
 * first half of a pair. */
static bool
unicode_escape(struct json_lex *x, uint32_t *out)
{
	uint32_t c, low;

	if (!hex4(x->p + 2, x->end, &c))
		return json_fail(x, "an escape \\u without four hex digits");
	if (c >= 0xd800 && c <= 0xdfff) {
		if (c > 0xdbff || x->end - x->p < 12 || x->p[6] != '\\' || x->p[7] != 'u' ||
		    !hex4(x->p + 8, x->end, &low) || low < 0xdc00 || low > 0xdfff)
			return json_fail(x, "a surrogate without its other half");
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		x->p += 6;
	}
	x->p += 6;
	*out = c;
	return true;
}

/* Of those, the two that XML does not allow (XML 1.0, 2.2). */
static inline bool
is_noncharacter(uint32_t c)
{
	return c == 0xfffe || c == 0xffff;
}

/* The escape whose backslash is at p. Returns the bytes put at out, 0: no. */
static size_t
escape(struct json_lex *x, char *out)
{
	static const char plain[UCHAR_MAX + 1] = {
		['"'] = '"',
		['\\'] = '\\',
		['/'] = '/',
		['b'] = '\b',
		['f'] = '\f',
		['n'] = '\n',
		['r'] = '\r',
		['t'] = '\t',
	};
	uint32_t c;

	if (x->end - x->p < 2) {
		x->p = x->end;
		json_fail(x, cut_short);
		return 0;
	}
	c = (unsigned char)plain[(unsigned char)x->p[1]];
	if (c) {
		x->p += 2;
	} else if (x->p[1] != 'u') {
		json_fail(x, "an escape that JSON does not have");
		return 0;
	} else if (!unicode_escape(x, &c)) {
		return 0;
	}
	x->control |= (c < ' ' && c != '\t' && c != '\n' && c != '\r') || is_noncharacter(c);
	return utf8_encode(c, out);
}

/* What is not copied as it is, at p; the quote excepted. Returns the bytes put
 * at out, 0: fault. */
static size_t
odd_bytes(struct json_lex *x, char *out)
{
	unsigned char c = (unsigned char)*x->p;
	uint32_t decoded;
	size_t n;

	if (c == '\\')
		return escape(x, out);
	if (c < ' ') {
		json_fail(x, "a control character inside a string");
		return 0;
	}
	n = utf8_decode(str_of(x->p, (size_t)(x->end - x->p)), &decoded);
	if (n == 0) {
		json_fail(x, "bytes that are not UTF-8");
		return 0;
	}
	x->control |= is_noncharacter(decoded);
	memcpy(out, x->p, n);
	x->p += n;
	return n;
}

bool
json_text(struct json_lex *x, char *out, size_t *len)
{
	const char *p = x->p + 1, *end = x->end;
	char *o = out;

	for (;;) {
		size_t n;

		while (end - p >= 8) {
			uint64_t w, marks;

			memcpy(o, p, 8);
			w = load8(p);
			marks = special8(w);
			if (marks) {
				n = (size_t)__builtin_ctzll(marks) >> 3;
				p += n;
				o += n;
				break;
			}
			p += 8;
			o += 8;
		}
		if (p == end) {
			x->p = p;
			return json_fail(x, cut_short);
		}
		if (*p == '"')
			break;
		if ((unsigned char)*p >= ' ' && (unsigned char)*p < 0x80 && *p != '\\') {
			*o++ = *p++;
			continue;
		}
		x->p = p;
		n = odd_bytes(x, o);
		if (n == 0)
			return false;
		p = x->p;
		o += n;
	}
	x->p = p + 1;
	*len = (size_t)(o - out);
	return true;
}

const char *
json_string_place(const char *p, size_t offset)
{
	for (p++; offset && *p != '"';) {
		size_t bytes = 1, text = 1;
		uint32_t c;

		if (*p == '\\' && p[1] != 'u') {
			bytes = 2;
		} else if (*p == '\\' && hex4(p + 2, p + 6, &c)) {
			bool pair = c >= 0xd800 && c <= 0xdfff;

			bytes = pair ? 12 : 6;
			text = pair ? 4 : c < 0x80 ? 1 : c < 0x800 ? 2 : 3;
		}
		if (text > offset)
			break;
		p += bytes;
		offset -= text;
	}
	return p;
}

bool
json_string_resume(struct json_lex *x)
{
	const char *p = x->p;

	while (p < x->end && *p != '"' && *p != '\n' && *p != '\r') {
		/* A broken escape may be one of the quote all the same. */
		if (*p == '\\' && x->end - p > 1 && p[1] != '\n' && p[1] != '\r')
			p++;
		p++;
	}
	if (p >= x->end || *p != '"')
		return false;
	for (p++; p < x->end && json_is_space(*p);)
		p++;
	if (p == x->end || (*p != ',' && *p != '}' && *p != ']'))
		return false;
	x->p = p;
	x->fault = NULL;
	return true;
}

/* As json_text(), the text not kept. */
static bool
skip_string(struct json_lex *x)
{
	char ignored[4];

	x->p++;
	for (;;) {
		while (x->end - x->p >= 8) {
			uint64_t marks = special8(load8(x->p));

			if (marks) {
				x->p += __builtin_ctzll(marks) >> 3;
				break;
			}
			x->p += 8;
		}
		if (x->p == x->end)
			return json_fail(x, cut_short);
		if (*x->p == '"')
			break;
		if ((unsigned char)*x->p >= ' ' && (unsigned char)*x->p < 0x80 && *x->p != '\\')
			x->p++;
		else if (odd_bytes(x, ignored) == 0)
			return false;
	}
	x->p++;
	return true;
}

static bool
digits(struct json_lex *x)
{
	const char *from = x->p;

	while (x->p < x->end && (unsigned char)(*x->p - '0') <= 9)
		x->p++;
	return x->p > from || json_fail(x, "a number without a digit where one must be");
}

bool
json_number(struct json_lex *x, struct str *out)
{
	const char *from = x->p;

	if (json_peek(x) == '-')
		x->p++;
	if (json_peek(x) == '0')
		x->p++;
	else if (!digits(x))
		return false;
	if (json_peek(x) == '.') {
		x->p++;
		if (!digits(x))
			return false;
	}
	if (json_peek(x) == 'e' || json_peek(x) == 'E') {
		x->p++;
		if (json_peek(x) == '+' || json_peek(x) == '-')
			x->p++;
		if (!digits(x))
			return false;
	}
	if (json_peek(x) >= '0' && json_peek(x) <= '9')
		return json_fail(x, "a number with a leading zero");
	*out = str_of(from, (size_t)(x->p - from));
	return true;
}

bool
json_word(struct json_lex *x, struct str word)
{
	size_t left = (size_t)(x->end - x->p);

	if (left < word.len && memcmp(x->p, word.p, left) == 0) {
		x->p = x->end;
		return json_fail(x, cut_short);
	}
	if (left < word.len || memcmp(x->p, word.p, word.len) != 0)
		return json_fail(x, "neither a string, a number, an object, an array, true, "
				    "false nor null");
	x->p += word.len;
	return true;
}

/* A value that is neither array nor object. */
static bool
skip_scalar(struct json_lex *x)
{
	struct str ignored;

	switch (json_peek(x)) {
	case '"':
		return skip_string(x);
	case 't':
		return json_word(x, STR("true"));
	case 'f':
		return json_word(x, STR("false"));
	case 'n':
		return json_word(x, STR("null"));
	case '-':
	case '0' ... '9':
		return json_number(x, &ignored);
	default:
		return json_fail(x, "neither a string, a number, an object, an array, true, "
				    "false nor null");
	}
}

static bool
skip_name(struct json_lex *x)
{
	if (json_peek(x) != '"')
		return json_fail(x, "a member's name must stand here, in quotes");
	return skip_string(x) && (json_take(x, ':') || json_fail(x, "a colon must stand here"));
}

/*
 * Without recursion: one bit a level tells objects from arrays.
 */
bool
json_skip(struct json_lex *x)
{
	uint64_t objects[JSON_DEPTH / 64] = { 0 };
	unsigned depth = 0;

	for (;;) {
		char c = json_peek(x);

		if (c == '{' || c == '[') {
			bool object = c == '{';

			if (depth == JSON_DEPTH) {
				x->too_deep = true;
				return json_fail(x, "values nested deeper than the limit");
			}
			if (object)
				objects[depth / 64] |= UINT64_C(1) << depth % 64;
			else
				objects[depth / 64] &= ~(UINT64_C(1) << depth % 64);
			depth++;
			x->p++;
			json_space(x);
			if (json_peek(x) != (object ? '}' : ']')) {
				if (object && !skip_name(x))
					return false;
				continue;
			}
		} else if (!skip_scalar(x)) {
			return false;
		}
		for (;;) { /* behind a value, or at the end of what holds it */
			bool object;

			if (depth == 0)
				return true;
			object = objects[(depth - 1) / 64] >> (depth - 1) % 64 & 1;
			json_space(x);
			c = json_peek(x);
			if (c == ',') {
				json_take(x, ',');
				if (object && !skip_name(x))
					return false;
				break;
			}
			if (c != (object ? '}' : ']'))
				return json_fail(x, object ? "a comma or } must stand here"
							   : "a comma or ] must stand here");
			x->p++;
			depth--;
		}
	}
}

int
json_check(struct str text, struct error *err)
{
	struct json_lex x;

	json_lex_init(&x, text);
	json_space(&x);
	if (json_skip(&x)) {
		json_space(&x);
		if (x.p == x.end)
			return 0;
		json_fail(&x, "something behind the end of the value");
	}
	return error_set(err, x.too_deep ? ERROR_LIMIT : ERROR_INVALID,
	    "cannot read JSON: at byte %zu: %s", (size_t)(x.p - x.start), x.fault);
}
