/*
 * search_query.h - the text of a search into what the store is asked (FHIR R4,
 * 3.1.1).
 *
 * Also of a conditional write: If-None-Exist and the query of a conditional
 * update or delete are searches.
 */
#ifndef GATEWAY_FHIR_SEARCH_QUERY_H
#define GATEWAY_FHIR_SEARCH_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/finding.h"
#include "base/str.h"
#include "gateway/fhir/part.h"
#include "gateway/fhir/search_index.h"
#include "gateway/store/store.h"

struct arena;
struct error;

/* A name and a value of a query string, decoded. */
struct query_pair {
	struct str name, value;
};

/*
 * Split "a=b&c=d" and decode it. At most 500 pairs. Returns 0, or -1 with *err
 * set as percent_decode(), ERROR_LIMIT past 500 or a full arena.
 */
int query_pairs(struct str query, struct arena *a, struct query_pair **pairs, uint32_t *count,
    struct error *err);

/*
 * Whether the sender may search the type, and what of it is visible then: for
 * what is reached from one resource to another.
 */
typedef bool search_permit_fn(void *ctx, uint32_t type, struct store_visibility *out);

struct search_options {
	bool lenient;		/* Prefer: handling=lenient */
	bool want_total;	/* where _total does not say */
	uint32_t count, most;	/* page size where _count does not say; largest */
	struct str compartment; /* only what is in it ("Patient/1"); empty: all */
	struct store_visibility visibility;
	search_permit_fn *permit; /* NULL: no type but the one that is searched */
	void *permit_ctx;
};

struct search_query {
	struct store_query store;      /* ready for store_search() */
	struct store_includes include; /* but `most`: for store_include() */
	struct query_pair *used;       /* for the self link: those that were obeyed, */
	uint32_t used_count;	       /* without the cursor */
	bool count_only;	       /* _summary=count or _count=0 */
	struct fhir_subset subset;     /* of each resource: _summary, _elements */
};

/*
 * Read the search of a type. `_format`, `_pretty` and the cursor's parameter
 * are no criteria. What is wrong is told in findings: an unknown parameter,
 * modifier or prefix (with the nearest that there is), what is not supported
 * (code not-supported), a bad value. With lenient, the first two are warnings
 * and what they speak of is left out. A type that may not be searched is told
 * with code forbidden; where a chain names none, such types are left out.
 * Returns 0; -1 when there are errors, or
 * the arena is full.
 */
int search_query_parse(struct search_index *si, const struct pack *p, uint32_t type,
    const struct query_pair *pairs, uint32_t count, const struct search_options *o, struct arena *a,
    struct search_query *out, struct findings *findings);

/*
 * The same, of several types: a parameter must be one of all of them. With
 * lenient, what is left out for one type is left out for all. Types that may
 * not be searched are left out. out->store is of the first, the others are its
 * `others`. Returns 0 or -1; a search that no type is left for is told with code
 * forbidden.
 */
int search_query_parse_types(struct search_index *si, const struct pack *p, const uint32_t *types,
    uint32_t type_count, const struct query_pair *pairs, uint32_t count,
    const struct search_options *o, struct arena *a, struct search_query *out,
    struct findings *findings);

/*
 * The conditions of a conditional write, from a query string. There must be at
 * least one criterion; result parameters are refused, and leniency there is
 * none: a condition that is left out would match what it should not.
 */
int search_match_parse(struct search_index *si, const struct pack *p, uint32_t type,
    struct str query, struct arena *a, struct store_match *out, struct findings *findings);

/* Whether a parameter of type reference may point to the type. */
bool search_points_to(const struct pack *p, const struct search_param *param, uint32_t type);

/* Paging of histories and operations. */

#define SEARCH_CURSOR "_cursor" /* the parameter of the next page's link */

enum {
	SEARCH_CURSOR_TEXT = 65, /* with the NUL */
};

/*
 * Where the next page starts, signed (HMAC-SHA256, RFC 2104) so that none can be
 * made up, and bound to context (the type and the criteria): hex digits.
 */
void search_cursor_make(
    struct str key, struct str context, int64_t moment, uint64_t row, char out[SEARCH_CURSOR_TEXT]);

/* Back; false when it is not one of ours for that context. */
bool search_cursor_parse(
    struct str key, struct str context, struct str text, int64_t *moment, uint64_t *row);

#endif
