#include "gateway/exchange/http_exchange.h"

#include "base/clock.h"
#include "gateway/config.h"
#include "gateway/fhir/outcome.h"
#include "gateway/gateway.h"
#include "mappers/fhir/fhir_json.h"

enum {
	OUTCOME_MOST = 4 << 20,
	MOST_HEADERS = 16,
};

static struct str
make_pretty(struct exchange *x, struct worker *w, struct str body)
{
	struct fhir_read_options options = { .lenient = true, .type = PACK_NONE };
	struct findings findings;
	const struct record *r;
	struct buf out;

	findings_init(&findings, x->arena, 1);
	r = fhir_json_read(body, &options, &w->builder, x->arena, &findings);
	if (!r)
		return body;
	buf_init(&out, x->gateway->fhir.max_answer);
	out.wipe = true;
	fhir_json_write(r, x->gateway->pack, 0, FHIR_JSON_PRETTY, &out);
	if (!out.full) {
		struct str copy = str_dup(x->arena, buf_str(&out));

		body = copy.p ? copy : body;
	}
	buf_release(&out);
	return body;
}

enum outcome
http_exchange_finish(struct exchange *x, struct worker *w)
{
	struct http_exchange *h = http_of(x);
	struct fhir_batch *b = &x->batch;

	if (b->kind != BATCH_SINGLE) {
		if (batch_compose(b) != 0)
			return exchange_fail_batch(x);
	} else {
		b->body = b->calls->body;
		b->status = b->calls->status;
	}
	x->status = b->status;
	if (h->format.pretty && b->body.len)
		b->body = make_pretty(x, w, b->body);
	return DONE;
}

/* Nothing could be noted: the arena is full. */
static void
note_full_arena(struct findings *f, struct arena *spare)
{
	findings_init(f, spare, 1);
	findings_add(f, SEVERITY_ERROR, "too-costly", STR(""), 0, 0,
	    "the request needs more memory than it may have; send less at a time");
}

void
http_exchange_refuse(struct exchange *x)
{
	struct http_exchange *h = http_of(x);
	const struct findings *f = &x->findings;
	struct findings other;
	struct arena spare;
	struct buf out;

	arena_init(&spare, 1 << 16, 0);
	if (!f->first) {
		note_full_arena(&other, &spare);
		f = &other;
	}
	buf_init(&out, OUTCOME_MOST);
	outcome_write(x->gateway->pack, f, h->format.pretty ? FHIR_JSON_PRETTY : 0, &out);
	x->batch.body = out.full ? (struct str){ NULL, 0 } : str_dup(x->arena, buf_str(&out));
	if (!x->batch.body.p)
		x->batch.body = STR(
		    "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":\"error\","
		    "\"code\":\"too-costly\"}]}");
	buf_release(&out);
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
		    STR("GET, HEAD, POST, PUT, DELETE, OPTIONS"));
		put_field(f, "Access-Control-Allow-Headers",
		    STR("Authorization, Content-Type, Accept, Prefer, If-Match, If-None-Match, "
			"If-None-Exist, If-Modified-Since"));
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
	if (status == 415)
		put_field(f, "Accept", STR("application/fhir+json"));
}

void
http_exchange_send(struct exchange *x)
{
	struct http_exchange *h = http_of(x);
	struct fields f = { .count = 0 };
	char allow[64];
	struct http_answer a = { .status = x->status, .close = h->close };

	if (x->status != 204 && x->status != 304)
		a.body = x->batch.body;
	if (a.body.len)
		put_field(&f, "Content-Type", STR(FHIR_JSON_TYPE));
	put_field(&f, "X-Request-Id", str_from(x->id));
	put_version(x, &f);
	put_refusal(h, &f, allow);
	put_cors(h, &f);
	a.headers = f.at;
	a.header_count = f.count;
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
