/*
 * A query string, parsed and searched for. The first byte says of what type,
 * and whether with lenient handling. With FUZZ_FILTER: a value of _filter.
 * Needs $FIREDOOR_PACK.
 */
#include <assert.h>
#include <unistd.h>

#include "base/buf.h"
#include "gateway/fhir/search_index.h"
#include "gateway/fhir/search_query.h"
#include "gateway/store/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const types[] = { "Patient", "Observation", "Encounter", "ValueSet",
	"Provenance", "DiagnosticReport", "Bundle", "MedicationRequest" };

static struct {
	const struct pack *pack;
	struct search_index *si;
	struct store *store;
	struct store_reader *reader;
	char file[32];
} the;

static void
clean_up(void)
{
	static const char *const endings[] = { "", "-lock", "-wal", "-shm" };

	store_reader_close(the.reader);
	store_close(the.store);
	search_index_free(the.si);
	pack_free(the.pack);
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		char name[48];

		snprintf(name, sizeof(name), "%s%s", the.file, endings[i]);
		unlink(name);
	}
}

/* A store with a resource of each type in it. */
static void
fill(void)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct store_index row = { .kind = PARAM_TOKEN,
			.system = STR("s"),
			.value = STR("v"),
			.entry = PACK_NONE };
		struct store_op op = { .verb = STORE_UPDATE,
			.type = pack_find_resource(the.pack, str_from(types[i])),
			.id = STR("a"),
			.body = STR("{}"),
			.index = &row,
			.index_count = 1 };
		struct arena a;
		struct store_write w = { .arena = &a, .ops = &op, .count = 1 };
		struct store_write *batch[] = { &w };

		arena_init(&a, 1 << 20, 0);
		if (store_commit(the.store, batch, 1, NULL) < 0)
			abort();
		arena_release(&a);
	}
}

static bool
start(void)
{
	const char *path = getenv("FIREDOOR_PACK");
	struct error err;
	struct store_options o = { .path = the.file, .query_ms = 2000 };

	if (the.pack)
		return true;
	the.pack = path ? pack_open(path, &err) : NULL;
	if (!the.pack)
		return false;
	snprintf(the.file, sizeof(the.file), "/tmp/fuzz_search.XXXXXX");
	close(mkstemp(the.file));
	atexit(clean_up);
	o.pack = the.pack;
	the.si = search_index_new(the.pack, STR("http://localhost/fhir"));
	the.store = store_open(&o, &err);
	the.reader = the.store ? store_reader_open(the.store, &err) : NULL;
	if (!the.reader) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	fill();
	return true;
}

static void
check(const struct search_query *q, const struct findings *f, struct arena *a, int rc)
{
	struct store_page page;
	struct error err = { 0 };

	assert((rc < 0) == (f->errors > 0));
	if (rc < 0)
		return;
	rc = store_search(the.reader, &q->store, a, &page, &err);
	assert(rc == 0 || err.kind == ERROR_LIMIT);
	assert(rc < 0 || page.count <= 1);
	for (uint32_t i = 0; rc == 0 && i < page.count; i++)
		assert(page.at[i].type == q->store.type);
}

/* The pairs of the text; count 0: it is no query string. */
static uint32_t
pairs_of(struct str text, struct arena *a, struct query_pair **pairs)
{
#ifdef FUZZ_FILTER
	static struct query_pair filter;

	(void)a;
	filter = (struct query_pair){ STR("_filter"), text };
	*pairs = &filter;
	return 1;
#else
	struct error err;
	uint32_t count;

	return query_pairs(text, a, pairs, &count, &err) == 0 ? count : 0;
#endif
}

static bool
permit(void *ctx, uint32_t type, struct store_visibility *out)
{
	(void)ctx;
	(void)type;
	*out = (struct store_visibility){ .kind = SEES_EVERYTHING };
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct search_options o = { .want_total = true,
		.count = 10,
		.most = 50,
		.permit = permit,
		.visibility = { .kind = SEES_EVERYTHING } };
	struct arena a;
	struct findings f;
	struct query_pair *pairs;
	struct search_query q;
	struct store_match match;
	uint32_t count, type;
	struct str text;

	if (!size || !start())
		return 0;
	arena_init(&a, 4 << 20, 0);
	findings_init(&f, &a, 20);
	o.lenient = data[0] & 8;
	type = pack_find_resource(the.pack, str_from(types[data[0] & 7]));
	text = str_of((const char *)data + 1, size - 1);
	count = pairs_of(text, &a, &pairs);
	if (count)
		check(&q, &f, &a,
		    search_query_parse(the.si, the.pack, type, pairs, count, &o, &a, &q, &f));
	findings_init(&f, &a, 20);
	if (search_match_parse(the.si, the.pack, type, text, &a, &match, &f) == 0)
		assert(match.count > 0 && !f.errors);
	arena_release(&a);
	return 0;
}
