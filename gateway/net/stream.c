#include "gateway/net/stream.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"

enum {
	READ_BYTES = 64 * 1024,
	READS_MOST = 4, /* in one go, so that others have their turn */
	RECORD_BYTES = 16 * 1024,
	LINGER_MS = 2000,
	LINGER_BYTES = 1 << 20,
	SLOW_BYTES = 1024, /* a peer has to take that much per write_timeout */
};

static const char *const state_names[] = {
	[STREAM_NEW] = "new",
	[STREAM_HANDSHAKE] = "handshake",
	[STREAM_OPEN] = "open",
	[STREAM_FLUSHING] = "flushing",
	[STREAM_LINGERING] = "lingering",
	[STREAM_CLOSED] = "closed",
};

/* One a thread: bytes are used or put aside before the next read. */
static _Thread_local char read_buffer[READ_BYTES];

static void flush(struct stream *s);

/* States only move on. */
static void
enter(struct stream *s, enum stream_state state)
{
	if (state <= s->state)
		abort();
	if (log_is_on(LOG_DEBUG))
		log_event(LOG_DEBUG, "stream", "connection=%llx\tfrom=%s\tto=%s",
		    (unsigned long long)s->id, state_names[s->state], state_names[state]);
	s->state = state;
}

static void
bury(struct loop *l, struct loop_message *m)
{
	struct stream *s = (struct stream *)((char *)m - offsetof(struct stream, bury));

	free(s->certificate);
	s->callbacks->closed(s);
	loop_unhold(l);
}

void
stream_close(struct stream *s)
{
	if (s->state == STREAM_CLOSED)
		return;
	enter(s, STREAM_CLOSED);
	event_del(&s->read_event);
	event_del(&s->write_event);
	loop_timer_clear(s->loop, &s->timer);
	loop_timer_clear(s->loop, &s->write_timer);
	if (s->ssl) {
		ERR_clear_error();
		SSL_free(s->ssl);
		s->ssl = NULL;
	}
	close(s->fd);
	if (s->out)
		evbuffer_free(s->out);
	s->out = NULL;
	if (s->ahead) {
		explicit_bzero(s->ahead, s->ahead_cap);
		free(s->ahead);
	}
	s->ahead = NULL;
	s->ahead_len = 0;
	/* The id is unknown from here on, but the loop is not empty before the
	 * owner is gone. */
	loop_hold(s->loop);
	loop_remove_connection(s->loop, s->id);
	s->bury.run = bury;
	loop_post(s->loop, &s->bury);
}

static void
break_off(struct stream *s)
{
	if (s->state == STREAM_CLOSED)
		return;
	stream_close(s);
	s->callbacks->broken(s);
}

/* Failures met while the owner is on the stack are told from the loop. */
static void
fail_later(struct stream *s)
{
	s->failed = true;
	event_active(&s->write_event, EV_WRITE, 0);
}

/* The result of an SSL call that did not succeed: 0 try again later, 1 end of
 * the stream, -1 broken. */
static int
tls_result(struct stream *s, int result, bool *wants_other, int other)
{
	int why = SSL_get_error(s->ssl, result);

	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
		*wants_other = why == other;
		if (why == SSL_ERROR_WANT_WRITE)
			event_add(&s->write_event, NULL);
		return 0;
	}
	ERR_clear_error();
	return why == SSL_ERROR_ZERO_RETURN ? 1 : -1;
}

/* Reading. */

/* Read into the buffer. Returns bytes, 0 for none now (or the end, and eof is
 * set), -1 when broken. */
static ssize_t
receive(struct stream *s, char *p, size_t len)
{
	ssize_t got;

	if (s->ssl) {
		ERR_clear_error();
		s->read_wants_write = false;
		got = SSL_read(s->ssl, p, (int)len);
		if (got > 0)
			return got;
		got = tls_result(s, (int)got, &s->read_wants_write, SSL_ERROR_WANT_WRITE);
		s->eof = got == 1;
		return got < 0 ? -1 : 0;
	}
	got = recv(s->fd, p, len, 0);
	if (got > 0)
		return got;
	if (got == 0) {
		s->eof = true;
		return 0;
	}
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
}

static void
keep_ahead(struct stream *s, const char *p, size_t len)
{
	if (len == 0)
		return;
	if (len > s->ahead_cap - s->ahead_len) {
		size_t cap = s->ahead_len + len;

		if (cap < 2048)
			cap = 2048;
		s->ahead = xrealloc(s->ahead, cap);
		s->ahead_cap = cap;
	}
	memcpy(s->ahead + s->ahead_len, p, len);
	s->ahead_len += len;
}

/* Give bytes to the owner as long as it takes them; returns how many. */
static size_t
give(struct stream *s, const char *p, size_t len)
{
	size_t used = 0;

	if (s->state != STREAM_OPEN)
		return len;
	s->in_bytes = true;
	do
		used += s->callbacks->bytes(s, p + used, len - used);
	while (used < len && !s->paused && !s->yielded && s->state == STREAM_OPEN);
	s->in_bytes = false;
	return s->state == STREAM_OPEN ? used : len;
}

/* Give what was kept; nothing at all, too, to an owner that was paused. */
static void
give_ahead(struct stream *s)
{
	size_t len = s->ahead_len, cap = s->ahead_cap, used;
	char *p = s->ahead;

	if (len == 0 && !s->resumed)
		return;
	s->resumed = false;
	/* Taken off first: the owner may close the stream. */
	s->ahead = NULL;
	s->ahead_len = s->ahead_cap = 0;
	used = give(s, p ? p : "", len);
	if (used < len && s->state == STREAM_OPEN) {
		memmove(p, p + used, len - used);
		s->ahead = p;
		s->ahead_len = len - used;
		s->ahead_cap = cap;
		return;
	}
	if (p) {
		explicit_bzero(p, cap);
		free(p);
	}
}

static void
tell_end(struct stream *s)
{
	if (!s->eof || s->ended || s->paused || s->ahead_len || s->state != STREAM_OPEN)
		return;
	s->ended = true;
	s->callbacks->ended(s);
}

/* Read and give on; returns false when nothing more is to be read now. */
static bool
read_once(struct stream *s)
{
	size_t room = sizeof(read_buffer), used = 0;
	ssize_t got;

	if (s->paused) {
		if (s->ahead_len >= STREAM_AHEAD) {
			event_del(&s->read_event);
			return false;
		}
		room = STREAM_AHEAD - s->ahead_len;
	}
	got = receive(s, read_buffer, room);
	if (got < 0) {
		break_off(s);
		return false;
	}
	if (s->eof)
		event_del(&s->read_event);
	if (got == 0)
		return false;
	if (!s->paused)
		used = give(s, read_buffer, (size_t)got);
	if (s->state != STREAM_OPEN)
		return false;
	keep_ahead(s, read_buffer + used, (size_t)got - used);
	/* A short read has emptied a plain socket. */
	return s->ssl || (size_t)got == room;
}

static void
linger(struct stream *s)
{
	for (unsigned i = 0; i < READS_MOST; i++) {
		ssize_t got = receive(s, read_buffer, sizeof(read_buffer));

		s->lingered += got > 0 ? (size_t)got : 0;
		if (got < 0) {
			break_off(s);
			return;
		}
		if (s->eof || s->lingered > LINGER_BYTES) {
			if (s->state == STREAM_FLUSHING)
				event_del(&s->read_event);
			else
				stream_close(s);
			return;
		}
		if (got == 0)
			return;
	}
}

static void
shake_hands(struct stream *s)
{
	bool unused;
	int got;

	ERR_clear_error();
	got = SSL_do_handshake(s->ssl);
	if (got == 1) {
		enter(s, STREAM_OPEN);
		loop_timer_clear(s->loop, &s->timer);
		if (!s->out)
			event_del(&s->write_event);
		s->certificate = xmalloc(sizeof(*s->certificate));
		if (tls_get_peer(s->ssl, s->certificate)) {
			s->peer.certificate = s->certificate;
		} else {
			free(s->certificate);
			s->certificate = NULL;
		}
		s->callbacks->opened(s);
		/* Bytes may have come with the end of the handshake. */
		if (s->state == STREAM_OPEN)
			event_active(&s->read_event, EV_READ, 0);
		return;
	}
	if (log_is_on(LOG_INFO)) {
		const char *reason = ERR_reason_error_string(ERR_peek_last_error());
		char text[ADDRESS_TEXT];
		int why = SSL_get_error(s->ssl, got);

		if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
			address_format(&s->peer.address, text);
			log_event(LOG_INFO, "tls-refused", "peer=%s\treason=%s", text,
			    reason ? reason : "closed by the peer");
		}
	}
	if (tls_result(s, got, &unused, SSL_ERROR_WANT_READ) != 0)
		break_off(s);
}

static bool
may_read(const struct stream *s)
{
	return s->state == STREAM_OPEN && !s->eof && !s->yielded;
}

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct stream *s = ctx;

	(void)fd;
	(void)what;
	if (s->state == STREAM_HANDSHAKE) {
		shake_hands(s);
		return;
	}
	if (s->write_wants_read)
		flush(s);
	if (s->state == STREAM_FLUSHING || s->state == STREAM_LINGERING) {
		linger(s);
		return;
	}
	if (!s->paused && s->state == STREAM_OPEN)
		give_ahead(s);
	for (unsigned i = 0; i < READS_MOST && may_read(s); i++)
		if (!read_once(s))
			break;
	if (s->yielded && s->state == STREAM_OPEN)
		event_active(&s->read_event, EV_READ, 0);
	s->yielded = false;
	/* The library may hold bytes that the kernel does not know of. */
	if (s->state == STREAM_OPEN && s->ssl && !s->paused && SSL_pending(s->ssl) > 0)
		event_active(&s->read_event, EV_READ, 0);
	tell_end(s);
}

void
stream_pause(struct stream *s)
{
	s->paused = true;
}

void
stream_yield(struct stream *s)
{
	s->yielded = true;
}

void
stream_resume(struct stream *s)
{
	if (!s->paused || s->state != STREAM_OPEN)
		return;
	s->paused = false;
	s->resumed = true;
	if (!s->eof)
		event_add(&s->read_event, NULL);
	if (!s->in_bytes)
		event_active(&s->read_event, EV_READ, 0);
}

/* Writing. */

static void
shut_down(struct stream *s)
{
	if (s->ssl) {
		ERR_clear_error();
		SSL_shutdown(s->ssl);
		ERR_clear_error();
	}
	if (s->eof) {
		stream_close(s);
		return;
	}
	shutdown(s->fd, SHUT_WR);
	enter(s, STREAM_LINGERING);
	event_add(&s->read_event, NULL);
	loop_timer_set(s->loop, &s->timer, LINGER_MS);
}

/* Send from the queue. Returns bytes, 0 for none now, -1 when broken. */
static ssize_t
send_queued(struct stream *s)
{
	int got;

	if (s->ssl) {
		size_t len = evbuffer_get_length(s->out);
		unsigned char *p;

		if (len > RECORD_BYTES)
			len = RECORD_BYTES;
		p = evbuffer_pullup(s->out, (ssize_t)len);
		ERR_clear_error();
		s->write_wants_read = false;
		got = SSL_write(s->ssl, p, (int)len);
		if (got > 0) {
			evbuffer_drain(s->out, (size_t)got);
			return got;
		}
		return tls_result(s, got, &s->write_wants_read, SSL_ERROR_WANT_READ) == 0 ? 0 : -1;
	}
	got = evbuffer_write(s->out, s->fd);
	if (got > 0)
		return got;
	return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? 0 : -1;
}

static void
queue_is_empty(struct stream *s)
{
	evbuffer_free(s->out);
	s->out = NULL;
	loop_timer_clear(s->loop, &s->write_timer);
	if (!s->read_wants_write)
		event_del(&s->write_event);
}

/* Send what is queued as far as it goes; tells nobody. */
static void
push_out(struct stream *s)
{
	while (s->out && evbuffer_get_length(s->out)) {
		ssize_t got = send_queued(s);

		if (got < 0) {
			fail_later(s);
			return;
		}
		if (got == 0) {
			event_add(&s->write_event, NULL);
			if (!loop_timer_is_set(&s->write_timer)) {
				s->sent = 0;
				loop_timer_set(s->loop, &s->write_timer, s->write_timeout);
			}
			return;
		}
		s->sent += (uint64_t)got;
	}
	if (s->out)
		queue_is_empty(s);
}

static void
flush(struct stream *s)
{
	bool had = s->out != NULL;

	push_out(s);
	if (s->failed || s->out)
		return;
	if (s->state == STREAM_FLUSHING)
		shut_down(s);
	else if (had && s->state == STREAM_OPEN)
		s->callbacks->sent(s);
}

static void
on_writable(evutil_socket_t fd, short what, void *ctx)
{
	struct stream *s = ctx;

	(void)fd;
	(void)what;
	if (s->failed) {
		break_off(s);
		return;
	}
	if (s->state == STREAM_HANDSHAKE) {
		event_del(&s->write_event);
		shake_hands(s);
		return;
	}
	if (s->read_wants_write) {
		s->read_wants_write = false;
		event_active(&s->read_event, EV_READ, 0);
	}
	if (s->out || s->state == STREAM_FLUSHING)
		flush(s);
	else if (s->state != STREAM_CLOSED)
		event_del(&s->write_event);
}

static void
on_write_timeout(struct loop *l, struct loop_timer *t)
{
	struct stream *s = (struct stream *)((char *)t - offsetof(struct stream, write_timer));

	if (s->sent < SLOW_BYTES) {
		break_off(s);
		return;
	}
	s->sent = 0;
	loop_timer_set(l, t, s->write_timeout);
}

static bool
may_send(const struct stream *s)
{
	return s->state == STREAM_OPEN && !s->failed;
}

/* Send directly what a plain socket takes now. Returns how many bytes. */
static size_t
send_directly(struct stream *s, const struct iovec *pieces, int count)
{
	struct msghdr m = { .msg_iov = (struct iovec *)pieces, .msg_iovlen = (size_t)count };
	ssize_t got;

	if (s->ssl || s->out)
		return 0;
	got = sendmsg(s->fd, &m, MSG_NOSIGNAL);
	if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		fail_later(s);
	return got < 0 ? 0 : (size_t)got;
}

static void
need_queue(struct stream *s)
{
	if (!s->out)
		s->out = evbuffer_new();
	if (!s->out)
		abort();
}

void
stream_send(struct stream *s, const struct iovec *pieces, int count)
{
	size_t done;

	if (!may_send(s))
		return;
	done = send_directly(s, pieces, count);
	if (s->failed)
		return;
	for (int i = 0; i < count; i++) {
		size_t skip = done < pieces[i].iov_len ? done : pieces[i].iov_len;

		done -= skip;
		if (skip == pieces[i].iov_len)
			continue;
		need_queue(s);
		if (evbuffer_add(s->out, (const char *)pieces[i].iov_base + skip,
			pieces[i].iov_len - skip) < 0)
			abort();
	}
	if (s->out)
		push_out(s);
}

struct reference {
	void (*release)(void *ctx);
	void *ctx;
};

static void
release_reference(const void *p, size_t len, void *ctx)
{
	struct reference *r = ctx;

	(void)p;
	(void)len;
	r->release(r->ctx);
	free(r);
}

void
stream_send_reference(
    struct stream *s, struct str head, struct str body, void (*release)(void *ctx), void *ctx)
{
	struct iovec pieces[] = {
		{ (void *)head.p, head.len },
		{ (void *)body.p, body.len },
	};
	size_t done, from;
	struct reference *r;

	if (!may_send(s)) {
		release(ctx);
		return;
	}
	done = send_directly(s, pieces, 2);
	if (s->failed || done == head.len + body.len) {
		release(ctx);
		return;
	}
	need_queue(s);
	if (done < head.len && evbuffer_add(s->out, head.p + done, head.len - done) < 0)
		abort();
	from = done > head.len ? done - head.len : 0;
	r = xmalloc(sizeof(*r));
	*r = (struct reference){ release, ctx };
	if (evbuffer_add_reference(s->out, body.p + from, body.len - from, release_reference, r) <
	    0)
		abort();
	push_out(s);
}

size_t
stream_queued(const struct stream *s)
{
	return s->out ? evbuffer_get_length(s->out) : 0;
}

/* Life. */

static void
on_timeout(struct loop *l, struct loop_timer *t)
{
	struct stream *s = (struct stream *)((char *)t - offsetof(struct stream, timer));

	(void)l;
	if (s->state == STREAM_OPEN)
		s->callbacks->timeout(s);
	else if (s->state == STREAM_LINGERING)
		stream_close(s);
	else
		break_off(s);
}

void
stream_set_timeout(struct stream *s, unsigned ms)
{
	if (s->state != STREAM_OPEN)
		return;
	if (ms)
		loop_timer_set(s->loop, &s->timer, ms);
	else
		loop_timer_clear(s->loop, &s->timer);
}

void
stream_finish(struct stream *s)
{
	if (s->state != STREAM_OPEN)
		return;
	enter(s, STREAM_FLUSHING);
	loop_timer_clear(s->loop, &s->timer);
	if (s->failed)
		return; /* broken() is on its way */
	if (s->out) {
		/* What the peer still sends is of no interest. */
		if (!s->eof)
			event_add(&s->read_event, NULL);
		return;
	}
	shut_down(s);
}

void
stream_start(struct stream *s, struct loop *l, int fd, const struct address *peer, struct tls *tls,
    const void *kind, const struct stream_callbacks *callbacks, unsigned handshake_timeout,
    unsigned write_timeout)
{
	*s = (struct stream){
		.callbacks = callbacks,
		.loop = l,
		.fd = fd,
		.peer = { .address = *peer, .tls = tls != NULL },
		.write_timeout = write_timeout,
	};
	s->timer.fn = on_timeout;
	s->write_timer.fn = on_write_timeout;
	s->id = loop_add_connection(l, kind, s);
	event_assign(&s->read_event, loop_base(l), fd, EV_READ | EV_PERSIST, on_readable, s);
	event_assign(&s->write_event, loop_base(l), fd, EV_WRITE | EV_PERSIST, on_writable, s);
	event_add(&s->read_event, NULL);
	if (!tls) {
		enter(s, STREAM_OPEN);
		callbacks->opened(s);
		return;
	}
	s->ssl = tls_accept(tls);
	if (SSL_set_fd(s->ssl, fd) != 1)
		abort();
	enter(s, STREAM_HANDSHAKE);
	loop_timer_set(l, &s->timer, handshake_timeout);
	/* A client speaks first, once it is connected. */
	if (!SSL_is_server(s->ssl))
		event_add(&s->write_event, NULL);
}
