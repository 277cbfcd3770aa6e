/* Rules at work. */
#include <stdio.h>

#include "base/clock.h"
#include "mappers/map/map_run.h"

/* What a rule runs on. */
struct context {
	struct run *run;
	uint32_t segment;
	uint32_t value;	      /* node of the message that `this` is; ER7_NONE */
	enum er7_level level; /* of it: what its parts are counted by */
	uint32_t field;	      /* node of the field whose repetition `rep_node` is */
	uint32_t rep_node;
	const struct table *table; /* given by the rule outside */
	struct str system;
	struct node *target;
	struct instance *inst;
	uint32_t rep; /* of the source, from 0 */
	unsigned depth;
};

struct later {
	struct later *next;
	const struct rule *rule;
	struct context x;
};

static void run_program(const struct context *x, const struct program *p, bool whole);
static void run_block(const struct context *x, const struct rule *rules, uint32_t count);
static struct str eval(const struct context *x, const struct value *v);

/* ---- sources ---- */

/* The node a source names, ER7_NONE when it is empty; *level is what the
 * node's parts are counted by. */
static uint32_t
source_node(const struct context *x, const struct source *s, enum er7_level *level)
{
	const struct er7_message *m = x->run->m;
	unsigned deep = s->component ? s->subcomponent ? 2 : 1 : 0;
	uint32_t node, seg;

	if (s->kind == SOURCE_FIELD) {
		seg = map_run_find_segment(x->run, x->segment, s->segment);
		if (seg == UINT32_MAX)
			return ER7_NONE;
		node = er7_field_node(m, &m->segments[seg], s->field);
		if (node != ER7_NONE && node == x->field && !s->rep)
			node = x->rep_node;
		else
			node = er7_part(m, node, ER7_REPETITION, s->rep ? s->rep : 1);
		*level = ER7_REPETITION;
	} else {
		node = x->value;
		*level = x->level;
	}
	for (unsigned i = 0; i < deep; i++) {
		uint32_t n = i ? s->subcomponent : s->component;

		if (*level < ER7_SUBCOMPONENT) {
			*level += 1;
			node = er7_part(m, node, *level, n);
		} else if (n != 1) {
			node = ER7_NONE;
		}
	}
	return node;
}

static void
touch(struct run *run, uint32_t leaf)
{
	if (run->touched_count < sizeof(run->touched) / sizeof(run->touched[0]))
		run->touched[run->touched_count++] = leaf;
	else
		run->marks[leaf] = run->marks[run->touched[0]];
}

/* Say of the leaves the value was made from what became of them. */
static void
mark(struct run *run, uint32_t what, struct node *where)
{
	for (uint32_t i = 0; i < run->touched_count; i++) {
		uint32_t leaf = run->touched[i];

		if (what & MARK_DROPPED && run->marks[leaf])
			continue;
		run->marks[leaf] = what;
		if (run->landed)
			run->landed[leaf] = where;
	}
	run->touched_count = 0;
}

static void
mark_below(struct run *run, uint32_t node, uint32_t what)
{
	uint32_t end = node == ER7_NONE ? 0 : run->m->nodes[node].end;

	for (uint32_t i = node; i < end; i++)
		if (!(run->m->nodes[i].flags & ER7_PARENT) && !run->marks[i])
			run->marks[i] = what;
}

/* The first leaf of a node as text; "" (delete) is none. */
static struct str
leaf_text(const struct context *x, uint32_t node)
{
	const struct er7_message *m = x->run->m;
	uint32_t leaf = er7_leaf(m, node);

	if (leaf == ER7_NONE)
		return STR("");
	touch(x->run, leaf);
	if (m->nodes[leaf].flags & ER7_NULL)
		return STR("");
	return er7_text(m, leaf, x->run->arena);
}

static bool
is_valued(const struct er7_message *m, uint32_t node)
{
	return node != ER7_NONE && !(m->nodes[node].flags & ER7_NULL);
}

/* All leaves below a node, a space between. */
static struct str
whole_text(const struct context *x, uint32_t node)
{
	struct run *run = x->run;
	struct str all = STR("");

	for (uint32_t i = node; node != ER7_NONE && i < run->m->nodes[node].end; i++) {
		struct str part;

		if (run->m->nodes[i].flags & ER7_PARENT)
			continue;
		part = leaf_text(x, i);
		if (part.len)
			all = all.len
				  ? str_printf(run->arena, "%.*s %.*s", STR_ARG(all), STR_ARG(part))
				  : part;
		if (++run->work > MAX_WORK || all.len > 1 << 20)
			break;
	}
	return all;
}

static void
finding(const struct context *x, enum severity severity, const char *code, uint32_t node,
    const char *fmt, const char *what, struct str name)
{
	struct run *run = x->run;
	const struct er7_segment *s = run->segments[x->segment].s;
	char place[ER7_PLACE];
	uint32_t column = 1;

	/* A value of another segment is told by the rule's own segment. */
	if (node != ER7_NONE && node >= s->first && node < s->end) {
		er7_place(run->m, s, node, place);
		column = er7_column(s, run->m->nodes[node].at);
	} else {
		er7_place(run->m, s, ER7_NONE, place);
	}
	findings_add(run->findings, severity, code, str_from(place), s->line, column, fmt, what,
	    STR_ARG(name));
}

/* What the map leaves out, a sender would believe accepted: the caller says
 * whether that is an error. */
static void
bad_value(const struct context *x, uint32_t value, const char *why)
{
	if (x->run->options->refuse_values)
		finding(x, SEVERITY_ERROR, "value", value, "the value %s%.*s", why, STR(""));
	else
		finding(x, SEVERITY_WARNING, "value", value, "the value %s, so it was left out%.*s",
		    why, STR(""));
}

/* ---- values ---- */

static struct str
change_case(const struct context *x, struct str s, char from, char to, int by)
{
	char *out = arena_alloc_bytes(x->run->arena, s.len + 1);

	if (!out)
		return STR("");
	for (size_t i = 0; i < s.len; i++)
		out[i] = (char)(s.p[i] >= from && s.p[i] <= to ? s.p[i] + by : s.p[i]);
	return str_of(out, s.len);
}

static size_t
skip_characters(struct str s, size_t at, int64_t n)
{
	while (n-- > 0 && at < s.len) {
		at++;
		while (at < s.len && (s.p[at] & 0xc0) == 0x80)
			at++;
	}
	return at;
}

static struct str
part_of(const struct context *x, const struct value *v, struct str s)
{
	int64_t from = 1, length = INT32_MAX;
	size_t at, end;

	if (!str_to_int(eval(x, v->args[1]), &from) || from < 1)
		return STR("");
	if (v->arg_count > 2 && !str_to_int(eval(x, v->args[2]), &length))
		return STR("");
	at = skip_characters(s, 0, from - 1);
	end = skip_characters(s, at, length);
	return str_of(s.p + at, end - at);
}

static struct str
join(const struct context *x, const struct value *v)
{
	struct run *run = x->run;
	const struct source *s = &v->args[0]->source;
	struct str between = eval(x, v->args[1]), all = STR("");
	struct context inside = *x;
	uint32_t seg, field, end, level_node;

	if (s->kind != SOURCE_FIELD)
		return eval(x, v->args[0]);
	seg = map_run_find_segment(run, x->segment, s->segment);
	field = seg == UINT32_MAX ? ER7_NONE
				  : er7_field_node(run->m, run->segments[seg].s, s->field);
	if (field == ER7_NONE)
		return all;
	level_node = er7_repetitions(run->m, field) > 1 ? field + 1 : field;
	end = run->m->nodes[field].end;
	inside.field = field;
	for (uint32_t i = level_node; i < end; i = run->m->nodes[i].end) {
		struct str part;

		inside.rep_node = i;
		part = eval(&inside, v->args[0]);
		if (part.len)
			all = all.len ? str_printf(run->arena, "%.*s%.*s%.*s", STR_ARG(all),
					    STR_ARG(between), STR_ARG(part))
				      : part;
		run->work += 1 + all.len / 64;
		if (run->work > MAX_WORK || all.len > 1 << 20)
			break;
	}
	return all;
}

static struct str
as_uri(const struct context *x, struct str s)
{
	if (map_value_is_oid(s))
		return str_printf(x->run->arena, "urn:oid:%.*s", STR_ARG(s));
	if (map_value_is_uuid(s))
		return str_printf(x->run->arena, "urn:uuid:%.*s",
		    STR_ARG(change_case(x, s, 'A', 'Z', 'a' - 'A')));
	return map_value_is_uri(s) ? s : STR("");
}

static struct str
as_date(const struct context *x, enum pack_lexical lexical, struct str s)
{
	struct str out = STR("");

	if (s.len && map_value_convert(lexical, s, x->run->zone, x->run->arena, &out) != NULL)
		return STR("");
	return out;
}

static struct str
namespace_uri(const struct context *x, struct str name)
{
	const struct map_options *o = x->run->options;

	for (size_t i = 0; i < o->namespace_count; i++)
		if (str_eq(o->namespaces[i].name, name))
			return o->namespaces[i].uri;
	return STR("");
}

/* As a message would have it: YYYYMMDDHHMMSS.SSS+0000. */
static struct str
received(const struct context *x)
{
	char text[INSTANT_TEXT], out[INSTANT_TEXT + 8];
	size_t len, n = 0;

	if (x->run->options->received == 0)
		return STR("");
	len = instant_format(x->run->options->received, text);
	for (size_t i = 0; i < len; i++)
		if ((text[i] >= '0' && text[i] <= '9') || text[i] == '.')
			out[n++] = text[i];
	memcpy(out + n, "+0000", 5);
	return str_dup(x->run->arena, str_of(out, n + 5));
}

/* All that are not empty, a space between. */
static struct str
words(const struct context *x, const struct value *v)
{
	struct str all = STR("");

	for (uint32_t i = 0; i < v->arg_count; i++) {
		struct str part = eval(x, v->args[i]);

		if (part.len)
			all = all.len ? str_printf(
					    x->run->arena, "%.*s %.*s", STR_ARG(all), STR_ARG(part))
				      : part;
	}
	return all;
}

/* Write what stands for a byte; returns how much, at most 6. */
typedef size_t sign_fn(char c, char *out);

static struct str
replace(const struct context *x, struct str s, sign_fn *fn)
{
	char *out = arena_alloc_bytes(x->run->arena, s.len * 6 + 1);
	size_t n = 0;

	if (!out)
		return STR("");
	for (size_t i = 0; i < s.len; i++)
		n += fn(s.p[i], out + n);
	return str_of(out, n);
}

/* RFC 3986, 2.1: all but the unreserved. */
static size_t
escape_sign(char c, char *out)
{
	static const char hex[] = "0123456789ABCDEF";

	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	    (c && strchr("-._~", c))) {
		out[0] = c;
		return 1;
	}
	out[0] = '%';
	out[1] = hex[(unsigned char)c >> 4];
	out[2] = hex[c & 15];
	return 3;
}

static size_t
xhtml_sign(char c, char *out)
{
	struct str to = c == '&'    ? STR("&amp;")
			: c == '<'  ? STR("&lt;")
			: c == '>'  ? STR("&gt;")
			: c == '\n' ? STR("<br/>")
				    : str_of(&c, 1);

	memcpy(out, to.p, to.len);
	return to.len;
}

static struct str
call(const struct context *x, const struct value *v)
{
	const struct table_row *row;
	enum er7_level level;
	struct str s, rest;

	switch (v->fn) {
	case FN_FIRST:
		for (uint32_t i = 0; i < v->arg_count; i++) {
			s = eval(x, v->args[i]);
			if (s.len)
				return s;
		}
		return STR("");
	case FN_JOIN:
		return join(x, v);
	case FN_TEXT:
		return whole_text(x, source_node(x, &v->args[0]->source, &level));
	case FN_TABLE_SYSTEM:
		return x->table && x->table->from.len ? x->table->from : x->system;
	case FN_RECEIVED:
		return received(x);
	case FN_WORDS:
		return words(x, v);
	case FN_LATER:
	case FN_EARLIER:
		s = eval(x, v->args[0]);
		rest = eval(x, v->args[1]);
		return map_value_later(
		    s, rest, eval(x, v->args[2]), v->fn == FN_EARLIER, x->run->arena);
	case FN_MINUTES:
		s = eval(x, v->args[0]);
		return map_value_minutes(s, eval(x, v->args[1]), x->run->arena);
	default:
		break;
	}
	s = eval(x, v->args[0]);
	switch (v->fn) {
	case FN_LOWER:
		return change_case(x, s, 'A', 'Z', 'a' - 'A');
	case FN_UPPER:
		return change_case(x, s, 'a', 'z', 'A' - 'a');
	case FN_TRIM:
		return str_trim(s);
	case FN_PART:
		return part_of(x, v, s);
	case FN_OID:
		return map_value_is_oid(s) ? as_uri(x, s) : STR("");
	case FN_UUID:
		return map_value_is_uuid(s) ? as_uri(x, s) : STR("");
	case FN_URI:
		return as_uri(x, s);
	case FN_SYSTEM:
		return namespace_uri(x, s);
	case FN_TRANSLATE:
		row = s.len ? map_table_find(v->table, s, &rest) : NULL;
		return row && !row->none ? map_table_target(row, s, rest, x->run->arena) : STR("");
	case FN_DATE:
		return as_date(x, LEXICAL_DATE, s);
	case FN_DATETIME:
		return as_date(x, LEXICAL_DATETIME, s);
	case FN_INSTANT:
		return as_date(x, LEXICAL_INSTANT, s);
	case FN_TIME:
		return as_date(x, LEXICAL_TIME, s);
	case FN_ESCAPE:
		return replace(x, s, escape_sign);
	case FN_XHTML:
		return replace(x, s, xhtml_sign);
	default:
		return map_value_base64(s, x->run->arena);
	}
}

/* Texts put together; nothing when no source in it gives anything. */
static struct str
eval_sum(const struct context *x, const struct value *v)
{
	struct str sum = STR("");
	bool any = !v->sourced;

	for (uint32_t i = 0; i < v->arg_count; i++) {
		struct str part = eval(x, v->args[i]);

		if (!part.len)
			continue;
		any |= v->args[i]->sourced;
		sum = sum.len ? str_printf(x->run->arena, "%.*s%.*s", STR_ARG(sum), STR_ARG(part))
			      : part;
	}
	return any ? sum : STR("");
}

static struct str
eval(const struct context *x, const struct value *v)
{
	enum er7_level level;

	switch (v->kind) {
	case VALUE_TEXT:
		return v->text;
	case VALUE_SOURCE:
		return leaf_text(x, source_node(x, &v->source, &level));
	case VALUE_SUM:
		return eval_sum(x, v);
	case VALUE_CALL:
		return call(x, v);
	default:
		return STR("");
	}
}

/* ---- conditions ---- */

static bool
compare(enum compare c, uint32_t a, uint32_t b)
{
	switch (c) {
	case COMPARE_EQ:
		return a == b;
	case COMPARE_NE:
		return a != b;
	case COMPARE_LT:
		return a < b;
	case COMPARE_LE:
		return a <= b;
	case COMPARE_GT:
		return a > b;
	default:
		return a >= b;
	}
}

/* How many repetitions a source's field has; one field is remembered, as rules
 * ask for each repetition. */
static uint32_t
count_source(const struct context *x, const struct source *s)
{
	struct run *run = x->run;
	uint32_t seg, node;

	if (s->kind != SOURCE_FIELD)
		return x->value == ER7_NONE ? 0 : 1;
	seg = map_run_find_segment(run, x->segment, s->segment);
	if (seg == UINT32_MAX)
		return 0;
	node = er7_field_node(run->m, run->segments[seg].s, s->field);
	if (node == ER7_NONE)
		return 0;
	if (run->counted != node + 1) {
		run->counted = node + 1;
		run->count = er7_repetitions(run->m, node);
	}
	return run->count;
}

static bool
is_one_of(const struct context *x, const struct test *t, struct str s)
{
	for (uint32_t i = 0; i < t->value_count; i++) {
		const struct value *v = t->values[i];

		if (str_eq(s, v->kind == VALUE_TEXT ? v->text : eval(x, v)))
			return s.len > 0;
	}
	return false;
}

static uint32_t
characters(struct str s)
{
	uint32_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += (s.p[i] & 0xc0) != 0x80;
	return n;
}

static bool
holds_of_source(const struct context *x, const struct test *t)
{
	enum er7_level level;
	uint32_t node;
	struct str s;

	if (t->source.kind == SOURCE_SEGMENT)
		return map_run_find_segment(x->run, x->segment, t->source.segment) != UINT32_MAX;
	if (t->kind == TEST_COUNT)
		return compare(t->compare, count_source(x, &t->source), t->number);
	node = source_node(x, &t->source, &level);
	if (t->kind == TEST_VALUED)
		return is_valued(x->run->m, node);
	s = leaf_text(x, node);
	switch (t->kind) {
	case TEST_IN:
		return is_one_of(x, t, s);
	case TEST_LENGTH:
		return compare(t->compare, characters(s), t->number);
	case TEST_STARTS:
		return str_starts(s, eval(x, t->values[0]));
	default:
		return map_value_is_number(s);
	}
}

static bool
holds_test(const struct context *x, const struct test *t)
{
	switch (t->kind) {
	case TEST_AND:
		return holds_test(x, t->a) && holds_test(x, t->b);
	case TEST_OR:
		return holds_test(x, t->a) || holds_test(x, t->b);
	case TEST_NOT:
		return !holds_test(x, t->a);
	case TEST_TABLE_GIVEN:
		return x->table != NULL;
	default:
		return holds_of_source(x, t);
	}
}

/* Whether a condition holds. What it reads is not thereby mapped. */
static bool
holds(const struct context *x, const struct test *t)
{
	uint32_t touched = x->run->touched_count;
	bool yes;

	if (!t)
		return true;
	yes = holds_test(x, t);
	x->run->touched_count = touched;
	return yes;
}

/* ---- writing ---- */

static struct node *
open_target(const struct context *x, const struct rule *r, struct instance **inst)
{
	*inst = x->inst;
	return map_tree_open(x->run, x->target, &r->path, x->rep, x->segment, inst);
}

/* Look a code up. False when there is nothing to write: it is dropped, or not
 * in the table. */
static bool
translate(const struct context *x, const struct rule *r, const struct table *t, struct str code,
    uint32_t node, struct str *out, const struct table_row **row)
{
	struct str rest;

	code = str_trim(code);
	*row = map_table_find(t, code, &rest);
	if (!*row) {
		finding(x, SEVERITY_WARNING, "code-invalid", node, "%s%.*s",
		    "the code is not in the table ", t->name);
		x->run->touched_count = 0;
		return false;
	}
	if ((*row)->none) {
		mark(x->run, r->text->number | MARK_DROPPED, NULL);
		return false;
	}
	*out = map_table_target(*row, code, rest, x->run->arena);
	return true;
}

/* A code as Coding or CodeableConcept. */
static void
write_coding(const struct context *x, const struct rule *r, const struct table *t, struct str code,
    uint32_t value)
{
	const struct known *k = &x->run->set->known;
	const struct table_row *row;
	struct instance *inst;
	struct node *n, *coding;
	struct str target;

	if (!translate(x, r, t, code, value, &target, &row))
		return;
	n = open_target(x, r, &inst);
	if (!n)
		return;
	coding = n;
	if (r->path.type == k->type_concept) {
		struct step s = { .element = k->concept_coding,
			.flags = STEP_REPEATS | STEP_APPEND };

		coding = map_tree_child(x->run, n, &s, 0, x->segment);
		if (!coding)
			return;
	}
	map_tree_put(x->run, coding, k->coding_system, map_table_system(t, row));
	map_tree_put(x->run, coding, k->coding_code, target);
	map_tree_put(x->run, coding, k->coding_display, row->display);
	map_instance_feed(inst);
	mark(x->run, r->text->number, coding);
}

/* A text into a primitive. */
static void
write_text(
    const struct context *x, const struct rule *r, struct str text, uint32_t value, bool feed)
{
	struct run *run = x->run;
	struct instance *inst;
	struct str out;
	struct node *n;
	const char *why;

	why = map_value_convert(
	    (enum pack_lexical)r->path.lexical, text, run->zone, run->arena, &out);
	if (why) {
		bad_value(x, value, why);
		run->touched_count = 0;
		return;
	}
	if (out.len == 0) {
		mark(run, r->text->number, NULL);
		return;
	}
	n = open_target(x, r, &inst);
	if (!n)
		return;
	n->text = out;
	if (feed)
		map_instance_feed(inst);
	mark(run, r->text->number, n);
}

/* target = value, default target = value */
static void
run_set(const struct context *x, const struct rule *r)
{
	const struct value *v = r->text->value;
	struct instance *inst;
	struct node *n;
	struct str s;

	x->run->touched_count = 0;
	if (!holds(x, r->text->test))
		return;
	if (v->kind == VALUE_REF) {
		n = open_target(x, r, &inst);
		if (n) {
			n->refs = r->ref;
			n->refs_from = x->segment;
		}
		return;
	}
	s = eval(x, v);
	if (s.len)
		write_text(x, r, s, ER7_NONE, v->sourced);
	x->run->touched_count = 0;
}

/* A constant stands for what the condition looked at in the value, or for the
 * value when it has no parts: these count as mapped, unless a rule maps them
 * themselves. */
static void
mark_constant(const struct context *x, const struct rule *r, uint32_t node, struct node *where)
{
	struct run *run = x->run;
	uint32_t end = run->m->nodes[node].end;
	bool any = false;

	for (uint32_t i = 0; i < run->touched_count; i++) {
		uint32_t leaf = run->touched[i];

		if (leaf < node || leaf >= end)
			continue;
		any = true;
		if (run->marks[leaf] && !(run->marks[leaf] & MARK_DROPPED))
			continue;
		run->marks[leaf] = r->text->number;
		if (run->landed)
			run->landed[leaf] = where;
	}
	run->touched_count = 0;
	if (any || end != node + 1 || run->marks[node])
		return;
	run->marks[node] = r->text->number;
	if (run->landed)
		run->landed[node] = where;
}

/* source -> target = value */
static void
run_assign(
    const struct context *outer, const struct context *x, const struct rule *r, uint32_t node)
{
	const struct value *v = r->text->value;
	struct instance *inst;
	struct node *n;
	struct str s;

	if (v->kind == VALUE_REF) {
		run_set(x, r);
		return;
	}
	if (v->sourced) {
		x->run->touched_count = 0;
		s = eval(outer, v);
		if (s.len)
			write_text(x, r, s, node, true);
		return;
	}
	s = eval(outer, v);
	if (!s.len || map_value_convert((enum pack_lexical)r->path.lexical, s, x->run->zone,
			  x->run->arena, &s) != NULL)
		return;
	n = open_target(x, r, &inst);
	if (!n)
		return;
	n->text = s;
	if (r->text->test)
		map_instance_feed(inst);
	mark_constant(x, r, node, n);
}

/* source -> target, of a primitive or by a table */
static void
run_copy(const struct context *x, const struct rule *r, const struct table *table, uint32_t node)
{
	const struct table_row *row;
	bool coded = r->path.lexical == LEXICAL_NONE;
	struct str s;

	if (coded && !table)
		return;
	x->run->touched_count = 0;
	s = leaf_text(x, node);
	if (coded) {
		if (s.len)
			write_coding(x, r, table, s, node);
		return;
	}
	if (table && (!s.len || !translate(x, r, table, s, node, &s, &row)))
		return;
	write_text(x, r, s, node, true);
}

/* source -> target : MAP { BLOCK } */
static void
run_inside(const struct context *x, const struct rule *r, const struct table *table)
{
	struct context inside = *x;

	inside.target = open_target(x, r, &inside.inst);
	if (!inside.target)
		return;
	if (r->map) {
		inside.table = table;
		inside.system = r->text->system;
		run_program(&inside, r->map, false);
		inside.table = x->table;
		inside.system = x->system;
	}
	run_block(&inside, r->block, r->block_count);
}

/* A rule read "". A constant beside a value does not delete; an extension
 * cannot be deleted alone, whatever fills it. */
static void
read_delete(const struct context *x, const struct rule *r, uint32_t node)
{
	bool extension = r->path.count && r->path.steps[0].url != PACK_NONE;

	if (!x->run->options->notes || (r->text->value && !extension))
		return;
	if (!x->inst || x->target != x->inst->root || map_note_deleted(x->run, x->inst, &r->path))
		return;
	if (!x->run->marks[node])
		finding(x, SEVERITY_WARNING, "not-supported", node,
		    "a deletion (\"\") is not carried out; what is stored was kept%s%.*s", "",
		    STR(""));
}

/* One value of a source goes to the rule's target. */
static void
run_value(const struct context *x, const struct rule *r, uint32_t node, enum er7_level level)
{
	struct run *run = x->run;
	const struct rule_text *t = r->text;
	const struct table *table = t->table_given ? x->table : r->table;
	struct context inside = *x, outer = *x;

	inside.value = node;
	inside.level = level;
	/* The rule's own condition and value name parts as the rule does. */
	if (x->value == ER7_NONE)
		outer = inside;
	run->touched_count = 0;
	if (t->test && !holds_test(&outer, t->test))
		return;
	if (!is_valued(run->m, node)) {
		/* "": nothing is written, and what is stored goes. */
		read_delete(x, r, node);
		run->touched_count = 0;
		touch(run, node);
		mark(run, t->number, NULL);
		return;
	}
	if (t->value)
		run_assign(&outer, &inside, r, node);
	else if (!r->map && !t->block)
		run_copy(&inside, r, table, node);
	if (r->map || t->block)
		run_inside(&inside, r, table);
}

/* source -> target: for each repetition that is populated. */
static void
run_map(const struct context *x, const struct rule *r)
{
	struct run *run = x->run;
	const struct source *s = &r->text->source;
	struct context inside = *x;
	enum er7_level level;
	uint32_t seg, field, first, end;
	bool any = false;

	if (s->kind == SOURCE_PART || s->rep) {
		uint32_t node = source_node(x, s, &level);

		if (node != ER7_NONE)
			run_value(x, r, node, level);
		return;
	}
	seg = map_run_find_segment(run, x->segment, s->segment);
	field = seg == UINT32_MAX ? ER7_NONE
				  : er7_field_node(run->m, run->segments[seg].s, s->field);
	if (field == ER7_NONE)
		return;
	first = field;
	end = run->m->nodes[field].end;
	if (run->m->nodes[field].flags & ER7_PARENT &&
	    run->m->nodes[field + 1].level == ER7_REPETITION)
		first = field + 1;
	inside.field = field;
	for (uint32_t i = first; i < end; i = run->m->nodes[i].end) {
		uint32_t node;

		inside.rep_node = i;
		inside.rep = first == field ? 0 : run->m->nodes[i].position - 1;
		node = source_node(&inside, s, &level);
		if (++run->work > MAX_WORK) {
			run->full = true;
			return;
		}
		if (node == ER7_NONE)
			continue;
		if (any && !r->path.repeats)
			break;
		any = true;
		run_value(&inside, r, node, level);
	}
}

static void
run_drop(const struct context *x, const struct rule_text *t)
{
	struct run *run = x->run;
	const struct source *s = &t->source;
	uint32_t what = t->number | MARK_DROPPED, seg, field;
	enum er7_level level;
	struct context inside = *x;

	if (!holds(x, t->test))
		return;
	if (s->kind != SOURCE_FIELD || s->rep) {
		mark_below(run, source_node(x, s, &level), what);
		return;
	}
	seg = map_run_find_segment(run, x->segment, s->segment);
	field = seg == UINT32_MAX ? ER7_NONE
				  : er7_field_node(run->m, run->segments[seg].s, s->field);
	if (field == ER7_NONE)
		return;
	if (!s->component) {
		mark_below(run, field, what);
		return;
	}
	inside.field = field;
	for (uint32_t i = er7_repetitions(run->m, field) > 1 ? field + 1 : field;
	     i < run->m->nodes[field].end; i = run->m->nodes[i].end) {
		inside.rep_node = i;
		mark_below(run, source_node(&inside, s, &level), what);
	}
}

static void
put_off(const struct context *x, const struct rule *r)
{
	struct later *l = ARENA_NEW(x->run->arena, struct later);

	if (!l) {
		x->run->full = true;
		return;
	}
	l->rule = r;
	l->x = *x;
	*x->run->later_tail = l;
	x->run->later_tail = &l->next;
}

static void
run_rule(const struct context *x, const struct rule *r)
{
	switch (r->text->kind) {
	case RULE_MAP:
		run_map(x, r);
		break;
	case RULE_SET:
		run_set(x, r);
		break;
	case RULE_DROP:
		run_drop(x, r->text);
		break;
	default:
		break;
	}
}

/* Whether something is there that is not a default's. */
static bool
is_said(const struct run *run, const struct node *parent, const struct step *s)
{
	for (const struct node *n = parent->first; n; n = n->next) {
		if (n->weak ||
		    (n->element != s->element &&
			(!s->choice ||
			    pack_element_at(run->set->pack, n->element)->choice != s->choice)))
			continue;
		if (n->text.len || n->first || (n->opens && map_instance_lives(n->opens)))
			return true;
	}
	return false;
}

/* Whether what a default is for is there: the first element of its path that
 * is no backbone, in any of the backbones above it. */
static bool
is_there(const struct run *run, const struct node *at, const struct path *p, uint32_t i)
{
	const struct step *s = &p->steps[i];

	if (i + 1 == p->count || pack_type_at(run->set->pack, s->type)->kind != PACK_BACKBONE)
		return is_said(run, at, s);
	for (const struct node *n = at->first; n; n = n->next)
		if (n->element == s->element && is_there(run, n, p, i + 1))
			return true;
	return false;
}

static void
run_default(const struct context *x, const struct rule *r)
{
	struct instance *inst;
	uint32_t before = x->run->node_count;
	struct node *n;

	if (!r->path.count || is_there(x->run, x->target, &r->path, 0))
		return;
	/* Of two defaults for one element the first stands. */
	n = open_target(x, r, &inst);
	if (!n || n->text.len)
		return;
	run_set(x, r);
	/* All that had to be made for it is a default, too. */
	for (; n && n->order >= before; n = n->parent)
		n->weak = n->parent != NULL;
}

/* Rules from top to bottom, then the defaults; those of a whole resource wait
 * until all segments have been read. */
static void
run_list(const struct context *x, const struct rule *rules, uint32_t count, bool whole)
{
	struct run *run = x->run;
	bool defaults = false;

	run->work += count;
	if (run->work > MAX_WORK)
		run->full = true;
	for (uint32_t i = 0; i < count && !run->full; i++) {
		if (rules[i].text->kind == RULE_DEFAULT)
			defaults = true;
		else if (rules[i].foreign)
			put_off(x, &rules[i]);
		else
			run_rule(x, &rules[i]);
	}
	for (uint32_t i = 0; defaults && i < count && !run->full; i++) {
		if (rules[i].text->kind != RULE_DEFAULT)
			continue;
		if (whole || rules[i].foreign)
			put_off(x, &rules[i]);
		else
			run_default(x, &rules[i]);
	}
}

static void
run_program(const struct context *x, const struct program *p, bool whole)
{
	struct context inside = *x;

	if (++inside.depth > MAP_DEPTH) {
		finding(x, SEVERITY_WARNING, "too-costly", x->value, "%s%.*s",
		    "maps use each other without end here", STR(""));
		return;
	}
	if (p->match && x->inst && x->target == x->inst->root)
		x->inst->match = p;
	run_list(&inside, p->rules, p->count, whole);
}

static void
run_block(const struct context *x, const struct rule *rules, uint32_t count)
{
	struct context inside = *x;

	if (count && ++inside.depth <= MAP_DEPTH)
		run_list(&inside, rules, count, false);
}

void
map_run_foreign(struct run *run)
{
	for (struct later *l = run->later; l && !run->full; l = l->next) {
		struct instance *inst = l->rule->foreign
					    ? map_run_find(run, l->rule->foreign, l->x.segment)
					    : NULL;

		if (!inst)
			continue;
		l->x.target = inst->root;
		l->x.inst = inst;
		if (l->rule->text->kind != RULE_DEFAULT)
			run_rule(&l->x, l->rule);
	}
}

void
map_run_defaults(struct run *run)
{
	for (struct later *l = run->later; l && !run->full; l = l->next)
		if (l->rule->text->kind == RULE_DEFAULT)
			run_default(&l->x, l->rule);
}

/* ---- resources of the message ---- */

static struct instance *
find_in(struct instance *list, const struct resource *r)
{
	while (list && list->resource != r)
		list = list->beside;
	return list;
}

struct instance *
map_run_find(const struct run *run, const struct resource *r, uint32_t segment)
{
	const struct segment *s = &run->segments[segment];
	struct instance *found;
	uint32_t other;

	if (r->bundle)
		return run->bundle;
	if (r->per_segment) {
		other = map_run_find_segment(run, segment, r->per_segment);
		return other == UINT32_MAX ? NULL : find_in(run->segments[other].instances, r);
	}
	found = find_in(s->instances, r);
	for (const struct group *g = s->group; g && !found; g = g->parent)
		found = find_in(g->instances, r);
	return found;
}

/* Where a new resource of a segment belongs. */
static struct instance **
find_scope(struct run *run, const struct resource *r, uint32_t segment)
{
	struct segment *s = &run->segments[segment];
	struct group *g = s->group;
	uint32_t other;

	if (r->per_segment) {
		other = map_run_find_segment(run, segment, r->per_segment);
		return &run->segments[other == UINT32_MAX ? segment : other].instances;
	}
	if (str_is(r->per, "message"))
		return &run->root->instances;
	if (r->per.len) {
		while (g->parent && !str_eq(g->part->name, r->per))
			g = g->parent;
		return &g->instances;
	}
	if (s->part && s->part->repeats)
		return &s->instances;
	while (g->parent && !g->part->repeats)
		g = g->parent;
	return &g->instances;
}

static struct instance *
find_or_make(struct run *run, const struct resource *r, uint32_t segment)
{
	struct instance *i = map_run_find(run, r, segment), **scope;

	if (i)
		return i;
	i = map_instance_new(run, r->type);
	if (!i)
		return NULL;
	scope = find_scope(run, r, segment);
	i->resource = r;
	i->beside = *scope;
	*scope = i;
	return i;
}

static void
run_message_rule(struct run *run, uint32_t segment, const struct message_rule *r)
{
	struct context x = { .run = run,
		.segment = segment,
		.value = ER7_NONE,
		.level = ER7_FIELD,
		.field = ER7_NONE };
	const struct er7_segment *s = run->segments[segment].s;

	if (!holds(&x, r->text->test))
		return;
	if (r->drop) {
		for (uint32_t i = s->first; i < s->end; i++)
			if (!(run->m->nodes[i].flags & ER7_PARENT) && !run->marks[i])
				run->marks[i] = r->text->number | MARK_DROPPED;
		return;
	}
	x.inst = find_or_make(run, r->target, segment);
	if (!x.inst)
		return;
	x.target = map_tree_open(run, x.inst->root, &r->path, 0, segment, &x.inst);
	if (!x.target)
		return;
	if (r->map)
		run_program(&x, r->map, x.target == x.inst->root);
	if (r->block_count)
		run_list(&x, r->block, r->block_count, x.target == x.inst->root);
}

void
map_run_rules(struct run *run)
{
	for (uint32_t i = 0; i < run->m->segment_count && !run->full; i++) {
		const struct part *p = run->segments[i].part;

		for (uint32_t r = 0; p && r < p->rule_count && !run->full; r++)
			run_message_rule(run, i, p->rules[r]);
	}
}
