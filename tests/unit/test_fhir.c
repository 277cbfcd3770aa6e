/* Paths, negotiation, conditions and the resources that the API itself makes:
 * expectations from FHIR R4, 3.1 (http.html), RFC 9110 and RFC 7240. */
#include <jansson.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/percent.h"
#include "gateway/fhir/batch.h"
#include "gateway/fhir/bundle.h"
#include "gateway/fhir/capability.h"
#include "gateway/fhir/negotiate.h"
#include "gateway/fhir/outcome.h"
#include "mappers/fhir/fhir_json.h"
#include "tests/tap.h"

static const struct pack *pack;
static struct arena arena;

static void
test_ids(void)
{
	ok(fhir_id_is_valid(STR("a")), "one letter is an id");
	ok(fhir_id_is_valid(STR("A-1.b")), "letters, digits, - and . are an id");
	ok(!fhir_id_is_valid(STR("")), "nothing is no id");
	ok(!fhir_id_is_valid(STR("a_b")), "an underscore is not of an id");
	ok(!fhir_id_is_valid(STR("a/b")), "a slash is not of an id");
	ok(fhir_id_is_valid(
	       STR("0123456789012345678901234567890123456789012345678901234567890123")),
	    "64 characters are an id");
	ok(!fhir_id_is_valid(
	       STR("01234567890123456789012345678901234567890123456789012345678901234")),
	    "65 characters are not");
}

static void
test_escapes(void)
{
	struct str out;

	ok(percent_decode(STR("a%20b%C3%A9"), false, &arena, &out, NULL) == 0 &&
		str_is(out, "a b\xc3\xa9"),
	    "decodes escapes");
	ok(percent_decode(STR("a+b"), false, &arena, &out, NULL) == 0 && str_is(out, "a+b"),
	    "a plus stays in a path");
	ok(percent_decode(STR("a+b"), true, &arena, &out, NULL) == 0 && str_is(out, "a b"),
	    "a plus is a space in a form");
	ok(percent_decode(STR("a%2"), false, &arena, &out, NULL) < 0, "refuses a cut escape");
	ok(percent_decode(STR("a%zz"), false, &arena, &out, NULL) < 0, "refuses what is not hex");
	ok(percent_decode(STR("a%00"), false, &arena, &out, NULL) < 0, "refuses a NUL");
}

static void
test_etags(void)
{
	uint64_t v = 0;

	ok(etag_parse(STR("W/\"3\""), &v) && v == 3, "a weak ETag");
	ok(etag_parse(STR(" \"12\" "), &v) && v == 12, "a strong one");
	ok(etag_parse(STR("7"), &v) && v == 7, "a bare number");
	ok(!etag_parse(STR("W/\"x\""), &v), "no version of ours");
	ok(!etag_parse(STR(""), &v), "nothing");
	ok(!etag_parse(STR("W/\"0\""), &v), "there is no version 0");
	ok(etag_list_has(STR("W/\"1\", W/\"2\""), 2), "in a list");
	ok(!etag_list_has(STR("W/\"1\", W/\"2\""), 3), "not in a list");
	ok(etag_list_has(STR("*"), 3), "any");
}

static enum media
media(const char *text)
{
	return media_of(str_from(text), STR("4.0.1"));
}

static enum media
chosen(const char *accept)
{
	return accept_choose(str_from(accept), STR("4.0.1"), MEDIA_JSON);
}

static void
test_media(void)
{
	ok(media("application/fhir+json") == MEDIA_JSON, "fhir+json");
	ok(media("application/fhir+json; charset=UTF-8") == MEDIA_JSON, "with a charset");
	ok(media("application/fhir+json;charset=utf-16") == MEDIA_OTHER, "not in another charset");
	ok(media("application/json") == MEDIA_JSON, "plain json");
	ok(media("text/json") == MEDIA_JSON && media("json") == MEDIA_JSON, "json, short");
	ok(media("application/fhir+xml") == MEDIA_XML, "fhir+xml");
	ok(media("text/xml; charset=\"ISO-8859-1\"") == MEDIA_XML, "xml in Latin-1");
	ok(media("application/xml;charset=ebcdic") == MEDIA_OTHER, "not in EBCDIC");
	ok(media("xml") == MEDIA_XML, "xml, short");
	ok(media("text/html") == MEDIA_OTHER, "no html");
	ok(media("application/fhir+json; fhirVersion=4.0") == MEDIA_JSON, "FHIR 4.0");
	ok(media("application/fhir+json; fhirVersion=4.0.1") == MEDIA_JSON, "FHIR 4.0.1");
	ok(media("application/fhir+json; fhirVersion=5.0") == MEDIA_OTHER, "not 5.0");
	ok(media("application/fhir+json; fhirVersion=4") == MEDIA_OTHER, "4 is no release");
	ok(media("application/x-www-form-urlencoded") == MEDIA_FORM, "a form");
}

static void
test_accept(void)
{
	ok(chosen("") == MEDIA_JSON, "no Accept takes all");
	ok(chosen("*/*") == MEDIA_JSON, "any");
	ok(accept_choose(STR("*/*"), STR("4.0.1"), MEDIA_XML) == MEDIA_XML, "any, as it came");
	ok(chosen("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8") == MEDIA_XML,
	    "a browser likes XML better");
	ok(chosen("application/fhir+xml") == MEDIA_XML, "xml only");
	ok(chosen("application/fhir+xml, application/fhir+json;q=0.5") == MEDIA_XML, "xml rather");
	ok(chosen("application/fhir+xml;q=0.3, application/fhir+json;q=0.31") == MEDIA_JSON,
	    "json, by a hundredth");
	ok(chosen("application/fhir+json;q=0, */*") == MEDIA_XML,
	    "the most specific range decides");
	ok(chosen("*/*, application/fhir+xml") == MEDIA_XML, "what is named before what is not");
	ok(chosen("*/*;q=0.000") == MEDIA_OTHER, "nothing at all");
	ok(chosen("text/turtle") == MEDIA_OTHER, "what is not written");
	ok(chosen("application/fhir+json;fhirVersion=3.0") == MEDIA_OTHER, "another FHIR");
	ok(chosen("application/fhir+json;fhirVersion=3.0, application/fhir+json;fhirVersion=4.0") ==
		MEDIA_JSON,
	    "one of two versions");
}

static void
test_codings(void)
{
	ok(accept_takes_gzip(STR("gzip, deflate, br")), "gzip is taken");
	ok(accept_takes_gzip(STR("*")), "anything is taken");
	ok(!accept_takes_gzip(STR("gzip;q=0, *;q=1")), "gzip is not, anything else is");
	ok(!accept_takes_gzip(STR("")), "none is asked for");
	ok(!accept_takes_gzip(STR("br")), "another is");
	ok(coding_of(STR("gzip")) == CODING_GZIP && coding_of(STR("X-GZIP")) == CODING_GZIP,
	    "gzip and its old name");
	ok(coding_of(STR("identity")) == CODING_NONE && coding_of(STR("")) == CODING_NONE, "none");
	ok(coding_of(STR("br")) == CODING_OTHER && coding_of(STR("gzip, gzip")) == CODING_OTHER,
	    "what is not read");
}

static void
test_prefer(void)
{
	struct preferences p;

	prefer_parse(STR("return=minimal"), false, &p);
	ok(p.prefer == RETURN_MINIMAL && !p.lenient, "return=minimal, strict");
	prefer_parse(STR("respond-async, handling=lenient; return=OperationOutcome"), false, &p);
	ok(p.prefer == RETURN_OUTCOME && p.lenient, "several, with an unknown one");
	prefer_parse((struct str){ NULL, 0 }, false, &p);
	ok(p.prefer == RETURN_DEFAULT && !p.lenient, "none");
	prefer_parse((struct str){ NULL, 0 }, true, &p);
	ok(p.lenient, "lenient where nothing is said");
	prefer_parse(STR("handling=strict"), true, &p);
	ok(!p.lenient, "but strict where that is said");
}

static void
test_query_format(void)
{
	struct query_format f;

	query_format_parse(STR("name=x&_format=application/fhir+json&_pretty=true"), &arena, &f);
	is_str(f.format, STR("application/fhir+json"), "_format with a bare plus");
	ok(f.pretty, "_pretty");
	query_format_parse(STR("_format=application%2Ffhir%2Bxml"), &arena, &f);
	is_str(f.format, STR("application/fhir+xml"), "_format, escaped");
	ok(!f.pretty, "no _pretty");
}

static void
test_statuses(void)
{
	is_int(outcome_status(ERROR_BUSY), 503, "busy is 503");
	is_int(outcome_status(ERROR_LIMIT), 413, "a limit is 413");
	is_str(str_from(outcome_code(410)), STR("deleted"), "410 is deleted");
	is_str(str_from(outcome_code(401)), STR("login"), "401 is login");
	is_str(str_from(outcome_code(500)), STR("exception"), "500 is exception");
}

static json_t *
load(const struct buf *b, const char *what)
{
	json_t *j = json_loadb(b->p, b->len, JSON_REJECT_DUPLICATES, NULL);

	ok(j != NULL, "%s is JSON", what);
	return j;
}

static const char *
text_at(json_t *j, const char *a, const char *b)
{
	return json_string_value(json_object_get(json_object_get(j, a), b));
}

static void
test_bundle(void)
{
	struct bundle_link link = { "self", STR("http://x/?a=\"b\"") };
	struct bundle_head head = {
		.type = "history",
		.total = 2,
		.links = &link,
		.link_count = 1,
	};
	struct bundle_writer w;
	struct buf out;
	json_t *j, *entry;

	buf_init(&out, 1 << 16);
	bundle_begin(&w, &out, &head);
	bundle_put(&w, &(struct bundle_entry){
			   .full_url = STR("http://x/Patient/1"),
			   .resource = STR("{\"resourceType\":\"Patient\"}"),
			   .search_mode = "match",
		       });
	bundle_put(&w, &(struct bundle_entry){
			   .method = "DELETE",
			   .request_url = STR("Patient/1"),
			   .status = 204,
			   .version = 3,
			   .updated = 1000000,
		       });
	bundle_end(&w);
	j = load(&out, "a Bundle");
	is_int(json_integer_value(json_object_get(j, "total")), 2, "total");
	is_str(str_from(json_string_value(
		   json_object_get(json_array_get(json_object_get(j, "link"), 0), "url"))),
	    link.url, "a link with quotes");
	is_int(json_array_size(json_object_get(j, "entry")), 2, "two entries");
	entry = json_array_get(json_object_get(j, "entry"), 0);
	is_str(str_from(text_at(entry, "search", "mode")), STR("match"), "search.mode");
	ok(!json_object_get(entry, "response"), "no response where there is none");
	entry = json_array_get(json_object_get(j, "entry"), 1);
	is_str(str_from(text_at(entry, "request", "method")), STR("DELETE"), "request.method");
	is_str(str_from(text_at(entry, "response", "status")), STR("204 No Content"), "status");
	is_str(str_from(text_at(entry, "response", "etag")), STR("W/\"3\""), "etag");
	is_str(str_from(text_at(entry, "response", "lastModified")),
	    STR("1970-01-01T00:00:01.000Z"), "lastModified");
	json_decref(j);
	buf_clear(&out);
	head = (struct bundle_head){ .type = "searchset", .total = UINT64_MAX };
	bundle_begin(&w, &out, &head);
	bundle_end(&w);
	is_str(buf_str(&out), STR("{\"resourceType\":\"Bundle\",\"type\":\"searchset\"}"),
	    "an empty one has no entry, as arrays may not be empty");
	buf_release(&out);
}

static enum route_result
route(const char *method, const char *target, struct fhir_route *out)
{
	struct str word;

	return route_parse(
	    pack, fhir_method_of(str_from(method)), str_from(target), &arena, out, &word);
}

static void
is_route(const char *method, const char *target, enum interaction_id want)
{
	struct fhir_route r;

	ok(route(method, target, &r) == ROUTE_FOUND && r.interaction->id == want, "%s %s", method,
	    target);
}

static void
is_no_route(const char *method, const char *target, enum route_result want)
{
	struct fhir_route r;

	is_int(route(method, target, &r), want, "no route: %s %s", method, target);
}

static void
test_routes(void)
{
	struct fhir_route r;
	char allow[64];

	is_route("GET", "/Patient/1", INTERACTION_READ);
	is_route("HEAD", "/Patient/1", INTERACTION_READ);
	is_route("GET", "Patient/1", INTERACTION_READ);
	is_route("GET", "/Patient/1/_history/2", INTERACTION_VREAD);
	is_route("PUT", "/Patient/1", INTERACTION_UPDATE);
	is_route("PUT", "/Patient?identifier=x", INTERACTION_UPDATE_CONDITIONAL);
	is_route("DELETE", "/Patient/1", INTERACTION_DELETE);
	is_route("DELETE", "/Patient?identifier=x", INTERACTION_DELETE_CONDITIONAL);
	is_route("POST", "/Patient", INTERACTION_CREATE);
	is_route("GET", "/Patient?name=x", INTERACTION_SEARCH_TYPE);
	is_route("POST", "/Patient/_search", INTERACTION_SEARCH_POST);
	is_route("GET", "/metadata", INTERACTION_CAPABILITIES);
	is_route("POST", "", INTERACTION_TRANSACTION);
	is_route("POST", "/", INTERACTION_TRANSACTION);
	is_route("GET", "/Patient/1/_history", INTERACTION_HISTORY_INSTANCE);
	is_route("GET", "/Patient/_history", INTERACTION_HISTORY_TYPE);
	is_route("GET", "/_history", INTERACTION_HISTORY_SYSTEM);
	is_no_route("GET", "/Patien/1", ROUTE_NO_SUCH_TYPE);
	is_no_route("GET", "/DomainResource/1", ROUTE_NO_SUCH_TYPE);
	is_no_route("GET", "/HumanName/1", ROUTE_NO_SUCH_TYPE);
	is_no_route("GET", "/Patient/a_b", ROUTE_BAD_ID);
	is_no_route("GET", "/Patient/1/_history/2/3", ROUTE_NO_SUCH_PATH);
	is_no_route("GET", "/Patient/1/x", ROUTE_NO_SUCH_PATH);
	is_no_route("GET", "//Patient", ROUTE_NO_SUCH_PATH);
	is_no_route("GET", "/Patient/%zz", ROUTE_BAD_ESCAPE);
	is_no_route("POST", "/Patient/$match", ROUTE_NO_SUCH_OPERATION);
	is_no_route("GET", "/Patient/1/$everythin", ROUTE_NO_SUCH_OPERATION);
	is_no_route("GET", "/Patient/1/_history/2/$validate", ROUTE_NO_SUCH_OPERATION);
	is_no_route("GET", "/$validate", ROUTE_NO_SUCH_OPERATION);
	is_no_route("GET", "/Patient/1/$meta-add", ROUTE_BAD_METHOD);
	is_route("PATCH", "/Patient/1", INTERACTION_PATCH);
	is_route("PATCH", "/Patient?identifier=x", INTERACTION_PATCH_CONDITIONAL);
	is_no_route("PATCH", "/Patient/1/_history", ROUTE_BAD_METHOD);
	is_no_route("POST", "/Patient/1", ROUTE_BAD_METHOD);
	is_no_route("get", "/Patient/1", ROUTE_BAD_METHOD);
	route("GET", "/Patient/a-1/_history/17?x=y", &r);
	is_str(r.id, STR("a-1"), "the id");
	is_int(r.version, 17, "the version");
	is_str(r.query, STR("x=y"), "the query");
	route("GET", "/Patient/a/_history/07", &r);
	is_int(r.version, 0, "no version of ours is written with a zero before it");
	route("POST", "/Patient/1", &r);
	route_allow(r.allowed, allow);
	is_str(str_from(allow), STR("GET, HEAD, PUT, DELETE, PATCH, OPTIONS"),
	    "what an instance allows");
	is_str(route_suggest_type(pack, STR("Patiant")), STR("Patient"), "suggests");
}

static void
test_outcome(void)
{
	struct findings f;
	struct buf out;
	json_t *j, *issue;

	findings_init(&f, &arena, 1);
	findings_add(&f, SEVERITY_ERROR, "structure", STR("Patient.name[0]"), 3, 7, "is wrong");
	findings_add(&f, SEVERITY_ERROR, "value", STR("Patient.id"), 4, 8, "is not kept");
	buf_init(&out, 1 << 16);
	is_int(outcome_write(pack, &f, 0, &out), 0, "an outcome is written");
	j = load(&out, "an OperationOutcome");
	issue = json_array_get(json_object_get(j, "issue"), 0);
	is_str(str_from(json_string_value(json_object_get(issue, "severity"))), STR("error"),
	    "severity");
	is_str(
	    str_from(json_string_value(json_object_get(issue, "code"))), STR("structure"), "code");
	is_str(str_from(json_string_value(json_array_get(json_object_get(issue, "expression"), 0))),
	    STR("Patient.name[0]"), "expression");
	is_str(str_from(json_string_value(json_object_get(issue, "diagnostics"))),
	    STR("line 3, column 7: is wrong"), "diagnostics with the place");
	is_int(json_array_size(json_object_get(j, "issue")), 2, "and one that says there is more");
	json_decref(j);
	buf_release(&out);
}

static void
test_capability(void)
{
	struct fhir_service s = { .pack = pack, .base = STR("http://localhost/fhir") };
	struct error err;
	struct buf out;
	json_t *j, *rest, *resources;

	is_int(fhir_service_open(&s, &err), 0, "the service opens");
	buf_init(&out, 16 << 20);
	is_int(capability_write(&s, 0, &out, &err), 0, "a CapabilityStatement is written");
	j = load(&out, "it");
	is_str(str_from(json_string_value(json_object_get(j, "fhirVersion"))), STR("4.0.1"),
	    "fhirVersion");
	rest = json_array_get(json_object_get(j, "rest"), 0);
	is_str(str_from(json_string_value(json_object_get(rest, "mode"))), STR("server"), "mode");
	resources = json_object_get(rest, "resource");
	/* Code system resource-types has 148 codes, two of them abstract. */
	is_int(json_array_size(resources), 146, "every resource type of R4");
	is_str(str_from(json_string_value(json_object_get(json_array_get(resources, 0), "type"))),
	    STR("Account"), "the first");
	/* All of code system restful-interaction that are of a whole system. */
	is_int(json_array_size(json_object_get(rest, "interaction")), 4,
	    "transaction, batch, search-system, history-system");
	json_decref(j);
	buf_release(&out);
	fhir_service_close(&s);
}

int
main(void)
{
	const char *path = getenv("FIREDOOR_PACK");
	struct error err;

	arena_init(&arena, 64 << 20, 0);
	test_ids();
	test_escapes();
	test_etags();
	test_media();
	test_accept();
	test_codings();
	test_prefer();
	test_query_format();
	test_statuses();
	test_bundle();
	pack = path ? pack_open(path, &err) : NULL;
	if (pack) {
		test_routes();
		test_outcome();
		test_capability();
	} else {
		tap_skip("routes, outcomes, the CapabilityStatement",
		    path ? err.text : "FIREDOOR_PACK is not set");
	}
	pack_free(pack);
	arena_release(&arena);
	return tap_done();
}
