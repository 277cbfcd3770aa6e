/*
 * mappers/fhir: _summary and _elements. What is in a part comes from R4's
 * search page (3.1.1.5.9, 3.1.1.5.10) and the definitions' isSummary, min and
 * isModifier.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/fhir/fhir_subset.h"
#include "tests/tap.h"

static const struct pack *pack;
static struct record_builder builder;

#define TAG                                                                                        \
	"\"tag\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ObservationValue\","      \
	"\"code\":\"SUBSETTED\"}]"

#define DIV "\"<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\">x</div>\""

/*
 * Patient: identifier, active, name are summary; text, contact, photo are not.
 * Observation: status (a modifier, summary) and code (summary) are mandatory;
 * value[x] is summary, note is not.
 */
static const char patient[] =
    "{\"resourceType\":\"Patient\",\"id\":\"p\",\"meta\":{\"versionId\":\"3\"},"
    "\"text\":{\"status\":\"generated\",\"div\":" DIV "},"
    "\"extension\":[{\"url\":\"http://x\",\"valueCode\":\"e\"}],"
    "\"modifierExtension\":[{\"url\":\"http://m\",\"valueCode\":\"e\"}],"
    "\"identifier\":[{\"system\":\"urn:x\",\"value\":\"7\"}],\"active\":true,"
    "\"_active\":{\"id\":\"a\"},"
    "\"name\":[{\"extension\":[{\"url\":\"http://x\",\"valueCode\":\"e\"}],\"family\":\"F\"}],"
    "\"contact\":[{\"gender\":\"male\"}]}";

static const char observation[] =
    "{\"resourceType\":\"Observation\",\"id\":\"o\",\"text\":{\"status\":\"generated\","
    "\"div\":" DIV "},\"status\":\"final\",\"category\":[{\"text\":\"c\"}],\"code\":{"
    "\"text\":\"c\"},\"valueQuantity\":{\"value\":0.010},\"note\":[{\"text\":\"n\"}]}";

static const char bundle[] =
    "{\"resourceType\":\"Bundle\",\"id\":\"b\",\"type\":\"collection\",\"entry\":[{\"fullUrl\":"
    "\"urn:uuid:1\",\"resource\":{\"resourceType\":\"Patient\",\"text\":{\"status\":"
    "\"generated\",\"div\":" DIV "},\"active\":true}}]}";

/* The mandatory element has nothing of a summary in it: it stays as it is. */
static const char absent[] =
    "{\"resourceType\":\"Observation\",\"_status\":{\"extension\":[{\"url\":"
    "\"http://hl7.org/fhir/StructureDefinition/data-absent-reason\",\"valueCode\":\"unknown\"}]},"
    "\"code\":{\"extension\":[{\"url\":\"http://x\",\"valueCode\":\"unknown\"}]}}";

static const struct {
	const char *name, *in;
	enum fhir_summary summary;
	const char *elements[3];
	const char *out;
} cases[] = {
	{ "_summary=true of a Patient", patient, SUMMARY_TRUE, { NULL },
	    "{\"resourceType\":\"Patient\",\"id\":\"p\",\"meta\":{\"versionId\":\"3\"," TAG "},"
	    "\"modifierExtension\":[{\"url\":\"http://m\",\"valueCode\":\"e\"}],"
	    "\"identifier\":[{\"system\":\"urn:x\",\"value\":\"7\"}],\"active\":true,"
	    "\"name\":[{\"family\":\"F\"}]}" },
	{ "_summary=text of a Patient", patient, SUMMARY_TEXT, { NULL },
	    "{\"resourceType\":\"Patient\",\"id\":\"p\",\"meta\":{\"versionId\":\"3\"," TAG "},"
	    "\"text\":{\"status\":\"generated\",\"div\":" DIV "}}" },
	{ "_summary=text keeps what is mandatory", observation, SUMMARY_TEXT, { NULL },
	    "{\"resourceType\":\"Observation\",\"id\":\"o\",\"meta\":{" TAG "},\"text\":{"
	    "\"status\":\"generated\",\"div\":" DIV "},\"status\":\"final\",\"code\":{\"text\":"
	    "\"c\"}}" },
	{ "_summary=data", observation, SUMMARY_DATA, { NULL },
	    "{\"resourceType\":\"Observation\",\"id\":\"o\",\"meta\":{" TAG "},\"status\":"
	    "\"final\",\"category\":[{\"text\":\"c\"}],\"code\":{\"text\":\"c\"},"
	    "\"valueQuantity\":{\"value\":0.010},\"note\":[{\"text\":\"n\"}]}" },
	{ "_summary=true of an Observation", observation, SUMMARY_TRUE, { NULL },
	    "{\"resourceType\":\"Observation\",\"id\":\"o\",\"meta\":{" TAG "},\"status\":"
	    "\"final\",\"code\":{\"text\":\"c\"},\"valueQuantity\":{\"value\":0.010}}" },
	{ "_elements with a choice, by its stem", observation, SUMMARY_FALSE, { "value", NULL },
	    "{\"resourceType\":\"Observation\",\"id\":\"o\",\"meta\":{" TAG "},\"status\":"
	    "\"final\",\"code\":{\"text\":\"c\"},\"valueQuantity\":{\"value\":0.010}}" },
	{ "_elements keeps what is in them", patient, SUMMARY_FALSE, { "name", "contact", NULL },
	    "{\"resourceType\":\"Patient\",\"id\":\"p\",\"meta\":{\"versionId\":\"3\"," TAG "},"
	    "\"modifierExtension\":[{\"url\":\"http://m\",\"valueCode\":\"e\"}],\"active\":true,"
	    "\"_active\":{\"id\":\"a\"},"
	    "\"name\":[{\"extension\":[{\"url\":\"http://x\",\"valueCode\":\"e\"}],\"family\":"
	    "\"F\"}],\"contact\":[{\"gender\":\"male\"}]}" },
	{ "_summary=data of a Bundle's entries", bundle, SUMMARY_DATA, { NULL },
	    "{\"resourceType\":\"Bundle\",\"id\":\"b\",\"meta\":{" TAG "},\"type\":\"collection\","
	    "\"entry\":[{\"fullUrl\":\"urn:uuid:1\",\"resource\":{\"resourceType\":\"Patient\","
	    "\"meta\":{" TAG "},\"active\":true}}]}" },
	{ "_summary=true of a Bundle's entries", bundle, SUMMARY_TRUE, { NULL },
	    "{\"resourceType\":\"Bundle\",\"id\":\"b\",\"meta\":{" TAG "},\"type\":\"collection\","
	    "\"entry\":[{\"fullUrl\":\"urn:uuid:1\",\"resource\":{\"resourceType\":\"Patient\","
	    "\"meta\":{" TAG "},\"active\":true}}]}" },
	{ "what is mandatory stays whole where it has no summary", absent, SUMMARY_TRUE, { NULL },
	    "{\"resourceType\":\"Observation\",\"meta\":{" TAG "},\"_status\":{\"extension\":[{"
	    "\"url\":\"http://hl7.org/fhir/StructureDefinition/data-absent-reason\",\"valueCode\":"
	    "\"unknown\"}]},\"code\":{\"extension\":[{\"url\":\"http://x\",\"valueCode\":"
	    "\"unknown\"}]}}" },
	{ "the tag stands once",
	    "{\"resourceType\":\"Patient\",\"meta\":{" TAG "},\"active\":true}", SUMMARY_DATA,
	    { NULL }, "{\"resourceType\":\"Patient\",\"meta\":{" TAG "},\"active\":true}" },
};

static const struct record *
read_text(const char *text, struct arena *a)
{
	struct fhir_read_options options = { .type = PACK_NONE };
	struct findings findings;
	const struct record *r;

	findings_init(&findings, a, 10);
	r = fhir_json_read(str_from(text), &options, &builder, a, &findings);
	return findings.errors ? NULL : r;
}

static void
test_case(size_t n)
{
	struct fhir_subset wanted = { .summary = cases[n].summary };
	struct str elements[3];
	const struct record *r, *part;
	struct error err = { 0 };
	struct arena a;
	struct buf out;

	arena_init(&a, 1 << 24, 0);
	buf_init(&out, 1 << 20);
	for (; cases[n].elements[wanted.element_count]; wanted.element_count++)
		elements[wanted.element_count] = str_from(cases[n].elements[wanted.element_count]);
	wanted.elements = elements;
	r = read_text(cases[n].in, &a);
	part = r ? fhir_subset(r, 0, &wanted, &builder, &a, &err) : NULL;
	if (part)
		fhir_json_write(part, pack, 0, 0, &out);
	is_str(buf_str(&out), str_from(cases[n].out), "%s", cases[n].name);
	ok(part && record_check(part, record_size(part), pack), "%s: a record in order",
	    cases[n].name);
	buf_release(&out);
	arena_release(&a);
}

/* Each limit that is too small is an error, never a part of a part. */
static void
test_limits(void)
{
	struct fhir_subset wanted = { .summary = SUMMARY_TRUE };
	struct record_limits limits = record_default_limits;
	struct record_builder small;
	const struct record *r, *part = NULL;
	struct error err;
	struct arena a;
	uint32_t nodes;

	arena_init(&a, 1 << 24, 0);
	r = read_text(patient, &a);
	for (nodes = 1; r && nodes < 200 && !part; nodes++) {
		limits.nodes = nodes;
		record_builder_init(&small, pack, &limits);
		part = fhir_subset(r, 0, &wanted, &small, &a, &err);
		if (!part && err.kind != ERROR_LIMIT)
			ok(false, "the error of a limit of %u nodes is that of a limit", nodes);
		record_builder_release(&small);
	}
	/* Patient, id, meta and 4, modifierExtension and 2, identifier and 2,
	 * active, name and 1. */
	ok(part && part->node_count == 16 && nodes - 1 == 16, "fits when there is room for all");
	arena_release(&a);
}

int
main(void)
{
	const char *path = getenv("FIREDOOR_PACK");
	struct error err;

	pack = path ? pack_open(path, &err) : NULL;
	if (!pack) {
		tap_skip("parts of resources", "FIREDOOR_PACK names no compiled definitions");
		return tap_done();
	}
	record_builder_init(&builder, pack, &record_default_limits);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(i);
	test_limits();
	record_builder_release(&builder);
	pack_free(pack);
	return tap_done();
}
