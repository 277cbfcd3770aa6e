/*
 * The XML written for every resource of the FHIR package is valid against the
 * official schemas, as libxml2 (xmllint) checks them; but for one thing that
 * the schemas themselves forgot (their FHIRVersion has no "4.0.1", which the
 * definitions of that version name), and uris like "DataRequirement.subject[x]",
 * which FHIR's own rule for them allows and RFC 3986 does not.
 */
#include <dirent.h>
#include <libxml/parser.h>
#include <libxml/xmlschemas.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/fhir/fhir_xml.h"
#include "tests/tap.h"

struct totals {
	unsigned files, valid;
};

/* The schema's own words, of the first error of a file. */
static void
keep_first(void *ctx, xmlErrorPtr e)
{
	struct str message = str_from(e->message);
	char *out = ctx;

	if ((str_find_str(message, STR("'{http://hl7.org/fhir}fhirVersion'")) >= 0 &&
		str_find_str(message, STR("'4.0.1'")) >= 0) ||
	    (str_find_str(message, STR("[x]' is not")) >= 0 &&
		str_find_str(message, STR("uri-primitive")) >= 0))
		return;
	if (!*out)
		snprintf(out, 512, "%s", e->message);
}

static void
try_file(const char *folder, const char *name, struct record_builder *b, xmlSchemaPtr schema,
    struct totals *t)
{
	struct fhir_read_options any = { .type = PACK_NONE };
	struct findings findings;
	const struct record *r;
	char path[4096], why[512] = "";
	struct arena a;
	struct buf in, out;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	arena_init(&a, SIZE_MAX, 0);
	findings_init(&findings, &a, 10);
	buf_init(&in, SIZE_MAX);
	buf_init(&out, SIZE_MAX);
	r = file_read(path, &in, NULL) ? NULL
				       : fhir_json_read(buf_str(&in), &any, b, &a, &findings);
	if (r && findings.count == 0) {
		xmlSchemaValidCtxtPtr valid = xmlSchemaNewValidCtxt(schema);
		xmlDocPtr doc;

		fhir_xml_write(r, b->pack, 0, 0, &out);
		doc = xmlReadMemory(
		    out.p, (int)out.len, NULL, NULL, XML_PARSE_NONET | XML_PARSE_HUGE);
		xmlSchemaSetValidStructuredErrors(valid, keep_first, why);
		t->files++;
		if (!doc || xmlSchemaValidateDoc(valid, doc) < 0)
			snprintf(why, sizeof(why), "not checked\n");
		t->valid += !*why;
		if (*why)
			printf("# %s: %s", name, why);
		xmlFreeDoc(doc);
		xmlSchemaFreeValidCtxt(valid);
	}
	arena_release(&a);
	buf_release(&in);
	buf_release(&out);
}

static xmlSchemaPtr
load_schema(const char *folder)
{
	xmlSchemaParserCtxtPtr parser;
	xmlSchemaPtr schema;
	char path[4096];

	snprintf(path, sizeof(path), "%s/xml/fhir-single.xsd", folder);
	parser = xmlSchemaNewParserCtxt(path);
	schema = xmlSchemaParse(parser);
	xmlSchemaFreeParserCtxt(parser);
	return schema;
}

int
main(void)
{
	const char *folder = getenv("FIREDOOR_PACKAGE_DIR"), *path = getenv("FIREDOOR_PACK");
	const char *schemas = getenv("FIREDOOR_XML_PACKAGE_DIR");
	struct record_builder b;
	struct totals t = { 0 };
	const struct pack *p;
	struct dirent *entry;
	xmlSchemaPtr schema;
	DIR *dir = folder ? opendir(folder) : NULL;

	if (!dir || !path || !schemas) {
		tap_skip("the XML schemas",
		    "FIREDOOR_PACKAGE_DIR, FIREDOOR_XML_PACKAGE_DIR or FIREDOOR_PACK is not set");
		if (dir)
			closedir(dir);
		return tap_done();
	}
	schema = load_schema(schemas);
	p = pack_open(path, NULL);
	if (!ok(p && schema, "the pack and the schemas open"))
		return tap_done();
	record_builder_init(&b, p, &record_default_limits);
	while ((entry = readdir(dir)))
		if (str_ends(str_from(entry->d_name), STR(".json")) &&
		    strcmp(entry->d_name, "package.json") != 0 && entry->d_name[0] != '.')
			try_file(folder, entry->d_name, &b, schema, &t);
	closedir(dir);
	ok(t.files > 5000, "the package is whole");
	is_int(t.valid, t.files, "files whose XML is valid");
	record_builder_release(&b);
	pack_free(p);
	xmlSchemaFree(schema);
	return tap_done();
}
