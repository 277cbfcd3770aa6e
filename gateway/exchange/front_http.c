#include "gateway/exchange/front_http.h"

#include "gateway/exchange/http_exchange.h"
#include "gateway/fhir/write.h"
#include "gateway/gateway.h"
#include "mappers/fhir/fhir_json.h"

enum {
	HEAVY_BODY = 64 << 10, /* longer bodies are read in the worker lane */
};

static void
fill_call(struct http_exchange *h, struct fhir_call *c)
{
	const struct http_head *head = h->r->head;

	c->route = h->route;
	c->conditions.if_match = http_header_get(head, "If-Match");
	c->conditions.if_none_match = http_header_get(head, "If-None-Match");
	c->conditions.if_modified_since = http_header_get(head, "If-Modified-Since");
	c->conditions.if_none_exist = http_header_get(head, "If-None-Exist");
	c->prefer = h->preferences.prefer;
	c->lenient = h->preferences.lenient;
}

static const struct record *
read_body(struct http_exchange *h, struct worker *w)
{
	struct exchange *x = &h->x;
	struct fhir_read_options options = {
		.lenient = h->preferences.lenient,
		.type = h->route.interaction->id == INTERACTION_TRANSACTION
			    ? x->gateway->fhir.bundle
			    : PACK_NONE,
	};
	const struct record *r;

	if (!h->body.len) {
		exchange_fail(x, 400, "required", STR(""),
		    "the body is empty; it must be a resource in JSON");
		return NULL;
	}
	r = fhir_json_read(h->body, &options, &w->builder, x->arena, &x->findings);
	if (r && !x->findings.errors)
		return r;
	x->status = 400;
	if (!x->findings.errors)
		exchange_fail(x, 413, NULL, STR(""),
		    "the resource is too large to be worked on; send it in parts");
	return NULL;
}

static enum outcome
decode_work(struct exchange *x, struct worker *w)
{
	struct http_exchange *h = http_of(x);
	const struct fhir_service *s = &x->gateway->fhir;
	struct fhir_call *c;

	if (h->route.interaction->flags & INTERACTION_BODY) {
		x->record = read_body(h, w);
		if (!x->record)
			return FAILED;
	}
	if (h->route.interaction->id == INTERACTION_TRANSACTION) {
		int result = batch_init_bundle(&x->batch, s, x->record, h->preferences.lenient,
		    h->preferences.prefer, x->arena, &x->findings);

		if (x->batch.kind == BATCH_INDEPENDENT)
			h->interaction = "batch";
		return result == 0 ? DONE : exchange_fail_batch(x);
	}
	c = batch_init_single(&x->batch, s, x->arena, &x->findings);
	if (!c)
		return exchange_fail(x, 503, NULL, STR(""), "the request is too large");
	fill_call(h, c);
	c->record = x->record;
	if (h->route.interaction->flags & INTERACTION_FORM)
		c->form = h->body;
	if (h->route.interaction->flags & INTERACTION_WRITES && write_check(s, c) != 0) {
		batch_fail_by(&x->batch, c);
		return exchange_fail_batch(x);
	}
	return DONE;
}

static enum outcome
decode(struct exchange *x)
{
	struct http_exchange *h = http_of(x);

	if (!h->has_body)
		return SUSPENDED; /* on_request() goes on */
	h->body = h->r->body;
	x->heavy = h->body.len > HEAVY_BODY;
	return exchange_work(x, decode_work, x->heavy);
}

static enum outcome
authorise(struct exchange *x)
{
	if (batch_authorise(&x->batch, x->sender) != 0)
		return exchange_fail_batch(x);
	if (x->batch.kind == BATCH_SINGLE && x->batch.calls->decision.rule)
		x->rule = x->batch.calls->decision.rule;
	return DONE;
}

static enum outcome
transform_work(struct exchange *x, struct worker *w)
{
	return batch_prepare(&x->batch, w->reader) == 0 ? DONE : exchange_fail_batch(x);
}

static enum outcome
transform(struct exchange *x)
{
	struct http_exchange *h = http_of(x);
	unsigned flags = h->route.interaction->flags;

	x->heavy = x->heavy || h->format.pretty || x->batch.kind != BATCH_SINGLE ||
		   !(flags & (INTERACTION_POINT | INTERACTION_WRITES));
	if (!(flags & INTERACTION_WRITES))
		return DONE;
	return exchange_work(x, transform_work, x->heavy);
}

/* The body again, for people. What cannot be is left as it is. */

static void
describe_http(struct exchange *x, struct audit_entry *e)
{
	struct http_exchange *h = http_of(x);

	e->interaction = str_from(h->interaction ? h->interaction : "unknown");
	e->status = str_printf(x->arena, "%d", x->status);
	/* Refused by its head: the path is what is known. */
	if (!e->resource_count && h->has_route && h->route.type != PACK_NONE) {
		struct str *one = ARENA_NEW(x->arena, struct str);
		struct fhir_call c = { .arena = x->arena };

		if (!one)
			return;
		*one = call_local_url(
		    &c, x->gateway->pack, h->route.type, h->route.id, h->route.version);
		e->resources = one;
		e->resource_count = 1;
	}
}

static const struct exchange_front front_http = {
	.protocol = "http",
	.identify = http_exchange_identify,
	.decode = decode,
	.authorise = authorise,
	.transform = transform,
	.finish = http_exchange_finish,
	.refuse = http_exchange_refuse,
	.answer = http_exchange_send,
	.describe = describe_http,
};

static bool
is_health(const struct http_head *head)
{
	return str_is(head->path, "/health") &&
	       (head->method == HTTP_GET || head->method == HTTP_HEAD);
}

static struct http_exchange *
begin(const struct http_listener *l, struct http_request *r)
{
	struct exchange *x = exchange_begin(
	    r->loop, r->arena, sizeof(struct http_exchange), &front_http, r, r->peer);
	struct http_exchange *h;

	if (!x)
		return NULL;
	h = http_of(x);
	h->r = r;
	h->listener = l;
	h->route = (struct fhir_route){ .method = FHIR_METHODS, .type = PACK_NONE };
	r->user = h;
	return h;
}

static enum http_take
on_head(void *ctx, struct http_request *r)
{
	struct http_exchange *h;

	if (is_health(r->head)) {
		bool stopping = loop_is_stopping(r->loop);

		http_exchange_answer_plain(
		    r, stopping ? 503 : 200, stopping ? "stopping\n" : "ready\n");
		return HTTP_ANSWERED;
	}
	h = begin(ctx, r);
	if (!h) {
		http_exchange_answer_plain(r, 503, "out of memory for this request\n");
		return HTTP_ANSWERED;
	}
	h->close = r->head->has_body;
	if (exchange_run(&h->x) == DONE)
		return HTTP_ANSWERED;
	if (h->x.stage != IDENTIFIED)
		return HTTP_WAIT;
	h->close = false;
	return HTTP_COLLECT;
}

static void
on_request(void *ctx, struct http_request *r)
{
	struct http_exchange *h = r->user;

	(void)ctx;
	/* Refused by its head: on the way to its answer already. */
	if (h->x.stage != IDENTIFIED)
		return;
	h->has_body = true;
	exchange_run(&h->x);
}

/* The server could not have the request: that too is an exchange. */
static void
on_refused(void *ctx, struct http_request *r, int status, const char *reason)
{
	struct http_exchange *h = r->user ? r->user : begin(ctx, r);

	if (!h) {
		http_exchange_answer_plain(r, status, reason);
		return;
	}
	if (h->x.stage != RECEIVED && h->x.stage != IDENTIFIED)
		return;
	h->close = true;
	if (h->x.stage == RECEIVED)
		h->x.rule = "malformed";
	exchange_fail(&h->x, status, NULL, STR(""), "%s", reason);
	exchange_refuse(&h->x);
}

struct http_handler
front_http_handler(struct http_listener *l)
{
	return (struct http_handler){
		.ctx = l,
		.on_head = on_head,
		.on_request = on_request,
		.on_refused = on_refused,
	};
}
