/*
 * http1.h - HTTP/1.1 messages (RFC 9110, RFC 9112), the server's side.
 *
 * Reads requests and writes responses. Does no I/O; what is found does not
 * depend on how the stream was cut into calls. One thread at a time.
 *
 * Where the standard leaves a choice, the strict one is taken: lines end with
 * CRLF only (a bare LF or CR is 400), a folded line is 400, white space around
 * a header's name is 400, Content-Length given twice is 400 even when both
 * agree, Content-Length beside Transfer-Encoding is 400.
 */
#ifndef GATEWAY_NET_HTTP1_H
#define GATEWAY_NET_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"

struct buf;
struct error;
struct http1;

enum http_method {
	HTTP_OTHER, /* see method_name */
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_TRACE,
	HTTP_CONNECT,
};

struct http_header {
	struct str name;  /* as sent; compare without case */
	struct str value; /* without white space around it */
};

/* The head of a request. */
struct http_head {
	enum http_method method;
	struct str method_name;
	struct str target;    /* as sent */
	struct str scheme;    /* of an absolute-form target, else empty */
	struct str authority; /* the target's or else Host's; may be empty (1.0) */
	struct str path;      /* as sent, percent-encoding kept; "*" for
				 * asterisk-form; "/" when an absolute-form has none */
	struct str query;     /* behind the '?'; p is NULL when there is none */
	unsigned minor;	      /* 1.minor: 0 or 1 */
	const struct http_header *headers;
	size_t header_count;

	uint64_t content_length; /* 0 when there is none, or chunked */
	bool has_body;		 /* Content-Length over 0, or chunked */
	bool chunked;
	bool expect_continue; /* Expect: 100-continue, with a body, from 1.1 */
	bool keep_alive;
};

/*
 * The value of the header of that name (case is ignored), the first when there
 * are several; p is NULL when there is none.
 */
struct str http_header_get(const struct http_head *h, const char *name);

/* How many headers of that name there are. */
size_t http_header_count(const struct http_head *h, const char *name);

/*
 * Step through a comma-separated list (RFC 9110, 5.6.1): give the next element
 * that is not empty, trimmed, in *item. Returns false at the end. Commas in
 * quoted strings do not separate.
 */
bool http_list_next(struct str *rest, struct str *item);

/* What is read at most. 0 in any: the default behind it. */
struct http1_limits {
	size_t head_bytes; /* request line and headers, 32 KiB: 431 */
	size_t target;	   /* length of the target, 8 KiB: 414 */
	size_t headers;	   /* how many, 100: 431 */
	size_t chunk_line; /* length of a chunk's size line with extensions, 256: 400 */
	size_t trailers;   /* bytes of trailers, 4 KiB: 431 */
};

/* What a callback wants next. */
enum http1_next {
	HTTP1_GO,
	HTTP1_PAUSE, /* http1_feed() returns; feed the rest later */
};

struct http1_callbacks {
	/* The head is whole; it is good until the request's end or
	 * http1_reset(). */
	enum http1_next (*head)(void *ctx, const struct http_head *head);
	/* The next bytes of the body, good until it returns; never empty. */
	enum http1_next (*body)(void *ctx, struct str piece);
	/* The request is whole. http1_feed() returns after it in any case. */
	void (*end)(void *ctx);
};

/* Make a reader. The callbacks and limits are copied. */
struct http1 *
http1_new(const struct http1_limits *limits, const struct http1_callbacks *callbacks, void *ctx);
void http1_free(struct http1 *h);

/* Forget everything and wait for the next request; gives back large buffers.
 * Bytes of a head are wiped: it may have held a token. */
void http1_reset(struct http1 *h);

/*
 * Take len bytes from the peer. Returns how many were used: fewer than len
 * when a callback paused or the request ended (call http1_reset() before the
 * bytes of the next). Returns -1 with *err set when the request is refused, and
 * *status set to what to answer (400, 411, 413, 414, 417, 431, 501, 505); nothing more can be
 * read then.
 */
ssize_t http1_feed(struct http1 *h, const void *bytes, size_t len, int *status, struct error *err);

/* Nothing of a request was seen yet (empty lines do not count). */
bool http1_is_idle(const struct http1 *h);
/* The request was read to its end. */
bool http1_is_done(const struct http1 *h);
/* The head is whole (callbacks->head was called). */
bool http1_has_head(const struct http1 *h);
/* The head as far as it was understood; fields are empty where not. */
const struct http_head *http1_head(struct http1 *h);

/* The head of a response. */
struct http_response {
	int status;
	const struct http_header *headers; /* not those named below */
	size_t header_count;
	bool close;	      /* Connection: close */
	bool keep_alive_1_0;  /* Connection: keep-alive, for a 1.0 client */
	bool chunked;	      /* Transfer-Encoding: chunked, else */
	uint64_t body_length; /* Content-Length */
	bool no_length;	      /* neither: the body ends with the connection */
};

/*
 * Write status line, Date, Connection, framing and headers. A header whose
 * name is no token or whose value holds a control character is not written,
 * and false is returned: the answer is then not what was asked for. With
 * status 1xx, 204 and 304 no framing is written (RFC 9112, 6.1 and 6.2).
 */
bool http1_write_head(struct buf *out, const struct http_response *r, struct str date);

/* Write the line before a chunk of size bytes ("1a\r\n"); "\r\n" follows the
 * bytes. Size 0 is not a chunk: end with HTTP1_LAST_CHUNK. */
void http1_write_chunk_size(struct buf *out, size_t size);
#define HTTP1_LAST_CHUNK "0\r\n\r\n"

/* The standard's reason phrase; "" for a status it does not know. */
const char *http_reason(int status);

#endif
