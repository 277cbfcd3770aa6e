/*
 * A line with the name of a summary and of elements ("true name,id"), then a
 * resource in JSON: a part of it is a right record, has what is mandatory and
 * nothing that was not there, is the same when it is cut again, and is written
 * in steps as it is at once. The pack is FIREDOOR_PACK; without one there is
 * nothing to try.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/fhir/fhir_subset.h"
#include "mappers/fhir/fhir_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	ELEMENTS_MOST = 8,
};

static void
demand(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static void
check_top(const struct record *r, const struct record *part, const struct pack *p)
{
	RECORD_EACH_CHILD(r, 0, i) {
		const struct pack_element *e = pack_element_at(p, r->nodes[i].element);

		demand(e->min == 0 || record_child(part, p, 0, pack_text(p, e->name)),
		    "what is mandatory stays");
	}
	RECORD_EACH_CHILD(part, 0, i) {
		struct str name = pack_text(p, pack_element_at(p, part->nodes[i].element)->name);

		demand(
		    str_is(name, "meta") || record_child(r, p, 0, name), "nothing comes but meta");
	}
}

static void
check_steps(
    const struct record *r, const struct pack *p, enum fhir_format format, bool pretty, size_t step)
{
	struct buf whole, steps;
	struct fhir_writer w;

	buf_init(&whole, SIZE_MAX);
	buf_init(&steps, SIZE_MAX);
	fhir_write(format, pretty, r, p, 0, &whole);
	fhir_writer_init(&w, format, pretty, p);
	fhir_writer_add(&w, r, true);
	while (!fhir_writer_put(&w, steps.len + step, &steps))
		;
	fhir_writer_release(&w);
	demand(str_eq(buf_str(&whole), buf_str(&steps)), "steps give the same");
	buf_release(&whole);
	buf_release(&steps);
}

static void
try_part(
    const struct fhir_subset *wanted, struct str text, struct record_builder *b, struct arena *a)
{
	struct fhir_read_options options = { .type = PACK_NONE };
	const struct record *r, *part, *again;
	struct error err = { .text = "" };
	struct findings findings;

	findings_init(&findings, a, 10);
	r = fhir_json_read(text, &options, b, a, &findings);
	if (!r || findings.errors)
		return;
	part = fhir_subset(r, 0, wanted, b, a, &err);
	if (!part) {
		demand(err.kind == ERROR_LIMIT && err.text[0] != '\0', "who refuses says why");
		return;
	}
	demand(record_check(part, record_size(part), b->pack), "the record is right");
	check_top(r, part, b->pack);
	again = fhir_subset(part, 0, wanted, b, a, &err);
	demand(again && record_equal(part, 0, again, 0), "the part of a part is that part");
	for (int form = 0; form < 4; form++)
		check_steps(part, b->pack, form & 1 ? FHIR_FORMAT_XML : FHIR_FORMAT_JSON, form & 2,
		    1 + text.len % 100);
}

static void
read_wanted(struct str line, struct fhir_subset *wanted, struct str elements[ELEMENTS_MOST])
{
	static const char *const names[] = {
		[SUMMARY_FALSE] = "false",
		[SUMMARY_TRUE] = "true",
		[SUMMARY_TEXT] = "text",
		[SUMMARY_DATA] = "data",
	};
	struct str name;

	*wanted = (struct fhir_subset){ .elements = elements };
	if (str_split(&line, ' ', &name))
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (str_is(name, names[i]))
				wanted->summary = (enum fhir_summary)i;
	while (wanted->element_count < ELEMENTS_MOST && str_split(&line, ',', &name))
		elements[wanted->element_count++] = name;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct record_builder builder;
	static const struct pack *pack;
	struct str line, text = str_of((const char *)data, size), elements[ELEMENTS_MOST];
	struct fhir_subset wanted;
	struct arena a;

	if (!pack) {
		const char *path = getenv("FIREDOOR_PACK");

		pack = path ? pack_open(path, NULL) : NULL;
		if (!pack)
			return 0;
		record_builder_init(&builder, pack, &record_default_limits);
	}
	if (!str_split(&text, '\n', &line) || !text.p)
		return 0;
	read_wanted(line, &wanted, elements);
	arena_init(&a, 64 << 20, 0);
	try_part(&wanted, text, &builder, &a);
	arena_release(&a);
	return 0;
}
