/*
 * bench_v2 PACK MAPS FILE… - HL7 v2 to FHIR in memory: messages a second, in processor time,
 * of reading ER7 alone, and of the whole conversion to a Bundle. Of several files
 * the last line tells all of them together, each as often as the others.
 */
#include <stdio.h>
#include <time.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/finding.h"
#include "mappers/map/map.h"

enum {
	SECONDS = 2, /* of one file; of many a twentieth each */
	MANY = 5,
};

static int64_t measured_us = SECONDS * 1000000;

static struct record_builder builder;

static bool
one(const struct map_set *set, struct str text, struct arena *a)
{
	const struct record *r;
	struct coverage coverage;
	struct er7_message m;
	struct findings f;

	arena_reset(a);
	findings_init(&f, a, 100);
	if (er7_read(text, NULL, a, &m, &f) != 0)
		return false;
	return !set || map_convert(set, &m, NULL, a, &builder, &r, &coverage, &f) == 0;
}

/* Other work on the machine counts for nobody. */
static int64_t
processor_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static double
rate(const struct map_set *set, struct str text, struct arena *a)
{
	int64_t start = processor_time(), now;
	unsigned n = 0;

	do {
		for (int i = 0; i < 10; i++)
			one(set, text, a);
		n += 10;
		now = processor_time();
	} while (now - start < measured_us);
	return n * 1e6 / (double)(now - start);
}

/* Microseconds for one of each. */
static void
sum_up(double *read_us, double *convert_us, double read, double converted)
{
	*read_us += 1e6 / read;
	*convert_us += 1e6 / converted;
}

int
main(int argc, char **argv)
{
	const struct pack *pack;
	struct map_set *set;
	struct error err;
	struct arena a;
	double read_us = 0, convert_us = 0;
	unsigned files = 0;

	if (argc < 4) {
		fputs("usage: bench_v2 PACK MAPS FILE…\n", stderr);
		return 2;
	}
	pack = pack_open(argv[1], &err);
	set = pack ? map_set_load(pack, (const char *const *)&argv[2], 1, &err) : NULL;
	if (!set) {
		fprintf(stderr, "bench_v2: %s\n", err.text);
		return 1;
	}
	if (argc > 3 + MANY)
		measured_us /= 20;
	record_builder_init(&builder, pack, &record_default_limits);
	arena_init(&a, 256 << 20, 0);
	for (int i = 3; i < argc; i++) {
		struct buf text;

		buf_init(&text, 64 << 20);
		if (file_read(argv[i], &text, &err) == 0 && one(set, buf_str(&text), &a)) {
			double read = rate(NULL, buf_str(&text), &a);
			double converted = rate(set, buf_str(&text), &a);

			printf("%s\t%zu bytes\t%.0f read/s\t%.0f converted/s\n", argv[i], text.len,
			    read, converted);
			sum_up(&read_us, &convert_us, read, converted);
			files++;
		}
		buf_release(&text);
	}
	if (files > 1)
		printf("all\t%u files\t%.0f read/s\t%.0f converted/s\n", files,
		    files * 1e6 / read_us, files * 1e6 / convert_us);
	arena_release(&a);
	record_builder_release(&builder);
	map_set_free(set);
	pack_free(pack);
	return 0;
}
