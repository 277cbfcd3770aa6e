/*
 * What the FHIR XML reader takes without an error must come out of both writers
 * so that it is read again as an equal record; JSON that is taken without an
 * error must come back the same by way of XML. Text that starts with '{' is
 * tried as JSON, other text as XML. The pack is FIREDOOR_PACK.
 */
#include <libxml/parser.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/fhir/fhir_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef const struct record *read_fn(struct str in, const struct fhir_read_options *options,
    struct record_builder *b, struct arena *a, struct findings *findings);
typedef void
write_fn(const struct record *r, const struct pack *p, uint32_t i, int flags, struct buf *out);

static void
demand(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

/* By libxml2's tree, which shares nothing with the reader but the tokens. */
static bool
is_xml(struct str s)
{
	xmlDocPtr doc = xmlReadMemory(s.p, (int)s.len, NULL, NULL,
	    XML_PARSE_NONET | XML_PARSE_HUGE | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);

	xmlFreeDoc(doc);
	return doc != NULL;
}

/* Write r and read it again: the same record, without an error but (when it
 * was read leniently) that something required is missing. */
static void
try_again(const struct record *r, struct record_builder *b, struct arena *a, int flags,
    write_fn *write, read_fn *read, bool lenient)
{
	struct fhir_read_options options = { .type = PACK_NONE };
	const struct record *again;
	struct findings findings;
	struct buf out;

	buf_init(&out, SIZE_MAX);
	findings_init(&findings, a, 1000);
	write(r, b->pack, 0, flags, &out);
	if (write == fhir_xml_write)
		demand(is_xml(buf_str(&out)), "what is written is XML");
	again = read(buf_str(&out), &options, b, a, &findings);
	demand(again != NULL, "what is written is read");
	demand(record_equal(r, 0, again, 0), "as an equal record");
	demand(lenient || findings.errors == 0, "without errors");
	for (const struct finding *f = findings.first; f; f = f->next)
		demand(strcmp(f->code, "required") == 0 || strcmp(f->code, "too-long") == 0,
		    "with no other finding than something missing");
	buf_release(&out);
}

static void
try_reading(struct str in, struct record_builder *b, read_fn *read, bool lenient)
{
	struct fhir_read_options options = { .type = PACK_NONE, .lenient = lenient };
	const struct record *r;
	struct findings findings;
	struct arena a;

	arena_init(&a, 64 << 20, 0);
	findings_init(&findings, &a, 100);
	r = read(in, &options, b, &a, &findings);
	demand(r || findings.errors, "there is a record, or a finding says why not");
	for (const struct finding *f = findings.first; f; f = f->next)
		demand(f->line > 0 && f->column > 0, "a finding has a place");
	if (r)
		demand(record_check(r, record_size(r), b->pack), "the record is right");
	if (r && findings.errors == 0) {
		try_again(r, b, &a, 0, fhir_xml_write, fhir_xml_read, lenient);
		try_again(r, b, &a, FHIR_XML_PRETTY, fhir_xml_write, fhir_xml_read, lenient);
		try_again(r, b, &a, 0, fhir_json_write, fhir_json_read, lenient);
	}
	arena_release(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct record_builder builder;
	static const struct pack *pack;
	struct str in = str_of((const char *)data, size);
	read_fn *read = size && data[0] == '{' ? fhir_json_read : fhir_xml_read;

	if (!pack) {
		const char *path = getenv("FIREDOOR_PACK");

		pack = path ? pack_open(path, NULL) : NULL;
		if (!pack)
			return 0;
		record_builder_init(&builder, pack, &record_default_limits);
	}
	try_reading(in, &builder, read, false);
	try_reading(in, &builder, read, true);
	return 0;
}
