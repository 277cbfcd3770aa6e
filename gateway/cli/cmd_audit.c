#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "gateway/audit/trail.h"
#include "gateway/cli/audit_show.h"
#include "gateway/cli/cli.h"
#include "gateway/config.h"

static const char help[] =
    "usage: firedoor audit verify [-c FILE | FOLDER] [--expect NUMBER:HASH]\n"
    "       firedoor audit show [-c FILE | FOLDER] [OPTIONS]\n"
    "Check or show the audit trail of the configuration FILE, or of a FOLDER.\n"
    "\n"
    "verify reads the whole trail, checks that nothing was changed, lost or moved, and\n"
    "says which segment and entry is wrong. Exit status 0: whole; 1: not; 2: could not\n"
    "be checked.\n"
    "\n"
    "  -c, --config FILE      the gateway's configuration\n"
    "      --expect NUM:HASH  verify: a newest entry that was noted earlier (verify and\n"
    "                         the gateway's log tell it) must be in the trail\n"
    "      --since TIME       show: from that time on: 2026-11-22, 2026-11-22T16:00:00Z,\n"
    "                         or a duration ago: 90min, 2 h, 7 d\n"
    "      --sender NAME      show: of that sender\n"
    "      --resource REF     show: that touched Patient, Patient/123 or one version\n"
    "      --outcome WORD     show: allowed, refused or failed\n"
    "  -n, --last N           show: the last N of these\n"
    "      --json             show: lines of JSON, as they stand in the trail\n"
    "  -h, --help             this text\n"
    "\n"
    "The trail may be read while a gateway writes it.\n";

static void
print_problem(void *ctx, const struct trail_problem *p)
{
	const char *folder = ctx;

	if (p->line)
		fprintf(stderr, "%s/%s:%" PRIu64 ": %s\n", folder, p->segment, p->line, p->text);
	else
		fprintf(stderr, "%s/%s: %s\n", folder, p->segment, p->text);
}

static bool
parse_expected(const char *text, struct trail_state *s)
{
	struct str number, hash = str_from(text);
	int64_t n;

	if (!str_split(&hash, ':', &number) || !str_to_int(number, &n) || n <= 0 ||
	    !hex_decode(hash, s->expect_hash, SHA256_BYTES))
		return false;
	s->expect_sequence = (uint64_t)n;
	return true;
}

static int
verify(const char *folder, const char *expect)
{
	struct trail_reader r = { .problem = print_problem, .ctx = (void *)folder };
	struct trail_state s = { 0 };
	char hex[2 * SHA256_BYTES + 1];
	struct error err;

	if (expect && !parse_expected(expect, &s)) {
		fputs("firedoor audit: --expect takes NUMBER:HASH, as verify prints it\n", stderr);
		return EXIT_USAGE;
	}
	if (trail_read(folder, &r, &s, &err) < 0) {
		fprintf(stderr, "firedoor audit: %s\n", err.text);
		return EXIT_USAGE;
	}
	hex_encode(s.hash, SHA256_BYTES, hex);
	printf("%" PRIu64 " entries in %" PRIu64 " segments, newest %" PRIu64 ":%s\n", s.entries,
	    s.segments, s.sequence, hex);
	if (s.incomplete)
		puts("the last line is not complete: it is being written, or a crash left it; it "
		     "was not promised to anybody");
	if (expect && !s.expect_found) {
		s.problems++;
		fprintf(stderr, "%s: the entry that was expected, %s, is not in the trail\n",
		    folder, expect);
	}
	if (s.problems) {
		printf("the trail is NOT whole: %" PRIu64 " problem%s\n", s.problems,
		    s.problems == 1 ? "" : "s");
		return EXIT_FINDINGS;
	}
	puts("the trail is whole");
	return EXIT_CLEAN;
}

struct request {
	const char *verb, *config, *folder, *expect;
	struct audit_filter filter;
};

static bool
parse_option(int c, struct request *q)
{
	switch (c) {
	case 'c':
		q->config = optarg;
		return true;
	case 'e':
		q->expect = optarg;
		return true;
	case 'j':
		q->filter.json = true;
		return true;
	default:
		return audit_filter_option(&q->filter, c, optarg);
	}
}

/* Returns 0, 1 for --help, -1 when the command line is wrong. */
static int
parse_options(int argc, char **argv, struct request *q)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "expect", required_argument, NULL, 'e' },
		{ "since", required_argument, NULL, AUDIT_SINCE },
		{ "sender", required_argument, NULL, AUDIT_SENDER },
		{ "resource", required_argument, NULL, AUDIT_RESOURCE },
		{ "outcome", required_argument, NULL, AUDIT_OUTCOME },
		{ "last", required_argument, NULL, AUDIT_LAST },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "c:n:h", options, NULL)) != -1) {
		if (c == 'h')
			return 1;
		if (c == '?' || !parse_option(c, q))
			return -1;
	}
	if (optind < argc)
		q->verb = argv[optind++];
	if (optind < argc)
		q->folder = argv[optind++];
	return optind == argc ? 0 : -1;
}

static int
run(struct request *q)
{
	if (strcmp(q->verb, "verify") == 0)
		return verify(q->folder, q->expect);
	return audit_show(q->folder, &q->filter);
}

/* The files that the configuration names need not be there for this. */
static const char *
configured_folder(const char *path, struct arena *arena)
{
	const struct config *c;
	struct findings findings;

	findings_init(&findings, arena, 200);
	c = config_load(path, 0, arena, &findings);
	if (!c)
		config_print_findings(path, &findings);
	return c ? c->audit.folder : NULL;
}

int
cmd_audit(int argc, char **argv)
{
	struct request q = { 0 };
	struct arena arena;
	int rc = parse_options(argc, argv, &q);

	if (rc > 0) {
		fputs(help, stdout);
		return EXIT_CLEAN;
	}
	if (rc < 0 || !q.verb || (strcmp(q.verb, "verify") != 0 && strcmp(q.verb, "show") != 0) ||
	    !q.config == !q.folder) {
		fputs("firedoor audit: says 'verify' or 'show', and then -c FILE or a FOLDER; "
		      "firedoor audit --help tells more\n",
		    stderr);
		return EXIT_USAGE;
	}
	if (q.folder)
		return run(&q);
	arena_init(&arena, CONFIG_ARENA, 0);
	q.folder = configured_folder(q.config, &arena);
	rc = q.folder ? run(&q) : EXIT_USAGE;
	arena_release(&arena);
	return rc;
}
