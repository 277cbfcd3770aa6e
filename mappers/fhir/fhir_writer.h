/*
 * fhir_writer.h - a resource as text, written in steps: a writer stops where
 * there is enough of it, and goes on from there later. So a resource of any
 * size goes out through little memory; what is held is its record.
 *
 * A resource may also come in parts, each a record of its own with the next of
 * its elements: a Bundle whose entries are found one after the other.
 *
 * fhir_json_write() and fhir_xml_write() are one step of the same writers. Does
 * no I/O; one thread at a time, not always the same.
 */
#ifndef MAPPERS_FHIR_FHIR_WRITER_H
#define MAPPERS_FHIR_FHIR_WRITER_H

#include "mappers/fhir/fhir_format.h"

enum {
	FHIR_WRITER_LEVELS = 132, /* without malloc: for records 64 deep */
	/* Long values are cut so; a step may pass what was enough by the escapes of
	 * one such piece and a few names. */
	FHIR_WRITER_PIECE = 16 << 10,
};

/* Where a writer is: an element that is open, a list, a value. */
struct fhir_level {
	uint32_t at, end; /* the next node (or byte) and what is behind the last */
	uint32_t node;	  /* what the level is about */
	uint8_t kind;	  /* the format's own */
	bool any;	  /* something was put in it */
};

struct fhir_splicer;

/* To be embedded; the fields are for the writers alone. */
struct fhir_writer {
	enum fhir_format format;
	bool pretty;
	bool begun;
	bool last;    /* no other part comes */
	bool waiting; /* all of the part is written, and it was not the last */
	unsigned indent;
	const struct record *r;
	const struct record_node *nodes;
	const char *values; /* the record's texts */
	const struct pack *pack;
	const struct pack_type *types;
	const struct pack_element *elements;
	const char *names; /* the pack's texts */
	struct buf *out;
	size_t enough;
	struct fhir_splicer *splicer; /* of bodies for the store */
	struct fhir_level *levels;
	unsigned depth, room;
	struct fhir_level some[FHIR_WRITER_LEVELS];
};

/* Takes no memory but for records that are deeper than any that are read. */
void
fhir_writer_init(struct fhir_writer *w, enum fhir_format format, bool pretty, const struct pack *p);
void fhir_writer_release(struct fhir_writer *w);

/*
 * Write this next: the resource at node 0 of r, or, behind other parts, what it
 * has more: its first element goes on with the repetitions that the part before
 * ended with, or stands behind them in the order of the specification. last:
 * nothing comes behind it. All parts are of one type, each with an element at
 * least; r must stay good until it is written.
 */
void fhir_writer_add(struct fhir_writer *w, const struct record *r, bool last);

/*
 * Put text on out until that has `enough` bytes or the part is written: true
 * then. What is put does not depend on where it was cut. Past out's limit,
 * out->full and false.
 */
bool fhir_writer_put(struct fhir_writer *w, size_t enough, struct buf *out);

/* ---- For the two writers --------------------------------------------- */

/* Out-of-line part of fhir_writer_push(). */
void fhir_writer_grow(struct fhir_writer *w);

/* Open a level; pointers to others are not good any more. */
static inline struct fhir_level *
fhir_writer_push(struct fhir_writer *w, uint8_t kind, uint32_t node, uint32_t at, uint32_t end)
{
	struct fhir_level *l;

	if (w->depth == w->room)
		fhir_writer_grow(w);
	l = &w->levels[w->depth++];
	*l = (struct fhir_level){ .kind = kind, .node = node, .at = at, .end = end };
	return l;
}

/* May the next step be done? */
static inline bool
fhir_writer_goes_on(const struct fhir_writer *w, unsigned depth)
{
	return w->depth > depth && !w->waiting && !w->out->full && w->out->len < w->enough;
}

/* Is a value so long that it goes out in steps of its own? */
static inline bool
fhir_writer_cuts(const struct fhir_writer *w, uint32_t len)
{
	return len > FHIR_WRITER_PIECE && w->enough != SIZE_MAX;
}

static inline struct str
fhir_writer_text(const struct fhir_writer *w, uint32_t i)
{
	return str_of(w->values + w->nodes[i].text, w->nodes[i].len);
}

/* The next bytes of a value that goes out in steps. */
static inline struct str
fhir_writer_take(const struct fhir_writer *w, struct fhir_level *l)
{
	uint32_t n = l->end - l->at < FHIR_WRITER_PIECE ? l->end - l->at : FHIR_WRITER_PIECE;
	struct str piece = str_of(w->values + w->nodes[l->node].text + l->at, n);

	l->at += n;
	return piece;
}

/* Begin with node i of r, all of it at once. */
void fhir_writer_begin(struct fhir_writer *w, const struct record *r, struct buf *out);

/* The formats' parts of fhir_writer_add() and fhir_writer_put(): open the
 * resource at node 0; go on from where the levels are. */
void fhir_json_writer_open(struct fhir_writer *w);
void fhir_json_writer_run(struct fhir_writer *w);
void fhir_xml_writer_open(struct fhir_writer *w);
void fhir_xml_writer_run(struct fhir_writer *w);

/* Make room at once for what node i will probably need, with so many bytes of
 * names a node; no harm when the limit does not allow it. */
void fhir_writer_reserve(struct buf *out, const struct record *r, uint32_t i, size_t names);

#endif
