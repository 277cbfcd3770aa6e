#include "gateway/cli/cli.h"

#include <string.h>

#include "base/str.h"
#include "config.h"
#include "gateway/host/worker.h"

const struct command cli_commands[] = {
	{ "check", cmd_check, "say what is wrong with a configuration" },
	{ "serve", cmd_serve, "run the gateway" },
	{ "pack", cmd_pack, "compile FHIR packages into a file of definitions" },
	{ "convert", cmd_convert, "convert messages and resources" },
	{ "fhirpath", cmd_fhirpath, "evaluate a FHIRPath expression over resources" },
	{ "import", cmd_import, "put files of resources into the store" },
	{ "export", cmd_export, "write what is in the store to files" },
	{ "backup", cmd_backup, "copy the store, also while a gateway runs" },
	{ "reindex", cmd_reindex, "make what the store is searched by anew" },
	{ "purge", cmd_purge, "remove a resource and its history for good" },
	{ "explain", cmd_explain, "tell how a search is carried out" },
	{ "token", cmd_token, "make a bearer token for a sender" },
	{ "audit", cmd_audit, "check or show the audit trail" },
	{ "deadletter", cmd_deadletter, "list, show, replay and drop messages that were refused" },
	{ "queue", cmd_queue, "tell what waits for other systems" },
	{ "coverage", cmd_coverage, "tell how much of each feed is mapped" },
	{ "version", cmd_version, "print the version" },
	{ WORKER_COMMAND, worker_main, NULL },
	{ NULL, NULL, NULL },
};

int
cmd_version(int argc, char **argv)
{
	static const char help[] = "usage: firedoor version\nPrint the version.\n";

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(help, stdout);
		return EXIT_CLEAN;
	}
	if (argc > 1) {
		fprintf(stderr, "firedoor version: takes no arguments; there is '%s'\n", argv[1]);
		return EXIT_USAGE;
	}
	puts("firedoor " PACKAGE_VERSION);
	return EXIT_CLEAN;
}

static void
print_help(FILE *out)
{
	fputs("usage: firedoor COMMAND [OPTIONS]\n"
	      "An interoperability gateway for health care.\n\ncommands:\n",
	    out);
	for (const struct command *c = cli_commands; c->run; c++)
		if (c->brief)
			fprintf(out, "  %-10s %s\n", c->name, c->brief);
	fputs("\nfiredoor COMMAND --help tells about one.\n", out);
}

static void
print_unknown(struct str name)
{
	const struct command *nearest = NULL;
	unsigned best = 3;

	for (const struct command *c = cli_commands; c->run; c++) {
		unsigned d = str_distance(name, str_from(c->name), 3);

		if (d < best) {
			best = d;
			nearest = c;
		}
	}
	fprintf(stderr, "firedoor: there is no command '%.*s'%s%s%s\n", STR_ARG(name),
	    nearest ? "; did you mean '" : "", nearest ? nearest->name : "", nearest ? "'?" : "");
	fputs("firedoor --help lists them.\n", stderr);
}

int
cli_main(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return EXIT_CLEAN;
	}
	if (strcmp(argv[1], "--version") == 0)
		return cmd_version(argc - 1, argv + 1);
	for (const struct command *c = cli_commands; c->run; c++)
		if (strcmp(argv[1], c->name) == 0)
			return c->run(argc - 1, argv + 1);
	print_unknown(str_from(argv[1]));
	return EXIT_USAGE;
}
