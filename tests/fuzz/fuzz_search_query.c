/*
 * A query string, parsed and searched for: all pages, forth and back, with what
 * they include. The first byte says of what type or of three, whether with
 * lenient handling, and whether it is explained. The text is also taken for a
 * link's. With FUZZ_FILTER: a value of _filter. Needs $FIREDOOR_PACK.
 */
#include <assert.h>
#include <unistd.h>

#include "base/buf.h"
#include "gateway/fhir/link.h"
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

enum {
	EACH = 3, /* resources of each type */
	PARAMS = 200,
};

/* A value for each search parameter of the type. */
static uint32_t
values_of(uint32_t type, int number, struct store_index *rows)
{
	uint32_t count, n = 0;
	const uint32_t *params = pack_type_params(the.pack, type, &count);

	for (uint32_t i = 0; i < count && n < PARAMS; i++) {
		const struct pack_param *p = pack_param_at(the.pack, params[i]);

		if ((number + (int)i) % EACH == 0 || p->type == PARAM_COMPOSITE ||
		    p->type == PARAM_SPECIAL)
			continue;
		rows[n++] = (struct store_index){ .kind = (uint16_t)p->type,
			.param = params[i],
			.system = STR("s"),
			.value = p->type == PARAM_REFERENCE
				     ? number ? STR("Patient/a") : STR("http://x/y|1")
				 : number ? STR("v")
					  : STR("w"),
			.entry = PACK_NONE,
			.low = number,
			.high = number };
	}
	return n;
}

static void
put(uint32_t type, int number)
{
	static struct store_index rows[PARAMS];
	static const char *const ids[EACH] = { "a", "9b0e8f60-1c2d-4e3f-8a9b-0c1d2e3f4a5b", "c" };
	struct store_op op = { .verb = STORE_UPDATE,
		.type = type,
		.id = str_from(ids[number]),
		.body = STR("{}"),
		.index = rows,
		.index_count = values_of(type, number, rows) };
	struct arena a;
	struct store_write w = { .arena = &a, .ops = &op, .count = 1 };
	struct store_write *batch[] = { &w };

	arena_init(&a, 1 << 20, 0);
	if (store_commit(the.store, batch, 1, NULL) < 0 || w.result < 0)
		abort();
	arena_release(&a);
}

/* A store with some resources of each type in it. */
static void
fill(void)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		for (int n = 0; n < EACH; n++)
			put(pack_find_resource(the.pack, str_from(types[i])), n);
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

static bool
is_on(const struct store_page *page, uint64_t row)
{
	for (uint32_t i = 0; i < page->count; i++)
		if (page->at[i].row == row)
			return true;
	return false;
}

/* None twice, none that is on the page, no more than asked for. */
static void
check_includes(struct search_query *q, const struct store_page *page, struct arena *a)
{
	struct store_version *found;
	struct error err = { 0 };
	uint32_t count;
	bool cut;

	if (!q->include.count)
		return;
	q->include.most = 5;
	if (store_include(the.reader, page, &q->include, a, &found, &count, &cut, &err) < 0) {
		assert(err.kind == ERROR_LIMIT);
		return;
	}
	assert(count <= 5 && (!cut || count == 5));
	for (uint32_t i = 0; i < count; i++) {
		assert(!is_on(page, found[i].row));
		for (uint32_t j = 0; j < i; j++)
			assert(found[i].row != found[j].row);
	}
}

/* One resource a page: all of them, none twice; and back. */
static void
check_pages(struct search_query *q, const struct store_page *whole, struct arena *a)
{
	struct store_query one = q->store;
	struct store_page page;
	struct error err;
	uint32_t n = 0;

	one.count = 1;
	one.want_total = false;
	one.moment = whole->moment;
	for (;; n++) {
		if (store_search(the.reader, &one, a, &page, &err) < 0)
			return;
		if (!page.count)
			break;
		assert(n < whole->count && page.at[0].row == whole->at[n].row);
		one.from_row = page.at[0].row;
		if (!page.more)
			break;
	}
	assert(!whole->count || n + 1 == whole->count);
	for (one.backward = true; n > 0; n--) {
		if (store_search(the.reader, &one, a, &page, &err) < 0)
			return;
		assert(page.count == 1 && page.at[0].row == whole->at[n - 1].row);
		one.from_row = page.at[0].row;
	}
}

static void
check(struct search_query *q, const struct findings *f, struct arena *a, int rc, bool explain)
{
	struct store_page page;
	struct error err = { 0 };
	struct buf text;

	assert((rc < 0) == (f->errors > 0));
	if (rc < 0)
		return;
	buf_init(&text, 1 << 20);
	q->store.explain = explain ? &text : NULL;
	rc = store_search(the.reader, &q->store, a, &page, &err);
	buf_release(&text);
	q->store.explain = NULL;
	assert(rc == 0 || err.kind == ERROR_LIMIT);
	if (rc < 0)
		return;
	assert(page.count <= EACH * (q->store.other_count + 1));
	if (!q->store.count)
		return;
	check_includes(q, &page, a);
	if (!page.more)
		check_pages(q, &page, a);
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
	static const char *const many[] = { "Patient", "Observation", "Encounter" };
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
	const struct str key = STR("0123456789abcdef0123456789abcdef");
	struct link_page page;
	uint32_t count, type, some[EACH];
	struct str text;

	if (!size || !start())
		return 0;
	arena_init(&a, 4 << 20, 0);
	findings_init(&f, &a, 20);
	o.lenient = data[0] & 8;
	type = pack_find_resource(the.pack, str_from(types[data[0] & 7]));
	text = str_of((const char *)data + 1, size - 1);
	count = pairs_of(text, &a, &pairs);
	for (int i = 0; i < EACH; i++)
		some[i] = pack_find_resource(the.pack, str_from(many[i]));
	if (count && data[0] & 16)
		check(&q, &f, &a,
		    search_query_parse_types(
			the.si, the.pack, some, EACH, pairs, count, &o, &a, &q, &f),
		    data[0] & 32);
	else if (count)
		check(&q, &f, &a,
		    search_query_parse(the.si, the.pack, type, pairs, count, &o, &a, &q, &f),
		    data[0] & 32);
	assert(!link_open_page(key, STR("Patient"), text, &a, &page));
	findings_init(&f, &a, 20);
	if (search_match_parse(the.si, the.pack, type, text, &a, &match, &f) == 0)
		assert(match.count > 0 && !f.errors);
	arena_release(&a);
	return 0;
}
