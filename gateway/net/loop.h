/*
 * loop.h - an event loop on a thread of its own (libevent).
 *
 * A gateway runs one loop a core. What belongs to a loop (connections, timers,
 * its user pointer) is touched on that loop's thread only; other threads send
 * it messages with loop_post(). Connections are known outside by a 64-bit id,
 * never by pointer: an answer that comes late, for a connection that is gone,
 * finds nothing and is dropped.
 *
 * Life: loop_new(); servers and timers are put on it; loop_start() runs it;
 * loop_stop() drains it; loop_join() waits for its thread. Then lane_stop() the
 * lanes, loop_flush() what they still brought home (which may try to submit
 * more, and is refused), free the servers, lane_free() and loop_free().
 */
#ifndef GATEWAY_NET_LOOP_H
#define GATEWAY_NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct event_base;
struct loop;

/*
 * A message to a loop: embedded in whatever is sent, owned by the sender until
 * posted and by run() then, which may free it.
 */
struct loop_message {
	struct loop_message *next;
	void (*run)(struct loop *l, struct loop_message *m);
};

/* Make a loop, not yet running. number: which one it is, from 0 to 254. The
 * process ignores SIGPIPE from then on. NULL with *err set when the system
 * refuses. */
struct loop *loop_new(unsigned number, struct error *err);

/* Free a loop that is not running; whoever posts must have stopped. Freeing
 * NULL is fine. */
void loop_free(struct loop *l);

/* Run the messages that wait, on the calling thread; for a loop that was
 * joined. */
void loop_flush(struct loop *l);

/* Run the loop in a thread of its own. Returns 0, or -1 with *err set. */
int loop_start(struct loop *l, struct error *err);

/* Run the loop on the calling thread until it has stopped. */
void loop_run(struct loop *l);

/*
 * Stop gracefully: services are told to drain, and the loop ends when no
 * connection and no hold is left, or after drain_ms at the latest. Any
 * thread; a second call may only shorten it.
 */
void loop_stop(struct loop *l, unsigned drain_ms);

/* Wait for the thread of loop_start() to end. */
void loop_join(struct loop *l);

/* Is it draining? Loop thread only. */
bool loop_is_stopping(const struct loop *l);

/*
 * Send m to l; m->run is called on l's thread, in the order sent by one
 * thread. Any thread. Never blocks, never fails.
 */
void loop_post(struct loop *l, struct loop_message *m);

/* The loop the calling thread runs; NULL on any other thread. */
struct loop *loop_current(void);

unsigned loop_number(const struct loop *l);
struct event_base *loop_base(struct loop *l);

/* A pointer of the application's, NULL at first; loop thread, or before the
 * start and after the join. */
void loop_set_user(struct loop *l, void *user);
void *loop_user(const struct loop *l);

/*
 * Keep a draining loop running while there is work whose result it awaits.
 * Loop thread only; each hold is ended by one loop_unhold().
 */
void loop_hold(struct loop *l);
void loop_unhold(struct loop *l);

/* Something on the loop that wants to know of the stop. Embedded; unlink it
 * with loop_remove_service() before it goes. */
struct loop_service {
	struct loop_service *next;
	void (*drain)(struct loop_service *s); /* take nothing new, finish */
	void (*kill)(struct loop_service *s);  /* time is up: close all */
};
void loop_add_service(struct loop *l, struct loop_service *s);
void loop_remove_service(struct loop *l, struct loop_service *s);

/*
 * Connections. An id is never 0, never used twice by one loop, and tells the
 * loop's number. kind is a pointer that is the same for all connections of one
 * sort, so that nobody finds an object of another type.
 */
uint64_t loop_add_connection(struct loop *l, const void *kind, void *connection);
void loop_remove_connection(struct loop *l, uint64_t id);

/* The connection, or NULL when it is gone or of another kind. */
void *loop_find_connection(const struct loop *l, uint64_t id, const void *kind);

size_t loop_connection_count(const struct loop *l);

/*
 * Timers: coarse (LOOP_TICK_MS), cheap to push back, so that each connection
 * has one. Embedded and zeroed at first. fn is called once, on the loop; it
 * may set the timer again or free what holds it.
 */
enum {
	LOOP_TICK_MS = 50,
};

struct loop_timer {
	struct loop_timer *next, **prev; /* in a slot of the wheel */
	int64_t due;			 /* tick */
	void (*fn)(struct loop *l, struct loop_timer *t);
};

/* Call t->fn in ms milliseconds or up to a tick later. Replaces what was set. */
void loop_timer_set(struct loop *l, struct loop_timer *t, unsigned ms);
void loop_timer_clear(struct loop *l, struct loop_timer *t);
bool loop_timer_is_set(const struct loop_timer *t);

/*
 * Raise this process's limit of open files as far as it may go. Returns the
 * limit now in force.
 */
size_t loop_raise_file_limit(void);

#endif
