/*
 * Searches as SQL. A search walks one set of rows, newest first, and tries
 * every clause on each: the smallest set that some clause, the compartment or
 * the type gives. Values are bound, never written into the text.
 */
#include "base/buf.h"
#include "gateway/store/fold.h"
#include "gateway/store/sqlite.h"

enum {
	SQL_BYTES = 512 * 1024,
	TEST_BINDS = 9,	    /* values that one test binds, at most */
	OTHER_BINDS = 32,   /* values of everything but the tests */
	TESTS_MOST = 400,   /* in a search; SQLite's limits are 500 and 1,000 */
	SAMPLE = 2000,	    /* a set is counted no further, to choose one */
	PAGE_MOST = 10000,  /* versions on a page, whatever is asked for */
	MILLISECOND = 1000, /* microseconds; what lastUpdated is exact to */
};

struct bind {
	bool is_text, is_blob;
	int64_t number;
	struct str text;
};

struct sql {
	struct buf text;
	struct bind *binds;
	uint32_t count, room;
	struct sq_conn *c;
	const struct sq_names *names;
	const struct store_query *q;
	uint32_t type;	 /* that clauses speak of: q's, or that of an inner search */
	unsigned inners; /* put so far: each has a name of its own */
	unsigned at;	 /* "v" and this is the version that clauses try */
	struct arena *scratch;
	int64_t moment;
	bool failed; /* the scratch arena is full, or there are too many values */
};

static struct bind *
add_bind(struct sql *s)
{
	static struct bind nowhere;

	if (s->count == s->room) {
		s->failed = true;
		return &nowhere;
	}
	s->binds[s->count] = (struct bind){ 0 };
	return &s->binds[s->count++];
}

static void
bind_number(struct sql *s, int64_t n)
{
	struct bind *b = add_bind(s);

	b->number = n;
}

static void
bind_text(struct sql *s, struct str text, bool blob)
{
	struct bind *b = add_bind(s);

	b->text = text;
	b->is_text = !blob;
	b->is_blob = blob;
}

static sqlite3_stmt *
prepare(struct sql *s, struct error *err)
{
	sqlite3_stmt *st;

	if (s->failed || s->text.full) {
		error_set(err, ERROR_LIMIT, "the search has too many values: ask for fewer");
		return NULL;
	}
	st = sq_search(s->c, buf_str(&s->text), err);
	for (uint32_t i = 0; st && i < s->count; i++) {
		const struct bind *b = &s->binds[i];

		if (b->is_text)
			sq_bind_str(st, (int)i + 1, b->text);
		else if (b->is_blob)
			sq_bind_blob(st, (int)i + 1, b->text);
		else
			sqlite3_bind_int64(st, (int)i + 1, b->number);
	}
	return st;
}

static bool
test_key(const struct sql *s, const struct store_test *t, struct sq_key *out)
{
	return sq_test_key(s->names, s->type, t, out);
}

static bool
is_keyed(const struct store_test *t)
{
	return t->kind == TEST_TOKEN || t->kind == TEST_REFERENCE || t->kind == TEST_URI;
}

/* Whether the rows that pass can be listed from an index. */
static bool
is_listed(const struct store_test *t)
{
	return !t->negate && t->kind != TEST_ID && t->kind != TEST_UPDATED &&
	       t->kind != TEST_MISSING && t->kind != TEST_HAS;
}

/*
 * How the range low..high of a resource's value compares with that asked for
 * (FHIR R4, 3.1.1.4.4 and 3.1.1.4.7).
 */
static void
put_range(struct sql *s, const struct store_test *t, const char *low, const char *high)
{
	switch (t->compare) {
	case COMPARE_EQ:
	case COMPARE_NE:
		buf_printf(&s->text,
		    t->compare == COMPARE_EQ ? "(%s >= ? AND %s <= ?)"
					     : "NOT (%s >= ? AND %s <= ?)",
		    low, high);
		bind_number(s, t->low);
		bind_number(s, t->high);
		break;
	case COMPARE_GT:
		buf_printf(&s->text, "%s > ?", high);
		bind_number(s, t->high);
		break;
	case COMPARE_LT:
		buf_printf(&s->text, "%s < ?", low);
		bind_number(s, t->low);
		break;
	case COMPARE_GE:
		buf_printf(&s->text, "(%s > ? OR (%s >= ? AND %s <= ?))", high, low, high);
		bind_number(s, t->high);
		bind_number(s, t->low);
		bind_number(s, t->high);
		break;
	case COMPARE_LE:
		buf_printf(&s->text, "(%s < ? OR (%s >= ? AND %s <= ?))", low, low, high);
		bind_number(s, t->low);
		bind_number(s, t->low);
		bind_number(s, t->high);
		break;
	case COMPARE_AP:
		buf_printf(&s->text, "(%s >= ? AND %s <= ?)", high, low);
		bind_number(s, t->low);
		bind_number(s, t->high);
		break;
	case COMPARE_SA:
		buf_printf(&s->text, "%s > ?", low);
		bind_number(s, t->high);
		break;
	case COMPARE_EB:
		buf_printf(&s->text, "%s < ?", high);
		bind_number(s, t->low);
		break;
	}
}

/* Rows with a string from folded on, up to the last that starts so. */
static void
put_string(struct sql *s, const struct store_test *t)
{
	struct str folded = { NULL, 0 };

	if (fold_text(t->value, s->scratch, &folded) < 0)
		s->failed = true;
	if (t->kind == TEST_STRING_EXACT) {
		buf_puts(&s->text, " AND folded = ? AND exact = ?");
		bind_text(s, folded, true);
		bind_number(s, sq_exact_of(t->value));
	} else if (t->kind == TEST_STRING_CONTAINS) {
		buf_puts(&s->text, " AND instr(folded, ?) > 0");
		bind_text(s, folded, true);
	} else {
		struct str past = str_printf(s->scratch, "%.*s\xff", STR_ARG(folded));

		if (!past.p)
			s->failed = true;
		buf_puts(&s->text, " AND folded >= ? AND folded < ?");
		bind_text(s, folded, true);
		bind_text(s, past, true);
	}
}

static void
put_ranges(struct sql *s, const struct store_test *t, int64_t key)
{
	buf_puts(&s->text, "SELECT row FROM date_ix WHERE key = ? AND ");
	bind_number(s, key);
	put_range(s, t, "low", "high");
}

/* Single numbers have their unit in the place of the high end; then ranges. */
static void
put_numbers(struct sql *s, const struct store_test *t)
{
	buf_puts(&s->text, "SELECT row FROM date_ix WHERE key = ? AND ");
	bind_number(s, sq_table_key(s->names, s->type, t->param));
	put_range(s, t, "low", "low");
	if (t->value.len) {
		buf_puts(&s->text, " AND high = ?");
		bind_number(s, sq_unit_of(t->value));
	}
	buf_puts(&s->text, " UNION ALL ");
	put_ranges(s, t, sq_range_key(s->names, s->type, t->param, STR(""), t->value));
}

static void put_chain(struct sql *s, const struct store_test *t);
static void put_has(struct sql *s, const struct store_test *t);

static void
put_updated(struct sql *s, const struct store_test *t)
{
	char low[24], high[40];

	snprintf(low, sizeof(low), "v%u.updated", s->at);
	snprintf(high, sizeof(high), "(v%u.updated + 999)", s->at);
	buf_puts(&s->text, "(");
	put_range(s, t, low, high);
	buf_puts(&s->text, ")");
}

/* SELECT of the rows that pass a test that is_listed(). */
static void
put_list(struct sql *s, const struct store_test *t)
{
	struct sq_key key;

	if (test_key(s, t, &key)) {
		buf_puts(&s->text, "SELECT row FROM ix WHERE hash = ? AND chk = ?");
		bind_number(s, key.hash);
		bind_number(s, key.check);
		return;
	}
	if (t->kind == TEST_CHAIN) {
		put_chain(s, t);
	} else if (t->kind == TEST_NUMBER) {
		put_numbers(s, t);
	} else if (t->kind == TEST_QUANTITY) {
		put_ranges(s, t, sq_range_key(s->names, s->type, t->param, t->system, t->value));
	} else if (t->kind == TEST_DATE) {
		put_ranges(s, t, sq_table_key(s->names, s->type, t->param));
	} else {
		buf_puts(&s->text, "SELECT row FROM string_ix WHERE key = ?");
		bind_number(s, sq_table_key(s->names, s->type, t->param));
		put_string(s, t);
	}
}

static void
put_clause_list(struct sql *s, const struct store_clause *c)
{
	for (uint32_t i = 0; i < c->count; i++) {
		if (i)
			buf_puts(&s->text, " UNION ALL ");
		put_list(s, &c->tests[i]);
	}
}

static void
put_has_key(struct sql *s, struct sq_key key)
{
	buf_printf(&s->text,
	    "EXISTS (SELECT 1 FROM ix x WHERE x.hash = ? AND x.row = v%u.row AND x.chk = ?)",
	    s->at);
	bind_number(s, key.hash);
	bind_number(s, key.check);
}

static void
put_test(struct sql *s, const struct store_test *t)
{
	struct sq_key key;

	if (t->negate)
		buf_puts(&s->text, "NOT ");
	if (test_key(s, t, &key)) {
		put_has_key(s, key);
		return;
	}
	switch (t->kind) {
	case TEST_ID:
		buf_printf(&s->text, "v%u.id = ?", s->at);
		bind_text(s, t->value, false);
		break;
	case TEST_UPDATED:
		put_updated(s, t);
		break;
	case TEST_HAS:
		put_has(s, t);
		break;
	case TEST_MISSING:
		buf_printf(&s->text, "%shas_param(v%u.params, ?)",
		    str_is(t->value, "true") ? "NOT " : "", s->at);
		bind_number(s, s->names->param_no[t->param]);
		break;
	default:
		buf_printf(&s->text, "v%u.row IN (", s->at);
		put_list(s, t);
		buf_puts(&s->text, ")");
		break;
	}
}

static bool
clause_is_listed(const struct store_clause *c)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (!is_listed(&c->tests[i]))
			return false;
	return true;
}

static bool
clause_is_keyed(const struct store_clause *c)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (!is_keyed(&c->tests[i]))
			return false;
	return true;
}

static bool
clause_is_ids(const struct store_clause *c)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (c->tests[i].kind != TEST_ID || c->tests[i].negate)
			return false;
	return true;
}

static void
put_clause(struct sql *s, const struct store_clause *c)
{
	buf_puts(&s->text, " AND (");
	if (c->count == 0) {
		buf_puts(&s->text, "0");
	} else if (clause_is_ids(c)) {
		buf_printf(&s->text, "v%u.id IN (", s->at);
		for (uint32_t i = 0; i < c->count; i++) {
			buf_puts(&s->text, i ? ",?" : "?");
			bind_text(s, c->tests[i].value, false);
		}
		buf_puts(&s->text, ")");
	} else if (clause_is_listed(c) && !clause_is_keyed(c)) {
		buf_printf(&s->text, "v%u.row IN (", s->at);
		put_clause_list(s, c);
		buf_puts(&s->text, ")");
	} else {
		for (uint32_t i = 0; i < c->count; i++) {
			if (i)
				buf_puts(&s->text, " OR ");
			put_test(s, &c->tests[i]);
		}
	}
	buf_puts(&s->text, ")");
}

/* Current at the moment, of the type, not deleted. */
static void
put_current(struct sql *s)
{
	buf_printf(
	    &s->text, "v%u.type = ? AND v%u.verb <> 2 AND v%u.row <= ?", s->at, s->at, s->at);
	bind_number(s, s->names->type_no[s->type]);
	bind_number(s, s->moment);
	buf_printf(&s->text, " AND (v%u.until = 0 OR v%u.until > ?)", s->at, s->at);
	bind_number(s, s->moment);
}

static void
put_visible(struct sql *s, const struct store_visibility *v)
{
	if (v->kind == SEES_NOTHING)
		buf_puts(&s->text, " AND 0");
	if (v->kind != SEES_COMPARTMENT)
		return;
	buf_puts(&s->text, " AND ");
	put_has_key(s, sq_compartment_key(v->compartment));
}

/* The place in the index of references, by a parameter of a type, to the
 * resource of that type whose version is called v and `target`. */
static void
put_reference_key(struct sql *s, const char *function, uint32_t type, uint32_t param,
    uint32_t target_type, unsigned target)
{
	const struct pack *p = s->names->pack;

	buf_printf(&s->text, "%s(?, ?, ?, v%u.id)", function, target);
	bind_text(s, pack_text(p, pack_type_at(p, type)->name), false);
	bind_text(s, pack_text(p, pack_param_at(p, param)->code), false);
	bind_text(s, pack_text(p, pack_type_at(p, target_type)->name), false);
}

/* What an inner search finds, without the clause that listed it; s speaks of
 * it. */
static void
put_inner(struct sql *s, const struct store_inner *in, const struct store_clause *listed)
{
	put_current(s);
	put_visible(s, &in->visibility);
	for (uint32_t i = 0; i < in->count; i++)
		if (&in->clauses[i] != listed)
			put_clause(s, &in->clauses[i]);
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
		put_clause_list(s, listed);
		buf_puts(&s->text, ") AND ");
	} else if (!has_ids(in)) {
		struct sq_key key = sq_type_key(s->names, in->type);

		buf_printf(&s->text,
		    "v%u.row IN (SELECT row FROM ix WHERE hash = ? AND chk = ?) AND ", s->at);
		bind_number(s, key.hash);
		bind_number(s, key.check);
	}
	put_inner(s, in, listed);
}

/* SELECT of the rows that refer to what the inner search finds: from those that
 * are referred to. */
static void
put_chain(struct sql *s, const struct store_test *t)
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

/* Whether a row that the inner search finds refers to this resource. */
static void
put_has(struct sql *s, const struct store_test *t)
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

/* What a search walks. */
struct walk {
	enum {
		WALK_KEY,  /* the rows of one key */
		WALK_LIST, /* the rows that one clause lists */
		WALK_IDS,  /* resources by id */
	} kind;
	struct sq_key key;
	const struct store_clause *clause; /* tried by the walk itself */
	int64_t size;			   /* SAMPLE: that or more */
};

static void
restart(struct sql *s)
{
	buf_clear(&s->text);
	s->count = 0;
	s->inners = 0;
}

static int
sample_key(struct sql *s, struct sq_key key, struct error *err)
{
	sqlite3_stmt *st = sq_fixed(s->c, SQ_SIZE_INDEX, err);
	int size;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, key.hash);
	sqlite3_bind_int64(st, 2, SAMPLE);
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

	restart(s);
	buf_puts(&s->text, "SELECT count(*) FROM (SELECT 1 FROM (");
	put_clause_list(s, c);
	buf_puts(&s->text, ") LIMIT ?)");
	bind_number(s, SAMPLE);
	st = prepare(s, err);
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

	if (size >= 0 && size < best->size)
		*best = (struct walk){ WALK_KEY, key, clause, size };
	return size < 0 ? -1 : 0;
}

static int
consider_clause(struct sql *s, struct walk *best, const struct store_clause *c, struct error *err)
{
	struct sq_key key;
	int size;

	if (c->count == 1 && !c->tests[0].negate && test_key(s, &c->tests[0], &key))
		return consider_key(s, best, key, c, err);
	if (!c->count || !clause_is_listed(c))
		return 0;
	size = sample_list(s, c, err);
	if (size >= 0 && size < best->size)
		*best = (struct walk){ WALK_LIST, { 0, 0 }, c, size };
	return size < 0 ? -1 : 0;
}

/* Choose the smallest; of those with SAMPLE rows and more, the first keyed. */
static int
choose_walk(struct sql *s, struct walk *best, struct error *err)
{
	const struct store_query *q = s->q;
	struct sq_key key;

	/* One value of one parameter: nothing to choose from. */
	if (q->clause_count == 1 && q->visibility.kind != SEES_COMPARTMENT &&
	    q->clauses->count == 1 && !q->clauses->tests->negate &&
	    test_key(s, q->clauses->tests, &key)) {
		*best = (struct walk){ WALK_KEY, key, q->clauses, 0 };
		return 0;
	}
	*best = (struct walk){ WALK_KEY, sq_type_key(s->names, q->type), NULL, SAMPLE };
	for (uint32_t i = 0; i < q->clause_count; i++)
		if (q->clauses[i].count && clause_is_ids(&q->clauses[i])) {
			*best = (struct walk){ WALK_IDS, { 0, 0 }, NULL, 0 };
			return 0;
		}
	for (uint32_t i = 0; i < q->clause_count; i++)
		if (consider_clause(s, best, &q->clauses[i], err) < 0)
			return -1;
	if (q->visibility.kind == SEES_COMPARTMENT &&
	    consider_key(s, best, sq_compartment_key(q->visibility.compartment), NULL, err) < 0)
		return -1;
	for (uint32_t i = 0; best->size == SAMPLE && i < q->clause_count; i++) {
		const struct store_clause *c = &q->clauses[i];

		if (c->count == 1 && !c->tests[0].negate && test_key(s, &c->tests[0], &key)) {
			best->key = key;
			best->clause = c;
			break;
		}
	}
	return 0;
}

/* FROM and WHERE: the same for the page and the total. */
static void
put_from(struct sql *s, const struct walk *w)
{
	const struct store_query *q = s->q;

	if (w->kind == WALK_KEY) {
		buf_puts(&s->text, " FROM ix d CROSS JOIN version v0 WHERE d.hash = ? AND d.chk = ?"
				   " AND v0.row = d.row AND ");
		bind_number(s, w->key.hash);
		bind_number(s, w->key.check);
	} else if (w->kind == WALK_LIST) {
		buf_puts(&s->text, " FROM version v0 NOT INDEXED WHERE v0.row IN (");
		put_clause_list(s, w->clause);
		buf_puts(&s->text, ") AND ");
	} else {
		buf_puts(&s->text, " FROM version v0 INDEXED BY version_of WHERE ");
	}
	put_current(s);
	put_visible(s, &q->visibility);
	for (uint32_t i = 0; i < q->clause_count; i++)
		if (&q->clauses[i] != w->clause)
			put_clause(s, &q->clauses[i]);
}

static int
find_total(struct sql *s, const struct walk *w, struct store_page *out, struct error *err)
{
	sqlite3_stmt *st;

	restart(s);
	buf_puts(&s->text, "SELECT count(*)");
	put_from(s, w);
	st = prepare(s, err);
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

	restart(s);
	buf_puts(&s->text, "SELECT " SQ_VERSION_COLUMNS_OF("v0"));
	put_from(s, w);
	if (q->from_row) {
		buf_printf(&s->text, " AND %s %c ?", row, q->ascending ? '>' : '<');
		bind_number(s, q->from_row > INT64_MAX ? INT64_MAX : (int64_t)q->from_row);
	}
	buf_printf(&s->text, " ORDER BY %s %s LIMIT ?", row, q->ascending ? "ASC" : "DESC");
	bind_number(s, (int64_t)most + 1);
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
	st = prepare(s, err);
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
	if (choose_walk(s, &w, err) < 0)
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

	if (depth > STORE_DEPTH)
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
