#include "base/error.h"
#include "base/log.h"
#include "gateway/exchange/http_exchange.h"
#include "gateway/fhir/answer_source.h"
#include "gateway/gateway.h"
#include "gateway/net/gzip.h"
#include "mappers/fhir/fhir_writer.h"

enum {
	PIECE = 256 << 10,
	/* Memory for a part's record: what any may have, and by its JSON. */
	SCRATCH_FREE = 1 << 20,
	SCRATCH_FACTOR = 8,
	/* Room for a part is kept for the next one up to here. */
	ROOM_KEPT = 2 * ANSWER_PART,
};

/*
 * source → (record → part of it → writer) → (gzip) → pieces. A part that only
 * goes out as it is needs neither record nor writer. Pieces are made in the
 * worker lane, one at a time; while one is there the lane has the stream. Nobody
 * waits in a lane for a client: the next is asked for when the connection has
 * room.
 */
struct http_stream {
	struct answer_source *source;
	const struct fhir_subset *subset;
	bool anew;	    /* parts are written anew, from records */
	struct buf room;    /* for parts */
	struct buf plain;   /* what is packed next */
	struct str text;    /* of the newest part, what is still to go out */
	struct arena arena; /* of the newest part's record */
	bool writing;	    /* the writer is not at its end */
	struct fhir_writer writer;
	struct gzip *gzip; /* NULL: not packed */
	struct buf piece;  /* in the wire's form */
	bool ended;	   /* the piece is the last one */
	bool failed;	   /* it could not be made: err says why */
	bool working;	   /* a lane has it */
	struct error err;
};

static void
init_wiped(struct buf *b, size_t limit)
{
	buf_init(b, limit);
	b->wipe = true;
}

void
http_stream_new(
    struct http_exchange *h, struct answer_source *source, const struct fhir_subset *subset)
{
	struct http_stream *s = xcalloc(1, sizeof(*s));
	size_t most = h->x.gateway->fhir.max_answer;

	h->stream = s;
	s->source = source;
	s->subset = subset;
	s->anew = http_is_anew(h) || !fhir_subset_is_whole(subset);
	init_wiped(&s->room, most);
	init_wiped(&s->plain, most);
	init_wiped(&s->piece, most);
	arena_init(&s->arena, 0, ARENA_WIPE);
	fhir_writer_init(&s->writer, h->answer_format, h->format.pretty, h->x.gateway->pack);
	if (h->gzip)
		s->gzip = gzip_new();
	h->packed = h->gzip;
}

void
http_stream_drop(struct http_exchange *h)
{
	struct http_stream *s = h->stream;

	if (!s)
		return;
	h->stream = NULL;
	h->packed = false;
	gzip_free(s->gzip);
	fhir_writer_release(&s->writer);
	arena_release(&s->arena);
	buf_release(&s->room);
	buf_release(&s->plain);
	buf_release(&s->piece);
	free(s);
}

static void
trim_room(struct http_stream *s)
{
	if (s->room.cap > ROOM_KEPT)
		buf_release(&s->room);
}

/* Give the writer the newest part as a record. */
static int
read_part(struct http_stream *s, struct worker *w)
{
	/* It was read strictly when it came. */
	struct fhir_read_options options = { .lenient = true, .type = PACK_NONE };
	struct findings findings;
	const struct record *r;
	struct error err = { 0 };

	arena_init(&s->arena, SCRATCH_FREE + SCRATCH_FACTOR * s->text.len, ARENA_WIPE);
	findings_init(&findings, &s->arena, 1);
	r = fhir_read(FHIR_FORMAT_JSON, s->text, &options, &w->builder, &s->arena, &findings);
	if (s->source->arena)
		arena_drop(s->source->arena, s->text.p);
	s->text = STR("");
	trim_room(s);
	if (r && !fhir_subset_is_whole(s->subset)) {
		const struct record *all = r;

		r = fhir_subset(all, 0, s->subset, &w->builder, &s->arena, &err);
		arena_drop(&s->arena, all);
	}
	if (!r)
		return error_set(&s->err, ERROR_LIMIT,
		    "the answer is too large in this format; ask for less of it");
	fhir_writer_add(&s->writer, r, s->source->ended);
	s->writing = true;
	return 0;
}

static int
next_part(struct http_stream *s, struct worker *w)
{
	buf_clear(&s->room);
	trim_room(s);
	if (s->source->next(s->source, w->reader, s->anew, &s->room, &s->text, &s->err) != 0)
		return -1;
	return s->anew ? read_part(s, w) : 0;
}

/* Put text on out until that has enough or all is put. */
static int
fill(struct http_stream *s, struct worker *w, size_t enough, struct buf *out)
{
	while (out->len < enough && !s->ended) {
		if (s->writing) {
			s->writing = !fhir_writer_put(&s->writer, enough, out);
			if (!s->writing)
				arena_release(&s->arena);
		} else if (s->text.len) {
			size_t n = s->text.len < enough - out->len ? s->text.len
								   : enough - out->len;

			buf_put(out, s->text.p, n);
			s->text = str_from_index(s->text, n);
		} else if (!s->source->ended) {
			if (next_part(s, w) != 0)
				return -1;
		}
		s->ended = s->source->ended && !s->writing && !s->text.len;
		if (out->full)
			return error_set(&s->err, ERROR_LIMIT, "a value is too large to be sent");
	}
	return 0;
}

static int
pack(struct http_stream *s, struct str plain)
{
	if (gzip_feed(s->gzip, plain, s->ended, &s->piece) != 0)
		return error_set(&s->err, ERROR_LIMIT, "a piece is too large when packed");
	return 0;
}

int
http_stream_try(struct http_exchange *h, struct worker *w, struct buf *whole, struct error *err)
{
	struct http_stream *s = h->stream;
	int rc = fill(s, w, HTTP_WHOLE_MOST, whole);

	if (rc == 0 && !s->ended) {
		if (s->gzip)
			rc = pack(s, buf_str(whole));
		else
			buf_put_str(&s->piece, buf_str(whole));
	}
	if (rc == 0)
		return s->ended;
	*err = s->err;
	return -1;
}

static struct http_exchange *
of_task(struct task *t)
{
	return http_of((struct exchange *)((char *)t - offsetof(struct exchange, task)));
}

/* Make the next piece. In the lane. */
static void
run(void *state, struct task *t)
{
	struct http_stream *s = of_task(t)->stream;
	struct buf *out = s->gzip ? &s->plain : &s->piece;

	buf_clear(out);
	s->failed = fill(s, state, PIECE, out) != 0 ||
		    (s->gzip && pack(s, buf_str(&s->plain)) != 0);
}

/* All of it went out (or not): the exchange goes with the request. */
static void
end(struct http_exchange *h, bool whole)
{
	struct http_stream *s = h->stream;

	if (s->failed)
		log_event(LOG_ERROR, "answer-cut", "exchange=%s\terror=%s", h->x.id, s->err.text);
	http_stream_drop(h);
	if (whole)
		http_finish(h->r);
	else
		http_drop(h->r);
}

/* Send the piece that was made. Is another one wanted now? */
static bool
send_piece(struct http_exchange *h)
{
	struct http_stream *s = h->stream;
	int rc;

	if (s->failed) {
		end(h, false);
		return false;
	}
	rc = http_write(h->r, buf_str(&s->piece));
	buf_clear(&s->piece);
	if (rc < 0 || s->ended) {
		end(h, rc >= 0);
		return false;
	}
	return rc == 0;
}

static void done(struct loop *home, struct task *t);

void
http_stream_go_on(struct http_exchange *h)
{
	do {
		h->stream->working = true;
		h->x.task = (struct task){ .run = run, .done = done, .home = h->x.home };
		if (lane_submit(h->x.gateway->worker_lane, &h->x.task, NULL) == 0)
			return;
		/* What was begun goes on where there is no room in the lane. */
		run(h->x.here, &h->x.task);
		h->stream->working = false;
	} while (send_piece(h));
}

static void
done(struct loop *home, struct task *t)
{
	struct http_exchange *h = of_task(t);

	(void)home;
	h->stream->working = false;
	if (send_piece(h))
		http_stream_go_on(h);
}

void
http_stream_send(struct http_exchange *h, const struct http_answer *a)
{
	if (http_begin(h->r, a) != 0) {
		end(h, false);
		return;
	}
	if (h->r->head->method == HTTP_HEAD) {
		end(h, true);
		return;
	}
	if (send_piece(h))
		http_stream_go_on(h);
}

void
http_stream_abort(struct http_exchange *h)
{
	/* A piece that is in the lane comes home first, and finds nobody. */
	if (h->stream && !h->stream->working)
		end(h, false);
}
