/* Connections and statements. */
#include "base/buf.h"
#include "base/clock.h"
#include "gateway/store/geo.h"
#include "gateway/store/sqlite.h"

#define TWICE(x) x "," x
#define MANY(x) TWICE(TWICE(TWICE(TWICE(x))))
enum {
	INNER_BYTES = 16 << 20, /* what filters may take */
};

_Static_assert(SQ_MANY == 16, "as MANY has it");

static const char *const fixed_sql[SQ_FIXED] = {
	[SQ_BEGIN] = "BEGIN IMMEDIATE",
	[SQ_BEGIN_READ] = "BEGIN",
	[SQ_COMMIT] = "COMMIT",
	[SQ_ROLLBACK] = "ROLLBACK",
	[SQ_SAVEPOINT] = "SAVEPOINT one",
	[SQ_RELEASE] = "RELEASE one",
	[SQ_UNDO] = "ROLLBACK TO one",
	[SQ_NEWEST] =
	    "SELECT v.row, v.version, v.verb, v.updated FROM version v INDEXED BY version_of"
	    " WHERE v.type = ?1 AND v.id = ?2 ORDER BY v.version DESC LIMIT 1",
	[SQ_CURRENT] = "SELECT " SQ_VERSION_COLUMNS ", v.shown, b.data"
		       " FROM version v INDEXED BY version_of LEFT JOIN body b ON b.row = v.row"
		       " WHERE v.type = ?1 AND v.id = ?2 ORDER BY v.version DESC LIMIT 1",
	[SQ_ONE_VERSION] = "SELECT " SQ_VERSION_COLUMNS ", v.shown, b.data"
			   " FROM version v INDEXED BY version_of LEFT JOIN body b ON b.row = v.row"
			   " WHERE v.type = ?1 AND v.id = ?2 AND v.version = ?3",
	[SQ_BODY] = "SELECT data FROM body WHERE row = ?1",
	[SQ_LAST_ROW] = "SELECT row, updated FROM version ORDER BY row DESC LIMIT 1",
	[SQ_ROW_FROM] = "SELECT row, updated FROM version WHERE row >= ?1 ORDER BY row LIMIT 1",
	[SQ_ADD_VERSION] =
	    "INSERT INTO version (row, type, id, version, verb, updated, until, shown, params)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8)",
	[SQ_END_VERSION] = "UPDATE version SET until = ?1 WHERE row = ?2",
	[SQ_ADD_BODY] = "INSERT INTO body (row, data) VALUES (?1, ?2)",
	[SQ_ADD_INDEX] = "INSERT OR IGNORE INTO ix (hash, row, chk) VALUES (?1, ?2, ?3)",
	[SQ_ADD_STRING] = "INSERT OR IGNORE INTO string_ix (key, folded, row, exact)"
			  " VALUES (?1, ?2, ?3, ?4)",
	[SQ_ADD_DATE] = "INSERT OR IGNORE INTO date_ix (key, low, high, row)"
			" VALUES (?1, ?2, ?3, ?4)",
	[SQ_ADD_WORD] = "INSERT OR IGNORE INTO word (key, text, hash, chk)"
			" VALUES (?1, ?2, ?3, ?4)",
	[SQ_ADD_TUPLE] = "INSERT OR REPLACE INTO tuple (row, param, data) VALUES (?1, ?2, ?3)",
	[SQ_ADD_FACTS] = "INSERT OR REPLACE INTO facts (row, data) VALUES (?1, ?2)",
	[SQ_FACTS] = "SELECT data FROM facts WHERE row = ?1",
	[SQ_ADD_MANY_INDEX] = "INSERT OR IGNORE INTO ix (hash, row, chk) VALUES " MANY("(?,?,?)"),
	[SQ_ADD_MANY_STRINGS] = "INSERT OR IGNORE INTO string_ix (key, folded, row, exact)"
				" VALUES " MANY("(?,?,?,?)"),
	[SQ_ADD_MANY_DATES] = "INSERT OR IGNORE INTO date_ix (key, low, high, row)"
			      " VALUES " MANY("(?,?,?,?)"),
	[SQ_CURRENT_INDEX] = "SELECT 1 FROM ix d CROSS JOIN version v WHERE d.hash = ?1"
			     " AND d.chk = ?2 AND v.row = d.row AND v.until = 0 LIMIT 1",
	[SQ_HAS_INDEX] = "SELECT 1 FROM ix WHERE hash = ?1 AND row = ?2 AND chk = ?3",
	[SQ_SIZE_INDEX] = "SELECT count(*) FROM (SELECT 1 FROM ix WHERE hash = ?1 LIMIT ?2)",
	[SQ_FIND_KEY] = "SELECT value FROM seen WHERE key = ?1",
	[SQ_ADD_KEY] = "INSERT INTO seen (key, value, at) VALUES (?1, ?2, ?3)",
	[SQ_FORGET_KEYS] = "DELETE FROM seen WHERE at < ?1",
};

int
sq_no_memory(struct error *err)
{
	return error_set(err, ERROR_LIMIT, "the result is larger than the memory allowed for it");
}

int
sq_error(struct sq_conn *c, int code, const char *what, struct error *err)
{
	enum error_kind kind = ERROR_IO;

	switch (code & 0xff) {
	case SQLITE_INTERRUPT:
		return error_set(err, ERROR_LIMIT,
		    "could not %s within %u ms: ask for less, or by a more selective parameter",
		    what, c->query_ms);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		kind = ERROR_BUSY;
		break;
	case SQLITE_FULL:
		return error_set(err, ERROR_IO,
		    "could not %s: the disk is full, or the store has reached its limit", what);
	case SQLITE_TOOBIG:
		kind = ERROR_LIMIT;
		break;
	default:
		break;
	}
	return error_set(
	    err, kind, "could not %s: %s (SQLite %d)", what, sqlite3_errstr(code), code);
}

static int
past_deadline(void *ctx)
{
	const struct sq_conn *c = ctx;

	return c->deadline && clock_monotonic() > c->deadline;
}

void
sq_deadline_start(struct sq_conn *c)
{
	enum {
		STEPS = 20000, /* of SQLite's machine between looks at the clock */
	};

	if (!c->query_ms)
		return;
	c->deadline = clock_monotonic() + (int64_t)c->query_ms * 1000;
	sqlite3_progress_handler(c->db, STEPS, past_deadline, c);
}

void
sq_deadline_end(struct sq_conn *c)
{
	c->deadline = 0;
	if (c->query_ms)
		sqlite3_progress_handler(c->db, 0, NULL, NULL);
}

/* has_param(version.params, param): whether the version has a value for it. */
static void
has_param(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	const void *params = sqlite3_value_blob(argv[0]);

	(void)argc;
	sqlite3_result_int(ctx, sq_params_have(params, (size_t)sqlite3_value_bytes(argv[0]),
				    (uint32_t)sqlite3_value_int64(argv[1])));
}

static struct str
text_value(sqlite3_value *v)
{
	const char *p = (const char *)sqlite3_value_text(v);

	return str_of(p ? p : "", p ? (size_t)sqlite3_value_bytes(v) : 0);
}

static struct str
blob_value(sqlite3_value *v)
{
	const char *p = sqlite3_value_blob(v);

	return str_of(p ? p : "", p ? (size_t)sqlite3_value_bytes(v) : 0);
}

/* reference_hash(type, param, target type, target id), reference_check(…): the
 * place in the index of a reference. */
static void
reference_key(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	struct str id = text_value(argv[3]), type = text_value(argv[2]);
	char target[256];
	struct sq_key key;
	int len = snprintf(target, sizeof(target), "%.*s/%.*s", STR_ARG(type), STR_ARG(id));

	(void)argc;
	if (len < 0 || (size_t)len >= sizeof(target))
		return; /* NULL: no id or type is so long */
	key = sq_key_of(SQ_REFERENCE, text_value(argv[0]), text_value(argv[1]), STR(""),
	    str_of(target, (size_t)len));
	sqlite3_result_int64(ctx, sqlite3_user_data(ctx) ? key.check : key.hash);
}

/* tuple_match(data, asked): whether some element has what is asked for. */
static void
tuple_match(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	(void)argc;
	sqlite3_result_int(ctx, sq_tuple_matches(blob_value(argv[0]), blob_value(argv[1])));
}

/*
 * sort_value(facts.data, param, greatest): what memcmp() orders by. What has no
 * value stands behind all others, whichever way it is sorted.
 */
static void
sort_value(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	const char *data = sqlite3_value_blob(argv[0]);
	bool greatest = sqlite3_value_int(argv[2]);
	char out[SQ_SORT_BYTES];
	struct str value;

	(void)argc;
	if (!data || !sq_facts_value(str_of(data, (size_t)sqlite3_value_bytes(argv[0])),
			 (uint32_t)sqlite3_value_int64(argv[1]), greatest, &value)) {
		sqlite3_result_blob(ctx, "\xff", greatest ? 0 : 1, SQLITE_STATIC);
		return;
	}
	if (value.len > sizeof(out) - 1)
		value.len = sizeof(out) - 1;
	out[0] = 1;
	memcpy(out + 1, value.p, value.len);
	sqlite3_result_blob(ctx, out, (int)value.len + 1, SQLITE_TRANSIENT);
}

/* date_passes(facts.data, param, compare, from, to). */
static void
date_passes(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	(void)argc;
	sqlite3_result_int(
	    ctx, sq_facts_date(blob_value(argv[0]), (uint32_t)sqlite3_value_int64(argv[1]),
		     (enum store_compare)sqlite3_value_int(argv[2]), sqlite3_value_int64(argv[3]),
		     sqlite3_value_int64(argv[4])));
}

/* near(latitude, longitude, latitude, longitude, distance). */
static void
near(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	int64_t n[5] = { 0 };

	for (int i = 0; i < argc && i < 5; i++)
		n[i] = sqlite3_value_int64(argv[i]);
	sqlite3_result_int(ctx, geo_distance_mm(n[0], n[1], n[2], n[3]) <= n[4]);
}

static void
put_key(int64_t n, uint8_t out[8])
{
	uint64_t bits = (uint64_t)n ^ UINT64_C(1) << 63;

	for (int i = 7; i >= 0; i--, bits >>= 8)
		out[i] = (uint8_t)bits;
}

/* date_key(low, high): as sort_value() gives a date. */
static void
date_key(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	uint8_t out[17] = { 1 };

	(void)argc;
	put_key(sqlite3_value_int64(argv[0]), out + 1);
	put_key(sqlite3_value_int64(argv[1]), out + 9);
	sqlite3_result_blob(ctx, out, sizeof(out), SQLITE_TRANSIENT);
}

/* looked(row): true; counts how often it was asked. */
static void
looked(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	struct sq_conn *c = sqlite3_user_data(ctx);

	(void)argc;
	(void)argv;
	c->looked++;
	sqlite3_result_int(ctx, 1);
}

static int
add_functions(sqlite3 *db)
{
	static char check;
	int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
	int code = sqlite3_create_function(db, "has_param", 2, flags, NULL, has_param, NULL, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_create_function(
		    db, "date_key", 2, flags, NULL, date_key, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_create_function(
		    db, "sort_value", 3, flags, NULL, sort_value, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_create_function(
		    db, "reference_hash", 4, flags, NULL, reference_key, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_create_function(
		    db, "reference_check", 4, flags, &check, reference_key, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_create_function(
		    db, "tuple_match", 2, flags, NULL, tuple_match, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_create_function(
		    db, "date_passes", 5, flags, NULL, date_passes, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_create_function(db, "near", 5, flags, NULL, near, NULL, NULL);
	return code;
}

int
sq_open(struct sq_conn *c, const char *path, int flags, unsigned busy_ms, struct error *err)
{
	int code;

	*c = (struct sq_conn){ 0 };
	arena_init(&c->inner, INNER_BYTES, ARENA_WIPE);
	code = sqlite3_open_v2(path, &c->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (code == SQLITE_OK)
		code = add_functions(c->db);
	if (code == SQLITE_OK)
		code = sqlite3_create_function(
		    c->db, "looked", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, c, looked, NULL, NULL);
	if (code == SQLITE_OK)
		code = sq_filter_add_function(c);
	if (code != SQLITE_OK) {
		sq_error(c, code, "open the store", err);
		sq_close(c);
		return -1;
	}
	sqlite3_extended_result_codes(c->db, 1);
	sqlite3_busy_timeout(c->db, (int)busy_ms);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
	return 0;
}

void
sq_close(struct sq_conn *c)
{
	for (int i = 0; i < SQ_FIXED; i++)
		sqlite3_finalize(c->fixed[i]);
	for (int i = 0; i < SQ_SEARCHES; i++) {
		sqlite3_finalize(c->searches[i].st);
		free(c->searches[i].sql);
	}
	sq_bodies_free(c);
	sqlite3_close(c->db);
	if (c->db)
		arena_release(&c->inner);
	*c = (struct sq_conn){ 0 };
}

sqlite3_stmt *
sq_fixed(struct sq_conn *c, enum sq_fixed which, struct error *err)
{
	int code;

	if (c->fixed[which])
		return c->fixed[which];
	code = sqlite3_prepare_v3(
	    c->db, fixed_sql[which], -1, SQLITE_PREPARE_PERSISTENT, &c->fixed[which], NULL);
	if (code != SQLITE_OK) {
		sq_error(c, code, "prepare a statement", err);
		return NULL;
	}
	return c->fixed[which];
}

sqlite3_stmt *
sq_search(struct sq_conn *c, struct str sql, struct error *err)
{
	struct sq_search_statement *slot = &c->searches[0];
	int code;

	for (int i = 0; i < SQ_SEARCHES; i++) {
		struct sq_search_statement *s = &c->searches[i];

		if (s->st && str_is(sql, s->sql)) {
			s->used = ++c->clock;
			return s->st;
		}
		if (s->used < slot->used)
			slot = s;
	}
	sqlite3_finalize(slot->st);
	free(slot->sql);
	*slot = (struct sq_search_statement){ 0 };
	code = sqlite3_prepare_v3(
	    c->db, sql.p, (int)sql.len, SQLITE_PREPARE_PERSISTENT, &slot->st, NULL);
	if (code != SQLITE_OK) {
		sq_error(c, code, "prepare a search", err);
		return NULL;
	}
	slot->sql = xmalloc(sql.len + 1);
	memcpy(slot->sql, sql.p, sql.len);
	slot->sql[sql.len] = '\0';
	slot->used = ++c->clock;
	return slot->st;
}

int
sq_step(struct sq_conn *c, sqlite3_stmt *st, const char *what, struct error *err)
{
	int code = sqlite3_step(st);

	if (code == SQLITE_ROW)
		return 1;
	sqlite3_reset(st);
	if (code == SQLITE_DONE)
		return 0;
	return sq_error(c, code, what, err);
}

int
sq_run(struct sq_conn *c, enum sq_fixed which, const char *what, struct error *err)
{
	sqlite3_stmt *st = sq_fixed(c, which, err);

	return st ? sq_step(c, st, what, err) : -1;
}

int
sq_exec(struct sq_conn *c, const char *sql, const char *what, struct error *err)
{
	int code = sqlite3_exec(c->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : sq_error(c, code, what, err);
}

int
sq_read_begin(struct sq_conn *c, struct error *err)
{
	if (c->reading == 0 && sq_run(c, SQ_BEGIN_READ, "read the store", err) < 0)
		return -1;
	c->reading++;
	return 0;
}

void
sq_read_end(struct sq_conn *c)
{
	if (--c->reading == 0)
		sq_run(c, SQ_COMMIT, "read the store", NULL);
}

/* The caller keeps the bytes until the statement is reset or bound anew. */
void
sq_bind_str(sqlite3_stmt *st, int at, struct str s)
{
	sqlite3_bind_text64(st, at, s.p ? s.p : "", s.len, SQLITE_STATIC, SQLITE_UTF8);
}

void
sq_bind_blob(sqlite3_stmt *st, int at, struct str s)
{
	sqlite3_bind_blob64(st, at, s.p ? s.p : "", s.len, SQLITE_STATIC);
}

int
sq_column(sqlite3_stmt *st, int at, struct arena *a, struct str *out, struct error *err)
{
	const void *p = sqlite3_column_blob(st, at);
	size_t len = (size_t)sqlite3_column_bytes(st, at);

	*out = str_dup(a, str_of(p, len));
	if (!out->p)
		return sq_no_memory(err);
	return 0;
}
