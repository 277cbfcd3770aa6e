#include "gateway/exchange/http_exchange.h"
#include "gateway/fhir/patch.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "gateway/config.h"
#include "gateway/fhir/answer_source.h"
#include "gateway/fhir/outcome.h"
#include "gateway/gateway.h"
#include "gateway/net/gzip.h"

enum {
	OUTCOME_MOST = 4 << 20,
	MOST_HEADERS = 16,
	GZIP_FROM = 1024,
	GZIP_ON_LOOP = 64 << 10, /* well under a millisecond */
};

static void
drop_made(void *made)
{
	struct buf *b = made;

	if (!b)
		return;
	buf_release(b);
	free(b);
}

/* A place for the answer's body, outside of the arena: it may be large. */
static struct buf *
new_made(const struct http_exchange *h)
{
	struct buf *b = xcalloc(1, sizeof(*b));

	buf_init(b, h->x.gateway->fhir.max_answer);
	b->wipe = true;
	return b;
}

static void
use_made(struct http_exchange *h, struct buf *b)
{
	drop_made(h->made);
	h->made = b;
	h->x.batch.body = buf_str(b);
}

/* The answer could not be made. */
static enum outcome
fail_answer(struct exchange *x, const struct error *err)
{
	if (err->kind == ERROR_LIMIT)
		return exchange_fail(x, x->written ? 500 : 413, "too-costly", STR(""), "%s%s%s",
		    x->written ? "it was done, but " : "", err->text,
		    x->written ? "; Prefer: return=minimal asks for no more than that" : "");
	log_event(LOG_ERROR, "store failed", "error=%s", err->text);
	return exchange_fail(x, 500, NULL, STR(""),
	    "the store could not carry this out; tell whoever runs this gateway, whose log says "
	    "why");
}

/* Compress where the client takes it, it is worth it, and nobody waits for
 * the loop meanwhile. */
static void
compress(struct http_exchange *h)
{
	struct str body = h->x.batch.body;
	struct buf *out;

	if (!h->gzip || body.len < GZIP_FROM || (!h->x.heavy && body.len > GZIP_ON_LOOP))
		return;
	out = new_made(h);
	if (gzip_put(body, out) != 0 || out->len >= body.len) {
		drop_made(out);
		return;
	}
	use_made(h, out);
	h->packed = true;
}

/* The body is what is stored: it may go out as it lies, all of it at once where
 * it is not long and no one waits for its compression. */
static bool
is_ready(const struct http_exchange *h, const struct fhir_call *c)
{
	size_t most = h->gzip && !h->x.heavy ? GZIP_ON_LOOP : HTTP_WHOLE_MOST;

	return !http_is_anew(h) && fhir_subset_is_whole(&c->subset) && c->body.len <= most;
}

/* Make the answer of a source, or its beginning. */
static enum outcome
begin_answer(struct http_exchange *h, struct worker *w, struct answer_source *source,
    const struct fhir_subset *subset)
{
	struct buf *whole = new_made(h);
	struct error err;
	int rc;

	http_stream_new(h, source, subset);
	rc = http_stream_try(h, w, whole, &err);
	if (rc == 1) {
		http_stream_drop(h);
		use_made(h, whole);
		compress(h);
		return DONE;
	}
	drop_made(whole);
	return rc == 0 ? DONE : fail_answer(&h->x, &err);
}

static enum outcome
finish_single(struct http_exchange *h, struct worker *w, struct fhir_call *c)
{
	struct answer_source *source = c->source;

	h->x.status = c->status;
	if (!source && !c->body.len)
		return DONE;
	if (!source && is_ready(h, c)) {
		h->x.batch.body = c->body;
		compress(h);
		return DONE;
	}
	if (source)
		return begin_answer(h, w, source, &c->subset);
	source = answer_source_of(c->body, h->x.arena);
	if (!source)
		return exchange_fail(&h->x, 500, NULL, STR(""), "the request is too large");
	/* Nothing long is made on a loop: then there is no beginning yet. */
	if (h->x.heavy && (http_is_anew(h) || !fhir_subset_is_whole(&c->subset)))
		return begin_answer(h, w, source, &c->subset);
	http_stream_new(h, source, &c->subset);
	if (!h->gzip && !http_is_anew(h) && fhir_subset_is_whole(&c->subset))
		h->length = c->body.len;
	return DONE;
}

enum outcome
http_exchange_finish(struct exchange *x, struct worker *w)
{
	static const struct fhir_subset all;
	struct http_exchange *h = http_of(x);
	struct fhir_batch *b = &x->batch;
	struct answer_source *source;

	if (b->kind == BATCH_SINGLE)
		return finish_single(h, w, b->calls);
	source = batch_answer(b);
	if (!source)
		return exchange_fail_batch(x);
	x->status = b->status;
	return begin_answer(h, w, source, &all);
}

/* Nothing could be noted: the arena is full. */
static void
note_full_arena(struct findings *f, struct arena *spare)
{
	findings_init(f, spare, 1);
	findings_add(f, SEVERITY_ERROR, "too-costly", STR(""), 0, 0,
	    "the request needs more memory than it may have; send less at a time");
}

/* When not even that can be written. */
static struct str
shortest_outcome(enum fhir_format format)
{
	if (format == FHIR_FORMAT_XML)
		return STR("<OperationOutcome xmlns=\"http://hl7.org/fhir\"><issue><severity "
			   "value=\"error\"/><code value=\"too-costly\"/></issue>"
			   "</OperationOutcome>");
	return STR("{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":\"error\","
		   "\"code\":\"too-costly\"}]}");
}

void
http_exchange_refuse(struct exchange *x)
{
	struct http_exchange *h = http_of(x);
	const struct findings *f = &x->findings;
	const struct record *r;
	struct findings other;
	struct arena spare;
	struct buf *out = new_made(h);

	http_stream_drop(h);
	arena_init(&spare, OUTCOME_MOST, ARENA_WIPE);
	if (!f->first) {
		note_full_arena(&other, &spare);
		f = &other;
	}
	r = outcome_build(x->gateway->pack, f, &spare);
	if (r)
		fhir_write(h->answer_format, h->format.pretty, r, x->gateway->pack, 0, out);
	if (!r || out->full) {
		buf_clear(out);
		buf_put_str(out, shortest_outcome(h->answer_format));
	}
	use_made(h, out);
	h->packed = false;
	h->length = 0;
	arena_release(&spare);
}

/* The header fields of an answer. */
struct fields {
	struct http_header at[MOST_HEADERS];
	size_t count;
};

static void
put_field(struct fields *f, const char *name, struct str value)
{
	if (value.p && f->count < MOST_HEADERS)
		f->at[f->count++] = (struct http_header){ str_from(name), value };
}

/* CORS (Fetch standard): only the origins of the configuration. */
static void
put_cors(struct http_exchange *h, struct fields *f)
{
	const struct config_texts *origins = &h->x.gateway->config->fhir.cors_origins;
	struct str origin = http_header_get(h->r->head, "Origin");

	for (uint32_t i = 0; origin.len && i < origins->count; i++) {
		if (!str_is(origins->at[i], "*") && !str_eq_nocase(origins->at[i], origin))
			continue;
		put_field(f, "Access-Control-Allow-Origin", origin);
		put_field(f, "Vary", STR("Origin"));
		put_field(f, "Access-Control-Expose-Headers",
		    STR("Location, ETag, Last-Modified, X-Request-Id"));
		if (h->route.method != FHIR_OPTIONS)
			return;
		put_field(f, "Access-Control-Allow-Methods",
		    STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
		put_field(f, "Access-Control-Allow-Headers",
		    STR("Authorization, Content-Type, Accept, Prefer, If-Match, If-None-Match, "
			"If-None-Exist, If-Modified-Since, Content-Encoding"));
		put_field(f, "Access-Control-Max-Age", STR("600"));
		return;
	}
}

/* ETag, Last-Modified, Location: of a single interaction's resource. */
static void
put_version(struct exchange *x, struct fields *f)
{
	const struct fhir_call *c = x->batch.calls;
	char date[INSTANT_TEXT];

	if (x->batch.kind != BATCH_SINGLE || !x->batch.count)
		return;
	if (c->version)
		put_field(
		    f, "ETag", str_printf(x->arena, "W/\"%llu\"", (unsigned long long)c->version));
	if (c->updated)
		put_field(f, "Last-Modified",
		    str_dup(x->arena, str_of(date, http_date_format(c->updated, date))));
	if (c->location.len)
		put_field(f, "Location",
		    str_printf(x->arena, "%.*s/%.*s", STR_ARG(x->gateway->fhir.base),
			STR_ARG(c->location)));
}

static void
put_refusal(struct http_exchange *h, struct fields *f, char allow[64])
{
	int status = h->x.status;

	if ((status == 401 || status == 403 || status == 400) && h->challenge[0])
		put_field(f, "WWW-Authenticate", str_from(h->challenge));
	if (status == 503)
		put_field(f, "Retry-After", STR("2"));
	if (status == 405 || h->route.method == FHIR_OPTIONS) {
		route_allow(h->route.allowed, allow);
		if (allow[0])
			put_field(f, "Allow", str_from(allow));
	}
	if (h->route.allowed & 1U << FHIR_PATCH &&
	    (h->route.method == FHIR_OPTIONS || (status == 415 && h->route.method == FHIR_PATCH)))
		put_field(f, "Accept-Patch", STR(PATCH_FORMATS));
	if (status == 415 && h->route.method != FHIR_PATCH) {
		put_field(f, "Accept", STR("application/fhir+json, application/fhir+xml"));
		put_field(f, "Accept-Encoding", STR("gzip"));
	}
}

void
http_exchange_send(struct exchange *x)
{
	struct http_exchange *h = http_of(x);
	struct fields f = { .count = 0 };
	char allow[64];
	struct http_answer a = { .status = x->status, .close = h->close, .length = h->length };
	bool has_body;

	if (x->status != 204 && x->status != 304)
		a.body = x->batch.body;
	has_body = a.body.len || h->stream;
	if (has_body)
		put_field(&f, "Content-Type",
		    h->answer_format == FHIR_FORMAT_XML ? STR(FHIR_XML_TYPE) : STR(FHIR_JSON_TYPE));
	if (has_body && h->packed)
		put_field(&f, "Content-Encoding", STR("gzip"));
	put_field(&f, "Vary", STR("Accept, Accept-Encoding"));
	put_field(&f, "X-Request-Id", str_from(x->id));
	put_version(x, &f);
	put_refusal(h, &f, allow);
	put_cors(h, &f);
	a.headers = f.at;
	a.header_count = f.count;
	if (h->has_plain) {
		http_body_reset(&h->plain);
		buf_release(&h->plain.memory);
	}
	if (h->stream) {
		http_stream_send(h, &a);
		return;
	}
	if (h->made && a.body.len) {
		a.release = drop_made;
		a.release_ctx = h->made;
	} else {
		drop_made(h->made);
	}
	http_answer(h->r, &a);
}

void
http_exchange_answer_plain(struct http_request *r, int status, const char *text)
{
	struct http_header type = { STR("Content-Type"), STR("text/plain; charset=utf-8") };

	http_answer(r, &(struct http_answer){
			   .status = status,
			   .headers = &type,
			   .header_count = 1,
			   .body = str_from(text),
		       });
}
