#include "gateway/fhir/call.h"

#include <stdarg.h>

#include "base/error.h"
#include "base/log.h"
#include "gateway/fhir/capability.h"
#include "gateway/fhir/operation.h"
#include "gateway/fhir/outcome.h"

enum {
	CALL_FINDINGS = 100,
};

void
call_init(struct fhir_call *c, struct arena *a)
{
	*c = (struct fhir_call){ .arena = a, .op = PACK_NONE };
	c->route.type = c->route.home = PACK_NONE;
	findings_init(&c->findings, a, CALL_FINDINGS);
}

int
call_fail(struct fhir_call *c, int status, const char *code, struct str path, const char *fmt, ...)
{
	char text[ERROR_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!call_failed(c))
		c->status = status;
	findings_add(&c->findings, SEVERITY_ERROR, code ? code : outcome_code(status), path, 0, 0,
	    "%s", text);
	return -1;
}

int
call_fail_error(struct fhir_call *c, const struct error *err)
{
	int status = outcome_status(err->kind);

	if (err->kind == ERROR_IO || err->kind == ERROR_OTHER) {
		log_event(LOG_ERROR, "store failed", "error=%s", err->text);
		return call_fail(c, 500, NULL, STR(""),
		    "the store could not carry this out; tell whoever runs this gateway, whose log "
		    "says why");
	}
	return call_fail(c, status, status == 413 ? "too-costly" : NULL, STR(""), "%s", err->text);
}

struct str
call_type_name(const struct pack *p, uint32_t type)
{
	return type == PACK_NONE ? STR("") : pack_text(p, pack_type_at(p, type)->name);
}

int
call_fail_missing(struct fhir_call *c, const struct pack *p)
{
	struct str type = call_type_name(p, c->route.type);

	if (c->route.shape == SHAPE_VERSION || c->route.shape == SHAPE_VERSION_OPERATION)
		return call_fail(c, 404, NULL, STR(""),
		    "there is no such version of %.*s/%.*s; its history lists those there are",
		    STR_ARG(type), STR_ARG(c->route.id));
	return call_fail(c, 404, NULL, STR(""),
	    "there is no %.*s/%.*s; search for it by what is known of it", STR_ARG(type),
	    STR_ARG(c->route.id));
}

int
call_fail_gone(struct fhir_call *c, const struct pack *p)
{
	return call_fail(c, 410, NULL, STR(""),
	    "%.*s/%.*s was deleted; its history has the versions before",
	    STR_ARG(call_type_name(p, c->route.type)), STR_ARG(c->route.id));
}

static int
fail_type(struct fhir_call *c, const struct pack *p, struct str word)
{
	struct str near = route_suggest_type(p, word);
	int shown = (int)(word.len < 64 ? word.len : 64);

	return call_fail(c, 404, "not-supported", STR(""),
	    "there is no resource type '%.*s' in FHIR %.*s%s%.*s; metadata lists those there are",
	    shown, word.p, STR_ARG(pack_fhir_version(p)), near.len ? ", the nearest is " : "",
	    STR_ARG(near));
}

int
call_fail_route(
    struct fhir_call *c, const struct pack *p, enum route_result result, struct str word)
{
	char allow[64];

	switch (result) {
	case ROUTE_NO_SUCH_TYPE:
		return fail_type(c, p, word);
	case ROUTE_NO_SUCH_OPERATION:
		return operation_fail_unknown(c, p, word);
	case ROUTE_BAD_ID:
		return call_fail(c, 400, "value", STR(""),
		    "an id has 1 to 64 letters, digits, '-' and '.'; this one has others, or more");
	case ROUTE_BAD_ESCAPE:
		return call_fail(c, 400, "value", STR(""),
		    "the path has a broken percent-encoding; '%%' is followed by two hex digits");
	case ROUTE_BAD_METHOD:
		route_allow(c->route.allowed, allow);
		return call_fail(c, 405, NULL, STR(""), "%s cannot be used here; what can is %s",
		    c->route.method == FHIR_METHODS ? "this method"
						    : fhir_method_name(c->route.method),
		    allow);
	case ROUTE_NO_SUCH_PATH:
	case ROUTE_FOUND:
		break;
	}
	return call_fail(c, 404, NULL, STR(""),
	    "there is nothing of this path; resources are at TYPE/ID, what is served at metadata");
}

/* What of what the sender may search is visible, for conditional writes. */
static int
authorise_condition(struct fhir_call *c, const struct pack *p, const struct access_sender *sender)
{
	struct access_decision d;

	if (access_decide(sender, RIGHT_SEARCH, c->route.type, &d))
		return 0;
	c->decision.permitted = false;
	c->decision.rule = d.rule;
	return call_fail(c, 403, NULL, STR(""),
	    "a conditional interaction needs the right to search %.*s too, which the sender does "
	    "not have",
	    STR_ARG(call_type_name(p, c->route.type)));
}

static bool
is_conditional_write(const struct fhir_call *c)
{
	enum interaction_id i = c->route.interaction->id;

	return i == INTERACTION_UPDATE_CONDITIONAL || i == INTERACTION_PATCH_CONDITIONAL ||
	       i == INTERACTION_DELETE_CONDITIONAL ||
	       (i == INTERACTION_CREATE && c->conditions.if_none_exist.p);
}

int
call_authorise(struct fhir_call *c, const struct pack *p, const struct access_sender *sender)
{
	const struct interaction *i = c->route.interaction;

	c->sender = sender;
	if (i->flags & INTERACTION_OPEN) {
		c->decision = (struct access_decision){ .permitted = true, .rule = "open" };
		return 0;
	}
	/* What it needs is decided resource by resource, or type by type. */
	if (!i->right || (c->route.home != PACK_NONE && c->route.type == PACK_NONE)) {
		c->decision = (struct access_decision){ .permitted = true, .rule = "each" };
		return 0;
	}
	if (!access_decide(sender, (enum access_right)i->right, c->route.type, &c->decision))
		return call_fail(c, 403, NULL, STR(""),
		    "the sender has no scope for %s%s%.*s; whoever runs this gateway can give one",
		    i->code, c->route.type == PACK_NONE ? "" : " of ",
		    STR_ARG(call_type_name(p, c->route.type)));
	return is_conditional_write(c) ? authorise_condition(c, p, sender) : 0;
}

struct str
call_local_url(
    const struct fhir_call *c, const struct pack *p, uint32_t type, struct str id, uint64_t version)
{
	struct str parts[] = { call_type_name(p, type), STR("/"), id, STR("/_history/"), STR("") };
	char number[24];
	int n;

	if (!id.len)
		return parts[0];
	if (!version)
		return str_concat(c->arena, parts, 3);
	n = snprintf(number, sizeof(number), "%llu", (unsigned long long)version);
	parts[4] = str_of(number, (size_t)n);
	return str_concat(c->arena, parts, 5);
}

bool
etag_parse(struct str text, uint64_t *version)
{
	int64_t n;

	text = str_trim(text);
	if (str_starts(text, STR("W/")))
		text = str_from_index(text, 2);
	if (text.len >= 2 && text.p[0] == '"' && text.p[text.len - 1] == '"')
		text = str_of(text.p + 1, text.len - 2);
	if (text.len == 0 || text.p[0] < '1' || text.p[0] > '9' || !str_to_int(text, &n))
		return false;
	*version = (uint64_t)n;
	return true;
}

bool
etag_list_has(struct str list, uint64_t version)
{
	struct str item;
	uint64_t n;

	if (str_is(str_trim(list), "*"))
		return true;
	while (str_split(&list, ',', &item))
		if (etag_parse(item, &n) && n == version)
			return true;
	return false;
}

void
call_run(const struct fhir_service *s, struct fhir_call *c, struct store_reader *r)
{
	switch (c->route.interaction->id) {
	case INTERACTION_READ:
	case INTERACTION_VREAD:
		read_run(s, c, r);
		return;
	case INTERACTION_HISTORY_INSTANCE:
	case INTERACTION_HISTORY_TYPE:
	case INTERACTION_HISTORY_SYSTEM:
		history_run(s, c, r);
		return;
	case INTERACTION_SEARCH_TYPE:
	case INTERACTION_SEARCH_POST:
	case INTERACTION_SEARCH_SYSTEM:
	case INTERACTION_SEARCH_SYSTEM_POST:
	case INTERACTION_SEARCH_COMPARTMENT:
	case INTERACTION_SEARCH_COMPARTMENT_POST:
		search_run(s, c, r);
		return;
	case INTERACTION_CAPABILITIES:
		capability_run(s, c);
		return;
	case INTERACTION_OPERATION:
		operation_run(s, c, r);
		return;
	case INTERACTION_OPTIONS:
		c->status = 204;
		return;
	case INTERACTION_CREATE:
	case INTERACTION_UPDATE:
	case INTERACTION_UPDATE_CONDITIONAL:
	case INTERACTION_PATCH:
	case INTERACTION_PATCH_CONDITIONAL:
	case INTERACTION_DELETE:
	case INTERACTION_DELETE_CONDITIONAL:
	case INTERACTION_TRANSACTION:
		break;
	}
	call_fail(c, 500, NULL, STR(""), "an interaction that writes came where only reads go");
}
