#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/fhir/fhir_reader.h"
#include "profiles/lexical.h"
#include "profiles/narrative.h"

static bool read_object(struct reader *r, struct frame *f);

static bool
stop(struct reader *r, const char *fault)
{
	json_fail(&r->lex, fault);
	return reader_stops(r, NO_LEAF, 0);
}

/* Go past a value that is not kept. */
static bool
skip(struct reader *r)
{
	bool string = json_peek(&r->lex) == '"';

	if (json_skip(&r->lex))
		return true;
	return string ? reader_spoils(r, NO_LEAF, 0) : reader_stops(r, NO_LEAF, 0);
}

static const char *
shape_name(char c)
{
	switch (c) {
	case '{':
		return "an object";
	case '[':
		return "an array";
	case '"':
		return "a string";
	case 't':
	case 'f':
		return "true or false";
	case 'n':
		return "null";
	default:
		return "a number";
	}
}

/*
 * Find the text of "resourceType" in the object whose '{' was just read. It
 * comes first in nearly every resource; else all members are gone through, and
 * the lexer stands where it stood. False: not JSON. *out is absent when there
 * is none.
 */
static bool
find_resource_type(struct reader *r, struct str *out)
{
	struct json_lex *x = &r->lex;
	const char *from = x->p;
	char *name = r->b->text + r->b->text_len;

	*out = str_of(NULL, 0);
	json_space(x);
	if (json_peek(x) == '}') {
		x->p = from;
		return true;
	}
	for (;;) {
		size_t len;
		bool found;

		json_space(x);
		if (json_peek(x) != '"')
			return stop(r, "a member's name must stand here, in quotes");
		if (!json_text(x, name, &len))
			return reader_stops(r, NO_LEAF, 0);
		found = str_eq(str_of(name, len), STR("resourceType"));
		if (!json_take(x, ':'))
			return stop(r, "a colon must stand here");
		if (found && json_peek(x) == '"') {
			if (!json_text(x, name, &len))
				return reader_stops(r, NO_LEAF, 0);
			*out = str_of(name, len);
			break;
		}
		if (!skip(r))
			return false;
		json_space(x);
		if (json_peek(x) == '}' || found)
			break;
		if (!json_take(x, ','))
			return stop(r, "a comma or } must stand here");
	}
	x->p = from;
	return true;
}

/* The number of the type of the resource whose '{' was just read; PACK_NONE
 * when it has none, which was told then. False: the reading ends. */
static bool
resource_type(struct reader *r, const char *start, uint32_t leaf, uint32_t index, uint32_t *type)
{
	char shown[SHOWN_NAME], text[256];
	struct str name;

	if (!find_resource_type(r, &name))
		return false;
	*type = name.p ? pack_find_resource(r->pack, name) : PACK_NONE;
	if (*type != PACK_NONE)
		return true;
	if (name.p)
		snprintf(text, sizeof(text),
		    "unknown resourceType \"%s\": FHIR %.*s has no such resource",
		    shown_name(name, shown), STR_ARG(pack_fhir_version(r->pack)));
	else
		snprintf(text, sizeof(text), "a resource without a resourceType in quotes");
	if (!r->top)
		return reader_refuses(r, "structure", start, "%s", text);
	reader_finds(r, "structure", leaf, index, start, "%s", text);
	return true;
}

/* Element `e` (number `element`) that holds a resource; its '{' is at p. */
static bool
read_held_resource(struct reader *r, uint32_t element, uint32_t index, bool *kept)
{
	const char *start = r->lex.p;
	uint32_t node, type;
	struct frame f, holder;

	r->lex.p++;
	if (!resource_type(r, start, element, index, &type))
		return false;
	if (type == PACK_NONE) {
		r->lex.p = start;
		return skip(r);
	}
	node = record_push(r->b, element);
	holder = (struct frame){ .up = r->top, .element = element, .index = index };
	f = (struct frame){
		.up = &holder,
		.start = start,
		.node = record_push(r->b, type),
		.element = type,
		.type = type,
		.last = type,
		.resource = true,
	};
	if (node == RECORD_FULL || f.node == RECORD_FULL)
		return reader_stops(r, element, index);
	r->top = &f;
	if (!read_object(r, &f))
		return false;
	r->top = holder.up;
	r->b->nodes[node].end = r->b->count - node;
	*kept = true;
	return true;
}

/* A value that may stand in this element. */
static bool
keep_text(struct reader *r, uint32_t element, struct str text)
{
	struct record_builder *b = r->b;
	uint32_t node = record_push(b, element);

	if (node == RECORD_FULL)
		return false;
	b->nodes[node].text = (uint32_t)b->text_len;
	b->nodes[node].len = (uint32_t)text.len;
	b->text_len += text.len;
	if (b->text_len > b->limits.text) {
		record_fail(b, "more bytes of values than the limit");
		return false;
	}
	return true;
}

/*
 * The text of the string, number or word at p, put behind the builder's text.
 * False: not JSON.
 */
static bool
take_scalar(struct reader *r, char first, struct str *out)
{
	char *text = r->b->text + r->b->text_len;
	const char *start;
	struct str raw;
	size_t len;

	switch (first) {
	case '"':
		start = r->lex.p;
		if (!json_text(&r->lex, text, &len)) {
			/* What was put there is to be wiped all the same. */
			len = (size_t)(r->lex.p - start);
			r->high = text + len > r->high ? text + len : r->high;
			return false;
		}
		*out = str_of(text, len);
		r->high = text + len > r->high ? text + len : r->high;
		return true;
	case 't':
		raw = STR("true");
		if (!json_word(&r->lex, raw))
			return false;
		break;
	case 'f':
		raw = STR("false");
		if (!json_word(&r->lex, raw))
			return false;
		break;
	default:
		if (!json_number(&r->lex, &raw))
			return false;
		break;
	}
	memcpy(text, raw.p, raw.len);
	*out = str_of(text, raw.len);
	r->high = text + raw.len > r->high ? text + raw.len : r->high;
	return true;
}

static enum lexical_form
form_of(char first)
{
	switch (first) {
	case '"':
		return FORM_STRING;
	case 't':
	case 'f':
		return FORM_BOOLEAN;
	case '-':
	case '0' ... '9':
		return FORM_NUMBER;
	default:
		return FORM_NONE;
	}
}

static bool
null_item(struct reader *r, uint32_t element, uint32_t mark)
{
	uint32_t node, at = (uint32_t)(r->lex.p - r->lex.start);

	if (!json_word(&r->lex, STR("null")))
		return reader_stops(r, element, 0);
	node = record_push(r->b, element | MARK_NULL | mark);
	if (node == RECORD_FULL)
		return reader_stops(r, element, 0);
	r->b->nodes[node].text = at;
	r->top->marks = true;
	return true;
}

/* A value of another JSON type than the element's. */
static bool
read_wrong_form(
    struct reader *r, enum pack_lexical kind, uint32_t element, uint32_t index, bool *kept)
{
	const char *at = r->lex.p;
	char first = json_peek(&r->lex);
	struct str text;

	if (first != '{' && first != '[' && first != 'n' && form_of(first) == FORM_NONE)
		return skip(r); /* which says why it cannot be */
	if (first == 'n')
		reader_finds(r, "structure", element, index, at,
		    "null is only allowed to fill an array: leave the element out");
	else
		reader_finds(r, "structure", element, index, at,
		    "%s where the value must be %s, written as a JSON %s", shape_name(first),
		    lexical_rule(kind),
		    lexical_form(kind) == FORM_NUMBER	 ? "number"
		    : lexical_form(kind) == FORM_BOOLEAN ? "boolean"
							 : "string");
	if (!r->options->lenient || form_of(first) == FORM_NONE)
		return skip(r);
	if (!take_scalar(r, first, &text))
		return first == '"' ? reader_spoils(r, element, index)
				    : reader_stops(r, element, index);
	if (lexical_check(kind, text) != LEXICAL_VALID)
		return true;
	*kept = true;
	return keep_text(r, element, text) || reader_stops(r, element, index);
}

/* Narrative in a string whose opening quote is at `at`. */
struct json_div {
	struct reader *r;
	const char *at;
	size_t skipped; /* white space before the div */
	uint32_t element, index;
};

static void
on_narrative_fault(void *ctx, size_t offset, const char *code, const char *what, struct str name)
{
	struct json_div *d = ctx;
	const char *at = d->at;
	char shown[SHOWN_NAME];

	if (!reader_is_full(d->r))
		at = json_string_place(at, offset + d->skipped);
	reader_finds(d->r, code, d->element, d->index, at, "%s%s", what, shown_name(name, shown));
}

/* A div whose text was just put behind the builder's. White space around it
 * says nothing and is not kept. */
static bool
keep_narrative(
    struct reader *r, uint32_t element, uint32_t index, struct str text, const char *at, bool *kept)
{
	struct str div = str_trim(text);
	struct json_div d = { r, at, (size_t)(div.p - text.p), element, index };

	if (!narrative_check(div, on_narrative_fault, &d))
		return true;
	*kept = true;
	r->b->text_len += d.skipped;
	return keep_text(r, element, div) || reader_stops(r, element, index);
}

/* A primitive's value at p. */
static inline bool
read_primitive(struct reader *r, uint32_t element, uint32_t type, uint32_t index, bool *kept)
{
	enum pack_lexical kind = r->types[type].lexical;
	const char *at = r->lex.p;
	char first = json_peek(&r->lex);
	bool control = false;
	struct str text;

	if (form_of(first) == FORM_NONE || lexical_form(kind) != form_of(first))
		return read_wrong_form(r, kind, element, index, kept);
	r->lex.control = false;
	if (!take_scalar(r, first, &text))
		return first == '"' ? reader_spoils(r, element, index)
				    : reader_stops(r, element, index);
	control = r->lex.control;
	if ((kind != LEXICAL_STRING && kind != LEXICAL_MARKDOWN) || control || text.len == 0 ||
	    text.len > 1024 * 1024) {
		if (control || lexical_check(kind, text) != LEXICAL_VALID) {
			reader_finds_value(r, kind, text, control, element, index, at);
			return true;
		}
	}
	if (kind == LEXICAL_XHTML)
		return keep_narrative(r, element, index, text, at, kept);
	*kept = true;
	return keep_text(r, element, text) || reader_stops(r, element, index);
}

/* Not an object where one must be: told and skipped. */
static bool
no_object(struct reader *r, uint32_t element, uint32_t index)
{
	reader_finds(r, "structure", element, index, r->lex.p, "%s where an object must be",
	    shape_name(json_peek(&r->lex)));
	return skip(r);
}

/* The object at p as the value (or companion) of node `node`. */
static bool
read_into(struct reader *r, uint32_t node, uint32_t element, uint32_t index)
{
	uint32_t type = r->elements[element].type;
	struct frame f = {
		.up = r->top,
		.start = r->lex.p,
		.node = node,
		.element = element,
		.index = index,
		.type = type,
		.last = type,
	};

	if (node == RECORD_FULL)
		return reader_stops(r, element, index);
	r->lex.p++;
	r->top = &f;
	if (!read_object(r, &f))
		return false;
	r->top = f.up;
	return true;
}

/* One value of the element, at p. */
static inline bool
read_item(struct reader *r, uint32_t element, uint32_t index, bool *kept)
{
	const struct pack_element *e = &r->elements[element];
	uint32_t node;

	*kept = false;
	if (e->flags & ELEMENT_PRIMITIVE)
		return read_primitive(r, element, e->type, index, kept);
	if (json_peek(&r->lex) != '{')
		return no_object(r, element, index);
	if (e->flags & ELEMENT_RESOURCE)
		return read_held_resource(r, element, index, kept);
	node = record_push(r->b, element);
	if (!read_into(r, node, element, index))
		return false;
	*kept = r->b->count > node + 1;
	if (!*kept)
		r->b->count = node; /* nothing in it could be kept */
	return true;
}

/* One companion ("_given") at p: an object, or in an array null. */
static bool
read_companion_item(struct reader *r, uint32_t element, uint32_t index, bool in_array)
{
	uint32_t node, at = (uint32_t)(r->lex.p - r->lex.start);
	char first = json_peek(&r->lex);

	if (first == 'n' && in_array)
		return null_item(r, element, MARK_COMPANION);
	node = record_push(r->b, element | MARK_COMPANION);
	if (node == RECORD_FULL)
		return reader_stops(r, element, index);
	r->b->nodes[node].text = at;
	r->top->marks = true;
	if (first != '{') {
		/* The node stays, so that those behind it keep their places. */
		r->b->nodes[node].element |= MARK_NULL;
		return no_object(r, element, index);
	}
	if (!read_into(r, node, element, index))
		return false;
	r->b->nodes[node].text = at;
	if (r->b->count == node + 1)
		r->b->nodes[node].element |= MARK_NULL;
	return true;
}

/* Nulls, and values that were refused, hold their places where companions may
 * have to be matched with them. */
static bool
hold_place(struct reader *r, uint32_t element, const char *at)
{
	uint32_t node = record_push(r->b, element | MARK_NULL);

	if (node == RECORD_FULL)
		return reader_stops(r, element, 0);
	r->b->nodes[node].text = (uint32_t)(at - r->lex.start);
	r->top->marks = true;
	return true;
}

/* The items of the array whose '[' is at p. */
static bool
read_array(struct reader *r, uint32_t element, bool companion)
{
	const struct pack_element *e = &r->elements[element];
	const char *start = r->lex.p;
	uint32_t index = 0;
	struct json_lex *x = &r->lex;

	x->p++;
	json_space(x);
	if (json_peek(x) == ']') {
		x->p++;
		reader_finds(r, "structure", element, 0, start,
		    "an empty array: leave the element out where there are no values");
		frame_drops(r, r->top, element);
		return true;
	}
	for (;; index++) {
		const char *at = x->p;
		bool kept = true, done;

		if (companion)
			done = read_companion_item(r, element, index, true);
		else if (e->flags & ELEMENT_PRIMITIVE && json_peek(x) == 'n')
			done = null_item(r, element, 0);
		else
			done = read_item(r, element, index, &kept);
		if (!done)
			return false;
		if (!kept) {
			frame_drops(r, r->top, element);
			if (e->flags & ELEMENT_PRIMITIVE && !hold_place(r, element, at))
				return false;
		}
		json_space(x);
		if (json_peek(x) == ']')
			break;
		if (!json_take(x, ','))
			return stop(r, "a comma or ] must stand here");
	}
	x->p++;
	if (e->max != PACK_MANY && index >= e->max)
		reader_finds(r, "structure", element, e->max, start,
		    "%u values where at most %u are allowed", index + 1, e->max);
	return true;
}

/* An array for an element that does not repeat: its first item is used where
 * that is wanted. */
static bool
read_needless_array(struct reader *r, uint32_t element, bool companion)
{
	reader_finds(r, "structure", element, 0, r->lex.p, "an array where a single value must be");
	frame_drops(r, r->top, element);
	if (r->options->lenient && !companion) {
		struct json_lex before = r->lex;
		bool kept;

		r->lex.p++;
		json_space(&r->lex);
		if (json_peek(&r->lex) != ']' && json_peek(&r->lex) != '[' &&
		    !read_item(r, element, 0, &kept))
			return false;
		r->lex.p = before.p;
	}
	return skip(r);
}

/* The value of the member of that element. */
static inline bool
read_member(struct reader *r, struct frame *f, uint32_t element, bool companion)
{
	const struct pack_element *e = &r->elements[element];
	bool array = json_peek(&r->lex) == '[', kept;

	if (array != ((e->flags & ELEMENT_REPEATS) != 0)) {
		if (array)
			return read_needless_array(r, element, companion);
		reader_finds(r, "structure", element, 0, r->lex.p,
		    "%s where an array must be: put it into [ ]", shape_name(json_peek(&r->lex)));
		if (!r->options->lenient || json_peek(&r->lex) == 'n') {
			frame_drops(r, f, element);
			return skip(r);
		}
	} else if (array) {
		return read_array(r, element, companion);
	}
	if (companion && r->types[e->type].lexical == LEXICAL_XHTML) {
		reader_finds(r, "structure", element, 0, r->lex.p,
		    "narrative has no members of its own: an id stands in the <div>");
		frame_drops(r, f, element);
		return skip(r);
	}
	if (companion) {
		uint32_t newest = r->b->count - 1;

		/* Right behind its value: they are one node from the start. */
		if (f->value == newest && r->b->nodes[newest].element == element &&
		    json_peek(&r->lex) == '{')
			return read_into(r, newest, element, 0);
		return read_companion_item(r, element, 0, false);
	}
	if (!read_item(r, element, 0, &kept))
		return false;
	if (!kept)
		frame_drops(r, f, element);
	else if (e->flags & ELEMENT_PRIMITIVE)
		f->value = r->b->count - 1;
	return true;
}

/*
 * What the member at p is called: an element of the type, or none. The guess
 * is what came behind the same element the last time; most often it is right,
 * and nothing has to be looked up. Leaves the lexer behind the name's quote.
 */
static inline bool
guess_name(struct reader *r, struct frame *f, uint32_t *element, bool *companion)
{
	const char *p = r->lex.p + 1;
	size_t left = (size_t)(r->lex.end - p);
	const struct pack_element *e;
	struct str name;

	if (left && *p == '_' && f->last != f->type) {
		*element = f->last;
		*companion = true;
		p++;
		left--;
	} else {
		*element = r->b->follow[f->last];
		*companion = false;
	}
	e = &r->elements[*element];
	name = element_name(r, e);
	if (e->owner != f->type || left <= name.len || p[name.len] != '"' ||
	    memcmp(p, name.p, name.len) != 0)
		return false;
	if (*companion && !(e->flags & ELEMENT_PRIMITIVE))
		return false;
	r->lex.p = p + name.len + 1;
	return true;
}

/* A member that is no element: resourceType, or a finding. *known is false
 * then, and the member was gone past. */
static bool
odd_member(struct reader *r, struct frame *f, struct str name, const char *at)
{
	if (!json_take(&r->lex, ':'))
		return stop(r, "a colon must stand here");
	if (f->resource && str_eq(name, STR("resourceType"))) {
		if (f->type_named)
			reader_finds(r, "structure", NO_LEAF, 0, at, "resourceType stands twice");
		f->type_named = true;
		return skip(r);
	}
	reader_finds_unknown(r, f, name, at);
	return skip(r);
}

/* The long way to what the member at p is; PACK_NONE when it is no element,
 * and was gone past. */
static bool
find_name(struct reader *r, struct frame *f, uint32_t *element, bool *companion)
{
	const char *at = r->lex.p;
	char *text = r->b->text + r->b->text_len;
	struct str name, stem;
	size_t len;

	if (!json_text(&r->lex, text, &len))
		return reader_stops(r, NO_LEAF, 0);
	name = stem = str_of(text, len);
	*companion = len > 1 && text[0] == '_';
	if (*companion)
		stem = str_from_index(name, 1);
	*element = pack_find_element(r->pack, f->type, stem);
	if (*element != PACK_NONE && *companion &&
	    !(r->elements[*element].flags & ELEMENT_PRIMITIVE))
		*element = PACK_NONE;
	if (*element == PACK_NONE)
		return odd_member(r, f, name, at);
	if (!*companion)
		r->b->follow[f->last] = *element;
	return true;
}

/*
 * Account for a member of that element. *wanted is false when it must not be
 * there, which was told.
 */
static bool
enter_tracked(struct reader *r, struct frame *f, uint32_t element, bool companion, const char *at,
    bool *wanted)
{
	const struct pack_element *e = &r->elements[element];
	uint32_t bit = frame_bit(r, f, element, companion);

	if (!f->seen && !frame_track(r, f))
		return reader_stops(r, element, 0);
	if (frame_has(f, bit)) {
		reader_finds(r, "structure", element, 0, at, "\"%s%.*s\" stands twice",
		    companion ? "_" : "", STR_ARG(element_name(r, e)));
		*wanted = false;
		return true;
	}
	if (!frame_has(f, bit ^ 1)) {
		if (e->choice && frame_has_other_choice(r, f, element)) {
			reader_finds(r, "structure", element, 0, at,
			    "\"%.*s\" and another type of the same choice: only one may be there",
			    STR_ARG(element_name(r, e)));
			*wanted = false;
			return true;
		}
		f->found += e->min > 0;
	}
	f->seen[bit / 64] |= UINT64_C(1) << bit % 64;
	f->disorder |= element < f->last || (element == f->last && f->last_companion);
	f->disorder |= element == f->last && companion;
	f->last = element;
	f->last_companion = companion;
	*wanted = true;
	return true;
}

/* As enter_tracked(), while members come in order. */
static inline bool
enter_member(struct reader *r, struct frame *f, uint32_t element, bool companion, const char *at,
    bool *wanted)
{
	const struct pack_element *e = &r->elements[element];
	bool again = element == f->last;

	if (f->seen || element < f->last || (again && (!companion || f->last_companion)) ||
	    (e->choice && !again && e->choice == r->elements[f->last].choice))
		return enter_tracked(r, f, element, companion, at, wanted);
	f->found += e->min > 0 && !again;
	f->last = element;
	f->last_companion = companion;
	*wanted = true;
	return true;
}

/* The frame's object is at its end. */
static bool
finish_object(struct reader *r, struct frame *f)
{
	if (f->disorder)
		record_sort_children(r->b, f->node);
	if (f->marks)
		reader_join(r, f);
	if (f->found < r->b->required[f->type])
		reader_tells_missing(r, f);
	r->b->nodes[f->node].end = r->b->count - f->node;
	r->depth--;
	return true;
}

/* One member, its name's quote at p. */
static inline bool
read_one(struct reader *r, struct frame *f)
{
	const char *at = r->lex.p;
	uint32_t element;
	bool companion, wanted = true;

	if (json_peek(&r->lex) != '"')
		return stop(r, "a member's name must stand here, in quotes");
	if (!guess_name(r, f, &element, &companion)) {
		if (!find_name(r, f, &element, &companion))
			return false;
		if (element == PACK_NONE)
			return true;
	}
	if (!json_take(&r->lex, ':'))
		return stop(r, "a colon must stand here");
	if (!enter_member(r, f, element, companion, at, &wanted))
		return false;
	return wanted ? read_member(r, f, element, companion) : skip(r);
}

/* The members of the frame's object, behind its '{', and its '}'. */
static bool
read_object(struct reader *r, struct frame *f)
{
	struct json_lex *x = &r->lex;

	f->depth = ++r->depth;
	if (f->depth > r->b->limits.depth) {
		record_fail(r->b, "elements nested deeper than the limit");
		return reader_stops(r, NO_LEAF, 0);
	}
	json_space(x);
	if (json_peek(x) == '}') {
		reader_finds(r, "structure", NO_LEAF, 0, f->start,
		    "an empty object: leave the element out where there is nothing to say");
		x->p++;
		r->depth--;
		return true;
	}
	for (;;) {
		if (!read_one(r, f))
			return false;
		json_space(x);
		if (json_peek(x) == '}')
			break;
		if (!json_take(x, ','))
			return stop(r, "a comma or } must stand here");
	}
	x->p++;
	return finish_object(r, f);
}

static bool
read_root(struct reader *r)
{
	struct json_lex *x = &r->lex;
	const char *start;
	struct frame f;
	uint32_t type;

	json_space(x);
	start = x->p;
	if (x->p == x->end)
		return reader_refuses(r, "structure", start, "nothing to read: the text is empty");
	if (json_peek(x) != '{') {
		if (!json_skip(x))
			return reader_stops(r, NO_LEAF, 0);
		return reader_refuses(r, "structure", start, "a resource must be a JSON object");
	}
	x->p++;
	if (!resource_type(r, start, NO_LEAF, 0, &type))
		return false;
	if (r->options->type != PACK_NONE && r->options->type != type)
		return reader_refuses(r, "invalid", start, "a %.*s where a %.*s must be",
		    STR_ARG(pack_text(r->pack, r->types[type].name)),
		    STR_ARG(pack_text(r->pack, r->types[r->options->type].name)));
	f = (struct frame){
		.start = start,
		.node = record_push(r->b, type),
		.element = type,
		.type = type,
		.last = type,
		.resource = true,
	};
	if (f.node == RECORD_FULL)
		return reader_stops(r, NO_LEAF, 0);
	r->top = &f;
	if (!read_object(r, &f))
		return false;
	r->top = NULL;
	json_space(x);
	return x->p == x->end ||
	       reader_refuses(r, "structure", x->p, "something behind the end of the resource");
}

/* Room for all text there can be: it is never longer than the input. */
static bool
reserve(struct reader *r, struct str in)
{
	size_t limit = r->b->limits.text;
	bool done;

	if (in.len > UINT32_MAX / 2)
		return reader_refuses(r, "too-long", in.p, "the text is longer than 2 GiB");
	r->b->limits.text = SIZE_MAX;
	done = record_more_text(r->b, in.len + JSON_SLACK);
	r->b->limits.text = limit;
	return done;
}

const struct record *
fhir_json_read(struct str in, const struct fhir_read_options *options, struct record_builder *b,
    struct arena *a, struct findings *findings)
{
	struct reader r = {
		.format = "JSON",
		.b = b,
		.pack = b->pack,
		.types = b->pack->types,
		.elements = b->pack->elements,
		.names = b->pack->text,
		.options = options,
		.findings = findings,
		.arena = a,
		.place = { .at = in.p, .line = 1, .column = 1 },
	};
	const struct record *record = NULL;
	struct error err;

	record_builder_reset(b);
	record_learn(b);
	json_lex_init(&r.lex, in);
	if (reserve(&r, in) && read_root(&r) && !r.spoiled) {
		record = record_builder_make(b, a, &err);
		if (!record)
			reader_refuses(&r, "too-costly", in.p, "%s", err.text);
	}
	if (r.high > b->text && (size_t)(r.high - b->text) > b->text_high)
		b->text_high = (size_t)(r.high - b->text) + JSON_SLACK;
	record_builder_reset(b);
	return record;
}
