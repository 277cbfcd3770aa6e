/* The pack of a FHIR release: facts of the R4 specification, looked up. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "profiles/pack.h"
#include "profiles/pack_build.h"
#include "tests/tap.h"

/* --- a small release of our own ------------------------------------------ */

#define SD(name, kind, abstract, base)                                                             \
	"{\"resourceType\":\"StructureDefinition\",\"url\":\"http://t/" name "\",\"type\":\"" name \
	"\",\"kind\":\"" kind "\",\"abstract\":" abstract                                          \
	",\"derivation\":\"specialization\",\"baseDefinition\":\"http://t/" base                   \
	"\",\"snapshot\":{\"element\":["
#define END "]}}"
#define EL(path, max, types)                                                                       \
	"{\"path\":\"" path "\",\"min\":0,\"max\":\"" max "\",\"type\":[" types "]}"
#define TYPE(code) "{\"code\":\"" code "\"}"
#define ID(path) EL(path, "1", "{\"code\":\"http://hl7.org/fhirpath/System.String\"}")
#define OWN(path) EL(path, "*", "")

static const char *const release[][2] = {
	{ "package.json", "{\"name\":\"t\",\"version\":\"1.0.0\",\"fhirVersions\":[\"4.0.1\"]}" },
	{ "Element.json",
	    "{\"resourceType\":\"StructureDefinition\",\"url\":\"http://t/Element\",\"type\":"
	    "\"Element\",\"kind\":\"complex-type\",\"abstract\":true,\"snapshot\":{\"element\":"
	    "[" OWN("Element") "," ID("Element.id") END },
	{ "string.json", SD("string", "primitive-type", "false", "Element")
			     OWN("string") "," ID("string.id") "," EL("string.value", "1",
				 TYPE("http://hl7.org/fhirpath/System.String")) END },
	{ "integer.json", SD("integer", "primitive-type", "false", "Element") OWN("integer") END },
	{ "Thing.json",
	    SD("Thing", "resource", "false", "Element") OWN("Thing") "," ID("Thing.id") "," EL(
		"Thing.part", "*", TYPE("Element")) "," EL("Thing.part.size[x]", "1",
		TYPE("string") "," TYPE(
		    "integer")) ","
				"{\"path\":\"Thing.part.part\",\"max\":\"*\",\"contentReference\":"
				"\"#Thing.part\"}," EL("Thing.gone", "0",
				    TYPE("string")) ","
						    "{\"path\":\"Thing.one\",\"min\":1,\"max\":"
						    "\"1\",\"base\":{\"max\":\"*\"},"
						    "\"type\":[" TYPE("string") "]}" END },
	{ "Profile.json",
	    "{\"resourceType\":\"StructureDefinition\",\"url\":\"http://t/P\",\"type\":\"Thing\","
	    "\"derivation\":\"constraint\"}" },
	{ "SearchParameter-b.json",
	    "{\"resourceType\":\"SearchParameter\",\"url\":\"http://t/"
	    "b\",\"code\":\"size\",\"type\":"
	    "\"string\",\"base\":[\"Thing\"],\"expression\":\"Thing.part.size\"}" },
	{ "SearchParameter-a.json",
	    "{\"resourceType\":\"SearchParameter\",\"url\":\"http://t/"
	    "a\",\"code\":\"size\",\"type\":"
	    "\"string\",\"base\":[\"Thing\"],\"expression\":\"Thing.part.part.size\"}" },
	{ "CodeSystem-c.json",
	    "{\"resourceType\":\"CodeSystem\",\"url\":\"http://t/cs\",\"version\":\"4.0.9\","
	    "\"caseSensitive\":false,\"content\":\"complete\",\"concept\":[{\"code\":\"A\","
	    "\"concept\":[{\"code\":\"B\",\"display\":\"be\"}]},{\"code\":\"C\"}]}" },
	{ "Example.json", "{\"resourceType\":\"Thing\",\"id\":\"x\"}" },
	{ ".index.json", "this is not read" },
	{ NULL, NULL },
};

static char work[] = "/tmp/test_pack.XXXXXX";

static const char *
in_work(const char *name)
{
	static char path[64][256];
	static int turn;

	turn = (turn + 1) % 64;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", work, name);
	return path[turn];
}

static void
put_file(const char *path, struct str data)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write_all(fd, data, NULL))
		perror(path);
	close(fd);
}

/* A folder with the release, one file of it replaced (or added). */
static const char *
make_package(const char *name, const char *file, const char *text)
{
	const char *folder = in_work(name);
	char path[512];

	mkdir(folder, 0700);
	for (int i = 0; release[i][0]; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, release[i][0]);
		put_file(path, str_from(release[i][1]));
	}
	if (file) {
		snprintf(path, sizeof(path), "%s/%s", folder, file);
		put_file(path, str_from(text));
	}
	return folder;
}

static int
build(const char *const *packages, const char *out, struct error *err)
{
	struct pack_builder *b = pack_builder_new();
	struct pack_counts counts;
	int rc = 0;

	for (; *packages && rc == 0; packages++)
		rc = pack_builder_add(b, *packages, NULL, NULL, err);
	if (rc == 0)
		rc = pack_builder_write(b, out, &counts, err);
	pack_builder_free(b);
	return rc;
}

static void
test_small(void)
{
	const char *path = in_work("small.pack");
	const char *packages[] = { make_package("small", NULL, NULL), NULL };
	struct error err = { 0 };
	const struct pack *p;
	uint32_t thing, part, e, n;

	ok(build(packages, path, &err) == 0, "the small release is packed %s", err.text);
	p = pack_open(path, &err);
	if (!ok(p != NULL, "it opens %s", err.text))
		return;
	is_str(pack_fhir_version(p), STR("4.0.1"), "FHIR version");
	is_int(pack_type_count(p), 5, "types, nested ones too, profiles not");
	thing = pack_find_resource(p, STR("Thing"));
	part = pack_find_type(p, STR("Thing.part"));
	ok(thing != PACK_NONE && part != PACK_NONE, "types are found");
	ok(pack_find_resource(p, STR("string")) == PACK_NONE, "a primitive is no resource");
	ok(pack_element_at(p, thing)->type == thing &&
		pack_element_at(p, thing)->owner == PACK_NONE,
	    "the first rows are the roots");
	is_int(
	    pack_type_at(p, thing)->elements.count, 3, "id, part, one; what is ruled out is not");
	ok(pack_find_element(p, thing, STR("gone")) == PACK_NONE, "max 0 makes no element");
	e = pack_find_element(p, thing, STR("one"));
	ok(e != PACK_NONE && pack_element_at(p, e)->flags & ELEMENT_REPEATS &&
		pack_element_at(p, e)->max == 1 && pack_element_at(p, e)->min == 1,
	    "an array, as its base says, of one");
	is_int(pack_type_at(p, part)->elements.count, 3, "sizeString, sizeInteger, part");
	e = pack_find_element(p, part, STR("sizeInteger"));
	ok(e != PACK_NONE && pack_element_at(p, e)->choice == 1 &&
		pack_element_at(p, e)->type == pack_find_type(p, STR("integer")) &&
		pack_element_at(p, e - 1)->detail == pack_element_at(p, e)->detail,
	    "a choice is spread");
	is_int(pack_find_stem(p, part, STR("size")), e - 1, "and found by its stem");
	ok(pack_find_element(p, part, STR("size")) == PACK_NONE, "which is no name in JSON");
	is_str(pack_text(p, pack_detail_at(p, e)->path), STR("Thing.part.size[x]"), "its path");
	e = pack_find_element(p, part, STR("part"));
	ok(e != PACK_NONE && pack_element_at(p, e)->type == part, "content reference");
	is_str(pack_suggest_element(p, part, STR("sizeStrin")), STR("sizeString"), "suggestion");
	is_int(pack_type_at(p, pack_find_type(p, STR("string")))->elements.count, 1,
	    "the value of a primitive is no element");
	is_int(pack_param_count(p), 2, "both search parameters are rows");
	is_str(pack_text(p, pack_find_param(p, thing, STR("size"))->url), STR("http://t/a"),
	    "of two with one base and code the first by canonical counts");
	pack_type_params(p, thing, &n);
	is_int(n, 1, "and only that one applies");
	pack_free(p);
}

static void
test_terms(void)
{
	const char *path = in_work("terms.pack");
	const char *packages[] = { make_package("terms", NULL, NULL), NULL };
	const struct pack_code_system *cs;
	const struct pack_concept *b, *all;
	const struct pack *p;
	struct error err;

	if (build(packages, path, &err) || !(p = pack_open(path, &err))) {
		ok(false, "%s", err.text);
		return;
	}
	cs = pack_find_code_system(p, STR("http://t/cs"));
	ok(cs && cs->complete && !cs->case_sensitive, "a code system is found");
	ok(pack_find_code_system(p, STR("http://t/cs|4.0.9")) == cs, "by its version too");
	ok(!pack_find_code_system(p, STR("http://t/cs|4.0.1")), "not by another");
	b = pack_find_concept(p, cs, STR("b"));
	all = pack_concepts(p, cs->concepts);
	ok(b && str_is(pack_text(p, b->display), "be"), "a concept, case folded");
	ok(b && &all[b->parent - cs->concepts.first] == pack_find_concept(p, cs, STR("A")),
	    "its parent");
	ok(!pack_find_concept(p, cs, STR("D")), "no such concept");
	pack_free(p);
}

/* Which of two code systems with one canonical wins. */
static void
test_precedence(void)
{
	static const struct {
		const char *first, *second, *winner;
	} cases[] = {
		{ "4.0.9", "4.0.10", "4.0.10" },
		{ "4.0.10", "4.0.9", "4.0.10" },
		{ "5.0.0-ballot", "5.0.0", "5.0.0" },
		{ "5.0.0", "5.0.0-ballot", "5.0.0" },
		{ "1.0", "1.0", "second" },
	};
	char text[400];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *packages[3] = { NULL };
		const char *path = in_work("winner.pack");
		const struct pack_code_system *cs;
		const struct pack *p;
		struct error err = { 0 };

		for (int n = 0; n < 2; n++) {
			snprintf(text, sizeof(text),
			    "{\"resourceType\":\"CodeSystem\",\"url\":\"http://t/cs\",\"version\":"
			    "\"%s\",\"concept\":[{\"code\":\"%s\"}]}",
			    n ? cases[i].second : cases[i].first, n ? "second" : "first");
			packages[n] = make_package(n ? "b" : "a", "CodeSystem-c.json", text);
		}
		if (build(packages, path, &err) || !(p = pack_open(path, &err))) {
			ok(false, "%s", err.text);
			continue;
		}
		cs = pack_find_code_system(p, STR("http://t/cs"));
		if (strcmp(cases[i].winner, "second") == 0)
			ok(pack_find_concept(p, cs, STR("second")) != NULL,
			    "of equal versions the later package wins");
		else
			is_str(pack_text(p, cs->version), str_from(cases[i].winner),
			    "%s against %s", cases[i].first, cases[i].second);
		pack_free(p);
	}
}

/* Each breaks one file of the release; the message must name it and say why. */
static const struct {
	const char *file, *text, *why;
} broken[] = {
	{ "Thing.json", "{\"resourceType\":\"StructureDefinition\",", "line 1" },
	{ "Thing.json", "", "line 1" },
	{ "Example.json", "{\"resourceType\":", "line 1" },
	{ "Thing.json",
	    "{\"resourceType\":\"StructureDefinition\",\"url\":\"http://t/Thing\",\"type\":"
	    "\"Thing\",\"kind\":\"resource\",\"derivation\":\"specialization\"}",
	    "no snapshot" },
	{ "Thing.json",
	    SD("Thing", "resource", "false", "Element")
		OWN("Thing") "," EL("Thing.a", "1", TYPE("nonsense")) END,
	    "'nonsense' of the element Thing.a" },
	{ "Thing.json",
	    SD("Thing", "resource", "false", "Element")
		OWN("Thing") ",{\"path\":\"Thing.a\",\"contentReference\":\"#Thing.b\"}" END,
	    "'#Thing.b', which is nowhere" },
	{ "Thing.json", SD("Thing", "resource", "false", "Nothing") OWN("Thing") END,
	    "http://t/Nothing, is not known" },
	{ "Thing.json", SD("Thing", "resource", "false", "Thing") OWN("Thing") END, "circle" },
	{ "Thing.json", SD("Thing", "mystery", "false", "Element") OWN("Thing") END, "mystery" },
	{ "Thing.json",
	    SD("Thing", "resource", "false", "Element") OWN("Thing") "," EL("Thing.a", "1", "") END,
	    "has no type" },
	{ "Thing.json",
	    SD("Thing", "resource", "false", "Element") OWN("Thing") "," EL(
		"Thing.a", "1", TYPE("string")) "," EL("Thing.a", "1", TYPE("string")) END,
	    "two elements named 'a'" },
	{ "Thing2.json",
	    "{\"resourceType\":\"StructureDefinition\",\"url\":\"http://t/T2\",\"type\":\"Thing\","
	    "\"kind\":\"resource\",\"derivation\":\"specialization\",\"baseDefinition\":"
	    "\"http://t/Element\",\"snapshot\":{\"element\":[" OWN("Thing") END,
	    "already defined" },
	{ "SearchParameter-a.json",
	    "{\"resourceType\":\"SearchParameter\",\"url\":\"http://t/a\",\"code\":\"a\",\"type\":"
	    "\"string\",\"base\":[\"Nobody\"]}",
	    "'Nobody'" },
	{ "SearchParameter-a.json",
	    "{\"resourceType\":\"SearchParameter\",\"url\":\"http://t/a\",\"code\":\"a\",\"type\":"
	    "\"strong\",\"base\":[\"Thing\"]}",
	    "'strong'" },
	{ "SearchParameter-a.json", "{\"resourceType\":\"SearchParameter\"}",
	    "SearchParameter has no url" },
	{ "package.json", "{\"name\":\"t\"}", "which FHIR version" },
};

static void
test_broken_packages(void)
{
	char name[32];
	struct error err;
	const char *packages[3] = { NULL };
	const char *out = in_work("broken.pack");

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct stat st;

		snprintf(name, sizeof(name), "broken%zu", i);
		packages[0] = make_package(name, broken[i].file, broken[i].text);
		err.text[0] = 0;
		ok(build(packages, out, &err) != 0 && strstr(err.text, broken[i].why) &&
			(strstr(err.text, broken[i].file) || strstr(err.text, "package.json")),
		    "refused: %s", err.text);
		ok(stat(out, &st) != 0, "and nothing is written");
	}
	packages[0] = make_package("nopackage", NULL, NULL);
	snprintf(name, sizeof(name), "nopackage/package.json");
	unlink(in_work(name));
	ok(build(packages, out, &err) != 0 && strstr(err.text, "no package.json"), "%s", err.text);
	packages[0] = in_work("absent");
	ok(build(packages, out, &err) != 0 && err.kind == ERROR_MISSING, "%s", err.text);
	packages[0] = make_package("r4", NULL, NULL);
	packages[1] = make_package("r5", "package.json", "{\"fhirVersions\":[\"5.0.0\"]}");
	ok(build(packages, out, &err) != 0 && strstr(err.text, "FHIR 5.0.0"), "%s", err.text);
}

/* A .tgz gives what its folder gives, and is refused when cut. */
static void
test_archive(void)
{
	const char *tgz = in_work("t.tgz"), *cut = in_work("cut.tgz");
	const char *from_folder = in_work("folder.pack"), *from_tgz = in_work("tgz.pack");
	const char *folder[] = { NULL, NULL }, *archive[] = { tgz, NULL }, *part[] = { cut, NULL };
	struct error err = { 0 };
	struct buf a, b;
	char command[600];
	bool refused = true;

	mkdir(in_work("tar"), 0700);
	folder[0] = make_package("tar/package", NULL, NULL);
	snprintf(command, sizeof(command), "tar -C %s/tar -czf %s package", work, tgz);
	if (system(command)) {
		tap_skip("a package in a .tgz", "there is no tar");
		return;
	}
	buf_init(&a, 1 << 24);
	buf_init(&b, 1 << 24);
	ok(build(folder, from_folder, &err) == 0 && build(archive, from_tgz, &err) == 0 &&
		file_read(from_folder, &a, &err) == 0 && file_read(from_tgz, &b, &err) == 0 &&
		str_eq(buf_str(&a), buf_str(&b)),
	    "a .tgz gives the same pack as its folder %s", err.text);
	buf_clear(&a);
	file_read(tgz, &a, &err);
	for (size_t n = 0; n < a.len; n += a.len - n < 40 ? 1 : 13) {
		put_file(cut, str_of(a.p, n));
		err.text[0] = 0;
		if (build(part, from_tgz, &err) == 0 || !strstr(err.text, "cut.tgz")) {
			printf("# cut to %zu of %zu: %s\n", n, a.len, err.text);
			refused = false;
		}
	}
	ok(refused, "a .tgz that is cut is refused");
	part[0] = folder[0] = from_folder;
	ok(build(part, from_tgz, &err) != 0, "what is no archive is refused: %s", err.text);
	buf_release(&a);
	buf_release(&b);
}

static bool
is_refused(const char *path, struct str bytes, const char *why)
{
	struct error err = { 0 };
	const struct pack *p;

	put_file(path, bytes);
	p = pack_open(path, &err);
	if (p) {
		pack_free(p);
		return false;
	}
	return strstr(err.text, why) && strstr(err.text, bytes.len ? "firedoor pack" : "empty");
}

static void
test_wrong_files(void)
{
	const char *packages[] = { make_package("good", NULL, NULL), NULL };
	const char *good = in_work("good.pack"), *bad = in_work("bad.pack");
	struct error err;
	struct buf b;
	bool cut = true, flipped = true;

	buf_init(&b, 1 << 24);
	if (build(packages, good, &err) || file_read(good, &b, &err)) {
		ok(false, "%s", err.text);
		return;
	}
	for (size_t n = 1; n < b.len; n += n < 700 ? 7 : b.len / 50)
		cut = is_refused(bad, str_of(b.p, n), "cannot use") && cut;
	ok(cut, "a pack cut anywhere is refused");
	ok(is_refused(bad, str_of(b.p, 0), ""), "and an empty one");
	for (size_t i = 0; i < 440; i++) {
		b.p[i] ^= 0x40;
		flipped = is_refused(bad, buf_str(&b), "cannot use") && flipped;
		b.p[i] ^= 0x40;
	}
	ok(flipped, "a header with any byte changed is refused");
	ok(is_refused(bad, STR("SQLite format 3"), "no pack"), "another file is refused");
	b.p[16]++;
	ok(is_refused(bad, buf_str(&b), "format"), "a pack of another version is refused");
	b.p[16]--;
	buf_put_byte(&b, 0);
	ok(is_refused(bad, buf_str(&b), "behind its end"), "something put behind is refused");
	ok(!pack_open(in_work("absent.pack"), &err) && err.kind == ERROR_MISSING, "%s", err.text);
	buf_release(&b);
}

static void
test_same_bytes(void)
{
	const char *packages[] = { make_package("again", NULL, NULL), NULL };
	const char *one = in_work("one.pack"), *two = in_work("two.pack");
	struct error err;
	struct buf a, b;

	buf_init(&a, 1 << 24);
	buf_init(&b, 1 << 24);
	ok(build(packages, one, &err) == 0 && build(packages, two, &err) == 0 &&
		file_read(one, &a, &err) == 0 && file_read(two, &b, &err) == 0 &&
		str_eq(buf_str(&a), buf_str(&b)),
	    "the same packages give the same bytes");
	buf_release(&a);
	buf_release(&b);
}

/* --- facts of R4 ----------------------------------------------------------- */

static uint32_t
type_of(const struct pack *p, const char *name)
{
	return pack_find_type(p, str_from(name));
}

/* The element at "Type.name", where Type may have points. */
static const struct pack_element *
element(const struct pack *p, const char *path)
{
	static const struct pack_element none = { .type = PACK_NONE };
	const char *point = strrchr(path, '.');
	uint32_t t = pack_find_type(p, str_of(path, (size_t)(point - path)));
	uint32_t e = t == PACK_NONE ? PACK_NONE : pack_find_element(p, t, str_from(point + 1));

	return e == PACK_NONE ? &none : pack_element_at(p, e);
}

static void
test_r4_types(const struct pack *p)
{
	const struct pack_element *e;
	unsigned resources = 0, abstract = 0, primitives = 0, choice = 0;
	struct pack_run run;

	for (uint32_t t = 0; t < pack_type_count(p); t++) {
		resources += pack_type_at(p, t)->kind == PACK_RESOURCE;
		primitives += pack_type_at(p, t)->kind == PACK_PRIMITIVE;
		abstract += pack_type_at(p, t)->kind == PACK_RESOURCE &&
			    pack_type_at(p, t)->abstract;
	}
	is_int(resources, 148, "resource types of R4, with Resource and DomainResource");
	is_int(abstract, 2, "which are abstract");
	is_int(primitives, 20, "primitive types of R4 (19 of datatypes.html, and xhtml)");
	e = element(p, "Patient.name");
	ok(e->type == type_of(p, "HumanName") && e->flags & ELEMENT_REPEATS && e->min == 0 &&
		e->max == PACK_MANY && e->flags & ELEMENT_SUMMARY,
	    "Patient.name is HumanName 0..*, in the summary");
	run = pack_type_at(p, type_of(p, "Observation"))->elements;
	for (uint32_t i = run.first; i < run.first + run.count; i++)
		choice += str_is(pack_text(p, pack_element_at(p, i)->stem), "value");
	is_int(choice, 11, "Observation.value[x] has 11 types");
	ok(element(p, "Observation.valueQuantity")->type == type_of(p, "Quantity"),
	    "valueQuantity is a Quantity");
	ok(element(p, "Bundle.entry.link")->type == type_of(p, "Bundle.link"),
	    "Bundle.entry.link is as Bundle.link");
	ok(element(p, "Questionnaire.item.item")->type == type_of(p, "Questionnaire.item"),
	    "an item holds items");
	ok(element(p, "Patient.active")->flags & ELEMENT_MODIFIER ||
		element(p, "Patient.deceasedBoolean")->flags & ELEMENT_MODIFIER,
	    "modifier elements are marked");
	ok(element(p, "Patient.contained")->flags & ELEMENT_RESOURCE &&
		element(p, "Bundle.entry.resource")->flags & ELEMENT_RESOURCE,
	    "elements that hold resources");
	ok(element(p, "Extension.url")->flags & ELEMENT_ATTRIBUTE &&
		element(p, "HumanName.id")->flags & ELEMENT_ATTRIBUTE &&
		!(element(p, "Patient.id")->flags & ELEMENT_ATTRIBUTE),
	    "attributes in XML");
	ok(element(p, "Patient.id")->type == type_of(p, "id") &&
		element(p, "HumanName.id")->type == type_of(p, "string") &&
		element(p, "Extension.url")->type == type_of(p, "uri"),
	    "the types behind System.String");
	ok(element(p, "Patient.managingOrganization")->flags & ELEMENT_REFERENCE, "a reference");
	ok(element(p, "Narrative.div")->type == type_of(p, "xhtml"), "a narrative's text");
	ok(pack_type_is(p, type_of(p, "Age"), type_of(p, "Quantity")) &&
		pack_type_is(p, type_of(p, "Patient"), type_of(p, "Resource")) &&
		pack_type_is(p, type_of(p, "Patient.contact"), type_of(p, "BackboneElement")) &&
		!pack_type_is(p, type_of(p, "Patient"), type_of(p, "Element")),
	    "types and their bases");
	is_int(pack_type_at(p, type_of(p, "oid"))->lexical, LEXICAL_OID, "lexical kind");
	ok(pack_find_resource(p, STR("Resource")) == PACK_NONE, "no resource is just a Resource");
}

static void
test_r4_details(const struct pack *p)
{
	uint32_t patient = type_of(p, "Patient");
	const struct pack_detail *d = pack_detail_at(
	    p, pack_find_element(p, patient, STR("gender")));
	const struct pack_invariant *rows;
	bool found = false;

	is_int(d->strength, BINDING_REQUIRED, "Patient.gender is bound, required");
	is_str(pack_text(p, d->binding),
	    STR("http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1"), "to its value set");
	d = pack_detail_at(p, pack_find_element(p, patient, STR("generalPractitioner")));
	is_int(d->targets.count, 3, "a general practitioner is one of three types");
	d = pack_detail_at(p, pack_find_type(p, STR("Patient.contact")));
	rows = pack_invariants(p, d->invariants);
	for (uint32_t i = 0; i < d->invariants.count; i++)
		found = found || (str_is(pack_text(p, rows[i].key), "pat-1") &&
				     str_is(pack_text(p, rows[i].expression),
					 "name.exists() or telecom.exists() or address.exists() or "
					 "organization.exists()"));
	ok(found, "the contact's invariant pat-1");
}

static void
test_r4_search(const struct pack *p)
{
	static const char *const codes[] = { "active", "address", "birthdate", "family", "gender",
		"identifier", "name", "telecom", "general-practitioner", "_id", "_lastUpdated",
		"_text" };
	uint32_t patient = type_of(p, "Patient"), count, member_count = 0;
	const struct pack_param *param;
	const struct pack_compartment *c;
	const struct pack_member *m;
	bool all = true;

	is_int(pack_param_count(p), 1400, "search parameters in the package");
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		all = pack_find_param(p, patient, str_from(codes[i])) && all;
	ok(all, "the search parameters of Patient");
	ok(!pack_find_param(p, patient, STR("code-value-quantity")), "not those of Observation");
	is_str(pack_text(p, pack_find_param(p, patient, STR("_id"))->url),
	    STR("http://hl7.org/fhir/SearchParameter/Resource-id"), "_id is that of Resource");
	param = pack_find_param(p, type_of(p, "Observation"), STR("code-value-quantity"));
	ok(param && param->type == PARAM_COMPOSITE && param->components.count == 2,
	    "a composite of two");
	pack_type_params(p, patient, &count);
	ok(count > 30, "Patient has %u search parameters", count);
	c = pack_find_compartment(p, STR("Patient"));
	m = c ? pack_members(p, c->members) : NULL;
	for (uint32_t i = 0; c && i < c->members.count; i++)
		if (m[i].type == type_of(p, "Observation"))
			member_count++;
	is_int(member_count, 2, "an Observation is a patient's by subject and performer");
	c = pack_find_compartment(p, STR("Device"));
	is_str(c ? pack_text(p, c->url) : STR(""),
	    STR("http://hl7.org/fhir/CompartmentDefinition/device"),
	    "the Device compartment is the real one, not the example");
}

static void
test_r4_terms(const struct pack *p)
{
	const struct pack_value_set *vs = pack_find_value_set(
	    p, STR("http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1"));
	const struct pack_code_system *cs = pack_find_code_system(
	    p, STR("http://hl7.org/fhir/administrative-gender"));
	const struct pack_code_system *act = pack_find_code_system(
	    p, STR("http://terminology.hl7.org/CodeSystem/v3-ActCode"));
	const struct pack_concept_map *map = pack_find_concept_map(
	    p, STR("http://hl7.org/fhir/ConceptMap/101"));
	const struct pack_concept *c;
	const struct pack_map_row *rows;
	bool mapped = false;

	ok(vs && vs->includes.count == 1 &&
		str_is(pack_text(p, pack_includes(p, vs->includes)->system),
		    "http://hl7.org/fhir/administrative-gender"),
	    "the value set of genders");
	ok(cs && cs->concepts.count == 4 && pack_find_concept(p, cs, STR("female")) &&
		!pack_find_concept(p, cs, STR("F")),
	    "its code system has four codes");
	c = act ? pack_find_concept(p, act, STR("IMP")) : NULL;
	ok(c && str_is(pack_text(p, c->display), "inpatient encounter") && c->parent != PACK_NONE,
	    "a code with a parent");
	rows = map ? pack_map_rows(p, map->rows) : NULL;
	for (uint32_t i = 0; map && i < map->rows.count; i++)
		mapped = mapped || (str_is(pack_text(p, rows[i].source_code), "home") &&
				       str_is(pack_text(p, rows[i].target_code), "H"));
	ok(mapped, "an address's use 'home' is 'H' in version 3");
}

static void
test_r4_operations(const struct pack *p)
{
	const struct pack_operation *o = NULL;

	for (uint32_t i = 0; i < pack_operation_count(p); i++)
		if (str_is(pack_text(p, pack_operation_at(p, i)->url),
			"http://hl7.org/fhir/OperationDefinition/Patient-everything"))
			o = pack_operation_at(p, i);
	ok(o && str_is(pack_text(p, o->code), "everything") && !o->on_system && o->on_type &&
		o->on_instance && o->types.count == 1 &&
		pack_numbers(p, o->types)[0] == type_of(p, "Patient"),
	    "Patient/$everything");
}

/* Whatever the type: all names are found, in order, and nothing else. */
static void
test_r4_names(const struct pack *p)
{
	bool found = true, ordered = true;

	for (uint32_t t = 0; t < pack_type_count(p); t++) {
		const struct pack_type *type = pack_type_at(p, t);
		uint32_t end = type->elements.first + type->elements.count;

		found = pack_find_type(p, pack_text(p, type->name)) == t && found;
		for (uint32_t e = type->elements.first; e < end; e++) {
			struct str name = pack_text(p, pack_element_at(p, e)->name);

			found = pack_find_element(p, t, name) == e && found;
			name.len--;
			ordered = pack_find_element(p, t, name) != e && ordered;
			ordered = pack_element_at(p, e)->owner == t && ordered;
		}
	}
	ok(found, "each element of each type is found by its name");
	ok(ordered, "and not by another");
}

static void
test_r4(void)
{
	const char *path = getenv("FIREDOOR_PACK");
	const struct pack *p;
	struct error err;

	if (!path || !*path) {
		tap_skip("facts of R4", "FIREDOOR_PACK is not set");
		return;
	}
	p = pack_open(path, &err);
	if (!ok(p != NULL, "%s opens", path))
		return;
	test_r4_types(p);
	test_r4_details(p);
	test_r4_search(p);
	test_r4_terms(p);
	test_r4_operations(p);
	test_r4_names(p);
	pack_free(p);
}

int
main(void)
{
	char command[64];

	if (!mkdtemp(work))
		return 1;
	test_small();
	test_terms();
	test_precedence();
	test_broken_packages();
	test_archive();
	test_wrong_files();
	test_same_bytes();
	test_r4();
	snprintf(command, sizeof(command), "rm -rf %s", work);
	if (system(command))
		return 1;
	return tap_done();
}
