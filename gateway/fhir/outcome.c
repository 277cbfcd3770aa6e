#include "gateway/fhir/outcome.h"

#include "base/arena.h"
#include "mappers/fhir/fhir_json.h"
#include "profiles/pack.h"

#define EXTENSION "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-"

enum {
	OUTCOME_ARENA = 4 << 20,
};

static void
put_place(struct record_builder *b, struct str url, uint32_t number)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", number);

	record_open(b, STR("extension"));
	record_put(b, STR("url"), url);
	record_put(b, STR("valueInteger"), str_of(text, (size_t)n));
	record_close(b);
}

static void
put_diagnostics(struct record_builder *b, const struct finding *f, struct arena *a)
{
	struct str text = f->text;

	if (f->line)
		text = str_printf(
		    a, "line %u, column %u: %.*s", f->line, f->column, STR_ARG(f->text));
	record_put(b, STR("diagnostics"), text.p ? text : f->text);
}

static void
put_issue(struct record_builder *b, const struct finding *f, struct arena *a)
{
	record_open(b, STR("issue"));
	if (f->line) {
		put_place(b, STR(EXTENSION "line"), f->line);
		put_place(b, STR(EXTENSION "col"), f->column);
	}
	record_put(b, STR("severity"), str_from(severity_name(f->severity)));
	record_put(b, STR("code"), str_from(f->code));
	put_diagnostics(b, f, a);
	record_put(b, STR("expression"), f->path);
	record_close(b);
}

static void
put_more(struct record_builder *b, const struct findings *f, struct arena *a)
{
	struct finding more = {
		.severity = SEVERITY_INFORMATION,
		.code = "incomplete",
		.text = str_printf(a,
		    "more was found than the %u listed here; correct these and send it again",
		    f->count),
	};

	put_issue(b, &more, a);
}

const struct record *
outcome_build(const struct pack *p, const struct findings *f, struct arena *a)
{
	static const struct finding all_ok = {
		.severity = SEVERITY_INFORMATION,
		.code = "informational",
		.text = { "all ok", 6 },
	};
	struct record_builder b;
	const struct record *r;

	record_builder_init(&b, p, &record_default_limits);
	record_open_root(&b, pack_find_resource(p, STR("OperationOutcome")));
	for (const struct finding *i = f->first; i; i = i->next)
		put_issue(&b, i, a);
	if (f->more)
		put_more(&b, f, a);
	else if (!f->first)
		put_issue(&b, &all_ok, a);
	record_close(&b);
	r = record_builder_finish(&b, a, NULL);
	record_builder_release(&b);
	return r;
}

int
outcome_write(const struct pack *p, const struct findings *f, int flags, struct buf *out)
{
	struct arena a;
	const struct record *r;

	arena_init(&a, OUTCOME_ARENA, ARENA_WIPE);
	r = outcome_build(p, f, &a);
	if (r)
		fhir_json_write(r, p, 0, flags, out);
	arena_release(&a);
	return r && !out->full ? 0 : -1;
}

int
outcome_status(enum error_kind kind)
{
	switch (kind) {
	case ERROR_INVALID:
		return 400;
	case ERROR_DENIED:
		return 403;
	case ERROR_MISSING:
		return 404;
	case ERROR_CONFLICT:
		return 409;
	case ERROR_LIMIT:
		return 413;
	case ERROR_BUSY:
		return 503;
	case ERROR_IO:
	case ERROR_OTHER:
		break;
	}
	return 500;
}

const char *
outcome_code(int status)
{
	static const struct {
		int status;
		const char *code;
	} codes[] = {
		{ 400, "invalid" },
		{ 401, "login" },
		{ 403, "forbidden" },
		{ 404, "not-found" },
		{ 405, "not-supported" },
		{ 406, "not-supported" },
		{ 408, "timeout" },
		{ 409, "conflict" },
		{ 410, "deleted" },
		{ 412, "conflict" },
		{ 413, "too-long" },
		{ 415, "not-supported" },
		{ 422, "processing" },
		{ 429, "throttled" },
		{ 501, "not-supported" },
		{ 503, "transient" },
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].status == status)
			return codes[i].code;
	return status < 500 ? "processing" : "exception";
}
