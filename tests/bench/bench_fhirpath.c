/*
 * FHIRPath: the expressions of the file named first, a line each, evaluated
 * over the resource of the second and compiled; all search parameters of each
 * resource in the Bundles that follow. Prints a line "name<tab>microseconds"
 * of the processor for each. FIREDOOR_PACK names the pack. Best of several rounds.
 */
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/finding.h"
#include "mappers/fhir/fhir_json.h"
#include "profiles/fhirpath.h"

enum {
	ROUNDS = 5,
	ROUND_US = 100000, /* a round is repeated until it took that long */
	MOST_RESOURCES = 20000,
};

struct bench {
	const struct pack *pack;
	struct arena keep;
	struct record_builder builder;
	struct fhirpath **programs; /* by type, then search parameter */
	struct {
		const struct record *record;
		uint32_t type;
	} resources[MOST_RESOURCES];
	unsigned count;
};

static const struct record *
read_file(struct bench *b, const char *path)
{
	struct fhir_read_options options = { .lenient = true, .type = PACK_NONE };
	struct findings findings;
	struct buf text;
	const struct record *r;
	struct error err;

	buf_init(&text, 1 << 30);
	if (file_read(path, &text, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	findings_init(&findings, &b->keep, 1);
	r = fhir_json_read(buf_str(&text), &options, &b->builder, &b->keep, &findings);
	buf_release(&text);
	if (!r)
		exit(1);
	return r;
}

/* Microseconds of the processor this program took. */
static int64_t
cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

typedef void pass_fn(struct bench *b, void *of);

/* Microseconds that one pass takes, the best of the rounds; the clock is read
 * between so many passes. */
static double
measure(struct bench *b, pass_fn *pass, void *of, int passes)
{
	double best = 1e12;

	for (int round = 0; round < ROUNDS; round++) {
		int64_t start = cpu_time(), now;
		double each;
		int64_t n = 0;

		do {
			for (int i = 0; i < passes; i++, n++)
				pass(b, of);
			now = cpu_time();
		} while (now - start < ROUND_US);
		each = (double)(now - start) / (double)n;
		best = each < best ? each : best;
	}
	return best;
}

struct evaluation {
	struct fhirpath *f;
	const struct record *r;
	struct str text;
	struct arena a;
};

static void
evaluate(struct bench *b, void *of)
{
	struct evaluation *v = of;
	struct fhirpath_items items;

	(void)b;
	arena_reset(&v->a);
	if (fhirpath_eval(v->f, v->r, 0, &v->a, &items, NULL))
		exit(1);
}

static void
compile(struct bench *b, void *of)
{
	struct evaluation *v = of;

	fhirpath_free(fhirpath_compile(b->pack, record_type(v->r, b->pack, 0), v->text, NULL));
}

/* All search parameters of all resources. */
static void
extract(struct bench *b, void *of)
{
	struct evaluation *v = of;
	struct fhirpath_items items;

	for (unsigned i = 0; i < b->count; i++) {
		uint32_t count;
		const uint32_t *params = pack_type_params(b->pack, b->resources[i].type, &count);
		struct fhirpath **programs = &b->programs[(size_t)b->resources[i].type * 256];

		(void)params;
		arena_reset(&v->a);
		for (uint32_t k = 0; k < count; k++)
			if (programs[k] && fhirpath_eval(programs[k], b->resources[i].record, 0,
					       &v->a, &items, NULL))
				exit(1);
	}
}

static void
compile_params(struct bench *b, uint32_t type)
{
	uint32_t count;
	const uint32_t *params = pack_type_params(b->pack, type, &count);

	for (uint32_t k = 0; k < count && k < 256; k++) {
		const struct pack_param *p = pack_param_at(b->pack, params[k]);
		struct fhirpath **f = &b->programs[(size_t)type * 256 + k];

		if (!*f && p->expression.len)
			*f = fhirpath_compile_definition(
			    b->pack, type, pack_text(b->pack, p->expression), NULL);
	}
}

static void
take_resources(struct bench *b, const struct record *bundle)
{
	uint32_t entry = record_child(bundle, b->pack, 0, STR("entry"));

	for (; entry && b->count < MOST_RESOURCES; entry = record_next(bundle, 0, entry)) {
		uint32_t holder = record_child(bundle, b->pack, entry, STR("resource"));
		const struct record *r;

		if (!holder)
			continue;
		r = record_extract(bundle, holder + 1, &b->keep);
		b->resources[b->count].record = r;
		b->resources[b->count].type = record_type(r, b->pack, 0);
		compile_params(b, b->resources[b->count++].type);
	}
}

static void
run_expressions(struct bench *b, const char *path, const struct record *r)
{
	struct buf text;
	struct str rest, line;
	struct error err;

	buf_init(&text, 1 << 20);
	if (file_read(path, &text, &err))
		exit(1);
	rest = buf_str(&text);
	while (str_split(&rest, '\n', &line)) {
		struct evaluation v = { .r = r, .text = line };

		if (!line.len)
			continue;
		arena_init(&v.a, 64 << 20, 0);
		v.f = fhirpath_compile(b->pack, record_type(r, b->pack, 0), line, &err);
		if (!v.f) {
			fprintf(stderr, "%s\n", err.text);
			exit(1);
		}
		printf("%.*s\t%.4f\n", STR_ARG(line), measure(b, evaluate, &v, 1000));
		printf("compile %.*s\t%.4f\n", STR_ARG(line), measure(b, compile, &v, 100));
		fhirpath_free(v.f);
		arena_release(&v.a);
	}
	buf_release(&text);
}

int
main(int argc, char **argv)
{
	static struct bench b;
	struct evaluation v = { .f = NULL };
	struct error err;

	if (argc < 3) {
		fputs("usage: bench_fhirpath EXPRESSIONS PATIENT [BUNDLE…]\n", stderr);
		return 2;
	}
	b.pack = pack_open(getenv("FIREDOOR_PACK"), &err);
	if (!b.pack) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	arena_init(&b.keep, SIZE_MAX, 0);
	arena_init(&v.a, SIZE_MAX, 0);
	record_builder_init(&b.builder, b.pack, &record_default_limits);
	b.programs = xcalloc((size_t)pack_type_count(b.pack) * 256, sizeof(*b.programs));
	run_expressions(&b, argv[1], read_file(&b, argv[2]));
	for (int i = 3; i < argc; i++)
		take_resources(&b, read_file(&b, argv[i]));
	if (b.count)
		printf("search parameters\t%.4f\n", measure(&b, extract, &v, 1) / b.count);
	return 0;
}
