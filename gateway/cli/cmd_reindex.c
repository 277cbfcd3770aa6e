#include <getopt.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"
#include "gateway/bulk/offline.h"
#include "gateway/cli/cli.h"
#include "gateway/config.h"

static const char help[] =
    "usage: firedoor reindex -c FILE\n"
    "Forget what the store of the configuration FILE is searched by, and make it anew of\n"
    "the resources: after another pack of definitions, say. No gateway may have the store\n"
    "meanwhile. How far it is is logged; cut off, it goes on when the store is opened\n"
    "again, by this command or by a gateway. Search parameters of one's own and the words\n"
    "of full_text are indexed when the gateway runs again.\n"
    "\n"
    "  -c, --config FILE   the gateway's configuration\n"
    "  -h, --help          this text\n"
    "\n"
    "Exit status: 0 done, 2 not done.\n";

static int
usage(const char *what)
{
	fprintf(stderr, "firedoor reindex: %s\nfiredoor reindex --help tells more.\n", what);
	return EXIT_USAGE;
}

static int
run(const char *path)
{
	const struct config *c;
	struct arena arena;
	struct offline o;
	struct error err;
	int status = EXIT_USAGE;

	arena_init(&arena, CONFIG_ARENA, ARENA_WIPE);
	c = config_load_or_tell(path, &arena);
	if (c && offline_reindex(&o, c, &err) == 0) {
		offline_close(&o);
		printf("the index is made anew\n");
		status = EXIT_CLEAN;
	} else if (c) {
		fprintf(stderr, "firedoor reindex: %s\n", err.text);
	}
	arena_release(&arena);
	return status;
}

int
cmd_reindex(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *config = NULL;
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1)
		switch (option) {
		case 'c':
			config = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_CLEAN;
		default:
			return EXIT_USAGE; /* getopt has said why */
		}
	if (!config)
		return usage("-c FILE is needed");
	if (optind != argc)
		return usage("there is nothing else to say");
	return run(config);
}
