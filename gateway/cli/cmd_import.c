#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "gateway/bulk/import.h"
#include "gateway/bulk/offline.h"
#include "gateway/bulk/source.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/convert_files.h"
#include "gateway/config.h"

static const char help[] =
    "usage: firedoor import -c FILE [OPTIONS] FILE|FOLDER...\n"
    "Put resources into the store of the configuration FILE, while no gateway has it.\n"
    "Bundles of type transaction and batch are carried out as if they were sent; of other\n"
    "collections, and of newline-delimited JSON (.ndjson, a resource or Bundle a line),\n"
    "each resource updates its id, or is created where it has none. Files may be .gz or\n"
    ".bz2; of a FOLDER, all of them are taken, in the order of their names. - is standard\n"
    "input, a line each. What is imported is authorised as for the sender that is named,\n"
    "and audited; processors are not asked.\n"
    "\n"
    "What was imported is remembered in the transaction itself: called again after it was\n"
    "cut off, or with files that were repaired, the import does what is left to do.\n"
    "\n"
    "  -c, --config FILE   the gateway's configuration\n"
    "      --sender NAME   of the access section: whose scopes hold\n"
    "      --again         import also what was imported before\n"
    "      --lenient       leave out what is wrong in a resource with a warning\n"
    "  -j, --threads N     that prepare; default: one for each core\n"
    "  -q, --quiet         tell no progress\n"
    "  -h, --help          this text\n"
    "\n"
    "Exit status: 0 all is in the store; 1 something was refused or could not be read, and\n"
    "the rest is in; 2 wrong usage, or it could not be done; 3 stopped by a signal.\n";

struct request {
	const char *config, *sender;
	struct import_options import;
};

static int
usage(const char *what)
{
	fprintf(stderr, "firedoor import: %s\nfiredoor import --help tells more.\n", what);
	return EXIT_USAGE;
}

enum {
	OPTION_SENDER = 256,
	OPTION_AGAIN,
	OPTION_LENIENT,
};

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "sender", required_argument, NULL, OPTION_SENDER },
	{ "again", no_argument, NULL, OPTION_AGAIN },
	{ "lenient", no_argument, NULL, OPTION_LENIENT },
	{ "threads", required_argument, NULL, 'j' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* One option. Returns what is wrong with it, or NULL. */
static const char *
read_option(struct request *q, int option)
{
	int64_t n;

	switch (option) {
	case 'c':
		q->config = optarg;
		return NULL;
	case OPTION_SENDER:
		q->sender = optarg;
		return NULL;
	case OPTION_AGAIN:
		q->import.again = true;
		return NULL;
	case OPTION_LENIENT:
		q->import.lenient = true;
		return NULL;
	case 'q':
		q->import.quiet = true;
		return NULL;
	default:
		if (!str_to_int(str_from(optarg), &n) || n < 1 || n > 64)
			return "--threads takes a number from 1 to 64";
		q->import.threads = (unsigned)n;
		return NULL;
	}
}

static void
on_signal(int which)
{
	(void)which;
	import_stop();
}

static void
catch_signals(void)
{
	struct sigaction a = { .sa_handler = on_signal, .sa_flags = SA_RESTART | SA_RESETHAND };

	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
}

static int
complain(const struct error *err)
{
	fprintf(stderr, "firedoor import: %s\n", err->text);
	return EXIT_USAGE;
}

static int
tell_result(const struct import_result *r)
{
	printf("%llu written, %llu unchanged, %llu imported before, %llu refused\n",
	    (unsigned long long)r->written, (unsigned long long)r->unchanged,
	    (unsigned long long)r->before, (unsigned long long)r->failed);
	if (r->stopped) {
		fputs("stopped; called again, the import goes on here\n", stderr);
		return EXIT_STOPPED;
	}
	return r->failed || r->unread ? EXIT_FINDINGS : EXIT_CLEAN;
}

static int
import(struct request *q, const struct config *c)
{
	struct import_result r;
	struct offline o;
	struct error err;
	int rc;

	if (offline_open(&o, c, q->sender, &err) < 0)
		return complain(&err);
	q->import.lenient |= c->fhir.lenient;
	catch_signals();
	rc = import_run(&o, &q->import, &r, &err);
	offline_close(&o);
	if (rc < 0) {
		tell_result(&r);
		return complain(&err);
	}
	return tell_result(&r);
}

static int
run(struct request *q, char **paths, int count)
{
	struct convert_jobs jobs = { 0 };
	const struct config *c;
	struct arena arena;
	struct error err;
	char **files;
	int status = EXIT_USAGE;

	for (int i = 0; i < count; i++)
		if (convert_jobs_add(&jobs, paths[i], source_endings, NULL, &err) != 0) {
			convert_jobs_release(&jobs);
			return complain(&err);
		}
	files = xcalloc(jobs.count + 1, sizeof(*files));
	for (size_t i = 0; i < jobs.count; i++)
		files[i] = jobs.at[i].input;
	q->import.paths = files;
	q->import.count = jobs.count;
	arena_init(&arena, CONFIG_ARENA, ARENA_WIPE);
	c = config_load_or_tell(q->config, &arena);
	if (c) {
		log_setup(c->log.level, c->log.format);
		status = jobs.count ? import(q, c) : usage("there are no files to import");
	}
	arena_release(&arena);
	free(files);
	convert_jobs_release(&jobs);
	return status;
}

int
cmd_import(int argc, char **argv)
{
	struct request q = { .config = NULL };
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "c:j:qh", options, NULL)) != -1) {
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
	if (optind == argc)
		return usage("say which files or folders to import");
	return run(&q, argv + optind, argc - optind);
}
