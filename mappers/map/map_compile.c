/* From what is written to programs: every name is looked up here. */
#include "mappers/map/map_internal.h"

/* A resource that shared rules name and a message does not make: it is left out
 * there, but some message must make it. */
struct absent {
	struct absent *next;
	struct place place;
	struct str name;
};

struct compiler {
	struct map_set *set;
	struct absent *absent;
	const struct pack *pack;
	struct error *err;
	unsigned depth;
};

/* What a rule is compiled for. */
struct scope {
	uint32_t type;		     /* of what is filled */
	struct str v2;		     /* type that parts belong to; empty: not known */
	bool table;		     /* a table may be given */
	struct message_map *message; /* of a block in a message's rule; or NULL */
	bool shared;		     /* the block is of shared rules */
};

static int compile_rules(struct compiler *c, const struct scope *scope, struct rule_text *texts,
    struct rule **out, uint32_t *count);

static int
full(struct compiler *c)
{
	return error_set(c->err, ERROR_LIMIT, "the maps are too large");
}

static struct block *
find_block(const struct map_set *set, enum block_kind kind, struct str name)
{
	for (struct block *b = set->blocks; b; b = b->next)
		if (b->kind == kind && str_eq(b->name, name))
			return b;
	return NULL;
}

/* Report a name that is nowhere, with the nearest of its kind. */
static int
no_block(struct compiler *c, struct place at, enum block_kind kind, struct str name)
{
	static const char *const kinds[] = { "message map", "segment map", "data type map", "table",
		"block of shared rules" };
	struct str nearest = STR("");
	unsigned best = 4;

	for (struct block *b = c->set->blocks; b; b = b->next) {
		unsigned d = b->kind == kind ? str_distance(name, b->name, 4) : 5;

		if (d < best) {
			best = d;
			nearest = b->name;
		}
	}
	return map_error(c->err, at, "there is no %s '%.*s'%s%.*s%s", kinds[kind], STR_ARG(name),
	    nearest.len ? "; did you mean '" : "", STR_ARG(nearest), nearest.len ? "'?" : "");
}

/* ---- overlays ---- */

static bool
same_source(const struct source *a, const struct source *b)
{
	return a->kind == b->kind && a->segment == b->segment && a->field == b->field &&
	       a->rep == b->rep && a->component == b->component &&
	       a->subcomponent == b->subcomponent && str_eq(a->type, b->type) &&
	       str_eq(a->group, b->group);
}

static bool
same_path(const struct path_text *a, const struct path_text *b)
{
	if (a->count != b->count || !str_eq(a->instance, b->instance))
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		const struct step_text *x = &a->steps[i], *y = &b->steps[i];

		if (!str_eq(x->name, y->name) || x->slot != y->slot ||
		    !str_eq(x->resource, y->resource))
			return false;
	}
	return true;
}

/* Whether `without` takes the rule away. */
static bool
is_without(const struct source *without, const struct source *s)
{
	if (without->kind != s->kind || without->segment != s->segment ||
	    !str_eq(without->type, s->type))
		return false;
	if (without->kind == SOURCE_SEGMENT)
		return without->group.len == 0 || str_eq(without->group, s->group);
	if (without->field != s->field)
		return false;
	return without->component == 0 || without->component == s->component;
}

static bool
is_replaced(const struct rule_text *old, const struct rule_text *by)
{
	if (by->kind == RULE_WITHOUT)
		return (old->kind == RULE_MAP || old->kind == RULE_DROP) &&
		       is_without(&by->source, &old->source);
	if (by->kind == RULE_MATCH)
		return old->kind == RULE_MATCH;
	if (old->kind != by->kind)
		return false;
	if (by->kind == RULE_DROP)
		return same_source(&old->source, &by->source);
	if (by->kind == RULE_MAP && !same_source(&old->source, &by->source))
		return false;
	return same_path(&old->path, &by->path);
}

static void
extend_rules(struct block *base, struct rule_text *added)
{
	struct rule_text **at;

	for (struct rule_text *a = added; a; a = a->next) {
		for (at = &base->rules; *at;) {
			if (is_replaced(*at, a))
				*at = (*at)->next;
			else
				at = &(*at)->next;
		}
	}
	for (at = &base->rules; *at; at = &(*at)->next)
		;
	*at = added;
}

static int
extend_table(struct compiler *c, struct block *base, const struct block *by)
{
	struct table_row *rows = arena_calloc(
	    &c->set->arena, (size_t)base->row_count + by->row_count + 1, sizeof(*rows));

	if (!rows)
		return full(c);
	/* The first row of a code is taken: new ones stand before the old. */
	if (by->row_count)
		memcpy(rows, by->rows, by->row_count * sizeof(*rows));
	if (base->row_count)
		memcpy(rows + by->row_count, base->rows, base->row_count * sizeof(*rows));
	base->rows = rows;
	base->row_count += by->row_count;
	if (by->from.len)
		base->from = by->from;
	if (by->to.len)
		base->to = by->to;
	if (by->otherwise)
		base->otherwise = by->otherwise;
	return 0;
}

static int
extend(struct compiler *c, struct block *base, struct block *by)
{
	if (!base)
		return no_block(c, by->place, by->kind, by->name);
	if (by->structure)
		base->structure = by->structure;
	if (by->kind == BLOCK_TABLE)
		return extend_table(c, base, by);
	extend_rules(base, by->rules);
	return 0;
}

/* Put the shared rules that a message uses where it says so. */
static int
expand_uses(struct compiler *c, struct rule_text **rules, unsigned depth)
{
	for (struct rule_text **at = rules; *at;) {
		struct rule_text *use = *at;
		struct block *shared;

		if (use->kind != RULE_USE) {
			at = &use->next;
			continue;
		}
		shared = find_block(c->set, BLOCK_RULES, use->path.instance);
		if (!shared)
			return no_block(c, use->path.place, BLOCK_RULES, use->path.instance);
		if (depth >= MAP_DEPTH)
			return map_error(c->err, use->place, "shared rules use each other");
		*at = NULL;
		for (const struct rule_text *r = shared->rules; r; r = r->next) {
			struct rule_text *copy = ARENA_NEW(&c->set->arena, struct rule_text);

			if (!copy)
				return full(c);
			*copy = *r;
			copy->next = NULL;
			copy->shared = true;
			*at = copy;
			if (r->kind == RULE_USE) {
				if (expand_uses(c, at, depth + 1) != 0)
					return -1;
				while (*at)
					at = &(*at)->next;
			} else {
				at = &copy->next;
			}
		}
		*at = use->next;
	}
	return 0;
}

static int
overlay_block(struct compiler *c, struct block *b, struct block ***tail)
{
	struct block *old = b->kind < BLOCK_EVENTS ? find_block(c->set, b->kind, b->name) : NULL;

	if (b->kind == BLOCK_MESSAGE && expand_uses(c, &b->rules, 0) != 0)
		return -1;
	if (b->extend && b->kind < BLOCK_EVENTS)
		return extend(c, old, b);
	if (old) {
		b->next = old->next;
		*old = *b;
		if (*tail == &b->next)
			*tail = &old->next;
		return 0;
	}
	**tail = b;
	*tail = &b->next;
	return 0;
}

/* One block of each name: the last, with what extends it. Shared rules come
 * first, so that what a site adds to them is in every message that uses them. */
static int
overlay(struct compiler *c)
{
	struct block *all = c->set->blocks, *rest = NULL, **rest_tail = &rest, *next;
	struct block **tail = &c->set->blocks;

	c->set->blocks = NULL;
	for (struct block *b = all; b; b = next) {
		next = b->next;
		b->next = NULL;
		if (b->kind == BLOCK_RULES) {
			if (overlay_block(c, b, &tail) != 0)
				return -1;
		} else {
			*rest_tail = b;
			rest_tail = &b->next;
		}
	}
	for (struct block *b = rest; b; b = next) {
		next = b->next;
		b->next = NULL;
		if (overlay_block(c, b, &tail) != 0)
			return -1;
	}
	return 0;
}

/* ---- the v2 grammar ---- */

static const struct word_row *
v2_row(const struct map_set *set, struct str name)
{
	const struct word_row *found = NULL;

	for (const struct block *b = set->blocks; b; b = b->next)
		for (const struct word_row *r = b->kind == BLOCK_V2 ? b->words : NULL; r;
		     r = r->next)
			if (str_eq(r->name, name))
				found = r;
	return found;
}

/* Check number n of what `name` consists of, and give that part's type. */
static int
check_part(struct compiler *c, struct place at, struct str name, uint32_t n, const char *kind,
    struct str *type)
{
	const struct word_row *r = name.len ? v2_row(c->set, name) : NULL;

	*type = STR("");
	if (!r)
		return 0;
	if (n > r->count)
		return map_error(c->err, at, "there is no %.*s%s%u: %.*s has %u %s", STR_ARG(name),
		    kind[0] == 'f' ? "-" : ".", n, STR_ARG(name), r->count, kind);
	*type = r->words[n - 1];
	return 0;
}

/* Check a source; *type is the v2 type of what it names, if known. */
static int
check_source(
    struct compiler *c, const struct scope *scope, const struct source *s, struct str *type)
{
	*type = STR("");
	if (s->kind == SOURCE_SEGMENT || s->kind == SOURCE_NONE)
		return 0;
	if (s->kind == SOURCE_FIELD) {
		if (check_part(c, s->place, c->set->ids[s->segment], s->field, "fields", type) != 0)
			return -1;
	} else {
		*type = scope->v2;
		if (!str_is(s->type, "this") && scope->v2.len && !str_eq(s->type, scope->v2))
			return map_error(c->err, s->place,
			    "'%.*s' is not what this map reads: its parts are %.*s.1, %.*s.2 …",
			    STR_ARG(s->type), STR_ARG(scope->v2), STR_ARG(scope->v2));
		if (!str_is(s->type, "this") && !scope->v2.len)
			*type = s->type;
	}
	if (s->component && check_part(c, s->place, *type, s->component, "components", type) != 0)
		return -1;
	if (s->subcomponent &&
	    check_part(c, s->place, *type, s->subcomponent, "components", type) != 0)
		return -1;
	return 0;
}

/* ---- tables ---- */

static uint32_t
code_hash(struct str s)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.p[i]) * 16777619u;
	return h ^ h >> 15;
}

/* Whether the code has a star that stands for any text. */
static bool
has_star(struct str code)
{
	return code.len > 1 && str_find(code, '*') >= 0;
}

static int
compile_table(struct compiler *c, const struct block *b, struct table *t)
{
	uint32_t size = 8;

	while (size < b->row_count * 2)
		size *= 2;
	t->name = b->name;
	t->from = b->from;
	t->to = b->to;
	t->otherwise = b->otherwise;
	t->mask = size - 1;
	t->slots = arena_calloc(&c->set->arena, size, sizeof(*t->slots));
	t->prefixes = arena_calloc(&c->set->arena, (size_t)b->row_count + 1, sizeof(*t->prefixes));
	if (!t->slots || !t->prefixes)
		return full(c);
	for (uint32_t i = 0; i < b->row_count; i++) {
		const struct table_row *row = &b->rows[i];
		uint32_t at = code_hash(row->code);

		if (has_star(row->code)) {
			t->prefixes[t->prefix_count++] = row;
			continue;
		}
		while (t->slots[at & t->mask] && !str_eq(t->slots[at & t->mask]->code, row->code))
			at++;
		if (!t->slots[at & t->mask])
			t->slots[at & t->mask] = row;
	}
	return 0;
}

const struct table_row *
map_table_find(const struct table *t, struct str code, struct str *rest)
{
	*rest = STR("");
	for (uint32_t at = code_hash(code); t->slots[at & t->mask]; at++)
		if (str_eq(t->slots[at & t->mask]->code, code))
			return t->slots[at & t->mask];
	for (uint32_t i = 0; i < t->prefix_count; i++) {
		struct str pattern = t->prefixes[i]->code, front, back;
		size_t star = (size_t)str_find(pattern, '*');

		front = str_of(pattern.p, star);
		back = str_from_index(pattern, star + 1);
		if (code.len > front.len + back.len && str_starts(code, front) &&
		    str_ends(code, back)) {
			*rest = str_of(code.p + front.len, code.len - front.len - back.len);
			return t->prefixes[i];
		}
	}
	return t->otherwise;
}

struct str
map_table_target(const struct table_row *row, struct str code, struct str rest, struct arena *a)
{
	ptrdiff_t star;

	if (row->keep)
		return code;
	star = has_star(row->code) ? str_find(row->target, '*') : -1;
	if (star < 0)
		return row->target;
	return str_printf(a, "%.*s%.*s%.*s", (int)star, row->target.p, STR_ARG(rest),
	    STR_ARG(str_from_index(row->target, (size_t)star + 1)));
}

struct str
map_table_system(const struct table *t, const struct table_row *row)
{
	if (row->system.len)
		return row->system;
	return row->keep ? t->from : t->to;
}

static const struct table *
find_table(const struct map_set *set, struct str name)
{
	for (uint32_t i = 0; i < set->table_count; i++)
		if (str_eq(set->tables[i].name, name))
			return &set->tables[i];
	return NULL;
}

static int
compile_tables(struct compiler *c)
{
	uint32_t n = 0;

	for (const struct block *b = c->set->blocks; b; b = b->next)
		n += b->kind == BLOCK_TABLE;
	c->set->tables = arena_calloc(&c->set->arena, n + 1, sizeof(struct table));
	if (!c->set->tables)
		return full(c);
	for (const struct block *b = c->set->blocks; b; b = b->next)
		if (b->kind == BLOCK_TABLE &&
		    compile_table(c, b, &c->set->tables[c->set->table_count++]) != 0)
			return -1;
	return 0;
}

static int
compile_events(struct compiler *c)
{
	struct map_set *set = c->set;

	for (const struct block *b = set->blocks; b; b = b->next) {
		for (const struct word_row *r = b->kind == BLOCK_EVENTS ? b->words : NULL; r;
		     r = r->next) {
			for (uint32_t i = 0; i < r->count; i++) {
				set->events = map_grow(&set->arena, set->events, set->event_count,
				    sizeof(*set->events));
				if (!set->events)
					return full(c);
				set->events[set->event_count++] = (struct event){ r->words[i],
					r->name };
			}
		}
	}
	return 0;
}

/* ---- values and conditions ---- */

static int
check_value(struct compiler *c, const struct scope *scope, struct value *v)
{
	struct str type;

	if (v->kind == VALUE_SOURCE)
		return check_source(c, scope, &v->source, &type);
	if (v->kind == VALUE_CALL && v->fn == FN_TRANSLATE) {
		v->table = find_table(c->set, v->text);
		if (!v->table)
			return no_block(c, v->place, BLOCK_TABLE, v->text);
	}
	for (uint32_t i = 0; i < v->arg_count; i++) {
		if (v->args[i]->kind == VALUE_REF)
			return map_error(
			    c->err, v->args[i]->place, "a reference cannot be part of a text");
		if (check_value(c, scope, v->args[i]) != 0)
			return -1;
	}
	return 0;
}

static int
check_test(struct compiler *c, const struct scope *scope, struct test *t)
{
	struct str type;

	if (!t)
		return 0;
	if (t->kind <= TEST_NOT)
		return check_test(c, scope, t->a) != 0 ? -1 : check_test(c, scope, t->b);
	if (check_source(c, scope, &t->source, &type) != 0)
		return -1;
	for (uint32_t i = 0; i < t->value_count; i++)
		if (check_value(c, scope, t->values[i]) != 0)
			return -1;
	return 0;
}

/* ---- paths ---- */

static struct str
type_name(struct compiler *c, uint32_t type)
{
	return pack_text(c->pack, pack_type_at(c->pack, type)->name);
}

static int
no_element(struct compiler *c, const struct step_text *s, uint32_t type)
{
	struct str near, own = type_name(c, type);
	uint32_t stem = pack_find_stem(c->pack, type, s->name);

	if (stem != PACK_NONE) {
		near = pack_text(c->pack, pack_element_at(c->pack, stem)->name);
		return map_error(c->err, s->place,
		    "'%.*s' may have several types: name it with its type, as in '%.*s'",
		    STR_ARG(s->name), STR_ARG(near));
	}
	near = pack_suggest_element(c->pack, type, s->name);
	return map_error(c->err, s->place, "%.*s has no element '%.*s'%s%.*s%s", STR_ARG(own),
	    STR_ARG(s->name), near.len ? "; did you mean '" : "", STR_ARG(near),
	    near.len ? "'?" : "");
}

/* Whether the element may refer to that type of resource. */
static bool
may_refer(struct compiler *c, uint32_t element, uint32_t type)
{
	struct pack_run run = pack_detail_at(c->pack, element)->targets;
	const struct pack_text *targets = pack_texts(c->pack, run);
	struct str url = pack_text(c->pack, pack_type_at(c->pack, type)->url);

	for (uint32_t i = 0; i < run.count; i++) {
		struct str t = pack_text(c->pack, targets[i]);

		if (str_eq(t, url) || str_ends(t, STR("/StructureDefinition/Resource")))
			return true;
	}
	return run.count == 0;
}

/* The resource that a step opens. */
static int
open_resource(struct compiler *c, const struct step_text *t, struct step *s)
{
	struct str name = pack_text(c->pack, pack_element_at(c->pack, s->element)->name);

	if (!(s->flags & STEP_REFERENCE))
		return map_error(c->err, t->place,
		    "'%.*s' is no Reference, so nothing can be in brackets", STR_ARG(name));
	s->resource = pack_find_resource(c->pack, t->resource);
	if (s->resource == PACK_NONE)
		return map_error(
		    c->err, t->place, "there is no resource type '%.*s'", STR_ARG(t->resource));
	if (!may_refer(c, s->element, s->resource))
		return map_error(c->err, t->place, "'%.*s' cannot refer to a %.*s", STR_ARG(name),
		    STR_ARG(t->resource));
	return 0;
}

static int
compile_step(struct compiler *c, const struct step_text *t, bool last, uint32_t type,
    struct step *s, bool *by_rep)
{
	const struct pack_element *e;

	s->element = pack_find_element(c->pack, type, t->name);
	if (s->element == PACK_NONE)
		return no_element(c, t, type);
	e = pack_element_at(c->pack, s->element);
	s->type = e->type;
	s->choice = e->choice;
	s->resource = PACK_NONE;
	s->url = PACK_NONE;
	if (e->flags & ELEMENT_RESOURCE)
		return map_error(
		    c->err, t->place, "resources inside resources are not made by maps");
	if (e->flags & ELEMENT_PRIMITIVE)
		s->flags |= STEP_PRIMITIVE;
	if (e->flags & ELEMENT_REFERENCE)
		s->flags |= STEP_REFERENCE;
	if (t->resource.len && open_resource(c, t, s) != 0)
		return -1;
	if (t->url.len) {
		s->url = c->set->known.extension_url;
		s->url_text = t->url;
	}
	if (!(e->flags & ELEMENT_REPEATS))
		return 0;
	s->flags |= STEP_REPEATS;
	if (last && t->slot == 0) {
		s->flags |= STEP_APPEND;
		return 0;
	}
	s->slot = t->slot ? t->slot : 2; /* [1] */
	if (s->slot >= SLOT_LABEL && s->slot < SLOT_URL) {
		s->flags |= STEP_SHARED;
		return 0;
	}
	if (!*by_rep)
		s->flags |= STEP_BY_REP;
	*by_rep = true;
	return 0;
}

/* Compile a path that begins at `type`. */
static int
compile_path(struct compiler *c, uint32_t type, const struct path_text *t, struct path *out)
{
	bool by_rep = false;

	out->steps = arena_calloc(&c->set->arena, (size_t)t->count + 1, sizeof(struct step));
	if (!out->steps)
		return full(c);
	out->count = t->count;
	for (uint32_t i = 0; i < t->count; i++) {
		struct step *s = &out->steps[i];

		if (compile_step(c, &t->steps[i], i + 1 == t->count, type, s, &by_rep) != 0)
			return -1;
		type = s->resource != PACK_NONE ? s->resource : s->type;
		out->repeats |= (s->flags & STEP_REPEATS) != 0;
	}
	out->type = type;
	out->lexical = pack_type_at(c->pack, type)->lexical;
	return 0;
}

/* ---- rules ---- */

static const struct program *
compile_program(struct compiler *c, struct block *b, uint32_t type, struct place at);

static struct resource *
find_resource(struct message_map *m, struct str name)
{
	for (uint32_t i = 0; m && i < m->resource_count; i++)
		if (str_eq(m->resources[i].name, name))
			return &m->resources[i];
	return NULL;
}

static int
need_resource(struct compiler *c, struct message_map *m, struct place at, struct str name,
    const struct resource **out)
{
	struct str near = STR("");
	unsigned best = 4;

	if (!m)
		return map_error(c->err, at,
		    "'%.*s': resources can be named in message maps only, where they are made",
		    STR_ARG(name));
	*out = find_resource(m, name);
	if (*out)
		return 0;
	for (uint32_t i = 0; i < m->resource_count; i++) {
		unsigned d = str_distance(name, m->resources[i].name, 4);

		if (d < best) {
			best = d;
			near = m->resources[i].name;
		}
	}
	return map_error(c->err, at, "no rule of this message makes a resource '%.*s'%s%.*s%s",
	    STR_ARG(name), near.len ? "; did you mean '" : "", STR_ARG(near), near.len ? "'?" : "");
}

static bool
note_absent(struct compiler *c, struct message_map *m, struct place at, struct str name)
{
	struct absent *a;

	if (!name.len || find_resource(m, name))
		return false;
	a = ARENA_NEW(&c->set->arena, struct absent);
	if (a) {
		*a = (struct absent){ c->absent, at, name };
		c->absent = a;
	}
	return true;
}

/* Whether a shared rule is for a resource that this message does not make. */
static bool
is_absent(struct compiler *c, const struct scope *scope, const struct rule_text *t)
{
	if (!scope->shared || !scope->message)
		return false;
	return note_absent(c, scope->message, t->path.place, t->path.instance) ||
	       (t->value && t->value->kind == VALUE_REF &&
		   note_absent(c, scope->message, t->value->place, t->value->text));
}

/* Check that a value can be put at the end of the path. */
static int
check_target(struct compiler *c, const struct rule_text *t, struct rule *r)
{
	const struct known *k = &c->set->known;
	struct str type = type_name(c, r->path.type);

	if (t->value && t->value->kind == VALUE_REF) {
		const struct step *last = r->path.count ? &r->path.steps[r->path.count - 1] : NULL;

		if (r->path.type != k->type_reference)
			return map_error(
			    c->err, t->place, "the target of 'ref' must be a Reference");
		if (last && !may_refer(c, last->element, r->ref->type))
			return map_error(c->err, t->value->place, "'%.*s' cannot refer to a %.*s",
			    STR_ARG(
				pack_text(c->pack, pack_element_at(c->pack, last->element)->name)),
			    STR_ARG(type_name(c, r->ref->type)));
		return 0;
	}
	if (r->path.lexical != LEXICAL_NONE)
		return 0;
	if (!t->value && (t->datatype.len || t->block))
		return 0;
	if (!t->value && (t->table.len || t->table_given) &&
	    (r->path.type == k->type_coding || r->path.type == k->type_concept))
		return 0;
	if (t->kind == RULE_DROP)
		return 0;
	return map_error(c->err, t->place,
	    "the target is a %.*s: a data type map (': NAME[%.*s]') or an element of it is needed",
	    STR_ARG(type), STR_ARG(type));
}

static void
number_rule(struct map_set *set, struct rule_text *t)
{
	const struct rule_text **grown;

	if (t->number)
		return;
	grown = map_grow(&set->arena, set->rules, set->rule_count + 1, sizeof(*grown));
	if (!grown)
		return;
	set->rules = grown;
	t->number = ++set->rule_count;
	grown[t->number] = t;
}

/* The data type map and table of a rule, and its block. */
static int
compile_how(struct compiler *c, const struct scope *scope, struct rule_text *t, struct rule *r)
{
	struct scope inside = *scope;
	struct block *b;
	struct str type;

	if (check_source(c, scope, &t->source, &type) != 0)
		return -1;
	if (t->table.len) {
		r->table = find_table(c->set, t->table);
		if (!r->table)
			return no_block(c, t->how_place, BLOCK_TABLE, t->table);
	}
	if (t->datatype.len) {
		b = find_block(c->set, BLOCK_DATATYPE, t->datatype);
		if (!b)
			return no_block(c, t->how_place, BLOCK_DATATYPE, t->datatype);
		r->map = compile_program(c, b, r->path.type, t->how_place);
		if (!r->map)
			return -1;
		type = b->v2;
	}
	inside.type = r->path.type;
	inside.v2 = type;
	if (!t->block)
		return 0;
	return compile_rules(c, &inside, t->block, (struct rule **)&r->block, &r->block_count);
}

static int
compile_rule(struct compiler *c, const struct scope *scope, struct rule_text *t, struct rule *r)
{
	uint32_t type = scope->type;

	r->text = t;
	number_rule(c->set, t);
	if (t->test && check_test(c, scope, t->test) != 0)
		return -1;
	if (t->kind == RULE_DROP) {
		struct str v2;

		return check_source(c, scope, &t->source, &v2);
	}
	if (t->source.kind == SOURCE_SEGMENT)
		return map_error(c->err, t->source.place,
		    "a segment can be mapped as a whole in message maps only: name a field");
	if (t->path.instance.len) {
		if (need_resource(
			c, scope->message, t->path.place, t->path.instance, &r->foreign) != 0)
			return -1;
		type = r->foreign->type;
	}
	if (compile_path(c, type, &t->path, &r->path) != 0)
		return -1;
	if (t->value && t->value->kind == VALUE_REF) {
		if (need_resource(c, scope->message, t->value->place, t->value->text, &r->ref) != 0)
			return -1;
	} else if (t->value && check_value(c, scope, t->value) != 0) {
		return -1;
	}
	if (check_target(c, t, r) != 0)
		return -1;
	return t->kind == RULE_MAP ? compile_how(c, scope, t, r) : 0;
}

static int
compile_rules(struct compiler *c, const struct scope *scope, struct rule_text *texts,
    struct rule **out, uint32_t *count)
{
	uint32_t n = 0;

	for (struct rule_text *t = texts; t; t = t->next)
		n++;
	*out = arena_calloc(&c->set->arena, n + 1, sizeof(struct rule));
	*count = 0;
	if (!*out)
		return full(c);
	for (struct rule_text *t = texts; t; t = t->next) {
		if (t->kind == RULE_MATCH || t->kind == RULE_WITHOUT)
			continue;
		if (t->kind == RULE_RESOURCE || t->kind == RULE_USE)
			return map_error(c->err, t->place,
			    "'resource' and 'use' have their place in message maps");
		if (is_absent(c, scope, t))
			continue;
		if (compile_rule(c, scope, t, &(*out)[*count]) != 0)
			return -1;
		*count += 1;
	}
	return 0;
}

/* ---- programs ---- */

/* The FHIR type a map says it is for. */
static uint32_t
block_type(const struct pack *pack, const struct block *b)
{
	struct str name = b->on.len ? b->on : b->label;
	uint32_t type = pack_find_type(pack, name);
	ptrdiff_t dash = str_find(name, '-');

	if (type == PACK_NONE && dash > 0)
		type = pack_find_type(pack, str_of(name.p, (size_t)dash));
	return type;
}

static int
compile_match(struct compiler *c, struct program *p, const struct rule_text *t)
{
	struct step_text step = { .name = STR("identifier"), .place = t->place };

	p->match = t;
	p->identifier = pack_find_element(c->pack, p->type, step.name);
	if (p->identifier == PACK_NONE)
		return no_element(c, &step, p->type);
	return 0;
}

/* The map on that type, compiled once. */
static const struct program *
compile_program(struct compiler *c, struct block *b, uint32_t type, struct place at)
{
	struct scope scope = { .type = type, .v2 = b->kind == BLOCK_DATATYPE ? b->v2 : STR("") };
	struct program *p;

	for (p = c->set->programs; p; p = p->next)
		if (p->block == b && p->type == type)
			return p;
	if (++c->depth > MAP_DEPTH) {
		map_error(c->err, at, "maps use each other too deep");
		return NULL;
	}
	p = ARENA_NEW(&c->set->arena, struct program);
	if (!p) {
		full(c);
		return NULL;
	}
	p->block = b;
	p->type = type;
	p->next = c->set->programs;
	c->set->programs = p;
	for (struct rule_text *t = b->rules; t; t = t->next)
		if (t->kind == RULE_MATCH && compile_match(c, p, t) != 0)
			return NULL;
	if (compile_rules(c, &scope, b->rules, &p->rules, &p->count) != 0) {
		if (type != block_type(c->pack, b))
			error_prefix(c->err, "%s:%u:%u: used on %.*s here", at.file, at.line,
			    at.column, STR_ARG(type_name(c, type)));
		return NULL;
	}
	c->depth--;
	return p;
}

/* Each map on its own type, used or not. */
static int
compile_map(struct compiler *c, struct block *b)
{
	uint32_t type = block_type(c->pack, b);

	if (type == PACK_NONE)
		return map_error(c->err, b->place,
		    "'%.*s' is no FHIR type: say 'on TYPE' before the brace",
		    STR_ARG(b->on.len ? b->on : b->label));
	return compile_program(c, b, type, b->place) ? 0 : -1;
}

static int
compile_maps(struct compiler *c)
{
	struct error *all = c->err;
	int rc = 0;

	all->text[0] = 0;
	/* What is wrong with one does not hide what is wrong with the others. */
	for (struct block *b = c->set->blocks; b; b = b->next) {
		struct error one = { 0 };

		if (b->kind != BLOCK_SEGMENT && b->kind != BLOCK_DATATYPE)
			continue;
		c->err = &one;
		c->depth = 0;
		if (compile_map(c, b) != 0)
			rc = map_error_add(all, &one);
	}
	c->err = all;
	return rc;
}

/* ---- messages ---- */

static int
add_resource(struct compiler *c, struct message_map *m, struct place at, struct str name)
{
	ptrdiff_t bracket = str_find(name, '[');
	struct str type = bracket < 0 ? name : str_of(name.p, (size_t)bracket);
	struct resource r = { .name = name, .number = m->resource_count };

	if (find_resource(m, name))
		return 0;
	r.type = pack_find_resource(c->pack, type);
	if (r.type == PACK_NONE)
		return map_error(c->err, at, "there is no resource type '%.*s'", STR_ARG(type));
	r.bundle = r.type == c->set->known.type_bundle;
	m->resources = map_grow(
	    &c->set->arena, m->resources, m->resource_count, sizeof(*m->resources));
	if (!m->resources)
		return full(c);
	m->resources[m->resource_count++] = r;
	return 0;
}

/* Whether the segment part stands in a group of that name; near: with no other
 * named group between. */
static bool
is_in_group(const struct part *s, struct str group, bool near)
{
	for (const struct part *g = s->parent; g; g = g->parent) {
		if (str_eq(g->name, group))
			return true;
		if (near && g->name.len)
			return false;
	}
	return false;
}

/* Put the rule to each place of its segment; how many there are. */
static uint32_t
attach(struct compiler *c, struct part *g, const struct message_rule *r, bool near)
{
	const struct source *s = &r->text->source;
	uint32_t n = 0;

	for (struct part *p = g->first; p; p = p->next) {
		if (!p->segment) {
			n += attach(c, p, r, near);
			continue;
		}
		if (p->segment != s->segment || (s->group.len && !is_in_group(p, s->group, near)))
			continue;
		p->rules = map_grow(&c->set->arena, p->rules, p->rule_count, sizeof(*p->rules));
		if (!p->rules)
			return 0;
		p->rules[p->rule_count++] = r;
		n++;
	}
	return n;
}

static struct part *
find_part(struct part *g, struct str group, uint16_t segment)
{
	for (struct part *p = g->first; p; p = p->next) {
		struct part *found;

		if (segment ? p->segment == segment : str_eq(p->name, group) && !p->segment)
			return p;
		found = p->segment ? NULL : find_part(p, group, segment);
		if (found)
			return found;
	}
	return NULL;
}

/* A segment that rules name but the structure does not: it may stand anywhere,
 * and is kept as a part behind the structure's own, which no search enters. */
static int
attach_anywhere(struct compiler *c, struct message_map *m, const struct message_rule *r)
{
	struct part *loose = m->structure->next, *p;
	const struct source *s = &r->text->source;

	/* Shared rules are for any message: one may not have the group. */
	if (s->group.len && r->text->shared)
		return 0;
	if (s->group.len)
		return map_error(c->err, s->place, "there is no %.*s in a group %.*s of %.*s",
		    STR_ARG(c->set->ids[s->segment]), STR_ARG(s->group), STR_ARG(m->block->name));
	for (p = loose->first; p && p->segment != s->segment; p = p->next)
		;
	if (!p) {
		p = ARENA_NEW(&c->set->arena, struct part);
		if (!p)
			return full(c);
		p->segment = s->segment;
		p->repeats = true;
		p->parent = loose;
		p->next = loose->first;
		loose->first = p;
	}
	return attach(c, loose, r, true) ? 0 : full(c);
}

static int
compile_message_rule(
    struct compiler *c, struct message_map *m, struct rule_text *t, struct message_rule *r)
{
	struct scope scope = { .message = m, .shared = t->shared };
	const struct resource *target;
	struct block *b;

	r->text = t;
	number_rule(c->set, t);
	if (t->source.kind != SOURCE_SEGMENT)
		return map_error(
		    c->err, t->source.place, "in a message map the source is a segment");
	if (check_test(c, &scope, t->test) != 0)
		return -1;
	r->drop = t->kind == RULE_DROP;
	if (!r->drop) {
		if (need_resource(c, m, t->path.place, t->path.instance, &target) != 0)
			return -1;
		r->target = target;
		if (compile_path(c, target->type, &t->path, &r->path) != 0)
			return -1;
		if (t->datatype.len) {
			b = find_block(c->set, BLOCK_SEGMENT, t->datatype);
			if (!b)
				return no_block(c, t->how_place, BLOCK_SEGMENT, t->datatype);
			r->map = compile_program(c, b, r->path.type, t->how_place);
			if (!r->map)
				return -1;
		}
		scope.type = r->path.type;
		if (t->block && compile_rules(c, &scope, t->block, (struct rule **)&r->block,
				    &r->block_count) != 0)
			return -1;
	}
	if (attach(c, m->structure, r, true) || attach(c, m->structure, r, false))
		return 0;
	return attach_anywhere(c, m, r);
}

static int
add_foreign(struct compiler *c, struct message_map *m)
{
	for (struct rule_text *t = m->block->rules; t; t = t->next) {
		if (t->kind != RULE_MAP && t->kind != RULE_RESOURCE)
			continue;
		if (!t->path.instance.len)
			return map_error(c->err, t->path.place,
			    "the target must begin with a resource: Patient, Provenance[event]");
		if (add_resource(c, m, t->path.place, t->path.instance) != 0)
			return -1;
	}
	return 0;
}

static int
declare(struct compiler *c, struct message_map *m, const struct rule_text *t)
{
	struct resource *r = find_resource(m, t->path.instance);

	r->always = t->always;
	r->per = t->reason;
	if (!r->per.len || str_is(r->per, "message"))
		return 0;
	if (find_part(m->structure, r->per, 0))
		return 0;
	for (uint16_t i = 1; i <= c->set->id_count; i++)
		if (str_eq(c->set->ids[i], r->per))
			r->per_segment = i;
	if (r->per_segment && find_part(m->structure, STR(""), r->per_segment))
		return 0;
	/* Shared rules are for any message: without the group it is the message. */
	if (t->shared) {
		r->per_segment = 0;
		return 0;
	}
	return map_error(c->err, t->path.place, "%.*s has no group or segment '%.*s'",
	    STR_ARG(m->block->name), STR_ARG(r->per));
}

static int
compile_message(struct compiler *c, struct block *b, struct message_map *m)
{
	uint32_t n = 0;

	m->block = b;
	m->structure = b->structure;
	if (!m->structure)
		return map_error(
		    c->err, b->place, "the message has no structure { … }: it must come first");
	m->structure->next = ARENA_NEW(&c->set->arena, struct part);
	for (struct rule_text *t = b->rules; t; t = t->next)
		n++;
	m->rules = arena_calloc(&c->set->arena, n + 1, sizeof(*m->rules));
	if (!m->rules || !m->structure->next)
		return full(c);
	m->structure->next->parent = m->structure;
	if (add_foreign(c, m) != 0)
		return -1;
	for (struct rule_text *t = b->rules; t; t = t->next) {
		if (t->kind == RULE_WITHOUT)
			continue;
		if (t->kind == RULE_RESOURCE) {
			if (declare(c, m, t) != 0)
				return -1;
			continue;
		}
		if (t->kind != RULE_MAP && t->kind != RULE_DROP)
			return map_error(c->err, t->place,
			    "in a message map stand rules SEGMENT -> RESOURCE, and drop");
		if (compile_message_rule(c, m, t, &m->rules[m->rule_count++]) != 0)
			return -1;
	}
	return 0;
}

static int
check_absent(struct compiler *c)
{
	for (const struct absent *a = c->absent; a; a = a->next) {
		const struct resource *ignored;
		bool found = false;

		for (uint32_t i = 0; i < c->set->message_count && !found; i++)
			found = find_resource(&c->set->messages[i], a->name) != NULL;
		if (!found)
			return need_resource(c, &c->set->messages[0], a->place, a->name, &ignored);
	}
	return 0;
}

static int
compile_messages(struct compiler *c)
{
	struct map_set *set = c->set;
	struct error *all = c->err;
	uint32_t n = 0;
	int rc = 0;

	for (const struct block *b = set->blocks; b; b = b->next)
		n += b->kind == BLOCK_MESSAGE;
	set->messages = arena_calloc(&set->arena, n + 1, sizeof(*set->messages));
	if (!set->messages)
		return full(c);
	all->text[0] = 0;
	for (struct block *b = set->blocks; b; b = b->next) {
		struct error one = { 0 };

		c->err = &one;
		c->depth = 0;
		if (b->kind == BLOCK_MESSAGE &&
		    compile_message(c, b, &set->messages[set->message_count++]) != 0)
			rc = map_error_add(all, &one);
	}
	c->err = all;
	return rc == 0 ? check_absent(c) : -1;
}

/* ---- what the engine itself writes ---- */

static int
find_known(struct compiler *c)
{
	struct known *k = &c->set->known;
	struct {
		uint32_t *out, *of;
		const char *type, *element;
	} wanted[] = {
		{ &k->reference_reference, &k->type_reference, "Reference", "reference" },
		{ &k->coding_system, &k->type_coding, "Coding", "system" },
		{ &k->coding_code, &k->type_coding, "Coding", "code" },
		{ &k->coding_display, &k->type_coding, "Coding", "display" },
		{ &k->concept_coding, &k->type_concept, "CodeableConcept", "coding" },
		{ &k->extension_url, &k->type_extension, "Extension", "url" },
		{ &k->identifier_system, NULL, "Identifier", "system" },
		{ &k->identifier_value, NULL, "Identifier", "value" },
		{ &k->identifier_type, NULL, "Identifier", "type" },
		{ &k->bundle_type, &k->type_bundle, "Bundle", "type" },
		{ &k->bundle_entry, NULL, "Bundle", "entry" },
		{ &k->entry_full_url, NULL, "Bundle.entry", "fullUrl" },
		{ &k->entry_resource, NULL, "Bundle.entry", "resource" },
		{ &k->entry_request, NULL, "Bundle.entry", "request" },
		{ &k->request_method, NULL, "Bundle.entry.request", "method" },
		{ &k->request_url, NULL, "Bundle.entry.request", "url" },
		{ &k->request_if_none_exist, NULL, "Bundle.entry.request", "ifNoneExist" },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		uint32_t type = pack_find_type(c->pack, str_from(wanted[i].type));

		*wanted[i].out = type == PACK_NONE ? PACK_NONE
						   : pack_find_element(c->pack, type,
							 str_from(wanted[i].element));
		if (*wanted[i].out == PACK_NONE)
			return error_set(c->err, ERROR_INVALID,
			    "the definitions have no %s.%s: maps need the FHIR core package",
			    wanted[i].type, wanted[i].element);
		if (wanted[i].of)
			*wanted[i].of = type;
	}
	return 0;
}

/* List what must be there, once: the engine asks for each element it fills. */
static int
list_required(struct compiler *c)
{
	struct map_set *set = c->set;
	uint32_t types = pack_type_count(c->pack), n = 0;

	set->required_at = arena_calloc(&set->arena, (size_t)types + 1, sizeof(uint32_t));
	if (!set->required_at)
		return full(c);
	for (uint32_t t = 0; t < types; t++) {
		struct pack_run run = pack_type_at(c->pack, t)->elements;
		uint16_t choice = 0;

		for (uint32_t e = run.first; e < run.first + run.count; e++) {
			const struct pack_element *x = pack_element_at(c->pack, e);
			bool again = x->choice && x->choice == choice;

			choice = x->choice;
			if (x->min == 0 || again)
				continue;
			set->required = map_grow(
			    &set->arena, set->required, n, sizeof(*set->required));
			if (!set->required)
				return full(c);
			set->required[n++] = e;
		}
		set->required_at[t + 1] = n;
	}
	return 0;
}

int
map_compile(struct map_set *set, struct error *err)
{
	struct compiler c = { .set = set, .pack = set->pack, .err = err };

	if (find_known(&c) != 0 || list_required(&c) != 0 || overlay(&c) != 0 ||
	    compile_tables(&c) != 0 || compile_events(&c) != 0 || compile_maps(&c) != 0)
		return -1;
	return compile_messages(&c);
}
