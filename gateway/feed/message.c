#include "gateway/feed/message.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "gateway/exchange/merge.h"
#include "gateway/fhir/outcome.h"
#include "gateway/gateway.h"
#include "mappers/hl7v2/ack.h"
#include "mappers/hl7v2/v2xml.h"

enum {
	HEAVY_MESSAGE = 32 << 10, /* longer messages are mapped in the worker lane */
	MOST_TRIES = 8,		  /* to merge with what others change at the same time */
};

struct feed_message *
feed_message_begin(const struct feed *feed, struct loop *home, struct arena *arena,
    const struct exchange_front *front, const struct peer *peer, struct str bytes, void *way)
{
	struct exchange *x = exchange_begin(
	    home, arena, sizeof(struct feed_message), front, way, peer);
	struct feed_message *e;

	if (!x)
		return NULL;
	e = feed_message_of(x);
	e->feed = feed;
	e->bytes = bytes;
	e->way = way;
	e->said = &e->er7;
	e->accept = e->ack = STR("");
	e->set = feeds_hold(feed->gateway->feeds);
	e->settings = feed_set_find(e->set, feed->number, STR(""));
	findings_init(&x->findings, x->arena, FEED_FINDINGS);
	return e;
}

void
feed_settle(struct feed_message *e)
{
	e->settings = feed_set_find(e->set, e->feed->number, access_sender_name(e->x.sender));
}

enum access_answer
feed_identify(struct feed_message *e, const struct access_credentials *shown)
{
	struct access_credentials c = *shown;
	struct exchange *x = &e->x;
	enum access_answer answer;

	c.listener_sender = e->feed->sender;
	c.loopback = e->feed->loopback;
	if (x->peer->certificate) {
		c.has_certificate = hex_decode(
		    str_from(x->peer->certificate->fingerprint), c.fingerprint, SHA256_BYTES);
		c.subject = str_from(x->peer->certificate->subject);
	}
	answer = access_identify(x->gateway->access, &c, &x->sender, &x->rule);
	if (answer == ACCESS_IDENTIFIED)
		feed_settle(e);
	return answer;
}

enum outcome
feed_identify_peer(struct exchange *x)
{
	struct access_credentials nothing = { .has_authorization = false };

	if (feed_identify(feed_message_of(x), &nothing) == ACCESS_IDENTIFIED)
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
make_key(struct feed_message *e)
{
	const struct er7_segment *msh = &e->er7.segments[0];
	struct str sender = access_sender_name(e->x.sender);
	struct str application = er7_value(&e->er7, msh, 3, 0, 0, 0);
	struct str facility = er7_value(&e->er7, msh, 4, 0, 0, 0);
	struct str parts[] = { e->type, str_from_index(e->er7.text, (size_t)msh->at + msh->len) };
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];

	sha256_parts(parts, 2, digest);
	hex_encode(digest, sizeof(digest), hex);
	e->key = str_printf(e->x.arena, "mllp\n%.*s\n%.*s\n%.*s\n%.*s\n%s", STR_ARG(sender),
	    STR_ARG(application), STR_ARG(facility), STR_ARG(e->control_id), hex);
}

/* The message was accepted before: its ACK was kept then. */
static void
take_duplicate(struct feed_message *e, struct str ack)
{
	e->duplicate = true;
	feed_make_acks(e, 200);
	if (e->ack.len)
		e->ack = str_dup(e->x.arena, ack);
	e->code = "AA";
}

static enum outcome
read_header(struct feed_message *e)
{
	const struct er7_segment *msh = &e->er7.segments[0];
	struct str code = er7_value(&e->er7, msh, 9, 0, 1, 0);
	struct str event = er7_value(&e->er7, msh, 9, 0, 2, 0);

	e->type = event.len ? str_printf(e->x.arena, "%.*s^%.*s", STR_ARG(code), STR_ARG(event))
			    : code;
	e->control_id = er7_value(&e->er7, msh, 10, 0, 0, 0);
	e->is_ack = str_is(code, "ACK");
	if (!e->control_id.len)
		return exchange_fail(&e->x, 400, "required", STR("MSH-10"),
		    "the message has no control id, so its answer could not be told from others");
	if (e->control_id.len > 199)
		return exchange_fail(&e->x, 400, "too-long", STR("MSH-10"),
		    "the control id is longer than 199 characters");
	return DONE;
}

static int
read_bytes(struct feed_message *e)
{
	struct exchange *x = &e->x;
	struct er7_options o = {
		.is_utf8 = v2xml_is(e->bytes),
		.default_charset = e->charset.len ? e->charset : e->settings->said.charset,
		.unknown_charset = e->settings->said.read_unknown_charset ? ER7_CHARSET_READ
									  : ER7_CHARSET_REFUSE,
	};
	struct str text = e->bytes;

	e->is_xml = v2xml_is(text);
	if (e->is_xml && v2xml_to_er7(text, 0, x->arena, &text, &x->findings) != 0)
		return -1;
	return er7_read(text, &o, x->arena, &e->er7, &x->findings);
}

static enum outcome
decode_work(struct exchange *x, struct worker *w)
{
	struct feed_message *e = feed_message_of(x);
	struct str kept;

	if (read_bytes(e) != 0) {
		x->status = 400;
		return FAILED;
	}
	e->is_read = true;
	if (read_header(e) != DONE)
		return FAILED;
	if (e->is_ack)
		return DONE;
	make_key(e);
	if (e->settings->said.duplicate_ms && store_find_key(w->reader, e->key, x->arena, &kept)) {
		take_duplicate(e, kept);
		return DONE;
	}
	if (e->settings->said.sequence && feed_check_sequence(e, w) != DONE)
		return FAILED;
	return e->is_empty ? DONE : feed_join_parts(e, w);
}

enum outcome
feed_decode(struct exchange *x)
{
	x->heavy = feed_message_of(x)->bytes.len > HEAVY_MESSAGE;
	return exchange_work(x, decode_work, x->heavy);
}

/* May it send anything at all? What it becomes is decided on when it is known
 * (transform). */
enum outcome
feed_authorise(struct exchange *x)
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

/* What goes with the commit: the ACK, made before, letters and notes. */
static enum outcome
fill_write(struct feed_message *e)
{
	struct exchange *x = &e->x;
	struct store_write *w = x->batch.writes;

	feed_make_acks(e, 200);
	if (x->batch.write_count == 0 && !e->letter_count && !e->take_count && !e->note_count)
		return DONE;
	if (x->batch.write_count == 0) {
		w = ARENA_NEW(x->arena, struct store_write);
		if (!w)
			return exchange_fail(x, 413, NULL, STR("MSH"), "the message is too large");
		w->arena = x->arena;
		x->batch.kind = BATCH_TRANSACTION;
		x->batch.findings = &x->findings;
		x->batch.writes = w;
		x->batch.write_count = 1;
	}
	if (e->settings->said.duplicate_ms && !e->is_empty && !e->duplicate) {
		w->dedup_key = e->key;
		w->dedup_value = e->ack.len ? e->ack : STR("-");
	}
	w->letters = e->letters;
	w->letter_count = e->letter_count;
	w->takes = e->takes;
	w->take_count = e->take_count;
	w->notes = &e->note;
	w->note_count = e->note_count;
	return DONE;
}

static enum outcome
fail_mapping(struct feed_message *e)
{
	struct exchange *x = &e->x;
	bool known = map_set_structure(e->settings->maps, e->said).len > 0;

	x->status = known ? 422 : 501;
	if (!x->findings.errors)
		exchange_fail(x, 422, NULL, STR("MSH"), "the message cannot be mapped");
	return FAILED;
}

static int
convert(struct feed_message *e, struct worker *w, struct map_notes *notes)
{
	struct exchange *x = &e->x;
	const struct feed_settings *s = e->settings;
	struct map_options options = {
		.zone_minutes = s->said.zone_minutes,
		.has_zone = true,
		.zone = s->zone,
		.seed = access_sender_name(x->sender),
		.received = x->received,
		.namespaces = s->namespaces,
		.namespace_count = s->said.namespace_count,
		.refuse_values = true,
		.notes = notes,
	};
	int result = map_convert(s->maps, e->said, &options, x->arena, &w->builder, &x->record,
	    &e->coverage, &x->findings);

	return result == 0 && !x->findings.errors ? 0 : -1;
}

static enum outcome
make_transaction(struct feed_message *e, struct worker *w)
{
	struct exchange *x = &e->x;
	struct map_notes notes = { 0 };
	struct error err;

	if (convert(e, w, &notes) != 0)
		return fail_mapping(e);
	if (batch_init_bundle(&x->batch, &x->gateway->fhir, x->record, false, RETURN_MINIMAL,
		x->arena, &x->findings) != 0)
		return exchange_fail_batch(x);
	if (authorise_calls(x) != DONE)
		return FAILED;
	if (merge_updates(&x->batch, w->reader, &notes, &w->builder, &err) != 0)
		return exchange_fail(x, outcome_status(err.kind), NULL, STR("MSH"), "%s", err.text);
	if (batch_prepare(&x->batch) != 0)
		return exchange_fail_batch(x);
	return DONE;
}

static enum outcome
transform_work(struct exchange *x, struct worker *w)
{
	struct feed_message *e = feed_message_of(x);
	bool forward_only = e->is_part || e->is_empty;

	if (x->tries) {
		findings_init(&x->findings, x->arena, FEED_FINDINGS);
		e->letter_count = e->is_part;
	}
	if (!e->is_part && !e->is_empty && feed_route(e, &forward_only) != DONE)
		return FAILED;
	if (!forward_only && make_transaction(e, w) != DONE)
		return FAILED;
	return fill_write(e);
}

enum outcome
feed_transform(struct exchange *x)
{
	struct feed_message *e = feed_message_of(x);

	if (e->duplicate || e->is_ack) {
		/* A dead letter that was applied meanwhile is one no more. */
		return e->duplicate && e->replayed ? fill_write(e) : DONE;
	}
	return exchange_work(x, transform_work, x->heavy);
}

/* What was merged had changed before the commit. */
bool
feed_is_overtaken(const struct exchange *x)
{
	const struct store_write *w = x->batch.writes;

	return x->batch.write_count && w->result != 0 && w->error.kind == ERROR_CONFLICT &&
	       w->count && x->tries < MOST_TRIES;
}

enum outcome
feed_finish(struct exchange *x, struct worker *w)
{
	struct feed_message *e = feed_message_of(x);

	(void)w;
	/* Another connection was faster with the same message. */
	if (x->batch.write_count && x->batch.writes[0].duplicate && !e->duplicate)
		take_duplicate(e, x->batch.writes[0].dedup_value);
	x->status = 200;
	return DONE;
}

void
feed_refuse(struct exchange *x)
{
	feed_make_acks(feed_message_of(x), x->status);
}

struct store_write *
feed_keep(struct exchange *x)
{
	struct feed_message *e = feed_message_of(x);

	if (e->is_ack || e->replayed || !feed_dead_letter(e, &e->dead_letter))
		return NULL;
	e->dead = true;
	e->keep = (struct store_write){
		.arena = x->arena,
		.letters = &e->dead_letter,
		.letter_count = 1,
		/* It was taken, as far as the sequence goes. */
		.notes = &e->note,
		.note_count = e->sequenced ? e->note_count : 0,
	};
	return &e->keep;
}

static void
log_message(const struct feed_message *e)
{
	const struct coverage *c = &e->coverage;

	log_event(LOG_INFO, "message",
	    "exchange=%s\tlistener=%.*s\ttype=%.*s\tack=%s\tduplicate=%s\tdead=%llu\tpopulated=%u\t"
	    "mapped=%u\tdropped=%u\tunmapped=%u\tfindings=%u\tovertaken=%u",
	    e->x.id, STR_ARG(e->feed->name), STR_ARG(e->type), e->code ? e->code : "none",
	    e->duplicate ? "yes" : "no", (unsigned long long)e->dead_letter.number, c->populated,
	    c->mapped, c->dropped, c->unmapped, e->x.findings.count, e->x.tries);
	for (const struct finding *f = e->x.findings.first; f; f = f->next)
		log_event(f->severity <= SEVERITY_ERROR ? LOG_WARN : LOG_DEBUG, "finding",
		    "exchange=%s\tseverity=%s\tcode=%s\tplace=%.*s\ttext=%.*s", e->x.id,
		    severity_name(f->severity), f->code, STR_ARG(f->path), STR_ARG(f->text));
}

void
feed_end(struct feed_message *e)
{
	struct feed_event event = {
		.feed = e->feed->name,
		.sender = e->x.sender ? access_sender_name(e->x.sender) : STR(""),
		.code = e->is_ack || !e->code ? 0 : e->code[1],
		.duplicate = e->duplicate,
		.dead = e->dead,
		.coverage = e->duplicate ? NULL : &e->coverage,
	};

	if (e->x.status < 400 && !e->duplicate)
		feed_wake_queues(e);
	feeds_count(e->feed->gateway->feeds, &event);
	log_message(e);
	feed_set_release(e->set);
	e->set = NULL;
}

void
feed_describe(struct exchange *x, struct audit_entry *a)
{
	struct feed_message *e = feed_message_of(x);

	a->interaction = e->type.len ? e->type : STR("unknown");
	a->control_id = e->control_id;
	a->status = str_from(e->code ? e->code : "none");
}
