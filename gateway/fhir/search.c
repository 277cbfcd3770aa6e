#include "gateway/fhir/call.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/percent.h"
#include "gateway/fhir/bundle_source.h"
#include "gateway/fhir/link.h"
#include "gateway/fhir/outcome.h"
#include "gateway/fhir/part.h"
#include "gateway/fhir/search_query.h"

/* The parameters: of the path's query, then of the form. */
static int
read_pairs(struct fhir_call *c, struct query_pair **pairs, uint32_t *count)
{
	struct query_pair *more, *all;
	struct error err;
	uint32_t more_count = 0;

	if (query_pairs(c->route.query, c->arena, pairs, count, &err) != 0)
		return call_fail_error(c, &err);
	if (!c->form.len)
		return 0;
	if (query_pairs(c->form, c->arena, &more, &more_count, &err) != 0)
		return call_fail_error(c, &err);
	all = arena_calloc(c->arena, *count + more_count + 1, sizeof(*all));
	if (!all)
		return call_fail(c, 413, NULL, STR(""), "the search is too large");
	if (*count)
		memcpy(all, *pairs, *count * sizeof(*all));
	if (more_count)
		memcpy(all + *count, more, more_count * sizeof(*all));
	*pairs = all;
	*count += more_count;
	return 0;
}

/* For the audit entry: which parameters, not what was looked for. */
static void
note_params(struct fhir_call *c, const struct query_pair *pairs, uint32_t count)
{
	struct str *names = arena_calloc(c->arena, count + 1, sizeof(*names));

	if (!names)
		return;
	for (uint32_t i = 0; i < count; i++)
		names[i] = pairs[i].name;
	c->params = names;
	c->param_count = count;
}

enum {
	EXPLAIN_MOST = 256 << 10,
};

/* A search on its way from its parameters to its links. */
struct search {
	const struct fhir_service *s;
	struct fhir_call *c;
	struct query_pair *pairs; /* what was asked, but _type and links' own */
	uint32_t pair_count;
	struct query_pair *type_pair; /* _type; NULL: not given */
	struct link_page from;	      /* row 0: the first page */
	struct str from_text;	      /* as it was given */
	struct search_query q;
	struct store_page page;
	uint32_t matches; /* of the page; behind them is what they include */
};

/* "Patient", "Patient/1/Observation", "": what was searched. */
static struct str
path_of(const struct search *x)
{
	const struct fhir_route *route = &x->c->route;
	struct str type = call_type_name(x->s->pack, route->type);

	if (route->home == PACK_NONE)
		return type;
	return str_printf(x->c->arena, "%.*s/%.*s/%.*s",
	    STR_ARG(call_type_name(x->s->pack, route->home)), STR_ARG(route->home_id),
	    STR_ARG(type.len ? type : STR("*")));
}

/* The search again, with what was obeyed; sealed: values are. */
static bool
put_query(struct search *x, bool sealed, struct buf *out)
{
	const struct search_query *q = &x->q;
	uint32_t typed = x->type_pair ? 1 : 0;

	for (uint32_t i = 0; i < q->used_count + typed; i++) {
		const struct query_pair *pair = i < typed ? x->type_pair : &q->used[i - typed];
		struct str value = sealed ? link_value(fhir_link_key(x->s), pair, x->c->arena)
					  : pair->value;

		if (!value.p)
			return false;
		if (i)
			buf_put_byte(out, '&');
		percent_encode(pair->name, out);
		buf_put_byte(out, '=');
		percent_encode(value, out);
	}
	return !out->full;
}

static struct str
link_to(struct search *x, struct str query)
{
	struct str path = path_of(x), base = x->s->base;

	return str_printf(x->c->arena, "%.*s%s%.*s%s%.*s", STR_ARG(base), path.len ? "/" : "",
	    STR_ARG(path), query.len ? "?" : "", STR_ARG(query));
}

static struct str
self_link(struct search *x)
{
	struct str url = { NULL, 0 };
	struct buf query;

	if (x->from_text.len)
		return link_to(
		    x, str_printf(x->c->arena, SEARCH_CURSOR "=%.*s", STR_ARG(x->from_text)));
	buf_init(&query, 1 << 20);
	query.wipe = true;
	if (put_query(x, true, &query))
		url = link_to(x, buf_str(&query));
	buf_release(&query);
	return url;
}

/* The link to another page of the same moment. */
static struct str
page_link(struct search *x, uint64_t row, bool backward)
{
	struct link_page page = {
		.moment = x->page.moment, .row = row, .backward = backward, .total = x->page.total
	};
	struct str text = { NULL, 0 };
	struct buf query;

	buf_init(&query, 1 << 20);
	query.wipe = true;
	if (put_query(x, false, &query)) {
		page.query = buf_str(&query);
		text = link_seal_page(fhir_link_key(x->s), path_of(x), &page, x->c->arena);
	}
	buf_release(&query);
	if (!text.p)
		return text;
	return link_to(x, str_printf(x->c->arena, SEARCH_CURSOR "=%.*s", STR_ARG(text)));
}

static int
add_links(struct search *x, struct bundle_head *head, struct bundle_link *links)
{
	const struct store_page *page = &x->page;
	bool before = x->from.row && (!x->from.backward || page->more);
	bool behind = x->from.backward ? x->from.row != 0 : page->more;

	links[head->link_count++] = (struct bundle_link){ "self", self_link(x) };
	if (!x->q.count_only && behind && x->matches)
		links[head->link_count++] = (struct bundle_link){ "next",
			page_link(x, page->at[x->matches - 1].row, false) };
	if (!x->q.count_only && before && x->matches)
		links[head->link_count++] = (struct bundle_link){ "previous",
			page_link(x, page->at[0].row, true) };
	if (!x->q.count_only && (before || behind || x->from.row))
		links[head->link_count++] = (struct bundle_link){ "first", page_link(x, 0, false) };
	for (unsigned i = 0; i < head->link_count; i++)
		if (!links[i].url.p)
			return call_fail(x->c, 413, NULL, STR(""), "the search is too large");
	return 0;
}

/* With lenient handling: what was left out, as the text of an outcome. */
static struct str
warnings_of(const struct fhir_service *s, struct fhir_call *c)
{
	struct str text = STR("");
	struct buf outcome;

	if (!c->findings.first)
		return text;
	buf_init(&outcome, 1 << 20);
	if (outcome_write(s->pack, &c->findings, 0, &outcome) == 0)
		text = str_dup(c->arena, buf_str(&outcome));
	buf_release(&outcome);
	return text;
}

static void
compose(struct search *x, struct store_reader *r)
{
	const struct fhir_service *s = x->s;
	struct fhir_call *c = x->c;
	struct bundle_link links[4];
	struct bundle_head head = {
		.type = "searchset",
		.timestamp = clock_wall(),
		.total = x->page.total,
		.links = links,
	};
	struct bundle_source *source = ARENA_NEW(c->arena, struct bundle_source);

	if (add_links(x, &head, links) != 0)
		return;
	if (!source) {
		call_fail(c, 413, NULL, STR(""), "the search is too large");
		return;
	}
	*source = (struct bundle_source){
		.service = s,
		.page = x->page,
		.includes = x->page.count - x->matches,
		.subset = x->q.subset,
		.included = { .summary = x->q.subset.summary },
		.warnings = warnings_of(s, c),
	};
	bundle_source_answer(source, c, r, &head);
}

/* What else comes because of the page goes behind it. */
static int
add_included(struct search *x, struct store_reader *r)
{
	struct store_includes *include = &x->q.include;
	struct store_page *page = &x->page;
	struct fhir_call *c = x->c;
	struct store_version *found, *all;
	struct error err;
	uint32_t count;
	bool cut;

	x->matches = page->count;
	if (!include->count || !page->count)
		return 0;
	include->most = x->s->page_most;
	if (store_include(r, page, include, c->arena, &found, &count, &cut, &err) != 0)
		return call_fail_error(c, &err);
	all = arena_calloc(c->arena, (size_t)page->count + count + 1, sizeof(*all));
	if (!all)
		return call_fail(c, 413, NULL, STR(""), "the search is too large");
	memcpy(all, page->at, page->count * sizeof(*all));
	if (count)
		memcpy(all + page->count, found, count * sizeof(*all));
	page->at = all;
	page->count += count;
	if (cut)
		findings_add(&c->findings, SEVERITY_WARNING, "incomplete", STR(""), 0, 0,
		    "more than %u resources are to be included with this page, and those beyond "
		    "are not: ask for fewer matches with _count, or for fewer includes",
		    x->s->page_most);
	return 0;
}

static bool
permit(void *ctx, uint32_t type, struct store_visibility *out)
{
	const struct fhir_call *c = ctx;
	struct access_decision d;

	if (!access_decide(c->sender, RIGHT_SEARCH, type, &d))
		return false;
	*out = d.visibility;
	return true;
}

/* 403 or 503 when that is what is wrong, else 400. */
static int
status_of(const struct fhir_call *c)
{
	int status = 400;

	for (const struct finding *f = c->findings.first; f; f = f->next) {
		if (f->severity == SEVERITY_ERROR && str_is(str_from(f->code), "forbidden"))
			return 403;
		if (f->severity == SEVERITY_ERROR && str_is(str_from(f->code), "transient"))
			status = 503;
	}
	return status;
}

/* A link's own text in the place of what was asked. */
static int
open_page(struct search *x, struct str text)
{
	struct fhir_call *c = x->c;
	struct error err;

	if (!link_open_page(fhir_link_key(x->s), path_of(x), text, c->arena, &x->from))
		return call_fail(c, 400, "value", STR(""),
		    "the link to this page was changed, or is none of this server's: follow links "
		    "as "
		    "they were given, or search anew");
	for (uint32_t i = 0; i < x->pair_count; i++) {
		struct str name = x->pairs[i].name;

		if (!str_is(name, SEARCH_CURSOR) && !str_is(name, "_format") &&
		    !str_is(name, "_pretty"))
			return call_fail(c, 400, "value", STR(""),
			    "the link to a page holds the whole search: leave out '%.*s'",
			    (int)(name.len < 64 ? name.len : 64), name.p);
	}
	x->from_text = text;
	if (query_pairs(x->from.query, c->arena, &x->pairs, &x->pair_count, &err) != 0)
		return call_fail_error(c, &err);
	return 0;
}

static int
open_links(struct search *x)
{
	const struct query_pair *bad;

	for (uint32_t i = 0; i < x->pair_count; i++)
		if (str_is(x->pairs[i].name, SEARCH_CURSOR))
			return open_page(x, x->pairs[i].value);
	if (link_open_values(fhir_link_key(x->s), x->pairs, x->pair_count, x->c->arena, &bad))
		return 0;
	return call_fail(x->c, 400, "value", STR(""),
	    "the value of '%.*s' is of a link that was changed, or is none of this server's: "
	    "follow "
	    "links as they were given, or give the value itself",
	    (int)(bad->name.len < 64 ? bad->name.len : 64), bad->name.p);
}

/* Take _type out of the pairs; the types it names, or all there are. */
static int
find_types(struct search *x, uint32_t **types, uint32_t *count)
{
	const struct pack *p = x->s->pack;
	struct str name, rest = STR("");
	uint32_t left = 0;

	*types = arena_calloc(x->c->arena, pack_type_count(p) + 1, sizeof(**types));
	*count = 0;
	if (!*types)
		return call_fail(x->c, 413, NULL, STR(""), "the search is too large");
	for (uint32_t i = 0; i < x->pair_count; i++) {
		if (!str_is(x->pairs[i].name, "_type")) {
			x->pairs[left++] = x->pairs[i];
			continue;
		}
		if (x->type_pair)
			return call_fail(x->c, 400, "value", STR(""),
			    "'_type' is given twice: write one, with commas, as in "
			    "_type=Patient,Observation");
		x->type_pair = ARENA_NEW(x->c->arena, struct query_pair);
		if (!x->type_pair)
			return call_fail(x->c, 413, NULL, STR(""), "the search is too large");
		*x->type_pair = x->pairs[i];
		rest = x->pairs[i].value;
	}
	x->pair_count = left;
	while (x->type_pair && str_split(&rest, ',', &name)) {
		uint32_t type = pack_find_resource(p, name);
		struct access_decision d;

		if (type == PACK_NONE) {
			struct str near = route_suggest_type(p, name);

			return call_fail(x->c, 400, "not-found", STR(""),
			    "'_type' names no resource type '%.*s'%s%.*s%s",
			    (int)(name.len < 64 ? name.len : 64), name.p,
			    near.len ? ": did you mean '" : "", STR_ARG(near),
			    near.len ? "'?" : "");
		}
		if (!access_decide(x->c->sender, RIGHT_SEARCH, type, &d))
			return call_fail(x->c, 403, "forbidden", STR(""),
			    "the sender has no right to search %.*s", STR_ARG(name));
		for (left = 0; left < *count && (*types)[left] != type; left++)
			;
		if (left == *count)
			(*types)[(*count)++] = type;
	}
	for (uint32_t t = 0; !x->type_pair && t < pack_type_count(p); t++)
		if (pack_type_at(p, t)->kind == PACK_RESOURCE && !pack_type_at(p, t)->abstract)
			(*types)[(*count)++] = t;
	return 0;
}

static int
parse(struct search *x)
{
	const struct fhir_service *s = x->s;
	struct fhir_call *c = x->c;
	struct search_options options = {
		.lenient = c->lenient,
		.want_total = true,
		.count = s->page_count,
		.most = s->page_most,
		.visibility = c->decision.visibility,
		.permit = permit,
		.permit_ctx = c,
	};
	uint32_t *types, count;
	int rc;

	if (c->route.home != PACK_NONE)
		options.compartment = str_printf(c->arena, "%.*s/%.*s",
		    STR_ARG(call_type_name(s->pack, c->route.home)), STR_ARG(c->route.home_id));
	if (c->route.type != PACK_NONE) {
		rc = search_query_parse(s->index, s->pack, c->route.type, x->pairs, x->pair_count,
		    &options, c->arena, &x->q, &c->findings);
	} else {
		if (find_types(x, &types, &count) != 0)
			return -1;
		rc = search_query_parse_types(s->index, s->pack, types, count, x->pairs,
		    x->pair_count, &options, c->arena, &x->q, &c->findings);
	}
	if (rc != 0)
		c->status = status_of(c);
	return rc;
}

/* How it was carried out, as findings. */
static void
tell_explanation(struct search *x, struct str text)
{
	struct str line;

	while (str_split(&text, '\n', &line))
		if (line.len)
			findings_add(&x->c->findings, SEVERITY_INFORMATION, "informational",
			    STR(""), 0, 0, "%.*s", STR_ARG(line));
}

static int
find(struct search *x, struct store_reader *r)
{
	struct store_query *q = &x->q.store;
	struct buf explanation;
	struct error err;
	int rc;

	buf_init(&explanation, EXPLAIN_MOST);
	q->explain = x->c->explain ? &explanation : NULL;
	q->bodiless = true;
	q->moment = x->from.moment;
	q->from_row = x->from.row;
	q->backward = x->from.backward;
	if (x->from_text.len)
		q->want_total = false; /* the first page has counted */
	rc = store_search(r, q, x->c->arena, &x->page, &err);
	if (rc == 0)
		tell_explanation(x, buf_str(&explanation));
	buf_release(&explanation);
	if (rc != 0)
		return err.kind == ERROR_MISSING
			   ? call_fail(x->c, 410, "not-found", STR(""), "%s", err.text)
			   : call_fail_error(x->c, &err);
	if (x->from_text.len)
		x->page.total = x->from.total;
	return 0;
}

void
search_run(const struct fhir_service *s, struct fhir_call *c, struct store_reader *r)
{
	struct search x = { .s = s, .c = c };

	c->resource = path_of(&x);
	if (!c->resource.len)
		c->resource = STR("*");
	if (read_pairs(c, &x.pairs, &x.pair_count) != 0 || open_links(&x) != 0)
		return;
	note_params(c, x.pairs, x.pair_count);
	if (parse(&x) != 0 || find(&x, r) != 0)
		return;
	if (add_included(&x, r) == 0)
		compose(&x, r);
}
