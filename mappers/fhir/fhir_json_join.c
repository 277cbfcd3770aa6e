/* What an object does at its end: values joined with their companions. */
#include "mappers/fhir/fhir_reader.h"

/* Children of one element: values (without children), and companions. */
struct pair {
	uint32_t value, value_end;
	uint32_t companion, companion_end;
};

/* The next node of a side, and the side moved behind it; 0 when it is used up. */
static uint32_t
next_of(const struct record_builder *b, uint32_t *at, uint32_t end)
{
	uint32_t i = *at;

	if (i >= end)
		return 0;
	*at += b->nodes[i].end;
	return i;
}

/* Put one value and its companion, each 0 when there is none, at spare[to]. */
static uint32_t
join_one(struct reader *r, uint32_t value, uint32_t companion, uint32_t index, uint32_t to)
{
	struct record_builder *b = r->b;
	const struct record_node *v = value ? &b->nodes[value] : NULL;
	const struct record_node *c = companion ? &b->nodes[companion] : NULL;
	uint32_t element = (v ? v : c)->element & ~(uint32_t)RECORD_MARKS;
	struct record_node *out = &b->spare[to];

	if (v && v->element & MARK_NULL)
		v = NULL;
	if (c && c->element & MARK_NULL)
		c = NULL;
	if (!v && !c) {
		const char *at = r->lex.start + b->nodes[value ? value : companion].text;

		/* Other things than null were told when they were read. */
		if (*at == 'n')
			reader_finds(r, "structure", element, index, at,
			    "null without a value or an extension in the same place");
		return to;
	}
	*out = (struct record_node){ .element = element, .end = 1 };
	if (v) {
		out->text = v->text;
		out->len = v->len;
	}
	if (c) {
		memcpy(out + 1, c + 1, (c->end - 1) * sizeof(*c));
		out->end = c->end;
	}
	return to + out->end;
}

/* The run of nodes of one element from `from`, in its two sides. */
static uint32_t
find_pair(const struct record_builder *b, uint32_t from, struct pair *out)
{
	uint32_t element = b->nodes[from].element & ~(uint32_t)RECORD_MARKS, i = from;

	*out = (struct pair){ 0 };
	while (i < b->count && (b->nodes[i].element & ~(uint32_t)RECORD_MARKS) == element) {
		uint32_t next = i + b->nodes[i].end;

		if (b->nodes[i].element & MARK_COMPANION) {
			if (!out->companion)
				out->companion = i;
			out->companion_end = next;
		} else {
			if (!out->value)
				out->value = i;
			out->value_end = next;
		}
		i = next;
	}
	return i;
}

static bool
run_is_marked(const struct record_builder *b, uint32_t from, uint32_t end)
{
	for (uint32_t i = from; i < end; i += b->nodes[i].end)
		if (b->nodes[i].element & RECORD_MARKS)
			return true;
	return false;
}

/* R4, 2.6.2.3: nulls "fill out both arrays". What belongs together is clear
 * all the same, and nothing is lost. */
static void
warn_uneven(struct reader *r, const struct record_node *companion)
{
	uint32_t element = companion->element & ~(uint32_t)RECORD_MARKS;

	if (r->elements[element].flags & ELEMENT_REPEATS)
		reader_warns(r, "structure", element, NO_INDEX, r->lex.start + companion->text,
		    "the array of values and that of their ids and extensions differ in length: "
		    "nulls must fill the shorter one");
}

void
reader_join(struct reader *r, struct frame *f)
{
	struct record_builder *b = r->b;
	uint32_t first = f->node + 1, to = 0, i = first;

	record_room_spare(b, b->count - first);
	while (i < b->count) {
		struct pair pair, begun;
		uint32_t end = find_pair(b, i, &pair), index = 0;
		bool uneven = false;

		if (!run_is_marked(b, i, end)) {
			memcpy(b->spare + to, b->nodes + i, (end - i) * sizeof(b->nodes[0]));
			to += end - i;
			i = end;
			continue;
		}
		begun = pair;
		for (;; index++) {
			uint32_t value = next_of(b, &pair.value, pair.value_end);
			uint32_t companion = next_of(b, &pair.companion, pair.companion_end);

			if (!value && !companion)
				break;
			uneven = uneven || !value != !companion;
			to = join_one(r, value, companion, index, to);
		}
		if (uneven && begun.value && begun.companion)
			warn_uneven(r, &b->nodes[begun.companion]);
		i = end;
	}
	if (to)
		memcpy(b->nodes + first, b->spare, to * sizeof(b->nodes[0]));
	b->count = first + to;
}
