/*
 * Index rows of many commits, written in long sorted runs: a page of the index is
 * then written once for many rows, however large the store is. Versions and bodies
 * are on disk with each commit; should the program end before their index rows
 * are, the next start makes those anew from the bodies (sqlite_layout.c), behind the
 * row up to which they are there.
 */
#include "base/log.h"
#include "gateway/store/sqlite.h"

/* Up to which row the index is whole. */
static int
note_row(struct store *s, struct error *err)
{
	struct sq_conn *c = &s->conn;
	sqlite3_stmt *st = sq_search(
	    c, STR("INSERT OR REPLACE INTO work VALUES ('extract', ?1)"), err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, s->last_row);
	return sq_step(c, st, "write the store", err) < 0 ? -1 : 0;
}

int
sq_bulk_write(struct store *s, struct error *err)
{
	if (sq_pending_write(&s->pending, &s->conn, err) < 0)
		return -1;
	return s->bulk && !s->bulk_lost ? note_row(s, err) : 0;
}

void
sq_bulk_failed(struct store *s)
{
	sq_pending_clear(&s->pending);
	s->bulk_lost = s->bulk;
}

/* How much may be in memory, and in the journal, before it goes to its place. */
static int
set_sizes(struct store *s, bool bulk, struct error *err)
{
	return sq_exec(&s->conn,
	    bulk ? "PRAGMA cache_size=-262144; PRAGMA wal_autocheckpoint=65536"
		 : "PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=16384",
	    "set up the store", err);
}

int
store_begin_bulk(struct store *s, struct error *err)
{
	if (set_sizes(s, true, err) < 0 || note_row(s, err) < 0)
		return -1;
	sq_pending_resize(&s->pending, true);
	s->bulk = true;
	s->bulk_lost = false;
	return 0;
}

static int
end_run(struct store *s, struct error *err)
{
	if (sq_run(&s->conn, SQ_BEGIN, "write the index", err) < 0)
		return -1;
	if (sq_bulk_write(s, err) < 0) {
		sq_bulk_failed(s);
		sq_run(&s->conn, SQ_ROLLBACK, "write the index", NULL);
		return -1;
	}
	return sq_run(&s->conn, SQ_COMMIT, "write the index", err);
}

int
store_flush_bulk(struct store *s, struct error *err)
{
	return s->bulk ? end_run(s, err) : 0;
}

int
store_end_bulk(struct store *s, struct error *err)
{
	int rc;

	if (!s->bulk)
		return 0;
	rc = end_run(s, err);
	if (rc == 0 && !s->bulk_lost)
		rc = sq_exec(
		    &s->conn, "DELETE FROM work WHERE name = 'extract'", "write the index", err);
	else
		log_event(LOG_WARN, "store-index",
		    "reason=index rows were lost by a write that failed; the next start makes them "
		    "anew");
	s->bulk = false;
	sq_pending_clear(&s->pending);
	sq_pending_resize(&s->pending, false);
	return rc < 0 ? -1 : set_sizes(s, false, err);
}
