#include <pthread.h>

#include "base/arena.h"
#include "base/error.h"
#include "mappers/fhir/fhir_xml.h"
#include "mappers/fhir/fhir_xml_reader.h"
#include "profiles/lexical.h"
#include "profiles/narrative.h"

#define FHIR_NAMESPACE "http://hl7.org/fhir"
#define XSI_NAMESPACE "http://www.w3.org/2001/XMLSchema-instance"

enum {
	/* Open elements beyond those of the resource: in narrative, or skipped. */
	LEVELS_MORE = 512,
	STRING_BYTES = 1024 * 1024, /* so long a string is within FHIR's limit */
	/* Namespaces declared at once: libxml2 looks through all for each name. */
	NAMESPACES_MOST = 128,
};

/* ---- Places ---------------------------------------------------------- */

/* Where the parser stands: in a start tag behind the attributes, in an end
 * tag behind it. */
static const char *
here(const struct xml_reader *x)
{
	const xmlParserInput *input = x->ctxt->input;

	/* Out of memory, libxml2 may have let go of its input. */
	return input && input->cur ? (const char *)input->cur : x->r.lex.start;
}

/* The '<' of the start tag that `inside` stands in: no value holds one. */
static const char *
tag_start(const struct xml_reader *x, const char *inside)
{
	const char *start = x->r.lex.start;
	const char *at = inside > start ? memrchr(start, '<', (size_t)(inside - start)) : NULL;

	return at ? at : inside;
}

/* Behind the name that ends before the '=' at p: where it begins. */
static const char *
name_start(const char *start, const char *p)
{
	while (p > start && (unsigned char)p[-1] > ' ' && p[-1] != ':' && p[-1] != '"' &&
	       p[-1] != '\'')
		p--;
	return p;
}

/* The attribute's value (its quote) in the start tag that was just read. */
static const char *
attribute_place(const struct xml_reader *x, const xmlChar *name)
{
	const char *end = here(x), *start = tag_start(x, end), *p = start;
	size_t len = strlen((const char *)name);

	while (!reader_is_full(&x->r) && (p = memchr(p, '=', (size_t)(end - p)))) {
		const char *to = p, *from;

		while (to > start && (unsigned char)to[-1] <= ' ')
			to--;
		from = name_start(start, to);
		while (p < end && *p != '"' && *p != '\'')
			p++;
		if ((size_t)(to - from) == len && memcmp(from, name, len) == 0)
			return p;
		if (p < end)
			p = memchr(p + 1, *p, (size_t)(end - p - 1));
		if (!p || ++p >= end)
			break;
	}
	return start;
}

/* The builder's limit was passed, or the reading ends for another reason. */
static void
stop(struct xml_reader *x)
{
	if (!x->r.told) {
		x->r.lex.p = here(x);
		reader_stops(&x->r, NO_LEAF, 0);
	}
	xmlStopParser(x->ctxt);
}

static struct str
name_of(const xmlChar *name)
{
	return str_from((const char *)name);
}

/* ---- Frames ---------------------------------------------------------- */

static struct xml_frame *
push_frame(struct xml_reader *x, uint32_t node, uint32_t element, uint32_t index, uint32_t type)
{
	struct xml_frame *up = x->top, *f = up ? up->below : x->first;

	if (node == RECORD_FULL)
		return NULL;
	if (!f) {
		f = ARENA_NEW(x->r.arena, struct xml_frame);
		if (!f) {
			record_fail(x->r.b, "more memory than the limit");
			return NULL;
		}
		if (up)
			up->below = f;
		else
			x->first = f;
	}
	f->f = (struct frame){
		.up = up ? &up->f : NULL,
		.start = here(x),
		.node = node,
		.element = element,
		.index = index,
		.type = type,
		.last = type,
		.depth = up ? up->f.depth + 1 : 1,
	};
	f->newest = NULL;
	f->previous = type;
	f->repeats = 0;
	f->pending = PACK_NONE;
	f->text_told = 0;
	f->primitive = f->holder = f->any = false;
	x->top = f;
	x->r.top = &f->f;
	return f;
}

static void
pop_frame(struct xml_reader *x)
{
	x->r.top = x->top->f.up;
	x->top = (struct xml_frame *)x->r.top; /* its first member */
}

/* Put the attribute down that waited for its place. */
static bool
put_pending(struct xml_reader *x, struct xml_frame *f)
{
	uint32_t node = record_push(x->r.b, f->pending);

	if (node == RECORD_FULL)
		return false;
	x->r.b->nodes[node].text = f->pending_text;
	x->r.b->nodes[node].len = f->pending_len;
	f->pending = PACK_NONE;
	return true;
}

/* ---- Values ---------------------------------------------------------- */

/* Put a value behind the builder's text, which has room. */
static bool
keep_bytes(struct xml_reader *x, struct str text, uint32_t *at)
{
	struct record_builder *b = x->r.b;

	*at = (uint32_t)b->text_len;
	if (text.len)
		memcpy(b->text + b->text_len, text.p, text.len);
	b->text_len += text.len;
	if (b->text_len > b->limits.text) {
		record_fail(b, "more bytes of values than the limit");
		return false;
	}
	return true;
}

static bool
is_right(enum pack_lexical kind, struct str text)
{
	/* libxml2 let only those characters pass that a string may have. */
	if ((kind == LEXICAL_STRING || kind == LEXICAL_MARKDOWN) && text.len &&
	    text.len <= STRING_BYTES)
		return true;
	return lexical_check(kind, text) == LEXICAL_VALID;
}

/* The value of the newest frame's primitive. */
static bool
read_value(struct xml_reader *x, struct xml_frame *f, const xmlChar *name, struct str text)
{
	enum pack_lexical kind = x->r.types[f->f.type].lexical;
	uint32_t at;

	if (!is_right(kind, text)) {
		reader_finds_value(&x->r, kind, text, false, NO_LEAF, 0, attribute_place(x, name));
		return true;
	}
	if (!keep_bytes(x, text, &at))
		return false;
	x->r.b->nodes[f->f.node].text = at;
	x->r.b->nodes[f->f.node].len = (uint32_t)text.len;
	return true;
}

/* An element that is an attribute in XML: id, url. */
static bool
read_attribute(struct xml_reader *x, struct xml_frame *f, uint32_t element, const xmlChar *name,
    struct str text)
{
	const struct pack_element *e = &x->r.elements[element];
	uint32_t at, node;

	f->f.found += e->min > 0;
	if (!is_right(x->r.types[e->type].lexical, text)) {
		reader_finds_value(&x->r, x->r.types[e->type].lexical, text, false, element, 0,
		    attribute_place(x, name));
		frame_drops(&x->r, &f->f, element);
		return !x->r.b->failed;
	}
	if (!keep_bytes(x, text, &at))
		return false;
	if (element != x->r.types[f->f.type].elements.first) {
		if (f->pending != PACK_NONE && !put_pending(x, f))
			return false;
		f->pending = element;
		f->pending_text = at;
		f->pending_len = (uint32_t)text.len;
		return true;
	}
	node = record_push(x->r.b, element);
	if (node == RECORD_FULL)
		return false;
	x->r.b->nodes[node].text = at;
	x->r.b->nodes[node].len = (uint32_t)text.len;
	return true;
}

/* What an attribute must not be. */
static void
odd_attribute(struct xml_reader *x, const xmlChar **a)
{
	char shown[SHOWN_NAME];

	if (a[2] && !x->top->f.up && strcmp((const char *)a[2], XSI_NAMESPACE) == 0 &&
	    strcmp((const char *)a[0], "schemaLocation") == 0)
		return;
	reader_finds(&x->r, "structure", NO_LEAF, 0, attribute_place(x, a[0]),
	    "unknown attribute \"%s\": %s", shown_name(name_of(a[0]), shown),
	    a[1]		? "FHIR has none with a prefix"
	    : x->top->primitive ? "there may be value and id"
				: "values stand in elements of their own");
}

/* The attributes of the newest frame's element, count times five: name, prefix,
 * namespace, value and its end. */
static bool
read_attributes(struct xml_reader *x, struct xml_frame *f, int count, const xmlChar **a)
{
	const struct reader *r = &x->r;

	for (; count > 0; count--, a += 5) {
		struct str text = str_of((const char *)a[3], (size_t)(a[4] - a[3]));
		uint32_t element;

		f->any = true;
		if (!a[1] && f->primitive && strcmp((const char *)a[0], "value") == 0) {
			if (!read_value(x, f, a[0], text))
				return false;
			continue;
		}
		element = a[1] || f->holder ? PACK_NONE
					    : pack_find_element(r->pack, f->f.type, name_of(a[0]));
		if (element == PACK_NONE || !(r->elements[element].flags & ELEMENT_ATTRIBUTE)) {
			odd_attribute(x, a);
			continue;
		}
		if (!read_attribute(x, f, element, a[0], text))
			return false;
	}
	return true;
}

/* ---- Elements -------------------------------------------------------- */

static inline bool
is_namespace(const xmlChar **known, const xmlChar *uri, const char *name)
{
	if (uri && uri == *known)
		return true;
	if (!uri || strcmp((const char *)uri, name) != 0)
		return false;
	*known = uri;
	return true;
}

/* What the child of that name is: an element of the frame's type, or PACK_NONE.
 * The guess is the newest child again, or what followed it the last time. */
static inline uint32_t
find_element(struct xml_reader *x, struct xml_frame *f, const xmlChar *name)
{
	const struct reader *r = &x->r;
	const struct pack_element *e;
	uint32_t element;
	struct str s;

	if (name == f->newest)
		return f->previous;
	element = r->b->follow[f->previous];
	e = &r->elements[element];
	s = element_name(r, e);
	if (e->owner == f->f.type && strncmp((const char *)name, s.p, s.len) == 0 && !name[s.len])
		return element;
	element = pack_find_element(r->pack, f->f.type, name_of(name));
	if (element != PACK_NONE)
		r->b->follow[f->previous] = element;
	return element;
}

/* How many children of that element the frame has: for findings, so not
 * counted where no more are kept. */
static uint32_t
count_children(const struct reader *r, const struct frame *f, uint32_t element)
{
	const struct record_builder *b = r->b;
	uint32_t n = 0;

	if (reader_is_full(r))
		return 0;
	for (uint32_t i = f->node + 1; i < b->count; i += b->nodes[i].end)
		n += b->nodes[i].element == element;
	return n;
}

static void
stands_twice(struct xml_reader *x, uint32_t element)
{
	reader_finds(&x->r, "structure", element, 0, tag_start(x, here(x)), "\"%.*s\" stands twice",
	    STR_ARG(element_name(&x->r, &x->r.elements[element])));
}

/* One more of an element that came before. */
static bool
enter_again(struct xml_reader *x, struct xml_frame *f, uint32_t element)
{
	const struct pack_element *e = &x->r.elements[element];

	if (!(e->flags & ELEMENT_REPEATS)) {
		stands_twice(x, element);
		return false;
	}
	f->repeats++;
	if (e->max != PACK_MANY && f->repeats == e->max)
		reader_finds(&x->r, "structure", element, e->max, tag_start(x, here(x)),
		    "more values than the %u that are allowed", e->max);
	return true;
}

static void
out_of_order(struct xml_reader *x, struct xml_frame *f, uint32_t element)
{
	f->f.disorder = true;
	reader_finds(&x->r, "structure", element, f->repeats, tag_start(x, here(x)),
	    "\"%.*s\" must come before \"%.*s\": elements stand in the order of the specification",
	    STR_ARG(element_name(&x->r, &x->r.elements[element])),
	    STR_ARG(element_name(&x->r, &x->r.elements[f->f.last])));
}

/* As enter(), when elements come out of order, or in choices. */
static bool
enter_tracked(struct xml_reader *x, struct xml_frame *f, uint32_t element)
{
	const struct pack_element *e = &x->r.elements[element];
	uint32_t bit = frame_bit(&x->r, &f->f, element, false);

	if (!f->f.seen && !frame_track(&x->r, &f->f)) {
		stop(x);
		return false;
	}
	if (frame_has(&f->f, bit)) {
		if (f->previous != element) {
			uint32_t others = count_children(&x->r, &f->f, element);

			f->repeats = others;
			if (e->flags & ELEMENT_REPEATS)
				out_of_order(x, f, element);
			f->repeats = others ? others - 1 : 0;
		}
		return enter_again(x, f, element);
	}
	if (e->choice && frame_has_other_choice(&x->r, &f->f, element)) {
		reader_finds(&x->r, "structure", element, 0, tag_start(x, here(x)),
		    "\"%.*s\" and another type of the same choice: only one may be there",
		    STR_ARG(element_name(&x->r, e)));
		return false;
	}
	f->repeats = 0;
	if (element < f->f.last)
		out_of_order(x, f, element);
	else
		f->f.last = element;
	f->f.found += e->min > 0;
	f->f.seen[bit / 64] |= UINT64_C(1) << bit % 64;
	return true;
}

/* Account for a child of that element. False: it must not be there, which was
 * told, or the reading ends. */
static inline bool
enter(struct xml_reader *x, struct xml_frame *f, uint32_t element)
{
	const struct pack_element *e = &x->r.elements[element];

	if (element == f->f.last && element == f->previous)
		return enter_again(x, f, element);
	if (f->f.seen || element <= f->f.last ||
	    (e->choice && e->choice == x->r.elements[f->f.last].choice))
		return enter_tracked(x, f, element);
	f->f.found += e->min > 0;
	f->f.last = element;
	f->repeats = 0;
	return true;
}

static void
finds_unknown(struct xml_reader *x, struct xml_frame *f, const xmlChar *name, uint32_t element)
{
	char shown[SHOWN_NAME];

	if (element == PACK_NONE)
		reader_finds_unknown(&x->r, &f->f, name_of(name), tag_start(x, here(x)));
	else
		reader_finds(&x->r, "structure", NO_LEAF, 0, tag_start(x, here(x)),
		    "\"%s\" must be an attribute", shown_name(name_of(name), shown));
}

/* A name in a namespace where it is not known. */
static void
finds_namespace(struct xml_reader *x, const xmlChar *name, const char *right)
{
	char shown[SHOWN_NAME];

	reader_finds(&x->r, "structure", NO_LEAF, 0, tag_start(x, here(x)),
	    "element \"%s\" must be in the namespace %s", shown_name(name_of(name), shown), right);
}

static void
unknown_resource(struct xml_reader *x, const xmlChar *name)
{
	char shown[SHOWN_NAME];
	const char *at = tag_start(x, here(x));

	shown_name(name_of(name), shown);
	if (x->r.top) {
		reader_finds(&x->r, "structure", NO_LEAF, 0, at,
		    "unknown resource \"%s\": FHIR %.*s has no such resource", shown,
		    STR_ARG(pack_fhir_version(x->r.pack)));
		return;
	}
	reader_refuses(&x->r, "structure", at,
	    "unknown resource \"%s\": FHIR %.*s has no such resource", shown,
	    STR_ARG(pack_fhir_version(x->r.pack)));
}

/* The root element, or a resource inside an element that holds one. */
static bool
start_resource(
    struct xml_reader *x, const xmlChar *name, const xmlChar *uri, int count, const xmlChar **a)
{
	uint32_t type = PACK_NONE, wanted = x->r.options->type;
	struct xml_frame *f;

	if (is_namespace(&x->fhir, uri, FHIR_NAMESPACE))
		type = pack_find_resource(x->r.pack, name_of(name));
	else if (!x->r.top)
		return reader_refuses(&x->r, "structure", tag_start(x, here(x)),
		    "the root element must be a resource in the namespace %s", FHIR_NAMESPACE);
	if (type == PACK_NONE) {
		unknown_resource(x, name);
		x->skipped = 1;
		return !x->r.told;
	}
	if (!x->r.top && wanted != PACK_NONE && wanted != type)
		return reader_refuses(&x->r, "invalid", tag_start(x, here(x)),
		    "a %.*s where a %.*s must be",
		    STR_ARG(pack_text(x->r.pack, x->r.types[type].name)),
		    STR_ARG(pack_text(x->r.pack, x->r.types[wanted].name)));
	f = push_frame(x, record_push(x->r.b, type), type, 0, type);
	if (!f)
		return false;
	f->f.resource = f->any = true; /* {"resourceType":"Patient"} is one, too */
	if (f->f.depth > x->r.b->limits.depth) {
		record_fail(x->r.b, "elements nested deeper than the limit");
		return false;
	}
	return read_attributes(x, f, count, a);
}

/* The resource in an element that holds one. */
static bool
start_held(struct xml_reader *x, struct xml_frame *holder, const xmlChar *name, const xmlChar *uri,
    int count, const xmlChar **a)
{
	if (holder->any) {
		reader_finds(&x->r, "structure", NO_LEAF, 0, tag_start(x, here(x)),
		    "a second resource where one must be");
		x->skipped = 1;
		return true;
	}
	holder->any = true;
	return start_resource(x, name, uri, count, a);
}

/* Narrative begins: it is read without frames. */
static void
start_div(struct xml_reader *x, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
    int namespaces, const xmlChar **declared, int count, const xmlChar **a)
{
	struct xml_div *d = &x->div;

	d->start = tag_start(x, here(x));
	d->anew = true;
	for (int i = 0; i < namespaces && !prefix; i++)
		if (!declared[2 * i])
			d->anew = false; /* it is XHTML's, or we were not here */
	if (d->anew)
		buf_init(&d->out, x->r.b->limits.text);
	d->open = false;
	xml_div_start(x, name, uri, count, a);
}

/* An element below an open one. */
static bool
start_child(struct xml_reader *x, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
    int namespaces, const xmlChar **declared, int count, const xmlChar **a)
{
	struct xml_frame *up = x->top, *f;
	uint32_t element = find_element(x, up, name), node;
	const struct pack_element *e = &x->r.elements[element == PACK_NONE ? 0 : element];
	bool xhtml = x->r.types[e->type].lexical == LEXICAL_XHTML;

	up->any = true;
	x->skipped = 1; /* until it is known that it is kept */
	if (element == PACK_NONE || e->flags & ELEMENT_ATTRIBUTE) {
		finds_unknown(x, up, name, element);
		return true;
	}
	if (xhtml ? !is_namespace(&x->xhtml, uri, XHTML_NAMESPACE)
		  : !is_namespace(&x->fhir, uri, FHIR_NAMESPACE)) {
		finds_namespace(x, name, xhtml ? XHTML_NAMESPACE : FHIR_NAMESPACE);
		frame_drops(&x->r, &up->f, element);
		return !x->r.b->failed;
	}
	if (!enter(x, up, element)) {
		up->newest = name;
		up->previous = element;
		return !x->r.told;
	}
	up->newest = name;
	up->previous = element;
	x->skipped = 0;
	if (up->pending < element && !put_pending(x, up))
		return false;
	if (xhtml) {
		start_div(x, name, prefix, uri, namespaces, declared, count, a);
		return true;
	}
	node = record_push(x->r.b, element);
	f = push_frame(x, node, element, up->repeats, e->type);
	if (!f)
		return false;
	f->primitive = e->flags & ELEMENT_PRIMITIVE;
	f->holder = e->flags & ELEMENT_RESOURCE;
	f->f.depth -= f->holder;
	if (!f->primitive && f->f.depth > x->r.b->limits.depth) {
		record_fail(x->r.b, "elements nested deeper than the limit");
		return false;
	}
	return read_attributes(x, f, count, a);
}

static void
on_start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int namespaces,
    const xmlChar **declared, int count, int defaulted, const xmlChar **attributes)
{
	struct xml_reader *x = ctx;
	bool done;

	(void)defaulted; /* there is no DTD */
	if (x->r.told)
		return;
	if (++x->levels > 2 * x->r.b->limits.depth + LEVELS_MORE)
		record_fail(x->r.b, "elements nested deeper than the limit");
	else if (x->ctxt->nsNr > 2 * NAMESPACES_MOST)
		record_fail(x->r.b, "more namespaces than the limit of 128");
	if (x->r.b->failed) {
		stop(x);
		return;
	}
	if (x->div.depth) {
		xml_div_start(x, name, uri, count, attributes);
		return;
	}
	if (x->skipped) {
		x->skipped++;
		return;
	}
	if (!x->top)
		done = start_resource(x, name, uri, count, attributes);
	else if (x->top->holder)
		done = start_held(x, x->top, name, uri, count, attributes);
	else
		done = start_child(x, name, prefix, uri, namespaces, declared, count, attributes);
	if (!done)
		stop(x);
}

/* ---- Ends ------------------------------------------------------------ */

/* A fault of narrative. */
static void
on_narrative_fault(void *ctx, size_t offset, const char *code, const char *what, struct str name)
{
	struct xml_reader *x = ctx;
	const char *at = x->div.anew ? x->div.start : x->div.start + offset;
	char shown[SHOWN_NAME];

	reader_finds(&x->r, code, x->top->previous, 0, at, "%s%s", what, shown_name(name, shown));
}

/* The div is whole. */
static bool
finish_div(struct xml_reader *x)
{
	struct xml_div *d = &x->div;
	struct record_builder *b = x->r.b;
	struct str text = str_of(d->start, (size_t)(here(x) - d->start));
	uint32_t element = x->top->previous, node, at;
	bool done = true;

	if (d->anew)
		text = buf_str(&d->out);
	if (d->anew && d->out.full) {
		record_fail(b, "more bytes of values than the limit");
		done = false;
	} else if (!narrative_check(text, on_narrative_fault, x)) {
		frame_drops(&x->r, &x->top->f, element);
		done = !b->failed;
	} else {
		done = (!d->anew || record_more_text(b, text.len)) && keep_bytes(x, text, &at);
		node = done ? record_push(b, element) : RECORD_FULL;
		done = node != RECORD_FULL;
		if (done) {
			b->nodes[node].text = at;
			b->nodes[node].len = (uint32_t)text.len;
		}
	}
	if (d->anew) {
		d->out.wipe = true;
		buf_release(&d->out);
	}
	return done;
}

/* Whether the newest frame's node holds something. */
static bool
is_filled(const struct xml_reader *x, const struct frame *f)
{
	return x->r.b->nodes[f->node].len || x->r.b->count > f->node + 1;
}

static bool
finish_element(struct xml_reader *x)
{
	struct xml_frame *f = x->top;
	struct record_builder *b = x->r.b;
	bool kept, root = f->f.element < pack_type_count(x->r.pack);

	if (f->pending != PACK_NONE && !put_pending(x, f))
		return false;
	if (!f->any)
		reader_finds(&x->r, "structure", NO_LEAF, 0, tag_start(x, f->f.start),
		    "an empty element: leave it out where there is nothing to say");
	if (f->f.disorder)
		record_sort_children(b, f->f.node);
	if (f->f.found < b->required[f->f.type] && f->any) {
		f->f.start = tag_start(x, f->f.start);
		reader_tells_missing(&x->r, &f->f);
		if (b->failed)
			return false;
	}
	kept = root || is_filled(x, &f->f);
	b->nodes[f->f.node].end = b->count - f->f.node;
	if (!kept)
		b->count = f->f.node;
	pop_frame(x);
	if (!kept && x->top && !x->top->holder)
		frame_drops(&x->r, &x->top->f, f->f.element);
	return !b->failed;
}

static void
on_end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	struct xml_reader *x = ctx;
	bool done = true;

	(void)prefix;
	(void)uri;
	if (x->r.told)
		return;
	x->levels--;
	if (x->div.depth) {
		if (xml_div_end(x, name))
			done = finish_div(x);
	} else if (x->skipped) {
		x->skipped--;
	} else {
		done = finish_element(x);
	}
	if (!done)
		stop(x);
}

/* ---- What stands between --------------------------------------------- */

/* There is text at `at`, which may be copied from there. */
static void
finds_text(struct xml_reader *x, struct str text, const char *at)
{
	if (x->r.told || x->skipped || !x->top || x->top->text_told || str_trim(text).len == 0)
		return;
	x->top->text_told = x->top->any = true;
	reader_finds(&x->r, "structure", NO_LEAF, 0, at,
	    "text where only elements may be: values stand in attributes");
}

static void
on_text(void *ctx, const xmlChar *text, int len)
{
	struct xml_reader *x = ctx;
	const char *p = (const char *)text, *end = p + len;

	if (x->div.depth) {
		xml_div_text(x, text, len);
		return;
	}
	while (p < end && (unsigned char)*p <= ' ')
		p++;
	/* Plain text is given where it stands, other text in a copy. */
	if (p < end)
		finds_text(x, str_of(p, (size_t)(end - p)),
		    p < x->r.lex.start || p >= x->r.lex.end ? here(x) : p);
}

/* The section was read to its end, or to the end of a piece of it. */
static void
on_cdata(void *ctx, const xmlChar *text, int len)
{
	static const char open[] = "<![CDATA[";
	struct xml_reader *x = ctx;
	const char *at = here(x), *behind;

	if (x->div.depth) {
		xml_div_text(x, text, len);
		return;
	}
	do {
		behind = at;
		at = tag_start(x, behind);
	} while (at < behind && strncmp(at, open, sizeof(open) - 1) != 0);
	finds_text(x, str_of((const char *)text, (size_t)len), at);
}

static void
on_doctype(void *ctx, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
	struct xml_reader *x = ctx;

	(void)name;
	(void)external;
	(void)system;
	reader_refuses(&x->r, "structure", tag_start(x, here(x)),
	    "a document type declaration, which FHIR XML cannot have");
	xmlStopParser(x->ctxt);
}

static void
on_error(void *ctx, xmlErrorPtr e)
{
	struct xml_reader *x = ctx;

	if (e->level < XML_ERR_ERROR || x->r.told)
		return;
	x->r.lex.fault = xml_fault(e->code);
	x->r.lex.p = here(x);
	if (x->r.lex.p < x->r.lex.start || x->r.lex.p > x->r.lex.end)
		x->r.lex.p = x->r.lex.end;
	reader_stops(&x->r, NO_LEAF, 0);
}

/* ---- The whole text -------------------------------------------------- */

static const xmlSAXHandler handler = {
	.initialized = XML_SAX2_MAGIC,
	.internalSubset = on_doctype,
	.startElementNs = on_start,
	.endElementNs = on_end,
	.characters = on_text,
	.ignorableWhitespace = on_text,
	.cdataBlock = on_cdata,
	.serror = on_error,
};

static bool
new_parser(struct xml_reader *x, const char *text)
{
	xmlParserInputPtr input;

	x->ctxt = xmlNewParserCtxt();
	if (!x->ctxt)
		return false;
	*x->ctxt->sax = handler;
	x->ctxt->userData = x;
	/*
	 * HUGE lifts libxml2's limits, in whose place are ours: the size of the
	 * text, and the depth. Without NOENT &amp; would be given as &#38;; there
	 * are no other entities, because there is no DTD.
	 */
	xmlCtxtUseOptions(
	    x->ctxt, XML_PARSE_NONET | XML_PARSE_HUGE | XML_PARSE_IGNORE_ENC | XML_PARSE_NOENT);
	/* It reads our copy, so that its places are pointers into that. */
	input = xmlNewStringInputStream(x->ctxt, (const xmlChar *)text);
	return input && inputPush(x->ctxt, input) >= 0;
}

static bool
parse(struct xml_reader *x, const char *text, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	bool done = false;

	pthread_once(&once, xmlInitParser);
	if (new_parser(x, text)) {
		xmlParseDocument(x->ctxt);
		done = x->ctxt->wellFormed && !x->r.told;
		if (!done && !x->r.told)
			reader_refuses(
			    &x->r, "structure", text + len, "not XML: %s", xml_fault(XML_ERR_OK));
	} else {
		reader_refuses(&x->r, "too-costly", text,
		    "cannot hold the resource: no memory for the parser");
	}
	if (x->ctxt)
		xmlFreeParserCtxt(x->ctxt);
	if (x->div.depth && x->div.anew) { /* it broke off in the middle */
		x->div.out.wipe = true;
		buf_release(&x->div.out);
	}
	return done;
}

/* Room for all values there can be: none is longer than its text. */
static bool
reserve(struct reader *r, size_t len)
{
	size_t limit = r->b->limits.text;
	bool done;

	r->b->limits.text = SIZE_MAX;
	done = record_more_text(r->b, len);
	r->b->limits.text = limit;
	return done;
}

const struct record *
fhir_xml_read(struct str in, const struct fhir_read_options *options, struct record_builder *b,
    struct arena *a, struct findings *findings)
{
	struct xml_reader x = { .r = {
				    .format = "XML",
				    .b = b,
				    .pack = b->pack,
				    .types = b->pack->types,
				    .elements = b->pack->elements,
				    .names = b->pack->text,
				    .options = options,
				    .findings = findings,
				    .arena = a,
				    .place = { .at = in.p, .line = 1, .column = 1 },
				} };
	const struct record *record = NULL;
	struct error err;
	size_t len = 0;
	char *text;

	record_builder_reset(b);
	record_learn(b);
	text = xml_text(&x.r, in, options->charset, &len);
	if (text && reserve(&x.r, len) && parse(&x, text, len)) {
		record = record_builder_make(b, a, &err);
		if (!record)
			reader_refuses(&x.r, "too-costly", text, "%s", err.text);
	}
	xml_text_free(text, len);
	record_builder_reset(b);
	return record;
}
