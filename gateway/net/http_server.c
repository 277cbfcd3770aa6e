#include "gateway/net/http_server.h"

#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "gateway/net/http_connection.h"
#include "gateway/net/listener.h"

enum {
	REFUSED_MOST = 64, /* connections that are told that they are too many */
	ANSWER_HEAD_BYTES = 64 * 1024,
};

static void
on_accept(void *ctx, int fd, const struct address *peer)
{
	struct http_shard *shard = ctx;
	struct http_server *s = shard->server;

	if (atomic_load(&s->connections) < s->config.limits.connections) {
		shard->full = false;
		http_connection_start(shard, fd, peer, false);
		return;
	}
	if (!shard->full)
		log_event(LOG_WARN, "connections-full", "protocol=http\tmost=%zu",
		    s->config.limits.connections);
	shard->full = true;
	if (!s->config.tls && atomic_load(&s->refused) < REFUSED_MOST)
		http_connection_start(shard, fd, peer, true);
	else
		close(fd);
}

static struct http_shard *
shard_of(struct loop_service *service)
{
	return (struct http_shard *)((char *)service - offsetof(struct http_shard, service));
}

static void
drain(struct loop_service *service)
{
	struct http_shard *shard = shard_of(service);
	struct http_connection *c, *next;

	shard->draining = true;
	listener_free(shard->listener);
	shard->listener = NULL;
	for (c = shard->connections; c; c = next) {
		next = c->next;
		http_connection_drain(c);
	}
}

static void
kill_all(struct loop_service *service)
{
	struct http_shard *shard = shard_of(service);
	struct http_connection *c, *next;

	for (c = shard->connections; c; c = next) {
		next = c->next;
		http_connection_close(c);
	}
}

static void
fill_in_limits(struct http_limits *l)
{
#define DEFAULT(field, value) (l->field = l->field ? l->field : (value))
	DEFAULT(body_bytes, 64u << 20);
	DEFAULT(spool_bytes, 1u << 20);
	DEFAULT(arena_bytes, 16u << 20);
	DEFAULT(head_timeout, 10000);
	DEFAULT(body_timeout, 20000);
	DEFAULT(body_rate, 500);
	DEFAULT(idle_timeout, 60000);
	DEFAULT(write_timeout, 30000);
	DEFAULT(handshake_timeout, 10000);
	DEFAULT(connections, 16384);
	DEFAULT(pipelined, 16);
	DEFAULT(output_bytes, 256 * 1024);
#undef DEFAULT
}

static int
open_shard(struct http_server *s, struct http_shard *shard, struct loop *l, struct error *err)
{
	shard->server = s;
	shard->loop = l;
	shard->date_second = -1;
	buf_init(&shard->head, ANSWER_HEAD_BYTES);
	shard->service.drain = drain;
	shard->service.kill = kill_all;
	shard->listener = listener_new(l, &s->config.address, on_accept, shard, err);
	if (!shard->listener)
		return -1;
	loop_add_service(l, &shard->service);
	s->shard_count++;
	return 0;
}

struct http_server *
http_server_new(struct loop *const *loops, unsigned loop_count, const struct http_config *config,
    struct error *err)
{
	struct http_server *s;

	if (!config->handler.on_head || !config->handler.on_request || !config->handler.on_refused)
		abort(); /* the application's mistake */
	if (listener_check(&config->address, err) < 0)
		return NULL;
	s = xcalloc(1, sizeof(*s) + loop_count * sizeof(s->shards[0]));
	s->config = *config;
	if (!s->config.spool_folder)
		s->config.spool_folder = "/tmp";
	fill_in_limits(&s->config.limits);
	atomic_init(&s->connections, 0);
	atomic_init(&s->refused, 0);
	for (unsigned i = 0; i < loop_count; i++)
		if (open_shard(s, &s->shards[i], loops[i], err) < 0) {
			http_server_free(s);
			return NULL;
		}
	return s;
}

void
http_server_free(struct http_server *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->shard_count; i++) {
		struct http_shard *shard = &s->shards[i];

		listener_free(shard->listener);
		loop_remove_service(shard->loop, &shard->service);
		kill_all(&shard->service);
		loop_flush(shard->loop);
		http_shard_free_spare(shard);
		buf_release(&shard->head);
	}
	free(s);
}

const struct address *
http_server_address(const struct http_server *s)
{
	return &s->config.address;
}

size_t
http_server_connections(const struct http_server *s)
{
	return atomic_load(&s->connections);
}
