/*
 * http_server.h - an HTTP/1.1 server on the loops, with or without TLS.
 *
 * Every loop has its own listener (SO_REUSEPORT); a connection stays on its
 * loop, and every callback about it comes on that loop's thread.
 *
 * A request belongs to the application from on_head() (or on_refused(), when
 * that comes first) until the application ends it, exactly once, with
 * http_answer(), http_finish() or http_drop(). Until then the request, its
 * head, its body and its arena are good, whatever happens to the connection:
 * work in a lane may read them. An answer to a client that has gone is dropped.
 *
 * One request of a connection is in work at a time; what a client sends ahead
 * (pipelining) waits unread, so answers are in order.
 */
#ifndef GATEWAY_NET_HTTP_SERVER_H
#define GATEWAY_NET_HTTP_SERVER_H

#include "base/arena.h"
#include "gateway/net/http1.h"
#include "gateway/net/loop.h"
#include "gateway/net/peer.h"

struct error;
struct http_server;

/* 0 in any field is the default that stands behind it. Times are ms. */
struct http_limits {
	struct http1_limits head;
	uint64_t body_bytes;	    /* a longer body: 413. 64 MiB */
	size_t spool_bytes;	    /* longer bodies go to a file. 1 MiB */
	size_t arena_bytes;	    /* limit of request->arena. 16 MiB */
	unsigned head_timeout;	    /* for a whole head, from its first byte: 408. 10 s */
	unsigned body_timeout;	    /* for the next bytes of a body: 408. 20 s */
	unsigned body_rate;	    /* slower senders, bytes a second over the
				    * whole body after body_timeout: 408. 500 */
	unsigned idle_timeout;	    /* between requests: closed. 60 s */
	unsigned write_timeout;	    /* a client that takes nothing: closed. 30 s */
	unsigned handshake_timeout; /* of TLS. 10 s */
	size_t connections;	    /* at a time, over all loops; more: 503. 16384 */
	unsigned pipelined;	    /* requests of one connection carried out
				    * before others have their turn. 16 */
	size_t output_bytes;	    /* http_write() asks to wait above. 256 KiB */
};

struct http_request {
	struct loop *loop;
	uint64_t connection;
	const struct http_head *head; /* fields empty as far as it was not read */
	const struct peer *peer;
	int64_t started;     /* monotonic time of the head's first byte */
	struct str body;     /* collected; whole at on_request() */
	struct arena *arena; /* the application's, for this request; wiped at its end */
	void *user;	     /* the application's; NULL at first */

	/* May be changed in on_head(): this request's limit. */
	uint64_t body_most;
};

/* How the body is to be read. */
enum http_take {
	HTTP_COLLECT,  /* into request->body: in memory, or mapped from a file */
	HTTP_STREAM,   /* by on_body() */
	HTTP_WAIT,     /* not yet: http_take_body() will say */
	HTTP_ANSWERED, /* not at all: the request was ended in on_head() */
};

struct http_handler {
	void *ctx;

	/*
	 * The head is here, the body not yet. Decide; 100 Continue is sent when
	 * the body is taken. The request may be ended right here (return
	 * HTTP_ANSWERED).
	 */
	enum http_take (*on_head)(void *ctx, struct http_request *r);

	/*
	 * HTTP_STREAM: the next bytes, good until it returns. HTTP1_PAUSE stops
	 * reading until http_resume(). May be NULL when nothing streams.
	 */
	enum http1_next (*on_body)(void *ctx, struct http_request *r, struct str piece);

	/* The request is whole. End it now or later. */
	void (*on_request)(void *ctx, struct http_request *r);

	/*
	 * The request cannot be had: malformed, too large, too slow (status says
	 * which: 400, 408, 411, 413, 414, 417, 431, 501, 503, 505; reason is a
	 * lower-case text for the client and holds nothing it sent). End it
	 * with an answer, now or later (http_answer_text() will do); the
	 * connection is closed behind it. It may come with or without on_head()
	 * before; r->head is what was understood.
	 */
	void (*on_refused)(void *ctx, struct http_request *r, int status, const char *reason);

	/*
	 * The client has gone (connection reset, closed in mid-body, or taking
	 * nothing) while the request was the application's. The application
	 * still has to end it, here or later; in mid-body nothing else is
	 * called for it. A client that only closed its sending side gets its
	 * answer. NULL, for an application that keeps nothing before
	 * on_request() and never returns HTTP_WAIT: a request cut in mid-body
	 * is ended by itself, others by their answers.
	 */
	void (*on_abort)(void *ctx, struct http_request *r);

	/* After http_write() asked to wait: there is room again. May be NULL
	 * when nothing is streamed out. */
	void (*on_room)(void *ctx, struct http_request *r);
};

struct http_config {
	struct address address; /* port 0: one is chosen, the same for all loops */
	struct tls *tls;	/* NULL: plain; must outlive the server */
	struct http_limits limits;
	const char *spool_folder; /* NULL: /tmp */
	struct http_handler handler;
	/* What clients over the limit of connections are told (503); may be
	 * empty. Must outlive the server. */
	struct str busy_type, busy_body;
};

/*
 * Listen on all the loops, which must not run yet. Returns NULL with *err set
 * when the address cannot be had.
 */
struct http_server *http_server_new(struct loop *const *loops, unsigned loop_count,
    const struct http_config *config, struct error *err);

/* After the loops were joined; closes what is left. */
void http_server_free(struct http_server *s);

/* Where it listens, with the real port. */
const struct address *http_server_address(const struct http_server *s);

/* For metrics; any thread. */
size_t http_server_connections(const struct http_server *s);

/* An answer. What it points to must be good until http_answer() returns. */
struct http_answer {
	int status;
	const struct http_header
	    *headers; /* not Date, Connection, Content-Length, Transfer-Encoding */
	size_t header_count;
	/*
	 * The body; empty for none. To HEAD it is not sent, but its length
	 * is. With release it is not copied: release(release_ctx) is called
	 * once when the bytes are not needed any more, perhaps before
	 * http_answer() returns, perhaps after the request's arena has gone.
	 */
	struct str body;
	void (*release)(void *release_ctx);
	void *release_ctx;
	bool close; /* close the connection behind it */
	/* For http_begin(): how long all pieces are together; 0: not known. */
	uint64_t length;
};

/*
 * End r with an answer. Loop thread. Returns 0, or -1 when the client has gone
 * (or a header cannot be sent, which is our bug and becomes a 500). r is not
 * to be used any more in either case.
 */
int http_answer(struct http_request *r, const struct http_answer *a);

/* http_answer() with a plain text. */
int http_answer_text(struct http_request *r, int status, const char *text);

/* End r without an answer; the connection, if still there, is closed. */
void http_drop(struct http_request *r);

/* After HTTP_WAIT: read the body that way (HTTP_COLLECT or HTTP_STREAM). */
void http_take_body(struct http_request *r, enum http_take how);

/* After on_body() paused: go on. */
void http_resume(struct http_request *r);

/* Has the client gone? */
bool http_is_gone(const struct http_request *r);

/*
 * Answer in pieces: http_begin() once (a->body is not used), http_write() for
 * each piece (copied), http_finish() ends r. Where a->length is not given,
 * chunked to 1.1 clients, by the end of the connection to 1.0 ones. http_begin() returns 0 or -1 as http_answer();
 * http_write() returns 0, 1 when on_room() should be awaited before more, or
 * -1 when the client has gone. r must be ended in every case.
 */
int http_begin(struct http_request *r, const struct http_answer *a);
int http_write(struct http_request *r, struct str piece);
void http_finish(struct http_request *r);

#endif
