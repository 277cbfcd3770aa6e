/*
 * sqlite_sql.h - the statement of one search, being written. Nothing outside
 * gateway/store/sqlite*.c includes this.
 *
 * The text speaks of versions v0 (what is searched for) and v1, v2, … (searches
 * within it). Values are bound, never written into it, so that one statement
 * serves all searches of its form.
 */
#ifndef GATEWAY_STORE_SQLITE_SQL_H
#define GATEWAY_STORE_SQLITE_SQL_H

#include "base/buf.h"
#include "gateway/store/sqlite.h"

enum {
	SQL_BYTES = 512 * 1024,
};

struct bind {
	bool is_text, is_blob;
	int64_t number;
	struct str text;
	const struct store_filter *filters; /* not NULL: these */
};

struct sql {
	struct buf text;
	struct bind *binds;
	uint32_t count, room;
	struct sq_conn *c;
	const struct sq_names *names;
	const struct store_query *q;
	const struct store_inner *in; /* of q: the type that is searched now */
	uint32_t type;		      /* that clauses speak of: in's, or that of an inner search */
	unsigned inners;	      /* put so far: each has a name of its own */
	unsigned at;		      /* "v" and this is the version that clauses try */
	struct arena *scratch;
	int64_t moment;
	bool counting; /* all rows will be tried, not only those up to a page */
	bool failed;   /* the scratch arena is full, or there are too many values */
};

/* sqlite_sql.c */

/* Bind the next value. */
void sql_bind(struct sql *s, int64_t n);
void sql_bind_text(struct sql *s, struct str text, bool blob);
void sql_bind_filters(struct sql *s, const struct store_filter *filters);

/* Begin another text. */
void sql_restart(struct sql *s);

/* The statement of the text, its values bound; NULL with *err set. */
sqlite3_stmt *sql_prepare(struct sql *s, struct error *err);

/* sqlite_test.c */

/* The key of `ix` that a test looks up, when it is of that sort. */
bool sql_test_key(const struct sql *s, const struct store_test *t, struct sq_key *out);
bool test_is_keyed(const struct store_test *t);

/* Whether the rows that pass can be listed from an index. */
bool test_is_listed(const struct store_test *t);

/* SELECT of the rows that pass a test that is listed. */
void sql_put_list(struct sql *s, const struct store_test *t);

/* Whether version s->at passes. */
void sql_put_test(struct sql *s, const struct store_test *t);
void sql_put_has_key(struct sql *s, struct sq_key key);

/* sqlite_clause.c */

bool clause_is_listed(const struct store_clause *c);
bool clause_is_keyed(const struct store_clause *c);
bool clause_is_ids(const struct store_clause *c);

/* SELECT of the rows that pass a clause that is listed. */
void sql_put_clause_list(struct sql *s, const struct store_clause *c);

/* " AND (…)": version s->at passes. */
void sql_put_clause(struct sql *s, const struct store_clause *c);

/* "(…)": version s->at passes all clauses of inner. */
void sql_put_all(struct sql *s, const struct store_inner *in);

/* Version s->at is current at the moment, of s->type, and not deleted. */
void sql_put_current(struct sql *s);

/* " AND …", or nothing: version s->at is visible. */
void sql_put_visible(struct sql *s, const struct store_visibility *v);

/* SELECT of the rows that refer to what the inner search finds: from those that
 * are referred to. */
void sql_put_chain(struct sql *s, const struct store_test *t);

/* Whether a row that the inner search finds refers to version s->at. */
void sql_put_has(struct sql *s, const struct store_test *t);

/* sqlite_walk.c */

enum {
	WALK_LARGE = 2000, /* a set of rows is counted no further, to choose one */
};

struct walk {
	enum {
		WALK_KEY,  /* the rows of one key */
		WALK_LIST, /* the rows that one clause lists */
		WALK_IDS,  /* resources by id */
	} kind;
	struct sq_key key;
	const struct store_clause *clause; /* tried by the walk itself */
	int64_t size;			   /* when large, that or more */
};

/* Choose the smallest; of those that are large, the first keyed. */
int walk_choose(struct sql *s, struct walk *best, struct error *err);

/* Whether it has few rows. 1, 0, or -1 with *err set. */
int walk_is_short(struct sql *s, const struct walk *w, struct error *err);

/* That v0 is current, visible, and passes all clauses but that one. */
void walk_put_tests(struct sql *s, const struct store_clause *walked);

/* FROM and WHERE: the same for the page and the total. joins: what else stands
 * in FROM. */
void walk_put(struct sql *s, const struct walk *w, const char *joins);

/* sqlite_explain.c: lines of q->explain, when that is wanted. */
void explain_considered(struct sql *s, const struct store_clause *c, int64_t size);
void explain_walk(struct sql *s, const struct walk *w);
void explain_done(struct sql *s, uint32_t found, int64_t began);

/* sqlite_sort.c */

/* Whether the order is that of rows; *descending: the newest first. */
bool sort_is_by_row(const struct store_query *q, bool *descending);

/* Where a version stands in the order. */
struct sort_place {
	int64_t row;
	struct sort_key {
		bool is_number;
		int64_t number;
		struct str bytes;
	} keys[STORE_SORTS];
};

/* ", … AS k0": the sort keys, behind the columns that are selected. */
void sort_put_keys(struct sql *s);
#define SORT_JOIN " LEFT JOIN facts f ON f.row = v0.row"

/* Read them, from that column on; their bytes go to the arena. */
int sort_read_keys(const struct store_query *q, sqlite3_stmt *st, int column, struct arena *a,
    struct sort_place *out, struct error *err);

/* As of strcmp(): which comes first. */
int
sort_compare(const struct store_query *q, const struct sort_place *a, const struct sort_place *b);

/* " AND …": only what comes behind the query's from_row. Returns 0, or -1 with
 * *err set. */
int sort_read_from(struct sql *s, struct sort_place *at, struct error *err);
void sort_put_from(struct sql *s, const struct sort_place *at);

/*
 * Whether walking the index of dates in the order that is asked for is better
 * than to sort all that w has. 1, 0, or -1 with *err set.
 */
int sort_may_walk(struct sql *s, const struct walk *w, struct error *err);

/*
 * The whole statement of such a walk, but for the LIMIT. What has no date is not
 * found by it.
 */
void sort_put_walk(struct sql *s, const struct sort_place *from);

/* Whether at is behind all that has a value. */
bool sort_is_past_values(const struct store_query *q, const struct sort_place *at);

/* " ORDER BY …". */
void sort_put_order(struct sql *s);

#endif
