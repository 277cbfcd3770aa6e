/*
 * feed.h - what the configuration says of HL7 v2: how messages of a feed are
 * read, over HTTP too, and where they are sent on to.
 */
#ifndef GATEWAY_CONFIG_FEED_H
#define GATEWAY_CONFIG_FEED_H

#include "gateway/config.h"
#include "gateway/config/section.h"

/* Rows of a table that has a struct config_feed at that offset. */
#define CONFIG_FEED_FIELDS(at)                                                                     \
	FIELD("zone", FIELD_CUSTOM, (at), .read = config_read_zone),                               \
	    FIELD("charset", FIELD_TEXT, (at) + offsetof(struct config_feed, charset)),            \
	    FIELD("unknown_charset", FIELD_CUSTOM, (at), .read = config_read_unknown_charset),     \
	    FIELD("maps", FIELD_FOLDER, (at) + offsetof(struct config_feed, maps)),                \
	    FIELD("duplicates", FIELD_DURATION, (at) + offsetof(struct config_feed, duplicate_ms), \
		RANGE(0, INT64_C(30) * 86400000)),                                                 \
	    FIELD("sequence", FIELD_BOOL, (at) + offsetof(struct config_feed, sequence)),          \
	    FIELD("dead_letters", FIELD_BOOL, (at) + offsetof(struct config_feed, dead_letters)),  \
	    FIELD("enhanced", FIELD_BOOL, (at) + offsetof(struct config_feed, enhanced)),          \
	    FIELD("namespaces", FIELD_CUSTOM, (at), .read = config_read_namespaces)

config_read_fn config_read_zone, config_read_unknown_charset, config_read_namespaces;

/* What holds where nothing is said. */
void config_feed_defaults(struct config_feed *f);

/* Note which keys of the mapping were given. */
void config_feed_given(const struct yaml *node, struct config_feed *f);

/* The sections `feeds`, `hl7`, `destinations` and `routes`, into the struct
 * config at out. */
config_read_fn config_read_feeds, config_read_hl7, config_read_destinations, config_read_routes;

/* Names that these sections use are those of senders and destinations. */
void config_check_feeds(struct config_reader *r, const struct config *c);

#endif
