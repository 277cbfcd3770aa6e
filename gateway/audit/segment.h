/*
 * segment.h - going through the files of a trail's folder.
 */
#ifndef GATEWAY_AUDIT_SEGMENT_H
#define GATEWAY_AUDIT_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "gateway/audit/line.h"

struct error;

/*
 * Called for each line of a file, in order, without its end; whole is false
 * for a last one that has no end. offset: of the line's first byte. Return
 * false to stop.
 */
typedef bool segment_line_fn(void *ctx, struct str line, uint64_t offset, bool whole);

/* Read the lines of a file in the folder. Returns 0 or -1 with *err set. */
int
segment_each_line(int folder, const char *name, segment_line_fn *fn, void *ctx, struct error *err);

/*
 * Numbers of the segments in the folder, growing; to be given to free().
 * Returns how many, or -1 with *err set.
 */
int64_t segment_list(int folder, uint64_t **numbers, struct error *err);

/* Read the checkpoint. Returns 1; 0 when there is none; -1 with *err set when
 * it could not be read or is damaged. */
int checkpoint_read(int folder, struct checkpoint *out, struct error *err);

#endif
