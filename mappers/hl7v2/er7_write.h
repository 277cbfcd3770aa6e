/*
 * er7_write.h - HL7 v2 messages in their ER7 encoding (HL7 v2.9, 2.5), written.
 *
 * er7_write() writes what was read; struct er7_writer makes new messages, value
 * by value in the order in which they stand, with the separators that are
 * needed between them and none behind the last.
 */
#ifndef MAPPERS_HL7V2_ER7_WRITE_H
#define MAPPERS_HL7V2_ER7_WRITE_H

#include "base/buf.h"
#include "mappers/hl7v2/er7.h"

/*
 * Append the message as its tree has it: segments ended by CR. The bytes are
 * those that were read, but for line ends, what was no segment, and the
 * character set, which is UTF-8.
 */
void er7_write(const struct er7_message *m, struct buf *out);

/*
 * Bring UTF-8 to the character set of that name (of table 0211, or iconv's).
 * What it does not have becomes \Xhh..\ of its UTF-8, or '?' where escape is 0.
 * Returns 0, or -1 when the name is not known.
 */
int er7_encode(struct str utf8, struct str charset, char escape, struct buf *out);

struct er7_writer {
	struct buf *out;
	char field, component, repetition, escape, subcomponent, truncation;
	/* Where the last value stands; 0: nothing yet. */
	uint32_t at[4];
	bool inside; /* a segment */
};

/* Begin; separators are MSH-1 and MSH-2, "|^~\\&", and may be empty for those. */
void er7_writer_init(struct er7_writer *w, struct str separators, struct buf *out);

/* Begin a segment, ending the one before. MSH, FHS and BHS have their separators
 * then. */
void er7_put_segment(struct er7_writer *w, const char *id);

/*
 * Put a text, escaped, at a place behind all before it; rep, comp and sub from
 * 1. An empty text puts nothing. Returns 0, or -1 when the place is not behind.
 */
int er7_put(struct er7_writer *w, uint32_t field, uint32_t rep, uint32_t comp, uint32_t sub,
    struct str text);

/* The same with a value that is escaped already. */
int er7_put_raw(struct er7_writer *w, uint32_t field, uint32_t rep, uint32_t comp, uint32_t sub,
    struct str raw);

/* End the last segment. */
void er7_writer_end(struct er7_writer *w);

/* Append a text, separators escaped, line ends as \.br\ (2.7). */
void er7_put_escaped(const struct er7_writer *w, struct str text, struct buf *out);

#endif
