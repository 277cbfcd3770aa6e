/*
 * source.h - the files of an import, one piece of work after another.
 *
 * A piece is a whole file (JSON or XML: a resource or a Bundle), or some lines
 * of newline-delimited JSON. gzip and bzip2 are undone on the way. One thread.
 */
#ifndef GATEWAY_BULK_SOURCE_H
#define GATEWAY_BULK_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "mappers/fhir/fhir_format.h"

struct error;
struct source;

struct source_piece {
	const char *file; /* as long as the source lives */
	uint64_t line;	  /* of its first line, from 1 */
	bool lines;	  /* each line is a resource of its own */
	enum fhir_format format;
	struct buf text;
	uint64_t read; /* bytes of all files read so far, as they lie on disk */
};

/* The endings of files that are taken from folders; NULL ends them. */
extern const char *const source_endings[];

/* The paths are borrowed; "-" is standard input, lines. */
struct source *source_new(char *const *paths, size_t count);
void source_free(struct source *s);

/* Bytes of all files on disk. */
uint64_t source_bytes(const struct source *s);

/*
 * The next piece; p->text is an empty buf of the caller's. Returns 1; 0 when
 * there are no more; -1 with *err set when the file p->file could not be read:
 * the next call goes on behind it.
 */
int source_next(struct source *s, struct source_piece *p, struct error *err);

#endif
