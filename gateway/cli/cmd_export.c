#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "gateway/bulk/export.h"
#include "gateway/bulk/offline.h"
#include "gateway/cli/cli.h"
#include "gateway/config.h"

static const char help[] =
    "usage: firedoor export -c FILE [OPTIONS] FOLDER\n"
    "Write what is current in the store of the configuration FILE, while no gateway has it,\n"
    "to files of newline-delimited JSON in FOLDER, which is made or must be empty: one a\n"
    "type, Patient.ndjson and so on, and manifest.json, as bulk data exports have them. All\n"
    "is of one moment. It is authorised as for the sender that is named, and audited.\n"
    "\n"
    "  -c, --config FILE   the gateway's configuration\n"
    "      --sender NAME   of the access section: the types it may search are exported\n"
    "  -t, --type TYPE     of this type only; may be repeated\n"
    "  -z, --gzip          compressed: Patient.ndjson.gz\n"
    "  -q, --quiet         tell no progress\n"
    "  -h, --help          this text\n"
    "\n"
    "Exit status: 0 done, 2 not done, and no file is there.\n";

enum {
	TYPES_MOST = 256,
};

struct request {
	const char *config, *sender;
	const char *types[TYPES_MOST];
	struct export_options export;
};

static int
usage(const char *what)
{
	fprintf(stderr, "firedoor export: %s\nfiredoor export --help tells more.\n", what);
	return EXIT_USAGE;
}

enum {
	OPTION_SENDER = 256,
};

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "sender", required_argument, NULL, OPTION_SENDER },
	{ "type", required_argument, NULL, 't' },
	{ "gzip", no_argument, NULL, 'z' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* One option. Returns what is wrong with it, or NULL. */
static const char *
read_option(struct request *q, int option)
{
	switch (option) {
	case 'c':
		q->config = optarg;
		return NULL;
	case OPTION_SENDER:
		q->sender = optarg;
		return NULL;
	case 'z':
		q->export.gzip = true;
		return NULL;
	case 'q':
		q->export.quiet = true;
		return NULL;
	default:
		if (q->export.type_count == TYPES_MOST)
			return "too many --type";
		q->types[q->export.type_count++] = optarg;
		return NULL;
	}
}

static int
complain(const struct error *err)
{
	fprintf(stderr, "firedoor export: %s\n", err->text);
	return EXIT_USAGE;
}

static int
run(struct request *q)
{
	const struct config *c;
	struct offline o;
	struct arena arena;
	struct error err;
	uint64_t count = 0;
	int status = EXIT_USAGE;

	arena_init(&arena, CONFIG_ARENA, ARENA_WIPE);
	c = config_load_or_tell(q->config, &arena);
	if (c) {
		log_setup(c->log.level, c->log.format);
		if (offline_open(&o, c, q->sender, &err) < 0) {
			complain(&err);
		} else {
			status = export_run(&o, &q->export, &count, &err) == 0 ? EXIT_CLEAN
									       : complain(&err);
			offline_close(&o);
		}
	}
	if (status == EXIT_CLEAN)
		printf("%llu resources\n", (unsigned long long)count);
	arena_release(&arena);
	return status;
}

int
cmd_export(int argc, char **argv)
{
	struct request q = { .config = NULL };
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "c:t:zqh", options, NULL)) != -1) {
		const char *wrong;

		if (option == 'h') {
			fputs(help, stdout);
			return EXIT_CLEAN;
		}
		if (option == '?')
			return EXIT_USAGE; /* getopt has said why */
		wrong = read_option(&q, option);
		if (wrong)
			return usage(wrong);
	}
	if (!q.config)
		return usage("-c FILE is needed");
	if (optind + 1 != argc)
		return usage("say which folder to export into");
	q.export.folder = argv[optind];
	q.export.types = q.types;
	return run(&q);
}
