/* Reckoning with the dates and times of HL7 v2. */
#include <stdio.h>

#include "base/clock.h"
#include "mappers/map/map_run.h"

enum {
	MINUTE = 60,
	HOUR = 3600,
	DAY = 86400,
	MOST = 100000000, /* units */
};

struct unit {
	const char *name;
	unsigned seconds; /* 0: months */
	unsigned months;
};

/* UCUM, ISO 2955 and the words that senders write, in any case. */
static const struct unit units[] = {
	{ "s", 1, 0 },
	{ "sec", 1, 0 },
	{ "second", 1, 0 },
	{ "m", MINUTE, 0 },
	{ "min", MINUTE, 0 },
	{ "minute", MINUTE, 0 },
	{ "h", HOUR, 0 },
	{ "hr", HOUR, 0 },
	{ "hour", HOUR, 0 },
	{ "d", DAY, 0 },
	{ "day", DAY, 0 },
	{ "w", 7 * DAY, 0 },
	{ "wk", 7 * DAY, 0 },
	{ "week", 7 * DAY, 0 },
	{ "l", 0, 1 },
	{ "mo", 0, 1 },
	{ "mon", 0, 1 },
	{ "month", 0, 1 },
	{ "y", 0, 12 },
	{ "yr", 0, 12 },
	{ "year", 0, 12 },
	{ "a", 0, 12 },
};

static const struct unit *
find_unit(struct str name)
{
	for (int cut = 0; cut < 2; cut++) {
		struct str s = name;

		/* "minutes" is "minute". */
		if (cut && (s.len < 3 || (s.p[s.len - 1] != 's' && s.p[s.len - 1] != 'S')))
			break;
		s.len -= (size_t)cut;
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (str_eq_nocase(s, str_from(units[i].name)))
				return &units[i];
	}
	return NULL;
}

static bool
read_part(struct str s, size_t at, size_t n, unsigned *out)
{
	unsigned v = 0;

	if (s.len < n || at > s.len - n)
		return false;
	for (size_t i = at; i < at + n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (unsigned)(s.p[i] - '0');
	}
	*out = v;
	return true;
}

/* The day that is so many days from 1970-01-01 (the reverse of
 * days_from_civil). */
static void
civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	int64_t y = 1970 + days / 366;

	while (days_from_civil(y + 1, 1, 1) <= days)
		y++;
	while (days_from_civil(y, 1, 1) > days)
		y--;
	*year = y;
	*month = 12;
	while (days_from_civil(y, *month, 1) > days)
		*month -= 1;
	*day = (unsigned)(days - days_from_civil(y, *month, 1)) + 1;
}

struct str
map_value_later(struct str from, struct str count, struct str unit, bool earlier, struct arena *a)
{
	unsigned p[6] = { 0, 1, 1, 0, 0, 0 };
	static const unsigned char width[6] = { 4, 2, 2, 2, 2, 2 };
	const struct unit *u = find_unit(str_trim(unit));
	size_t at = 0;
	int64_t n, year, seconds;
	struct str tail;

	for (unsigned i = 0; i < 6 && at < from.len; at += width[i++])
		if (!read_part(from, at, width[i], &p[i]))
			break;
	if (!u || at < 8 || !str_to_int(str_trim(count), &n) || n < 0 || n > MOST || p[1] < 1 ||
	    p[1] > 12 || p[2] < 1 || p[2] > days_in_month(p[0], p[1]) || p[3] > 23 || p[4] > 59 ||
	    p[5] > 59)
		return STR("");
	if (earlier)
		n = -n;
	/* A date alone is counted in days. */
	if (at == 8 && u->seconds && u->seconds < DAY)
		return STR("");
	year = p[0];
	if (u->months) {
		int64_t months = year * 12 + (p[1] - 1) + n * u->months;

		if (months < 12 || months >= 120000)
			return STR("");
		year = months / 12;
		p[1] = (unsigned)(months % 12) + 1;
		if (p[2] > days_in_month(year, p[1]))
			p[2] = days_in_month(year, p[1]);
		n = 0;
	}
	seconds = days_from_civil(year, p[1], p[2]) * DAY + p[3] * HOUR + p[4] * MINUTE + p[5] +
		  n * u->seconds;
	civil_from_days((seconds - ((seconds % DAY + DAY) % DAY)) / DAY, &year, &p[1], &p[2]);
	seconds = (seconds % DAY + DAY) % DAY;
	if (year < 1 || year > 9999)
		return STR("");
	tail = str_from_index(from, at);
	if (at == 8)
		return str_printf(a, "%04u%02u%02u%.*s", (unsigned)year, p[1], p[2], STR_ARG(tail));
	/* Hours or minutes alone are filled up: the sum may have more. */
	return str_printf(a, "%04u%02u%02u%02u%02u%02u%.*s", (unsigned)year, p[1], p[2],
	    (unsigned)(seconds / HOUR), (unsigned)(seconds / MINUTE % 60), (unsigned)(seconds % 60),
	    STR_ARG(tail));
}

struct str
map_value_minutes(struct str count, struct str unit, struct arena *a)
{
	struct str name = str_trim(unit);
	const struct unit *u = name.len ? find_unit(name) : find_unit(STR("min"));
	int64_t n;

	if (!u || u->months || !str_to_int(str_trim(count), &n) || n < 0 || n > MOST)
		return STR("");
	if (n * u->seconds % MINUTE)
		return STR("");
	return str_printf(a, "%lld", (long long)(n * u->seconds / MINUTE));
}
