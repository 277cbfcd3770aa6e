/*
 * http_body.h - a request's body, collected.
 *
 * Short bodies stay in memory, wiped when given back; longer ones go to a file
 * without a name, which is mapped at the end. Embedded; zeroed by
 * http_body_init(). One thread at a time.
 */
#ifndef GATEWAY_NET_HTTP_BODY_H
#define GATEWAY_NET_HTTP_BODY_H

#include "base/buf.h"

struct error;

struct http_body {
	struct buf memory;
	size_t spool_bytes;
	const char *folder;
	int fd; /* of the file, or -1 */
	uint64_t length;
	struct str map;
};

/* A body of over spool_bytes goes to a file in folder, whose name must outlive
 * the body. */
void http_body_init(struct http_body *b, size_t spool_bytes, const char *folder);

/* Give everything back; empty then, and may be used again. */
void http_body_reset(struct http_body *b);

/* Append. Returns 0, or -1 with *err set when the file cannot be written. */
int http_body_add(struct http_body *b, struct str piece, struct error *err);

/* The whole body, good until http_body_reset(). Returns 0, or -1 with *err set. */
int http_body_whole(struct http_body *b, struct str *out, struct error *err);

#endif
