/*
 * ndjson.h - newline-delimited JSON, as FHIR's bulk data has it: a resource a
 * line.
 *
 * Cuts a stream into lines; the lines found do not depend on how the stream was
 * cut into calls. Does no I/O. One thread at a time.
 */
#ifndef MAPPERS_FHIR_NDJSON_H
#define MAPPERS_FHIR_NDJSON_H

#include <stdint.h>

#include "base/str.h"

struct error;
struct ndjson;

/*
 * Called for each line that is not blank, without its end (LF or CR LF); the
 * bytes are good until it returns. number counts all lines, from 1. {NULL, 0}
 * stands for a line over the limit, which is left out. Returns 0 to go on, -1
 * with *err set to stop.
 */
typedef int ndjson_line_fn(void *ctx, struct str line, uint64_t number, struct error *err);

/* Lines have at most `most` bytes. */
struct ndjson *ndjson_new(size_t most, ndjson_line_fn *fn, void *ctx);
void ndjson_free(struct ndjson *n);

/* The next bytes. Returns 0, or -1 with *err set when fn said so. */
int ndjson_feed(struct ndjson *n, struct str bytes, struct error *err);

/* After the last byte: what has no line end behind it is a line too. */
int ndjson_end(struct ndjson *n, struct error *err);

#endif
