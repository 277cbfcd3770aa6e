/* The index: where a value stands, and the rows of one version. */
#include "base/hash.h"
#include "gateway/store/fold.h"
#include "gateway/store/sqlite.h"

static int64_t
int64_of(const uint8_t *p)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | p[i];
	return (int64_t)n;
}

/* The lengths go in too, so that no two lists of parts are the same bytes. */
struct sq_key
sq_key_of(enum sq_kind kind, struct str type, struct str param, struct str system, struct str value)
{
	uint64_t head[4] = { (uint64_t)kind, type.len, param.len, system.len };
	struct str parts[] = { str_of((const char *)head, sizeof(head)), type, param, system,
		value };
	uint8_t digest[SHA256_BYTES];

	sha256_parts(parts, sizeof(parts) / sizeof(parts[0]), digest);
	return (struct sq_key){ int64_of(digest), int64_of(digest + 8) };
}

static struct str
type_name(const struct sq_names *n, uint32_t type)
{
	return pack_text(n->pack, pack_type_at(n->pack, type)->name);
}

struct sq_key
sq_type_key(const struct sq_names *n, uint32_t type)
{
	return sq_key_of(SQ_TYPE, type_name(n, type), STR(""), STR(""), STR(""));
}

struct sq_key
sq_compartment_key(struct str compartment)
{
	return sq_key_of(SQ_IN_COMPARTMENT, STR(""), STR(""), STR(""), compartment);
}

struct sq_key
sq_param_key(const struct sq_names *n, enum sq_kind kind, uint32_t type, uint32_t param,
    struct str system, struct str value)
{
	return sq_key_of(kind, type_name(n, type),
	    pack_text(n->pack, pack_param_at(n->pack, param)->code), system, value);
}

int64_t
sq_table_key(const struct sq_names *n, uint32_t type, uint32_t param)
{
	return (int64_t)n->type_no[type] << 24 | n->param_no[param];
}

int64_t
sq_exact_of(struct str value)
{
	uint8_t digest[SHA256_BYTES];

	sha256(value, digest);
	return int64_of(digest);
}

static int
by_number(const void *a, const void *b)
{
	return memcmp(a, b, 3);
}

/* Parameter numbers, 3 bytes each, growing: big-endian so that memcmp orders. */
int
sq_params_of(const struct sq_names *n, const struct store_index *index, uint32_t count,
    struct arena *a, struct str *out)
{
	char *p = arena_alloc_bytes(a, (size_t)count * 3 + 1);
	size_t len = 0;

	if (!p)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t no;

		if (index[i].kind == STORE_COMPARTMENT)
			continue;
		no = n->param_no[index[i].param];
		p[len++] = (char)(no >> 16);
		p[len++] = (char)(no >> 8);
		p[len++] = (char)no;
	}
	qsort(p, len / 3, 3, by_number);
	out->p = p;
	out->len = 0;
	for (size_t i = 0; i < len; i += 3) {
		if (out->len && memcmp(p + out->len - 3, p + i, 3) == 0)
			continue;
		memmove(p + out->len, p + i, 3);
		out->len += 3;
	}
	return 0;
}

bool
sq_params_have(const void *params, size_t len, uint32_t param_no)
{
	const char want[3] = { (char)(param_no >> 16), (char)(param_no >> 8), (char)param_no };

	return len >= 3 && bsearch(want, params, len / 3, 3, by_number) != NULL;
}

/* The keys that a version's rows stand under, gathered and then written in
 * their order. */
struct keys {
	struct sq_key *at;
	size_t count;
};

static void
add_key(struct keys *k, struct sq_key key)
{
	k->at[k->count++] = key;
}

static void
add_token(struct keys *k, const struct sq_names *n, uint32_t type, const struct store_index *x)
{
	add_key(k, sq_param_key(n, SQ_TOKEN, type, x->param, x->system, x->value));
	if (x->value.len)
		add_key(k, sq_param_key(n, SQ_TOKEN_CODE, type, x->param, STR(""), x->value));
	if (x->system.len)
		add_key(k, sq_param_key(n, SQ_TOKEN_SYSTEM, type, x->param, x->system, STR("")));
}

/* What a reference row refers to: as written, or the resource of an op. */
static struct str
target_of(const struct sq_names *n, struct arena *scratch, const struct store_write *w,
    const struct store_op *op, const struct store_index *x)
{
	const struct store_op *to = op;

	if (x->entry == PACK_NONE)
		return x->value;
	if (x->entry != STORE_SELF)
		to = &w->ops[x->entry];
	return str_printf(
	    scratch, "%.*s/%.*s", STR_ARG(type_name(n, to->type)), STR_ARG(to->final_id));
}

static int
add_row(struct keys *k, const struct sq_names *n, struct arena *scratch,
    const struct store_write *w, const struct store_op *op, const struct store_index *x)
{
	struct str target;

	switch (x->kind) {
	case PARAM_TOKEN:
		add_token(k, n, op->type, x);
		return 0;
	case PARAM_URI:
		add_key(k, sq_param_key(n, SQ_URI, op->type, x->param, STR(""), x->value));
		return 0;
	case PARAM_REFERENCE:
	case STORE_COMPARTMENT:
		target = target_of(n, scratch, w, op, x);
		if (!target.p && target.len == 0 && x->entry != PACK_NONE)
			return -1;
		add_key(k, x->kind == STORE_COMPARTMENT ? sq_compartment_key(target)
							: sq_param_key(n, SQ_REFERENCE, op->type,
							      x->param, STR(""), target));
		return 0;
	default:
		return 0;
	}
}

static int
by_key(const void *pa, const void *pb)
{
	const struct sq_key *a = pa, *b = pb;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return (a->check > b->check) - (a->check < b->check);
}

static int
write_keys(struct sq_conn *c, struct keys *k, int64_t row, struct error *err)
{
	sqlite3_stmt *st = sq_fixed(c, SQ_ADD_INDEX, err);

	if (!st)
		return -1;
	qsort(k->at, k->count, sizeof(k->at[0]), by_key);
	for (size_t i = 0; i < k->count; i++) {
		sqlite3_bind_int64(st, 1, k->at[i].hash);
		sqlite3_bind_int64(st, 2, row);
		sqlite3_bind_int64(st, 3, k->at[i].check);
		if (sq_step(c, st, "write the index", err) < 0)
			return -1;
	}
	return 0;
}

static int
write_string(struct sq_conn *c, const struct sq_names *n, struct arena *scratch, uint32_t type,
    const struct store_index *x, int64_t row, struct error *err)
{
	sqlite3_stmt *st = sq_fixed(c, SQ_ADD_STRING, err);
	struct str folded;

	if (!st)
		return -1;
	if (fold_text(x->value, scratch, &folded) < 0)
		return sq_no_memory(err);
	sqlite3_bind_int64(st, 1, sq_table_key(n, type, x->param));
	sq_bind_blob(st, 2, folded);
	sqlite3_bind_int64(st, 3, row);
	sqlite3_bind_int64(st, 4, sq_exact_of(x->value));
	return sq_step(c, st, "write the index", err);
}

static int
write_range(
    struct sq_conn *c, int64_t key, int64_t low, int64_t high, int64_t row, struct error *err)
{
	sqlite3_stmt *st = sq_fixed(c, SQ_ADD_DATE, err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, key);
	sqlite3_bind_int64(st, 2, low);
	sqlite3_bind_int64(st, 3, high);
	sqlite3_bind_int64(st, 4, row);
	return sq_step(c, st, "write the index", err);
}

int64_t
sq_unit_of(struct str unit)
{
	struct str none = STR("");

	return sq_key_of(SQ_UNIT, none, none, none, unit).hash;
}

int64_t
sq_range_key(
    const struct sq_names *n, uint32_t type, uint32_t param, struct str system, struct str unit)
{
	return sq_param_key(n, system.len ? SQ_QUANTITY : SQ_NUMBERS, type, param, system, unit)
	    .hash;
}

/* A single number stands once, its unit in the place of its high end. */
static int
write_number(struct sq_conn *c, const struct sq_names *n, uint32_t type,
    const struct store_index *x, int64_t row, struct error *err)
{
	struct str none = STR("");

	if (x->low == x->high)
		return write_range(
		    c, sq_table_key(n, type, x->param), x->low, sq_unit_of(x->value), row, err);
	if (x->value.len && write_range(c, sq_range_key(n, type, x->param, none, x->value), x->low,
				x->high, row, err) < 0)
		return -1;
	return write_range(
	    c, sq_range_key(n, type, x->param, none, none), x->low, x->high, row, err);
}

/* Dates, numbers and quantities: the table of ranges. */
static int
write_ranges(struct sq_conn *c, const struct sq_names *n, uint32_t type,
    const struct store_index *x, int64_t row, struct error *err)
{
	switch (x->kind) {
	case PARAM_DATE:
		return write_range(c, sq_table_key(n, type, x->param), x->low, x->high, row, err);
	case PARAM_NUMBER:
		return write_number(c, n, type, x, row, err);
	case PARAM_QUANTITY:
		return write_range(c, sq_range_key(n, type, x->param, x->system, x->value), x->low,
		    x->high, row, err);
	default:
		return 0;
	}
}

int
sq_index_write(struct sq_conn *c, const struct sq_names *n, struct arena *scratch,
    const struct store_write *w, const struct store_op *op, int64_t row, struct error *err)
{
	struct keys keys = { 0 };

	keys.at = arena_calloc(scratch, (size_t)op->index_count * 3 + 1, sizeof(struct sq_key));
	if (!keys.at)
		return sq_no_memory(err);
	add_key(&keys, sq_type_key(n, op->type));
	for (uint32_t i = 0; i < op->index_count; i++) {
		const struct store_index *x = &op->index[i];

		if (add_row(&keys, n, scratch, w, op, x) < 0)
			return sq_no_memory(err);
		if (x->kind == PARAM_STRING &&
		    write_string(c, n, scratch, op->type, x, row, err) < 0)
			return -1;
		if (write_ranges(c, n, op->type, x, row, err) < 0)
			return -1;
	}
	return write_keys(c, &keys, row, err);
}
