/*
 * feeds.h - where HL7 v2 messages come in, and how each sender's are read.
 *
 * A feed is an MLLP listener or the path for HL7 over HTTP. What holds for a
 * message is said of its feed and, over that, of its sender: maps, time zone,
 * character set, namespaces. All of it together is a feed_set, which does not
 * change; a reload puts another in its place, and messages in work keep theirs.
 *
 * Beside it the counts of each feed and sender, which are kept over restarts.
 */
#ifndef GATEWAY_FEED_FEEDS_H
#define GATEWAY_FEED_FEEDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "gateway/config.h"
#include "mappers/map/map.h"

struct buf;
struct error;
struct feed_set;
struct feeds;
struct pack;
struct zone;

/* What holds for the messages of one sender on one feed. */
struct feed_settings {
	struct config_feed said;
	const struct map_set *maps;
	const struct zone *zone; /* NULL: said.zone_minutes */
	const struct map_namespace *namespaces;
};

/*
 * Load all maps and zones that the configuration names, which must outlive the
 * set. Returns NULL with *err set. Held once.
 */
struct feed_set *feed_set_load(const struct config *c, const struct pack *pack, struct error *err);

void feed_set_release(struct feed_set *s);

/* The arena, and what it lies in (free()), goes with the set. */
struct arena;
void feed_set_own(struct feed_set *s, struct arena *arena);

/* What it was loaded from. */
const struct config *feed_set_config(const struct feed_set *s);

/* The settings of a feed (its number: MLLP listeners in order, then hl7) for a
 * sender. */
const struct feed_settings *
feed_set_find(const struct feed_set *s, unsigned feed, struct str sender);

/* The set that is in force, and the counts. counts_text: what feeds_write() gave
 * before the last end; may be empty. */
struct feeds *feeds_new(struct feed_set *set, struct str counts_text);
void feeds_free(struct feeds *f);

/* Hold the set in force. Any thread. */
struct feed_set *feeds_hold(struct feeds *f);

/* Put another in its place; takes over the caller's hold. Any thread. */
void feeds_replace(struct feeds *f, struct feed_set *set);

/* What became of one message. */
struct feed_event {
	struct str feed, sender;
	char code; /* of its ACK: 'A', 'E', 'R', or 0: none */
	bool duplicate, dead;
	const struct coverage *coverage;
};

/* Any thread. */
void feeds_count(struct feeds *f, const struct feed_event *e);

/* The counts as a JSON array: {"feed","sender","messages","accepted","errors",
 * "rejected","duplicates","dead","populated","mapped","dropped","unmapped"} each.
 * Returns a number that changes when the counts do. */
uint64_t feeds_write(struct feeds *f, struct buf *out);

#endif
