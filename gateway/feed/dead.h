/*
 * dead.h - dead letters: messages that could not be mapped or stored, kept with
 * the reason until somebody has replayed or dropped them.
 */
#ifndef GATEWAY_FEED_DEAD_H
#define GATEWAY_FEED_DEAD_H

#include <jansson.h>
#include <stdbool.h>

#include "base/str.h"
#include "gateway/store/store.h"

#define DEAD_BOX "dead"
/* Of messages that a destination refused or did not take in time. */
#define DEAD_OUT "dead-out"

enum {
	DEAD_MOST = 100000, /* letters kept; what would be more stays with its sender */
};

/*
 * A letter's head as JSON: "sender", "feed", "protocol", "source", "type",
 * "control", "code", "status", "exchange", "problems" (each "severity", "code",
 * "place", "line", "column", "text"), and for those of a queue "destination".
 */

/* What is looked for; empty and zero: anything. */
struct dead_filter {
	struct str sender, type, reason, feed;
	int64_t since; /* wall time it was put last */
};

/* type: "ADT" finds all its events; reason: part of a problem's text, place or
 * code, without case. */
bool dead_matches(const struct dead_filter *f, const struct store_letter *l, const json_t *head);

/* The letter as it is listed: its head with "number", "at", "last", "times",
 * "bytes" and "reason", the first problem in one line. The caller's. */
json_t *dead_describe(const struct store_letter *l);

#endif
