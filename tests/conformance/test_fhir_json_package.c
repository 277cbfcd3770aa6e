/*
 * Every resource of the FHIR package (definitions and the specification's
 * examples) is read without an error finding, but for those listed here with
 * the rule they break, and comes out as the same JSON.
 */
#include <dirent.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "mappers/fhir/fhir_json.h"
#include "tests/conformance/json_compare.h"
#include "tests/tap.h"

static const struct {
	const char *file, *rule;
} broken[] = {
	{ "ActivityDefinition-blood-tubes-supply.json", "txt-2: the narrative is an empty <div>" },
	{ "ActivityDefinition-heart-valve-replacement.json",
	    "txt-2: the narrative is an empty <div>" },
	{ "EventDefinition-example.json", "txt-2: the narrative is an empty <div>" },
	{ "ImplementationGuide-fhir.json",
	    "ImplementationGuide.name and status are 1..1, missing" },
	{ "Questionnaire-qs1.json", "Questionnaire.item.linkId is 1..1, nested items have none" },
	{ "Questionnaire-zika-virus-exposure-assessment.json",
	    "txt-2: the narrative is an empty <div>" },
	{ "SearchParameter-codesystem-extensions-CodeSystem-author.json",
	    "SearchParameter.base is 1..*, missing" },
	{ "SearchParameter-codesystem-extensions-CodeSystem-effective.json",
	    "SearchParameter.base is 1..*, missing" },
	{ "SearchParameter-codesystem-extensions-CodeSystem-end.json",
	    "SearchParameter.base is 1..*, missing" },
	{ "SearchParameter-codesystem-extensions-CodeSystem-keyword.json",
	    "SearchParameter.base is 1..*, missing" },
	{ "SearchParameter-codesystem-extensions-CodeSystem-workflow.json",
	    "SearchParameter.base is 1..*, missing" },
	{ "SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject."
	  "json",
	    "id has more than 64 characters" },
	{ "SearchParameter-valueset-extensions-ValueSet-author.json",
	    "SearchParameter.base is 1..*, missing" },
	{ "SearchParameter-valueset-extensions-ValueSet-effective.json",
	    "SearchParameter.base is 1..*, missing" },
	{ "SearchParameter-valueset-extensions-ValueSet-end.json",
	    "SearchParameter.base is 1..*, missing" },
	{ "SearchParameter-valueset-extensions-ValueSet-keyword.json",
	    "SearchParameter.base is 1..*, missing" },
	{ "SearchParameter-valueset-extensions-ValueSet-workflow.json",
	    "SearchParameter.base is 1..*, missing" },
	{ "ig-r4.json", "ImplementationGuide.name and status are 1..1, missing" },
};

struct totals {
	unsigned files, clean, same, unlisted;
	bool listed[sizeof(broken) / sizeof(broken[0])];
};

static bool
is_listed(const char *name, struct totals *t)
{
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		if (strcmp(name, broken[i].file) == 0) {
			t->listed[i] = true;
			return true;
		}
	}
	return false;
}

static void
show(const char *name, const struct findings *f)
{
	for (const struct finding *x = f->first; x; x = x->next)
		printf("# %s:%u:%u: %s %s: %.*s: %.*s\n", name, x->line, x->column,
		    severity_name(x->severity), x->code, STR_ARG(x->path), STR_ARG(x->text));
}

static void
try_file(const char *folder, const char *name, struct record_builder *b, struct totals *t)
{
	struct fhir_read_options options = { .type = PACK_NONE };
	const struct record *r;
	struct findings findings;
	struct buf in, out;
	struct arena a;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	buf_init(&in, SIZE_MAX);
	buf_init(&out, SIZE_MAX);
	arena_init(&a, SIZE_MAX, 0);
	findings_init(&findings, &a, 10);
	t->files++;
	if (file_read(path, &in, NULL) == 0) {
		r = fhir_json_read(buf_str(&in), &options, b, &a, &findings);
		if (findings.count == 0 && r) {
			t->clean++;
			fhir_json_write(r, b->pack, 0, 0, &out);
			if (json_same(buf_str(&in), buf_str(&out)) &&
			    record_check(r, record_size(r), b->pack))
				t->same++;
			else
				printf("# %s: comes out as other JSON\n", name);
		} else if (!is_listed(name, t)) {
			t->unlisted++;
			show(name, &findings);
		}
	}
	arena_release(&a);
	buf_release(&in);
	buf_release(&out);
}

static bool
is_resource_file(const char *name)
{
	struct str s = str_from(name);

	return str_ends(s, STR(".json")) && !str_eq(s, STR("package.json")) && name[0] != '.';
}

int
main(void)
{
	const char *folder = getenv("FIREDOOR_PACKAGE_DIR"), *path = getenv("FIREDOOR_PACK");
	struct record_builder b;
	struct totals t = { 0 };
	const struct pack *p;
	struct dirent *entry;
	struct error err;
	DIR *dir;

	if (!folder || !path || !(dir = opendir(folder))) {
		tap_skip("the FHIR package", "FIREDOOR_PACKAGE_DIR or FIREDOOR_PACK is not set");
		return tap_done();
	}
	p = pack_open(path, &err);
	if (!ok(p != NULL, "the pack opens"))
		return tap_done();
	record_builder_init(&b, p, &record_default_limits);
	while ((entry = readdir(dir)))
		if (is_resource_file(entry->d_name))
			try_file(folder, entry->d_name, &b, &t);
	closedir(dir);
	printf("# %u files, %u without findings\n", t.files, t.clean);
	ok(t.files > 5000, "the package is whole");
	is_int(t.unlisted, 0, "files with findings that are not listed");
	is_int(t.same, t.clean, "files that come out as the same JSON");
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		ok(t.listed[i], "%s: %s", broken[i].file, broken[i].rule);
	record_builder_release(&b);
	pack_free(p);
	return tap_done();
}
