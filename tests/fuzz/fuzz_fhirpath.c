/*
 * An expression that compiles and can be evaluated gives items of the record,
 * or values; put in parentheses it gives as many, and is empty when there are
 * none. The pack is FIREDOOR_PACK; without one only the grammar is tried.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "profiles/fhirpath.h"
#include "profiles/fhirpath_syntax.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pack *pack;
static const struct record *patient;

static void
demand(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static void
put_name(struct record_builder *b, const char *use, const char *family, const char *given)
{
	record_open(b, STR("name"));
	record_put(b, STR("use"), str_from(use));
	record_put(b, STR("family"), str_from(family));
	record_put(b, STR("given"), str_from(given));
	record_put(b, STR("given"), STR("x"));
	record_close(b);
}

static const struct record *
make_patient(struct arena *a)
{
	uint32_t type = pack_find_resource(pack, STR("Patient"));
	struct record_builder b;
	const struct record *r;

	record_builder_init(&b, pack, &record_default_limits);
	record_open_root(&b, type);
	record_put(&b, STR("id"), STR("p"));
	record_open(&b, STR("contained"));
	record_open_root(&b, pack_find_resource(pack, STR("Observation")));
	record_put(&b, STR("id"), STR("o"));
	record_open(&b, STR("valueQuantity"));
	record_put(&b, STR("value"), STR("1.50"));
	record_close(&b);
	record_close(&b);
	record_close(&b);
	record_open(&b, STR("extension"));
	record_put(&b, STR("url"), STR("http://x"));
	record_put(&b, STR("valueInteger"), STR("7"));
	record_close(&b);
	put_name(&b, "official", "Chalmers", "Peter");
	put_name(&b, "usual", "", "Jim");
	record_put(&b, STR("birthDate"), STR("1974-12"));
	record_put(&b, STR("deceasedDateTime"), STR("2015-02-14T13:42:00+10:00"));
	record_open(&b, STR("generalPractitioner"));
	record_put(&b, STR("reference"), STR("#o"));
	record_close(&b);
	record_close(&b);
	r = record_builder_finish(&b, a, NULL);
	record_builder_release(&b);
	return r;
}

static bool
set_up(void)
{
	static struct arena keep;
	const char *path = getenv("FIREDOOR_PACK");

	if (patient)
		return true;
	pack = path ? pack_open(path, NULL) : NULL;
	if (!pack)
		return false;
	arena_init(&keep, 1 << 20, 0);
	patient = make_patient(&keep);
	demand(patient != NULL, "the patient is made");
	return true;
}

/* Evaluate; the number of items, or -1. */
static int64_t
evaluate(struct str expression, struct arena *a, struct fhirpath_items *items)
{
	struct error err = { 0 };
	struct fhirpath *f = fhirpath_compile(
	    pack, record_type(patient, pack, 0), expression, &err);
	int64_t count = -1;

	if (f && fhirpath_eval(f, patient, 0, a, items, &err) == 0)
		count = items->count;
	demand(count >= 0 || err.text[0], "a failure says why");
	fhirpath_free(f);
	return count;
}

/* The expression with something behind it gives the one value `want`. */
static void
try_wrapped(struct str in, const char *behind, const char *want, struct arena *a)
{
	struct fhirpath_items items;
	struct str wrapped = str_printf(a, "(%.*s\n)%s", STR_ARG(in), behind);

	if (wrapped.p && evaluate(wrapped, a, &items) >= 0)
		demand(items.count == 1 && str_is(items.at[0].value, want), "it gives as many");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of((const char *)data, size);
	struct fhirpath_items items;
	char count[24];
	struct arena a;
	int64_t n;

	arena_init(&a, 16 << 20, 0);
	if (!set_up()) {
		syntax_parse(in, &a, NULL);
		arena_release(&a);
		return 0;
	}
	n = evaluate(in, &a, &items);
	for (int64_t i = 0; i < n; i++)
		demand(items.at[i].node == FHIRPATH_MADE
			   ? items.at[i].kind != FHIRPATH_NODE
			   : items.at[i].node < patient->node_count &&
				 items.at[i].type < pack_type_count(pack),
		    "an item is a node of the record, or a value");
	if (n >= 0) {
		snprintf(count, sizeof(count), "%lld", (long long)n);
		try_wrapped(in, ".count()", count, &a);
		try_wrapped(in, ".empty()", n ? "false" : "true", &a);
	}
	arena_release(&a);
	return 0;
}
