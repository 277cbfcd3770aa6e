/*
 * The writer: a batch of transactions in one commit, each in a savepoint.
 * In each, ids are settled first; then every op is checked against what is
 * current, its body spliced, and its version written.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "gateway/store/sqlite.h"

enum {
	ID_MOST = 64, /* bytes: FHIR's id type (R4, 2.24.0.1) */
};

/* What is current for a resource. */
struct current {
	int64_t row; /* 0: never there */
	uint64_t version;
	enum store_verb verb;
	int64_t updated;
};

/* One transaction on its way. */
struct work {
	struct store *s;
	struct store_write *w;
	bool broken; /* the database failed, not the transaction: end the batch */
	/* Where the tokens of ops stand that are settled: a table of chains. */
	uint32_t *heads;
	uint32_t head_bits;
	struct waiting {
		struct sq_key key;
		uint32_t op, next;
	} * waiting;
	uint32_t waiting_count;
};

static int
fail(struct work *k, uint32_t op, enum error_kind kind, const char *text)
{
	k->w->failed_op = op;
	return error_set(&k->w->error, kind, "%s", text);
}

/* The database could not do it: nothing of the batch can be promised. */
static int
broken(struct work *k)
{
	k->broken = k->w->error.kind != ERROR_LIMIT;
	return -1;
}

static int
read_current(struct work *k, uint32_t type, struct str id, struct current *out)
{
	struct sq_conn *c = &k->s->conn;
	sqlite3_stmt *st = sq_fixed(c, SQ_NEWEST, &k->w->error);
	int rc;

	*out = (struct current){ 0 };
	if (!st)
		return broken(k);
	sqlite3_bind_int64(st, 1, k->s->names.type_no[type]);
	sq_bind_str(st, 2, id);
	rc = sq_step(c, st, "read what is current", &k->w->error);
	if (rc < 0)
		return broken(k);
	if (rc > 0) {
		out->row = sqlite3_column_int64(st, 0);
		out->version = (uint64_t)sqlite3_column_int64(st, 1);
		out->verb = (enum store_verb)sqlite3_column_int(st, 2);
		out->updated = sqlite3_column_int64(st, 3);
		sqlite3_reset(st);
	}
	return 0;
}

static bool
is_there(const struct current *c)
{
	return c->row && c->verb != STORE_DELETE;
}

/* Tokens of ops that wait to be written. */

static uint32_t *
head_of(struct work *k, struct sq_key key)
{
	return &k->heads[(uint64_t)key.check >> (64 - k->head_bits)];
}

static void
add_waiting(struct work *k, struct sq_key key, uint32_t op)
{
	uint32_t *head = head_of(k, key);

	k->waiting[k->waiting_count] = (struct waiting){ key, op, *head };
	*head = k->waiting_count++;
}

static bool
is_waiting(struct work *k, struct sq_key key, uint32_t op)
{
	for (uint32_t i = *head_of(k, key); i != UINT32_MAX; i = k->waiting[i].next)
		if (k->waiting[i].op == op && k->waiting[i].key.hash == key.hash &&
		    k->waiting[i].key.check == key.check)
			return true;
	return false;
}

/* Needed only where some op is conditional. */
static int
make_waiting(struct work *k)
{
	uint64_t tokens = 0;
	bool wanted = false;

	for (uint32_t i = 0; i < k->w->count; i++) {
		wanted |= k->w->ops[i].match.count > 0;
		for (uint32_t j = 0; j < k->w->ops[i].index_count; j++)
			tokens += k->w->ops[i].index[j].kind == PARAM_TOKEN;
	}
	if (!wanted || k->w->count < 2)
		return 0;
	for (k->head_bits = 4; (UINT64_C(1) << k->head_bits) < tokens * 2; k->head_bits++)
		;
	k->heads = arena_alloc(&k->s->scratch, sizeof(uint32_t) << k->head_bits);
	k->waiting = arena_calloc(&k->s->scratch, tokens * 3 + 1, sizeof(struct waiting));
	if (!k->heads || !k->waiting)
		return sq_no_memory(&k->w->error);
	memset(k->heads, 0xff, sizeof(uint32_t) << k->head_bits);
	return 0;
}

static void
let_wait(struct work *k, uint32_t at)
{
	const struct store_op *op = &k->w->ops[at];
	const struct sq_names *n = &k->s->names;

	if (!k->heads)
		return;
	for (uint32_t i = 0; i < op->index_count; i++) {
		const struct store_index *x = &op->index[i];
		struct str none = STR("");

		if (x->kind != PARAM_TOKEN)
			continue;
		add_waiting(
		    k, sq_param_key(n, SQ_TOKEN, op->type, x->param, x->system, x->value), at);
		add_waiting(
		    k, sq_param_key(n, SQ_TOKEN_CODE, op->type, x->param, none, x->value), at);
		add_waiting(
		    k, sq_param_key(n, SQ_TOKEN_SYSTEM, op->type, x->param, x->system, none), at);
	}
}

static struct sq_key
token_key(struct work *k, uint32_t type, const struct store_test *t)
{
	struct str none = STR("");

	if (t->any_system)
		return sq_param_key(&k->s->names, SQ_TOKEN_CODE, type, t->param, none, t->value);
	if (t->any_value)
		return sq_param_key(&k->s->names, SQ_TOKEN_SYSTEM, type, t->param, t->system, none);
	return sq_param_key(
	    &k->s->names, SQ_TOKEN, type, t->param, t->no_system ? none : t->system, t->value);
}

static bool
passes(struct work *k, const struct store_op *op, uint32_t earlier, const struct store_clause *c)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (c->tests[i].kind == TEST_TOKEN &&
		    is_waiting(k, token_key(k, op->type, &c->tests[i]), earlier) !=
			c->tests[i].negate)
			return true;
	return false;
}

static bool
matches_earlier(struct work *k, const struct store_op *op, uint32_t earlier)
{
	for (uint32_t i = 0; i < op->match.count; i++)
		if (!passes(k, op, earlier, &op->match.clauses[i]))
			return false;
	return true;
}

/*
 * The earlier ops that the match of op finds: those that wait under the keys
 * of its first clause with plain tokens. Counts them to 2; *found is the last.
 */
static uint32_t
find_earlier(struct work *k, uint32_t at, uint32_t *found)
{
	const struct store_op *op = &k->w->ops[at];
	const struct store_clause *c = NULL;
	uint32_t count = 0;

	for (uint32_t i = 0; k->heads && i < op->match.count && !c; i++) {
		c = &op->match.clauses[i];
		for (uint32_t j = 0; c && j < op->match.clauses[i].count; j++)
			if (c->tests[j].kind != TEST_TOKEN || c->tests[j].negate)
				c = NULL;
	}
	for (uint32_t j = 0; c && j < c->count; j++) {
		struct sq_key key = token_key(k, op->type, &c->tests[j]);

		for (uint32_t i = *head_of(k, key); i != UINT32_MAX && count < 2;
		     i = k->waiting[i].next) {
			uint32_t earlier = k->waiting[i].op;

			if (k->waiting[i].key.hash != key.hash ||
			    k->waiting[i].key.check != key.check || (count && earlier == *found) ||
			    !matches_earlier(k, op, earlier))
				continue;
			*found = earlier;
			count++;
		}
	}
	return count;
}

/* Ops up to which all are settled: a find comes last, wherever it stands. */
static uint32_t
settled_before(const struct work *k, uint32_t at)
{
	return k->w->ops[at].verb == STORE_FIND ? k->w->count : at;
}

/* Is it one of those that op deletes? */
static bool
is_gone(const struct store_op *op, struct str id)
{
	for (uint32_t i = 0; i < op->gone_count; i++)
		if (str_eq(op->gone[i].id, id))
			return true;
	return false;
}

/* Whether an earlier op deletes or replaces the resource. */
static bool
is_superseded(struct work *k, uint32_t at, struct str id, bool *deleted)
{
	const struct store_op *op = &k->w->ops[at];

	for (uint32_t i = 0; i < settled_before(k, at); i++) {
		const struct store_op *e = &k->w->ops[i];

		if (e->type != op->type || e->verb == STORE_FIND || e->outcome == STORE_UNCHANGED)
			continue;
		if (str_eq(e->final_id, id) || is_gone(e, id)) {
			*deleted = e->verb == STORE_DELETE;
			return true;
		}
	}
	return false;
}

/* Settling. */

struct matched {
	uint32_t count; /* 0, 1 or 2: several */
	uint32_t op;	/* the earlier op; PACK_NONE: what is stored */
	struct str id;
	struct store_version stored;
};

static int
find_stored(struct work *k, uint32_t at, struct matched *out)
{
	const struct store_op *op = &k->w->ops[at];
	uint32_t deletes = 0;
	struct store_page page;
	struct store_query q = {
		.type = op->type,
		.clauses = op->match.clauses,
		.clause_count = op->match.count,
		.visibility = k->w->visibility,
	};

	for (uint32_t i = 0; i < settled_before(k, at); i++)
		deletes += k->w->ops[i].verb == STORE_DELETE && k->w->ops[i].type == op->type;
	q.count = 2 + deletes;
	if (sq_find(&k->s->conn, &k->s->names, &q, false, &k->s->scratch, k->w->arena, &page,
		&k->w->error) < 0)
		return broken(k);
	for (uint32_t i = 0; i < page.count && out->count < 2; i++) {
		bool deleted = false;

		/* What an earlier op replaces was seen by find_earlier(). */
		if (is_superseded(k, at, page.at[i].id, &deleted) &&
		    (deleted || (out->count && str_eq(page.at[i].id, out->id))))
			continue;
		out->count++;
		out->op = PACK_NONE;
		out->id = page.at[i].id;
		out->stored = page.at[i];
	}
	return 0;
}

static int
find_match(struct work *k, uint32_t at, struct matched *out)
{
	*out = (struct matched){ .op = PACK_NONE };
	if (k->w->visibility.kind == SEES_NOTHING)
		return fail(k, at, ERROR_DENIED,
		    "a conditional write is not allowed to those who may see nothing");
	out->count = find_earlier(k, at, &out->op);
	if (out->count)
		out->id = k->w->ops[out->op].final_id;
	if (out->count < 2 && find_stored(k, at, out) < 0)
		return -1;
	if (out->count > 1)
		return fail(k, at, ERROR_INVALID,
		    "the conditions match several resources: give conditions that match one");
	return 0;
}

/* The op changes nothing: its answer is what was found. */
static int
settle_found(struct work *k, struct store_op *op, struct matched *m)
{
	op->outcome = STORE_UNCHANGED;
	op->final_id = m->id;
	if (m->op != PACK_NONE)
		return 0; /* told by answer_found() once that op is written */
	op->version = m->stored.version;
	op->updated = m->stored.updated;
	if (sq_read_body(&k->s->conn, k->w->arena, &m->stored, &k->w->error) < 0)
		return broken(k);
	op->final_body = m->stored.body;
	return 0;
}

/* A delete of all that match: what is stored, as deletes come before all else. */
static int
settle_many(struct work *k, uint32_t at)
{
	struct store_op *op = &k->w->ops[at];
	struct store_page page;
	struct store_query q = {
		.type = op->type,
		.clauses = op->match.clauses,
		.clause_count = op->match.count,
		.visibility = k->w->visibility,
		.count = STORE_GONE_MOST,
		.bodiless = true,
	};

	if (k->w->visibility.kind == SEES_NOTHING)
		return fail(k, at, ERROR_DENIED,
		    "a conditional write is not allowed to those who may see nothing");
	if (sq_find(&k->s->conn, &k->s->names, &q, false, &k->s->scratch, k->w->arena, &page,
		&k->w->error) < 0)
		return broken(k);
	if (page.more)
		return fail(k, at, ERROR_LIMIT,
		    "the conditions match more resources than one deletion may take (1,000): give "
		    "conditions that match fewer, several times");
	op->gone = arena_calloc(k->w->arena, page.count + 1, sizeof(*op->gone));
	if (!op->gone)
		return fail(k, at, ERROR_LIMIT, "the transaction is larger than allowed");
	for (uint32_t i = 0; i < page.count; i++) {
		bool deleted;

		if (!is_superseded(k, at, page.at[i].id, &deleted))
			op->gone[op->gone_count++].id = page.at[i].id;
	}
	if (!op->gone_count)
		op->outcome = STORE_UNCHANGED;
	return 0;
}

static int
settle_conditional(struct work *k, uint32_t at)
{
	struct store_op *op = &k->w->ops[at];
	struct matched m;

	if (op->many && op->verb == STORE_DELETE)
		return settle_many(k, at);

	if (find_match(k, at, &m) < 0)
		return -1;
	if (m.count && (op->verb == STORE_CREATE || op->verb == STORE_FIND))
		return settle_found(k, op, &m);
	if (m.count && op->verb == STORE_UPDATE && op->id_given && !str_eq(op->id, m.id)) {
		k->w->id_failed = true;
		return fail(k, at, ERROR_INVALID,
		    "the resource's id is not that of the resource that the conditions match");
	}
	if (m.count) {
		op->final_id = m.id;
		return 0;
	}
	if (op->verb == STORE_FIND)
		return fail(k, at, ERROR_MISSING, "the conditions match no resource");
	if (op->verb == STORE_DELETE) {
		op->outcome = STORE_UNCHANGED;
		return 0;
	}
	if (op->must_exist)
		return fail(k, at, ERROR_MISSING,
		    "the conditions match no resource, and it must exist to be updated");
	op->final_id = op->id;
	op->outcome = STORE_CREATED;
	return 0;
}

static bool
writes(const struct store_op *op)
{
	return op->verb != STORE_FIND && op->outcome != STORE_UNCHANGED;
}

static int
settle_op(struct work *k, uint32_t at)
{
	struct store_op *op = &k->w->ops[at];

	op->final_id = op->final_body = (struct str){ NULL, 0 };
	op->version = 0;
	op->updated = 0;
	op->gone_count = 0;
	op->outcome = op->verb == STORE_CREATE	 ? STORE_CREATED
		      : op->verb == STORE_DELETE ? STORE_DELETED
						 : STORE_UPDATED;
	if (op->match.count) {
		if (settle_conditional(k, at) < 0)
			return -1;
	} else if (op->verb == STORE_FIND) {
		return fail(k, at, ERROR_INVALID, "there are no conditions to find a resource by");
	} else {
		op->final_id = op->id;
	}
	if (writes(op) && !op->gone_count && (op->final_id.len == 0 || op->final_id.len > ID_MOST))
		return fail(k, at, ERROR_INVALID, "the resource's id is empty or too long");
	if (writes(op) && op->verb != STORE_DELETE)
		let_wait(k, at);
	return 0;
}

struct named {
	uint32_t type, op;
	struct str id;
};

static int
by_name(const void *pa, const void *pb)
{
	const struct named *a = pa, *b = pb;

	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return str_cmp(a->id, b->id);
}

/* R4, 3.1.0.11.2: no resource twice in a transaction. */
static int
refuse_overlap(struct work *k)
{
	struct named *names;
	uint32_t count = 0, room = k->w->count;

	if (k->w->count < 2)
		return 0;
	for (uint32_t i = 0; i < k->w->count; i++)
		room += k->w->ops[i].gone_count;
	names = arena_calloc(&k->s->scratch, room, sizeof(struct named));
	if (!names)
		return sq_no_memory(&k->w->error);
	for (uint32_t i = 0; i < k->w->count; i++) {
		const struct store_op *op = &k->w->ops[i];

		for (uint32_t j = 0; j < op->gone_count; j++)
			names[count++] = (struct named){ op->type, i, op->gone[j].id };
		if (writes(op) && !op->gone_count)
			names[count++] = (struct named){ op->type, i, op->final_id };
	}
	qsort(names, count, sizeof(names[0]), by_name);
	for (uint32_t i = 1; i < count; i++)
		if (by_name(&names[i - 1], &names[i]) == 0) {
			k->w->id_failed = true;
			return fail(k,
			    names[i].op > names[i - 1].op ? names[i].op : names[i - 1].op,
			    ERROR_INVALID, "the transaction writes one resource twice");
		}
	return 0;
}

/* Writing. */

static struct str
splice_text(struct work *k, const struct store_op *op, const struct splice *sp, char number[32],
    const char *instant, struct str *type)
{
	const struct store_op *to;

	*type = STR("");
	switch (sp->kind) {
	case SPLICE_ID:
		return op->final_id;
	case SPLICE_VERSION:
		snprintf(number, 32, "%llu", (unsigned long long)op->version);
		return str_from(number);
	case SPLICE_UPDATED:
		return str_from(instant);
	case SPLICE_REFERENCE:
		if (sp->entry >= k->w->count)
			return (struct str){ NULL, 0 };
		to = &k->w->ops[sp->entry];
		*type = pack_text(k->s->names.pack, pack_type_at(k->s->names.pack, to->type)->name);
		return to->final_id;
	default:
		return (struct str){ NULL, 0 };
	}
}

/* The longest that one splice can be: type name, slash and id. */
static size_t
spliced_bound(const struct store_op *op)
{
	return op->body.len + (size_t)op->splices.count * (64 + 1 + ID_MOST);
}

static int
splice_body(struct work *k, uint32_t at)
{
	struct store_op *op = &k->w->ops[at];
	char instant[INSTANT_TEXT], number[32], *p;
	size_t len = 0, from = 0;

	instant_format(op->updated, instant);
	p = arena_alloc_bytes(k->w->arena, spliced_bound(op) + 1);
	if (!p)
		return fail(k, at, ERROR_LIMIT, "the transaction is larger than allowed");
	for (uint32_t i = 0; i < op->splices.count; i++) {
		const struct splice *sp = &op->splices.at[i];
		struct str type, text = splice_text(k, op, sp, number, instant, &type);

		if (!text.p || sp->offset < from || sp->offset > op->body.len ||
		    text.len > ID_MOST || type.len > 64)
			return fail(k, at, ERROR_INVALID,
			    "the resource refers to an entry that is not stored");
		memcpy(p + len, op->body.p + from, sp->offset - from);
		len += sp->offset - from;
		from = sp->offset;
		if (type.len) {
			memcpy(p + len, type.p, type.len);
			len += type.len;
			p[len++] = '/';
		}
		memcpy(p + len, text.p, text.len);
		len += text.len;
	}
	memcpy(p + len, op->body.p + from, op->body.len - from);
	len += op->body.len - from;
	p[len] = '\0';
	op->final_body = str_of(p, len);
	return 0;
}

static int
check_current(struct work *k, uint32_t at, const struct current *now)
{
	struct store_op *op = &k->w->ops[at];

	if (op->if_match && (!is_there(now) || now->version != op->if_match))
		return fail(k, at, ERROR_CONFLICT,
		    "the resource has another version than the one expected: read it again");
	if (op->verb == STORE_CREATE && now->row)
		return fail(k, at, ERROR_CONFLICT, "the id of the new resource is taken");
	if (op->verb == STORE_UPDATE && op->outcome == STORE_CREATED && is_there(now))
		return fail(k, at, ERROR_CONFLICT,
		    "the conditions match no resource, and the resource's id is that of another");
	if (op->verb == STORE_UPDATE && op->must_exist && !is_there(now))
		return fail(k, at, ERROR_MISSING, "the resource to be updated is not there");
	if (op->verb == STORE_UPDATE && !is_there(now))
		op->outcome = STORE_CREATED;
	if (op->verb == STORE_DELETE && !is_there(now)) {
		op->outcome = STORE_UNCHANGED;
		op->version = now->version;
		op->updated = now->updated;
	}
	return 0;
}

static int
write_version(struct work *k, const struct store_op *op, const struct current *now, int64_t row)
{
	struct sq_conn *c = &k->s->conn;
	sqlite3_stmt *add = sq_fixed(c, SQ_ADD_VERSION, &k->w->error);
	sqlite3_stmt *end = sq_fixed(c, SQ_END_VERSION, &k->w->error);
	struct str params;

	if (!add || !end)
		return broken(k);
	if (sq_params_of(&k->s->names, op->index, op->index_count, &k->s->scratch, &params) < 0)
		return sq_no_memory(&k->w->error);
	sqlite3_bind_int64(add, 1, row);
	sqlite3_bind_int64(add, 2, k->s->names.type_no[op->type]);
	sq_bind_str(add, 3, op->final_id);
	sqlite3_bind_int64(add, 4, (int64_t)op->version);
	sqlite3_bind_int(add, 5, (int)op->verb);
	sqlite3_bind_int64(add, 6, op->updated);
	sqlite3_bind_int64(add, 7, op->verb == STORE_DELETE ? now->row : row);
	sq_bind_blob(add, 8, params);
	if (sq_step(c, add, "write a version", &k->w->error) < 0)
		return broken(k);
	if (!now->row)
		return 0;
	sqlite3_bind_int64(end, 1, row);
	sqlite3_bind_int64(end, 2, now->row);
	if (sq_step(c, end, "end a version", &k->w->error) < 0)
		return broken(k);
	return 0;
}

static int
write_body(struct work *k, const struct store_op *op, int64_t row)
{
	struct sq_conn *c = &k->s->conn;
	sqlite3_stmt *st = sq_fixed(c, SQ_ADD_BODY, &k->w->error);
	struct str stored;

	if (!st || sq_body_encode(c, op->final_body, &stored, &k->w->error) < 0)
		return broken(k);
	sqlite3_bind_int64(st, 1, row);
	sq_bind_blob(st, 2, stored);
	if (sq_step(c, st, "write a resource", &k->w->error) < 0)
		return broken(k);
	return 0;
}

/* What was extracted before a search parameter came lacks its values. */
static int
extract_late(struct work *k, struct store_op *op)
{
	struct store *s = k->s;
	struct store_index *rows;

	if (op->generation >= s->generation || !s->extract)
		return 0;
	if (s->extract(s->extract_ctx, op->type, op->final_body, k->w->arena, &rows,
		&op->index_count, &k->w->error) < 0)
		return -1;
	op->index = rows;
	op->generation = s->generation;
	return 0;
}

static int
write_one(struct work *k, uint32_t at, int64_t now_ms)
{
	struct store_op *op = &k->w->ops[at];
	struct current now;
	int64_t row;

	if (!writes(op))
		return 0;
	if (read_current(k, op->type, op->final_id, &now) < 0 ||
	    sq_guard_before(k->s, k->w, at, is_there(&now) ? now.row : 0, &k->broken) < 0 ||
	    check_current(k, at, &now) < 0)
		return -1;
	if (op->outcome == STORE_UNCHANGED)
		return 0;
	row = ++k->s->last_row;
	op->version = now.version + 1;
	op->updated = k->s->last_updated = now_ms;
	if (op->verb == STORE_DELETE)
		op->index_count = 0;
	else if (splice_body(k, at) < 0 || extract_late(k, op) < 0)
		return -1;
	if (write_version(k, op, &now, row) < 0 ||
	    (op->verb != STORE_DELETE && write_body(k, op, row) < 0))
		return -1;
	return sq_index_add(
	    &k->s->pending, &k->s->names, &k->s->scratch, k->w, op, row, &k->w->error);
}

static int
write_op(struct work *k, uint32_t at, int64_t now_ms)
{
	struct store_op *op = &k->w->ops[at];
	int rc = 0;

	if (!op->gone_count)
		return write_one(k, at, now_ms);
	for (uint32_t i = 0; rc == 0 && i < op->gone_count; i++) {
		op->final_id = op->gone[i].id;
		rc = write_one(k, at, now_ms);
		op->gone[i].version = op->version;
	}
	op->final_id = STR("");
	return rc;
}

/* A conditional op that found what an earlier op wrote answers as that one. */
static void
answer_found(struct work *k)
{
	for (uint32_t i = 0; i < k->w->count; i++) {
		struct store_op *op = &k->w->ops[i];

		if (writes(op) || op->version || !op->final_id.len)
			continue;
		for (uint32_t j = 0; j < settled_before(k, i); j++) {
			const struct store_op *e = &k->w->ops[j];

			if (!writes(e) || e->type != op->type || !str_eq(e->final_id, op->final_id))
				continue;
			op->version = e->version;
			op->updated = e->updated;
			op->final_body = e->final_body;
			break;
		}
	}
}

/* Rows may refer to ops that there are, and that end up as a resource. */
static int
check_entries(struct work *k, uint32_t at)
{
	const struct store_op *op = &k->w->ops[at];

	for (uint32_t i = 0; writes(op) && i < op->index_count; i++) {
		uint32_t entry = op->index[i].entry;

		if (op->index[i].kind != PARAM_REFERENCE && op->index[i].kind != STORE_COMPARTMENT)
			continue;
		if (entry == PACK_NONE || entry == STORE_SELF)
			continue;
		if (entry >= k->w->count || !k->w->ops[entry].final_id.len)
			return fail(k, at, ERROR_INVALID,
			    "the resource refers to an entry that is not stored");
	}
	return 0;
}

/* 1: the key was seen, 0: it was not, -1. */
static int
see_key(struct work *k)
{
	struct sq_conn *c = &k->s->conn;
	sqlite3_stmt *st;
	int rc;

	if (!k->w->dedup_key.len)
		return 0;
	st = sq_fixed(c, SQ_FIND_KEY, &k->w->error);
	if (!st)
		return broken(k);
	sq_bind_blob(st, 1, k->w->dedup_key);
	rc = sq_step(c, st, "find a key", &k->w->error);
	if (rc < 0)
		return broken(k);
	if (rc == 0)
		return 0;
	k->w->duplicate = true;
	if (sq_column(st, 0, k->w->arena, &k->w->dedup_value, &k->w->error) < 0)
		rc = -1;
	sqlite3_reset(st);
	return rc;
}

static int
keep_key(struct work *k, int64_t now_ms)
{
	struct sq_conn *c = &k->s->conn;
	sqlite3_stmt *st;

	if (!k->w->dedup_key.len)
		return 0;
	st = sq_fixed(c, SQ_ADD_KEY, &k->w->error);
	if (!st)
		return broken(k);
	sq_bind_blob(st, 1, k->w->dedup_key);
	sq_bind_blob(st, 2, k->w->dedup_value);
	sqlite3_bind_int64(st, 3, k->w->dedup_for_good ? INT64_MAX : now_ms);
	if (sq_step(c, st, "keep a key", &k->w->error) < 0)
		return broken(k);
	return 0;
}

static int
apply(struct work *k, int64_t now_ms)
{
	int rc = see_key(k);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (make_waiting(k) < 0)
		return -1;
	for (uint32_t i = 0; i < k->w->count; i++)
		if (k->w->ops[i].verb != STORE_FIND && settle_op(k, i) < 0)
			return -1;
	for (uint32_t i = 0; i < k->w->count; i++)
		if (k->w->ops[i].verb == STORE_FIND && settle_op(k, i) < 0)
			return -1;
	if (refuse_overlap(k) < 0)
		return -1;
	for (uint32_t i = 0; i < k->w->count; i++)
		if (check_entries(k, i) < 0 || sq_guard_after(k->s, k->w, i) < 0 ||
		    write_op(k, i, now_ms) < 0)
			return -1;
	if (sq_guard_links(k->s, k->w, &k->broken) < 0)
		return -1;
	answer_found(k);
	if (sq_letters_apply(&k->s->conn, k->w, now_ms, &k->broken) < 0)
		return -1;
	return keep_key(k, now_ms);
}

/* Whether no index row that waits can be of a resource that passes: of some
 * clause, none of the keys waits. */
static bool
is_settled(const struct store *s, const struct store_op *op)
{
	for (uint32_t i = 0; i < op->match.count; i++) {
		const struct store_clause *c = &op->match.clauses[i];
		bool waits = false;

		for (uint32_t j = 0; j < c->count && !waits; j++) {
			struct sq_key key;

			waits = c->tests[j].negate ||
				!sq_test_key(&s->names, op->type, &c->tests[j], &key) ||
				sq_pending_may_have(&s->pending, key);
		}
		if (!waits)
			return true;
	}
	return op->match.count == 0;
}

/*
 * Matches must see what earlier transactions of the batch have written.
 * Before the savepoint, which may be undone; and a transaction's own rows come
 * after its matches.
 */
static int
write_pending(struct store *s, const struct store_write *w, struct error *err)
{
	bool wanted = sq_pending_is_full(&s->pending);

	for (uint32_t i = 0; i < w->count && !wanted; i++)
		wanted = !is_settled(s, &w->ops[i]) || !sq_guard_is_settled(s, w, &w->ops[i]);
	return wanted ? sq_bulk_write(s, err) : 0;
}

/* One transaction in its savepoint. -1: the batch cannot go on. */
static int
apply_one(struct store *s, struct store_write *w, int64_t now_ms, struct error *err)
{
	struct work k = { .s = s, .w = w };
	int64_t row = s->last_row, updated = s->last_updated;
	struct sq_pending_count waiting;

	w->duplicate = false;
	w->failed_op = 0;
	w->id_failed = w->link_failed = false;
	w->error = (struct error){ 0 };
	if (write_pending(s, w, err) < 0 ||
	    sq_run(&s->conn, SQ_SAVEPOINT, "begin a transaction", err) < 0)
		return -1;
	waiting = s->pending.count;
	w->result = apply(&k, now_ms);
	arena_reset(&s->scratch);
	if (k.broken) {
		*err = w->error;
		return -1;
	}
	if (w->result < 0) {
		s->last_row = row;
		s->last_updated = updated;
		s->pending.count = waiting;
		if (sq_run(&s->conn, SQ_UNDO, "undo a transaction", err) < 0)
			return -1;
	}
	return sq_run(&s->conn, SQ_RELEASE, "end a transaction", err);
}

static int
fail_batch(struct store_write **batch, size_t count, const struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		batch[i]->result = -1;
		batch[i]->error = *err;
		batch[i]->duplicate = false;
		batch[i]->failed_op = 0;
	}
	return -1;
}

int
store_commit(struct store *s, struct store_write **batch, size_t count, struct error *err)
{
	int64_t row = s->last_row, updated = s->last_updated;
	int64_t now_ms = clock_wall() / 1000 * 1000;
	struct error local;
	int rc = 0;

	if (!err)
		err = &local;
	if (now_ms < s->last_updated)
		now_ms = s->last_updated;
	if (sq_run(&s->conn, SQ_BEGIN, "begin a commit", err) < 0)
		return fail_batch(batch, count, err);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = apply_one(s, batch[i], now_ms, err);
	if (rc == 0 && !s->bulk)
		rc = sq_pending_write(&s->pending, &s->conn, err);
	if (rc == 0)
		rc = sq_run(&s->conn, SQ_COMMIT, "commit", err);
	if (rc == 0)
		return 0;
	sq_bulk_failed(s);
	/* SQLite may have rolled back by itself (a full disk). */
	if (!sqlite3_get_autocommit(s->conn.db))
		sq_run(&s->conn, SQ_ROLLBACK, "roll back", NULL);
	s->last_row = row;
	s->last_updated = updated;
	return fail_batch(batch, count, err);
}

int
store_forget_keys(struct store *s, int64_t before, struct error *err)
{
	sqlite3_stmt *st = sq_fixed(&s->conn, SQ_FORGET_KEYS, err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, before);
	return sq_step(&s->conn, st, "forget keys", err);
}

int
store_upkeep(struct store *s, struct error *err)
{
	return sq_bodies_upkeep(s, err);
}
