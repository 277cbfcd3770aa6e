/*
 * stream.h - one connection's bytes, plain or TLS.
 *
 * What the servers have in common: reading with a pause, writing without
 * growing past what the peer takes, the TLS handshake, closing so that the
 * last answer arrives (RFC 9112, 9.6), timeouts.
 *
 * A stream is embedded in the server's connection. Its loop owns it; loop
 * thread only. Nothing is freed inside a callback: stream_close() marks, and
 * `closed` is called from the loop when nobody uses it any more.
 *
 * Bytes are read into one buffer a thread and given on at once; what the
 * server does not take is kept, up to STREAM_AHEAD, and an idle connection
 * holds no buffer. Writes go to the socket directly; only what it does not
 * take is queued. This saves three of five system calls a request against a
 * bufferevent, and most of the memory of an idle connection.
 */
#ifndef GATEWAY_NET_STREAM_H
#define GATEWAY_NET_STREAM_H

#include <event2/event_struct.h>
#include <sys/uio.h>

#include "gateway/net/loop.h"
#include "gateway/net/peer.h"

struct evbuffer;
struct stream;

enum {
	STREAM_AHEAD = 16 * 1024, /* kept while paused */
};

struct stream_callbacks {
	/* The connection is ready: right away, or after the handshake. */
	void (*opened)(struct stream *s);
	/*
	 * Bytes arrived. Returns how many were used; fewer only when the
	 * stream was paused, yielded or closed. len may be 0 after stream_resume().
	 */
	size_t (*bytes)(struct stream *s, const char *p, size_t len);
	/* The peer will send no more; it may still read. Called when all bytes
	 * before were used. */
	void (*ended)(struct stream *s);
	/* The time set by stream_set_timeout() is up. */
	void (*timeout)(struct stream *s);
	/* What was queued has been sent. */
	void (*sent)(struct stream *s);
	/* The connection broke, or the peer takes nothing. stream_close() was
	 * called already. */
	void (*broken)(struct stream *s);
	/* It is closed and used no more: free what holds it. */
	void (*closed)(struct stream *s);
};

enum stream_state {
	STREAM_NEW,
	STREAM_HANDSHAKE,
	STREAM_OPEN,
	STREAM_FLUSHING,  /* sending what is left, then */
	STREAM_LINGERING, /* waiting for the peer to see it and close */
	STREAM_CLOSED,
};

struct stream {
	const struct stream_callbacks *callbacks;
	struct loop *loop;
	uint64_t id;
	struct peer peer;
	enum stream_state state;
	int fd;
	SSL *ssl;
	struct tls_peer *certificate;
	struct event read_event, write_event;
	struct loop_timer timer, write_timer;
	struct loop_message bury;
	unsigned write_timeout; /* ms */

	char *ahead; /* bytes read and not used */
	size_t ahead_len, ahead_cap;
	struct evbuffer *out; /* NULL when nothing is queued */
	uint64_t sent;	      /* bytes since write_timer was set */
	size_t lingered;

	bool paused, resumed;
	bool yielded;
	bool in_bytes;	 /* the callback is running */
	bool eof, ended; /* the peer sends no more; the callback was told */
	bool failed;
	bool read_wants_write, write_wants_read; /* of TLS */
};

/*
 * Begin on an accepted socket, or one that connects, which becomes the stream's. kind is for
 * loop_find_connection(), which gives s. tls may be NULL. Times are ms.
 */
void stream_start(struct stream *s, struct loop *l, int fd, const struct address *peer,
    struct tls *tls, const void *kind, const struct stream_callbacks *callbacks,
    unsigned handshake_timeout, unsigned write_timeout);

/* Stop giving bytes on; reading goes on until STREAM_AHEAD, so that a peer
 * that goes away is noticed. */
void stream_pause(struct stream *s);

/* Go on; bytes() is called soon, from the loop. */
void stream_resume(struct stream *s);

/* In bytes(): let other connections have their turn before more is given. */
void stream_yield(struct stream *s);

/*
 * Send the pieces. What the socket does not take is copied and queued. After a
 * failure, which broken() will tell, it does nothing.
 */
void stream_send(struct stream *s, const struct iovec *pieces, int count);

/* As stream_send() of two pieces, but the second is not copied: release(ctx) is
 * called once when it is needed no more, perhaps at once. */
void stream_send_reference(
    struct stream *s, struct str head, struct str body, void (*release)(void *ctx), void *ctx);

/* Bytes queued. */
size_t stream_queued(const struct stream *s);

/* Call timeout() in ms; 0: not at all. */
void stream_set_timeout(struct stream *s, unsigned ms);

/* Send what is queued, then close; nothing is given on any more. */
void stream_finish(struct stream *s);

/* Close now. */
void stream_close(struct stream *s);

static inline bool
stream_is_open(const struct stream *s)
{
	return s->state == STREAM_OPEN;
}

#endif
