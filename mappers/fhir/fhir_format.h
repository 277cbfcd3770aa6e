/*
 * fhir_format.h - FHIR's two wire formats behind one pair of functions, for
 * those who are told at run time which it is. See fhir_json.h and fhir_xml.h.
 */
#ifndef MAPPERS_FHIR_FHIR_FORMAT_H
#define MAPPERS_FHIR_FHIR_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/finding.h"
#include "mappers/fhir/fhir_read.h"
#include "profiles/record.h"

enum fhir_format {
	FHIR_FORMAT_JSON,
	FHIR_FORMAT_XML,
};

/* As fhir_json_read() and fhir_xml_read(). */
const struct record *
fhir_read(enum fhir_format format, struct str in, const struct fhir_read_options *options,
    struct record_builder *b, struct arena *a, struct findings *findings);

/* As fhir_json_write() and fhir_xml_write(). */
void fhir_write(enum fhir_format format, bool pretty, const struct record *r, const struct pack *p,
    uint32_t i, struct buf *out);

#endif
