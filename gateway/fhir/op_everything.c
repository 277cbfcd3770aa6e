/*
 * $everything of a Patient or an Encounter (R4, 8.1.15.1, 8.11.6.1): what is in
 * its compartment, and what that refers to, one step far.
 *
 * All pages show the moment of the first; each finds the whole list anew, which
 * is the same because that moment is. What the sender may not read by its type
 * is left out, and what it may not see was never there. References are found in
 * the stored bytes: compact JSON of our own making, where a member's name can
 * stand nowhere else.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/percent.h"
#include "gateway/fhir/bundle_source.h"
#include "gateway/fhir/operation.h"
#include "gateway/fhir/search_index.h"
#include "gateway/fhir/search_query.h"

enum {
	MEMBERS_MOST = 200000,	 /* of one compartment */
	PAGE_MOST = 20000,	 /* resources in one answer, where _count does not say */
	BODY_MEMORY = 256 << 20, /* for one resource while it is looked at */
};

struct listed {
	uint32_t type;
	struct str id; /* {NULL, 0}: free */
};

struct everything {
	const struct fhir_service *s;
	struct fhir_call *c;
	struct store_reader *r;
	struct record_builder *builder;
	struct str of; /* "Patient/1" */

	int64_t begun;		   /* wall time: nothing before it is missed */
	int64_t since, start, end; /* of all time: INT64_MIN, INT64_MAX */
	bool dated;
	uint8_t *types; /* by type: may be read and is asked for */
	uint32_t count;
	int64_t moment;
	uint64_t offset;

	struct store_page members;
	struct listed *known; /* an open hash of what is listed, or is not to be */
	uint32_t known_bits, known_used;
	struct store_version *list; /* members, then what they refer to */
	uint32_t list_count, list_room, matches;
};

static int
no_room(struct fhir_call *c)
{
	return call_fail(c, 413, "too-costly", STR(""),
	    "this is more than fits into one answer's memory; ask for less with _count, _type, "
	    "start and end");
}

/* Parameters. */

enum {
	TYPE_READABLE = 1,
	TYPE_WANTED = 2,
};

static int
read_types(struct everything *e, const struct operation_input *in)
{
	const struct operation_param *one = operation_param_next(in, "_type", NULL);
	const struct pack *p = e->s->pack;
	bool all = !one;
	struct access_decision d;

	e->types = arena_calloc(e->c->arena, pack_type_count(p), 1);
	if (!e->types)
		return no_room(e->c);
	for (; one; one = operation_param_next(in, "_type", one)) {
		struct str rest = one->value, name;

		while (str_split(&rest, ',', &name)) {
			uint32_t type = pack_find_resource(p, name);

			if (type == PACK_NONE)
				return call_fail(e->c, 400, "value", STR(""),
				    "_type: there is no resource type '%.*s'",
				    (int)(name.len < 64 ? name.len : 64), name.p);
			e->types[type] = TYPE_WANTED;
		}
	}
	for (uint32_t t = 0; t < pack_type_count(p); t++) {
		if (pack_type_at(p, t)->kind != PACK_RESOURCE)
			continue;
		if (all)
			e->types[t] = TYPE_WANTED;
		if (access_decide(e->c->sender, RIGHT_READ, t, &d))
			e->types[t] |= TYPE_READABLE;
	}
	return 0;
}

static int
read_time(struct everything *e, const struct operation_input *in, const char *name, int64_t *low,
    int64_t *high)
{
	struct str text = operation_value(in, name);
	int64_t start, end;

	if (!text.len)
		return 0;
	if (!instant_parse(text, &start, &end))
		return call_fail(e->c, 400, "value", STR(""),
		    "%s must be a date, as 2026-11-22, or an instant", name);
	if (low)
		*low = start;
	if (high)
		*high = end;
	return 0;
}

static struct str
cursor_context(const struct everything *e, const struct operation_input *in)
{
	struct buf out;
	struct str text;

	buf_init(&out, 1 << 16);
	buf_printf(&out, "everything %.*s", STR_ARG(e->of));
	for (uint32_t i = 0; i < in->count; i++)
		if (!str_is(in->at[i].name, SEARCH_CURSOR) && !str_is(in->at[i].name, "_count"))
			buf_printf(
			    &out, " %.*s=%.*s", STR_ARG(in->at[i].name), STR_ARG(in->at[i].value));
	text = str_dup(e->c->arena, buf_str(&out));
	buf_release(&out);
	return text;
}

static int
read_paging(struct everything *e, const struct operation_input *in)
{
	struct str count = operation_value(in, "_count");
	struct str cursor = operation_value(in, SEARCH_CURSOR);
	int64_t n = 0;

	e->count = PAGE_MOST;
	if (count.len && (!str_to_int(count, &n) || n < 1))
		return call_fail(
		    e->c, 400, "value", STR(""), "_count must be a whole number from 1");
	if (count.len && n < PAGE_MOST)
		e->count = (uint32_t)n;
	if (cursor.len && !search_cursor_parse(fhir_cursor_key(e->s), cursor_context(e, in), cursor,
			      &e->moment, &e->offset))
		return call_fail(e->c, 400, "value", STR(""),
		    "the link to this page is none of this operation's, or too old; start from the "
		    "first page");
	return 0;
}

static int
read_params(struct everything *e, const struct operation_input *in)
{
	e->since = e->start = INT64_MIN;
	e->end = INT64_MAX;
	if (read_types(e, in) != 0 || read_time(e, in, "_since", &e->since, NULL) != 0 ||
	    read_time(e, in, "start", &e->start, NULL) != 0 ||
	    read_time(e, in, "end", NULL, &e->end) != 0)
		return -1;
	if (e->start > e->end)
		return call_fail(e->c, 400, "value", STR(""), "end is before start");
	e->dated = e->start != INT64_MIN || e->end != INT64_MAX;
	return read_paging(e, in);
}

/* Whose everything: the path's, or, where the path names none, the one patient
 * that the sender sees. */
static int
find_subject(struct everything *e)
{
	struct fhir_call *c = e->c;
	const struct store_visibility *v = &c->decision.visibility;
	struct str type = call_type_name(e->s->pack, c->route.type);
	struct store_version found;

	if (!c->route.id.len) {
		struct str home = v->compartment;

		if (v->kind != SEES_COMPARTMENT || !str_starts(home, type) ||
		    home.len <= type.len + 1 || home.p[type.len] != '/')
			return call_fail(c, 400, "not-supported", STR(""),
			    "%.*s/$everything is for those who see one patient only; name one: "
			    "%.*s/ID/$everything",
			    STR_ARG(type), STR_ARG(type));
		c->route.id = str_from_index(home, type.len + 1);
	}
	e->of = str_printf(c->arena, "%.*s/%.*s", STR_ARG(type), STR_ARG(c->route.id));
	if (!e->of.p)
		return no_room(c);
	return operation_read_instance(e->s, c, e->r, &found);
}

/* The list. */

static struct listed *
find_known(const struct everything *e, uint32_t type, struct str id)
{
	uint32_t mask = (1U << e->known_bits) - 1, i = (uint32_t)hash64(id, type) & mask;

	while (e->known[i].id.p && (e->known[i].type != type || !str_eq(e->known[i].id, id)))
		i = (i + 1) & mask;
	return &e->known[i];
}

static int
grow_known(struct everything *e)
{
	struct everything bigger = { .known_bits = e->known_bits ? e->known_bits + 1 : 10 };

	bigger.known = arena_calloc(
	    e->c->arena, (size_t)1 << bigger.known_bits, sizeof(struct listed));
	if (!bigger.known)
		return no_room(e->c);
	for (uint32_t i = 0; e->known_bits && i < 1U << e->known_bits; i++)
		if (e->known[i].id.p)
			*find_known(&bigger, e->known[i].type, e->known[i].id) = e->known[i];
	e->known = bigger.known;
	e->known_bits = bigger.known_bits;
	return 0;
}

/* 1: it is new; 0: it was known; -1. The id is kept as it is. */
static int
know(struct everything *e, uint32_t type, struct str id)
{
	struct listed *at;

	if ((!e->known_bits || e->known_used >= 1U << (e->known_bits - 1)) && grow_known(e) != 0)
		return -1;
	at = find_known(e, type, id);
	if (at->id.p)
		return 0;
	*at = (struct listed){ type, id };
	e->known_used++;
	return 1;
}

static int
add(struct everything *e, const struct store_version *v)
{
	if (e->list_count == e->list_room) {
		uint32_t room = e->list_room ? e->list_room * 2 : 256;
		struct store_version *list = arena_grow(
		    e->c->arena, e->list, e->list_room * sizeof(*list), room * sizeof(*list));

		if (!list)
			return no_room(e->c);
		e->list = list;
		e->list_room = room;
	}
	e->list[e->list_count] = *v;
	e->list[e->list_count++].body = STR("");
	return 0;
}

static int
find_members(struct everything *e)
{
	struct error err;
	struct store_members m = {
		.compartment = e->of,
		.moment = e->moment,
		.most = MEMBERS_MOST,
		.visibility = e->c->decision.visibility,
	};

	if (store_read_members(e->r, &m, e->c->arena, &e->members, &err) != 0)
		return call_fail_error(e->c, &err);
	e->moment = e->members.moment;
	if (e->members.more)
		return no_room(e->c);
	for (uint32_t i = 0; i < e->members.count; i++)
		if (know(e, e->members.at[i].type, e->members.at[i].id) < 0)
			return -1;
	return 0;
}

/* When was the care? */

/* Dates that say when a person was born or a record was made, not when care
 * was given. */
static bool
is_care_date(const struct pack *p, uint32_t param)
{
	static const char *const others[] = { "_lastUpdated", "birthdate", "death-date" };
	struct str code = pack_text(p, pack_param_at(p, param)->code);

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (str_is(code, others[i]))
			return false;
	return true;
}

/* Of what has no date of care, nothing says that it lies outside. */
static int
is_in_time(struct everything *e, const struct store_version *v, struct str body, struct arena *a)
{
	const struct pack *p = e->s->pack;
	struct fhir_read_options options = { .lenient = true, .type = v->type };
	const struct record *r;
	struct store_index *rows;
	struct findings findings;
	struct error err;
	uint32_t count;
	bool has_date = false;

	findings_init(&findings, a, 1);
	r = fhir_json_read(body, &options, e->builder, a, &findings);
	if (!r)
		return no_room(e->c);
	if (search_index_extract(e->s->index, r, 0, NULL, NULL, a, &rows, &count, &err) != 0)
		return call_fail_error(e->c, &err);
	for (uint32_t i = 0; i < count; i++) {
		if (rows[i].kind != PARAM_DATE || !is_care_date(p, rows[i].param))
			continue;
		if (rows[i].low <= e->end && rows[i].high >= e->start)
			return 1;
		has_date = true;
	}
	return !has_date;
}

/* What a body refers to. */

/* Take the resource that the text names ("Type/id", a version behind it). */
static int
add_target(struct everything *e, struct str text, bool forced, uint32_t *found)
{
	struct str name, id;
	struct store_page page;
	struct error err;
	ptrdiff_t slash;
	uint32_t type;
	int fresh;

	text = search_reference(e->s->index, text, NULL);
	slash = str_find(text, '/');
	if (slash <= 0)
		return 0;
	name = str_of(text.p, (size_t)slash);
	type = pack_find_resource(e->s->pack, name);
	id = str_from_index(text, (size_t)slash + 1);
	if (type == PACK_NONE || e->types[type] != (TYPE_READABLE | TYPE_WANTED) ||
	    find_known(e, type, id)->id.p || !fhir_id_is_valid(id))
		return 0;
	if (store_read_history(e->r,
		&(struct store_history){
		    .type = type,
		    .id = id,
		    .moment = e->moment,
		    .count = 1,
		    .bodiless = true,
		    .visibility = e->c->decision.visibility,
		},
		e->c->arena, &page, &err) != 0)
		return call_fail_error(e->c, &err);
	if (page.count && !page.at->deleted && page.at->updated < e->since && !forced)
		return 0; /* unless what has changed refers to it, too */
	id = page.count ? page.at->id : str_dup(e->c->arena, id);
	if (!id.p)
		return no_room(e->c);
	fresh = know(e, type, id);
	if (fresh < 0)
		return -1;
	if (!page.count || page.at->deleted)
		return 0;
	++*found;
	return add(e, page.at);
}

/* References, and addresses of attachments that are kept here. */
static int
add_targets(struct everything *e, struct str body, bool forced)
{
	static const char *const names[] = { "\"reference\":\"", "\"url\":\"" };
	uint32_t found = 0;

	for (size_t n = 0; n < sizeof(names) / sizeof(*names); n++) {
		struct str rest = body, name = str_from(names[n]);
		ptrdiff_t at;

		while ((at = str_find_str(rest, name)) >= 0) {
			ptrdiff_t end;

			rest = str_from_index(rest, (size_t)at + name.len);
			end = str_find(rest, '"');
			if (end > 0 &&
			    add_target(e, str_of(rest.p, (size_t)end), forced, &found) != 0)
				return -1;
		}
	}
	return 0;
}

/* One member: is it in the list, and what does it refer to? Targets go to a list
 * of their own, as all members come before them. */
static int
look_at(struct everything *e, const struct store_version *v, struct arena *a, bool *listed)
{
	bool focus = str_eq(v->id, e->c->route.id) && v->type == e->c->route.type;
	struct str body;
	struct error err;
	int in_time = 1;

	*listed = false;
	if (!(e->types[v->type] & TYPE_READABLE))
		return 0;
	if (store_read_body(e->r, v, a, &body, &err) != 0)
		return call_fail_error(e->c, &err);
	if (e->dated && !focus)
		in_time = is_in_time(e, v, body, a);
	if (in_time <= 0)
		return in_time;
	*listed = e->types[v->type] & TYPE_WANTED && v->updated >= e->since;
	return add_targets(e, body, *listed);
}

static int
by_focus(const struct everything *e, const struct store_version *v)
{
	return str_eq(v->id, e->c->route.id) && v->type == e->c->route.type;
}

/* Members that are listed, the subject first; then what was found behind them. */
static int
settle_list(struct everything *e, const uint8_t *listed)
{
	struct store_version *targets = e->list;
	uint32_t count = e->list_count;

	e->list = NULL;
	e->list_count = e->list_room = 0;
	for (int pass = 0; pass < 2; pass++)
		for (uint32_t i = 0; i < e->members.count; i++)
			if (listed[i] && by_focus(e, &e->members.at[i]) == (pass == 0) &&
			    add(e, &e->members.at[i]) != 0)
				return -1;
	e->matches = e->list_count;
	for (uint32_t i = 0; i < count; i++)
		if (add(e, &targets[i]) != 0)
			return -1;
	return 0;
}

static int
make_list(struct everything *e)
{
	uint8_t *listed;
	struct arena a;
	int rc = 0;

	if (find_members(e) != 0)
		return -1;
	if (!e->known_bits && grow_known(e) != 0)
		return -1;
	listed = arena_calloc(e->c->arena, e->members.count + 1, 1);
	if (!listed)
		return no_room(e->c);
	arena_init(&a, BODY_MEMORY, ARENA_WIPE);
	for (uint32_t i = 0; rc == 0 && i < e->members.count; i++) {
		bool is_listed;

		arena_reset(&a);
		rc = look_at(e, &e->members.at[i], &a, &is_listed);
		listed[i] = is_listed;
	}
	arena_release(&a);
	return rc == 0 ? settle_list(e, listed) : -1;
}

/* The answer. */

static struct str
page_link(const struct everything *e, const struct operation_input *in, const char *cursor)
{
	struct fhir_call *c = e->c;
	char separator = '?';
	struct buf out;
	struct str url;

	buf_init(&out, 1 << 16);
	buf_printf(&out, "%.*s/%.*s/$everything", STR_ARG(e->s->base), STR_ARG(e->of));
	for (uint32_t i = 0; i < in->count; i++) {
		if (str_is(in->at[i].name, SEARCH_CURSOR))
			continue;
		buf_printf(&out, "%c%.*s=", separator, STR_ARG(in->at[i].name));
		percent_encode(in->at[i].value, &out);
		separator = '&';
	}
	if (cursor)
		buf_printf(&out, "%c" SEARCH_CURSOR "=%s", separator, cursor);
	url = str_dup(c->arena, buf_str(&out));
	buf_release(&out);
	return url;
}

static void
answer(struct everything *e, const struct operation_input *in)
{
	uint32_t first = e->offset < e->list_count ? (uint32_t)e->offset : e->list_count;
	uint32_t count = e->list_count - first, matches;
	struct bundle_link links[2] = { { "self", page_link(e, in, NULL) } };
	struct bundle_head head = {
		.type = "searchset",
		.timestamp = e->begun,
		.total = e->matches,
		.links = links,
		.link_count = 1,
	};
	struct bundle_source *source = ARENA_NEW(e->c->arena, struct bundle_source);

	if (!source) {
		no_room(e->c);
		return;
	}
	if (count > e->count) {
		char cursor[SEARCH_CURSOR_TEXT];

		count = e->count;
		search_cursor_make(fhir_cursor_key(e->s), cursor_context(e, in), e->moment,
		    (uint64_t)first + count, cursor);
		links[head.link_count++] = (struct bundle_link){ "next", page_link(e, in, cursor) };
	}
	matches = e->matches > first ? e->matches - first : 0;
	*source = (struct bundle_source){
		.service = e->s,
		.page = { .at = e->list + first, .count = count, .total = UINT64_MAX },
		.includes = matches < count ? count - matches : 0,
	};
	bundle_source_answer(source, e->c, e->r, &head);
}

void
everything_run(const struct fhir_service *s, struct fhir_call *c, const struct operation_input *in,
    struct store_reader *r)
{
	struct record_builder builder;
	struct everything e = {
		.s = s, .c = c, .r = r, .builder = &builder, .begun = clock_wall()
	};
	struct error err;

	if (find_subject(&e) != 0 || read_params(&e, in) != 0)
		return;
	if (store_reader_hold(r, &err) != 0) {
		call_fail_error(c, &err);
		return;
	}
	record_builder_init(&builder, s->pack, &record_default_limits);
	if (make_list(&e) == 0)
		answer(&e, in);
	record_builder_release(&builder);
	store_reader_let_go(r);
}
