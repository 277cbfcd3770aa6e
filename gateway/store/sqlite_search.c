/*
 * Searches. A search walks one set of rows (sqlite_walk.c), newest first, and
 * tries every clause (sqlite_clause.c) on each. Values are bound, never written
 * into the text.
 */
#include "base/clock.h"
#include "gateway/store/sqlite_sql.h"

enum {
	TEST_BINDS = 9,	   /* values that one test binds, at most */
	OTHER_BINDS = 64,  /* values of everything but the tests */
	TESTS_MOST = 400,  /* in a search; SQLite's limits are 500 and 1,000 */
	PAGE_MOST = 10000, /* versions on a page, whatever is asked for */
	PAST_MOST = 20000, /* past versions that a count takes off one by one */
};

/*
 * Of one key and nothing else: its rows, but for those of versions that are past,
 * which mostly are few. 1: *total has grown; 0: they are many, -1.
 */
static int
count_key(struct sql *s, const struct walk *w, uint64_t *total, struct error *err)
{
	const char *past = " FROM version p INDEXED BY version_past WHERE p.type = ?"
			   " AND (p.until <> 0 OR p.verb = 2) AND p.row <= ?"
			   " AND (p.verb = 2 OR p.until <= ?)";
	sqlite3_stmt *st;

	sql_restart(s);
	buf_puts(
	    &s->text, "SELECT (SELECT count(*) FROM ix WHERE hash = ? AND chk = ? AND row <= ?)");
	sql_bind(s, w->key.hash);
	sql_bind(s, w->key.check);
	sql_bind(s, s->moment);
	buf_printf(&s->text, ", (SELECT count(*) FROM (SELECT 1%s LIMIT ?))", past);
	sql_bind(s, s->names->type_no[s->type]);
	sql_bind(s, s->moment);
	sql_bind(s, s->moment);
	sql_bind(s, PAST_MOST);
	buf_printf(&s->text,
	    ", (SELECT count(*) FROM (SELECT p.row%s LIMIT ?) q CROSS JOIN ix d"
	    " WHERE d.hash = ? AND d.row = q.row AND d.chk = ?)",
	    past);
	sql_bind(s, s->names->type_no[s->type]);
	sql_bind(s, s->moment);
	sql_bind(s, s->moment);
	sql_bind(s, PAST_MOST);
	sql_bind(s, w->key.hash);
	sql_bind(s, w->key.check);
	st = sql_prepare(s, err);
	if (!st || sq_step(s->c, st, "count what was searched for", err) < 0)
		return -1;
	if (sqlite3_column_int64(st, 1) >= PAST_MOST) {
		sqlite3_reset(st);
		return 0;
	}
	*total += (uint64_t)(sqlite3_column_int64(st, 0) - sqlite3_column_int64(st, 2));
	sqlite3_reset(st);
	return 1;
}

/* Whether the walk's key, which is of the type, is all that is asked for. */
static bool
is_key_alone(const struct sql *s, const struct walk *w)
{
	const struct store_visibility *v = &s->in->visibility;
	enum store_test_kind kind;

	if (w->kind != WALK_KEY || v->kind != SEES_EVERYTHING || v->filters)
		return false;
	if (!w->clause)
		return s->in->count == 0;
	kind = w->clause->tests->kind;
	return s->in->count == 1 &&
	       (kind == TEST_TOKEN || kind == TEST_REFERENCE || kind == TEST_URI);
}

static int
find_total(struct sql *s, const struct walk *w, uint64_t *total, struct error *err)
{
	sqlite3_stmt *st;
	int rc = is_key_alone(s, w) ? count_key(s, w, total, err) : 0;

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	sql_restart(s);
	buf_puts(&s->text, "SELECT count(*)");
	/* A total that is told only where it is short is of few rows. */
	s->counting = !s->q->total_if_short;
	walk_put(s, w, "");
	s->counting = false;
	st = sql_prepare(s, err);
	if (!st || sq_step(s->c, st, "count what was searched for", err) < 0)
		return -1;
	*total += (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 0;
}

/* In the order of rows, in which the walk comes. */
static void
put_page_by_row(struct sql *s, const struct walk *w, bool descending)
{
	const struct store_query *q = s->q;
	const char *row = w->kind == WALK_KEY ? "d.row" : "v0.row";

	sql_restart(s);
	buf_puts(&s->text, "SELECT " SQ_VERSION_COLUMNS_OF("v0"));
	walk_put(s, w, "");
	if (q->from_row) {
		buf_printf(&s->text, " AND %s %c ?", row, descending ? '<' : '>');
		sql_bind(s, q->from_row > INT64_MAX ? INT64_MAX : (int64_t)q->from_row);
	}
	buf_printf(&s->text, " ORDER BY %s %s LIMIT ?", row, descending ? "DESC" : "ASC");
}

/* In another order: SQLite keeps no more of what it walks than the page. */
static void
put_page_sorted(struct sql *s, const struct walk *w, const struct sort_place *from)
{
	sql_restart(s);
	buf_puts(&s->text, "SELECT " SQ_VERSION_COLUMNS_OF("v0"));
	sort_put_keys(s);
	walk_put(s, w, SORT_JOIN);
	if (from)
		sort_put_from(s, from);
	sort_put_order(s);
	buf_puts(&s->text, " LIMIT ?");
}

/* Versions in the order of the search. */
struct hits {
	struct store_version *at;
	struct sort_place *places; /* NULL: not needed */
	uint32_t count, most;
};

static int
make_hits(struct hits *h, uint32_t most, bool places, struct arena *a, struct error *err)
{
	*h = (struct hits){ .most = most };
	h->at = arena_calloc(a, (size_t)most + 1, sizeof(h->at[0]));
	h->places = places ? arena_calloc(a, (size_t)most + 1, sizeof(h->places[0])) : NULL;
	return h->at && (h->places || !places) ? 0 : sq_no_memory(err);
}

static int
take_hit(struct sql *s, sqlite3_stmt *st, struct arena *a, struct hits *h, struct error *err)
{
	struct store_version *v = &h->at[h->count];

	if (sq_version(st, s->names, a, v, err) < 0)
		return -1;
	if (h->places) {
		h->places[h->count].row = (int64_t)v->row;
		if (sort_read_keys(
			s->q, st, SQ_VERSION_COUNT, s->scratch, &h->places[h->count], err) < 0)
			return -1;
	}
	h->count++;
	return 0;
}

/* Run the statement that s has. */
static int
take_hits(struct sql *s, struct arena *a, struct hits *h, struct error *err)
{
	sqlite3_stmt *st;
	int rc;

	sql_bind(s, (int64_t)h->most);
	st = sql_prepare(s, err);
	if (!st)
		return -1;
	while ((rc = sq_step(s->c, st, "search", err)) > 0 && h->count < h->most) {
		rc = take_hit(s, st, a, h, err);
		if (rc < 0)
			break;
	}
	sqlite3_reset(st);
	return rc < 0 ? -1 : 0;
}

static int
find_sorted(struct sql *s, const struct walk *w, struct arena *a, struct hits *h, struct error *err)
{
	struct sort_place place = { 0 }, *from = s->q->from_row ? &place : NULL;
	int walks;

	if (from && sort_read_from(s, from, err) < 0)
		return -1;
	walks = from && sort_is_past_values(s->q, from) ? 0 : sort_may_walk(s, w, err);
	if (walks < 0)
		return -1;
	if (walks) {
		if (s->q->explain)
			buf_puts(s->q->explain, "or rather: walks the index of dates, and stops "
						"when the page is full\n");
		sort_put_walk(s, from);
		buf_puts(&s->text, " LIMIT ?");
		if (take_hits(s, a, h, err) < 0)
			return -1;
		if (h->count == h->most)
			return 0;
		h->count = 0; /* what has no value comes behind */
	}
	put_page_sorted(s, w, from);
	return take_hits(s, a, h, err);
}

/* The first h->most that s->in finds. */
static int
find_hits(struct sql *s, const struct walk *w, struct arena *a, struct hits *h, struct error *err)
{
	bool descending;

	if (!sort_is_by_row(s->q, &descending))
		return find_sorted(s, w, a, h, err);
	put_page_by_row(s, w, descending);
	return take_hits(s, a, h, err);
}

/* Of both, the first to->most. */
static int
merge_hits(struct sql *s, struct hits *to, const struct hits *more, struct error *err)
{
	struct hits both;
	uint32_t i = 0, j = 0;

	if (make_hits(&both, to->most, true, s->scratch, err) < 0)
		return -1;
	while (both.count < both.most && (i < to->count || j < more->count)) {
		bool first = j == more->count ||
			     (i < to->count &&
				 sort_compare(s->q, &to->places[i], &more->places[j]) < 0);
		const struct hits *from = first ? to : more;
		uint32_t *at = first ? &i : &j;

		both.at[both.count] = from->at[*at];
		both.places[both.count++] = from->places[(*at)++];
	}
	*to = both;
	return 0;
}

/* How many there are of this type; UINT64_MAX: it is not known of some type. */
static int
add_total(struct sql *s, const struct walk *w, const struct hits *found, uint64_t *total,
    struct error *err)
{
	const struct store_query *q = s->q;
	int counts = 1;

	if (!q->want_total || *total == UINT64_MAX)
		return 0;
	if (q->count && !q->from_row && found->count < found->most) {
		*total += found->count;
		return 0;
	}
	if (q->total_if_short)
		counts = walk_is_short(s, w, err);
	if (counts < 0)
		return -1;
	if (counts)
		return find_total(s, w, total, err);
	*total = UINT64_MAX;
	return 0;
}

/* What one type gives, merged with what the types before have given. */
static int
find_part(struct sql *s, const struct store_inner *in, bool merges, struct arena *a, struct hits *h,
    uint64_t *total, struct error *err)
{
	const struct store_query *q = s->q;
	int64_t began = q->explain ? clock_monotonic() : 0;
	struct hits found;
	struct walk w;

	if (in->visibility.kind == SEES_NOTHING)
		return 0;
	s->in = in;
	s->type = in->type;
	if (walk_choose(s, &w, err) < 0 || make_hits(&found, h->most, merges, s->scratch, err) < 0)
		return -1;
	if (q->explain)
		explain_walk(s, &w);
	if (q->count && find_hits(s, &w, a, &found, err) < 0)
		return -1;
	if (q->explain)
		explain_done(s, found.count, began);
	if (add_total(s, &w, &found, total, err) < 0)
		return -1;
	if (merges)
		return merge_hits(s, h, &found, err);
	*h = found;
	return 0;
}

/* The hits as a page; one too many was asked for, to know whether there are
 * more. */
static int
take_page(struct sql *s, const struct hits *h, bool bodies, struct arena *a, struct store_page *out,
    struct error *err)
{
	out->more = s->q->count && h->count == h->most;
	out->count = h->count - out->more;
	out->at = arena_calloc(a, (size_t)out->count + 1, sizeof(out->at[0]));
	if (!out->at)
		return sq_no_memory(err);
	for (uint32_t i = 0; i < out->count; i++) {
		out->at[i] = h->at[s->q->backward ? out->count - 1 - i : i];
		if (bodies && sq_read_body(s->c, a, &out->at[i], err) < 0)
			return -1;
	}
	if (out->count)
		out->next_row = out->at[out->count - 1].row;
	return 0;
}

static int
find(struct sql *s, bool bodies, struct arena *a, struct store_page *out, struct error *err)
{
	const struct store_query *q = s->q;
	struct store_inner first = { q->type, q->clauses, q->clause_count, q->visibility };
	bool merges = q->other_count > 0;
	struct hits h;

	if (sq_last_row(s->c, &s->moment, err) < 0)
		return -1;
	if (q->moment && q->moment < s->moment)
		s->moment = q->moment;
	out->moment = s->moment;
	if (make_hits(&h, (q->count < PAGE_MOST ? q->count : PAGE_MOST) + 1, merges, s->scratch,
		err) < 0 ||
	    find_part(s, &first, merges, a, &h, &out->total, err) < 0)
		return -1;
	for (uint32_t i = 0; i < q->other_count; i++)
		if (find_part(s, &q->others[i], merges, a, &h, &out->total, err) < 0)
			return -1;
	return take_page(s, &h, bodies, a, out, err);
}

/* Tests of all depths; more than TESTS_MOST when they are too deep. */
uint64_t
sq_count_tests(const struct store_clause *clauses, uint32_t count, unsigned depth, uint64_t *inners)
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
			tests += sq_count_tests(in->clauses, in->count, depth + 1, inners);
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
	tests = sq_count_tests(q->clauses, q->clause_count, 0, &inners);
	for (uint32_t i = 0; i < q->other_count; i++) {
		uint64_t more = sq_count_tests(
		    q->others[i].clauses, q->others[i].count, 0, &inners);

		tests = more > tests ? more : tests;
	}
	if (tests > TESTS_MOST)
		return error_set(err, ERROR_LIMIT,
		    "the search has more than %d values: ask for fewer", TESTS_MOST);
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

	if (sq_read_begin(&r->conn, err) < 0)
		return -1;
	sq_deadline_start(&r->conn);
	rc = sq_find(&r->conn, r->names, q, !q->bodiless, &r->scratch, a, out, err);
	sq_deadline_end(&r->conn);
	sq_read_end(&r->conn);
	arena_reset(&r->scratch);
	return rc;
}
