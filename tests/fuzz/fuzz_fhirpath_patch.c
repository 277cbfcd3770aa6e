/*
 * A Parameters and a resource, both in JSON, with a line feed between them: what
 * the patch makes is a right record, and comes out of the writer as JSON. The
 * pack is FIREDOOR_PACK; without one there is nothing to try.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/fhir/fhirpath_patch.h"
#include "mappers/fhir/json_lex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static void
try_patch(struct str patch, struct str doc, struct record_builder *b, struct arena *a)
{
	struct fhir_read_options options = { .type = PACK_NONE };
	const struct record *diff, *in, *made;
	struct error err = { .text = "" };
	struct findings findings;
	struct buf out;

	findings_init(&findings, a, 10);
	diff = fhir_json_read(patch, &options, b, a, &findings);
	in = fhir_json_read(doc, &options, b, a, &findings);
	if (!diff || !in || findings.errors)
		return;
	made = fhirpath_patch_apply(diff, 0, in, b, a, &err);
	if (!made) {
		demand(err.text[0] != '\0', "who refuses says why");
		return;
	}
	demand(record_check(made, record_size(made), b->pack), "the record is right");
	buf_init(&out, SIZE_MAX);
	fhir_json_write(made, b->pack, 0, 0, &out);
	demand(json_check(buf_str(&out), NULL) == 0, "and is written as JSON");
	buf_release(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct record_builder builder;
	static const struct pack *pack;
	struct str patch, doc = str_of((const char *)data, size);
	struct arena a;

	if (!pack) {
		const char *path = getenv("FIREDOOR_PACK");

		pack = path ? pack_open(path, NULL) : NULL;
		if (!pack)
			return 0;
		record_builder_init(&builder, pack, &record_default_limits);
	}
	if (!str_split(&doc, '\n', &patch) || !doc.p)
		return 0;
	arena_init(&a, 64 << 20, 0);
	try_patch(patch, doc, &builder, &a);
	arena_release(&a);
	return 0;
}
