/*
 * A patch and a document, with a line feed between them: what the patch makes
 * is JSON and is read and written again as the same bytes; a test that it is
 * what it is holds.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "mappers/fhir/json_lex.h"
#include "mappers/fhir/json_patch.h"

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
try_made(struct str made, struct arena *a)
{
	struct json_value *v;
	struct error err;
	struct buf out;

	demand(json_check(made, &err) == 0, "what is made is JSON");
	v = json_value_read(made, a, &err);
	/* The arena may be full by now. */
	if (!v) {
		demand(err.kind == ERROR_LIMIT, "and is read");
		return;
	}
	buf_init(&out, SIZE_MAX);
	demand(json_value_write(v, &out) == 0, "and written");
	demand(str_eq(buf_str(&out), made), "as the same bytes");
	buf_release(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str patch, doc = str_of((const char *)data, size), made;
	struct error err = { .text = "" };
	struct arena a;

	if (!str_split(&doc, '\n', &patch) || !doc.p)
		return 0;
	arena_init(&a, 16 << 20, 0);
	made = json_patch_text(patch, doc, 1 << 20, &a, &err);
	if (made.p)
		try_made(made, &a);
	else
		demand(err.text[0] != '\0', "who refuses says why");
	arena_release(&a);
	return 0;
}
