#include "gateway/fhir/call.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/percent.h"
#include "gateway/fhir/bundle_source.h"
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

static struct str
page_link(const struct fhir_service *s, struct fhir_call *c, const struct search_query *q,
    const char *cursor)
{
	struct buf out;
	struct str url;
	char separator = '?';

	buf_init(&out, 1 << 20);
	buf_printf(
	    &out, "%.*s/%.*s", STR_ARG(s->base), STR_ARG(call_type_name(s->pack, c->route.type)));
	for (uint32_t i = 0; i < q->used_count; i++) {
		buf_put_byte(&out, separator);
		percent_encode(q->used[i].name, &out);
		buf_put_byte(&out, '=');
		percent_encode(q->used[i].value, &out);
		separator = '&';
	}
	if (cursor)
		buf_printf(&out, "%c" SEARCH_CURSOR "=%s", separator, cursor);
	url = str_dup(c->arena, buf_str(&out));
	buf_release(&out);
	return url;
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
compose(const struct fhir_service *s, struct fhir_call *c, const struct search_query *q,
    const struct store_page *page, uint32_t matches, struct store_reader *r)
{
	struct bundle_link links[2] = { { "self", page_link(s, c, q, NULL) } };
	struct bundle_head head = {
		.type = "searchset",
		.timestamp = clock_wall(),
		.total = page->total,
		.links = links,
		.link_count = 1,
	};
	struct bundle_source *source = ARENA_NEW(c->arena, struct bundle_source);

	if (page->more && !q->count_only) {
		char cursor[SEARCH_CURSOR_TEXT];

		search_cursor_make(fhir_cursor_key(s), search_cursor_context(s->pack, q, c->arena),
		    page->moment, page->at[matches - 1].row, cursor);
		links[head.link_count++] = (struct bundle_link){ "next",
			page_link(s, c, q, cursor) };
	}
	if (!source) {
		call_fail(c, 413, NULL, STR(""), "the search is too large");
		return;
	}
	*source = (struct bundle_source){
		.service = s,
		.page = *page,
		.includes = page->count - matches,
		.subset = q->subset,
		.included = { .summary = q->subset.summary },
		.warnings = warnings_of(s, c),
	};
	bundle_source_answer(source, c, r, &head);
}

/* What else comes because of the page goes behind it. */
static int
add_included(const struct fhir_service *s, struct fhir_call *c, struct search_query *q,
    struct store_page *page, struct store_reader *r)
{
	struct store_version *found, *all;
	struct error err;
	uint32_t count;
	bool cut;

	if (!q->include.count || !page->count)
		return 0;
	q->include.most = s->page_most;
	if (store_include(r, page, &q->include, c->arena, &found, &count, &cut, &err) != 0)
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
		    s->page_most);
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

/* 403 when that is what is wrong, else 400. */
static int
status_of(const struct fhir_call *c)
{
	for (const struct finding *f = c->findings.first; f; f = f->next)
		if (f->severity == SEVERITY_ERROR && str_is(str_from(f->code), "forbidden"))
			return 403;
	return 400;
}

void
search_run(const struct fhir_service *s, struct fhir_call *c, struct store_reader *r)
{
	struct search_options options = {
		.lenient = c->lenient,
		.want_total = true,
		.count = s->page_count,
		.most = s->page_most,
		.cursor_key = fhir_cursor_key(s),
		.visibility = c->decision.visibility,
		.permit = permit,
		.permit_ctx = c,
	};
	struct query_pair *pairs;
	struct search_query q;
	struct store_page page;
	struct error err;
	uint32_t count, matches;

	c->resource = call_type_name(s->pack, c->route.type);
	if (read_pairs(c, &pairs, &count) != 0)
		return;
	note_params(c, pairs, count);
	if (search_query_parse(s->index, s->pack, c->route.type, pairs, count, &options, c->arena,
		&q, &c->findings) != 0) {
		c->status = status_of(c);
		return;
	}
	q.store.bodiless = true;
	if (store_search(r, &q.store, c->arena, &page, &err) != 0) {
		call_fail_error(c, &err);
		return;
	}
	matches = page.count;
	if (add_included(s, c, &q, &page, r) == 0)
		compose(s, c, &q, &page, matches, r);
}
