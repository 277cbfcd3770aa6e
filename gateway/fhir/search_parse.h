/*
 * search_parse.h - what the files that read a search share. Nothing outside
 * gateway/fhir/search_*.c includes this.
 *
 * search_query.c takes a query string apart and gives each name and value to
 * who knows it: search_value.c (criteria), search_chain.c (chains, _has),
 * search_result.c (_count, _sort, …). What is wrong becomes a finding.
 */
#ifndef GATEWAY_FHIR_SEARCH_PARSE_H
#define GATEWAY_FHIR_SEARCH_PARSE_H

#include "gateway/fhir/search_query.h"

enum {
	TESTS_MOST = 400,      /* of one search: as many as the store takes */
	PARSE_TOKEN_TESTS = 2, /* that one token may become */
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct parse {
	struct search_index *si;
	const struct pack *p;
	uint32_t type;
	const struct search_options *o;
	struct arena *a;
	struct search_query *out;
	struct findings *findings;
	struct store_clause *clauses;
	uint32_t clause_count, clause_room, tests;
	unsigned errors; /* of this parse */
	bool full;	 /* the arena is */
	bool conditions; /* of a conditional write: no result parameters */
	unsigned depth;	 /* of inner searches */
};

/* A parameter: name, and what stands behind the colon. */
struct criterion {
	struct str name, modifier;
	struct str value;
	const struct search_param *param;
	uint32_t number; /* of the parameter */
};

/* What a pair was. */
enum taken {
	TAKEN,	 /* obeyed */
	SKIPPED, /* not obeyed, and told: left out of the self link */
};

/* search_parse.c */

/* An error in what was asked. */
__attribute__((format(printf, 3, 4))) enum taken
parse_complain(struct parse *ps, const char *code, const char *fmt, ...);

/* Unknown or not supported: an error, or, with lenient handling, a warning. */
__attribute__((format(printf, 3, 4))) enum taken
parse_refuse(struct parse *ps, const char *code, const char *fmt, ...);

/* The parameter of the type, NULL when there is none. One that does not yet know
 * all resources is an error, too. */
const struct search_param *parse_find(struct parse *ps, uint32_t type, struct str name);

/* An error: what is indexed anew is not all there yet. */
void parse_not_ready(struct parse *ps, struct str name, const struct search_own *own);

/* A name as findings show it: not too much of it. */
struct str parse_shown(struct str name);

bool parse_is_among(struct str name, const char *const *list, size_t count);

/* Whether the parameter says what is given back (_count, _sort, …). */
bool parse_is_result(struct str name);

enum taken parse_unknown_parameter(struct parse *ps, struct str name);
enum taken parse_unknown_modifier(struct parse *ps, const struct criterion *c);
enum taken parse_not_supported(struct parse *ps, struct str what, const char *why);
enum taken parse_bad_value(struct parse *ps, const struct criterion *c, const char *wanted);

/* Cut *rest at the next sep that no backslash precedes; false behind the last
 * part. The part is still escaped. */
bool parse_split(struct str *rest, char sep, struct str *part);

/* How many values a comma separates. */
uint32_t parse_count_values(struct str value);

/* Take the backslashes away (R4, 3.1.1.3.1). false: one stands before what
 * needs none. */
bool parse_unescape(struct parse *ps, struct str in, struct str *out);

/* A clause with room for so many tests; NULL when there are too many. */
struct store_clause *parse_add_clause(struct parse *ps, uint32_t tests);
struct store_test *
parse_add_test(struct store_clause *clause, const struct criterion *c, enum store_test_kind kind);

/*
 * Between open and close, clauses are those of a list of its own, in the arena;
 * close gives it, or NULL when the arena is full.
 */
struct parse_scope {
	struct store_clause *clauses;
	uint32_t count, room;
};
void parse_open(struct parse *ps, struct parse_scope *outer);
struct store_inner *parse_close(struct parse *ps, const struct parse_scope *outer);

/*
 * Called for each value: adds tests to the clause and returns false when the
 * value is bad (told by then).
 */
typedef bool parse_value_fn(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause);

/* A clause of the values between commas; per: tests that a value may become. */
enum taken
parse_each(struct parse *ps, const struct criterion *c, uint64_t per, parse_value_fn *one);

/* :not with several values: none of them (a clause each, and all hold). */
enum taken parse_each_not(struct parse *ps, const struct criterion *c, parse_value_fn *one);

/* search_query.c */

/* A criterion of ps->type, also of an inner search. */
enum taken parse_take_named(struct parse *ps, const struct query_pair *pair);

/* search_value.c: c names a parameter that is known. */
enum taken parse_take_criterion(struct parse *ps, const struct criterion *c);

/* search_token.c: c names a parameter of that type. */
enum taken parse_take_token(struct parse *ps, const struct criterion *c);
enum taken parse_take_uri(struct parse *ps, const struct criterion *c);

/* [code], [system]|[code], |[code], [system]| (R4, 3.1.1.4.10): a
 * parse_value_fn. */
bool parse_token(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause);

/* search_special.c: c names a special parameter that is indexed; "_list". */
enum taken parse_take_special(struct parse *ps, const struct criterion *c);
enum taken parse_take_list(struct parse *ps, const struct criterion *c);

/* search_combine.c: each gives a new list, or NULL when the arena is full. */

/* One clause with one test: that all of these hold, or do not. */
const struct store_inner *
parse_as_test(struct parse *ps, const struct store_inner *in, bool negate);
const struct store_inner *
parse_both(struct parse *ps, const struct store_inner *a, const struct store_inner *b);
const struct store_inner *
parse_either(struct parse *ps, const struct store_inner *a, const struct store_inner *b);
void parse_copy_tests(struct store_clause *to, const struct store_clause *from);

/* Add the clauses to those of ps. */
enum taken parse_take_all(struct parse *ps, const struct store_inner *in);

/* search_words.c: the value of "_text" or "_content". */
enum taken parse_take_words(struct parse *ps, const struct criterion *c);

/* search_filter.c: the value of "_filter". */
enum taken parse_take_filter(struct parse *ps, const struct criterion *c);

/* search_composite.c: c names a composite that is indexed. */
enum taken parse_take_composite(struct parse *ps, const struct criterion *c);

/* search_result.c: parse_is_result(c->name). */
enum taken parse_take_result(struct parse *ps, const struct criterion *c);

/* search_include.c: _include, _revinclude. */
enum taken parse_take_include(struct parse *ps, const struct criterion *c);

/* search_chain.c */

/* What of an inner search is parsed, with ps being of its type. */
typedef enum taken parse_inside_fn(struct parse *ps, void *ctx);

/* As parse_take_chain(): what head refers to, in each type that has what rest
 * begins with, passes what inside parses; with `some`, types that inside does not
 * fit are left out. */
enum taken parse_reach(struct parse *ps, struct str head, struct str rest, bool some,
    parse_inside_fn *inside, void *ctx);

/* Whether the sender may search the type, and what is visible of it then. */
bool parse_may_search(struct parse *ps, uint32_t type, struct store_visibility *out);
enum taken parse_forbidden(struct parse *ps, uint32_t type);

/* "subject:Patient.name", "subject.name": head and, behind the dot, rest. */
enum taken parse_take_chain(struct parse *ps, struct str head, struct str rest, struct str value);

/* "Observation:patient:code": a type, its reference to here, its parameter. */
enum taken parse_take_has(struct parse *ps, struct str rest, struct str value);

#endif
