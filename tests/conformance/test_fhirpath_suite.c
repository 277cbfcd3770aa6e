/* The official FHIRPath tests for R4, run on their own inputs. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/finding.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/fhir/fhir_xml.h"
#include "profiles/fhirpath.h"
#include "tests/tap.h"

/* Tests that the suite has wrong, each with what the specification says. */
static const char *const differs[][2] = {
	{ "testType22",
	    "N1, 6.3.1: a type that cannot be resolved is an error; System.Patient is none" },
	{ "testPlusDate19",
	    "N1, 6.6.7: only for precisions above seconds the decimal portion is ignored" },
	{ "HighBoundaryDateTimeMillisecond1",
	    "N1, 5.7 highBoundary(): @2014-01-01T08 ends at 08:59:59.999, not 08:00:59.999" },
	{ "HighBoundaryDateTimeMillisecond3",
	    "N1, 5.7 highBoundary(): @2014-01-01T08 ends at 08:59:59.999, not 08:00:59.999" },
};

struct counts {
	unsigned passed, failed, differ, tests;
};

/* The text with the five entities and &#n; replaced. */
static struct str
unescape(struct arena *a, struct str s)
{
	static const char *const entities[][2] = { { "&lt;", "<" }, { "&gt;", ">" },
		{ "&amp;", "&" }, { "&quot;", "\"" }, { "&apos;", "'" }, { "&#39;", "'" },
		{ "&#xA;", "\n" }, { "&#10;", "\n" }, { "&#x0;", "" } };
	char *out = arena_alloc_bytes(a, s.len + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.len;) {
		size_t k = 0, all = sizeof(entities) / sizeof(entities[0]);

		while (k < all && !str_starts(str_from_index(s, i), str_from(entities[k][0])))
			k++;
		if (k == all) {
			out[n++] = s.p[i++];
			continue;
		}
		for (const char *p = entities[k][1]; *p; p++)
			out[n++] = *p;
		i += strlen(entities[k][0]);
	}
	return str_of(out, n);
}

/* The value of an attribute in a tag. */
static bool
attribute(struct arena *a, struct str tag, const char *name, struct str *out)
{
	char wanted[64];
	ptrdiff_t at, end;

	snprintf(wanted, sizeof(wanted), " %s=\"", name);
	at = str_find_str(tag, str_from(wanted));
	if (at < 0)
		return false;
	*out = str_from_index(tag, (size_t)at + strlen(wanted));
	end = str_find(*out, '"');
	*out = unescape(a, str_of(out->p, (size_t)end));
	return true;
}

/* The inputs are not all valid R4: what can be kept is kept. */
static const struct record *
read_input(bool json, struct str in, struct record_builder *b, struct arena *a)
{
	struct fhir_read_options options = { .lenient = true, .type = PACK_NONE };
	struct findings findings;
	const struct record *r;

	findings_init(&findings, a, 10);
	r = json ? fhir_json_read(in, &options, b, a, &findings)
		 : fhir_xml_read(in, &options, b, a, &findings);
	for (const struct finding *f = findings.first; f; f = f->next)
		printf("# %s at %.*s: %.*s\n", severity_name(f->severity), STR_ARG(f->path),
		    STR_ARG(f->text));
	return r;
}

struct suite {
	const struct pack *pack;
	char folder[1024];
	struct arena inputs;
	struct {
		char name[128];
		const struct record *record;
	} input[32];
	unsigned input_count;
	struct counts counts;
};

static const struct record *
find_input(struct suite *s, struct str name)
{
	struct record_builder b;
	char path[1400];
	struct buf bytes;
	const struct record *r = NULL;

	for (unsigned i = 0; i < s->input_count; i++)
		if (str_is(name, s->input[i].name))
			return s->input[i].record;
	if (s->input_count == 32)
		return NULL;
	snprintf(path, sizeof(path), "%s/input/%.*s", s->folder, STR_ARG(name));
	buf_init(&bytes, 1 << 24);
	record_builder_init(&b, s->pack, &record_default_limits);
	if (file_read(path, &bytes, NULL) == 0)
		r = read_input(str_ends(name, STR(".json")), buf_str(&bytes), &b, &s->inputs);
	record_builder_release(&b);
	buf_release(&bytes);
	snprintf(s->input[s->input_count].name, 128, "%.*s", STR_ARG(name));
	s->input[s->input_count++].record = r;
	return r;
}

static bool
is_expected_output(struct arena *a, const struct fhirpath_items *items, struct str test)
{
	struct str rest = test;
	uint32_t count = 0;

	for (;;) {
		ptrdiff_t at = str_find_str(rest, STR("<output")), open, close;
		struct str value;

		if (at < 0)
			return count == items->count;
		rest = str_from_index(rest, (size_t)at);
		open = str_find(rest, '>');
		close = str_find_str(rest, STR("</output>"));
		value = STR("");
		if (close >= 0 && rest.p[open - 1] != '/')
			value = unescape(a, str_of(rest.p + open + 1, (size_t)(close - open - 1)));
		if (str_starts(value, STR("@T")))
			value = str_from_index(value, 2);
		else if (str_starts(value, STR("@")))
			value = str_from_index(value, 1);
		/* A zero has no sign in FHIRPath. */
		if (str_is(value, "-0.0"))
			value = STR("0.0");
		if (count >= items->count || !str_eq(items->at[count].value, value))
			return false;
		count++;
		rest = str_from_index(rest, (size_t)open + 1);
	}
}

enum verdict {
	PASSED,
	FAILED,
};

static enum verdict
run_expression(struct suite *s, struct str expression, struct str invalid, bool predicate,
    const struct record *r, struct str test, struct arena *a, struct error *err)
{
	struct fhirpath_items items;
	struct fhirpath *f = fhirpath_compile(s->pack, r->nodes[0].element, expression, err);
	enum verdict v;
	bool holds;
	int rc;

	if (!f)
		return invalid.len ? PASSED : FAILED;
	rc = fhirpath_eval(f, r, 0, a, &items, err);
	if (rc)
		v = str_is(invalid, "execution") ? PASSED : FAILED;
	else if (invalid.len)
		v = FAILED;
	else if (predicate)
		v = fhirpath_test(f, r, 0, a, &holds, err) == 0 &&
			    holds == (str_find_str(test, STR(">true<")) >= 0)
			? PASSED
			: FAILED;
	else
		v = is_expected_output(a, &items, test) ? PASSED : FAILED;
	if (v == FAILED && rc == 0) {
		snprintf(err->text, sizeof(err->text), "gives %u items, the first '%.*s'",
		    (unsigned)items.count, items.count ? (int)items.at[0].value.len : 0,
		    items.count ? items.at[0].value.p : "");
	}
	fhirpath_free(f);
	return v;
}

static bool
is_known_difference(struct str name)
{
	for (size_t i = 0; i < sizeof(differs) / sizeof(differs[0]); i++)
		if (str_is(name, differs[i][0]))
			return true;
	return false;
}

static void
run_test(struct suite *s, struct str test)
{
	struct str head = str_of(test.p, (size_t)str_find(test, '>'));
	ptrdiff_t at = str_find_str(test, STR("<expression")), end;
	struct str name = STR(""), file = STR(""), predicate = STR(""), invalid = STR(""), body,
		   tag;
	const struct record *r;
	struct error err = { 0 };
	struct arena a;
	enum verdict v;

	arena_init(&a, 64 << 20, 0);
	attribute(&a, head, "name", &name);
	attribute(&a, head, "inputfile", &file);
	attribute(&a, head, "predicate", &predicate);
	body = str_from_index(test, (size_t)at);
	tag = str_of(body.p, (size_t)str_find(body, '>'));
	end = str_find_str(body, STR("</expression>"));
	r = find_input(s, file.len ? file : STR("patient-example.xml"));
	if (end < 0 || !r) {
		printf("# %.*s: no input\n", STR_ARG(name));
		s->counts.failed++;
	} else {
		body = unescape(&a, str_of(tag.p + tag.len + 1, (size_t)end - tag.len - 1));
		attribute(&a, tag, "invalid", &invalid);
		v = run_expression(s, body, invalid, str_is(predicate, "true"), r, test, &a, &err);
		s->counts.tests++;
		s->counts.passed += v == PASSED;
		if (v == FAILED && is_known_difference(name)) {
			s->counts.differ++;
		} else if (v == FAILED) {
			s->counts.failed++;
			printf("# %.*s: %.*s: %s\n", STR_ARG(name), STR_ARG(body), err.text);
		}
	}
	arena_release(&a);
}

/* Comments of the suite hold tests that are none. */
static void
blank_comments(struct buf *b)
{
	struct str rest = buf_str(b);
	ptrdiff_t at, end;

	while ((at = str_find_str(rest, STR("<!--"))) >= 0) {
		rest = str_from_index(rest, (size_t)at);
		end = str_find_str(rest, STR("-->"));
		if (end < 0)
			return;
		memset(b->p + (rest.p - b->p), ' ', (size_t)end + 3);
	}
}

static void
run_suite(const struct pack *p)
{
	const char *suites = getenv("FIREDOOR_SUITES");
	struct suite s = { .pack = p };
	struct str rest;
	struct buf bytes;
	char path[1400];

	snprintf(s.folder, sizeof(s.folder), "%s/fhirpath", suites ? suites : "../shared/suites");
	snprintf(path, sizeof(path), "%s/tests-fhir-r4.xml", s.folder);
	buf_init(&bytes, 1 << 24);
	if (file_read(path, &bytes, NULL)) {
		tap_skip("the official FHIRPath tests", "the suite is not there");
		return;
	}
	arena_init(&s.inputs, 64 << 20, 0);
	blank_comments(&bytes);
	rest = buf_str(&bytes);
	for (;;) {
		ptrdiff_t at = str_find_str(rest, STR("<test ")), end;

		if (at < 0)
			break;
		rest = str_from_index(rest, (size_t)at);
		end = str_find_str(rest, STR("</test>"));
		run_test(&s, str_of(rest.p, (size_t)end));
		rest = str_from_index(rest, (size_t)end);
	}
	printf("# official tests: %u, passed %u\n", s.counts.tests, s.counts.passed);
	ok(s.counts.failed == 0, "no official test is answered wrongly");
	ok(s.counts.tests == 935 && s.counts.passed + s.counts.differ == s.counts.tests,
	    "and %u of %u pass", s.counts.passed, s.counts.tests);
	ok(s.counts.differ == sizeof(differs) / sizeof(differs[0]),
	    "what is listed as different is");
	for (size_t i = 0; i < sizeof(differs) / sizeof(differs[0]); i++)
		printf("# answered otherwise: %s: %s\n", differs[i][0], differs[i][1]);
	arena_release(&s.inputs);
	buf_release(&bytes);
}

int
main(void)
{
	const char *path = getenv("FIREDOOR_PACK");
	const struct pack *p;
	struct error err;

	if (!path || !*path) {
		tap_skip("the official FHIRPath tests", "FIREDOOR_PACK is not set");
		return tap_done();
	}
	p = pack_open(path, &err);
	if (ok(p != NULL, "%s opens", path))
		run_suite(p);
	pack_free(p);
	return tap_done();
}
