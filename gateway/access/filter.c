#include "gateway/access/filter.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/finding.h"
#include "gateway/config.h"
#include "gateway/fhir/search_index.h"
#include "gateway/fhir/search_query.h"

enum {
	FILTERS_MOST = 16, /* of a sender */
};

struct making {
	const struct pack *pack;
	struct arena *arena;
	const struct config_sender *c;
	const char *file;
	struct search_index *index;
	struct store_filter *out;
	bool *own; /* by type number: has filters of its own */
};

static int
bad_filter(struct making *k, struct str text, const char *why, struct error *err)
{
	return error_set(err, ERROR_INVALID, "%s:%u: the filter '%.*s' of sender '%.*s': %s",
	    k->file, k->c->place.line, (int)(text.len < 64 ? text.len : 64), text.p,
	    STR_ARG(k->c->name), why);
}

/* One more search that a resource of the type may pass. */
static int
add_search(struct making *k, uint32_t type, struct str text, struct str query, struct error *err)
{
	struct arena *a = k->arena;
	struct store_filter *f = &k->out[type];
	struct store_inner *in = arena_calloc(a, 1, sizeof(*in));
	struct store_match match;
	struct findings findings;

	findings_init(&findings, a, 4);
	if (!in)
		return error_set(
		    err, ERROR_LIMIT, "the filters are larger than this program takes");
	if (search_match_parse(k->index, k->pack, type, query, a, &match, &findings) < 0) {
		char why[300] = "it is no search";

		if (findings.first)
			snprintf(why, sizeof(why), "%.*s", STR_ARG(findings.first->text));
		return bad_filter(k, text, why, err);
	}
	if (!f->count) {
		f->clauses = arena_calloc(a, 1, sizeof(*f->clauses));
		if (f->clauses)
			f->clauses->tests = arena_calloc(
			    a, FILTERS_MOST, sizeof(struct store_test));
		if (!f->clauses || !f->clauses->tests)
			return error_set(
			    err, ERROR_LIMIT, "the filters are larger than this program takes");
		f->count = 1;
	}
	*in = (struct store_inner){ .type = type, .clauses = match.clauses, .count = match.count };
	f->clauses->tests[f->clauses->count++] = (struct store_test){ .kind = TEST_ALL,
		.inner = in };
	return 0;
}

/* "Type?search" or "*?search". */
static int
add_filter(struct making *k, struct str text, bool all, struct error *err)
{
	const struct pack *p = k->pack;
	struct str type_name, query = text;
	uint32_t type;

	if (!str_split(&query, '?', &type_name) || !query.p || !query.len)
		return bad_filter(
		    k, text, "write Type?search, as in Observation?category=laboratory", err);
	if (str_is(type_name, "*") != all)
		return 0;
	for (uint32_t t = 0; all && t < pack_type_count(p); t++)
		if (pack_type_at(p, t)->kind == PACK_RESOURCE && !pack_type_at(p, t)->abstract &&
		    !k->own[t] && add_search(k, t, text, query, err) < 0)
			return -1;
	if (all)
		return 0;
	type = pack_find_resource(p, type_name);
	if (type == PACK_NONE)
		return bad_filter(k, text, "there is no such resource type", err);
	k->own[type] = true;
	return add_search(k, type, text, query, err);
}

int
filter_make(const struct config *config, const struct config_sender *c, const struct pack *pack,
    struct arena *a, struct store_filter **out, struct error *err)
{
	uint32_t types = pack_type_count(pack) + 1;
	struct making k = { .pack = pack, .arena = a, .c = c, .file = config->path };
	int rc = 0;

	k.out = *out = arena_calloc(a, types, sizeof(*k.out));
	k.own = arena_calloc(a, types, sizeof(*k.own));
	if (!k.out || !k.own)
		return error_set(
		    err, ERROR_LIMIT, "the filters are larger than this program takes");
	if (c->filters.count > FILTERS_MOST)
		return error_set(err, ERROR_INVALID,
		    "%s:%u: sender '%.*s' has more than %d filters", k.file, c->place.line,
		    STR_ARG(c->name), FILTERS_MOST);
	k.index = search_index_new(pack, config->fhir.base_url);
	for (int all = 0; all < 2; all++)
		for (uint32_t i = 0; rc == 0 && i < c->filters.count; i++)
			rc = add_filter(&k, c->filters.at[i], all, err);
	search_index_free(k.index);
	return rc;
}
