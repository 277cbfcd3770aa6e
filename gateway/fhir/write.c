#include "gateway/fhir/write.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "gateway/fhir/operation.h"
#include "gateway/fhir/outcome.h"
#include "gateway/fhir/patch.h"
#include "gateway/fhir/references.h"
#include "gateway/fhir/own_params.h"
#include "gateway/fhir/search_query.h"

enum {
	STORED_MOST = 256 << 20, /* bytes of one stored body */
};

static enum interaction_id
interaction_of(const struct fhir_call *c)
{
	return c->route.interaction->id;
}

static bool
is_delete(const struct fhir_call *c)
{
	return c->route.method == FHIR_DELETE;
}

/* What search decides a conditional write; empty: it is not conditional. */
static struct str
condition_of(const struct fhir_call *c)
{
	switch (interaction_of(c)) {
	case INTERACTION_CREATE:
		return c->conditions.if_none_exist;
	case INTERACTION_UPDATE_CONDITIONAL:
	case INTERACTION_DELETE_CONDITIONAL:
	case INTERACTION_PATCH_CONDITIONAL:
		return c->route.query;
	default:
		return (struct str){ NULL, 0 };
	}
}

static int
check_body(const struct fhir_service *s, struct fhir_call *c)
{
	struct str want = call_type_name(s->pack, c->route.type), id;

	if (!c->record)
		return call_fail(c, 400, "required", STR(""),
		    "a %s needs a resource as its body, and there is none",
		    c->route.interaction->code);
	if (record_type(c->record, s->pack, c->node) != c->route.type)
		return call_fail(c, 400, "invalid", STR(""),
		    "the body is a %.*s, but the path is that of %.*s",
		    STR_ARG(record_type_name(c->record, s->pack, c->node)), STR_ARG(want));
	if (interaction_of(c) != INTERACTION_UPDATE)
		return 0;
	id = record_value(c->record, s->pack, c->node, STR("id"));
	if (!id.len)
		return call_fail(c, 400, "required", str_printf(c->arena, "%.*s.id", STR_ARG(want)),
		    "an update's resource must have the id that the path has");
	if (!str_eq(id, c->route.id))
		return call_fail(c, 400, "value", str_printf(c->arena, "%.*s.id", STR_ARG(want)),
		    "the resource's id is not that of the path; make both the same");
	return 0;
}

int
write_check(const struct fhir_service *s, struct fhir_call *c)
{
	enum interaction_id i = interaction_of(c);

	if (patch_is(c))
		return patch_check(s, c);
	if (!is_delete(c) && check_body(s, c) != 0)
		return -1;
	if ((i == INTERACTION_UPDATE_CONDITIONAL || i == INTERACTION_DELETE_CONDITIONAL) &&
	    !c->route.query.len)
		return call_fail(c, 400, "required", STR(""),
		    "%s of a type needs an id in the path, or a search that says which resource",
		    c->route.interaction->code);
	if (i == INTERACTION_CREATE && c->conditions.if_none_exist.p &&
	    !c->conditions.if_none_exist.len)
		return call_fail(c, 400, "required", STR(""),
		    "If-None-Exist is empty; it holds a search, as identifier=SYSTEM|VALUE");
	return 0;
}

/* If-Match: "*" is any version there is; what is no version of ours can be
 * nobody's. */
static void
prepare_match_version(const struct fhir_call *c, struct store_op *op)
{
	struct str text = str_trim(c->conditions.if_match);

	if (!text.len)
		return;
	if (str_is(text, "*"))
		op->must_exist = true;
	else if (!etag_parse(text, &op->if_match))
		op->if_match = UINT64_MAX;
}

static int
prepare_condition(const struct fhir_service *s, struct fhir_call *c, struct store_op *op)
{
	struct str query = condition_of(c);
	ptrdiff_t question = str_find(query, '?');

	if (!query.p)
		return 0;
	if (question >= 0)
		query = str_from_index(query, (size_t)question + 1);
	if (search_match_parse(
		s->index, s->pack, c->route.type, query, c->arena, &op->match, &c->findings) != 0) {
		c->status = 400;
		return -1;
	}
	return 0;
}

static void
prepare_id(const struct fhir_service *s, struct fhir_call *c, struct store_op *op)
{
	char uuid[37];

	if (c->route.id.len) {
		op->id = c->route.id;
		return;
	}
	if (patch_is(c)) {
		op->id = c->patched_id;
		op->id_given = true;
		return;
	}
	if (interaction_of(c) == INTERACTION_UPDATE_CONDITIONAL) {
		op->id = record_value(c->record, s->pack, c->node, STR("id"));
		op->id_given = op->id.len > 0;
	}
	if (!op->id.len) {
		uuid_make(uuid);
		op->id = str_dup(c->arena, str_of(uuid, 36));
	}
}

static int
prepare_body(const struct fhir_service *s, struct fhir_call *c, struct store_op *op,
    reference_entry_fn *find, void *find_ctx)
{
	struct store_index *rows;
	struct buf out;
	struct error err;
	int result;

	if (own_params_judge(s, c) != 0)
		return -1;
	buf_init(&out, STORED_MOST);
	out.wipe = true;
	result = fhir_json_write_stored(
	    c->record, s->pack, c->node, s->base, find, find_ctx, c->arena, &out, &op->splices);
	op->body = result == 0 ? str_dup(c->arena, buf_str(&out)) : (struct str){ NULL, 0 };
	buf_release(&out);
	if (!op->body.p)
		return call_fail(c, 413, NULL, STR(""),
		    "the resource is too large to be stored; send it in parts");
	op->generation = search_index_generation(s->index);
	if (search_index_extract(s->index, c->record, c->node, find, find_ctx, c->arena, &rows,
		&op->index_count, &err) != 0)
		return call_fail_error(c, &err);
	op->index = rows;
	return 0;
}

/* Who sees a compartment only writes in it only, and names no ids: whether one is
 * taken outside of it must not show. */
static int
prepare_compartment(struct fhir_call *c, struct store_op *op)
{
	const struct store_visibility *v = &c->decision.visibility;

	if (v->kind != SEES_COMPARTMENT)
		return 0;
	if (op->verb == STORE_CREATE && c->route.id.len)
		return call_fail(c, 403, NULL, STR(""),
		    "who sees a compartment only cannot choose ids; create it with POST");
	op->within = v->compartment;
	if (op->verb == STORE_UPDATE && (!op->match.count || op->id_given))
		op->must_exist = true;
	return 0;
}

int
write_prepare(const struct fhir_service *s, struct fhir_call *c, struct store_op *op,
    reference_entry_fn *find, void *find_ctx)
{
	*op = (struct store_op){ .type = c->route.type };
	op->verb = is_delete(c)				     ? STORE_DELETE
		   : interaction_of(c) == INTERACTION_CREATE ? STORE_CREATE
							     : STORE_UPDATE;
	/* If-None-Match: * (RFC 9110, 13.1.2): only when there is none yet. */
	if (op->verb == STORE_UPDATE && !patch_is(c) &&
	    str_is(str_trim(c->conditions.if_none_match), "*"))
		op->verb = STORE_CREATE;
	prepare_match_version(c, op);
	/* Made of that version, it is an update of no other. */
	if (patch_is(c)) {
		op->if_match = c->patched_version;
		op->must_exist = true;
	}
	if (prepare_condition(s, c, op) != 0)
		return -1;
	op->many = is_delete(c) && s->delete_many && op->match.count;
	if (is_delete(c))
		op->id = c->route.id;
	else
		prepare_id(s, c, op);
	if (prepare_compartment(c, op) != 0 || is_delete(c))
		return call_failed(c) ? -1 : 0;
	if (references_check(s, c, find, find_ctx, op) != 0)
		return -1;
	return prepare_body(s, c, op, find, find_ctx);
}

static void
answer_outcome(const struct fhir_service *s, struct fhir_call *c, const char *what)
{
	struct buf out;

	if (c->found_count)
		findings_add(&c->findings, SEVERITY_INFORMATION, "informational", STR(""), 0, 0,
		    "%u resources were deleted", c->found_count);
	else
		findings_add(&c->findings, SEVERITY_INFORMATION, "informational", STR(""), 0, 0,
		    "%.*s was %s", STR_ARG(c->resource), what);
	buf_init(&out, 1 << 16);
	if (outcome_write(s->pack, &c->findings, 0, &out) == 0)
		c->body = str_dup(c->arena, buf_str(&out));
	buf_release(&out);
}

static const char *
outcome_word(const struct store_op *op)
{
	switch (op->outcome) {
	case STORE_CREATED:
		return "created";
	case STORE_UPDATED:
		return "updated";
	case STORE_DELETED:
		return "deleted";
	case STORE_UNCHANGED:
		break;
	}
	return op->verb == STORE_CREATE ? "there already" : "not there";
}

/* Of a delete of many: what is gone, for the audit entry. */
static void
note_gone(const struct fhir_service *s, struct fhir_call *c, const struct store_op *op)
{
	struct str *found = arena_calloc(c->arena, op->gone_count, sizeof(*found));

	for (uint32_t i = 0; found && i < op->gone_count; i++)
		found[i] = call_local_url(
		    c, s->pack, op->type, op->gone[i].id, op->gone[i].version);
	c->resource = call_type_name(s->pack, op->type);
	c->found = found;
	c->found_count = found ? op->gone_count : 0;
}

void
write_answer(const struct fhir_service *s, struct fhir_call *c, const struct store_op *op)
{
	struct str id = op->final_id.len ? op->final_id : op->id;

	c->resource = call_local_url(c, s->pack, op->type, id, op->version);
	if (c->route.operation) {
		operation_answer(s, c, op->final_body);
		return;
	}
	if (op->gone_count)
		note_gone(s, c, op);
	c->version = op->gone_count ? 0 : op->version;
	c->updated = op->updated;
	if (op->verb == STORE_DELETE) {
		c->status = c->prefer == RETURN_OUTCOME ? 200 : 204;
	} else {
		c->status = op->outcome == STORE_CREATED ? 201 : 200;
		c->location = c->resource;
	}
	if (c->prefer == RETURN_OUTCOME)
		answer_outcome(s, c, outcome_word(op));
	else if (c->prefer != RETURN_MINIMAL && op->verb != STORE_DELETE)
		c->body = op->final_body;
}

void
write_answer_error(struct fhir_call *c, const struct store_write *w, const struct pack *p)
{
	bool conditional = condition_of(c).p != NULL;
	const struct error *err = &w->error;

	if (w->link_failed) {
		bool deletes = err->kind == ERROR_CONFLICT;

		call_fail(c, deletes ? 409 : 422, deletes ? NULL : "business-rule", STR(""), "%s",
		    err->text);
		return;
	}
	switch (err->kind) {
	case ERROR_CONFLICT:
		call_fail(c, c->conditions.if_match.p || c->conditions.if_none_match.p ? 412 : 409,
		    NULL, STR(""), "%s", err->text);
		return;
	case ERROR_MISSING:
		if (c->conditions.if_match.p)
			call_fail(c, 412, NULL, STR(""),
			    "there is no such resource, so If-Match cannot hold; leave it out to "
			    "create one");
		else
			call_fail_missing(c, p);
		return;
	case ERROR_INVALID:
		if (w->id_failed)
			conditional = false;
		call_fail(c, conditional ? 412 : 400, conditional ? "multiple-matches" : NULL,
		    STR(""), "%s", err->text);
		return;
	default:
		call_fail_error(c, err);
	}
}
