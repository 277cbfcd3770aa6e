/*
 * Searches. A search walks one set of rows (sqlite_walk.c), newest first, and
 * tries every clause (sqlite_clause.c) on each. Values are bound, never written
 * into the text.
 */
#include "gateway/store/sqlite_sql.h"

enum {
	TEST_BINDS = 9,	   /* values that one test binds, at most */
	OTHER_BINDS = 32,  /* values of everything but the tests */
	TESTS_MOST = 400,  /* in a search; SQLite's limits are 500 and 1,000 */
	PAGE_MOST = 10000, /* versions on a page, whatever is asked for */
};

static int
find_total(struct sql *s, const struct walk *w, struct store_page *out, struct error *err)
{
	sqlite3_stmt *st;

	sql_restart(s);
	buf_puts(&s->text, "SELECT count(*)");
	walk_put(s, w);
	st = sql_prepare(s, err);
	if (!st || sq_step(s->c, st, "count what was searched for", err) < 0)
		return -1;
	out->total = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 0;
}

static void
put_page(struct sql *s, const struct walk *w, uint32_t most)
{
	const struct store_query *q = s->q;
	const char *row = w->kind == WALK_KEY ? "d.row" : "v0.row";

	sql_restart(s);
	buf_puts(&s->text, "SELECT " SQ_VERSION_COLUMNS_OF("v0"));
	walk_put(s, w);
	if (q->from_row) {
		buf_printf(&s->text, " AND %s %c ?", row, q->ascending ? '>' : '<');
		sql_bind(s, q->from_row > INT64_MAX ? INT64_MAX : (int64_t)q->from_row);
	}
	buf_printf(&s->text, " ORDER BY %s %s LIMIT ?", row, q->ascending ? "ASC" : "DESC");
	sql_bind(s, (int64_t)most + 1);
}

static int
find_page(struct sql *s, const struct walk *w, bool bodies, struct arena *a, struct store_page *out,
    struct error *err)
{
	uint32_t most = s->q->count < PAGE_MOST ? s->q->count : PAGE_MOST;
	sqlite3_stmt *st;
	int rc;

	out->at = arena_calloc(a, (size_t)most + 1, sizeof(struct store_version));
	if (!out->at)
		return sq_no_memory(err);
	put_page(s, w, most);
	st = sql_prepare(s, err);
	if (!st)
		return -1;
	while ((rc = sq_step(s->c, st, "search", err)) > 0) {
		struct store_version *v = &out->at[out->count];

		out->more = out->count == most;
		if (out->more)
			break;
		if (sq_version(st, s->names, a, v, err) < 0 ||
		    (bodies && sq_read_body(s->c, a, v, err) < 0)) {
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
find(struct sql *s, bool bodies, struct arena *a, struct store_page *out, struct error *err)
{
	const struct store_query *q = s->q;
	struct walk w;

	if (sq_last_row(s->c, &s->moment, err) < 0)
		return -1;
	if (q->moment && q->moment < s->moment)
		s->moment = q->moment;
	out->moment = s->moment;
	if (walk_choose(s, &w, err) < 0)
		return -1;
	if (q->want_total && find_total(s, &w, out, err) < 0)
		return -1;
	return q->count ? find_page(s, &w, bodies, a, out, err) : 0;
}

/* Tests of all depths; more than TESTS_MOST when they are too deep. */
static uint64_t
count_tests(const struct store_clause *clauses, uint32_t count, unsigned depth, uint64_t *inners)
{
	uint64_t tests = 0;

	if (depth > STORE_NESTING)
		return TESTS_MOST + 1;
	for (uint32_t i = 0; i < count; i++) {
		tests += clauses[i].count;
		for (uint32_t j = 0; j < clauses[i].count; j++) {
			const struct store_inner *in = clauses[i].tests[j].inner;

			if (!in)
				continue;
			++*inners;
			tests += count_tests(in->clauses, in->count, depth + 1, inners);
		}
	}
	return tests;
}

int
sq_find(struct sq_conn *c, const struct sq_names *n, const struct store_query *q, bool bodies,
    struct arena *scratch, struct arena *a, struct store_page *out, struct error *err)
{
	struct sql s = { .c = c, .names = n, .q = q, .type = q->type, .scratch = scratch };
	uint64_t tests, inners = 0;
	int rc;

	*out = (struct store_page){ .total = q->want_total ? 0 : UINT64_MAX };
	tests = count_tests(q->clauses, q->clause_count, 0, &inners);
	if (tests > TESTS_MOST)
		return error_set(err, ERROR_LIMIT,
		    "the search has more than %d values: ask for fewer", TESTS_MOST);
	if (q->visibility.kind == SEES_NOTHING)
		return 0;
	s.room = (uint32_t)(tests * TEST_BINDS + (inners + 1) * OTHER_BINDS);
	s.binds = arena_calloc(scratch, s.room, sizeof(struct bind));
	if (!s.binds)
		return sq_no_memory(err);
	buf_init(&s.text, SQL_BYTES);
	rc = find(&s, bodies, a, out, err);
	buf_release(&s.text);
	return rc;
}

int
store_search(struct store_reader *r, const struct store_query *q, struct arena *a,
    struct store_page *out, struct error *err)
{
	int rc;

	if (sq_run(&r->conn, SQ_BEGIN_READ, "read the store", err) < 0)
		return -1;
	sq_deadline_start(&r->conn);
	rc = sq_find(&r->conn, r->names, q, !q->bodiless, &r->scratch, a, out, err);
	sq_deadline_end(&r->conn);
	sq_run(&r->conn, SQ_COMMIT, "read the store", NULL);
	arena_reset(&r->scratch);
	return rc;
}
