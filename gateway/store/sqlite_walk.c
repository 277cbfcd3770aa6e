/*
 * What a search walks: the smallest set of rows that some clause, the
 * compartment or the type gives.
 */
#include "gateway/store/sqlite_sql.h"

static int
sample_key(struct sql *s, struct sq_key key, struct error *err)
{
	sqlite3_stmt *st = sq_fixed(s->c, SQ_SIZE_INDEX, err);
	int size;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, key.hash);
	sqlite3_bind_int64(st, 2, WALK_LARGE);
	if (sq_step(s->c, st, "look at the index", err) < 0)
		return -1;
	size = sqlite3_column_int(st, 0);
	sqlite3_reset(st);
	return size;
}

static int
sample_list(struct sql *s, const struct store_clause *c, struct error *err)
{
	sqlite3_stmt *st;
	int size;

	sql_restart(s);
	buf_puts(&s->text, "SELECT count(*) FROM (SELECT 1 FROM (");
	sql_put_clause_list(s, c);
	buf_puts(&s->text, ") LIMIT ?)");
	sql_bind(s, WALK_LARGE);
	st = sql_prepare(s, err);
	if (!st || sq_step(s->c, st, "look at the index", err) < 0)
		return -1;
	size = sqlite3_column_int(st, 0);
	sqlite3_reset(st);
	return size;
}

static int
consider_key(struct sql *s, struct walk *best, struct sq_key key, const struct store_clause *clause,
    struct error *err)
{
	int size = sample_key(s, key, err);

	if (size >= 0)
		explain_considered(s, clause, size);
	if (size >= 0 && size < best->size)
		*best = (struct walk){ WALK_KEY, key, clause, size };
	return size < 0 ? -1 : 0;
}

static int
consider_clause(struct sql *s, struct walk *best, const struct store_clause *c, struct error *err)
{
	struct sq_key key;
	int size;

	if (c->count == 1 && !c->tests[0].negate && sql_test_key(s, &c->tests[0], &key))
		return consider_key(s, best, key, c, err);
	if (!c->count || !clause_is_listed(c))
		return 0;
	size = sample_list(s, c, err);
	if (size >= 0)
		explain_considered(s, c, size);
	if (size >= 0 && size < best->size)
		*best = (struct walk){ WALK_LIST, { 0, 0 }, c, size };
	return size < 0 ? -1 : 0;
}

int
walk_choose(struct sql *s, struct walk *best, struct error *err)
{
	const struct store_inner *in = s->in;
	struct sq_key key;

	/* One value of one parameter: nothing to choose from. */
	if (in->count == 1 && in->visibility.kind != SEES_COMPARTMENT && in->clauses->count == 1 &&
	    !in->clauses->tests->negate && sql_test_key(s, in->clauses->tests, &key)) {
		*best = (struct walk){ WALK_KEY, key, in->clauses, 0 };
		return 0;
	}
	*best = (struct walk){ WALK_KEY, sq_type_key(s->names, in->type), NULL, WALK_LARGE };
	for (uint32_t i = 0; i < in->count; i++)
		if (in->clauses[i].count && clause_is_ids(&in->clauses[i])) {
			*best = (struct walk){ WALK_IDS, { 0, 0 }, NULL, 0 };
			return 0;
		}
	for (uint32_t i = 0; i < in->count; i++)
		if (consider_clause(s, best, &in->clauses[i], err) < 0)
			return -1;
	if (in->visibility.kind == SEES_COMPARTMENT &&
	    consider_key(s, best, sq_compartment_key(in->visibility.compartment), NULL, err) < 0)
		return -1;
	for (uint32_t i = 0; best->size == WALK_LARGE && i < in->count; i++) {
		const struct store_clause *c = &in->clauses[i];

		if (c->count == 1 && !c->tests[0].negate && sql_test_key(s, &c->tests[0], &key)) {
			best->key = key;
			best->clause = c;
			break;
		}
	}
	return 0;
}

int
walk_is_short(struct sql *s, const struct walk *w, struct error *err)
{
	int size;

	if (w->kind != WALK_KEY || w->size)
		return w->size < WALK_LARGE;
	size = sample_key(s, w->key, err);
	return size < 0 ? -1 : size < WALK_LARGE;
}

void
walk_put_tests(struct sql *s, const struct store_clause *walked)
{
	const struct store_inner *in = s->in;

	if (s->q->explain)
		buf_puts(&s->text, "looked(v0.row) AND ");
	sql_put_current(s);
	sql_put_visible(s, &in->visibility);
	for (uint32_t i = 0; i < in->count; i++)
		if (&in->clauses[i] != walked)
			sql_put_clause(s, &in->clauses[i]);
}

void
walk_put(struct sql *s, const struct walk *w, const char *joins)
{
	if (w->kind == WALK_KEY) {
		buf_puts(&s->text, " FROM ix d CROSS JOIN version v0");
		buf_puts(&s->text, joins);
		buf_puts(&s->text, " WHERE d.hash = ? AND d.chk = ? AND v0.row = d.row AND ");
		sql_bind(s, w->key.hash);
		sql_bind(s, w->key.check);
	} else if (w->kind == WALK_LIST) {
		buf_puts(&s->text, " FROM version v0 NOT INDEXED");
		buf_puts(&s->text, joins);
		buf_puts(&s->text, " WHERE v0.row IN (");
		sql_put_clause_list(s, w->clause);
		buf_puts(&s->text, ") AND ");
	} else {
		buf_puts(&s->text, " FROM version v0 INDEXED BY version_of");
		buf_puts(&s->text, joins);
		buf_puts(&s->text, " WHERE ");
	}
	walk_put_tests(s, w->clause);
}
