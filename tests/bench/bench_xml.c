/*
 * FHIR XML against libxml2's tree: reading (structure and lexical forms checked
 * on our side) and writing, over the JSON files given as arguments, which are
 * written as XML first; MB/s of XML text. FIREDOOR_PACK names the pack. Each
 * figure is the best of several rounds.
 */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/fhir/fhir_xml.h"

enum {
	ROUNDS = 5,
	READ_OPTIONS = XML_PARSE_NONET | XML_PARSE_HUGE | XML_PARSE_COMPACT,
	ROUND_US = 200000, /* a round is repeated until it took that long */
};

struct input {
	const char *path;
	struct buf text;
	const struct record *record;
	xmlDocPtr tree;
};

struct bench {
	const struct pack *pack;
	struct record_builder builder;
	struct input *inputs;
	int count;
	size_t bytes;
};

typedef void pass_fn(struct bench *b);

static void
read_ours(struct bench *b)
{
	struct fhir_read_options options = { .type = PACK_NONE };
	struct findings findings;
	struct arena a;

	arena_init(&a, SIZE_MAX, 0);
	for (int i = 0; i < b->count; i++) {
		findings_init(&findings, &a, 1);
		if (!fhir_xml_read(
			buf_str(&b->inputs[i].text), &options, &b->builder, &a, &findings))
			abort();
		arena_reset(&a);
	}
	arena_release(&a);
}

static void
read_libxml2(struct bench *b)
{
	for (int i = 0; i < b->count; i++) {
		const struct buf *text = &b->inputs[i].text;
		xmlDocPtr doc = xmlReadMemory(text->p, (int)text->len, NULL, NULL, READ_OPTIONS);

		if (!doc)
			abort();
		xmlFreeDoc(doc);
	}
}

static void
write_ours(struct bench *b)
{
	struct buf out;

	buf_init(&out, SIZE_MAX);
	for (int i = 0; i < b->count; i++) {
		buf_clear(&out);
		fhir_xml_write(b->inputs[i].record, b->pack, 0, 0, &out);
	}
	buf_release(&out);
}

static void
write_libxml2(struct bench *b)
{
	for (int i = 0; i < b->count; i++) {
		xmlChar *text = NULL;
		int len = 0;

		xmlDocDumpMemory(b->inputs[i].tree, &text, &len);
		xmlFree(text);
	}
}

/* Bytes a microsecond, that is MB/s: the best round. */
static double
measure(struct bench *b, pass_fn *pass, size_t bytes)
{
	double best = 0;

	for (int round = 0; round < ROUNDS; round++) {
		int64_t start = clock_monotonic(), spent;
		unsigned passes = 0;
		double speed;

		do {
			pass(b);
			passes++;
			spent = clock_monotonic() - start;
		} while (spent < ROUND_US);
		speed = (double)bytes * passes / (double)spent;
		if (speed > best)
			best = speed;
	}
	return best;
}

static void
report(const char *name, double ours, double theirs)
{
	printf("%-32s %8.0f MB/s  libxml2 %6.0f MB/s  ratio %5.1f\n", name, ours, theirs,
	    ours / theirs);
}

/* Read the files and write them as XML. */
static void
load(struct bench *b, struct arena *a)
{
	struct fhir_read_options options = { .type = PACK_NONE };
	struct findings findings;
	struct error err;
	struct buf json;

	buf_init(&json, SIZE_MAX);
	for (int i = 0; i < b->count; i++) {
		struct input *in = &b->inputs[i];

		buf_init(&in->text, SIZE_MAX);
		buf_clear(&json);
		if (file_read(in->path, &json, &err)) {
			fprintf(stderr, "bench_xml: %s\n", err.text);
			exit(2);
		}
		findings_init(&findings, a, 10);
		in->record = fhir_json_read(buf_str(&json), &options, &b->builder, a, &findings);
		if (in->record)
			fhir_xml_write(in->record, b->pack, 0, 0, &in->text);
		in->tree = xmlReadMemory(in->text.p, (int)in->text.len, NULL, NULL, READ_OPTIONS);
		if (!in->record || !in->tree) {
			fprintf(stderr, "bench_xml: cannot read %s\n", in->path);
			exit(2);
		}
		b->bytes += in->text.len;
	}
	buf_release(&json);
	printf("%d files, %zu bytes of XML\n", b->count, b->bytes);
}

int
main(int argc, char **argv)
{
	const char *path = getenv("FIREDOOR_PACK");
	struct bench b = { .count = argc - 1 };
	struct error err;
	struct arena a;

	if (argc < 2 || !path) {
		fprintf(stderr, "usage: FIREDOOR_PACK=r4.pack bench_xml FILE...\n");
		return 2;
	}
	b.pack = pack_open(path, &err);
	if (!b.pack) {
		fprintf(stderr, "bench_xml: %s\n", err.text);
		return 2;
	}
	record_builder_init(&b.builder, b.pack, &record_default_limits);
	arena_init(&a, SIZE_MAX, 0);
	b.inputs = xcalloc((size_t)b.count, sizeof(b.inputs[0]));
	for (int i = 0; i < b.count; i++)
		b.inputs[i].path = argv[i + 1];
	load(&b, &a);
	report(
	    "XML to record", measure(&b, read_ours, b.bytes), measure(&b, read_libxml2, b.bytes));
	report(
	    "record to XML", measure(&b, write_ours, b.bytes), measure(&b, write_libxml2, b.bytes));
	for (int i = 0; i < b.count; i++) {
		buf_release(&b.inputs[i].text);
		xmlFreeDoc(b.inputs[i].tree);
	}
	free(b.inputs);
	arena_release(&a);
	record_builder_release(&b.builder);
	pack_free(b.pack);
	return 0;
}
