/*
 * er7_batch.h - files and batches of messages (HL7 v2.9, 2.10.3 and 2.14.2,
 * 2.14.3, 2.14.6, 2.14.7).
 *
 *	[FHS] { [BHS] { MSH … } [BTS] } [FTS]
 *
 * A text is cut into its messages and envelope segments, in order, without
 * copying. Files in UTF-16 are one message each, unless er7_batch_text() was
 * called first.
 */
#ifndef MAPPERS_HL7V2_ER7_BATCH_H
#define MAPPERS_HL7V2_ER7_BATCH_H

#include "base/buf.h"
#include "mappers/hl7v2/er7.h"

struct er7_cutter {
	struct str text;
	size_t at;
	uint32_t line;
};

enum er7_piece {
	ER7_END,
	ER7_MESSAGE,
	ER7_FILE_HEADER, /* FHS; these four: one segment, without its end */
	ER7_BATCH_HEADER,
	ER7_BATCH_TRAILER,
	ER7_FILE_TRAILER,
};

/*
 * The next piece, its bytes in *out and its line, from 1, in *line. What
 * comes before the first of them is skipped.
 */
enum er7_piece er7_next(struct er7_cutter *c, struct str *out, uint32_t *line);

/* As er7_next(), envelopes skipped; false at the end. */
bool er7_cut(struct er7_cutter *c, struct str *message, uint32_t *line);

/* Does the text begin with FHS or BHS? */
bool er7_is_batch(struct str text);

/* A text in UTF-16 or UTF-32, as a BOM or zero bytes tell, to UTF-8. Returns 0
 * with *out set (text itself where it is neither), or -1 with a finding. */
int er7_batch_text(struct str text, struct arena *a, struct str *out, struct findings *findings);

/* What is said of a batch in its answer. */
struct er7_batch_answer {
	struct str header;     /* FHS or BHS of the original, as it stands */
	struct str control_id; /* of the answer: field 11 */
	int64_t time;	       /* wall time */
	uint32_t count;	       /* messages in the batch, batches in the file */
	struct str text;       /* comment; may be empty */
};

/* Append the FHS or BHS of the answer: sender and receiver changed round, the
 * original's control id as what it refers to (field 12). */
void er7_put_batch_header(const struct er7_batch_answer *b, struct buf *out);

/* Append the FTS or BTS that belongs to it. */
void er7_put_batch_trailer(const struct er7_batch_answer *b, struct buf *out);

/* Field n (from 1 as in MSH) of an envelope segment, as it stands. */
struct str er7_envelope_field(struct str segment, unsigned n);

#endif
