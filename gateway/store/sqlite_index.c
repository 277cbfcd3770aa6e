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

/*
 * The time in a UUID of version 7 (RFC 9562, 5.7) that is all of the value or ends
 * a reference: what is said of resources that were made together stands together,
 * behind what was made before. Windows of a quarter of a second; the bits of 49
 * days, and round again. False: it ends in none.
 */
static bool
time_of(struct str value, uint64_t *place)
{
	enum {
		UUID = 36,
		VERSION = 14,
		WINDOW_BITS = 8,
	};
	const char *p;
	uint8_t ms[6];
	uint64_t n = 0;
	char hex[12];

	if (value.len < UUID)
		return false;
	p = value.p + value.len - UUID;
	if (p[VERSION] != '7' || p[8] != '-' || p[13] != '-' || p[18] != '-' || p[23] != '-' ||
	    (value.len > UUID && p[-1] != '/'))
		return false;
	memcpy(hex, p, 8);
	memcpy(hex + 8, p + 9, 4);
	if (!hex_decode(str_of(hex, sizeof(hex)), ms, sizeof(ms)))
		return false;
	for (size_t i = 0; i < sizeof(ms); i++)
		n = n << 8 | ms[i];
	*place = n << (64 - SQ_PLACE_BITS - WINDOW_BITS);
	return true;
}

/*
 * The lengths go in too, so that no two lists of parts are the same bytes. The
 * first bits are those of the value alone: what is said of one patient or by
 * one identifier stands together, and a commit touches few pages.
 */
struct sq_key
sq_key_of(enum sq_kind kind, struct str type, struct str param, struct str system, struct str value)
{
	uint64_t head[4] = { (uint64_t)kind, type.len, param.len, system.len };
	struct str parts[] = { str_of((const char *)head, sizeof(head)), type, param, system,
		value };
	const uint64_t place_bits = ~UINT64_C(0) << (64 - SQ_PLACE_BITS);
	uint64_t place;
	uint8_t digest[SHA256_BYTES];

	if (!time_of(value, &place))
		place = hash64(value.len ? value : system, 0);
	sha256_parts(parts, sizeof(parts) / sizeof(parts[0]), digest);
	return (struct sq_key){
		(int64_t)((place & place_bits) | ((uint64_t)int64_of(digest) & ~place_bits)),
		int64_of(digest + 8),
	};
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

struct str
sq_param_name(const struct sq_names *n, uint32_t param)
{
	uint32_t count = pack_param_count(n->pack);

	return param < count ? pack_text(n->pack, pack_param_at(n->pack, param)->code)
			     : n->own[param - count].name;
}

uint32_t
sq_param_type(const struct sq_names *n, uint32_t param)
{
	uint32_t count = pack_param_count(n->pack);

	return param < count ? pack_param_at(n->pack, param)->type : n->own[param - count].type;
}

struct sq_key
sq_param_key(const struct sq_names *n, enum sq_kind kind, uint32_t type, uint32_t param,
    struct str system, struct str value)
{
	return sq_key_of(kind, type_name(n, type), sq_param_name(n, param), system, value);
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

		if (index[i].kind >= STORE_COMPARTMENT || index[i].component)
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

/* The rows of one version on their way to where they wait. */
struct rows {
	struct sq_pending *to;
	const struct sq_names *names;
	struct arena *scratch;
	const struct store_write *w;
	const struct store_op *op;
	int64_t row;
};

static void
add_value(const struct rows *r, enum sq_kind kind, const struct store_index *x, struct str system,
    struct str value)
{
	sq_pending_key(
	    r->to, sq_param_key(r->names, kind, r->op->type, x->param, system, value), r->row);
}

static void
add_token(const struct rows *r, const struct store_index *x)
{
	add_value(r, SQ_TOKEN, x, x->system, x->value);
	if (x->value.len)
		add_value(r, SQ_TOKEN_CODE, x, STR(""), x->value);
	if (x->system.len)
		add_value(r, SQ_TOKEN_SYSTEM, x, x->system, STR(""));
}

/* What a reference row refers to: as written, or the resource of an op. */
static struct str
target_of(const struct rows *r, const struct store_index *x)
{
	const struct store_op *to = r->op;
	struct str parts[3] = { STR(""), STR("/"), STR("") };

	if (x->entry == PACK_NONE)
		return x->value;
	if (x->entry != STORE_SELF)
		to = &r->w->ops[x->entry];
	parts[0] = type_name(r->names, to->type);
	parts[2] = to->final_id;
	return str_concat(r->scratch, parts, 3);
}

static int
add_reference(const struct rows *r, const struct store_index *x, struct str *text)
{
	struct str target = target_of(r, x);

	if (!target.p && target.len == 0 && x->entry != PACK_NONE)
		return -1;
	*text = target;
	if (x->kind == STORE_COMPARTMENT)
		sq_pending_key(r->to, sq_compartment_key(target), r->row);
	else
		add_value(r, SQ_REFERENCE, x, STR(""), target);
	return 0;
}

/* A text that is looked for by its beginning: once, with where the rows of
 * those who have it stand. */
static int
add_word(const struct rows *r, const struct store_index *x, enum sq_kind kind, struct str text)
{
	struct sq_key place = sq_param_key(r->names, kind, r->op->type, x->param, STR(""), text);

	sq_pending_key(r->to, place, r->row);
	if (text.len > FOLD_BYTES)
		return 0; /* found whole, but not by its beginning */
	return sq_pending_word(r->to, sq_table_key(r->names, r->op->type, x->param), text, place);
}

static int
add_text(const struct rows *r, const struct store_index *x)
{
	struct str folded;

	if (fold_text(x->value, r->scratch, &folded) < 0)
		return -1;
	return folded.len ? add_word(r, x, SQ_TEXT, folded) : 0;
}

static int
add_string(const struct rows *r, const struct store_index *x, struct str *text)
{
	if (fold_text(x->value, r->scratch, text) < 0)
		return -1;
	return sq_pending_string(r->to, sq_table_key(r->names, r->op->type, x->param), *text,
	    r->row, sq_exact_of(x->value));
}

int64_t
sq_unit_of(struct str unit)
{
	struct str none = STR("");

	return sq_key_of(SQ_UNIT, none, none, none, unit).check;
}

int64_t
sq_range_key(
    const struct sq_names *n, uint32_t type, uint32_t param, struct str system, struct str unit)
{
	return sq_param_key(n, system.len ? SQ_QUANTITY : SQ_NUMBERS, type, param, system, unit)
	    .check;
}

/* A single number stands once, its unit in the place of its high end. */
static void
add_number(const struct rows *r, const struct store_index *x)
{
	const struct sq_names *n = r->names;
	uint32_t type = r->op->type;
	struct str none = STR("");

	if (x->low == x->high) {
		sq_pending_range(
		    r->to, sq_table_key(n, type, x->param), x->low, sq_unit_of(x->value), r->row);
		return;
	}
	if (x->value.len)
		sq_pending_range(r->to, sq_range_key(n, type, x->param, none, x->value), x->low,
		    x->high, r->row);
	sq_pending_range(
	    r->to, sq_range_key(n, type, x->param, none, none), x->low, x->high, r->row);
}

/* Dates, numbers and quantities: the table of ranges. */
static void
add_range(const struct rows *r, const struct store_index *x)
{
	const struct sq_names *n = r->names;
	uint32_t type = r->op->type;

	if (x->kind == PARAM_NUMBER)
		add_number(r, x);
	else
		sq_pending_range(r->to,
		    x->kind == PARAM_DATE || x->kind == PARAM_SPECIAL
			? sq_table_key(n, type, x->param)
			: sq_range_key(n, type, x->param, x->system, x->value),
		    x->low, x->high, r->row);
}

/* text: what a reference refers to, or a string folded. */
static int
add_row(const struct rows *r, const struct store_index *x, struct str *text)
{
	switch (x->kind) {
	case PARAM_TOKEN:
		add_token(r, x);
		return 0;
	case PARAM_URI:
		return add_word(r, x, SQ_URI, x->value);
	case STORE_TEXT:
		return add_text(r, x);
	case STORE_OF_TYPE:
		add_value(r, SQ_OF_TYPE, x, x->system, x->value);
		return 0;
	case STORE_WORD:
		add_value(r, SQ_WORD, x, STR(""), x->value);
		return 0;
	case PARAM_REFERENCE:
	case STORE_COMPARTMENT:
		return add_reference(r, x, text);
	case PARAM_STRING:
		return add_string(r, x, text);
	case PARAM_DATE:
	case PARAM_NUMBER:
	case PARAM_QUANTITY:
	case PARAM_SPECIAL:
		add_range(r, x);
		return 0;
	default:
		return 0;
	}
}

static struct str
tuple_target(const void *ctx, const struct store_index *x)
{
	return target_of(ctx, x);
}

/* The rows of a composite, which stand together. Returns how many, or 0: too
 * many. */
static uint32_t
add_tuple(const struct rows *r, uint32_t first)
{
	const struct store_index *x = &r->op->index[first];
	struct str data = { NULL, 0 };
	uint32_t count = 1;

	while (
	    first + count < r->op->index_count && x[count].component && x[count].param == x->param)
		count++;
	if (sq_tuple_encode(r->names, r->op->type, x, count, tuple_target, r, r->scratch, &data) <
		0 ||
	    sq_pending_tuple(r->to, r->row, r->names->param_no[x->param], data) < 0)
		return 0;
	return count;
}

int
sq_index_add(struct sq_pending *p, const struct sq_names *n, struct arena *scratch,
    const struct store_write *w, const struct store_op *op, int64_t row, struct error *err)
{
	struct rows r = { p, n, scratch, w, op, row };
	struct str *texts = arena_calloc(scratch, (size_t)op->index_count + 1, sizeof(*texts));
	struct str facts;

	if (!texts)
		return sq_no_memory(err);
	sq_pending_key(p, sq_type_key(n, op->type), row);
	for (uint32_t i = 0; i < op->index_count;) {
		uint32_t taken = op->index[i].component ? add_tuple(&r, i) : 1;

		if (!taken ||
		    (!op->index[i].component && add_row(&r, &op->index[i], &texts[i]) < 0))
			return sq_no_memory(err);
		i += taken;
	}
	if (sq_facts_of(n, op->index, texts, op->index_count, scratch, &facts) < 0 ||
	    (facts.len && sq_pending_facts(p, row, facts) < 0))
		return sq_no_memory(err);
	return 0;
}

bool
sq_test_key(const struct sq_names *n, uint32_t type, const struct store_test *t, struct sq_key *out)
{
	struct str none = STR("");
	enum sq_kind kind;

	switch (t->kind) {
	case TEST_TOKEN:
		kind = t->any_system ? SQ_TOKEN_CODE : t->any_value ? SQ_TOKEN_SYSTEM : SQ_TOKEN;
		*out = sq_param_key(n, kind, type, t->param,
		    t->any_system || t->no_system ? none : t->system,
		    kind == SQ_TOKEN_SYSTEM ? none : t->value);
		return true;
	case TEST_REFERENCE:
		*out = sq_param_key(n, SQ_REFERENCE, type, t->param, none, t->value);
		return true;
	case TEST_IN_COMPARTMENT:
		*out = sq_compartment_key(t->value);
		return true;
	case TEST_WORD:
		*out = sq_param_key(n, SQ_WORD, type, t->param, none, t->value);
		return true;
	case TEST_OF_TYPE:
		*out = sq_param_key(n, SQ_OF_TYPE, type, t->param, t->system, t->value);
		return true;
	case TEST_URI:
		*out = sq_param_key(n, SQ_URI, type, t->param, none, t->value);
		return true;
	default:
		return false;
	}
}
