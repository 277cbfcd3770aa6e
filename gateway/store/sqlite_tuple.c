/*
 * Composites: the values of the elements of one version, kept together, and
 * whether some element has what is asked for.
 *
 * The table `tuple` has a row for each version and composite with several
 * elements. Its data are values, one behind the other, in the elements' order:
 * element (2 bytes), component, sort, then numbers of 8 bytes or a text.
 */
#include "base/buf.h"
#include "gateway/store/fold.h"
#include "gateway/store/sqlite.h"

enum {
	TUPLE_BYTES = 1 << 20, /* of one version and composite, at most */
	HEAD = 4,
};

/* What stands behind the head of a value. */
enum sort {
	SORT_TOKEN = 't',   /* keys: system and code; code; system */
	SORT_KEY = 'k',	    /* key */
	SORT_NUMBER = 'n',  /* key of the unit as written, low, high */
	SORT_RANGE = 'r',   /* key, low, high */
	SORT_STRING = 's',  /* exact, length, folded */
	SORT_NOTHING = 'x', /* no element has all components */
};

static void
put_number(struct buf *b, int64_t n)
{
	buf_put(b, (const char *)&n, sizeof(n));
}

static void
put_numbers(struct buf *b, int64_t first, int64_t second, int64_t third)
{
	put_number(b, first);
	put_number(b, second);
	put_number(b, third);
}

static void
put_head(struct buf *b, const struct store_index *x, enum sort sort)
{
	uint16_t element = (uint16_t)x->element;

	buf_put(b, (const char *)&element, sizeof(element));
	buf_put_byte(b, (char)x->component);
	buf_put_byte(b, (char)sort);
}

static int64_t
key_of(const struct sq_names *n, enum sq_kind kind, uint32_t type, uint32_t param,
    struct str system, struct str value)
{
	return sq_param_key(n, kind, type, param, system, value).check;
}

static void
put_token(struct buf *b, const struct sq_names *n, uint32_t type, const struct store_index *x)
{
	struct str none = STR("");

	put_head(b, x, SORT_TOKEN);
	put_numbers(b, key_of(n, SQ_TOKEN, type, x->param, x->system, x->value),
	    key_of(n, SQ_TOKEN_CODE, type, x->param, none, x->value),
	    key_of(n, SQ_TOKEN_SYSTEM, type, x->param, x->system, none));
}

static int
put_string(struct buf *b, const struct store_index *x, struct arena *scratch)
{
	struct str folded;

	if (fold_text(x->value, scratch, &folded) < 0)
		return -1;
	put_head(b, x, SORT_STRING);
	put_number(b, sq_exact_of(x->value));
	put_number(b, (int64_t)folded.len);
	buf_put_str(b, folded);
	return 0;
}

static int
put_value(struct buf *b, const struct sq_names *n, uint32_t type, const struct store_index *x,
    struct str target, struct arena *scratch)
{
	struct str none = STR("");

	switch (x->kind) {
	case PARAM_TOKEN:
		put_token(b, n, type, x);
		return 0;
	case PARAM_URI:
		put_head(b, x, SORT_KEY);
		put_number(b, key_of(n, SQ_URI, type, x->param, none, x->value));
		return 0;
	case PARAM_REFERENCE:
		put_head(b, x, SORT_KEY);
		put_number(b, key_of(n, SQ_REFERENCE, type, x->param, none, target));
		return 0;
	case PARAM_STRING:
		return put_string(b, x, scratch);
	case PARAM_NUMBER:
		put_head(b, x, SORT_NUMBER);
		put_numbers(b, sq_unit_of(x->value), x->low, x->high);
		return 0;
	case PARAM_DATE:
		put_head(b, x, SORT_RANGE);
		put_numbers(b, 0, x->low, x->high);
		return 0;
	case PARAM_QUANTITY:
		put_head(b, x, SORT_RANGE);
		put_numbers(
		    b, sq_range_key(n, type, x->param, x->system, x->value), x->low, x->high);
		return 0;
	default:
		put_head(b, x, SORT_NOTHING);
		return 0;
	}
}

int
sq_tuple_encode(const struct sq_names *n, uint32_t type, const struct store_index *x,
    uint32_t count, sq_target_fn *target, const void *ctx, struct arena *scratch, struct str *out)
{
	struct buf b;
	int rc = 0;

	buf_init(&b, TUPLE_BYTES);
	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		struct str to = x[i].kind == PARAM_REFERENCE ? target(ctx, &x[i]) : STR("");

		rc = put_value(&b, n, type, &x[i], to, scratch);
	}
	if (rc == 0 && !b.full)
		*out = str_dup(scratch, buf_str(&b));
	if (b.full || rc < 0 || !out->p)
		rc = -1;
	buf_release(&b);
	return rc;
}

/* What is asked for. */

/* A test, as it stands in the text that tuple_match() is given; behind it the
 * folded text of a string. */
struct asked {
	int64_t key, low, high;
	uint32_t kind; /* enum store_test_kind */
	uint16_t compare, text;
	uint8_t component, which; /* of a token's keys */
	uint8_t unused[6];
};

static int
put_asked(struct buf *b, const struct sq_names *n, uint32_t type, uint32_t param,
    uint32_t component, const struct store_test *t, struct arena *scratch)
{
	struct asked a = { .kind = t->kind,
		.component = (uint8_t)component,
		.compare = (uint16_t)t->compare,
		.low = t->low,
		.high = t->high };
	struct store_test own = *t;
	struct str folded = STR("");
	struct sq_key key;

	own.param = param;
	if (sq_test_key(n, type, &own, &key)) {
		a.key = key.check;
		a.which = t->any_system ? 1 : t->any_value ? 2 : 0;
	} else if (t->kind == TEST_QUANTITY) {
		a.key = sq_range_key(n, type, param, t->system, t->value);
	} else if (t->kind == TEST_NUMBER) {
		a.key = t->value.len ? sq_unit_of(t->value) : 0;
	} else if (t->kind == TEST_STRING || t->kind == TEST_STRING_EXACT ||
		   t->kind == TEST_STRING_CONTAINS) {
		a.key = sq_exact_of(t->value);
		if (fold_text(t->value, scratch, &folded) < 0)
			return -1;
		a.text = (uint16_t)folded.len;
	}
	buf_put(b, (const char *)&a, sizeof(a));
	buf_put_str(b, folded);
	return 0;
}

int
sq_tuple_ask(const struct sq_names *n, uint32_t type, const struct store_test *t,
    struct arena *scratch, struct str *out)
{
	struct buf b;
	int rc = 0;

	buf_init(&b, TUPLE_BYTES);
	for (uint32_t i = 0; i < t->inner->count; i++)
		for (uint32_t j = 0; rc == 0 && j < t->inner->clauses[i].count; j++)
			rc = put_asked(
			    &b, n, type, t->param, i + 1, &t->inner->clauses[i].tests[j], scratch);
	if (rc == 0 && !b.full)
		*out = str_dup(scratch, buf_str(&b));
	if (b.full || rc < 0 || !out->p)
		rc = -1;
	buf_release(&b);
	return rc;
}

/* Whether an element has it. */

struct value {
	uint16_t element;
	uint8_t component, sort;
	int64_t n[3];
	struct str text;
};

static bool
take_number(struct str *rest, int64_t *out)
{
	if (rest->len < sizeof(*out))
		return false;
	memcpy(out, rest->p, sizeof(*out));
	*rest = str_from_index(*rest, sizeof(*out));
	return true;
}

static bool
take_value(struct str *rest, struct value *out)
{
	int numbers;

	if (rest->len < HEAD)
		return false;
	memcpy(&out->element, rest->p, sizeof(out->element));
	out->component = (uint8_t)rest->p[2];
	out->sort = (uint8_t)rest->p[3];
	*rest = str_from_index(*rest, HEAD);
	numbers = out->sort == SORT_KEY	      ? 1
		  : out->sort == SORT_STRING  ? 2
		  : out->sort == SORT_NOTHING ? 0
					      : 3;
	for (int i = 0; i < numbers; i++)
		if (!take_number(rest, &out->n[i]))
			return false;
	if (out->sort != SORT_STRING)
		return true;
	if (out->n[1] < 0 || (uint64_t)out->n[1] > rest->len)
		return false;
	out->text = str_of(rest->p, (size_t)out->n[1]);
	*rest = str_from_index(*rest, out->text.len);
	return true;
}

/* As put_range() has it in SQL. */
static bool
range_passes(const struct asked *a, int64_t low, int64_t high)
{
	bool within = low >= a->low && high <= a->high;

	switch ((enum store_compare)a->compare) {
	case COMPARE_EQ:
		return within;
	case COMPARE_NE:
		return !within;
	case COMPARE_GT:
		return high > a->high;
	case COMPARE_LT:
		return low < a->low;
	case COMPARE_GE:
		return high > a->high || within;
	case COMPARE_LE:
		return low < a->low || within;
	case COMPARE_SA:
		return low > a->high;
	case COMPARE_EB:
		return high < a->low;
	case COMPARE_AP:
		return high >= a->low && low <= a->high;
	}
	return false;
}

static bool
string_passes(const struct asked *a, struct str text, const struct value *v)
{
	switch (a->kind) {
	case TEST_STRING:
		return str_starts(v->text, text);
	case TEST_STRING_EXACT:
		return a->key == v->n[0] && str_eq(v->text, text);
	case TEST_STRING_CONTAINS:
		return str_find_str(v->text, text) >= 0;
	default:
		return false;
	}
}

static bool
passes(const struct asked *a, struct str text, const struct value *v)
{
	if (a->component != v->component || v->sort == SORT_NOTHING)
		return false;
	if (a->kind == TEST_MISSING)
		return true;
	switch (v->sort) {
	case SORT_TOKEN:
		return a->kind == TEST_TOKEN && a->which < 3 && a->key == v->n[a->which];
	case SORT_KEY:
		return (a->kind == TEST_URI || a->kind == TEST_REFERENCE) && a->key == v->n[0];
	case SORT_NUMBER:
		return a->kind == TEST_NUMBER && (!a->key || a->key == v->n[0]) &&
		       range_passes(a, v->n[1], v->n[2]);
	case SORT_RANGE:
		return (a->kind == TEST_DATE || (a->kind == TEST_QUANTITY && a->key == v->n[0])) &&
		       range_passes(a, v->n[1], v->n[2]);
	default:
		return string_passes(a, text, v);
	}
}

/* The components, as bits, that have a test which v passes; *all: those that
 * have a test. */
static uint32_t
components_of(struct str asked, const struct value *v, uint32_t *all)
{
	uint32_t mask = 0;

	*all = 0;
	while (asked.len >= sizeof(struct asked)) {
		struct asked a;
		struct str text;

		memcpy(&a, asked.p, sizeof(a));
		asked = str_from_index(asked, sizeof(a));
		text = str_of(asked.p, a.text <= asked.len ? a.text : asked.len);
		asked = str_from_index(asked, text.len);
		*all |= UINT32_C(1) << a.component % 32;
		if (passes(&a, text, v))
			mask |= UINT32_C(1) << a.component % 32;
	}
	return mask;
}

bool
sq_tuple_matches(struct str data, struct str asked)
{
	uint32_t mask = 0, all = 0;
	uint16_t element = 0;
	struct value v;

	while (take_value(&data, &v)) {
		if (v.element != element)
			mask = 0;
		element = v.element;
		mask |= components_of(asked, &v, &all);
		if (mask == all)
			return true;
	}
	return false;
}
