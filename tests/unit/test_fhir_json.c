/*
 * mappers/fhir: FHIR JSON into records and back. What is right and wrong comes
 * from R4's JSON page (2.6.2), the data types page and the definitions.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/fhir/json_lex.h"
#include "tests/tap.h"

static const struct pack *pack;
static struct record_builder builder;

/* Read `text`; findings and record lie in the arena. */
static const struct record *
read_text(struct str text, bool lenient, struct arena *a, struct findings *findings)
{
	struct fhir_read_options options = { .lenient = lenient, .type = PACK_NONE };

	findings_init(findings, a, 100);
	return fhir_json_read(text, &options, &builder, a, findings);
}

static void
show(const struct findings *findings)
{
	for (const struct finding *f = findings->first; f; f = f->next)
		printf("# %s %s %.*s %u:%u %.*s\n", severity_name(f->severity), f->code,
		    STR_ARG(f->path), f->line, f->column, STR_ARG(f->text));
}

/* In and out; NULL: the same text. */
static const struct {
	const char *name, *in, *out;
} whole[] = {
	{ "a resource without elements", "{\"resourceType\":\"Patient\"}", NULL },
	{ "a value and its companion, as the specification shows it",
	    "{\"resourceType\":\"Patient\",\"birthDate\":\"1970-03-30\",\"_birthDate\":{\"id\":"
	    "\"314159\",\"extension\":[{\"url\":\"http://example.org/fhir/StructureDefinition/"
	    "text\",\"valueString\":\"Easter 1970\"}]}}",
	    NULL },
	{ "a companion alone",
	    "{\"resourceType\":\"Patient\",\"_birthDate\":{\"extension\":[{\"url\":\"http://x\","
	    "\"valueCode\":\"unknown\"}]}}",
	    NULL },
	{ "arrays of values and companions, with nulls (2.6.2.3)",
	    "{\"resourceType\":\"CodeSystem\",\"status\":\"draft\",\"content\":\"complete\","
	    "\"concept\":[{\"code\":\"au\"},{\"code\":\"nz\"}]}",
	    NULL },
	{ "nulls on either side",
	    "{\"resourceType\":\"Patient\",\"name\":[{\"given\":[\"A\",null,\"C\"],\"_given\":["
	    "null,{\"id\":\"b\"},{\"id\":\"c\"}]}]}",
	    NULL },
	{ "companions before, and far from, their values",
	    "{\"_active\":{\"id\":\"x\"},\"resourceType\":\"Patient\",\"name\":[{\"_given\":[{"
	    "\"id\":\"1\"},null],\"family\":\"F\",\"given\":[\"A\",\"B\"]}],\"active\":true}",
	    "{\"resourceType\":\"Patient\",\"active\":true,\"_active\":{\"id\":\"x\"},\"name\":[{"
	    "\"family\":\"F\",\"given\":[\"A\",\"B\"],\"_given\":[{\"id\":\"1\"},null]}]}" },
	{ "only companions in an array",
	    "{\"resourceType\":\"Patient\",\"name\":[{\"_given\":[{\"id\":\"1\"}]}]}", NULL },
	{ "an extension in an extension's value",
	    "{\"resourceType\":\"Patient\",\"extension\":[{\"url\":\"http://x\",\"_valueString\":{"
	    "\"extension\":[{\"url\":\"http://y\",\"valueBoolean\":false}]}}]}",
	    NULL },
	{ "members in any order",
	    " { \"birthDate\" : \"1970\" , \"name\" : [ { \"given\" : [ \"A\" ] , \"family\" : "
	    "\"B\" } ] ,\n\t\"id\" : \"x\",\r\n\"resourceType\":\"Patient\" } \n",
	    "{\"resourceType\":\"Patient\",\"id\":\"x\",\"name\":[{\"family\":\"B\",\"given\":["
	    "\"A\"]}],\"birthDate\":\"1970\"}" },
	{ "contained resources, their type last",
	    "{\"resourceType\":\"Patient\",\"contained\":[{\"id\":\"o\",\"name\":\"N\","
	    "\"resourceType\":\"Organization\"},{\"resourceType\":\"Patient\",\"id\":\"p\"}]}",
	    "{\"resourceType\":\"Patient\",\"contained\":[{\"resourceType\":\"Organization\","
	    "\"id\":\"o\",\"name\":\"N\"},{\"resourceType\":\"Patient\",\"id\":\"p\"}]}" },
	{ "a Bundle in a Bundle",
	    "{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{\"resource\":{"
	    "\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{\"resource\":{"
	    "\"resourceType\":\"Patient\"}}]}}]}",
	    NULL },
	{ "recursive content references",
	    "{\"resourceType\":\"Questionnaire\",\"status\":\"draft\",\"item\":[{\"linkId\":\"1\","
	    "\"type\":\"group\",\"item\":[{\"linkId\":\"1.1\",\"type\":\"group\",\"item\":[{"
	    "\"linkId\":\"1.1.1\",\"type\":\"string\"}]}]}]}",
	    NULL },
	{ "digits as they were",
	    "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"c\"},"
	    "\"component\":[{\"code\":{\"text\":\"c\"},\"valueQuantity\":{\"value\":0.010}},{"
	    "\"code\":{\"text\":\"c\"},\"valueQuantity\":{\"value\":-1E-3}},{\"code\":{\"text\":"
	    "\"c\"},\"valueQuantity\":{\"value\":-0.0}},{\"code\":{\"text\":\"c\"},"
	    "\"valueQuantity\":{\"value\":12345678901234567890.0}}]}",
	    NULL },
	{ "escapes in names",
	    "{\"resourceT\\u0079pe\":\"Pat\\u0069ent\",\"na\\u006de\":[{\"family\":\"x\"}]}",
	    "{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"x\"}]}" },
	{ "escapes in a string",
	    "{\"resourceType\":\"Patient\",\"name\":[{\"family\":"
	    "\"\\u00E9 \\uD83D\\uDE00 \\/ \\\\ \\\" \\t \\n \\r \\u20ac\"}]}",
	    "{\"resourceType\":\"Patient\",\"name\":[{\"family\":"
	    "\"\xc3\xa9 \xf0\x9f\x98\x80 / \\\\ \\\" \\t \\n \\r \xe2\x82\xac\"}]}" },
	{ "a byte order mark", "\xef\xbb\xbf{\"resourceType\":\"Patient\"}",
	    "{\"resourceType\":\"Patient\"}" },
	{ "narrative",
	    "{\"resourceType\":\"Patient\",\"text\":{\"status\":\"generated\",\"div\":"
	    "\"<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\">a &lt; b</div>\"}}",
	    NULL },
};

static void
test_whole(void)
{
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		const char *want = whole[i].out ? whole[i].out : whole[i].in;
		struct findings findings;
		const struct record *r;
		struct arena a;
		struct buf out;

		arena_init(&a, 1 << 20, 0);
		buf_init(&out, 1 << 20);
		r = read_text(str_from(whole[i].in), false, &a, &findings);
		if (!ok(r && findings.count == 0, "%s: read", whole[i].name))
			show(&findings);
		if (r) {
			ok(record_check(r, record_size(r), pack), "%s: the record is right",
			    whole[i].name);
			fhir_json_write(r, pack, 0, 0, &out);
			is_str(buf_str(&out), str_from(want), "%s: written", whole[i].name);
		}
		buf_release(&out);
		arena_release(&a);
	}
}

#define OBS "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"c\"}"
#define PAT "{\"resourceType\":\"Patient\""

/* Wrong in one place each. `column` counts characters of the one line. */
static const struct {
	const char *name, *in;
	const char *code, *path;
	unsigned column;
	const char *words; /* in the text */
} wrong[] = {
	{ "an unknown element", PAT ",\"nmae\":[]}", "structure", "Patient", 27, "\"name\"" },
	{ "an unknown element of a data type", PAT ",\"name\":[{\"famly\":\"x\"}]}", "structure",
	    "Patient.name[0]", 36, "\"family\"" },
	{ "the companion of a complex element", PAT ",\"_name\":[{\"id\":\"x\"}]}", "structure",
	    "Patient", 27, "_name" },
	{ "resourceType in an element", PAT ",\"name\":[{\"resourceType\":\"x\"}]}", "structure",
	    "Patient.name[0]", 36, "resourceType" },
	{ "resourceType twice", PAT ",\"resourceType\":\"Patient\"}", "structure", "Patient", 27,
	    "twice" },
	{ "a key twice", PAT ",\"id\":\"a\",\"active\":true,\"id\":\"b\"}", "structure",
	    "Patient.id", 50, "twice" },
	{ "a key twice in a row", PAT ",\"id\":\"a\",\"id\":\"b\"}", "structure", "Patient.id", 36,
	    "twice" },
	{ "a companion twice",
	    PAT ",\"_active\":{\"id\":\"a\"},\"active\":true,\"_active\":{\"id\":\"b\"}}",
	    "structure", "Patient.active", 62, "twice" },
	{ "an array for a single value", PAT ",\"active\":[true]}", "structure", "Patient.active",
	    36, "array" },
	{ "a single value for an array", PAT ",\"name\":{\"family\":\"x\"}}", "structure",
	    "Patient.name[0]", 34, "array" },
	{ "an object for a primitive", PAT ",\"active\":{}}", "structure", "Patient.active", 36,
	    "object" },
	{ "a string for an object", PAT ",\"maritalStatus\":\"M\"}", "structure",
	    "Patient.maritalStatus", 43, "string" },
	{ "a string for a boolean", PAT ",\"active\":\"true\"}", "structure", "Patient.active", 36,
	    "boolean" },
	{ "a number for a string", PAT ",\"name\":[{\"family\":1}]}", "structure",
	    "Patient.name[0].family", 45, "number" },
	{ "a string for a number", OBS ",\"valueInteger\":\"1\"}", "structure", "Observation.value",
	    83, "number" },
	{ "null for a value", PAT ",\"active\":null}", "structure", "Patient.active", 36, "null" },
	{ "null for an object", PAT ",\"name\":[null]}", "structure", "Patient.name[0]", 35,
	    "null" },
	{ "null with nothing beside it", PAT ",\"name\":[{\"given\":[\"a\",null]}]}", "structure",
	    "Patient.name[0].given[1]", 49, "null" },
	{ "null on both sides",
	    PAT ",\"name\":[{\"given\":[null,\"a\"],\"_given\":[null,{\"id\":\"x\"}]}]}",
	    "structure", "Patient.name[0].given[0]", 45, "null" },
	{ "an empty array", PAT ",\"name\":[]}", "structure", "Patient.name[0]", 34,
	    "empty array" },
	{ "an empty object", PAT ",\"name\":[{}]}", "structure", "Patient.name[0]", 35,
	    "empty object" },
	{ "an empty string", PAT ",\"name\":[{\"family\":\"\"}]}", "value",
	    "Patient.name[0].family", 45, "empty string" },
	{ "a date there is not", PAT ",\"birthDate\":\"1970-02-30\"}", "value", "Patient.birthDate",
	    39, "date" },
	{ "a code with spaces around", PAT ",\"gender\":\" male\"}", "value", "Patient.gender", 36,
	    "code" },
	{ "an id too long",
	    PAT ",\"id\":\"1234567890123456789012345678901234567890123456789012345678901234x\"}",
	    "value", "Patient.id", 32, "id" },
	{ "an integer with a fraction", OBS ",\"valueInteger\":1.5}", "value", "Observation.value",
	    83, "integer" },
	{ "a control character by escape", PAT ",\"name\":[{\"family\":\"a\\u0001\"}]}", "value",
	    "Patient.name[0].family", 45, "control" },
	{ "a required element missing", "{\"resourceType\":\"Observation\",\"status\":\"final\"}",
	    "required", "Observation.code", 1, "\"code\"" },
	{ "a required choice missing",
	    "{\"resourceType\":\"MedicationRequest\",\"status\":\"active\",\"intent\":\"order\","
	    "\"subject\":{\"reference\":\"Patient/1\"}}",
	    "required", "MedicationRequest.medication", 1, "medication[x]" },
	{ "a required element missing inside", PAT ",\"link\":[{\"type\":\"refer\"}]}", "required",
	    "Patient.link[0].other", 35, "other" },
	{ "two types of one choice", OBS ",\"valueString\":\"a\",\"valueBoolean\":true}",
	    "structure", "Observation.value", 86, "choice" },
	{ "two types of one choice, apart",
	    OBS ",\"valueString\":\"a\",\"id\":\"x\",\"valueBoolean\":true}", "structure",
	    "Observation.value", 95, "choice" },
	{ "an unknown resource in an entry",
	    "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"fullUrl\":\"urn:x\","
	    "\"resource\":{\"resourceType\":\"Patiant\"}}]}",
	    "structure", "Bundle.entry[0].resource", 80, "resourceType" },
	{ "an entry's resource without a type",
	    "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"fullUrl\":\"urn:x\","
	    "\"resource\":{\"id\":\"a\"}}]}",
	    "structure", "Bundle.entry[0].resource", 80, "resourceType" },
	{ "in a resource in an entry",
	    "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"resource\":{"
	    "\"resourceType\":\"Patient\",\"active\":1}}]}",
	    "structure", "Bundle.entry[0].resource.active", 97, "boolean" },
	{ "columns count characters",
	    PAT ",\"name\":[{\"family\":\"\xc3\xa9\xe2\x82\xac\",\"text\":1}]}", "structure",
	    "Patient.name[0].text", 57, "number" },
	{ "a companion that is no object", PAT ",\"_active\":true}", "structure", "Patient.active",
	    37, "object" },
};

static void
test_wrong(void)
{
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct findings findings;
		const struct finding *f;
		struct arena a;

		arena_init(&a, 1 << 20, 0);
		ok(read_text(str_from(wrong[i].in), false, &a, &findings) != NULL,
		    "%s: there is a record still", wrong[i].name);
		f = findings.first;
		if (!ok(findings.count == 1 && f->severity == SEVERITY_ERROR &&
			    strcmp(f->code, wrong[i].code) == 0 && f->line == 1 &&
			    f->column == wrong[i].column &&
			    str_find_str(f->text, str_from(wrong[i].words)) >= 0,
			"%s: one finding, in its place", wrong[i].name))
			show(&findings);
		if (f)
			is_str(f->path, str_from(wrong[i].path), "%s: FHIRPath", wrong[i].name);
		read_text(str_from(wrong[i].in), true, &a, &findings);
		ok(findings.errors == 0 && findings.count >= 1, "%s: lenient, a warning",
		    wrong[i].name);
		arena_release(&a);
	}
}

/* No record can be made of these. */
static const struct {
	const char *name, *in, *words;
	unsigned line, column;
} fatal[] = {
	{ "nothing", "", "empty", 1, 1 },
	{ "white space", " \n ", "empty", 2, 2 },
	{ "an array", "[]", "object", 1, 1 },
	{ "no resourceType", "{\"id\":\"x\"}", "resourceType", 1, 1 },
	{ "an empty object", "{}", "resourceType", 1, 1 },
	{ "an unknown resourceType", "{\"resourceType\":\"Patiant\"}", "Patiant", 1, 1 },
	{ "an abstract resourceType", "{\"resourceType\":\"DomainResource\"}", "DomainResource", 1,
	    1 },
	{ "a data type", "{\"resourceType\":\"HumanName\"}", "HumanName", 1, 1 },
	{ "a resourceType that is no string", "{\"resourceType\":1}", "resourceType", 1, 1 },
	{ "bytes behind", PAT "}\n x", "behind", 2, 2 },
	{ "a comma behind the last", PAT ",}", "name", 1, 27 },
	{ "no comma", PAT "\n\"id\":\"x\"}", "comma", 2, 1 },
	{ "no colon", PAT ",\"id\" \"x\"}", "colon", 1, 32 },
	{ "bad UTF-8", PAT ",\"name\":[{\"family\":\"\xff\"}]}", "UTF-8", 1, 46 },
	{ "overlong UTF-8", PAT ",\"name\":[{\"family\":\"\xc0\x80\"}]}", "UTF-8", 1, 46 },
	{ "a surrogate in UTF-8", PAT ",\"name\":[{\"family\":\"\xed\xa0\x80\"}]}", "UTF-8", 1,
	    46 },
	{ "a bad escape", PAT ",\"name\":[{\"family\":\"\\x\"}]}", "escape", 1, 46 },
	{ "a bad \\u", PAT ",\"name\":[{\"family\":\"\\u12g4\"}]}", "hex", 1, 46 },
	{ "half a pair", PAT ",\"name\":[{\"family\":\"\\ud83d x\"}]}", "surrogate", 1, 46 },
	{ "the other half", PAT ",\"name\":[{\"family\":\"\\ude00\"}]}", "surrogate", 1, 46 },
	{ "a line feed in a string", PAT ",\"name\":[{\"family\":\"\n\"}]}", "control", 1, 46 },
	{ "a leading zero", OBS ",\"valueInteger\":01}", "leading zero", 1, 84 },
	{ "a bare word", PAT ",\"active\":yes}", "neither", 1, 36 },
	{ "a cut word", PAT ",\"active\":trxe}", "neither", 1, 36 },
	{ "in a value that is skipped", PAT ",\"foo\":[1,}", "neither", 1, 36 },
};

static void
test_fatal(void)
{
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++) {
		for (int lenient = 0; lenient < 2; lenient++) {
			struct findings findings;
			const struct finding *f = NULL;
			struct arena a;

			arena_init(&a, 1 << 20, 0);
			ok(!read_text(str_from(fatal[i].in), lenient, &a, &findings),
			    "%s: no record", fatal[i].name);
			for (f = findings.first; f && f->next;)
				f = f->next;
			if (!ok(f && f->severity == SEVERITY_FATAL && f->line == fatal[i].line &&
				    f->column == fatal[i].column &&
				    str_find_str(f->text, str_from(fatal[i].words)) >= 0,
				"%s: fatal, in its place", fatal[i].name))
				show(&findings);
			arena_release(&a);
		}
	}
}

/* All findings of a resource come in one pass, in good resources none. */
static void
test_many(void)
{
	static const char text[] = "{\n"
				   "  \"resourceType\": \"Patient\",\n"
				   "  \"active\": \"yes\",\n"
				   "  \"name\": [ { \"family\": \"\" }, { \"given\": \"x\" } ],\n"
				   "  \"foo\": { \"bar\": [ 1, { } ] },\n"
				   "  \"gender\": \"male\",\n"
				   "  \"contact\": [ { \"gender\": 7 } ],\n"
				   "  \"birthDate\": \"1970-13-01\"\n"
				   "}\n";
	static const struct {
		unsigned line, column;
		const char *path;
	} want[] = {
		{ 3, 13, "Patient.active" },
		{ 4, 25, "Patient.name[0].family" },
		{ 4, 42, "Patient.name[1].given[0]" },
		{ 5, 3, "Patient" },
		{ 7, 28, "Patient.contact[0].gender" },
		{ 8, 16, "Patient.birthDate" },
	};
	const struct record *r;
	struct findings findings;
	const struct finding *f;
	struct arena a;
	struct buf out;

	arena_init(&a, 1 << 20, 0);
	buf_init(&out, 1 << 20);
	r = read_text(str_from(text), false, &a, &findings);
	is_int(findings.count, 6, "all findings in one pass");
	f = findings.first;
	for (size_t i = 0; i < 6 && f; i++, f = f->next) {
		is_int(f->line, want[i].line, "line of finding %zu", i);
		is_int(f->column, want[i].column, "column of finding %zu", i);
		is_str(f->path, str_from(want[i].path), "path of finding %zu", i);
	}
	if (r)
		fhir_json_write(r, pack, 0, 0, &out);
	is_str(buf_str(&out), STR("{\"resourceType\":\"Patient\",\"gender\":\"male\"}"),
	    "what is right is kept, what lost all is left out");
	buf_release(&out);
	arena_release(&a);
}

/* 2.6.2.3: nulls fill out both arrays. Where they do not, nothing is lost, and
 * it is told. */
static void
test_uneven(void)
{
	static const char text[] = PAT
	    ",\"name\":[{\"given\":[\"A\"],\"_given\":[null,{\"id\":"
	    "\"2\"}]},{\"given\":[\"A\",\"B\"],\"_given\":[{\"id\":\"1\"}]}]}";
	static const char want[] = PAT
	    ",\"name\":[{\"given\":[\"A\",null],\"_given\":[null,{\"id\":\"2\"}]},{"
	    "\"given\":[\"A\",\"B\"],\"_given\":[{\"id\":\"1\"},null]}]}";
	struct findings findings;
	const struct record *r;
	struct arena a;
	struct buf out;

	arena_init(&a, 1 << 20, 0);
	buf_init(&out, 1 << 16);
	r = read_text(str_from(text), false, &a, &findings);
	if (r)
		fhir_json_write(r, pack, 0, 0, &out);
	is_str(buf_str(&out), str_from(want), "arrays of different length are filled out");
	ok(findings.errors == 0 && findings.count == 2 &&
		findings.first->severity == SEVERITY_WARNING &&
		str_is(findings.first->path, "Patient.name[0].given"),
	    "with a warning each");
	r = read_text(str_from(want), false, &a, &findings);
	ok(r && findings.count == 0, "with nulls there is none");
	buf_release(&out);
	arena_release(&a);
}

/*
 * A string that is no JSON does not hide what is wrong behind it, as long as
 * it is certain where it ends; a record there is none.
 */
static void
test_spoiled(void)
{
	static const struct {
		const char *name, *in;
		unsigned fatal, errors; /* all, of them */
	} cases[] = {
		{ "an escape that is none",
		    PAT ",\"name\":[{\"family\":\"a\\x\\\"b\"}],\"active\":\"true\",\"nam\":1}", 1,
		    2 },
		{ "two of them, in an array",
		    PAT ",\"name\":[{\"given\":[\"\\u12\",\"b\",\"\xff\"],\"family\":\"\"}]}", 2,
		    1 },
		{ "bytes that are not UTF-8, the last value",
		    PAT ",\"active\":1,\"birthDate\":\"\xc3\" }", 1, 1 },
		{ "a tab in a value of another type", PAT ",\"active\":\"\t\",\"nam\":1}", 1, 2 },
		{ "no quote on the line: its end is not certain",
		    PAT ",\"birthDate\":\"\\x,\n\"nam\":1}", 1, 0 },
		{ "what follows cannot follow a string", PAT ",\"birthDate\":\"\\x\" \"nam\":1}", 1,
		    0 },
		{ "a name is not gone past", PAT ",\"\\x\":1,\"nam\":1}", 1, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int lenient = 0; lenient < 2; lenient++) {
			struct findings findings;
			unsigned fatal_count = 0, others = 0;
			struct arena a;

			arena_init(&a, 1 << 20, 0);
			ok(!read_text(str_from(cases[i].in), lenient, &a, &findings),
			    "%s: no record", cases[i].name);
			for (const struct finding *f = findings.first; f; f = f->next) {
				fatal_count += f->severity == SEVERITY_FATAL;
				others += f->severity != SEVERITY_FATAL;
			}
			if (!ok(fatal_count == cases[i].fatal && others == cases[i].errors,
				"%s: all that is wrong is told", cases[i].name))
				show(&findings);
			arena_release(&a);
		}
	}
}

static void
test_lenient(void)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ PAT ",\"active\":\"true\"}", PAT ",\"active\":true}" },
		{ PAT ",\"active\":[true]}", PAT ",\"active\":true}" },
		{ PAT ",\"name\":{\"family\":\"x\"}}", PAT ",\"name\":[{\"family\":\"x\"}]}" },
		{ PAT ",\"name\":[{\"family\":7}]}", PAT ",\"name\":[{\"family\":\"7\"}]}" },
		{ PAT ",\"active\":\"yes\",\"foo\":1,\"id\":\"x\"}", PAT ",\"id\":\"x\"}" },
		{ OBS ",\"valueQuantity\":{\"value\":\"0.10\"}}",
		    OBS ",\"valueQuantity\":{\"value\":0.10}}" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct record *r;
		struct findings findings;
		struct arena a;
		struct buf out;

		arena_init(&a, 1 << 20, 0);
		buf_init(&out, 1 << 20);
		r = read_text(str_from(cases[i].in), true, &a, &findings);
		if (r)
			fhir_json_write(r, pack, 0, 0, &out);
		is_str(buf_str(&out), str_from(cases[i].out), "lenient case %zu", i);
		ok(findings.count > 0 && findings.errors == 0, "warned in case %zu", i);
		buf_release(&out);
		arena_release(&a);
	}
}

static void
test_options(void)
{
	struct fhir_read_options options = { .type = pack_find_resource(pack, STR("Patient")) };
	struct findings findings;
	struct arena a;

	arena_init(&a, 1 << 20, 0);
	findings_init(&findings, &a, 10);
	ok(fhir_json_read(STR(PAT "}"), &options, &builder, &a, &findings) != NULL,
	    "the type expected");
	ok(!fhir_json_read(
	       STR("{\"resourceType\":\"Group\"}"), &options, &builder, &a, &findings) &&
		findings.errors == 1 && strcmp(findings.first->code, "invalid") == 0,
	    "another type than the expected");
	arena_release(&a);
}

/* Nested arrays of extensions, as deep as asked for. */
static void
nest(struct buf *out, unsigned depth)
{
	buf_puts(out, PAT);
	for (unsigned i = 0; i < depth; i++)
		buf_puts(out, ",\"extension\":[{\"url\":\"u\"");
	for (unsigned i = 0; i < depth; i++)
		buf_puts(out, "}]");
	buf_puts(out, "}");
}

static void
test_limits(void)
{
	struct findings findings;
	struct arena a;
	struct buf text;

	arena_init(&a, 1 << 20, 0);
	buf_init(&text, 1 << 20);
	nest(&text, 63);
	ok(read_text(buf_str(&text), false, &a, &findings) != NULL, "64 levels");
	buf_clear(&text);
	nest(&text, 64);
	ok(!read_text(buf_str(&text), false, &a, &findings) &&
		strcmp(findings.first->code, "too-costly") == 0,
	    "one level more");
	buf_clear(&text);
	buf_puts(&text, PAT ",\"foo\":");
	for (int i = 0; i < 100000; i++)
		buf_puts(&text, "[");
	ok(!read_text(buf_str(&text), false, &a, &findings), "deep in what is skipped");
	buf_release(&text);
	arena_release(&a);
}

/* A resource with every shape, to be cut and starved. */
static const char shapes[] =
    "\xef\xbb\xbf{\"contained\":[{\"id\":\"c\",\"resourceType\":\"Patient\"}],\"resourceType\":"
    "\"Observation\",\"_status\":{\"id\":\"s\"},\"status\":\"final\",\"code\":{\"text\":"
    "\"\\u00e9\\ud83d\\ude00\xc3\xa9\"},\"note\":[{\"text\":\"x\"}],\"valueSampledData\":{"
    "\"origin\":{\"value\":-1.50e+3},\"period\":0,\"dimensions\":1},\"foo\":[null,{\"a\":"
    "false}],\"category\":[{\"coding\":[{\"userSelected\":true}]}],\"extension\":[{\"url\":"
    "\"u\",\"valueBoolean\":false}]}";

static void
test_cuts(void)
{
	size_t len = sizeof(shapes) - 1, bad = 0;

	for (size_t n = 0; n < len; n++) {
		/* Alone in its memory, so that reading past the end is seen. */
		char *cut = malloc(n ? n : 1);
		struct findings findings;
		const struct finding *f;
		struct arena a;

		memcpy(cut, shapes, n);
		arena_init(&a, 1 << 20, 0);
		if (read_text(str_of(cut, n), false, &a, &findings))
			bad++;
		for (f = findings.first; f && f->severity != SEVERITY_FATAL;)
			f = f->next;
		bad += !f;
		arena_release(&a);
		free(cut);
	}
	is_int(bad, 0, "every cut text is refused by a fatal finding");
}

static void
test_starved(void)
{
	unsigned refused = 0, done = 0, wrongly = 0;

	for (size_t limit = 0; limit < 8192; limit += 16) {
		struct findings findings;
		struct arena a;

		arena_init(&a, limit, 0);
		if (read_text(str_from(shapes), false, &a, &findings))
			done++;
		else if (findings.errors)
			refused++;
		else
			wrongly++;
		arena_release(&a);
	}
	ok(refused > 10 && done > 10 && wrongly == 0,
	    "with too little memory there is a finding, with enough a record");
	for (uint32_t nodes = 1; nodes < 60; nodes++) {
		struct fhir_read_options options = { .type = PACK_NONE };
		struct record_limits limits = record_default_limits;
		struct record_builder b;
		struct findings findings;
		struct arena a;

		limits.nodes = nodes;
		record_builder_init(&b, pack, &limits);
		arena_init(&a, 1 << 20, 0);
		findings_init(&findings, &a, 100);
		if (!fhir_json_read(str_from(shapes), &options, &b, &a, &findings) &&
		    !findings.errors)
			wrongly++;
		arena_release(&a);
		record_builder_release(&b);
	}
	is_int(wrongly, 0, "so it is with the limit on nodes");
}

static bool
find_entry(void *ctx, struct str reference, uint32_t *entry)
{
	(void)ctx;
	*entry = 7;
	return str_eq(reference, STR("urn:uuid:1"));
}

static void
test_stored(void)
{
	static const char in[] =
	    "{\"resourceType\":\"Observation\",\"id\":\"old\",\"meta\":{\"versionId\":\"9\","
	    "\"lastUpdated\":\"2020-01-01T00:00:00Z\",\"profile\":[\"http://p\"]},\"text\":{"
	    "\"status\":\"generated\",\"div\":\"<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\"><a "
	    "href=\\\"urn:uuid:1\\\">x</a> "
	    "<img src='urn:uuid:2'/> = href</div>\"},\"status\":\"final\",\"code\":{\"text\":"
	    "\"urn:uuid:1\"},\"subject\":{\"reference\":\"urn:uuid:1\",\"display\":\"urn:uuid:1\"}"
	    "}";
	static const char want[] =
	    "{\"resourceType\":\"Observation\",\"id\":\"<0>\",\"meta\":{\"versionId\":\"<1>\","
	    "\"lastUpdated\":\"<2>\",\"profile\":[\"http://p\"]},\"text\":{"
	    "\"status\":\"generated\",\"div\":\"<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\"><a "
	    "href=\\\"<3>\\\">x</a> "
	    "<img src='urn:uuid:2'/> = href</div>\"},\"status\":\"final\",\"code\":{\"text\":"
	    "\"urn:uuid:1\"},\"subject\":{\"reference\":\"<3>\",\"display\":\"urn:uuid:1\"}}";
	struct splices splices;
	struct findings findings;
	const struct record *r;
	struct buf out, spliced;
	struct arena a;
	size_t from = 0;

	arena_init(&a, 1 << 20, 0);
	buf_init(&out, 1 << 20);
	buf_init(&spliced, 1 << 20);
	buf_puts(&out, "before");
	r = read_text(str_from(in), false, &a, &findings);
	ok(r && fhir_json_write_stored(r, pack, 0, STR(""), find_entry, NULL, &a, &out, &splices) ==
		    0,
	    "written for the store");
	buf_drop(&out, strlen("before"));
	for (uint32_t i = 0; i < splices.count; i++) {
		const struct splice *s = &splices.at[i];

		buf_put(&spliced, out.p + from, s->offset - from);
		buf_printf(&spliced, "<%u>", s->kind);
		ok(s->kind != SPLICE_REFERENCE || s->entry == 7, "splice %u's entry", i);
		from = s->offset;
	}
	buf_put(&spliced, out.p + from, out.len - from);
	is_str(buf_str(&spliced), str_from(want), "splices stand where texts were left out");
	buf_clear(&out);
	r = read_text(STR(PAT "}"), false, &a, &findings);
	fhir_json_write_stored(r, pack, 0, STR(""), NULL, NULL, &a, &out, &splices);
	is_str(buf_str(&out),
	    STR("{\"resourceType\":\"Patient\",\"id\":\"\",\"meta\":{\"versionId\":\"\","
		"\"lastUpdated\":\"\"}}"),
	    "id and meta are made where there are none");
	buf_release(&out);
	buf_init(&out, 50);
	ok(fhir_json_write_stored(r, pack, 0, STR(""), NULL, NULL, &a, &out, &splices) == -1 &&
		out.full,
	    "past the limit it is told");
	buf_release(&out);
	buf_release(&spliced);
	arena_release(&a);
}

static void
test_pretty(void)
{
	static const char want[] = "{\n"
				   "  \"resourceType\": \"Patient\",\n"
				   "  \"active\": true,\n"
				   "  \"name\": [\n"
				   "    {\n"
				   "      \"given\": [\n"
				   "        \"A\",\n"
				   "        \"B\"\n"
				   "      ]\n"
				   "    }\n"
				   "  ]\n"
				   "}\n";
	struct findings findings;
	const struct record *r;
	struct arena a;
	struct buf out;

	arena_init(&a, 1 << 20, 0);
	buf_init(&out, 1 << 20);
	r = read_text(STR(PAT ",\"active\":true,\"name\":[{\"given\":[\"A\",\"B\"]}]}"), false, &a,
	    &findings);
	fhir_json_write(r, pack, 0, FHIR_JSON_PRETTY, &out);
	is_str(buf_str(&out), str_from(want), "pretty");
	r = read_text(buf_str(&out), false, &a, &findings);
	ok(r && findings.count == 0, "and it is read again");
	buf_release(&out);
	arena_release(&a);
}

static int
gather(void *ctx, struct str piece)
{
	buf_put_str(ctx, piece);
	return ((struct buf *)ctx)->full ? -1 : 0;
}

/* What goes out in pieces is the same, however long they are, and stops where
 * it is told to. */
static void
test_stream(void)
{
	static const char text[] = PAT
	    ",\"active\":true,\"name\":[{\"family\":\"a quite \\\"long\\\" name, longer than "
	    "a piece\",\"given\":[\"A\",null],\"_given\":[null,{\"id\":\"b\"}]}]}";
	const struct record *r;
	struct findings findings;
	struct arena a;
	unsigned failures = 0;

	arena_init(&a, 1 << 20, 0);
	r = read_text(str_from(text), false, &a, &findings);
	for (size_t piece = 1; r && piece < sizeof(text) + 50; piece++) {
		struct buf out, all;

		buf_init(&all, 1 << 16);
		buf_init_stream(&out, piece, 1 << 16, gather, &all);
		fhir_json_write(r, pack, 0, 0, &out);
		failures += buf_flush(&out) != 0 || !str_is(buf_str(&all), text);
		buf_release(&out);
		buf_release(&all);
		/* A sink that takes no more. */
		buf_init(&all, piece < sizeof(text) - 1 ? piece : sizeof(text) - 2);
		buf_init_stream(&out, 16, 1 << 16, gather, &all);
		fhir_json_write(r, pack, 0, 0, &out);
		failures += buf_flush(&out) == 0 || (all.len && memcmp(all.p, text, all.len) != 0);
		buf_release(&out);
		buf_release(&all);
	}
	ok(r && failures == 0, "a stream is the same text, in pieces of any length");
	arena_release(&a);
}

int
main(void)
{
	const char *path = getenv("FIREDOOR_PACK");
	struct error err;

	if (!path) {
		tap_skip("FHIR JSON", "FIREDOOR_PACK is not set");
		return tap_done();
	}
	pack = pack_open(path, &err);
	if (!ok(pack != NULL, "the pack opens"))
		return tap_done();
	record_builder_init(&builder, pack, &record_default_limits);
	test_whole();
	test_wrong();
	test_fatal();
	test_many();
	test_uneven();
	test_spoiled();
	test_lenient();
	test_options();
	test_limits();
	test_cuts();
	test_starved();
	test_stored();
	test_pretty();
	test_stream();
	record_builder_release(&builder);
	pack_free(pack);
	return tap_done();
}
