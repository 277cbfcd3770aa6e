#include "gateway/net/mllp_server.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "gateway/net/listener.h"
#include "gateway/net/stream.h"

enum {
	IN_A_ROW = 16,	     /* messages of a connection before others have their turn */
	REFUSED_MOST = 4096, /* bytes of a refused message that are shown */
};

/* A server's part on one loop. */
struct shard {
	struct mllp_server *server;
	struct loop *loop;
	struct listener *listener;
	struct loop_service service;
	struct connection *connections;
	bool draining;
	bool full; /* connections were turned away, and it was logged */
};

struct mllp_server {
	struct mllp_config config; /* with the defaults filled in */
	atomic_size_t connections;
	unsigned shard_count;
	struct shard shards[];
};

struct connection {
	struct stream stream; /* first: the table of connections gives it */
	struct shard *shard;
	struct connection *next, **prev;
	struct mllp *codec;
	struct message *message; /* in work */
	unsigned in_a_row;
	bool closing; /* behind the present answer */
	bool timing_message;
};

struct message {
	struct mllp_message shown; /* first: what the application holds */
	struct loop *loop;
	struct arena arena;
	struct buf bytes;
	struct peer peer;
	struct tls_peer certificate;
};

/* Tells MLLP's connections from others in the loop's table. */
static const char mllp_kind;

/* Messages. */

static struct message *
make_message(struct connection *c, struct str bytes)
{
	struct message *m = xcalloc(1, sizeof(*m));

	m->loop = c->shard->loop;
	m->peer = c->stream.peer;
	if (m->peer.certificate) {
		m->certificate = *m->peer.certificate;
		m->peer.certificate = &m->certificate;
	}
	arena_init(&m->arena, c->shard->server->config.limits.arena_bytes, ARENA_WIPE);
	buf_init(&m->bytes, bytes.len);
	m->bytes.wipe = true;
	buf_put_str(&m->bytes, bytes);
	m->shown = (struct mllp_message){
		.loop = m->loop,
		.connection = c->stream.id,
		.peer = &m->peer,
		.started = clock_monotonic(),
		.bytes = buf_str(&m->bytes),
		.arena = &m->arena,
	};
	loop_hold(m->loop);
	c->message = m;
	return m;
}

static void
free_message(struct message *m)
{
	loop_unhold(m->loop);
	arena_release(&m->arena);
	buf_release(&m->bytes);
	free(m);
}

/* The connection m is of; NULL when it is gone. */
static struct connection *
connection_of(const struct message *m)
{
	struct connection *c = loop_find_connection(m->loop, m->shown.connection, &mllp_kind);

	return c && c->message == m ? c : NULL;
}

/* The conversation. */

/* Wait for the rest of a message, or for the next. */
static void
set_timing(struct connection *c, bool fresh)
{
	const struct mllp_limits *limits = &c->shard->server->config.limits;
	bool inside = mllp_is_inside(c->codec);

	if (c->message) {
		stream_set_timeout(&c->stream, 0);
		return;
	}
	/* A message's time runs from its start, whatever trickles in. */
	if (inside && c->timing_message && !fresh)
		return;
	c->timing_message = inside;
	stream_set_timeout(&c->stream, inside ? limits->message_timeout : limits->idle_timeout);
}

/* Part from the message; the application is told. */
static void
detach(struct connection *c)
{
	const struct mllp_handler *handler = &c->shard->server->config.handler;
	struct message *m = c->message;

	c->message = NULL;
	if (m && handler->on_abort)
		handler->on_abort(handler->ctx, &m->shown);
}

static void
close_now(struct connection *c)
{
	stream_close(&c->stream);
	detach(c);
}

/* The message was ended: go on to the next, or close. */
static void
go_on(struct connection *c)
{
	c->message = NULL;
	if (c->closing) {
		stream_finish(&c->stream);
		return;
	}
	set_timing(c, true);
	stream_resume(&c->stream);
}

static void
refuse(struct connection *c, const struct error *why)
{
	const struct mllp_handler *handler = &c->shard->server->config.handler;
	struct str start = mllp_partial(c->codec);
	char text[ADDRESS_TEXT];
	struct message *m;

	address_format(&c->stream.peer.address, text);
	log_event(LOG_WARN, "mllp-refused", "peer=%s\treason=%s", text, why->text);
	c->closing = true;
	if (!handler->on_refused) {
		stream_finish(&c->stream);
		return;
	}
	if (start.len > REFUSED_MOST)
		start.len = REFUSED_MOST;
	m = make_message(c, start);
	stream_pause(&c->stream);
	set_timing(c, true);
	handler->on_refused(handler->ctx, &m->shown, why);
}

/*
 * A message of c will not be had, and there is nobody to answer, or nothing
 * that should be said: the application is told all the same.
 */
static void
tell_cut(struct connection *c, struct str start, enum error_kind kind, const char *why)
{
	const struct mllp_handler *handler = &c->shard->server->config.handler;
	struct message *in_work = c->message, *m;
	struct error err;

	if (!handler->on_refused)
		return;
	error_set(&err, kind, "%s", why);
	if (start.len > REFUSED_MOST)
		start.len = REFUSED_MOST;
	m = make_message(c, start);
	c->message = in_work; /* what m is answered with is dropped */
	handler->on_refused(handler->ctx, &m->shown, &err);
}

static enum mllp_next
on_message(void *ctx, struct str bytes)
{
	struct connection *c = ctx;
	const struct mllp_handler *handler = &c->shard->server->config.handler;
	struct message *m = make_message(c, bytes);

	handler->on_message(handler->ctx, &m->shown);
	return !c->message && stream_is_open(&c->stream) && ++c->in_a_row < IN_A_ROW ? MLLP_GO
										     : MLLP_PAUSE;
}

static size_t
on_bytes(struct stream *s, const char *p, size_t len)
{
	struct connection *c = (struct connection *)s;
	uint64_t dropped = mllp_dropped(c->codec);
	struct error err;
	ssize_t used;

	if (c->message)
		return 0;
	c->in_a_row = 0;
	used = mllp_feed(c->codec, p, len, &err);
	if (!stream_is_open(s))
		return len;
	if (mllp_dropped(c->codec) != dropped) {
		log_event(LOG_WARN, "mllp-dropped", "connection=%llx\treason=%s",
		    (unsigned long long)s->id, "a message started inside another");
		tell_cut(c, STR(""), ERROR_INVALID, "another message started inside this one");
	}
	if (used < 0) {
		refuse(c, &err);
		return len;
	}
	if (c->message)
		stream_pause(s);
	else if ((size_t)used < len)
		stream_yield(s);
	set_timing(c, c->in_a_row > 0);
	return (size_t)used;
}

static void
refuse_cut(struct connection *c, const char *why)
{
	struct error err;

	error_set(&err, ERROR_IO, "%s", why);
	refuse(c, &err);
}

static void
on_ended(struct stream *s)
{
	struct connection *c = (struct connection *)s;

	if (mllp_is_inside(c->codec))
		refuse_cut(c, "the connection ended inside a message");
	else
		stream_finish(s);
}

static void
on_timeout(struct stream *s)
{
	struct connection *c = (struct connection *)s;

	if (mllp_is_inside(c->codec))
		refuse_cut(c, "the rest of a message did not come in time");
	else
		stream_finish(s);
}

static void
on_sent(struct stream *s)
{
	(void)s;
}

static void
on_broken(struct stream *s)
{
	struct connection *c = (struct connection *)s;

	if (mllp_is_inside(c->codec))
		tell_cut(
		    c, mllp_partial(c->codec), ERROR_IO, "the connection broke inside a message");
	detach(c);
}

/* Life of a connection. */

static void
on_opened(struct stream *s)
{
	struct connection *c = (struct connection *)s;

	if (c->shard->draining)
		stream_finish(s);
	else
		set_timing(c, true);
}

static void
on_closed(struct stream *s)
{
	struct connection *c = (struct connection *)s;

	atomic_fetch_sub(&c->shard->server->connections, 1);
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	mllp_free(c->codec);
	free(c);
}

static void
on_accept(void *ctx, int fd, const struct address *peer)
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
	struct shard *shard = ctx;
	struct mllp_server *server = shard->server;
	const struct mllp_limits *limits = &server->config.limits;
	struct connection *c;

	if (atomic_load(&server->connections) >= limits->connections) {
		if (!shard->full)
			log_event(LOG_WARN, "connections-full", "protocol=mllp\tmost=%zu",
			    limits->connections);
		shard->full = true;
		close(fd);
		return;
	}
	shard->full = false;
	atomic_fetch_add(&server->connections, 1);
	c = xcalloc(1, sizeof(*c));
	c->shard = shard;
	c->codec = mllp_new(limits->message_bytes, on_message, c);
	c->next = shard->connections;
	c->prev = &shard->connections;
	if (c->next)
		c->next->prev = &c->next;
	shard->connections = c;
	stream_start(&c->stream, shard->loop, fd, peer, server->config.tls, &mllp_kind, &callbacks,
	    limits->handshake_timeout, limits->write_timeout);
}

/* Life of a server. */

static struct shard *
shard_of(struct loop_service *service)
{
	return (struct shard *)((char *)service - offsetof(struct shard, service));
}

static void
drain(struct loop_service *service)
{
	struct shard *shard = shard_of(service);
	struct connection *c, *next;

	shard->draining = true;
	listener_free(shard->listener);
	shard->listener = NULL;
	for (c = shard->connections; c; c = next) {
		next = c->next;
		c->closing = true;
		if (c->message)
			continue;
		/* A message half here is not acknowledged: the peer will send
		 * it again. */
		if (mllp_is_inside(c->codec))
			tell_cut(c, mllp_partial(c->codec), ERROR_IO,
			    "the gateway stopped inside a message");
		stream_finish(&c->stream);
	}
}

static void
kill_all(struct loop_service *service)
{
	struct shard *shard = shard_of(service);
	struct connection *c, *next;

	for (c = shard->connections; c; c = next) {
		next = c->next;
		close_now(c);
	}
}

static void
fill_in_limits(struct mllp_limits *l)
{
#define DEFAULT(field, value) (l->field = l->field ? l->field : (value))
	DEFAULT(message_bytes, 16u << 20);
	DEFAULT(arena_bytes, 64u << 20);
	DEFAULT(idle_timeout, 3600000);
	DEFAULT(message_timeout, 60000);
	DEFAULT(write_timeout, 30000);
	DEFAULT(handshake_timeout, 10000);
	DEFAULT(connections, 4096);
#undef DEFAULT
}

static int
open_shard(struct mllp_server *s, struct shard *shard, struct loop *l, struct error *err)
{
	shard->server = s;
	shard->loop = l;
	shard->service.drain = drain;
	shard->service.kill = kill_all;
	shard->listener = listener_new(l, &s->config.address, on_accept, shard, err);
	if (!shard->listener)
		return -1;
	loop_add_service(l, &shard->service);
	s->shard_count++;
	return 0;
}

struct mllp_server *
mllp_server_new(struct loop *const *loops, unsigned loop_count, const struct mllp_config *config,
    struct error *err)
{
	struct mllp_server *s;

	if (!config->handler.on_message)
		abort(); /* the application's mistake */
	if (listener_check(&config->address, err) < 0)
		return NULL;
	s = xcalloc(1, sizeof(*s) + loop_count * sizeof(s->shards[0]));
	s->config = *config;
	fill_in_limits(&s->config.limits);
	atomic_init(&s->connections, 0);
	for (unsigned i = 0; i < loop_count; i++)
		if (open_shard(s, &s->shards[i], loops[i], err) < 0) {
			mllp_server_free(s);
			return NULL;
		}
	return s;
}

void
mllp_server_free(struct mllp_server *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->shard_count; i++) {
		struct shard *shard = &s->shards[i];

		listener_free(shard->listener);
		loop_remove_service(shard->loop, &shard->service);
		kill_all(&shard->service);
		loop_flush(shard->loop);
	}
	free(s);
}

const struct address *
mllp_server_address(const struct mllp_server *s)
{
	return &s->config.address;
}

size_t
mllp_server_connections(const struct mllp_server *s)
{
	return atomic_load(&s->connections);
}

/* Answers. */

int
mllp_say(struct mllp_message *shown, struct str answer)
{
	static const char start[] = { MLLP_VT }, end[] = { MLLP_FS, '\r' };
	struct connection *c = connection_of((struct message *)shown);
	struct iovec pieces[] = {
		{ (void *)start, sizeof(start) },
		{ (void *)answer.p, answer.len },
		{ (void *)end, sizeof(end) },
	};

	if (c && answer.len)
		stream_send(&c->stream, pieces, 3);
	return c ? 0 : -1;
}

int
mllp_answer(struct mllp_message *shown, struct str answer)
{
	struct message *m = (struct message *)shown;
	struct connection *c = connection_of(m);

	mllp_say(shown, answer);
	if (c)
		go_on(c);
	free_message(m);
	return c ? 0 : -1;
}

void
mllp_drop(struct mllp_message *shown)
{
	struct message *m = (struct message *)shown;
	struct connection *c = connection_of(m);

	if (c) {
		c->closing = true;
		go_on(c);
	}
	free_message(m);
}
