#include "mappers/fhir/json_value.h"

#include "base/arena.h"
#include "base/error.h"
#include "mappers/fhir/json_lex.h"

struct value_reader {
	struct json_lex lex;
	struct arena *arena;
	bool full;
};

static struct json_value *read_value(struct value_reader *r, unsigned depth);

static struct json_value *
make(struct value_reader *r, enum value_kind kind)
{
	struct json_value *v = ARENA_NEW(r->arena, struct json_value);

	if (!v) {
		r->full = true;
		json_fail(&r->lex, "the memory for it is full");
		return NULL;
	}
	v->kind = kind;
	return v;
}

/* Where the string that starts at p ends: its closing quote; NULL: nowhere. */
static const char *
closing_quote(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\' && ++p == end)
			return NULL;
	return p < end ? p : NULL;
}

static bool
read_string(struct value_reader *r, struct str *out)
{
	const char *quote = closing_quote(r->lex.p, r->lex.end), *end = r->lex.end;
	char *room;
	size_t len;
	bool read;

	if (json_peek(&r->lex) != '"')
		return json_fail(&r->lex, "expected a string");
	if (!quote)
		return json_fail(&r->lex, "this string does not end");
	room = arena_alloc_bytes(r->arena, (size_t)(quote - r->lex.p) + 1 + JSON_SLACK);
	if (!room) {
		r->full = true;
		return json_fail(&r->lex, "the memory for it is full");
	}
	/* No more room is needed than this string has. */
	r->lex.end = quote + 1;
	read = json_text(&r->lex, room, &len);
	r->lex.end = end;
	if (read)
		*out = str_of(room, len);
	return read;
}

static bool
read_item(struct value_reader *r, struct json_value *v, unsigned depth)
{
	struct str name = { NULL, 0 };
	struct json_value *item;

	if (v->kind == VALUE_OBJECT) {
		if (!read_string(r, &name))
			return false;
		if (!json_take(&r->lex, ':'))
			return json_fail(&r->lex, "expected ':'");
	}
	item = read_value(r, depth + 1);
	if (!item)
		return false;
	if (json_value_insert(v, v->count, name, item, r->arena) == 0)
		return true;
	r->full = true;
	return json_fail(&r->lex, "the memory for it is full");
}

/* What is between brackets, the opening one taken. */
static struct json_value *
read_items(struct value_reader *r, enum value_kind kind, char close, unsigned depth)
{
	struct json_value *v = make(r, kind);

	if (!v)
		return NULL;
	if (depth >= VALUE_DEPTH) {
		r->lex.too_deep = true;
		json_fail(&r->lex, "nested too deeply");
		return NULL;
	}
	if (json_take(&r->lex, close))
		return v;
	do {
		if (!read_item(r, v, depth))
			return NULL;
	} while (json_take(&r->lex, ','));
	if (json_take(&r->lex, close))
		return v;
	json_fail(&r->lex, close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
	return NULL;
}

static struct json_value *
read_word(struct value_reader *r, enum value_kind kind, struct str word)
{
	return json_word(&r->lex, word) ? make(r, kind) : NULL;
}

static struct json_value *
read_text(struct value_reader *r, enum value_kind kind)
{
	struct json_value *v = make(r, kind);

	if (!v)
		return NULL;
	if (kind == VALUE_STRING)
		return read_string(r, &v->text) ? v : NULL;
	return json_number(&r->lex, &v->text) ? v : NULL;
}

static struct json_value *
read_value(struct value_reader *r, unsigned depth)
{
	json_space(&r->lex);
	switch (json_peek(&r->lex)) {
	case '{':
		json_take(&r->lex, '{');
		return read_items(r, VALUE_OBJECT, '}', depth);
	case '[':
		json_take(&r->lex, '[');
		return read_items(r, VALUE_ARRAY, ']', depth);
	case '"':
		return read_text(r, VALUE_STRING);
	case 't':
		return read_word(r, VALUE_TRUE, STR("true"));
	case 'f':
		return read_word(r, VALUE_FALSE, STR("false"));
	case 'n':
		return read_word(r, VALUE_NULL, STR("null"));
	default:
		return read_text(r, VALUE_NUMBER);
	}
}

static void
tell_place(const struct value_reader *r, struct error *err)
{
	unsigned line = 1, column = 1;

	for (const char *p = r->lex.start; p < r->lex.p; p++) {
		column++;
		if (*p == '\n') {
			line++;
			column = 1;
		}
	}
	error_set(err, r->full || r->lex.too_deep ? ERROR_LIMIT : ERROR_INVALID,
	    "line %u, column %u: %s", line, column,
	    r->lex.fault ? r->lex.fault : "this is no JSON");
}

struct json_value *
json_value_read(struct str in, struct arena *a, struct error *err)
{
	struct value_reader r = { .arena = a };
	struct json_value *v;

	json_lex_init(&r.lex, in);
	v = read_value(&r, 0);
	if (v) {
		json_space(&r.lex);
		if (r.lex.p == r.lex.end)
			return v;
		json_fail(&r.lex, "something stands behind the value");
	}
	tell_place(&r, err);
	return NULL;
}

static int write_value(const struct json_value *v, unsigned depth, struct buf *out);

static int
write_items(const struct json_value *v, unsigned depth, struct buf *out)
{
	bool object = v->kind == VALUE_OBJECT;

	if (depth >= VALUE_DEPTH)
		return -1;
	buf_put_byte(out, object ? '{' : '[');
	for (uint32_t i = 0; i < v->count; i++) {
		if (i)
			buf_put_byte(out, ',');
		if (object) {
			buf_put_json(out, v->at[i].name);
			buf_put_byte(out, ':');
		}
		if (write_value(v->at[i].value, depth + 1, out) != 0)
			return -1;
	}
	buf_put_byte(out, object ? '}' : ']');
	return 0;
}

static int
write_value(const struct json_value *v, unsigned depth, struct buf *out)
{
	switch (v->kind) {
	case VALUE_NULL:
		buf_puts(out, "null");
		return 0;
	case VALUE_FALSE:
		buf_puts(out, "false");
		return 0;
	case VALUE_TRUE:
		buf_puts(out, "true");
		return 0;
	case VALUE_NUMBER:
		buf_put_str(out, v->text);
		return 0;
	case VALUE_STRING:
		buf_put_json(out, v->text);
		return 0;
	case VALUE_ARRAY:
	case VALUE_OBJECT:
		break;
	}
	return write_items(v, depth, out);
}

int
json_value_write(const struct json_value *v, struct buf *out)
{
	return write_value(v, 0, out) == 0 && !out->full ? 0 : -1;
}

struct json_value *
json_value_get(const struct json_value *v, struct str name)
{
	if (v->kind != VALUE_OBJECT)
		return NULL;
	for (uint32_t i = 0; i < v->count; i++)
		if (str_eq(v->at[i].name, name))
			return v->at[i].value;
	return NULL;
}

int
json_value_insert(struct json_value *v, uint32_t index, struct str name, struct json_value *value,
    struct arena *a)
{
	if (v->count == v->room) {
		uint32_t room = v->room ? v->room * 2 : 4;
		struct json_member *at = room > v->room
					     ? arena_grow(a, v->at, v->room * sizeof(*at),
						   room * sizeof(*at))
					     : NULL;

		if (!at)
			return -1;
		v->at = at;
		v->room = room;
	}
	memmove(v->at + index + 1, v->at + index, (v->count - index) * sizeof(*v->at));
	v->at[index] = (struct json_member){ name, value };
	v->count++;
	return 0;
}

void
json_value_remove(struct json_value *v, uint32_t index)
{
	v->count--;
	memmove(v->at + index, v->at + index + 1, (v->count - index) * sizeof(*v->at));
}
