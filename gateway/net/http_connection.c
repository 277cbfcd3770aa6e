#include "gateway/net/http_connection.h"

#include "base/error.h"
#include "base/log.h"

enum {
	SPARE_MOST = 64,	  /* requests kept for later, a loop */
	DISCARD_MOST = 64 * 1024, /* of a body nobody wants, to keep the connection */
};

enum request_state {
	REQUEST_HEAD,	    /* its head is being read */
	REQUEST_WAITING,    /* the application has not said how to read the body */
	REQUEST_COLLECTING, /* its body is being read */
	REQUEST_STREAMING,  /* and handed on */
	REQUEST_DISCARDING, /* it was answered; the rest of its body is dropped */
	REQUEST_IN_WORK,    /* it is whole */
	REQUEST_REFUSED,    /* it cannot be had, and awaits its answer */
	REQUEST_ENDED,
};

struct request {
	struct http_request shown; /* first: what the application holds */
	struct http_shard *shard;
	struct request *next_spare;
	struct http1 *codec;
	struct arena arena;
	struct http_body body;
	struct peer peer;
	struct tls_peer certificate;
	enum request_state state;
	uint64_t received, received_before; /* of the body; at the last check */
	bool is_the_applications;
	bool feeding;		/* its codec is on the stack */
	bool paused;		/* by on_body() */
	bool begun, wants_room; /* of an answer in pieces */
	enum { PIECES_NONE, PIECES_CHUNKED, PIECES_PLAIN } pieces;
};

/* Tells HTTP's connections from others in the loop's table. */
static const char http_kind;

static struct request *
request_of(struct http_request *shown)
{
	return (struct request *)shown;
}

static const struct http_limits *
limits_of(const struct http_shard *shard)
{
	return &shard->server->config.limits;
}

static const struct http_handler *
handler_of(const struct http_shard *shard)
{
	return &shard->server->config.handler;
}

static void end_request(struct request *r);

/* Requests. */

static enum http1_next on_head(void *ctx, const struct http_head *head);
static enum http1_next on_body(void *ctx, struct str piece);
static void on_end(void *ctx);

static struct request *
make_request(struct http_shard *shard)
{
	static const struct http1_callbacks callbacks = { on_head, on_body, on_end };
	const struct http_limits *limits = limits_of(shard);
	struct request *r = xcalloc(1, sizeof(*r));

	r->shard = shard;
	r->codec = http1_new(&limits->head, &callbacks, r);
	arena_init(&r->arena, limits->arena_bytes, ARENA_WIPE);
	http_body_init(&r->body, limits->spool_bytes, shard->server->config.spool_folder);
	return r;
}

static void
free_request(struct request *r)
{
	http1_free(r->codec);
	arena_release(&r->arena);
	http_body_reset(&r->body);
	buf_release(&r->body.memory);
	free(r);
}

/* A request for the bytes that have come on c. */
static struct request *
take_request(struct http_connection *c)
{
	struct http_shard *shard = c->shard;
	struct request *r = shard->spare;

	if (r) {
		shard->spare = r->next_spare;
		shard->spare_count--;
	} else {
		r = make_request(shard);
	}
	r->peer = c->stream.peer;
	if (r->peer.certificate) {
		r->certificate = *r->peer.certificate;
		r->peer.certificate = &r->certificate;
	}
	r->state = REQUEST_HEAD;
	r->received = r->received_before = 0;
	r->paused = r->begun = r->wants_room = false;
	r->pieces = PIECES_NONE;
	r->shown = (struct http_request){
		.loop = shard->loop,
		.connection = c->stream.id,
		.head = http1_head(r->codec),
		.peer = &r->peer,
		.started = clock_monotonic(),
		.arena = &r->arena,
		.body_most = limits_of(shard)->body_bytes,
	};
	c->request = r;
	return r;
}

static void
give_back(struct request *r)
{
	struct http_shard *shard = r->shard;

	if (shard->spare_count >= SPARE_MOST) {
		free_request(r);
		return;
	}
	http1_reset(r->codec);
	if (r->arena.used)
		arena_reset(&r->arena);
	http_body_reset(&r->body);
	r->next_spare = shard->spare;
	shard->spare = r;
	shard->spare_count++;
}

void
http_shard_free_spare(struct http_shard *shard)
{
	while (shard->spare) {
		struct request *r = shard->spare;

		shard->spare = r->next_spare;
		free_request(r);
	}
	shard->spare_count = 0;
}

static void
hand_over(struct request *r)
{
	if (r->is_the_applications)
		return;
	r->is_the_applications = true;
	loop_hold(r->shard->loop);
}

/* The connection r is of; NULL when it is gone. */
static struct http_connection *
connection_of(const struct request *r)
{
	struct http_connection *c = loop_find_connection(
	    r->shard->loop, r->shown.connection, &http_kind);

	return c && c->request == r ? c : NULL;
}

static bool
is_reading(const struct request *r)
{
	return r->state == REQUEST_HEAD || r->state == REQUEST_COLLECTING ||
	       (r->state == REQUEST_STREAMING && !r->paused) || r->state == REQUEST_DISCARDING;
}

/* Timeouts. */

static enum timing
timing_wanted(const struct http_connection *c)
{
	const struct request *r = c->request;

	if (!r || (r->state == REQUEST_HEAD && http1_is_idle(r->codec)))
		return TIMING_IDLE;
	if (!is_reading(r))
		return TIMING_NONE;
	return r->state == REQUEST_HEAD ? TIMING_HEAD : TIMING_BODY;
}

/* Set the timer for what is awaited now, unless it is set for that. */
static void
set_timing(struct http_connection *c)
{
	const struct http_limits *limits = limits_of(c->shard);
	enum timing wanted = timing_wanted(c);
	const unsigned times[] = {
		[TIMING_NONE] = 0,
		[TIMING_IDLE] = limits->idle_timeout,
		[TIMING_HEAD] = limits->head_timeout,
		[TIMING_BODY] = limits->body_timeout,
	};

	if (wanted == c->timing)
		return;
	c->timing = wanted;
	stream_set_timeout(&c->stream, times[wanted]);
}

/* Refusing. */

static void
refuse(struct http_connection *c, struct request *r, int status, const char *reason)
{
	const struct http_handler *handler = handler_of(c->shard);

	c->closing = true;
	if (r->state == REQUEST_DISCARDING) {
		r->state = REQUEST_ENDED; /* it has its answer */
		return;
	}
	r->state = REQUEST_REFUSED;
	r->shown.head = http1_head(r->codec);
	set_timing(c);
	hand_over(r);
	handler->on_refused(handler->ctx, &r->shown, status, reason);
}

/* What the codec finds. */

static void
send_continue(struct http_connection *c, struct request *r)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct iovec piece = { (void *)text, sizeof(text) - 1 };

	if (r->shown.head->expect_continue)
		stream_send(&c->stream, &piece, 1);
}

/* Read the body that way, if it is not too long. */
static enum http1_next
take_body(struct http_connection *c, struct request *r, enum http_take how)
{
	if (r->shown.head->content_length > r->shown.body_most) {
		refuse(c, r, 413, "the request's body is too long");
		return HTTP1_PAUSE;
	}
	r->state = how == HTTP_STREAM ? REQUEST_STREAMING : REQUEST_COLLECTING;
	send_continue(c, r);
	return HTTP1_GO;
}

static enum http1_next
on_head(void *ctx, const struct http_head *head)
{
	struct request *r = ctx;
	const struct http_handler *handler = handler_of(r->shard);
	struct http_connection *c = connection_of(r);
	enum http_take how;

	r->shown.head = head;
	if (!c)
		return HTTP1_PAUSE;
	hand_over(r);
	how = handler->on_head(handler->ctx, &r->shown);
	/* The application may have ended it, or the connection may be gone. */
	if (r->state != REQUEST_HEAD || connection_of(r) != c)
		return is_reading(r) ? HTTP1_GO : HTTP1_PAUSE;
	if (how == HTTP_WAIT || how == HTTP_ANSWERED) {
		r->state = REQUEST_WAITING;
		return HTTP1_PAUSE;
	}
	return take_body(c, r, how);
}

static enum http1_next
collect(struct http_connection *c, struct request *r, struct str piece)
{
	struct error err;

	if (http_body_add(&r->body, piece, &err) == 0)
		return HTTP1_GO;
	log_event(LOG_ERROR, "spool-failed", "reason=%s", err.text);
	refuse(c, r, 503, "the request's body could not be kept; try again later");
	return HTTP1_PAUSE;
}

static enum http1_next
hand_on(struct http_connection *c, struct request *r, struct str piece)
{
	const struct http_handler *handler = handler_of(r->shard);

	if (handler->on_body(handler->ctx, &r->shown, piece) == HTTP1_PAUSE &&
	    connection_of(r) == c && r->state == REQUEST_STREAMING)
		r->paused = true;
	return connection_of(r) == c && is_reading(r) ? HTTP1_GO : HTTP1_PAUSE;
}

static enum http1_next
on_body(void *ctx, struct str piece)
{
	struct request *r = ctx;
	struct http_connection *c = connection_of(r);
	uint64_t most = r->state == REQUEST_DISCARDING ? DISCARD_MOST : r->shown.body_most;

	if (!c)
		return HTTP1_PAUSE;
	if (r->received > most || piece.len > most - r->received) {
		refuse(c, r, 413, "the request's body is too long");
		return HTTP1_PAUSE;
	}
	r->received += piece.len;
	if (r->state == REQUEST_COLLECTING)
		return collect(c, r, piece);
	if (r->state == REQUEST_STREAMING)
		return hand_on(c, r, piece);
	return HTTP1_GO;
}

static void
on_end(void *ctx)
{
	struct request *r = ctx;
	const struct http_handler *handler = handler_of(r->shard);
	struct http_connection *c = connection_of(r);
	struct error err;

	if (r->state == REQUEST_DISCARDING)
		r->state = REQUEST_ENDED;
	if (!c || (r->state != REQUEST_COLLECTING && r->state != REQUEST_STREAMING))
		return;
	if (http_body_whole(&r->body, &r->shown.body, &err) < 0) {
		log_event(LOG_ERROR, "spool-failed", "reason=%s", err.text);
		refuse(c, r, 503, "the request's body could not be kept; try again later");
		return;
	}
	r->state = REQUEST_IN_WORK;
	handler->on_request(handler->ctx, &r->shown);
}

/* The conversation. */

/* The request was ended: go on to the next, or close. */
static void
go_on(struct http_connection *c)
{
	struct request *r = c->request;

	if (r->state == REQUEST_ENDED) {
		c->request = NULL;
		c->timing = TIMING_NONE;
		give_back(r);
		if (c->closing) {
			stream_finish(&c->stream);
			return;
		}
	}
	set_timing(c);
	stream_resume(&c->stream);
}

/* Feed bytes to r. Returns how many were used. */
static size_t
feed(struct http_connection *c, struct request *r, const char *p, size_t len)
{
	struct error err;
	int status = 400;
	ssize_t used;

	r->feeding = true;
	used = http1_feed(r->codec, p, len, &status, &err);
	if (used < 0 && connection_of(r) == c)
		refuse(c, r, status, err.text);
	r->feeding = false;
	if (c->request != r) { /* the connection was closed meanwhile */
		if (!r->is_the_applications)
			give_back(r);
		return len;
	}
	if (r->state == REQUEST_ENDED)
		go_on(c);
	return used < 0 ? len : (size_t)used;
}

static size_t
on_bytes(struct stream *s, const char *p, size_t len)
{
	struct http_connection *c = (struct http_connection *)s;
	size_t used = 0;

	do {
		struct request *r = c->request;

		if (!r && used == len)
			break;
		if (!r && c->in_a_row++ >= limits_of(c->shard)->pipelined) {
			c->in_a_row = 0;
			stream_yield(s);
			break;
		}
		if (!r)
			r = take_request(c);
		if (!is_reading(r))
			break;
		used += feed(c, r, p + used, len - used);
	} while (used < len && stream_is_open(s));
	if (!stream_is_open(s))
		return len;
	if (used == len)
		c->in_a_row = 0;
	if (c->request && !is_reading(c->request))
		stream_pause(s);
	set_timing(c);
	return used;
}

/* Part from the request; the application is told when it holds it. */
static void
detach(struct http_connection *c)
{
	struct request *r = c->request;
	const struct http_handler *handler = handler_of(c->shard);

	c->request = NULL;
	if (!r)
		return;
	if (!r->is_the_applications) {
		if (!r->feeding)
			give_back(r);
	} else if (handler->on_abort) {
		handler->on_abort(handler->ctx, &r->shown);
	} else if (r->state == REQUEST_COLLECTING || r->state == REQUEST_STREAMING) {
		end_request(r); /* nothing else would */
	}
}

void
http_connection_close(struct http_connection *c)
{
	stream_close(&c->stream);
	detach(c);
}

static void
on_broken(struct stream *s)
{
	detach((struct http_connection *)s);
}

/* The client will send no more. Between requests it is a farewell; inside one,
 * the client has given up. */
static void
on_ended(struct stream *s)
{
	struct http_connection *c = (struct http_connection *)s;
	struct request *r = c->request;

	if (r && (r->state != REQUEST_HEAD || !http1_is_idle(r->codec))) {
		http_connection_close(c);
		return;
	}
	stream_finish(s);
	detach(c);
}

static void
refuse_slow(struct http_connection *c, const char *reason)
{
	struct request *r = c->request;

	refuse(c, r, 408, reason);
	if (c->request == r && r->state == REQUEST_ENDED)
		go_on(c);
}

static void
check_rate(struct http_connection *c)
{
	const struct http_limits *limits = limits_of(c->shard);
	struct request *r = c->request;
	uint64_t wanted = (uint64_t)limits->body_rate * limits->body_timeout / 1000;

	if (r->received - r->received_before < wanted || r->received == r->received_before) {
		refuse_slow(c, "the request's body came too slowly");
		return;
	}
	r->received_before = r->received;
	c->timing = TIMING_NONE;
	set_timing(c);
}

static void
on_timeout(struct stream *s)
{
	struct http_connection *c = (struct http_connection *)s;

	switch (c->timing) {
	case TIMING_IDLE:
		stream_finish(s);
		detach(c);
		break;
	case TIMING_HEAD:
		refuse_slow(c, "the request's head came too slowly");
		break;
	case TIMING_BODY:
		check_rate(c);
		break;
	case TIMING_NONE:
		break;
	}
}

static void
on_sent(struct stream *s)
{
	struct http_connection *c = (struct http_connection *)s;
	const struct http_handler *handler = handler_of(c->shard);
	struct request *r = c->request;

	if (!r || !r->wants_room)
		return;
	r->wants_room = false;
	if (handler->on_room)
		handler->on_room(handler->ctx, &r->shown);
}

/* Life of a connection. */

static struct str
date_now(struct http_shard *shard)
{
	int64_t wall = clock_wall();

	if (wall / 1000000 != shard->date_second) {
		shard->date_second = wall / 1000000;
		shard->date_len = http_date_format(wall, shard->date);
	}
	return str_of(shard->date, shard->date_len);
}

/* Say that there are too many connections. */
static void
turn_away(struct http_connection *c)
{
	const struct http_config *config = &c->shard->server->config;
	struct http_header headers[] = {
		{ STR("Retry-After"), STR("5") },
		{ STR("Content-Type"), config->busy_type },
	};
	struct http_response response = {
		.status = 503,
		.headers = headers,
		.header_count = config->busy_type.len ? 2 : 1,
		.close = true,
		.body_length = config->busy_body.len,
	};
	struct buf *head = &c->shard->head;
	struct iovec pieces[2];

	buf_clear(head);
	http1_write_head(head, &response, date_now(c->shard));
	pieces[0] = (struct iovec){ head->p, head->len };
	pieces[1] = (struct iovec){ (void *)config->busy_body.p, config->busy_body.len };
	stream_send(&c->stream, pieces, 2);
	stream_finish(&c->stream);
}

static void
on_opened(struct stream *s)
{
	struct http_connection *c = (struct http_connection *)s;

	if (c->too_many)
		turn_away(c);
	else if (c->shard->draining)
		stream_finish(s);
	else
		set_timing(c);
}

static void
on_closed(struct stream *s)
{
	struct http_connection *c = (struct http_connection *)s;
	struct http_server *server = c->shard->server;

	atomic_fetch_sub(c->too_many ? &server->refused : &server->connections, 1);
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	free(c);
}

void
http_connection_start(struct http_shard *shard, int fd, const struct address *peer, bool too_many)
{
	static const struct stream_callbacks callbacks = {
		.opened = on_opened,
		.bytes = on_bytes,
		.ended = on_ended,
		.timeout = on_timeout,
		.sent = on_sent,
		.broken = on_broken,
		.closed = on_closed,
	};
	const struct http_limits *limits = limits_of(shard);
	struct http_server *server = shard->server;
	struct http_connection *c = xcalloc(1, sizeof(*c));

	c->shard = shard;
	c->too_many = too_many;
	c->next = shard->connections;
	c->prev = &shard->connections;
	if (c->next)
		c->next->prev = &c->next;
	shard->connections = c;
	atomic_fetch_add(too_many ? &server->refused : &server->connections, 1);
	stream_start(&c->stream, shard->loop, fd, peer, server->config.tls, &http_kind, &callbacks,
	    limits->handshake_timeout, limits->write_timeout);
}

void
http_connection_drain(struct http_connection *c)
{
	struct request *r = c->request;

	c->closing = true;
	if (r && (r->state != REQUEST_HEAD || !http1_is_idle(r->codec)))
		return;
	stream_finish(&c->stream);
	detach(c);
}

/* Answers. */

/* The application is done with r. */
static void
end_request(struct request *r)
{
	struct http_connection *c = connection_of(r);
	bool unread = r->state != REQUEST_IN_WORK && r->state != REQUEST_REFUSED;

	r->is_the_applications = false;
	loop_unhold(r->shard->loop);
	if (!c) {
		r->state = REQUEST_ENDED;
		if (!r->feeding)
			give_back(r);
		return;
	}
	r->paused = false;
	r->state = unread && !c->closing ? REQUEST_DISCARDING : REQUEST_ENDED;
	if (!r->feeding)
		go_on(c);
}

/* Must the connection be closed behind the answer to r? */
static bool
must_close(const struct http_connection *c, const struct request *r, const struct http_answer *a)
{
	const struct http_head *h = r->shown.head;

	if (c->closing || a->close || c->shard->draining || !h->keep_alive)
		return true;
	if (r->state == REQUEST_IN_WORK || !h->has_body)
		return false;
	/* A body that is not read to its end would be taken for a request. */
	if (h->chunked || h->content_length - r->received > DISCARD_MOST)
		return true;
	return h->expect_continue && r->received == 0;
}

/* Write the answer's head into the shard's buffer. Returns 0, or -1 when it
 * had to become a 500. */
static int
write_head(struct http_connection *c, struct request *r, const struct http_answer *a, bool pieces)
{
	const struct http_head *h = r->shown.head;
	struct buf *out = &c->shard->head;
	struct http_response response = {
		.status = a->status,
		.headers = a->headers,
		.header_count = a->header_count,
		.close = c->closing,
		.keep_alive_1_0 = h->minor == 0 && !c->closing,
		.chunked = pieces && !a->length && h->minor > 0,
		.no_length = pieces && !a->length && h->minor == 0,
		.body_length = pieces ? a->length : a->body.len,
	};

	buf_clear(out);
	if (a->status >= 200 && a->status <= 599 &&
	    http1_write_head(out, &response, date_now(c->shard)) && !out->full)
		return 0;
	log_event(LOG_ERROR, "answer-malformed", "status=%d", a->status);
	c->closing = true;
	response = (struct http_response){ .status = 500, .close = true };
	buf_clear(out);
	http1_write_head(out, &response, date_now(c->shard));
	return -1;
}

static void
release_body(const struct http_answer *a)
{
	if (a->release)
		a->release(a->release_ctx);
}

static void
send_answer(struct http_connection *c, const struct http_answer *a, bool with_body)
{
	struct buf *head = &c->shard->head;

	if (with_body && a->release) {
		stream_send_reference(
		    &c->stream, buf_str(head), a->body, a->release, a->release_ctx);
		return;
	}
	stream_send(&c->stream,
	    (struct iovec[]){ { head->p, head->len }, { (void *)a->body.p, a->body.len } },
	    with_body ? 2 : 1);
	release_body(a);
}

int
http_answer(struct http_request *shown, const struct http_answer *a)
{
	struct request *r = request_of(shown);
	struct http_connection *c = connection_of(r);
	bool with_body;
	int result;

	if (!c) {
		release_body(a);
		end_request(r);
		return -1;
	}
	c->closing = must_close(c, r, a);
	result = write_head(c, r, a, false);
	with_body = result == 0 && a->body.len && shown->head->method != HTTP_HEAD &&
		    a->status != 204 && a->status != 304;
	send_answer(c, a, with_body);
	end_request(r);
	return result;
}

int
http_answer_text(struct http_request *r, int status, const char *text)
{
	struct http_header type = { STR("Content-Type"), STR("text/plain; charset=utf-8") };
	struct http_answer a = {
		.status = status,
		.headers = &type,
		.header_count = 1,
		.body = str_printf(r->arena, "%s\n", text),
	};

	return http_answer(r, &a);
}

void
http_drop(struct http_request *shown)
{
	struct request *r = request_of(shown);
	struct http_connection *c = connection_of(r);

	if (c) {
		c->closing = true;
		/* Half an answer must not look like a whole one. */
		if (r->begun) {
			c->request = NULL;
			stream_close(&c->stream);
		}
	}
	end_request(r);
}

void
http_take_body(struct http_request *shown, enum http_take how)
{
	struct request *r = request_of(shown);
	struct http_connection *c = connection_of(r);

	if (!c || (r->state != REQUEST_WAITING && r->state != REQUEST_HEAD))
		return;
	take_body(c, r, how);
	if (!r->feeding && c->request == r && is_reading(r)) {
		set_timing(c);
		stream_resume(&c->stream);
	}
}

void
http_resume(struct http_request *shown)
{
	struct request *r = request_of(shown);
	struct http_connection *c = connection_of(r);

	if (!c || !r->paused)
		return;
	r->paused = false;
	if (!r->feeding) {
		set_timing(c);
		stream_resume(&c->stream);
	}
}

bool
http_is_gone(const struct http_request *shown)
{
	return !connection_of((const struct request *)shown);
}

int
http_begin(struct http_request *shown, const struct http_answer *a)
{
	struct request *r = request_of(shown);
	struct http_connection *c = connection_of(r);
	int result;

	if (!c || r->begun)
		return -1;
	c->closing = must_close(c, r, a) || (shown->head->minor == 0 && !a->length);
	result = write_head(c, r, a, true);
	r->begun = true;
	if (result == 0 && shown->head->method != HTTP_HEAD && a->status != 204 && a->status != 304)
		r->pieces = shown->head->minor > 0 && !a->length ? PIECES_CHUNKED : PIECES_PLAIN;
	stream_send(&c->stream, &(struct iovec){ c->shard->head.p, c->shard->head.len }, 1);
	return result;
}

int
http_write(struct http_request *shown, struct str piece)
{
	struct request *r = request_of(shown);
	struct http_connection *c = connection_of(r);
	struct buf *size;

	if (!c || !r->begun)
		return -1;
	if (piece.len && r->pieces == PIECES_CHUNKED) {
		size = &c->shard->head;
		buf_clear(size);
		http1_write_chunk_size(size, piece.len);
		stream_send(&c->stream,
		    (struct iovec[]){
			{ size->p, size->len }, { (void *)piece.p, piece.len }, { "\r\n", 2 } },
		    3);
	} else if (piece.len && r->pieces == PIECES_PLAIN) {
		stream_send(&c->stream, &(struct iovec){ (void *)piece.p, piece.len }, 1);
	}
	r->wants_room = stream_queued(&c->stream) > limits_of(c->shard)->output_bytes;
	return r->wants_room;
}

void
http_finish(struct http_request *shown)
{
	struct request *r = request_of(shown);
	struct http_connection *c = connection_of(r);

	if (c && !r->begun) {
		http_drop(shown);
		return;
	}
	if (c && r->pieces == PIECES_CHUNKED)
		stream_send(&c->stream,
		    &(struct iovec){ HTTP1_LAST_CHUNK, sizeof(HTTP1_LAST_CHUNK) - 1 }, 1);
	end_request(r);
}
