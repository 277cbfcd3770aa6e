/*
 * answer_source.h - where the body of a long answer comes from, part by part:
 * search results and histories (bundle_source.h), the answers to a transaction
 * or batch (batch.h), a single resource's stored text.
 *
 * A source lives in its exchange's arena and holds nothing else, so that it
 * needs no end. One thread at a time, not always the same.
 */
#ifndef GATEWAY_FHIR_ANSWER_SOURCE_H
#define GATEWAY_FHIR_ANSWER_SOURCE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"

struct error;
struct store_reader;

enum {
	ANSWER_PART = 256 << 10, /* bytes of a part, about: whole entries */
};

struct answer_source {
	/*
	 * Make the next part: compact JSON, in *part, which may lie in room (empty;
	 * the caller's, released by it) and is good until the next call. Parts put
	 * behind one another are the body; but with `apart` each is a resource by
	 * itself, of one type and with the next of its elements. Returns 0, or -1
	 * with *err set.
	 */
	int (*next)(struct answer_source *s, struct store_reader *r, bool apart, struct buf *room,
	    struct str *part, struct error *err);
	bool ended; /* the newest part is the last */

	/* The arena that the parts lie in for good; NULL: in room. */
	struct arena *arena;
};

/* A source of one part, which lies in the arena. NULL when that is full. */
struct answer_source *answer_source_of(struct str text, struct arena *a);

#endif
