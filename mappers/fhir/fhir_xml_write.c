#include "mappers/fhir/fhir_xml.h"

enum {
	INDENT = 2,
	/* Room asked for with each piece for what stands around it: brackets,
	 * quotes, " value", a reference. */
	AROUND = 48,
};

struct writer {
	const struct record *r;
	const struct record_node *nodes;
	const char *values; /* the record's texts */
	const struct pack_type *types;
	const struct pack_element *elements;
	const char *names; /* the pack's texts */
	struct buf *out;
	bool pretty;
	unsigned depth;
};

static void write_element(struct writer *w, uint32_t i, bool top);

/* ---- Bytes ----------------------------------------------------------- */

/* Marks the bytes of eight that cannot stand in an attribute as they are; the
 * lowest mark is right. */
static inline uint64_t
escaped8(uint64_t x)
{
	const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;

	return (((x ^ ones * '"') - ones) | ((x ^ ones * '&') - ones) | ((x ^ ones * '<') - ones) |
		   (x - ones * ' ')) &
	       ~x & highs;
}

static inline bool
is_plain(char c)
{
	return (unsigned char)c >= ' ' && c != '"' && c != '&' && c != '<';
}

/* Tab, LF and CR would become spaces (XML 1.0, 3.3.3); others do not come. */
static void
add_reference(struct writer *w, char c)
{
	switch (c) {
	case '"':
		buf_add(w->out, STR("&quot;"));
		break;
	case '&':
		buf_add(w->out, STR("&amp;"));
		break;
	case '<':
		buf_add(w->out, STR("&lt;"));
		break;
	case '\t':
		buf_add(w->out, STR("&#9;"));
		break;
	case '\n':
		buf_add(w->out, STR("&#10;"));
		break;
	default:
		buf_add(w->out, STR("&#13;"));
		break;
	}
}

/* s inside an attribute's value. There is room for s.len + AROUND. */
static inline void
put_escaped(struct writer *w, struct str s)
{
	const char *p = s.p, *end = p + s.len;

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
		while (p < end && is_plain(*p))
			*o++ = *p++;
		w->out->len += (size_t)(o - from);
		if (p == end)
			return;
		add_reference(w, *p++);
		if (!buf_room(w->out, (size_t)(end - p) + AROUND))
			return;
	}
}

/* A new line in pretty text. There is room for AROUND. */
static void
put_line(struct writer *w)
{
	size_t spaces = (size_t)w->depth * INDENT;

	if (!buf_room(w->out, spaces + AROUND))
		return;
	buf_add_byte(w->out, '\n');
	memset(w->out->p + w->out->len, ' ', spaces);
	w->out->len += spaces;
}

/* ---- Elements -------------------------------------------------------- */

static inline struct str
name_of(const struct writer *w, const struct pack_element *e)
{
	return str_of(w->names + e->name.offset, e->name.len);
}

static inline struct str
value_of(const struct writer *w, uint32_t i)
{
	return str_of(w->values + w->nodes[i].text, w->nodes[i].len);
}

/* ' name="value"' */
static inline void
put_attribute(struct writer *w, struct str name, struct str value)
{
	if (!buf_room(w->out, name.len + value.len + AROUND))
		return;
	buf_add_byte(w->out, ' ');
	buf_add(w->out, name);
	buf_add_byte(w->out, '=');
	buf_add_byte(w->out, '"');
	put_escaped(w, value);
	if (buf_room(w->out, AROUND))
		buf_add_byte(w->out, '"');
}

/*
 * The children that are attributes. Returns whether there are other children.
 */
static inline bool
put_attributes(struct writer *w, uint32_t i)
{
	const struct record_node *nodes = w->nodes;
	bool others = false;

	for (uint32_t child = i + 1; child < nodes[i].end; child = nodes[child].end) {
		const struct pack_element *e = &w->elements[nodes[child].element];

		if (e->flags & ELEMENT_ATTRIBUTE)
			put_attribute(w, name_of(w, e), value_of(w, child));
		else
			others = true;
	}
	return others;
}

/* The children that are elements, and the end tag. */
static void
put_content(struct writer *w, uint32_t i, struct str name)
{
	const struct record_node *nodes = w->nodes;

	if (buf_room(w->out, AROUND))
		buf_add_byte(w->out, '>');
	w->depth++;
	for (uint32_t child = i + 1; child < nodes[i].end && !w->out->full;
	     child = nodes[child].end)
		if (!(w->elements[nodes[child].element].flags & ELEMENT_ATTRIBUTE))
			write_element(w, child, false);
	w->depth--;
	if (w->pretty)
		put_line(w);
	if (!buf_room(w->out, name.len + AROUND))
		return;
	buf_add_byte(w->out, '<');
	buf_add_byte(w->out, '/');
	buf_add(w->out, name);
	buf_add_byte(w->out, '>');
}

/* The element of node i; `top`: it declares the namespace. */
static void
write_element(struct writer *w, uint32_t i, bool top)
{
	const struct record_node *n = &w->nodes[i];
	const struct pack_element *e = &w->elements[n->element];
	struct str name = name_of(w, e);

	if (w->pretty && !top)
		put_line(w);
	if (e->flags & ELEMENT_PRIMITIVE && w->types[e->type].lexical == LEXICAL_XHTML) {
		buf_put_str(w->out, value_of(w, i));
		return;
	}
	if (!buf_room(w->out, name.len + n->len + 2 * AROUND))
		return;
	buf_add_byte(w->out, '<');
	buf_add(w->out, name);
	if (top)
		buf_add(w->out, STR(" xmlns=\"http://hl7.org/fhir\""));
	if (n->end > i + 1) {
		bool others = put_attributes(w, i);

		if (n->len)
			put_attribute(w, STR("value"), value_of(w, i));
		if (others) {
			put_content(w, i, name);
			return;
		}
	} else if (n->len) {
		/* Nearly all elements, so without asking for room again. */
		buf_add(w->out, STR(" value=\""));
		put_escaped(w, value_of(w, i));
		if (buf_room(w->out, AROUND))
			buf_add(w->out, STR("\"/>"));
		return;
	}
	if (buf_room(w->out, AROUND))
		buf_add(w->out, STR("/>"));
}

/* Make room at once for what node i will probably need; no harm when the limit
 * does not allow it. */
static void
reserve(struct buf *out, const struct record *r, uint32_t i)
{
	uint32_t nodes = r->nodes[i].end - i;
	size_t guess = (size_t)nodes * 32 + 4 * AROUND +
		       (size_t)((uint64_t)r->text_len * nodes / r->node_count);

	if (!out->sink && out->len <= out->limit && guess <= out->limit - out->len)
		buf_reserve(out, guess);
}

void
fhir_xml_write(const struct record *r, const struct pack *p, uint32_t i, int flags, struct buf *out)
{
	struct writer w = {
		.r = r,
		.nodes = r->nodes,
		.values = (const char *)&r->nodes[r->node_count],
		.types = p->types,
		.elements = p->elements,
		.names = p->text,
		.out = out,
		.pretty = flags & FHIR_XML_PRETTY,
	};

	reserve(out, r, i);
	buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
	if (w.pretty)
		buf_put_byte(out, '\n');
	write_element(&w, i, true);
	if (w.pretty)
		buf_put_byte(out, '\n');
}
