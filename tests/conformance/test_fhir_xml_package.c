/*
 * JSON and XML of the FHIR package hold the same. Every resource goes from
 * JSON to XML and back unchanged; every XML definition of the core package
 * gives the record of its JSON pair, and comes out as the same canonical XML.
 */
#include <dirent.h>
#include <libxml/c14n.h>
#include <libxml/parser.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/fhir/fhir_writer.h"
#include "mappers/fhir/fhir_xml.h"
#include "tests/tap.h"

static const struct fhir_read_options any = { .type = PACK_NONE };

/* One resource, on its way between the formats. */
struct trip {
	struct record_builder *b;
	const struct pack *pack;
	struct arena arena;
	struct findings findings;
	struct buf in, out, again;
};

static void
trip_init(struct trip *t, struct record_builder *b)
{
	t->b = b;
	t->pack = b->pack;
	arena_init(&t->arena, SIZE_MAX, 0);
	findings_init(&t->findings, &t->arena, 10);
	buf_init(&t->in, SIZE_MAX);
	buf_init(&t->out, SIZE_MAX);
	buf_init(&t->again, SIZE_MAX);
}

static void
trip_release(struct trip *t)
{
	arena_release(&t->arena);
	buf_release(&t->in);
	buf_release(&t->out);
	buf_release(&t->again);
}

static void
show(const char *name, const struct findings *f)
{
	for (const struct finding *x = f->first; x; x = x->next)
		printf("# %s:%u:%u: %s %s: %.*s: %.*s\n", name, x->line, x->column,
		    severity_name(x->severity), x->code, STR_ARG(x->path), STR_ARG(x->text));
}

static const struct record *
read_json(struct trip *t, struct str in)
{
	return fhir_json_read(in, &any, t->b, &t->arena, &t->findings);
}

static const struct record *
read_xml(struct trip *t, struct str in)
{
	return fhir_xml_read(in, &any, t->b, &t->arena, &t->findings);
}

static bool
load(const char *folder, const char *name, struct buf *out)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	buf_clear(out);
	return file_read(path, out, NULL) == 0;
}

/* JSON, XML, JSON: compact and pretty XML both give the record again. */
static bool
json_survives(struct trip *t, const struct record *r)
{
	const struct record *compact, *pretty;

	fhir_xml_write(r, t->pack, 0, 0, &t->out);
	compact = read_xml(t, buf_str(&t->out));
	fhir_xml_write(r, t->pack, 0, FHIR_XML_PRETTY, &t->again);
	pretty = read_xml(t, buf_str(&t->again));
	if (!compact || !pretty || t->findings.count || !record_equal(r, 0, compact, 0) ||
	    !record_equal(r, 0, pretty, 0))
		return false;
	buf_clear(&t->out);
	buf_clear(&t->again);
	fhir_json_write(r, t->pack, 0, 0, &t->out);
	fhir_json_write(compact, t->pack, 0, 0, &t->again);
	return str_eq(buf_str(&t->out), buf_str(&t->again));
}

/* In small steps it is what it is at once. */
static bool
is_same_in_steps(struct trip *t, const struct record *r)
{
	bool same = true;

	for (int form = 0; form < 4; form++) {
		enum fhir_format format = form & 1 ? FHIR_FORMAT_XML : FHIR_FORMAT_JSON;
		struct fhir_writer w;

		buf_clear(&t->out);
		buf_clear(&t->again);
		fhir_write(format, form & 2, r, t->pack, 0, &t->out);
		fhir_writer_init(&w, format, form & 2, t->pack);
		fhir_writer_add(&w, r, true);
		while (!fhir_writer_put(&w, t->again.len + 1, &t->again))
			;
		fhir_writer_release(&w);
		same &= str_eq(buf_str(&t->out), buf_str(&t->again));
	}
	buf_clear(&t->out);
	buf_clear(&t->again);
	return same;
}

struct totals {
	unsigned files, read, stepped, same, canonical, alone, broken;
};

/* XML definitions that the JSON package does not have. */
static const char *const alone[] = {
	"StructureDefinition-structuredefinition-json-type.xml",
	"StructureDefinition-structuredefinition-rdf-type.xml",
	"StructureDefinition-structuredefinition-xml-type.xml",
};

static void
try_json(const char *folder, const char *name, struct record_builder *b, struct totals *n)
{
	const struct record *r;
	struct trip t;

	trip_init(&t, b);
	n->files++;
	r = load(folder, name, &t.in) ? read_json(&t, buf_str(&t.in)) : NULL;
	if (r && t.findings.count == 0) {
		n->read++;
		n->stepped += is_same_in_steps(&t, r);
		if (json_survives(&t, r))
			n->same++;
		else {
			printf("# %s: comes back from XML as something else\n", name);
			show(name, &t.findings);
		}
	}
	trip_release(&t);
}

/* ---- The XML definitions --------------------------------------------- */

/* What the two packages, generated at different times, differ in; the XML
 * definitions have no narrative. */
static bool
is_volatile(const struct trip *t, const struct record *r, uint32_t parent, uint32_t i)
{
	struct str name = pack_text(t->pack, t->pack->elements[r->nodes[i].element].name);

	return (str_is(name, "lastUpdated") &&
		   str_is(record_type_name(r, t->pack, parent), "Meta")) ||
	       (parent == 0 && (str_is(name, "date") || str_is(name, "text")));
}

/* Whether two subtrees are equal but for the volatile. */
static bool
same_tree(struct trip *t, const struct record *a, uint32_t i, const struct record *b, uint32_t j)
{
	uint32_t x = i + 1, y = j + 1;

	if (a->nodes[i].element != b->nodes[j].element ||
	    !str_eq(record_text(a, i), record_text(b, j)))
		return false;
	for (;;) {
		while (x < a->nodes[i].end && is_volatile(t, a, i, x))
			x = a->nodes[x].end;
		while (y < b->nodes[j].end && is_volatile(t, b, j, y))
			y = b->nodes[y].end;
		if (x >= a->nodes[i].end || y >= b->nodes[j].end)
			return x >= a->nodes[i].end && y >= b->nodes[j].end;
		if (!same_tree(t, a, x, b, y)) {
			printf("# %.*s differs\n", STR_ARG(record_path(a, t->pack, x, &t->arena)));
			return false;
		}
		x = a->nodes[x].end;
		y = b->nodes[y].end;
	}
}

/* Canonical XML 1.0 without comments, by libxml2; NULL when it is no XML. */
static char *
canonical(struct str text)
{
	xmlDocPtr doc = xmlReadMemory(text.p, (int)text.len, NULL, NULL, XML_PARSE_NONET);
	xmlChar *out = NULL;

	if (doc)
		xmlC14NDocDumpMemory(doc, NULL, XML_C14N_1_0, NULL, 0, &out);
	xmlFreeDoc(doc);
	return (char *)out;
}

/* XML, JSON, XML: canonically equal. */
static bool
xml_survives(struct trip *t, const struct record *r)
{
	const struct record *back;
	char *before, *after;
	bool same;

	buf_clear(&t->out);
	fhir_json_write(r, t->pack, 0, 0, &t->out);
	back = read_json(t, buf_str(&t->out));
	if (!back)
		return false;
	buf_clear(&t->again);
	fhir_xml_write(back, t->pack, 0, 0, &t->again);
	before = canonical(buf_str(&t->in));
	after = canonical(buf_str(&t->again));
	same = before && after && strcmp(before, after) == 0;
	xmlFree(before);
	xmlFree(after);
	return same;
}

/* The same things are wrong, in the same places. */
static bool
same_findings(const struct finding *x, const struct finding *y)
{
	for (; x && y; x = x->next, y = y->next)
		if (strcmp(x->code, y->code) != 0 || !str_eq(x->path, y->path))
			return false;
	return !x && !y;
}

static bool
is_alone(const char *name)
{
	for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++)
		if (strcmp(name, alone[i]) == 0)
			return true;
	return false;
}

static void
try_xml(const char *folder, const char *json_folder, const char *name, struct record_builder *b,
    struct totals *n)
{
	const struct record *r, *pair = NULL;
	char json_name[1024];
	struct trip t, other;

	snprintf(json_name, sizeof(json_name), "%.*s.json", (int)strlen(name) - 4, name);
	trip_init(&t, b);
	trip_init(&other, b);
	n->files++;
	r = load(folder, name, &t.in) ? read_xml(&t, buf_str(&t.in)) : NULL;
	if (is_alone(name))
		n->alone++;
	else if (load(json_folder, json_name, &other.in))
		pair = read_json(&other, buf_str(&other.in));
	if (r && same_findings(t.findings.first, other.findings.first))
		n->read++;
	else
		show(name, &t.findings);
	n->broken += t.findings.count > 0;
	n->canonical += r && t.findings.count == 0 && xml_survives(&t, r);
	if (pair && r && same_tree(&t, r, 0, pair, 0))
		n->same++;
	else if (!is_alone(name))
		printf("# %s: not the record of its JSON pair\n", name);
	trip_release(&t);
	trip_release(&other);
}

/* ---- Both packages --------------------------------------------------- */

static void
try_json_folder(const char *folder, struct record_builder *b)
{
	struct totals n = { 0 };
	struct dirent *entry;
	DIR *dir = opendir(folder);

	if (!dir) {
		tap_skip("JSON to XML to JSON", "FIREDOOR_PACKAGE_DIR is not there");
		return;
	}
	while ((entry = readdir(dir)))
		if (str_ends(str_from(entry->d_name), STR(".json")) &&
		    strcmp(entry->d_name, "package.json") != 0 && entry->d_name[0] != '.')
			try_json(folder, entry->d_name, b, &n);
	closedir(dir);
	printf("# %u files of JSON, %u without findings\n", n.files, n.read);
	ok(n.read > 5000, "the JSON package is whole");
	is_int(n.stepped, n.read, "written in steps, both formats, compact and pretty: the same");
	is_int(n.same, n.read, "JSON to XML, compact and pretty, to JSON");
}

static void
try_xml_folder(const char *folder, const char *json_folder, struct record_builder *b)
{
	struct totals n = { 0 };
	struct dirent *entry;
	DIR *dir = folder ? opendir(folder) : NULL;

	if (!dir) {
		tap_skip("XML to JSON to XML", "FIREDOOR_XML_PACKAGE_DIR is not set");
		return;
	}
	while ((entry = readdir(dir)))
		if (str_ends(str_from(entry->d_name), STR(".xml")) && entry->d_name[0] != '.')
			try_xml(folder, json_folder, entry->d_name, b, &n);
	closedir(dir);
	printf("# %u files of XML\n", n.files);
	is_int(n.files, 4581, "the XML package is whole");
	is_int(n.read, n.files, "the same is found wrong as in the JSON pair");
	is_int(n.broken, 11, "files that break a rule");
	is_int(n.canonical, n.files - n.broken, "XML to JSON to XML is canonically the same");
	is_int(n.same, n.files - n.alone, "XML gives the record of its JSON pair");
}

int
main(void)
{
	const char *folder = getenv("FIREDOOR_PACKAGE_DIR"), *path = getenv("FIREDOOR_PACK");
	struct record_builder b;
	const struct pack *p;
	struct error err;

	if (!folder || !path) {
		tap_skip("the FHIR package", "FIREDOOR_PACKAGE_DIR or FIREDOOR_PACK is not set");
		return tap_done();
	}
	p = pack_open(path, &err);
	if (!ok(p != NULL, "the pack opens"))
		return tap_done();
	record_builder_init(&b, p, &record_default_limits);
	try_json_folder(folder, &b);
	try_xml_folder(getenv("FIREDOOR_XML_PACKAGE_DIR"), folder, &b);
	record_builder_release(&b);
	pack_free(p);
	return tap_done();
}
