/*
 * http_connection.h - what http_server.c and http_connection.c share: a
 * server's part on one loop, its connections and their requests. Loop thread
 * only.
 */
#ifndef GATEWAY_NET_HTTP_CONNECTION_H
#define GATEWAY_NET_HTTP_CONNECTION_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/clock.h"
#include "gateway/net/http_body.h"
#include "gateway/net/http_server.h"
#include "gateway/net/stream.h"

struct listener;
struct request;

/* A server's part on one loop. */
struct http_shard {
	struct http_server *server;
	struct loop *loop;
	struct listener *listener;
	struct loop_service service;
	struct http_connection *connections;
	struct request *spare; /* requests to be used again */
	unsigned spare_count;
	struct buf head; /* of the answer being written */
	char date[INSTANT_TEXT];
	size_t date_len;
	int64_t date_second;
	bool draining;
	bool full; /* connections were turned away, and it was logged */
};

struct http_server {
	struct http_config config; /* with the defaults filled in */
	atomic_size_t connections;
	atomic_size_t refused; /* connections being told that they are too many */
	unsigned shard_count;
	struct http_shard shards[];
};

/* What its timer is set for. */
enum timing {
	TIMING_NONE,
	TIMING_IDLE,
	TIMING_HEAD,
	TIMING_BODY,
};

struct http_connection {
	struct stream stream; /* first: the table of connections gives it */
	struct http_shard *shard;
	struct http_connection *next, **prev;
	struct request *request; /* being read, or in work */
	enum timing timing;
	unsigned in_a_row; /* requests served without giving others a turn */
	bool closing;	   /* behind the present answer */
	bool too_many;
};

/* Take an accepted socket. too_many: only to say so. */
void
http_connection_start(struct http_shard *shard, int fd, const struct address *peer, bool too_many);

/* Finish the request in work, if there is one, and close. */
void http_connection_drain(struct http_connection *c);

/* Close now. */
void http_connection_close(struct http_connection *c);

/* Free the requests kept for later. */
void http_shard_free_spare(struct http_shard *shard);

#endif
