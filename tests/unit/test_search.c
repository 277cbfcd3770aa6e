/*
 * From a resource's JSON to its index rows, from a query string to what the
 * store finds: the rules and examples of FHIR R4's page "Search".
 */
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/percent.h"
#include "gateway/fhir/search_index.h"
#include "gateway/fhir/search_query.h"
#include "gateway/store/store.h"
#include "tests/tap.h"

#define BASE "http://here.example/fhir"
#define UCUM "http://unitsofmeasure.org"

static char folder[] = "/tmp/test_search.XXXXXX";
static const struct pack *pack;
static struct search_index *si;
static struct store *store;
static struct store_reader *reader;
static struct arena arena;
static reference_entry_fn *finder;

static const char *const resources[] = {
	"{\"resourceType\":\"Organization\",\"id\":\"top\",\"name\":\"Holding\"}",
	"{\"resourceType\":\"Organization\",\"id\":\"org\",\"name\":\"Acme\",\"partOf\":{"
	"\"reference\":\"Organization/top\"}}",
	"{\"resourceType\":\"Observation\",\"id\":\"mg\",\"status\":\"preliminary\","
	"\"code\":{\"text\":\"x\"},\"valueQuantity\":{\"value\":5.4,\"unit\":\"milligram\","
	"\"system\":\"" UCUM "\",\"code\":\"mg\"}}",
	"{\"resourceType\":\"Observation\",\"id\":\"g\",\"status\":\"preliminary\","
	"\"code\":{\"text\":\"x\"},\"valueQuantity\":{\"value\":5.4,\"unit\":\"g\",\"system\":"
	"\"" UCUM "\",\"code\":\"g\"}}",
	"{\"resourceType\":\"Observation\",\"id\":\"less\",\"status\":\"preliminary\","
	"\"code\":{\"text\":\"x\"},\"valueQuantity\":{\"value\":3,\"comparator\":\"<\",\"unit\":"
	"\"mg\",\"system\":\"" UCUM "\",\"code\":\"mg\"}}",
	"{\"resourceType\":\"Observation\",\"id\":\"tablets\",\"status\":\"preliminary\","
	"\"code\":{\"text\":\"x\"},\"valueQuantity\":{\"value\":2,\"system\":\"http://acme.org/"
	"forms\",\"code\":\"TAB\"}}",
	"{\"resourceType\":\"Observation\",\"id\":\"ph\",\"status\":\"preliminary\","
	"\"code\":{\"text\":\"x\"},\"valueQuantity\":{\"value\":7.4,\"system\":\"" UCUM
	"\",\"code\":\"[pH]\"}}",
	"{\"resourceType\":\"RiskAssessment\",\"id\":\"p100\",\"status\":\"final\",\"subject\":{"
	"\"reference\":\"Group/g\"},\"prediction\":[{\"probabilityDecimal\":100}]}",
	"{\"resourceType\":\"RiskAssessment\",\"id\":\"p99.5\",\"status\":\"final\",\"subject\":{"
	"\"reference\":\"Group/g\"},\"prediction\":[{\"probabilityDecimal\":99.5}]}",
	"{\"resourceType\":\"RiskAssessment\",\"id\":\"p100.5\",\"status\":\"final\",\"subject\":{"
	"\"reference\":\"Group/g\"},\"prediction\":[{\"probabilityDecimal\":100.5}]}",
	"{\"resourceType\":\"RiskAssessment\",\"id\":\"p50\",\"status\":\"final\",\"subject\":{"
	"\"reference\":\"Group/g\"},\"prediction\":[{\"probabilityDecimal\":50}]}",
	"{\"resourceType\":\"RiskAssessment\",\"id\":\"small\",\"status\":\"final\",\"subject\":{"
	"\"reference\":\"Group/g\"},\"prediction\":[{\"probabilityDecimal\":0.000001}]}",
	"{\"resourceType\":\"RiskAssessment\",\"id\":\"range\",\"status\":\"final\",\"subject\":{"
	"\"reference\":\"Group/"
	"g\"},\"prediction\":[{\"probabilityRange\":{\"low\":{\"value\":0.2},\"high\":{\"value\":"
	"0.3}}}]}",
	"{\"resourceType\":\"Invoice\",\"id\":\"bill\",\"status\":\"issued\",\"totalGross\":{"
	"\"value\":10.50,\"currency\":\"EUR\"}}",
	"{\"resourceType\":\"Patient\",\"id\":\"eve\",\"identifier\":[{\"system\":"
	"\"http://acme.org/patient\",\"value\":\"2345\"},{\"value\":\"bare\"}],\"active\":true,"
	"\"name\":[{\"family\":\"M\\u00fcller\",\"given\":[\"Eve\",\"Anne Marie\"]}],"
	"\"gender\":\"female\",\"birthDate\":\"1970-03-14\",\"address\":[{\"city\":"
	"\"Den Haag\",\"line\":[\"Laan 1\"],\"use\":\"home\"}],\"telecom\":[{\"system\":"
	"\"email\",\"value\":\"eve@example.org\"}],\"managingOrganization\":{\"reference\":"
	"\"Organization/org\"}}",
	"{\"resourceType\":\"Patient\",\"id\":\"evelyn\",\"identifier\":[{\"system\":"
	"\"http://acme.org/patient\",\"value\":\"99\"},{\"system\":\"urn:other\",\"value\":"
	"\"2345\"}],\"name\":[{\"family\":\"Mullerova\",\"given\":[\"Evelyn\"]}],\"gender\":"
	"\"female\",\"birthDate\":\"1970\",\"deceasedBoolean\":true}",
	"{\"resourceType\":\"Patient\",\"id\":\"severine\",\"name\":[{\"given\":[\"Severine\"],"
	"\"family\":\"O,Brien\"}],\"gender\":\"male\",\"birthDate\":\"1970-03-15\"}",
	"{\"resourceType\":\"Patient\",\"id\":\"nameless\"}",
	"{\"resourceType\":\"Observation\",\"id\":\"hr\",\"status\":\"final\",\"code\":{"
	"\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"8867-4\"},{\"system\":"
	"\"urn:local\",\"code\":\"HR\"}]},\"subject\":{\"reference\":\"Patient/eve\"},"
	"\"effectiveDateTime\":\"2013-01-14T10:00:00Z\"}",
	"{\"resourceType\":\"Observation\",\"id\":\"period\",\"status\":\"amended\",\"code\":{"
	"\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"1234-5\"}]},\"subject\":{"
	"\"reference\":\"" BASE "/Patient/evelyn\",\"identifier\":{\"system\":\"urn:s\","
	"\"value\":\"E\"}},\"effectivePeriod\":{\"start\":\"2013-01-10\",\"end\":"
	"\"2013-01-20\"}}",
	"{\"resourceType\":\"Observation\",\"id\":\"open\",\"status\":\"final\",\"code\":{"
	"\"coding\":[{\"code\":\"1234-5\"}]},\"subject\":{\"reference\":"
	"\"http://there.example/fhir/Patient/7\"},\"effectivePeriod\":{\"start\":"
	"\"2013-01-15\"}}",
	"{\"resourceType\":\"Observation\",\"id\":\"group\",\"status\":\"final\",\"code\":{"
	"\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"8867-4\"}]},\"subject\":{"
	"\"reference\":\"Group/eve\"},\"effectiveDateTime\":\"2013-01\"}",
	"{\"resourceType\":\"ValueSet\",\"id\":\"vs\",\"url\":\"http://acme.org/fhir/vs/1\","
	"\"status\":\"draft\",\"date\":\"2020-05\"}",
	"{\"resourceType\":\"QuestionnaireResponse\",\"id\":\"qr\",\"status\":\"completed\","
	"\"questionnaire\":\"http://acme.org/q|2\"}",
};

/* A query string of a type, and the ids it finds, in any order. */
static const struct {
	const char *type, *query, *ids;
} cases[] = {
	/* Tokens: 3.1.1.4.10. */
	{ "Patient", "identifier=http://acme.org/patient|2345", "eve" },
	{ "Patient", "identifier=2345", "eve evelyn" },
	{ "Patient", "identifier=|bare", "eve" },
	{ "Patient", "identifier=|2345", "" },
	{ "Patient", "identifier=http://acme.org/patient|", "eve evelyn" },
	{ "Patient", "identifier=99,bare", "eve evelyn" },
	{ "Patient", "identifier=2345&identifier=99", "evelyn" },
	{ "Patient", "identifier=234", "" },
	{ "Patient", "gender=male", "severine" },
	{ "Patient", "gender=http://hl7.org/fhir/administrative-gender|male", "severine" },
	{ "Patient", "gender:not=male", "eve evelyn nameless" },
	{ "Patient", "gender:not=male,female", "nameless" },
	{ "Patient", "active=true", "eve" },
	{ "Patient", "deceased=true", "evelyn" },
	{ "Patient", "telecom=eve@example.org", "eve" },
	{ "Patient", "email=eve@example.org", "eve" },
	{ "Patient", "phone=eve@example.org", "" },
	{ "Observation", "code=http://loinc.org|8867-4", "hr group" },
	{ "Observation", "code=urn:local|HR", "hr" },
	{ "Observation", "code=HR", "hr" },
	{ "Observation", "code=hr", "" },
	{ "Observation", "code=|1234-5", "open" },
	{ "Observation", "code=1234-5", "open period" },
	{ "Observation", "status=final&code=8867-4", "hr group" },
	{ "Observation", "code:not=8867-4", "open period mg g less tablets ph" },
	/* Strings: 3.1.1.4.8. */
	{ "Patient", "given=eve", "eve evelyn" },
	{ "Patient", "given:contains=eve", "eve evelyn severine" },
	{ "Patient", "given:exact=Eve", "eve" },
	{ "Patient", "given:exact=eve", "" },
	{ "Patient", "given:exact=Ev", "" },
	{ "Patient", "family=muller", "eve evelyn" },
	{ "Patient", "family=M%C3%BCller", "eve evelyn" },
	{ "Patient", "family:exact=Muller", "" },
	{ "Patient", "family:exact=M%C3%BCller", "eve" },
	{ "Patient", "name=anne+marie", "eve" },
	{ "Patient", "name=ANNE%20%20MARIE", "eve" },
	{ "Patient", "name=sev,evelyn", "severine evelyn" },
	{ "Patient", "family=o%5C,brien", "severine" },
	{ "Patient", "family=o,zzz", "severine" },
	{ "Patient", "address=den", "eve" },
	{ "Patient", "address-city=den+haag", "eve" },
	{ "Patient", "address=home", "" },
	{ "Patient", "address-use=home", "eve" },
	{ "Patient", "given=e%25", "" },
	/* :missing: 3.1.1.4.6. */
	{ "Patient", "gender:missing=true", "nameless" },
	{ "Patient", "gender:missing=false", "eve evelyn severine" },
	{ "Patient", "birthdate:missing=true", "nameless" },
	{ "Patient", "name:missing=false", "eve evelyn severine" },
	{ "Observation", "encounter:missing=true", "hr period open group mg g less tablets ph" },
	/* Dates: 3.1.1.4.4 and 3.1.1.4.7. */
	{ "Patient", "birthdate=1970-03-14", "eve" },
	{ "Patient", "birthdate=eq1970-03", "eve severine" },
	{ "Patient", "birthdate=1970", "eve evelyn severine" },
	{ "Patient", "birthdate=ne1970-03-14", "evelyn severine" },
	{ "Patient", "birthdate=gt1970-03-14", "evelyn severine" },
	{ "Patient", "birthdate=lt1970-03-14", "evelyn" },
	{ "Patient", "birthdate=ge1970-03-15", "evelyn severine" },
	{ "Patient", "birthdate=le1970-03-14", "eve evelyn" },
	{ "Patient", "birthdate=sa1970-03-14", "severine" },
	{ "Patient", "birthdate=eb1970-03-15", "eve" },
	{ "Patient", "birthdate=ge1970-03-14&birthdate=le1970-03-14", "eve evelyn" },
	{ "Patient", "birthdate=1970-03-14,1970-03-15", "eve severine" },
	{ "Observation", "date=eq2013-01-14", "hr" },
	{ "Observation", "date=2013-01-14T10:00", "hr" },
	{ "Observation", "date=2013-01-14T12:00:00%2B02:00", "hr" },
	{ "Observation", "date=2013-01", "hr period group" },
	{ "Observation", "date=gt2013-01-14", "period open group" },
	{ "Observation", "date=lt2013-01-14T10:00:00Z", "period group" },
	{ "Observation", "date=ge2013-03", "open" },
	{ "Observation", "date=sa2013-01-14", "open" },
	{ "Observation", "date=eb2013-01-21", "hr period" },
	{ "Observation", "date=ne2013-01", "open" },
	/* "Approximately": a tenth of the gap between now and the date. */
	{ "Patient", "birthdate=ap1972", "eve evelyn severine" },
	{ "Patient", "birthdate=ap2010", "" },
	/* Numbers: 3.1.1.4.3, whose table is of 100, 100.00 and 1e2. */
	{ "RiskAssessment", "probability=100", "p100 p99.5" },
	{ "RiskAssessment", "probability=100.00", "p100" },
	{ "RiskAssessment", "probability=1e2", "p100 p99.5 p100.5 p50" },
	{ "RiskAssessment", "probability=lt100", "p99.5 p50 small range" },
	{ "RiskAssessment", "probability=le100", "p100 p99.5 p50 small range" },
	{ "RiskAssessment", "probability=gt100", "p100.5" },
	{ "RiskAssessment", "probability=ge100", "p100 p100.5" },
	{ "RiskAssessment", "probability=ne100", "p100.5 p50 small range" },
	{ "RiskAssessment", "probability=ap100", "p100 p99.5 p100.5" },
	{ "RiskAssessment", "probability=0.0000010", "small" },
	{ "RiskAssessment", "probability=gt0.15&probability=lt0.4", "range" },
	{ "RiskAssessment", "probability=sa0.15", "p100 p99.5 p100.5 p50 range" },
	{ "RiskAssessment", "probability=sa0.3", "p100 p99.5 p100.5 p50" },
	{ "RiskAssessment", "probability=eb0.3", "small" },
	{ "RiskAssessment", "probability=gt-1", "p100 p99.5 p100.5 p50 small range" },
	/* Quantities: 3.1.1.4.11. */
	{ "Observation", "value-quantity=5.4|" UCUM "|mg", "mg" },
	{ "Observation", "value-quantity=5.40e-3|" UCUM "|g", "mg" },
	{ "Observation", "value-quantity=5.4||mg", "mg" },
	{ "Observation", "value-quantity=5.4||milligram", "mg" },
	{ "Observation", "value-quantity=5.4", "mg g" },
	{ "Observation", "value-quantity=5.4|" UCUM "|g", "g" },
	{ "Observation", "value-quantity=5400|" UCUM "|mg", "g" },
	{ "Observation", "value-quantity=le5.4|" UCUM "|mg", "mg less" },
	{ "Observation", "value-quantity=gt5.4|" UCUM "|mg", "g" },
	{ "Observation", "value-quantity=ap5.5|" UCUM "|g", "g" },
	{ "Observation", "value-quantity=lt3|" UCUM "|mg", "less" },
	{ "Observation", "value-quantity=ge2.5||mg", "mg less" },
	{ "Observation", "value-quantity=2||TAB", "tablets" },
	{ "Observation", "value-quantity=2|http://acme.org/forms|TAB", "tablets" },
	{ "Observation", "value-quantity=2|" UCUM "|TAB", "" },
	{ "Observation", "value-quantity=gt7|" UCUM "|[pH]", "ph" },
	{ "Observation", "value-quantity=lt7|" UCUM "|[pH]", "" },
	{ "Observation", "value-quantity=7.4|" UCUM "|[pH]", "ph" },
	{ "Observation", "value-quantity:missing=true", "hr period open group" },
	{ "Invoice", "totalgross=10.5|urn:iso:std:iso:4217|EUR", "bill" },
	/* References: 3.1.1.4.12. */
	{ "Observation", "subject=Patient/eve", "hr" },
	{ "Observation", "subject=eve", "hr group" },
	{ "Observation", "subject:Patient=eve", "hr" },
	{ "Observation", "subject:Group=eve", "group" },
	{ "Observation", "subject=" BASE "/Patient/eve", "hr" },
	{ "Observation", "subject=Patient/evelyn", "period" },
	{ "Observation", "subject=http://there.example/fhir/Patient/7", "open" },
	{ "Observation", "subject=Patient/7", "" },
	{ "Observation", "subject:identifier=urn:s|E", "period" },
	{ "Observation", "patient=eve", "hr" },
	{ "Observation", "patient=Patient/eve,Patient/evelyn", "hr period" },
	{ "Patient", "organization=Organization/org", "eve" },
	{ "QuestionnaireResponse", "questionnaire=http://acme.org/q", "qr" },
	{ "QuestionnaireResponse", "questionnaire=http://acme.org/q%7C2", "qr" },
	{ "QuestionnaireResponse", "questionnaire=http://acme.org/q%7C3", "" },
	/* URIs: 3.1.1.4.13: exact. */
	{ "ValueSet", "url=http://acme.org/fhir/vs/1", "vs" },
	{ "ValueSet", "url=http://acme.org/fhir/vs", "" },
	{ "ValueSet", "url=HTTP://acme.org/fhir/vs/1", "" },
	/* Chains: 3.1.1.4.13. */
	{ "Observation", "subject:Patient.name=eve", "hr period" },
	{ "Observation", "subject.name=eve", "hr period" },
	{ "Observation", "patient.given:exact=Eve", "hr" },
	{ "Observation", "subject:Group.code=eve", "" },
	{ "Observation", "subject:Patient.gender:not=female", "" },
	{ "Observation", "subject:Patient._id=eve", "hr" },
	{ "Observation", "subject:Patient.birthdate=lt1970-03-15&code=HR", "hr" },
	{ "Observation", "patient.organization.name=acme", "hr" },
	{ "Observation", "patient.organization.partof.name=holding", "hr" },
	{ "Observation", "patient.organization:Organization.partof:Organization.name=acme", "" },
	{ "Observation", "subject:Patient.name=eve&subject:Patient.birthdate=1970-03-14", "hr" },
	{ "Observation", "subject:Patient.identifier=http://acme.org/patient|2345,urn:other|2345",
	    "hr period" },
	{ "Observation", "subject:Patient.telecom:missing=false", "hr" },
	/* _has: 3.1.1.4.14. */
	{ "Patient", "_has:Observation:patient:code=8867-4", "eve" },
	{ "Patient", "_has:Observation:patient:code=1234-5", "evelyn" },
	{ "Patient", "_has:Observation:patient:code=8867-4,1234-5", "eve evelyn" },
	{ "Patient", "_has:Observation:patient:date=2013-01-14&gender=female", "eve" },
	{ "Patient", "_has:Observation:patient:status:not=final", "evelyn" },
	{ "Organization", "_has:Patient:organization:_has:Observation:patient:code=HR", "org" },
	{ "Organization", "_has:Patient:organization:name=evelyn", "" },
	{ "Organization", "_has:Organization:partof:_has:Patient:organization:name=eve", "top" },
	{ "Observation", "patient._has:Observation:patient:code=HR", "hr" },
	{ "Patient", "_has:Observation:patient:patient.organization.name=acme", "eve" },
	/* Of every resource: 3.1.1.4.1. */
	{ "Patient", "_id=eve", "eve" },
	{ "Patient", "_id=eve,severine,hr", "eve severine" },
	{ "Patient", "_id=eve&gender=male", "" },
	{ "Patient", "_lastUpdated=gt2000", "eve evelyn severine nameless" },
	{ "Patient", "_lastUpdated=lt2000", "" },
	{ "Patient", "", "eve evelyn severine nameless" },
	{ "Patient", "_format=json&_pretty=true", "eve evelyn severine nameless" },
};

/* Queries that are refused: the code of the finding, and a word in it. */
static const struct {
	const char *type, *query, *code, *word;
	bool lenient_refuses; /* with lenient handling too */
} refusals[] = {
	{ "Patient", "famly=x", "not-found", "family", false },
	{ "Patient", "zzzzzzzzzzz=x", "not-found", "CapabilityStatement", false },
	{ "Patient", "given:exakt=x", "not-found", ":exact", false },
	{ "Patient", "birthdate:exact=1970", "not-supported", ":exact", false },
	{ "Patient", "birthdate=xx1970", "not-found", "prefixes", false },
	{ "Patient", "birthdate=1970-13", "value", "birthdate", true },
	{ "Patient", "birthdate=", "value", "birthdate", true },
	{ "Patient", "gender:missing=maybe", "value", "true", true },
	{ "Patient", "identifier=|", "value", "token", true },
	{ "Patient", "given=a%5Cb", "value", "text", true },
	{ "Patient", "_count=many", "value", "_count", true },
	{ "Patient", "_count=-1", "value", "_count", true },
	{ "Patient", "_sort=_score", "not-supported", "weigh", false },
	{ "Patient", "_sort=birthdat", "not-found", "birthdate", false },
	{ "Patient", "_sort=near", "not-found", "near", false },
	{ "Patient", "_summary=some", "value", "_summary", true },
	{ "Patient", "_elements=nam", "value", "name", false },
	{ "Patient", "_elements=", "value", "_elements", false },
	{ "Patient", "_has:Observation:patient=1", "value", "_has:Observation", true },
	{ "Patient", "_has:Observation:patent:code=1", "not-found", "patent", false },
	{ "Patient", "_has:Obsrvation:patient:code=1", "not-found", "Obsrvation", false },
	{ "Patient", "_has:Observation:patient:cod=1", "not-found", "code", false },
	{ "Patient", "_has:Observation:status:code=1", "not-found", "refers", false },
	{ "Patient", "organization.nam=x", "not-found", "nam", false },
	{ "Patient", "organization:Organization.nam=x", "not-found", "name", false },
	{ "Patient", "organization:Patent.name=x", "not-found", "Patent", false },
	{ "Patient", "organization.name=", "value", "value", true },
	{ "Patient", "gender.name=x", "value", "gender", true },
	{ "Patient", "organization._count=1", "not-found", "_count", false },
	{ "Patient", "_has:AuditEvent:entity:agent=x", "forbidden", "AuditEvent", true },
	{ "Group",
	    "member:Device.organization:Organization.partof:Organization.partof:"
	    "Organization.partof:Organization.partof:Organization.partof:"
	    "Organization.partof:Organization.partof:Organization.partof:"
	    "Organization.name=x",
	    "too-costly", "chain", true },
	{ "Observation", "_include=Observation:subjec", "not-found", "subject", false },
	{ "Observation", "_include=Observation:code", "not-supported", "references", false },
	{ "Observation", "_include=Observation:subject:Medication", "not-found", "Medication",
	    false },
	{ "Observation", "_include=Observtion:subject", "not-found", "Observation", false },
	{ "Observation", "_include:recurse=Observation:subject", "not-supported", ":iterate",
	    false },
	{ "Observation", "_include=subject", "value", "Type:parameter", true },
	{ "Observation", "_revinclude=AuditEvent:patient", "forbidden", "AuditEvent", true },
	{ "Observation", "value-quantity=gtx", "value", "quantity", true },
	{ "Observation", "value-quantity=5|mg", "value", "quantity", true },
	{ "Observation", "value-quantity=5|http://unitsofmeasure.org|", "value", "quantity", true },
	{ "Observation", "value-quantity=more5", "not-found", "prefixes", false },
	{ "Observation", "value-quantity:exact=5", "not-supported", ":exact", false },
	{ "RiskAssessment", "probability=0.8x", "value", "number", true },
	{ "Observation", "code-value-quantity=1", "value", "code$value-quantity", true },
	{ "Observation", "subject=1/_history/2", "value", "version", true },
	{ "Observation", "subject:Patient=Group/1", "value", "subject", true },
	{ "Patient", "_cursor=00", "not-found", "_cursor", false },
};

static struct store_index *
extract(const char *json, struct arena *a, uint32_t *type, struct str *id, uint32_t *count)
{
	struct fhir_read_options options = { .type = PACK_NONE };
	struct record_builder b;
	struct findings findings;
	const struct record *r;
	struct store_index *rows = NULL;
	struct error err = { 0 };

	record_builder_init(&b, pack, &record_default_limits);
	findings_init(&findings, a, 10);
	r = fhir_json_read(str_from(json), &options, &b, a, &findings);
	if (!ok(r && !findings.errors, "the resource is read"))
		return NULL;
	*type = record_type(r, pack, 0);
	*id = record_value(r, pack, 0, STR("id"));
	if (search_index_extract(si, r, 0, finder, NULL, a, &rows, count, &err) < 0)
		ok(false, "values of %.*s: %s", STR_ARG(*id), err.text);
	record_builder_release(&b);
	return rows;
}

static void
load(void)
{
	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
		struct store_op op = { .verb = STORE_UPDATE, .body = STR("{}") };
		struct store_write w = { .arena = &arena, .ops = &op, .count = 1 };
		struct store_write *batch[] = { &w };

		op.index = extract(resources[i], &arena, &op.type, &op.id, &op.index_count);
		ok(op.index && store_commit(store, batch, 1, NULL) == 0 && w.result == 0,
		    "store resource %d", (int)i);
	}
}

static struct store_visibility seen = { .kind = SEES_EVERYTHING };

/* All may be searched but AuditEvent. */
static bool
permit(void *ctx, uint32_t type, struct store_visibility *out)
{
	const struct store_visibility *v = ctx;

	*out = *v;
	return type != pack_find_resource(pack, STR("AuditEvent"));
}

static int
parse(const char *type, const char *query, bool lenient, struct search_query *q,
    struct findings *findings)
{
	struct search_options o = { .lenient = lenient,
		.want_total = true,
		.count = 20,
		.most = 100,
		.visibility = seen,
		.permit = permit,
		.permit_ctx = &seen };
	struct query_pair *pairs;
	struct error err;
	uint32_t count;

	findings_init(findings, &arena, 10);
	if (query_pairs(str_from(query), &arena, &pairs, &count, &err) < 0)
		return -1;
	return search_query_parse(si, pack, pack_find_resource(pack, str_from(type)), pairs, count,
	    &o, &arena, q, findings);
}

/* As many as are listed, and each of them. */
static bool
finds(const struct store_page *page, const char *ids)
{
	struct str one, rest = str_from(ids);
	uint32_t listed = 0;

	while (rest.len && str_split(&rest, ' ', &one)) {
		bool found = false;

		for (uint32_t i = 0; i < page->count; i++)
			found |= str_eq(page->at[i].id, one);
		if (!found)
			return false;
		listed++;
	}
	return page->count == listed && page->total == listed;
}

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct search_query q;
		struct store_page page = { 0 };
		struct findings findings;
		struct error err = { 0 };
		int rc = parse(cases[i].type, cases[i].query, false, &q, &findings);

		if (rc == 0)
			rc = store_search(reader, &q.store, &arena, &page, &err);
		if (!ok(rc == 0 && finds(&page, cases[i].ids), "%s?%s", cases[i].type,
			cases[i].query)) {
			for (struct finding *f = findings.first; f; f = f->next)
				printf("# %.*s\n", STR_ARG(f->text));
			printf("# %s want: %s; got:", err.text, cases[i].ids);
			for (uint32_t j = 0; j < page.count; j++)
				printf(" %.*s", STR_ARG(page.at[j].id));
			printf("; total %d\n", (int)page.total);
		}
	}
}

static void
test_refusals(void)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct search_query q;
		struct findings strict, lenient;
		struct str told = STR("");
		int rc = parse(refusals[i].type, refusals[i].query, false, &q, &strict);

		if (strict.first)
			told = strict.first->text;
		ok(rc < 0 && strict.first &&
			str_is(str_from(strict.first->code), refusals[i].code) &&
			str_find_str(strict.first->text, str_from(refusals[i].word)) >= 0,
		    "%s?%s is refused: %.*s", refusals[i].type, refusals[i].query, STR_ARG(told));
		rc = parse(refusals[i].type, refusals[i].query, true, &q, &lenient);
		if (refusals[i].lenient_refuses)
			ok(rc < 0, "lenient handling too");
		else
			ok(rc == 0 && lenient.first &&
				lenient.first->severity == SEVERITY_WARNING && q.used_count == 0 &&
				q.store.clause_count == 0,
			    "lenient handling warns and leaves it out");
	}
}

static void
test_results(void)
{
	struct search_query q;
	struct findings f;

	parse("Patient", "_count=1000", false, &q, &f);
	is_int(q.store.count, 100, "_count is bounded");
	parse("Patient", "_count=0", false, &q, &f);
	ok(q.count_only && q.store.count == 0 && q.store.want_total, "_count=0 counts");
	parse("Patient", "_summary=data&_elements=name,contact", false, &q, &f);
	ok(q.subset.summary == SUMMARY_DATA && q.subset.element_count == 2 && q.used_count == 2,
	    "_summary and _elements say which part");
	parse("Patient", "_summary=count&_count=5", false, &q, &f);
	ok(q.count_only && q.store.count == 0 && q.store.want_total, "_summary=count counts");
	parse("Patient", "_total=none", false, &q, &f);
	ok(!q.store.want_total, "_total=none does not");
	parse("Patient", "_sort=_lastUpdated", false, &q, &f);
	ok(q.store.sort_count == 1 && !q.store.sort->descending, "oldest first");
	parse("Patient", "_sort=-_lastUpdated", false, &q, &f);
	ok(q.store.sort_count == 1 && q.store.sort->descending, "newest first");
	parse("Patient", "given=a&famly=b&gender=male", true, &q, &f);
	ok(q.used_count == 2 && str_is(q.used[1].name, "gender"),
	    "what was obeyed is told for the self link");
}

static void
test_order_and_pages(void)
{
	struct search_query q;
	struct findings f;
	struct store_page page;

	parse("Patient", "_sort=_lastUpdated&_count=3&_total=accurate", false, &q, &f);
	store_search(reader, &q.store, &arena, &page, NULL);
	ok(page.count == 3 && page.more && str_is(page.at[0].id, "eve"), "the oldest first");
	q.store.moment = page.moment;
	q.store.from_row = page.next_row;
	store_search(reader, &q.store, &arena, &page, NULL);
	ok(page.count == 1 && !page.more && str_is(page.at[0].id, "nameless") && page.total == 4,
	    "and the next page is the rest");
	q.store.from_row = page.at[0].row;
	q.store.backward = true;
	store_search(reader, &q.store, &arena, &page, NULL);
	ok(page.count == 3 && !page.more && str_is(page.at[0].id, "eve"), "and back again");
	parse("Observation", "_count=2&_total=accurate", false, &q, &f);
	store_search(reader, &q.store, &arena, &page, NULL);
	ok(page.count == 2 && str_is(page.at[0].id, "group") && page.total == 9,
	    "the newest first unless asked");
}

static void
test_compartments(void)
{
	struct search_query q;
	struct findings f;
	struct store_page page;
	struct store_version v;
	struct store_visibility eve = { .kind = SEES_COMPARTMENT,
		.compartment = STR("Patient/eve") };
	struct store_history h = { .type = PACK_NONE, .count = 50, .want_total = true };
	uint32_t patient = pack_find_resource(pack, STR("Patient"));

	parse("Observation", "", false, &q, &f);
	q.store.visibility = eve;
	store_search(reader, &q.store, &arena, &page, NULL);
	ok(page.count == 1 && str_is(page.at[0].id, "hr") && page.total == 1,
	    "a compartment's observations");
	parse("Observation", "code=1234-5", false, &q, &f);
	q.store.visibility = eve;
	store_search(reader, &q.store, &arena, &page, NULL);
	ok(page.count == 0 && page.total == 0, "others are not found, nor counted");
	parse("Patient", "gender:missing=false", false, &q, &f);
	q.store.visibility = eve;
	store_search(reader, &q.store, &arena, &page, NULL);
	ok(page.count == 1 && str_is(page.at[0].id, "eve"), "the patient is in the compartment");
	parse("Patient", "_id=evelyn", false, &q, &f);
	q.store.visibility = eve;
	store_search(reader, &q.store, &arena, &page, NULL);
	is_int(page.count, 0, "another is not found by id");
	seen = eve;
	parse("Observation", "patient.name=eve", false, &q, &f);
	store_search(reader, &q.store, &arena, &page, NULL);
	ok(page.count == 1 && page.total == 1, "a chain within the compartment");
	q.store.visibility = (struct store_visibility){ .kind = SEES_EVERYTHING };
	store_search(reader, &q.store, &arena, &page, NULL);
	ok(page.count == 1 && page.total == 1, "a chain goes over nothing out of the compartment");
	parse("Patient", "_has:Observation:patient:code=8867-4,1234-5", false, &q, &f);
	q.store.visibility = (struct store_visibility){ .kind = SEES_EVERYTHING };
	store_search(reader, &q.store, &arena, &page, NULL);
	ok(page.count == 1 && str_is(page.at[0].id, "eve"), "nor does _has");
	seen = (struct store_visibility){ 0 };
	parse("Observation", "patient.name=eve", false, &q, &f);
	q.store.visibility = (struct store_visibility){ .kind = SEES_EVERYTHING };
	store_search(reader, &q.store, &arena, &page, NULL);
	is_int(page.count, 0, "nor over anything for who sees nothing");
	seen.kind = SEES_EVERYTHING;
	parse("Patient", "", false, &q, &f);
	q.store.visibility = (struct store_visibility){ 0 };
	store_search(reader, &q.store, &arena, &page, NULL);
	ok(page.count == 0 && page.total == 0, "who sees nothing finds nothing");
	is_int(store_read(reader, patient, STR("eve"), 0, &eve, &arena, &v, NULL), 1,
	    "a read in the compartment");
	is_int(store_read(reader, patient, STR("evelyn"), 0, &eve, &arena, &v, NULL), 0,
	    "a read out of it is a read of nothing");
	h.visibility = eve;
	store_read_history(reader, &h, &arena, &page, NULL);
	is_int(page.count, 2, "history of the compartment");
	is_int(page.total, 2, "and its total");
}

static bool
find_entry(void *ctx, struct str reference, uint32_t *entry)
{
	(void)ctx;
	*entry = 0;
	return str_is(reference, "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0");
}

/* A transaction whose observation refers to its patient, whose id is only
 * known when it is written. */
static void
test_entries(void)
{
	static const char observation[] =
	    "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"x\"},"
	    "\"subject\":{\"reference\":\"urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0\"}}";
	struct store_op ops[2] = { { .verb = STORE_CREATE, .id = STR("settled") },
		{ .verb = STORE_CREATE, .id = STR("refers") } };
	struct store_write w = { .arena = &arena, .ops = ops, .count = 2 };
	struct store_write *batch[] = { &w };
	struct store_visibility settled = { .kind = SEES_COMPARTMENT,
		.compartment = STR("Patient/settled") };
	struct search_query q;
	struct findings f;
	struct store_page page;
	struct str id;

	finder = find_entry;
	ops[0].body = ops[1].body = STR("{}");
	ops[0].index = extract(
	    "{\"resourceType\":\"Patient\"}", &arena, &ops[0].type, &id, &ops[0].index_count);
	ops[1].index = extract(observation, &arena, &ops[1].type, &id, &ops[1].index_count);
	finder = NULL;
	ok(store_commit(store, batch, 1, NULL) == 0 && w.result == 0, "a transaction of two");
	parse("Observation", "patient=settled", false, &q, &f);
	store_search(reader, &q.store, &arena, &page, NULL);
	ok(page.count == 1 && str_is(page.at[0].id, "refers"), "found by the reference");
	parse("Observation", "", false, &q, &f);
	q.store.visibility = settled;
	store_search(reader, &q.store, &arena, &page, NULL);
	ok(page.count == 1 && str_is(page.at[0].id, "refers"), "and in the compartment");
	parse("Patient", "", false, &q, &f);
	q.store.visibility = settled;
	store_search(reader, &q.store, &arena, &page, NULL);
	ok(page.count == 1 && str_is(page.at[0].id, "settled"), "with the patient");
}

/* A deletion is seen by who saw what was deleted, and found by nobody. */
static void
test_deleted(void)
{
	struct store_op op = { .verb = STORE_DELETE, .id = STR("hr") };
	struct store_write w = { .arena = &arena, .ops = &op, .count = 1 };
	struct store_write *batch[] = { &w };
	struct store_visibility eve = { .kind = SEES_COMPARTMENT,
		.compartment = STR("Patient/eve") };
	struct store_visibility other = { .kind = SEES_COMPARTMENT,
		.compartment = STR("Patient/evelyn") };
	struct store_version v;
	struct search_query q;
	struct findings f;
	struct store_page page;

	op.type = pack_find_resource(pack, STR("Observation"));
	store_commit(store, batch, 1, NULL);
	parse("Observation", "subject=Patient/eve", false, &q, &f);
	store_search(reader, &q.store, &arena, &page, NULL);
	is_int(page.count, 0, "what is deleted is not found");
	ok(store_read(reader, op.type, STR("hr"), 0, &eve, &arena, &v, NULL) == 1 && v.deleted,
	    "its deletion is seen in the compartment");
	is_int(store_read(reader, op.type, STR("hr"), 0, &other, &arena, &v, NULL), 0,
	    "and in no other");
}

static void
test_match(void)
{
	struct store_match m;
	struct findings f;
	uint32_t patient = pack_find_resource(pack, STR("Patient"));
	static const char *const bad[] = { "", "_count=1", "famly=x", "identifier=%zz",
		"_cursor=1" };

	findings_init(&f, &arena, 10);
	ok(search_match_parse(
	       si, pack, patient, STR("identifier=urn:other%7C2345"), &arena, &m, &f) == 0 &&
		m.count == 1 && m.clauses[0].count == 1 &&
		str_is(m.clauses[0].tests[0].value, "2345"),
	    "conditions of a conditional write");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		findings_init(&f, &arena, 10);
		ok(search_match_parse(si, pack, patient, str_from(bad[i]), &arena, &m, &f) < 0 &&
			f.errors,
		    "no conditions: '%s'", bad[i]);
	}
}

static void
test_decoding(void)
{
	struct str out;
	struct error err;
	struct query_pair *pairs;
	uint32_t count;
	static const char *const bad[] = { "%", "%2", "%2x", "%00", "%ff", "a%C3" };

	ok(percent_decode(STR("a+b%20c%2B%c3%bc"), true, &arena, &out, &err) == 0 &&
		str_is(out, "a b c+\xc3\xbc"),
	    "a text is decoded");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(percent_decode(str_from(bad[i]), true, &arena, &out, &err) < 0, "%s is refused",
		    bad[i]);
	ok(query_pairs(STR("a=1&&b&c=x=y&d%3D=%26"), &arena, &pairs, &count, &err) == 0 &&
		count == 4 && str_is(pairs[1].name, "b") && pairs[1].value.len == 0 &&
		str_is(pairs[2].value, "x=y") && str_is(pairs[3].name, "d=") &&
		str_is(pairs[3].value, "&"),
	    "pairs are split before they are decoded");
}

/* A search of very many values, and one under a very long name. */
static void
test_bounds(void)
{
	struct search_query q;
	struct findings f;
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_puts(&b, "identifier=1");
	for (int i = 0; i < 1000; i++)
		buf_puts(&b, ",1");
	buf_put_byte(&b, '\0');
	ok(parse("Patient", b.p, false, &q, &f) < 0 &&
		str_is(str_from(f.first->code), "too-costly"),
	    "too many values");
	buf_clear(&b);
	for (int i = 0; i < 10000; i++)
		buf_puts(&b, "x");
	buf_puts(&b, "=1");
	buf_put_byte(&b, '\0');
	ok(parse("Patient", b.p, false, &q, &f) < 0 && f.first->text.len < 500, "a long name");
	buf_clear(&b);
	for (int i = 0; i < 600; i++)
		buf_puts(&b, "a=1&");
	buf_put_byte(&b, '\0');
	is_int(parse("Patient", b.p, false, &q, &f), -1, "too many parameters");
	buf_release(&b);
}

/* A parameter whose expression is a union, over very many values. */
static void
test_many_values(void)
{
	struct store_index *rows;
	struct arena a;
	struct buf b;
	struct str id;
	uint32_t type, count = 0;

	buf_init(&b, 1 << 24);
	arena_init(&a, 256 << 20, 0);
	buf_puts(&b, "{\"resourceType\":\"ValueSet\",\"status\":\"draft\",\"compose\":{"
		     "\"include\":[{\"system\":\"urn:s\",\"concept\":[{\"code\":\"a\"}");
	for (int i = 0; i < 20000; i++)
		buf_printf(&b, ",{\"code\":\"c%d\"}", i);
	buf_puts(&b, "]}]}}");
	buf_put_byte(&b, '\0');
	rows = extract(b.p, &a, &type, &id, &count);
	ok(rows && count >= 20001, "20,000 codes of a value set");
	arena_release(&a);
	buf_release(&b);
}

/* The parameters of R4 that resources are not indexed by, and why. */
static const struct {
	const char *code, *why;
} not_indexed[] = {
	{ "_text", "of words in texts, by rules of its own" },
	{ "_content", "the same" },
	{ "_filter", "an expression over the others" },
	{ "_query", "names queries, of which there are none: refused" },
	{ "age", "an example without an expression" },
	{ "birthOrderBoolean", "an example without an expression" },
	{ "part-agree", "an example for Patient whose expression is of DocumentReference" },
};

static const char *
reason_of(struct str code)
{
	for (size_t i = 0; i < sizeof(not_indexed) / sizeof(not_indexed[0]); i++)
		if (str_is(code, not_indexed[i].code))
			return not_indexed[i].why;
	return NULL;
}

/* Whether some type has the parameter; the definitions have several of one code
 * for a type, of which one applies. */
static bool
is_shadowed(uint32_t number)
{
	for (uint32_t t = 0; t < pack_type_count(pack); t++) {
		uint32_t count;
		const uint32_t *numbers = pack_type_params(pack, t, &count);

		for (uint32_t i = 0; i < count; i++)
			if (numbers[i] == number)
				return false;
	}
	return true;
}

static void
test_every_parameter(void)
{
	uint32_t types = 0, params = 0, missing = 0, shadowed = 0;
	bool *met = xcalloc(sizeof(not_indexed) / sizeof(not_indexed[0]), sizeof(*met));

	for (uint32_t t = 0; t < pack_type_count(pack); t++) {
		uint32_t count;
		const uint32_t *numbers = pack_type_params(pack, t, &count);

		if (pack_type_at(pack, t)->kind != PACK_RESOURCE || pack_type_at(pack, t)->abstract)
			continue;
		types++;
		for (uint32_t i = 0; i < count; i++) {
			struct str code = pack_text(pack, pack_param_at(pack, numbers[i])->code);
			const char *why = reason_of(code);

			params++;
			for (size_t n = 0; why && n < sizeof(not_indexed) / sizeof(not_indexed[0]);
			     n++)
				met[n] |= str_is(code, not_indexed[n].code);
			if (search_index_has(si, t, numbers[i]) == !why)
				continue;
			missing++;
			printf("# %.*s of type %u: %s\n", STR_ARG(code), t,
			    why ? "is indexed" : "is not indexed");
		}
	}
	ok(types > 140 && params > 2500, "%u types with %u parameters", types, params);
	is_int(missing, 0, "every one is indexed, or named with the reason");
	for (size_t n = 0; n < sizeof(not_indexed) / sizeof(not_indexed[0]); n++)
		ok(met[n], "%s is there, and not indexed: %s", not_indexed[n].code,
		    not_indexed[n].why);
	for (uint32_t i = 0; i < pack_param_count(pack); i++)
		if (is_shadowed(i)) {
			shadowed++;
			printf("# of no type: %.*s\n",
			    STR_ARG(pack_text(pack, pack_param_at(pack, i)->url)));
		}
	ok(pack_param_count(pack) >= 1400, "%u definitions", pack_param_count(pack));
	printf(
	    "# %u apply to no type: others of the same code do, or they have no base\n", shadowed);
	free(met);
}

int
main(void)
{
	const char *path = getenv("FIREDOOR_PACK");
	struct store_options o = { .busy_ms = 100 };
	struct error err = { 0 };
	char command[64], file[64];

	pack = path && *path ? pack_open(path, &err) : NULL;
	if (!pack) {
		tap_skip("search", path ? err.text : "FIREDOOR_PACK is not set");
		return tap_done();
	}
	if (!mkdtemp(folder))
		return 1;
	arena_init(&arena, 256 << 20, 0);
	si = search_index_new(pack, STR(BASE));
	snprintf(file, sizeof(file), "%s/store", folder);
	o.path = file;
	o.pack = pack;
	store = store_open(&o, &err);
	reader = store ? store_reader_open(store, &err) : NULL;
	if (ok(reader != NULL, "a store (%s)", err.text)) {
		load();
		test_cases();
		test_refusals();
		test_results();
		test_order_and_pages();
		test_compartments();
		test_entries();
		test_deleted();
		test_match();
		test_decoding();
		test_bounds();
		test_many_values();
		test_every_parameter();
	}
	store_reader_close(reader);
	store_close(store);
	search_index_free(si);
	arena_release(&arena);
	pack_free(pack);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command) != 0)
		return 1;
	return tap_done();
}
