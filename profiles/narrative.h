/*
 * narrative.h - what may stand in a Narrative's <div> (R4, 2.4.0; the
 * invariants txt-1 and txt-2).
 *
 * Works on the text of the div alone, as JSON holds it and as it stands in
 * XML, so that both readers, and FHIRPath's htmlChecks(), find the same. Any
 * thread may call.
 */
#ifndef PROFILES_NARRATIVE_H
#define PROFILES_NARRATIVE_H

#include <stdbool.h>

#include "base/str.h"

#define XHTML_NAMESPACE "http://www.w3.org/1999/xhtml"

/*
 * Something is wrong at byte `offset` of the div: the issue code ("structure":
 * no well-formed XHTML; "invariant": txt-1 or txt-2; "security": it would run
 * something or fetch it from elsewhere), what, and the name it is about
 * (empty: none), which is not yet fit to be shown.
 */
typedef void
narrative_fault_fn(void *ctx, size_t offset, const char *code, const char *what, struct str name);

/*
 * Check a div: one XHTML <div> element in the XHTML namespace, well-formed by
 * itself; only the elements and attributes of txt-1, and xml:lang, xml:space and
 * the xmlns of XHTML; no processing instruction, no document type, no entity but
 * XML's five; nothing active in href, src and style; text or an image in it. The
 * text is UTF-8 without control characters and without white space around it.
 * fn is called for each fault; behind what is not well-formed nothing is looked
 * at. Returns whether there was none.
 */
bool narrative_check(struct str div, narrative_fault_fn *fn, void *ctx);

#endif
