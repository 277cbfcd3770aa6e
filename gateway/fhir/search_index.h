/*
 * search_index.h - the values by which a resource can be found: its search
 * parameters (FHIR R4, 3.1.1) evaluated over its record, and the compartments
 * it belongs to.
 *
 * The expressions of a type are compiled when the type is first met. One index
 * serves all threads.
 */
#ifndef GATEWAY_FHIR_SEARCH_INDEX_H
#define GATEWAY_FHIR_SEARCH_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "gateway/fhir/service.h"
#include "gateway/store/store.h"
#include "mappers/fhir/fhir_json.h"
#include "profiles/record.h"

struct arena;
struct decimal;
struct error;
struct search_index;

enum {
	SEARCH_COMPONENTS = 8, /* of a composite, at most */
};

/* A search parameter: of the pack, or of this server's own (own_params.h). */
struct search_param {
	uint32_t number; /* as store_index and store_test have it */
	uint32_t type;	 /* enum pack_param_type */
	struct str code, url, expression;
	const uint32_t *targets; /* types a reference may point to */
	uint32_t target_count;
	const struct search_own *own; /* NULL: of the pack */
};

/*
 * base: URL of this server's FHIR API ("http://localhost:8080/fhir"), so that
 * absolute references to it are kept as relative ones; may be empty. The pack
 * is borrowed, base is copied. Does not fail.
 */
struct search_index *search_index_new(const struct pack *p, struct str base);
void search_index_free(struct search_index *si);

/* The parameter of that code for a resource type; NULL when there is none. Good
 * as long as the index. */
const struct search_param *
search_index_find(struct search_index *si, uint32_t type, struct str code);

/* The parameter of that number. */
const struct search_param *search_index_param(const struct search_index *si, uint32_t number);

/*
 * Whether resources of the type are indexed by a parameter: those whose expression the FHIRPath engine can evaluate, and
 * composites of such. Parameters without an expression are not, nor special
 * ones but those of positions (Location's near).
 */
bool search_index_has(struct search_index *si, uint32_t type, uint32_t param);

/* Whether searches take the parameter: it is indexed, or has rules of its own
 * (_filter; _text and _content, where words are indexed for them). */
bool search_index_serves(struct search_index *si, uint32_t type, uint32_t param);

/*
 * The parameters that a composite's components are searched as, in their order;
 * *out has room for SEARCH_COMPONENTS. Returns how many.
 */
uint32_t search_index_components(
    struct search_index *si, uint32_t type, uint32_t param, uint32_t out[SEARCH_COMPONENTS]);

/*
 * The rows of the resource at node of r, in the arena. find tells which
 * references name entries of the same transaction (may be NULL). The texts of
 * rows lie in the record or the arena. Returns 0, or -1 with *err set
 * (ERROR_LIMIT: the arena is full, an expression passed a limit).
 *
 * A token is made of Coding, CodeableConcept, Identifier, ContactPoint and
 * primitives; the system of a bound code is that of its value set, where that
 * has one. A string is a primitive, or each string child of a complex type
 * (HumanName, Address). A date is a primitive, Period, or the outer limits of
 * a Timing's events and bounds. A number is a primitive, a Quantity, Money or a Range; a quantity is
 * also kept by its unit, one of UCUM in base units. "<5" is all that is less.
 */
int search_index_extract(struct search_index *si, const struct record *r, uint32_t node,
    reference_entry_fn *find, void *ctx, struct arena *a, struct store_index **rows,
    uint32_t *count, struct error *err);

/*
 * A number so that numbers order as their codes: to 15 significant digits,
 * rounded to the nearest beyond.
 */
int64_t search_number(const struct decimal *d);

/*
 * Degrees of latitude (most: 90) or longitude (180) as they are indexed: in
 * units of 10^-7. Returns false when it is no number of them.
 */
bool search_degrees(struct str text, unsigned most, int64_t *out);

/*
 * A quantity's number and unit as they are indexed: of UCUM's units the base
 * units and the value in them, in the arena. Others stay as they are. A unit's
 * scale may run against that of its base units (pH): its order is turned then.
 * Returns -1 when the arena is full or the value is not on the unit's scale.
 */
int search_quantity(struct str system, struct str *code, struct decimal *value, struct arena *a);

/*
 * A reference as it is kept and searched for: absolute ones to this server
 * made relative, the version cut off. *versioned (may be NULL) tells that there
 * was one.
 */
struct str search_reference(const struct search_index *si, struct str reference, bool *versioned);

/* The same without cutting the version off. */
struct str search_reference_whole(const struct search_index *si, struct str reference);

/*
 * A code as it is kept and searched for: that of a system which says that case
 * has no meaning (CodeSystem.caseSensitive), without case. In the arena where it
 * must be made; when that is full, as given.
 */
struct str search_token_value(
    const struct search_index *si, struct str system, struct str code, struct arena *a);

/* Whether such a system of the pack has the code; *out: without case. */
bool search_token_alike(
    const struct search_index *si, struct str code, struct arena *a, struct str *out);

/* "code|value": an identifier by its type. In the arena; {NULL, 0}: it is full. */
struct str search_of_type(struct str code, struct str value, struct arena *a);

/* Parameters of this server's own. One thread adds and drops, while others read. */

/* One of them; what changes is changed by the thread that adds. */
struct search_own {
	struct search_param param;
	struct str id; /* of the SearchParameter resource */
	uint64_t row;  /* of its version in the store */
	bool seen;     /* the adding thread's */
	const uint32_t *types;
	uint32_t type_count;
	/* Resources that were there before it: until all are done, what it finds is
	 * not all there is. */
	uint64_t done, total;
	bool ready;
};

/*
 * Index resources from here on by a parameter too: own says all but the number,
 * which comes out, and is copied. Returns NULL with *err set: an expression does
 * not compile, or there were too many since the start.
 */
struct search_own *
search_index_add_own(struct search_index *si, const struct search_own *own, struct error *err);
void search_index_drop_own(struct search_index *si, struct search_own *own);

/* Whether it would be added: its expression, for each of its types. */
int
search_index_check_own(struct search_index *si, const struct search_own *own, struct error *err);

/* The i-th of those there are now; NULL behind the last. */
struct search_own *search_index_own(const struct search_index *si, uint32_t i);

/*
 * Index words from here on. Before anything is extracted. *ready: resources that
 * were there before have theirs, too; own_params.h sees to that.
 */
void search_index_set_words(struct search_index *si, enum search_words words);
enum search_words search_index_words(const struct search_index *si);

/* How far words are; its param has no meaning. NULL where they are not indexed. */
struct search_own *search_index_words_state(const struct search_index *si);

/* A word as it is kept and searched for, in the arena; the next of the text, which
 * is cut off. False when there is none, or the arena is full. */
bool search_next_word(struct str *text, struct arena *a, struct str *word);

/* Grows whenever parameters were added or dropped: what was extracted under another one may
 * lack values. */
uint64_t search_index_generation(const struct search_index *si);

#endif
