#include <limits.h>

#include "base/arena.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/fhir/fhir_writer.h"
#include "profiles/lexical.h"

enum {
	INDENT = 2,
	NAMES = 24, /* bytes of names and brackets a node, about */
	/* Room asked for with each piece for what stands around it: quotes, a
	 * comma, a colon, brackets, an escape. */
	AROUND = 32,
};

/* What a level is. */
enum {
	IN_OBJECT,     /* members: nodes at..end */
	IN_LIST,       /* items, of the element `node` */
	IN_VALUES,     /* the values of a repeated primitive from `node` on */
	IN_COMPANIONS, /* and what is beside them */
	IN_COMPANION,  /* what is beside a single one, `node` */
	IN_STRING,     /* bytes of the value of `node` */
};

/* Of a body that is written for the store. */
struct fhir_splicer {
	struct str base;
	reference_entry_fn *find;
	void *ctx;
	struct arena *arena;
	struct splices *splices;
	uint32_t room;
	size_t start;	    /* where in out the body starts */
	uint32_t reference; /* the element Reference.reference */
	bool failed;	    /* no room for a splice */
};

/* Put one byte of a string that cannot stand as it is. */
static void
add_escape(struct fhir_writer *w, unsigned char c)
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
put_escaped(struct fhir_writer *w, struct str s)
{
	const char *p = s.p, *end = p + s.len;
	char *o;

	if (!buf_room(w->out, s.len + AROUND))
		return;
	o = buf_cursor(w->out);
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
		while (p < end && (unsigned char)*p >= ' ' && *p != '"' && *p != '\\')
			*o++ = *p++;
		buf_move(w->out, o);
		if (p == end)
			return;
		add_escape(w, (unsigned char)*p++);
		if (!buf_room(w->out, (size_t)(end - p) + AROUND))
			return;
		o = buf_cursor(w->out);
	}
}

/* A new line in pretty text. */
static void
put_line(struct fhir_writer *w)
{
	if (!w->pretty || !buf_room(w->out, 1 + (size_t)w->indent * INDENT + AROUND))
		return;
	buf_add_byte(w->out, '\n');
	memset(w->out->p + w->out->len, ' ', (size_t)w->indent * INDENT);
	w->out->len += (size_t)w->indent * INDENT;
}

static void
put_open(struct fhir_writer *w, char bracket)
{
	w->indent++;
	if (buf_room(w->out, AROUND))
		buf_add_byte(w->out, bracket);
}

static void
put_close(struct fhir_writer *w, char bracket)
{
	w->indent--;
	put_line(w);
	if (buf_room(w->out, AROUND))
		buf_add_byte(w->out, bracket);
}

/* Before an item or a member; a comma where it is not the first. */
static inline void
put_between(struct fhir_writer *w, struct fhir_level *l)
{
	if (!buf_room(w->out, AROUND))
		return;
	if (l->any)
		buf_add_byte(w->out, ',');
	l->any = true;
	if (w->pretty)
		put_line(w);
}

/* A member's name and its colon. l: of the object. */
static inline void
put_name(struct fhir_writer *w, struct fhir_level *l, uint32_t element, bool companion)
{
	const struct pack_element *e = &w->elements[element];
	char *o;

	if (w->pretty)
		put_between(w, l);
	if (!buf_room(w->out, e->name.len + AROUND))
		return;
	o = buf_cursor(w->out);
	if (!w->pretty && l->any)
		*o++ = ',';
	l->any = true;
	*o++ = '"';
	if (companion)
		*o++ = '_';
	o = buf_copy(o, str_of(w->names + e->name.offset, e->name.len));
	*o++ = '"';
	*o++ = ':';
	if (w->pretty)
		*o++ = ' ';
	buf_move(w->out, o);
}

static void
splice(struct fhir_writer *w, enum splice_kind kind, uint32_t entry)
{
	struct fhir_splicer *f = w->splicer;
	struct splices *s = f->splices;

	if (s->count == f->room) {
		uint32_t wanted = f->room ? f->room * 2 : 8;
		void *at = arena_grow(
		    f->arena, s->at, f->room * sizeof(s->at[0]), wanted * sizeof(s->at[0]));

		if (!at) {
			f->failed = true;
			return;
		}
		s->at = at;
		f->room = wanted;
	}
	s->at[s->count++] = (struct splice){
		.offset = (uint32_t)(w->out->len - f->start),
		.kind = (uint16_t)kind,
		.entry = entry,
	};
}

/*
 * XHTML may point to other entries too (R4, 3.1.0.11.2): in href="…" and
 * src="…", in either kind of quotes.
 */
static void
put_narrative(struct fhir_writer *w, struct str s)
{
	const struct fhir_splicer *f = w->splicer;

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
		if (link.len && f->find(f->ctx, link, &entry))
			splice(w, SPLICE_REFERENCE, entry);
		else
			put_escaped(w, link);
		s = str_from_index(s, value + link.len);
	}
	put_escaped(w, s);
}

/* Whether a value of that kind and element may name another entry. */
static bool
may_refer(const struct fhir_splicer *f, enum pack_lexical kind, uint32_t element)
{
	return element == f->reference || kind == LEXICAL_URI || kind == LEXICAL_URL ||
	       kind == LEXICAL_CANONICAL || kind == LEXICAL_OID || kind == LEXICAL_UUID;
}

static struct str
below_base(const struct fhir_splicer *f, struct str text)
{
	if (f->base.len && text.len > f->base.len + 1 && str_starts(text, f->base) &&
	    text.p[f->base.len] == '/')
		return str_from_index(text, f->base.len + 1);
	return text;
}

/* What is between the quotes, for the store. */
static void
put_spliceable(struct fhir_writer *w, enum pack_lexical kind, uint32_t element, struct str text)
{
	const struct fhir_splicer *f = w->splicer;
	uint32_t entry;

	if (f->find && kind == LEXICAL_XHTML)
		put_narrative(w, text);
	else if (f->find && may_refer(f, kind, element) && f->find(f->ctx, text, &entry))
		splice(w, SPLICE_REFERENCE, entry);
	else
		put_escaped(w, element == f->reference ? below_base(f, text) : text);
}

/* The value of a primitive. A long string is only begun where it may be cut: a
 * level goes on with it. */
static inline void
put_text(struct fhir_writer *w, uint32_t i)
{
	uint32_t element = w->nodes[i].element;
	enum pack_lexical kind = w->types[w->elements[element].type].lexical;
	struct str text = fhir_writer_text(w, i);

	if (lexical_form(kind) != FORM_STRING) {
		if (buf_room(w->out, text.len + AROUND))
			buf_add(w->out, text);
		return;
	}
	if (!buf_room(w->out, AROUND))
		return;
	buf_add_byte(w->out, '"');
	if (fhir_writer_cuts(w, w->nodes[i].len)) {
		fhir_writer_push(w, IN_STRING, i, 0, w->nodes[i].len);
		return;
	}
	if (w->splicer)
		put_spliceable(w, kind, element, text);
	else
		put_escaped(w, text);
	if (buf_room(w->out, AROUND))
		buf_add_byte(w->out, '"');
}

static void
run_string(struct fhir_writer *w, struct fhir_level *l)
{
	put_escaped(w, fhir_writer_take(w, l));
	if (l->at < l->end)
		return;
	if (buf_room(w->out, AROUND))
		buf_add_byte(w->out, '"');
	w->depth--;
}

static void
put_null(struct fhir_writer *w)
{
	if (buf_room(w->out, AROUND))
		buf_add(w->out, STR("null"));
}

static inline bool
has_children(const struct fhir_writer *w, uint32_t i)
{
	return w->nodes[i].end > i + 1;
}

static void
put_resource_type(struct fhir_writer *w, struct fhir_level *l, uint32_t i)
{
	struct str name = pack_text(w->pack, w->types[w->nodes[i].element].name);

	put_between(w, l);
	if (!buf_room(w->out, name.len + AROUND))
		return;
	buf_add(w->out, w->pretty ? STR("\"resourceType\": \"") : STR("\"resourceType\":\""));
	buf_add(w->out, name);
	buf_add_byte(w->out, '"');
}

/* Begin node i as an object: an element's children, or a resource. */
static void
open_object(struct fhir_writer *w, uint32_t i)
{
	const struct pack_element *e = &w->elements[w->nodes[i].element];
	struct fhir_level *l;

	if (e->flags & ELEMENT_RESOURCE && e->owner != PACK_NONE) {
		if (!has_children(w, i)) {
			put_null(w);
			return;
		}
		i++;
		e = &w->elements[w->nodes[i].element];
	}
	put_open(w, '{');
	l = fhir_writer_push(w, IN_OBJECT, i, i + 1, w->nodes[i].end);
	if (e->owner == PACK_NONE && w->types[e->type].kind == PACK_RESOURCE)
		put_resource_type(w, l, i);
}

/* A repeated primitive: the values, and the companions where there are any. */
static void
put_primitives(struct fhir_writer *w, struct fhir_level *object, uint32_t from, uint32_t end)
{
	const struct record_node *nodes = w->nodes;
	bool values = false;

	for (uint32_t i = from; i < end && !values; i = nodes[i].end)
		values = nodes[i].len > 0;
	put_name(w, object, nodes[from].element, !values);
	put_open(w, '[');
	fhir_writer_push(w, values ? IN_VALUES : IN_COMPANIONS, from, from, end);
}

/* Put the repetitions of one element, nodes from..end, as one or two members
 * into the newest level, or begin to. */
static void
put_member(struct fhir_writer *w, uint32_t from, uint32_t end)
{
	const struct record_node *nodes = w->nodes;
	const struct pack_element *e = &w->elements[nodes[from].element];
	struct fhir_level *object = &w->levels[w->depth - 1];

	if (e->flags & ELEMENT_PRIMITIVE) {
		if (e->flags & ELEMENT_REPEATS) {
			put_primitives(w, object, from, end);
			return;
		}
		if (nodes[from].len)
			put_name(w, object, nodes[from].element, false);
		if (has_children(w, from))
			fhir_writer_push(w, IN_COMPANION, from, 0, 0);
		if (nodes[from].len)
			put_text(w, from);
		return;
	}
	put_name(w, object, nodes[from].element, false);
	if (!(e->flags & ELEMENT_REPEATS)) {
		open_object(w, from);
		return;
	}
	put_open(w, '[');
	fhir_writer_push(w, IN_LIST, nodes[from].element, from, end);
}

/* Behind the repetitions of the element of node i. */
static inline uint32_t
run_end(const struct record_node *nodes, uint32_t i, uint32_t end)
{
	uint32_t element = nodes[i].element;

	do
		i = nodes[i].end;
	while (i < end && nodes[i].element == element);
	return i;
}

/* The members of the newest level, until one is only begun. */
static void
run_object(struct fhir_writer *w, struct fhir_level *l)
{
	unsigned depth = w->depth;

	while (l->at < l->end) {
		uint32_t from = l->at;

		l->at = run_end(w->nodes, from, l->end);
		put_member(w, from, l->at);
		if (w->depth != depth || w->out->len >= w->enough)
			return;
	}
	if (depth == 1 && !w->last) {
		w->waiting = true;
		return;
	}
	w->depth--;
	if (l->any) {
		put_close(w, '}');
	} else {
		w->indent--;
		buf_put_byte(w->out, '}');
	}
}

static void
run_list(struct fhir_writer *w, struct fhir_level *l)
{
	unsigned depth = w->depth;

	while (l->at < l->end) {
		uint32_t i = l->at;

		l->at = w->nodes[i].end;
		put_between(w, l);
		open_object(w, i);
		if (w->depth != depth || w->out->len >= w->enough)
			return;
	}
	/* The next part may have more of them. */
	if (depth == 2 && !w->last && w->levels[0].at == w->levels[0].end) {
		w->waiting = true;
		return;
	}
	w->depth--;
	put_close(w, ']');
}

static void
run_values(struct fhir_writer *w, struct fhir_level *l)
{
	const struct record_node *nodes = w->nodes;
	unsigned depth = w->depth;
	uint32_t i;

	while (l->at < l->end) {
		i = l->at;
		l->at = nodes[i].end;
		put_between(w, l);
		if (nodes[i].len)
			put_text(w, i);
		else
			put_null(w);
		if (w->depth != depth || w->out->len >= w->enough)
			return;
	}
	put_close(w, ']');
	w->depth--;
	for (i = l->node; i < l->end && !has_children(w, i);)
		i = nodes[i].end;
	if (i == l->end)
		return;
	put_name(w, &w->levels[depth - 2], nodes[l->node].element, true);
	put_open(w, '[');
	fhir_writer_push(w, IN_COMPANIONS, l->node, l->node, l->end);
}

static void
run_companions(struct fhir_writer *w, struct fhir_level *l)
{
	unsigned depth = w->depth;

	while (l->at < l->end) {
		uint32_t i = l->at;

		l->at = w->nodes[i].end;
		put_between(w, l);
		if (has_children(w, i))
			open_object(w, i);
		else
			put_null(w);
		if (w->depth != depth || w->out->len >= w->enough)
			return;
	}
	w->depth--;
	put_close(w, ']');
}

static void
run_companion(struct fhir_writer *w, struct fhir_level *l)
{
	uint32_t i = l->node;

	w->depth--;
	put_name(w, &w->levels[w->depth - 1], w->nodes[i].element, true);
	open_object(w, i);
}

/* Go on until only `depth` levels are left, or it is enough. */
static void
run(struct fhir_writer *w, unsigned depth)
{
	while (fhir_writer_goes_on(w, depth)) {
		struct fhir_level *l = &w->levels[w->depth - 1];

		switch (l->kind) {
		case IN_OBJECT:
			run_object(w, l);
			break;
		case IN_LIST:
			run_list(w, l);
			break;
		case IN_VALUES:
			run_values(w, l);
			break;
		case IN_COMPANIONS:
			run_companions(w, l);
			break;
		case IN_COMPANION:
			run_companion(w, l);
			break;
		default:
			run_string(w, l);
			break;
		}
	}
}

void
fhir_json_writer_open(struct fhir_writer *w)
{
	open_object(w, 0);
}

void
fhir_json_writer_run(struct fhir_writer *w)
{
	run(w, 0);
}

void
fhir_json_write(
    const struct record *r, const struct pack *p, uint32_t i, int flags, struct buf *out)
{
	struct fhir_writer w;

	fhir_writer_init(&w, FHIR_FORMAT_JSON, flags & FHIR_JSON_PRETTY, p);
	fhir_writer_begin(&w, r, out);
	fhir_writer_reserve(out, r, i, NAMES);
	if (w.elements[r->nodes[i].element].flags & ELEMENT_PRIMITIVE)
		put_text(&w, i);
	else
		open_object(&w, i);
	run(&w, 0);
	if (w.pretty)
		buf_put_byte(out, '\n');
	fhir_writer_release(&w);
}

/* "name":"", the text between the quotes to be spliced. */
static void
put_spliced(struct fhir_writer *w, struct str name, enum splice_kind kind)
{
	put_between(w, &w->levels[w->depth - 1]);
	if (!buf_room(w->out, name.len + AROUND))
		return;
	buf_add_byte(w->out, '"');
	buf_add(w->out, name);
	buf_add(w->out, STR("\":\""));
	splice(w, kind, 0);
	buf_add_byte(w->out, '"');
}

/* The members of node i but those two. */
static void
put_members_but(struct fhir_writer *w, uint32_t i, struct str one, struct str two)
{
	uint32_t end = w->nodes[i].end, next;

	for (uint32_t child = i + 1; child < end; child = next) {
		struct str name = pack_text(w->pack, w->elements[w->nodes[child].element].name);
		unsigned depth = w->depth;

		next = run_end(w->nodes, child, end);
		if (str_eq(name, one) || str_eq(name, two))
			continue;
		put_member(w, child, next);
		run(w, depth);
		if (w->depth != depth)
			return; /* out is full */
	}
}

/* meta, with its version and time in front; node `meta`, 0: there is none. */
static void
put_meta(struct fhir_writer *w, uint32_t meta)
{
	put_between(w, &w->levels[w->depth - 1]);
	if (!buf_room(w->out, AROUND))
		return;
	buf_add(w->out, STR("\"meta\":{"));
	fhir_writer_push(w, IN_OBJECT, meta, 0, 0);
	put_spliced(w, STR("versionId"), SPLICE_VERSION);
	put_spliced(w, STR("lastUpdated"), SPLICE_UPDATED);
	if (meta)
		put_members_but(w, meta, STR("versionId"), STR("lastUpdated"));
	w->depth--;
	if (buf_room(w->out, AROUND))
		buf_add_byte(w->out, '}');
}

int
fhir_json_write_stored(const struct record *r, const struct pack *p, uint32_t i, struct str base,
    reference_entry_fn *find, void *ctx, struct arena *a, struct buf *out, struct splices *splices)
{
	uint32_t reference = pack_find_type(p, STR("Reference"));
	struct fhir_splicer splicer = {
		.base = base,
		.find = find,
		.ctx = ctx,
		.arena = a,
		.splices = splices,
		.start = out->len,
		.reference = reference == PACK_NONE
				 ? PACK_NONE
				 : pack_find_element(p, reference, STR("reference")),
	};
	struct fhir_writer w;

	*splices = (struct splices){ 0 };
	fhir_writer_init(&w, FHIR_FORMAT_JSON, false, p);
	fhir_writer_begin(&w, r, out);
	fhir_writer_reserve(out, r, i, NAMES);
	w.splicer = &splicer;
	put_open(&w, '{');
	put_resource_type(&w, fhir_writer_push(&w, IN_OBJECT, i, 0, 0), i);
	put_spliced(&w, STR("id"), SPLICE_ID);
	put_meta(&w, record_child(r, p, i, STR("meta")));
	if (!out->full)
		put_members_but(&w, i, STR("id"), STR("meta"));
	put_close(&w, '}');
	fhir_writer_release(&w);
	return out->full || splicer.failed ? -1 : 0;
}
