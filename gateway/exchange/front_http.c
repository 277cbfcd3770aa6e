#include "gateway/exchange/front_http.h"

#include "gateway/exchange/http_exchange.h"
#include "gateway/exchange/http_side.h"
#include "gateway/fhir/patch.h"
#include "gateway/gateway.h"

enum {
	MOST_TRIES = 8, /* to patch what others change at the same time */
};

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
	if (patch_calls(&x->batch, w->reader, &w->builder) != 0)
		return exchange_fail_batch(x);
	return batch_prepare(&x->batch) == 0 ? DONE : exchange_fail_batch(x);
}

static enum outcome
transform(struct exchange *x)
{
	struct http_exchange *h = http_of(x);
	unsigned flags = h->route.interaction->flags;

	x->heavy = x->heavy || h->format.pretty || h->answer_format == FHIR_FORMAT_XML ||
		   x->batch.kind != BATCH_SINGLE || h->route.method == FHIR_PATCH ||
		   h->route.operation || h->format.part ||
		   !(flags & (INTERACTION_POINT | INTERACTION_WRITES));
	if (x->batch.kind == BATCH_SINGLE)
		x->batch.calls->may_stream = true;
	if (!(flags & INTERACTION_WRITES))
		return DONE;
	return exchange_work(x, transform_work, x->heavy);
}

/* What was patched had changed before the commit. */
static bool
is_overtaken(const struct exchange *x)
{
	return batch_is_overtaken(&x->batch) && x->tries < MOST_TRIES;
}

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
	.decode = http_exchange_decode,
	.authorise = authorise,
	.transform = transform,
	.is_overtaken = is_overtaken,
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

/* Whose the request is, when it is not for the FHIR API. */
static const struct http_side *
side_of(const struct http_listener *l, const struct http_request *r)
{
	static const struct http_side *const sides[] = { &http_side_hl7, &http_side_admin };

	for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++)
		if (sides[i]->takes(l, r->head))
			return sides[i];
	return NULL;
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
	const struct http_side *side = side_of(ctx, r);
	struct http_exchange *h;

	if (side)
		return side->on_head(ctx, r);
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
	const struct http_side *side = side_of(ctx, r);
	struct http_exchange *h = r->user;

	if (side) {
		side->on_request(ctx, r);
		return;
	}
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
	const struct http_side *side = side_of(ctx, r);
	struct http_exchange *h;

	if (side) {
		side->on_refused(ctx, r, status, reason);
		return;
	}
	h = r->user ? r->user : begin(ctx, r);
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

/* The client has gone in mid-body. What it was about to do is on record; what is
 * further on its way ends by itself. */
static void
on_abort(void *ctx, struct http_request *r)
{
	const struct http_side *side = side_of(ctx, r);
	struct http_exchange *h = side ? NULL : r->user;

	if (side)
		side->on_abort(ctx, r);
	if (h && h->x.stage == ANSWERED)
		http_stream_abort(h);
	if (!h || h->x.stage != IDENTIFIED || h->has_body)
		return;
	h->x.rule = "cut off";
	exchange_fail(&h->x, 400, NULL, STR(""), "the connection ended inside the body");
	exchange_refuse(&h->x);
}

static void
on_room(void *ctx, struct http_request *r)
{
	(void)ctx;
	http_stream_go_on(r->user);
}

struct http_handler
front_http_handler(struct http_listener *l)
{
	return (struct http_handler){
		.ctx = l,
		.on_head = on_head,
		.on_request = on_request,
		.on_refused = on_refused,
		.on_abort = on_abort,
		.on_room = on_room,
	};
}
