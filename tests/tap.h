/*
 * tap.h - tests that speak TAP, a line a case.
 *
 *	int main(void) { ok(1 + 1 == 2, "adds"); return tap_done(); }
 */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/str.h"

static int tap_cases, tap_failures;

/* One case: holds, or is reported with file and line. Returns holds. */
#define ok(holds, ...) tap_ok((holds), __FILE__, __LINE__, __VA_ARGS__)

/* Two texts are equal; both are shown when they are not. */
#define is_str(got, want, ...) tap_is_str((got), (want), __FILE__, __LINE__, __VA_ARGS__)

/* Two whole numbers are equal. */
#define is_int(got, want, ...)                                                                     \
	tap_is_int((long long)(got), (long long)(want), __FILE__, __LINE__, __VA_ARGS__)

__attribute__((format(printf, 4, 5), unused)) static bool
tap_ok(bool holds, const char *file, int line, const char *fmt, ...)
{
	char name[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	for (char *p = name; *p; p++)
		if (*p == '#' || *p == '\n' || *p == '\r')
			*p = ' ';
	printf("%sok %d - %s\n", holds ? "" : "not ", ++tap_cases, name);
	if (!holds) {
		tap_failures++;
		printf("# at %s:%d\n", file, line);
	}
	fflush(stdout);
	return holds;
}

__attribute__((format(printf, 5, 6), unused)) static bool
tap_is_str(struct str got, struct str want, const char *file, int line, const char *fmt, ...)
{
	char name[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	if (tap_ok(str_eq(got, want), file, line, "%s", name))
		return true;
	printf("# got  \"%.*s\"\n# want \"%.*s\"\n", STR_ARG(got), STR_ARG(want));
	return false;
}

__attribute__((format(printf, 5, 6), unused)) static bool
tap_is_int(long long got, long long want, const char *file, int line, const char *fmt, ...)
{
	char name[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	if (tap_ok(got == want, file, line, "%s", name))
		return true;
	printf("# got %lld, want %lld\n", got, want);
	return false;
}

/* A case that cannot run here, by name, and why. */
__attribute__((unused)) static void
tap_skip(const char *name, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++tap_cases, name, why);
}

/* Print the plan. Returns the exit status of the test program. */
__attribute__((unused)) static int
tap_done(void)
{
	printf("1..%d\n", tap_cases);
	return tap_failures ? 1 : 0;
}

#endif
