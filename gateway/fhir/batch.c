#include "gateway/fhir/batch.h"

#include <stdarg.h>

#include "base/clock.h"
#include "base/error.h"
#include "gateway/fhir/answer_source.h"
#include "gateway/fhir/bundle.h"
#include "gateway/fhir/outcome.h"
#include "gateway/fhir/part.h"
#include "gateway/fhir/patch.h"
#include "gateway/fhir/write.h"

struct fhir_call *
batch_init_single(
    struct fhir_batch *b, const struct fhir_service *s, struct arena *a, struct findings *f)
{
	*b = (struct fhir_batch){ .kind = BATCH_SINGLE, .service = s, .arena = a, .findings = f };
	b->calls = ARENA_NEW(a, struct fhir_call);
	if (!b->calls)
		return NULL;
	b->count = 1;
	call_init(b->calls, a);
	return b->calls;
}

int
batch_fail(struct fhir_batch *b, int status, const char *code, const char *fmt, ...)
{
	char text[ERROR_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (b->status < 400)
		b->status = status;
	findings_add(b->findings, SEVERITY_ERROR, code ? code : outcome_code(status), STR(""), 0, 0,
	    "%s", text);
	return -1;
}

/* "Patient.id" of an entry's resource as the whole Bundle has it. */
static struct str
path_in_bundle(const struct fhir_batch *b, uint32_t entry, struct str path)
{
	ptrdiff_t dot = str_find(path, '.');

	if (!path.len)
		return str_printf(b->arena, "Bundle.entry[%u]", entry);
	if (dot < 0)
		return str_printf(b->arena, "Bundle.entry[%u].resource", entry);
	return str_printf(b->arena, "Bundle.entry[%u].resource%.*s", entry,
	    STR_ARG(str_from_index(path, (size_t)dot)));
}

int
batch_fail_by(struct fhir_batch *b, const struct fhir_call *c)
{
	uint32_t entry = (uint32_t)(c - b->calls);

	if (b->status < 400)
		b->status = c->status;
	for (const struct finding *f = c->findings.first; f; f = f->next) {
		struct str path = f->path;

		if (b->kind != BATCH_SINGLE)
			path = path_in_bundle(b, entry, path);
		findings_add(b->findings, f->severity, f->code, path, f->line, f->column, "%.*s",
		    STR_ARG(f->text));
	}
	return -1;
}

/* entry.request.url: relative to the base, or absolute below it. */
static struct str
relative_target(const struct fhir_service *s, struct str url)
{
	if (str_starts(url, s->base))
		return str_from_index(url, s->base.len);
	return url;
}

static void
read_conditions(const struct record *r, const struct pack *p, uint32_t request, struct fhir_call *c)
{
	struct str since = record_value(r, p, request, STR("ifModifiedSince"));
	int64_t start, end;

	c->conditions.if_match = record_value(r, p, request, STR("ifMatch"));
	c->conditions.if_none_match = record_value(r, p, request, STR("ifNoneMatch"));
	c->conditions.if_none_exist = record_value(r, p, request, STR("ifNoneExist"));
	if (!c->conditions.if_match.len)
		c->conditions.if_match.p = NULL;
	if (!c->conditions.if_none_match.len)
		c->conditions.if_none_match.p = NULL;
	if (!c->conditions.if_none_exist.len)
		c->conditions.if_none_exist.p = NULL;
	if (since.len && instant_parse(since, &start, &end)) {
		char text[INSTANT_TEXT];

		c->conditions.if_modified_since = str_dup(
		    c->arena, str_of(text, http_date_format(start, text)));
	}
}

static void
read_route(
    const struct fhir_service *s, const struct record *r, uint32_t request, struct fhir_call *c)
{
	const struct pack *p = s->pack;
	struct str method = record_value(r, p, request, STR("method")), word;
	struct str url = record_value(r, p, request, STR("url"));
	enum fhir_method m = fhir_method_of(method);
	enum route_result result;

	if (m == FHIR_METHODS || m == FHIR_OPTIONS) {
		call_fail(c, 400, "not-supported", STR(""),
		    "request.method of an entry is one of GET, HEAD, POST, PUT, PATCH, DELETE");
		return;
	}
	result = route_parse(p, m, relative_target(s, url), c->arena, &c->route, &word);
	if (result != ROUTE_FOUND)
		call_fail_route(c, p, result, word);
	else if (!(c->route.interaction->flags & INTERACTION_IN_BUNDLE))
		call_fail(c, 400, "not-supported", STR(""),
		    "%s cannot be an entry of a Bundle; send it by itself",
		    c->route.interaction->code);
}

/* Fill the call of the entry at node `entry`. */
static void
read_entry(struct fhir_batch *b, const struct record *r, uint32_t entry, struct fhir_call *c)
{
	const struct pack *p = b->service->pack;
	uint32_t request = record_child(r, p, entry, STR("request"));
	uint32_t resource = record_child(r, p, entry, STR("resource"));

	c->full_url = record_value(r, p, entry, STR("fullUrl"));
	if (resource && r->nodes[resource].end > resource + 1) {
		c->record = r;
		c->node = resource + 1;
	}
	if (!request) {
		call_fail(c, 400, "required", STR(""),
		    "an entry of a transaction or batch needs a request");
		return;
	}
	read_conditions(r, p, request, c);
	read_route(b->service, r, request, c);
	if (!call_failed(c) && c->route.interaction->flags & INTERACTION_WRITES)
		write_check(b->service, c);
}

static uint32_t
count_entries(const struct record *r, uint32_t element)
{
	uint32_t n = 0;

	RECORD_EACH_CHILD(r, 0, i)
		n += r->nodes[i].element == element;
	return n;
}

static int
read_kind(struct fhir_batch *b, const struct record *r)
{
	struct str type = record_value(r, b->service->pack, 0, STR("type"));

	if (record_type(r, b->service->pack, 0) != b->service->bundle)
		return batch_fail(b, 400, "invalid",
		    "what is posted to the base is a Bundle; a single resource goes to its type");
	if (str_is(type, "transaction"))
		b->kind = BATCH_TRANSACTION;
	else if (str_is(type, "batch"))
		b->kind = BATCH_INDEPENDENT;
	else
		return batch_fail(b, 400, "not-supported",
		    "a Bundle posted to the base is of type transaction or batch; one to be kept "
		    "as "
		    "it is goes to /Bundle");
	return 0;
}

int
batch_init_bundle(struct fhir_batch *b, const struct fhir_service *s, const struct record *r,
    bool lenient, enum prefer_return prefer, struct arena *a, struct findings *f)
{
	uint32_t element = pack_find_element(s->pack, s->bundle, STR("entry")), n = 0, count;

	*b = (struct fhir_batch){ .service = s, .arena = a, .findings = f };
	if (read_kind(b, r) != 0)
		return -1;
	count = count_entries(r, element);
	if (count > s->max_entries)
		return batch_fail(b, 413, NULL,
		    "the Bundle has %u entries, over the limit of %u; "
		    "send it in parts",
		    count, s->max_entries);
	b->calls = arena_calloc(a, count + 1, sizeof(*b->calls));
	if (!b->calls)
		return batch_fail(b, 413, NULL, "the Bundle is too large; send it in parts");
	b->count = count;
	RECORD_EACH_CHILD(r, 0, i) {
		struct fhir_call *c = &b->calls[n];

		if (r->nodes[i].element != element)
			continue;
		n++;
		call_init(c, a);
		c->lenient = lenient;
		c->prefer = prefer;
		read_entry(b, r, i, c);
		if (call_failed(c) && b->kind == BATCH_TRANSACTION)
			batch_fail_by(b, c);
	}
	return b->status >= 400 ? -1 : 0;
}

int
batch_authorise(struct fhir_batch *b, const struct access_sender *sender)
{
	b->sender = sender;
	for (uint32_t i = 0; i < b->count; i++) {
		struct fhir_call *c = &b->calls[i];

		if (call_failed(c))
			continue;
		if (call_authorise(c, b->service->pack, sender) != 0 &&
		    b->kind != BATCH_INDEPENDENT)
			batch_fail_by(b, c);
	}
	return b->status >= 400 ? -1 : 0;
}

/* The call whose op it was; NULL for a find. */
static struct fhir_call *
call_of_op(const struct fhir_batch *b, uint32_t op)
{
	return op < b->owner_count ? &b->calls[b->owners[op]] : NULL;
}

bool
batch_is_overtaken(const struct fhir_batch *b)
{
	const struct store_write *w = b->writes;
	const struct fhir_call *c;

	if (!b->write_count || b->kind == BATCH_INDEPENDENT || w->result == 0 ||
	    w->error.kind != ERROR_CONFLICT)
		return false;
	c = call_of_op(b, w->failed_op);
	return c && patch_is(c);
}

static void
answer_failed_write(struct fhir_batch *b, const struct store_write *w)
{
	bool apart = b->kind == BATCH_INDEPENDENT;
	uint32_t op = apart ? (uint32_t)(w - b->writes) : w->failed_op;
	struct fhir_call *c = call_of_op(b, op);

	if (!c && b->kind == BATCH_SINGLE)
		c = b->calls;
	if (!c) {
		batch_fail(b,
		    w->error.kind == ERROR_MISSING || w->error.kind == ERROR_INVALID
			? 412
			: outcome_status(w->error.kind),
		    "processing", "%s%s",
		    w->error.kind == ERROR_IO ? "the store could not carry this out" : "",
		    w->error.kind == ERROR_IO ? "" : w->error.text);
		return;
	}
	write_answer_error(c, w, b->service->pack);
	if (!apart)
		batch_fail_by(b, c);
}

int
batch_answer_writes(struct fhir_batch *b)
{
	for (uint32_t i = 0; i < b->write_count; i++)
		if (b->writes[i].result != 0)
			answer_failed_write(b, &b->writes[i]);
	if (b->status >= 400)
		return -1;
	for (uint32_t i = 0; i < b->count; i++) {
		struct fhir_call *c = &b->calls[i];

		if (c->op != PACK_NONE && !call_failed(c))
			write_answer(b->service, c,
			    b->kind == BATCH_INDEPENDENT ? b->writes[c->op].ops : &b->ops[c->op]);
	}
	return 0;
}

void
batch_run_reads(struct fhir_batch *b, struct store_reader *r)
{
	for (uint32_t i = 0; i < b->count; i++) {
		struct fhir_call *c = &b->calls[i];

		if (!call_failed(c) && c->op == PACK_NONE && c->decision.permitted)
			call_run(b->service, c, r);
	}
}

static void
put_answer(struct fhir_batch *b, struct bundle_writer *w, struct fhir_call *c)
{
	bool writes = c->route.interaction && !c->route.operation &&
		      c->route.interaction->flags & INTERACTION_WRITES;
	bool shown = !writes || c->prefer == RETURN_REPRESENTATION;
	struct bundle_entry e = {
		.location = c->location, .version = c->version, .updated = c->updated
	};
	struct part_cutter cutter;
	struct buf outcome;
	struct error err;

	part_cutter_init(&cutter, b->service, &c->subset);
	buf_init(&outcome, 1 << 20);
	if (!call_failed(c) && c->prefer == RETURN_OUTCOME && writes) {
		e.outcome = c->body;
	} else if (!call_failed(c) && shown && c->body.len && c->route.method != FHIR_HEAD) {
		e.resource = part_cut(&cutter, c->body, &err);
		if (!e.resource.p)
			call_fail_error(c, &err);
	}
	if (call_failed(c)) {
		outcome_write(b->service->pack, &c->findings, 0, &outcome);
		e.outcome = buf_str(&outcome);
	}
	e.status = c->status;
	bundle_put(w, &e);
	buf_release(&outcome);
	part_cutter_release(&cutter);
}

/* The answers of a transaction or batch, entry by entry. */
struct batch_source {
	struct answer_source source;
	struct fhir_batch *batch;
	uint32_t next; /* of the calls */
	bool begun;
};

static int
next_part(struct answer_source *source, struct store_reader *r, bool apart, struct buf *room,
    struct str *part, struct error *err)
{
	struct batch_source *s = (struct batch_source *)source;
	struct fhir_batch *b = s->batch;
	struct bundle_writer w = { .out = room, .entries = apart ? 0 : s->next };
	struct bundle_head head = {
		.type = b->kind == BATCH_TRANSACTION ? "transaction-response" : "batch-response",
		.total = UINT64_MAX,
	};

	(void)r;
	if (!s->begun)
		bundle_begin(&w, room, &head);
	else if (apart)
		buf_puts(room, "{\"resourceType\":\"Bundle\"");
	s->begun = true;
	while (s->next < b->count && room->len < ANSWER_PART)
		put_answer(b, &w, &b->calls[s->next++]);
	source->ended = s->next == b->count;
	if (apart || source->ended)
		bundle_end(&w);
	*part = buf_str(room);
	return room->full ? error_set(err, ERROR_LIMIT, "an entry of the answer is too large") : 0;
}

struct answer_source *
batch_answer(struct fhir_batch *b)
{
	struct batch_source *s = ARENA_NEW(b->arena, struct batch_source);

	if (!s) {
		batch_fail(b, 500, "too-costly",
		    "it was done, but there is no room to say so; send less at a time");
		return NULL;
	}
	s->source.next = next_part;
	s->batch = b;
	b->status = 200;
	return &s->source;
}
