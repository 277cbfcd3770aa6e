/*
 * Administration, as JSON, of who has the right (`admin: true`); each request is
 * audited before it is answered.
 *
 *	GET    /admin/deadletters?sender=&type=&feed=&reason=&since=&before=&count=
 *	GET    /admin/deadletters/N              with the message
 *	DELETE /admin/deadletters/N
 *	POST   /admin/deadletters/N/replay       the body, if any: the corrected message
 *	GET    /admin/queues
 *	GET    /admin/feeds                      counts, of coverage too
 *
 * A letter is replayed as its sender's, through the stages of any message: what
 * was applied meanwhile is not applied again, and the letter is gone in the
 * commit of its message. One that a destination refused is put into its queue
 * again.
 */
#include <jansson.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/percent.h"
#include "gateway/config.h"
#include "gateway/exchange/http_side.h"
#include "gateway/feed/dead.h"
#include "gateway/feed/message.h"
#include "gateway/feed/queue.h"
#include "gateway/fhir/outcome.h"
#include "gateway/gateway.h"

#define JSON_TYPE "application/json"

enum {
	LIST_COUNT = 100, /* letters of a list when nothing is said */
	LIST_MOST = 1000,
	SCAN_MOST = 100000, /* letters looked at for one list */
	SCAN_PART = 500,
	COUNTS_MOST = 4 << 20,
};

enum verb {
	NOTHING,
	LIST,
	SHOW,
	DROP,
	REPLAY,
	QUEUES,
	FEEDS,
};

static const char *const verb_names[] = { "admin", "deadletter-list", "deadletter-show",
	"deadletter-drop", "deadletter-replay", "queues", "feeds" };

struct admin {
	struct exchange x;
	struct http_request *r;
	const struct http_listener *listener;
	enum verb verb;
	uint64_t number, before;
	uint32_t count;
	struct dead_filter filter;
	bool has_body;
	struct store_letter letter;
	struct store_take take;
	struct store_letter again;
	struct store_write write;
	int queue; /* to be woken; -1: none */
	struct str body;
	char challenge[ACCESS_CHALLENGE_TEXT];
};

static struct admin *
admin_of(struct exchange *x)
{
	return (struct admin *)x;
}

static bool
takes(const struct http_listener *l, const struct http_head *head)
{
	(void)l;
	return str_starts(head->path, STR("/admin/")) || str_is(head->path, "/admin");
}

/* ---- What is asked for ---------------------------------------------------- */

static bool
read_since(struct str s, int64_t *out)
{
	int64_t end;

	return instant_parse(s, out, &end);
}

static enum outcome
read_query(struct admin *a)
{
	struct str rest = a->r->head->query, pair, name, value;
	struct error err;
	int64_t n;

	a->count = LIST_COUNT;
	while (str_split(&rest, '&', &pair)) {
		bool good = true;

		value = pair;
		if (!pair.len)
			continue;
		str_split(&value, '=', &name);
		if (!value.p || percent_decode(value, true, a->x.arena, &value, &err) != 0)
			return exchange_fail(&a->x, 400, NULL, STR(""), "the query cannot be read");
		if (str_is(name, "sender"))
			a->filter.sender = value;
		else if (str_is(name, "type"))
			a->filter.type = value;
		else if (str_is(name, "feed"))
			a->filter.feed = value;
		else if (str_is(name, "reason"))
			a->filter.reason = value;
		else if (str_is(name, "since"))
			good = read_since(value, &a->filter.since);
		else if (str_is(name, "before") && (good = str_to_int(value, &n) && n > 0))
			a->before = (uint64_t)n;
		else if (str_is(name, "count") &&
			 (good = str_to_int(value, &n) && n > 0 && n <= LIST_MOST))
			a->count = (uint32_t)n;
		else
			good = false;
		if (!good)
			return exchange_fail(&a->x, 400, NULL, STR(""),
			    "there are the parameters sender, type, feed, reason, since (a date "
			    "or instant), before (a number) and count (up to %d)",
			    LIST_MOST);
	}
	return DONE;
}

static enum outcome
fail_method(struct admin *a)
{
	return exchange_fail(
	    &a->x, 405, NULL, STR(""), "what is here has other methods; see firedoor(1)");
}

static enum outcome
read_route(struct admin *a)
{
	struct str rest = str_from_index(a->r->head->path, 7), word = STR(""), number = STR("");
	enum http_method m = a->r->head->method;
	bool get = m == HTTP_GET;
	int64_t n;

	str_split(&rest, '/', &word);
	if (str_is(word, "queues") && !rest.p) {
		a->verb = QUEUES;
		return get ? DONE : fail_method(a);
	}
	if (str_is(word, "feeds") && !rest.p) {
		a->verb = FEEDS;
		return get ? DONE : fail_method(a);
	}
	if (!str_is(word, "deadletters"))
		return exchange_fail(&a->x, 404, NULL, STR(""),
		    "there are /admin/deadletters, /admin/queues and /admin/feeds");
	if (!rest.p) {
		a->verb = LIST;
		return get ? read_query(a) : fail_method(a);
	}
	str_split(&rest, '/', &number);
	if (!str_to_int(number, &n) || n <= 0 || (rest.p && !str_is(rest, "replay")))
		return exchange_fail(&a->x, 404, NULL, STR(""), "there is no such dead letter");
	a->number = (uint64_t)n;
	if (rest.p) {
		a->verb = REPLAY;
		return m == HTTP_POST ? DONE : fail_method(a);
	}
	a->verb = m == HTTP_DELETE ? DROP : SHOW;
	return get || m == HTTP_DELETE ? DONE : fail_method(a);
}

static enum outcome
identify(struct exchange *x)
{
	struct admin *a = admin_of(x);
	struct access_credentials shown;
	enum access_answer who = ACCESS_MALFORMED;

	x->rule = "malformed";
	if (http_side_credentials(a->listener, a->r, &shown))
		who = access_identify(x->gateway->access, &shown, &x->sender, &x->rule);
	if (who != ACCESS_IDENTIFIED) {
		access_challenge(who, a->challenge);
		return exchange_fail(x, 401, NULL, STR(""), "this needs credentials");
	}
	if (!access_may_administer(x->sender)) {
		x->rule = "no admin right";
		return exchange_fail(x, 403, NULL, STR(""),
		    "the sender may not administer this gateway: its entry in the configuration "
		    "does not say 'admin: true'");
	}
	return read_route(a);
}

static enum outcome
decode(struct exchange *x)
{
	/* The body of a replay is taken by on_request(). */
	return admin_of(x)->has_body ? DONE : SUSPENDED;
}

static enum outcome
authorise(struct exchange *x)
{
	(void)x;
	return DONE;
}

/* ---- Done ----------------------------------------------------------------- */

static enum outcome
set_body(struct admin *a, json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT);

	json_decref(j);
	a->body = text ? str_dup(a->x.arena, str_from(text)) : STR("");
	free(text);
	return a->body.len ? DONE
			   : exchange_fail(&a->x, 413, NULL, STR(""), "the answer is too large");
}

static enum outcome
fail_store(struct admin *a, const struct error *err)
{
	return exchange_fail(&a->x, outcome_status(err->kind), NULL, STR(""), "%s", err->text);
}

/* Where one box is in the list, newest first. */
struct scan {
	struct str box;
	struct store_letter *at;
	uint32_t count, next;
	uint64_t before;
	bool ended;
};

static int
scan_more(struct scan *s, struct worker *w, struct arena *a, struct error *err)
{
	struct store_letters q = {
		.box = s->box, .after = s->before, .most = SCAN_PART, .backwards = true
	};

	if (s->next < s->count || s->ended)
		return 0;
	if (store_read_letters(w->reader, &q, a, &s->at, &s->count, err) != 0)
		return -1;
	s->next = 0;
	s->ended = s->count < SCAN_PART;
	if (s->count)
		s->before = s->at[s->count - 1].number;
	return 0;
}

/* The newest letter of both boxes that was not looked at; NULL at the end. */
static struct store_letter *
scan_next(struct scan s[2])
{
	struct scan *from = NULL;

	for (int i = 0; i < 2; i++)
		if (s[i].next < s[i].count &&
		    (!from || s[i].at[s[i].next].number > from->at[from->next].number))
			from = &s[i];
	return from ? &from->at[from->next++] : NULL;
}

static enum outcome
list(struct admin *a, struct worker *w)
{
	struct scan s[2] = { { .box = STR(DEAD_BOX), .before = a->before },
		{ .box = STR(DEAD_OUT), .before = a->before } };
	json_t *found = json_array(), *all = json_object();
	struct store_letter *l = NULL;
	uint32_t seen = 0;
	struct error err;

	while (json_array_size(found) < a->count && seen++ < SCAN_MOST) {
		json_t *d;

		if (scan_more(&s[0], w, a->x.arena, &err) != 0 ||
		    scan_more(&s[1], w, a->x.arena, &err) != 0) {
			json_decref(found);
			json_decref(all);
			return fail_store(a, &err);
		}
		l = scan_next(s);
		if (!l)
			break;
		d = dead_describe(l);
		if (dead_matches(&a->filter, l, d))
			json_array_append(found, d);
		json_decref(d);
	}
	json_object_set_new(all, "deadletters", found);
	if (l)
		json_object_set_new(all, "next", json_integer((json_int_t)l->number));
	return set_body(a, all);
}

static enum outcome
read_letter(struct admin *a, struct store_reader *r)
{
	struct error err;
	int rc = store_read_letter(r, STR(DEAD_BOX), a->number, a->x.arena, &a->letter, &err);

	if (rc == 0)
		rc = store_read_letter(r, STR(DEAD_OUT), a->number, a->x.arena, &a->letter, &err);
	if (rc < 0)
		return fail_store(a, &err);
	return rc ? DONE
		  : exchange_fail(&a->x, 404, NULL, STR(""),
			"there is no dead letter %llu: it was replayed or dropped, or never was",
			(unsigned long long)a->number);
}

/* The message as text; bytes that are no UTF-8 as Latin 1 would read them. */
static json_t *
message_text(struct str body)
{
	json_t *text = json_stringn(body.p, body.len);
	struct buf b;

	if (text)
		return text;
	buf_init(&b, 2 * body.len + 1);
	b.wipe = true;
	for (size_t i = 0; i < body.len; i++) {
		unsigned char c = (unsigned char)body.p[i];

		if (c >= 0x80)
			buf_put_byte(&b, (char)(0xc0 | c >> 6));
		buf_put_byte(&b, (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c));
	}
	text = json_stringn(b.p, b.len);
	buf_release(&b);
	return text;
}

static enum outcome
show(struct admin *a, struct worker *w)
{
	json_t *d;

	if (read_letter(a, w->reader) != DONE)
		return FAILED;
	d = dead_describe(&a->letter);
	json_object_set_new(d, "message", message_text(a->letter.body));
	return set_body(a, d);
}

static void
commit(struct admin *a)
{
	a->take = (struct store_take){ .box = a->letter.box, .number = a->number };
	a->write = (struct store_write){
		.arena = a->x.arena,
		.takes = &a->take,
		.take_count = 1,
		.letters = &a->again,
		.letter_count = a->again.box.len > 0,
	};
	a->x.batch.kind = BATCH_TRANSACTION;
	a->x.batch.findings = &a->x.findings;
	a->x.batch.writes = &a->write;
	a->x.batch.write_count = 1;
}

static enum outcome
drop(struct admin *a, struct worker *w)
{
	if (read_letter(a, w->reader) != DONE)
		return FAILED;
	commit(a);
	return set_body(a, json_pack("{s:I, s:b}", "number", (json_int_t)a->number, "dropped", 1));
}

/* One of a destination: into its queue again. */
static enum outcome
send_again(struct admin *a)
{
	json_t *head = dead_describe(&a->letter);
	struct str name = str_from(json_string_value(json_object_get(head, "destination")));

	a->queue = queues_find(a->x.gateway->queues, name);
	json_decref(head);
	if (a->queue < 0)
		return exchange_fail(&a->x, 409, NULL, STR(""),
		    "the destination of the letter is not in the configuration any more");
	a->again = (struct store_letter){
		.box = queues_box(a->x.gateway->queues, (unsigned)a->queue),
		.head = a->letter.head,
		.body = a->r->body.len ? a->r->body : a->letter.body,
	};
	commit(a);
	return set_body(a, json_pack("{s:I, s:b, s:b}", "number", (json_int_t)a->number, "accepted",
			       1, "queued", 1));
}

static enum outcome
tell_queues(struct admin *a)
{
	json_t *all = json_array(), *top = json_object();

	for (unsigned i = 0; i < queues_count(a->x.gateway->queues); i++) {
		struct queue_state s;
		char answered[INSTANT_TEXT] = "";

		queues_state(a->x.gateway->queues, i, &s);
		if (s.answered)
			instant_format(s.answered, answered);
		json_array_append_new(
		    all, json_pack("{s:s%, s:s%, s:s, s:I, s:I, s:I, s:I, s:s, s:s}", "name",
			     s.name.p, s.name.len, "address", s.address.p, s.address.len, "doing",
			     s.doing, "waiting", (json_int_t)s.waiting, "sent", (json_int_t)s.sent,
			     "refused", (json_int_t)s.refused, "retries", (json_int_t)s.retries,
			     "answered", answered, "problem", s.problem));
	}
	json_object_set_new(top, "queues", all);
	return set_body(a, top);
}

static enum outcome
tell_feeds(struct admin *a)
{
	struct buf b;

	buf_init(&b, COUNTS_MOST);
	buf_puts(&b, "{\"feeds\":");
	if (a->x.gateway->feeds)
		feeds_write(a->x.gateway->feeds, &b);
	else
		buf_puts(&b, "[]");
	buf_put_byte(&b, '}');
	a->body = str_dup(a->x.arena, buf_str(&b));
	buf_release(&b);
	return DONE;
}

static enum outcome
transform_work(struct exchange *x, struct worker *w)
{
	struct admin *a = admin_of(x);

	switch (a->verb) {
	case LIST:
		return list(a, w);
	case SHOW:
		return show(a, w);
	case DROP:
		return drop(a, w);
	case REPLAY:
		return send_again(a);
	case QUEUES:
		return tell_queues(a);
	case FEEDS:
		return tell_feeds(a);
	case NOTHING:
		break;
	}
	return FAILED;
}

static enum outcome
transform(struct exchange *x)
{
	return exchange_work(x, transform_work, true);
}

static enum outcome
finish(struct exchange *x, struct worker *w)
{
	struct admin *a = admin_of(x);

	(void)w;
	x->status = 200;
	if (a->queue >= 0)
		queues_wake(x->gateway->queues, (unsigned)a->queue, 1);
	return DONE;
}

static void
refuse(struct exchange *x)
{
	const struct finding *f = x->findings.first;
	struct str why = f ? f->text : STR("refused");
	json_t *j = json_object();
	char *text;

	json_object_set_new(j, "error", json_stringn(why.p, why.len));
	text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	admin_of(x)->body = text ? str_dup(x->arena, str_from(text)) : STR("{}");
	free(text);
}

static void
answer(struct exchange *x)
{
	struct admin *a = admin_of(x);

	http_side_answer(a->r, x->status, JSON_TYPE, a->body, a->challenge, NULL);
}

static struct str *
letter_name(struct exchange *x, uint64_t number)
{
	struct str *one = number ? ARENA_NEW(x->arena, struct str) : NULL;

	if (one)
		*one = str_printf(x->arena, "deadletter/%llu", (unsigned long long)number);
	return one;
}

static void
describe(struct exchange *x, struct audit_entry *e)
{
	struct admin *a = admin_of(x);

	e->interaction = str_from(verb_names[a->verb]);
	e->status = str_printf(x->arena, "%d", x->status);
	e->resources = letter_name(x, a->number);
	e->resource_count = e->resources != NULL;
}

static const struct exchange_front front_admin = {
	.protocol = "admin",
	.identify = identify,
	.decode = decode,
	.authorise = authorise,
	.transform = transform,
	.finish = finish,
	.refuse = refuse,
	.answer = answer,
	.describe = describe,
};

/* ---- Replaying a message -------------------------------------------------- */

/* Who asked for it; the exchange is the sender's. */
struct replay {
	struct http_request *r;
	struct feed feed;
	struct str by;
	struct store_letter letter;
	struct store_take take;
};

static void
answer_replay(struct exchange *x)
{
	struct feed_message *e = feed_message_of(x);
	struct replay *p = e->way;
	json_t *j = json_object(), *problems = json_array();
	bool accepted = x->status < 400;
	struct str body;
	char *text;

	for (const struct finding *f = x->findings.first; f; f = f->next)
		json_array_append_new(problems,
		    json_pack("{s:s, s:s, s:s%, s:s%}", "severity", severity_name(f->severity),
			"code", f->code, "place", f->path.p ? f->path.p : "", f->path.len, "text",
			f->text.p, f->text.len));
	json_object_set_new(j, "number", json_integer((json_int_t)e->replayed));
	json_object_set_new(j, "accepted", json_boolean(accepted));
	json_object_set_new(j, "duplicate", json_boolean(e->duplicate));
	json_object_set_new(j, "code", json_stringn(e->code, strlen(e->code)));
	json_object_set_new(j, "problems", problems);
	text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	body = text ? str_dup(x->arena, str_from(text)) : STR("{}");
	free(text);
	feed_end(e);
	http_side_answer(p->r,
	    accepted	       ? 200
	    : x->status == 503 ? 503
			       : 422,
	    JSON_TYPE, body, NULL, NULL);
}

static enum outcome
identify_replay(struct exchange *x)
{
	struct feed_message *e = feed_message_of(x);
	struct replay *p = e->way;
	json_t *head = dead_describe(&p->letter);
	struct str sender = str_from(json_string_value(json_object_get(head, "sender")));

	x->sender = access_find_sender(x->gateway->access, sender);
	json_decref(head);
	x->rule = str_printf(x->arena, "replayed by %.*s", STR_ARG(p->by)).p;
	if (!x->sender)
		return exchange_fail(x, 409, NULL, STR(""),
		    "the sender of the letter is not in the configuration any more");
	feed_settle(e);
	return DONE;
}

static const struct exchange_front front_replay = FEED_FRONT(
    "replay", identify_replay, answer_replay);

/* Which of the gateway's feeds it came by; the first when that is gone. */
static struct feed
feed_of(struct gateway *g, const struct store_letter *l)
{
	json_t *head = dead_describe(l);
	struct str name = str_from(json_string_value(json_object_get(head, "feed")));
	const struct config *c = g->config;
	struct feed f = { .gateway = g, .name = c->mllp_count ? c->mllp[0].name : c->hl7.name };

	for (unsigned i = 0; i < c->mllp_count + c->hl7.on; i++) {
		struct str at = i < c->mllp_count ? c->mllp[i].name : c->hl7.name;

		if (str_eq(at, name)) {
			f.number = i;
			f.name = at;
		}
	}
	json_decref(head);
	return f;
}

/* The right was found, and what comes is the sender's exchange; a is left. */
static void
replay(struct admin *a)
{
	struct exchange *x = &a->x;
	struct replay *p = ARENA_NEW(x->arena, struct replay);
	struct http_request *r = a->r;
	struct feed_message *e;

	if (!p)
		return;
	p->r = r;
	p->feed = feed_of(x->gateway, &a->letter);
	p->by = access_sender_name(x->sender);
	p->letter = a->letter;
	p->take = (struct store_take){ .box = STR(DEAD_BOX), .number = a->number };
	e = feed_message_begin(&p->feed, r->loop, r->arena, &front_replay, r->peer,
	    r->body.len ? r->body : a->letter.body, p);
	if (!e) {
		http_side_answer(r, 503, JSON_TYPE, STR("{}"), NULL, NULL);
		return;
	}
	e->replayed = a->number;
	e->takes = &p->take;
	e->take_count = 1;
	exchange_run(&e->x);
}

/* ---- Requests ------------------------------------------------------------- */

static struct admin *
begin(const struct http_listener *l, struct http_request *r)
{
	struct exchange *x = exchange_begin(
	    r->loop, r->arena, sizeof(struct admin), &front_admin, r, r->peer);
	struct admin *a;

	if (!x)
		return NULL;
	a = admin_of(x);
	a->r = r;
	a->listener = l;
	a->queue = -1;
	r->user = a;
	return a;
}

static enum http_take
on_head(const struct http_listener *l, struct http_request *r)
{
	struct admin *a = begin(l, r);

	if (!a) {
		http_side_answer(r, 503, JSON_TYPE, STR("{}"), NULL, NULL);
		return HTTP_ANSWERED;
	}
	if (exchange_run(&a->x) == DONE)
		return HTTP_ANSWERED;
	return a->x.stage == IDENTIFIED ? HTTP_COLLECT : HTTP_WAIT;
}

static void
on_request(const struct http_listener *l, struct http_request *r)
{
	struct admin *a = r->user;

	(void)l;
	if (a->x.stage != IDENTIFIED)
		return;
	a->has_body = true;
	if (a->verb == REPLAY && read_letter(a, a->x.here->reader) != DONE) {
		exchange_refuse(&a->x);
		return;
	}
	if (a->verb == REPLAY && str_is(a->letter.box, DEAD_BOX)) {
		/* One exchange ends and another begins: the loop is held once. */
		loop_unhold(a->x.home);
		replay(a);
		return;
	}
	exchange_run(&a->x);
}

static void
on_refused(const struct http_listener *l, struct http_request *r, int status, const char *reason)
{
	struct admin *a = r->user;

	(void)l;
	if (!a) {
		http_side_answer(
		    r, status, "text/plain; charset=utf-8", str_from(reason), NULL, NULL);
		return;
	}
	if (a->has_body || a->x.stage != IDENTIFIED)
		return;
	exchange_fail(&a->x, status, NULL, STR(""), "%s", reason);
	exchange_refuse(&a->x);
}

static void
on_abort(const struct http_listener *l, struct http_request *r)
{
	if (r->user)
		on_refused(l, r, 400, "the connection ended inside the body");
}

const struct http_side http_side_admin = {
	.takes = takes,
	.on_head = on_head,
	.on_request = on_request,
	.on_refused = on_refused,
	.on_abort = on_abort,
};
