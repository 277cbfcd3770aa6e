/* FHIRPath's primitive values, compared. */
#include "base/hash.h"
#include "profiles/fhirpath_program.h"

enum fhirpath_kind
fhirpath_kind_of(uint8_t lexical)
{
	switch ((enum pack_lexical)lexical) {
	case LEXICAL_NONE:
		return FHIRPATH_NODE;
	case LEXICAL_BOOLEAN:
		return FHIRPATH_BOOLEAN;
	case LEXICAL_INTEGER:
	case LEXICAL_UNSIGNED_INT:
	case LEXICAL_POSITIVE_INT:
	case LEXICAL_INTEGER64:
		return FHIRPATH_INTEGER;
	case LEXICAL_DECIMAL:
		return FHIRPATH_DECIMAL;
	case LEXICAL_DATE:
		return FHIRPATH_DATE;
	case LEXICAL_DATETIME:
	case LEXICAL_INSTANT:
		return FHIRPATH_DATETIME;
	case LEXICAL_TIME:
		return FHIRPATH_TIME;
	default:
		return FHIRPATH_STRING;
	}
}

/* A decimal as its digits: 0.d1d2d3… * 10^power. */
struct digits {
	bool negative;
	struct str text; /* may hold a point */
	int64_t power;
};

static size_t
next_digit(const struct digits *d, size_t i)
{
	while (i < d->text.len && d->text.p[i] == '.')
		i++;
	return i;
}

static struct digits
read_digits(struct str s)
{
	struct digits d = { .text = s };
	ptrdiff_t e;
	int64_t exponent = 0;
	size_t whole;

	if (d.text.len && (d.text.p[0] == '-' || d.text.p[0] == '+')) {
		d.negative = d.text.p[0] == '-';
		d.text = str_from_index(d.text, 1);
	}
	for (e = 0; (size_t)e < d.text.len && (d.text.p[e] | 32) != 'e'; e++)
		;
	if ((size_t)e < d.text.len) {
		struct str power = str_from_index(d.text, (size_t)e + 1);

		if (power.len && power.p[0] == '+')
			power = str_from_index(power, 1);
		if (!str_to_int(power, &exponent) || exponent > INT32_MAX || exponent < INT32_MIN)
			exponent = power.len && power.p[0] == '-' ? INT32_MIN : INT32_MAX;
		d.text.len = (size_t)e;
	}
	whole = str_find(d.text, '.') < 0 ? d.text.len : (size_t)str_find(d.text, '.');
	d.power = exponent + (int64_t)whole;
	while (d.text.len && (d.text.p[0] == '0' || d.text.p[0] == '.')) {
		d.power -= d.text.p[0] == '0';
		d.text = str_from_index(d.text, 1);
	}
	while (d.text.len && (d.text.p[d.text.len - 1] == '0' || d.text.p[d.text.len - 1] == '.'))
		d.text.len--;
	if (!d.text.len)
		d = (struct digits){ .text = d.text };
	return d;
}

static int
compare_magnitudes(const struct digits *x, const struct digits *y)
{
	size_t i = 0, j = 0;

	if (!x->text.len || !y->text.len)
		return (x->text.len > 0) - (y->text.len > 0);
	if (x->power != y->power)
		return x->power < y->power ? -1 : 1;
	for (;; i++, j++) {
		i = next_digit(x, i);
		j = next_digit(y, j);
		if (i >= x->text.len || j >= y->text.len)
			return (i < x->text.len) - (j < y->text.len);
		if (x->text.p[i] != y->text.p[j])
			return x->text.p[i] < y->text.p[j] ? -1 : 1;
	}
}

static int
compare_numbers(struct str a, struct str b)
{
	struct digits x = read_digits(a), y = read_digits(b);
	int c;

	if (x.negative != y.negative)
		return x.negative ? -1 : 1;
	c = compare_magnitudes(&x, &y);
	return x.negative ? -c : c;
}

/* A date, dateTime or time, cut into its parts. */
struct moment {
	int64_t part[7]; /* year, month, day, hour, minute, second, nanosecond */
	int precision;	 /* how many parts are there; a second has all 7 */
	bool zoned;
	int64_t zone; /* minutes east of UTC */
};

static int64_t
take_number(struct str *s, size_t digits)
{
	int64_t n = 0;

	for (size_t i = 0; i < digits && s->len; i++) {
		n = n * 10 + (s->p[0] - '0');
		*s = str_from_index(*s, 1);
	}
	return n;
}

static bool
take_char(struct str *s, char c)
{
	if (!s->len || s->p[0] != c)
		return false;
	*s = str_from_index(*s, 1);
	return true;
}

static void
read_fraction(struct str *s, struct moment *m)
{
	int64_t unit = 100000000;

	for (; s->len && s->p[0] >= '0' && s->p[0] <= '9'; unit /= 10) {
		m->part[6] += (s->p[0] - '0') * unit;
		*s = str_from_index(*s, 1);
	}
}

static void
read_clock(struct str *s, struct moment *m)
{
	for (int i = 3; i < 6 && s->len && s->p[0] >= '0' && s->p[0] <= '9'; i++) {
		m->part[i] = take_number(s, 2);
		m->precision = i + 1;
		if (!take_char(s, ':'))
			break;
	}
	if (m->precision == 6) {
		m->precision = 7;
		if (take_char(s, '.'))
			read_fraction(s, m);
	}
}

static void
read_zone(struct str s, struct moment *m)
{
	int sign = s.len && s.p[0] == '-' ? -1 : 1;

	if (!s.len)
		return;
	m->zoned = true;
	if (take_char(&s, 'Z'))
		return;
	s = str_from_index(s, 1);
	m->zone = take_number(&s, 2) * 60;
	take_char(&s, ':');
	m->zone = sign * (m->zone + take_number(&s, 2));
}

static struct moment
read_moment(const struct fhirpath_item *x)
{
	struct moment m = { 0 };
	struct str s = x->value;

	if (x->kind != FHIRPATH_TIME) {
		m.part[0] = take_number(&s, 4);
		m.precision = 1;
		for (int i = 1; i < 3 && take_char(&s, '-'); i++) {
			m.part[i] = take_number(&s, 2);
			m.precision = i + 1;
		}
		if (!take_char(&s, 'T'))
			return m;
	} else {
		m.precision = 3;
	}
	read_clock(&s, &m);
	read_zone(s, &m);
	return m;
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar. */
static int64_t
days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year, era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400, m = month > 2 ? month - 3 : month + 9;
	int64_t of_year = (153 * m + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* As minutes in UTC; seconds and below stay as they are. */
static int64_t
minutes_of(const struct moment *m)
{
	return days_of(m->part[0], m->part[1], m->part[2]) * 1440 + m->part[3] * 60 + m->part[4] -
	       m->zone;
}

static enum comparison
compare_moments(const struct moment *x, const struct moment *y, int *order)
{
	int least = x->precision < y->precision ? x->precision : y->precision, i = 0;

	if (x->zoned != y->zoned && least > 3)
		return UNDECIDED;
	if (x->zoned && y->zoned && least >= 5) {
		int64_t a = minutes_of(x), b = minutes_of(y);

		*order = a < b ? -1 : a > b;
		if (*order)
			return COMPARED;
		i = 5;
	}
	for (; i < least; i++) {
		*order = x->part[i] < y->part[i] ? -1 : x->part[i] > y->part[i];
		if (*order)
			return COMPARED;
	}
	*order = 0;
	return x->precision == y->precision ? COMPARED : UNDECIDED;
}

enum comparison
value_compare(const struct fhirpath_item *x, const struct fhirpath_item *y, int *order)
{
	if (kind_is_number(x->kind) && kind_is_number(y->kind)) {
		*order = compare_numbers(x->value, y->value);
		return COMPARED;
	}
	if ((kind_is_date(x->kind) && kind_is_date(y->kind)) ||
	    (x->kind == FHIRPATH_TIME && y->kind == FHIRPATH_TIME)) {
		struct moment a = read_moment(x), b = read_moment(y);

		return compare_moments(&a, &b, order);
	}
	if (x->kind != y->kind || x->kind == FHIRPATH_NODE)
		return NOT_COMPARABLE;
	*order = str_cmp(x->value, y->value);
	return COMPARED;
}

static uint64_t
mix(uint64_t hash, uint64_t more)
{
	hash = (hash ^ more) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

static uint64_t
hash_number(struct str s)
{
	struct digits d = read_digits(s);
	uint64_t hash = mix(d.negative, (uint64_t)d.power);

	for (size_t i = next_digit(&d, 0); i < d.text.len; i = next_digit(&d, i + 1))
		hash = mix(hash, (unsigned char)d.text.p[i]);
	return hash;
}

static uint64_t
hash_moment(const struct fhirpath_item *x)
{
	struct moment m = read_moment(x);
	bool whole = m.zoned && m.precision >= 5;
	uint64_t hash = whole ? (uint64_t)minutes_of(&m) : 0;

	for (int i = whole ? 5 : 0; i < m.precision; i++)
		hash = mix(hash, (uint64_t)m.part[i]);
	return hash;
}

uint64_t
value_hash(const struct fhirpath_item *x)
{
	if (!x->value.len)
		return 0;
	if (kind_is_number(x->kind))
		return hash_number(x->value);
	if (kind_is_date(x->kind) || x->kind == FHIRPATH_TIME)
		return hash_moment(x);
	return hash64(x->value, x->kind);
}
