/* FHIRPath's functions of texts (N1, 5.6). */
#include "base/utf8.h"
#include "profiles/fhirpath_eval.h"

/* A call's text and its arguments, of which some may be missing. */
struct text_call {
	struct eval *e;
	const struct op *op;
	struct str text, a, b;
	int64_t from, count; /* of substring() */
	bool has_a, has_b;
};

static int
push_text(struct eval *e, struct str s)
{
	return eval_push_made(e, FHIRPATH_STRING, s.p ? s : STR(""));
}

/* A character's bytes; the text is well-formed. */
static size_t
char_size(char c)
{
	unsigned char u = (unsigned char)c;

	return u < 0x80 ? 1 : u < 0xe0 ? 2 : u < 0xf0 ? 3 : 4;
}

static int64_t
count_chars(struct str s)
{
	int64_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

static int
index_of(struct text_call *c)
{
	ptrdiff_t at = str_find_str(c->text, c->a), last = at;

	if (c->op->code == FN_LAST_INDEX_OF && c->a.len == 0)
		at = (ptrdiff_t)c->text.len;
	while (c->op->code == FN_LAST_INDEX_OF && c->a.len && last >= 0) {
		last = str_find_str(str_from_index(c->text, (size_t)at + 1), c->a);
		at += last >= 0 ? last + 1 : 0;
	}
	return eval_push_integer(c->e, at < 0 ? -1 : count_chars(str_of(c->text.p, (size_t)at)));
}

static int
substring(struct text_call *c)
{
	size_t start = 0, end;

	if (c->from < 0 || c->from >= count_chars(c->text))
		return 0;
	for (int64_t i = 0; i < c->from; i++)
		start += char_size(c->text.p[start]);
	end = start;
	for (int64_t i = 0; end < c->text.len && i < c->count; i++)
		end += char_size(c->text.p[end]);
	return push_text(c->e, str_of(c->text.p + start, end - start));
}

/* The replacement before each character and at the end. */
static size_t
weave(const struct text_call *c, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i <= c->text.len;) {
		size_t size = i < c->text.len ? char_size(c->text.p[i]) : 0;

		memcpy(out + n, c->b.p, c->b.len);
		n += c->b.len;
		if (!size)
			break;
		memcpy(out + n, c->text.p + i, size);
		n += size;
		i += size;
	}
	return n;
}

static size_t
exchange(const struct text_call *c, char *out)
{
	struct str rest = c->text;
	size_t n = 0;
	ptrdiff_t at;

	while ((at = str_find_str(rest, c->a)) >= 0) {
		if (at)
			memcpy(out + n, rest.p, (size_t)at);
		n += (size_t)at;
		if (c->b.len)
			memcpy(out + n, c->b.p, c->b.len);
		n += c->b.len;
		rest = str_from_index(rest, (size_t)at + c->a.len);
	}
	if (rest.len)
		memcpy(out + n, rest.p, rest.len);
	return n + rest.len;
}

static int
replace(struct text_call *c)
{
	struct str rest = c->text;
	size_t places = 0, room;
	ptrdiff_t at;
	char *out;

	if (c->a.len == 0 && c->b.len == 0)
		return push_text(c->e, c->text);
	if (c->a.len == 0)
		places = (size_t)count_chars(c->text) + 1;
	for (; c->a.len && (at = str_find_str(rest, c->a)) >= 0; places++)
		rest = str_from_index(rest, (size_t)at + c->a.len);
	if (c->b.len && places > (SIZE_MAX / 4 - c->text.len) / c->b.len)
		return eval_no_memory(c->e);
	room = c->text.len + places * c->b.len + 1;
	if (room / EVAL_STEP_BYTES > UINT32_MAX)
		return eval_no_memory(c->e);
	if (eval_count(c->e, (uint32_t)(room / EVAL_STEP_BYTES)))
		return -1;
	out = arena_alloc_bytes(c->e->arena, room);
	if (!out)
		return eval_no_memory(c->e);
	return push_text(c->e, str_of(out, c->a.len ? exchange(c, out) : weave(c, out)));
}

static int
to_chars(struct text_call *c)
{
	for (size_t i = 0; i < c->text.len;) {
		size_t size = char_size(c->text.p[i]);

		if (push_text(c->e, str_of(c->text.p + i, size)))
			return -1;
		i += size;
	}
	return eval_count(c->e, (uint32_t)(c->text.len / 16));
}

static int
split(struct text_call *c)
{
	struct str rest = c->text;
	ptrdiff_t at;

	if (c->a.len == 0)
		return to_chars(c);
	while ((at = str_find_str(rest, c->a)) >= 0) {
		if (eval_count(c->e, 1) || push_text(c->e, str_of(rest.p, (size_t)at)))
			return -1;
		rest = str_from_index(rest, (size_t)at + c->a.len);
	}
	return push_text(c->e, rest);
}

static int
run_text(struct text_call *c)
{
	struct eval *e = c->e;

	if (eval_count(e, (uint32_t)(c->text.len / 64)))
		return -1;
	switch ((enum op_code)c->op->code) {
	case FN_CONTAINS:
		return eval_push_bool(e, c->a.len == 0 || str_find_str(c->text, c->a) >= 0);
	case FN_STARTS_WITH:
		return eval_push_bool(e, str_starts(c->text, c->a));
	case FN_ENDS_WITH:
		return eval_push_bool(e, str_ends(c->text, c->a));
	case FN_LOWER:
	case FN_UPPER:
		return eval_case(c->e, c->text, c->op->code == FN_UPPER);
	case FN_LENGTH:
		return eval_push_integer(e, count_chars(c->text));
	case FN_INDEX_OF:
	case FN_LAST_INDEX_OF:
		return index_of(c);
	case FN_SUBSTRING:
		return substring(c);
	case FN_REPLACE:
		return replace(c);
	case FN_TO_CHARS:
		return to_chars(c);
	case FN_SPLIT:
		return split(c);
	case FN_TRIM:
		return push_text(e, str_trim(c->text));
	case FN_MATCHES:
	case FN_MATCHES_FULL:
	case FN_REPLACE_MATCHES:
		return eval_regex(e, c->op, c->text, c->a, c->b);
	default:
		return eval_code(e, c->op, c->text, c->a);
	}
}

/* One argument that is a text; *has is false when it is empty. */
static int
text_argument(
    struct text_call *c, uint32_t argument, const struct frame *frame, struct str *out, bool *has)
{
	struct fhirpath_item item;

	if (eval_argument(c->e, c->op, argument, frame, &item, has))
		return -1;
	if (!*has)
		return 0;
	if (item.kind != FHIRPATH_STRING)
		return eval_fail(c->e, c->op, "the argument is a text");
	*out = item.value;
	*has = item.node == FHIRPATH_MADE || item.value.len > 0;
	return 0;
}

static int
substring_arguments(struct text_call *c, const struct frame *frame)
{
	c->has_b = true;
	c->count = INT64_MAX;
	if (eval_integer_argument(c->e, c->op, c->op->a, frame, &c->from, &c->has_a))
		return -1;
	if (c->op->b == NO_OP)
		return 0;
	if (eval_integer_argument(c->e, c->op, c->op->b, frame, &c->count, &c->has_b))
		return -1;
	/* Without a length, all that follows (N1, 5.6.2). */
	if (!c->has_b)
		c->count = INT64_MAX;
	c->has_b = true;
	return 0;
}

static int
eval_join(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	struct text_call c = { .e = e, .op = op, .has_a = true };
	size_t len = 0, n = 0;
	char *out;

	if (op->a != NO_OP && text_argument(&c, op->a, frame, &c.a, &c.has_a))
		return -1;
	if (e->top == base)
		return 0;
	for (uint32_t i = base; i < e->top; i++) {
		if (e->stack[i].kind != FHIRPATH_STRING)
			return eval_fail(e, op, "only texts can be joined");
		len += e->stack[i].value.len + c.a.len;
		if (eval_count(e, 1 + (uint32_t)((e->stack[i].value.len + c.a.len) / 64)))
			return -1;
	}
	out = arena_alloc_bytes(e->arena, len + 1);
	if (!out)
		return eval_no_memory(e);
	for (uint32_t i = base; i < e->top; i++) {
		struct str s = e->stack[i].value;

		if (i > base && c.a.len)
			memcpy(out + n, c.a.p, c.a.len);
		n += i > base ? c.a.len : 0;
		if (s.len)
			memcpy(out + n, s.p, s.len);
		n += s.len;
	}
	e->top = base;
	return push_text(e, str_of(out, n));
}

int
eval_text(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	struct text_call c = { .e = e, .op = op, .has_a = true, .has_b = true };

	if (op->code == FN_JOIN)
		return eval_join(e, op, base, frame);
	if (e->top == base)
		return 0;
	if (e->top - base > 1 || e->stack[base].kind != FHIRPATH_STRING)
		return eval_fail_function(e, op, "one text");
	c.text = e->stack[base].value;
	if (op->code == FN_SUBSTRING) {
		if (substring_arguments(&c, frame))
			return -1;
	} else if ((op->a != NO_OP && text_argument(&c, op->a, frame, &c.a, &c.has_a)) ||
		   (op->b != NO_OP && text_argument(&c, op->b, frame, &c.b, &c.has_b))) {
		return -1;
	}
	/* A node without a value is no text. */
	if (!c.has_a || !c.has_b || (!c.text.len && e->stack[base].node != FHIRPATH_MADE)) {
		e->top = base;
		return 0;
	}
	e->top = base;
	return run_text(&c);
}
