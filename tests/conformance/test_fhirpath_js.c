/*
 * Our answers against those of fhirpath.js, item by item: every search
 * parameter over every resource of the FHIR package that it applies to, and
 * every invariant of the definitions at every place it applies to.
 * FIREDOOR_PACKAGE_DIR is the package, FIREDOOR_FHIRPATH_JS the folder of the
 * npm package. Two processes share the work.
 */
#include <dirent.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/finding.h"
#include "mappers/fhir/fhir_json.h"
#include "profiles/fhirpath.h"
#include "tests/tap.h"

enum {
	SHARDS = 2,
	TEXTS_MOST = 8192,
	FILES_MOST = 8192,
	FILE_BYTES = 1 << 27,
	ANSWERS_MOST = 256, /* at one place */
	SHOWN_MOST = 40,
};

/*
 * Where the answers differ, and why ours stay: each must be met. One more stands
 * in fhirpath_js.mjs: `as` of several items is refused by fhirpath.js, as N1,
 * 6.3.3 says; R4's search parameters are written so and mean ofType(), which is
 * what our definitions' mode takes it for and what fhirpath.js is then asked.
 */
static const struct difference {
	const char *expression,
	    *where;		   /* its beginning; the end of the place or of the file's name */
	const char *ours, *theirs; /* their beginnings, behind the path */
	const char *why;
} differences[] = {
	{ "Resource.id", "", "|id|", "|String|",
	    "R4, resource.html: the logical id is of type id, not string" },
	{ "id", "", "|id|", "|String|",
	    "R4, resource.html: the logical id is of type id, not string" },
	{ "hasValue() or (children().count() > id.count())", ".div", "T", "=boolean|false",
	    "R4, fhirpath.html, hasValue(): true of a primitive that has a value, which xhtml is" },
	{ "(ConceptMap.source as uri)", "", "", "|canonical|",
	    "a primitive is taken by its exact type (official test testFHIRPathAsFunction11)" },
	{ "(ConceptMap.target as uri)", "", "", "|canonical|",
	    "a primitive is taken by its exact type (official test testFHIRPathAsFunction11)" },
	{ "path.matches('[A-Za-z][A-Za-z0-9]*(\\\\.", "", "T", "!Invalid regular expression",
	    "N1, 5.6.9: PCRE's syntax, where ] may stand alone; JavaScript's refuses it" },
	{ "path.matches('[^\\\\s\\\\.,:;", "", "T", "!Invalid regular expression",
	    "N1, 5.6.9: PCRE's syntax, where what needs no escape may have one" },
	{ "sliceName.empty() or sliceName.matches('^[a-zA-Z0-9\\\\/\\\\-_", "", "T",
	    "!Invalid regular expression",
	    "N1, 5.6.9: PCRE's syntax, where what needs no escape may have one" },
	{ "low.empty() or high.empty() or (low <= high)", "", "", "T",
	    "R4, fhirpath.html, Quantity: only units of UCUM make one of FHIRPath's, which has an "
	    "order" },
	{ "name.matches('[A-Z]([A-Za-z0-9_]){0,254}')", "", "!", "",
	    "N1, 3: ChargeItemDefinition has no element 'name', which is an error at compile "
	    "time" },
	{ "QuestionnaireResponse.item.where(hasExtension(", "", "", "!Not implemented",
	    "no specification defines hasExtension(), which R4's search parameter uses" },
	{ "Observation | Observation.component", "-decimal", "Observation|", "Observation|",
	    "R4, datatypes.html, decimal: digits are kept, which doubles lose" },
	{ "(Observation.value as Quantity) | ", "-decimal", "|Quantity|", "|Quantity|",
	    "R4, datatypes.html, decimal: digits are kept, which doubles lose" },
	{ "(Observation.component.value as Quantity) | ", "-decimal", "|Quantity|", "|Quantity|",
	    "R4, datatypes.html, decimal: digits are kept, which doubles lose" },
	{ "(Observation.value as Quantity) | ", "", "|Quantity|", "!Cannot convert",
	    "N1, 6.5.1: | takes items of any type; those with a comparator are no exception" },
	{ "(Observation.component.value as Quantity) | ", "", "|Quantity|", "!Cannot convert",
	    "N1, 6.5.1: | takes items of any type; those with a comparator are no exception" },
};

enum {
	DIFFERENCES = sizeof(differences) / sizeof(differences[0]),
};

/* What both processes count. */
struct counts {
	uint64_t answers, files, places, unlisted, shown;
	uint64_t seen[DIFFERENCES];
};

struct work {
	const struct pack *pack;
	const char *folder;
	struct counts *counts;
	struct record_builder builder;
	struct arena keep;
	struct str texts[TEXTS_MOST]; /* all expressions, each once */
	uint32_t text_count;
	struct fhirpath **programs; /* by type, then text */
	char *files[FILES_MOST];
	int file_count;
	FILE *theirs;
	char *line;
	size_t line_room;
};

static uint32_t
text_number(struct work *w, struct pack_text text)
{
	struct str s = pack_text(w->pack, text);
	uint32_t i = 0;

	while (i < w->text_count && !str_eq(w->texts[i], s))
		i++;
	if (i == w->text_count && i < TEXTS_MOST)
		w->texts[w->text_count++] = s;
	return i;
}

/* Numbers of the element's expressions, and of those of its type's root. */
static uint32_t
list_invariants(struct work *w, uint32_t element, uint32_t type, uint32_t out[])
{
	uint32_t sources[] = { element, type }, n = 0;

	for (int k = 0; k < 2; k++) {
		struct pack_run run = pack_detail_at(w->pack, sources[k])->invariants;

		for (uint32_t i = 0; i < run.count; i++) {
			const struct pack_invariant *v = &pack_invariants(w->pack, run)[i];
			uint32_t number, at = 0;

			if (!v->expression.len)
				continue;
			number = text_number(w, v->expression);
			while (at < n && out[at] != number)
				at++;
			if (at == n && n < ANSWERS_MOST)
				out[n++] = number;
		}
	}
	return n;
}

static bool
is_param_of(const struct pack *p, const struct pack_param *param, uint32_t type)
{
	const uint32_t *bases = pack_numbers(p, param->bases);

	for (uint32_t i = 0; i < param->bases.count; i++)
		if (pack_type_is(p, type, bases[i]))
			return true;
	return false;
}

/* All there are, those that another of the same name hides too. */
static uint32_t
list_params(struct work *w, uint32_t type, uint32_t out[])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < pack_param_count(w->pack) && n < ANSWERS_MOST; i++) {
		const struct pack_param *p = pack_param_at(w->pack, i);

		if (p->expression.len && is_param_of(w->pack, p, type))
			out[n++] = text_number(w, p->expression);
	}
	return n;
}

static void
put_numbers(FILE *f, const uint32_t numbers[], uint32_t count)
{
	fputs(", [", f);
	for (uint32_t i = 0; i < count; i++)
		fprintf(f, "%s%u", i ? "," : "", (unsigned)numbers[i]);
	fputs("]", f);
}

static void
put_type(struct work *w, FILE *f, uint32_t t)
{
	const struct pack_type *type = pack_type_at(w->pack, t);
	uint32_t numbers[ANSWERS_MOST], n;

	fprintf(f, "[\"t\", \"%.*s\"", STR_ARG(pack_text(w->pack, type->name)));
	n = list_invariants(w, t, t, numbers);
	put_numbers(f, numbers, n);
	n = list_params(w, t, numbers);
	put_numbers(f, numbers, n);
	fputs("]\n", f);
	for (uint32_t i = 0; i < type->elements.count; i++) {
		uint32_t number = type->elements.first + i;
		const struct pack_element *e = pack_element_at(w->pack, number);

		fprintf(f, "[\"e\", \"%.*s\", \"%.*s\", \"%.*s\", %d",
		    STR_ARG(pack_text(w->pack, e->name)), STR_ARG(pack_text(w->pack, e->stem)),
		    STR_ARG(pack_text(w->pack, pack_type_at(w->pack, e->type)->name)),
		    e->flags & ELEMENT_RESOURCE ? 1 : 0);
		n = list_invariants(w, number, e->type, numbers);
		put_numbers(f, numbers, n);
		fputs("]\n", f);
	}
}

/* The table for fhirpath_js.mjs. */
static void
put_table(struct work *w, FILE *f)
{
	struct buf json;

	for (uint32_t t = 0; t < pack_type_count(w->pack); t++)
		put_type(w, f, t);
	buf_init(&json, SIZE_MAX);
	for (uint32_t i = 0; i < w->text_count; i++) {
		buf_puts(&json, "[\"x\", ");
		buf_put_json(&json, w->texts[i]);
		buf_puts(&json, "]\n");
	}
	fwrite(json.p, 1, json.len, f);
	buf_release(&json);
	w->programs = xcalloc(
	    (size_t)pack_type_count(w->pack) * w->text_count, sizeof(*w->programs));
}

static const struct fhirpath *
program_of(struct work *w, uint32_t element, uint32_t text)
{
	uint32_t type = pack_element_at(w->pack, element)->type;
	struct fhirpath **f = &w->programs[(size_t)type * w->text_count + text];
	struct error err;

	if (!*f)
		*f = fhirpath_compile_definition(w->pack, element, w->texts[text], &err);
	if (!*f)
		printf("# %.*s does not compile: %s\n", STR_ARG(w->texts[text]), err.text);
	return *f;
}

/* Our answer, written as theirs. */
static void
put_answer(struct work *w, const struct fhirpath *f, const struct record *r, uint32_t node,
    struct arena *a, struct buf *out)
{
	struct fhirpath_items items;
	struct error err;

	if (!f || fhirpath_eval(f, r, node, a, &items, &err)) {
		buf_printf(out, "!%s", f ? err.text : "");
		return;
	}
	if (items.count == 1 && items.at[0].node == FHIRPATH_MADE &&
	    str_is(items.at[0].value, "true")) {
		buf_puts(out, "T");
		return;
	}
	for (uint32_t i = 0; i < items.count; i++) {
		const struct fhirpath_item *item = &items.at[i];
		struct str type = fhirpath_type_name(w->pack, item, a);

		buf_puts(out, i ? "\x1f" : "");
		if (item->node == FHIRPATH_MADE)
			buf_put_byte(out, '=');
		else
			buf_printf(out, "%.*s|", STR_ARG(record_path(r, w->pack, item->node, a)));
		buf_printf(
		    out, "%.*s|", STR_ARG(str_from_index(type, (size_t)str_find(type, '.') + 1)));
		for (size_t k = 0; k < item->value.len; k++)
			buf_put_byte(
			    out, (unsigned char)item->value.p[k] < 0x20 ? '?' : item->value.p[k]);
	}
}

/* A backbone element's type has the name of its base with them. */
static bool
same_type(struct str ours, struct str theirs)
{
	if (str_find(ours, '.') >= 0)
		return str_is(theirs, "BackboneElement") || str_is(theirs, "Element");
	return str_eq(ours, theirs);
}

static bool
same_value(struct str ours, struct str theirs)
{
	char *end;
	double x;

	if (str_eq(ours, theirs))
		return true;
	if (!ours.len || !theirs.len || ours.len > 60 || theirs.len > 60)
		return false;
	x = strtod(ours.p, &end); /* a tab, a bar or the line's end is behind it */
	return end == ours.p + ours.len && x == strtod(theirs.p, &end) &&
	       end == theirs.p + theirs.len;
}

static bool
same_item(struct str ours, struct str theirs)
{
	struct str x, y;

	if (str_starts(theirs, STR("=")) || str_starts(ours, STR("="))) {
		return str_split(&ours, '|', &x) && str_split(&theirs, '|', &y) &&
		       str_starts(x, STR("=")) && str_starts(y, STR("=")) &&
		       same_value(ours, theirs);
	}
	return str_split(&ours, '|', &x) && str_split(&theirs, '|', &y) && str_eq(x, y) &&
	       str_split(&ours, '|', &x) && str_split(&theirs, '|', &y) && same_type(x, y) &&
	       same_value(ours, theirs);
}

static bool
same_answer(struct str ours, struct str theirs)
{
	if (str_eq(ours, theirs))
		return true;
	if (!ours.len || !theirs.len)
		return false;
	if (ours.p[0] == '!' || theirs.p[0] == '!')
		return ours.p[0] == theirs.p[0];
	for (;;) {
		struct str x, y;
		bool more = str_split(&ours, '\x1f', &x);

		if (more != str_split(&theirs, '\x1f', &y))
			return false;
		if (!more)
			return true;
		if (!same_item(x, y))
			return false;
	}
}

/* An answer behind the path of its first item, where there is one. */
static struct str
behind_path(struct str answer, const char *begins)
{
	ptrdiff_t bar = str_find(answer, '|');

	return begins[0] == '|' && bar >= 0 ? str_from_index(answer, (size_t)bar) : answer;
}

static bool
begins_so(struct str answer, const char *begins)
{
	return begins[0] ? str_starts(behind_path(answer, begins), str_from(begins))
			 : answer.len == 0;
}

static void
count_difference(struct work *w, const char *file, const struct record *r, uint32_t node,
    struct str expression, struct str ours, struct str theirs, struct arena *a)
{
	struct str place = record_path(r, w->pack, node, a);
	struct str name = str_of(file, strlen(file) - strlen(".json"));

	for (size_t i = 0; i < DIFFERENCES; i++) {
		const struct difference *d = &differences[i];

		if (str_starts(expression, str_from(d->expression)) &&
		    (str_ends(place, str_from(d->where)) || str_ends(name, str_from(d->where))) &&
		    begins_so(ours, d->ours) && begins_so(theirs, d->theirs)) {
			__atomic_add_fetch(&w->counts->seen[i], 1, __ATOMIC_RELAXED);
			return;
		}
	}
	__atomic_add_fetch(&w->counts->unlisted, 1, __ATOMIC_RELAXED);
	if (w->counts->shown++ < SHOWN_MOST)
		printf("# %s: %.*s at %.*s\n#   ours   %.*s\n#   theirs %.*s\n", file,
		    STR_ARG(expression), STR_ARG(place), (int)(ours.len < 300 ? ours.len : 300),
		    ours.p, (int)(theirs.len < 300 ? theirs.len : 300), theirs.p);
	fflush(stdout);
}

/* The next line of theirs, which begins so; without that. */
static bool
their_line(struct work *w, const char *begins, struct str *out)
{
	ssize_t len = getline(&w->line, &w->line_room, w->theirs);

	if (len < 0)
		return false;
	*out = str_of(w->line, (size_t)len - (w->line[len - 1] == '\n'));
	if (!str_starts(*out, str_from(begins))) {
		printf("# out of step: '%.*s', not '%s'\n", (int)(out->len < 80 ? out->len : 80),
		    out->p, begins);
		return false;
	}
	*out = str_from_index(*out, strlen(begins));
	return true;
}

/* One line of answers. */
static void
compare_answers(struct work *w, const char *file, const struct record *r, uint32_t node,
    const uint32_t numbers[], uint32_t count, struct str theirs)
{
	uint32_t element = r->nodes[node].element;
	struct arena a;
	struct buf ours;

	arena_init(&a, 256 << 20, 0);
	buf_init(&ours, SIZE_MAX);
	for (uint32_t i = 0; i < count; i++) {
		struct str answer;

		ours.len = 0;
		put_answer(w, program_of(w, element, numbers[i]), r, node, &a, &ours);
		buf_put_byte(&ours, '\n'); /* an end for strtod() */
		ours.len--;
		if (!str_split(&theirs, '\t', &answer))
			answer = STR("(no answer)");
		__atomic_add_fetch(&w->counts->answers, 1, __ATOMIC_RELAXED);
		if (!same_answer(buf_str(&ours), answer))
			count_difference(
			    w, file, r, node, w->texts[numbers[i]], buf_str(&ours), answer, &a);
		arena_reset(&a);
	}
	buf_release(&ours);
	arena_release(&a);
}

/* The places of one record, in order. False when theirs are others. */
static bool
compare_places(struct work *w, const char *file, const struct record *r)
{
	uint32_t numbers[ANSWERS_MOST], n;
	struct str theirs;
	char head[256];

	for (uint32_t i = 0; i < r->node_count; i++) {
		uint32_t element = r->nodes[i].element, place = i, type;
		const struct pack_element *e = pack_element_at(w->pack, element);

		if (e->flags & ELEMENT_RESOURCE && e->owner != PACK_NONE)
			i = ++place; /* the resource stands for what holds it */
		type = record_type(r, w->pack, place);
		snprintf(head, sizeof(head), "N\t%.*s", STR_ARG(pack_text(w->pack, e->name)));
		if (!their_line(w, head, &theirs)) {
			printf("# in %s\n", file);
			return false;
		}
		n = list_invariants(w, element, type, numbers);
		theirs = str_from_index(theirs, theirs.len > 0);
		compare_answers(w, file, r, place, numbers, n, theirs);
		__atomic_add_fetch(&w->counts->places, 1, __ATOMIC_RELAXED);
	}
	return true;
}

static bool
compare_file(struct work *w, const char *name)
{
	struct fhir_read_options options = { .type = PACK_NONE };
	struct findings findings;
	const struct record *r;
	uint32_t numbers[ANSWERS_MOST], n;
	struct str theirs;
	struct arena a;
	struct buf in;
	char path[4096];
	bool going;

	snprintf(path, sizeof(path), "%s/%s", w->folder, name);
	arena_init(&a, SIZE_MAX, 0);
	buf_init(&in, SIZE_MAX);
	findings_init(&findings, &a, 1);
	r = file_read(path, &in, NULL)
		? NULL
		: fhir_json_read(buf_str(&in), &options, &w->builder, &a, &findings);
	going = r && their_line(w, "F\t", &theirs) && str_eq(theirs, str_from(name)) &&
		their_line(w, "S", &theirs);
	if (going) {
		n = list_params(w, record_type(r, w->pack, 0), numbers);
		compare_answers(w, name, r, 0, numbers, n, str_from_index(theirs, theirs.len > 0));
		going = compare_places(w, name, r);
	}
	__atomic_add_fetch(&w->counts->files, going, __ATOMIC_RELAXED);
	arena_release(&a);
	buf_release(&in);
	return going;
}

/* What is wrong by itself (test_fhir_json_package.c lists it) is left out. */
static bool
is_compared(struct work *w, const char *name)
{
	struct fhir_read_options options = { .type = PACK_NONE };
	struct str s = str_from(name);
	struct findings findings;
	char path[4096];
	struct arena a;
	struct buf in;
	bool right = false;

	snprintf(path, sizeof(path), "%s/%s", w->folder, name);
	if (!str_ends(s, STR(".json")) || str_eq(s, STR("package.json")) || name[0] == '.')
		return false;
	arena_init(&a, SIZE_MAX, 0);
	buf_init(&in, FILE_BYTES);
	findings_init(&findings, &a, 1);
	if (file_read(path, &in, NULL) == 0)
		right = fhir_json_read(buf_str(&in), &options, &w->builder, &a, &findings) &&
			findings.count == 0;
	arena_release(&a);
	buf_release(&in);
	return right;
}

static int
by_name(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

static void
list_files(struct work *w)
{
	DIR *dir = opendir(w->folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)) && w->file_count < FILES_MOST)
		if (is_compared(w, entry->d_name))
			w->files[w->file_count++] = xstrdup(entry->d_name);
	if (dir)
		closedir(dir);
	qsort(w->files, (size_t)w->file_count, sizeof(w->files[0]), by_name);
}

/* Ask for every file of the shard, and compare. */
static int
run_shard(struct work *w, int shard, const char *table, const char *library)
{
	char list[] = "/tmp/firedoor-files-XXXXXX", command[8192];
	const char *top = getenv("FIREDOOR_SRCDIR");
	FILE *f = fdopen(mkstemp(list), "w");
	bool going = true;

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	for (int i = shard; i < w->file_count; i += SHARDS)
		fprintf(f, "%s\n", w->files[i]);
	fclose(f);
	snprintf(command, sizeof(command),
	    "node '%s/tests/conformance/fhirpath_js.mjs' '%s' '%s' '%s' <%s", top ? top : ".",
	    library, table, w->folder, list);
	w->theirs = popen(command, "r");
	for (int i = shard; going && w->theirs && i < w->file_count; i += SHARDS)
		going = compare_file(w, w->files[i]);
	if (w->theirs && pclose(w->theirs))
		going = false;
	unlink(list);
	fflush(stdout);
	return going ? 0 : 1;
}

static void
compare_all(struct work *w, const char *library)
{
	char table[] = "/tmp/firedoor-table-XXXXXX";
	FILE *f = fdopen(mkstemp(table), "w");
	pid_t pids[SHARDS];
	int status, failed = 0;

	put_table(w, f);
	fclose(f);
	list_files(w);
	fflush(stdout);
	for (int i = 0; i < SHARDS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(run_shard(w, i, table, library));
	}
	for (int i = 0; i < SHARDS; i++)
		if (waitpid(pids[i], &status, 0) < 0 || status)
			failed++;
	unlink(table);
	is_int(failed, 0, "all answers are there");
	is_int((int)w->counts->files, w->file_count, "every file is compared");
	ok(w->counts->unlisted == 0, "%llu answers agree at %llu places, but for what is listed",
	    (unsigned long long)w->counts->answers, (unsigned long long)w->counts->places);
	for (int i = 0; i < DIFFERENCES; i++)
		ok(w->counts->seen[i] > 0, "%llu times otherwise: %s: %s",
		    (unsigned long long)w->counts->seen[i], differences[i].expression,
		    differences[i].why);
}

int
main(void)
{
	static struct work w;
	const char *library = getenv("FIREDOOR_FHIRPATH_JS"), *path = getenv("FIREDOOR_PACK");
	struct error err;

	w.folder = getenv("FIREDOOR_PACKAGE_DIR");
	if (!library || !path || !w.folder || system("node --version >/dev/null 2>&1") != 0) {
		tap_skip("answers as fhirpath.js's",
		    library ? "the package or node is missing" : "FIREDOOR_FHIRPATH_JS is not set");
		return tap_done();
	}
	w.pack = pack_open(path, &err);
	if (!ok(w.pack != NULL, "%s opens", path))
		return tap_done();
	w.counts = mmap(
	    NULL, sizeof(*w.counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	record_builder_init(&w.builder, w.pack, &record_default_limits);
	compare_all(&w, library);
	record_builder_release(&w.builder);
	pack_free(w.pack);
	return tap_done();
}
