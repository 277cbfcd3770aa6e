/* Point reads, history, counts and keys. */
#include "base/buf.h"
#include "gateway/store/sqlite.h"

enum {
	COLUMN_SHOWN = 6, /* behind SQ_VERSION_COLUMNS */
	COLUMN_BODY = 7,
	PAGE_MOST = 10000, /* versions on a page, whatever is asked for */
};

int
sq_version(sqlite3_stmt *st, const struct sq_names *n, struct arena *a, struct store_version *out,
    struct error *err)
{
	uint32_t type_no = (uint32_t)sqlite3_column_int64(st, 1);

	*out = (struct store_version){
		.row = (uint64_t)sqlite3_column_int64(st, 0),
		.type = type_no < n->type_nos ? n->pack_type[type_no] : PACK_NONE,
		.version = (uint64_t)sqlite3_column_int64(st, 3),
		.verb = (enum store_verb)sqlite3_column_int(st, 4),
		.updated = sqlite3_column_int64(st, 5),
	};
	out->deleted = out->verb == STORE_DELETE;
	return sq_column(st, 2, a, &out->id, err);
}

int
sq_read_body(struct sq_conn *c, struct arena *a, struct store_version *v, struct error *err)
{
	sqlite3_stmt *st = sq_fixed(c, SQ_BODY, err);
	int rc;

	if (!st)
		return -1;
	if (v->deleted)
		return 0;
	sqlite3_bind_int64(st, 1, (int64_t)v->row);
	rc = sq_step(c, st, "read a resource", err);
	if (rc == 0)
		return error_set(err, ERROR_IO, "the store is damaged: a version has no body");
	if (rc > 0)
		rc = sq_body_column(c, st, 0, a, &v->body, err);
	sqlite3_reset(st);
	return rc;
}

int
sq_last_row(struct sq_conn *c, int64_t *row, struct error *err)
{
	sqlite3_stmt *st = sq_fixed(c, SQ_LAST_ROW, err);
	int rc = st ? sq_step(c, st, "read the store", err) : -1;

	*row = 0;
	if (rc > 0) {
		*row = sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
	}
	return rc < 0 ? -1 : 0;
}

int
sq_has_key(struct sq_conn *c, struct sq_key k, int64_t row, struct error *err)
{
	sqlite3_stmt *st = sq_fixed(c, SQ_HAS_INDEX, err);
	int rc;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, k.hash);
	sqlite3_bind_int64(st, 2, row);
	sqlite3_bind_int64(st, 3, k.check);
	rc = sq_step(c, st, "read the index", err);
	if (rc > 0)
		sqlite3_reset(st);
	return rc;
}

/* The row that the statement gave, when it may be seen. */
static int
take_version(struct store_reader *r, sqlite3_stmt *st, const struct store_visibility *v,
    struct arena *a, struct store_version *out, struct error *err)
{
	if (v->kind == SEES_COMPARTMENT) {
		int rc = sq_has_key(&r->conn, sq_compartment_key(v->compartment),
		    sqlite3_column_int64(st, COLUMN_SHOWN), err);

		if (rc <= 0)
			return rc;
	}
	if (sq_version(st, r->names, a, out, err) < 0)
		return -1;
	if (v->filters) {
		int rc = sq_sees(
		    &r->conn, v->filters, out->type, sqlite3_column_int64(st, COLUMN_SHOWN), err);

		if (rc <= 0)
			return rc;
	}
	if (!out->deleted && sq_body_column(&r->conn, st, COLUMN_BODY, a, &out->body, err) < 0)
		return -1;
	return 1;
}

int
store_read(struct store_reader *r, uint32_t type, struct str id, uint64_t version,
    const struct store_visibility *v, struct arena *a, struct store_version *out, struct error *err)
{
	sqlite3_stmt *st;
	int rc;

	if (v->kind == SEES_NOTHING || version > INT64_MAX)
		return 0;
	st = sq_fixed(&r->conn, version ? SQ_ONE_VERSION : SQ_CURRENT, err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, r->names->type_no[type]);
	sq_bind_str(st, 2, id);
	if (version)
		sqlite3_bind_int64(st, 3, (int64_t)version);
	rc = sq_step(&r->conn, st, "read a resource", err);
	if (rc > 0) {
		rc = take_version(r, st, v, a, out, err);
		sqlite3_reset(st);
	}
	return rc;
}

/*
 * The first row that was written at or after a wall time; INT64_MAX: none.
 * Times never go back from row to row, so that halving finds it.
 */
static int
first_row_since(struct sq_conn *c, int64_t since, int64_t last, int64_t *out, struct error *err)
{
	sqlite3_stmt *st = sq_fixed(c, SQ_ROW_FROM, err);
	int64_t low = 1, high = last + 1; /* what is sought is in low..high */

	while (st && low < high) {
		int64_t middle = low + (high - low) / 2;
		int rc;

		sqlite3_bind_int64(st, 1, middle);
		rc = sq_step(c, st, "read the store", err);
		if (rc < 0)
			return -1;
		if (rc == 0 || sqlite3_column_int64(st, 1) >= since)
			high = middle;
		else
			low = sqlite3_column_int64(st, 0) + 1;
		if (rc > 0)
			sqlite3_reset(st);
	}
	*out = low;
	return st ? 0 : -1;
}

/* What a history's statement is made of: rows first..last, in both forms. */
struct walk {
	struct sq_names const *names;
	const struct store_history *h;
	struct sq_key type, compartment;
	int64_t first, last;
	int64_t ended; /* none that a row before this one ended; 0: all */
};

static void
walk_sql(const struct walk *w, bool counting, struct buf *sql)
{
	const struct store_history *h = w->h;

	buf_puts(sql, counting ? "SELECT count(*)" : "SELECT " SQ_VERSION_COLUMNS);
	if (h->type == PACK_NONE)
		buf_puts(sql, " FROM version v WHERE v.row >= ?1 AND v.row <= ?2");
	else if (h->id.len)
		buf_puts(sql, " FROM version v INDEXED BY version_of WHERE v.row >= ?1"
			      " AND v.row <= ?2 AND v.type = ?3 AND v.id = ?4");
	else
		buf_puts(sql, " FROM ix d CROSS JOIN version v WHERE d.row >= ?1"
			      " AND d.row <= ?2 AND d.hash = ?5 AND d.chk = ?6"
			      " AND v.row = d.row AND v.type = ?3");
	if (w->ended)
		buf_puts(sql, " AND (v.until = 0 OR v.until >= ?10)");
	if (h->visibility.kind == SEES_COMPARTMENT)
		buf_puts(sql, " AND EXISTS (SELECT 1 FROM ix x WHERE x.hash = ?7"
			      " AND x.row = v.shown AND x.chk = ?8)");
	if (h->visibility.filters)
		buf_puts(sql, " AND sees(v.shown, v.type, ?11)");
	if (!counting)
		buf_printf(sql, " ORDER BY %s DESC LIMIT ?9",
		    h->type != PACK_NONE && h->id.len ? "v.version"
		    : h->type == PACK_NONE	      ? "v.row"
						      : "d.row");
}

static sqlite3_stmt *
walk_prepare(
    struct sq_conn *c, const struct walk *w, bool counting, int64_t last, struct error *err)
{
	const struct store_history *h = w->h;
	struct buf sql;
	sqlite3_stmt *st;

	buf_init(&sql, 4096);
	walk_sql(w, counting, &sql);
	st = sq_search(c, buf_str(&sql), err);
	buf_release(&sql);
	if (!st)
		return NULL;
	sqlite3_bind_int64(st, 1, w->first);
	sqlite3_bind_int64(st, 2, last);
	if (h->type != PACK_NONE)
		sqlite3_bind_int64(st, 3, w->names->type_no[h->type]);
	if (h->type != PACK_NONE && h->id.len)
		sq_bind_str(st, 4, h->id);
	sqlite3_bind_int64(st, 5, w->type.hash);
	sqlite3_bind_int64(st, 6, w->type.check);
	sqlite3_bind_int64(st, 7, w->compartment.hash);
	sqlite3_bind_int64(st, 8, w->compartment.check);
	sqlite3_bind_int64(st, 9, (int64_t)h->count + 1);
	if (h->visibility.filters)
		sq_bind_filters(st, 11, h->visibility.filters);
	sqlite3_bind_int64(st, 10, w->ended);
	return st;
}

static int
walk_page(struct sq_conn *c, const struct walk *w, struct arena *a, struct store_page *out,
    struct error *err)
{
	uint32_t most = w->h->count < PAGE_MOST ? w->h->count : PAGE_MOST;
	int64_t last = w->last;
	sqlite3_stmt *st;
	int rc;

	if (w->h->before_row && w->h->before_row <= (uint64_t)last)
		last = (int64_t)w->h->before_row - 1;
	out->at = arena_calloc(a, most + 1, sizeof(struct store_version));
	if (!out->at)
		return sq_no_memory(err);
	st = walk_prepare(c, w, false, last, err);
	if (!st)
		return -1;
	while ((rc = sq_step(c, st, "read the history", err)) > 0) {
		struct store_version *v = &out->at[out->count];

		out->more = out->count == most;
		if (out->more)
			break;
		if (sq_version(st, w->names, a, v, err) < 0 ||
		    (!w->h->bodiless && sq_read_body(c, a, v, err) < 0)) {
			rc = -1;
			break;
		}
		out->next_row = v->row;
		out->count++;
	}
	sqlite3_reset(st);
	return rc < 0 ? -1 : 0;
}

static int
walk_total(struct sq_conn *c, const struct walk *w, struct store_page *out, struct error *err)
{
	sqlite3_stmt *st = walk_prepare(c, w, true, w->last, err);

	if (!st || sq_step(c, st, "count the history", err) < 0)
		return -1;
	out->total = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 0;
}

/* What was current from at_low to at_high: begun by then, and not ended before.
 * A version is current up to the time of the row that ends it. */
static int
limit_time(struct store_reader *r, const struct store_history *h, struct walk *w, struct error *err)
{
	int64_t behind;

	if (first_row_since(&r->conn, h->at_high + 1, w->last, &behind, err) < 0 ||
	    first_row_since(&r->conn, h->at_low + 1, w->last, &w->ended, err) < 0)
		return -1;
	if (behind <= w->last)
		w->last = behind - 1;
	return 0;
}

static int
read_history(struct store_reader *r, const struct store_history *h, struct arena *a,
    struct store_page *out, struct error *err)
{
	struct walk w = { .names = r->names, .h = h, .first = 1 };

	if (sq_last_row(&r->conn, &w.last, err) < 0)
		return -1;
	if (h->moment && h->moment < w.last)
		w.last = h->moment;
	out->moment = w.last;
	if (h->since && first_row_since(&r->conn, h->since, w.last, &w.first, err) < 0)
		return -1;
	if (h->at_high && limit_time(r, h, &w, err) < 0)
		return -1;
	if (h->type != PACK_NONE)
		w.type = sq_type_key(r->names, h->type);
	if (h->visibility.kind == SEES_COMPARTMENT)
		w.compartment = sq_compartment_key(h->visibility.compartment);
	if (h->want_total && walk_total(&r->conn, &w, out, err) < 0)
		return -1;
	return walk_page(&r->conn, &w, a, out, err);
}

int
store_read_history(struct store_reader *r, const struct store_history *h, struct arena *a,
    struct store_page *out, struct error *err)
{
	int rc;

	*out = (struct store_page){ .total = h->want_total ? 0 : UINT64_MAX };
	if (h->visibility.kind == SEES_NOTHING)
		return 0;
	if (sq_read_begin(&r->conn, err) < 0)
		return -1;
	sq_deadline_start(&r->conn);
	rc = read_history(r, h, a, out, err);
	sq_deadline_end(&r->conn);
	sq_read_end(&r->conn);
	return rc;
}

int
store_reader_hold(struct store_reader *r, struct error *err)
{
	return sq_read_begin(&r->conn, err);
}

void
store_reader_let_go(struct store_reader *r)
{
	sq_read_end(&r->conn);
}

int
store_read_body(struct store_reader *r, const struct store_version *v, struct arena *a,
    struct str *body, struct error *err)
{
	struct store_version copy = *v;

	if (sq_read_body(&r->conn, a, &copy, err) < 0)
		return -1;
	*body = copy.body;
	return 0;
}

static int
scan_page(struct store_reader *r, struct store_scan *scan, sqlite3_stmt *st, struct arena *a,
    struct store_page *out, struct error *err)
{
	int rc;

	while ((rc = sq_step(&r->conn, st, "read the store", err)) > 0) {
		struct store_version *v = &out->at[out->count];

		scan->after = (uint64_t)sqlite3_column_int64(st, 0);
		if (sq_version(st, r->names, a, v, err) < 0)
			break;
		if (v->type == PACK_NONE)
			continue; /* not of this pack */
		if (sq_read_body(&r->conn, a, v, err) < 0)
			break;
		out->count++;
	}
	sqlite3_reset(st);
	return rc == 0 ? 0 : -1;
}

int
store_scan(struct store_reader *r, struct store_scan *scan, struct arena *a, struct store_page *out,
    struct error *err)
{
	uint32_t most = scan->count < PAGE_MOST ? scan->count : PAGE_MOST;
	uint64_t before = scan->after;
	sqlite3_stmt *st;

	*out = (struct store_page){ .total = UINT64_MAX };
	if (!scan->moment && sq_last_row(&r->conn, &scan->moment, err) < 0)
		return -1;
	st = sq_search(&r->conn,
	    STR("SELECT " SQ_VERSION_COLUMNS " FROM version v WHERE v.row > ?1 AND v.row <= ?2"
		" AND (v.until = 0 OR v.until > ?2) AND v.verb <> 2 ORDER BY v.row LIMIT ?3"),
	    err);
	out->at = arena_calloc(a, (size_t)most + 1, sizeof(struct store_version));
	if (!st || !out->at)
		return st ? sq_no_memory(err) : -1;
	sqlite3_bind_int64(st, 1, (int64_t)scan->after);
	sqlite3_bind_int64(st, 2, scan->moment);
	sqlite3_bind_int64(st, 3, most);
	if (scan_page(r, scan, st, a, out, err) < 0)
		return -1;
	out->moment = scan->moment;
	out->more = scan->after > before;
	return 0;
}

bool
store_find_key(struct store_reader *r, struct str key, struct arena *a, struct str *value)
{
	sqlite3_stmt *st = sq_fixed(&r->conn, SQ_FIND_KEY, NULL);
	bool found;

	if (!st)
		return false;
	sq_bind_blob(st, 1, key);
	if (sq_step(&r->conn, st, "find a key", NULL) <= 0)
		return false;
	found = sq_column(st, 0, a, value, NULL) == 0;
	sqlite3_reset(st);
	return found;
}

int
store_count(struct store_reader *r, uint32_t type, uint64_t *out, struct error *err)
{
	sqlite3_stmt *st = sq_search(&r->conn,
	    type == PACK_NONE ? STR("SELECT count(*) FROM version WHERE until = 0 AND verb <> 2")
			      : STR("SELECT count(*) FROM version WHERE until = 0 AND verb <> 2"
				    " AND type = ?1"),
	    err);

	_Static_assert(STORE_DELETE == 2, "as the statements above say");
	if (!st)
		return -1;
	if (type != PACK_NONE)
		sqlite3_bind_int64(st, 1, r->names->type_no[type]);
	if (sq_step(&r->conn, st, "count resources", err) < 0)
		return -1;
	*out = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 0;
}
