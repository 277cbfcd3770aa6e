/*
 * mappers/fhir: JSON Patch (RFC 6902) and FHIRPath Patch (R4, 3.1.6) by the
 * suites of json-patch-tests and of HL7's fhir-test-cases, and by what the
 * RFCs say of numbers, pointers and what must be refused.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "mappers/fhir/fhir_format.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/fhir/fhirpath_patch.h"
#include "mappers/fhir/json_patch.h"
#include "tests/tap.h"

enum {
	MOST_FILE = 1 << 20,
};

static const struct pack *pack;
static struct record_builder builder;

static struct str
read_suite(const char *name, struct arena *a)
{
	const char *root = getenv("FIREDOOR_SUITES");
	struct str path = str_printf(a, "%s/%s", root ? root : "../shared/suites", name), text;
	struct error err;
	struct buf in;
	int result;

	buf_init(&in, MOST_FILE);
	result = file_read(path.p, &in, &err);
	text = str_dup(a, buf_str(&in));
	buf_release(&in);
	if (result == 0)
		return text;
	tap_skip(name, err.text);
	return (struct str){ NULL, 0 };
}

/* Two values are the same, as a "test" operation has it. */
static bool
is_same(struct json_value *doc, struct json_value *want, struct arena *a)
{
	struct json_value *patch;
	struct error err;

	patch = json_value_read(STR("[{\"op\":\"test\",\"path\":\"\"}]"), a, &err);
	json_value_insert(patch->at[0].value, 0, STR("value"), want, a);
	return json_patch_apply(patch, &doc, a, &err) == 0;
}

static void
suite_case(const char *name, size_t number, const struct json_value *t, struct arena *a)
{
	struct json_value *doc = json_value_get(t, STR("doc"));
	struct json_value *patch = json_value_get(t, STR("patch"));
	struct json_value *want = json_value_get(t, STR("expected"));
	struct json_value *comment = json_value_get(t, STR("comment"));
	struct str text = comment ? comment->text : STR("");
	struct error err = { .text = "" };
	int result;

	if (!doc || !patch)
		return;
	result = json_patch_apply(patch, &doc, a, &err);
	if (json_value_get(t, STR("error")))
		ok(result != 0, "%s %zu is refused: %.*s", name, number, STR_ARG(text));
	else
		ok(result == 0 && (!want || is_same(doc, want, a)), "%s %zu: %.*s %s", name, number,
		    STR_ARG(text), err.text);
}

static void
json_suite(const char *name)
{
	struct json_value *all;
	struct error err;
	struct arena a;
	struct str text;

	arena_init(&a, 64 << 20, 0);
	text = read_suite(name, &a);
	if (text.p) {
		all = json_value_read(text, &a, &err);
		ok(all && all->kind == VALUE_ARRAY && all->count > 10, "%s is read", name);
		for (uint32_t i = 0; all && i < all->count; i++)
			suite_case(name, i + 1, all->at[i].value, &a);
	}
	arena_release(&a);
}

static const struct {
	const char *name, *doc, *patch, *want; /* NULL: refused */
	enum error_kind kind;
} json_cases[] = {
	{ "a decimal keeps its digits", "{\"a\":0.010,\"b\":1}",
	    "[{\"op\":\"replace\",\"path\":\"/b\",\"value\":2.50}]", "{\"a\":0.010,\"b\":2.50}",
	    0 },
	{ "numbers are compared by what they mean", "{\"a\":1.0}",
	    "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1},"
	    "{\"op\":\"test\",\"path\":\"/a\",\"value\":10e-1}]",
	    "{\"a\":1.0}", 0 },
	{ "a number is not what it is not", "{\"a\":1.0}",
	    "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1.01}]", NULL, ERROR_CONFLICT },
	{ "a copy is a copy", "{\"a\":{\"x\":1}}",
	    "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"},"
	    "{\"op\":\"replace\",\"path\":\"/b/x\",\"value\":2}]",
	    "{\"a\":{\"x\":1},\"b\":{\"x\":2}}", 0 },
	{ "not into itself", "{\"a\":{\"x\":1}}",
	    "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/x\"}]", NULL, ERROR_CONFLICT },
	{ "a name that only starts the same", "{\"a\":1}",
	    "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/ab\"}]", "{\"ab\":1}", 0 },
	{ "a bad escape", "{\"~2\":1}", "[{\"op\":\"remove\",\"path\":\"/~2\"}]", NULL,
	    ERROR_INVALID },
	{ "no array", "{}", "{\"op\":\"remove\",\"path\":\"/a\"}", NULL, ERROR_INVALID },
	{ "no JSON", "{}", "[", NULL, ERROR_INVALID },
	{ "two op members (RFC 6902, A.13)", "{\"baz\":1}",
	    "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\",\"op\":\"remove\"}]", NULL,
	    ERROR_INVALID },
	{ "the whole document stays", "{}", "[{\"op\":\"remove\",\"path\":\"\"}]", NULL,
	    ERROR_CONFLICT },
	{ "a failed one after good ones", "{\"a\":1}",
	    "[{\"op\":\"remove\",\"path\":\"/a\"},{\"op\":\"remove\",\"path\":\"/a\"}]", NULL,
	    ERROR_CONFLICT },
};

static void
test_json_cases(void)
{
	for (size_t i = 0; i < sizeof(json_cases) / sizeof(*json_cases); i++) {
		struct arena a;
		struct error err = { .text = "" };
		struct str got;

		arena_init(&a, 1 << 20, 0);
		got = json_patch_text(
		    str_from(json_cases[i].patch), str_from(json_cases[i].doc), 1 << 16, &a, &err);
		if (json_cases[i].want)
			is_str(got, str_from(json_cases[i].want), "%s", json_cases[i].name);
		else
			ok(!got.p && err.kind == json_cases[i].kind, "%s: %s", json_cases[i].name,
			    err.text);
		arena_release(&a);
	}
}

/* Each copy doubles the document: what is asked for is past any memory. */
static void
test_json_bounds(void)
{
	struct error err = { .text = "" };
	struct arena a;
	struct buf patch;
	struct str got;

	arena_init(&a, 32 << 20, 0);
	buf_init(&patch, 1 << 20);
	buf_puts(&patch, "[{\"op\":\"copy\",\"from\":\"\",\"path\":\"/a\"}");
	for (int i = 0; i < 60; i++)
		buf_puts(&patch, ",{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/b\"},"
				 "{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/c\"}");
	buf_puts(&patch, "]");
	got = json_patch_text(buf_str(&patch), STR("{\"x\":1}"), 1 << 20, &a, &err);
	ok(!got.p && err.kind == ERROR_LIMIT, "doubling ends at a limit: %s", err.text);
	buf_clear(&patch);
	for (int i = 0; i < VALUE_DEPTH + 1; i++)
		buf_puts(&patch, "[");
	ok(!json_value_read(buf_str(&patch), &a, &err) && err.kind == ERROR_LIMIT,
	    "nesting ends at a limit: %s", err.text);
	buf_release(&patch);
	arena_release(&a);
}

/* What stands between <tag> and </tag>; absent when there is none. */
static struct str
inside(struct str text, const char *open, const char *close)
{
	struct str none = { NULL, 0 };
	ptrdiff_t from = str_find_str(text, str_from(open)), end;

	if (from < 0)
		return none;
	text = str_from_index(text, (size_t)from + strlen(open));
	end = str_find_str(text, str_from(close));
	return end < 0 ? none : str_trim(str_of(text.p, (size_t)end));
}

static const struct record *
read_format(enum fhir_format format, struct str text, struct arena *a)
{
	struct fhir_read_options options = { .lenient = true, .type = PACK_NONE };
	struct findings findings;

	findings_init(&findings, a, 10);
	return fhir_read(format, text, &options, &builder, a, &findings);
}

/*
 * As JSON without white space, and with quotes as they are: the suite's
 * narrative is indented in one place and in the other not, and says &quot; here
 * and '"' there, which is the same in XHTML.
 */
static struct str
loosely(const struct record *r, struct arena *a)
{
	struct buf out;
	char *to;
	size_t len = 0;

	buf_init(&out, MOST_FILE);
	fhir_json_write(r, pack, 0, 0, &out);
	to = arena_alloc_bytes(a, out.len);
	for (size_t i = 0; i < out.len; i++) {
		struct str rest = str_from_index(buf_str(&out), i);

		if (str_starts(rest, STR("&quot;"))) {
			i += 5;
		} else if (str_starts(rest, STR("\\n")) || str_starts(rest, STR("\\r")) ||
			   str_starts(rest, STR("\\\""))) {
			i++;
		} else if (out.p[i] != ' ') {
			to[len++] = out.p[i];
		}
	}
	buf_release(&out);
	return str_of(to, len);
}

static void
fhirpath_case(struct str text, struct arena *a)
{
	struct str name = inside(text, "name=\"", "\"");
	struct str output = inside(text, "<output>", "</output>");
	const struct record *input, *diff, *want, *got;
	struct error err = { .text = "" };

	input = read_format(FHIR_FORMAT_XML, inside(text, "<input>", "</input>"), a);
	diff = read_format(FHIR_FORMAT_XML, inside(text, "<diff>", "</diff>"), a);
	if (!ok(input && diff, "%.*s is read", STR_ARG(name)))
		return;
	got = fhirpath_patch_apply(diff, 0, input, &builder, a, &err);
	if (!output.p) {
		ok(str_find_str(text, STR("<error")) > 0 && !got, "%.*s is refused: %s",
		    STR_ARG(name), err.text);
		return;
	}
	want = read_format(FHIR_FORMAT_XML, output, a);
	ok(got && want &&
		(record_equal(got, 0, want, 0) || str_eq(loosely(got, a), loosely(want, a))) &&
		record_check(got, record_size(got), pack),
	    "%.*s %s", STR_ARG(name), err.text);
}

static void
fhirpath_suite(void)
{
	struct arena a;
	struct str text;
	ptrdiff_t at;
	int count = 0;

	arena_init(&a, 64 << 20, 0);
	text = read_suite("fhirpath-patch/fhir-patch-tests.xml", &a);
	while (text.p && (at = str_find_str(text, STR("<case"))) >= 0) {
		ptrdiff_t end = str_find_str(text, STR("</case>"));

		if (end < at)
			break;
		fhirpath_case(str_of(text.p + at, (size_t)(end - at)), &a);
		text = str_from_index(text, (size_t)end + 7);
		count++;
	}
	if (text.p)
		is_int(count, 33, "cases of the FHIRPath Patch suite");
	arena_release(&a);
}

#define OP(type, path, more)                                                                       \
	"{\"name\":\"operation\",\"part\":[{\"name\":\"type\",\"valueCode\":\"" type               \
	"\"},{\"name\":\"path\",\"valueString\":\"" path "\"}" more "]}"
#define NAME(x) ",{\"name\":\"name\",\"valueString\":\"" x "\"}"
#define VALUE(x, v) ",{\"name\":\"value\",\"value" x "\":" v "}"
#define INDEX(x, n) ",{\"name\":\"" x "\",\"valueInteger\":" n "}"

static const struct {
	const char *name, *in, *operations, *want; /* NULL: refused */
	enum error_kind kind;
} fhirpath_cases[] = {
	{ "a choice changes its type", "{\"resourceType\":\"Patient\",\"deceasedBoolean\":false}",
	    OP("replace", "Patient.deceased", VALUE("DateTime", "\"2020\"")),
	    "{\"resourceType\":\"Patient\",\"deceasedDateTime\":\"2020\"}", 0 },
	{ "a choice is added by its stem", "{\"resourceType\":\"Patient\"}",
	    OP("add", "Patient", NAME("deceased") VALUE("Boolean", "true")),
	    "{\"resourceType\":\"Patient\",\"deceasedBoolean\":true}", 0 },
	{ "a choice is there once", "{\"resourceType\":\"Patient\",\"deceasedBoolean\":false}",
	    OP("add", "Patient", NAME("deceased") VALUE("DateTime", "\"2020\"")), NULL,
	    ERROR_CONFLICT },
	{ "what does not repeat is added once",
	    "{\"resourceType\":\"Patient\",\"gender\":\"male\"}",
	    OP("add", "Patient", NAME("gender") VALUE("Code", "\"female\"")), NULL,
	    ERROR_CONFLICT },
	{ "a parent that becomes empty goes",
	    "{\"resourceType\":\"Patient\",\"active\":true,\"maritalStatus\":{\"text\":\"x\"}}",
	    OP("delete", "Patient.maritalStatus.text", ""),
	    "{\"resourceType\":\"Patient\",\"active\":true}", 0 },
	{ "to delete nothing changes nothing", "{\"resourceType\":\"Patient\",\"active\":true}",
	    OP("delete", "Patient.name", ""), "{\"resourceType\":\"Patient\",\"active\":true}", 0 },
	{ "one element is deleted, not two",
	    "{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"a\"},{\"text\":\"b\"}]}",
	    OP("delete", "Patient.name", ""), NULL, ERROR_CONFLICT },
	{ "an extension of a primitive, told by parts",
	    "{\"resourceType\":\"Patient\",\"birthDate\":\"1970-01-01\"}",
	    OP("add", "Patient.birthDate",
		NAME("extension") ",{\"name\":\"value\",\"part\":[{\"name\":\"url\",\"valueUri\":"
				  "\"http://x\"},{\"name\":\"value\",\"valueCode\":\"y\"}]}"),
	    "{\"resourceType\":\"Patient\",\"birthDate\":\"1970-01-01\",\"_birthDate\":{"
	    "\"extension\":[{\"url\":\"http://x\",\"valueCode\":\"y\"}]}}",
	    0 },
	{ "a primitive is no nest", "{\"resourceType\":\"Patient\"}",
	    OP("add", "Patient",
		NAME("birthDate") ",{\"name\":\"value\",\"part\":[{\"name\":\"id\","
				  "\"valueString\":\"x\"}]}"),
	    NULL, ERROR_CONFLICT },
	{ "another data type is refused",
	    "{\"resourceType\":\"Patient\",\"maritalStatus\":{\"text\":\"x\"}}",
	    OP("replace", "Patient.maritalStatus", VALUE("HumanName", "{\"text\":\"x\"}")), NULL,
	    ERROR_CONFLICT },
	{ "a value in another form is refused",
	    "{\"resourceType\":\"Patient\",\"birthDate\":\"1970-01-01\"}",
	    OP("replace", "Patient.birthDate", VALUE("String", "\"yesterday\"")), NULL,
	    ERROR_CONFLICT },
	{ "a number is no place for JSON",
	    "{\"resourceType\":\"Patient\",\"multipleBirthInteger\":1}",
	    OP("replace", "Patient.multipleBirth",
		VALUE("String", "\"2,\\\"gender\\\":\\\"male\\\"\"")),
	    NULL, ERROR_CONFLICT },
	{ "an unknown name", "{\"resourceType\":\"Patient\"}",
	    OP("add", "Patient", NAME("surname") VALUE("String", "\"x\"")), NULL, ERROR_CONFLICT },
	{ "an unknown element in the path", "{\"resourceType\":\"Patient\"}",
	    OP("delete", "Patient.surname", ""), NULL, ERROR_INVALID },
	{ "no path at all", "{\"resourceType\":\"Patient\"}", OP("delete", "Patient.name[", ""),
	    NULL, ERROR_INVALID },
	{ "an unknown type", "{\"resourceType\":\"Patient\"}", OP("merge", "Patient", ""), NULL,
	    ERROR_INVALID },
	{ "past the end",
	    "{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"a\"},{\"text\":\"b\"}]}",
	    OP("insert", "Patient.name",
		INDEX("index", "3") VALUE("HumanName", "{\"text\":\"x\"}")),
	    NULL, ERROR_CONFLICT },
	{ "at the end",
	    "{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"a\"},{\"text\":\"b\"}]}",
	    OP("insert", "Patient.name",
		INDEX("index", "2") VALUE("HumanName", "{\"text\":\"x\"}")),
	    "{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"a\"},{\"text\":\"b\"},"
	    "{\"text\":\"x\"}]}",
	    0 },
	{ "two lists are no list",
	    "{\"resourceType\":\"Patient\",\"name\":[{\"given\":[\"a\"]},{\"given\":[\"b\"]}]}",
	    OP("move", "Patient.name.given", INDEX("source", "0") INDEX("destination", "1")), NULL,
	    ERROR_CONFLICT },
	{ "a contained resource is deleted",
	    "{\"resourceType\":\"Patient\",\"contained\":[{\"resourceType\":\"Basic\",\"id\":\"a\"}"
	    ","
	    "{\"resourceType\":\"Basic\",\"id\":\"b\"}]}",
	    OP("delete", "Patient.contained[0]", ""),
	    "{\"resourceType\":\"Patient\",\"contained\":[{\"resourceType\":\"Basic\",\"id\":\"b\"}"
	    "]}",
	    0 },
	{ "a contained resource is moved",
	    "{\"resourceType\":\"Patient\",\"contained\":[{\"resourceType\":\"Basic\",\"id\":\"a\"}"
	    ","
	    "{\"resourceType\":\"Basic\",\"id\":\"b\"}]}",
	    OP("move", "Patient.contained", INDEX("source", "0") INDEX("destination", "1")),
	    "{\"resourceType\":\"Patient\",\"contained\":[{\"resourceType\":\"Basic\",\"id\":\"b\"}"
	    ","
	    "{\"resourceType\":\"Basic\",\"id\":\"a\"}]}",
	    0 },
	{ "a contained resource is added", "{\"resourceType\":\"Patient\"}",
	    OP("add", "Patient",
		NAME("contained") ",{\"name\":\"value\",\"resource\":{\"resourceType\":\"Basic\","
				  "\"id\":\"a\"}}"),
	    "{\"resourceType\":\"Patient\",\"contained\":[{\"resourceType\":\"Basic\",\"id\":\"a\"}"
	    "]}",
	    0 },
	{ "the resource itself is not deleted", "{\"resourceType\":\"Patient\",\"active\":true}",
	    OP("delete", "Patient", ""), NULL, ERROR_CONFLICT },
	{ "a later operation sees the earlier",
	    "{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"a\"}]}",
	    OP("delete", "Patient.name[0]", "") "," OP("add", "Patient",
		NAME("name") VALUE("HumanName", "{\"text\":\"x\"}")) "," OP("replace",
		"Patient.name[0].text", VALUE("String", "\"y\"")),
	    "{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"y\"}]}", 0 },
	{ "a decimal keeps its digits",
	    "{\"resourceType\":\"Observation\",\"valueQuantity\":{\"value\":0.010,\"unit\":\"x\"}}",
	    OP("replace", "Observation.value.unit", VALUE("String", "\"y\"")),
	    "{\"resourceType\":\"Observation\",\"valueQuantity\":{\"value\":0.010,\"unit\":\"y\"}}",
	    0 },
};

static void
test_fhirpath_cases(void)
{
	for (size_t i = 0; i < sizeof(fhirpath_cases) / sizeof(*fhirpath_cases); i++) {
		const char *name = fhirpath_cases[i].name, *want = fhirpath_cases[i].want;
		const struct record *in, *diff, *got;
		struct error err = { .text = "" };
		struct buf out;
		struct arena a;

		arena_init(&a, 16 << 20, 0);
		buf_init(&out, 1 << 16);
		in = read_format(FHIR_FORMAT_JSON, str_from(fhirpath_cases[i].in), &a);
		diff = read_format(FHIR_FORMAT_JSON,
		    str_printf(&a, "{\"resourceType\":\"Parameters\",\"parameter\":[%s]}",
			fhirpath_cases[i].operations),
		    &a);
		got = in && diff ? fhirpath_patch_apply(diff, 0, in, &builder, &a, &err) : NULL;
		if (got)
			fhir_json_write(got, pack, 0, 0, &out);
		if (want)
			is_str(buf_str(&out), str_from(want), "%s %s", name, err.text);
		else
			ok(in && diff && !got && err.kind == fhirpath_cases[i].kind, "%s: %s", name,
			    err.text);
		buf_release(&out);
		arena_release(&a);
	}
}

int
main(void)
{
	const char *path = getenv("FIREDOOR_PACK");
	struct error err;

	json_suite("json-patch/tests.json");
	json_suite("json-patch/spec_tests.json");
	json_suite("fhirpath-patch/json-patch-tests.json");
	test_json_cases();
	test_json_bounds();
	pack = path ? pack_open(path, &err) : NULL;
	if (!pack) {
		tap_skip("FHIRPath Patch", path ? err.text : "FIREDOOR_PACK is not set");
		return tap_done();
	}
	record_builder_init(&builder, pack, &record_default_limits);
	fhirpath_suite();
	test_fhirpath_cases();
	record_builder_release(&builder);
	pack_free(pack);
	return tap_done();
}
