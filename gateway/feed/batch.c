#include "gateway/feed/batch.h"

#include "base/clock.h"
#include "mappers/hl7v2/er7_batch.h"

enum {
	ANSWERS_MOST = 64 << 20,
	MESSAGE_ARENA = 256 << 20,
};

struct feed_batch {
	const struct feed *feed;
	struct loop *home;
	struct arena *arena; /* of the batch */
	const struct peer *peer;
	const struct access_credentials *shown;
	feed_batch_done_fn *done;
	void *way;
	struct er7_cutter cutter;
	struct arena message_arena;
	struct er7_batch_answer file, batch; /* header empty: none is open */
	struct buf answers;
	uint32_t answered;
	bool running;	    /* in run(): an answer that comes meanwhile returns there */
	bool again, broken; /* the message was answered; it could not be */
};

static void run(struct feed_batch *b);

bool
feed_batch_is(struct str bytes)
{
	return er7_is_batch(bytes);
}

static void
open_envelope(struct feed_batch *b, struct er7_batch_answer *a, struct str header, char kind)
{
	*a = (struct er7_batch_answer){
		.header = header,
		.control_id = str_printf(
		    b->arena, "%c%llx", kind, (unsigned long long)clock_wall()),
		.time = clock_wall(),
	};
	er7_put_batch_header(a, &b->answers);
}

static void
close_envelope(struct feed_batch *b, struct er7_batch_answer *a)
{
	if (!a->header.len)
		return;
	er7_put_batch_trailer(a, &b->answers);
	a->header.len = 0;
}

static void
finish(struct feed_batch *b)
{
	struct str answers = { NULL, 0 };

	close_envelope(b, &b->batch);
	close_envelope(b, &b->file);
	if (!b->answers.full && !b->broken)
		answers = str_dup(b->arena, buf_str(&b->answers));
	buf_release(&b->answers);
	b->done(b->way, answers);
}

static void
answer(struct exchange *x)
{
	struct feed_message *e = feed_message_of(x);
	struct feed_batch *b = e->way;

	/* In a batch the answer is the application's; the accept acknowledgement
	 * where that alone is asked for. */
	buf_put_str(&b->answers, e->ack.len ? e->ack : e->accept);
	b->broken |= !e->ack.p;
	feed_end(e);
	b->again = true;
	if (!b->running)
		run(b);
}

static enum outcome
identify(struct exchange *x)
{
	struct feed_message *e = feed_message_of(x);
	struct feed_batch *b = e->way;

	if (!b->shown)
		return feed_identify_peer(x);
	if (feed_identify(e, b->shown) == ACCESS_IDENTIFIED)
		return DONE;
	return exchange_fail(x, 401, NULL, STR(""), "nobody here has these credentials");
}

static const struct exchange_front front_batch = FEED_FRONT("batch", identify, answer);

static void
run_message(struct feed_batch *b, struct str bytes)
{
	struct feed_message *e;

	b->again = false;
	b->batch.count++;
	arena_release(&b->message_arena);
	e = feed_message_begin(
	    b->feed, b->home, &b->message_arena, &front_batch, b->peer, bytes, b);
	if (e)
		exchange_run(&e->x);
	else
		b->again = b->broken = true;
}

static void
take_envelope(struct feed_batch *b, enum er7_piece kind, struct str piece)
{
	switch (kind) {
	case ER7_FILE_HEADER:
		close_envelope(b, &b->batch);
		close_envelope(b, &b->file);
		open_envelope(b, &b->file, piece, 'F');
		break;
	case ER7_BATCH_HEADER:
		close_envelope(b, &b->batch);
		b->file.count++;
		open_envelope(b, &b->batch, piece, 'B');
		break;
	case ER7_BATCH_TRAILER:
		close_envelope(b, &b->batch);
		break;
	default:
		close_envelope(b, &b->batch);
		close_envelope(b, &b->file);
		break;
	}
}

/* Go on until a message is in work, or all are answered. */
static void
run(struct feed_batch *b)
{
	enum er7_piece kind;
	struct str piece;
	uint32_t line;

	b->running = true;
	b->again = true;
	while (b->again && !b->broken) {
		kind = er7_next(&b->cutter, &piece, &line);
		if (kind == ER7_END)
			break;
		if (kind == ER7_MESSAGE)
			run_message(b, piece);
		else
			take_envelope(b, kind, piece);
	}
	b->running = false;
	if (!b->again)
		return;
	arena_release(&b->message_arena);
	finish(b);
}

void
feed_batch_run(const struct feed *feed, struct loop *home, struct arena *arena,
    const struct peer *peer, struct str bytes, const struct access_credentials *shown,
    feed_batch_done_fn *done, void *way)
{
	struct feed_batch *b = ARENA_NEW(arena, struct feed_batch);

	if (!b) {
		done(way, (struct str){ NULL, 0 });
		return;
	}
	b->feed = feed;
	b->home = home;
	b->arena = arena;
	b->peer = peer;
	b->shown = shown;
	b->done = done;
	b->way = way;
	b->cutter.text = bytes;
	arena_init(&b->message_arena, MESSAGE_ARENA, ARENA_WIPE);
	buf_init(&b->answers, ANSWERS_MOST);
	run(b);
}
