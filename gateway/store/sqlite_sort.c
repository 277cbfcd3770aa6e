/*
 * The order of a search's results, and where in it a page starts: behind a row,
 * whose keys are read again from the store, since versions never change.
 */
#include "gateway/store/sqlite_sql.h"

bool
sort_is_by_row(const struct store_query *q, bool *descending)
{
	*descending = !q->sort_count || q->sort[0].descending;
	if (q->backward)
		*descending = !*descending;
	/* meta.lastUpdated never goes back from row to row. */
	return !q->sort_count || (q->sort_count == 1 && q->sort[0].by == SORT_UPDATED);
}

void
sort_put_keys(struct sql *s)
{
	for (uint32_t i = 0; i < s->q->sort_count; i++) {
		const struct store_sort *by = &s->q->sort[i];

		switch (by->by) {
		case SORT_UPDATED:
			buf_puts(&s->text, ", v0.updated");
			break;
		case SORT_ID:
			buf_puts(&s->text, ", CAST(v0.id AS BLOB)");
			break;
		case SORT_PARAM:
			buf_printf(&s->text, ", sort_value(f.data, ?, %d)", by->descending);
			sql_bind(s, s->names->param_no[by->param]);
			break;
		}
		buf_printf(&s->text, " AS k%u", i);
	}
}

int
sort_read_keys(const struct store_query *q, sqlite3_stmt *st, int column, struct arena *a,
    struct sort_place *out, struct error *err)
{
	for (uint32_t i = 0; i < q->sort_count; i++) {
		struct sort_key *k = &out->keys[i];
		int at = column + (int)i;

		k->is_number = q->sort[i].by == SORT_UPDATED;
		k->number = k->is_number ? sqlite3_column_int64(st, at) : 0;
		if (!k->is_number && sq_column(st, at, a, &k->bytes, err) < 0)
			return -1;
	}
	return 0;
}

int
sort_read_from(struct sql *s, struct sort_place *at, struct error *err)
{
	uint64_t from = s->q->from_row;
	sqlite3_stmt *st;
	int rc;

	*at = (struct sort_place){ .row = from > INT64_MAX ? INT64_MAX : (int64_t)from };
	sql_restart(s);
	buf_puts(&s->text, "SELECT v0.row");
	sort_put_keys(s);
	buf_puts(&s->text, " FROM version v0" SORT_JOIN " WHERE v0.row = ?");
	sql_bind(s, at->row);
	st = sql_prepare(s, err);
	rc = st ? sq_step(s->c, st, "find the page", err) : -1;
	if (rc <= 0)
		return rc < 0 ? -1
			      : error_set(err, ERROR_MISSING,
				    "the page began at a resource that is no longer kept: start "
				    "from the first page");
	rc = sort_read_keys(s->q, st, 1, s->scratch, at, err);
	sqlite3_reset(st);
	return rc;
}

static bool
goes_down(const struct store_query *q, uint32_t key)
{
	return q->sort[key].descending != q->backward;
}

static void
bind_key(struct sql *s, const struct sort_key *k)
{
	if (k->is_number)
		sql_bind(s, k->number);
	else
		sql_bind_text(s, k->bytes, true);
}

void
sort_put_from(struct sql *s, const struct sort_place *at)
{
	const struct store_query *q = s->q;

	buf_puts(&s->text, " AND (");
	for (uint32_t i = 0; i < q->sort_count; i++) {
		buf_printf(
		    &s->text, "k%u %c ? OR (k%u = ? AND (", i, goes_down(q, i) ? '<' : '>', i);
		bind_key(s, &at->keys[i]);
		bind_key(s, &at->keys[i]);
	}
	buf_printf(&s->text, "v0.row %c ?", q->backward ? '>' : '<');
	sql_bind(s, at->row);
	for (uint32_t i = 0; i < q->sort_count; i++)
		buf_puts(&s->text, "))");
	buf_puts(&s->text, ")");
}

void
sort_put_order(struct sql *s)
{
	buf_puts(&s->text, " ORDER BY ");
	for (uint32_t i = 0; i < s->q->sort_count; i++)
		buf_printf(&s->text, "k%u %s, ", i, goes_down(s->q, i) ? "DESC" : "ASC");
	buf_printf(&s->text, "v0.row %s", s->q->backward ? "ASC" : "DESC");
}

static int
compare_keys(const struct sort_key *a, const struct sort_key *b)
{
	if (a->is_number)
		return (a->number > b->number) - (a->number < b->number);
	return str_cmp(a->bytes, b->bytes);
}

int
sort_compare(const struct store_query *q, const struct sort_place *a, const struct sort_place *b)
{
	bool descending;

	if (sort_is_by_row(q, &descending))
		return a->row == b->row ? 0 : (a->row < b->row) != descending ? -1 : 1;
	for (uint32_t i = 0; i < q->sort_count; i++) {
		int order = compare_keys(&a->keys[i], &b->keys[i]);

		if (order)
			return (order < 0) != goes_down(q, i) ? -1 : 1;
	}
	return a->row == b->row ? 0 : (a->row < b->row) == q->backward ? -1 : 1;
}

/* The index of dates. */

int
sort_may_walk(struct sql *s, const struct walk *w, struct error *err)
{
	const struct store_query *q = s->q;
	int is_short;

	if (q->sort_count != 1 || q->sort->by != SORT_PARAM ||
	    sq_param_type(s->names, q->sort->param) != PARAM_DATE || s->in->count > 1 ||
	    s->in->visibility.kind == SEES_COMPARTMENT || w->kind != WALK_KEY)
		return 0;
	is_short = walk_is_short(s, w, err);
	return is_short < 0 ? -1 : !is_short;
}

bool
sort_is_past_values(const struct store_query *q, const struct sort_place *at)
{
	/* As sort_value() has it. */
	return at->keys[0].bytes.len < 2 || (!q->sort->descending && at->keys[0].bytes.p[0] != 1);
}

/* One of the two numbers of a date's key, which stand behind its first byte. */
static int64_t
number_of(const struct sort_key *k, unsigned which)
{
	uint64_t n = 0;

	for (size_t i = 0; i < 8; i++) {
		size_t at = 1 + 8 * (size_t)which + i;

		n = n << 8 | (at < k->bytes.len ? (uint8_t)k->bytes.p[at] : 0);
	}
	return (int64_t)(n ^ UINT64_C(1) << 63);
}

void
sort_put_walk(struct sql *s, const struct sort_place *from)
{
	const struct store_query *q = s->q;
	const char *order = goes_down(q, 0) ? "DESC" : "ASC";
	char less = goes_down(q, 0) ? '<' : '>';

	sql_restart(s);
	buf_puts(&s->text, "SELECT " SQ_VERSION_COLUMNS_OF("v0"));
	sort_put_keys(s);
	buf_puts(&s->text, " FROM date_ix o CROSS JOIN version v0" SORT_JOIN
			   " WHERE o.key = ? AND v0.row = o.row AND k0 = date_key(o.low, o.high)");
	sql_bind(s, sq_table_key(s->names, s->type, q->sort->param));
	if (from) {
		int64_t low = number_of(&from->keys[0], 0), high = number_of(&from->keys[0], 1);

		buf_printf(&s->text,
		    " AND o.low %c= ? AND (o.low %c ? OR o.high %c ? OR (o.high = ? AND o.row %c "
		    "?))",
		    less, less, less, q->backward ? '>' : '<');
		sql_bind(s, low);
		sql_bind(s, low);
		sql_bind(s, high);
		sql_bind(s, high);
		sql_bind(s, from->row);
	}
	buf_puts(&s->text, " AND ");
	walk_put_tests(s, NULL);
	buf_printf(&s->text, " ORDER BY o.low %s, o.high %s, o.row %s", order, order,
	    q->backward ? "ASC" : "DESC");
}
