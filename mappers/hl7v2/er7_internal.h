/*
 * er7_internal.h - what the files of the ER7 reader share.
 */
#ifndef MAPPERS_HL7V2_ER7_INTERNAL_H
#define MAPPERS_HL7V2_ER7_INTERNAL_H

#include "base/finding.h"
#include "base/str.h"

struct arena;

/*
 * Bring a message's bytes to UTF-8. declared is MSH-18 (its first repetition,
 * as it stands; may be empty), fallback what to take when it is empty. Returns 0
 * with *out set (bytes themselves where they are UTF-8 already), or -1 with a
 * fatal finding at `line`.
 */
int er7_to_utf8(struct str bytes, struct str declared, struct str fallback, struct arena *a,
    uint32_t line, struct str *out, struct findings *findings);

/* UTF-16 is told by its BOM or its zero bytes: to UTF-8 then. Returns 0, or -1
 * with a fatal finding. */
int er7_from_utf16(struct str bytes, struct arena *a, struct str *out, struct findings *findings);

#endif
