#include "mappers/fhir/fhirpath_diff.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum {
	PATH_MOST = 1 << 16,
	LIST_MOST = 2000, /* longer lists are compared member by member */
};

struct diff {
	const struct pack *pack;
	const struct record *a, *b; /* from, to */
	struct record_builder *builder;
	struct arena *arena;
	struct buf path;
	uint32_t parameter; /* type of Parameters.parameter, and of its parts */
	uint32_t skip;	    /* element that is let be; PACK_NONE: none */
	bool full;
};

static const struct pack_element *
element_of(const struct diff *d, const struct record *r, uint32_t node)
{
	return pack_element_at(d->pack, r->nodes[node].element);
}

/* Writing operations. */

static void
put_text(struct diff *d, const char *name, struct str value_name, struct str value)
{
	record_open(d->builder, STR("part"));
	record_put(d->builder, STR("name"), str_from(name));
	record_put(d->builder, value_name, value);
	record_close(d->builder);
}

/* The value[x] of a parameter that holds the type; PACK_NONE: none does. */
static uint32_t
value_element(const struct diff *d, uint32_t type)
{
	const struct pack_type *t = pack_type_at(d->pack, d->parameter);

	for (uint32_t i = 0; i < t->elements.count; i++) {
		const struct pack_element *e = pack_element_at(d->pack, t->elements.first + i);

		if (e->choice && e->type == type && str_is(pack_text(d->pack, e->stem), "value"))
			return t->elements.first + i;
	}
	return PACK_NONE;
}

static void
copy_into(struct diff *d, uint32_t node)
{
	if (d->b->nodes[node].len)
		record_set_text(d->builder, record_text(d->b, node));
	RECORD_EACH_CHILD(d->b, node, i)
		record_copy(d->builder, d->b, i);
	record_close(d->builder);
}

/* A part of that name with what `to` has at the node. */
static void
put_part(struct diff *d, struct str name, uint32_t node)
{
	const struct pack_element *e = element_of(d, d->b, node);
	uint32_t value = value_element(d, e->type);

	record_open(d->builder, STR("part"));
	record_put(d->builder, STR("name"), name);
	if (e->flags & ELEMENT_RESOURCE) {
		record_open(d->builder, STR("resource"));
		record_open_root(d->builder, record_type(d->b, d->pack, node + 1));
		copy_into(d, node + 1);
		record_close(d->builder);
	} else if (value != PACK_NONE) {
		record_open_element(d->builder, value);
		copy_into(d, node);
	} else if (pack_type_at(d->pack, e->type)->lexical != LEXICAL_NONE) {
		record_put(d->builder, STR("valueString"), record_text(d->b, node));
	} else {
		RECORD_EACH_CHILD(d->b, node, i)
			put_part(d, pack_text(d->pack, element_of(d, d->b, i)->stem), i);
	}
	record_close(d->builder);
}

static void
begin_operation(struct diff *d, const char *type)
{
	record_open(d->builder, STR("parameter"));
	record_put(d->builder, STR("name"), STR("operation"));
	put_text(d, "type", STR("valueCode"), str_from(type));
	put_text(d, "path", STR("valueString"), buf_str(&d->path));
	if (d->path.full)
		d->full = true;
}

static void
put_replace(struct diff *d, uint32_t node)
{
	begin_operation(d, "replace");
	put_part(d, STR("value"), node);
	record_close(d->builder);
}

static void
put_delete(struct diff *d)
{
	begin_operation(d, "delete");
	record_close(d->builder);
}

static void
put_add(struct diff *d, uint32_t node)
{
	begin_operation(d, "add");
	put_text(
	    d, "name", STR("valueString"), pack_text(d->pack, element_of(d, d->b, node)->stem));
	put_part(d, STR("value"), node);
	record_close(d->builder);
}

static void
put_insert(struct diff *d, uint32_t at, uint32_t node)
{
	char number[16];
	int n = snprintf(number, sizeof(number), "%u", at);

	begin_operation(d, "insert");
	put_text(d, "index", STR("valueInteger"), str_of(number, (size_t)n));
	put_part(d, STR("value"), node);
	record_close(d->builder);
}

/* Paths. */

static size_t
enter(struct diff *d, const struct pack_element *e)
{
	size_t was = d->path.len;

	buf_put_byte(&d->path, '.');
	buf_put_str(&d->path, pack_text(d->pack, e->stem));
	return was;
}

static size_t
enter_index(struct diff *d, uint32_t index)
{
	size_t was = d->path.len;

	buf_printf(&d->path, "[%u]", index);
	return was;
}

static void
leave(struct diff *d, size_t was)
{
	d->path.len = was;
}

/* Comparing. */

static void diff_children(struct diff *d, uint32_t i, uint32_t j);

/* One node that stands at the path in both. */
static void
diff_node(struct diff *d, uint32_t i, uint32_t j)
{
	const struct pack_element *e = element_of(d, d->a, i);

	if (record_equal(d->a, i, d->b, j))
		return;
	if (e->flags & ELEMENT_RESOURCE || pack_type_at(d->pack, e->type)->lexical != LEXICAL_NONE)
		put_replace(d, j);
	else
		diff_children(d, i, j);
}

/* Repetitions of one element. */
struct run {
	uint32_t *nodes, count, end; /* end: node behind them */
};

static struct run
run_at(struct diff *d, const struct record *r, uint32_t parent, uint32_t node)
{
	struct run run = { .end = node };
	uint32_t element = r->nodes[node].element, n = 0;

	while (run.end < r->nodes[parent].end && r->nodes[run.end].element == element) {
		run.end = r->nodes[run.end].end;
		run.count++;
	}
	run.nodes = arena_calloc(d->arena, run.count, sizeof(*run.nodes));
	if (!run.nodes) {
		d->full = true;
		run.count = 0;
		return run;
	}
	for (uint32_t i = node; i < run.end; i = r->nodes[i].end)
		run.nodes[n++] = i;
	return run;
}

/* Change a stretch of the list, of which `at` members stand before: as many as
 * both have in place, then what is too many or too few. Returns how many stand
 * behind it. */
static uint32_t
diff_stretch(struct diff *d, const struct run *a, uint32_t i, uint32_t i_end, const struct run *b,
    uint32_t j, uint32_t j_end, uint32_t at)
{
	size_t was;

	for (; i < i_end && j < j_end; i++, j++, at++) {
		was = enter_index(d, at);
		diff_node(d, a->nodes[i], b->nodes[j]);
		leave(d, was);
	}
	for (; i < i_end; i++) {
		was = enter_index(d, at);
		put_delete(d);
		leave(d, was);
	}
	for (; j < j_end; j++, at++)
		put_insert(d, at, b->nodes[j]);
	return at;
}

/* lengths[i][j]: of the longest common subsequence of what is behind i and j. */
static uint16_t *
common_lengths(struct diff *d, const struct run *a, const struct run *b, uint32_t first, uint32_t m,
    uint32_t n)
{
	size_t width = (size_t)n + 1;
	uint16_t *l = arena_calloc(d->arena, ((size_t)m + 1) * width, sizeof(*l));

	for (uint32_t i = m; l && i-- > 0;) {
		for (uint32_t j = n; j-- > 0;) {
			uint16_t down = l[(i + 1) * width + j], right = l[i * width + j + 1];

			if (record_equal(d->a, a->nodes[first + i], d->b, b->nodes[first + j]))
				l[i * width + j] = (uint16_t)(l[(i + 1) * width + j + 1] + 1);
			else
				l[i * width + j] = down > right ? down : right;
		}
	}
	return l;
}

/* The list at the path; both have members. */
static void
diff_list(struct diff *d, const struct run *a, const struct run *b)
{
	uint32_t first = 0, m = a->count, n = b->count, i = 0, j = 0, at;
	uint32_t i_from = 0, j_from = 0;
	uint16_t *l = NULL;

	while (first < m && first < n && record_equal(d->a, a->nodes[first], d->b, b->nodes[first]))
		first++;
	while (
	    m > first && n > first && record_equal(d->a, a->nodes[m - 1], d->b, b->nodes[n - 1])) {
		m--;
		n--;
	}
	m -= first;
	n -= first;
	at = first;
	if (m && n && m <= LIST_MOST && n <= LIST_MOST)
		l = common_lengths(d, a, b, first, m, n);
	while (l && i < m && j < n) {
		size_t width = (size_t)n + 1;

		if (record_equal(d->a, a->nodes[first + i], d->b, b->nodes[first + j])) {
			at = diff_stretch(d, a, first + i_from, first + i, b, first + j_from,
				 first + j, at) +
			     1;
			i_from = ++i;
			j_from = ++j;
		} else if (l[(i + 1) * width + j] >= l[i * width + j + 1]) {
			i++;
		} else {
			j++;
		}
	}
	diff_stretch(d, a, first + i_from, first + m, b, first + j_from, first + n, at);
}

static void
delete_run(struct diff *d, const struct pack_element *e, const struct run *run)
{
	size_t was = enter(d, e);

	if (!(e->flags & ELEMENT_REPEATS))
		put_delete(d);
	for (uint32_t i = run->count; e->flags & ELEMENT_REPEATS && i-- > 0;) {
		size_t list = enter_index(d, i);

		put_delete(d);
		leave(d, list);
	}
	leave(d, was);
}

static void
change_run(struct diff *d, const struct pack_element *e, const struct run *a, const struct run *b)
{
	size_t was = enter(d, e);

	if (e->flags & ELEMENT_REPEATS)
		diff_list(d, a, b);
	else
		diff_node(d, *a->nodes, *b->nodes);
	leave(d, was);
}

/* The child of that choice, of another type perhaps; 0: none. */
static uint32_t
find_choice(struct diff *d, const struct record *r, uint32_t parent, uint16_t choice)
{
	RECORD_EACH_CHILD(r, parent, i)
		if (choice && element_of(d, r, i)->choice == choice)
			return i;
	return 0;
}

/* What only `to` has. */
static void
add_run(struct diff *d, uint32_t i, const struct pack_element *e, const struct run *b)
{
	if (find_choice(d, d->a, i, e->choice)) {
		size_t was = enter(d, e);

		put_replace(d, *b->nodes);
		leave(d, was);
		return;
	}
	for (uint32_t n = 0; n < b->count; n++)
		put_add(d, b->nodes[n]);
}

/*
 * Elements of two nodes of one type. What is added and changed comes first:
 * a node that would be left without any child would be gone.
 */
static void
diff_children(struct diff *d, uint32_t i, uint32_t j)
{
	for (int deleting = 0; deleting < 2 && !d->full; deleting++) {
		uint32_t p = i + 1, q = j + 1;

		while ((p < d->a->nodes[i].end || q < d->b->nodes[j].end) && !d->full) {
			bool in_a = p < d->a->nodes[i].end, in_b = q < d->b->nodes[j].end;
			uint32_t x = in_a ? d->a->nodes[p].element : PACK_NONE;
			uint32_t y = in_b ? d->b->nodes[q].element : PACK_NONE;
			uint32_t element = x < y ? x : y;
			const struct pack_element *e = pack_element_at(d->pack, element);
			struct run a = { .end = p }, b = { .end = q };

			if (x == element)
				a = run_at(d, d->a, i, p);
			if (y == element)
				b = run_at(d, d->b, j, q);
			p = a.end;
			q = b.end;
			if (element == d->skip || d->full)
				continue;
			if (!b.count && deleting && !find_choice(d, d->b, j, e->choice))
				delete_run(d, e, &a);
			else if (b.count && a.count && !deleting)
				change_run(d, e, &a, &b);
			else if (b.count && !a.count && !deleting)
				add_run(d, i, e, &b);
		}
	}
}

const struct record *
fhirpath_diff(const struct record *from, const struct record *to, bool with_meta,
    struct record_builder *b, struct arena *a, struct error *err)
{
	const struct pack *p = b->pack;
	uint32_t type = record_type(from, p, 0);
	struct diff d = {
		.pack = p,
		.a = from,
		.b = to,
		.builder = b,
		.arena = a,
		.parameter = pack_find_type(p, STR("Parameters.parameter")),
		.skip = with_meta ? PACK_NONE : pack_find_element(p, type, STR("meta")),
	};
	const struct record *made = NULL;

	if (record_type(to, p, 0) != type || d.parameter == PACK_NONE) {
		error_set(err, ERROR_INVALID, "the two resources are of different types");
		return NULL;
	}
	buf_init(&d.path, PATH_MOST);
	d.path.wipe = true;
	buf_put_str(&d.path, pack_text(p, pack_type_at(p, type)->name));
	record_builder_reset(b);
	record_open_root(b, pack_find_resource(p, STR("Parameters")));
	diff_children(&d, 0, 0);
	buf_release(&d.path);
	if (d.full) {
		record_builder_reset(b);
		error_set(err, ERROR_LIMIT, "the two resources differ in too much");
		return NULL;
	}
	record_close(b);
	made = record_builder_finish(b, a, err);
	return made;
}
