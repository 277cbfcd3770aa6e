#include "gateway/exchange/front_http.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "gateway/config.h"
#include "gateway/exchange/exchange.h"
#include "gateway/fhir/negotiate.h"
#include "gateway/fhir/outcome.h"
#include "gateway/fhir/write.h"
#include "gateway/gateway.h"
#include "mappers/fhir/fhir_json.h"

enum {
	HEAVY_BODY = 64 << 10, /* longer bodies are read in the worker lane */
	OUTCOME_MOST = 4 << 20,
	MOST_HEADERS = 16,
};

struct http_exchange {
	struct exchange x;
	struct http_request *r;
	const struct http_listener *listener;
	struct fhir_route route;
	struct preferences preferences;
	struct query_format format;
	bool has_route;
	bool has_body; /* the request is whole */
	bool close;    /* refused before its body was read */
	struct str body;
	const char *interaction;
	char challenge[ACCESS_CHALLENGE_TEXT];
};

static const struct exchange_front front_http;

static struct http_exchange *
http_of(struct exchange *x)
{
	return (struct http_exchange *)x;
}

static enum outcome
fail_identity(struct http_exchange *h, enum access_answer answer)
{
	access_challenge(answer, h->challenge);
	switch (answer) {
	case ACCESS_MISSING:
		return exchange_fail(&h->x, 401, NULL, STR(""),
		    "this needs credentials and none were sent: a bearer token in Authorization, "
		    "or "
		    "a client certificate");
	case ACCESS_MALFORMED:
		return exchange_fail(&h->x, 400, "security", STR(""),
		    "the Authorization field cannot be read; it is 'Bearer' and a token");
	case ACCESS_INVALID:
	case ACCESS_IDENTIFIED:
		break;
	}
	return exchange_fail(&h->x, 401, NULL, STR(""),
	    "nobody here has these credentials; get a token from whoever runs this gateway");
}

static enum access_answer
find_sender(struct http_exchange *h)
{
	const struct peer *peer = h->r->peer;
	struct access_credentials c = {
		.authorization = http_header_get(h->r->head, "Authorization"),
		.loopback = h->listener->loopback,
	};

	c.has_authorization = c.authorization.p != NULL;
	if (peer->certificate) {
		c.has_certificate = hex_decode(
		    str_from(peer->certificate->fingerprint), c.fingerprint, SHA256_BYTES);
		c.subject = str_from(peer->certificate->subject);
	}
	if (http_header_count(h->r->head, "Authorization") > 1) {
		h->x.rule = "malformed";
		return ACCESS_MALFORMED;
	}
	return access_identify(h->x.gateway->access, &c, &h->x.sender, &h->x.rule);
}

/* The target below the base, with its query; false when it is elsewhere. */
static bool
target_below_base(const struct http_head *head, struct str *out)
{
	struct str path = head->path;

	if (!str_starts(path, STR("/fhir")))
		return false;
	path = str_from_index(path, 5);
	if (path.len && path.p[0] != '/')
		return false;
	*out = path;
	return true;
}

static int
fail_route(struct http_exchange *h, enum route_result result, struct str word)
{
	struct fhir_batch *b = &h->x.batch;
	struct fhir_call *c = batch_init_single(b, &h->x.gateway->fhir, h->x.arena, &h->x.findings);

	if (!c) {
		exchange_fail(&h->x, 503, NULL, STR(""), "the request is too large");
		return -1;
	}
	c->route = h->route;
	call_fail_route(c, h->x.gateway->pack, result, word);
	batch_fail_by(b, c);
	h->x.status = b->status;
	return -1;
}

static int
read_route(struct http_exchange *h)
{
	const struct http_head *head = h->r->head;
	struct str target, word;
	enum route_result result;

	if (!target_below_base(head, &target)) {
		exchange_fail(&h->x, 404, NULL, STR(""),
		    "there is nothing here; the FHIR API is under /fhir");
		return -1;
	}
	result = route_parse(h->x.gateway->pack, fhir_method_of(head->method_name), target,
	    h->x.arena, &h->route, &word);
	h->route.query = head->query;
	if (result != ROUTE_FOUND)
		return fail_route(h, result, word);
	h->has_route = true;
	h->interaction = h->route.interaction->code;
	return 0;
}

/* What the head says of formats, before the body is read. */
static int
check_formats(struct http_exchange *h)
{
	const struct http_head *head = h->r->head;
	unsigned flags = h->route.interaction->flags;
	struct str type = http_header_get(head, "Content-Type");
	enum media want = flags & INTERACTION_FORM ? MEDIA_FORM : MEDIA_JSON;
	struct str format = h->format.format;

	if (format.len ? media_of(format) != MEDIA_JSON
		       : !accept_takes_json(http_header_get(head, "Accept"))) {
		exchange_fail(&h->x, 406, NULL, STR(""),
		    "answers are application/fhir+json only; ask for that by Accept or _format");
		return -1;
	}
	if (!(flags & (INTERACTION_BODY | INTERACTION_FORM)) ||
	    (!type.p && (flags & INTERACTION_FORM) && !head->has_body))
		return 0;
	if (!type.p || media_of(type) != want) {
		exchange_fail(&h->x, 415, NULL, STR(""),
		    "the body must be %s in UTF-8, and Content-Type must say so",
		    want == MEDIA_FORM ? "application/x-www-form-urlencoded"
				       : "application/fhir+json");
		return -1;
	}
	if (http_header_get(head, "Content-Encoding").p &&
	    !str_eq_nocase(http_header_get(head, "Content-Encoding"), STR("identity"))) {
		exchange_fail(&h->x, 415, NULL, STR(""),
		    "a compressed body is not read here; send it without Content-Encoding");
		return -1;
	}
	return 0;
}

/* By method and type, before the body is read. */
static int
check_rights(struct http_exchange *h)
{
	const struct interaction *i = h->route.interaction;
	struct access_decision d = { .permitted = true, .rule = h->x.rule };
	const struct access_sender *s = h->x.sender;
	struct str type = call_type_name(h->x.gateway->pack, h->route.type);

	if (i->flags & INTERACTION_OPEN)
		return 0;
	if (i->right)
		access_decide(s, (enum access_right)i->right, h->route.type, &d);
	else
		d.permitted = access_may_ever(s, RIGHT_CREATE) ||
			      access_may_ever(s, RIGHT_UPDATE) ||
			      access_may_ever(s, RIGHT_DELETE) || access_may_ever(s, RIGHT_READ) ||
			      access_may_ever(s, RIGHT_SEARCH);
	h->x.rule = d.rule;
	if (d.permitted)
		return 0;
	if (i->right)
		access_challenge_scope(
		    h->x.gateway->access, (enum access_right)i->right, h->route.type, h->challenge);
	exchange_fail(&h->x, 403, NULL, STR(""),
	    "the sender has no scope for %s%s%.*s; whoever runs this gateway can give one", i->code,
	    type.len ? " of " : "", STR_ARG(type));
	return -1;
}

static enum outcome
identify(struct exchange *x)
{
	struct http_exchange *h = http_of(x);
	enum access_answer who = find_sender(h);
	bool routed = read_route(h) == 0;
	bool open = routed && h->route.interaction->flags & INTERACTION_OPEN;

	if (who != ACCESS_IDENTIFIED && !(who == ACCESS_MISSING && open)) {
		/* Nobody learns what there is before they say who they are. */
		findings_init(&x->findings, x->arena, EXCHANGE_FINDINGS);
		x->status = 0;
		return fail_identity(h, who);
	}
	if (!routed)
		return FAILED;
	query_format_parse(h->route.query, x->arena, &h->format);
	prefer_parse(http_header_get(h->r->head, "Prefer"), &h->preferences);
	if (check_rights(h) != 0 || check_formats(h) != 0)
		return FAILED;
	return DONE;
}

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

static enum outcome
finish(struct exchange *x, struct worker *w)
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

static void
refuse(struct exchange *x)
{
	struct http_exchange *h = http_of(x);
	struct buf out;

	buf_init(&out, OUTCOME_MOST);
	outcome_write(
	    x->gateway->pack, &x->findings, h->format.pretty ? FHIR_JSON_PRETTY : 0, &out);
	x->batch.body = out.full ? (struct str){ NULL, 0 } : str_dup(x->arena, buf_str(&out));
	if (!x->batch.body.p)
		x->batch.body = STR(
		    "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":\"error\","
		    "\"code\":\"too-costly\"}]}");
	buf_release(&out);
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

static void
answer(struct exchange *x)
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
	.identify = identify,
	.decode = decode,
	.authorise = authorise,
	.transform = transform,
	.finish = finish,
	.refuse = refuse,
	.answer = answer,
	.describe = describe_http,
};

static void
answer_plain(struct http_request *r, int status, const char *text)
{
	struct http_header type = { STR("Content-Type"), STR("text/plain; charset=utf-8") };

	http_answer(r, &(struct http_answer){
			   .status = status,
			   .headers = &type,
			   .header_count = 1,
			   .body = str_from(text),
		       });
}

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
		answer_plain(r, 200, "ready\n");
		return HTTP_ANSWERED;
	}
	h = begin(ctx, r);
	if (!h) {
		answer_plain(r, 503, "out of memory for this request\n");
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
		answer_plain(r, status, reason);
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
