#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/error.h"
#include "gateway/bulk/progress.h"
#include "gateway/cli/cli.h"
#include "gateway/config.h"
#include "gateway/store/store.h"

static const char help[] =
    "usage: firedoor backup -c FILE [OPTIONS] DEST\n"
    "Copy the store of the configuration FILE to the file DEST, as it is at one moment;\n"
    "also while a gateway runs. The copy is checked, page by page, before it has its name.\n"
    "It is a store itself: put in the place of the store, with no files of the same name\n"
    "and an ending (-wal, -shm) beside it, a gateway goes on with it. The audit trail is a\n"
    "folder of files that only grow: copy it with the store.\n"
    "\n"
    "  -c, --config FILE   the gateway's configuration\n"
    "  -f, --force         replace DEST when it is there\n"
    "  -q, --quiet         tell no progress\n"
    "  -h, --help          this text\n"
    "\n"
    "Exit status: 0 done, 2 not done, and DEST is as it was.\n";

struct request {
	const char *config, *dest;
	bool force, quiet;
};

static int
usage(const char *what)
{
	fprintf(stderr, "firedoor backup: %s\nfiredoor backup --help tells more.\n", what);
	return EXIT_USAGE;
}

static void
tell(void *ctx, uint64_t done, uint64_t total)
{
	struct progress *p = ctx;

	p->total = total;
	progress_tell(p, done, done);
}

static int
backup(const struct request *q, const char *path)
{
	struct progress p;
	struct error err;
	struct stat st;

	if (!q->force && stat(q->dest, &st) == 0)
		return usage("DEST is there already; --force replaces it");
	progress_begin(&p, "backup", "pages", 0);
	p.quiet = q->quiet;
	if (store_backup(path, q->dest, tell, &p, &err) < 0) {
		progress_clear(&p);
		fprintf(stderr, "firedoor backup: %s\n", err.text);
		return EXIT_USAGE;
	}
	progress_end(&p, p.total);
	printf("%s: copied and checked\n", q->dest);
	return EXIT_CLEAN;
}

static int
run(const struct request *q)
{
	const struct config *c;
	struct arena arena;
	int status = EXIT_USAGE;

	arena_init(&arena, CONFIG_ARENA, ARENA_WIPE);
	c = config_load_or_tell(q->config, &arena);
	if (c)
		status = backup(q, c->store.path);
	arena_release(&arena);
	return status;
}

int
cmd_backup(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "force", no_argument, NULL, 'f' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct request q = { .config = NULL };
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "c:fqh", options, NULL)) != -1)
		switch (option) {
		case 'c':
			q.config = optarg;
			break;
		case 'f':
			q.force = true;
			break;
		case 'q':
			q.quiet = true;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_CLEAN;
		default:
			return EXIT_USAGE; /* getopt has said why */
		}
	if (!q.config)
		return usage("-c FILE is needed");
	if (optind + 1 != argc)
		return usage("say which file to copy the store to");
	q.dest = argv[optind];
	return run(&q);
}
