/*
 * http_exchange.h - what front_http.c and its parts share: an exchange that
 * came by HTTP. For them alone.
 */
#ifndef GATEWAY_EXCHANGE_HTTP_EXCHANGE_H
#define GATEWAY_EXCHANGE_HTTP_EXCHANGE_H

#include "gateway/exchange/exchange.h"
#include "gateway/exchange/front_http.h"
#include "gateway/fhir/negotiate.h"
#include "gateway/net/http_body.h"
#include "mappers/fhir/fhir_format.h"

struct answer_source;
struct http_stream;

enum {
	HTTP_WHOLE_MOST = 1 << 20, /* longer answers go out in pieces */
};

struct http_exchange {
	struct exchange x;
	struct http_request *r;
	const struct http_listener *listener;
	struct fhir_route route;
	struct preferences preferences;
	struct query_format format;
	enum fhir_format body_format, answer_format;
	enum coding coding; /* of the body */
	struct str charset; /* of the body, as its Content-Type says; empty: it does not */
	bool gzip;	    /* the client takes it */
	bool has_route;
	bool has_body; /* the request is whole */
	bool close;    /* refused before its body was read */
	bool has_plain;
	bool is_json_patch; /* the body is no resource */
	bool packed;	    /* the answer is gzip */
	struct str body;
	struct http_body plain;	    /* the body without its coding, with has_plain */
	struct buf *made;	    /* holds the answer's body, where it was written anew;
				 * NULL: it was not */
	struct http_stream *stream; /* an answer in pieces; NULL: it is whole */
	uint64_t length;	    /* of it; 0: not known */
	const char *interaction;
	char challenge[ACCESS_CHALLENGE_TEXT];
};

static inline struct http_exchange *
http_of(struct exchange *x)
{
	return (struct http_exchange *)x;
}

/* Is the answer another text than what is stored? */
static inline bool
http_is_anew(const struct http_exchange *h)
{
	return h->format.pretty || h->answer_format != FHIR_FORMAT_JSON;
}

/* http_identify.c: who is it, what do they ask for, and may they, from the
 * head alone. */
enum outcome http_exchange_identify(struct exchange *x);

/* http_decode.c: the body, and what it asks for. */
enum outcome http_exchange_decode(struct exchange *x);

/* http_answer.c */

/* The answer of what the store has done. */
enum outcome http_exchange_finish(struct exchange *x, struct worker *w);

/* The OperationOutcome of why not. */
void http_exchange_refuse(struct exchange *x);

/* Send it. */
void http_exchange_send(struct exchange *x);

/* http_stream.c: long answers, in pieces, each made when the client has taken
 * enough of those before. */

/* Answer with what the source gives, each part cut to the subset, in the
 * format and coding of the answer. */
void http_stream_new(
    struct http_exchange *h, struct answer_source *source, const struct fhir_subset *subset);

/*
 * Make the beginning. Returns 1 when that is all: it is in whole, not packed,
 * and the stream has done its work; 0 when there is more, and the stream has
 * it; -1 with *err set when it cannot be made. Not called, the first piece is
 * made when the answer is sent.
 */
int
http_stream_try(struct http_exchange *h, struct worker *w, struct buf *whole, struct error *err);

/* Nothing was sent of it. Freeing none is fine. */
void http_stream_drop(struct http_exchange *h);

/* Send the head and then all of it, and end the request. Loop thread. */
void http_stream_send(struct http_exchange *h, const struct http_answer *a);

/* There is room again; the client has gone. */
void http_stream_go_on(struct http_exchange *h);
void http_stream_abort(struct http_exchange *h);

/* A text without an exchange. */
void http_exchange_answer_plain(struct http_request *r, int status, const char *text);

#endif
