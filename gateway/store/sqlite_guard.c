/*
 * What a write must keep to, asked inside its transaction: the compartment of
 * who may write in one only, and references that lead somewhere.
 */
#include "gateway/store/sqlite.h"

static int
refuse(struct store_write *w, uint32_t at, enum error_kind kind, const char *text)
{
	w->failed_op = at;
	return error_set(&w->error, kind, "%s", text);
}

static bool
writes(const struct store_op *op)
{
	return op->verb != STORE_FIND && op->outcome != STORE_UNCHANGED;
}

static struct str
type_name(const struct store *s, uint32_t type)
{
	return pack_text(s->names.pack, pack_type_at(s->names.pack, type)->name);
}

/* Is text the reference "Type/id"? */
static bool
names_op(const struct store *s, struct str text, const struct store_op *op)
{
	struct str type = type_name(s, op->type);

	return text.len == type.len + 1 + op->final_id.len && str_starts(text, type) &&
	       text.p[type.len] == '/' && str_ends(text, op->final_id);
}

int
sq_guard_before(struct store *s, struct store_write *w, uint32_t at, int64_t row, bool *broken)
{
	const struct store_op *op = &w->ops[at];
	int there;

	if (!op->within.len || op->verb == STORE_CREATE)
		return 0;
	/* A conditional update that found nothing makes a resource of an id of ours. */
	if (!row && op->match.count && op->verb == STORE_UPDATE && !op->id_given)
		return 0;
	there = row ? sq_has_key(&s->conn, sq_compartment_key(op->within), row, &w->error) : 0;
	*broken = there < 0;
	if (there == 0)
		return refuse(w, at, ERROR_MISSING, "the resource is not there");
	return there < 0 ? -1 : 0;
}

int
sq_guard_after(struct store *s, struct store_write *w, uint32_t at)
{
	const struct store_op *op = &w->ops[at];

	if (!op->within.len || op->verb == STORE_DELETE || !writes(op))
		return 0;
	for (uint32_t i = 0; i < op->index_count; i++) {
		const struct store_index *x = &op->index[i];

		if (x->kind != STORE_COMPARTMENT)
			continue;
		if (x->entry == PACK_NONE
			? str_eq(x->value, op->within)
			: names_op(s, op->within, x->entry == STORE_SELF ? op : &w->ops[x->entry]))
			return 0;
	}
	return refuse(w, at, ERROR_DENIED, "the resource is outside of what the sender may write");
}

/* References. */

/* Does the compartment's definition speak of the type? Others' resources of such
 * a type are not there for who sees the compartment. */
static bool
is_member_type(const struct pack *p, struct str compartment, uint32_t type)
{
	struct str code, rest = compartment;
	const struct pack_compartment *c;

	if (!compartment.len || !str_split(&rest, '/', &code))
		return false;
	c = pack_find_compartment(p, code);
	for (uint32_t i = 0; c && i < c->members.count; i++)
		if (pack_members(p, c->members)[i].type == type)
			return true;
	return false;
}

/* 1: there; 0: not; -1. */
static int
target_is_there(
    struct store *s, struct store_write *w, const struct store_op *op, const struct store_target *t)
{
	struct sq_conn *c = &s->conn;
	sqlite3_stmt *st = sq_fixed(c, t->version ? SQ_ONE_VERSION : SQ_CURRENT, &w->error);
	int64_t row = 0;
	int rc;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, s->names.type_no[t->type]);
	sq_bind_str(st, 2, t->id);
	if (t->version)
		sqlite3_bind_int64(st, 3, (int64_t)t->version);
	rc = sq_step(c, st, "find what is referred to", &w->error);
	if (rc > 0) {
		bool deleted = sqlite3_column_int(st, 4) == STORE_DELETE;

		row = deleted ? 0 : sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
	}
	if (rc < 0 || !row)
		return rc < 0 ? -1 : 0;
	if (!is_member_type(s->names.pack, op->within, t->type))
		return 1;
	/* What this transaction has written is the sender's own. */
	for (uint32_t i = 0; i < w->count; i++)
		if (w->ops[i].type == t->type && str_eq(w->ops[i].final_id, t->id))
			return 1;
	return sq_has_key(c, sq_compartment_key(op->within), row, &w->error);
}

static int
check_targets(struct store *s, struct store_write *w, uint32_t at, bool *broken)
{
	const struct store_op *op = &w->ops[at];

	for (uint32_t i = 0; i < op->target_count && writes(op); i++) {
		const struct store_target *t = &op->targets[i];
		int there = target_is_there(s, w, op, t);

		if (there > 0)
			continue;
		*broken = there < 0;
		if (there < 0)
			return -1;
		w->link_failed = true;
		w->failed_op = at;
		return error_set(&w->error, ERROR_INVALID,
		    "the resource refers to %.*s/%.*s%s, which is not there",
		    STR_ARG(type_name(s, t->type)), STR_ARG(t->id),
		    t->version ? " of a version" : "");
	}
	return 0;
}

/* Does a current resource carry the key? 1, 0, -1. */
static int
is_carried(struct sq_conn *c, struct sq_key key, struct error *err)
{
	sqlite3_stmt *st = sq_fixed(c, SQ_CURRENT_INDEX, err);
	int rc;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, key.hash);
	sqlite3_bind_int64(st, 2, key.check);
	rc = sq_step(c, st, "find what refers to it", err);
	if (rc > 0)
		sqlite3_reset(st);
	return rc;
}

/* Does a stored resource refer to it, by any search parameter? */
static int
is_referred_to(struct sq_conn *c, const struct sq_names *n, struct str reference, struct error *err)
{
	const struct pack *p = n->pack;

	for (uint32_t t = 0; t < pack_type_count(p); t++) {
		uint32_t count = 0;
		const uint32_t *params;

		if (!n->type_no[t])
			continue;
		params = pack_type_params(p, t, &count);
		for (uint32_t i = 0; i < count; i++) {
			int rc;

			if (pack_param_at(p, params[i])->type != PARAM_REFERENCE)
				continue;
			rc = is_carried(c,
			    sq_param_key(n, SQ_REFERENCE, t, params[i], STR(""), reference), err);
			if (rc != 0)
				return rc;
		}
	}
	return 0;
}

/* The same for what this transaction writes, whose rows wait. */
static bool
is_written_with(const struct store *s, const struct store_write *w, const struct store_op *gone)
{
	for (uint32_t i = 0; i < w->count; i++) {
		const struct store_op *op = &w->ops[i];

		if (!writes(op) || op->verb == STORE_DELETE)
			continue;
		for (uint32_t j = 0; j < op->index_count; j++) {
			const struct store_index *x = &op->index[j];

			if (x->kind == PARAM_REFERENCE &&
			    (x->entry == PACK_NONE
				    ? names_op(s, x->value, gone)
				    : x->entry != STORE_SELF && &w->ops[x->entry] == gone))
				return true;
		}
	}
	return false;
}

static int
check_deleted(struct store *s, struct store_write *w, uint32_t at, bool *broken)
{
	const struct store_op *op = &w->ops[at];
	struct str parts[3] = { type_name(s, op->type), STR("/"), op->final_id };
	struct str reference;
	int rc;

	if (op->verb != STORE_DELETE || !writes(op))
		return 0;
	reference = str_concat(&s->scratch, parts, 3);
	if (!reference.p)
		return sq_no_memory(&w->error);
	rc = is_written_with(s, w, op) ? 1
				       : is_referred_to(&s->conn, &s->names, reference, &w->error);
	*broken = rc < 0;
	if (rc <= 0)
		return rc;
	w->link_failed = true;
	return refuse(w, at, ERROR_CONFLICT,
	    "others refer to the resource; change or delete those first, or in the same "
	    "transaction");
}

/* Of a delete of many, each. */
static int
check_all_deleted(struct store *s, struct store_write *w, uint32_t at, bool *broken)
{
	struct store_op *op = &w->ops[at];
	int rc = 0;

	if (!op->gone_count)
		return check_deleted(s, w, at, broken);
	for (uint32_t i = 0; rc == 0 && i < op->gone_count; i++) {
		op->final_id = op->gone[i].id;
		rc = check_deleted(s, w, at, broken);
	}
	op->final_id = STR("");
	return rc;
}

int
store_is_referred_to(
    struct store_reader *r, uint32_t type, struct str id, struct arena *a, struct error *err)
{
	struct str parts[3] = { pack_text(r->names->pack, pack_type_at(r->names->pack, type)->name),
		STR("/"), id };
	struct str reference = str_concat(a, parts, 3);
	int rc;

	if (!reference.p)
		return sq_no_memory(err);
	if (sq_read_begin(&r->conn, err) < 0)
		return -1;
	rc = is_referred_to(&r->conn, r->names, reference, err);
	sq_read_end(&r->conn);
	return rc;
}

int
sq_guard_links(struct store *s, struct store_write *w, bool *broken)
{
	for (uint32_t i = 0; i < w->count; i++) {
		if (check_targets(s, w, i, broken) < 0)
			return -1;
		if (w->keep_referenced && check_all_deleted(s, w, i, broken) < 0)
			return -1;
	}
	return 0;
}

bool
sq_guard_is_settled(const struct store *s, const struct store_write *w, const struct store_op *op)
{
	if (w->keep_referenced && op->verb == STORE_DELETE)
		return false;
	return !op->within.len || op->verb == STORE_CREATE ||
	       !sq_pending_may_have(&s->pending, sq_compartment_key(op->within));
}
