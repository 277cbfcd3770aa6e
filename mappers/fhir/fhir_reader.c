#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "mappers/fhir/fhir_reader.h"
#include "profiles/lexical.h"

enum {
	PATH_MOST = 4096,
	TEXT_MOST = 1024,
};

/* Characters that start in from..to. */
static uint32_t
characters(const char *from, const char *to)
{
	uint32_t n = 0;

	for (; from < to; from++)
		n += (*from & 0xc0) != 0x80;
	return n;
}

/*
 * Line and column (in characters, from 1) of a place in the input. Moves from
 * the place asked for last, so that many findings cost no more than the way
 * between them.
 */
static void
locate(struct reader *r, const char *at)
{
	struct place *here = &r->place;
	const char *p = here->at;
	bool crossed = false;

	if (at >= p) {
		while (p < at) {
			const char *feed = memchr(p, '\n', (size_t)(at - p));

			if (!feed)
				break;
			here->line++;
			here->column = 1;
			p = feed + 1;
		}
		here->column += characters(p, at);
		here->at = at;
		return;
	}
	for (const char *q = p; q > at; q--) {
		crossed |= q[-1] == '\n';
		here->line -= q[-1] == '\n';
	}
	if (crossed) {
		for (p = at; p > r->lex.start && p[-1] != '\n';)
			p--;
		here->column = 1 + characters(p, at);
	} else {
		here->column -= characters(at, p);
	}
	here->at = at;
}

static void
put_step(struct reader *r, struct buf *out, uint32_t element, uint32_t index)
{
	const struct pack_element *e = &r->elements[element];

	if (e->owner == PACK_NONE) /* a held resource: it has no name there */
		return;
	buf_put_byte(out, '.');
	buf_put_str(out, pack_text(r->pack, e->stem));
	if (e->flags & ELEMENT_REPEATS && index != NO_INDEX) {
		buf_put_byte(out, '[');
		buf_put_u64(out, index);
		buf_put_byte(out, ']');
	}
}

static void
put_path(struct reader *r, struct buf *out, const struct frame *f)
{
	if (!f->up) {
		buf_put_str(out, element_name(r, &r->elements[f->element]));
		return;
	}
	put_path(r, out, f->up);
	put_step(r, out, f->element, f->index);
}

static void
add_finding(struct reader *r, enum severity severity, const char *code, uint32_t leaf,
    uint32_t index, const char *at, const char *text)
{
	struct buf path;

	buf_init(&path, PATH_MOST);
	if (!reader_is_full(r)) {
		locate(r, at);
		if (r->top) {
			put_path(r, &path, r->top);
			if (leaf != NO_LEAF)
				put_step(r, &path, leaf, index);
		}
	}
	findings_add(r->findings, severity, code, buf_str(&path), r->place.line, r->place.column,
	    "%s", text);
	buf_release(&path);
}

void
reader_finds(struct reader *r, const char *code, uint32_t leaf, uint32_t index, const char *at,
    const char *fmt, ...)
{
	char text[TEXT_MOST] = "";
	va_list ap;

	if (!reader_is_full(r)) {
		va_start(ap, fmt);
		vsnprintf(text, sizeof(text), fmt, ap);
		va_end(ap);
	}
	add_finding(r, r->options->lenient ? SEVERITY_WARNING : SEVERITY_ERROR, code, leaf, index,
	    at, text);
}

void
reader_warns(struct reader *r, const char *code, uint32_t leaf, uint32_t index, const char *at,
    const char *text)
{
	add_finding(r, SEVERITY_WARNING, code, leaf, index, at, text);
}

void
reader_finds_value(struct reader *r, enum pack_lexical kind, struct str text, bool control,
    uint32_t element, uint32_t index, const char *at)
{
	if (text.len == 0)
		reader_finds(r, "value", element, index, at,
		    "an empty string: leave the element out where there is no value");
	else if (!control && lexical_check(kind, text) == LEXICAL_TOO_LONG)
		reader_finds(r, "too-long", element, index, at,
		    "a string longer than FHIR's limit of 1048576 characters");
	else
		reader_finds(
		    r, "value", element, index, at, "the value is not %s", lexical_rule(kind));
}

void
reader_finds_unknown(struct reader *r, const struct frame *f, struct str name, const char *at)
{
	char shown[SHOWN_NAME];
	struct str near;

	if (reader_is_full(r)) {
		reader_finds(r, "structure", NO_LEAF, 0, at, "unknown element");
		return;
	}
	near = pack_suggest_element(r->pack, f->type, name);
	if (near.len)
		reader_finds(r, "structure", NO_LEAF, 0, at,
		    "unknown element \"%s\": did you mean \"%.*s\"?", shown_name(name, shown),
		    STR_ARG(near));
	else
		reader_finds(r, "structure", NO_LEAF, 0, at,
		    "unknown element \"%s\": %.*s has none of that name", shown_name(name, shown),
		    STR_ARG(pack_text(r->pack, r->types[f->type].name)));
}

bool
reader_stops(struct reader *r, uint32_t leaf, uint32_t index)
{
	const struct json_lex *x = &r->lex;
	char text[TEXT_MOST];

	if (r->told)
		return false;
	r->told = true;
	if (r->b->failed) {
		snprintf(text, sizeof(text), "cannot hold the resource: %s", r->b->failed);
		add_finding(r, SEVERITY_FATAL, "too-costly", leaf, index, x->p, text);
	} else {
		snprintf(text, sizeof(text), "not %s: %s", r->format, x->fault ? x->fault : "?");
		add_finding(r, SEVERITY_FATAL, x->too_deep ? "too-costly" : "structure", leaf,
		    index, x->p, text);
	}
	return false;
}

bool
reader_spoils(struct reader *r, uint32_t leaf, uint32_t index)
{
	struct json_lex before = r->lex;
	char text[TEXT_MOST];

	if (r->b->failed || !json_string_resume(&r->lex))
		return reader_stops(r, leaf, index);
	snprintf(text, sizeof(text), "not %s: %s", r->format, before.fault);
	add_finding(r, SEVERITY_FATAL, "structure", leaf, index, before.p, text);
	r->spoiled = true;
	return true;
}

bool
reader_refuses(struct reader *r, const char *code, const char *at, const char *fmt, ...)
{
	char text[TEXT_MOST];
	va_list ap;

	if (r->told)
		return false;
	r->told = true;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	add_finding(r, SEVERITY_FATAL, code, NO_LEAF, 0, at, text);
	return false;
}

const char *
shown_name(struct str name, char out[SHOWN_NAME])
{
	size_t most = SHOWN_NAME - 4, n = name.len < most ? name.len : most;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		out[i] = c < ' ' || c > '~' || c == '"' || c == '\\' ? '?' : (char)c;
	}
	snprintf(out + n, SHOWN_NAME - n, "%s", name.len > most ? "..." : "");
	return out;
}

/* Bits of one level of objects, used again by the next object there. */
struct level_bits {
	uint64_t *at;
	uint32_t words;
};

static uint64_t *
take_bits(struct reader *r, unsigned depth, uint32_t words)
{
	struct level_bits *bits;

	if (!r->bits)
		r->bits = arena_calloc(r->arena, r->b->limits.depth + 2, sizeof(*r->bits));
	if (!r->bits)
		return NULL;
	bits = &r->bits[depth];
	if (bits->words < words) {
		bits->at = arena_alloc(r->arena, words * sizeof(bits->at[0]));
		bits->words = bits->at ? words : 0;
	}
	if (bits->at)
		memset(bits->at, 0, words * sizeof(bits->at[0]));
	return bits->at;
}

bool
frame_track(struct reader *r, struct frame *f)
{
	const struct record_builder *b = r->b;

	f->seen = take_bits(r, f->depth, r->types[f->type].elements.count * 2 / 64 + 1);
	if (!f->seen) {
		record_fail(r->b, "more memory than the limit");
		return false;
	}
	for (uint32_t i = f->node + 1; i < b->count; i += b->nodes[i].end) {
		uint32_t element = b->nodes[i].element;
		uint32_t bit = frame_bit(
		    r, f, element & ~(uint32_t)RECORD_MARKS, (element & MARK_COMPANION) != 0);

		f->seen[bit / 64] |= UINT64_C(1) << bit % 64;
		/* A companion right behind its value is one node with it. */
		if (!(element & RECORD_MARKS) && b->nodes[i].end > 1 &&
		    r->elements[element].flags & ELEMENT_PRIMITIVE)
			f->seen[bit / 64] |= UINT64_C(2) << bit % 64;
	}
	return true;
}

void
frame_drops(struct reader *r, struct frame *f, uint32_t element)
{
	uint32_t bit = frame_bit(r, f, element, false);

	if (f->seen || frame_track(r, f))
		f->seen[bit / 64] |= UINT64_C(1) << bit % 64;
}

bool
frame_has_other_choice(const struct reader *r, const struct frame *f, uint32_t element)
{
	struct pack_run run = r->types[f->type].elements;
	uint16_t choice = r->elements[element].choice;

	for (uint32_t e = run.first; e < run.first + run.count; e++) {
		if (r->elements[e].choice == choice && e != element &&
		    (frame_has(f, frame_bit(r, f, e, false)) ||
			frame_has(f, frame_bit(r, f, e, true))))
			return true;
	}
	return false;
}

void
reader_tells_missing(struct reader *r, struct frame *f)
{
	struct pack_run run = r->types[f->type].elements;
	uint32_t e = run.first, end = run.first + run.count;

	if (!f->seen && !frame_track(r, f))
		return;
	while (e < end) {
		const struct pack_element *x = &r->elements[e];
		struct str name = pack_text(r->pack, x->stem);
		bool there = false;
		uint32_t first = e;

		do {
			there |= frame_has(f, frame_bit(r, f, e, false)) ||
				 frame_has(f, frame_bit(r, f, e, true));
			e++;
		} while (e < end && x->choice && r->elements[e].choice == x->choice);
		if (there || x->min == 0)
			continue;
		if (x->choice)
			reader_finds(r, "required", first, NO_INDEX, f->start,
			    "\"%.*s[x]\" is missing: one of its types must be there",
			    STR_ARG(name));
		else
			reader_finds(r, "required", first, NO_INDEX, f->start,
			    "\"%.*s\" is missing: it must be there", STR_ARG(name));
	}
}
