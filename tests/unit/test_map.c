/*
 * mappers/map/map.h with small maps of its own. What is expected is what
 * mappers/README.md says of the notation, and, for dates and numbers, R4
 * 2.24.0.1 and HL7 v2.9, chapter 2A.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/finding.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/map/map.h"
#include "tests/tap.h"

static const struct pack *pack;
static struct arena arena;
static struct findings findings;
static struct record_builder builder;
static struct buf out;
static struct coverage coverage;

#define MSH "MSH|^~\\&|APP|FAC|||20260102030405+0100||ADT^A01^T|C1|P|2.5\r"

/* A message map around rules for PID, and what else is given. */
#define WITH(rules, more)                                                                          \
	"message T { structure { MSH [EVN] PID [{ NK1 }] [PV1] } PID -> Patient : PID[Patient] "   \
	"}\n"                                                                                      \
	"segment PID[Patient] {\n" rules "\n}\n" more

static struct map_set *
compile(const char *text, struct error *err)
{
	struct map_source source = { "t.map", str_from(text) };

	return map_set_compile(pack, &source, 1, err);
}

/* Convert with maps; the Bundle as compact JSON, or the reason there is none. */
static struct str
convert_with(const char *maps, const char *message, const struct map_options *o)
{
	const struct record *r;
	struct er7_message m;
	struct error err;
	struct map_set *set = compile(maps, &err);

	buf_clear(&out);
	arena_release(&arena);
	arena_init(&arena, 64 << 20, 0);
	findings_init(&findings, &arena, 20);
	if (!set) {
		buf_puts(&out, err.text);
		return buf_str(&out);
	}
	if (er7_read(str_from(message), NULL, &arena, &m, &findings) == 0 &&
	    map_convert(set, &m, o, &arena, &builder, &r, &coverage, &findings) == 0)
		fhir_json_write(r, pack, 0, 0, &out);
	else
		buf_put_str(&out, findings.first ? findings.first->text : STR("no finding"));
	map_set_free(set);
	return buf_str(&out);
}

static struct str
convert(const char *maps, const char *message)
{
	return convert_with(maps, message, NULL);
}

/* The result has this in it. */
static void
has(struct str got, const char *part, const char *name)
{
	if (!ok(str_find_str(got, str_from(part)) >= 0, "%s", name))
		printf("# got  %.*s\n# want %s\n", STR_ARG(got), part);
}

static void
has_not(struct str got, const char *part, const char *name)
{
	if (!ok(got.len && str_find_str(got, str_from(part)) < 0, "%s", name))
		printf("# got  %.*s\n# not  %s\n", STR_ARG(got), part);
}

static void
refused(const char *maps, const char *why, const char *name)
{
	struct error err = { 0 };
	struct map_set *set = compile(maps, &err);

	ok(set == NULL, "%s is refused", name);
	is_str(str_from(err.text), str_from(why), "%s: the error", name);
	map_set_free(set);
}

static void
test_errors(void)
{
	refused("segment PID[Patient] {\n\tPID-8 -> gendr\n}",
	    "t.map:2:11: Patient has no element 'gendr'; did you mean 'gender'?",
	    "an unknown element");
	refused(
	    "segment PID[Patient] {\n\tPID-8 -> gendr\n}\nsegment PD1[Patient] { PD1-1 -> nam }",
	    "t.map:2:11: Patient has no element 'gendr'; did you mean 'gender'?\n"
	    "t.map:4:33: Patient has no element 'nam'; did you mean 'name'?",
	    "two maps with a fault each");
	refused("segment PID[Patient] { PID-3 -> deceased }",
	    "t.map:1:33: 'deceased' may have several types: name it with its type, as in "
	    "'deceasedBoolean'",
	    "a choice without type");
	refused("segment PID[Patient] { PID-3 -> identifier : CX[Identifer] }\n"
		"datatype CX[Identifier] { CX.1 -> value }",
	    "t.map:1:46: there is no data type map 'CX[Identifer]'; did you mean 'CX[Identifier]'?",
	    "an unknown data type map");
	refused("segment PID[Patient] { PID-8 -> gender table Sx }\ntable Sex { M => male }",
	    "t.map:1:46: there is no table 'Sx'; did you mean 'Sex'?", "an unknown table");
	refused("v2 { PID = SI CX }\nsegment PID[Patient] { PID-3 -> id }",
	    "t.map:2:24: there is no PID-3: PID has 2 fields", "a field out of range");
	refused("v2 { CX = ST ST }\ndatatype CX[Identifier] { CX.3 -> value }",
	    "t.map:2:27: there is no CX.3: CX has 2 components", "a component out of range");
	refused("segment PID[Patient] { PID-8 if PID-7 -> gender }",
	    "t.map:1:39: '->' stands where VALUED, NOT VALUED, =, !=, IN, LENGTH or COUNT must "
	    "stand",
	    "half a condition");
	refused("segment PID[Patient] { PID-8 if (PID-7 valued -> gender }",
	    "t.map:1:47: '->' stands where ')' must stand", "a bracket left open");
	refused("segment PID[Patient] { PID-5 -> name }",
	    "t.map:1:24: the target is a HumanName: a data type map (': NAME[HumanName]') or an "
	    "element of it is needed",
	    "a text into a HumanName");
	refused("segment PID[Patient] { PID-1 -> managingOrganization(Practitioner.id) }",
	    "t.map:1:33: 'managingOrganization' cannot refer to a Practitioner",
	    "a reference that FHIR does not allow");
	refused("message T { structure { MSH PID } PID -> Patient { generalPractitioner = ref "
		"Practitoner } }",
	    "t.map:1:74: no rule of this message makes a resource 'Practitoner'",
	    "a reference to nothing");
	refused("message T { structure { MSH PID } X.PID -> Patient }",
	    "t.map:1:35: there is no PID in a group X of T", "a group there is not");
	refused("segment PID[Patent] { }",
	    "t.map:1:1: 'Patent' is no FHIR type: say 'on TYPE' before the brace",
	    "an unknown type");
	refused("extend segment PID[Patient] { }",
	    "t.map:1:8: there is no segment map 'PID[Patient]'", "extending nothing");
	refused("segment PID[Patient] { id = frist(PID-3) }",
	    "t.map:1:29: there is no function 'frist'; did you mean 'first'?",
	    "an unknown function");
	refused("segment PID[Patient] { id = \"a\n\" }",
	    "t.map:1:29: the text has no closing quote on its line", "a text left open");
	refused("segment PID[Patient] {", "t.map:1:23: the file ends where '}' must stand",
	    "a block left open");
	refused("segmnt PID[Patient] { }",
	    "t.map:1:1: 'segmnt' stands where a block (message, segment, datatype, table, rules, "
	    "events, v2, "
	    "or extend) must stand",
	    "a block of no kind");
}

static void
test_targets(void)
{
	struct str got;

	got = convert(WITH("PID-3 -> identifier : CX[Identifier] PID-5 -> name : XPN[HumanName]",
			  "datatype CX[Identifier] { CX.1 -> value }\n"
			  "datatype XPN[HumanName] { XPN.3 -> given[2] XPN.2 -> given[1] XPN.1 -> "
			  "family : FN[string] }\n"
			  "datatype FN[string] { FN.1 -> this }"),
	    MSH "PID|||1~2||Doe&v^John^Q~Roe");
	has(got, "\"identifier\":[{\"value\":\"1\"},{\"value\":\"2\"}]",
	    "each repetition is added");
	has(got, "\"name\":[{\"family\":\"Doe\",\"given\":[\"John\",\"Q\"]},{\"family\":\"Roe\"}]",
	    "slots give the order, gaps close");
	got = convert(WITH("PID-13 -> telecom[1].value PID-13 -> telecom[1].use = \"home\" "
			   "PID-14 -> telecom[2].value",
			  ""),
	    MSH "PID|||||||||||||1~2|3");
	has(got,
	    "\"telecom\":[{\"value\":\"1\",\"use\":\"home\"},{\"value\":\"2\",\"use\":\"home\"},"
	    "{\"value\":\"3\"}]",
	    "rules share the element of a repetition");
	got = convert(WITH("PID-7 -> birthDate.extension(\"http://x/y\").valueDateTime "
			   "PID-26 -> extension(\"http://c\").extension(\"code\").valueString",
			  ""),
	    MSH "PID|||||||19700203|||||||||||||||||||A~B");
	has(got,
	    "\"_birthDate\":{\"extension\":[{\"url\":\"http://x/"
	    "y\",\"valueDateTime\":\"1970-02-03\"}]}",
	    "an extension of a primitive");
	has(got,
	    "\"extension\":[{\"extension\":[{\"url\":\"code\",\"valueString\":\"A\"}],"
	    "\"url\":\"http://c\"},"
	    "{\"extension\":[{\"url\":\"code\",\"valueString\":\"B\"}],\"url\":\"http://c\"}]",
	    "nested extensions, one for each repetition");
	got = convert(WITH("PID-30 -> deceasedBoolean PID-29 -> deceasedDateTime", ""),
	    MSH "PID|||||||||||||||||||||||||||||2020|Y");
	has(got, "\"deceasedDateTime\":\"2020\"", "of a choice the later rule holds");
	has_not(got, "deceasedBoolean", "and the earlier is gone");
	got = convert(WITH("PID-8 -> gender = \"other\" default gender = \"unknown\" "
			   "default birthDate = \"1900\" PID-3 -> id active = true",
			  ""),
	    MSH "PID|||x|||||M");
	has(got, "\"gender\":\"other\",\"birthDate\":\"1900\"", "defaults where nothing is");
	has(got, "\"active\":true", "a constant");
	got = convert(WITH("PID-8 -> gender active = true", ""), MSH "PID|1");
	has_not(got, "Patient", "a resource of constants only is left out");
}

static void
test_references(void)
{
	struct str got;
	const char *maps =
	    "message T { structure { MSH [EVN] PID [{ NK1 }] [PV1] }\n"
	    "PID -> Patient : PID[Patient]\n"
	    "NK1 -> RelatedPerson : NK1[RelatedPerson] { patient = ref Patient }\n"
	    "PV1 -> Encounter { subject = ref Patient PV1-1 -> status = \"finished\"\n"
	    "  PV1-7 -> participant { this -> individual(Practitioner) : XCN[Practitioner] }\n"
	    "  PV1-8 -> participant { this -> individual(Practitioner) : XCN[Practitioner] } }\n"
	    "}\n"
	    "segment PID[Patient] { match on identifier type (\"MR\")\n"
	    " PID-3 -> identifier { this.1 -> value this.4 -> system this.5 -> type.coding.code } "
	    "}\n"
	    "segment NK1[RelatedPerson] { NK1-2 -> name.text }\n"
	    "datatype XCN[Practitioner] { create unless identifier\n"
	    " XCN.1 -> identifier.value XCN.2 -> name.family }\n";
	char first[16384];

	got = convert(
	    maps, MSH "PID|||7^^^urn:b^PI~8 9^^^urn:a^MR\rNK1|1|X\rNK1|2|Y\rPV1|1||||||4^A|4^A\r");
	has(got, "\"url\":\"Patient?identifier=urn:a|8%209\"",
	    "by the identifier of the type asked for");
	has(got, "\"name\":[{\"text\":\"X\"}]", "a resource for each segment");
	has(got, "\"name\":[{\"text\":\"Y\"}]", "that repeats");
	has(got, "\"ifNoneExist\":\"identifier=|4\"", "a conditional create");
	ok(str_find_str(
	       str_from_index(
		   got, (size_t)str_find_str(got, STR("\"resourceType\":\"Practitioner\"")) + 5),
	       STR("\"resourceType\":\"Practitioner\"")) < 0,
	    "resources with the same identity become one");
	snprintf(first, sizeof(first), "%.*s", STR_ARG(got));
	got = convert(
	    maps, MSH "PID|||7^^^urn:b^PI~8 9^^^urn:a^MR\rNK1|1|X\rNK1|2|Y\rPV1|1||||||4^A|4^A\r");
	is_str(got, str_from(first), "the same message gives the same Bundle");
	got = convert(maps, MSH "NK1|1|X\r");
	has_not(got, "\"patient\"", "no reference to what is not there");
}

static void
test_conditions(void)
{
	static const struct {
		const char *test;
		bool holds;
	} cases[] = {
		{ "PID-1 valued", true },
		{ "PID-2 valued", false },
		{ "PID-4 valued", false }, /* "" */
		{ "PID-2 not valued", true },
		{ "IF PID-1 IS VALUED AND PID-2 IS NOT VALUED", true },
		{ "PID-1 = \"1\"", true },
		{ "PID-1 != \"1\"", false },
		{ "PID-2 != \"1\"", true },
		{ "PID-1 EQUALS \"2\" OR PID-5.2 IS \"B\"", true },
		{ "PID-1 IS NOT \"1\"", false },
		{ "PID-5.2 in (\"A\", \"B\")", true },
		{ "PID-5.2 not in (\"A\", \"B\")", false },
		{ "PID-3 LST.COUNT GREATER THAN 1", true },
		{ "PID-3 count <= 1", false },
		{ "PID-6 LENGTH GREATER THAN 2", true },
		{ "PID-6 LENGTH LESS THAN OR EQUALS 2", false },
		{ "PID-3[2] = \"y\"", true },
		{ "PID-5.1 = PID-5.2", false },
		{ "not (PID-1 = \"1\" and PID-2 valued)", true },
		{ "PID-1 = \"2\" and PID-1 = \"1\" or PID-5.1 = \"A\"", true },
		{ "MSH-9.2 = \"A01\"", true },
		{ "PV1 valued", false },
		{ "MSH valued", true },
		{ "PID-7 numeric", true },
		{ "PID-6 numeric", false },
		{ "PID-6 starts \"ab\"", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char maps[1024];
		struct str got;

		snprintf(maps, sizeof(maps),
		    WITH("PID-1 -> id\nPID-1 if %s -> language = \"yes\"", ""), cases[i].test);
		got = convert(maps, MSH "PID|1||x~y|\"\"|A^B|abc|-1.5\r");
		ok((str_find_str(got, STR("\"language\":\"yes\"")) >= 0) == cases[i].holds &&
			str_find_str(got, STR("\"id\":\"1\"")) >= 0,
		    "%s", cases[i].test);
	}
}

static void
test_conversions(void)
{
	static const struct {
		const char *rule, *in, *want;
	} cases[] = {
		{ "PID-1 -> birthDate", "1970", "\"birthDate\":\"1970\"" },
		{ "PID-1 -> birthDate", "197002", "\"birthDate\":\"1970-02\"" },
		{ "PID-1 -> birthDate", "19700203101112", "\"birthDate\":\"1970-02-03\"" },
		{ "PID-1 -> birthDate", "20000229", "\"birthDate\":\"2000-02-29\"" },
		{ "PID-1 -> deceasedDateTime", "202001021530", "\"2020-01-02T15:30:00+01:00\"" },
		{ "PID-1 -> deceasedDateTime", "20200102153045.1230-0500",
		    "\"2020-01-02T15:30:45.1230-05:00\"" },
		{ "PID-1 -> deceasedDateTime", "20200102", "\"deceasedDateTime\":\"2020-01-02\"" },
		{ "PID-1 -> meta.lastUpdated", "20200102+0000",
		    "\"lastUpdated\":\"2020-01-02T00:00:00Z\"" },
		{ "PID-1 -> extension(\"urn:t\").valueTime", "1530", "\"valueTime\":\"15:30:00\"" },
		{ "PID-1 -> extension(\"urn:t\").valueDecimal", "+007.50",
		    "\"valueDecimal\":7.50" },
		{ "PID-1 -> extension(\"urn:t\").valueDecimal", "-.5", "\"valueDecimal\":-0.5" },
		{ "PID-1 -> multipleBirthInteger", "2.0", "\"multipleBirthInteger\":2" },
		{ "PID-1 -> deceasedBoolean", "N", "\"deceasedBoolean\":false" },
		{ "PID-1 -> implicitRules = uri(PID-1)", "1.2.840", "\"urn:oid:1.2.840\"" },
		{ "PID-1 -> implicitRules = uri(PID-1)", "6BA7B810-9DAD-11D1-80B4-00C04FD430C8",
		    "\"urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8\"" },
		{ "PID-1 -> implicitRules = \"urn:x:\" + escape(PID-1)", "a b/c",
		    "\"urn:x:a%20b%2Fc\"" },
		{ "PID-1 -> language = first(PID-2, lower(PID-1))", "DE", "\"language\":\"de\"" },
		{ "PID-1 -> name.text = words(PID-1.2, PID-1.3, PID-1.1)", "A^B",
		    "\"text\":\"B A\"" },
		{ "PID-1 -> name.text = text(PID-1)", "A^B&C", "\"text\":\"A B C\"" },
		{ "PID-1 -> name.text = join(PID-1, \", \")", "A~B", "\"text\":\"A, B\"" },
		{ "PID-1 -> name.text = part(PID-1, 2, 2)", "abcd", "\"text\":\"bc\"" },
		{ "PID-1 -> name.text = base64(PID-1)", "light w", "\"text\":\"bGlnaHQgdw==\"" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char maps[1024], message[512];

		snprintf(maps, sizeof(maps), WITH("%s", ""), cases[i].rule);
		snprintf(message, sizeof(message), MSH "PID|%s\r", cases[i].in);
		has(convert(maps, message), cases[i].want, cases[i].in);
	}
}

static void
test_bad_values(void)
{
	static const struct {
		const char *rule, *in;
	} cases[] = {
		{ "PID-1 -> birthDate", "19700230" },
		{ "PID-1 -> birthDate", "197" },
		{ "PID-1 -> birthDate", "00000000" },
		{ "PID-1 -> birthDate", "1970-02-03" },
		{ "PID-1 -> deceasedDateTime", "2020010225" },
		{ "PID-1 -> extension(\"urn:t\").valueDecimal", "1,5" },
		{ "PID-1 -> multipleBirthInteger", "1.5" },
		{ "PID-1 -> deceasedBoolean", "maybe" },
		{ "PID-1 -> implicitRules", "a b" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char maps[1024], message[512];
		struct str got;

		snprintf(maps, sizeof(maps), WITH("%s", ""), cases[i].rule);
		snprintf(message, sizeof(message), MSH "PID|%s\r", cases[i].in);
		got = convert(maps, message);
		has(got, "{\"resourceType\":\"Bundle\",\"type\":\"transaction\"}", cases[i].in);
		ok(findings.count == 1 && findings.errors == 0 &&
			str_is(findings.first->path, "PID-1") && findings.first->line == 2 &&
			findings.first->column == 5,
		    "is reported with its place");
		ok(findings.first && str_find_str(findings.first->text, str_from(cases[i].in)) < 0,
		    "without the value");
	}
}

static void
test_tables(void)
{
	const char *maps = WITH("PID-1 -> id PID-8 -> gender table Sex PID-16 -> maritalStatus : "
				"CWE[CodeableConcept] table "
				"Marital PID-15 -> communication.language table Tongue",
	    "table Sex { M => male F => \"female\" \"*\" => other X => none default => unknown }\n"
	    "table Marital from \"http://v2\" to \"http://v3\" { S => S \"Never Married\"\n"
	    "  P => T in \"http://other\" Z* => z-* }\n"
	    "table Tongue to \"urn:ietf:bcp:47\" { E => en \"English\" default => keep }\n"
	    "datatype CWE[CodeableConcept] { CWE.1 -> coding[0] table given\n"
	    "  CWE.1 -> coding[1].code coding[1].system = table_system() if CWE.1 valued }");
	struct str got;

	got = convert(maps, MSH "PID|1|||||||M||||||||S");
	has(got, "\"gender\":\"male\"", "a code");
	has(got,
	    "\"maritalStatus\":{\"coding\":[{\"system\":\"http://"
	    "v3\",\"code\":\"S\",\"display\":\"Never "
	    "Married\"},{\"system\":\"http://v2\",\"code\":\"S\"}]}",
	    "a table given to a data type map; the original beside it");
	got = convert(maps, MSH "PID|1|||||||?||||||||P");
	has(got, "\"gender\":\"unknown\"", "the default");
	has(got, "{\"system\":\"http://other\",\"code\":\"T\"}", "a row's own system");
	has(convert(maps, MSH "PID|1|||||||||||||||Zab"), "\"code\":\"z-ab\"", "a star");
	got = convert(maps, MSH "PID|1|||||||X");
	has_not(got, "gender", "none writes nothing");
	is_int(findings.count, 0, "and is no finding");
	got = convert(maps, MSH "PID|1|||||||||||||||Q");
	is_int(findings.count, 1, "a code in no row is reported");
	is_str(findings.first ? findings.first->path : STR(""), STR("PID-16"), "with its place");
	has(convert(maps, MSH "PID|1||||||||||||||E"),
	    "\"language\":{\"coding\":[{\"system\":\"urn:ietf:bcp:47\",\"code\":\"en\",\"display\":"
	    "\"English\"}]}",
	    "a table on a CodeableConcept");
	has(convert(maps, MSH "PID|1||||||||||||||E2"), "\"code\":\"E2\"", "default keep");
}

#define GROUPS                                                                                     \
	"message T { structure { MSH { R: [ P: PID [{ NTE }] ] { O: [ C: ORC ] OBR [{ B: OBX [{ "  \
	"NTE }] "                                                                                  \
	"}] } } }\n"                                                                               \
	"PID -> Patient { PID-1 -> id }\n"                                                         \
	"ORC -> DiagnosticReport { ORC-1 -> id }\n"                                                \
	"OBR -> DiagnosticReport { OBR-1 -> conclusion subject = ref Patient\n"                    \
	"status = \"final\" code.text = \"c\" }\n"                                                 \
	"OBX -> Observation { status = \"final\" default code.text = \"c\" OBX-1 -> id OBX-1 -> "  \
	"code.text = OBR-1 + PID-1 "                                                               \
	"subject = ref "                                                                           \
	"Patient "                                                                                 \
	"DiagnosticReport.result = ref Observation }\n"                                            \
	"B.NTE -> Observation.note { NTE-3 -> text = join(NTE-3, \"\\n\") }\n"                     \
	"ZPD -> Patient { ZPD-1 -> language } }"

static unsigned
occurrences(struct str s, const char *part)
{
	unsigned n = 0;
	ptrdiff_t at;

	while ((at = str_find_str(s, str_from(part))) >= 0) {
		n++;
		s = str_from_index(s, (size_t)at + 1);
	}
	return n;
}

static void
test_groups(void)
{
	struct str got;

	got = convert(GROUPS,
	    MSH "PID|p1\rORC|r1\rOBR|a\rOBX|1\rNTE|||x~y\rNTE|||z\rOBX|2\rORC|r2\rOBR|b\r"
		"OBX|3\rPID|p2\rOBR|c\rOBX|4\r");
	is_int(occurrences(got, "\"resourceType\":\"Patient\""), 2,
	    "a Patient for each PATIENT_RESULT");
	is_int(occurrences(got, "\"resourceType\":\"DiagnosticReport\""), 3,
	    "ORC and OBR of a group fill one report");
	has(got, "\"id\":\"r1\"", "from ORC");
	has(got, "\"conclusion\":\"a\"", "and OBR");
	is_int(
	    occurrences(got, "\"resourceType\":\"Observation\""), 4, "an Observation for each OBX");
	has(got, "\"code\":{\"text\":\"ap1\"}", "values of the groups around it");
	has(got, "\"code\":{\"text\":\"bp1\"}", "the nearest of them");
	has(got, "\"code\":{\"text\":\"cp2\"}", "not those of another group");
	has(got, "\"note\":[{\"text\":\"x\\ny\"},{\"text\":\"z\"}]", "NTE belongs to its OBX");
	is_int(findings.count, 0, "nothing is out of place");
	got = convert(GROUPS, MSH "PID|p1\rZPD|de\rZZZ|1\rOBR|a\rOBX|1\rPID|p2\rOBX|2\r");
	has(got, "\"language\":\"de\"", "a Z segment with a rule may stand anywhere");
	is_int(findings.count, 1, "one without is reported");
	is_str(findings.first ? findings.first->path : STR(""), STR("ZZZ"), "by name");
	got = convert(GROUPS, MSH "OBX|9\rPID|p1\rNTE|1\r");
	has(got, "\"id\":\"9\"", "segments out of order are mapped");
	has(got, "\"id\":\"p1\"", "each");
}

static void
test_overlay(void)
{
	has(convert(
		WITH("PID-1 -> id PID-8 -> gender table S PID-2 -> language",
		    "table S { M => male }\n"
		    "extend segment PID[Patient] { without PID-2 PID-8 -> gender = \"other\" }"),
		MSH "PID|1|x||||||M"),
	    "{\"resourceType\":\"Patient\",\"id\":\"1\",\"gender\":\"other\"}",
	    "a rule with the same source and target takes the place; without takes away");
	has(convert(WITH("PID-1 -> id PID-8 -> gender table S",
			"table S { M => male }\nextend table S { M => other Q => female }"),
		MSH "PID|1|||||||M"),
	    "\"gender\":\"other\"", "a table's row is overruled");
	has(convert(WITH("PID-1 -> id", "segment PID[Patient] { PID-1 -> language }"), MSH "PID|1"),
	    "\"language\":\"1\"", "a later block of the same name replaces");
	has(convert(
		WITH("PID-1 -> id", "extend message T { NK1 -> Patient { NK1-1 -> language } }"),
		MSH "PID|1\rNK1|fr"),
	    "\"language\":\"fr\"", "a message gets another rule");
}

static const struct coverage_item *
item(const char *place)
{
	static const struct coverage_item none;

	for (uint32_t i = 0; i < coverage.populated; i++)
		if (str_is(coverage.items[i].place, place))
			return &coverage.items[i];
	return &none;
}

static void
test_coverage(void)
{
	struct map_options o = { .list = true };

	convert_with(WITH("PID-1 -> id\nPID-3 -> identifier : CX[Identifier]\ndrop PID-4 \"old\"\n"
			  "PID-5 if PID-5.2 = \"L\" -> name.use = \"official\" PID-8 -> "
			  "gender\nPID-7 -> birthDate",
			 "datatype CX[Identifier] { CX.1 -> value drop CX.2 \"check digit\" }"),
	    MSH "PID|1|u|a^9~b^^x|q^r|A^L||notadate|\"\"", &o);
	is_int(item("PID-1")->kind, COVERAGE_MAPPED, "mapped");
	is_str(item("PID-1")->rule, STR("t.map:3"), "by which rule");
	is_str(item("PID-1")->target, STR("Patient.id"), "to which element");
	is_str(item("PID-3[2].1")->target, STR("Patient.identifier[1].value"), "with index");
	is_int(item("PID-3[1].2")->kind, COVERAGE_DROPPED, "dropped in a data type map");
	is_str(item("PID-3[1].2")->reason, STR("check digit"), "with the reason");
	is_int(item("PID-3[2].3")->kind, COVERAGE_UNMAPPED, "unmapped");
	is_int(item("PID-4.2")->kind, COVERAGE_DROPPED, "a dropped field's components");
	is_int(item("PID-2")->kind, COVERAGE_UNMAPPED, "no rule");
	is_int(item("PID-5.2")->kind, COVERAGE_MAPPED, "what a condition turned into a constant");
	is_int(item("PID-5.1")->kind, COVERAGE_UNMAPPED, "but not the rest");
	is_int(item("PID-7")->kind, COVERAGE_UNMAPPED, "what could not be converted");
	is_int(item("PID-8")->kind, COVERAGE_MAPPED, "\"\" is heeded by writing nothing");
	is_int(coverage.mapped + coverage.dropped + coverage.unmapped, coverage.populated,
	    "the kinds add up");
}

static void
test_structures(void)
{
	const char *maps = WITH("PID-1 -> id", "events { T = ADT^A04 ORU }");

	has(convert(maps, "MSH|^~\\&|||||2026||ADT^A04|1|P|2.3\rPID|1"), "\"id\":\"1\"",
	    "by event");
	has(convert(maps, "MSH|^~\\&|||||2026||ADT^A04^ADT_A04|1|P|2.3\rPID|1"), "\"id\":\"1\"",
	    "MSH-9.3 that names nothing known");
	has(convert(maps, "MSH|^~\\&|||||2026||ORU^R01|1|P|2.3\rPID|1"), "\"id\":\"1\"",
	    "any event of a type");
	has(convert(maps, "MSH|^~\\&|||||2026||ADT^A99|1|P|2.3\rPID|1"),
	    "there is no map for messages", "no map");
}

/* Shared rules stand where a message uses them; a site adds to all of them at once. */
static void
test_shared_rules(void)
{
	static const char shared[] = "rules who { PID -> Patient { PID-1 -> id }\n"
				     "NONE.ZZZ -> Patient { ZZZ-1 -> language }\n"
				     "PID -> Patient { Account.description = PID-1 } }\n"
				     "message T { structure { MSH PID [ZPD] } use who }\n"
				     "message U { structure { MSH PID [ZPD] } use who PID -> "
				     "Account { status = \"active\" } }\n";
	char more[1024];

	has(convert(shared, MSH "PID|1"), "\"id\":\"1\"", "shared rules work");
	snprintf(more, sizeof(more), "%sextend rules who { ZPD -> Patient { ZPD-1 -> language } }",
	    shared);
	has(convert(more, MSH "PID|1\rZPD|de"), "\"language\":\"de\"", "and what is added to them");
	refused("message T { structure { MSH PID } use whom } rules who { PID -> Patient { PID-1 "
		"-> id } }",
	    "t.map:1:39: there is no block of shared rules 'whom'; did you mean 'who'?",
	    "a name that is not there");
	refused(
	    "rules who { PID -> Patient { Acount.description = PID-1 } }\n"
	    "message T { structure { MSH PID } use who PID -> Account { status = \"active\" } }",
	    "t.map:1:30: no rule of this message makes a resource 'Acount'; did you mean "
	    "'Account'?",
	    "a resource that no message makes");
}

/* An index that is a word is the same element for all segments. */
static void
test_shared_index(void)
{
	struct str got = convert("message T { structure { MSH PID PD1 }\n"
				 "PID -> Patient { PID-1 -> name[a].family }\n"
				 "PD1 -> Patient { PD1-1 -> name[a].text PD1-1 -> name[1].text } }",
	    MSH "PID|x\rPD1|y");

	has(got, "{\"text\":\"y\",\"family\":\"x\"}", "a word");
	has(got, "{\"text\":\"y\"}", "a number");
}

/* What FHIR says must be there, is, or the resource is not made. */
static void
test_whole(void)
{
	struct str got = convert("message T { structure { MSH PID }\n"
				 "PID -> Observation { PID-1 -> valueString }\n"
				 "PID -> Patient { PID-1 -> id PID-2 -> communication.preferred }\n"
				 "PID -> RelatedPerson { PID-1 -> id patient = ref Patient } }",
	    MSH "PID|x|true");

	has_not(got, "Observation", "a resource that lacks something is left out");
	has_not(got, "communication", "and an element that does");
	has(got, "\"resourceType\":\"RelatedPerson\"", "one that has it");
}

/* HL7 v2.9, 2A.3.22: dates of any precision; units as senders write them. */
static void
test_reckoning(void)
{
	static const struct {
		const char *from, *count, *unit, *want;
	} cases[] = {
		{ "202402281030", "1440", "min", "2024-02-29T10:30:00+01:00" },
		{ "20240131", "1", "mo", "2024-02-29" },
		{ "20231231235959+0100", "2", "Seconds", "2024-01-01T00:00:01+01:00" },
		{ "20240101", "2", "weeks", "2024-01-15" },
		{ "20240101", "5", "min", "" },
		{ "202401", "1", "d", "" },
		{ "20240101", "x", "d", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char message[256], want[64];
		struct str got;

		snprintf(message, sizeof(message), MSH "PID|%s|%s|%s", cases[i].from,
		    cases[i].count, cases[i].unit);
		got = convert(
		    "message T { structure { MSH PID } PID -> Patient { PID-1 -> id = \"a\" PID-1 "
		    "-> "
		    "deceasedDateTime = later(PID-1, PID-2, PID-3) PID-2 -> name.text } }",
		    message);
		snprintf(want, sizeof(want), "\"deceasedDateTime\":\"%s\"", cases[i].want);
		if (cases[i].want[0])
			has(got, want, cases[i].from);
		else
			ok(str_find_str(got, STR("deceased")) < 0, "%s: nothing", cases[i].from);
	}
	has(convert("message T { structure { MSH PID } PID -> Patient { PID-1 -> "
		    "multipleBirthInteger = minutes(PID-1, PID-2) } }",
		MSH "PID|3|h"),
	    "\"multipleBirthInteger\":180", "minutes of hours");
	has(convert("message T { structure { MSH PID } PID -> Patient { PID-1 -> "
		    "deceasedDateTime = earlier(PID-1, PID-2, PID-3) } }",
		MSH "PID|20240301|1|d"),
	    "\"deceasedDateTime\":\"2024-02-29\"", "earlier");
}

/* Cost grows with the message, not with its square. */
static void
test_large(void)
{
	struct buf b;
	struct str got;

	buf_init(&b, 64 << 20);
	buf_puts(&b, MSH "PID|p\rOBR|a\r");
	for (int i = 0; i < 20000; i++)
		buf_printf(&b, "OBX|%d\r", i);
	buf_put_byte(&b, 0);
	got = convert(GROUPS, b.p);
	is_int(occurrences(got, "\"resourceType\":\"Observation\""), 20000, "20,000 segments");
	buf_clear(&b);
	buf_puts(&b, MSH "PID|1||");
	for (int i = 0; i < 20000; i++)
		buf_puts(&b, "a~");
	buf_put_byte(&b, 0);
	got = convert(WITH("PID-3 if PID-3 count > 1 -> identifier[1].value PID-3 -> "
			   "identifier[2].value = PID-3",
			  ""),
	    b.p);
	is_int(occurrences(got, "{\"value\":\"a\"}"), 40000, "20,000 repetitions");
	buf_release(&b);
}

int
main(void)
{
	const char *path = getenv("FIREDOOR_PACK");
	struct error err;

	pack = path ? pack_open(path, &err) : NULL;
	if (!pack) {
		tap_skip("maps", path ? err.text : "FIREDOOR_PACK is not set");
		return tap_done();
	}
	record_builder_init(&builder, pack, &record_default_limits);
	buf_init(&out, 256 << 20);
	test_errors();
	test_targets();
	test_references();
	test_conditions();
	test_conversions();
	test_bad_values();
	test_tables();
	test_groups();
	test_overlay();
	test_coverage();
	test_structures();
	test_shared_rules();
	test_shared_index();
	test_whole();
	test_reckoning();
	test_large();
	arena_release(&arena);
	buf_release(&out);
	record_builder_release(&builder);
	pack_free(pack);
	return tap_done();
}
