/*
 * The official FHIRPath tests for R4, run on their own inputs. The inputs in
 * XML are read by a small reader of this test's own, straight into records.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/finding.h"
#include "mappers/fhir/fhir_json.h"
#include "profiles/fhirpath.h"
#include "tests/tap.h"

/*
 * Tests that we answer otherwise, and why. What is not supported yet is not
 * here: it must be refused when compiling.
 */
static const char *const differs[][2] = {
	{ "testType22",
	    "N1, 6.3.1: a type that cannot be resolved is an error; System.Patient is none" },
	{ "testFHIRPathAsFunction21",
	    "as() takes a collection: R4's own dom-3 and search parameters need it" },
};

struct counts {
	unsigned passed, refused, failed, tests;
};

/* --- XML, as much of it as the inputs hold -------------------------------------- */

struct xml {
	struct str in;
	size_t i;
	struct arena *arena;
	struct record_builder *b;
	const struct pack *pack;
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

/* The next tag, comments and texts passed over; its bytes without < and >. */
static struct str
next_tag(struct xml *x)
{
	for (;;) {
		struct str rest = str_from_index(x->in, x->i), tag;
		ptrdiff_t start = str_find(rest, '<'), end;

		if (start < 0)
			return STR("");
		rest = str_from_index(rest, (size_t)start);
		end = str_starts(rest, STR("<!--")) ? str_find_str(rest, STR("-->")) + 2
						    : str_find(rest, '>');
		tag = str_of(rest.p + 1, (size_t)end - 1);
		x->i = (size_t)(rest.p - x->in.p) + (size_t)end + 1;
		if (tag.p[0] != '!' && tag.p[0] != '?')
			return tag;
	}
}

static struct str
tag_name(struct str tag)
{
	size_t n = 0;

	while (n < tag.len && !strchr(" \t\r\n/", tag.p[n]))
		n++;
	return str_of(tag.p, n);
}

static void read_children(struct xml *x, uint32_t type, struct str parent);

static void
read_div(struct xml *x, struct str tag)
{
	struct str rest = str_from_index(x->in, x->i);
	ptrdiff_t end = str_find_str(rest, STR("</div>\n"));

	if (end < 0)
		end = str_find_str(rest, STR("</div>"));
	record_put(x->b, STR("div"), str_of(tag.p - 1, (size_t)(rest.p + end + 6 - (tag.p - 1))));
	x->i += (size_t)end + 6;
}

static void
read_element(struct xml *x, uint32_t type, struct str tag)
{
	struct str name = tag_name(tag), value;
	uint32_t element = pack_find_element(x->pack, type, name);
	const struct pack_element *el;

	if (element == PACK_NONE) {
		printf("# the input has an unknown element %.*s\n", STR_ARG(name));
		if (!str_ends(tag, STR("/")))
			read_children(x, PACK_NONE, name);
		return;
	}
	if (str_is(name, "div")) {
		read_div(x, tag);
		return;
	}
	el = pack_element_at(x->pack, element);
	record_open_element(x->b, element);
	if (attribute(x->arena, tag, "value", &value))
		record_set_text(x->b, value);
	if (attribute(x->arena, tag, "id", &value))
		record_put(x->b, STR("id"), value);
	if (attribute(x->arena, tag, "url", &value))
		record_put(x->b, STR("url"), value);
	if (!str_ends(tag, STR("/")))
		read_children(x, el->type, name);
	record_close(x->b);
}

static void
read_children(struct xml *x, uint32_t type, struct str parent)
{
	for (;;) {
		struct str tag = next_tag(x);
		uint32_t inner;

		if (!tag.len || (tag.p[0] == '/' && str_eq(str_from_index(tag, 1), parent)))
			return;
		if (tag.p[0] == '/')
			continue;
		inner = type == PACK_NONE ? PACK_NONE : pack_find_resource(x->pack, tag_name(tag));
		if (inner != PACK_NONE) {
			record_open_root(x->b, inner);
			read_children(x, inner, tag_name(tag));
			record_close(x->b);
		} else if (type != PACK_NONE) {
			read_element(x, type, tag);
		}
	}
}

static const struct record *
read_xml(const struct pack *p, struct str in, struct record_builder *b, struct arena *a)
{
	struct xml x = { .in = in, .arena = a, .b = b, .pack = p };
	struct str tag = next_tag(&x);
	uint32_t type = pack_find_resource(p, tag_name(tag));
	struct error err;

	if (type == PACK_NONE)
		return NULL;
	record_open_root(b, type);
	read_children(&x, type, tag_name(tag));
	record_close(b);
	return record_builder_finish(b, a, &err);
}

static const struct record *
read_json(struct str in, struct record_builder *b, struct arena *a)
{
	struct fhir_read_options options = { .lenient = true, .type = PACK_NONE };
	struct findings findings;

	findings_init(&findings, a, 10);
	return fhir_json_read(in, &options, b, a, &findings);
}

/* --- the tests -------------------------------------------------------------------- */

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
		r = str_ends(name, STR(".json"))
			? read_json(buf_str(&bytes), &b, &s->inputs)
			: read_xml(s->pack, buf_str(&bytes), &b, &s->inputs);
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
		if (count >= items->count || !str_eq(items->at[count].value, value))
			return false;
		count++;
		rest = str_from_index(rest, (size_t)open + 1);
	}
}

enum verdict {
	PASSED,
	REFUSED,
	FAILED,
};

static enum verdict
run_expression(struct suite *s, struct str expression, bool invalid, bool predicate,
    const struct record *r, struct str test, struct arena *a, struct error *err)
{
	struct fhirpath_items items;
	struct fhirpath *f = fhirpath_compile(s->pack, r->nodes[0].element, expression, err);
	enum verdict v;
	bool holds;
	int rc;

	if (!f)
		return strstr(err->text, "not supported") ? REFUSED : invalid ? PASSED : FAILED;
	rc = fhirpath_eval(f, r, 0, a, &items, err);
	if (rc)
		v = strstr(err->text, "not supported") ? REFUSED : invalid ? PASSED : FAILED;
	else if (invalid)
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
	struct str name = STR(""), file = STR(""), predicate = STR(""), body, tag, invalid;
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
		v = run_expression(s, body, attribute(&a, tag, "invalid", &invalid),
		    str_is(predicate, "true"), r, test, &a, &err);
		s->counts.tests++;
		s->counts.passed += v == PASSED;
		s->counts.refused += v == REFUSED;
		if (v == FAILED && !is_known_difference(name)) {
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
	printf("# official tests: %u, passed %u, not supported %u\n", s.counts.tests,
	    s.counts.passed, s.counts.refused);
	ok(s.counts.failed == 0, "no official test is answered wrongly");
	ok(s.counts.passed >= 555, "and %u of %u pass", s.counts.passed, s.counts.tests);
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
