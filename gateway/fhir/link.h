/*
 * link.h - what links hold and nobody else may read or change: the values that
 * were searched for, and where a page starts.
 *
 * Each text is sealed with AES-256-GCM under a key of its own (HMAC-SHA256 of
 * the service's key over 16 random bytes, which go along), and bound to a
 * context: it opens nowhere else. Any thread.
 */
#ifndef GATEWAY_FHIR_LINK_H
#define GATEWAY_FHIR_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct arena;
struct error;
struct query_pair;

enum {
	LINK_KEY = 32, /* bytes */
};

/*
 * The key from a file, which is made (0600) when it is not there: links hold
 * after a restart. Returns 0, or -1 with *err set: it cannot be read or made, is
 * no key, or others may read it.
 */
int link_key_load(const char *path, uint8_t key[LINK_KEY], struct error *err);

/* base64url, in the arena; {NULL, 0} when that is full. */
struct str link_seal(struct str key, struct str context, struct str plain, struct arena *a);

/* Back; false: it is none of ours, was changed, or the arena is full. */
bool
link_open(struct str key, struct str context, struct str text, struct arena *a, struct str *plain);

/* The value of a criterion in a self link: readable are only those that say what
 * is given back, or which values are missing. {NULL, 0}: the arena is full. */
struct str link_value(struct str key, const struct query_pair *pair, struct arena *a);

/* Put what was searched for in the place of sealed values. false: *bad is the
 * pair whose value was changed, or is of another store. */
bool link_open_values(struct str key, struct query_pair *pairs, uint32_t count, struct arena *a,
    const struct query_pair **bad);

/* Where a page starts, and of which search. */
struct link_page {
	int64_t moment;
	uint64_t row; /* 0: the first page */
	bool backward;
	uint64_t total; /* as it was counted; UINT64_MAX: it was not */
	struct str query;
};

/* context: the path that was searched. */
struct str
link_seal_page(struct str key, struct str context, const struct link_page *page, struct arena *a);
bool link_open_page(
    struct str key, struct str context, struct str text, struct arena *a, struct link_page *page);

#endif
