#include "gateway/exchange/front_mllp.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "gateway/config.h"
#include "gateway/exchange/exchange.h"
#include "gateway/exchange/merge.h"
#include "gateway/fhir/outcome.h"
#include "gateway/gateway.h"
#include "mappers/hl7v2/ack.h"
#include "mappers/hl7v2/er7.h"
#include "mappers/map/map.h"

enum {
	HEAVY_MESSAGE = 32 << 10, /* longer messages are mapped in the worker lane */
	ACK_MOST = 256 << 10,
	MOST_PROBLEMS = 10, /* ERR segments of one ACK */
	MESSAGE_FINDINGS = 100,
	MOST_TRIES = 8, /* to merge with what others change at the same time */
};

struct mllp_exchange {
	struct exchange x;
	struct mllp_message *m;
	const struct mllp_listener *listener;
	struct er7_message er7;
	bool is_read;
	struct str type; /* "ADT^A01" */
	struct str control_id;
	struct str key; /* of duplicates; empty: not looked for */
	bool duplicate;
	struct coverage coverage;
	const char *code; /* "AA" */
	struct str ack;
};

static struct mllp_exchange *
mllp_of(struct exchange *x)
{
	return (struct mllp_exchange *)x;
}

/* The ACK's code for an exchange that ended with that HTTP status. */
static enum ack_code
code_of(const struct mllp_exchange *e, int status)
{
	if (status < 400)
		return ACK_ACCEPT;
	if (!e->is_read || status == 401 || status == 403 || status == 501)
		return ACK_REJECT;
	return ACK_ERROR;
}

static uint32_t
collect_problems(const struct findings *f, struct ack_problem problems[MOST_PROBLEMS])
{
	uint32_t n = 0;

	/* The worst first: what is listed may not be all. */
	for (int level = SEVERITY_FATAL; level <= SEVERITY_WARNING; level++)
		for (const struct finding *i = f->first; i && n < MOST_PROBLEMS; i = i->next)
			if ((int)i->severity == level)
				problems[n++] = ack_problem_of(i);
	return n;
}

static void
make_ack(struct mllp_exchange *e, int status)
{
	struct exchange *x = &e->x;
	struct ack_problem problems[MOST_PROBLEMS];
	struct ack ack = {
		.code = code_of(e, status),
		.control_id = str_from(x->id),
		.time = clock_wall(),
		.problems = problems,
		.problem_count = collect_problems(&x->findings, problems),
	};
	struct buf out;

	if (status >= 400 && x->findings.first)
		ack.text = x->findings.first->text;
	buf_init(&out, ACK_MOST);
	if (e->is_read)
		ack_write(&e->er7, &ack, &out);
	else
		ack_write_unread(e->m->bytes, &ack, &out);
	e->ack = out.full ? (struct str){ NULL, 0 } : str_dup(x->arena, buf_str(&out));
	e->code = ack_code_name(ack.code);
	buf_release(&out);
}

static enum outcome
identify(struct exchange *x)
{
	struct mllp_exchange *e = mllp_of(x);
	struct access_credentials c = {
		.listener_sender = e->listener->config->sender,
		.loopback = e->listener->loopback,
	};

	if (x->peer->certificate) {
		c.has_certificate = hex_decode(
		    str_from(x->peer->certificate->fingerprint), c.fingerprint, SHA256_BYTES);
		c.subject = str_from(x->peer->certificate->subject);
	}
	if (access_identify(x->gateway->access, &c, &x->sender, &x->rule) == ACCESS_IDENTIFIED)
		return DONE;
	return exchange_fail(x, 401, NULL, STR(""),
	    "nobody is known to send from here; the listener needs a sender in the configuration, "
	    "or the client a certificate");
}

/*
 * What tells a message that comes again from another one: its sender, its
 * control id, and all it says but for its MSH segment, whose time a sender may
 * renew. Senders do use a control id twice; what says something else is not a
 * duplicate, and dropping it would lose it.
 */
static void
make_key(struct mllp_exchange *e)
{
	const struct er7_segment *msh = &e->er7.segments[0];
	struct str sender = access_sender_name(e->x.sender);
	struct str application = er7_value(&e->er7, msh, 3, 0, 0, 0);
	struct str facility = er7_value(&e->er7, msh, 4, 0, 0, 0);
	struct str parts[] = { e->type, str_from_index(e->er7.text, (size_t)msh->at + msh->len) };
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];

	if (e->listener->config->duplicate_ms == 0)
		return;
	sha256_parts(parts, 2, digest);
	hex_encode(digest, sizeof(digest), hex);
	e->key = str_printf(e->x.arena, "mllp\n%.*s\n%.*s\n%.*s\n%.*s\n%s", STR_ARG(sender),
	    STR_ARG(application), STR_ARG(facility), STR_ARG(e->control_id), hex);
}

/* The message was accepted before: its ACK was kept then. */
static void
take_duplicate(struct mllp_exchange *e, struct str ack)
{
	e->duplicate = true;
	e->ack = str_dup(e->x.arena, ack);
	e->code = "AA";
}

static enum outcome
read_header(struct mllp_exchange *e)
{
	const struct er7_segment *msh = &e->er7.segments[0];
	struct str code = er7_value(&e->er7, msh, 9, 0, 1, 0);
	struct str event = er7_value(&e->er7, msh, 9, 0, 2, 0);

	e->type = event.len ? str_printf(e->x.arena, "%.*s^%.*s", STR_ARG(code), STR_ARG(event))
			    : code;
	e->control_id = er7_value(&e->er7, msh, 10, 0, 0, 0);
	if (!e->control_id.len)
		return exchange_fail(&e->x, 400, "required", STR("MSH-10"),
		    "the message has no control id, so its answer could not be told from others");
	if (e->control_id.len > 199)
		return exchange_fail(&e->x, 400, "too-long", STR("MSH-10"),
		    "the control id is longer than 199 characters");
	return DONE;
}

static enum outcome
decode_work(struct exchange *x, struct worker *w)
{
	struct mllp_exchange *e = mllp_of(x);
	struct str kept;

	if (er7_read(e->m->bytes, NULL, x->arena, &e->er7, &x->findings) != 0) {
		x->status = 400;
		return FAILED;
	}
	e->is_read = true;
	if (read_header(e) != DONE)
		return FAILED;
	make_key(e);
	if (e->key.len && store_find_key(w->reader, e->key, x->arena, &kept))
		take_duplicate(e, kept);
	return DONE;
}

static enum outcome
decode(struct exchange *x)
{
	x->heavy = mllp_of(x)->m->bytes.len > HEAVY_MESSAGE;
	return exchange_work(x, decode_work, x->heavy);
}

/* May it send anything at all? What it becomes is decided on when it is known
 * (transform). */
static enum outcome
authorise(struct exchange *x)
{
	if (access_may_ever(x->sender, RIGHT_CREATE) || access_may_ever(x->sender, RIGHT_UPDATE))
		return DONE;
	x->rule = "no scope";
	return exchange_fail(
	    x, 403, NULL, STR("MSH"), "the sender has no scope to create or update anything");
}

static enum outcome
authorise_calls(struct exchange *x)
{
	if (batch_authorise(&x->batch, x->sender) == 0)
		return DONE;
	for (uint32_t i = 0; i < x->batch.count; i++)
		if (call_failed(&x->batch.calls[i]))
			x->rule = x->batch.calls[i].decision.rule;
	return exchange_fail_batch(x);
}

/* The ACK is kept with the commit itself, so it is made before. */
static enum outcome
keep_ack(struct mllp_exchange *e)
{
	struct exchange *x = &e->x;
	struct store_write *w = x->batch.writes;

	make_ack(e, 200);
	if (!e->key.len || !x->batch.write_count)
		return DONE;
	if (!e->ack.p)
		return exchange_fail(x, 413, NULL, STR("MSH"), "the message is too large");
	w->dedup_key = e->key;
	w->dedup_value = e->ack;
	return DONE;
}

static enum outcome
fail_mapping(struct mllp_exchange *e)
{
	struct exchange *x = &e->x;
	bool known = map_set_structure(e->listener->maps, &e->er7).len > 0;

	x->status = known ? 422 : 501;
	if (!x->findings.errors)
		exchange_fail(x, 422, NULL, STR("MSH"), "the message cannot be mapped");
	return FAILED;
}

/* "" asks for a deletion, which merging does not do: the sender is told. */
static void
note_deletions(struct mllp_exchange *e)
{
	const struct er7_message *m = &e->er7;
	char place[ER7_PLACE];

	for (uint32_t i = 0; i < m->segment_count; i++) {
		const struct er7_segment *s = &m->segments[i];

		for (uint32_t n = s->first; n < s->end; n++) {
			if (!(m->nodes[n].flags & ER7_NULL))
				continue;
			er7_place(m, s, n, place);
			findings_add(&e->x.findings, SEVERITY_WARNING, "not-supported",
			    str_from(place), s->line, er7_column(s, m->nodes[n].at),
			    "a deletion (\"\") is not carried out; what is stored was kept");
		}
	}
}

static int
convert(struct mllp_exchange *e, struct worker *w)
{
	struct exchange *x = &e->x;
	struct map_options options = {
		.zone_minutes = e->listener->config->zone_minutes,
		.has_zone = true,
		.seed = access_sender_name(x->sender),
		.received = x->received,
		.refuse_values = true,
	};
	int result = map_convert(e->listener->maps, &e->er7, &options, x->arena, &w->builder,
	    &x->record, &e->coverage, &x->findings);

	note_deletions(e);
	return result == 0 && !x->findings.errors ? 0 : -1;
}

static enum outcome
transform_work(struct exchange *x, struct worker *w)
{
	struct mllp_exchange *e = mllp_of(x);
	struct error err;

	if (x->tries)
		findings_init(&x->findings, x->arena, MESSAGE_FINDINGS);
	if (convert(e, w) != 0)
		return fail_mapping(e);
	if (batch_init_bundle(&x->batch, &x->gateway->fhir, x->record, false, RETURN_MINIMAL,
		x->arena, &x->findings) != 0)
		return exchange_fail_batch(x);
	if (authorise_calls(x) != DONE)
		return FAILED;
	if (merge_updates(&x->batch, w->reader, &w->builder, &err) != 0)
		return exchange_fail(x, outcome_status(err.kind), NULL, STR("MSH"), "%s", err.text);
	if (batch_prepare(&x->batch) != 0)
		return exchange_fail_batch(x);
	return keep_ack(e);
}

static enum outcome
transform(struct exchange *x)
{
	if (mllp_of(x)->duplicate)
		return DONE;
	return exchange_work(x, transform_work, x->heavy);
}

/* What was merged had changed before the commit. */
static bool
is_overtaken(const struct exchange *x)
{
	const struct store_write *w = x->batch.writes;

	return x->batch.write_count && w->result != 0 && w->error.kind == ERROR_CONFLICT &&
	       x->tries < MOST_TRIES;
}

static enum outcome
finish(struct exchange *x, struct worker *w)
{
	struct mllp_exchange *e = mllp_of(x);

	(void)w;
	/* Another connection was faster with the same message. */
	if (x->batch.write_count && x->batch.writes[0].duplicate)
		take_duplicate(e, x->batch.writes[0].dedup_value);
	x->status = 200;
	return DONE;
}

static void
refuse(struct exchange *x)
{
	make_ack(mllp_of(x), x->status);
}

static void
log_message(const struct mllp_exchange *e)
{
	const struct coverage *c = &e->coverage;

	log_event(LOG_INFO, "message",
	    "exchange=%s\tlistener=%.*s\ttype=%.*s\tack=%s\tduplicate=%s\tpopulated=%u\tmapped=%u\t"
	    "dropped=%u\tunmapped=%u\tfindings=%u\tovertaken=%u",
	    e->x.id, STR_ARG(e->listener->config->name), STR_ARG(e->type),
	    e->code ? e->code : "none", e->duplicate ? "yes" : "no", c->populated, c->mapped,
	    c->dropped, c->unmapped, e->x.findings.count, e->x.tries);
	for (const struct finding *f = e->x.findings.first; f; f = f->next)
		log_event(f->severity <= SEVERITY_ERROR ? LOG_WARN : LOG_DEBUG, "finding",
		    "exchange=%s\tseverity=%s\tcode=%s\tplace=%.*s\ttext=%.*s", e->x.id,
		    severity_name(f->severity), f->code, STR_ARG(f->path), STR_ARG(f->text));
}

static void
answer(struct exchange *x)
{
	struct mllp_exchange *e = mllp_of(x);

	log_message(e);
	if (e->ack.len)
		mllp_answer(e->m, e->ack);
	else
		mllp_drop(e->m);
}

static void
describe_mllp(struct exchange *x, struct audit_entry *a)
{
	struct mllp_exchange *e = mllp_of(x);

	a->interaction = e->type.len ? e->type : STR("unknown");
	a->control_id = e->control_id;
	a->status = str_from(e->code ? e->code : "none");
}

static const struct exchange_front front_mllp = {
	.protocol = "mllp",
	.identify = identify,
	.decode = decode,
	.authorise = authorise,
	.transform = transform,
	.is_overtaken = is_overtaken,
	.finish = finish,
	.refuse = refuse,
	.answer = answer,
	.describe = describe_mllp,
};

static struct mllp_exchange *
begin(const struct mllp_listener *l, struct mllp_message *m)
{
	struct exchange *x = exchange_begin(
	    m->loop, m->arena, sizeof(struct mllp_exchange), &front_mllp, m, m->peer);
	struct mllp_exchange *e;

	if (!x)
		return NULL;
	e = mllp_of(x);
	e->m = m;
	e->listener = l;
	m->user = e;
	findings_init(&x->findings, x->arena, MESSAGE_FINDINGS);
	return e;
}

static void
on_message(void *ctx, struct mllp_message *m)
{
	struct mllp_exchange *e = begin(ctx, m);

	if (e)
		exchange_run(&e->x);
	else
		mllp_drop(m);
}

static void
on_refused(void *ctx, struct mllp_message *m, const struct error *why)
{
	struct mllp_exchange *e = begin(ctx, m);

	if (!e) {
		mllp_drop(m);
		return;
	}
	identify(&e->x); /* who it was is on record, too */
	exchange_fail(
	    &e->x, why->kind == ERROR_LIMIT ? 413 : 400, NULL, STR("MSH"), "%s", why->text);
	exchange_refuse(&e->x);
}

struct mllp_handler
front_mllp_handler(struct mllp_listener *l)
{
	return (struct mllp_handler){
		.ctx = l,
		.on_message = on_message,
		.on_refused = on_refused,
	};
}
