/*
 * index_extract.h - what the files of the search index share: the compiled
 * parameters of a type, and the extraction of one resource's values. Nothing
 * outside gateway/fhir/index_*.c and search_index.c includes this.
 */
#ifndef GATEWAY_FHIR_INDEX_EXTRACT_H
#define GATEWAY_FHIR_INDEX_EXTRACT_H

#include "base/arena.h"
#include "gateway/fhir/search_index.h"
#include "profiles/fhirpath.h"
#include "profiles/pack.h"

/* One part of a search parameter's expression, ready to be evaluated. */
struct search_entry {
	uint32_t param;
	uint16_t kind;	 /* enum pack_param_type */
	uint32_t target; /* keep references to this type only; PACK_NONE: any */
	struct fhirpath *path;
	struct pack_run homes;		     /* compartments whose members it tells, in `codes` */
	struct search_component *components; /* of a composite */
	uint32_t component_count;
};

/* A component of a composite, for the elements that one entry gives. */
struct search_component {
	uint32_t param;	       /* the parameter that it is searched as */
	struct fhirpath *path; /* NULL: it is not needed, the one element is the resource */
};

/* The search parameters of a type. */
struct search_type {
	struct search_entry *entries;
	uint32_t count;
	struct str *codes; /* codes of compartments, run by run */
	uint32_t code_count;
	bool is_home; /* the type has a compartment of its own */
};

/* The extraction of one resource: the entry under way, and the rows so far. */
struct extraction {
	const struct search_index *si;
	const struct pack *p;
	const struct record *r;
	const struct search_type *st; /* whose entries are under way */
	const struct search_entry *e;
	reference_entry_fn *find;
	void *ctx;
	struct arena *a;
	struct arena scratch; /* what evaluating needs, emptied each time */
	struct store_index *rows;
	uint32_t count, room;
	bool component; /* what is extracted is a composite's component */
	bool failed;
};

/* index_compile.c */

/* Compile a parameter of a type, an entry for each part of its expression that
 * is of the type. Returns 0; or -1 with *err set, and no entries. */
int search_compile(const struct pack *p, uint32_t type, struct search_type *st,
    const struct search_param *param, struct error *err);

/* Compile the parameters of a type. Does not fail: what cannot be evaluated is
 * logged and left out. */
struct search_type *search_type_new(const struct pack *p, uint32_t type);
void search_type_free(struct search_type *st);

/* Another entry, zeroed, for any target. */
struct search_entry *search_add_entry(struct search_type *st);

/* Forget the entries from number `first` on. */
void search_drop_entries(struct search_type *st, uint32_t first);

/* Whether the type is indexed by a parameter. */
bool search_type_has(const struct search_type *st, uint32_t param);

/* Cut *rest at the next | that stands in no parentheses or quotes; false behind
 * the last part. */
bool search_split_union(struct str *rest, struct str *part);

/* Whether a part of a union may give something for the type: it begins with
 * its name, or that of no other type. */
bool search_part_is_of(const struct pack *p, uint32_t type, struct str part);

/* Say that a parameter is left out, and why. */
void
search_not_compiled(const struct pack *p, uint32_t type, uint32_t number, const struct error *err);

/* index_composite.c */

/* Compile a composite: an entry for each part of its expression. */
void search_composite_compile(
    const struct pack *p, uint32_t type, struct search_type *st, uint32_t number);

/*
 * The values of the composite whose entries begin at `first`, element by
 * element, where it has several elements: where it has one, what is indexed of
 * its components says it all. Returns the number of its entries, or 0 with
 * *err set.
 */
uint32_t
search_composite_extract(struct extraction *x, uint32_t first, uint32_t node, struct error *err);

/* index_words.c */

/* The words of the resource at node, by the parameters that search them
 * (PACK_NONE: not). */
void search_words_of(struct extraction *x, uint32_t node, uint32_t narrative, uint32_t content);

/* search_index.c */

/* What the path of x->e finds in node. Returns 0, or -1 with *err set. */
int search_evaluate(struct extraction *x, uint32_t node, struct error *err);

/* index_extract.c */

/* A row of the entry under way, to be filled in. Never NULL. */
struct store_index *search_add_row(struct extraction *x, uint16_t kind);

/* The values of a node, as the entry's type takes them. */
void search_add_node(struct extraction *x, uint32_t node);

/* A value that the expression made: "Patient.deceased.exists()". */
void search_add_made(struct extraction *x, struct str value);

/* The definition of the node's type. */
static inline const struct pack_type *
search_type_at(const struct extraction *x, uint32_t node)
{
	return pack_type_at(x->p, record_type(x->r, x->p, node));
}

/* index_token.c */

void search_add_token(struct extraction *x, struct str system, struct str value);
void search_token_of(struct extraction *x, uint32_t node);

/* index_reference.c */

void search_reference_of(struct extraction *x, uint32_t node);

/* index_number.c */

/* One value that is both ends, without a unit. */
void search_add_decimal(struct extraction *x, struct str value);
void search_number_of(struct extraction *x, uint32_t node);

#endif
