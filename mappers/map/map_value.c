/* From the texts of HL7 v2 to the primitive types of FHIR (R4, 2.24.0.1). */
#include <stdio.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "base/zone.h"
#include "mappers/map/map_run.h"

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* ---- dates and times (DT, TM, DTM: HL7 v2.9, 2A.3.20 to 2A.3.22) ---- */

struct moment {
	unsigned year, month, day, hour, minute, second;
	unsigned digits; /* of date and time, without fraction and zone */
	struct str fraction;
	bool zoned;
	int zone; /* minutes east of UTC */
};

static bool
read_digits(struct str s, size_t at, size_t n, unsigned *out)
{
	*out = 0;
	if (s.len < n || at > s.len - n)
		return false;
	for (size_t i = at; i < at + n; i++)
		*out = *out * 10 + (unsigned)(s.p[i] - '0');
	return true;
}

/* "+0100" or "-05" at the end. */
static bool
read_zone(struct str s, struct moment *m)
{
	unsigned hours, minutes = 0;

	if (s.len != 5 && s.len != 3)
		return false;
	for (size_t i = 1; i < s.len; i++)
		if (!is_digit(s.p[i]))
			return false;
	read_digits(s, 1, 2, &hours);
	if (s.len == 5)
		read_digits(s, 3, 2, &minutes);
	if (hours > 14 || minutes > 59)
		return false;
	m->zoned = true;
	m->zone = (int)(hours * 60 + minutes) * (s.p[0] == '-' ? -1 : 1);
	return true;
}

/* Cut the zone and the fraction off; what is left must be digits. */
static bool
read_tail(struct str *s, struct moment *m)
{
	size_t digits = 0, at;

	while (digits < s->len && is_digit(s->p[digits]))
		digits++;
	at = digits;
	m->digits = (unsigned)digits;
	if (at < s->len && s->p[at] == '.') {
		size_t from = ++at;

		while (at < s->len && is_digit(s->p[at]))
			at++;
		m->fraction = str_of(s->p + from, at - from);
	}
	if (at < s->len &&
	    ((s->p[at] != '+' && s->p[at] != '-') || !read_zone(str_from_index(*s, at), m)))
		return false;
	s->len = digits;
	return true;
}

static bool
read_clock(struct str s, struct moment *m)
{
	read_digits(s, 0, 2, &m->hour);
	read_digits(s, 2, 2, &m->minute);
	read_digits(s, 4, 2, &m->second);
	return m->hour < 24 && m->minute < 60 && m->second < 60 && s.len % 2 == 0 && s.len <= 6;
}

static bool
read_dtm(struct str s, struct moment *m)
{
	memset(m, 0, sizeof(*m));
	m->month = m->day = 1;
	if (!read_tail(&s, m) || s.len < 4 || s.len == 5 || s.len == 7)
		return false;
	read_digits(s, 0, 4, &m->year);
	if (s.len >= 6)
		read_digits(s, 4, 2, &m->month);
	if (s.len >= 8)
		read_digits(s, 6, 2, &m->day);
	if (m->year == 0 || m->month == 0 || m->month > 12 || m->day == 0 ||
	    m->day > days_in_month(m->year, m->month))
		return false;
	return s.len <= 8 || read_clock(str_from_index(s, 8), m);
}

bool
map_value_zone(struct str dtm, int *minutes)
{
	struct moment m;

	if (!read_dtm(dtm, &m) || !m.zoned)
		return false;
	*minutes = m.zone;
	return true;
}

static struct str
format_zone(char out[8], int zone)
{
	unsigned minutes = (unsigned)(zone < 0 ? -zone : zone);

	if (zone == 0)
		return STR("Z");
	snprintf(out, 8, "%c%02u:%02u", zone < 0 ? '-' : '+', minutes / 60 % 100, minutes % 60);
	return str_from(out);
}

static int
zone_of(const struct moment *m, struct map_zone zone)
{
	if (m->zoned)
		return m->zone;
	if (!zone.place)
		return zone.minutes;
	return zone_offset_local(zone.place,
	    days_from_civil(m->year, m->month ? m->month : 1, m->day ? m->day : 1) * 86400 +
		m->hour * 3600 + m->minute * 60 + m->second);
}

static struct str
format_moment(const struct moment *m, bool whole, struct map_zone zone, struct arena *a)
{
	char text[8];
	struct str z = format_zone(text, zone_of(m, zone));

	if (!whole && m->digits == 4)
		return str_printf(a, "%04u", m->year);
	if (!whole && m->digits == 6)
		return str_printf(a, "%04u-%02u", m->year, m->month);
	if (!whole && m->digits == 8)
		return str_printf(a, "%04u-%02u-%02u", m->year, m->month, m->day);
	return str_printf(a, "%04u-%02u-%02uT%02u:%02u:%02u%s%.*s%.*s", m->year, m->month, m->day,
	    m->hour, m->minute, m->second, m->fraction.len ? "." : "", STR_ARG(m->fraction),
	    STR_ARG(z));
}

static const char *
convert_date(enum pack_lexical lexical, struct str in, struct map_zone zone, struct arena *a,
    struct str *out)
{
	struct moment m;

	if (!read_dtm(in, &m))
		return "is no date and time of the form YYYYMMDDHHMMSS";
	if (lexical == LEXICAL_DATE) {
		if (m.digits > 8)
			m.digits = 8;
		m.fraction.len = 0;
	}
	*out = format_moment(&m, lexical == LEXICAL_INSTANT, zone, a);
	return NULL;
}

static const char *
convert_time(struct str in, struct arena *a, struct str *out)
{
	struct moment m = { 0 };
	struct str s = in;
	char plain[6];

	/* HH:MM:SS, which is no TM, but means one thing only. */
	if ((in.len == 8 || in.len == 5) && in.p[2] == ':' && (in.len == 5 || in.p[5] == ':')) {
		size_t n = 0;

		for (size_t i = 0; i < in.len; i++)
			if (i % 3 != 2)
				plain[n++] = in.p[i];
		in = s = str_of(plain, n);
	}

	/* The time of a whole DTM, or a TM. */
	if (in.len >= 10 && read_dtm(in, &m) && m.digits >= 10) {
		s.len = 0;
	} else {
		memset(&m, 0, sizeof(m));
		if (!read_tail(&s, &m) || s.len < 2 || !read_clock(s, &m))
			return "is no time of the form HHMMSS";
	}
	*out = str_printf(a, "%02u:%02u:%02u%s%.*s", m.hour, m.minute, m.second,
	    m.fraction.len ? "." : "", STR_ARG(m.fraction));
	return NULL;
}

/* ---- numbers ---- */

/* [+-]digits[.digits]: where its parts stand. */
static bool
read_number(struct str s, bool *minus, struct str *whole, struct str *part)
{
	size_t at = 0;

	*minus = s.len && s.p[0] == '-';
	if (s.len && (s.p[0] == '-' || s.p[0] == '+'))
		at++;
	*whole = str_of(s.p + at, 0);
	while (at < s.len && is_digit(s.p[at])) {
		at++;
		whole->len++;
	}
	*part = str_of(s.p + at, 0);
	if (at < s.len && s.p[at] == '.') {
		*part = str_of(s.p + ++at, 0);
		while (at < s.len && is_digit(s.p[at])) {
			at++;
			part->len++;
		}
	}
	return at == s.len && whole->len + part->len > 0;
}

bool
map_value_is_number(struct str s)
{
	struct str whole, part;
	bool minus;

	return read_number(str_trim(s), &minus, &whole, &part);
}

static const char *
convert_number(enum pack_lexical lexical, struct str in, struct arena *a, struct str *out)
{
	struct str whole, part;
	bool minus;
	int64_t n;

	if (!read_number(in, &minus, &whole, &part) || whole.len + part.len > 64)
		return "is no number";
	while (whole.len > 1 && whole.p[0] == '0')
		whole = str_from_index(whole, 1);
	if (whole.len == 0)
		whole = STR("0");
	if (lexical == LEXICAL_DECIMAL) {
		*out = str_printf(a, "%s%.*s%s%.*s", minus ? "-" : "", STR_ARG(whole),
		    part.len ? "." : "", STR_ARG(part));
		return NULL;
	}
	for (size_t i = 0; i < part.len; i++)
		if (part.p[i] != '0')
			return "is no whole number";
	if (!str_to_int(whole, &n) || n > INT32_MAX)
		return "is too large";
	n = minus ? -n : n;
	if ((lexical == LEXICAL_POSITIVE_INT && n < 1) ||
	    (lexical == LEXICAL_UNSIGNED_INT && n < 0))
		return "is too small";
	*out = str_printf(a, "%lld", (long long)n);
	return NULL;
}

/* ---- words ---- */

bool
map_value_is_oid(struct str s)
{
	bool dot = false;
	char before = '.';

	if (s.len < 3 || s.p[0] < '0' || s.p[0] > '2')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '.' ? before == '.' : !is_digit(s.p[i]))
			return false;
		/* No zero in front of other digits. */
		if (is_digit(s.p[i]) && before == '0' && (i == 1 || s.p[i - 2] == '.'))
			return false;
		dot |= s.p[i] == '.';
		before = s.p[i];
	}
	return dot && before != '.';
}

bool
map_value_is_uuid(struct str s)
{
	if (s.len != 36)
		return false;
	for (size_t i = 0; i < 36; i++) {
		char c = s.p[i];

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (c != '-')
				return false;
		} else if (!is_digit(c) && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F')) {
			return false;
		}
	}
	return true;
}

static bool
has_space(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] <= ' ')
			return true;
	return false;
}

bool
map_value_is_uri(struct str s)
{
	ptrdiff_t colon = str_find(s, ':');

	if (colon < 2 || !is_alnum(s.p[0]) || is_digit(s.p[0]) || has_space(s))
		return false;
	for (ptrdiff_t i = 0; i < colon; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != '+' && s.p[i] != '-' && s.p[i] != '.')
			return false;
	return (size_t)colon + 1 < s.len;
}

/* A code: no white space at its ends, single spaces inside (R4, 2.24.0.1). */
static const char *
convert_code(struct str in, struct arena *a, struct str *out)
{
	char *text = arena_alloc_bytes(a, in.len + 1);
	size_t n = 0;

	if (!text)
		return "is too long";
	for (size_t i = 0; i < in.len; i++) {
		bool space = (unsigned char)in.p[i] <= ' ';

		if (space && n && text[n - 1] == ' ')
			continue;
		text[n++] = space ? ' ' : in.p[i];
	}
	*out = str_of(text, n);
	return NULL;
}

static const char *
convert_boolean(struct str in, struct str *out)
{
	if (str_eq_nocase(in, STR("Y")) || str_eq_nocase(in, STR("true")) || str_is(in, "1"))
		*out = STR("true");
	else if (str_eq_nocase(in, STR("N")) || str_eq_nocase(in, STR("false")) || str_is(in, "0"))
		*out = STR("false");
	else
		return "is neither Y nor N";
	return NULL;
}

static const char *
convert_base64(struct str in, struct arena *a, struct str *out)
{
	char *text = arena_alloc_bytes(a, in.len + 1);
	size_t n = 0, pads = 0;

	if (!text)
		return "is too long";
	for (size_t i = 0; i < in.len; i++) {
		char c = in.p[i];

		if (c == ' ' || c == '\n' || c == '\r' || c == '\t')
			continue;
		if (c == '=')
			pads++;
		else if (pads || (!is_alnum(c) && c != '+' && c != '/'))
			return "is no base64";
		text[n++] = c;
	}
	if (n % 4 || pads > 2)
		return "is no base64";
	*out = str_of(text, n);
	return NULL;
}

struct str
map_value_base64(struct str s, struct arena *a)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *out = arena_alloc_bytes(a, (s.len + 2) / 3 * 4 + 1);
	const unsigned char *p = (const unsigned char *)s.p;
	size_t n = 0;

	if (!out)
		return STR("");
	for (size_t i = 0; i < s.len; i += 3) {
		size_t left = s.len - i;
		uint32_t bits = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
				(left > 2 ? p[i + 2] : 0);

		out[n++] = digits[bits >> 18];
		out[n++] = digits[bits >> 12 & 63];
		out[n++] = left > 1 ? digits[bits >> 6 & 63] : '=';
		out[n++] = left > 2 ? digits[bits & 63] : '=';
	}
	return str_of(out, n);
}

static const char *
convert_id(struct str in, struct str *out)
{
	if (in.len > 64)
		return "is longer than 64 characters";
	for (size_t i = 0; i < in.len; i++)
		if (!is_alnum(in.p[i]) && in.p[i] != '-' && in.p[i] != '.')
			return "is no id: letters, digits, '-' and '.' only";
	*out = in;
	return NULL;
}

static const char *
convert_text(struct str in, struct str *out)
{
	for (size_t i = 0; i < in.len; i++) {
		unsigned char c = (unsigned char)in.p[i];

		if (c < ' ' && c != '\t' && c != '\n' && c != '\r')
			return "has control characters in it";
	}
	*out = in;
	return NULL;
}

const char *
map_value_convert(enum pack_lexical lexical, struct str in, struct map_zone zone, struct arena *a,
    struct str *out)
{
	struct str s = str_trim(in);
	const char *why = convert_text(s, out);

	if (s.len == 0 || why)
		return why;
	switch (lexical) {
	case LEXICAL_DATE:
	case LEXICAL_DATETIME:
	case LEXICAL_INSTANT:
		return convert_date(lexical, s, zone, a, out);
	case LEXICAL_TIME:
		return convert_time(s, a, out);
	case LEXICAL_DECIMAL:
	case LEXICAL_INTEGER:
	case LEXICAL_INTEGER64:
	case LEXICAL_POSITIVE_INT:
	case LEXICAL_UNSIGNED_INT:
		return convert_number(lexical, s, a, out);
	case LEXICAL_BOOLEAN:
		return convert_boolean(s, out);
	case LEXICAL_CODE:
		return convert_code(s, a, out);
	case LEXICAL_ID:
		return convert_id(s, out);
	case LEXICAL_OID:
		if (!str_starts(s, STR("urn:oid:")) || !map_value_is_oid(str_from_index(s, 8)))
			return "is no OID with urn:oid: before it";
		return NULL;
	case LEXICAL_UUID:
		if (!str_starts(s, STR("urn:uuid:")) || !map_value_is_uuid(str_from_index(s, 9)))
			return "is no UUID with urn:uuid: before it";
		return NULL;
	case LEXICAL_URI:
	case LEXICAL_URL:
	case LEXICAL_CANONICAL:
		return has_space(s) ? "has spaces in it, which a URI cannot have" : NULL;
	case LEXICAL_BASE64:
		return convert_base64(s, a, out);
	case LEXICAL_XHTML:
		return str_starts(s, STR("<div")) ? NULL : "is no XHTML: see xhtml()";
	default:
		return NULL;
	}
}
