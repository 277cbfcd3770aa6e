/*
 * $validate (R4, 2.27.2.4): would this be taken? Structure, lexical forms,
 * cardinalities and what this server asks of a create, an update or a delete.
 *
 * What is wrong with a body is found when it is read, and stands in the call's
 * findings: here it is the answer. 200 whether it is valid or not; an error means
 * that it could not be validated (2.27.2.4).
 */
#include "base/buf.h"
#include "base/error.h"
#include "gateway/fhir/operation.h"
#include "gateway/fhir/outcome.h"
#include "mappers/fhir/fhir_json.h"

enum {
	OUTCOME_MOST = 4 << 20,
};

enum mode {
	MODE_NONE,
	MODE_CREATE,
	MODE_UPDATE,
	MODE_DELETE,
	MODE_PROFILE,
	MODES,
};

static const char *const mode_names[] = { "", "create", "update", "delete", "profile" };

struct validation {
	const struct fhir_service *s;
	struct fhir_call *c;
	enum mode mode;
	const struct operation_param *resource; /* NULL: none was sent */
	bool broken;				/* what was sent could not be read whole */
};

static void
find_wrong(struct validation *v, const char *code, struct str path, const char *text)
{
	findings_add(&v->c->findings, SEVERITY_ERROR, code, path, 0, 0, "%s", text);
}

static int
read_mode(struct validation *v, const struct operation_input *in)
{
	struct str text = operation_value(in, "mode");
	bool instance = v->c->route.id.len > 0;

	for (v->mode = MODE_NONE; v->mode < MODES; v->mode++)
		if (str_is(text, mode_names[v->mode]))
			break;
	if (v->mode == MODES)
		return call_fail(v->c, 400, "value", STR(""),
		    "mode is one of create, update, delete, profile, or not given");
	if (!instance && (v->mode == MODE_UPDATE || v->mode == MODE_DELETE))
		return call_fail(v->c, 400, "value", STR(""),
		    "mode %s is for one resource: TYPE/ID/$validate", mode_names[v->mode]);
	return 0;
}

/* The definition of the type itself is what is checked; of other profiles it is
 * not known here whether they hold. */
static int
check_profile(struct validation *v, const struct operation_input *in)
{
	const struct pack *p = v->s->pack;
	struct str base = pack_text(p, pack_type_at(p, v->c->route.type)->url);
	const struct operation_param *one = operation_param_next(in, "profile", NULL);

	for (; one; one = operation_param_next(in, "profile", one)) {
		struct str url = one->value;
		ptrdiff_t bar = str_find(url, '|');

		if (bar >= 0)
			url.len = (size_t)bar;
		if (!str_eq(url, base))
			return call_fail(v->c, 422, "not-supported", STR(""),
			    "only the definition %.*s is validated against here, not other "
			    "profiles; leave profile out to have the structure checked",
			    STR_ARG(base));
	}
	return 0;
}

static void
check_type(struct validation *v, const struct operation_input *in)
{
	struct fhir_call *c = v->c;
	const struct pack *p = v->s->pack;
	struct str type = call_type_name(p, c->route.type), id;

	if (record_type(in->body, p, v->resource->resource) != c->route.type) {
		findings_add(&c->findings, SEVERITY_ERROR, "invalid", STR(""), 0, 0,
		    "the resource is of type %.*s, but the path is that of %.*s",
		    STR_ARG(record_type_name(in->body, p, v->resource->resource)), STR_ARG(type));
		return;
	}
	if (v->mode != MODE_UPDATE)
		return;
	id = record_value(in->body, p, v->resource->resource, STR("id"));
	if (!str_eq(id, c->route.id))
		find_wrong(v, id.len ? "value" : "required",
		    str_printf(c->arena, "%.*s.id", STR_ARG(type)),
		    "an update's resource must have the id that the path has");
}

/* Read what is stored as strictly as if it came now. */
static int
check_stored(struct validation *v, struct store_reader *r)
{
	struct fhir_read_options options = { .type = v->c->route.type };
	struct record_builder b;
	struct store_version found;

	if (operation_read_instance(v->s, v->c, r, &found) != 0)
		return -1;
	record_builder_init(&b, v->s->pack, &record_default_limits);
	fhir_json_read(found.body, &options, &b, v->c->arena, &v->c->findings);
	record_builder_release(&b);
	return 0;
}

/* Where what is referred to is kept. */
static int
check_referrers(struct validation *v, struct store_reader *r)
{
	struct fhir_call *c = v->c;
	struct error err;
	int referred;

	if (v->s->references != REFERENCES_KEPT)
		return 0;
	referred = store_is_referred_to(r, c->route.type, c->route.id, c->arena, &err);
	if (referred < 0)
		return call_fail_error(c, &err);
	if (referred)
		find_wrong(v, "conflict", STR(""), "others refer to the resource");
	return 0;
}

/* May the sender, and is it there? Said as findings: they are the answer. */
static int
check_existence(struct validation *v, struct store_reader *r)
{
	enum access_right right = v->mode == MODE_DELETE   ? RIGHT_DELETE
				  : v->mode == MODE_CREATE ? RIGHT_CREATE
							   : RIGHT_UPDATE;
	struct fhir_call *c = v->c;
	struct store_version found;
	struct access_decision d;
	struct error err;
	int there;

	if (!access_decide(c->sender, right, c->route.type, &d)) {
		find_wrong(v, "forbidden", STR(""), "the sender has no scope for this");
		return 0;
	}
	if (v->mode == MODE_CREATE)
		return 0;
	there = store_read(
	    r, c->route.type, c->route.id, 0, &c->decision.visibility, c->arena, &found, &err);
	if (there < 0)
		return call_fail_error(c, &err);
	if (there && !found.deleted)
		return v->mode == MODE_DELETE ? check_referrers(v, r) : 0;
	if (v->mode == MODE_DELETE)
		find_wrong(v, "not-found", STR(""), "there is no such resource to be deleted");
	else if (!access_decide(c->sender, RIGHT_CREATE, c->route.type, &d))
		find_wrong(v, "not-found", STR(""),
		    "there is no such resource, and the sender may not create one");
	return 0;
}

static int
validate(struct validation *v, const struct operation_input *in, struct store_reader *r)
{
	struct fhir_call *c = v->c;

	if (read_mode(v, in) != 0 || check_profile(v, in) != 0)
		return -1;
	v->resource = operation_param_next(in, "resource", NULL);
	if (v->resource && !v->resource->is_resource)
		v->resource = NULL;
	if (v->mode == MODE_DELETE)
		return check_existence(v, r);
	if (v->resource)
		check_type(v, in);
	else if (!v->broken && c->route.id.len && v->mode != MODE_CREATE && v->mode != MODE_UPDATE)
		return check_stored(v, r);
	else if (!v->broken)
		return call_fail(c, 400, "required", STR(""),
		    "$validate needs the resource, as the body or as the parameter 'resource'");
	if (v->mode == MODE_CREATE || v->mode == MODE_UPDATE)
		return check_existence(v, r);
	return 0;
}

void
validate_run(const struct fhir_service *s, struct fhir_call *c, const struct operation_input *in,
    struct store_reader *r)
{
	struct validation v = { .s = s, .c = c, .broken = c->findings.errors > 0 };
	struct buf out;

	if (validate(&v, in, r) != 0)
		return;
	buf_init(&out, OUTCOME_MOST);
	if (outcome_write(s->pack, &c->findings, 0, &out) == 0)
		c->body = str_dup(c->arena, buf_str(&out));
	buf_release(&out);
	if (c->body.p)
		c->status = 200;
	else
		call_fail(c, 413, "too-costly", STR(""), "there is too much to be said of it");
}
