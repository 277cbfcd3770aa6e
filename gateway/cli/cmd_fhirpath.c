#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/finding.h"
#include "gateway/cli/cli.h"
#include "mappers/fhir/fhir_format.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/fhir/ndjson.h"
#include "profiles/fhirpath.h"

static const char help[] =
    "usage: firedoor fhirpath [OPTIONS] EXPRESSION [FILE…]\n"
    "Evaluate a FHIRPath expression over FHIR resources, in JSON, XML or, in files whose\n"
    "name ends with .ndjson, a resource a line. Without FILE, or with -, standard input is\n"
    "read. Each item of the result is written as a line of JSON; what trace() is given goes\n"
    "to standard error.\n"
    "\n"
    "      --ndjson        what is read has a resource a line, whatever its name\n"
    "      --types         before each item, its type and a tab\n"
    "      --explain       show the compiled program and its static type; with --type,\n"
    "                      nothing is read\n"
    "      --type TYPE     what the expression is compiled for with --explain\n"
    "      --pack FILE     the compiled definitions ($FIREDOOR_PACK)\n"
    "  -h, --help          this text\n"
    "\n"
    "Exit status: 0 done, 1 a resource has findings or the expression cannot be evaluated\n"
    "on it, 2 wrong usage, a wrong expression, or a file that could not be read.\n";

enum {
	MAX_INPUT = 1 << 30,
	MAX_LINE = 64 << 20,
	MAX_FINDINGS = 100,
};

struct fhirpath_command {
	struct str expression;
	const char *pack_path, *type_name;
	bool types, explain, ndjson;
	const struct pack *pack;
	struct record_builder builder;
	struct fhirpath *program; /* for program_type */
	uint32_t program_type;
	struct str file;
	uint64_t before; /* lines of it before the resource */
	int status;
};

static void
put_item(const struct fhirpath_command *c, const struct fhirpath_item *item, const struct record *r,
    struct buf *out)
{
	switch ((enum fhirpath_kind)item->kind) {
	case FHIRPATH_NODE:
		fhir_json_write(r, c->pack, item->node, 0, out);
		while (out->len && out->p[out->len - 1] == '\n')
			out->len--;
		break;
	case FHIRPATH_BOOLEAN:
	case FHIRPATH_INTEGER:
	case FHIRPATH_DECIMAL:
		buf_put_str(out, item->value.len ? item->value : STR("null"));
		break;
	default:
		if (item->value.len || item->node == FHIRPATH_MADE)
			buf_put_json(out, item->value);
		else
			buf_puts(out, "null");
		break;
	}
	buf_put_byte(out, '\n');
}

static void
put_items(const struct fhirpath_command *c, const struct fhirpath_items *items,
    const struct record *r, struct arena *a, struct buf *out)
{
	for (uint32_t i = 0; i < items->count; i++) {
		const struct fhirpath_item *item = &items->at[i];

		if (c->types) {
			buf_put_str(out, fhirpath_type_name(c->pack, item, a));
			buf_put_byte(out, '\t');
		}
		put_item(c, item, item->record && items->records ? items->records[item->record] : r,
		    out);
	}
}

static void
print_findings(struct fhirpath_command *c, const struct findings *f)
{
	for (const struct finding *x = f->first; x; x = x->next) {
		fprintf(stderr, "%.*s:", STR_ARG(c->file));
		if (x->line)
			fprintf(stderr, "%llu:%u:", (unsigned long long)(c->before + x->line),
			    x->column ? x->column : 1);
		fprintf(stderr, " %s: ", severity_name(x->severity));
		if (x->path.len)
			fprintf(stderr, "%.*s: ", STR_ARG(x->path));
		fprintf(stderr, "%.*s\n", STR_ARG(x->text));
	}
	if (f->errors)
		c->status = EXIT_FINDINGS;
}

/* What trace() was given: its name before each item. */
struct tracing {
	struct fhirpath_command *c;
	const struct record *r;
	struct arena *a;
};

static void
print_trace(void *ctx, struct str name, const struct fhirpath_items *of)
{
	struct tracing *t = ctx;

	for (uint32_t i = 0; i < of->count; i++) {
		struct fhirpath_items one = { &of->at[i], 1, of->records };
		struct buf out;

		buf_init(&out, MAX_INPUT);
		put_items(t->c, &one, t->r, t->a, &out);
		fprintf(stderr, "%.*s: %.*s", STR_ARG(name), STR_ARG(buf_str(&out)));
		buf_release(&out);
	}
}

/* Compile for a type, unless that was the last. */
static int
compile_for(struct fhirpath_command *c, uint32_t type, struct error *err)
{
	struct buf out;
	int rc;

	if (c->program && c->program_type == type)
		return 0;
	fhirpath_free(c->program);
	c->program = fhirpath_compile(c->pack, type, c->expression, err);
	c->program_type = type;
	if (!c->program)
		return -1;
	if (!c->explain)
		return 0;
	buf_init(&out, MAX_INPUT);
	fhirpath_explain(c->program, &out);
	rc = write_all(STDOUT_FILENO, buf_str(&out), err);
	buf_release(&out);
	return rc;
}

static int
evaluate(struct fhirpath_command *c, const struct record *r, struct arena *a, struct error *err)
{
	struct tracing tracing = { c, r, a };
	struct fhirpath_host host = { .ctx = &tracing, .trace = print_trace };
	struct fhirpath_input input = { .record = r, .host = &host };
	struct fhirpath_items items;
	struct buf out;
	int rc;

	if (compile_for(c, record_type(r, c->pack, 0), err))
		return -1;
	if (c->explain)
		return 0;
	if (fhirpath_run(c->program, &input, a, &items, err)) {
		fprintf(stderr, "%.*s", STR_ARG(c->file));
		if (c->before)
			fprintf(stderr, ":%llu", (unsigned long long)c->before + 1);
		fprintf(stderr, ": %s\n", err->text);
		c->status = EXIT_FINDINGS;
		return 0;
	}
	buf_init(&out, MAX_INPUT);
	put_items(c, &items, r, a, &out);
	rc = out.full ? error_set(err, ERROR_LIMIT, "the result is too large")
		      : write_all(STDOUT_FILENO, buf_str(&out), err);
	buf_release(&out);
	return rc;
}

/* One resource. What is wrong in it is told, and left out. */
static int
take_resource(struct fhirpath_command *c, struct str text, struct error *err)
{
	static const struct fhir_read_options any = { .type = PACK_NONE };
	struct str start = str_trim(text);
	enum fhir_format format = start.len && start.p[0] == '<' ? FHIR_FORMAT_XML
								 : FHIR_FORMAT_JSON;
	const struct record *r;
	struct findings f;
	struct arena a;
	int rc;

	arena_init(&a, (size_t)4 << 30, ARENA_WIPE);
	findings_init(&f, &a, MAX_FINDINGS);
	r = fhir_read(format, text, &any, &c->builder, &a, &f);
	print_findings(c, &f);
	rc = r ? evaluate(c, r, &a, err) : 0;
	arena_release(&a);
	return rc;
}

static int
take_line(void *ctx, struct str line, uint64_t number, struct error *err)
{
	struct fhirpath_command *c = ctx;

	c->before = number - 1;
	if (line.p)
		return take_resource(c, line, err);
	fprintf(stderr, "%.*s:%llu: the line is too long\n", STR_ARG(c->file),
	    (unsigned long long)number);
	c->status = EXIT_FINDINGS;
	return 0;
}

static int
take_file(struct fhirpath_command *c, const char *path, struct error *err)
{
	struct ndjson *lines;
	struct buf text;
	int rc;

	c->file = str_from(strcmp(path, "-") == 0 ? "standard input" : path);
	buf_init(&text, MAX_INPUT);
	text.wipe = true;
	c->before = 0;
	rc = file_read(path, &text, err);
	if (rc == 0 && !c->ndjson && !str_ends(c->file, STR(".ndjson"))) {
		rc = take_resource(c, buf_str(&text), err);
	} else if (rc == 0) {
		lines = ndjson_new(MAX_LINE, take_line, c);
		rc = ndjson_feed(lines, buf_str(&text), err);
		if (rc == 0)
			rc = ndjson_end(lines, err);
		ndjson_free(lines);
	}
	buf_release(&text);
	return rc;
}

static int
usage(const char *what)
{
	fprintf(stderr, "firedoor fhirpath: %s\nfiredoor fhirpath --help tells more.\n", what);
	return EXIT_USAGE;
}

static int
run(struct fhirpath_command *c, char **files, int count, struct error *err)
{
	static char *standard_input[] = { "-" };

	c->pack = pack_open(c->pack_path, err);
	if (!c->pack)
		return -1;
	record_builder_init(&c->builder, c->pack, &record_default_limits);
	if (c->explain && c->type_name) {
		uint32_t type = pack_find_type(c->pack, str_from(c->type_name));

		if (type == PACK_NONE)
			return error_set(err, ERROR_INVALID, "there is no type '%s'", c->type_name);
		return compile_for(c, type, err);
	}
	if (count == 0) {
		files = standard_input;
		count = 1;
	}
	for (int i = 0; i < count; i++)
		if (take_file(c, files[i], err))
			return -1;
	return 0;
}

enum {
	OPTION_TYPES = 256,
	OPTION_NDJSON,
	OPTION_EXPLAIN,
	OPTION_TYPE,
	OPTION_PACK,
};

static const struct option options[] = {
	{ "types", no_argument, NULL, OPTION_TYPES },
	{ "ndjson", no_argument, NULL, OPTION_NDJSON },
	{ "explain", no_argument, NULL, OPTION_EXPLAIN },
	{ "type", required_argument, NULL, OPTION_TYPE },
	{ "pack", required_argument, NULL, OPTION_PACK },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

int
cmd_fhirpath(int argc, char **argv)
{
	struct fhirpath_command c = { .status = EXIT_CLEAN };
	const char *pack = getenv("FIREDOOR_PACK");
	struct error err = { 0 };
	int option;

	c.pack_path = pack && *pack ? pack : FIREDOOR_DATADIR "/r4.pack";
	optind = 1;
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case OPTION_TYPES:
			c.types = true;
			break;
		case OPTION_NDJSON:
			c.ndjson = true;
			break;
		case OPTION_EXPLAIN:
			c.explain = true;
			break;
		case OPTION_TYPE:
			c.type_name = optarg;
			break;
		case OPTION_PACK:
			c.pack_path = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_CLEAN;
		default:
			return usage("that is no option");
		}
	}
	if (optind == argc)
		return usage("an expression is missing");
	if (c.type_name && !c.explain)
		return usage("--type goes with --explain");
	c.expression = str_from(argv[optind++]);
	if (run(&c, argv + optind, argc - optind, &err)) {
		fprintf(stderr, "firedoor fhirpath: %s\n", err.text);
		c.status = EXIT_USAGE;
	}
	fhirpath_free(c.program);
	if (c.pack)
		record_builder_release(&c.builder);
	pack_free(c.pack);
	return c.status;
}
