#include "mappers/fhir/fhir_xml.h"
#include "mappers/fhir/fhir_writer.h"

enum {
	INDENT = 2,
	NAMES = 32, /* bytes of names and brackets a node, about */
	/* Room asked for with each piece for what stands around it: brackets,
	 * quotes, " value", a reference. */
	AROUND = 48,
};

/* What a level is. */
enum {
	IN_ELEMENT, /* the element `node`: its children at..end; `any`: its start
		     * tag is ended */
	IN_VALUE,   /* bytes of the value of `node`, in its attribute */
	IN_DIV,	    /* bytes of the narrative `node` */
};

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
add_reference(struct fhir_writer *w, char c)
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

/* s inside an attribute's value, at o, the cursor of what is put. There is room
 * for s.len + AROUND. */
static inline void
put_escaped(struct fhir_writer *w, char *o, struct str s)
{
	const char *p = s.p, *end = p + s.len;

	for (;;) {
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
		buf_move(w->out, o);
		if (p == end)
			return;
		add_reference(w, *p++);
		if (!buf_room(w->out, (size_t)(end - p) + AROUND))
			return;
		o = buf_cursor(w->out);
	}
}

/* A new line in pretty text. There is room for AROUND. */
static void
put_line(struct fhir_writer *w)
{
	size_t spaces = (size_t)w->indent * INDENT;

	if (!buf_room(w->out, spaces + AROUND))
		return;
	buf_add_byte(w->out, '\n');
	memset(w->out->p + w->out->len, ' ', spaces);
	w->out->len += spaces;
}

/* ---- Elements -------------------------------------------------------- */

static inline struct str
name_of(const struct fhir_writer *w, const struct pack_element *e)
{
	return str_of(w->names + e->name.offset, e->name.len);
}

/* ' name="value"' */
static inline void
put_attribute(struct fhir_writer *w, struct str name, struct str value)
{
	char *o;

	if (!buf_room(w->out, name.len + value.len + AROUND))
		return;
	o = buf_cursor(w->out);
	*o++ = ' ';
	o = buf_copy(o, name);
	*o++ = '=';
	*o++ = '"';
	put_escaped(w, o, value);
	if (buf_room(w->out, AROUND))
		buf_add_byte(w->out, '"');
}

/*
 * The children that are attributes. Returns whether there are other children.
 * Attributes come first, but for the url of an extension, which stands behind
 * the extensions in it: children of its own type.
 */
static inline bool
put_attributes(struct fhir_writer *w, uint32_t i)
{
	const struct record_node *nodes = w->nodes;
	uint32_t own = w->elements[nodes[i].element].type;
	bool others = false;

	for (uint32_t child = i + 1; child < nodes[i].end; child = nodes[child].end) {
		const struct pack_element *e = &w->elements[nodes[child].element];

		if (e->flags & ELEMENT_ATTRIBUTE)
			put_attribute(w, name_of(w, e), fhir_writer_text(w, child));
		else if (e->type == own)
			others = true;
		else
			return true;
	}
	return others;
}

/* Begin with the children that are elements. */
static inline void
open_content(struct fhir_writer *w, uint32_t i)
{
	if (buf_room(w->out, AROUND))
		buf_add_byte(w->out, '>');
	w->indent++;
	fhir_writer_push(w, IN_ELEMENT, i, i + 1, w->nodes[i].end)->any = true;
}

/* A narrative stands in the text as it is. */
static void
put_div(struct fhir_writer *w, uint32_t i)
{
	if (fhir_writer_cuts(w, w->nodes[i].len))
		fhir_writer_push(w, IN_DIV, i, 0, w->nodes[i].len);
	else
		buf_put_str(w->out, fhir_writer_text(w, i));
}

/* What comes behind the name of an element that has children. */
static void
open_element(struct fhir_writer *w, uint32_t i)
{
	bool others = put_attributes(w, i);

	if (fhir_writer_cuts(w, w->nodes[i].len)) {
		fhir_writer_push(
		    w, IN_ELEMENT, i, others ? i + 1 : w->nodes[i].end, w->nodes[i].end);
		if (buf_room(w->out, AROUND))
			buf_add(w->out, STR(" value=\""));
		fhir_writer_push(w, IN_VALUE, i, 0, w->nodes[i].len);
		return;
	}
	if (w->nodes[i].len)
		put_attribute(w, STR("value"), fhir_writer_text(w, i));
	if (others)
		open_content(w, i);
	else if (buf_room(w->out, AROUND))
		buf_add(w->out, STR("/>"));
}

static inline bool
is_div(const struct fhir_writer *w, const struct pack_element *e)
{
	return e->flags & ELEMENT_PRIMITIVE && w->types[e->type].lexical == LEXICAL_XHTML;
}

/* The outermost element: it declares the namespace. */
static void
open_root(struct fhir_writer *w, uint32_t i)
{
	const struct pack_element *e = &w->elements[w->nodes[i].element];

	if (is_div(w, e)) {
		put_div(w, i);
		return;
	}
	buf_put_byte(w->out, '<');
	buf_put_str(w->out, name_of(w, e));
	buf_puts(w->out, " xmlns=\"http://hl7.org/fhir\"");
	open_element(w, i);
}

/* The element of node i, or its beginning. */
static inline void
put_element(struct fhir_writer *w, uint32_t i)
{
	const struct record_node *n = &w->nodes[i];
	const struct pack_element *e = &w->elements[n->element];
	struct str name = name_of(w, e);
	bool cut = fhir_writer_cuts(w, n->len);
	char *o;

	if (w->pretty)
		put_line(w);
	if (is_div(w, e)) {
		put_div(w, i);
		return;
	}
	if (!buf_room(w->out, name.len + (cut ? 0 : n->len) + 2 * AROUND))
		return;
	o = buf_cursor(w->out);
	*o++ = '<';
	o = buf_copy(o, name);
	if (n->end > i + 1 || cut) {
		buf_move(w->out, o);
		open_element(w, i);
	} else if (n->len) {
		/* Nearly all elements, so without asking for room again. */
		o = buf_copy(o, STR(" value=\""));
		put_escaped(w, o, fhir_writer_text(w, i));
		if (buf_room(w->out, AROUND))
			buf_add(w->out, STR("\"/>"));
	} else {
		buf_move(w->out, buf_copy(o, STR("/>")));
	}
}

/* Behind the children. */
static void
close_element(struct fhir_writer *w, uint32_t i)
{
	struct str name = name_of(w, &w->elements[w->nodes[i].element]);
	char *o;

	w->depth--;
	w->indent--;
	if (w->pretty)
		put_line(w);
	if (!buf_room(w->out, name.len + AROUND))
		return;
	o = buf_cursor(w->out);
	*o++ = '<';
	*o++ = '/';
	o = buf_copy(o, name);
	*o++ = '>';
	buf_move(w->out, o);
}

/* The children of the newest level, until one is only begun. */
static void
run_element(struct fhir_writer *w, struct fhir_level *l)
{
	unsigned depth = w->depth;

	if (!l->any) {
		bool others = l->at < l->end;

		if (buf_room(w->out, AROUND))
			buf_add(w->out, others ? STR(">") : STR("/>"));
		l->any = true;
		w->indent += others;
		w->depth -= !others;
		return;
	}
	for (uint32_t i = l->at, end = l->end; i < end;) {
		uint32_t child = i;

		i = w->nodes[child].end;
		if (w->elements[w->nodes[child].element].flags & ELEMENT_ATTRIBUTE)
			continue;
		l->at = i;
		put_element(w, child);
		if (w->depth != depth || w->out->len >= w->enough)
			return;
	}
	if (depth == 1 && !w->last)
		w->waiting = true;
	else
		close_element(w, l->node);
}

static void
run_text(struct fhir_writer *w, struct fhir_level *l)
{
	struct str piece = fhir_writer_take(w, l);

	if (l->kind == IN_DIV)
		buf_put_str(w->out, piece);
	else if (buf_room(w->out, piece.len + AROUND))
		put_escaped(w, buf_cursor(w->out), piece);
	if (l->at < l->end)
		return;
	w->depth--;
	if (l->kind == IN_VALUE && buf_room(w->out, AROUND))
		buf_add_byte(w->out, '"');
}

static void
open_document(struct fhir_writer *w, uint32_t i)
{
	buf_puts(w->out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
	if (w->pretty)
		buf_put_byte(w->out, '\n');
	open_root(w, i);
}

void
fhir_xml_writer_open(struct fhir_writer *w)
{
	open_document(w, 0);
}

void
fhir_xml_writer_run(struct fhir_writer *w)
{
	while (fhir_writer_goes_on(w, 0)) {
		struct fhir_level *l = &w->levels[w->depth - 1];

		if (l->kind == IN_ELEMENT)
			run_element(w, l);
		else
			run_text(w, l);
	}
}

void
fhir_xml_write(const struct record *r, const struct pack *p, uint32_t i, int flags, struct buf *out)
{
	struct fhir_writer w;

	fhir_writer_init(&w, FHIR_FORMAT_XML, flags & FHIR_XML_PRETTY, p);
	fhir_writer_begin(&w, r, out);
	fhir_writer_reserve(out, r, i, NAMES);
	open_document(&w, i);
	fhir_xml_writer_run(&w);
	if (w.pretty)
		buf_put_byte(out, '\n');
	fhir_writer_release(&w);
}
