/*
 * sqlite.h - what the files of the SQLite backend share. Nothing outside
 * gateway/store/sqlite*.c includes this.
 *
 * A connection belongs to one thread at a time. The statements a connection
 * has prepared are kept: the fixed ones for good, those of searches (their
 * text holds no values) until others push them out.
 */
#ifndef GATEWAY_STORE_SQLITE_H
#define GATEWAY_STORE_SQLITE_H

#include <sqlite3.h>

#include "gateway/store/store.h"

struct buf;

enum {
	SQ_APPLICATION = 0x46444f52, /* "FDOR" */
	SQ_PLACE_BITS = 24,	     /* of a key: the value's alone */
	SQ_SEARCHES = 32,	     /* search statements kept a connection */
	SQ_SORT_BYTES = 96,	     /* of what is compared to sort */
	SQ_MANY = 16,		     /* index rows that one statement writes */
};

enum sq_fixed {
	SQ_BEGIN,
	SQ_BEGIN_READ,
	SQ_COMMIT,
	SQ_ROLLBACK,
	SQ_SAVEPOINT,
	SQ_RELEASE,
	SQ_UNDO,
	SQ_NEWEST,
	SQ_CURRENT,
	SQ_ONE_VERSION,
	SQ_BODY,
	SQ_LAST_ROW,
	SQ_ROW_FROM,
	SQ_ADD_VERSION,
	SQ_END_VERSION,
	SQ_ADD_BODY,
	SQ_ADD_INDEX,
	SQ_ADD_STRING,
	SQ_ADD_DATE,
	SQ_ADD_WORD,
	SQ_ADD_TUPLE,
	SQ_ADD_FACTS,
	SQ_FACTS,
	SQ_ADD_MANY_INDEX,
	SQ_ADD_MANY_STRINGS,
	SQ_ADD_MANY_DATES,
	SQ_HAS_INDEX,
	SQ_CURRENT_INDEX,
	SQ_SIZE_INDEX,
	SQ_FIND_KEY,
	SQ_ADD_KEY,
	SQ_FORGET_KEYS,
	SQ_FIXED,
};

struct sq_search_statement {
	char *sql;
	sqlite3_stmt *st;
	uint64_t used; /* when last; 0: an empty slot */
};

struct sq_conn {
	sqlite3 *db;
	struct sq_bodies *bodies; /* what bodies are compressed with; NULL: nothing yet */
	sqlite3_stmt *fixed[SQ_FIXED];
	struct sq_search_statement searches[SQ_SEARCHES];
	uint64_t clock;	  /* for `used` */
	unsigned reading; /* how deep in sq_read_begin() */
	int64_t deadline; /* monotonic; 0: none */
	unsigned query_ms;
	const struct sq_names *names; /* NULL: sq_sees() cannot be asked */
	struct arena inner;	      /* of sq_sees() */
	uint64_t looked;	      /* rows that looked() was asked of */
};

/* What the pack's names are called in this file, whose numbers stay when
 * another pack comes. Made when the store opens, constant then. */
struct sq_names {
	const struct pack *pack;
	uint32_t *type_no;  /* by type number of the pack; 0: no resource */
	uint32_t *param_no; /* by parameter number; room for those defined later */
	struct sq_own_name {
		uint32_t type; /* enum pack_param_type */
		struct str name;
	} * own;	     /* those defined later: by number behind the pack's */
	uint32_t *pack_type; /* back: by type_no; PACK_NONE: not in this pack */
	uint32_t type_nos;
};

/* A place in the index: 24 bits of the value's hash, then 104 of SHA-256 over
 * type, parameter, kind and value, so that a hit needs no second look. Rows are
 * kept in its order. Who needs bits that nobody can choose takes check's. */
struct sq_key {
	int64_t hash, check;
};

/* Index rows of the commit under way: sqlite_pending.c. The writer's. */
struct sq_pending {
	struct sq_key_row {
		struct sq_key key;
		int64_t row;
	} * keys;
	struct sq_string_row {
		int64_t key;
		struct str folded;
		int64_t row, exact;
	} * strings;
	struct sq_date_row {
		int64_t key, low, high, row;
	} * dates;
	struct sq_word_row {
		int64_t key;
		struct str text;
		struct sq_key place;
	} * words;
	struct sq_tuple_row {
		int64_t row;
		uint32_t param;
		struct str data;
	} * tuples;
	struct sq_facts_row {
		int64_t row;
		struct str data;
	} * facts;
	struct sq_pending_count {
		size_t keys, strings, dates, words, tuples, facts;
	} count;
	size_t key_room, string_room, date_room, word_room, tuple_room, fact_room;
	struct arena texts; /* of strings, words, tuples and facts */
	uint64_t *seen;	    /* two bits for each key that may be there */
	unsigned seen_bits; /* of a place in seen */
	size_t most;	    /* rows of one table that may wait at the next transaction */
};

struct store {
	struct sq_conn conn; /* the writer's */
	struct sq_names names;
	char *path;
	unsigned busy_ms, query_ms;
	int lock; /* file descriptor of path-lock */
	int64_t last_row, last_updated;
	struct arena scratch; /* the writer's, emptied after each transaction */
	struct sq_pending pending;
	uint64_t generation; /* of what is indexed by: store_set_generation() */
	store_extract_fn *extract;
	void *extract_ctx;
	bool bulk;	/* index rows wait over commits */
	bool bulk_lost; /* some that waited are lost: to be made anew at the next start */
};

struct store_reader {
	struct sq_conn conn;
	const struct sq_names *names;
	struct arena scratch;
};

enum sq_kind {
	SQ_TYPE = 'T',	       /* every version of a type */
	SQ_TOKEN = 't',	       /* system and code */
	SQ_TOKEN_CODE = 'c',   /* code, of any system */
	SQ_TOKEN_SYSTEM = 's', /* any code of that system */
	SQ_REFERENCE = 'r',
	SQ_TEXT = 'x',
	/* a token's text, folded */ SQ_OF_TYPE = 'o', /* an identifier by its type */
	SQ_WORD = 'w',				       /* a word of the text */
	SQ_URI = 'u',
	SQ_UNIT = 'U',		 /* a unit as written */
	SQ_NUMBERS = 'n',	 /* ranges of numbers, by their unit as written */
	SQ_QUANTITY = 'q',	 /* quantities of a unit, by system and code */
	SQ_IN_COMPARTMENT = 'C', /* of any type */
};

/* sqlite_conn.c */

/* Open a connection. Returns 0, or -1 with *err set and nothing to close. */
int sq_open(struct sq_conn *c, const char *path, int flags, unsigned busy_ms, struct error *err);
void sq_close(struct sq_conn *c);

/* The fixed statement, ready to be bound; NULL with *err set. */
sqlite3_stmt *sq_fixed(struct sq_conn *c, enum sq_fixed which, struct error *err);

/* A search's statement from its text; NULL with *err set. */
sqlite3_stmt *sq_search(struct sq_conn *c, struct str sql, struct error *err);

/*
 * Step: 1 a row, 0 done, -1 with *err set. The statement is reset unless it
 * gave a row.
 */
int sq_step(struct sq_conn *c, sqlite3_stmt *st, const char *what, struct error *err);

/* Run a fixed statement without parameters or rows. */
int sq_run(struct sq_conn *c, enum sq_fixed which, const char *what, struct error *err);

/* Read one moment from here to sq_read_end(); may be nested. */
int sq_read_begin(struct sq_conn *c, struct error *err);
void sq_read_end(struct sq_conn *c);

/* Run SQL text (schema, pragmas). */
int sq_exec(struct sq_conn *c, const char *sql, const char *what, struct error *err);

/* Set *err from the connection's last result code. Returns -1. */
int sq_error(struct sq_conn *c, int code, const char *what, struct error *err);

void sq_bind_str(sqlite3_stmt *st, int at, struct str s);
void sq_bind_blob(sqlite3_stmt *st, int at, struct str s);

/* Copy a column's text or bytes; -1 with *err set when the arena is full. */
int sq_column(sqlite3_stmt *st, int at, struct arena *a, struct str *out, struct error *err);

/* From here statements may take query_ms; sq_deadline_end() lifts that. */
void sq_deadline_start(struct sq_conn *c);
void sq_deadline_end(struct sq_conn *c);

int sq_no_memory(struct error *err);

/* sqlite_open.c */

/*
 * Look at the file's first bytes without touching it. Returns 1: a store of
 * ours, 0: not there or empty, -1 with *err set: not ours, or of a layout that
 * this program does not know.
 */
int sq_recognise(const char *path, struct error *err);

/* sqlite_bulk.c */

/* Write the index rows that wait, in the transaction under way. */
int sq_bulk_write(struct store *s, struct error *err);

/* It will be rolled back: what waits is forgotten. */
void sq_bulk_failed(struct store *s);

/* sqlite_body.c */

void sq_bodies_free(struct sq_conn *c);

/* A body that a statement gave, as it is served. */
int sq_body_column(struct sq_conn *c, sqlite3_stmt *st, int at, struct arena *a, struct str *out,
    struct error *err);

/* As it is stored: the body itself, or bytes that are good until the next call.
 * The writer's connection. */
int sq_body_encode(struct sq_conn *c, struct str body, struct str *out, struct error *err);

/* Make a dictionary when it is time. Not in a transaction. */
int sq_bodies_upkeep(struct store *s, struct error *err);

/* In a transaction: every body with a dictionary of what is there now. */
int sq_bodies_anew(struct store *s, struct error *err);

/* sqlite_layout.c */

/* Make the tables of a new file, in a transaction of the caller's. */
int sq_layout_make(struct sq_conn *c, struct error *err);

/* Whether the file has this program's layout, and nothing is left to do. Returns
 * 0, or -1 with *err set: it does not. */
int sq_layout_check(struct store *s, struct error *err);

/* Refuse layouts that this program does not know. Returns 0, or -1. */
int sq_layout_accept(const char *path, unsigned version, struct error *err);

/* Bring an older file to this program's layout: all of it or nothing. */
int sq_layout_upgrade(struct store *s, struct error *err);

/* Make index rows anew where a step wanted that; goes on where it was cut off.
 * Behind it the store is whole. */
int sq_layout_finish(struct store *s, const struct store_options *o, struct error *err);

/* sqlite_index.c */

struct sq_key sq_key_of(
    enum sq_kind kind, struct str type, struct str param, struct str system, struct str value);
struct sq_key sq_type_key(const struct sq_names *n, uint32_t type);
struct sq_key sq_compartment_key(struct str compartment);
/* A parameter's name in keys, and its type. */
struct str sq_param_name(const struct sq_names *n, uint32_t param);
uint32_t sq_param_type(const struct sq_names *n, uint32_t param);

struct sq_key sq_param_key(const struct sq_names *n, enum sq_kind kind, uint32_t type,
    uint32_t param, struct str system, struct str value);

/* Key of the string and date tables: type and parameter. */
int64_t sq_table_key(const struct sq_names *n, uint32_t type, uint32_t param);

/* Key of the table of dates, for ranges of numbers (system empty; unit as
 * written, empty: any) and for quantities of a unit. */
int64_t sq_range_key(
    const struct sq_names *n, uint32_t type, uint32_t param, struct str system, struct str unit);

/* 64 bits that tell units as written apart. */
int64_t sq_unit_of(struct str unit);

/* 64 bits that tell texts of one folded form apart. */
int64_t sq_exact_of(struct str value);

/* The parameters that have values, as kept in version.params. */
int sq_params_of(const struct sq_names *n, const struct store_index *index, uint32_t count,
    struct arena *a, struct str *out);
bool sq_params_have(const void *params, size_t len, uint32_t param_no);

/* The key a test looks up, when it is of that sort. */
bool sq_test_key(
    const struct sq_names *n, uint32_t type, const struct store_test *t, struct sq_key *out);

/* Let the index rows of version `row` of a resource wait in p. The write's ops
 * have the final ids that rows refer to. Returns 0, or -1 with *err set. */
int sq_index_add(struct sq_pending *p, const struct sq_names *n, struct arena *scratch,
    const struct store_write *w, const struct store_op *op, int64_t row, struct error *err);

/* sqlite_facts.c */

/*
 * The facts of a version, in the arena; empty when there are none. texts: of
 * each index row that is a reference what it refers to, of a string the folded
 * form. Returns 0, or -1: the arena is full.
 */
int sq_facts_of(const struct sq_names *n, const struct store_index *index, const struct str *texts,
    uint32_t count, struct arena *a, struct str *out);

/* Whether a date of the parameter compares so with from..to. */
bool sq_facts_date(
    struct str data, uint32_t param_no, enum store_compare compare, int64_t from, int64_t to);

/* The least or greatest value of a parameter, as memcmp() orders them; it lies
 * in data. false: there is none. */
bool sq_facts_value(struct str data, uint32_t param_no, bool greatest, struct str *out);

/* What a version refers to: "Type/id", or (type PACK_NONE) what is written. */
struct sq_target {
	uint32_t type;
	struct str text; /* the id, or what is written */
};

/* All that a parameter of type reference refers to, in the arena. */
int sq_facts_targets(const struct sq_names *n, struct str data, uint32_t param_no, struct arena *a,
    struct sq_target **out, uint32_t *count);

/* sqlite_pending.c */

void sq_pending_init(struct sq_pending *p);
void sq_pending_release(struct sq_pending *p);

/* How much may wait from now on: of one commit, or of many. Nothing waits. */
void sq_pending_resize(struct sq_pending *p, bool bulk);

/* Forget what waits. */
void sq_pending_clear(struct sq_pending *p);

void sq_pending_key(struct sq_pending *p, struct sq_key key, int64_t row);
void sq_pending_range(struct sq_pending *p, int64_t key, int64_t low, int64_t high, int64_t row);

/* Copy folded or data. Return 0, or -1: too much waits. */
int
sq_pending_string(struct sq_pending *p, int64_t key, struct str folded, int64_t row, int64_t exact);

/* The same: a text that rows stand under by place, once for all of them. */
int sq_pending_word(struct sq_pending *p, int64_t key, struct str text, struct sq_key place);

/* The same: copies data, of a composite. */
int sq_pending_tuple(struct sq_pending *p, int64_t row, uint32_t param, struct str data);
int sq_pending_facts(struct sq_pending *p, int64_t row, struct str data);

/* So much waits that it should be written before more comes. */
bool sq_pending_is_full(const struct sq_pending *p);

/* false: no row of the key waits, for certain. */
bool sq_pending_may_have(const struct sq_pending *p, struct sq_key key);

/* Write what waits; nothing waits then. Returns 0, or -1 with *err set: the
 * commit cannot go on. */
int sq_pending_write(struct sq_pending *p, struct sq_conn *c, struct error *err);

/* sqlite_tuple.c */

/* What a reference row refers to; {NULL, 0} when memory ran out. */
typedef struct str sq_target_fn(const void *ctx, const struct store_index *x);

/* The rows of one composite, as they are kept with their version. In scratch;
 * -1: they are too many. */
int sq_tuple_encode(const struct sq_names *n, uint32_t type, const struct store_index *x,
    uint32_t count, sq_target_fn *target, const void *ctx, struct arena *scratch, struct str *out);

/* A TEST_TUPLE as sq_tuple_matches() reads it. In scratch; -1: it is too large. */
int sq_tuple_ask(const struct sq_names *n, uint32_t type, const struct store_test *t,
    struct arena *scratch, struct str *out);

/* Whether some element of the encoded rows has what is asked for. */
bool sq_tuple_matches(struct str data, struct str asked);
/* sqlite_letter.c */

/* Take and put the write's letters, and keep its notes. 0; or -1 with w->error
 * set, and *broken: the whole commit cannot go on. */
int sq_letters_apply(struct sq_conn *c, struct store_write *w, int64_t now, bool *broken);

/* sqlite_guard.c. They return 0, or -1 with the write's error set, *broken when it
 * is the database that failed. */

/* May op `at` change what is stored as `row` (0: nothing, or deleted)? */
int sq_guard_before(struct store *s, struct store_write *w, uint32_t at, int64_t row, bool *broken);

/* And may it leave what it makes? Once all ids are settled. */
int sq_guard_after(struct store *s, struct store_write *w, uint32_t at);

/* Do all references hold, when all ops are written? */
int sq_guard_links(struct store *s, struct store_write *w, bool *broken);

/* Whether no index row that waits can matter to these questions. */
bool
sq_guard_is_settled(const struct store *s, const struct store_write *w, const struct store_op *op);

/* sqlite_read.c */

/* What stands behind "SELECT" for sq_version(). */
#define SQ_VERSION_COLUMNS_OF(v)                                                                   \
	v ".row, " v ".type, " v ".id, " v ".version, " v ".verb, " v ".updated"
#define SQ_VERSION_COLUMNS SQ_VERSION_COLUMNS_OF("v")

enum {
	SQ_VERSION_COUNT = 6, /* columns */
};

/* Take a row that was selected so; without its body. */
int sq_version(sqlite3_stmt *st, const struct sq_names *n, struct arena *a,
    struct store_version *out, struct error *err);
int sq_read_body(struct sq_conn *c, struct arena *a, struct store_version *v, struct error *err);

/* The newest row there is; 0: none. */
int sq_last_row(struct sq_conn *c, int64_t *row, struct error *err);

/* 1: row carries the key; 0: not; -1 with *err set. */
int sq_has_key(struct sq_conn *c, struct sq_key k, int64_t row, struct error *err);

/* sqlite_filter.c */

/* Add sees(shown, type, filters) to the connection: whether the version passes
 * what its type must. A result code of SQLite. */
int sq_filter_add_function(struct sq_conn *c);
void sq_bind_filters(sqlite3_stmt *st, int at, const struct store_filter *filters);

/* 1: the version of that row passes what is asked of its type; 0: not; -1 with
 * *err set. */
int sq_sees(struct sq_conn *c, const struct store_filter *filters, uint32_t type, int64_t row,
    struct error *err);

/* sqlite_search.c */

/* Tests of clauses, in all depths; more than a search may have when they are too
 * deep. Adds to *inners the searches within. */
uint64_t sq_count_tests(
    const struct store_clause *clauses, uint32_t count, unsigned depth, uint64_t *inners);

/* As store_search(), on any connection; without bodies when asked. */
int sq_find(struct sq_conn *c, const struct sq_names *n, const struct store_query *q, bool bodies,
    struct arena *scratch, struct arena *a, struct store_page *out, struct error *err);

#endif
