/*
 * $diff: what changed between two versions, or two resources of one type, as a
 * FHIRPath Patch. FHIR R4 defines no such operation; its parameters are those
 * of HAPI FHIR: fromVersion and includeMeta of an instance, from and to (each
 * TYPE/ID or TYPE/ID/_history/VERSION) of a type or the system.
 */
#include "base/error.h"
#include "gateway/fhir/operation.h"
#include "mappers/fhir/fhirpath_diff.h"

struct side {
	uint32_t type;
	struct str id;
	uint64_t version; /* 0: the current one */
	struct store_version found;
};

static int
read_version(struct fhir_call *c, struct str text, const char *name, uint64_t *out)
{
	int64_t n;

	if (!str_to_int(text, &n) || n < 1)
		return call_fail(c, 400, "value", STR(""), "%s must be a version, as 2", name);
	*out = (uint64_t)n;
	return 0;
}

/* "Patient/1", "Patient/1/_history/2". */
static int
read_side(const struct fhir_service *s, struct fhir_call *c, const struct operation_input *in,
    const char *name, struct side *out)
{
	struct str rest = operation_value(in, name), type, id, word;

	*out = (struct side){ .type = PACK_NONE };
	if (str_split(&rest, '/', &type) && str_split(&rest, '/', &id)) {
		out->type = pack_find_resource(s->pack, type);
		out->id = id;
	}
	if (out->type == PACK_NONE || !fhir_id_is_valid(out->id))
		return call_fail(c, 400, "value", STR(""),
		    "%s must name a resource: TYPE/ID or TYPE/ID/_history/VERSION", name);
	if (c->route.type != PACK_NONE && out->type != c->route.type)
		return call_fail(c, 400, "value", STR(""),
		    "%s is of another type than the path; $diff of the base takes any", name);
	if (!rest.len)
		return 0;
	if (!str_split(&rest, '/', &word) || !str_is(word, "_history"))
		return call_fail(c, 400, "value", STR(""),
		    "%s must name a resource: TYPE/ID or TYPE/ID/_history/VERSION", name);
	return read_version(c, rest, name, &out->version);
}

static int
read_stored(
    const struct fhir_service *s, struct fhir_call *c, struct store_reader *r, struct side *side)
{
	struct access_decision d;
	struct error err;
	int found;

	if (!access_decide(c->sender, RIGHT_READ, side->type, &d))
		return call_fail(
		    c, 403, NULL, STR(""), "$diff needs the right to read what is compared");
	found = store_read(
	    r, side->type, side->id, side->version, &d.visibility, c->arena, &side->found, &err);
	if (found < 0)
		return call_fail_error(c, &err);
	if (!found)
		return call_fail(c, 404, NULL, STR(""), "there is no %.*s/%.*s%s",
		    STR_ARG(call_type_name(s->pack, side->type)), STR_ARG(side->id),
		    side->version ? " of that version" : "");
	if (side->found.deleted)
		return call_fail(c, 410, NULL, STR(""), "%.*s/%.*s is deleted%s",
		    STR_ARG(call_type_name(s->pack, side->type)), STR_ARG(side->id),
		    side->version ? " by that version" : "");
	return 0;
}

/* Of an instance: the current version, and the one before or fromVersion. */
static int
find_versions(const struct fhir_service *s, struct fhir_call *c, const struct operation_input *in,
    struct store_reader *r, struct side *from, struct side *to)
{
	struct str version = operation_value(in, "fromVersion");

	*to = *from = (struct side){ .type = c->route.type, .id = c->route.id };
	if (version.len && read_version(c, version, "fromVersion", &from->version) != 0)
		return -1;
	if (operation_read_instance(s, c, r, &to->found) != 0)
		return -1;
	if (!version.len && to->found.version == 1)
		return call_fail(c, 400, "value", STR(""),
		    "there is no version before this one; fromVersion or $diff?from=&to= compare "
		    "with others");
	if (!version.len)
		from->version = to->found.version - 1;
	return read_stored(s, c, r, from);
}

static int
find_sides(const struct fhir_service *s, struct fhir_call *c, const struct operation_input *in,
    struct store_reader *r, struct side *from, struct side *to)
{
	if (c->route.id.len)
		return find_versions(s, c, in, r, from, to);
	if (read_side(s, c, in, "from", from) != 0 || read_side(s, c, in, "to", to) != 0 ||
	    read_stored(s, c, r, from) != 0 || read_stored(s, c, r, to) != 0)
		return -1;
	return from->type == to->type ? 0
				      : call_fail(c, 400, "value", STR(""),
					    "from and to are of different types; a patch is "
					    "between two of one");
}

/* For the audit entry: both were read. */
static void
note_sides(const struct fhir_service *s, struct fhir_call *c, const struct side *from,
    const struct side *to)
{
	struct str *found = arena_calloc(c->arena, 2, sizeof(*found));

	if (!found)
		return;
	found[0] = call_local_url(c, s->pack, from->type, from->id, from->found.version);
	found[1] = call_local_url(c, s->pack, to->type, to->id, to->found.version);
	c->found = found;
	c->found_count = 2;
}

void
diff_run(const struct fhir_service *s, struct fhir_call *c, const struct operation_input *in,
    struct store_reader *r)
{
	struct str with_meta = operation_value(in, "includeMeta");
	const struct record *a, *b = NULL;
	struct record_builder builder;
	struct side from, to;
	struct error err;

	if (with_meta.len && !str_is(with_meta, "true") && !str_is(with_meta, "false")) {
		call_fail(c, 400, "value", STR(""), "includeMeta must be true or false");
		return;
	}
	if (find_sides(s, c, in, r, &from, &to) != 0)
		return;
	note_sides(s, c, &from, &to);
	record_builder_init(&builder, s->pack, &record_default_limits);
	a = operation_record(s, c, from.type, from.found.body, &builder);
	if (a)
		b = operation_record(s, c, to.type, to.found.body, &builder);
	if (b)
		operation_answer_record(s, c,
		    fhirpath_diff(a, b, str_is(with_meta, "true"), &builder, c->arena, &err), &err);
	record_builder_release(&builder);
}
