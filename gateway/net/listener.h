/*
 * listener.h - accept connections on a loop.
 *
 * Every loop has its own listening socket on the same address (SO_REUSEPORT),
 * so that the kernel spreads connections and no loop waits for another. When
 * the process runs out of file descriptors, accepting pauses for a moment.
 * Loop thread only.
 */
#ifndef GATEWAY_NET_LISTENER_H
#define GATEWAY_NET_LISTENER_H

#include "gateway/net/address.h"
#include "gateway/net/loop.h"

struct error;
struct listener;

/* A connection was made: fd is non-blocking, close-on-exec and the callee's. */
typedef void listener_fn(void *ctx, int fd, const struct address *peer);

/*
 * Is nobody listening on address? Sockets that share a port would not notice:
 * two gateways would each get half of the connections. Returns 0, or -1 with
 * *err set.
 */
int listener_check(const struct address *address, struct error *err);

/*
 * Listen on address. A port of 0 in it is replaced by the one chosen. Returns
 * NULL with *err set when the address cannot be had.
 */
struct listener *listener_new(
    struct loop *l, struct address *address, listener_fn *fn, void *ctx, struct error *err);

/* Stop listening. Freeing NULL is fine. */
void listener_free(struct listener *l);

#endif
