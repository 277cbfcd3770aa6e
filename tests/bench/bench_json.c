/*
 * FHIR JSON against Jansson: reading (structure and lexical forms checked on
 * our side) and writing, over the files given as arguments; MB/s of JSON text.
 * FIREDOOR_PACK names the pack. Each figure is the best of several rounds.
 */
#include <jansson.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "mappers/fhir/fhir_json.h"

enum {
	ROUNDS = 5,
	ROUND_US = 200000, /* a round is repeated until it took that long */
};

struct input {
	const char *path;
	struct buf text;
	const struct record *record;
	json_t *tree;
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
		if (!fhir_json_read(
			buf_str(&b->inputs[i].text), &options, &b->builder, &a, &findings))
			abort();
		arena_reset(&a);
	}
	arena_release(&a);
}

static void
read_jansson(struct bench *b)
{
	for (int i = 0; i < b->count; i++) {
		const struct buf *text = &b->inputs[i].text;
		json_t *j = json_loadb(text->p, text->len, 0, NULL);

		if (!j)
			abort();
		json_decref(j);
	}
}

static void
write_ours(struct bench *b)
{
	struct buf out;

	buf_init(&out, SIZE_MAX);
	for (int i = 0; i < b->count; i++) {
		buf_clear(&out);
		fhir_json_write(b->inputs[i].record, b->pack, 0, 0, &out);
	}
	buf_release(&out);
}

static void
write_jansson(struct bench *b)
{
	for (int i = 0; i < b->count; i++)
		free(json_dumps(b->inputs[i].tree, JSON_COMPACT));
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
	printf("%-32s %8.0f MB/s  Jansson %6.0f MB/s  ratio %5.1f\n", name, ours, theirs,
	    ours / theirs);
}

/* Read the files; returns how many bytes they are written as. */
static size_t
load(struct bench *b, struct arena *a)
{
	struct fhir_read_options options = { .type = PACK_NONE };
	size_t written = 0, nodes = 0, size = 0;
	struct findings findings;
	struct buf out;

	buf_init(&out, SIZE_MAX);
	for (int i = 0; i < b->count; i++) {
		struct input *in = &b->inputs[i];
		struct error err;

		buf_init(&in->text, SIZE_MAX);
		if (file_read(in->path, &in->text, &err)) {
			fprintf(stderr, "bench_json: %s\n", err.text);
			exit(2);
		}
		findings_init(&findings, a, 10);
		in->record = fhir_json_read(
		    buf_str(&in->text), &options, &b->builder, a, &findings);
		in->tree = json_loadb(in->text.p, in->text.len, 0, NULL);
		if (!in->record || !in->tree) {
			fprintf(stderr, "bench_json: cannot read %s\n", in->path);
			exit(2);
		}
		buf_clear(&out);
		fhir_json_write(in->record, b->pack, 0, 0, &out);
		written += out.len;
		b->bytes += in->text.len;
		nodes += in->record->node_count;
		size += record_size(in->record);
	}
	buf_release(&out);
	printf("%d files, %zu bytes, %zu nodes, record %.2f of the text (%.2f of it compact)\n",
	    b->count, b->bytes, nodes, (double)size / (double)b->bytes,
	    (double)size / (double)written);
	return written;
}

int
main(int argc, char **argv)
{
	const char *path = getenv("FIREDOOR_PACK");
	struct bench b = { .count = argc - 1 };
	struct error err;
	struct arena a;
	size_t written;

	if (argc < 2 || !path) {
		fprintf(stderr, "usage: FIREDOOR_PACK=r4.pack bench_json FILE...\n");
		return 2;
	}
	b.pack = pack_open(path, &err);
	if (!b.pack) {
		fprintf(stderr, "bench_json: %s\n", err.text);
		return 2;
	}
	record_builder_init(&b.builder, b.pack, &record_default_limits);
	arena_init(&a, SIZE_MAX, 0);
	b.inputs = xcalloc((size_t)b.count, sizeof(b.inputs[0]));
	for (int i = 0; i < b.count; i++)
		b.inputs[i].path = argv[i + 1];
	written = load(&b, &a);
	report(
	    "JSON to record", measure(&b, read_ours, b.bytes), measure(&b, read_jansson, b.bytes));
	report("record to JSON", measure(&b, write_ours, written),
	    measure(&b, write_jansson, written));
	for (int i = 0; i < b.count; i++) {
		buf_release(&b.inputs[i].text);
		json_decref(b.inputs[i].tree);
	}
	free(b.inputs);
	arena_release(&a);
	record_builder_release(&b.builder);
	pack_free(b.pack);
	return 0;
}
