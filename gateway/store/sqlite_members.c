/* What is in a compartment, of all types. */
#include "base/buf.h"
#include "gateway/store/sqlite.h"

enum {
	ROOM_FIRST = 256,
};

static const char members_sql[] =
    "SELECT " SQ_VERSION_COLUMNS
    " FROM ix d CROSS JOIN version v WHERE d.hash = ?1 AND d.chk = ?2 AND d.row <= ?3"
    " AND v.row = d.row AND (v.until = 0 OR v.until > ?3) AND v.verb <> 2";

_Static_assert(STORE_DELETE == 2, "as the statement above says");

static sqlite3_stmt *
prepare(struct store_reader *r, const struct store_members *m, int64_t moment, struct error *err)
{
	struct sq_key of = sq_compartment_key(m->compartment);
	struct sq_key seen = of;
	struct buf sql;
	sqlite3_stmt *st;

	buf_init(&sql, 4096);
	buf_puts(&sql, members_sql);
	if (m->visibility.kind == SEES_COMPARTMENT) {
		seen = sq_compartment_key(m->visibility.compartment);
		buf_puts(&sql, " AND EXISTS (SELECT 1 FROM ix x WHERE x.hash = ?4"
			       " AND x.row = v.row AND x.chk = ?5)");
	}
	if (m->visibility.filters)
		buf_puts(&sql, " AND sees(v.shown, v.type, ?7)");
	buf_puts(&sql, " ORDER BY d.row DESC LIMIT ?6");
	st = sq_search(&r->conn, buf_str(&sql), err);
	buf_release(&sql);
	if (!st)
		return NULL;
	sqlite3_bind_int64(st, 1, of.hash);
	sqlite3_bind_int64(st, 2, of.check);
	sqlite3_bind_int64(st, 3, moment);
	sqlite3_bind_int64(st, 4, seen.hash);
	sqlite3_bind_int64(st, 5, seen.check);
	sqlite3_bind_int64(st, 6, (int64_t)m->most + 1);
	if (m->visibility.filters)
		sq_bind_filters(st, 7, m->visibility.filters);
	return st;
}

static int
take_rows(struct store_reader *r, sqlite3_stmt *st, uint32_t most, struct arena *a,
    struct store_page *out, struct error *err)
{
	uint32_t room = 0;
	int rc;

	while ((rc = sq_step(&r->conn, st, "read what is in a compartment", err)) > 0) {
		out->more = out->count == most;
		if (out->more)
			break;
		if (out->count == room) {
			size_t was = room * sizeof(*out->at);

			room = room ? room * 2 : ROOM_FIRST;
			out->at = arena_grow(a, out->at, was, room * sizeof(*out->at));
			rc = out->at ? 0 : sq_no_memory(err);
		}
		if (rc < 0 || sq_version(st, r->names, a, &out->at[out->count], err) < 0) {
			rc = -1;
			break;
		}
		out->count++;
	}
	sqlite3_reset(st);
	return rc < 0 ? -1 : 0;
}

static int
read_members(struct store_reader *r, const struct store_members *m, struct arena *a,
    struct store_page *out, struct error *err)
{
	sqlite3_stmt *st;

	if (sq_last_row(&r->conn, &out->moment, err) < 0)
		return -1;
	if (m->moment && m->moment < out->moment)
		out->moment = m->moment;
	st = prepare(r, m, out->moment, err);
	return st ? take_rows(r, st, m->most, a, out, err) : -1;
}

int
store_read_members(struct store_reader *r, const struct store_members *m, struct arena *a,
    struct store_page *out, struct error *err)
{
	int rc;

	*out = (struct store_page){ .total = UINT64_MAX };
	if (m->visibility.kind == SEES_NOTHING)
		return 0;
	if (sq_read_begin(&r->conn, err) < 0)
		return -1;
	sq_deadline_start(&r->conn);
	rc = read_members(r, m, a, out, err);
	sq_deadline_end(&r->conn);
	sq_read_end(&r->conn);
	return rc;
}
