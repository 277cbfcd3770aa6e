/*
 * The layout of the file: its tables, and how a file of an older layout becomes
 * one of this program's.
 *
 * A layout is the one before and one more step. A new file is made of the first
 * layout and all steps; an old one takes the steps it lacks, in one transaction,
 * and has its old layout until that is committed. A step may want the index rows
 * of every resource to be made anew, from the bodies: that takes long, is done
 * in parts behind the steps, and goes on where it was at the next start.
 */
#include "base/clock.h"
#include "base/log.h"
#include "gateway/store/sqlite.h"

enum {
	FIRST_LAYOUT = 2,
	PART_VERSIONS = 1000,  /* whose rows one commit writes */
	TELL_US = 2 * 1000000, /* between lines that tell how far it is */
};

static const char first_layout[] =
    /* Numbers of this file for the names of packs. */
    "CREATE TABLE type (no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE param (no INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE);"
    /* Versions. until: the row that ended it, 0: none. shown: the row whose
     * compartments it has, for a deletion the one before. */
    "CREATE TABLE version (row INTEGER PRIMARY KEY, type INTEGER NOT NULL, id TEXT NOT NULL,"
    " version INTEGER NOT NULL, verb INTEGER NOT NULL, updated INTEGER NOT NULL,"
    " until INTEGER NOT NULL, shown INTEGER NOT NULL, params BLOB NOT NULL);"
    "CREATE UNIQUE INDEX version_of ON version (type, id, version);"
    "CREATE TABLE body (row INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    /* The index: token, reference, uri, type, compartment. */
    "CREATE TABLE ix (hash INTEGER NOT NULL, row INTEGER NOT NULL, chk INTEGER NOT NULL,"
    " PRIMARY KEY (hash, row, chk)) WITHOUT ROWID;"
    "CREATE TABLE string_ix (key INTEGER NOT NULL, folded BLOB NOT NULL, row INTEGER NOT NULL,"
    " exact INTEGER NOT NULL, PRIMARY KEY (key, folded, row, exact)) WITHOUT ROWID;"
    "CREATE TABLE date_ix (key INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,"
    " row INTEGER NOT NULL, PRIMARY KEY (key, low, high, row)) WITHOUT ROWID;"
    "CREATE INDEX date_high ON date_ix (key, high);"
    /* Keys of transactions that are applied once. */
    "CREATE TABLE seen (key BLOB PRIMARY KEY, value BLOB NOT NULL, at INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE INDEX seen_at ON seen (at);";

/* From the layout before to the next: the first makes layout 3. Never change
 * one that files may have; add one behind it. */
static const struct step {
	const char *sql;
	bool extract; /* index rows are to be made anew from the bodies */
} steps[] = {
	/* Work on the file that is under way, and the row it has come to. */
	{ "CREATE TABLE work (name TEXT PRIMARY KEY, row INTEGER NOT NULL) WITHOUT ROWID;", false },
	/* Composites of versions that have several elements. */
	{ "CREATE TABLE tuple (row INTEGER NOT NULL, param INTEGER NOT NULL, data BLOB NOT NULL,"
	  " PRIMARY KEY (row, param)) WITHOUT ROWID;",
	    true },
	/* Messages kept for somebody, and small things to remember. */
	{ "CREATE TABLE letter (no INTEGER PRIMARY KEY AUTOINCREMENT, box TEXT NOT NULL, key BLOB,"
	  " at INTEGER NOT NULL, last INTEGER NOT NULL, times INTEGER NOT NULL,"
	  " head BLOB NOT NULL, body BLOB NOT NULL);"
	  "CREATE INDEX letter_box ON letter (box, no);"
	  "CREATE UNIQUE INDEX letter_key ON letter (box, key) WHERE key IS NOT NULL;"
	  "CREATE TABLE note (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;",
	    false },
	/* Texts of tokens, and URIs, each once, with the place in ix of those who
	 * have them. */
	{ "CREATE TABLE word (key INTEGER NOT NULL, text BLOB NOT NULL, hash INTEGER NOT NULL,"
	  " chk INTEGER NOT NULL, PRIMARY KEY (key, text)) WITHOUT ROWID;",
	    true },
	/* The values of a version, for orders and includes: sqlite_facts.c. */
	{ "CREATE TABLE facts (row INTEGER PRIMARY KEY, data BLOB NOT NULL);", true },
	/* What bodies are compressed with; and keys of ids that hold their time stand
	 * in its order. */
	{ "CREATE TABLE dictionary (no INTEGER PRIMARY KEY, made_at INTEGER NOT NULL,"
	  " data BLOB NOT NULL);",
	    true },
	/* Facts have all dates, with both ends. */
	{ "DELETE FROM facts;", true },
	/* What counts do not count: versions that were ended, and deletions. */
	{ "CREATE INDEX version_past ON version (type, row, until, verb)"
	  " WHERE until <> 0 OR verb = 2;",
	    false },
};

enum {
	STEPS = sizeof(steps) / sizeof(steps[0]),
	LAYOUT = FIRST_LAYOUT + STEPS,
};

static int
set_version(struct sq_conn *c, struct error *err)
{
	char pragma[64];

	snprintf(pragma, sizeof(pragma), "PRAGMA user_version=%d", LAYOUT);
	return sq_exec(c, pragma, "write the layout's version", err);
}

int
sq_layout_make(struct sq_conn *c, struct error *err)
{
	int rc = sq_exec(c, first_layout, "make the store", err);

	for (int i = 0; rc == 0 && i < STEPS; i++)
		rc = sq_exec(c, steps[i].sql, "make the store", err);
	return rc == 0 ? set_version(c, err) : -1;
}

int
sq_layout_accept(const char *path, unsigned version, struct error *err)
{
	if (version > LAYOUT)
		return error_set(err, ERROR_INVALID,
		    "the store %s has layout version %u, this program knows up to %d: use the "
		    "program that wrote it, or a newer one",
		    path, version, LAYOUT);
	if (version < FIRST_LAYOUT)
		return error_set(err, ERROR_INVALID,
		    "the store %s has layout version %u, which no released program has written: "
		    "it is damaged",
		    path, version);
	return 0;
}

/* Run SQL that gives one number, or no row: *out stays. 1, 0 or -1. */
static int
read_number(struct sq_conn *c, const char *sql, int64_t *out, struct error *err)
{
	sqlite3_stmt *st = sq_search(c, str_from(sql), err);
	int rc = st ? sq_step(c, st, "read the store", err) : -1;

	if (rc > 0) {
		*out = sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
	}
	return rc;
}

/* All steps that the file lacks. */
static int
take_steps(struct sq_conn *c, int64_t version, struct error *err)
{
	bool extract = false;

	for (int64_t i = version - FIRST_LAYOUT; i < STEPS; i++) {
		if (sq_exec(c, steps[i].sql, "bring the store to its new layout", err) < 0)
			return -1;
		extract |= steps[i].extract;
	}
	/* Search parameters of one's own are then to be indexed again as well. */
	if (extract && sq_exec(c,
			   "INSERT OR REPLACE INTO work VALUES ('extract', 0);"
			   "DELETE FROM note WHERE key = CAST('" STORE_OWN_NOTE "' AS BLOB)",
			   "bring the store to its new layout", err) < 0)
		return -1;
	return set_version(c, err);
}

int
sq_layout_check(struct store *s, struct error *err)
{
	struct sq_conn *c = &s->conn;
	int64_t version = 0, row = 0;
	int left = 1;

	if (read_number(c, "PRAGMA user_version", &version, err) < 0 ||
	    sq_layout_accept(s->path, (unsigned)version, err) < 0)
		return -1;
	if (version == LAYOUT)
		left = read_number(c, "SELECT row FROM work WHERE name = 'extract'", &row, err);
	if (left > 0)
		error_set(err, ERROR_INVALID,
		    "the store %s is of an older layout: let firedoor serve bring it up to date",
		    s->path);
	return left ? -1 : 0;
}

int
sq_layout_upgrade(struct store *s, struct error *err)
{
	struct sq_conn *c = &s->conn;
	int64_t version = 0;

	if (read_number(c, "PRAGMA user_version", &version, err) < 0 ||
	    sq_layout_accept(s->path, (unsigned)version, err) < 0)
		return -1;
	if (version == LAYOUT)
		return 0;
	log_event(LOG_WARN, "store-upgrade",
	    "path=%s\tfrom=%lld\tto=%d\thint=programs of before cannot use it then; a backup of "
	    "before is the way back",
	    s->path, (long long)version, LAYOUT);
	if (sq_run(c, SQ_BEGIN, "bring the store to its new layout", err) < 0)
		return -1;
	if (take_steps(c, version, err) < 0) {
		sq_run(c, SQ_ROLLBACK, "bring the store to its new layout", NULL);
		return -1;
	}
	if (sq_run(c, SQ_COMMIT, "bring the store to its new layout", err) < 0)
		return -1;
	log_event(LOG_INFO, "store-upgraded", "path=%s\tlayout=%d", s->path, LAYOUT);
	return 0;
}

/* Index rows anew. */

struct extraction {
	struct store *s;
	store_extract_fn *extract;
	void *extract_ctx;
	struct arena arena; /* of one resource */
	int64_t row, last;
	uint64_t failed;
	int64_t told;
};

/* A version's values from its body; none where that cannot be read any more. */
static int
values_of(struct extraction *x, struct store_op *op, int64_t row, struct error *err)
{
	struct store_version v = { .row = (uint64_t)row };
	struct store_index *rows = NULL;
	struct error why;

	if (sq_read_body(&x->s->conn, &x->arena, &v, err) < 0)
		return -1;
	if (x->extract(x->extract_ctx, op->type, v.body, &x->arena, &rows, &op->index_count, &why) <
	    0) {
		log_event(LOG_WARN, "store-upgrade",
		    "row=%lld\treason=a resource cannot be found by its values: %s", (long long)row,
		    why.text);
		x->failed++;
		op->index_count = 0;
	}
	op->index = rows;
	return 0;
}

static int
keep_params(struct extraction *x, const struct store_op *op, int64_t row, struct error *err)
{
	struct sq_conn *c = &x->s->conn;
	sqlite3_stmt *st = sq_search(c, STR("UPDATE version SET params = ?1 WHERE row = ?2"), err);
	struct str params;

	if (!st)
		return -1;
	if (sq_params_of(&x->s->names, op->index, op->index_count, &x->arena, &params) < 0)
		return sq_no_memory(err);
	sq_bind_blob(st, 1, params);
	sqlite3_bind_int64(st, 2, row);
	return sq_step(c, st, "write a version", err) < 0 ? -1 : 0;
}

/* The version that st gave: its values wait to be written. */
static int
extract_version(struct extraction *x, sqlite3_stmt *st, struct error *err)
{
	struct store_write w = { .arena = &x->arena };
	struct store_version v;
	struct store_op op = { 0 };
	int rc;

	if (sq_version(st, &x->s->names, &x->arena, &v, err) < 0)
		return -1;
	x->row = (int64_t)v.row;
	if (v.type == PACK_NONE)
		return 0; /* not a type of this pack: its rows are as they were */
	op.type = v.type;
	op.final_id = v.id;
	w.ops = &op;
	w.count = 1;
	if (!v.deleted &&
	    (values_of(x, &op, x->row, err) < 0 || keep_params(x, &op, x->row, err) < 0))
		return -1;
	rc = sq_index_add(&x->s->pending, &x->s->names, &x->s->scratch, &w, &op, x->row, err);
	arena_reset(&x->s->scratch);
	return rc;
}

/* Some of the versions that sql gives behind a row, up to another. Returns how
 * many, or -1. */
static int
extract_some(struct extraction *x, struct str sql, int most, struct error *err)
{
	struct sq_conn *c = &x->s->conn;
	sqlite3_stmt *st = sq_search(c, sql, err);
	int rc, count = 0;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, x->row);
	sqlite3_bind_int64(st, 2, x->last);
	sqlite3_bind_int64(st, 3, most);
	while ((rc = sq_step(c, st, "read the store", err)) > 0) {
		rc = extract_version(x, st, err);
		arena_reset(&x->arena);
		if (rc < 0)
			break;
		count++;
	}
	sqlite3_reset(st);
	return rc < 0 || sq_pending_write(&x->s->pending, c, err) < 0 ? -1 : count;
}

/* Some versions, in one commit with how far it came. */
static int
extract_part(struct extraction *x, struct error *err)
{
	struct sq_conn *c = &x->s->conn;
	sqlite3_stmt *st;

	if (extract_some(x,
		STR("SELECT " SQ_VERSION_COLUMNS
		    " FROM version v WHERE v.row > ?1 AND v.row <= ?2 ORDER BY v.row LIMIT ?3"),
		PART_VERSIONS, err) < 0)
		return -1;
	st = sq_search(c, STR("UPDATE work SET row = ?1 WHERE name = 'extract'"), err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, x->row);
	return sq_step(c, st, "write the store", err) < 0 ? -1 : 0;
}

static void
tell_progress(struct extraction *x)
{
	int64_t now = clock_monotonic();

	if (now < x->told + TELL_US)
		return;
	x->told = now;
	log_event(LOG_INFO, "store-upgrade", "step=index\tversions=%lld\tof=%lld\tpercent=%d",
	    (long long)x->row, (long long)x->last, (int)(x->row * 100 / x->last));
}

static int
extract_all(struct extraction *x, struct error *err)
{
	struct sq_conn *c = &x->s->conn;

	while (x->row < x->last) {
		int64_t from = x->row;

		if (sq_run(c, SQ_BEGIN, "make the index anew", err) < 0)
			return -1;
		if (extract_part(x, err) < 0) {
			sq_pending_clear(&x->s->pending);
			sq_run(c, SQ_ROLLBACK, "make the index anew", NULL);
			return -1;
		}
		if (sq_run(c, SQ_COMMIT, "make the index anew", err) < 0)
			return -1;
		if (x->row == from)
			break;
		tell_progress(x);
	}
	return sq_exec(c, "DELETE FROM work WHERE name = 'extract'", "make the index anew", err);
}

/* No rows, and all to be made. */
static int
forget_index(struct sq_conn *c, struct error *err)
{
	return sq_exec(c,
	    "BEGIN; DELETE FROM ix; DELETE FROM string_ix; DELETE FROM date_ix;"
	    "DELETE FROM tuple; DELETE FROM word; DELETE FROM facts;"
	    "INSERT OR REPLACE INTO work VALUES ('extract', 0);"
	    "DELETE FROM note WHERE key = CAST('" STORE_OWN_NOTE "' AS BLOB); COMMIT",
	    "forget the index", err);
}

int
sq_layout_finish(struct store *s, const struct store_options *o, struct error *err)
{
	enum {
		ARENA_BYTES = 512 << 20,
	};
	struct extraction x = {
		.s = s, .extract = o->extract, .extract_ctx = o->extract_ctx, .last = s->last_row
	};
	int64_t start = clock_monotonic();
	int rc;

	if (o->reindex && forget_index(&s->conn, err) < 0)
		return -1;
	rc = read_number(&s->conn, "SELECT row FROM work WHERE name = 'extract'", &x.row, err);
	if (rc <= 0)
		return rc;
	if (!o->extract)
		return error_set(err, ERROR_INVALID,
		    "the index of the store %s is to be made anew: let firedoor serve open it",
		    s->path);
	log_event(LOG_INFO, "store-upgrade", "step=index\tfrom=%lld\tof=%lld", (long long)x.row,
	    (long long)x.last);
	arena_init(&x.arena, ARENA_BYTES, ARENA_WIPE);
	rc = extract_all(&x, err);
	arena_release(&x.arena);
	if (rc == 0)
		log_event(x.failed ? LOG_WARN : LOG_INFO, "store-upgraded",
		    "step=index\tversions=%lld\tfailed=%llu\tms=%lld", (long long)x.last,
		    (unsigned long long)x.failed, (long long)(clock_monotonic() - start) / 1000);
	return rc;
}

int64_t
store_last_row(const struct store *s)
{
	return s->last_row;
}

int
store_reindex(struct store *s, int64_t *row, int64_t last, struct error *err)
{
	enum {
		ARENA_BYTES = 512 << 20,
		VERSIONS = 200, /* so that writers wait for some milliseconds */
	};
	struct extraction x = { .s = s,
		.extract = s->extract,
		.extract_ctx = s->extract_ctx,
		.row = *row,
		.last = last };
	int count;

	if (sq_run(&s->conn, SQ_BEGIN, "make the index anew", err) < 0)
		return -1;
	arena_init(&x.arena, ARENA_BYTES, ARENA_WIPE);
	count = extract_some(&x,
	    STR("SELECT " SQ_VERSION_COLUMNS " FROM version v WHERE v.row > ?1 AND v.row <= ?2"
		" AND v.until = 0 AND v.verb <> 2 ORDER BY v.row LIMIT ?3"),
	    VERSIONS, err);
	arena_release(&x.arena);
	if (count < 0 || sq_run(&s->conn, SQ_COMMIT, "make the index anew", err) < 0) {
		sq_pending_clear(&s->pending);
		if (!sqlite3_get_autocommit(s->conn.db))
			sq_run(&s->conn, SQ_ROLLBACK, "make the index anew", NULL);
		return -1;
	}
	*row = count == VERSIONS ? x.row : last;
	return count == VERSIONS;
}
