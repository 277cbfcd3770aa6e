/* Dates, dateTimes and times. */
#include "profiles/fhirpath_moment.h"

#include <stdio.h>

#include "base/clock.h"

static uint64_t
mix(uint64_t hash, uint64_t more)
{
	hash = (hash ^ more) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

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
		m->fraction++;
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

struct moment
moment_read(const struct fhirpath_item *x)
{
	struct moment m = { .kind = x->kind };
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

/* As minutes in UTC; seconds and below stay as they are. */
static int64_t
minutes_of(const struct moment *m)
{
	return days_from_civil(m->part[0], (unsigned)m->part[1], (unsigned)m->part[2]) * 1440 +
	       m->part[3] * 60 + m->part[4] - m->zone;
}

enum comparison
moment_compare(const struct moment *x, const struct moment *y, int *order)
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

uint64_t
moment_hash(const struct moment *m)
{
	bool whole = m->zoned && m->precision >= 5;
	uint64_t hash = whole ? (uint64_t)minutes_of(m) : 0;

	for (int i = whole ? 5 : 0; i < m->precision; i++)
		hash = mix(hash, (uint64_t)m->part[i]);
	return hash;
}

/* Digits at s[*i], so many; -1 when they are not there. */
static int64_t
scan_digits(struct str s, size_t *i, size_t digits)
{
	int64_t n = 0;

	for (size_t end = *i + digits; *i < end; ++*i) {
		if (*i >= s.len || s.p[*i] < '0' || s.p[*i] > '9')
			return -1;
		n = n * 10 + (s.p[*i] - '0');
	}
	return n;
}

/* hh(:mm(:ss(.f+)?)?)? */
static bool
scan_clock(struct str s, size_t *i)
{
	static const int64_t least[] = { 24, 60, 60 };

	for (int part = 0; part < 3; part++) {
		int64_t n = scan_digits(s, i, 2);

		if (n < 0 || n >= least[part])
			return false;
		if (*i >= s.len || s.p[*i] != ':')
			return part < 2 || *i >= s.len || s.p[*i] != '.' || *i + 1 < s.len;
		++*i;
	}
	return false;
}

static bool
scan_zone(struct str s, size_t *i)
{
	int64_t hours, minutes;

	if (*i == s.len)
		return true;
	if (s.p[*i] == 'Z')
		return ++*i == s.len;
	if (s.p[*i] != '+' && s.p[*i] != '-')
		return false;
	++*i;
	hours = scan_digits(s, i, 2);
	if (hours < 0 || hours > 14 || *i >= s.len || s.p[(*i)++] != ':')
		return false;
	minutes = scan_digits(s, i, 2);
	return minutes >= 0 && minutes < 60 && *i == s.len;
}

/* yyyy(-MM(-dd)?)?, a day that there is. */
static bool
scan_date(struct str s, size_t *i)
{
	int64_t year = scan_digits(s, i, 4), month, day;

	if (year < 1)
		return false;
	if (*i >= s.len || s.p[*i] != '-')
		return true;
	++*i;
	month = scan_digits(s, i, 2);
	if (month < 1 || month > 12)
		return false;
	if (*i >= s.len || s.p[*i] != '-')
		return true;
	++*i;
	day = scan_digits(s, i, 2);
	return day >= 1 && day <= days_in_month(year, (unsigned)month);
}

bool
moment_parse(struct str text, enum fhirpath_kind kind, struct moment *out)
{
	struct fhirpath_item item = { .node = FHIRPATH_MADE, .value = text, .kind = kind };
	size_t i = 0;

	if (kind != FHIRPATH_TIME && !scan_date(text, &i))
		return false;
	if (kind == FHIRPATH_DATETIME && i < text.len) {
		if (text.p[i++] != 'T')
			return false;
		if (i == text.len)
			goto read;
	}
	if (kind == FHIRPATH_TIME || (kind == FHIRPATH_DATETIME && i < text.len)) {
		if (!scan_clock(text, &i))
			return false;
		if (i < text.len && text.p[i] == '.')
			for (i++; i < text.len && text.p[i] >= '0' && text.p[i] <= '9'; i++)
				;
	}
	if (kind == FHIRPATH_DATETIME ? !scan_zone(text, &i) : i != text.len)
		return false;
read:
	*out = moment_read(&item);
	return true;
}

static struct str
clock_text(const struct moment *m, struct arena *a)
{
	char fraction[16] = "", all[16];

	if (m->fraction) {
		int digits = m->fraction > 9 ? 9 : m->fraction;

		snprintf(all, sizeof(all), "%09d", (int)m->part[6]);
		snprintf(fraction, sizeof(fraction), ".%.*s", digits, all);
	}
	if (m->precision == 4)
		return str_printf(a, "%02d", (int)m->part[3]);
	if (m->precision == 5)
		return str_printf(a, "%02d:%02d", (int)m->part[3], (int)m->part[4]);
	return str_printf(
	    a, "%02d:%02d:%02d%s", (int)m->part[3], (int)m->part[4], (int)m->part[5], fraction);
}

struct str
moment_text(const struct moment *m, struct arena *a)
{
	char date[40], zone[40] = "";
	struct str clock;

	if (m->kind == FHIRPATH_TIME)
		return clock_text(m, a);
	snprintf(date, sizeof(date), "%04d-%02d-%02d", (int)m->part[0], (int)m->part[1],
	    (int)m->part[2]);
	if (m->precision <= 3)
		return str_printf(a, "%.*s",
		    m->precision == 1	? 4
		    : m->precision == 2 ? 7
					: 10,
		    date);
	clock = clock_text(m, a);
	if (!clock.p)
		return clock;
	if (m->zoned && m->zone == 0)
		snprintf(zone, sizeof(zone), "Z");
	else if (m->zoned)
		snprintf(zone, sizeof(zone), "%c%02d:%02d", m->zone < 0 ? '-' : '+',
		    (int)(m->zone < 0 ? -m->zone : m->zone) / 60,
		    (int)(m->zone < 0 ? -m->zone : m->zone) % 60);
	return str_printf(a, "%sT%.*s%s", date, STR_ARG(clock), zone);
}

/* The unit of a quantity that times are reckoned with. */
static enum calendar_unit
time_unit(const struct quantity *q)
{
	static const struct {
		const char *code;
		enum calendar_unit unit;
	} codes[] = { { "wk", CALENDAR_WEEK }, { "d", CALENDAR_DAY }, { "h", CALENDAR_HOUR },
		{ "min", CALENDAR_MINUTE }, { "s", CALENDAR_SECOND },
		{ "ms", CALENDAR_MILLISECOND } };

	if (q->calendar != CALENDAR_NONE)
		return q->calendar;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (str_is(q->code, codes[i].code))
			return codes[i].unit;
	return CALENDAR_NONE;
}

/* Whole days since 1970 back into a date. */
static void
set_day(struct moment *m, int64_t days)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t of_era = z - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100), month;

	month = (5 * of_year + 2) / 153;
	m->part[2] = of_year - (153 * month + 2) / 5 + 1;
	m->part[1] = month < 10 ? month + 3 : month - 9;
	m->part[0] = year + era * 400 + (m->part[1] <= 2);
}

static void
add_months(struct moment *m, int64_t months)
{
	int64_t all = m->part[0] * 12 + (m->part[1] ? m->part[1] - 1 : 0) + months, most;

	m->part[0] = all >= 0 ? all / 12 : -1;
	if (m->precision > 1)
		m->part[1] = all % 12 + 1;
	if (m->precision < 3 || m->part[0] < 1)
		return;
	most = days_in_month(m->part[0], (unsigned)m->part[1]);
	if (m->part[2] > most)
		m->part[2] = most;
}

/* Nanoseconds; a time goes round the clock. */
static void
add_clock(struct moment *m, int64_t days, int64_t nanoseconds)
{
	int64_t of_day = ((m->part[3] * 60 + m->part[4]) * 60 + m->part[5]) * 1000000000 +
			 m->part[6] + nanoseconds;
	const int64_t day = INT64_C(86400000000000);

	if (of_day < 0) {
		of_day += day;
		days--;
	}
	days += of_day / day;
	of_day %= day;
	m->part[6] = of_day % 1000000000;
	m->part[5] = of_day / 1000000000 % 60;
	m->part[4] = of_day / 60000000000 % 60;
	m->part[3] = of_day / 3600000000000;
	if (m->kind != FHIRPATH_TIME)
		set_day(m,
		    days_from_civil(m->part[0], (unsigned)m->part[1], (unsigned)m->part[2]) + days);
	if (m->part[6] && m->fraction < 3)
		m->fraction = 3;
	for (int64_t unit = 1000000; m->part[6] % unit && unit > 1; unit /= 10)
		if (m->fraction < 9)
			m->fraction++;
}

/* Time in units of which so many days or less are cut to the precision there
 * is: 25 hours are one day for a date. */
static void
add_time(struct moment *m, int64_t days, int64_t nanoseconds)
{
	if (m->kind != FHIRPATH_TIME && m->precision < 3)
		add_months(m, m->precision == 1 ? days / 365 * 12 : days / 30);
	else if (m->kind != FHIRPATH_TIME && m->precision == 3)
		set_day(m,
		    days_from_civil(m->part[0], (unsigned)m->part[1], (unsigned)m->part[2]) + days);
	else if (m->precision == 4)
		add_clock(m, days, nanoseconds / 3600000000000 * 3600000000000);
	else if (m->precision == 5)
		add_clock(m, days, nanoseconds / 60000000000 * 60000000000);
	else
		add_clock(m, days, nanoseconds);
}

/* The quantity's whole years, months or days; false when they are more than
 * any calendar holds. */
static bool
whole_units(const struct quantity *q, int64_t *out)
{
	struct decimal d;

	return decimal_truncate(&q->value, &d) == 0 && decimal_to_int(&d, out) && *out < 4000000 &&
	       *out > -4000000;
}

/* Hours and below as days and nanoseconds; only seconds have fractions. */
static bool
split_days(const struct quantity *q, enum calendar_unit unit, int64_t *days, int64_t *rest)
{
	static const int64_t per_day[] = { [CALENDAR_HOUR] = 24,
		[CALENDAR_MINUTE] = 1440,
		[CALENDAR_SECOND] = 86400,
		[CALENDAR_MILLISECOND] = 86400000 };
	struct decimal value = q->value, d, day = decimal_of(per_day[unit]);
	struct decimal tick = decimal_of(INT64_C(86400000000000) / per_day[unit]);

	if (unit < CALENDAR_SECOND && decimal_truncate(&value, &value))
		return false;
	if (decimal_div(&value, &day, &d) || !decimal_to_int(&d, days) || *days > 4000000 ||
	    *days < -4000000)
		return false;
	return decimal_mod(&value, &day, &d) == 0 && decimal_multiply(&d, &tick, &d) == 0 &&
	       decimal_truncate(&d, &d) == 0 && decimal_to_int(&d, rest);
}

enum moment_sum
moment_add(struct moment *m, const struct quantity *q, bool subtract)
{
	enum calendar_unit unit = time_unit(q);
	int64_t n = 0, rest = 0, sign = subtract ? -1 : 1;

	if (unit == CALENDAR_NONE || (m->kind == FHIRPATH_TIME && unit < CALENDAR_HOUR))
		return MOMENT_NO_UNIT;
	if (unit <= CALENDAR_DAY ? !whole_units(q, &n) : !split_days(q, unit, &n, &rest))
		return MOMENT_OUTSIDE;
	n *= sign;
	if (unit == CALENDAR_YEAR)
		add_months(m, n * 12);
	else if (unit == CALENDAR_MONTH)
		add_months(m, m->precision == 1 ? n / 12 * 12 : n);
	else
		add_time(m, unit == CALENDAR_WEEK ? n * 7 : n, rest * sign);
	if (m->kind != FHIRPATH_TIME && (m->part[0] < 1 || m->part[0] > 9999))
		return MOMENT_OUTSIDE;
	return MOMENT_DONE;
}

int
moment_precision(const struct moment *m)
{
	static const int digits[] = { 0, 4, 6, 8, 10, 12, 14, 14 };

	return digits[m->precision] + m->fraction - (m->kind == FHIRPATH_TIME ? 8 : 0);
}

/* How many parts so many digits are; 0 when there is no such precision. */
static int
parts_of(int digits)
{
	switch (digits) {
	case 4:
		return 1;
	case 6:
		return 2;
	case 8:
		return 3;
	case 10:
		return 4;
	case 12:
		return 5;
	case 14:
	case 17:
		return 7;
	default:
		return 0;
	}
}

bool
moment_boundary(struct moment *m, bool high, int digits)
{
	static const int64_t top[] = { 9999, 12, 31, 23, 59, 59, 999000000 };
	int parts = parts_of(m->kind == FHIRPATH_TIME ? digits + 8 : digits);

	if (!parts || (m->kind == FHIRPATH_TIME && parts < 4) ||
	    (m->kind == FHIRPATH_DATE && parts > 3))
		return false;
	for (int i = m->precision; i < 7; i++)
		m->part[i] = high ? top[i] : i == 1 || i == 2;
	if (m->precision < 3 && high)
		m->part[2] = days_in_month(m->part[0], (unsigned)m->part[1]);
	if (m->precision == 7 && m->fraction == 0)
		m->part[6] = high ? 999000000 : 0;
	m->precision = parts;
	m->fraction = parts == 7 && digits != 14 && digits != 6 ? 3 : 0;
	if (m->kind != FHIRPATH_DATETIME || parts < 4) {
		m->zoned = false;
	} else if (!m->zoned) {
		m->zoned = true;
		m->zone = high ? -12 * 60 : 14 * 60;
	}
	return true;
}

struct moment
moment_of(int64_t wall, enum fhirpath_kind kind)
{
	struct moment m = { .kind = kind, .precision = 7, .fraction = 3 };
	int64_t days = wall / 86400000000 - (wall % 86400000000 < 0), rest;

	rest = wall - days * 86400000000;
	set_day(&m, days);
	m.part[3] = rest / 3600000000;
	m.part[4] = rest / 60000000 % 60;
	m.part[5] = rest / 1000000 % 60;
	m.part[6] = rest / 1000 % 1000 * 1000000;
	if (kind == FHIRPATH_DATE) {
		m.precision = 3;
		m.fraction = 0;
	}
	m.zoned = kind == FHIRPATH_DATETIME;
	return m;
}
