/*
 * The decimals of FHIR's own test Observation keep their digits: through a
 * record, and through XML and back.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/fhir/fhir_xml.h"
#include "tests/conformance/json_compare.h"
#include "tests/tap.h"

static void
try_file(const struct pack *p, struct str in)
{
	struct fhir_read_options options = { .type = PACK_NONE };
	const struct record *r;
	struct record_builder b;
	struct findings findings;
	struct arena a;
	struct buf out;
	unsigned decimals = 0;

	record_builder_init(&b, p, &record_default_limits);
	arena_init(&a, 1 << 20, 0);
	buf_init(&out, 1 << 20);
	findings_init(&findings, &a, 10);
	r = fhir_json_read(in, &options, &b, &a, &findings);
	if (ok(r && findings.count == 0, "read without findings")) {
		for (uint32_t i = 0; i < r->node_count; i++) {
			const struct pack_type *t = pack_type_at(p, record_type(r, p, i));

			if (t->lexical != LEXICAL_DECIMAL)
				continue;
			decimals++;
			ok(str_find_str(in, record_text(r, i)) >= 0, "%.*s stands in the text",
			    STR_ARG(record_text(r, i)));
		}
		ok(decimals > 5, "it has decimals");
		fhir_json_write(r, p, 0, 0, &out);
		ok(json_same(in, buf_str(&out)), "compact, each number has its digits");
		buf_clear(&out);
		fhir_json_write(r, p, 0, FHIR_JSON_PRETTY, &out);
		ok(json_same(in, buf_str(&out)), "pretty, each number has its digits");
		buf_clear(&out);
		fhir_xml_write(r, p, 0, 0, &out);
		r = fhir_xml_read(buf_str(&out), &options, &b, &a, &findings);
		buf_clear(&out);
		if (ok(r && findings.count == 0, "XML is read without findings"))
			fhir_json_write(r, p, 0, 0, &out);
		ok(json_same(in, buf_str(&out)), "by way of XML, each number has its digits");
	}
	buf_release(&out);
	arena_release(&a);
	record_builder_release(&b);
}

int
main(void)
{
	const char *suites = getenv("FIREDOOR_SUITES"), *pack = getenv("FIREDOOR_PACK");
	const struct pack *p = pack ? pack_open(pack, NULL) : NULL;
	char path[4096];
	struct buf text;

	snprintf(path, sizeof(path), "%s/decimals/observation-decimal.json",
	    suites ? suites : "../shared/suites");
	buf_init(&text, 1 << 20);
	if (!p)
		tap_skip("decimals", "FIREDOOR_PACK is not set");
	else if (file_read(path, &text, NULL))
		tap_skip("decimals", "the suite is not there: set FIREDOOR_SUITES");
	else
		try_file(p, buf_str(&text));
	buf_release(&text);
	pack_free(p);
	return tap_done();
}
