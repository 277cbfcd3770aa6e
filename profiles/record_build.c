#include "profiles/record_build.h"

#include <assert.h>

#include "base/arena.h"
#include "base/error.h"

enum {
	NODES_FIRST = 256,
	TEXT_FIRST = 4096,
	/* What a builder keeps between records. */
	NODES_KEPT = 1 << 18,
	TEXT_KEPT = 4 << 20,
};

const struct record_limits record_default_limits = {
	.nodes = 2000000,
	.depth = 64,
	.text = 256u << 20,
};

void
record_builder_init(
    struct record_builder *b, const struct pack *p, const struct record_limits *limits)
{
	*b = (struct record_builder){ .pack = p, .limits = *limits };
	if (b->limits.nodes > ~(uint32_t)RECORD_MARKS)
		b->limits.nodes = ~(uint32_t)RECORD_MARKS;
	if (b->limits.depth > RECORD_DEPTH)
		b->limits.depth = RECORD_DEPTH;
	if (b->limits.text > UINT32_MAX / 2)
		b->limits.text = UINT32_MAX / 2;
}

/* What was written so far is to be wiped one day. */
static void
note_text(struct record_builder *b)
{
	if (b->text_len > b->text_high)
		b->text_high = b->text_len;
}

static void
free_text(struct record_builder *b)
{
	if (b->text)
		explicit_bzero(b->text, b->text_high);
	free(b->text);
	b->text = NULL;
	b->text_len = b->text_room = b->text_high = 0;
}

void
record_builder_release(struct record_builder *b)
{
	note_text(b);
	free_text(b);
	free(b->nodes);
	free(b->spare);
	free(b->stack);
	free(b->follow);
	free(b->required);
	*b = (struct record_builder){ .pack = b->pack, .limits = b->limits };
}

void
record_builder_reset(struct record_builder *b)
{
	note_text(b);
	b->count = b->depth = 0;
	b->text_len = 0;
	b->failed = NULL;
	if (b->text_room > TEXT_KEPT)
		free_text(b);
	if (b->room > NODES_KEPT) {
		free(b->nodes);
		b->nodes = NULL;
		b->room = 0;
	}
	if (b->spare_room > NODES_KEPT) {
		free(b->spare);
		b->spare = NULL;
		b->spare_room = 0;
	}
}

void
record_fail(struct record_builder *b, const char *what)
{
	if (!b->failed)
		b->failed = what;
}

bool
record_more_nodes(struct record_builder *b)
{
	uint32_t room = b->room ? b->room * 2 : NODES_FIRST;

	if (b->room >= b->limits.nodes) {
		record_fail(b, "more elements than the limit");
		return false;
	}
	if (room > b->limits.nodes)
		room = b->limits.nodes;
	b->nodes = xrealloc(b->nodes, room * sizeof(b->nodes[0]));
	b->room = room;
	return true;
}

bool
record_more_text(struct record_builder *b, size_t size)
{
	size_t room = b->text_room ? b->text_room * 2 : TEXT_FIRST;
	char *text;

	if (b->text_len > b->limits.text || size > b->limits.text - b->text_len) {
		record_fail(b, "more bytes of values than the limit");
		return false;
	}
	if (size <= b->text_room - b->text_len)
		return true;
	if (room < b->text_len + size)
		room = b->text_len + size;
	text = xmalloc(room);
	note_text(b);
	if (b->text) {
		memcpy(text, b->text, b->text_len);
		explicit_bzero(b->text, b->text_high);
		free(b->text);
	}
	b->text_high = b->text_len;
	b->text = text;
	b->text_room = room;
	return true;
}

/* A child on the way to its place. */
struct place {
	uint32_t element, node;
};

/* Sort n places by element, stable; `other` has room for n too. */
static void
sort_places(struct place *at, struct place *other, uint32_t n)
{
	uint32_t half = n / 2, i = 0, j = half;

	if (n < 2)
		return;
	sort_places(at, other, half);
	sort_places(at + half, other, n - half);
	if (at[half - 1].element <= at[half].element)
		return;
	for (uint32_t k = 0; k < n; k++) {
		if (j == n || (i < half && at[i].element <= at[j].element))
			other[k] = at[i++];
		else
			other[k] = at[j++];
	}
	memcpy(at, other, n * sizeof(at[0]));
}

void
record_room_spare(struct record_builder *b, uint32_t nodes)
{
	if (nodes <= b->spare_room)
		return;
	free(b->spare);
	b->spare = xmalloc(nodes * sizeof(b->spare[0]));
	b->spare_room = nodes;
}

void
record_sort_children(struct record_builder *b, uint32_t node)
{
	uint32_t first = node + 1, nodes = b->count - first, n = 0, to = 0;
	struct place *places;

	for (uint32_t i = first; i < b->count; i += b->nodes[i].end)
		n++;
	places = xmalloc(2 * (size_t)n * sizeof(places[0]));
	n = 0;
	for (uint32_t i = first; i < b->count; i += b->nodes[i].end)
		places[n++] = (struct place){ b->nodes[i].element & ~(uint32_t)RECORD_MARKS, i };
	sort_places(places, places + n, n);
	record_room_spare(b, nodes);
	for (uint32_t i = 0; i < n; i++) {
		const struct record_node *from = &b->nodes[places[i].node];

		memcpy(b->spare + to, from, from->end * sizeof(*from));
		to += from->end;
	}
	if (nodes)
		memcpy(b->nodes + first, b->spare, nodes * sizeof(b->spare[0]));
	free(places);
}

void
record_learn(struct record_builder *b)
{
	const struct pack *p = b->pack;
	uint32_t types = pack_type_count(p);

	if (b->follow)
		return;
	b->required = xcalloc(types, sizeof(b->required[0]));
	for (uint32_t t = 0; t < types; t++) {
		struct pack_run run = pack_type_at(p, t)->elements;
		unsigned choice = 0;

		for (uint32_t e = run.first; e < run.first + run.count; e++) {
			const struct pack_element *x = pack_element_at(p, e);

			if (x->min && (!x->choice || x->choice != choice))
				b->required[t]++;
			choice = x->choice;
		}
	}
	b->follow = xcalloc(pack_element_count(p), sizeof(b->follow[0]));
}

/* Open a node for the element on the stack. */
static void
open_level(struct record_builder *b, uint32_t element, uint32_t type)
{
	uint32_t node;

	if (b->failed)
		return;
	if (b->depth >= b->limits.depth) {
		record_fail(b, "elements nested deeper than the limit");
		return;
	}
	if (b->depth == b->stack_room) {
		b->stack_room = b->stack_room ? b->stack_room * 2 : 16;
		b->stack = xrealloc(b->stack, b->stack_room * sizeof(b->stack[0]));
	}
	node = record_push(b, element);
	if (node == RECORD_FULL)
		return;
	b->stack[b->depth++] = (struct record_level){ .node = node, .type = type };
}

void
record_open_root(struct record_builder *b, uint32_t type)
{
	if (b->failed)
		return;
	assert(type < pack_type_count(b->pack));
	if (b->depth) {
		const struct record_level *top = &b->stack[b->depth - 1];

		assert(pack_element_at(b->pack, b->nodes[top->node].element)->flags &
		       ELEMENT_RESOURCE);
		assert(b->count == top->node + 1);
	} else {
		assert(b->count == 0);
	}
	open_level(b, type, type);
}

void
record_open_element(struct record_builder *b, uint32_t element)
{
	const struct pack_element *e = pack_element_at(b->pack, element);
	struct record_level *top;

	if (b->failed)
		return;
	assert(b->depth);
	top = &b->stack[b->depth - 1];
	assert(e->owner == top->type);
	if (element < top->last)
		top->disorder = true;
	else
		top->last = element;
	open_level(b, element, e->type);
}

void
record_open(struct record_builder *b, struct str name)
{
	uint32_t element;

	if (b->failed)
		return;
	assert(b->depth);
	element = pack_find_element(b->pack, b->stack[b->depth - 1].type, name);
	assert(element != PACK_NONE);
	record_open_element(b, element);
}

void
record_set_text(struct record_builder *b, struct str value)
{
	struct record_node *n;

	if (b->failed || !record_more_text(b, value.len))
		return;
	assert(b->depth);
	n = &b->nodes[b->stack[b->depth - 1].node];
	assert(n == &b->nodes[b->count - 1]);
	assert(pack_element_at(b->pack, n->element)->flags & ELEMENT_PRIMITIVE);
	n->text = (uint32_t)b->text_len;
	n->len = (uint32_t)value.len;
	if (value.len)
		memcpy(b->text + b->text_len, value.p, value.len);
	b->text_len += value.len;
}

void
record_close(struct record_builder *b)
{
	struct record_level *top;

	if (b->failed)
		return;
	assert(b->depth);
	top = &b->stack[--b->depth];
	if (top->disorder)
		record_sort_children(b, top->node);
	b->nodes[top->node].end = b->count - top->node;
}

void
record_abandon(struct record_builder *b)
{
	if (b->failed)
		return;
	assert(b->depth);
	b->count = b->stack[--b->depth].node;
}

bool
record_is_filled(const struct record_builder *b)
{
	uint32_t node;

	if (b->failed)
		return true;
	assert(b->depth);
	node = b->stack[b->depth - 1].node;
	return b->count > node + 1 || b->nodes[node].len;
}

void
record_put(struct record_builder *b, struct str name, struct str value)
{
	if (value.len == 0)
		return;
	record_open(b, name);
	record_set_text(b, value);
	record_close(b);
}

void
record_copy(struct record_builder *b, const struct record *r, uint32_t i)
{
	const struct pack_element *e = pack_element_at(b->pack, r->nodes[i].element);
	uint32_t size = r->nodes[i].end - i;

	if (b->failed)
		return;
	assert(r->pack == pack_id(b->pack));
	if (e->owner == PACK_NONE)
		record_open_root(b, r->nodes[i].element);
	else
		record_open_element(b, r->nodes[i].element);
	for (uint32_t k = 0; k < size && !b->failed; k++) {
		struct str text = record_text(r, i + k);
		uint32_t node = k ? record_push(b, r->nodes[i + k].element) : b->count - 1;

		if (node == RECORD_FULL || !record_more_text(b, text.len))
			return;
		b->nodes[node].end = r->nodes[i + k].end - (i + k);
		b->nodes[node].text = (uint32_t)b->text_len;
		b->nodes[node].len = (uint32_t)text.len;
		if (text.len)
			memcpy(b->text + b->text_len, text.p, text.len);
		b->text_len += text.len;
	}
	record_close(b);
}

const struct record *
record_builder_make(const struct record_builder *b, struct arena *a, struct error *err)
{
	size_t nodes = b->count * sizeof(b->nodes[0]);
	struct record *r = NULL;

	if (b->failed) {
		error_set(err, ERROR_LIMIT, "cannot hold the resource: %s", b->failed);
	} else {
		assert(b->depth == 0 && b->count > 0);
		r = arena_alloc(a, sizeof(*r) + nodes + b->text_len);
		if (!r)
			error_set(err, ERROR_LIMIT,
			    "cannot hold the resource: it needs more memory than the limit");
	}
	if (r) {
		*r = (struct record){
			.pack = pack_id(b->pack),
			.node_count = b->count,
			.text_len = (uint32_t)b->text_len,
		};
		for (uint32_t i = 0; i < b->count; i++) {
			r->nodes[i] = b->nodes[i];
			r->nodes[i].end += i;
		}
		if (b->text_len)
			memcpy(&r->nodes[b->count], b->text, b->text_len);
	}
	return r;
}

const struct record *
record_builder_finish(struct record_builder *b, struct arena *a, struct error *err)
{
	const struct record *r = record_builder_make(b, a, err);

	record_builder_reset(b);
	return r;
}
