#include "profiles/lexical.h"

#include "base/clock.h"

enum {
	STRING_MOST = 1024 * 1024, /* characters of a string (R4, string) */
	ID_MOST = 64,
};

/* A text that is read from its start. */
struct scan {
	const unsigned char *p, *end;
};

static bool
is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static bool
take(struct scan *s, char c)
{
	if (s->p == s->end || *s->p != (unsigned char)c)
		return false;
	s->p++;
	return true;
}

/* One or more digits. */
static bool
take_digits(struct scan *s)
{
	const unsigned char *from = s->p;

	while (s->p < s->end && is_digit(*s->p))
		s->p++;
	return s->p > from;
}

/* Exactly n digits, with their value. */
static bool
take_number(struct scan *s, unsigned n, unsigned *out)
{
	unsigned value = 0;

	if ((size_t)(s->end - s->p) < n)
		return false;
	for (unsigned i = 0; i < n; i++, s->p++) {
		if (!is_digit(*s->p))
			return false;
		value = value * 10 + (*s->p - '0');
	}
	*out = value;
	return true;
}

/* 0, or digits that do not start with 0. */
static bool
take_whole(struct scan *s)
{
	if (take(s, '0'))
		return true;
	return s->p < s->end && *s->p != '0' && take_digits(s);
}

static bool
is_decimal(struct scan *s)
{
	take(s, '-');
	if (!take_whole(s))
		return false;
	if (take(s, '.') && !take_digits(s))
		return false;
	if (take(s, 'e') || take(s, 'E')) {
		if (!take(s, '+'))
			take(s, '-');
		if (!take_digits(s))
			return false;
	}
	return s->p == s->end;
}

/* -?(0|[1-9][0-9]*) from least to most, by text: any number of digits. */
static bool
is_integer(struct str text, int64_t least, int64_t most)
{
	struct scan s = { (const unsigned char *)text.p, (const unsigned char *)text.p + text.len };
	int64_t value;

	take(&s, '-');
	return take_whole(&s) && s.p == s.end && str_to_int(text, &value) && value >= least &&
	       value <= most;
}

/* YYYY, YYYY-MM or YYYY-MM-DD; gives how many of the three there are. */
static unsigned
take_date(struct scan *s)
{
	unsigned year, month, day;

	if (!take_number(s, 4, &year) || year == 0)
		return 0;
	if (!take(s, '-'))
		return 1;
	if (!take_number(s, 2, &month) || month < 1 || month > 12)
		return 0;
	if (!take(s, '-'))
		return 2;
	if (!take_number(s, 2, &day) || day < 1 || (day > 28 && day > days_in_month(year, month)))
		return 0;
	return 3;
}

/* HH:MM:SS with an optional fraction; second 60 is a leap second. */
static bool
take_time(struct scan *s)
{
	unsigned hour, minute, second;

	return take_number(s, 2, &hour) && hour <= 23 && take(s, ':') &&
	       take_number(s, 2, &minute) && minute <= 59 && take(s, ':') &&
	       take_number(s, 2, &second) && second <= 60 && (!take(s, '.') || take_digits(s));
}

/* Z, or +HH:MM or -HH:MM up to 14:00. */
static bool
take_zone(struct scan *s)
{
	unsigned hour, minute;

	if (take(s, 'Z'))
		return true;
	return (take(s, '+') || take(s, '-')) && take_number(s, 2, &hour) && take(s, ':') &&
	       take_number(s, 2, &minute) && minute <= 59 &&
	       (hour <= 13 || (hour == 14 && minute == 0));
}

static bool
is_date(struct scan *s)
{
	return take_date(s) && s->p == s->end;
}

static bool
is_datetime(struct scan *s, bool whole)
{
	unsigned parts = take_date(s);

	if (parts == 0 || (whole && parts != 3))
		return false;
	if (s->p == s->end)
		return !whole;
	return parts == 3 && take(s, 'T') && take_time(s) && take_zone(s) && s->p == s->end;
}

static bool
is_id(struct scan *s)
{
	if (s->p == s->end || s->end - s->p > ID_MOST)
		return false;
	for (; s->p < s->end; s->p++) {
		unsigned char c = *s->p, letter = c | 0x20;

		if (!is_digit(c) && !(letter >= 'a' && letter <= 'z') && c != '-' && c != '.')
			return false;
	}
	return true;
}

/* urn:oid:[0-2](\.(0|[1-9][0-9]*))+ */
static bool
is_oid(struct scan *s)
{
	static const char prefix[] = "urn:oid:";

	for (const char *c = prefix; *c; c++)
		if (!take(s, *c))
			return false;
	if (!take(s, '0') && !take(s, '1') && !take(s, '2'))
		return false;
	do {
		if (!take(s, '.') || !take_whole(s))
			return false;
	} while (s->p < s->end);
	return true;
}

static bool
is_uuid(struct scan *s)
{
	static const char shape[] = "urn:uuid:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	enum { PREFIX = 9 };

	if (s->end - s->p != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; i < sizeof(shape) - 1; i++) {
		unsigned char c = s->p[i];

		if (i >= PREFIX && shape[i] == 'x') {
			if (!is_digit(c) && !(c >= 'a' && c <= 'f'))
				return false;
		} else if (c != (unsigned char)shape[i]) {
			return false;
		}
	}
	return true;
}

/* Whether one of the eight bytes is below least, which is at most 128. */
static inline bool
has_below(const unsigned char *p, unsigned char least)
{
	const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return (w - ones * least) & ~w & highs;
}

/* No byte up to a space. */
static bool
is_solid(struct scan *s)
{
	if (s->p == s->end)
		return false;
	for (; s->end - s->p >= 8; s->p += 8)
		if (has_below(s->p, ' ' + 1))
			return false;
	for (; s->p < s->end; s->p++)
		if (*s->p <= ' ')
			return false;
	return true;
}

static bool
is_code(struct scan *s)
{
	bool space = true; /* none may come first */

	for (; s->p < s->end; s->p++) {
		if (*s->p < ' ' || (*s->p == ' ' && space))
			return false;
		space = *s->p == ' ';
	}
	return !space;
}

static bool
is_space(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_base64_digit(unsigned char c)
{
	unsigned char letter = c | 0x20;

	return is_digit(c) || (letter >= 'a' && letter <= 'z') || c == '+' || c == '/';
}

/* Groups of four, white space between them; '=' only ends the last. */
static bool
is_base64(struct scan *s)
{
	bool any = false, padded = false;

	for (;;) {
		unsigned pads = 0;

		while (s->p < s->end && is_space(*s->p))
			s->p++;
		if (s->p == s->end)
			return any;
		if (padded || s->end - s->p < 4)
			return false;
		for (unsigned i = 0; i < 4; i++, s->p++) {
			if (*s->p == '=' && i >= 2)
				pads++;
			else if (pads || !is_base64_digit(*s->p))
				return false;
		}
		padded = pads > 0;
		any = true;
	}
}

/* No control character but tab, line feed and carriage return. */
static enum lexical_verdict
check_string(struct str text)
{
	const unsigned char *p = (const unsigned char *)text.p, *end = p + text.len;
	size_t inner = 0; /* bytes that start no character */

	if (p == end)
		return LEXICAL_INVALID;
	while (p < end) {
		if (end - p >= 8 && !has_below(p, ' ')) {
			p += 8;
			continue;
		}
		if (*p < ' ' && !is_space(*p))
			return LEXICAL_INVALID;
		p++;
	}
	if (text.len <= STRING_MOST)
		return LEXICAL_VALID;
	for (size_t i = 0; i < text.len; i++)
		inner += (text.p[i] & 0xc0) == 0x80;
	return text.len - inner > STRING_MOST ? LEXICAL_TOO_LONG : LEXICAL_VALID;
}

static bool
is_xhtml(struct str text)
{
	struct str inner = str_trim(text);

	return inner.len >= 2 && inner.p[0] == '<' && inner.p[inner.len - 1] == '>' &&
	       check_string(text) != LEXICAL_INVALID;
}

static bool
is_valid(enum pack_lexical kind, struct str text)
{
	const unsigned char *p = (const unsigned char *)text.p;
	struct scan s = { p, p + text.len };

	switch (kind) {
	case LEXICAL_BOOLEAN:
		return str_eq(text, STR("true")) || str_eq(text, STR("false"));
	case LEXICAL_INTEGER:
		return is_integer(text, INT32_MIN, INT32_MAX);
	case LEXICAL_UNSIGNED_INT:
		return text.len && text.p[0] != '-' && is_integer(text, 0, INT32_MAX);
	case LEXICAL_POSITIVE_INT:
		return is_integer(text, 1, INT32_MAX);
	case LEXICAL_INTEGER64:
		return is_integer(text, INT64_MIN, INT64_MAX);
	case LEXICAL_DECIMAL:
		return is_decimal(&s);
	case LEXICAL_CODE:
		return is_code(&s);
	case LEXICAL_ID:
		return is_id(&s);
	case LEXICAL_URI:
	case LEXICAL_URL:
	case LEXICAL_CANONICAL:
		return is_solid(&s);
	case LEXICAL_OID:
		return is_oid(&s);
	case LEXICAL_UUID:
		return is_uuid(&s);
	case LEXICAL_BASE64:
		return is_base64(&s);
	case LEXICAL_INSTANT:
		return is_datetime(&s, true);
	case LEXICAL_DATE:
		return is_date(&s);
	case LEXICAL_DATETIME:
		return is_datetime(&s, false);
	case LEXICAL_TIME:
		return take_time(&s) && s.p == s.end;
	case LEXICAL_XHTML:
		return is_xhtml(text);
	case LEXICAL_NONE:
	case LEXICAL_STRING:
	case LEXICAL_MARKDOWN:
		break;
	}
	return false;
}

enum lexical_verdict
lexical_check(enum pack_lexical kind, struct str s)
{
	if (kind == LEXICAL_STRING || kind == LEXICAL_MARKDOWN)
		return check_string(s);
	return is_valid(kind, s) ? LEXICAL_VALID : LEXICAL_INVALID;
}

const char *
lexical_rule(enum pack_lexical kind)
{
	static const char *const rules[] = {
		[LEXICAL_NONE] = "an object",
		[LEXICAL_BOOLEAN] = "a boolean: true or false",
		[LEXICAL_INTEGER] = "an integer: a whole number of 32 bits, without leading zeros",
		[LEXICAL_UNSIGNED_INT] = "an unsignedInt: a whole number from 0 to 2147483647",
		[LEXICAL_POSITIVE_INT] = "a positiveInt: a whole number from 1 to 2147483647",
		[LEXICAL_INTEGER64] = "an integer64: a whole number of 64 bits",
		[LEXICAL_DECIMAL] = "a decimal: a number, without leading zeros",
		[LEXICAL_STRING] = "a string: one character or more, none of them a control "
				   "character but tab, CR and LF",
		[LEXICAL_MARKDOWN] = "markdown: one character or more, none of them a control "
				     "character but tab, CR and LF",
		[LEXICAL_CODE] = "a code: no white space but single spaces inside",
		[LEXICAL_ID] = "an id: 1 to 64 of A-Z, a-z, 0-9, '-' and '.'",
		[LEXICAL_URI] = "a uri: without white space",
		[LEXICAL_URL] = "a url: without white space",
		[LEXICAL_CANONICAL] = "a canonical: without white space",
		[LEXICAL_OID] = "an oid: urn:oid: and numbers with dots between",
		[LEXICAL_UUID] = "a uuid: urn:uuid: and the UUID in lower case",
		[LEXICAL_BASE64] = "base64Binary: groups of four of base64's characters",
		[LEXICAL_INSTANT] = "an instant: YYYY-MM-DDThh:mm:ss and a time zone",
		[LEXICAL_DATE] = "a date there is: YYYY, YYYY-MM or YYYY-MM-DD",
		[LEXICAL_DATETIME] = "a dateTime: YYYY, YYYY-MM, YYYY-MM-DD, or "
				     "YYYY-MM-DDThh:mm:ss and a time zone",
		[LEXICAL_TIME] = "a time: hh:mm:ss",
		[LEXICAL_XHTML] = "xhtml: a <div> element",
	};

	return rules[kind];
}
