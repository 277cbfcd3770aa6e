/*
 * What the FHIR JSON reader takes without an error must come out of the writer
 * so that it is read again as an equal record, compact and pretty; what it
 * takes leniently must come out as right JSON. The pack is FIREDOOR_PACK;
 * without one only the lexer is tried.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "mappers/fhir/fhir_json.h"
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

/* Write r and read it again: the same record, without an error but (when it
 * was read leniently) that something required is missing. */
static void
try_again(
    const struct record *r, struct record_builder *b, struct arena *a, int flags, bool lenient)
{
	struct fhir_read_options options = { .type = PACK_NONE };
	const struct record *again;
	struct findings findings;
	struct buf out;

	buf_init(&out, SIZE_MAX);
	findings_init(&findings, a, 1000);
	fhir_json_write(r, b->pack, 0, flags, &out);
	demand(json_check(buf_str(&out), NULL) == 0, "what is written is JSON");
	again = fhir_json_read(buf_str(&out), &options, b, a, &findings);
	demand(again != NULL, "what is written is read");
	demand(record_equal(r, 0, again, 0), "as an equal record");
	demand(lenient || findings.errors == 0, "without errors");
	for (const struct finding *f = findings.first; f; f = f->next)
		demand(strcmp(f->code, "required") == 0 || strcmp(f->code, "too-long") == 0,
		    "with no other finding than something missing");
	buf_release(&out);
}

static void
try_reading(struct str in, struct record_builder *b, bool lenient)
{
	struct fhir_read_options options = { .type = PACK_NONE, .lenient = lenient };
	const struct record *r;
	struct findings findings;
	struct splices splices;
	struct buf out;
	struct arena a;

	arena_init(&a, 64 << 20, 0);
	findings_init(&findings, &a, 100);
	r = fhir_json_read(in, &options, b, &a, &findings);
	demand(r || findings.errors, "there is a record, or a finding says why not");
	if (r) {
		demand(json_check(in, NULL) == 0, "what is read is JSON");
		demand(record_check(r, record_size(r), b->pack), "the record is right");
		if (findings.errors == 0) {
			try_again(r, b, &a, 0, lenient);
			try_again(r, b, &a, FHIR_JSON_PRETTY, lenient);
		}
		buf_init(&out, SIZE_MAX);
		fhir_json_write_stored(r, b->pack, 0, STR(""), NULL, NULL, &a, &out, &splices);
		demand(json_check(buf_str(&out), NULL) == 0, "what is stored is JSON");
		buf_release(&out);
	}
	arena_release(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct record_builder builder;
	static const struct pack *pack;
	struct str in = str_of((const char *)data, size);

	json_check(in, NULL);
	if (!pack) {
		const char *path = getenv("FIREDOOR_PACK");

		pack = path ? pack_open(path, NULL) : NULL;
		if (!pack)
			return 0;
		record_builder_init(&builder, pack, &record_default_limits);
	}
	try_reading(in, &builder, false);
	try_reading(in, &builder, true);
	return 0;
}
