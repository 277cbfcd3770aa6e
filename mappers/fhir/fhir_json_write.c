#include <limits.h>

#include "base/arena.h"
#include "mappers/fhir/fhir_json.h"
#include "profiles/lexical.h"

enum {
	INDENT = 2,
	/* Room asked for with each piece for what stands around it: quotes, a
	 * comma, a colon, brackets, an escape. */
	AROUND = 32,
};

struct writer {
	const struct record *r;
	const struct pack *pack;
	const struct pack_type *types;
	const struct pack_element *elements;
	const char *names; /* the pack's texts */
	struct buf *out;
	bool pretty;
	unsigned depth;
	/* For the store: */
	struct str base;
	reference_entry_fn *find;
	void *ctx;
	struct arena *arena;
	struct splices *splices;
	uint32_t splice_room;
	size_t start;	    /* where in out the body starts */
	uint32_t reference; /* the element Reference.reference */
	bool failed;	    /* no room for a splice */
};

static void write_value(struct writer *w, uint32_t i);

/* Put one byte of a string that cannot stand as it is. */
static void
add_escape(struct writer *w, unsigned char c)
{
	static const char letters[' '] = {
		['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'
	};
	static const char hex[] = "0123456789abcdef";

	buf_add_byte(w->out, '\\');
	if (c == '"' || c == '\\') {
		buf_add_byte(w->out, (char)c);
	} else if (letters[c]) {
		buf_add_byte(w->out, letters[c]);
	} else {
		buf_add(w->out, STR("u00"));
		buf_add_byte(w->out, hex[c >> 4]);
		buf_add_byte(w->out, hex[c & 15]);
	}
}

/* Marks the bytes of eight that need an escape; the lowest mark is right. */
static inline uint64_t
escaped8(uint64_t x)
{
	const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;

	return (((x ^ ones * '"') - ones) | ((x ^ ones * '\\') - ones) | (x - ones * ' ')) & ~x &
	       highs;
}

/* s inside a string, with its escapes. */
static void
put_escaped(struct writer *w, struct str s)
{
	const char *p = s.p, *end = p + s.len;

	if (!buf_room(w->out, s.len + AROUND))
		return;
	for (;;) {
		char *o = w->out->p + w->out->len;
		char *from = o;

		while (end - p >= 8) {
			uint64_t x, marks;

			memcpy(&x, p, 8);
			memcpy(o, &x, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
			x = __builtin_bswap64(x);
#endif
			marks = escaped8(x);
			if (marks) {
				size_t n = (size_t)__builtin_ctzll(marks) >> 3;

				p += n;
				o += n;
				break;
			}
			p += 8;
			o += 8;
		}
		while (p < end && (unsigned char)*p >= ' ' && *p != '"' && *p != '\\')
			*o++ = *p++;
		w->out->len += (size_t)(o - from);
		if (p == end)
			return;
		add_escape(w, (unsigned char)*p++);
		if (!buf_room(w->out, (size_t)(end - p) + AROUND))
			return;
	}
}

/* A new line in pretty text. */
static void
put_line(struct writer *w)
{
	if (!w->pretty || !buf_room(w->out, 1 + (size_t)w->depth * INDENT + AROUND))
		return;
	buf_add_byte(w->out, '\n');
	memset(w->out->p + w->out->len, ' ', (size_t)w->depth * INDENT);
	w->out->len += (size_t)w->depth * INDENT;
}

static void
put_open(struct writer *w, char bracket)
{
	if (!buf_room(w->out, AROUND))
		return;
	buf_add_byte(w->out, bracket);
	w->depth++;
}

static void
put_close(struct writer *w, char bracket)
{
	w->depth--;
	put_line(w);
	if (buf_room(w->out, AROUND))
		buf_add_byte(w->out, bracket);
}

/* Before an item or a member; a comma where it is not the first. */
static inline void
put_between(struct writer *w, bool *any)
{
	if (!buf_room(w->out, AROUND))
		return;
	if (*any)
		buf_add_byte(w->out, ',');
	*any = true;
	if (w->pretty)
		put_line(w);
}

/* A member's name and its colon. */
static inline void
put_name(struct writer *w, uint32_t element, bool companion, bool *any)
{
	const struct pack_element *e = &w->elements[element];

	put_between(w, any);
	if (!buf_room(w->out, e->name.len + AROUND))
		return;
	buf_add_byte(w->out, '"');
	if (companion)
		buf_add_byte(w->out, '_');
	buf_add(w->out, str_of(w->names + e->name.offset, e->name.len));
	buf_add_byte(w->out, '"');
	buf_add_byte(w->out, ':');
	if (w->pretty)
		buf_add_byte(w->out, ' ');
}

static void
splice(struct writer *w, enum splice_kind kind, uint32_t entry)
{
	struct splices *s = w->splices;

	if (s->count == w->splice_room) {
		uint32_t wanted = w->splice_room ? w->splice_room * 2 : 8;
		void *at = arena_grow(
		    w->arena, s->at, w->splice_room * sizeof(s->at[0]), wanted * sizeof(s->at[0]));

		if (!at) {
			w->failed = true;
			return;
		}
		s->at = at;
		w->splice_room = wanted;
	}
	s->at[s->count++] = (struct splice){
		.offset = (uint32_t)(w->out->len - w->start),
		.kind = (uint16_t)kind,
		.entry = entry,
	};
}

/*
 * XHTML may point to other entries too (R4, 3.1.0.11.2): in href="…" and
 * src="…", in either kind of quotes.
 */
static void
put_narrative(struct writer *w, struct str s)
{
	for (;;) {
		ptrdiff_t equals = str_find(s, '=');
		size_t value = (size_t)equals + 2;
		struct str before, link;
		uint32_t entry;
		ptrdiff_t len;

		if (equals < 0)
			break;
		before = str_of(s.p, (size_t)equals);
		if ((!str_ends(before, STR("href")) && !str_ends(before, STR("src"))) ||
		    s.len < value || (s.p[value - 1] != '"' && s.p[value - 1] != '\'')) {
			put_escaped(w, str_of(s.p, (size_t)equals + 1));
			s = str_from_index(s, (size_t)equals + 1);
			continue;
		}
		len = str_find(str_from_index(s, value), s.p[value - 1]);
		link = str_of(s.p + value, len < 0 ? 0 : (size_t)len);
		put_escaped(w, str_of(s.p, value));
		if (link.len && w->find(w->ctx, link, &entry))
			splice(w, SPLICE_REFERENCE, entry);
		else
			put_escaped(w, link);
		s = str_from_index(s, value + link.len);
	}
	put_escaped(w, s);
}

/* Whether a value of that kind and element may name another entry. */
static bool
may_refer(const struct writer *w, enum pack_lexical kind, uint32_t element)
{
	return element == w->reference || kind == LEXICAL_URI || kind == LEXICAL_URL ||
	       kind == LEXICAL_CANONICAL || kind == LEXICAL_OID || kind == LEXICAL_UUID;
}

static struct str
below_base(const struct writer *w, struct str text)
{
	if (w->base.len && text.len > w->base.len + 1 && str_starts(text, w->base) &&
	    text.p[w->base.len] == '/')
		return str_from_index(text, w->base.len + 1);
	return text;
}

static void
put_string(struct writer *w, enum pack_lexical kind, uint32_t element, struct str text)
{
	uint32_t entry;

	if (!buf_room(w->out, AROUND))
		return;
	buf_add_byte(w->out, '"');
	if (w->find && kind == LEXICAL_XHTML)
		put_narrative(w, text);
	else if (w->find && may_refer(w, kind, element) && w->find(w->ctx, text, &entry))
		splice(w, SPLICE_REFERENCE, entry);
	else
		put_escaped(w, element == w->reference ? below_base(w, text) : text);
	if (buf_room(w->out, AROUND))
		buf_add_byte(w->out, '"');
}

/* The value of a primitive. */
static inline void
put_text(struct writer *w, uint32_t i)
{
	uint32_t element = w->r->nodes[i].element;
	enum pack_lexical kind = w->types[w->elements[element].type].lexical;
	struct str text = record_text(w->r, i);

	if (lexical_form(kind) == FORM_STRING)
		put_string(w, kind, element, text);
	else if (buf_room(w->out, text.len + AROUND))
		buf_add(w->out, text);
}

static void
put_null(struct writer *w)
{
	if (buf_room(w->out, AROUND))
		buf_add(w->out, STR("null"));
}

static bool
has_children(const struct writer *w, uint32_t i)
{
	return w->r->nodes[i].end > i + 1;
}

/* A repeated primitive: the values, and the companions where there are any. */
static void
put_primitives(struct writer *w, uint32_t from, uint32_t end, bool *any)
{
	const struct record_node *nodes = w->r->nodes;
	bool values = false, companions = false, item = false;

	for (uint32_t i = from; i < end; i = nodes[i].end) {
		values |= nodes[i].len > 0;
		companions |= has_children(w, i);
	}
	if (values) {
		put_name(w, nodes[from].element, false, any);
		put_open(w, '[');
		for (uint32_t i = from; i < end; i = nodes[i].end) {
			put_between(w, &item);
			if (nodes[i].len)
				put_text(w, i);
			else
				put_null(w);
		}
		put_close(w, ']');
	}
	if (!companions)
		return;
	put_name(w, nodes[from].element, true, any);
	put_open(w, '[');
	item = false;
	for (uint32_t i = from; i < end; i = nodes[i].end) {
		put_between(w, &item);
		if (has_children(w, i))
			write_value(w, i);
		else
			put_null(w);
	}
	put_close(w, ']');
}

/* The repetitions of one element, nodes from..end, as one or two members. */
static void
put_member(struct writer *w, uint32_t from, uint32_t end, bool *any)
{
	const struct record_node *nodes = w->r->nodes;
	const struct pack_element *e = &w->elements[nodes[from].element];
	bool item = false;

	if (e->flags & ELEMENT_PRIMITIVE) {
		if (e->flags & ELEMENT_REPEATS) {
			put_primitives(w, from, end, any);
			return;
		}
		if (nodes[from].len) {
			put_name(w, nodes[from].element, false, any);
			put_text(w, from);
		}
		if (has_children(w, from)) {
			put_name(w, nodes[from].element, true, any);
			write_value(w, from);
		}
		return;
	}
	put_name(w, nodes[from].element, false, any);
	if (!(e->flags & ELEMENT_REPEATS)) {
		write_value(w, from);
		return;
	}
	put_open(w, '[');
	for (uint32_t i = from; i < end; i = nodes[i].end) {
		put_between(w, &item);
		write_value(w, i);
	}
	put_close(w, ']');
}

/* Behind the repetitions of the element of node i. */
static inline uint32_t
run_end(const struct record *r, uint32_t i, uint32_t end)
{
	uint32_t element = r->nodes[i].element;

	do
		i = r->nodes[i].end;
	while (i < end && r->nodes[i].element == element);
	return i;
}

/* All children of node i. */
static inline void
put_members(struct writer *w, uint32_t i, bool *any)
{
	uint32_t end = w->r->nodes[i].end, next;

	for (uint32_t child = i + 1; child < end && !w->out->full; child = next) {
		next = run_end(w->r, child, end);
		put_member(w, child, next, any);
	}
}

static void
put_resource_type(struct writer *w, uint32_t i, bool *any)
{
	struct str name = pack_text(w->pack, w->types[w->r->nodes[i].element].name);

	put_between(w, any);
	if (!buf_room(w->out, name.len + AROUND))
		return;
	buf_add(w->out, w->pretty ? STR("\"resourceType\": \"") : STR("\"resourceType\":\""));
	buf_add(w->out, name);
	buf_add_byte(w->out, '"');
}

/* Node i as an object: an element's children, or a resource. */
static void
write_value(struct writer *w, uint32_t i)
{
	const struct pack_element *e = &w->elements[w->r->nodes[i].element];
	bool any = false;

	if (e->flags & ELEMENT_RESOURCE && e->owner != PACK_NONE) {
		if (!has_children(w, i)) {
			put_null(w);
			return;
		}
		i++;
		e = &w->elements[w->r->nodes[i].element];
	}
	put_open(w, '{');
	if (e->owner == PACK_NONE && w->types[e->type].kind == PACK_RESOURCE)
		put_resource_type(w, i, &any);
	put_members(w, i, &any);
	if (any)
		put_close(w, '}');
	else
		w->depth--, buf_put_byte(w->out, '}');
}

static struct writer
new_writer(const struct record *r, const struct pack *p, struct buf *out)
{
	return (struct writer){
		.r = r,
		.pack = p,
		.types = p->types,
		.elements = p->elements,
		.names = p->text,
		.out = out,
		.start = out->len,
	};
}

/* Make room at once for what node i will probably need; no harm when the limit
 * does not allow it. */
static void
reserve(struct buf *out, const struct record *r, uint32_t i)
{
	uint32_t nodes = r->nodes[i].end - i;
	size_t guess = (size_t)nodes * 24 + AROUND +
		       (size_t)((uint64_t)r->text_len * nodes / r->node_count);

	if (!out->sink && out->len <= out->limit && guess <= out->limit - out->len)
		buf_reserve(out, guess);
}

void
fhir_json_write(
    const struct record *r, const struct pack *p, uint32_t i, int flags, struct buf *out)
{
	struct writer w = new_writer(r, p, out);

	w.pretty = flags & FHIR_JSON_PRETTY;
	reserve(out, r, i);
	if (w.elements[r->nodes[i].element].flags & ELEMENT_PRIMITIVE)
		put_text(&w, i);
	else
		write_value(&w, i);
	if (w.pretty)
		buf_put_byte(out, '\n');
}

/* "name":"", the text between the quotes to be spliced. */
static void
put_spliced(struct writer *w, struct str name, enum splice_kind kind, bool *any)
{
	put_between(w, any);
	if (!buf_room(w->out, name.len + AROUND))
		return;
	buf_add_byte(w->out, '"');
	buf_add(w->out, name);
	buf_add(w->out, STR("\":\""));
	splice(w, kind, 0);
	buf_add_byte(w->out, '"');
}

/* meta, with its version and time in front; node `meta`, 0: there is none. */
static void
put_meta(struct writer *w, uint32_t meta, bool *any)
{
	bool inner = false;
	uint32_t next;

	put_between(w, any);
	if (!buf_room(w->out, AROUND))
		return;
	buf_add(w->out, STR("\"meta\":{"));
	put_spliced(w, STR("versionId"), SPLICE_VERSION, &inner);
	put_spliced(w, STR("lastUpdated"), SPLICE_UPDATED, &inner);
	for (uint32_t i = meta + 1; meta && i < w->r->nodes[meta].end; i = next) {
		struct str name = pack_text(w->pack, w->elements[w->r->nodes[i].element].name);

		next = run_end(w->r, i, w->r->nodes[meta].end);
		if (!str_is(name, "versionId") && !str_is(name, "lastUpdated"))
			put_member(w, i, next, &inner);
	}
	if (buf_room(w->out, AROUND))
		buf_add_byte(w->out, '}');
}

int
fhir_json_write_stored(const struct record *r, const struct pack *p, uint32_t i, struct str base,
    reference_entry_fn *find, void *ctx, struct arena *a, struct buf *out, struct splices *splices)
{
	struct writer w = new_writer(r, p, out);
	uint32_t reference = pack_find_type(p, STR("Reference"));
	uint32_t end = r->nodes[i].end, next;
	bool any = false;

	*splices = (struct splices){ 0 };
	reserve(out, r, i);
	w.base = base;
	w.find = find;
	w.ctx = ctx;
	w.arena = a;
	w.splices = splices;
	w.reference = reference == PACK_NONE ? PACK_NONE
					     : pack_find_element(p, reference, STR("reference"));
	put_open(&w, '{');
	put_resource_type(&w, i, &any);
	put_spliced(&w, STR("id"), SPLICE_ID, &any);
	put_meta(&w, record_child(r, p, i, STR("meta")), &any);
	for (uint32_t child = i + 1; child < end; child = next) {
		struct str name = pack_text(p, w.elements[r->nodes[child].element].name);

		next = run_end(r, child, end);
		if (!str_is(name, "id") && !str_is(name, "meta"))
			put_member(&w, child, next, &any);
	}
	put_close(&w, '}');
	return out->full || w.failed ? -1 : 0;
}
