/*
 * queue.h - messages on their way to other systems, by MLLP.
 *
 * Each destination has a box of letters in the store and one connection, which
 * belongs to one loop. The oldest letter is sent, and taken out of the box when
 * its acknowledgement has come: what is sent is in order, and a letter that was
 * not acknowledged is sent again, with growing pauses, by this start of the
 * gateway or the next. What a destination refuses (AE, AR, CE, CR) goes to the
 * dead letters, and the next has its turn. No queue waits for another, and no
 * sender for a queue, unless it is full.
 */
#ifndef GATEWAY_FEED_QUEUE_H
#define GATEWAY_FEED_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct error;
struct gateway;
struct queues;

/* One for each destination of the configuration. After the loops and lanes are
 * there, before they run. NULL with *err set. */
struct queues *queues_open(struct gateway *g, struct error *err);

/* After the loops have ended. NULL is fine. */
void queues_close(struct queues *q);

/* Number of the destination of that name; -1: there is none. */
int queues_find(const struct queues *q, struct str name);

/* The box its letters are in. */
struct str queues_box(const struct queues *q, unsigned number);

/* May one more be put? Any thread. */
bool queues_has_room(struct queues *q, unsigned number);

/* `added` letters were put. Any thread. */
void queues_wake(struct queues *q, unsigned number, unsigned added);

/* For people and metrics; any thread. */
struct queue_state {
	struct str name, address;
	const char *doing; /* "idle", "sending", "waiting" (to try again) */
	uint64_t waiting, sent, refused, retries;
	int64_t answered;  /* wall time of the last acknowledgement; 0: none */
	char problem[256]; /* why it waits; "" */
};
unsigned queues_count(const struct queues *q);
void queues_state(struct queues *q, unsigned number, struct queue_state *out);

/* Read the certificates anew. Those that cannot be read stay as they were, which
 * is logged. Returns how many failed. */
unsigned queues_reload(struct queues *q);

#endif
