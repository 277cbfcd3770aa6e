#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/finding.h"
#include "gateway/cli/cli.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/hl7v2/er7.h"
#include "mappers/map/map.h"

static const char help[] =
    "usage: firedoor convert --from FORMAT --to FORMAT [OPTIONS] [FILE…]\n"
    "Convert messages to FHIR. Without FILE, or with -, standard input is read. Each\n"
    "HL7 v2 message of a file becomes a transaction Bundle; batch envelopes are skipped.\n"
    "Findings go to standard error as FILE:LINE:COLUMN: SEVERITY: PLACE: TEXT.\n"
    "\n"
    "      --from FORMAT   json or hl7v2\n"
    "      --to FORMAT     json\n"
    "      --coverage      list on standard error what became of each component\n"
    "      --pretty        indented output, not one resource a line\n"
    "      --pack FILE     the compiled definitions ($FIREDOOR_PACK)\n"
    "      --maps DIR      a folder of maps laid over the shipped ones; may be repeated\n"
    "                      ($FIREDOOR_MAPS: where the shipped ones are)\n"
    "      --zone ZONE     of times without one: +01:00, -05:00, Z\n"
    "      --charset NAME  of messages that do not name one in MSH-18\n"
    "  -h, --help          this text\n"
    "\n"
    "Exit status: 0 clean, 1 something was wrong with a message, 2 wrong usage.\n";

enum {
	MAX_INPUT = 1 << 30,
	MAX_MAPS = 16,
	MAX_FINDINGS = 1000,
};

enum format {
	FORMAT_NONE,
	FORMAT_JSON,
	FORMAT_HL7V2,
};

struct convert {
	enum format from, to;
	bool coverage, pretty;
	const char *pack_path;
	const char *maps[MAX_MAPS + 1];
	size_t map_count;
	struct map_options options;
	struct er7_options er7;
	const struct pack *pack;
	struct map_set *set;
	struct record_builder builder;
	int status;
};

static void
print_findings(struct convert *c, const char *file, uint32_t first, const struct findings *f)
{
	for (const struct finding *x = f->first; x; x = x->next) {
		fprintf(stderr, "%s:", file);
		if (x->line)
			fprintf(stderr, "%u:%u:", x->line + first - 1, x->column ? x->column : 1);
		fprintf(stderr, " %s: ", severity_name(x->severity));
		if (x->path.len)
			fprintf(stderr, "%.*s: ", STR_ARG(x->path));
		fprintf(stderr, "%.*s\n", STR_ARG(x->text));
	}
	if (f->more)
		fprintf(stderr, "%s: there is more; %u findings are shown\n", file, f->count);
	if (f->errors)
		c->status = EXIT_FINDINGS;
}

static void
print_coverage(const char *file, uint32_t first, const struct coverage *v)
{
	static const char *const kinds[] = { "unmapped", "mapped", "dropped" };

	for (uint32_t i = 0; i < v->populated && v->items; i++) {
		const struct coverage_item *x = &v->items[i];

		fprintf(stderr, "%s:%u:%u: %s: %.*s", file, x->line + first - 1, x->column,
		    kinds[x->kind], STR_ARG(x->place));
		if (x->kind == COVERAGE_MAPPED)
			fprintf(stderr, ": %.*s -> %.*s", STR_ARG(x->rule), STR_ARG(x->target));
		else if (x->kind == COVERAGE_DROPPED)
			fprintf(stderr, ": %.*s: %.*s", STR_ARG(x->rule), STR_ARG(x->reason));
		fputc('\n', stderr);
	}
	fprintf(stderr, "%s: %u components: %u mapped, %u dropped, %u unmapped\n", file,
	    v->populated, v->mapped, v->dropped, v->unmapped);
}

static int
print_record(struct convert *c, const struct record *r, struct error *err)
{
	struct buf out;
	int rc;

	buf_init(&out, MAX_INPUT);
	fhir_json_write(r, c->pack, 0, c->pretty ? FHIR_JSON_PRETTY : 0, &out);
	if (out.len == 0 || out.p[out.len - 1] != '\n')
		buf_put_byte(&out, '\n');
	rc = out.full ? error_set(err, ERROR_LIMIT, "the result is too large")
		      : write_all(STDOUT_FILENO, buf_str(&out), err);
	buf_release(&out);
	return rc;
}

static const struct record *
convert_hl7v2(struct convert *c, const char *file, struct str text, uint32_t line, struct arena *a,
    struct findings *f)
{
	struct er7_message m;
	const struct record *r;
	struct coverage v;

	if (er7_read(text, &c->er7, a, &m, f) != 0)
		return NULL;
	if (map_convert(c->set, &m, &c->options, a, &c->builder, &r, &v, f) != 0)
		return NULL;
	if (c->coverage)
		print_coverage(file, line, &v);
	return r;
}

/* One message or resource. */
static int
convert_one(struct convert *c, const char *file, struct str text, uint32_t line, struct error *err)
{
	static const struct fhir_read_options any = { .type = PACK_NONE };
	const struct record *r;
	struct findings f;
	struct arena a;
	int rc = 0;

	arena_init(&a, (size_t)4 << 30, ARENA_WIPE);
	findings_init(&f, &a, MAX_FINDINGS);
	if (c->from == FORMAT_HL7V2)
		r = convert_hl7v2(c, file, text, line, &a, &f);
	else
		r = fhir_json_read(text, &any, &c->builder, &a, &f);
	print_findings(c, file, line, &f);
	if (r)
		rc = print_record(c, r, err);
	arena_release(&a);
	return rc;
}

static int
convert_text(struct convert *c, const char *file, struct str text, struct error *err)
{
	struct er7_cutter cutter = { .text = text };
	struct str message;
	uint32_t line, count = 0;

	if (c->from == FORMAT_JSON)
		return convert_one(c, file, text, 1, err);
	while (er7_cut(&cutter, &message, &line)) {
		count++;
		if (convert_one(c, file, message, line, err) != 0)
			return -1;
	}
	/* Not one MSH: the reader says so best. */
	return count ? 0 : convert_one(c, file, text, 1, err);
}

static int
convert_file(struct convert *c, const char *path, struct error *err)
{
	const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
	struct buf text;
	int rc;

	buf_init(&text, MAX_INPUT);
	text.wipe = true;
	rc = file_read(path, &text, err);
	if (rc == 0)
		rc = convert_text(c, name, buf_str(&text), err);
	buf_release(&text);
	return rc;
}

static enum format
read_format(const char *name)
{
	if (strcmp(name, "json") == 0)
		return FORMAT_JSON;
	return strcmp(name, "hl7v2") == 0 ? FORMAT_HL7V2 : FORMAT_NONE;
}

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

static int
usage(const char *what)
{
	fprintf(stderr, "firedoor convert: %s\nfiredoor convert --help tells more.\n", what);
	return EXIT_USAGE;
}

enum {
	OPTION_FROM = 256,
	OPTION_TO,
	OPTION_COVERAGE,
	OPTION_PRETTY,
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
	{ "pack", required_argument, NULL, OPTION_PACK },
	{ "maps", required_argument, NULL, OPTION_MAPS },
	{ "zone", required_argument, NULL, OPTION_ZONE },
	{ "charset", required_argument, NULL, OPTION_CHARSET },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* One option. Returns what is wrong with it, or NULL. */
static const char *
read_option(struct convert *c, int option)
{
	switch (option) {
	case OPTION_FROM:
		c->from = read_format(optarg);
		return c->from ? NULL : "--from takes json or hl7v2";
	case OPTION_TO:
		c->to = read_format(optarg);
		return c->to == FORMAT_JSON ? NULL : "--to takes json";
	case OPTION_COVERAGE:
		c->coverage = c->options.list = true;
		return NULL;
	case OPTION_PRETTY:
		c->pretty = true;
		return NULL;
	case OPTION_PACK:
		c->pack_path = optarg;
		return NULL;
	case OPTION_MAPS:
		if (c->map_count > MAX_MAPS)
			return "too many --maps";
		c->maps[c->map_count++] = optarg;
		return NULL;
	case OPTION_ZONE:
		return read_zone(str_from(optarg), &c->options)
			   ? NULL
			   : "--zone takes Z or hours and minutes from UTC: +01:00";
	default:
		c->er7.default_charset = str_from(optarg);
		return NULL;
	}
}

static int
load(struct convert *c, struct error *err)
{
	c->pack = pack_open(c->pack_path, err);
	if (!c->pack)
		return -1;
	record_builder_init(&c->builder, c->pack, &record_default_limits);
	if (c->from == FORMAT_HL7V2) {
		c->set = map_set_load(c->pack, c->maps, c->map_count, err);
		if (!c->set)
			return -1;
	}
	return 0;
}

static int
run(struct convert *c, char **files, int count)
{
	static char *standard_input[] = { "-" };
	struct error err = { 0 };

	if (load(c, &err) != 0) {
		fprintf(stderr, "firedoor convert: %s\n", err.text);
		return EXIT_USAGE;
	}
	if (count == 0) {
		files = standard_input;
		count = 1;
	}
	for (int i = 0; i < count; i++) {
		if (convert_file(c, files[i], &err) != 0) {
			fprintf(stderr, "firedoor convert: %s\n", err.text);
			return EXIT_USAGE;
		}
	}
	return c->status;
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
	struct convert c = { .status = EXIT_CLEAN };
	int option, status;

	c.pack_path = from_environment("FIREDOOR_PACK", FIREDOOR_DATADIR "/r4.pack");
	c.maps[c.map_count++] = from_environment("FIREDOOR_MAPS", FIREDOOR_DATADIR "/maps");
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		const char *wrong;

		if (option == 'h') {
			fputs(help, stdout);
			return EXIT_CLEAN;
		}
		if (option == '?')
			return EXIT_USAGE; /* getopt has said why */
		wrong = read_option(&c, option);
		if (wrong)
			return usage(wrong);
	}
	if (!c.from || !c.to)
		return usage("--from and --to must say what becomes what");
	status = run(&c, argv + optind, argc - optind);
	map_set_free(c.set);
	if (c.pack) {
		record_builder_release(&c.builder);
		pack_free(c.pack);
	}
	return status;
}
