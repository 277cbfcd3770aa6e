#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static const char weekdays[7][4] = {
	"Thu",
	"Fri",
	"Sat",
	"Sun",
	"Mon",
	"Tue",
	"Wed",
};
static const char months[12][4] = {
	"Jan",
	"Feb",
	"Mar",
	"Apr",
	"May",
	"Jun",
	"Jul",
	"Aug",
	"Sep",
	"Oct",
	"Nov",
	"Dec",
};

static int64_t
read_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t
clock_wall(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t
clock_monotonic(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* Both by Howard Hinnant's arithmetic on eras of 400 years that start in
 * March, so that the leap day comes last. */
int64_t
days_from_civil(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	unsigned yoe = (unsigned)(y - era * 400);
	unsigned doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + (int64_t)doe - 719468;
}

static void
civil_from_days(int64_t days, int *year, unsigned *month, unsigned *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = (int)((int64_t)yoe + era * 400) + (*month <= 2);
}

struct civil {
	int year;
	unsigned month, day, hour, minute, second, ms;
	unsigned weekday; /* 0: Thursday, as 1970-01-01 was */
};

static struct civil
civil_of(int64_t wall)
{
	int64_t ms = wall / 1000 - (wall % 1000 < 0);
	int64_t days = ms / 86400000 - (ms % 86400000 < 0);
	unsigned of_day = (unsigned)(ms - days * 86400000);
	struct civil c;

	civil_from_days(days, &c.year, &c.month, &c.day);
	c.hour = of_day / 3600000;
	c.minute = of_day / 60000 % 60;
	c.second = of_day / 1000 % 60;
	c.ms = of_day % 1000;
	c.weekday = (unsigned)((days % 7 + 7) % 7);
	return c;
}

static char *
put_number(char *p, unsigned n, int digits)
{
	for (int i = digits; i-- > 0; n /= 10)
		p[i] = (char)('0' + n % 10);
	return p + digits;
}

size_t
instant_format(int64_t wall, char out[INSTANT_TEXT])
{
	struct civil c = civil_of(wall);
	char *p = out;

	if (c.year < 0 || c.year > 9999) {
		int n = snprintf(out, INSTANT_TEXT, "%04d-%02u-%02uT%02u:%02u:%02u.%03uZ", c.year,
		    c.month, c.day, c.hour, c.minute, c.second, c.ms);

		return n < INSTANT_TEXT ? (size_t)n : INSTANT_TEXT - 1;
	}
	p = put_number(p, (unsigned)c.year, 4);
	*p++ = '-';
	p = put_number(p, c.month, 2);
	*p++ = '-';
	p = put_number(p, c.day, 2);
	*p++ = 'T';
	p = put_number(p, c.hour, 2);
	*p++ = ':';
	p = put_number(p, c.minute, 2);
	*p++ = ':';
	p = put_number(p, c.second, 2);
	*p++ = '.';
	p = put_number(p, c.ms, 3);
	*p++ = 'Z';
	*p = '\0';
	return (size_t)(p - out);
}

size_t
http_date_format(int64_t wall, char out[INSTANT_TEXT])
{
	struct civil c = civil_of(wall);
	int n = snprintf(out, INSTANT_TEXT, "%s, %02u %s %04d %02u:%02u:%02u GMT",
	    weekdays[c.weekday], c.day, months[c.month - 1], c.year, c.hour, c.minute, c.second);

	return n < INSTANT_TEXT ? (size_t)n : INSTANT_TEXT - 1;
}

/* Read count digits at s[at]; false when they are not there. */
static bool
digits(struct str s, size_t at, size_t count, unsigned *out)
{
	unsigned n = 0;

	if (at > s.len || s.len - at < count)
		return false;
	for (size_t i = at; i < at + count; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		n = n * 10 + (unsigned)(s.p[i] - '0');
	}
	*out = n;
	return true;
}

static bool
at_is(struct str s, size_t at, char c)
{
	return at < s.len && s.p[at] == c;
}

unsigned
days_in_month(int64_t year, unsigned month)
{
	static const uint8_t days[] = {
		31,
		28,
		31,
		30,
		31,
		30,
		31,
		31,
		30,
		31,
		30,
		31,
	};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	if (month < 1 || month > 12)
		return 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

bool
http_date_parse(struct str s, int64_t *wall)
{
	unsigned day, year, hour, minute, second, month = 0;

	if (s.len != 29 || !digits(s, 5, 2, &day) || !digits(s, 12, 4, &year) ||
	    !digits(s, 17, 2, &hour) || !digits(s, 20, 2, &minute) || !digits(s, 23, 2, &second) ||
	    !str_ends(s, STR(" GMT")) || !at_is(s, 3, ',') || !at_is(s, 4, ' ') ||
	    !at_is(s, 7, ' ') || !at_is(s, 11, ' ') || !at_is(s, 16, ' ') || !at_is(s, 19, ':') ||
	    !at_is(s, 22, ':'))
		return false;
	for (unsigned i = 0; i < 12; i++)
		if (str_eq(str_of(s.p + 8, 3), str_of(months[i], 3)))
			month = i + 1;
	if (day < 1 || day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 60)
		return false;
	*wall = ((days_from_civil(year, month, day) * 24 + hour) * 60 + minute) * 60000000 +
		(int64_t)second * 1000000;
	return true;
}

/* "Z", "+hh:mm" or "-hh:mm" at s[at], to the end of s. */
static bool
parse_zone(struct str s, size_t at, int64_t *minutes)
{
	unsigned h, m;

	*minutes = 0;
	if (at == s.len || (at_is(s, at, 'Z') && at + 1 == s.len))
		return true;
	if ((!at_is(s, at, '+') && !at_is(s, at, '-')) || !digits(s, at + 1, 2, &h) ||
	    !at_is(s, at + 3, ':') || !digits(s, at + 4, 2, &m) || at + 6 != s.len || h > 14 ||
	    m > 59)
		return false;
	*minutes = (int64_t)(h * 60 + m) * (s.p[at] == '-' ? -1 : 1);
	return true;
}

/* The time of day behind the 'T' at s[10], and its precision in *span. */
static bool
parse_time(struct str s, int64_t *of_day, int64_t *span)
{
	unsigned hour, minute, second = 0;
	int64_t zone, fraction = 0;
	size_t at = 16;

	if (!digits(s, 11, 2, &hour) || !at_is(s, 13, ':') || !digits(s, 14, 2, &minute) ||
	    hour > 23 || minute > 59)
		return false;
	*span = 60000000;
	if (at_is(s, 16, ':')) {
		if (!digits(s, 17, 2, &second) || second > 60)
			return false;
		at = 19;
		*span = 1000000;
	}
	if (at == 19 && at_is(s, at, '.')) {
		size_t start = ++at;

		for (; at < s.len && s.p[at] >= '0' && s.p[at] <= '9'; at++)
			if (*span > 1) {
				*span /= 10;
				fraction += (s.p[at] - '0') * *span;
			}
		if (at == start)
			return false;
	}
	if (!parse_zone(s, at, &zone))
		return false;
	*of_day = (hour * 60 + minute - zone) * 60000000 + (int64_t)second * 1000000 + fraction;
	return true;
}

bool
instant_parse(struct str s, int64_t *start, int64_t *end)
{
	unsigned year, month = 1, day = 1;
	int64_t of_day = 0, span;

	if (!digits(s, 0, 4, &year) || year == 0)
		return false;
	span = (365 + (days_in_month(year, 2) == 29)) * INT64_C(86400000000);
	if (s.len > 4) {
		if (!at_is(s, 4, '-') || !digits(s, 5, 2, &month) || !days_in_month(year, month))
			return false;
		span = days_in_month(year, month) * INT64_C(86400000000);
	}
	if (s.len > 7) {
		if (!at_is(s, 7, '-') || !digits(s, 8, 2, &day) || day < 1 ||
		    day > days_in_month(year, month))
			return false;
		span = INT64_C(86400000000);
	}
	if (s.len > 10 && (!at_is(s, 10, 'T') || !parse_time(s, &of_day, &span)))
		return false;
	*start = days_from_civil(year, month, day) * INT64_C(86400000000) + of_day;
	*end = *start + span - 1;
	return true;
}
