#include "base/error.h"
#include "base/log.h"
#include "gateway/exchange/http_exchange.h"
#include "gateway/fhir/bundle_source.h"
#include "gateway/gateway.h"
#include "gateway/net/gzip.h"

enum {
	/* Memory for the record of a piece: what any may have, and by its JSON. */
	SCRATCH_FREE = 1 << 20,
	SCRATCH_FACTOR = 8,
};

/*
 * Pieces are made in the worker lane, one at a time; while one is there the
 * lane has the stream. Nobody waits in a lane for a client: the next is asked
 * for when the connection has room.
 */
struct http_stream {
	struct bundle_source *source;
	struct gzip *gzip; /* NULL: not packed */
	struct buf piece;  /* in the wire's form */
	bool last;	   /* the piece is the last one */
	bool failed;	   /* it could not be made: err says why */
	bool working;	   /* a lane has it */
	struct error err;
};

/* What stands around the entries of a Bundle that has nothing else. */
static void
around(const struct http_exchange *h, struct str *before, struct str *behind)
{
	bool pretty = h->format.pretty;

	if (h->answer_format == FHIR_FORMAT_XML) {
		*before = pretty ? STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
				       "<Bundle xmlns=\"http://hl7.org/fhir\">")
				 : STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
				       "<Bundle xmlns=\"http://hl7.org/fhir\">");
		*behind = pretty ? STR("\n</Bundle>\n") : STR("</Bundle>");
	} else {
		*before = STR("{\n  \"resourceType\": \"Bundle\",\n  \"entry\": [");
		*behind = STR("\n  ]\n}\n");
	}
}

/*
 * Write the Bundle in the answer's format to the stream's piece, without its
 * beginning (but the first) and its end (but the last), which only stand around
 * the entries.
 */
static int
convert(struct http_exchange *h, struct worker *w, struct str json, bool first)
{
	struct fhir_read_options options = { .lenient = true, .type = PACK_NONE };
	struct http_stream *s = h->stream;
	struct findings findings;
	struct str text, before, behind;
	const struct record *r;
	struct arena a;
	struct buf out;
	int rc = -1;

	around(h, &before, &behind);
	arena_init(&a, SCRATCH_FREE + SCRATCH_FACTOR * json.len, ARENA_WIPE);
	buf_init(&out, h->x.gateway->fhir.max_answer);
	out.wipe = true;
	findings_init(&findings, &a, 1);
	r = fhir_read(FHIR_FORMAT_JSON, json, &options, &w->builder, &a, &findings);
	if (r)
		fhir_write(h->answer_format, h->format.pretty, r, h->x.gateway->pack, 0, &out);
	text = buf_str(&out);
	if (r && !out.full && (first || str_starts(text, before)) && str_ends(text, behind)) {
		if (!s->last)
			text.len -= behind.len;
		if (!first) {
			text = str_from_index(text, before.len);
			if (h->answer_format == FHIR_FORMAT_JSON)
				buf_put_byte(&s->piece, ',');
		}
		buf_put_str(&s->piece, text);
		rc = 0;
	}
	buf_release(&out);
	arena_release(&a);
	return rc;
}

static int
compress_piece(struct http_stream *s)
{
	struct buf packed;
	int rc;

	if (!s->gzip)
		return 0;
	buf_init(&packed, s->piece.limit);
	packed.wipe = true;
	rc = gzip_feed(s->gzip, buf_str(&s->piece), s->last, &packed);
	buf_release(&s->piece);
	s->piece = packed;
	return rc;
}

static bool
is_anew(const struct http_exchange *h)
{
	return h->format.pretty || h->answer_format != FHIR_FORMAT_JSON;
}

int
http_stream_new(struct http_exchange *h, struct worker *w)
{
	struct fhir_call *c = h->x.batch.calls;
	struct http_stream *s = xcalloc(1, sizeof(*s));
	struct buf whole;
	int rc;

	h->stream = s;
	s->source = c->rest;
	buf_init(&s->piece, h->x.gateway->fhir.max_answer);
	s->piece.wipe = true;
	if (h->gzip)
		s->gzip = gzip_new();
	h->packed = h->gzip;
	if (!is_anew(h)) {
		buf_put_str(&s->piece, c->body);
		return compress_piece(s);
	}
	buf_init(&whole, SIZE_MAX);
	whole.wipe = true;
	buf_put_str(&whole, c->body);
	buf_puts(&whole, "]}");
	rc = convert(h, w, buf_str(&whole), true);
	buf_release(&whole);
	return rc == 0 ? compress_piece(s) : -1;
}

static void
release(struct http_exchange *h)
{
	struct http_stream *s = h->stream;

	h->stream = NULL;
	gzip_free(s->gzip);
	buf_release(&s->piece);
	free(s);
}

void
http_stream_drop(struct http_exchange *h)
{
	if (h->stream)
		release(h);
}

/* Make the next piece. In the lane. */
static int
make_piece(struct http_exchange *h, struct worker *w)
{
	struct http_stream *s = h->stream;
	bool anew = is_anew(h);
	struct bundle_writer writer = { .entries = 1 };
	struct buf json;
	int rc;

	buf_init(&json, h->x.gateway->fhir.max_answer);
	json.wipe = true;
	writer.out = &json;
	if (anew) {
		buf_puts(&json, "{\"resourceType\":\"Bundle\"");
		writer.entries = 0;
	}
	rc = bundle_source_put(s->source, w->reader, BUNDLE_PIECE, &writer, &s->err);
	s->last = bundle_source_is_empty(s->source);
	if (anew || s->last)
		bundle_end(&writer);
	buf_clear(&s->piece);
	if (rc == 0 && anew)
		rc = convert(h, w, buf_str(&json), false) == 0
			 ? 0
			 : error_set(&s->err, ERROR_LIMIT, "a piece is too large in this format");
	else if (rc == 0)
		buf_put_str(&s->piece, buf_str(&json));
	if (rc == 0 && (json.full || s->piece.full || compress_piece(s) != 0))
		rc = error_set(&s->err, ERROR_LIMIT, "a piece is too large");
	buf_release(&json);
	return rc;
}

static struct http_exchange *
of_task(struct task *t)
{
	return http_of((struct exchange *)((char *)t - offsetof(struct exchange, task)));
}

static void
run(void *state, struct task *t)
{
	struct http_exchange *h = of_task(t);

	h->stream->failed = make_piece(h, state) != 0;
}

/* All of it went out (or not): the exchange goes with the request. */
static void
end(struct http_exchange *h, bool whole)
{
	struct http_stream *s = h->stream;

	if (s->failed)
		log_event(LOG_ERROR, "answer-cut", "exchange=%s\terror=%s", h->x.id, s->err.text);
	release(h);
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
	if (rc < 0 || s->last) {
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
