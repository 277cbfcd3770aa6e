/* profiles/record: building, walking, comparing and checking records. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "profiles/record.h"
#include "tests/tap.h"

static const struct pack *pack;

static struct str
name_at(const struct record *r, uint32_t i)
{
	return pack_text(pack, pack_element_at(pack, r->nodes[i].element)->name);
}

/* A patient whose elements are put in another order than the specification's,
 * repetitions apart. */
static const struct record *
make_patient(struct record_builder *b, struct arena *a)
{
	record_open_root(b, pack_find_resource(pack, STR("Patient")));
	record_put(b, STR("birthDate"), STR("1970-01-01"));
	record_open(b, STR("name"));
	record_put(b, STR("given"), STR("Ann"));
	record_put(b, STR("family"), STR("One"));
	record_put(b, STR("given"), STR("Bea"));
	record_close(b);
	record_put(b, STR("id"), STR("p1"));
	record_open(b, STR("name"));
	record_put(b, STR("family"), STR("Two"));
	record_close(b);
	record_put(b, STR("gender"), STR(""));
	record_open(b, STR("contained"));
	record_open_root(b, pack_find_resource(pack, STR("Organization")));
	record_put(b, STR("name"), STR("Org"));
	record_close(b);
	record_close(b);
	record_close(b);
	return record_builder_finish(b, a, NULL);
}

static void
test_build(const struct record *r)
{
	/* Patient's elements in the order of R4's definition: id, contained,
	 * name, birthDate; HumanName's: family, given. */
	static const char *const names[] = { "Patient", "id", "contained", "Organization", "name",
		"name", "family", "given", "given", "name", "family", "birthDate" };

	if (!is_int(r->node_count, 12, "nodes; an empty value makes none"))
		return;
	for (uint32_t i = 0; i < 12; i++)
		is_str(name_at(r, i), str_from(names[i]), "node %u", i);
	is_int(r->nodes[0].end, 12, "the root's subtree");
	is_int(r->nodes[2].end, 5, "contained's subtree");
	is_str(record_text(r, 7), STR("Ann"), "repetitions keep their order");
	is_str(record_text(r, 8), STR("Bea"), "repetitions keep their order, second");
	is_int(r->text_len, strlen("p1OrgOneAnnBeaTwo1970-01-01"), "bytes of text");
}

static void
test_walk(const struct record *r, struct arena *a)
{
	uint32_t first = record_child(r, pack, 0, STR("name")), second;

	is_int(first, 5, "child by name");
	second = record_next(r, 0, first);
	is_int(second, 9, "its next repetition");
	is_int(record_next(r, 0, second), 0, "no more");
	is_int(record_child(r, pack, 0, STR("gender")), 0, "a child that is not there");
	is_int(record_child(r, pack, 0, STR("nonsense")), 0, "a name the type has not");
	is_str(record_value(r, pack, first, STR("family")), STR("One"), "value by name");
	is_str(record_value(r, pack, 2, STR("name")), STR("Org"),
	    "value in the resource that an element holds");
	is_str(record_type_name(r, pack, 2), STR("Organization"), "type of what it holds");
	is_str(record_type_name(r, pack, first), STR("HumanName"), "type of an element");
	is_str(record_path(r, pack, 8, a), STR("Patient.name[0].given[1]"), "FHIRPath");
	is_str(record_path(r, pack, 4, a), STR("Patient.contained[0].name"),
	    "FHIRPath into a contained resource");
	is_str(record_path(r, pack, 0, a), STR("Patient"), "FHIRPath of the root");
}

static void
test_choice_path(struct record_builder *b, struct arena *a)
{
	const struct record *r;

	record_open_root(b, pack_find_resource(pack, STR("Observation")));
	record_open(b, STR("valueQuantity"));
	record_put(b, STR("unit"), STR("kg"));
	record_close(b);
	record_close(b);
	r = record_builder_finish(b, a, NULL);
	is_str(record_path(r, pack, 2, a), STR("Observation.value.unit"),
	    "FHIRPath knows a choice by its stem");
}

static void
test_copies(const struct record *r, struct record_builder *b, struct arena *a)
{
	const struct record *org = record_extract(r, 3, a), *copy;

	if (!ok(org && org->node_count == 2, "a contained resource as a record of its own"))
		return;
	is_str(record_value(org, pack, 0, STR("name")), STR("Org"), "with its values");
	ok(record_equal(org, 0, r, 3), "equal to where it came from");
	ok(record_check(org, record_size(org), pack), "and right in itself");
	record_open_root(b, pack_find_resource(pack, STR("Bundle")));
	record_open(b, STR("entry"));
	record_open(b, STR("resource"));
	record_copy(b, r, 0);
	record_close(b);
	record_close(b);
	record_close(b);
	copy = record_builder_finish(b, a, NULL);
	ok(record_equal(copy, 3, r, 0), "a copy is equal");
	ok(record_check(copy, record_size(copy), pack), "a copy is right");
	ok(!record_equal(copy, 0, r, 0), "another type is not equal");
	ok(!record_equal(r, 5, r, 9), "other children are not equal");
	ok(!record_equal(r, 7, r, 8), "another value is not equal");
}

static void
test_abandon(struct record_builder *b, struct arena *a)
{
	const struct record *r;

	record_open_root(b, pack_find_resource(pack, STR("Patient")));
	record_open(b, STR("name"));
	ok(!record_is_filled(b), "an element just opened is not filled");
	record_put(b, STR("family"), STR("x"));
	ok(record_is_filled(b), "one with a child is");
	record_abandon(b);
	record_put(b, STR("active"), STR("true"));
	record_close(b);
	r = record_builder_finish(b, a, NULL);
	is_int(r->node_count, 2, "what was abandoned is not there");
}

static void
test_limits(struct arena *a)
{
	struct record_builder b;
	struct error err;

	for (unsigned i = 0; i < 3; i++) {
		struct record_limits limits = record_default_limits;

		if (i == 0)
			limits.nodes = 11;
		else if (i == 1)
			limits.depth = 3;
		else
			limits.text = 26;
		record_builder_init(&b, pack, &limits);
		ok(make_patient(&b, a) == NULL, "past limit %u there is no record", i);
		record_open_root(&b, pack_find_resource(pack, STR("Patient")));
		record_close(&b);
		ok(record_builder_finish(&b, a, NULL) != NULL, "and the builder goes on");
		record_builder_release(&b);
	}
	record_builder_init(&b, pack, &record_default_limits);
	for (size_t limit = 0;; limit++) {
		struct arena small;
		const struct record *r;

		arena_init(&small, limit, 0);
		record_open_root(&b, pack_find_resource(pack, STR("Patient")));
		record_put(&b, STR("id"), STR("x"));
		record_close(&b);
		r = record_builder_finish(&b, &small, &err);
		arena_release(&small);
		if (r) {
			ok(limit > 48, "a record needs its size");
			break;
		}
		if (err.kind != ERROR_LIMIT) {
			ok(false, "a full arena is a limit passed");
			break;
		}
	}
	record_builder_release(&b);
}

/* Each of these changes makes the block wrong. */
static void
test_check(const struct record *r)
{
	size_t size = record_size(r);
	struct record *x = malloc(size + 16);
	struct {
		const char *what;
		uint32_t *at, value;
	} changes[] = {
		{ "no nodes", &x->node_count, 0 },
		{ "more nodes than the block", &x->node_count, UINT32_MAX },
		{ "more text than the block", &x->text_len, r->text_len + 1 },
		{ "an element past the table", &x->nodes[1].element, pack_element_count(pack) },
		{ "an element of another type", &x->nodes[1].element, r->nodes[6].element },
		{ "a root inside", &x->nodes[1].element, r->nodes[0].element },
		{ "an end before its start", &x->nodes[5].end, 5 },
		{ "an end past the parent's", &x->nodes[8].end, 10 },
		{ "an end past the record", &x->nodes[0].end, 13 },
		{ "a root that ends early", &x->nodes[0].end, 11 },
		{ "text past the end", &x->nodes[1].text, r->text_len },
		{ "a length past the end", &x->nodes[1].len, UINT32_MAX },
		{ "text in a complex type", &x->nodes[5].len, 1 },
		{ "elements out of order", &x->nodes[6].element, r->nodes[7].element + 1 },
		{ "two resources in one place", &x->nodes[3].end, 4 },
	};

	memcpy(x, r, size);
	ok(record_check(x, size, pack), "a record is right");
	ok(!record_check(x, size - 1, pack), "cut it is not");
	ok(!record_check(x, size + 1, pack), "with a byte more it is not");
	ok(!record_check(x, 3, pack), "too short for anything");
	x->pack++;
	ok(!record_check(x, size, pack), "of another pack it is not");
	x->pack--;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		uint32_t before = *changes[i].at;

		*changes[i].at = changes[i].value;
		ok(!record_check(x, size, pack), "%s", changes[i].what);
		*changes[i].at = before;
	}
	free(x);
}

int
main(void)
{
	const char *path = getenv("FIREDOOR_PACK");
	struct record_builder b;
	const struct record *r;
	struct error err;
	struct arena a;

	if (!path) {
		tap_skip("records", "FIREDOOR_PACK is not set");
		return tap_done();
	}
	pack = pack_open(path, &err);
	if (!ok(pack != NULL, "the pack opens"))
		return tap_done();
	arena_init(&a, 1 << 20, 0);
	record_builder_init(&b, pack, &record_default_limits);
	r = make_patient(&b, &a);
	if (ok(r != NULL, "a record is built")) {
		test_build(r);
		test_walk(r, &a);
		test_choice_path(&b, &a);
		test_copies(r, &b, &a);
		test_abandon(&b, &a);
		test_limits(&a);
		test_check(r);
	}
	record_builder_release(&b);
	arena_release(&a);
	pack_free(pack);
	return tap_done();
}
