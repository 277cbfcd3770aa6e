/*
 * base/zone.h. What is expected is from the rules of law: in Germany summer time
 * is from the last Sunday of March, 2:00, to that of October, 3:00 (since 1996);
 * in New York from the second Sunday of March to the first of November (since
 * 2007); in Sydney from the first Sunday of October to that of April; in
 * Kathmandu it is 5:45 all year.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/zone.h"
#include "tests/tap.h"

static int64_t
at(int year, unsigned month, unsigned day, int hour, int minute)
{
	return days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60;
}

static void
test_berlin(void)
{
	struct error err = { 0 };
	struct zone *z = zone_open(STR("Europe/Berlin"), &err);

	if (!z) {
		tap_skip("zones", err.text);
		return;
	}
	is_int(zone_offset_local(z, at(2026, 1, 15, 12, 0)), 60, "winter");
	is_int(zone_offset_local(z, at(2026, 7, 15, 12, 0)), 120, "summer");
	is_int(zone_offset_local(z, at(2026, 3, 29, 1, 59)), 60, "before the clocks leap");
	is_int(zone_offset_local(z, at(2026, 3, 29, 3, 0)), 120, "after it");
	is_int(zone_offset_local(z, at(2026, 3, 29, 2, 30)), 60, "a time there is not");
	is_int(zone_offset_local(z, at(2026, 10, 25, 2, 30)), 120, "the first of a time twice");
	is_int(zone_offset_local(z, at(2026, 10, 25, 3, 0)), 60, "behind it");
	is_int(zone_offset(z, at(2026, 10, 25, 0, 59)), 120, "in UTC, the last minute of summer");
	is_int(zone_offset(z, at(2026, 10, 25, 1, 0)), 60, "and the first of winter");
	is_int(zone_offset_local(z, at(2095, 7, 1, 0, 0)), 120, "by the rule, long after");
	is_int(zone_offset_local(z, at(2095, 12, 1, 0, 0)), 60, "in winter, too");
	is_int(zone_offset_local(z, at(1955, 7, 1, 0, 0)), 60, "no summer time in 1955");
	zone_free(z);
}

static void
test_others(void)
{
	struct zone *z = zone_open(STR("America/New_York"), NULL);

	if (!z)
		return;
	is_int(
	    zone_offset_local(z, at(2026, 3, 8, 3, 0)), -240, "New York, second Sunday of March");
	is_int(zone_offset_local(z, at(2026, 11, 1, 2, 0)), -300, "first of November");
	zone_free(z);
	z = zone_open(STR("Australia/Sydney"), NULL);
	is_int(zone_offset_local(z, at(2090, 1, 1, 0, 0)), 660, "Sydney, summer over the new year");
	is_int(zone_offset_local(z, at(2090, 7, 1, 0, 0)), 600, "and winter");
	zone_free(z);
	z = zone_open(STR("Asia/Kathmandu"), NULL);
	is_int(zone_offset(z, at(2026, 1, 1, 0, 0)), 345, "a quarter of an hour");
	zone_free(z);
}

static void
test_refused(void)
{
	struct error err;

	ok(!zone_open(STR("Europe/Atlantis"), &err), "a zone there is not");
	ok(!zone_open(STR("../passwd"), &err), "a path");
	ok(!zone_open(STR("/etc/passwd"), &err), "another");
	ok(!zone_read(STR("TZif2 and no more"), &err), "a file that is none");
}

int
main(void)
{
	test_berlin();
	test_others();
	test_refused();
	return tap_done();
}
