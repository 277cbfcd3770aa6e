#include "profiles/fhirpath_lex.h"

#include "base/arena.h"
#include "base/utf8.h"

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool
starts_name(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int
peek(const struct parser *p, size_t i)
{
	return i < p->in.len ? (unsigned char)p->in.p[i] : -1;
}

int
lex_fail(struct parser *p, uint32_t at, const char *why)
{
	return syntax_error(p->err, p->in, at, "%s", why);
}

/* Skip white space and comments; -1 when a comment has no end. */
static int
skip_space(struct parser *p, size_t *i)
{
	for (;;) {
		int c = peek(p, *i);

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			++*i;
		} else if (c == '/' && peek(p, *i + 1) == '/') {
			while (*i < p->in.len && p->in.p[*i] != '\n')
				++*i;
		} else if (c == '/' && peek(p, *i + 1) == '*') {
			ptrdiff_t end = str_find_str(str_from_index(p->in, *i + 2), STR("*/"));

			if (end < 0)
				return lex_fail(p, (uint32_t)*i, "this comment has no end");
			*i += 4 + (size_t)end;
		} else {
			return 0;
		}
	}
}

/* The character of \uXXXX at s; false when it is none. */
static bool
read_unicode(struct str s, uint32_t *out)
{
	*out = 0;
	if (s.len < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		int c = s.p[i], v = is_digit(c) ? c - '0' : (c | 32) - 'a' + 10;

		if (!is_digit(c) && ((c | 32) < 'a' || (c | 32) > 'f'))
			return false;
		*out = *out << 4 | (uint32_t)v;
	}
	return true;
}

/* A quoted text from in[*i], its opening quote, free of escapes. */
static int
read_quoted(struct parser *p, size_t *i, struct str *out)
{
	static const char from[] = "tnrf", to[] = "\t\n\r\f";
	uint32_t at = (uint32_t)*i, unit;
	char quote = p->in.p[*i], *text = arena_alloc_bytes(p->arena, p->in.len - *i);
	size_t n = 0;

	if (!text)
		return lex_fail(p, at, "the expression needs too much memory");
	for (++*i; *i < p->in.len; ++*i) {
		char c = p->in.p[*i];
		const char *f;

		if (c == quote) {
			++*i;
			*out = str_of(text, n);
			return 0;
		}
		if (c != '\\') {
			text[n++] = c;
			continue;
		}
		c = (char)peek(p, ++*i);
		f = *i < p->in.len && c ? strchr(from, c) : NULL;
		if (f) {
			text[n++] = to[f - from];
		} else if (c == 'u' && read_unicode(str_from_index(p->in, *i + 1), &unit)) {
			if (unit >= 0xd800 && unit <= 0xdfff)
				return lex_fail(p, (uint32_t)*i - 1, "half of a surrogate pair");
			n += utf8_encode(unit, text + n);
			*i += 4;
		} else if (c == '\\' || c == '/' || c == '\'' || c == '"' || c == '`') {
			text[n++] = c;
		} else {
			return lex_fail(p, (uint32_t)*i - 1, "there is no such escape");
		}
	}
	return lex_fail(p, at, "this text has no closing quote");
}

/* As many as most digits; how many there are. */
static size_t
count_digits(const struct parser *p, size_t i, size_t most)
{
	size_t n = 0;

	while (n < most && is_digit(peek(p, i + n)))
		n++;
	return n;
}

/* hh(:mm(:ss(.f+)?)?)? from in[*i]; false when there is none. */
static bool
read_clock(const struct parser *p, size_t *i)
{
	if (count_digits(p, *i, 2) != 2)
		return false;
	*i += 2;
	for (int part = 0; part < 2; part++) {
		if (peek(p, *i) != ':' || count_digits(p, *i + 1, 2) != 2)
			return true;
		*i += 3;
	}
	if (peek(p, *i) == '.' && is_digit(peek(p, *i + 1)))
		*i += 1 + count_digits(p, *i + 1, p->in.len);
	return true;
}

static bool
read_zone(const struct parser *p, size_t *i)
{
	int c = peek(p, *i);

	if (c == 'Z') {
		++*i;
	} else if ((c == '+' || c == '-') && count_digits(p, *i + 1, 2) == 2 &&
		   peek(p, *i + 3) == ':' && count_digits(p, *i + 4, 2) == 2) {
		*i += 6;
	} else {
		return false;
	}
	return true;
}

/* @2015-02-04T14:34:28Z and the like, from in[*i], the @. */
static int
read_moment(struct parser *p, size_t *i, struct token *t)
{
	size_t first = ++*i;

	if (peek(p, *i) == 'T') {
		first = ++*i;
		t->kind = TOKEN_TIME;
		if (!read_clock(p, i))
			return lex_fail(p, t->at, "expected a time as @T14:30");
		if (read_zone(p, i))
			return lex_fail(p, t->at, "a time has no time zone");
	} else {
		t->kind = TOKEN_DATE;
		if (count_digits(p, *i, 4) != 4)
			return lex_fail(p, t->at, "expected a date as @2015-02-04");
		*i += 4;
		for (int part = 0; part < 2; part++)
			if (peek(p, *i) == '-' && count_digits(p, *i + 1, 2) == 2)
				*i += 3;
		if (peek(p, *i) == 'T') {
			++*i;
			t->kind = TOKEN_DATETIME;
			if (read_clock(p, i))
				read_zone(p, i);
		}
	}
	t->text = str_of(p->in.p + first, *i - first);
	return 0;
}

static void
read_number(const struct parser *p, size_t *i, struct token *t)
{
	size_t first = *i;

	*i += count_digits(p, *i, p->in.len);
	while (first + 1 < *i && p->in.p[first] == '0')
		first++; /* 007 is 7 */
	t->kind = TOKEN_INTEGER;
	if (peek(p, *i) == '.' && is_digit(peek(p, *i + 1))) {
		t->kind = TOKEN_DECIMAL;
		*i += 1 + count_digits(p, *i + 1, p->in.len);
	}
	t->text = str_of(p->in.p + first, *i - first);
}

static struct str
read_word(const struct parser *p, size_t *i)
{
	size_t first = *i;

	while (starts_name(peek(p, *i)) || is_digit(peek(p, *i)))
		++*i;
	return str_of(p->in.p + first, *i - first);
}

/* The name of a constant. Those of value sets and extensions may stand without
 * quotes, as they are written in prose: %vs-name, %ext-name. */
static struct str
read_constant(const struct parser *p, size_t *i)
{
	size_t first = *i;
	struct str word = read_word(p, i);

	if ((str_is(word, "vs") || str_is(word, "ext")) && peek(p, *i) == '-' &&
	    starts_name(peek(p, *i + 1)))
		while (starts_name(peek(p, *i)) || is_digit(peek(p, *i)) || peek(p, *i) == '-' ||
		       (peek(p, *i) == '.' && is_digit(peek(p, *i + 1))))
			++*i;
	return str_of(p->in.p + first, *i - first);
}

static int
read_symbol(struct parser *p, size_t *i, struct token *t)
{
	static const char *const symbols[] = { "<=", ">=", "!=", "!~", "<", ">", "=", "~", "+", "-",
		"*", "/", "&", "|", ".", ",", "(", ")", "[", "]", "{", "}" };

	t->kind = TOKEN_SYMBOL;
	for (size_t k = 0; k < sizeof(symbols) / sizeof(symbols[0]); k++) {
		if (!str_starts(str_from_index(p->in, *i), str_from(symbols[k])))
			continue;
		t->text = str_from(symbols[k]);
		*i += t->text.len;
		return 0;
	}
	return lex_fail(p, t->at, "this character has no meaning here");
}

int
lex_next(struct parser *p)
{
	size_t i = p->now.end;
	struct token t = { 0 };
	int c, rc = 0;

	if (skip_space(p, &i))
		return -1;
	t.at = (uint32_t)i;
	c = peek(p, i);
	if (c < 0) {
		t.kind = TOKEN_END;
	} else if (starts_name(c)) {
		t.kind = TOKEN_NAME;
		t.text = read_word(p, &i);
	} else if (is_digit(c)) {
		read_number(p, &i, &t);
	} else if (c == '\'' || c == '`') {
		t.kind = c == '`' ? TOKEN_QUOTED : TOKEN_STRING;
		rc = read_quoted(p, &i, &t.text);
	} else if (c == '@') {
		rc = read_moment(p, &i, &t);
	} else if (c == '$') {
		t.kind = TOKEN_VARIABLE;
		i++;
		t.text = read_word(p, &i);
	} else if (c == '%') {
		t.kind = TOKEN_CONSTANT;
		i++;
		if (peek(p, i) == '\'' || peek(p, i) == '`' || peek(p, i) == '"')
			rc = read_quoted(p, &i, &t.text);
		else
			t.text = read_constant(p, &i);
	} else {
		rc = read_symbol(p, &i, &t);
	}
	t.end = (uint32_t)i;
	p->now = t;
	return rc;
}
