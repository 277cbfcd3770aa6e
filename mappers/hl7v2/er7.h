/*
 * er7.h - an HL7 v2 message in its ER7 encoding (HL7 v2.9, chapter 2), read.
 *
 * er7_read() cuts a message into a flat tree of what is populated: segments,
 * and below each its fields, repetitions, components and subcomponents. Values
 * are slices of the message's own bytes, escapes still in them: the message
 * (or its copy in UTF-8, made in the arena when it was in another character
 * set) must outlive the tree. A level that has one part only is left out: the
 * field "M" is one node. Immutable once read; any thread may look at it.
 */
#ifndef MAPPERS_HL7V2_ER7_H
#define MAPPERS_HL7V2_ER7_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct arena;
struct findings;
struct error;

enum {
	ER7_NONE = UINT32_MAX,
};

enum er7_level {
	ER7_FIELD,
	ER7_REPETITION,
	ER7_COMPONENT,
	ER7_SUBCOMPONENT,
};

enum er7_flag {
	ER7_ESCAPED = 1 << 0, /* holds the escape character */
	ER7_NULL = 1 << 1,    /* is "": delete what is there */
	ER7_PARENT = 1 << 2,  /* has children; their level is that of the next node */
	/* Ends with the truncation character (HL7 v2.9, 2.5.5.2): the sender has
	 * left the rest out. */
	ER7_TRUNCATED = 1 << 3,
};

/* A populated part. Its children follow it; `end` is behind the last. */
struct er7_node {
	uint32_t at, len; /* bytes, in the message's text */
	uint32_t end;
	uint32_t position; /* of its kind in its parent, from 1 */
	uint8_t level;	   /* enum er7_level */
	uint8_t flags;
};

struct er7_segment {
	char id[4];	     /* three characters and a NUL */
	uint32_t line;	     /* from 1 */
	uint32_t occurrence; /* among segments of the same id, from 1 */
	uint32_t at, len;    /* bytes of the whole segment */
	uint32_t fields;     /* fields there are, up to the last separator */
	uint32_t first, end; /* its nodes */
	uint32_t index;	     /* row of the field index where its fields begin */
};

struct er7_message {
	struct str text;						     /* UTF-8 */
	char field, component, repetition, escape, subcomponent, truncation; /* 0: none */
	const struct er7_segment *segments;
	uint32_t segment_count;
	const struct er7_node *nodes;
	uint32_t node_count;
	const uint32_t *index; /* field number - 1 -> node, or ER7_NONE */
};

struct er7_options {
	size_t max_bytes;	    /* of the message; 0: 64 MiB */
	uint32_t max_segments;	    /* 0: 200,000 */
	uint32_t max_fields;	    /* of a segment; 0: 10,000 */
	uint32_t max_nodes;	    /* 0: 8,000,000 */
	struct str default_charset; /* a name of table 0211 or of iconv, for bytes
				     * over 127 without MSH-18; empty: UTF-8 */
	enum er7_unknown_charset {
		ER7_CHARSET_REFUSE,
		ER7_CHARSET_READ, /* as the default (empty: UTF-8 if it is
				   * that, else 8859/1), with a warning */
	} unknown_charset;	  /* a name in MSH-18 that nobody knows */
	bool is_utf8;		  /* the text is in UTF-8, whatever MSH-18 says */
};

/*
 * Read one message. What comes before MSH (a BOM, white space) is skipped;
 * segments end with CR, LF or CRLF. What an ADD segment holds is put behind the
 * segment before it (2.10.2). Character sets are those of table 0211, with what
 * MSH-18 repeats switched to by ISO 2022 or by \Cxxyy\ and \Mxxyyzz\ (2.7.2). options may be NULL. Returns 0, and
 * findings may hold warnings (of what was skipped or not understood); or -1
 * with the reason, severity fatal, as the last finding: no MSH, separators that
 * are missing or alike, a character set that is unknown or does not fit the
 * bytes, a limit passed. Paths of findings are v2 places: "PID[1]-3".
 */
int er7_read(struct str bytes, const struct er7_options *options, struct arena *a,
    struct er7_message *out, struct findings *findings);

/* Node of field n (from 1) of a segment; ER7_NONE when it is empty. MSH-1 is
 * the field separator, MSH-2 the others. */
static inline uint32_t
er7_field_node(const struct er7_message *m, const struct er7_segment *s, uint32_t n)
{
	return n - 1 < s->fields ? m->index[s->index + n - 1] : ER7_NONE;
}

/*
 * The part of node i at a level below its own, at a position from 1: ER7_NONE
 * when it is empty. A node that has no parts of that level is its own first
 * part. i may be ER7_NONE.
 */
uint32_t er7_part(const struct er7_message *m, uint32_t i, enum er7_level level, uint32_t position);

/* How many repetitions the field at node i has, up to the last populated one;
 * 0 for ER7_NONE. */
uint32_t er7_repetitions(const struct er7_message *m, uint32_t i);

/* The first leaf of node i: the first component's first subcomponent when they
 * are populated, else ER7_NONE. */
uint32_t er7_leaf(const struct er7_message *m, uint32_t i);

/* The bytes of node i as they stand; {NULL, 0} for ER7_NONE. */
static inline struct str
er7_raw(const struct er7_message *m, uint32_t i)
{
	return i == ER7_NONE ? str_of(NULL, 0)
			     : str_of(m->text.p + m->nodes[i].at, m->nodes[i].len);
}

/*
 * Node's bytes with escapes decoded: \F\ \S\ \T\ \R\ \E\ \P\ to the message's
 * own characters, \Xhh..\ to bytes, formatting (\.br\ \.sp\ \.in\ \.ti\ …) to
 * line breaks and spaces, highlighting (\H\ \N\) away; others are kept as they
 * stand. The truncation character at its end is left out. In the arena when there was something to decode.
 */
struct str er7_text(const struct er7_message *m, uint32_t i, struct arena *a);

/* A part of a field, raw; rep, comp and sub from 1, 0 as 1. Empty when there is
 * none. */
struct str er7_value(const struct er7_message *m, const struct er7_segment *s, uint32_t field,
    uint32_t rep, uint32_t comp, uint32_t sub);

/* The first segment of that id, or NULL. */
const struct er7_segment *er7_find(const struct er7_message *m, const char *id);

/* Column of a byte in its line, from 1. */
uint32_t er7_column(const struct er7_segment *s, uint32_t at);

enum {
	ER7_PLACE = 64,
};

/* The place of node i of segment s: "PID-3[2].4.1", "OBX[3]-5"; with ER7_NONE
 * that of the segment. */
void er7_place(
    const struct er7_message *m, const struct er7_segment *s, uint32_t i, char out[ER7_PLACE]);

/*
 * Continuation (2.10.2). er7_continued(): the pointer, DSC-1, by which the
 * message goes on in another one; er7_continues(): the pointer, MSH-14, of the
 * message that this one goes on with. Empty: none.
 */
struct str er7_continued(const struct er7_message *m);
struct str er7_continues(const struct er7_message *m);

/* Append the message that was sent in those parts, in order, as they were sent
 * (in one character set, of which ASCII is part). */
struct buf;
void er7_join(const struct str *parts, size_t count, struct buf *out);

#endif
