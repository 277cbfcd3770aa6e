/*
 * Clauses as SQL, visibility, and the searches within a search.
 */
#include "gateway/store/sqlite_sql.h"

void
sql_put_clause_list(struct sql *s, const struct store_clause *c)
{
	for (uint32_t i = 0; i < c->count; i++) {
		if (i)
			buf_puts(&s->text, " UNION ALL ");
		sql_put_list(s, &c->tests[i]);
	}
}

bool
clause_is_listed(const struct store_clause *c)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (!test_is_listed(&c->tests[i]))
			return false;
	return true;
}

bool
clause_is_keyed(const struct store_clause *c)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (!test_is_keyed(&c->tests[i]))
			return false;
	return true;
}

bool
clause_is_ids(const struct store_clause *c)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (c->tests[i].kind != TEST_ID || c->tests[i].negate)
			return false;
	return true;
}

static bool
clause_is_dates(const struct store_clause *c)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (c->tests[i].kind != TEST_DATE || c->tests[i].negate)
			return false;
	return true;
}

/* Tried on each version: half of all dates may be before or after one, and a page
 * needs a few. */
static void
sql_put_dates(struct sql *s, const struct store_clause *c)
{
	buf_puts(&s->text, "(SELECT ");
	for (uint32_t i = 0; i < c->count; i++) {
		const struct store_test *t = &c->tests[i];

		buf_printf(&s->text, "%sdate_passes(y.data, ?, ?, ?, ?)", i ? " OR " : "");
		sql_bind(s, s->names->param_no[t->param]);
		sql_bind(s, t->compare);
		sql_bind(s, t->low);
		sql_bind(s, t->high);
	}
	buf_printf(&s->text, " FROM facts y WHERE y.row = v%u.row)", s->at);
}

void
sql_put_clause(struct sql *s, const struct store_clause *c)
{
	buf_puts(&s->text, " AND (");
	if (c->count == 0) {
		buf_puts(&s->text, "0");
	} else if (clause_is_ids(c)) {
		buf_printf(&s->text, "v%u.id IN (", s->at);
		for (uint32_t i = 0; i < c->count; i++) {
			buf_puts(&s->text, i ? ",?" : "?");
			sql_bind_text(s, c->tests[i].value, false);
		}
		buf_puts(&s->text, ")");
	} else if (!s->counting && clause_is_dates(c)) {
		sql_put_dates(s, c);
	} else if (clause_is_listed(c) && !clause_is_keyed(c)) {
		buf_printf(&s->text, "v%u.row IN (", s->at);
		sql_put_clause_list(s, c);
		buf_puts(&s->text, ")");
	} else {
		for (uint32_t i = 0; i < c->count; i++) {
			if (i)
				buf_puts(&s->text, " OR ");
			sql_put_test(s, &c->tests[i]);
		}
	}
	buf_puts(&s->text, ")");
}

void
sql_put_all(struct sql *s, const struct store_inner *in)
{
	buf_puts(&s->text, "(1");
	for (uint32_t i = 0; i < in->count; i++)
		sql_put_clause(s, &in->clauses[i]);
	buf_puts(&s->text, ")");
}

void
sql_put_current(struct sql *s)
{
	buf_printf(
	    &s->text, "v%u.type = ? AND v%u.verb <> 2 AND v%u.row <= ?", s->at, s->at, s->at);
	sql_bind(s, s->names->type_no[s->type]);
	sql_bind(s, s->moment);
	buf_printf(&s->text, " AND (v%u.until = 0 OR v%u.until > ?)", s->at, s->at);
	sql_bind(s, s->moment);
}

void
sql_put_visible(struct sql *s, const struct store_visibility *v)
{
	if (v->kind == SEES_NOTHING)
		buf_puts(&s->text, " AND 0");
	if (v->kind == SEES_COMPARTMENT) {
		buf_puts(&s->text, " AND ");
		sql_put_has_key(s, sq_compartment_key(v->compartment));
	}
	if (v->kind != SEES_NOTHING && v->filters) {
		buf_printf(&s->text, " AND sees(v%u.shown, v%u.type, ?)", s->at, s->at);
		sql_bind_filters(s, v->filters);
	}
}

/* The place in the index of references, by a parameter of a type, to the
 * resource of that type whose version is called v and `target`. */
static void
put_reference_key(struct sql *s, const char *function, uint32_t type, uint32_t param,
    uint32_t target_type, unsigned target)
{
	const struct pack *p = s->names->pack;

	buf_printf(&s->text, "%s(?, ?, ?, v%u.id)", function, target);
	sql_bind_text(s, pack_text(p, pack_type_at(p, type)->name), false);
	sql_bind_text(s, sq_param_name(s->names, param), false);
	sql_bind_text(s, pack_text(p, pack_type_at(p, target_type)->name), false);
}

/* What an inner search finds, without the clause that listed it; s speaks of
 * it. */
static void
put_inner(struct sql *s, const struct store_inner *in, const struct store_clause *listed)
{
	sql_put_current(s);
	sql_put_visible(s, &in->visibility);
	for (uint32_t i = 0; i < in->count; i++)
		if (&in->clauses[i] != listed)
			sql_put_clause(s, &in->clauses[i]);
}

/* The first clause whose rows can be listed; NULL: none. */
static const struct store_clause *
listed_clause(const struct store_inner *in)
{
	for (uint32_t i = 0; i < in->count; i++)
		if (in->clauses[i].count && clause_is_listed(&in->clauses[i]))
			return &in->clauses[i];
	return NULL;
}

static bool
has_ids(const struct store_inner *in)
{
	for (uint32_t i = 0; i < in->count; i++)
		if (in->clauses[i].count && clause_is_ids(&in->clauses[i]))
			return true;
	return false;
}

/* FROM and WHERE of what the inner search finds. */
static void
put_found(struct sql *s, const struct store_inner *in)
{
	const struct store_clause *listed = has_ids(in) ? NULL : listed_clause(in);

	buf_printf(&s->text, "version v%u %s CROSS JOIN ix x WHERE ", s->at,
	    has_ids(in) ? "INDEXED BY version_of" : "NOT INDEXED");
	if (listed) {
		buf_printf(&s->text, "v%u.row IN (", s->at);
		sql_put_clause_list(s, listed);
		buf_puts(&s->text, ") AND ");
	} else if (!has_ids(in)) {
		struct sq_key key = sq_type_key(s->names, in->type);

		buf_printf(&s->text,
		    "v%u.row IN (SELECT row FROM ix WHERE hash = ? AND chk = ?) AND ", s->at);
		sql_bind(s, key.hash);
		sql_bind(s, key.check);
	}
	put_inner(s, in, listed);
}

void
sql_put_chain(struct sql *s, const struct store_test *t)
{
	uint32_t type = s->type;
	unsigned at = s->at;

	s->type = t->inner->type;
	s->at = ++s->inners;
	buf_puts(&s->text, "SELECT x.row FROM ");
	put_found(s, t->inner);
	buf_puts(&s->text, " AND x.hash = ");
	put_reference_key(s, "reference_hash", type, t->param, s->type, s->at);
	buf_puts(&s->text, " AND x.chk = ");
	put_reference_key(s, "reference_check", type, t->param, s->type, s->at);
	s->type = type;
	s->at = at;
}

void
sql_put_has(struct sql *s, const struct store_test *t)
{
	uint32_t type = s->type;
	unsigned at = s->at;

	s->type = t->inner->type;
	s->at = ++s->inners;
	buf_printf(&s->text,
	    "EXISTS (SELECT 1 FROM ix r CROSS JOIN version v%u NOT INDEXED WHERE r.hash = ", s->at);
	put_reference_key(s, "reference_hash", s->type, t->param, type, at);
	buf_puts(&s->text, " AND r.chk = ");
	put_reference_key(s, "reference_check", s->type, t->param, type, at);
	buf_printf(&s->text, " AND v%u.row = r.row AND ", s->at);
	put_inner(s, t->inner, NULL);
	buf_puts(&s->text, ")");
	s->type = type;
	s->at = at;
}
