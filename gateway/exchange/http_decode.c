/* From a request's body to the calls it asks for. */
#include "base/error.h"
#include "gateway/config.h"
#include "gateway/exchange/http_exchange.h"
#include "gateway/fhir/patch.h"
#include "gateway/fhir/write.h"
#include "gateway/gateway.h"
#include "gateway/net/gzip.h"

enum {
	HEAVY_BODY = 64 << 10, /* longer bodies are read in the worker lane */
	HEAVY_GZIP = 8 << 10,  /* and compressed ones */
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
	c->explain = http_header_get(head, "X-Firedoor-Explain").len &&
		     access_may_administer(h->x.sender);
}

static int
add_plain(void *ctx, struct str piece, struct error *err)
{
	return http_body_add(ctx, piece, err);
}

/* The body without its content coding. */
static int
decompress(struct http_exchange *h)
{
	const struct config_fhir *c = &h->x.gateway->config->fhir;
	struct error err = { 0 };
	struct gunzip *z;
	int rc;

	if (h->coding != CODING_GZIP || !h->body.len)
		return 0;
	http_body_init(&h->plain, c->spool_over, c->spool_folder);
	h->has_plain = true;
	z = gunzip_new(c->max_body, add_plain, &h->plain);
	rc = gunzip_feed(z, h->body, &err);
	if (rc == 0)
		rc = gunzip_end(z, &err);
	gunzip_free(z);
	if (rc == 0)
		rc = http_body_whole(&h->plain, &h->body, &err);
	if (rc == 0)
		return 0;
	exchange_fail(&h->x,
	    err.kind == ERROR_LIMIT	? 413
	    : err.kind == ERROR_INVALID ? 400
					: 500,
	    NULL, STR(""), "%s",
	    err.kind == ERROR_LIMIT || err.kind == ERROR_INVALID ? err.text
								 : "the body could not be spooled");
	return -1;
}

static const struct record *
read_body(struct http_exchange *h, struct worker *w)
{
	struct exchange *x = &h->x;
	bool judges = h->route.interaction->flags & INTERACTION_JUDGES;
	struct fhir_read_options options = {
		.lenient = h->preferences.lenient && !judges,
		.charset = h->charset,
		.type = h->route.interaction->id == INTERACTION_TRANSACTION
			    ? x->gateway->fhir.bundle
			    : PACK_NONE,
	};
	const struct record *r;

	if (!h->body.len) {
		exchange_fail(x, 400, "required", STR(""),
		    "the body is empty; it must be a resource in JSON or XML");
		return NULL;
	}
	r = fhir_read(h->body_format, h->body, &options, &w->builder, x->arena, &x->findings);
	if (r && !x->findings.errors)
		return r;
	if (judges && x->findings.errors)
		return NULL;
	x->status = 400;
	if (!x->findings.errors)
		exchange_fail(x, 413, NULL, STR(""),
		    "the resource is too large to be worked on; send it in parts");
	return NULL;
}

/* The entry that a path is in, as "Bundle.entry[7].resource.birthDate"; the
 * path inside of it in *rest. False: none. */
static bool
entry_of_path(struct str path, uint32_t count, uint32_t *entry, struct str *rest)
{
	const struct str start = STR("Bundle.entry["), inside = STR("].resource.");
	ptrdiff_t end = str_find(path, ']');
	int64_t n;

	if (!str_starts(path, start) || end < 0 ||
	    !str_to_int(str_of(path.p + start.len, (size_t)end - start.len), &n) || n < 0 ||
	    n >= count)
		return false;
	*entry = (uint32_t)n;
	*rest = str_from_index(path, (size_t)end);
	if (!str_starts(*rest, inside))
		return false;
	*rest = str_from_index(*rest, inside.len);
	return true;
}

/* What lenient reading left out goes with the calls, so that their outcomes
 * tell it; what is of no call stays with the exchange. */
static void
hand_out_warnings(struct exchange *x)
{
	struct fhir_batch *b = &x->batch;
	const struct finding *f = x->findings.first;

	findings_init(&x->findings, x->arena, EXCHANGE_FINDINGS);
	for (; f; f = f->next) {
		struct findings *to = &x->findings;
		struct str path = f->path, rest;
		uint32_t entry;

		if (b->kind == BATCH_SINGLE && b->count) {
			to = &b->calls->findings;
		} else if (entry_of_path(path, b->count, &entry, &rest)) {
			const struct fhir_call *c = &b->calls[entry];
			struct str type = call_type_name(b->service->pack, c->route.type);

			to = &b->calls[entry].findings;
			path = str_printf(x->arena, "%.*s.%.*s", STR_ARG(type), STR_ARG(rest));
		}
		findings_add(
		    to, f->severity, f->code, path, f->line, f->column, "%.*s", STR_ARG(f->text));
	}
}

static enum outcome
decode_bundle(struct http_exchange *h)
{
	struct exchange *x = &h->x;
	int result = batch_init_bundle(&x->batch, &x->gateway->fhir, x->record,
	    h->preferences.lenient, h->preferences.prefer, x->arena, &x->findings);

	if (x->batch.kind == BATCH_INDEPENDENT)
		h->interaction = "batch";
	if (result != 0)
		return exchange_fail_batch(x);
	hand_out_warnings(x);
	return DONE;
}

static bool
wants_resource(const struct http_exchange *h)
{
	unsigned flags = h->route.interaction->flags;

	if (flags & INTERACTION_INPUT)
		return h->route.method == FHIR_POST && h->body.len;
	return flags & INTERACTION_BODY && !h->is_json_patch;
}

static enum outcome
decode_work(struct exchange *x, struct worker *w)
{
	struct http_exchange *h = http_of(x);
	const struct fhir_service *s = &x->gateway->fhir;
	struct fhir_call *c;

	if (decompress(h) != 0)
		return FAILED;
	if (wants_resource(h)) {
		x->record = read_body(h, w);
		if (!x->record && x->status >= 400)
			return FAILED;
	}
	if (h->route.interaction->id == INTERACTION_TRANSACTION)
		return decode_bundle(h);
	c = batch_init_single(&x->batch, s, x->arena, &x->findings);
	if (!c)
		return exchange_fail(x, 503, NULL, STR(""), "the request is too large");
	fill_call(h, c);
	c->record = x->record;
	if (h->is_json_patch)
		c->patch_text = h->body;
	if (h->route.interaction->flags & INTERACTION_FORM)
		c->form = h->body;
	hand_out_warnings(x);
	if (h->route.interaction->flags & INTERACTION_WRITES && write_check(s, c) != 0) {
		batch_fail_by(&x->batch, c);
		return exchange_fail_batch(x);
	}
	return DONE;
}

enum outcome
http_exchange_decode(struct exchange *x)
{
	struct http_exchange *h = http_of(x);

	if (!h->has_body)
		return SUSPENDED; /* on_request() goes on */
	h->body = h->r->body;
	x->heavy = h->body.len > (h->coding == CODING_GZIP ? HEAVY_GZIP : HEAVY_BODY);
	return exchange_work(x, decode_work, x->heavy);
}
