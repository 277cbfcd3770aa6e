#include "base/zone.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"

enum {
	HEADER = 44,
	FILE_MOST = 1 << 20,
	TRANSITIONS_MOST = 10000,
	DAY = 86400,
};

/* One half of a rule for the years behind the last transition: "M3.5.0/2". */
struct change {
	unsigned month, week, weekday; /* of "M"; month 0: a day of the year */
	int day;		       /* "J60" (leap is false) or "59" */
	bool leap;
	int32_t at; /* seconds of the day */
};

struct zone {
	uint32_t count;
	int64_t *when;	  /* UTC */
	int32_t *offsets; /* seconds, from that time on */
	int32_t first;	  /* before all of them */
	bool has_rule, has_summer;
	int32_t standard, summer;
	struct change to_summer, to_standard;
};

/* ---- The file ---------------------------------------------------------- */

static uint32_t
read_u32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static int64_t
read_i64(const char *p)
{
	return (int64_t)((uint64_t)read_u32(p) << 32 | read_u32(p + 4));
}

struct counts {
	uint32_t ut, std, leap, time, type, chars;
};

static bool
read_counts(struct str s, struct counts *c)
{
	if (s.len < HEADER || memcmp(s.p, "TZif", 4) != 0)
		return false;
	*c = (struct counts){ read_u32(s.p + 20), read_u32(s.p + 24), read_u32(s.p + 28),
		read_u32(s.p + 32), read_u32(s.p + 36), read_u32(s.p + 40) };
	return c->ut <= 256 && c->std <= 256 && c->leap <= 1000 && c->time <= TRANSITIONS_MOST &&
	       c->type > 0 && c->type <= 256 && c->chars <= 4096;
}

/* Length of the data behind the header, times being of `width` bytes. */
static size_t
data_length(const struct counts *c, size_t width)
{
	return c->time * width + c->time + c->type * 6 + c->chars + c->leap * (width + 4) + c->std +
	       c->ut;
}

static int
read_data(struct zone *z, struct str s, const struct counts *c)
{
	const char *types = s.p + c->time * 8, *infos = types + c->time;

	z->when = xcalloc(c->time + 1, sizeof(*z->when));
	z->offsets = xcalloc(c->time + 1, sizeof(*z->offsets));
	z->count = c->time;
	z->first = (int32_t)read_u32(infos);
	for (uint32_t i = 0; i < c->time; i++) {
		unsigned type = (unsigned char)types[i];

		if (type >= c->type)
			return -1;
		z->when[i] = read_i64(s.p + 8 * i);
		z->offsets[i] = (int32_t)read_u32(infos + 6 * type);
		if (i && z->when[i] <= z->when[i - 1])
			return -1;
	}
	return 0;
}

/* ---- The rule behind it: "CET-1CEST,M3.5.0,M10.5.0/3" ------------------- */

static bool
skip_name(struct str *s)
{
	size_t n = 0;

	if (s->len && s->p[0] == '<') {
		ptrdiff_t end = str_find(*s, '>');

		n = end < 0 ? 0 : (size_t)end + 1;
	} else {
		while (n < s->len &&
		       ((s->p[n] >= 'A' && s->p[n] <= 'Z') || (s->p[n] >= 'a' && s->p[n] <= 'z')))
			n++;
	}
	*s = str_from_index(*s, n);
	return n > 0;
}

static bool
take_number(struct str *s, int *out)
{
	size_t n = 0;

	*out = 0;
	while (n < s->len && n < 6 && s->p[n] >= '0' && s->p[n] <= '9')
		*out = *out * 10 + (s->p[n++] - '0');
	*s = str_from_index(*s, n);
	return n > 0;
}

static bool
take_sign(struct str *s, char c)
{
	if (!s->len || s->p[0] != c)
		return false;
	*s = str_from_index(*s, 1);
	return true;
}

/* "[+-]hh[:mm[:ss]]" in seconds. */
static bool
take_time(struct str *s, int32_t *out)
{
	bool minus = take_sign(s, '-');
	int hours, minutes = 0, seconds = 0;

	if (!minus)
		take_sign(s, '+');
	if (!take_number(s, &hours) || hours > 168)
		return false;
	if (take_sign(s, ':') && !take_number(s, &minutes))
		return false;
	if (take_sign(s, ':') && !take_number(s, &seconds))
		return false;
	*out = (hours * 3600 + minutes % 60 * 60 + seconds % 60) * (minus ? -1 : 1);
	return true;
}

static bool
take_change(struct str *s, struct change *c)
{
	int month, week, weekday;

	*c = (struct change){ .at = 2 * 3600 };
	if (!take_sign(s, ','))
		return false;
	if (take_sign(s, 'M')) {
		if (!take_number(s, &month) || !take_sign(s, '.') || !take_number(s, &week) ||
		    !take_sign(s, '.') || !take_number(s, &weekday) || month < 1 || month > 12 ||
		    week < 1 || week > 5 || weekday > 6)
			return false;
		c->month = (unsigned)month;
		c->week = (unsigned)week;
		c->weekday = (unsigned)weekday;
	} else {
		c->leap = !take_sign(s, 'J');
		if (!take_number(s, &c->day) || c->day > 366)
			return false;
	}
	return !take_sign(s, '/') || take_time(s, &c->at);
}

static void
read_rule(struct zone *z, struct str s)
{
	if (!skip_name(&s) || !take_time(&s, &z->standard))
		return;
	z->standard = -z->standard;
	z->has_rule = true;
	if (!skip_name(&s))
		return;
	z->summer = z->standard + 3600;
	if (s.len && s.p[0] != ',' && take_time(&s, &z->summer))
		z->summer = -z->summer;
	z->has_summer = take_change(&s, &z->to_summer) && take_change(&s, &z->to_standard);
}

struct zone *
zone_read(struct str bytes, struct error *err)
{
	struct zone *z = xcalloc(1, sizeof(*z));
	struct counts c;
	struct str s = bytes, footer;
	size_t len;

	if (!read_counts(s, &c) || s.p[4] < '2')
		goto wrong;
	len = HEADER + data_length(&c, 4);
	if (len > s.len)
		goto wrong;
	s = str_from_index(s, len);
	if (!read_counts(s, &c) || data_length(&c, 8) > s.len - HEADER)
		goto wrong;
	s = str_from_index(s, HEADER);
	if (read_data(z, s, &c) != 0)
		goto wrong;
	footer = str_from_index(s, data_length(&c, 8));
	if (footer.len > 1 && footer.p[0] == '\n')
		read_rule(z, str_trim(footer));
	return z;
wrong:
	zone_free(z);
	error_set(err, ERROR_INVALID, "this is no time zone file of version 2 or later");
	return NULL;
}

static bool
is_name(struct str name)
{
	if (!name.len || name.len > 64 || name.p[0] == '/' || str_find_str(name, STR("..")) >= 0)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!((name.p[i] >= 'A' && name.p[i] <= 'Z') ||
			(name.p[i] >= 'a' && name.p[i] <= 'z') ||
			(name.p[i] >= '0' && name.p[i] <= '9') || strchr("/_+-", name.p[i])))
			return false;
	return true;
}

struct zone *
zone_open(struct str name, struct error *err)
{
	const char *folder = getenv("TZDIR");
	struct zone *z = NULL;
	char path[512];
	struct buf b;

	if (!folder || !*folder)
		folder = "/usr/share/zoneinfo";
	if (!is_name(name) ||
	    snprintf(path, sizeof(path), "%s/%.*s", folder, STR_ARG(name)) >= (int)sizeof(path)) {
		error_set(err, ERROR_INVALID, "'%.*s' is no name of a time zone",
		    (int)(name.len < 64 ? name.len : 64), name.p);
		return NULL;
	}
	buf_init(&b, FILE_MOST);
	if (file_read(path, &b, err) == 0)
		z = zone_read(buf_str(&b), err);
	buf_release(&b);
	return z;
}

void
zone_free(struct zone *z)
{
	if (!z)
		return;
	free(z->when);
	free(z->offsets);
	free(z);
}

/* ---- Offsets ------------------------------------------------------------ */

static bool
is_leap_year(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t
year_of(int64_t seconds)
{
	int64_t days = seconds >= 0 ? seconds / DAY : -((-seconds + DAY - 1) / DAY);
	int64_t year = 1970 + days / 366;

	while (days_from_civil(year + 1, 1, 1) <= days)
		year++;
	while (days_from_civil(year, 1, 1) > days)
		year--;
	return year;
}

/* The day of the year's change, since 1970. */
static int64_t
change_day(const struct change *c, int64_t year)
{
	int64_t first, day;

	if (!c->month) {
		day = days_from_civil(year, 1, 1);
		if (c->leap)
			return day + c->day;
		return day + c->day - 1 + (c->day > 59 && is_leap_year(year));
	}
	first = days_from_civil(year, c->month, 1);
	/* 1970-01-01 was a Thursday. */
	day = first + ((int64_t)c->weekday - (first + 4) % 7 + 7) % 7 + 7 * (c->week - 1);
	while (day >= first + days_in_month(year, c->month))
		day -= 7;
	return day;
}

static int32_t
offset_by_rule(const struct zone *z, int64_t utc)
{
	int64_t year, start, end;

	if (!z->has_summer)
		return z->standard;
	year = year_of(utc + z->standard);
	start = change_day(&z->to_summer, year) * DAY + z->to_summer.at - z->standard;
	end = change_day(&z->to_standard, year) * DAY + z->to_standard.at - z->summer;
	/* South of the equator summer spans the new year. */
	if (start < end)
		return utc >= start && utc < end ? z->summer : z->standard;
	return utc >= end && utc < start ? z->standard : z->summer;
}

static int32_t
offset_at(const struct zone *z, int64_t utc)
{
	uint32_t low = 0, high = z->count;

	if (z->count == 0 || utc < z->when[0])
		return z->count == 0 && z->has_rule ? offset_by_rule(z, utc) : z->first;
	if (utc >= z->when[z->count - 1])
		return z->has_rule ? offset_by_rule(z, utc) : z->offsets[z->count - 1];
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (z->when[middle] <= utc)
			low = middle;
		else
			high = middle;
	}
	return z->offsets[low];
}

static int
minutes_of(int32_t seconds)
{
	return seconds >= 0 ? seconds / 60 : -((-seconds + 59) / 60);
}

int
zone_offset(const struct zone *z, int64_t utc)
{
	return minutes_of(offset_at(z, utc));
}

int
zone_offset_local(const struct zone *z, int64_t local)
{
	/* What holds a day before, and what a day later: one of them is it. */
	int32_t before = offset_at(z, local - DAY), after = offset_at(z, local + DAY);

	if (offset_at(z, local - before) == before)
		return minutes_of(before);
	if (offset_at(z, local - after) == after)
		return minutes_of(after);
	return minutes_of(before);
}
