/* HL7 v2.xml to ER7: what comes out can be read. */
#include <assert.h>

#include "base/arena.h"
#include "base/finding.h"
#include "mappers/hl7v2/er7.h"
#include "mappers/hl7v2/v2xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_of((const char *)data, size), er7;
	struct er7_message m;
	struct findings f;
	struct arena a;

	arena_init(&a, 64 << 20, 0);
	findings_init(&f, &a, 20);
	v2xml_is(text);
	if (v2xml_to_er7(text, 1 << 20, &a, &er7, &f) == 0)
		assert(er7_read(er7, NULL, &a, &m, &f) == 0);
	else
		assert(f.errors);
	arena_release(&a);
	return 0;
}
