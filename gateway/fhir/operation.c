#include "gateway/fhir/operation.h"

#include "base/buf.h"
#include "base/error.h"
#include "gateway/fhir/own_params.h"
#include "gateway/fhir/search_query.h"
#include "mappers/fhir/fhir_json.h"

#define BASE "http://hl7.org/fhir/OperationDefinition/"

enum {
	BY_GET = 1U << FHIR_GET | 1U << FHIR_HEAD,
	BY_POST = 1U << FHIR_POST,
	BY_BOTH = BY_GET | BY_POST,
	READS = INTERACTION_INPUT | INTERACTION_IN_BUNDLE,
	CHANGES = READS | INTERACTION_WRITES,
	ANY_RIGHT = RIGHT_CREATE | RIGHT_READ | RIGHT_UPDATE,
	STORED_MOST = 256 << 20,
};

#define ROW(name, shape, needs, bits, by)                                                          \
	.as = { INTERACTION_OPERATION, name, FHIR_POST, SHAPE_##shape##_OPERATION, needs, bits },  \
	.methods = (by) | 1U << FHIR_OPTIONS

const struct operation operations[] = {
	{ ROW("$meta", SYSTEM, RIGHT_SEARCH, READS, BY_BOTH), .definition = BASE "Resource-meta",
	    .params = "", .run = meta_run_all },
	{ ROW("$meta", TYPE, RIGHT_SEARCH, READS, BY_BOTH), .definition = BASE "Resource-meta",
	    .params = "", .run = meta_run_all },
	{ ROW("$meta", INSTANCE, RIGHT_READ, READS, BY_BOTH), .definition = BASE "Resource-meta",
	    .params = "", .run = meta_run },
	{ ROW("$meta", VERSION, RIGHT_READ, READS, BY_BOTH), .definition = BASE "Resource-meta",
	    .params = "", .run = meta_run },
	{ ROW("$meta-add", INSTANCE, RIGHT_UPDATE, CHANGES, BY_POST),
	    .definition = BASE "Resource-meta-add", .params = "meta", .run = meta_run,
	    .change = meta_add },
	{ ROW("$meta-add", VERSION, RIGHT_UPDATE, CHANGES, BY_POST),
	    .definition = BASE "Resource-meta-add", .params = "meta", .run = meta_run,
	    .change = meta_add },
	{ ROW("$meta-delete", INSTANCE, RIGHT_UPDATE, CHANGES, BY_POST),
	    .definition = BASE "Resource-meta-delete", .params = "meta", .run = meta_run,
	    .change = meta_delete },
	{ ROW("$meta-delete", VERSION, RIGHT_UPDATE, CHANGES, BY_POST),
	    .definition = BASE "Resource-meta-delete", .params = "meta", .run = meta_run,
	    .change = meta_delete },
	{ ROW("$validate", TYPE, ANY_RIGHT, READS | INTERACTION_JUDGES, BY_BOTH),
	    .definition = BASE "Resource-validate", .params = "resource mode profile",
	    .run = validate_run },
	{ ROW("$validate", INSTANCE, RIGHT_READ, READS | INTERACTION_JUDGES, BY_BOTH),
	    .definition = BASE "Resource-validate", .params = "resource mode profile",
	    .run = validate_run },
	{ ROW("$everything", TYPE, RIGHT_READ, READS, BY_BOTH), .type = "Patient",
	    .definition = BASE "Patient-everything",
	    .params = "start end _since _type _count _cursor", .run = everything_run },
	{ ROW("$everything", INSTANCE, RIGHT_READ, READS, BY_BOTH), .type = "Patient",
	    .definition = BASE "Patient-everything",
	    .params = "start end _since _type _count _cursor", .run = everything_run },
	{ ROW("$everything", INSTANCE, RIGHT_READ, READS, BY_BOTH), .type = "Encounter",
	    .definition = BASE "Encounter-everything", .params = "_since _type _count _cursor",
	    .run = everything_run },
	{ ROW("$diff", SYSTEM, 0, READS, BY_BOTH), .params = "from to includeMeta",
	    .run = diff_run },
	{ ROW("$diff", TYPE, RIGHT_READ, READS, BY_BOTH), .params = "from to includeMeta",
	    .run = diff_run },
	{ ROW("$diff", INSTANCE, RIGHT_READ, READS, BY_BOTH), .params = "fromVersion includeMeta",
	    .run = diff_run },
	{ ROW("$reindex-status", TYPE, RIGHT_SEARCH, READS, BY_GET), .type = "SearchParameter",
	    .params = "", .run = own_params_status },
	{ .as = { .code = NULL } },
};

const struct operation *
operation_find(const struct pack *p, enum fhir_shape shape, uint32_t type, struct str name)
{
	for (const struct operation *o = operations; o->as.code; o++)
		if (o->as.shape == shape && str_is(name, o->as.code) &&
		    (!o->type || str_is(call_type_name(p, type), o->type)))
			return o;
	return NULL;
}

/* Where an operation is offered, for a hint. */
static const char *
place_of(enum fhir_shape shape)
{
	switch (shape) {
	case SHAPE_SYSTEM_OPERATION:
		return "the base";
	case SHAPE_TYPE_OPERATION:
		return "TYPE/";
	case SHAPE_INSTANCE_OPERATION:
		return "TYPE/ID/";
	default:
		return "TYPE/ID/_history/VERSION/";
	}
}

int
operation_fail_unknown(struct fhir_call *c, const struct pack *p, struct str name)
{
	const struct operation *best = NULL;
	int shown = (int)(name.len < 64 ? name.len : 64);
	unsigned nearest = 4;

	(void)p;
	for (const struct operation *o = operations; o->as.code; o++) {
		unsigned d = str_distance(name, str_from(o->as.code), 3);

		if (d < nearest) {
			nearest = d;
			best = o;
		}
	}
	if (best && nearest == 0)
		return call_fail(c, 404, "not-supported", STR(""),
		    "the operation '%.*s' is not offered here; it is at %s%s%s", shown, name.p,
		    best->type ? best->type : "",
		    best->type ? strchr(place_of(best->as.shape), '/') : place_of(best->as.shape),
		    " and where else the CapabilityStatement at metadata says");
	return call_fail(c, 404, "not-supported", STR(""),
	    "the operation '%.*s' is not offered%s%s; the CapabilityStatement at metadata lists "
	    "what is",
	    shown, name.p, best ? ", the nearest is " : "", best ? best->as.code : "");
}

/* The names of those it takes, in a text with blanks between. */
static bool
takes(const struct operation *o, struct str name)
{
	struct str rest = str_from(o->params), one;

	while (str_split(&rest, ' ', &one))
		if (str_eq(one, name))
			return true;
	return false;
}

static int
check_name(struct fhir_call *c, struct str name)
{
	const struct operation *o = c->route.operation;
	int shown = (int)(name.len < 64 ? name.len : 64);
	struct str rest = str_from(o->params), one, best = STR("");
	unsigned nearest = 4;

	if (takes(o, name))
		return 1;
	if (c->lenient || str_is(name, "_format") || str_is(name, "_pretty"))
		return 0;
	while (str_split(&rest, ' ', &one)) {
		unsigned d = str_distance(name, one, 3);

		if (d < nearest) {
			nearest = d;
			best = one;
		}
	}
	return call_fail(c, 400, "not-supported", STR(""),
	    "%s has no parameter '%.*s'%s%.*s; it has: %s", o->as.code, shown, name.p,
	    best.len ? ", the nearest is " : "", STR_ARG(best), *o->params ? o->params : "none");
}

static struct operation_param *
add_param(struct operation_input *in, struct arena *a, struct str name)
{
	struct operation_param *p = arena_grow(
	    a, in->at, in->count * sizeof(*p), (in->count + 1) * sizeof(*p));

	if (!p)
		return NULL;
	in->at = p;
	p = &in->at[in->count++];
	*p = (struct operation_param){ .name = name };
	return p;
}

static int
no_room(struct fhir_call *c)
{
	return call_fail(c, 413, "too-costly", STR(""), "the request is too large");
}

static int
read_query(struct fhir_call *c, struct operation_input *out)
{
	struct query_pair *pairs;
	struct error err;
	uint32_t count;

	if (query_pairs(c->route.query, c->arena, &pairs, &count, &err) != 0)
		return call_fail_error(c, &err);
	for (uint32_t i = 0; i < count; i++) {
		struct operation_param *p;
		int known = check_name(c, pairs[i].name);

		if (known < 0)
			return -1;
		if (!known)
			continue;
		p = add_param(out, c->arena, pairs[i].name);
		if (!p)
			return no_room(c);
		p->value = pairs[i].value;
	}
	return 0;
}

/* The value[x] or resource of a Parameters.parameter. */
static void
take_value(const struct pack *p, const struct record *r, uint32_t node, struct operation_param *out)
{
	RECORD_EACH_CHILD(r, node, i) {
		const struct pack_element *e = pack_element_at(p, r->nodes[i].element);

		if (str_is(pack_text(p, e->stem), "value")) {
			out->node = i;
			out->value = record_text(r, i);
		} else if (e->flags & ELEMENT_RESOURCE && r->nodes[i].end > i + 1) {
			out->resource = i + 1;
			out->is_resource = true;
		}
	}
}

static int
read_parameters(
    const struct pack *p, struct fhir_call *c, uint32_t root, struct operation_input *out)
{
	uint32_t i = record_child(out->body, p, root, STR("parameter"));

	for (; i; i = record_next(out->body, root, i)) {
		struct str name = record_value(out->body, p, i, STR("name"));
		struct operation_param *one;
		int known = check_name(c, name);

		if (known < 0)
			return -1;
		if (!known)
			continue;
		one = add_param(out, c->arena, name);
		if (!one)
			return no_room(c);
		take_value(p, out->body, i, one);
	}
	return 0;
}

int
operation_read(const struct fhir_service *s, struct fhir_call *c, struct operation_input *out)
{
	uint32_t root = c->patch ? c->patch_node : c->node;
	struct operation_param *one;

	*out = (struct operation_input){ .body = c->patch ? c->patch : c->record };
	if (read_query(c, out) != 0)
		return -1;
	if (!out->body)
		return 0;
	if (str_is(record_type_name(out->body, s->pack, root), "Parameters"))
		return read_parameters(s->pack, c, root, out);
	if (!takes(c->route.operation, STR("resource")))
		return call_fail(c, 400, "invalid", STR(""),
		    "the body of %s is a Parameters, not a %.*s", c->route.operation->as.code,
		    STR_ARG(record_type_name(out->body, s->pack, root)));
	one = add_param(out, c->arena, STR("resource"));
	if (!one)
		return no_room(c);
	one->resource = root;
	one->is_resource = true;
	return 0;
}

const struct operation_param *
operation_param_next(
    const struct operation_input *in, const char *name, const struct operation_param *last)
{
	const struct operation_param *p = last ? last + 1 : in->at;

	for (; in->count && p < in->at + in->count; p++)
		if (str_is(p->name, name))
			return p;
	return NULL;
}

struct str
operation_value(const struct operation_input *in, const char *name)
{
	const struct operation_param *p = operation_param_next(in, name, NULL);

	return p ? p->value : STR("");
}

void
operation_run(const struct fhir_service *s, struct fhir_call *c, struct store_reader *r)
{
	struct operation_input in;

	if (!c->resource.len)
		c->resource = c->route.type == PACK_NONE ? str_from(c->route.operation->as.code)
							 : call_local_url(c, s->pack, c->route.type,
							       c->route.id, c->route.version);
	if (operation_read(s, c, &in) == 0)
		c->route.operation->run(s, c, &in, r);
}

int
operation_change(const struct fhir_service *s, struct fhir_call *c,
    const struct store_version *found, struct record_builder *builder)
{
	struct operation_input in;

	if (operation_read(s, c, &in) != 0)
		return -1;
	return c->route.operation->change(s, c, &in, found, builder);
}

void
operation_answer_record(
    const struct fhir_service *s, struct fhir_call *c, const struct record *r, struct error *err)
{
	struct buf out;

	if (!r) {
		call_fail_error(c, err);
		return;
	}
	buf_init(&out, s->max_answer);
	out.wipe = true;
	fhir_json_write(r, s->pack, 0, 0, &out);
	c->body = out.full ? (struct str){ NULL, 0 } : str_dup(c->arena, buf_str(&out));
	buf_release(&out);
	if (c->body.p)
		c->status = 200;
	else
		call_fail(c, 413, "too-costly", STR(""), "the answer is too large");
}

const struct record *
operation_record(const struct fhir_service *s, struct fhir_call *c, uint32_t type, struct str body,
    struct record_builder *builder)
{
	struct fhir_read_options options = { .lenient = true, .type = type };
	const struct record *r;
	struct findings findings;

	(void)s;
	findings_init(&findings, c->arena, 1);
	r = fhir_json_read(body, &options, builder, c->arena, &findings);
	if (!r)
		no_room(c);
	return r;
}

int
operation_read_instance(const struct fhir_service *s, struct fhir_call *c, struct store_reader *r,
    struct store_version *out)
{
	bool versioned = c->route.shape == SHAPE_VERSION_OPERATION;
	struct error err;
	int found = 0;

	if (!versioned || c->route.version)
		found = store_read(r, c->route.type, c->route.id, c->route.version,
		    &c->decision.visibility, c->arena, out, &err);
	if (found < 0)
		return call_fail_error(c, &err);
	if (!found)
		return call_fail_missing(c, s->pack);
	c->resource = call_local_url(c, s->pack, c->route.type, c->route.id, out->version);
	if (out->deleted)
		return call_fail_gone(c, s->pack);
	return 0;
}

/* Is it the first row of its name and definition, as far as a type sees? */
static bool
is_listed_before(const struct operation *o, bool system)
{
	for (const struct operation *other = operations; other < o; other++)
		if (str_is(str_from(o->as.code), other->as.code) &&
		    (other->as.shape == SHAPE_SYSTEM_OPERATION) == system &&
		    (!o->type || !other->type || str_is(str_from(o->type), other->type)))
			return true;
	return false;
}

void
operation_list(struct record_builder *b, const struct pack *p, uint32_t type)
{
	bool system = type == PACK_NONE;

	for (const struct operation *o = operations; o->as.code; o++) {
		if ((o->as.shape == SHAPE_SYSTEM_OPERATION) != system || !o->definition ||
		    is_listed_before(o, system) ||
		    (o->type && !str_is(call_type_name(p, type), o->type)))
			continue;
		record_open(b, STR("operation"));
		record_put(b, STR("name"), str_from_index(str_from(o->as.code), 1));
		record_put(b, STR("definition"), str_from(o->definition));
		record_close(b);
	}
}
