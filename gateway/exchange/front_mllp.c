#include "gateway/exchange/front_mllp.h"

#include "base/error.h"
#include "gateway/feed/batch.h"

/* The accept acknowledgement first (HL7 v2.9, 2.9.3), then the application's. */
static void
answer(struct exchange *x)
{
	struct feed_message *e = feed_message_of(x);
	struct mllp_message *m = e->way;
	struct str accept = e->accept, ack = e->ack;
	bool answered = accept.p && ack.p;

	feed_end(e);
	if (!answered) {
		mllp_drop(m);
		return;
	}
	if (accept.len && ack.len)
		mllp_say(m, accept);
	mllp_answer(m, ack.len ? ack : accept);
}

static const struct exchange_front front_mllp = FEED_FRONT("mllp", feed_identify_peer, answer);

static struct feed_message *
begin(const struct mllp_listener *l, struct mllp_message *m)
{
	struct feed_message *e = feed_message_begin(
	    &l->feed, m->loop, m->arena, &front_mllp, m->peer, m->bytes, m);

	m->user = e;
	return e;
}

/* All messages of a batch are answered together. */
static void
answer_batch(void *way, struct str answers)
{
	struct mllp_message *m = way;

	if (answers.p)
		mllp_answer(m, answers);
	else
		mllp_drop(m);
}

static void
on_message(void *ctx, struct mllp_message *m)
{
	const struct mllp_listener *l = ctx;
	struct feed_message *e;

	if (feed_batch_is(m->bytes)) {
		feed_batch_run(
		    &l->feed, m->loop, m->arena, m->peer, m->bytes, NULL, answer_batch, m);
		return;
	}
	e = begin(l, m);
	if (e)
		exchange_run(&e->x);
	else
		mllp_drop(m);
}

static void
on_refused(void *ctx, struct mllp_message *m, const struct error *why)
{
	struct feed_message *e = begin(ctx, m);

	if (!e) {
		mllp_drop(m);
		return;
	}
	feed_identify_peer(&e->x); /* who it was is on record, too */
	/* It is not whole: its sender has it still, and it is no dead letter. */
	e->is_cut = true;
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
