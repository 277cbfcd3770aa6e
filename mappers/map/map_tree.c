/* Trees of elements being filled. */
#include <stdlib.h>

#include "base/hash.h"
#include "mappers/map/map_run.h"

static struct node *
node_new(struct run *run, struct node *parent, uint32_t element)
{
	struct node *n = ARENA_NEW(run->arena, struct node);

	if (!n) {
		run->full = true;
		return NULL;
	}
	n->parent = parent;
	n->element = element;
	n->order = run->node_count++;
	if (!parent)
		return n;
	if (parent->last)
		parent->last->next = n;
	else
		parent->first = n;
	parent->last = n;
	return n;
}

struct node *
map_tree_root(struct run *run, uint32_t type)
{
	/* Row t of the element table is the root of type t. */
	return node_new(run, NULL, type);
}

struct node *
map_tree_find(const struct node *parent, uint32_t element)
{
	for (struct node *n = parent->first; n; n = n->next)
		if (n->element == element)
			return n;
	return NULL;
}

/* The element's only child; the types of a choice exclude each other. */
static struct node *
only_child(struct run *run, struct node *parent, const struct step *s)
{
	struct node *before = NULL, *next;

	for (struct node *n = parent->first; n; n = next) {
		next = n->next;
		if (n->element == s->element)
			return n;
		if (s->choice && pack_element_at(run->set->pack, n->element)->choice == s->choice) {
			if (before)
				before->next = next;
			else
				parent->first = next;
			if (parent->last == n)
				parent->last = before;
			continue;
		}
		before = n;
	}
	return node_new(run, parent, s->element);
}

static uint32_t
slot_hash(const struct node *parent, uint32_t element, uint32_t slot, uint32_t rep, uint32_t seg)
{
	uint64_t h = (uint64_t)(uintptr_t)parent >> 4;

	h = h * 0x9e3779b97f4a7c15u + element;
	h = h * 0x9e3779b97f4a7c15u + slot;
	h = h * 0x9e3779b97f4a7c15u + ((uint64_t)rep << 32 | seg);
	h *= 0x9e3779b97f4a7c15u;
	return (uint32_t)(h >> 32);
}

static bool
grow_slots(struct run *run)
{
	uint32_t room = run->slot_room ? run->slot_room * 4 : 256;
	struct node **slots = arena_calloc(run->arena, room, sizeof(*slots)), *next;

	if (!slots) {
		run->full = true;
		return false;
	}
	for (uint32_t i = 0; i < run->slot_room; i++) {
		for (struct node *n = run->slots[i]; n; n = next) {
			uint32_t at = slot_hash(n->parent, n->element, n->slot, n->rep, n->run) &
				      (room - 1);

			next = n->chain;
			n->chain = slots[at];
			slots[at] = n;
		}
	}
	run->slots = slots;
	run->slot_room = room;
	return true;
}

struct node *
map_tree_child(
    struct run *run, struct node *parent, const struct step *s, uint32_t rep, uint32_t segment)
{
	struct node *n;
	uint32_t at;

	if (!(s->flags & STEP_REPEATS))
		return only_child(run, parent, s);
	if (s->flags & STEP_APPEND)
		return node_new(run, parent, s->element);
	if (!(s->flags & STEP_BY_REP))
		rep = 0;
	if (s->flags & STEP_SHARED)
		segment = UINT32_MAX;
	if (run->slot_count >= run->slot_room && !grow_slots(run))
		return NULL;
	at = slot_hash(parent, s->element, s->slot, rep, segment) & (run->slot_room - 1);
	for (n = run->slots[at]; n; n = n->chain)
		if (n->parent == parent && n->element == s->element && n->slot == s->slot &&
		    n->rep == rep && n->run == segment)
			return n;
	n = node_new(run, parent, s->element);
	if (!n)
		return NULL;
	n->slot = s->slot;
	n->rep = rep;
	n->run = segment;
	n->chain = run->slots[at];
	run->slots[at] = n;
	run->slot_count++;
	return n;
}

struct node *
map_tree_open(struct run *run, struct node *at, const struct path *p, uint32_t rep,
    uint32_t segment, struct instance **inst)
{
	for (uint32_t i = 0; i < p->count && at; i++) {
		const struct step *s = &p->steps[i];

		at = map_tree_child(run, at, s, rep, segment);
		if (at && s->url != PACK_NONE)
			at->url = s->url_text;
		if (!at || s->resource == PACK_NONE)
			continue;
		/* Another type than an earlier rule's: the later one is right. */
		if (!at->opens || at->opens->type != s->resource) {
			at->opens = map_instance_new(run, s->resource);
			if (!at->opens)
				return NULL;
			at->opens->owner = *inst;
		}
		*inst = at->opens;
		at = (*inst)->root;
	}
	return at;
}

void
map_tree_put(struct run *run, struct node *parent, uint32_t element, struct str text)
{
	struct node *n = text.len ? map_tree_find(parent, element) : NULL;

	if (text.len && !n)
		n = node_new(run, parent, element);
	if (n)
		n->text = text;
}

bool
map_tree_has(const struct run *run, const struct node *parent, const struct step *s)
{
	for (const struct node *n = parent->first; n; n = n->next) {
		if (n->element != s->element &&
		    (!s->choice ||
			pack_element_at(run->set->pack, n->element)->choice != s->choice))
			continue;
		if (n->text.len || n->first || (n->opens && map_instance_lives(n->opens)))
			return true;
	}
	return false;
}

bool
map_tree_prune(struct node *n)
{
	struct node **at = &n->first;

	n->last = NULL;
	while (*at) {
		if (map_tree_prune(*at)) {
			n->last = *at;
			at = &(*at)->next;
		} else {
			*at = (*at)->next;
		}
	}
	if (n->opens && !map_instance_lives(n->opens))
		n->opens = NULL;
	return n->text.len || n->first || n->opens;
}

uint64_t
map_tree_hash(const struct node *n)
{
	uint64_t h = hash64(n->text, n->element);

	if (n->opens)
		h ^= (uint64_t)map_instance_real(n->opens)->number * 0x9e3779b97f4a7c15u;
	if (n->url.len)
		h ^= hash64(n->url, 7);
	for (const struct node *c = n->first; c; c = c->next)
		h = (h << 7 | h >> 57) * 31 + map_tree_hash(c);
	return h;
}

bool
map_tree_equal(const struct node *a, const struct node *b)
{
	const struct node *x = a->first, *y = b->first;

	if (a->element != b->element || !str_eq(a->text, b->text) || !str_eq(a->url, b->url) ||
	    !a->opens != !b->opens)
		return false;
	if (a->opens && map_instance_real(a->opens) != map_instance_real(b->opens))
		return false;
	for (; x && y; x = x->next, y = y->next)
		if (!map_tree_equal(x, y))
			return false;
	return !x && !y;
}

static bool
has_equal(const struct node *parent, const struct node *n)
{
	for (const struct node *c = parent->first; c; c = c->next)
		if (map_tree_equal(c, n))
			return true;
	return false;
}

void
map_tree_merge(const struct run *run, struct node *a, struct node *b)
{
	struct node *next;

	for (struct node *n = b->first; n; n = next) {
		const struct pack_element *e = pack_element_at(run->set->pack, n->element);
		struct step s = { .element = n->element, .choice = e->choice };

		next = n->next;
		if (e->flags & ELEMENT_REPEATS ? has_equal(a, n) : map_tree_has(run, a, &s))
			continue;
		n->next = NULL;
		n->parent = a;
		if (a->last)
			a->last->next = n;
		else
			a->first = n;
		a->last = n;
	}
	b->first = b->last = NULL;
}

/* By element; repetitions by segment, slot and repetition of the source. */
static int
compare_nodes(const void *x, const void *y)
{
	const struct node *a = *(struct node *const *)x, *b = *(struct node *const *)y;

	if (a->element != b->element)
		return a->element < b->element ? -1 : 1;
	/* Those added without a slot stand where they came, before slots. */
	if (a->slot && b->slot && a->run == b->run) {
		if (a->slot != b->slot)
			return a->slot < b->slot ? -1 : 1;
		if (a->rep != b->rep)
			return a->rep < b->rep ? -1 : 1;
	} else if (a->run == b->run && !a->slot != !b->slot) {
		return a->slot ? 1 : -1;
	} else if (a->run != b->run && a->slot && b->slot) {
		return a->run < b->run ? -1 : 1;
	}
	return a->order < b->order ? -1 : a->order > b->order;
}

/* Put the children in the order they are written in. */
static void
sort_children(struct run *run, struct node *n)
{
	struct node **list;
	size_t count = 0, i = 0;
	bool sorted = true;

	for (struct node *c = n->first; c; c = c->next) {
		sorted &= !c->next || compare_nodes(&c, &c->next) < 0;
		count++;
	}
	if (sorted)
		return;
	list = arena_alloc(run->arena, count * sizeof(struct node *));
	if (!list) {
		run->full = true;
		return;
	}
	for (struct node *c = n->first; c; c = c->next)
		list[i++] = c;
	qsort(list, count, sizeof(*list), compare_nodes);
	for (i = 0; i + 1 < count; i++)
		list[i]->next = list[i + 1];
	list[count - 1]->next = NULL;
	n->first = list[0];
	n->last = list[count - 1];
}

void
map_tree_write(struct run *run, struct node *n, struct record_builder *b)
{
	const struct known *k = &run->set->known;

	sort_children(run, n);
	if (n->text.len)
		record_set_text(b, n->text);
	if (n->url.len) {
		record_open_element(b, k->extension_url);
		record_set_text(b, n->url);
		record_close(b);
	}
	if (n->opens) {
		char url[64];
		int len = snprintf(
		    url, sizeof(url), "urn:uuid:%s", map_instance_real(n->opens)->uuid);

		record_open_element(b, k->reference_reference);
		record_set_text(b, str_of(url, (size_t)len));
		record_close(b);
	}
	for (struct node *c = n->first; c; c = c->next) {
		if (n->opens && c->element == k->reference_reference)
			continue;
		record_open_element(b, c->element);
		map_tree_write(run, c, b);
		record_close(b);
	}
}

struct str
map_tree_path(const struct run *run, const struct node *n, struct arena *a)
{
	const struct pack_element *e = pack_element_at(run->set->pack, n->element);
	struct str name = pack_text(run->set->pack, e->name), above;
	unsigned index = 0;

	if (!n->parent)
		return name;
	above = map_tree_path(run, n->parent, a);
	for (const struct node *c = n->parent->first; c && c != n; c = c->next)
		index += c->element == n->element;
	if (e->flags & ELEMENT_REPEATS)
		return str_printf(a, "%.*s.%.*s[%u]", STR_ARG(above), STR_ARG(name), index);
	return str_printf(a, "%.*s.%.*s", STR_ARG(above), STR_ARG(name));
}

struct instance *
map_instance_new(struct run *run, uint32_t type)
{
	struct instance *i = ARENA_NEW(run->arena, struct instance);

	if (i)
		i->root = map_tree_root(run, type);
	if (!i || !i->root) {
		run->full = true;
		return NULL;
	}
	i->type = type;
	i->number = run->instance_count++;
	*run->instances_tail = i;
	run->instances_tail = &i->next;
	return i;
}

struct instance *
map_instance_real(struct instance *i)
{
	while (i->same)
		i = i->same;
	return i;
}

bool
map_instance_lives(const struct instance *i)
{
	return !i->dead && (i->fed || (i->resource && i->resource->always));
}

void
map_instance_feed(struct instance *i)
{
	while (i && !i->fed) {
		i->fed = true;
		i = i->owner;
	}
}
