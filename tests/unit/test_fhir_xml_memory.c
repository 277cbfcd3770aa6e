/* mappers/fhir/fhir_xml: libxml2's memory made to fail, one piece after the
 * other. Each time the record is made all the same, or refused with a finding. */
#include <libxml/xmlmemory.h>

#include "base/arena.h"
#include "base/error.h"
#include "mappers/fhir/fhir_xml.h"
#include "tests/tap.h"

/* How many more pieces libxml2 gets; none after that, until it is set anew. */
static long left;

static bool
may_have(void)
{
	return left > 0 && left-- > 0;
}

static void *
failing_malloc(size_t size)
{
	return may_have() ? malloc(size) : NULL;
}

static void *
failing_realloc(void *p, size_t size)
{
	return may_have() ? realloc(p, size) : NULL;
}

static char *
failing_strdup(const char *s)
{
	return may_have() ? strdup(s) : NULL;
}

static const char text[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<Patient xmlns=\"http://hl7.org/fhir\"><id value=\"a\"/><text><status value=\"generated\"/>"
    "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p class=\"x\">A &amp; B</p></div></text>"
    "<extension url=\"http://example.org/x\"><valueString value=\"&lt;y&#10;&gt;\"/></extension>"
    "<name><family value=\"M&#xfc;ller\"/><given value=\"\xc3\x84nne\"/></name></Patient>";

static void
test_failures(const struct pack *pack)
{
	struct fhir_read_options options = { .type = PACK_NONE };
	struct record_builder b;
	const struct record *whole, *r;
	struct findings findings;
	struct arena kept, a;
	unsigned refused = 0, silent = 0, different = 0;

	record_builder_init(&b, pack, &record_default_limits);
	arena_init(&kept, 1 << 20, 0);
	arena_init(&a, 1 << 20, 0);
	findings_init(&findings, &kept, 10);
	left = 1000000;
	whole = fhir_xml_read(str_from(text), &options, &b, &kept, &findings);
	if (!ok(whole && !findings.errors, "with memory enough it is read"))
		return;
	for (long most = 0; most < 2000; most++) {
		arena_reset(&a);
		findings_init(&findings, &a, 10);
		left = most;
		r = fhir_xml_read(str_from(text), &options, &b, &a, &findings);
		if (r && !findings.errors && left > 0)
			break;
		refused++;
		if (!findings.errors && !r)
			silent++;
		if (r && !findings.errors && !record_equal(r, 0, whole, 0))
			different++;
	}
	ok(refused > 5, "%u times memory failed", refused);
	is_int(silent, 0, "each refusal has its finding");
	is_int(different, 0, "no record is made that lacks something");
	left = 1000000;
	arena_reset(&a);
	findings_init(&findings, &a, 10);
	r = fhir_xml_read(str_from(text), &options, &b, &a, &findings);
	ok(r && record_equal(r, 0, whole, 0), "and afterwards it is read again");
	arena_release(&a);
	arena_release(&kept);
	record_builder_release(&b);
}

int
main(void)
{
	const char *path = getenv("FIREDOOR_PACK");
	const struct pack *pack;
	struct error err;

	if (!path) {
		tap_skip("memory failures of FHIR XML", "FIREDOOR_PACK is not set");
		return tap_done();
	}
	pack = pack_open(path, &err);
	if (!ok(pack != NULL, "the pack opens"))
		return tap_done();
	left = 1000000;
	xmlMemSetup(free, failing_malloc, failing_realloc, failing_strdup);
	test_failures(pack);
	pack_free(pack);
	return tap_done();
}
