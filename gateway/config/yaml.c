#include "gateway/config/yaml.h"

#include <yaml.h>

#include "base/arena.h"
#include "base/utf8.h"

struct reader {
	yaml_parser_t parser;
	yaml_event_t event;
	struct arena *arena;
	struct findings *findings;
	unsigned depth;
};

static bool read_node(struct reader *r, struct yaml *out);

static void
complain(struct reader *r, yaml_mark_t at, const char *text)
{
	findings_add(r->findings, SEVERITY_ERROR, "structure", (struct str){ 0 },
	    (uint32_t)at.line + 1, (uint32_t)at.column + 1, "%s", text);
}

/* The next event; false when there is none, told. */
static bool
next_event(struct reader *r)
{
	yaml_event_delete(&r->event);
	if (yaml_parser_parse(&r->parser, &r->event))
		return true;
	if (r->parser.error == YAML_READER_ERROR) {
		findings_add(r->findings, SEVERITY_ERROR, "structure", (struct str){ 0 }, 0, 0,
		    "byte %zu is no text in UTF-8 or UTF-16", r->parser.problem_offset);
		return false;
	}
	findings_add(r->findings, SEVERITY_ERROR, "structure", (struct str){ 0 },
	    (uint32_t)r->parser.problem_mark.line + 1, (uint32_t)r->parser.problem_mark.column + 1,
	    "this is not YAML: %s%s%s", r->parser.problem ? r->parser.problem : "unknown error",
	    r->parser.context ? " " : "", r->parser.context ? r->parser.context : "");
	return false;
}

static bool
refuse_extras(struct reader *r, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		complain(r, r->event.start_mark, "anchors (&name) are not used here; write it out");
	else if (tag)
		complain(r, r->event.start_mark, "tags (!name) are not used here");
	return !anchor && !tag;
}

static bool
is_nothing(struct str s)
{
	return s.len == 0 || str_is(s, "~") || str_is(s, "null") || str_is(s, "Null") ||
	       str_is(s, "NULL");
}

static bool
read_scalar(struct reader *r, struct yaml *out)
{
	struct str text = str_of(
	    (const char *)r->event.data.scalar.value, r->event.data.scalar.length);
	bool plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	if (!refuse_extras(r, r->event.data.scalar.anchor, r->event.data.scalar.tag))
		return false;
	out->kind = plain && is_nothing(text) ? YAML_NOTHING : YAML_TEXT;
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.p[i] < ' ') {
			complain(r, r->event.start_mark,
			    "a value of several lines, or with a control character, is not used "
			    "here");
			return false;
		}
	out->text = str_dup(r->arena, text);
	return out->text.p || text.len == 0;
}

static struct yaml *
add_child(struct reader *r, struct yaml *parent, struct yaml **last)
{
	struct yaml *child = ARENA_NEW(r->arena, struct yaml);

	if (!child) {
		complain(r, r->event.start_mark, "the file is too large");
		return NULL;
	}
	if (*last)
		(*last)->next = child;
	else
		parent->first = child;
	*last = child;
	parent->count++;
	return child;
}

static bool
read_list(struct reader *r, struct yaml *out)
{
	struct yaml *last = NULL, *child;

	out->kind = YAML_LIST;
	if (!refuse_extras(
		r, r->event.data.sequence_start.anchor, r->event.data.sequence_start.tag))
		return false;
	for (;;) {
		if (!next_event(r))
			return false;
		if (r->event.type == YAML_SEQUENCE_END_EVENT)
			return true;
		child = add_child(r, out, &last);
		if (!child || !read_node(r, child))
			return false;
	}
}

static bool
read_key(struct reader *r, const struct yaml *mapping, struct yaml *child)
{
	struct yaml key = { 0 };
	const struct yaml *before;

	if (r->event.type != YAML_SCALAR_EVENT) {
		complain(r, r->event.start_mark, "a key must be a plain word");
		return false;
	}
	child->key_line = (uint32_t)r->event.start_mark.line + 1;
	child->key_column = (uint32_t)r->event.start_mark.column + 1;
	if (!read_scalar(r, &key))
		return false;
	before = yaml_find(mapping, key.text);
	if (before)
		findings_add(r->findings, SEVERITY_ERROR, "duplicate", (struct str){ 0 },
		    child->key_line, child->key_column, "'%.*s' comes twice; first in line %u",
		    STR_ARG(key.text), before->key_line);
	child->key = key.text;
	return true;
}

static bool
read_mapping(struct reader *r, struct yaml *out)
{
	struct yaml *last = NULL, *child;

	out->kind = YAML_MAPPING;
	if (!refuse_extras(r, r->event.data.mapping_start.anchor, r->event.data.mapping_start.tag))
		return false;
	for (;;) {
		struct yaml pair = { 0 };

		if (!next_event(r))
			return false;
		if (r->event.type == YAML_MAPPING_END_EVENT)
			return true;
		if (out->count >= 1000) {
			complain(r, r->event.start_mark, "more than 1000 keys in one mapping");
			return false;
		}
		if (!read_key(r, out, &pair))
			return false;
		/* Of a key that comes twice, the first is kept. */
		child = yaml_find(out, pair.key) ? ARENA_NEW(r->arena, struct yaml)
						 : add_child(r, out, &last);
		if (!child)
			return false;
		*child = pair;
		if (!next_event(r) || !read_node(r, child))
			return false;
	}
}

/* The node that the current event begins. */
static bool
read_node(struct reader *r, struct yaml *out)
{
	bool done;

	out->line = (uint32_t)r->event.start_mark.line + 1;
	out->column = (uint32_t)r->event.start_mark.column + 1;
	if (++r->depth > YAML_DEPTH_MOST) {
		complain(r, r->event.start_mark, "this is nested too deep");
		return false;
	}
	switch (r->event.type) {
	case YAML_SCALAR_EVENT:
		done = read_scalar(r, out);
		break;
	case YAML_SEQUENCE_START_EVENT:
		done = read_list(r, out);
		break;
	case YAML_MAPPING_START_EVENT:
		done = read_mapping(r, out);
		break;
	default:
		complain(r, r->event.start_mark, "aliases (*name) are not used here; write it out");
		done = false;
		break;
	}
	r->depth--;
	return done;
}

static bool
read_document(struct reader *r, struct yaml *root)
{
	if (!next_event(r) || !next_event(r)) /* the stream, the document */
		return false;
	if (r->event.type == YAML_STREAM_END_EVENT)
		return true;
	if (!next_event(r) || !read_node(r, root) || !next_event(r) || !next_event(r))
		return false;
	if (r->event.type == YAML_STREAM_END_EVENT)
		return true;
	complain(r, r->event.start_mark, "there is more than one document in the file");
	return false;
}

const struct yaml *
yaml_read(struct str text, struct arena *a, struct findings *findings)
{
	struct reader r = { .arena = a, .findings = findings };
	struct yaml *root = ARENA_NEW(a, struct yaml);
	bool done;

	if (!root || text.len > YAML_BYTES_MOST || !yaml_parser_initialize(&r.parser)) {
		findings_add(findings, SEVERITY_ERROR, "too-long", (struct str){ 0 }, 0, 0,
		    "the file is larger than %d bytes", YAML_BYTES_MOST);
		return NULL;
	}
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.p, text.len);
	done = read_document(&r, root);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	return done ? root : NULL;
}

const struct yaml *
yaml_find(const struct yaml *node, struct str key)
{
	if (!node || node->kind != YAML_MAPPING)
		return NULL;
	YAML_EACH(node, child)
	if (str_eq(child->key, key))
		return child;
	return NULL;
}
