#include "gateway/fhir/call.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/percent.h"
#include "gateway/fhir/bundle_source.h"
#include "gateway/fhir/part.h"
#include "gateway/fhir/search_query.h"

/* What the parameters of a history ask for (R4, 3.1.0.10). */
struct history_params {
	uint32_t count;
	int64_t since;
	int64_t at_low, at_high; /* at_high 0: any time */
	struct str since_text, at_text, summary_text, elements_text;
	struct fhir_subset subset;
	int64_t moment; /* of the page; 0: the first */
	uint64_t row;
};

static struct str
cursor_context(const struct fhir_service *s, struct fhir_call *c)
{
	return str_printf(c->arena, "history %.*s %.*s",
	    STR_ARG(call_type_name(s->pack, c->route.type)), STR_ARG(c->route.id));
}

/* _summary and _elements are for every interaction (R4, 3.1.0, general
 * parameters). */
static int
take_part(const struct fhir_service *s, struct fhir_call *c, struct str name, struct str value,
    struct history_params *out)
{
	struct error err;

	if (str_is(name, "_summary")) {
		if (!part_read_summary(value, &out->subset))
			return call_fail(c, 400, "value", STR(""),
			    "_summary of a history is true, text, data or false");
		out->summary_text = value;
		return 0;
	}
	if (part_read_elements(s->pack, c->route.type, value, c->arena, &out->subset, &err) != 0)
		return call_fail(c, 400, "value", STR(""), "%s", err.text);
	out->elements_text = value;
	return 0;
}

static int
take_param(const struct fhir_service *s, struct fhir_call *c, struct str name, struct str value,
    struct history_params *out)
{
	int64_t n, end;

	if (str_is(name, "_count")) {
		if (!str_to_int(value, &n) || n < 0)
			return call_fail(
			    c, 400, "value", STR(""), "_count must be a whole number from 0");
		out->count = n < s->page_most ? (uint32_t)n : s->page_most;
	} else if (str_is(name, "_since")) {
		if (!instant_parse(value, &out->since, &end))
			return call_fail(c, 400, "value", STR(""),
			    "_since must be an instant, as 2026-11-22T16:00:00Z");
		out->since_text = value;
	} else if (str_is(name, "_at")) {
		if (!instant_parse(value, &out->at_low, &out->at_high))
			return call_fail(c, 400, "value", STR(""),
			    "_at must be a time of any precision, as 2026-11-22");
		out->at_text = value;
	} else if (str_is(name, "_sort")) {
		if (!str_is(value, "-_lastUpdated"))
			return call_fail(c, 400, "not-supported", STR(""),
			    "a history is sorted by -_lastUpdated, the newest first, and nothing "
			    "else");
	} else if (str_is(name, SEARCH_CURSOR)) {
		if (!search_cursor_parse(
			fhir_cursor_key(s), cursor_context(s, c), value, &out->moment, &out->row))
			return call_fail(c, 400, "value", STR(""),
			    "the link to this page is none of this history's, or too old; start "
			    "from the first page");
	} else if (str_is(name, "_summary") || str_is(name, "_elements")) {
		return take_part(s, c, name, value, out);
	} else if (!str_is(name, "_format") && !str_is(name, "_pretty")) {
		if (!c->lenient)
			return call_fail(c, 400, "not-supported", STR(""),
			    "a history has no parameter '%.*s'; it has _count, _since, _at, "
			    "_summary and _elements",
			    (int)(name.len < 64 ? name.len : 64), name.p);
	}
	return 0;
}

static int
read_params(const struct fhir_service *s, struct fhir_call *c, struct history_params *out)
{
	struct query_pair *pairs;
	struct error err;
	uint32_t count;

	*out = (struct history_params){ .count = s->page_count };
	if (query_pairs(c->route.query, c->arena, &pairs, &count, &err) != 0)
		return call_fail_error(c, &err);
	for (uint32_t i = 0; i < count; i++)
		if (take_param(s, c, pairs[i].name, pairs[i].value, out) != 0)
			return -1;
	return 0;
}

static void
put_param(struct buf *out, const char *name, struct str value)
{
	if (!value.len)
		return;
	buf_printf(out, "&%s=", name);
	percent_encode(value, out);
}

static struct str
page_link(const struct fhir_service *s, struct fhir_call *c, const struct history_params *h,
    const char *cursor)
{
	struct buf out;
	struct str url;

	buf_init(&out, 1 << 20);
	buf_put_str(&out, s->base);
	if (c->route.type != PACK_NONE)
		buf_printf(&out, "/%.*s", STR_ARG(call_type_name(s->pack, c->route.type)));
	if (c->route.id.len)
		buf_printf(&out, "/%.*s", STR_ARG(c->route.id));
	buf_printf(&out, "/_history?_count=%u", h->count);
	put_param(&out, "_since", h->since_text);
	put_param(&out, "_at", h->at_text);
	put_param(&out, "_summary", h->summary_text);
	put_param(&out, "_elements", h->elements_text);
	if (cursor)
		buf_printf(&out, "&" SEARCH_CURSOR "=%s", cursor);
	url = str_dup(c->arena, buf_str(&out));
	buf_release(&out);
	return url;
}

static void
compose(const struct fhir_service *s, struct fhir_call *c, const struct history_params *h,
    const struct store_page *page, struct store_reader *r)
{
	struct bundle_link links[2] = { { "self", page_link(s, c, h, NULL) } };
	struct bundle_head head = {
		.type = "history",
		.timestamp = clock_wall(),
		.total = page->total,
		.links = links,
		.link_count = 1,
	};
	struct bundle_source *source = ARENA_NEW(c->arena, struct bundle_source);

	if (page->more) {
		char cursor[SEARCH_CURSOR_TEXT];

		search_cursor_make(
		    fhir_cursor_key(s), cursor_context(s, c), page->moment, page->next_row, cursor);
		links[head.link_count++] = (struct bundle_link){ "next",
			page_link(s, c, h, cursor) };
	}
	if (!source) {
		call_fail(c, 413, NULL, STR(""), "the request is too large");
		return;
	}
	*source = (struct bundle_source){
		.service = s,
		.page = *page,
		.history = true,
		.subset = h->subset,
	};
	bundle_source_answer(source, c, r, &head);
}

/* An empty page of a resource: is there one at all? */
static bool
is_known(struct fhir_call *c, struct store_reader *r)
{
	struct store_version v;

	return store_read(r, c->route.type, c->route.id, 0, &c->decision.visibility, c->arena, &v,
		   NULL) == 1;
}

void
history_run(const struct fhir_service *s, struct fhir_call *c, struct store_reader *r)
{
	struct history_params h;
	struct store_page page;
	struct error err;

	c->resource = c->route.type == PACK_NONE
			  ? STR("_history")
			  : call_local_url(c, s->pack, c->route.type, c->route.id, 0);
	if (read_params(s, c, &h) != 0)
		return;
	if (store_read_history(r,
		&(struct store_history){
		    .type = c->route.type,
		    .id = c->route.id,
		    .since = h.since,
		    .moment = h.moment,
		    .at_low = h.at_low,
		    .at_high = h.at_high,
		    .before_row = h.row,
		    .count = h.count,
		    .want_total = true,
		    .bodiless = true,
		    .visibility = c->decision.visibility,
		},
		c->arena, &page, &err) != 0) {
		call_fail_error(c, &err);
		return;
	}
	if (!page.count && c->route.id.len && !is_known(c, r)) {
		call_fail_missing(c, s->pack);
		return;
	}
	compose(s, c, &h, &page, r);
}
