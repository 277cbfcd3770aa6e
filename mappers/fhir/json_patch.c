#include "mappers/fhir/json_patch.h"

#include "base/arena.h"
#include "base/error.h"
#include "profiles/decimal.h"

enum {
	MOST_WORK = 50000000, /* members looked at, moved, copied, compared */
};

struct patch_run {
	struct json_value *doc;
	struct arena *arena;
	struct error *err;
	uint32_t number; /* of the operation, from 1 */
	const char *op;
	uint64_t work;
};

/* Where a value is, or is to be put. */
struct place {
	struct json_value *parent; /* NULL: the whole document */
	struct str name;
	uint32_t index; /* count: behind the last */
};

static int
fail(struct patch_run *run, enum error_kind kind, const char *why)
{
	return error_set(run->err, kind, "operation %u%s%s%s: %s", run->number, run->op ? " (" : "",
	    run->op ? run->op : "", run->op ? ")" : "", why);
}

static int
spend(struct patch_run *run, uint64_t work)
{
	run->work += work + 1;
	if (run->work <= MOST_WORK)
		return 0;
	return fail(run, ERROR_LIMIT, "the patch is too much work; send it in parts");
}

static int
fail_full(struct patch_run *run)
{
	return fail(run, ERROR_LIMIT, "the patch needs too much memory; send it in parts");
}

/* A reference token without its escapes (RFC 6901, 4). */
static int
unescape(struct patch_run *run, struct str token, struct str *out)
{
	char *to;
	size_t len = 0;

	*out = token;
	if (str_find(token, '~') < 0)
		return 0;
	to = arena_alloc_bytes(run->arena, token.len);
	if (!to)
		return fail_full(run);
	for (size_t i = 0; i < token.len; i++) {
		char c = token.p[i];

		if (c == '~') {
			if (++i == token.len || (token.p[i] != '0' && token.p[i] != '1'))
				return fail(run, ERROR_INVALID,
				    "a JSON Pointer has a '~' that is not ~0 or ~1");
			c = token.p[i] == '0' ? '~' : '/';
		}
		to[len++] = c;
	}
	*out = str_of(to, len);
	return 0;
}

/* An index of RFC 6901: digits without leading zeros; "-" behind the last. */
static int
read_index(struct patch_run *run, const struct json_value *array, struct str token, uint32_t *out)
{
	uint64_t n = 0;

	if (str_is(token, "-")) {
		*out = array->count;
		return 0;
	}
	if (!token.len || token.len > 9 || (token.p[0] == '0' && token.len > 1))
		return fail(run, ERROR_CONFLICT, "what is there is an array, and this no index");
	for (size_t i = 0; i < token.len; i++) {
		if (token.p[i] < '0' || token.p[i] > '9')
			return fail(
			    run, ERROR_CONFLICT, "what is there is an array, and this no index");
		n = n * 10 + (uint64_t)(token.p[i] - '0');
	}
	if (n > array->count)
		return fail(run, ERROR_CONFLICT, "the index is past the end of the array");
	*out = (uint32_t)n;
	return 0;
}

/* The place that one token names in parent. */
static int
step(struct patch_run *run, struct json_value *parent, struct str token, struct place *out)
{
	*out = (struct place){ .parent = parent };
	if (parent->kind == VALUE_ARRAY)
		return read_index(run, parent, token, &out->index);
	if (parent->kind != VALUE_OBJECT)
		return fail(run, ERROR_CONFLICT, "a path goes on below a value that has no parts");
	if (unescape(run, token, &out->name) != 0 || spend(run, parent->count) != 0)
		return -1;
	while (out->index < parent->count && !str_eq(parent->at[out->index].name, out->name))
		out->index++;
	return 0;
}

static bool
is_there(const struct place *at)
{
	return !at->parent || at->index < at->parent->count;
}

/* Follow a pointer; all but what its last token names must be there. */
static int
follow(struct patch_run *run, struct str pointer, struct place *out)
{
	struct json_value *v = run->doc;
	struct str token;

	*out = (struct place){ .parent = NULL };
	if (!pointer.len)
		return 0;
	if (pointer.p[0] != '/')
		return fail(run, ERROR_INVALID, "a JSON Pointer is empty or starts with '/'");
	pointer = str_from_index(pointer, 1);
	while (str_split(&pointer, '/', &token)) {
		if (out->parent) {
			if (!is_there(out))
				return fail(run, ERROR_CONFLICT,
				    "there is nothing where the path leads through");
			v = out->parent->at[out->index].value;
		}
		if (step(run, v, token, out) != 0)
			return -1;
	}
	return 0;
}

/* The value at a pointer, which must be there. */
static int
find(struct patch_run *run, struct str pointer, struct place *at, struct json_value **out)
{
	if (follow(run, pointer, at) != 0)
		return -1;
	if (!is_there(at))
		return fail(run, ERROR_CONFLICT, "there is nothing at this path");
	*out = at->parent ? at->parent->at[at->index].value : run->doc;
	return 0;
}

static int
put(struct patch_run *run, struct str pointer, struct json_value *value)
{
	struct place at;

	if (follow(run, pointer, &at) != 0)
		return -1;
	if (!at.parent) {
		run->doc = value;
		return 0;
	}
	if (at.parent->kind == VALUE_OBJECT && is_there(&at)) {
		at.parent->at[at.index].value = value;
		return 0;
	}
	if (spend(run, at.parent->count - at.index) != 0)
		return -1;
	if (json_value_insert(at.parent, at.index, at.name, value, run->arena) != 0)
		return fail_full(run);
	return 0;
}

static int
take(struct patch_run *run, struct str pointer, struct json_value **out)
{
	struct place at;

	if (find(run, pointer, &at, out) != 0)
		return -1;
	if (!at.parent)
		return fail(run, ERROR_CONFLICT, "the whole document cannot be taken away");
	if (spend(run, at.parent->count - at.index) != 0)
		return -1;
	json_value_remove(at.parent, at.index);
	return 0;
}

static int
replace(struct patch_run *run, struct str pointer, struct json_value *value)
{
	struct json_value *old;
	struct place at;

	if (find(run, pointer, &at, &old) != 0)
		return -1;
	if (at.parent)
		at.parent->at[at.index].value = value;
	else
		run->doc = value;
	return 0;
}

static int
copy_value(
    struct patch_run *run, const struct json_value *v, unsigned depth, struct json_value **out)
{
	struct json_value *to = ARENA_NEW(run->arena, struct json_value);

	if (depth > VALUE_DEPTH)
		return fail(run, ERROR_LIMIT, "the document becomes nested too deeply");
	if (spend(run, v->count) != 0)
		return -1;
	if (!to)
		return fail_full(run);
	*to = *v;
	*out = to;
	if (!v->count)
		return 0;
	to->room = v->count;
	to->at = arena_calloc(run->arena, v->count, sizeof(*to->at));
	if (!to->at)
		return fail_full(run);
	for (uint32_t i = 0; i < v->count; i++) {
		to->at[i].name = v->at[i].name;
		if (copy_value(run, v->at[i].value, depth + 1, &to->at[i].value) != 0)
			return -1;
	}
	return 0;
}

static bool
is_same_number(struct str a, struct str b)
{
	struct decimal x, y;
	struct error err;

	if (str_eq(a, b))
		return true;
	return decimal_parse(a, &x, &err) == 0 && decimal_parse(b, &y, &err) == 0 &&
	       decimal_equal(&x, &y);
}

/* 1 the same, 0 not, -1 with the error set. */
static int
compare(struct patch_run *run, const struct json_value *a, const struct json_value *b, unsigned d)
{
	if (d > VALUE_DEPTH)
		return fail(run, ERROR_LIMIT, "the document is nested too deeply");
	if (spend(run, 0) != 0)
		return -1;
	if (a->kind != b->kind || a->count != b->count)
		return 0;
	if (a->kind == VALUE_STRING)
		return str_eq(a->text, b->text);
	if (a->kind == VALUE_NUMBER)
		return is_same_number(a->text, b->text);
	for (uint32_t i = 0; i < a->count; i++) {
		const struct json_value *other = b->at[i].value;
		int same;

		if (a->kind == VALUE_OBJECT && !str_eq(a->at[i].name, b->at[i].name)) {
			if (spend(run, b->count) != 0)
				return -1;
			other = json_value_get(b, a->at[i].name);
		}
		same = other ? compare(run, a->at[i].value, other, d + 1) : 0;
		if (same != 1)
			return same;
	}
	return 1;
}

/* The members of one operation. */
struct operation {
	struct str path, from;
	struct json_value *value;
};

static int
op_add(struct patch_run *run, const struct operation *o)
{
	return put(run, o->path, o->value);
}

static int
op_remove(struct patch_run *run, const struct operation *o)
{
	struct json_value *gone;

	return take(run, o->path, &gone);
}

static int
op_replace(struct patch_run *run, const struct operation *o)
{
	return replace(run, o->path, o->value);
}

static int
op_move(struct patch_run *run, const struct operation *o)
{
	struct json_value *value;
	struct place at;

	if (str_eq(o->from, o->path))
		return find(run, o->from, &at, &value);
	if (str_starts(o->path, o->from) && o->path.p[o->from.len] == '/')
		return fail(run, ERROR_CONFLICT, "a value cannot be moved into itself");
	return take(run, o->from, &value) == 0 ? put(run, o->path, value) : -1;
}

static int
op_copy(struct patch_run *run, const struct operation *o)
{
	struct json_value *value;
	struct place at;

	if (find(run, o->from, &at, &value) != 0 || copy_value(run, value, 0, &value) != 0)
		return -1;
	return put(run, o->path, value);
}

static int
op_test(struct patch_run *run, const struct operation *o)
{
	struct json_value *value;
	struct place at;
	int same;

	if (find(run, o->path, &at, &value) != 0)
		return -1;
	same = compare(run, value, o->value, 0);
	if (same == 0)
		return fail(run, ERROR_CONFLICT, "the value is not what the test expects");
	return same > 0 ? 0 : -1;
}

static const struct {
	const char *name;
	bool value, from; /* has such a member */
	int (*run)(struct patch_run *run, const struct operation *o);
} operations[] = {
	{ "add", true, false, op_add },
	{ "remove", false, false, op_remove },
	{ "replace", true, false, op_replace },
	{ "move", false, true, op_move },
	{ "copy", false, true, op_copy },
	{ "test", true, false, op_test },
};

/* The member of that name; NULL: none. Sets *twice when there are more. */
static struct json_value *
member(const struct json_value *op, const char *name, bool *twice)
{
	struct json_value *found = NULL;

	for (uint32_t i = 0; i < op->count; i++) {
		if (!str_is(op->at[i].name, name))
			continue;
		*twice = *twice || found;
		found = op->at[i].value;
	}
	return found;
}

static int
read_pointer(struct patch_run *run, const struct json_value *v, const char *what, struct str *out)
{
	if (!v || v->kind != VALUE_STRING)
		return fail(run, ERROR_INVALID, what);
	*out = v->text;
	return 0;
}

static int
run_operation(struct patch_run *run, const struct json_value *op)
{
	bool twice = false;
	const struct json_value *name, *path, *from;
	struct operation o = { .value = NULL };
	size_t i = 0;

	run->op = NULL;
	if (op->kind != VALUE_OBJECT)
		return fail(run, ERROR_INVALID, "an operation is an object");
	if (spend(run, 4 * (uint64_t)op->count) != 0)
		return -1;
	name = member(op, "op", &twice);
	path = member(op, "path", &twice);
	from = member(op, "from", &twice);
	o.value = member(op, "value", &twice);
	if (twice)
		return fail(run, ERROR_INVALID, "a member stands there twice");
	while (i < sizeof(operations) / sizeof(*operations) &&
	       !(name && name->kind == VALUE_STRING && str_is(name->text, operations[i].name)))
		i++;
	if (i == sizeof(operations) / sizeof(*operations))
		return fail(run, ERROR_INVALID,
		    "'op' must be one of add, remove, replace, move, copy, test");
	run->op = operations[i].name;
	if (read_pointer(run, path, "it needs a 'path', a JSON Pointer", &o.path) != 0 ||
	    (operations[i].from &&
		read_pointer(run, from, "it needs a 'from', a JSON Pointer", &o.from) != 0))
		return -1;
	if (operations[i].value && !o.value)
		return fail(run, ERROR_INVALID, "it needs a 'value'");
	return operations[i].run(run, &o);
}

int
json_patch_apply(
    struct json_value *patch, struct json_value **doc, struct arena *a, struct error *err)
{
	struct patch_run run = { .doc = *doc, .arena = a, .err = err };

	if (patch->kind != VALUE_ARRAY)
		return error_set(err, ERROR_INVALID, "a JSON Patch is an array of operations");
	if (patch->count > JSON_PATCH_OPERATIONS)
		return error_set(err, ERROR_LIMIT,
		    "the patch has over %d operations; send it in parts", JSON_PATCH_OPERATIONS);
	for (uint32_t i = 0; i < patch->count; i++) {
		run.number = i + 1;
		if (run_operation(&run, patch->at[i].value) != 0)
			return -1;
	}
	*doc = run.doc;
	return 0;
}

struct str
json_patch_text(struct str patch, struct str doc, size_t most, struct arena *a, struct error *err)
{
	struct str none = { NULL, 0 }, result;
	struct json_value *p, *d;
	struct buf out;
	int written;

	p = json_value_read(patch, a, err);
	if (!p) {
		error_prefix(err, "the JSON Patch cannot be read");
		return none;
	}
	d = json_value_read(doc, a, err);
	if (!d || json_patch_apply(p, &d, a, err) != 0)
		return none;
	buf_init(&out, most);
	out.wipe = true;
	written = json_value_write(d, &out);
	result = written == 0 ? str_dup(a, buf_str(&out)) : none;
	buf_release(&out);
	if (!result.p)
		error_set(err, ERROR_LIMIT, "what the patch makes is too large or too deep");
	return result;
}
