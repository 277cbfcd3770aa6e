#include <getopt.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "gateway/cli/cli.h"
#include "gateway/config.h"
#include "gateway/fhir/interaction.h"
#include "gateway/fhir/search_query.h"
#include "gateway/store/store.h"

enum {
	EXPLAIN_ARENA = 64 << 20,
	EXPLAIN_TEXT = 1 << 20,
	BUSY_MS = 5000,
	FINDINGS_MOST = 50,
};

static const char help[] =
    "usage: firedoor explain -c FILE [OPTIONS] 'TYPE?SEARCH'\n"
    "Tell how a search is carried out: which index is walked and why, how many rows\n"
    "were expected and looked at, what was tried on each, the SQL. The store is read\n"
    "beside a gateway that runs. No value of the search is told, and nobody's rights\n"
    "are applied. Over HTTP an administrator gets the same with the header field\n"
    "'X-Firedoor-Explain: 1', as the last entry of the Bundle.\n"
    "\n"
    "  -c, --config FILE  the gateway's configuration\n"
    "  -h, --help         this text\n"
    "\n"
    "example: firedoor explain -c firedoor.yaml 'Observation?patient=Patient/1&_sort=-date'\n";

struct explaining {
	const struct config *config;
	const char *search;
	struct arena arena;
	const struct pack *pack;
	struct store *store;
	struct store_reader *reader;
};

static int
fail(const char *text)
{
	fprintf(stderr, "firedoor explain: %s\n", text);
	return EXIT_USAGE;
}

static bool
permit_all(void *ctx, uint32_t type, struct store_visibility *out)
{
	(void)ctx;
	(void)type;
	*out = (struct store_visibility){ .kind = SEES_EVERYTHING };
	return true;
}

/* The text into a query; EXIT_CLEAN, or told. */
static int
parse(struct explaining *e, struct search_query *q)
{
	const struct config_fhir *c = &e->config->fhir;
	struct search_options options = {
		.want_total = true,
		.count = c->page_count,
		.most = c->page_most,
		.visibility = { .kind = SEES_EVERYTHING },
		.permit = permit_all,
	};
	struct search_index *index;
	struct query_pair *pairs;
	struct fhir_route route;
	struct findings findings;
	struct error err;
	struct str word;
	uint32_t count;
	int rc;

	if (route_parse(e->pack, FHIR_GET, str_from(e->search), &e->arena, &route, &word) !=
		ROUTE_FOUND ||
	    route.shape != SHAPE_TYPE)
		return fail("give a search of a resource type, as in 'Patient?family=x'");
	if (query_pairs(route.query, &e->arena, &pairs, &count, &err) != 0)
		return fail(err.text);
	findings_init(&findings, &e->arena, FINDINGS_MOST);
	index = search_index_new(e->pack, c->base_url);
	rc = search_query_parse(
	    index, e->pack, route.type, pairs, count, &options, &e->arena, q, &findings);
	search_index_free(index);
	for (const struct finding *f = findings.first; f; f = f->next)
		fprintf(stderr, "firedoor explain: %.*s\n", STR_ARG(f->text));
	return rc == 0 ? EXIT_CLEAN : EXIT_USAGE;
}

static int
open_store(struct explaining *e, struct error *err)
{
	e->pack = pack_open(e->config->pack, err);
	if (!e->pack)
		return -1;
	e->store = store_open_beside(
	    &(struct store_options){
		.path = e->config->store.path, .pack = e->pack, .busy_ms = BUSY_MS },
	    err);
	e->reader = e->store ? store_reader_open(e->store, err) : NULL;
	return e->reader ? 0 : -1;
}

static int
explain(struct explaining *e)
{
	struct search_query q;
	struct store_page page;
	struct error err;
	struct buf text;
	int status;

	if (open_store(e, &err) != 0)
		return fail(err.text);
	status = parse(e, &q);
	if (status != EXIT_CLEAN)
		return status;
	buf_init(&text, EXPLAIN_TEXT);
	q.store.explain = &text;
	q.store.bodiless = true;
	if (store_search(e->reader, &q.store, &e->arena, &page, &err) != 0) {
		status = fail(err.text);
	} else {
		fwrite(text.p, 1, text.len, stdout);
		printf("found %u on the first page%s", page.count,
		    page.more ? ", and there are more" : "");
		if (page.total == UINT64_MAX)
			puts("; not counted: too many rows to look at for that");
		else
			printf("; %llu in all\n", (unsigned long long)page.total);
	}
	buf_release(&text);
	return status;
}

static int
run(const char *config, const char *search)
{
	struct explaining e = { .search = search };
	int status = EXIT_USAGE;

	arena_init(&e.arena, EXPLAIN_ARENA, ARENA_WIPE);
	e.config = config_load_or_tell(config, &e.arena);
	if (e.config)
		status = explain(&e);
	store_reader_close(e.reader);
	store_close(e.store);
	pack_free(e.pack);
	arena_release(&e.arena);
	return status;
}

int
cmd_explain(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *config = NULL;
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1)
		switch (c) {
		case 'c':
			config = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_CLEAN;
		default:
			return EXIT_USAGE;
		}
	if (!config || optind != argc - 1) {
		fputs("firedoor explain: give -c FILE and one search, in quotes; firedoor explain "
		      "--help tells "
		      "more\n",
		    stderr);
		return EXIT_USAGE;
	}
	return run(config, argv[optind]);
}
