/*
 * lane.h - worker threads for what may block.
 *
 * A task is embedded in what it is about, which brings its own arena; the lane
 * owns it from lane_submit() until done() is called on its home loop. The
 * queue is bounded: a full one refuses, and the caller pushes back on its peer.
 *
 * A lane either runs each task by itself on any of its threads, or is a batch
 * lane: one thread that takes what waits, up to a number, and carries it out
 * together (group commit).
 */
#ifndef GATEWAY_NET_LANE_H
#define GATEWAY_NET_LANE_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/net/loop.h"

struct error;
struct lane;

struct task {
	struct task *next;
	struct loop_message message; /* brings it home */
	/* In the lane; state is what open() gave for the thread. Not used in a
	 * batch lane. */
	void (*run)(void *state, struct task *t);
	/* On home, or in the lane's thread when home is NULL. May be NULL only
	 * without a home. */
	void (*done)(struct loop *home, struct task *t);
	struct loop *home;
};

struct lane_options {
	const char *name; /* a literal of at most 15 characters */
	unsigned threads; /* at least 1; a batch lane has one */
	size_t queue_most;

	void *ctx;
	/*
	 * Called in each thread before its first and after its last task, for
	 * what a thread keeps (a store reader). open() may be NULL: state is
	 * ctx then. A NULL from open() is an error: the lane does not start,
	 * and *err says why.
	 */
	void *(*open)(void *ctx, struct error *err);
	void (*close)(void *state);

	/* Not NULL: a batch lane. Carries out count tasks, at most batch_most,
	 * in the order they were submitted. */
	void (*run_batch)(void *state, struct task **tasks, size_t count);
	size_t batch_most;
};

/* Start the lane's threads. Returns NULL with *err set when that failed. */
struct lane *lane_new(const struct lane_options *o, struct error *err);

/*
 * Queue t. Any thread. Returns 0; or -1 with *err set (may be NULL) to
 * ERROR_BUSY when the queue is full or the lane stopped, and t stays the
 * caller's.
 */
int lane_submit(struct lane *lane, struct task *t, struct error *err);

/* How many tasks wait (not those being run), for metrics. Any thread. */
size_t lane_length(struct lane *lane);

/*
 * Carry out what was queued, bring it home, end the threads and free the
 * lane. The home loops must still take messages. Freeing NULL is fine.
 */
void lane_free(struct lane *lane);

/* As lane_free(), but keep the lane so that later submits are refused
 * properly; lane_free() must follow. */
void lane_stop(struct lane *lane);

#endif
