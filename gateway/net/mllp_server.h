/*
 * mllp_server.h - HL7 v2 over MLLP on the loops, with or without TLS.
 *
 * Every loop has its own listener (SO_REUSEPORT); a connection stays on its
 * loop, and every callback about it comes on that loop's thread.
 *
 * A message belongs to the application from on_message() or on_refused() until
 * the application ends it, exactly once, with mllp_answer() or mllp_drop().
 * Until then it, its bytes and its arena are good, whatever happens to the
 * connection. One message of a connection is in work at a time; later ones
 * wait, and reading stops, so answers are in order.
 */
#ifndef GATEWAY_NET_MLLP_SERVER_H
#define GATEWAY_NET_MLLP_SERVER_H

#include "base/arena.h"
#include "gateway/net/loop.h"
#include "gateway/net/mllp.h"
#include "gateway/net/peer.h"

struct error;
struct mllp_server;

/* 0 in any field is the default that stands behind it. Times are ms. */
struct mllp_limits {
	size_t message_bytes;	    /* 16 MiB */
	size_t arena_bytes;	    /* limit of message->arena. 64 MiB */
	unsigned idle_timeout;	    /* between messages: closed. 1 h */
	unsigned message_timeout;   /* for a whole message, from its <VT>. 60 s */
	unsigned write_timeout;	    /* a peer that takes no answer: closed. 30 s */
	unsigned handshake_timeout; /* of TLS. 10 s */
	size_t connections;	    /* at a time, over all loops; more are closed. 4096 */
};

struct mllp_message {
	struct loop *loop;
	uint64_t connection;
	const struct peer *peer;
	int64_t started;     /* monotonic time of arrival */
	struct str bytes;    /* without the frame */
	struct arena *arena; /* the application's, for this message; wiped at its end */
	void *user;	     /* the application's; NULL at first */
};

struct mllp_handler {
	void *ctx;
	/* A whole message. End it now or later. */
	void (*on_message)(void *ctx, struct mllp_message *m);
	/*
	 * The peer sent something that is no message: too long (kind
	 * ERROR_LIMIT), cut off by a timeout, by the end of the connection or by
	 * a stop (ERROR_IO), out of step or begun anew (ERROR_INVALID). m->bytes
	 * is the start of it, as far as there is one, enough to find its MSH.
	 * End it with the answer it deserves, or drop it; the connection is
	 * closed behind it. An answer that nobody would hear, or that would be
	 * wrong (to a message that a stop cut off), is dropped.
	 * NULL: closed without a word.
	 */
	void (*on_refused)(void *ctx, struct mllp_message *m, const struct error *why);
	/* The peer has gone while m was in work; it still has to be ended. May
	 * be NULL. */
	void (*on_abort)(void *ctx, struct mllp_message *m);
};

struct mllp_config {
	struct address address; /* port 0: one is chosen, the same for all loops */
	struct tls *tls;	/* NULL: plain; must outlive the server */
	struct mllp_limits limits;
	struct mllp_handler handler;
};

/* As http_server_new() and its companions. */
struct mllp_server *mllp_server_new(struct loop *const *loops, unsigned loop_count,
    const struct mllp_config *config, struct error *err);
void mllp_server_free(struct mllp_server *s);
const struct address *mllp_server_address(const struct mllp_server *s);
size_t mllp_server_connections(const struct mllp_server *s);

/*
 * End m by sending answer (copied and framed; empty: nothing is sent). Loop
 * thread. Returns 0, or -1 when the peer has gone. m is not to be used any
 * more in either case.
 */
int mllp_answer(struct mllp_message *m, struct str answer);

/* Send an answer before the one that ends m. Loop thread. Returns as
 * mllp_answer(). */
int mllp_say(struct mllp_message *m, struct str answer);

/* End m without an answer; the connection, if still there, is closed. */
void mllp_drop(struct mllp_message *m);

#endif
