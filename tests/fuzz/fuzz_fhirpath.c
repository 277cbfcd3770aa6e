/*
 * An expression, and behind it, from the first line on that begins with a
 * brace, the resource it is evaluated over, in JSON; without one, a Patient of
 * our own. What compiles can be explained; what can be evaluated gives items
 * of the records at hand, or values, and put in parentheses as many. Limits
 * are small. The pack is FIREDOOR_PACK; without one only the grammar is tried.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/finding.h"
#include "base/hash.h"
#include "mappers/fhir/fhir_json.h"
#include "profiles/fhirpath.h"
#include "profiles/fhirpath_syntax.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	STEPS = 200000,
	MEMORY = 16 << 20,
};

static const char example[] =
    "{\"resourceType\":\"Patient\",\"id\":\"p\",\"text\":{\"status\":\"generated\","
    "\"div\":\"<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\"><b>x</b></div>\"},"
    "\"contained\":[{\"resourceType\":\"Observation\",\"id\":\"o\",\"status\":\"final\","
    "\"code\":{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"8480-6\"}]},"
    "\"valueQuantity\":{\"value\":1.50,\"unit\":\"mg\",\"system\":"
    "\"http://unitsofmeasure.org\",\"code\":\"mg\"}}],"
    "\"extension\":[{\"url\":\"http://x\",\"valueInteger\":7}],"
    "\"modifierExtension\":[{\"url\":\"http://m\",\"valueDecimal\":0.10}],"
    "\"active\":true,\"name\":[{\"use\":\"official\",\"family\":\"Chalmers\","
    "\"given\":[\"Peter\",\"J\"]},{\"use\":\"usual\",\"given\":[\"Jim\"],"
    "\"_family\":{\"extension\":[{\"url\":\"http://y\",\"valueString\":\"\\u00c4\"}]}}],"
    "\"gender\":\"male\",\"birthDate\":\"1974-12\",\"deceasedDateTime\":"
    "\"2015-02-14T13:42:00+10:00\",\"multipleBirthInteger\":2,"
    "\"generalPractitioner\":[{\"reference\":\"#o\"},{\"reference\":\"Practitioner/1\"}],"
    "\"managingOrganization\":{\"reference\":\"Organization/1\"}}";

static const struct pack *pack;
static const struct record *patient;
static struct record_builder builder;

static void
demand(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static const struct record *
read_record(struct str json, struct arena *a)
{
	struct fhir_read_options options = { .lenient = true, .type = PACK_NONE };
	struct findings findings;

	findings_init(&findings, a, 1);
	return fhir_json_read(json, &options, &builder, a, &findings);
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
	record_builder_init(
	    &builder, pack, &(struct record_limits){ .nodes = 20000, .depth = 64, .text = 65536 });
	patient = read_record(str_from(example), &keep);
	demand(patient != NULL, "the patient is made");
	return true;
}

/* A host that knows one resource, and answers by a hash of what it is asked. */
static const struct record *
resolve(void *ctx, struct str reference, struct arena *a)
{
	(void)ctx;
	(void)a;
	return reference.len % 2 ? NULL : patient;
}

static int
answer(struct str asked)
{
	return (int)(hash64(asked, 1) % 3) - 1;
}

static int
member_of(void *ctx, struct str system, struct str code, struct str value_set)
{
	(void)ctx;
	(void)system;
	(void)value_set;
	return answer(code);
}

static int
subsumes(void *ctx, struct str system, struct str broad, struct str narrow)
{
	(void)ctx;
	(void)system;
	(void)narrow;
	return answer(broad);
}

static int
conforms_to(void *ctx, const struct record *r, uint32_t node, struct str structure)
{
	(void)ctx;
	demand(node < r->node_count, "a host is asked about a node");
	return answer(structure);
}

static int
in_slice(void *ctx, const struct record *r, uint32_t node, struct str structure, struct str slice)
{
	(void)ctx;
	(void)structure;
	demand(node < r->node_count, "a host is asked about a node");
	return answer(slice);
}

static void
trace(void *ctx, struct str name, const struct fhirpath_items *of)
{
	(void)ctx;
	(void)name;
	for (uint32_t i = 0; i < of->count; i++)
		demand(of->at[i].kind <= FHIRPATH_TYPE, "what is traced are items");
}

static const struct fhirpath_host host = {
	.resolve = resolve,
	.member_of = member_of,
	.subsumes = subsumes,
	.conforms_to = conforms_to,
	.in_slice = in_slice,
	.trace = trace,
};

/* Another that knows nothing: the pack answers. */
static const struct fhirpath_host nobody = { .trace = trace };

/* Who is asked over this input. */
static const struct fhirpath_host *asked;

static void
explain(const struct fhirpath *f)
{
	struct buf out;

	buf_init(&out, SIZE_MAX);
	fhirpath_explain(f, &out);
	demand(out.len > 0, "a program can be explained");
	buf_release(&out);
}

/* Evaluate; the number of items, or -1. */
static int64_t
evaluate(
    struct str expression, const struct record *r, struct arena *a, struct fhirpath_items *items)
{
	static const struct str names[] = { STR("v"), STR("node") };
	struct fhirpath_options options = {
		.type = record_type(r, pack, 0), .variables = names, .variable_count = 2
	};
	struct fhirpath_item one = { FHIRPATH_MADE, PACK_NONE, STR("1.0"), FHIRPATH_DECIMAL, 0 };
	struct fhirpath_item root = { 0, record_type(r, pack, 0), STR(""), FHIRPATH_NODE, 0 };
	struct fhirpath_items variables[] = { { &one, 1, NULL }, { &root, 1, NULL } };
	struct fhirpath_input input = {
		.record = r,
		.variables = variables,
		.host = asked,
		.now = 1,
		.steps = STEPS,
	};
	struct error err = { 0 };
	struct fhirpath *f = fhirpath_compile_with(pack, expression, &options, &err);
	int64_t count = -1;

	if (f)
		explain(f);
	if (f && fhirpath_run(f, &input, a, items, &err) == 0)
		count = items->count;
	demand(count >= 0 || err.text[0], "a failure says why");
	fhirpath_free(f);
	return count;
}

/* The expression with something behind it gives the one value `want`. */
static void
try_wrapped(
    struct str in, const struct record *r, const char *behind, const char *want, struct arena *a)
{
	struct fhirpath_items items;
	struct buf wrapped; /* there may be a NUL */

	buf_init(&wrapped, SIZE_MAX);
	buf_put_byte(&wrapped, '(');
	buf_put_str(&wrapped, in);
	buf_puts(&wrapped, "\n)");
	buf_puts(&wrapped, behind);
	if (evaluate(buf_str(&wrapped), r, a, &items) >= 0)
		demand(items.count == 1 && str_is(items.at[0].value, want), "it gives as many");
	buf_release(&wrapped);
}

static void
check_item(const struct fhirpath_items *items, uint32_t i, const struct record *r, struct arena *a)
{
	const struct fhirpath_item *item = &items->at[i];

	if (item->record)
		r = items->records[item->record];
	if (item->node == FHIRPATH_MADE)
		demand(item->kind != FHIRPATH_NODE, "what is made is a value");
	else
		demand(item->node < r->node_count && item->type < pack_type_count(pack),
		    "an item is a node of its record");
	fhirpath_type_name(pack, item, a);
}

static void
try_all(struct str in, const struct record *r, struct arena *a)
{
	struct fhirpath_items items;
	int64_t n = evaluate(in, r, a, &items);
	char count[24];

	for (uint32_t i = 0; i < n; i++)
		check_item(&items, i, r, a);
	if (n < 0)
		return;
	snprintf(count, sizeof(count), "%lld", (long long)n);
	try_wrapped(in, r, ".count()", count, a);
	try_wrapped(in, r, ".empty()", n ? "false" : "true", a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of((const char *)data, size);
	ptrdiff_t brace = str_find_str(in, STR("\n{\""));
	const struct record *r;
	struct arena a;

	arena_init(&a, MEMORY, 0);
	asked = size % 2 ? &host : &nobody;
	if (!set_up()) {
		syntax_parse(in, &a, NULL);
	} else {
		r = brace < 0 ? patient : read_record(str_from_index(in, (size_t)brace + 1), &a);
		in.len = brace < 0 ? in.len : (size_t)brace;
		if (r)
			try_all(in, r, &a);
	}
	arena_release(&a);
	return 0;
}
