#include "profiles/record.h"

#include "base/arena.h"
#include "base/buf.h"

enum {
	DEPTH_MOST = 1024, /* of a block from outside */
};

/* The node whose children have names: the resource where i only holds one. */
static uint32_t
named_parent(const struct record *r, const struct pack *p, uint32_t i)
{
	const struct pack_element *e = pack_element_at(p, r->nodes[i].element);

	return e->flags & ELEMENT_RESOURCE && r->nodes[i].end > i + 1 ? i + 1 : i;
}

uint32_t
record_child(const struct record *r, const struct pack *p, uint32_t parent, struct str name)
{
	uint32_t from = named_parent(r, p, parent);
	uint32_t element = pack_find_element(p, record_type(r, p, from), name);

	if (element == PACK_NONE)
		return 0;
	RECORD_EACH_CHILD(r, from, i) {
		if (r->nodes[i].element == element)
			return i;
	}
	return 0;
}

uint32_t
record_next(const struct record *r, uint32_t parent, uint32_t i)
{
	uint32_t next = r->nodes[i].end;

	if (next >= r->nodes[parent].end || r->nodes[next].element != r->nodes[i].element)
		return 0;
	return next;
}

struct str
record_value(const struct record *r, const struct pack *p, uint32_t parent, struct str name)
{
	uint32_t i = record_child(r, p, parent, name);

	return i ? record_text(r, i) : STR("");
}

struct str
record_type_name(const struct record *r, const struct pack *p, uint32_t i)
{
	i = named_parent(r, p, i);
	return pack_text(p, pack_type_at(p, record_type(r, p, i))->name);
}

/* Append ".name[2]" for child `child` of `parent`. */
static void
put_step(
    const struct record *r, const struct pack *p, uint32_t parent, uint32_t child, struct buf *out)
{
	const struct pack_element *e = pack_element_at(p, r->nodes[child].element);
	uint32_t nth = 0;

	if (e->owner == PACK_NONE)
		return; /* the root of a held resource has no name of its own */
	buf_put_byte(out, '.');
	buf_put_str(out, pack_text(p, e->stem));
	if (!(e->flags & ELEMENT_REPEATS))
		return;
	RECORD_EACH_CHILD(r, parent, i) {
		if (i == child)
			break;
		nth += r->nodes[i].element == r->nodes[child].element;
	}
	buf_put_byte(out, '[');
	buf_put_u64(out, nth);
	buf_put_byte(out, ']');
}

struct str
record_path(const struct record *r, const struct pack *p, uint32_t i, struct arena *a)
{
	struct buf out;
	struct str path;
	uint32_t at = 0;

	buf_init(&out, 1 << 20);
	buf_put_str(&out, pack_text(p, pack_element_at(p, r->nodes[0].element)->name));
	while (at != i) {
		uint32_t next = at;

		RECORD_EACH_CHILD(r, at, child) {
			if (i < child)
				break;
			next = child;
		}
		put_step(r, p, at, next, &out);
		at = next;
	}
	path = str_dup(a, buf_str(&out));
	buf_release(&out);
	return path;
}

bool
record_equal(const struct record *a, uint32_t i, const struct record *b, uint32_t j)
{
	uint32_t size = a->nodes[i].end - i;

	if (a->pack != b->pack || b->nodes[j].end - j != size)
		return false;
	for (uint32_t k = 0; k < size; k++) {
		const struct record_node *x = &a->nodes[i + k], *y = &b->nodes[j + k];

		if (x->element != y->element || x->end - i != y->end - j ||
		    !str_eq(record_text(a, i + k), record_text(b, j + k)))
			return false;
	}
	return true;
}

/* Whether node i, whose place in its parent is right, is right inside. */
static bool
check_node(const struct record *r, const struct pack *p, uint32_t i, unsigned depth)
{
	const struct pack_element *e = pack_element_at(p, r->nodes[i].element);
	uint32_t end = r->nodes[i].end, before = 0;

	if (depth == 0 || (r->nodes[i].len && !(e->flags & ELEMENT_PRIMITIVE)))
		return false;
	if (e->flags & ELEMENT_RESOURCE && e->owner != PACK_NONE) {
		uint32_t root = i + 1, type;

		if (root == end || r->nodes[root].end != end)
			return false;
		type = r->nodes[root].element;
		return type < pack_type_count(p) && pack_type_at(p, type)->kind == PACK_RESOURCE &&
		       check_node(r, p, root, depth - 1);
	}
	for (uint32_t child = i + 1; child < end; child = r->nodes[child].end) {
		uint32_t element = r->nodes[child].element;

		if (r->nodes[child].end > end || element < before ||
		    pack_element_at(p, element)->owner != e->type)
			return false;
		before = element;
		if (!check_node(r, p, child, depth - 1))
			return false;
	}
	return true;
}

bool
record_check(const struct record *r, size_t len, const struct pack *p)
{
	uint32_t elements = pack_element_count(p);

	if (len < sizeof(*r) || r->pack != pack_id(p) || r->node_count == 0 ||
	    (len - sizeof(*r)) / sizeof(struct record_node) < r->node_count ||
	    record_size(r) != len)
		return false;
	for (uint32_t i = 0; i < r->node_count; i++) {
		const struct record_node *n = &r->nodes[i];

		if (n->element >= elements || n->end <= i || n->end > r->node_count ||
		    n->text > r->text_len || n->len > r->text_len - n->text)
			return false;
	}
	return r->nodes[0].end == r->node_count && r->nodes[0].element < pack_type_count(p) &&
	       check_node(r, p, 0, DEPTH_MOST);
}

const struct record *
record_extract(const struct record *r, uint32_t node, struct arena *a)
{
	uint32_t count = r->nodes[node].end - node, text_len = 0;
	struct record *out;
	char *text;

	for (uint32_t i = node; i < node + count; i++)
		text_len += r->nodes[i].len;
	out = arena_alloc(a, sizeof(*out) + (size_t)count * sizeof(out->nodes[0]) + text_len);
	if (!out)
		return NULL;
	*out = (struct record){ .pack = r->pack, .node_count = count, .text_len = text_len };
	text = (char *)&out->nodes[count];
	text_len = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct record_node *n = &r->nodes[node + i];

		out->nodes[i] = (struct record_node){ n->element, n->end - node, text_len, n->len };
		if (n->len)
			memcpy(text + text_len, record_text(r, node + i).p, n->len);
		text_len += n->len;
	}
	return out;
}
