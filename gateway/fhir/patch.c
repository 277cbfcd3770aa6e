#include "gateway/fhir/patch.h"

#include "base/buf.h"
#include "base/error.h"
#include "gateway/fhir/batch.h"
#include "gateway/fhir/operation.h"
#include "gateway/fhir/search_query.h"
#include "mappers/fhir/fhirpath_patch.h"
#include "mappers/fhir/json_patch.h"

enum {
	SCRATCH = 64 << 20,    /* bytes that applying one patch may take, and */
	SCRATCH_FACTOR = 64,   /* more for each byte of resource and patch */
	MOST_MADE = 256 << 20, /* bytes of what a patch makes */
};

bool
patch_is(const struct fhir_call *c)
{
	return c->route.interaction->id == INTERACTION_PATCH ||
	       c->route.interaction->id == INTERACTION_PATCH_CONDITIONAL ||
	       (c->route.operation && c->route.operation->change);
}

bool
patch_is_json(struct str content_type)
{
	struct str name, rest = content_type;

	return str_split(&rest, ';', &name) &&
	       str_eq_nocase(str_trim(name), STR("application/json-patch+json"));
}

static int
base64_digit(char c)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* What a base64Binary holds, which was checked when it was read. */
static struct str
decode_base64(struct str s, struct arena *a)
{
	char *to = arena_alloc_bytes(a, s.len / 4 * 3 + 3);
	uint32_t bits = 0;
	unsigned count = 0;
	size_t len = 0;

	if (!to)
		return (struct str){ NULL, 0 };
	for (size_t i = 0; i < s.len; i++) {
		int digit = base64_digit(s.p[i]);

		if (digit < 0)
			continue;
		bits = bits << 6 | (uint32_t)digit;
		count += 6;
		if (count >= 8) {
			count -= 8;
			to[len++] = (char)(bits >> count & 0xff);
		}
	}
	return str_of(to, len);
}

static int
take_binary(const struct fhir_service *s, struct fhir_call *c)
{
	if (!patch_is_json(record_value(c->record, s->pack, c->node, STR("contentType"))))
		return call_fail(c, 415, NULL, STR("Binary.contentType"),
		    "a patch in a Binary is of contentType application/json-patch+json; a FHIRPath "
		    "Patch is a Parameters; XML Patch is not read here");
	c->patch_text = decode_base64(
	    record_value(c->record, s->pack, c->node, STR("data")), c->arena);
	if (!c->patch_text.len)
		return call_fail(
		    c, 400, "required", STR("Binary.data"), "the Binary holds no patch");
	return 0;
}

int
patch_check(const struct fhir_service *s, struct fhir_call *c)
{
	struct str type;

	if (c->route.operation) {
		c->patch = c->record;
		c->patch_node = c->node;
		c->record = NULL;
		return 0;
	}
	if (c->route.shape == SHAPE_TYPE && !c->route.query.len)
		return call_fail(c, 400, "required", STR(""),
		    "patch of a type needs an id in the path, or a search that says which "
		    "resource");
	if (!c->record)
		return c->patch_text.len ? 0
					 : call_fail(c, 400, "required", STR(""),
					       "a patch needs a JSON Patch or a Parameters as its "
					       "body, and there is none");
	type = record_type_name(c->record, s->pack, c->node);
	if (str_is(type, "Binary")) {
		if (take_binary(s, c) != 0)
			return -1;
	} else if (str_is(type, "Parameters")) {
		c->patch = c->record;
		c->patch_node = c->node;
	} else {
		return call_fail(c, 400, "invalid", STR(""),
		    "the body of a patch is a JSON Patch or a Parameters, not a %.*s",
		    STR_ARG(type));
	}
	c->record = NULL;
	return 0;
}

/* What the search of a conditional patch finds, of what the sender may see. */
static int
find_by_search(const struct fhir_service *s, struct fhir_call *c, struct store_reader *r,
    const struct store_visibility *v, struct store_version *out)
{
	struct store_match match;
	struct store_page page;
	struct error err;

	if (search_match_parse(s->index, s->pack, c->route.type, c->route.query, c->arena, &match,
		&c->findings) != 0) {
		c->status = 400;
		return -1;
	}
	if (store_search(r,
		&(struct store_query){
		    .type = c->route.type,
		    .clauses = match.clauses,
		    .clause_count = match.count,
		    .visibility = *v,
		    .count = 2,
		},
		c->arena, &page, &err) != 0)
		return call_fail_error(c, &err);
	if (page.count == 0)
		return call_fail(
		    c, 404, NULL, STR(""), "the search finds nothing that could be patched");
	if (page.count > 1)
		return call_fail(c, 412, "multiple-matches", STR(""),
		    "the search finds several resources; a patch is for one");
	*out = page.at[0];
	return 0;
}

static int
find_by_id(const struct fhir_service *s, struct fhir_call *c, struct store_reader *r,
    const struct store_visibility *v, struct store_version *out)
{
	struct error err;
	int found = store_read(r, c->route.type, c->route.id, 0, v, c->arena, out, &err);

	if (found < 0)
		return call_fail_error(c, &err);
	if (!found)
		return call_fail_missing(c, s->pack);
	if (out->deleted)
		return call_fail_gone(c, s->pack);
	return 0;
}

/* If-Match and If-None-Match, against the version that was read. */
static int
check_version(struct fhir_call *c, uint64_t version)
{
	const struct fhir_conditions *k = &c->conditions;

	if (k->if_match.p && !etag_list_has(k->if_match, version))
		return call_fail(c, 412, NULL, STR(""),
		    "the resource is of another version than If-Match says; read it again");
	if (k->if_none_match.p && etag_list_has(k->if_none_match, version))
		return call_fail(c, 412, NULL, STR(""),
		    "the resource is of the version If-None-Match rules out");
	return 0;
}

static struct str
apply_fhirpath(const struct fhir_call *c, struct str body, struct record_builder *builder,
    struct arena *a, struct error *err)
{
	struct fhir_read_options options = { .lenient = true, .type = c->route.type };
	const struct record *r;
	struct findings findings;
	struct buf out;
	struct str text = { NULL, 0 };

	findings_init(&findings, a, 1);
	r = fhir_json_read(body, &options, builder, a, &findings);
	if (!r) {
		error_set(err, ERROR_LIMIT, "the resource is too large to be patched");
		return text;
	}
	r = fhirpath_patch_apply(c->patch, c->patch_node, r, builder, a, err);
	if (!r)
		return text;
	buf_init(&out, MOST_MADE);
	out.wipe = true;
	fhir_json_write(r, builder->pack, 0, 0, &out);
	if (!out.full)
		text = str_dup(a, buf_str(&out));
	buf_release(&out);
	if (!text.p)
		error_set(err, ERROR_LIMIT, "what the patch makes is too large");
	return text;
}

static int
fail_apply(struct fhir_call *c, const struct error *err)
{
	int status = err->kind == ERROR_LIMIT ? 413 : err->kind == ERROR_CONFLICT ? 422 : 400;

	return call_fail(c, status,
	    status == 413   ? "too-costly"
	    : status == 422 ? "processing"
			    : "invalid",
	    STR(""), "%s", err->text);
}

/* Read what the patch has made as if it had been sent. */
static int
take_made(struct fhir_call *c, struct str made, struct str id, struct record_builder *builder)
{
	struct fhir_read_options options = { .type = c->route.type };
	unsigned errors = c->findings.errors;
	const struct record *r = fhir_json_read(made, &options, builder, c->arena, &c->findings);

	if (!r || c->findings.errors > errors) {
		if (!r && c->findings.errors == errors)
			return call_fail(
			    c, 413, "too-costly", STR(""), "what the patch makes is too large");
		c->status = 422;
		return -1;
	}
	if (!str_eq(record_value(r, builder->pack, 0, STR("id")), id))
		return call_fail(c, 422, "value",
		    str_printf(
			c->arena, "%.*s.id", STR_ARG(call_type_name(builder->pack, c->route.type))),
		    "a patch must leave the resource's id as it is");
	c->record = r;
	c->node = 0;
	return 0;
}

static int
apply(struct fhir_call *c, const struct store_version *found, struct record_builder *builder)
{
	size_t sent = c->patch ? record_size(c->patch) : c->patch_text.len;
	struct error err = { .kind = ERROR_OTHER };
	struct str made;
	struct arena a;
	int result;

	arena_init(&a, SCRATCH + SCRATCH_FACTOR * (found->body.len + sent), ARENA_WIPE);
	if (c->patch)
		made = apply_fhirpath(c, found->body, builder, &a, &err);
	else
		made = json_patch_text(c->patch_text, found->body, MOST_MADE, &a, &err);
	result = made.p ? take_made(c, made, found->id, builder) : fail_apply(c, &err);
	arena_release(&a);
	return result;
}

static int
patch_call(struct fhir_batch *b, struct fhir_call *c, struct store_reader *r,
    struct record_builder *builder)
{
	const struct fhir_service *s = b->service;
	struct access_decision d;
	struct store_version found;
	int result;

	/* What cannot be read cannot be told by a test, nor by the answer. */
	if (!access_decide(b->sender, RIGHT_READ, c->route.type, &d))
		return call_fail(c, 403, NULL, STR(""), "a patch needs the right to read too");
	c->resource = call_local_url(c, s->pack, c->route.type, c->route.id, 0);
	result = c->route.id.len ? find_by_id(s, c, r, &d.visibility, &found)
				 : find_by_search(s, c, r, &d.visibility, &found);
	if (result != 0)
		return -1;
	c->resource = call_local_url(c, s->pack, c->route.type, found.id, found.version);
	if (check_version(c, found.version) != 0)
		return -1;
	result = c->route.operation ? operation_change(s, c, &found, builder)
				    : apply(c, &found, builder);
	if (result != 0) {
		c->unchanged = result > 0;
		return result > 0 ? 0 : -1;
	}
	c->unchanged = false;
	c->patched_id = found.id;
	c->patched_version = found.version;
	return 0;
}

int
patch_calls(struct fhir_batch *b, struct store_reader *r, struct record_builder *builder)
{
	for (uint32_t i = 0; i < b->count; i++) {
		struct fhir_call *c = &b->calls[i];

		if (call_failed(c) || !c->decision.permitted || !patch_is(c))
			continue;
		if (patch_call(b, c, r, builder) != 0 && b->kind != BATCH_INDEPENDENT)
			batch_fail_by(b, c);
	}
	return b->status >= 400 ? -1 : 0;
}
