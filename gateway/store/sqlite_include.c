/*
 * Includes: what the resources of a page refer to, and what refers to them.
 *
 * What a version refers to is among its facts; who refers to it, in the index.
 * Each resource is found as a search finds it: current at the moment, and
 * visible.
 */
#include "base/hash.h"
#include "gateway/store/sqlite_sql.h"

enum {
	SLOTS_LEAST = 256,
	INCLUDE_BINDS = 64,
};

/* Rows that are in the answer, and targets that were looked up: open
 * addressing. */
struct slot {
	int64_t row; /* 0: empty, or a target */
	uint32_t type;
	struct str id;
};

struct slots {
	struct slot *at;
	uint32_t count, room; /* room: a power of two */
};

struct including {
	struct sql sql;
	const struct store_includes *q;
	struct arena *a; /* of what is found */
	struct slots seen;
	struct store_version *found;
	uint32_t count;
	bool cut;
};

static bool
is_same(const struct slot *a, const struct slot *b)
{
	return a->row == b->row && (a->row || (a->type == b->type && str_eq(a->id, b->id)));
}

static uint64_t
slot_hash(const struct slot *s)
{
	if (s->row)
		return hash64(str_of((const char *)&s->row, sizeof(s->row)), 1);
	return hash64(s->id, s->type + 2);
}

static bool
is_empty(const struct slot *s)
{
	return !s->row && !s->id.p;
}

static void
place(struct slots *t, struct slot s)
{
	uint64_t i = slot_hash(&s);

	while (!is_empty(&t->at[i & (t->room - 1)]))
		i++;
	t->at[i & (t->room - 1)] = s;
	t->count++;
}

/* 1: it was not there, 0: it was, -1: no memory. */
static int
see(struct including *x, struct slot s)
{
	struct slots *t = &x->seen;

	if (t->count * 2 >= t->room) {
		struct slots more = { .room = t->room ? t->room * 2 : SLOTS_LEAST };

		more.at = arena_calloc(x->sql.scratch, more.room, sizeof(more.at[0]));
		if (!more.at)
			return -1;
		for (uint32_t i = 0; i < t->room; i++)
			if (!is_empty(&t->at[i]))
				place(&more, t->at[i]);
		*t = more;
	}
	for (uint64_t i = slot_hash(&s); !is_empty(&t->at[i & (t->room - 1)]); i++)
		if (is_same(&t->at[i & (t->room - 1)], &s))
			return 0;
	place(t, s);
	return 1;
}

/* Run the statement that s has: versions that were not seen are found. */
static int
take_found(struct including *x, struct error *err)
{
	sqlite3_stmt *st = sql_prepare(&x->sql, err);
	int rc;

	if (!st)
		return -1;
	while ((rc = sq_step(x->sql.c, st, "find what is included", err)) > 0) {
		int fresh = see(x, (struct slot){ .row = sqlite3_column_int64(st, 0) });

		if (fresh < 0)
			rc = sq_no_memory(err);
		if (fresh > 0 && x->count == x->q->most) {
			x->cut = true;
			break;
		}
		if (fresh > 0)
			rc = sq_version(st, x->sql.names, x->a, &x->found[x->count], err);
		if (rc < 0)
			break;
		x->count += fresh > 0;
	}
	sqlite3_reset(st);
	return rc < 0 ? -1 : 0;
}

static bool
may_see(const struct including *x, uint32_t type)
{
	return x->q->visible[type].kind != SEES_NOTHING;
}

static void
put_version(struct sql *s, const struct store_visibility *v)
{
	sql_put_current(s);
	sql_put_visible(s, v);
}

/* The resource of that type and id. */
static int
find_target(struct including *x, uint32_t type, struct str id, struct error *err)
{
	struct sql *s = &x->sql;
	int fresh = may_see(x, type) ? see(x, (struct slot){ .type = type, .id = id }) : 0;

	if (fresh <= 0)
		return fresh < 0 ? sq_no_memory(err) : 0;
	sql_restart(s);
	s->type = type;
	buf_puts(&s->text,
	    "SELECT " SQ_VERSION_COLUMNS_OF("v0") " FROM version v0 INDEXED BY version_of WHERE ");
	put_version(s, &x->q->visible[type]);
	buf_puts(&s->text, " AND v0.id = ?");
	sql_bind_text(s, id, false);
	return take_found(x, err);
}

/* Those of a type that stand in the index by a key. */
static int
find_keyed(struct including *x, uint32_t type, struct sq_key key, struct error *err)
{
	struct sql *s = &x->sql;

	sql_restart(s);
	s->type = type;
	buf_puts(&s->text,
	    "SELECT " SQ_VERSION_COLUMNS_OF(
		"v0") " FROM ix d CROSS JOIN version v0 WHERE d.hash = ? AND d.chk = ?"
		      " AND v0.row = d.row AND ");
	sql_bind(s, key.hash);
	sql_bind(s, key.check);
	put_version(s, &x->q->visible[type]);
	buf_puts(&s->text, " ORDER BY d.row DESC");
	return take_found(x, err);
}

/* A canonical: who has that URL. */
static int
find_url(struct including *x, const struct store_include *inc, const struct pack_param *param,
    struct str url, struct error *err)
{
	const struct sq_names *n = x->sql.names;
	const uint32_t *targets = pack_numbers(n->pack, param->targets);
	ptrdiff_t bar = str_find(url, '|');

	if (bar >= 0)
		url.len = (size_t)bar;
	for (uint32_t i = 0; i < param->targets.count && !x->cut; i++) {
		uint32_t t = targets[i];
		const struct pack_param *by = pack_find_param(n->pack, t, STR("url"));

		if (!by || by->type != PARAM_URI || pack_type_at(n->pack, t)->abstract ||
		    (inc->target != PACK_NONE && inc->target != t) || !may_see(x, t))
			continue;
		if (find_keyed(x, t,
			sq_param_key(
			    n, SQ_URI, t, (uint32_t)(by - pack_param_at(n->pack, 0)), STR(""), url),
			err) < 0)
			return -1;
	}
	return 0;
}

/* What the version refers to by a parameter. */
static int
find_forward(struct including *x, const struct store_include *inc, struct str facts, uint32_t param,
    struct error *err)
{
	const struct sq_names *n = x->sql.names;
	struct sq_target *targets;
	uint32_t count;
	int rc = 0;

	if (sq_facts_targets(n, facts, n->param_no[param], x->sql.scratch, &targets, &count) < 0)
		return sq_no_memory(err);
	for (uint32_t i = 0; rc == 0 && i < count && !x->cut; i++) {
		const struct sq_target *t = &targets[i];

		if (t->type == PACK_NONE && param < pack_param_count(n->pack))
			rc = find_url(x, inc, pack_param_at(n->pack, param), t->text, err);
		else if (t->type != PACK_NONE &&
			 (inc->target == PACK_NONE || inc->target == t->type))
			rc = find_target(x, t->type, t->text, err);
	}
	return rc;
}

/* What refers to the version by a parameter of a type. */
static int
find_reverse(struct including *x, uint32_t source, uint32_t param, const struct store_version *v,
    struct error *err)
{
	const struct sq_names *n = x->sql.names;
	const struct pack_type *type = pack_type_at(n->pack, v->type);
	struct str target = str_printf(
	    x->sql.scratch, "%.*s/%.*s", STR_ARG(pack_text(n->pack, type->name)), STR_ARG(v->id));

	if (!target.p)
		return sq_no_memory(err);
	return find_keyed(
	    x, source, sq_param_key(n, SQ_REFERENCE, source, param, STR(""), target), err);
}

/* Each reference parameter of the type, or the one that is named. */
static int
each_param(struct including *x, const struct store_include *inc, uint32_t source,
    const struct store_version *v, struct str facts, struct error *err)
{
	const struct pack *p = x->sql.names->pack;
	uint32_t count;
	const uint32_t *params = pack_type_params(p, source, &count);

	for (uint32_t i = 0; i < count && !x->cut; i++) {
		int rc = 0;

		if ((inc->param != PACK_NONE && inc->param != params[i]) ||
		    pack_param_at(p, params[i])->type != PARAM_REFERENCE)
			continue;
		if (inc->reverse)
			rc = find_reverse(x, source, params[i], v, err);
		else
			rc = find_forward(x, inc, facts, params[i], err);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int
include_for(struct including *x, const struct store_include *inc, const struct store_version *v,
    struct str facts, struct error *err)
{
	const struct pack *p = x->sql.names->pack;

	if (!inc->reverse)
		return inc->source == PACK_NONE || inc->source == v->type
			   ? each_param(x, inc, v->type, v, facts, err)
			   : 0;
	if (inc->target != PACK_NONE && inc->target != v->type)
		return 0;
	for (uint32_t t = 0; t < pack_type_count(p) && !x->cut; t++)
		if ((inc->source == PACK_NONE || inc->source == t) && may_see(x, t) &&
		    each_param(x, inc, t, v, facts, err) < 0)
			return -1;
	return 0;
}

static int
read_facts(struct including *x, const struct store_version *v, struct str *out, struct error *err)
{
	sqlite3_stmt *st = sq_fixed(x->sql.c, SQ_FACTS, err);
	int rc;

	*out = STR("");
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, (int64_t)v->row);
	rc = sq_step(x->sql.c, st, "read a version's values", err);
	if (rc > 0) {
		rc = sq_column(st, 0, x->sql.scratch, out, err);
		sqlite3_reset(st);
	}
	return rc;
}

static int
include_all(struct including *x, const struct store_version *v, bool again, struct error *err)
{
	struct str facts;

	if (read_facts(x, v, &facts, err) < 0)
		return -1;
	for (uint32_t i = 0; i < x->q->count && !x->cut; i++)
		if ((!again || x->q->at[i].iterate) &&
		    include_for(x, &x->q->at[i], v, facts, err) < 0)
			return -1;
	return 0;
}

static int
find_included(struct including *x, const struct store_page *page, struct error *err)
{
	x->found = arena_calloc(x->a, (size_t)x->q->most + 1, sizeof(x->found[0]));
	if (!x->found)
		return sq_no_memory(err);
	for (uint32_t i = 0; i < page->count; i++) {
		const struct store_version *v = &page->at[i];

		if (see(x, (struct slot){ .row = (int64_t)v->row }) < 0 ||
		    see(x, (struct slot){ .type = v->type, .id = v->id }) < 0)
			return sq_no_memory(err);
	}
	for (uint32_t i = 0; i < page->count && !x->cut; i++)
		if (include_all(x, &page->at[i], false, err) < 0)
			return -1;
	/* x->found grows as it is walked. */
	for (uint32_t i = 0; i < x->count && !x->cut; i++)
		if (include_all(x, &x->found[i], true, err) < 0)
			return -1;
	return 0;
}

int
store_include(struct store_reader *r, const struct store_page *page, const struct store_includes *q,
    struct arena *a, struct store_version **out, uint32_t *count, bool *cut, struct error *err)
{
	struct including x = {
		.sql = { .c = &r->conn,
		    .names = r->names,
		    .scratch = &r->scratch,
		    .moment = page->moment,
		    .room = INCLUDE_BINDS },
		.q = q,
		.a = a,
	};
	int rc;

	x.sql.binds = arena_calloc(&r->scratch, INCLUDE_BINDS, sizeof(struct bind));
	if (!x.sql.binds)
		return sq_no_memory(err);
	if (sq_read_begin(&r->conn, err) < 0)
		return -1;
	buf_init(&x.sql.text, SQL_BYTES);
	sq_deadline_start(&r->conn);
	rc = find_included(&x, page, err);
	sq_deadline_end(&r->conn);
	buf_release(&x.sql.text);
	sq_read_end(&r->conn);
	arena_reset(&r->scratch);
	*out = x.found;
	*count = x.count;
	*cut = x.cut;
	return rc;
}
