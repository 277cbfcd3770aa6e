/*
 * Removing resources for good: every version, every index row, and then what is
 * left of them in pages that are free or half full, and in the journal.
 */
#include "base/buf.h"
#include "gateway/store/sqlite.h"

enum {
	PATIENCE_MS = 10000,
};

/* All tables but those of SQLite and of full texts that have a column `row`. */
#define TABLES_OF_ROWS                                                                             \
	"SELECT t.name FROM sqlite_schema t, pragma_table_info(t.name) c"                          \
	" WHERE t.type = 'table' AND c.name = 'row' AND t.name <> 'work'"                          \
	" ORDER BY t.name = 'version', t.name"

struct purge {
	struct store *s;
	struct store_purge *p;
};

/* Rows of the resource, into a table that the statements below look at. */
static int
collect_rows(struct purge *k, struct error *err)
{
	struct sq_conn *c = &k->s->conn;
	sqlite3_stmt *st;

	if (sq_exec(c,
		"CREATE TEMP TABLE IF NOT EXISTS gone (r INTEGER PRIMARY KEY);"
		"DELETE FROM temp.gone",
		"find the resource's versions", err) < 0)
		return -1;
	st = sq_search(c,
	    STR("INSERT INTO temp.gone SELECT row FROM version WHERE type = ?1 AND id = ?2"), err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, k->s->names.type_no[k->p->type]);
	sq_bind_str(st, 2, k->p->id);
	if (sq_step(c, st, "find the resource's versions", err) < 0)
		return -1;
	k->p->versions = (uint64_t)sqlite3_changes(c->db);
	return 0;
}

/* A current version of another resource that carries the key: 1, 0 or -1. */
static int
find_holder(struct purge *k, struct sq_key key, struct error *err)
{
	struct sq_conn *c = &k->s->conn;
	sqlite3_stmt *st = sq_search(c,
	    STR("SELECT " SQ_VERSION_COLUMNS " FROM ix x CROSS JOIN version v"
		" WHERE x.hash = ?1 AND x.chk = ?2 AND v.row = x.row AND v.until = 0"
		" AND v.verb <> 2 AND v.row NOT IN (SELECT r FROM temp.gone) LIMIT 1"),
	    err);
	struct store_version v;
	int rc;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, key.hash);
	sqlite3_bind_int64(st, 2, key.check);
	rc = sq_step(c, st, "find references to the resource", err);
	if (rc <= 0)
		return rc;
	rc = sq_version(st, &k->s->names, k->p->arena, &v, err);
	k->p->referrer_type = v.type;
	k->p->referrer_id = v.id;
	sqlite3_reset(st);
	return rc < 0 ? -1 : 1;
}

/* Who refers to it by a search parameter, of any type. */
static int
find_referrer(struct purge *k, struct error *err)
{
	const struct sq_names *n = &k->s->names;
	const struct pack *p = n->pack;
	struct str parts[] = { pack_text(p, pack_type_at(p, k->p->type)->name), STR("/"),
		k->p->id };
	struct str target = str_concat(k->p->arena, parts, 3);
	int rc = 0;

	if (!target.p)
		return sq_no_memory(err);
	for (uint32_t t = 0; rc == 0 && t < pack_type_count(p); t++) {
		uint32_t count;
		const uint32_t *params = pack_type_params(p, t, &count);

		for (uint32_t i = 0; n->type_no[t] && rc == 0 && i < count; i++)
			if (pack_param_at(p, params[i])->type == PARAM_REFERENCE)
				rc = find_holder(k,
				    sq_param_key(n, SQ_REFERENCE, t, params[i], STR(""), target),
				    err);
	}
	return rc;
}

static int
delete_from(struct sq_conn *c, struct str table, struct error *err)
{
	struct buf sql;
	int rc;

	buf_init(&sql, 4096);
	buf_printf(
	    &sql, "DELETE FROM \"%.*s\" WHERE row IN (SELECT r FROM temp.gone)", STR_ARG(table));
	buf_put_byte(&sql, '\0');
	rc = sq_exec(c, sql.p, "remove the resource", err);
	buf_release(&sql);
	return rc;
}

static int
delete_rows(struct purge *k, struct error *err)
{
	enum {
		TABLES = 64,
	};
	struct sq_conn *c = &k->s->conn;
	sqlite3_stmt *st = sq_search(c, STR(TABLES_OF_ROWS), err);
	struct str tables[TABLES];
	size_t count = 0;
	int rc;

	if (!st)
		return -1;
	while ((rc = sq_step(c, st, "read the layout", err)) > 0 && count < TABLES)
		if (sq_column(st, 0, k->p->arena, &tables[count++], err) < 0)
			break;
	sqlite3_reset(st);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = delete_from(c, tables[i], err);
	/* Words that nobody says any more. */
	if (rc == 0)
		rc = sq_exec(c,
		    "DELETE FROM word WHERE NOT EXISTS (SELECT 1 FROM ix x"
		    " WHERE x.hash = word.hash AND x.chk = word.chk)",
		    "remove the resource", err);
	return rc < 0 ? -1 : 0;
}

/* Rows only grow, also when the newest are gone. */
static int
keep_last(struct store *s, struct error *err)
{
	sqlite3_stmt *st = sq_search(
	    &s->conn, STR("INSERT OR REPLACE INTO work VALUES ('last', ?1)"), err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, s->last_row);
	return sq_step(&s->conn, st, "write the store", err) < 0 ? -1 : 0;
}

static int
purge(struct purge *k, struct error *err)
{
	int rc = collect_rows(k, err);

	if (rc < 0 || !k->p->versions)
		return rc;
	rc = k->p->force ? 0 : find_referrer(k, err);
	if (rc > 0)
		return error_set(err, ERROR_CONFLICT, "the resource is referred to");
	if (rc < 0 || delete_rows(k, err) < 0)
		return -1;
	return keep_last(k->s, err);
}

int
store_purge(struct store *s, struct store_purge *p, struct error *err)
{
	struct purge k = { s, p };
	int rc;

	p->versions = 0;
	p->referrer_type = PACK_NONE;
	if (sq_exec(&s->conn, "PRAGMA secure_delete=ON", "remove the resource", err) < 0 ||
	    sq_run(&s->conn, SQ_BEGIN, "remove the resource", err) < 0)
		return -1;
	rc = purge(&k, err);
	if (rc == 0)
		return sq_run(&s->conn, SQ_COMMIT, "remove the resource", err);
	sq_run(&s->conn, SQ_ROLLBACK, "remove the resource", NULL);
	return -1;
}

int
store_shred(struct store *s, struct error *err)
{
	/* Pages that were cut and moved keep bytes of before: all are written anew,
	 * the pages of the file first into the journal, then in their places; the
	 * journal is cut to nothing. */
	static const char *const steps[] = {
		"PRAGMA temp_store=FILE",
		"PRAGMA secure_delete=ON",
		"PRAGMA wal_checkpoint(TRUNCATE)",
		"VACUUM",
		"PRAGMA wal_checkpoint(TRUNCATE)",
		"PRAGMA temp_store=MEMORY",
	};

	sqlite3_busy_timeout(s->conn.db, PATIENCE_MS);
	if (sq_run(&s->conn, SQ_BEGIN, "write the store anew", err) < 0)
		return -1;
	if (sq_bodies_anew(s, err) < 0) {
		sq_run(&s->conn, SQ_ROLLBACK, "write the store anew", NULL);
		return -1;
	}
	if (sq_run(&s->conn, SQ_COMMIT, "write the store anew", err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (sq_exec(&s->conn, steps[i], "write the store anew", err) < 0)
			return -1;
	return 0;
}
