#include "mappers/fhir/fhir_format.h"

#include "mappers/fhir/fhir_json.h"
#include "mappers/fhir/fhir_xml.h"

const struct record *
fhir_read(enum fhir_format format, struct str in, const struct fhir_read_options *options,
    struct record_builder *b, struct arena *a, struct findings *findings)
{
	return format == FHIR_FORMAT_XML ? fhir_xml_read(in, options, b, a, findings)
					 : fhir_json_read(in, options, b, a, findings);
}

void
fhir_write(enum fhir_format format, bool pretty, const struct record *r, const struct pack *p,
    uint32_t i, struct buf *out)
{
	if (format == FHIR_FORMAT_XML)
		fhir_xml_write(r, p, i, pretty ? FHIR_XML_PRETTY : 0, out);
	else
		fhir_json_write(r, p, i, pretty ? FHIR_JSON_PRETTY : 0, out);
}
