/*
 * HL7 over HTTP (the HAPI project's specification of that name): a message in a
 * POST, its acknowledgement in the answer.
 *
 * The answer is 200 whenever it holds an acknowledgement, whatever that says; it
 * is a text with another status when the request could not be taken for a
 * message at all. A batch is answered with a batch. HTTP has one answer: where an
 * accept and an application acknowledgement are due, it is the latter, which says
 * more.
 */
#include "base/error.h"
#include "gateway/config.h"
#include "gateway/exchange/http_side.h"
#include "gateway/feed/batch.h"
#include "gateway/gateway.h"

#define ER7_TYPE "application/hl7-v2; charset=utf-8"
#define XML_TYPE "application/hl7-v2+xml; charset=utf-8"
#define TEXT_TYPE "text/plain; charset=utf-8"

struct hl7_request {
	struct http_request *r;
	struct feed feed;
	struct access_credentials shown;
	struct str charset;
	bool in_work; /* an exchange will end it */
	char challenge[ACCESS_CHALLENGE_TEXT];
};

static bool
takes(const struct http_listener *l, const struct http_head *head)
{
	const struct config_hl7 *c = &l->gateway->config->hl7;

	return c->on && str_eq(head->path, c->path);
}

static void
answer(struct exchange *x)
{
	struct feed_message *e = feed_message_of(x);
	struct hl7_request *h = e->way;
	struct str ack = e->ack.len ? e->ack : e->accept;
	bool made = e->ack.p && e->accept.p, xml = e->is_xml;
	int status = x->status;

	feed_end(e);
	if (status == 401 || status == 405 || status == 415)
		http_side_answer(h->r, status, TEXT_TYPE,
		    x->findings.first ? x->findings.first->text : STR("refused"), h->challenge,
		    status == 405 ? "POST" : NULL);
	else if (!made)
		http_side_answer(h->r, 500, TEXT_TYPE, STR("the answer is too large"), NULL, NULL);
	else
		http_side_answer(
		    h->r, ack.len ? 200 : 204, xml ? XML_TYPE : ER7_TYPE, ack, NULL, NULL);
}

static enum outcome
identify(struct exchange *x)
{
	struct feed_message *e = feed_message_of(x);
	struct hl7_request *h = e->way;
	enum access_answer who = feed_identify(e, &h->shown);

	if (who == ACCESS_IDENTIFIED)
		return DONE;
	access_challenge(who, h->challenge);
	return exchange_fail(x, 401, NULL, STR(""),
	    "this needs credentials: a bearer token in Authorization, or a client certificate");
}

static const struct exchange_front front_hl7 = FEED_FRONT("hl7-http", identify, answer);

/* An exchange that is refused by its head. */
static enum http_take
refuse(struct hl7_request *h, int status, const char *why)
{
	struct feed_message *e = feed_message_begin(
	    &h->feed, h->r->loop, h->r->arena, &front_hl7, h->r->peer, STR(""), h);

	if (!e) {
		http_side_answer(h->r, 503, TEXT_TYPE, STR("out of memory"), NULL, NULL);
		return HTTP_ANSWERED;
	}
	e->is_cut = true;
	h->in_work = true;
	if (identify(&e->x) == DONE)
		exchange_fail(&e->x, status, NULL, STR(""), "%s", why);
	return exchange_refuse(&e->x) == DONE ? HTTP_ANSWERED : HTTP_WAIT;
}

/* The types of the specification, of its drafts, and of those who never read
 * it. */
static bool
is_type(struct str type)
{
	static const char *const types[] = { "application/hl7-v2", "application/hl7-v2+er7",
		"application/hl7-v2+xml", "x-application/hl7-v2+er7", "x-application/hl7-v2+xml" };
	struct str media = type;

	str_split(&type, ';', &media);
	media = str_trim(media);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (str_eq_nocase(media, str_from(types[i])))
			return true;
	return false;
}

static struct str
charset_of(struct str type)
{
	struct str part;

	while (str_split(&type, ';', &part)) {
		part = str_trim(part);
		if (part.len < 9 || !str_eq_nocase(str_of(part.p, 8), STR("charset=")))
			continue;
		part = str_from_index(part, 8);
		if (part.len > 2 && part.p[0] == '"')
			part = str_of(part.p + 1, part.len - 2);
		return part;
	}
	return STR("");
}

static struct hl7_request *
begin(const struct http_listener *l, struct http_request *r)
{
	const struct config *c = l->gateway->config;
	struct hl7_request *h = ARENA_NEW(r->arena, struct hl7_request);

	if (!h)
		return NULL;
	h->r = r;
	h->feed = (struct feed){
		.gateway = l->gateway,
		.number = c->mllp_count,
		.name = c->hl7.name,
		.loopback = l->loopback,
	};
	h->charset = charset_of(http_header_get(r->head, "Content-Type"));
	r->user = h;
	return h;
}

static enum http_take
on_head(const struct http_listener *l, struct http_request *r)
{
	struct hl7_request *h = begin(l, r);
	const struct access_sender *sender;
	const char *rule;
	bool once;

	if (!h) {
		http_side_answer(r, 503, TEXT_TYPE, STR("out of memory"), NULL, NULL);
		return HTTP_ANSWERED;
	}
	once = http_side_credentials(l, r, &h->shown);
	if (!once)
		h->shown = (struct access_credentials){ .has_authorization = true };
	/* Nothing of a stranger's body is read. */
	if (access_identify(l->gateway->access, &h->shown, &sender, &rule) != ACCESS_IDENTIFIED)
		return refuse(h, 401, "nobody is known to send this");
	if (r->head->method != HTTP_POST)
		return refuse(h, 405, "messages are sent by POST");
	if (!is_type(http_header_get(r->head, "Content-Type")))
		return refuse(h, 415, "the Content-Type of a message is application/hl7-v2");
	r->body_most = l->gateway->config->hl7.max_message;
	return HTTP_COLLECT;
}

static void
answer_batch(void *way, struct str answers)
{
	struct hl7_request *h = way;

	http_side_answer(h->r, answers.p ? 200 : 500, ER7_TYPE, answers, NULL, NULL);
}

static void
on_request(const struct http_listener *l, struct http_request *r)
{
	struct hl7_request *h = r->user;
	struct feed_message *e;

	(void)l;
	if (h->in_work)
		return;
	h->in_work = true;
	if (feed_batch_is(r->body)) {
		feed_batch_run(
		    &h->feed, r->loop, r->arena, r->peer, r->body, &h->shown, answer_batch, h);
		return;
	}
	e = feed_message_begin(&h->feed, r->loop, r->arena, &front_hl7, r->peer, r->body, h);
	if (!e) {
		http_side_answer(r, 503, TEXT_TYPE, STR("out of memory"), NULL, NULL);
		return;
	}
	e->charset = h->charset;
	exchange_run(&e->x);
}

static void
on_refused(const struct http_listener *l, struct http_request *r, int status, const char *reason)
{
	struct hl7_request *h = r->user;

	(void)l;
	if (!h || !h->in_work)
		http_side_answer(r, status, TEXT_TYPE, str_from(reason), NULL, NULL);
}

static void
on_abort(const struct http_listener *l, struct http_request *r)
{
	struct hl7_request *h = r->user;

	(void)l;
	if (h && !h->in_work)
		http_drop(r);
}

const struct http_side http_side_hl7 = {
	.takes = takes,
	.on_head = on_head,
	.on_request = on_request,
	.on_refused = on_refused,
	.on_abort = on_abort,
};
