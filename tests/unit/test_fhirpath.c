/* FHIRPath: its grammar, and expressions over records. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/finding.h"
#include "mappers/fhir/fhir_json.h"
#include "profiles/fhirpath.h"
#include "profiles/fhirpath_syntax.h"
#include "tests/tap.h"

static const struct pack *pack;
static struct arena memory;

static const char patient_json[] =
    "{\"resourceType\":\"Patient\",\"id\":\"p1\","
    "\"contained\":[{\"resourceType\":\"Practitioner\",\"id\":\"dr\"}],"
    "\"extension\":[{\"url\":\"http://x/colour\",\"valueString\":\"blue\"},"
    "{\"url\":\"http://x/size\",\"valueDecimal\":1.50},"
    "{\"url\":\"http://x/size\",\"valueDecimal\":1.5}],"
    "\"identifier\":[{\"system\":\"urn:a\",\"value\":\"1\"},{\"system\":\"urn:b\",\"value\":\"2\"}]"
    ","
    "\"active\":true,"
    "\"name\":[{\"use\":\"official\",\"family\":\"Chalmers\",\"given\":[\"Peter\",\"James\"]},"
    "{\"use\":\"usual\",\"given\":[\"Jim\"]},"
    "{\"use\":\"maiden\",\"family\":\"Windsor\",\"given\":[\"Peter\",\"James\"]}],"
    "\"gender\":\"male\",\"birthDate\":\"1974-12-25\","
    "\"_birthDate\":{\"extension\":[{\"url\":\"http://x/time\",\"valueDateTime\":"
    "\"1974-12-25T14:35:45-05:00\"}]},"
    "\"deceasedBoolean\":false,"
    "\"multipleBirthInteger\":2,"
    "\"generalPractitioner\":[{\"reference\":\"#dr\"},{\"reference\":\"Organization/7\"},"
    "{\"type\":\"PractitionerRole\",\"identifier\":{\"value\":\"x\"}},"
    "{\"reference\":\"http://h/fhir/Practitioner/3/_history/4\"},"
    "{\"reference\":\"urn:uuid:00000000-0000-4000-8000-000000000000\"}]}";

static const char observation_json[] =
    "{\"resourceType\":\"Observation\",\"status\":\"final\","
    "\"code\":{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"29463-7\"}]},"
    "\"subject\":{\"reference\":\"Patient/example\"},"
    "\"effectiveDateTime\":\"2016-03\","
    "\"valueQuantity\":{\"value\":185.0,\"unit\":\"lbs\"},"
    "\"component\":[{\"code\":{\"text\":\"a\"},\"valueString\":\"low\"},"
    "{\"code\":{\"text\":\"b\"},\"valueQuantity\":{\"value\":5}}]}";

static const char bundle_json[] =
    "{\"resourceType\":\"Bundle\",\"type\":\"document\",\"entry\":["
    "{\"resource\":{\"resourceType\":\"Composition\",\"status\":\"final\",\"title\":\"T\"}},"
    "{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"a\",\"gender\":\"female\"}}]}";

static const struct record *
read_record(const char *json)
{
	struct fhir_read_options options = { .lenient = true, .type = PACK_NONE };
	struct record_builder b;
	struct findings findings;
	const struct record *r;

	findings_init(&findings, &memory, 10);
	record_builder_init(&b, pack, &record_default_limits);
	r = fhir_json_read(str_from(json), &options, &b, &memory, &findings);
	record_builder_release(&b);
	if (!r || findings.errors)
		printf("# %s\n", findings.first ? findings.first->text.p : "no record");
	return r;
}

/* The items' values with ", " between; "!" and the error when there is one. */
static struct str
answer(const struct record *r, const char *expression)
{
	struct fhirpath *f;
	struct fhirpath_items items;
	struct error err = { 0 };
	struct buf b;
	struct str all;

	buf_init(&b, 1 << 16);
	f = fhirpath_compile(pack, record_type(r, pack, 0), str_from(expression), &err);
	if (!f || fhirpath_eval(f, r, 0, &memory, &items, &err)) {
		buf_printf(&b, "!%s", err.text);
		items.count = 0;
	}
	for (uint32_t i = 0; i < items.count; i++) {
		const struct fhirpath_item *item = &items.at[i];

		if (i)
			buf_puts(&b, ", ");
		if (item->kind == FHIRPATH_NODE)
			buf_put_str(&b, pack_text(pack, pack_type_at(pack, item->type)->name));
		else
			buf_put_str(&b, item->value);
	}
	fhirpath_free(f);
	all = str_dup(&memory, buf_str(&b));
	buf_release(&b);
	return all;
}

struct row {
	const char *expression, *answer;
};

/* What each gives follows from the text of FHIRPath N1; sections beside. */
static const struct row of_patient[] = {
	/* 3.1, 3.2 paths, 9.2 FHIR's choices */
	{ "name.given", "Peter, James, Jim, Peter, James" },
	{ "Patient.name.given", "Peter, James, Jim, Peter, James" },
	{ "Patient.`name`.family", "Chalmers, Windsor" },
	{ "Observation.value", "" },
	{ "Resource.id", "p1" },
	{ "DomainResource.extension.url", "http://x/colour, http://x/size, http://x/size" },
	{ "deceased", "false" },
	{ "Patient.multipleBirth", "2" },
	{ "extension.value", "blue, 1.50, 1.5" },
	{ "contained", "Practitioner" },
	{ "contained.id", "dr" },
	{ "$this.id", "p1" },
	{ "%context.id | %resource.id", "p1" },
	{ "name.nothing", "!line 1, column 6: there is no element 'nothing' in HumanName" },
	{ "Patient.nam",
	    "!line 1, column 9: there is no element 'nam' in Patient; did you mean 'name'?" },
	{ "\n  Patient\n.birthdate", "!line 3, column 2: there is no element 'birthdate' in "
				     "Patient; did you mean 'birthDate'?" },
	{ "Patient.deceasedBoolean", "!line 1, column 9: there is no element 'deceasedBoolean' in "
				     "Patient; did you mean 'deceased'?" },
	/* 5.1 existence */
	{ "name.empty()", "false" },
	{ "photo.empty()", "true" },
	{ "name.exists()", "true" },
	{ "name.exists(use = 'nickname')", "false" },
	{ "name.all(given.exists())", "true" },
	{ "name.all(family.exists())", "false" },
	{ "name.count()", "3" },
	{ "name.given.distinct()", "Peter, James, Jim" },
	{ "name.given.isDistinct()", "false" },
	{ "(1 | 2).subsetOf(1 | 2 | 3)", "true" },
	{ "(1 | 2).supersetOf(1 | 2 | 3)", "false" },
	{ "(true).combine(false).allTrue()", "false" },
	{ "(true).combine(false).anyTrue()", "true" },
	{ "{}.allTrue()", "true" },
	{ "{}.anyFalse()", "false" },
	{ "active.not()", "false" },
	{ "photo.not()", "" },
	/* 5.2 filtering */
	{ "name.where(use = 'usual').given", "Jim" },
	{ "name.where(given = 'Jim').use", "usual" },
	{ "name.where($index = 2).family", "Windsor" },
	{ "name.select(given.first())", "Peter, Jim, Peter" },
	{ "extension.value.ofType(decimal)", "1.50, 1.5" },
	{ "extension.value.ofType(string)", "blue" },
	{ "(extension.value as string)", "!" },
	{ "(extension.where(value is string).value as string)", "blue" },
	/* 5.3 subsetting */
	{ "name[0].given[1]", "James" },
	{ "name[9]", "" },
	{ "name.first().family", "Chalmers" },
	{ "name.last().family", "Windsor" },
	{ "name.tail().use", "usual, maiden" },
	{ "name.skip(2).use", "maiden" },
	{ "name.skip(-1).use", "official, usual, maiden" },
	{ "name.take(2).use", "official, usual" },
	{ "name.take(0)", "" },
	{ "name.single()", "!line 1, column 6: one item was expected, and there are several" },
	{ "gender.single()", "male" },
	{ "name.given.intersect('Jim' | 'Bob')", "Jim" },
	{ "name.given.exclude('Jim')", "Peter, James, Peter, James" },
	/* 5.4 combining */
	{ "1 | 1 | 2", "1, 2" },
	{ "(1).combine(1)", "1, 1" },
	{ "(1).union(1)", "1" },
	/* 5.5.1 */
	{ "iif(active, 'yes', 'no')", "yes" },
	{ "iif(photo.exists(), 'yes')", "" },
	/* 5.6 strings */
	{ "'abc'.contains('b')", "true" },
	{ "'abc'.startsWith('')", "true" },
	{ "'abc'.endsWith('bc')", "true" },
	{ "'aBc'.upper() & 'aBc'.lower()", "ABCabc" },
	{ "'h\\u00e9'.length()", "2" },
	{ "1.toString()", "1" },
	{ "'it\\'s \\t ok' = 'it\\'s \t ok'", "true" },
	/* 6.1 equality: empty where a precision is missing */
	{ "1 = 1.0", "true" },
	{ "0.10 = 0.1", "true" },
	{ "100 = 1000.0", "false" },
	{ "-0.0 = 0", "true" },
	{ "'a' = 'A'", "false" },
	{ "'a  b' ~ 'A b'", "true" },
	{ "'STRASSE \xc3\x84' ~ 'stra\xc3\x9f"
	  "e\n\xc3\xa4'",
	    "true" },
	{ "'\xce\xa3\xce\x8a' ~ '\xcf\x83\xce\xaf' and '\xcf\x82' ~ '\xce\xa3'", "true" },
	{ "'\xc3\x84' ~ 'a'", "false" },
	{ "'\xc3\x84\xce\xa9\xd0\x96'.lower()", "\xc3\xa4\xcf\x89\xd0\xb6" },
	{ "'\xc3\xa4\xcf\x89\xd0\xb6'.upper()", "\xc3\x84\xce\xa9\xd0\x96" },
	{ "'stra\xc3\x9f"
	  "e \xef\xac\x81'.upper()",
	    "STRASSE FI" },
	{ "name.select(given.first().matches('^P'))", "true, false, true" },
	{ "name.given.first().matches('^' & 'P')", "true" },
	{ "(1 | 2) = (2 | 1)", "false" },
	{ "(1 | 2) ~ (2 | 1)", "true" },
	{ "{} = {}", "" },
	{ "{} ~ {}", "true" },
	{ "1 != 2", "true" },
	{ "@2012 = @2012-01", "" },
	{ "@2012 = @2013-01", "false" },
	{ "@2012-01-01T10:00Z = @2012-01-01T12:00+02:00", "true" },
	{ "@2012-01-01T10:30:31.0 = @2012-01-01T10:30:31", "true" },
	{ "@2012-01-01T10:00 = @2012-01-01T10:00Z", "" },
	{ "birthDate = @1974-12-25", "true" },
	{ "name[0] = name[0]", "true" },
	{ "name[0].given = name[2].given", "true" },
	{ "name[0] = name[2]", "false" },
	{ "extension[1] = extension[2]", "true" }, /* 1.50 and 1.5 */
	{ "(extension[1] | extension[2]).count()", "1" },
	/* 6.2 comparison */
	{ "'a' < 'b'", "true" },
	{ "9 < 10.5", "true" },
	{ "-2 < -1.5", "true" },
	{ "1.1e.exists()", "!" },
	{ "birthDate < @1974-12-26", "true" },
	{ "birthDate < @1974", "" },
	{ "birthDate > @1973", "true" },
	{ "@T10:00 < @T10:00:01", "" },
	{ "@T10 < @T11", "true" },
	{ "1 < 'a'", "!line 1, column 3: these values have no order" },
	/* 6.3 types */
	{ "active is boolean", "true" },
	{ "active is Boolean", "false" },
	{ "active.is(FHIR.boolean)", "true" },
	{ "true is System.Boolean", "true" },
	{ "gender is string", "true" },
	{ "$this is DomainResource", "true" },
	{ "name is HumanName",
	    "!line 1, column 6: the type of one item can be asked, and there are several" },
	{ "gender.ofType(string)", "" },
	{ "gender.ofType(code)", "male" },
	{ "children().first()",
	    "!line 1, column 12: first() needs an order, and these items have none" },
	{ "active is Nonsense", "!line 1, column 8: there is no type 'Nonsense'" },
	/* 6.4 */
	{ "'Jim' in name.given", "true" },
	{ "name.given contains 'Bob'", "false" },
	{ "{} in name", "" },
	/* 6.5 three-valued logic */
	{ "true and {}", "" },
	{ "false and {}", "false" },
	{ "{} and false", "false" },
	{ "{} or true", "true" },
	{ "{} or false", "" },
	{ "true xor {}", "" },
	{ "true xor false", "true" },
	{ "false implies {}", "true" },
	{ "{} implies true", "true" },
	{ "{} implies false", "" },
	{ "true implies false", "false" },
	{ "name.exists() and gender", "true" },
	/* 6.6 */
	{ "1 + 2 * 3", "7" },
	{ "7 div 2", "3" },
	{ "7 mod 2", "1" },
	{ "7 div 0", "" },
	{ "2147483647 + 1", "" },
	{ "'a' + 'b'", "ab" },
	{ "'a' + {}", "" },
	{ "'a' & {}", "a" },
	{ "-1 + 2", "1" },
	/* 6.8 precedence */
	{ "1 | 2 = 2 | 1", "false" },
	{ "true or true and false", "true" },
	{ "1 + 1 = 2 and 3 > 2", "true" },
	{ "1 = 1 is Boolean", "false" },
	/* FHIR's own */
	{ "extension('http://x/colour').value", "blue" },
	{ "birthDate.extension('http://x/time').value", "1974-12-25T14:35:45-05:00" },
	{ "hasExtension('http://x/size')", "true" },
	{ "birthDate.hasValue()", "true" },
	{ "name.hasValue()", "false" },
	{ "generalPractitioner.where(resolve() is Practitioner).reference",
	    "#dr, http://h/fhir/Practitioner/3/_history/4" },
	{ "generalPractitioner.where(resolve() is Organization).reference", "Organization/7" },
	{ "generalPractitioner.where(resolve().is(PractitionerRole)).identifier.value", "x" },
	{ "generalPractitioner.resolve()", "Practitioner" },
	{ "generalPractitioner.resolve().id", "dr" },
	{ "children().count() > 10", "true" },
	{ "descendants().where($this is HumanName).count()", "3" },
	{ "%vs-administrative-gender = %`vs-administrative-gender`", "true" },
	{ "%ext-a.length() = %\"ext-a\".length() and %'ext-a' = %ext-a", "true" },
	{ "%sct & %`ext-a`", "http://snomed.info/scthttp://hl7.org/fhir/StructureDefinition/a" },
	{ "$this.conformsTo('http://hl7.org/fhir/StructureDefinition/DomainResource')", "true" },
	{ "$this.conformsTo('http://x/none')",
	    "!line 1, column 7: that structure is not known here" },
	{ "gender.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')", "true" },
	{ "'men'.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')", "false" },
	{ "gender.memberOf('http://x/none')", "" },
	{ "gender.elementDefinition().path", "Patient.gender" },
	{ "gender.elementDefinition().binding.strength", "required" },
	{ "name.first().elementDefinition().select(min.toString() & max)", "0*" },
	{ "deceased.elementDefinition().select(path & max)", "Patient.deceased[x]1" },
	{ "deceased.elementDefinition().type.code", "boolean, dateTime" },
	{ "generalPractitioner.first().elementDefinition().type.targetProfile.last()",
	    "http://hl7.org/fhir/StructureDefinition/PractitionerRole" },
	{ "$this.elementDefinition().constraint.where(key = 'dom-2').expression",
	    "contained.contained.empty()" },
	{ "id.type().name & gender.elementDefinition().type().name", "idElementDefinition" },
	{ "checkModifiers('a').id", "p1" },
	{ "slice('a', 'b')", "!line 1, column 1: there are no profiles here to find a slice by" },
	/* 5.2.3, 5.2.4 repeat() takes what is new only */
	{ "repeat(contained | contained.extension).count()", "1" },
	{ "(1).repeat(iif($this < 5, $this + 1, {}))", "2, 3, 4, 5" },
	{ "name.repeat('x')", "x" },
	/* 5.5 conversion */
	{ "'1'.toInteger() + 1", "2" },
	{ "'1.0'.toInteger()", "" },
	{ "'yes'.toBoolean() and 'T'.toBoolean()", "true" },
	{ "'2012-02-30'.convertsToDate()", "false" },
	{ "'2012-02-29T25:00'.convertsToDateTime()", "false" },
	{ "@2012-02-29T10:00Z.toDate()", "2012-02-29" },
	{ "'14:30'.toTime()", "14:30" },
	{ "'4 days'.toQuantity() = 4 days", "true" },
	{ "1 year.toString()", "1 year" },
	/* 2.1.1: whole numbers are of 32 bits */
	{ "2147483647.convertsToInteger()", "true" },
	{ "-2147483648", "-2147483648" },
	{ "(-2147483647 - 1).abs()", "" },
	{ "007 + 00.50", "7.50" },
	{ "'2147483648'.convertsToInteger()", "false" },
	/* 5.6 strings */
	{ "'abcdefg'.indexOf('x')", "-1" },
	{ "'h\u00e9llo'.indexOf('l')", "2" },
	{ "'abcabc'.lastIndexOf('b')", "4" },
	{ "'h\u00e9llo'.substring(1, 1)", "\xc3\xa9" },
	{ "'abcdefg'.replace('cde', '123')", "ab123fg" },
	{ "'abc'.replace('', 'x')", "xaxbxcx" },
	{ "'11/30/1972'.replaceMatches('\\\\b(?<m>\\\\d{1,2})/(?<d>\\\\d{1,2})"
	  "/(?<y>\\\\d{2,4})\\\\b', '${d}-${m}-${y}')",
	    "30-11-1972" },
	{ "'N8000123123'.matches('^N[0-9]{8}$')", "false" },
	{ "'N8000123123'.matches('N[0-9]{8}')", "true" },
	{ "'N8000123123'.matchesFull('N[0-9]{8}')", "false" },
	{ "'a'.matches('(')",
	    "!line 1, column 13: that is no regular expression: missing closing parenthesis, "
	    "at character 2 of it" },
	{ "'a,b,,c'.split(',').join('-')", "a-b--c" },
	{ "'<&>'.escape('html').unescape('html')", "<&>" },
	{ "'\u00e9'.encode('base64').decode('base64').length()", "1" },
	{ "'zz'.decode('hex')", "" },
	{ "'abc'.toChars()", "a, b, c" },
	/* 5.7 mathematics, exact */
	{ "(-5.5).abs()", "5.5" },
	{ "1.1.ceiling() | 2.1.floor() | (-2.1).floor() | (-1.56).truncate()", "2, -3, -1" },
	{ "0.1 + 0.2 = 0.3", "true" },
	{ "3.14159.round(3)", "3.142" },
	{ "(-1).sqrt()", "" },
	{ "2.power(31)", "" },
	{ "1.5 + 1", "2.5" },
	{ "2 / 4", "0.5" },
	{ "2.2 mod 1.8", "0.4" },
	{ "1 / 0", "" },
	/* 6.6.7 time */
	{ "@1973-12-25 + 7 days", "1974-01-01" },
	{ "@2012-02-29 + 1 year", "2013-02-28" },
	{ "@2012-01-31 + 1 month", "2012-02-29" },
	{ "@2014 + 24 months", "2016" },
	{ "@2014 + 23 months", "2015" },
	{ "@2016 + 365 days", "2017" },
	{ "@2012-04-15T10:00:00 + 90 minutes", "2012-04-15T11:30:00" },
	{ "@T23:30 + 1 hour", "00:30" },
	{ "@2012-04-15 - 1 'mo'",
	    "!line 1, column 13: that is no unit to reckon with dates and times" },
	{ "@9999-12-31 + 1 day", "" },
	{ "@2012 + 7", "!line 1, column 7: there is no such arithmetic between System.Date and "
		       "System.Integer" },
	/* quantities */
	{ "4 'mg'", "4 'mg'" },
	{ "1 'kg' = 1000.0 'g'", "true" },
	{ "1 'kg' = 1 'm'", "" },
	{ "7 days = 1 week", "true" },
	{ "1 'cm' < 1 'm'", "true" },
	/* 5.9, 7: aggregate, variables, reflection */
	{ "(1 | 2 | 3).aggregate($this + $total, 0)", "6" },
	{ "$total", "!line 1, column 1: $total has a meaning only in aggregate()" },
	{ "name.defineVariable('n').select(%n.count()) | 1.select(%n)",
	    "!line 1, column 56: there is no constant %n" },
	{ "defineVariable('g', gender).select(%g)", "male" },
	{ "defineVariable('g', gender).name.where(%g = 'male').count()", "3" },
	{ "defineVariable('a').defineVariable('a')", "!line 1, column 36: %a is defined already" },
	{ "name.given.trace('x').count()", "5" },
	{ "coalesce(photo, gender, id)", "male" },
	{ "(3 | 1 | 2).sort()", "1, 2, 3" },
	{ "name.sort(use).use", "maiden, official, usual" },
	{ "name.sort(-use).use", "usual, official, maiden" },
	{ "active.type().namespace & '.' & active.type().name", "FHIR.boolean" },
	{ "1.type().name", "Integer" },
	{ "type().baseType", "FHIR.DomainResource" },
	/* precision and boundaries */
	{ "1.58700.precision() | @2014.precision() | @T10:30:00.000.precision()", "5, 4, 9" },
	{ "1.587.lowBoundary(2)", "1.58" },
	{ "@2014.highBoundary(6)", "2014-12" },
	{ "@2014-02.highBoundary(8)", "2014-02-28" },
	{ "@2014-01-01T08.highBoundary(17)", "2014-01-01T08:59:59.999-12:00" },
	{ "now() >= today().toDateTime() or true", "true" },
	{ "now() = now()", "true" },
	{ "nothing()", "!line 1, column 1: there is no function 'nothing'" },
	{ "name.lower()", "!line 1, column 6: lower() is no function of HumanName" },
	/* what is wrong says so */
	{ "name.wher(use)",
	    "!line 1, column 6: there is no function 'wher'; did you mean 'where'?" },
	{ "@2015-13-01", "!line 1, column 1: there is no such date as 2015-13-01" },
	{ "@2015-02-29T10:00", "!line 1, column 1: there is no such date as 2015-02-29T10:00" },
	{ "@T24:00", "!line 1, column 1: there is no such time as 24:00" },
	{ "name is HumanNam",
	    "!line 1, column 6: there is no type 'HumanNam'; did you mean 'HumanName'?" },
	{ "name.where(use = 'a' use", "!line 1, column 22: expected , or ), not 'use'" },
	{ "name.given.upper()", "!line 1, column 12: upper() is a function of one text" },
	{ "name.first(1)", "!line 1, column 6: first() takes no arguments, not 1" },
	{ "'a'.name",
	    "!line 1, column 5: there is no element 'name' in a value of FHIRPath's own types" },
};

static const struct row of_observation[] = {
	{ "(Observation.value as Quantity)", "Quantity" },
	{ "value.as(Quantity).value", "185.0" },
	{ "Observation.value.ofType(Period)", "" },
	{ "Observation.component.value.ofType(string)", "low" },
	{ "Observation.component.value.ofType(Quantity).value", "5" },
	{ "(Observation.component.value as Quantity).value", "!" },
	{ "subject.where(resolve() is Patient).reference", "Patient/example" },
	{ "code.coding.where(system = %loinc).code", "29463-7" },
	{ "effective < @2016-04-01", "true" },
	{ "effective = @2016-03-01", "" },
	{ "AllergyIntolerance.code | Observation.code", "CodeableConcept" },
};

static const struct row of_bundle[] = {
	{ "Bundle.entry[0].resource", "Composition" },
	{ "Bundle.entry[0].resource as Composition", "Composition" },
	{ "(Bundle.entry[0].resource as Composition).title", "T" },
	{ "entry.resource.ofType(Patient).gender", "female" },
	{ "entry.resource.gender", "female" },
	{ "entry.resource.status", "final" },
	{ "entry.resource.where($this is Patient).id", "a" },
};

/* Codes of a system with a hierarchy (v3 RoleCode), of one that the pack does
 * not have, and of a value set that is all of it. */
static const char codes_json[] =
    "{\"resourceType\":\"Basic\",\"code\":{\"coding\":["
    "{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-RoleCode\",\"code\":\"FAMMEMB\"},"
    "{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-RoleCode\",\"code\":\"SIB\"},"
    "{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-RoleCode\",\"code\":\"CN\"},"
    "{\"system\":\"http://loinc.org\",\"code\":\"1-8\"},"
    "{\"system\":\"http://loinc.org\",\"code\":\"2-6\"}]}}";

static const struct row of_codes[] = {
	{ "code.coding[0].subsumes(%resource.code.coding[1])", "true" },
	{ "code.coding[1].subsumes(%resource.code.coding[0])", "false" },
	{ "code.coding[1].subsumedBy(%resource.code.coding[0])", "true" },
	{ "code.coding[0].subsumes(%resource.code.coding[2])", "false" },
	{ "code.coding[2].subsumes(%resource.code.coding[2])", "true" },
	{ "code.coding[3].subsumes(%resource.code.coding[4])", "" },
	{ "code.coding[3].subsumes(%resource.code.coding[0])", "false" },
	{ "code.subsumes(code.coding[1])", "true" },
	{ "code.coding[1].memberOf('http://terminology.hl7.org/ValueSet/v3-FamilyMember')",
	    "true" },
	{ "code.coding[2].memberOf('http://terminology.hl7.org/ValueSet/v3-FamilyMember')",
	    "false" },
	{ "code.memberOf('http://terminology.hl7.org/ValueSet/v3-FamilyMember')", "true" },
	{ "code.coding[3].memberOf(%`vs-observation-codes`)", "" },
	{ "code.coding[0].memberOf(%`vs-observation-codes`)", "false" },
};

static void
test_rows(const char *json, const struct row *rows, size_t count)
{
	const struct record *r = read_record(json);

	if (!ok(r != NULL, "a record to ask"))
		return;
	for (size_t i = 0; i < count; i++) {
		struct str got = answer(r, rows[i].expression);

		if (strcmp(rows[i].answer, "!") == 0)
			ok(str_starts(got, STR("!")), "%s is refused", rows[i].expression);
		else
			is_str(got, str_from(rows[i].answer), "%s", rows[i].expression);
	}
}

/* All of R4's search parameters compile for all their bases. */
static void
test_search_parameters(void)
{
	unsigned bad = 0, count = 0;
	struct error err;

	for (uint32_t i = 0; i < pack_param_count(pack); i++) {
		const struct pack_param *p = pack_param_at(pack, i);
		const uint32_t *bases = pack_numbers(pack, p->bases);

		for (uint32_t k = 0; k < p->bases.count && p->expression.len; k++) {
			struct fhirpath *f = fhirpath_compile_definition(
			    pack, bases[k], pack_text(pack, p->expression), &err);

			count++;
			if (!f) {
				bad++;
				printf("# %.*s: %s\n", STR_ARG(pack_text(pack, p->url)), err.text);
			}
			fhirpath_free(f);
		}
	}
	ok(bad == 0 && count > 1400, "R4's search parameters compile, %u of %u", count - bad,
	    count);
}

/* R4's definitions use as on collections, where N1, 6.3.3 forbids it. */
static void
test_definition(void)
{
	const struct record *r = read_record(patient_json);
	struct fhirpath_items items = { 0 };
	struct error err = { 0 };
	struct fhirpath *f = fhirpath_compile_definition(
	    pack, record_type(r, pack, 0), STR("(extension.value as string)"), &err);

	ok(f && fhirpath_eval(f, r, 0, &memory, &items, &err) == 0 && items.count == 1 &&
		str_is(items.at[0].value, "blue"),
	    "a definition's as takes what ofType() takes");
	fhirpath_free(f);
}

/* Faults of the definitions themselves. */
static const char *const faulty_invariants[][2] = {
	{ "cid-0", "speaks of a name, which ChargeItemDefinition does not have" },
};

static bool
is_faulty(struct str key)
{
	for (size_t i = 0; i < sizeof(faulty_invariants) / sizeof(faulty_invariants[0]); i++)
		if (str_is(key, faulty_invariants[i][0]))
			return true;
	return false;
}

/* Every invariant of the definitions compiles for its element's type. */
static void
test_invariants(void)
{
	unsigned bad = 0, count = 0;

	for (uint32_t e = 0; e < pack_element_count(pack); e++) {
		const struct pack_detail *d = pack_detail_at(pack, e);
		const struct pack_invariant *v = pack_invariants(pack, d->invariants);

		for (uint32_t i = 0; i < d->invariants.count; i++) {
			struct str key = pack_text(pack, v[i].key);
			struct error err;
			struct fhirpath *f;

			if (!v[i].expression.len)
				continue;
			f = fhirpath_compile_definition(
			    pack, e, pack_text(pack, v[i].expression), &err);
			count++;
			if (!f && !is_faulty(key)) {
				bad++;
				printf("# %.*s of %.*s: %s\n", STR_ARG(key),
				    STR_ARG(pack_text(pack, d->path)), err.text);
			}
			fhirpath_free(f);
		}
	}
	ok(bad == 0 && count > 500, "the invariants of the definitions compile, %u of %u",
	    count - bad, count);
	for (size_t i = 0; i < sizeof(faulty_invariants) / sizeof(faulty_invariants[0]); i++)
		printf("# left out: %s %s\n", faulty_invariants[i][0], faulty_invariants[i][1]);
}

/* A Patient with that many names, all of them different. */
static const struct record *
make_patient(int names)
{
	const struct record *r;
	struct buf b;

	buf_init(&b, 1 << 24);
	buf_puts(&b, "{\"resourceType\":\"Patient\",\"name\":[");
	for (int i = 0; i < names; i++)
		buf_printf(&b, "%s{\"family\":\"f%d\",\"given\":[\"g%d\",\"h%d\"]}", i ? "," : "",
		    i, i, i / 2);
	buf_puts(&b, "]}");
	buf_put_byte(&b, 0);
	r = read_record(b.p);
	buf_release(&b);
	return r;
}

/* Whether so many steps are enough; *memory: bytes of the arena. */
static bool
is_enough(const struct fhirpath *f, const struct record *r, uint32_t steps, size_t *bytes)
{
	struct fhirpath_input input = { .record = r, .steps = steps };
	struct fhirpath_items items;
	struct error err;
	struct arena a;
	bool enough;

	arena_init(&a, 256 << 20, 0);
	enough = fhirpath_run(f, &input, &a, &items, &err) == 0;
	*bytes = a.used;
	arena_release(&a);
	return enough;
}

/* The fewest steps that are enough. */
static uint32_t
steps_of(const char *expression, const struct record *r, size_t *bytes)
{
	struct error err;
	struct fhirpath *f = fhirpath_compile(
	    pack, record_type(r, pack, 0), str_from(expression), &err);
	uint32_t low = 1, high = FHIRPATH_STEPS;

	while (f && low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (is_enough(f, r, middle, bytes))
			high = middle;
		else
			low = middle + 1;
	}
	ok(f && is_enough(f, r, high, bytes), "%s takes %u steps", expression, (unsigned)high);
	fhirpath_free(f);
	return high;
}

/* What has twice the items takes twice the steps and memory, not four times. */
static void
test_linear(void)
{
	static const char *const rows[] = { "descendants()", "repeat(name)", "repeat(children())",
		"name.given | name.family", "name | name", "name.given.distinct()",
		"name.distinct()", "name.given.isDistinct()",
		"name.given.intersect(name.family | name.given)", "name.given.exclude(name.family)",
		"name.family.subsetOf(name.given)", "name.sort(family)",
		"name.select(family & given.first())", "name.given.count()" };
	const struct record *small = make_patient(2000), *large = make_patient(4000);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t bytes, more;
		uint32_t few = steps_of(rows[i], small, &bytes);

		ok(steps_of(rows[i], large, &more) < few / 10 * 23 && more < bytes / 10 * 25,
		    "%s grows with its input", rows[i]);
	}
}

static void
test_limits(void)
{
	static const char *const endless[] = { "repeatAll(2.5.power(0.3))",
		"repeatAll(1 'mg' * 2 'g')", "repeatAll((1 'mg' | 2 'g') ~ (2 'g' | 1 'mg'))",
		"repeatAll('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab'.matches('(a+)+$'))" };
	const struct record *r = read_record(patient_json);
	struct arena a;
	struct buf b;
	struct error err = { 0 };
	struct fhirpath *f;
	struct fhirpath_items items;
	size_t bytes;

	buf_init(&b, 1 << 20);
	buf_puts(&b, "descendants()");
	for (int i = 0; i < 12; i++)
		buf_puts(&b, ".select(%context.descendants())");
	buf_put_byte(&b, 0);
	f = fhirpath_compile(pack, record_type(r, pack, 0), str_of(b.p, b.len - 1), &err);
	arena_init(&a, 64 << 20, 0);
	ok(f && fhirpath_eval(f, r, 0, &a, &items, &err) == -1 && err.kind == ERROR_LIMIT,
	    "too much work is stopped: %s", err.text);
	arena_release(&a);
	fhirpath_free(f);
	ok(steps_of("'aaaaaaaaaaaaaaaa!'.matches('^(a+)+$')", r, &bytes) > 10000,
	    "a match counts for what it takes");
	for (size_t i = 0; i < sizeof(endless) / sizeof(endless[0]); i++)
		ok(str_find_str(answer(r, endless[i]), STR(" was stopped: it takes ")) > 0,
		    "%s is stopped", endless[i]);
	buf_clear(&b);
	for (int i = 0; i < 5000; i++)
		buf_put_byte(&b, '(');
	ok(!fhirpath_compile(pack, 0, buf_str(&b), &err), "%.60s", err.text);
	buf_clear(&b);
	for (int i = 0; i < 5000; i++)
		buf_puts(&b, "-");
	ok(!fhirpath_compile(pack, 0, buf_str(&b), &err), "%.60s", err.text);
	buf_clear(&b);
	for (int i = 0; i < 5000; i++)
		buf_puts(&b, "a.");
	ok(!fhirpath_compile(pack, 0, buf_str(&b), &err), "%.60s", err.text);
	buf_clear(&b);
	for (int i = 0; i < 70000; i++)
		buf_puts(&b, " ");
	ok(!fhirpath_compile(pack, 0, buf_str(&b), &err), "%.60s", err.text);
	buf_release(&b);
}

/* Forty values, twenty of which are others written differently. */
static void
put_many(struct buf *b, int form)
{
	for (int i = 0; i < 40; i++) {
		int n = i % 20;

		buf_puts(b, i ? ").combine(" : "(");
		if (form == 0)
			buf_printf(b, "%d.%.*d", n, 1 + i / 7, 0);
		else if (form == 1)
			buf_printf(b, "'%d'", n);
		else if (form == 2 && i < 20)
			buf_printf(b, "@2012-01-01T%02d:30:00-05:00", n);
		else if (form == 2)
			buf_printf(b, "@2012-01-%02dT%02d:30:00Z", n < 19 ? 1 : 2, (n + 5) % 24);
		else
			buf_printf(b, "(%d = 3)", n);
	}
	buf_puts(b, ").distinct().count()");
	buf_put_byte(b, 0);
}

static void
test_many(void)
{
	static const struct row rows[] = { { "decimals", "20" }, { "texts", "20" },
		{ "moments in two zones", "20" }, { "truths", "2" } };
	const struct record *r = read_record(observation_json);
	struct buf b;

	for (int k = 0; k < 4; k++) {
		buf_init(&b, 1 << 16);
		put_many(&b, k);
		is_str(answer(r, b.p), str_from(rows[k].answer), "distinct %s", rows[k].expression);
		buf_release(&b);
	}
}

/* A union of two long lists of the same codes, within the limits. */
static void
test_long_union(void)
{
	struct buf b;

	buf_init(&b, 8 << 20);
	buf_puts(&b,
	    "{\"resourceType\":\"ValueSet\",\"status\":\"active\",\"compose\":{\"include\":"
	    "[{\"system\":\"urn:a\",\"concept\":[");
	for (int i = 0; i < 20000; i++)
		buf_printf(&b, "%s{\"code\":\"c%d\"}", i ? "," : "", i);
	buf_puts(&b, "]}]},\"expansion\":{\"timestamp\":\"2020-01-01\",\"contains\":[");
	for (int i = 0; i < 20000; i++)
		buf_printf(&b, "%s{\"code\":\"c%d\"}", i ? "," : "", i + 5);
	buf_puts(&b, "]}}");
	buf_put_byte(&b, 0);
	is_str(answer(read_record(b.p), "(ValueSet.expansion.contains.code | "
					"ValueSet.compose.include.concept.code).count()"),
	    STR("20005"), "a long union");
	buf_release(&b);
}

static void
test_truth(void)
{
	static const struct {
		const char *expression;
		int holds; /* -1: an error */
	} rows[] = { { "{}", 0 }, { "active", 1 }, { "deceased", 0 }, { "gender", 1 },
		{ "name", -1 } };
	const struct record *r = read_record(patient_json);
	struct error err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fhirpath *f = fhirpath_compile(
		    pack, record_type(r, pack, 0), str_from(rows[i].expression), &err);
		bool holds = false;
		int rc = fhirpath_test(f, r, 0, &memory, &holds, &err);

		is_int(rc ? -1 : holds, rows[i].holds, "the truth of %s", rows[i].expression);
		fhirpath_free(f);
	}
}

/* Without definitions: what the grammar (N1, 12) takes and what it does not. */
static void
test_grammar(void)
{
	static const char *const good[] = { "a.b.c()", "a[0].b", "a.as(b.c)", "a is b.c",
		"a as `b`.`c`", "contains.contains(contains)", "as.is is as", "in in in",
		"-a.b + -1", "{}", "@2015", "@2015-02T", "@2015-02-04T14:34:28.123+10:00",
		"@T14:34", "4 days", "4 'mg'", "%a | %`b c` | %'d'", "$this.a", "/* x */ a // y",
		"a.where($index > 1)", "'\\u0041\\\\\\/'", "a.`b`", "(((a)))", "1.a" };
	static const struct row bad[] = {
		{ "", "line 1, column 1: expected a value or a name before the end" },
		{ "a b", "line 1, column 3: expected an operator or the end, not 'b'" },
		{ "a.", "line 1, column 3: expected a name behind the point before the end" },
		{ "a.1", "line 1, column 3: expected a name behind the point, not '1'" },
		{ "(a", "line 1, column 3: expected ) before the end" },
		{ "a[0", "line 1, column 4: expected ] before the end" },
		{ "f(a,)", "line 1, column 5: expected a value, a name or (, not ')'" },
		{ "a +", "line 1, column 4: expected a value or a name before the end" },
		{ "'abc", "line 1, column 1: this text has no closing quote" },
		{ "'\\q'", "line 1, column 2: there is no such escape" },
		{ "/* a", "line 1, column 1: this comment has no end" },
		{ "a # b", "line 1, column 3: this character has no meaning here" },
		{ "@20", "line 1, column 1: expected a date as @2015-02-04" },
		{ "@T14:34Z", "line 1, column 1: a time has no time zone" },
		{ "a is 1", "line 1, column 6: expected the name of a type, not '1'" },
		{ "$that", "line 1, column 1: expected $this, $index or $total, not '$that'" },
		{ "a\nand", "line 2, column 4: expected a value or a name before the end" },
		{ "\xff", "line 1, column 1: this is not UTF-8" },
	};
	struct error err;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(syntax_parse(str_from(good[i]), &memory, &err) != NULL, "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err.text[0] = 0;
		ok(!syntax_parse(str_from(bad[i].expression), &memory, &err), "refused");
		is_str(str_from(err.text), str_from(bad[i].answer), "its error");
	}
}

#define ROWS(a) a, sizeof(a) / sizeof(a[0])

int
main(void)
{
	const char *path = getenv("FIREDOOR_PACK");
	struct error err;

	arena_init(&memory, 256 << 20, 0);
	test_grammar();
	if (!path || !*path) {
		tap_skip("expressions over records", "FIREDOOR_PACK is not set");
	} else if (ok((pack = pack_open(path, &err)) != NULL, "%s opens", path)) {
		test_rows(patient_json, ROWS(of_patient));
		test_rows(observation_json, ROWS(of_observation));
		test_rows(bundle_json, ROWS(of_bundle));
		test_rows(codes_json, ROWS(of_codes));
		test_truth();
		test_many();
		test_long_union();
		test_search_parameters();
		test_definition();
		test_invariants();
		test_linear();
		test_limits();
	}
	pack_free(pack);
	arena_release(&memory);
	return tap_done();
}
