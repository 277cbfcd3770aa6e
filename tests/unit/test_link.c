/* gateway/fhir/link: what links hold, sealed. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/error.h"
#include "base/file.h"
#include "gateway/fhir/link.h"
#include "gateway/fhir/search_query.h"
#include "tests/tap.h"

static struct arena arena;
static const struct str key = { "0123456789abcdef0123456789abcdef", 32 };
static const struct str other = { "0123456789abcdef0123456789abcdeF", 32 };

/* RFC 4648, section 10, without padding; '+' and '/' are '-' and '_'. */
static void
test_base64(void)
{
	static const struct {
		const char *bytes, *text;
	} cases[] = { { "", "" }, { "f", "Zg" }, { "fo", "Zm8" }, { "foo", "Zm9v" },
		{ "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" }, { "foobar", "Zm9vYmFy" },
		{ "\xfb\xff\xfe", "-__-" } };
	static const char *const bad[] = { "Z", "Zh", "Zm9", "Zg==", "Zm+v", "Zm/v", "Zm 9v" };
	struct str out;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ok(str_is(base64url_encode(str_from(cases[i].bytes), &arena), cases[i].text),
		    "'%s' is written", cases[i].text);
		ok(base64url_decode(str_from(cases[i].text), &arena, &out) &&
			str_is(out, cases[i].bytes),
		    "'%s' is read", cases[i].text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!base64url_decode(str_from(bad[i]), &arena, &out), "'%s' is none", bad[i]);
}

static void
test_seal(void)
{
	struct str plain = STR("family=Testbed&birthdate=1970-01-01"), out;
	struct str text = link_seal(key, STR("Patient"), plain, &arena);
	unsigned taken = 0;

	ok(text.p && str_find_str(text, STR("Testbed")) < 0, "what is sealed cannot be read");
	ok(link_open(key, STR("Patient"), text, &arena, &out) && str_eq(out, plain), "it opens");
	ok(!link_open(key, STR("Patien"), text, &arena, &out), "not in another context");
	ok(!link_open(other, STR("Patient"), text, &arena, &out), "nor by another key");
	ok(!str_eq(link_seal(key, STR("Patient"), plain, &arena), text), "twice is not the same");
	for (size_t i = 0; i < text.len; i++) {
		struct str changed = str_dup(&arena, text);

		((char *)changed.p)[i] = text.p[i] == 'A' ? 'B' : 'A';
		taken += link_open(key, STR("Patient"), changed, &arena, &out);
		taken += link_open(key, STR("Patient"), str_of(text.p, i), &arena, &out);
	}
	is_int(taken, 0, "nor changed or cut at any place");
	text = link_seal(key, STR("x"), STR(""), &arena);
	ok(link_open(key, STR("x"), text, &arena, &out) && !out.len, "nothing can be sealed");
}

static void
test_values(void)
{
	struct query_pair pairs[] = { { STR("family"), STR("Testbed") },
		{ STR("_sort"), STR("-birthdate") }, { STR("birthdate:missing"), STR("true") },
		{ STR("name"), STR("sealed~x") } };
	const struct query_pair *bad = NULL;

	is_int(link_open_values(key, pairs, 3, &arena, &bad), true, "plain values stay");
	for (int i = 0; i < 3; i++)
		pairs[i].value = link_value(key, &pairs[i], &arena);
	ok(str_starts(pairs[0].value, STR("sealed~")), "a value is sealed");
	ok(str_is(pairs[1].value, "-birthdate") && str_is(pairs[2].value, "true"),
	    "but not what says nothing of a patient");
	ok(!link_open_values(key, pairs, 4, &arena, &bad) && bad == &pairs[3],
	    "one that was made up is found");
	ok(str_is(pairs[0].value, "Testbed"), "others are opened");
	pairs[0].value = link_value(key, &pairs[0], &arena);
	pairs[0].name = STR("given");
	ok(!link_open_values(key, pairs, 1, &arena, &bad), "a value is its parameter's only");
}

static void
test_page(void)
{
	struct link_page page = { .moment = 77,
		.row = 1234567890123,
		.backward = true,
		.total = UINT64_MAX,
		.query = STR("a=b") },
			 got;
	struct str text = link_seal_page(key, STR("Patient"), &page, &arena);

	ok(link_open_page(key, STR("Patient"), text, &arena, &got) && got.moment == 77 &&
		got.row == page.row && got.backward && got.total == UINT64_MAX &&
		str_is(got.query, "a=b"),
	    "a page");
	text = link_seal(key, STR("Patient"), STR("\x01short"), &arena);
	ok(!link_open_page(key, STR("Patient"), text, &arena, &got), "what is too short is none");
}

static void
test_key(void)
{
	char folder[] = "/tmp/test_link.XXXXXX", path[64];
	uint8_t first[LINK_KEY], second[LINK_KEY];
	struct stat st = { 0 };
	struct error err;

	ok(mkdtemp(folder), "a folder");
	snprintf(path, sizeof(path), "%s/key", folder);
	is_int(link_key_load(path, first, &err), 0, "a key is made");
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "for its owner alone");
	ok(link_key_load(path, second, &err) == 0 && memcmp(first, second, LINK_KEY) == 0,
	    "and is the same the next time");
	chmod(path, 0640);
	is_int(link_key_load(path, second, &err), -1, "one that others read is refused");
	chmod(path, 0600);
	file_replace(path, STR("nonsense"), 0600, &err);
	is_int(link_key_load(path, second, &err), -1, "and what is none");
	unlink(path);
	rmdir(folder);
}

int
main(void)
{
	arena_init(&arena, 16 << 20, 0);
	test_base64();
	test_seal();
	test_values();
	test_page();
	test_key();
	arena_release(&arena);
	return tap_done();
}
