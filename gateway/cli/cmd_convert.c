#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/zone.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/convert.h"
#include "gateway/cli/convert_files.h"

static const char help[] =
    "usage: firedoor convert --from FORMAT --to FORMAT [OPTIONS] [FILE|FOLDER…]\n"
    "Convert FHIR from one format into another, and HL7 v2 messages into FHIR. Without\n"
    "FILE, or with -, standard input is read; of a FOLDER, all files of the format in it\n"
    "and below. Each HL7 v2 message of a file, in ER7 or in XML, becomes a transaction\n"
    "Bundle; batch envelopes are skipped. A resource that breaks the specification is\n"
    "not written.\n"
    "Findings go to standard error as FILE:LINE:COLUMN: SEVERITY: PLACE: TEXT.\n"
    "\n"
    "      --from FORMAT   json, xml, ndjson or hl7v2\n"
    "      --to FORMAT     json, xml or ndjson (a resource a line)\n"
    "  -o, --output FOLDER write files of the same names there, not to standard output\n"
    "      --pretty        indented output, not one resource a line\n"
    "      --lenient       leave out what is wrong with a warning, keep what can be kept\n"
    "      --coverage      list on standard error what became of each component\n"
    "      --pack FILE     the compiled definitions ($FIREDOOR_PACK)\n"
    "      --maps DIR      a folder of maps laid over the shipped ones; may be repeated\n"
    "                      ($FIREDOOR_MAPS: where the shipped ones are)\n"
    "      --zone ZONE     of times without one: Europe/Berlin, +01:00, Z\n"
    "      --charset NAME  of messages that do not name one in MSH-18\n"
    "  -h, --help          this text\n"
    "\n"
    "Exit status: 0 clean, 1 something was wrong with a message, 2 wrong usage, or a file\n"
    "that could not be read or written.\n";

enum {
	MAX_MAPS = 16,
	BAR = 30,	       /* characters of the bar */
	TELL_OVER = 20,	       /* files, for which progress is told */
	TELL_BAR = 100 * 1000, /* microseconds between two */
	TELL_LINE = 10 * 1000 * 1000,
};

/* The command line. */
struct command_line {
	struct convert convert;
	const char *pack_path;
	const char *maps[MAX_MAPS + 1];
	size_t map_count;
	const char *output;
};

/* Z, +01:00, -0500 */
static bool
read_zone(struct str s, struct map_options *o)
{
	int64_t hours, minutes;
	bool west = s.len && s.p[0] == '-';

	o->has_zone = true;
	o->zone_minutes = 0;
	if (str_is(s, "Z"))
		return true;
	if (s.len < 5 || s.len > 6 || (s.p[0] != '+' && !west) || (s.len == 6 && s.p[3] != ':'))
		return false;
	if (!str_to_int(str_of(s.p + 1, 2), &hours) ||
	    !str_to_int(str_from_index(s, s.len - 2), &minutes) || hours < 0 || hours > 14 ||
	    minutes < 0 || minutes > 59)
		return false;
	o->zone_minutes = (int)(hours * 60 + minutes) * (west ? -1 : 1);
	return true;
}

static const char hint[] = "firedoor convert --help tells more.\n";

static int
usage(const char *what)
{
	fprintf(stderr, "firedoor convert: %s\n%s", what, hint);
	return EXIT_USAGE;
}

enum {
	OPTION_FROM = 256,
	OPTION_TO,
	OPTION_COVERAGE,
	OPTION_PRETTY,
	OPTION_LENIENT,
	OPTION_PACK,
	OPTION_MAPS,
	OPTION_ZONE,
	OPTION_CHARSET,
};

static const struct option options[] = {
	{ "from", required_argument, NULL, OPTION_FROM },
	{ "to", required_argument, NULL, OPTION_TO },
	{ "coverage", no_argument, NULL, OPTION_COVERAGE },
	{ "pretty", no_argument, NULL, OPTION_PRETTY },
	{ "lenient", no_argument, NULL, OPTION_LENIENT },
	{ "output", required_argument, NULL, 'o' },
	{ "pack", required_argument, NULL, OPTION_PACK },
	{ "maps", required_argument, NULL, OPTION_MAPS },
	{ "zone", required_argument, NULL, OPTION_ZONE },
	{ "charset", required_argument, NULL, OPTION_CHARSET },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* One option. Returns what is wrong with it, or NULL. */
static const char *
read_option(struct command_line *l, int option)
{
	struct convert *c = &l->convert;

	switch (option) {
	case OPTION_FROM:
		c->from = convert_format_of(optarg);
		return c->from ? NULL : "--from takes json, xml, ndjson or hl7v2";
	case OPTION_TO:
		c->to = convert_format_of(optarg);
		return c->to && c->to != CONVERT_HL7V2 ? NULL : "--to takes json, xml or ndjson";
	case OPTION_COVERAGE:
		c->coverage = c->options.list = true;
		return NULL;
	case OPTION_PRETTY:
		c->pretty = true;
		return NULL;
	case OPTION_LENIENT:
		c->lenient = true;
		return NULL;
	case 'o':
		l->output = optarg;
		return *optarg ? NULL : "--output takes a folder";
	case OPTION_PACK:
		l->pack_path = optarg;
		return NULL;
	case OPTION_MAPS:
		if (l->map_count > MAX_MAPS)
			return "too many --maps";
		l->maps[l->map_count++] = optarg;
		return NULL;
	case OPTION_ZONE:
		if (read_zone(str_from(optarg), &c->options))
			return NULL;
		zone_free((struct zone *)c->options.zone);
		c->options.zone = zone_open(str_from(optarg), NULL);
		return c->options.zone ? NULL
				       : "--zone takes a name, Europe/Berlin, Z, or hours and "
					 "minutes from UTC: "
					 "+01:00";
	default:
		c->er7.default_charset = str_from(optarg);
		return NULL;
	}
}

/* Files may be large here: a Bundle of a gigabyte has some 20 million nodes.
 * A file that is nothing but small nodes is refused before it takes all memory. */
static const struct record_limits limits = {
	.nodes = 64u << 20,
	.depth = 64,
	.text = UINT32_MAX,
};

static int
load(struct command_line *l, struct error *err)
{
	struct convert *c = &l->convert;

	c->pack = pack_open(l->pack_path, err);
	if (!c->pack)
		return -1;
	record_builder_init(&c->builder, c->pack, &limits);
	if (c->from == CONVERT_HL7V2) {
		c->set = map_set_load(c->pack, l->maps, l->map_count, err);
		if (!c->set)
			return -1;
	}
	return 0;
}

/* How far it is: a bar on a terminal, a line now and then elsewhere. */
struct progress {
	size_t count;
	bool bar;
	int64_t told;
};

static void
progress_tell(struct progress *p, size_t done, uint64_t resources)
{
	int64_t now = clock_monotonic();
	unsigned filled = (unsigned)(done * BAR / p->count);

	if (p->count < TELL_OVER ||
	    (done < p->count && now - p->told < (p->bar ? TELL_BAR : TELL_LINE)))
		return;
	p->told = now;
	if (!p->bar) {
		fprintf(stderr, "convert: %zu of %zu files, %llu resources\n", done, p->count,
		    (unsigned long long)resources);
		return;
	}
	fputs("\r[", stderr);
	for (unsigned i = 0; i < BAR; i++)
		fputc(i < filled ? '#' : ' ', stderr);
	fprintf(stderr, "] %zu of %zu files, %llu resources%s", done, p->count,
	    (unsigned long long)resources, done == p->count ? "\n" : "\033[K");
}

static int
complain(const struct error *err)
{
	fprintf(stderr, "firedoor convert: %s\n", err->text);
	return EXIT_USAGE;
}

/* What cannot be read is told, and the others go on; what cannot be written
 * ends it. */
static int
run_jobs(struct convert *c, const struct convert_jobs *jobs)
{
	struct progress p = {
		.count = jobs->count,
		.bar = isatty(STDERR_FILENO),
		.told = clock_monotonic(),
	};
	int status = EXIT_CLEAN;
	struct error err = { 0 };

	for (size_t i = 0; i < jobs->count; i++) {
		if (convert_file(c, jobs->at[i].input, jobs->at[i].output, &err) != 0) {
			status = complain(&err);
			if (err.kind != ERROR_MISSING && err.kind != ERROR_LIMIT)
				return status;
		}
		progress_tell(&p, i + 1, c->resources);
	}
	if (status == EXIT_CLEAN && c->found_errors)
		status = EXIT_FINDINGS;
	return status;
}

static int
run(struct command_line *l, char **paths, int count)
{
	static char *standard_input[] = { "-" };
	const char *const *endings = convert_endings(l->convert.from);
	struct convert_jobs jobs = { 0 };
	struct error err = { 0 };
	int status = EXIT_CLEAN;

	if (count == 0) {
		paths = standard_input;
		count = 1;
	}
	if (load(l, &err) != 0)
		return complain(&err);
	for (int i = 0; i < count; i++)
		if (convert_jobs_add(&jobs, paths[i], endings, l->output, &err) != 0)
			status = complain(&err);
	if (convert_jobs_prepare(&jobs, &err) != 0) {
		status = complain(&err);
	} else {
		int ran = run_jobs(&l->convert, &jobs);

		status = ran > status ? ran : status;
	}
	convert_jobs_release(&jobs);
	return status;
}

static const char *
from_environment(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value && *value ? value : otherwise;
}

int
cmd_convert(int argc, char **argv)
{
	struct command_line l = { .output = NULL };
	struct convert *c = &l.convert;
	static char name[] = "firedoor convert";
	int option, status;

	argv[0] = name; /* getopt's messages begin with it */
	l.pack_path = from_environment("FIREDOOR_PACK", FIREDOOR_DATADIR "/r4.pack");
	l.maps[l.map_count++] = from_environment("FIREDOOR_MAPS", FIREDOOR_DATADIR "/maps");
	while ((option = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
		const char *wrong;

		if (option == 'h') {
			fputs(help, stdout);
			return EXIT_CLEAN;
		}
		if (option == '?') {
			/* getopt has said why. */
			fputs(hint, stderr);
			return EXIT_USAGE;
		}
		wrong = read_option(&l, option);
		if (wrong)
			return usage(wrong);
	}
	if (!c->from || !c->to)
		return usage("--from and --to must say what becomes what");
	status = run(&l, argv + optind, argc - optind);
	map_set_free(c->set);
	zone_free((struct zone *)c->options.zone);
	if (c->pack) {
		record_builder_release(&c->builder);
		pack_free(c->pack);
	}
	return status;
}
