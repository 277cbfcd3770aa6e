#include "gateway/fhir/own_params.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/finding.h"
#include "base/log.h"
#include "gateway/fhir/operation.h"
#include "gateway/fhir/search_index.h"
#include "gateway/fhir/search_query.h"
#include "gateway/fhir/service.h"
#include "gateway/fhir/stored_values.h"

enum {
	BASES_MOST = 1000,
	PAGE = 500,
	ARENA_BYTES = 256 << 20,
	TELL_US = 2 * 1000000, /* between lines that tell how far it is */
};

struct own_params {
	const struct fhir_service *s;
	struct store *store;
	struct store_reader *reader;
	struct record_builder builder;
	struct stored_values values;
	struct arena arena;    /* of one call */
	uint64_t *passed_over; /* rows of definitions that are not taken up, growing */
	size_t passed_count, passed_room;
	int64_t row, last; /* of the pass under way; row == last: none is */
	int64_t told;
};

/* Definitions. */

static const char *const param_types[] = {
	[PARAM_NUMBER] = "number",
	[PARAM_DATE] = "date",
	[PARAM_STRING] = "string",
	[PARAM_TOKEN] = "token",
	[PARAM_REFERENCE] = "reference",
	[PARAM_COMPOSITE] = "composite",
	[PARAM_QUANTITY] = "quantity",
	[PARAM_URI] = "uri",
	[PARAM_SPECIAL] = "special",
};

/* The resource types that name stands for: itself, or all that are of it. */
static int
add_types(const struct pack *p, struct str name, uint32_t *types, uint32_t *count)
{
	uint32_t named = pack_find_type(p, name);

	if (named == PACK_NONE || pack_type_at(p, named)->kind != PACK_RESOURCE)
		return -1;
	for (uint32_t t = 0; t < pack_type_count(p); t++) {
		const struct pack_type *type = pack_type_at(p, t);

		if (type->kind == PACK_RESOURCE && !type->abstract && pack_type_is(p, t, named) &&
		    *count < BASES_MOST)
			types[(*count)++] = t;
	}
	return 0;
}

/* The types that a repeated element names. */
static int
read_types(const struct pack *p, const struct record *r, uint32_t node, const char *element,
    struct arena *a, const uint32_t **out, uint32_t *count, struct error *err)
{
	uint32_t *types = arena_calloc(a, BASES_MOST, sizeof(*types));

	*count = 0;
	*out = types;
	if (!types)
		return error_set(err, ERROR_LIMIT, "the SearchParameter is too large");
	for (uint32_t i = record_child(r, p, node, str_from(element)); i;
	     i = record_next(r, node, i))
		if (add_types(p, record_text(r, i), types, count) < 0)
			return error_set(err, ERROR_INVALID,
			    "SearchParameter.%s names '%.*s', which is no resource type", element,
			    STR_ARG(record_text(r, i)));
	return 0;
}

static bool
is_code(struct str code)
{
	for (size_t i = 0; i < code.len; i++)
		if (!((code.p[i] >= 'a' && code.p[i] <= 'z') ||
			(code.p[i] >= 'A' && code.p[i] <= 'Z') ||
			(i && ((code.p[i] >= '0' && code.p[i] <= '9') || code.p[i] == '-' ||
				  code.p[i] == '_'))))
			return false;
	return code.len > 0;
}

static int
read_param_type(struct str name, uint32_t *out, struct error *err)
{
	for (*out = 0; *out < sizeof(param_types) / sizeof(param_types[0]); ++*out)
		if (str_is(name, param_types[*out]))
			break;
	if (*out == PARAM_COMPOSITE || *out == PARAM_SPECIAL)
		return error_set(err, ERROR_INVALID,
		    "SearchParameter.type is '%.*s', which this server does not index; give it "
		    "another status than active to keep it all the same",
		    STR_ARG(name));
	if (*out == sizeof(param_types) / sizeof(param_types[0]))
		return error_set(err, ERROR_INVALID, "SearchParameter.type is not known");
	return 0;
}

/* 1: it is to be indexed; 0: it is not active; -1: it cannot be. */
static int
read_definition(const struct fhir_service *s, const struct record *r, uint32_t node,
    struct arena *a, struct search_own *out, struct error *err)
{
	const struct pack *p = s->pack;

	*out = (struct search_own){ .id = record_value(r, p, node, STR("id")) };
	if (!str_is(record_value(r, p, node, STR("status")), "active"))
		return 0;
	out->param.code = record_value(r, p, node, STR("code"));
	out->param.url = record_value(r, p, node, STR("url"));
	out->param.expression = record_value(r, p, node, STR("expression"));
	if (read_param_type(record_value(r, p, node, STR("type")), &out->param.type, err) < 0 ||
	    read_types(p, r, node, "base", a, &out->types, &out->type_count, err) < 0 ||
	    read_types(
		p, r, node, "target", a, &out->param.targets, &out->param.target_count, err) < 0)
		return -1;
	if (!out->type_count)
		return error_set(err, ERROR_INVALID, "SearchParameter.base names no type");
	if (!is_code(out->param.code))
		return error_set(err, ERROR_INVALID,
		    "SearchParameter.code '%.*s' is no name of a parameter: letters, digits, - "
		    "and _, a letter first",
		    STR_ARG(out->param.code));
	if (!out->param.expression.len)
		return error_set(err, ERROR_INVALID,
		    "SearchParameter.expression is missing: what is active here is found by "
		    "FHIRPath");
	return 1;
}

/* Whether it clashes: 1 the same is there in the definitions, 0 no, -1 with *err. */
static int
find_clash(const struct fhir_service *s, const struct search_own *own, struct error *err)
{
	for (uint32_t i = 0; i < own->type_count; i++) {
		const struct search_param *there = search_index_find(
		    s->index, own->types[i], own->param.code);

		if (!there || (there->own && str_eq(there->own->id, own->id)))
			continue;
		if (!there->own && str_eq(there->url, own->param.url))
			return 1;
		return error_set(err, ERROR_CONFLICT,
		    "SearchParameter.code '%.*s' is taken for %.*s by %.*s: choose another",
		    STR_ARG(own->param.code),
		    STR_ARG(pack_text(s->pack, pack_type_at(s->pack, own->types[i])->name)),
		    STR_ARG(there->url));
	}
	return 0;
}

int
own_params_judge(const struct fhir_service *s, struct fhir_call *c)
{
	struct search_own own;
	struct error err;
	int rc;

	if (c->route.type != s->search_parameter || !c->record)
		return 0;
	rc = read_definition(s, c->record, c->node, c->arena, &own, &err);
	if (rc > 0) {
		rc = find_clash(s, &own, &err);
		if (rc == 0)
			rc = search_index_check_own(s->index, &own, &err);
	}
	if (rc >= 0)
		return 0;
	return call_fail(c, 422, err.kind == ERROR_CONFLICT ? "conflict" : "invalid",
	    STR("SearchParameter"), "the search parameter cannot be used: %s", err.text);
}

/* What the store has. */

/* One of the registry by the row of its definition. */
static struct search_own *
own_of_row(struct own_params *o, uint64_t row)
{
	struct search_own *own;

	for (uint32_t i = 0; (own = search_index_own(o->s->index, i)); i++)
		if (own->row == row)
			return own;
	return NULL;
}

static void
log_refused(const struct store_version *v, const struct error *err)
{
	log_event(
	    LOG_WARN, "search-parameter-refused", "id=%.*s\treason=%s", STR_ARG(v->id), err->text);
}

/* Begin to index by it. */
static void
take_up(struct own_params *o, const struct store_version *v, struct search_own *def)
{
	struct search_own *own = NULL;
	struct error err;
	struct str name;
	int clash;

	def->id = v->id;
	def->row = v->row;
	clash = find_clash(o->s, def, &err);
	if (clash > 0)
		return; /* the definitions have it */
	if (clash == 0)
		own = search_index_add_own(o->s->index, def, &err);
	if (!own) {
		log_refused(v, &err);
		return;
	}
	name = str_printf(&o->arena, "%.*s SearchParameter/%.*s %llu", STR_ARG(def->param.code),
	    STR_ARG(v->id), (unsigned long long)v->row);
	if (!name.p ||
	    store_define_param(o->store, own->param.number, own->param.type, name, &err) < 0) {
		log_refused(v, &err);
		search_index_drop_own(o->s->index, own);
		return;
	}
	log_event(LOG_INFO, "search-parameter-added", "id=%.*s\tcode=%.*s", STR_ARG(v->id),
	    STR_ARG(own->param.code));
}

static int
by_row(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool
is_passed_over(const struct own_params *o, uint64_t row)
{
	return o->passed_count &&
	       bsearch(&row, o->passed_over, o->passed_count, sizeof(row), by_row) != NULL;
}

/* So that it is not read again at every change of another. */
static void
pass_over(struct own_params *o, uint64_t row)
{
	size_t at = o->passed_count;

	if (o->passed_count == o->passed_room) {
		o->passed_room = o->passed_room ? o->passed_room * 2 : 64;
		o->passed_over = xrealloc(
		    o->passed_over, o->passed_room * sizeof(o->passed_over[0]));
	}
	for (; at && o->passed_over[at - 1] > row; at--)
		o->passed_over[at] = o->passed_over[at - 1];
	o->passed_over[at] = row;
	o->passed_count++;
}

/* One SearchParameter of the store; it is noted as seen. */
static void
see(struct own_params *o, const struct store_version *v, bool add)
{
	struct fhir_read_options options = { .lenient = true, .type = v->type };
	struct search_own *known = own_of_row(o, v->row), def;
	struct findings findings;
	const struct record *r;
	struct error err;
	struct str body;
	int rc;

	if (known) {
		known->seen = true;
		return;
	}
	if (!add || is_passed_over(o, v->row))
		return;
	if (store_read_body(o->reader, v, &o->arena, &body, &err) < 0) {
		log_refused(v, &err);
		return;
	}
	findings_init(&findings, &o->arena, 1);
	r = fhir_json_read(body, &options, &o->builder, &o->arena, &findings);
	rc = r ? read_definition(o->s, r, 0, &o->arena, &def, &err) : 0;
	if (rc < 0)
		log_refused(v, &err);
	if (rc > 0)
		take_up(o, v, &def);
	if (!own_of_row(o, v->row))
		pass_over(o, v->row);
}

/* All SearchParameters that are current. Returns -1 when they cannot be read. */
static int
see_all(struct own_params *o, bool add, struct error *err)
{
	struct store_query q = { .type = o->s->search_parameter,
		.visibility = { .kind = SEES_EVERYTHING },
		.bodiless = true,
		.count = PAGE };
	struct store_page page;

	do {
		if (store_search(o->reader, &q, &o->arena, &page, err) != 0)
			return -1;
		for (uint32_t i = 0; i < page.count; i++)
			see(o, &page.at[i], add);
		q.from_row = page.next_row;
		q.moment = page.moment;
	} while (page.more);
	return 0;
}

/* Words of texts, where they are indexed, then the parameters; NULL behind. */
static struct search_own *
state_at(struct own_params *o, uint32_t i)
{
	struct search_own *words = search_index_words_state(o->s->index);

	if (words && i == 0)
		return words;
	return search_index_own(o->s->index, words ? i - 1 : i);
}

/* Progress: "pass ROW LAST", "words-done LEVEL", then "done ROW" for each whose definition has that
 * row. */

static void
save(struct own_params *o)
{
	struct store_write w = { .arena = &o->arena };
	struct store_write *batch[] = { &w };
	struct store_note note = { .key = STR(STORE_OWN_NOTE) };
	const struct search_own *words = search_index_words_state(o->s->index);
	struct search_own *own;
	struct error err;
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_printf(&b, "pass %lld %lld\n", (long long)o->row, (long long)o->last);
	if (words)
		buf_printf(&b, "words-%s %d\n", words->ready ? "done" : "todo",
		    (int)search_index_words(o->s->index));
	for (uint32_t i = 0; (own = search_index_own(o->s->index, i)); i++)
		buf_printf(
		    &b, "%s %llu\n", own->ready ? "done" : "todo", (unsigned long long)own->row);
	note.value = buf_str(&b);
	w.notes = &note;
	w.note_count = 1;
	if (store_commit(o->store, batch, 1, &err) < 0 || w.result < 0)
		log_event(LOG_WARN, "search-parameter-progress", "error=%s",
		    w.result < 0 ? w.error.text : err.text);
	buf_release(&b);
}

/* Whom a line of the note is of: words that were indexed at least as now, or a
 * parameter. */
static struct search_own *
noted(struct own_params *o, struct str word, int64_t n)
{
	if (!str_starts(word, STR("words-")))
		return own_of_row(o, (uint64_t)n);
	return n >= (int64_t)search_index_words(o->s->index) ? search_index_words_state(o->s->index)
							     : NULL;
}

/* What the note says of the parameters that there are; false: there is none. A pass goes on where all
 * that are not done were part of it. */
static bool
load(struct own_params *o)
{
	struct str text = STR(""), line, word;
	struct search_own *own;
	int64_t row = 0, last = 0, n;
	uint32_t todo = 0;

	if (!store_read_note(o->reader, STR(STORE_OWN_NOTE), &o->arena, &text))
		return false;
	while (str_split(&text, '\n', &line)) {
		if (!str_split(&line, ' ', &word) || !line.p)
			continue;
		if (str_is(word, "pass")) {
			struct str first;

			str_split(&line, ' ', &first);
			if (!str_to_int(first, &row) || !line.p || !str_to_int(line, &last))
				row = last = 0;
			continue;
		}
		own = str_to_int(line, &n) && n > 0 ? noted(o, word, n) : NULL;
		if (!own)
			continue;
		own->ready = str_is(word, "done") || str_is(word, "words-done");
		todo += !own->ready;
	}
	for (uint32_t i = 0; (own = state_at(o, i)); i++)
		todo -= !own->ready;
	if (todo == 0 && row > 0 && last <= o->last) {
		o->row = row;
		o->last = last;
	}
	return true;
}

/* Whether some are not done; they are told how far they are. */
static bool
is_wanted(struct own_params *o)
{
	struct search_own *own;
	bool wanted = false;

	for (uint32_t i = 0; (own = state_at(o, i)); i++) {
		if (own->ready)
			continue;
		wanted = true;
		__atomic_store_n(&own->done, (uint64_t)o->row, __ATOMIC_RELAXED);
		__atomic_store_n(&own->total, (uint64_t)o->last, __ATOMIC_RELAXED);
	}
	return wanted;
}

void
own_params_sync(struct own_params *o)
{
	struct search_own *own;
	struct error err;
	uint64_t before;

	for (uint32_t i = 0; (own = search_index_own(o->s->index, i)); i++)
		own->seen = false;
	/* What is gone first, so that its code is free. */
	if (see_all(o, false, &err) < 0) {
		log_event(LOG_ERROR, "search-parameters", "error=%s", err.text);
		arena_reset(&o->arena);
		return;
	}
	for (uint32_t i = 0; (own = search_index_own(o->s->index, i));) {
		if (own->seen) {
			i++;
			continue;
		}
		log_event(LOG_INFO, "search-parameter-dropped", "id=%.*s\tcode=%.*s",
		    STR_ARG(own->id), STR_ARG(own->param.code));
		search_index_drop_own(o->s->index, own);
		o->passed_count = 0; /* what its code was in the way of */
	}
	before = search_index_generation(o->s->index);
	if (see_all(o, true, &err) < 0)
		log_event(LOG_ERROR, "search-parameters", "error=%s", err.text);
	if (search_index_generation(o->s->index) != before) {
		store_set_generation(o->store, search_index_generation(o->s->index),
		    stored_values_extract, &o->values);
		o->row = 0;
		o->last = store_last_row(o->store);
	}
	is_wanted(o);
	arena_reset(&o->arena);
}

static void
finish_pass(struct own_params *o)
{
	struct search_own *own;

	for (uint32_t i = 0; (own = state_at(o, i)); i++) {
		if (own->ready)
			continue;
		__atomic_store_n(&own->ready, true, __ATOMIC_RELEASE);
		log_event(LOG_INFO, "search-parameter-ready", "id=%.*s\tcode=%.*s\tversions=%lld",
		    STR_ARG(own->id), STR_ARG(own->param.code), (long long)o->last);
	}
}

bool
own_params_step(struct own_params *o)
{
	int64_t now = clock_monotonic();
	struct error err;
	int rc;

	if (!is_wanted(o))
		return false;
	rc = store_reindex(o->store, &o->row, o->last, &err);
	if (rc < 0) {
		log_event(LOG_ERROR, "search-parameter-progress", "error=%s", err.text);
		return false;
	}
	if (rc == 0)
		finish_pass(o);
	is_wanted(o);
	if (rc == 0 || now > o->told + TELL_US) {
		o->told = now;
		save(o);
		log_event(LOG_INFO, "search-parameter-progress", "versions=%lld\tof=%lld",
		    (long long)o->row, (long long)o->last);
	}
	arena_reset(&o->arena);
	return rc > 0;
}

struct own_params *
own_params_open(const struct fhir_service *s, struct store *store,
    const struct record_limits *limits, struct error *err)
{
	struct own_params *o = xcalloc(1, sizeof(*o));
	bool noted_before;

	o->s = s;
	o->store = store;
	arena_init(&o->arena, ARENA_BYTES, 0);
	record_builder_init(&o->builder, s->pack, limits);
	stored_values_init(&o->values, s->pack, s->base, limits, s->index);
	o->reader = store_reader_open(store, err);
	if (!o->reader) {
		own_params_close(o);
		return NULL;
	}
	if (s->search_parameter == PACK_NONE)
		return o;
	o->last = store_last_row(store);
	own_params_sync(o);
	store_set_generation(
	    store, search_index_generation(s->index), stored_values_extract, &o->values);
	noted_before = load(o);
	/* What is noted is true only of what is indexed now: words that are switched
	 * off and on again lack what came between. */
	if (noted_before || state_at(o, 0))
		save(o);
	is_wanted(o);
	arena_reset(&o->arena);
	return o;
}

void
own_params_close(struct own_params *o)
{
	if (!o)
		return;
	store_reader_close(o->reader);
	stored_values_release(&o->values);
	record_builder_release(&o->builder);
	arena_release(&o->arena);
	free(o->passed_over);
	free(o);
}

/* $reindex-status. */

static void
put_part(struct record_builder *b, const char *name, const char *value_name, struct str value)
{
	record_open(b, STR("part"));
	record_put(b, STR("name"), str_from(name));
	record_put(b, str_from(value_name), value);
	record_close(b);
}

static void
put_status(struct record_builder *b, const struct search_own *own)
{
	bool ready = __atomic_load_n(&own->ready, __ATOMIC_ACQUIRE);
	uint64_t done = __atomic_load_n(&own->done, __ATOMIC_RELAXED);
	uint64_t total = __atomic_load_n(&own->total, __ATOMIC_RELAXED);
	char number[24];
	int len = snprintf(number, sizeof(number), "%llu",
	    (unsigned long long)(ready || !total ? 100 : done * 100 / total));

	record_open(b, STR("parameter"));
	record_put(b, STR("name"), STR("searchParameter"));
	put_part(b, "url", "valueUri", own->param.url);
	put_part(b, "code", "valueCode", own->param.code);
	put_part(b, "status", "valueCode", ready ? STR("ready") : STR("indexing"));
	put_part(b, "percent", "valueInteger", str_of(number, (size_t)len));
	record_close(b);
}

void
own_params_status(const struct fhir_service *s, struct fhir_call *c,
    const struct operation_input *in, struct store_reader *r)
{
	uint32_t type = pack_find_resource(s->pack, STR("Parameters"));
	const struct search_own *own;
	struct record_builder b;
	struct error err;

	(void)in;
	(void)r;
	if (type == PACK_NONE) {
		call_fail(c, 501, NULL, STR(""), "the definitions have no Parameters");
		return;
	}
	record_builder_init(&b, s->pack, &record_default_limits);
	record_open_root(&b, type);
	for (uint32_t i = 0; (own = search_index_own(s->index, i)); i++)
		put_status(&b, own);
	record_close(&b);
	c->status = 200;
	operation_answer_record(s, c, record_builder_finish(&b, c->arena, &err), &err);
	record_builder_release(&b);
}
