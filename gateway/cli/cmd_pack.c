#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "gateway/cli/cli.h"
#include "profiles/pack_build.h"

static const char help[] =
    "usage: firedoor pack PACKAGE… -o FILE\n"
    "Compile FHIR packages into one file of definitions that firedoor maps at start.\n"
    "\n"
    "A PACKAGE is a folder or a .tgz in the FHIR NPM format, as hl7.fhir.r4.examples\n"
    "4.0.1, which holds the definitions of R4. All must be for the same FHIR release.\n"
    "When two define the same canonical, the higher version wins; of equal versions,\n"
    "that of the package named later. Profiles (constraints) are left out.\n"
    "\n"
    "  -o, --output FILE  where to put the pack; replaced as a whole or not at all\n"
    "  -q, --quiet        say nothing but errors\n"
    "  -h, --help         this text\n";

struct shown {
	const char *package;
	bool bar;     /* standard error is a terminal */
	int per_cent; /* shown last */
};

static void
show_progress(void *ctx, uint64_t done, uint64_t total)
{
	static const char full[] = "########################################";
	struct shown *s = ctx;
	int per_cent = total ? (int)(done * 100 / total) : 100;

	if (!s->bar || per_cent == s->per_cent)
		return;
	s->per_cent = per_cent;
	fprintf(stderr, "\rreading %s [%-40.*s] %3d%%", s->package, per_cent * 40 / 100, full,
	    per_cent);
}

static int
add_packages(struct pack_builder *b, char **paths, int count, bool quiet, struct error *err)
{
	for (int i = 0; i < count; i++) {
		struct shown s = { paths[i], !quiet && isatty(STDERR_FILENO), -1 };
		int rc;

		if (!quiet && !s.bar)
			fprintf(stderr, "reading %s\n", paths[i]);
		rc = pack_builder_add(b, paths[i], show_progress, &s, err);
		if (s.bar)
			fputc('\n', stderr);
		if (rc)
			return -1;
	}
	return 0;
}

static int
pack(char **paths, int count, const char *output, bool quiet)
{
	struct pack_builder *b = pack_builder_new();
	struct pack_counts n;
	struct error err;
	int rc = add_packages(b, paths, count, quiet, &err);

	if (rc == 0)
		rc = pack_builder_write(b, output, &n, &err);
	pack_builder_free(b);
	if (rc) {
		fprintf(stderr, "firedoor pack: %s\n", err.text);
		return EXIT_FINDINGS;
	}
	if (!quiet)
		fprintf(stderr,
		    "wrote %s: %u types, %u elements, %u search parameters, %u value sets, "
		    "%u code systems, %u concepts, %zu bytes\n",
		    output, n.types, n.elements, n.params, n.value_sets, n.code_systems, n.concepts,
		    n.size);
	return EXIT_CLEAN;
}

int
cmd_pack(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *output = NULL;
	bool quiet = false;
	int c;

	while ((c = getopt_long(argc, argv, "o:qh", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return EXIT_CLEAN;
		}
		if (c == 'o')
			output = optarg;
		else if (c == 'q')
			quiet = true;
		else
			return EXIT_USAGE; /* getopt has said why */
	}
	if (!output || optind == argc) {
		fprintf(stderr, "firedoor pack: %s is missing\nfiredoor pack --help tells more.\n",
		    output ? "the package" : "-o FILE");
		return EXIT_USAGE;
	}
	return pack(argv + optind, argc - optind, output, quiet);
}
