/*
 * fhir_xml.h - FHIR XML (R4, 2.6.1), between bytes and records.
 *
 * The same records, the same strictness and the same findings as FHIR JSON
 * (fhir_json.h). Does no I/O and reaches for nothing outside the text: a
 * document type declaration is refused, no entity is known but XML's five, no
 * XInclude is followed. One thread at a time for each builder and buffer.
 */
#ifndef MAPPERS_FHIR_FHIR_XML_H
#define MAPPERS_FHIR_FHIR_XML_H

#include "base/buf.h"
#include "base/finding.h"
#include "base/str.h"
#include "mappers/fhir/fhir_read.h"
#include "profiles/record.h"

/*
 * Read one resource, the whole of `in` (UTF-8, UTF-16 or ISO-8859-1, by a BOM,
 * as options->charset says or as declared), with builder b. Returns and reports as fhir_json_read()
 * does, and with its issue codes; line and column count characters, whatever
 * the encoding. Elements must come in the order of the specification. Lenient
 * keeps elements that come in another order, and unknown attributes and text
 * between elements are left out with a warning.
 *
 * Narrative: the value of an element of type xhtml is the text of its <div>,
 * byte for byte as it stands in the input (recoded to UTF-8), so that it is
 * the same when it goes to JSON and back. Only where the div does not declare
 * XHTML as its default namespace itself is it written anew, so that it does.
 */
const struct record *fhir_xml_read(struct str in, const struct fhir_read_options *options,
    struct record_builder *b, struct arena *a, struct findings *findings);

enum {
	FHIR_XML_PRETTY = 1, /* two spaces a level, an element a line; not in narrative */
};

/*
 * Write the resource (or the element, under its own name) at node i as an XML
 * document in UTF-8, with its declaration. Past out's limit, out->full. out may
 * be a stream (base/buf.h).
 */
void fhir_xml_write(
    const struct record *r, const struct pack *p, uint32_t i, int flags, struct buf *out);

#endif
