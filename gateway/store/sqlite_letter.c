/*
 * Letters and notes. They are part of the transaction that puts or takes them,
 * so that a message is in exactly one place at any moment.
 */
#include "gateway/store/sqlite.h"

#define COLUMNS "no, at, last, times, head, length(body), key"

static int
step_all(struct sq_conn *c, sqlite3_stmt *st, const char *what, struct error *err, bool *broken)
{
	int rc = sq_step(c, st, what, err);

	*broken |= rc < 0;
	if (rc > 0)
		sqlite3_reset(st);
	return rc < 0 ? -1 : 0;
}

static int
take(struct sq_conn *c, const struct store_take *t, struct error *err, bool *broken)
{
	sqlite3_stmt *st = sq_search(c, STR("DELETE FROM letter WHERE no = ?1 AND box = ?2"), err);

	*broken |= !st;
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, (int64_t)t->number);
	sq_bind_str(st, 2, t->box);
	if (step_all(c, st, "take a letter", err, broken) < 0)
		return -1;
	if (sqlite3_changes(c->db) == 0 && !t->may_be_gone)
		return error_set(
		    err, ERROR_MISSING, "the letter is not there any more: it was taken before");
	return 0;
}

/* 1: the box has `most` letters; 0: fewer. */
static int
is_full(struct sq_conn *c, const struct store_letter *l, struct error *err)
{
	sqlite3_stmt *st = sq_search(
	    c, STR("SELECT no FROM letter WHERE box = ?1 LIMIT 1 OFFSET ?2"), err);
	int rc;

	if (!st)
		return -1;
	sq_bind_str(st, 1, l->box);
	sqlite3_bind_int64(st, 2, (int64_t)l->most - 1);
	rc = sq_step(c, st, "count letters", err);
	if (rc > 0)
		sqlite3_reset(st);
	return rc;
}

static int
put(struct sq_conn *c, struct store_letter *l, int64_t now, struct error *err, bool *broken)
{
	int full = l->most ? is_full(c, l, err) : 0;
	sqlite3_stmt *st;
	int rc;

	*broken |= full < 0;
	if (full)
		return full < 0 ? -1
				: error_set(err, ERROR_LIMIT,
				      "there are %u letters already: replay or drop some", l->most);
	st = sq_search(c,
	    STR("INSERT INTO letter (box, key, at, last, times, head, body)"
		" VALUES (?1, ?2, ?3, ?3, 1, ?4, ?5)"
		" ON CONFLICT (box, key) WHERE key IS NOT NULL DO UPDATE SET last = ?3,"
		" times = times + 1, head = ?4, body = ?5 RETURNING no, at, times"),
	    err);

	*broken |= !st;
	if (!st)
		return -1;
	sq_bind_str(st, 1, l->box);
	if (l->key.len)
		sq_bind_blob(st, 2, l->key);
	else
		sqlite3_bind_null(st, 2);
	sqlite3_bind_int64(st, 3, now);
	sq_bind_blob(st, 4, l->head);
	sq_bind_blob(st, 5, l->body);
	rc = sq_step(c, st, "keep a letter", err);
	if (rc <= 0) {
		*broken = true;
		return -1;
	}
	l->number = (uint64_t)sqlite3_column_int64(st, 0);
	l->at = sqlite3_column_int64(st, 1);
	l->times = (uint32_t)sqlite3_column_int64(st, 2);
	l->last = now;
	sqlite3_reset(st);
	return 0;
}

/* 1: what is noted is `before`; 0: it is not. */
static int
is_noted(struct sq_conn *c, const struct store_note *n, struct error *err)
{
	sqlite3_stmt *st = sq_search(c, STR("SELECT value FROM note WHERE key = ?1"), err);
	int rc;
	bool same;

	if (!st)
		return -1;
	sq_bind_blob(st, 1, n->key);
	rc = sq_step(c, st, "read a note", err);
	if (rc <= 0)
		return rc < 0 ? -1 : n->before.len == 0;
	same = str_eq(
	    n->before, str_of(sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0)));
	sqlite3_reset(st);
	return same;
}

static int
keep_note(struct sq_conn *c, const struct store_note *n, struct error *err, bool *broken)
{
	int same = n->checked ? is_noted(c, n, err) : 1;
	sqlite3_stmt *st;

	if (same == 0)
		return error_set(
		    err, ERROR_CONFLICT, "what was noted has changed meanwhile: send this again");
	st = same < 0	    ? NULL
	     : n->value.len ? sq_search(c, STR("INSERT OR REPLACE INTO note VALUES (?1, ?2)"), err)
			    : sq_search(c, STR("DELETE FROM note WHERE key = ?1"), err);
	*broken |= !st;
	if (!st)
		return -1;
	sq_bind_blob(st, 1, n->key);
	if (n->value.len)
		sq_bind_blob(st, 2, n->value);
	return step_all(c, st, "keep a note", err, broken);
}

int
sq_letters_apply(struct sq_conn *c, struct store_write *w, int64_t now, bool *broken)
{
	for (uint32_t i = 0; i < w->take_count; i++)
		if (take(c, &w->takes[i], &w->error, broken) < 0)
			return -1;
	for (uint32_t i = 0; i < w->letter_count; i++)
		if (put(c, &w->letters[i], now, &w->error, broken) < 0)
			return -1;
	for (uint32_t i = 0; i < w->note_count; i++)
		if (keep_note(c, &w->notes[i], &w->error, broken) < 0)
			return -1;
	return 0;
}

/* Reading. */

/* A row that was selected as COLUMNS and, perhaps, the body. */
static int
read_row(sqlite3_stmt *st, struct str box, bool body, struct arena *a, struct store_letter *out,
    struct error *err)
{
	*out = (struct store_letter){
		.box = box,
		.number = (uint64_t)sqlite3_column_int64(st, 0),
		.at = sqlite3_column_int64(st, 1),
		.last = sqlite3_column_int64(st, 2),
		.times = (uint32_t)sqlite3_column_int64(st, 3),
		.body_len = (uint64_t)sqlite3_column_int64(st, 5),
	};
	if (sq_column(st, 4, a, &out->head, err) < 0 || sq_column(st, 6, a, &out->key, err) < 0)
		return -1;
	return body ? sq_column(st, 7, a, &out->body, err) : 0;
}

static sqlite3_stmt *
letters_statement(struct sq_conn *c, const struct store_letters *q, struct error *err)
{
	if (q->backwards)
		return sq_search(c,
		    q->bodies ? STR("SELECT " COLUMNS ", body FROM letter WHERE box = ?1 AND no < "
				    "?2 ORDER BY no DESC LIMIT ?3")
			      : STR("SELECT " COLUMNS " FROM letter WHERE box = ?1 AND no < ?2 "
				    "ORDER BY no DESC LIMIT ?3"),
		    err);
	return sq_search(c,
	    q->bodies ? STR("SELECT " COLUMNS ", body FROM letter WHERE box = ?1 AND no > ?2 "
			    "ORDER BY no LIMIT ?3")
		      : STR("SELECT " COLUMNS " FROM letter WHERE box = ?1 AND no > ?2 "
			    "ORDER BY no LIMIT ?3"),
	    err);
}

int
store_read_letters(struct store_reader *r, const struct store_letters *q, struct arena *a,
    struct store_letter **out, uint32_t *count, struct error *err)
{
	sqlite3_stmt *st = letters_statement(&r->conn, q, err);
	int rc;

	*count = 0;
	*out = arena_calloc(a, q->most ? q->most : 1, sizeof(**out));
	if (!st)
		return -1;
	if (!*out)
		return sq_no_memory(err);
	sq_bind_str(st, 1, q->box);
	sqlite3_bind_int64(st, 2, q->backwards && !q->after ? INT64_MAX : (int64_t)q->after);
	sqlite3_bind_int64(st, 3, q->most);
	while ((rc = sq_step(&r->conn, st, "read letters", err)) > 0) {
		if (read_row(st, q->box, q->bodies, a, &(*out)[*count], err) < 0) {
			sqlite3_reset(st);
			return -1;
		}
		++*count;
	}
	return rc;
}

static int
read_one(struct store_reader *r, sqlite3_stmt *st, struct str box, struct arena *a,
    struct store_letter *out, struct error *err)
{
	int rc;

	sq_bind_str(st, 2, box);
	rc = sq_step(&r->conn, st, "read a letter", err);
	if (rc <= 0)
		return rc;
	rc = read_row(st, box, true, a, out, err);
	sqlite3_reset(st);
	return rc < 0 ? -1 : 1;
}

int
store_read_letter(struct store_reader *r, struct str box, uint64_t number, struct arena *a,
    struct store_letter *out, struct error *err)
{
	sqlite3_stmt *st = sq_search(
	    &r->conn, STR("SELECT " COLUMNS ", body FROM letter WHERE no = ?1 AND box = ?2"), err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, (int64_t)number);
	return read_one(r, st, box, a, out, err);
}

int
store_find_letter(struct store_reader *r, struct str box, struct str key, struct arena *a,
    struct store_letter *out, struct error *err)
{
	sqlite3_stmt *st = sq_search(
	    &r->conn, STR("SELECT " COLUMNS ", body FROM letter WHERE key = ?1 AND box = ?2"), err);

	if (!st)
		return -1;
	sq_bind_blob(st, 1, key);
	return read_one(r, st, box, a, out, err);
}

int
store_count_letters(
    struct store_reader *r, struct str box, uint64_t *count, int64_t *oldest, struct error *err)
{
	sqlite3_stmt *st = sq_search(
	    &r->conn, STR("SELECT count(*), min(at) FROM letter WHERE box = ?1"), err);
	int rc;

	*count = 0;
	*oldest = 0;
	if (!st)
		return -1;
	sq_bind_str(st, 1, box);
	rc = sq_step(&r->conn, st, "count letters", err);
	if (rc <= 0)
		return rc;
	*count = (uint64_t)sqlite3_column_int64(st, 0);
	*oldest = sqlite3_column_int64(st, 1);
	sqlite3_reset(st);
	return 0;
}

bool
store_read_note(struct store_reader *r, struct str key, struct arena *a, struct str *value)
{
	sqlite3_stmt *st = sq_search(&r->conn, STR("SELECT value FROM note WHERE key = ?1"), NULL);
	bool found;

	if (!st)
		return false;
	sq_bind_blob(st, 1, key);
	if (sq_step(&r->conn, st, "read a note", NULL) <= 0)
		return false;
	found = sq_column(st, 0, a, value, NULL) == 0;
	sqlite3_reset(st);
	return found;
}
