/*
 * fhir_json.h - FHIR JSON (R4, 2.6.2), between bytes and records.
 *
 * The reader resolves each name against the pack on the way, so that structure
 * and lexical form are checked in the same pass; all that is wrong becomes
 * findings with severity, issue code, FHIRPath, line and column. Does no I/O.
 * One thread at a time for each builder and buffer.
 */
#ifndef MAPPERS_FHIR_FHIR_JSON_H
#define MAPPERS_FHIR_FHIR_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/finding.h"
#include "base/str.h"
#include "mappers/fhir/fhir_read.h"
#include "profiles/record.h"

struct error;

/*
 * Read one resource, the whole of `in` (UTF-8, a BOM allowed), with builder b.
 * Returns the record, in the arena, or NULL when it could not be made: then
 * findings hold why (at least one of severity fatal or error). A record that
 * is returned may still have error findings: those elements are left out, and
 * the caller that promises valid data must refuse it when findings->errors is
 * not 0. The builder's limits hold: past one, the finding has the code
 * "too-costly". Members may come in any order; the first of two of the same
 * name counts. Issue codes: "structure" (JSON, shape, unknown and duplicate
 * elements), "value" (lexical form), "required", "too-long" (a string, or the
 * whole input), "too-costly" (a limit), "invalid" (another type of resource).
 *
 * Lenient keeps a value in another JSON type (a number or boolean in quotes, a
 * string without), a single value where an array must be, and the first item
 * of an array where a single value must be; the rest is left out.
 */
const struct record *fhir_json_read(struct str in, const struct fhir_read_options *options,
    struct record_builder *b, struct arena *a, struct findings *findings);

enum {
	FHIR_JSON_PRETTY = 1, /* two spaces a level, a member or item a line */
};

/* Write the resource (or element) at node i. Past out's limit, out->full. out
 * may be a stream (base/buf.h). */
void fhir_json_write(
    const struct record *r, const struct pack *p, uint32_t i, int flags, struct buf *out);

/*
 * Writing for the store. A stored body is the exact bytes to be served, but
 * for what is only known inside the write transaction: those texts are left
 * out, and a splice says where each is to be put in.
 */
enum splice_kind {
	SPLICE_ID,	  /* the resource's own logical id */
	SPLICE_VERSION,	  /* meta.versionId */
	SPLICE_UPDATED,	  /* meta.lastUpdated, an instant */
	SPLICE_REFERENCE, /* "Type/id" of another entry of the transaction */
};

struct splice {
	uint32_t offset; /* from where the body starts in out, growing */
	uint16_t kind;	 /* enum splice_kind */
	uint32_t entry;	 /* of SPLICE_REFERENCE */
};

struct splices {
	struct splice *at; /* in the arena */
	uint32_t count;
};

/*
 * Tells whether a text names another entry of the transaction: true, with its
 * number in *entry. Asked for each Reference.reference, each value of type uri,
 * url, canonical, oid and uuid, and each href and src in narrative (R4,
 * 3.1.0.11.2). May be NULL: none do.
 */
typedef bool reference_entry_fn(void *ctx, struct str reference, uint32_t *entry);

/*
 * Write the resource at node i compactly for the store: resourceType, id
 * (SPLICE_ID) and meta with versionId (SPLICE_VERSION) and lastUpdated
 * (SPLICE_UPDATED) first, whatever the record says of these three; the rest
 * as it is; references for which `find` answers are spliced, and others to what
 * is below base ("https://example.org/fhir"; empty: none) made relative. Returns
 * 0; -1 when out or the arena is full.
 */
int
fhir_json_write_stored(const struct record *r, const struct pack *p, uint32_t i, struct str base,
    reference_entry_fn *find, void *ctx, struct arena *a, struct buf *out, struct splices *splices);

#endif
