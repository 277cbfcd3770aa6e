#include "gateway/fhir/interaction.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/percent.h"
#include "gateway/fhir/operation.h"

#define ROW(name, text, verb, path, needs, bits)                                                   \
	{                                                                                          \
		INTERACTION_##name, text, FHIR_##verb, SHAPE_##path, needs, bits                   \
	}

enum {
	BODY = INTERACTION_BODY,
	FORM = INTERACTION_FORM,
	WRITES = INTERACTION_WRITES,
	POINT = INTERACTION_POINT,
	PER_TYPE = INTERACTION_PER_TYPE,
	SYSTEM = INTERACTION_SYSTEM,
	OPEN = INTERACTION_OPEN,
	BUNDLED = INTERACTION_IN_BUNDLE,
};

const struct interaction interactions[] = {
	ROW(READ, "read", GET, INSTANCE, RIGHT_READ, POINT | PER_TYPE | BUNDLED),
	ROW(VREAD, "vread", GET, VERSION, RIGHT_READ, POINT | PER_TYPE | BUNDLED),
	ROW(UPDATE, "update", PUT, INSTANCE, RIGHT_UPDATE, BODY | WRITES | PER_TYPE | BUNDLED),
	ROW(UPDATE_CONDITIONAL, "update", PUT, TYPE, RIGHT_UPDATE, BODY | WRITES | BUNDLED),
	ROW(PATCH, "patch", PATCH, INSTANCE, RIGHT_UPDATE, BODY | WRITES | PER_TYPE | BUNDLED),
	ROW(PATCH_CONDITIONAL, "patch", PATCH, TYPE, RIGHT_UPDATE, BODY | WRITES | BUNDLED),
	ROW(DELETE, "delete", DELETE, INSTANCE, RIGHT_DELETE, WRITES | PER_TYPE | BUNDLED),
	ROW(DELETE_CONDITIONAL, "delete", DELETE, TYPE, RIGHT_DELETE, WRITES | BUNDLED),
	ROW(HISTORY_INSTANCE, "history-instance", GET, INSTANCE_HISTORY, RIGHT_READ,
	    PER_TYPE | BUNDLED),
	ROW(HISTORY_TYPE, "history-type", GET, TYPE_HISTORY, RIGHT_SEARCH, PER_TYPE | BUNDLED),
	ROW(HISTORY_SYSTEM, "history-system", GET, SYSTEM_HISTORY, RIGHT_SEARCH, SYSTEM | BUNDLED),
	ROW(CREATE, "create", POST, TYPE, RIGHT_CREATE, BODY | WRITES | PER_TYPE | BUNDLED),
	ROW(SEARCH_TYPE, "search-type", GET, TYPE, RIGHT_SEARCH, PER_TYPE | BUNDLED),
	ROW(SEARCH_POST, "search-type", POST, TYPE_SEARCH, RIGHT_SEARCH, FORM),
	ROW(SEARCH_SYSTEM, "search-system", GET, BASE, 0, SYSTEM | BUNDLED),
	ROW(SEARCH_SYSTEM_POST, "search-system", POST, SYSTEM_SEARCH, 0, FORM),
	ROW(SEARCH_COMPARTMENT, "search-type", GET, COMPARTMENT, RIGHT_SEARCH, BUNDLED),
	ROW(SEARCH_COMPARTMENT_POST, "search-type", POST, COMPARTMENT_SEARCH, RIGHT_SEARCH, FORM),
	ROW(CAPABILITIES, "capabilities", GET, METADATA, 0, OPEN),
	ROW(TRANSACTION, "transaction", POST, BASE, 0, BODY | WRITES | SYSTEM),
	{ .code = NULL },
};

static const struct interaction options_interaction = { INTERACTION_OPTIONS, "options",
	FHIR_OPTIONS, SHAPE_BASE, 0, OPEN };

const struct interaction *
interaction_by_id(enum interaction_id id)
{
	const struct interaction *i = interactions;

	while (i->code && i->id != id)
		i++;
	return i->code ? i : &options_interaction;
}

static const char *const method_names[FHIR_METHODS] = {
	[FHIR_GET] = "GET",
	[FHIR_HEAD] = "HEAD",
	[FHIR_POST] = "POST",
	[FHIR_PUT] = "PUT",
	[FHIR_DELETE] = "DELETE",
	[FHIR_PATCH] = "PATCH",
	[FHIR_OPTIONS] = "OPTIONS",
};

enum fhir_method
fhir_method_of(struct str name)
{
	for (int m = 0; m < FHIR_METHODS; m++)
		if (str_is(name, method_names[m]))
			return (enum fhir_method)m;
	return FHIR_METHODS;
}

const char *
fhir_method_name(enum fhir_method m)
{
	return m < FHIR_METHODS ? method_names[m] : "?";
}

bool
fhir_id_is_valid(struct str s)
{
	if (s.len == 0 || s.len > 64)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			c == '-' || c == '.'))
			return false;
	}
	return true;
}

struct str
route_suggest_type(const struct pack *p, struct str name)
{
	struct str best = { NULL, 0 };
	unsigned nearest = 4;

	for (uint32_t t = 0; t < pack_type_count(p); t++) {
		const struct pack_type *type = pack_type_at(p, t);
		struct str candidate;
		unsigned d;

		if (type->kind != PACK_RESOURCE || type->abstract)
			continue;
		candidate = pack_text(p, type->name);
		d = str_distance(name, candidate, 3);
		if (d < nearest) {
			nearest = d;
			best = candidate;
		}
	}
	return best;
}

void
route_allow(unsigned allowed, char out[64])
{
	size_t n = 0;

	out[0] = '\0';
	for (int m = 0; m < FHIR_METHODS; m++)
		if (allowed & 1U << m)
			n += (size_t)snprintf(
			    out + n, 64 - n, "%s%s", n ? ", " : "", method_names[m]);
}

/* The methods that a path of that shape takes. */
static unsigned
shape_methods(enum fhir_shape shape)
{
	unsigned allowed = 1U << FHIR_OPTIONS;

	for (const struct interaction *i = interactions; i->code; i++) {
		if (i->shape != shape)
			continue;
		allowed |= 1U << i->method;
		if (i->method == FHIR_GET)
			allowed |= 1U << FHIR_HEAD;
	}
	return allowed;
}

enum {
	MOST_SEGMENTS = 6, /* one more than any shape has */
};

/* Cut the path into decoded segments; one '/' at the end is let pass. */
static enum route_result
split_path(struct str path, struct arena *a, struct str segments[MOST_SEGMENTS], unsigned *count,
    struct str *word)
{
	struct str part;

	*count = 0;
	if (path.len && path.p[0] == '/')
		path = str_from_index(path, 1);
	if (path.len && path.p[path.len - 1] == '/')
		path.len--;
	if (path.len == 0)
		return ROUTE_FOUND;
	while (str_split(&path, '/', &part)) {
		*word = part;
		if (*count == MOST_SEGMENTS || part.len == 0)
			return ROUTE_NO_SUCH_PATH;
		if (percent_decode(part, false, a, &segments[*count], NULL) < 0)
			return ROUTE_BAD_ESCAPE;
		++*count;
	}
	return ROUTE_FOUND;
}

static enum route_result
no_such(struct str segment, struct str *word, enum route_result otherwise)
{
	*word = segment;
	if (segment.len && segment.p[0] == '$')
		return ROUTE_NO_SUCH_OPERATION;
	return otherwise;
}

/* A segment that must be the last, and an operation's name if anything. */
static enum route_result
parse_operation(const struct pack *p, enum fhir_shape shape, const struct str *segments,
    unsigned at, unsigned count, struct fhir_route *out, struct str *word)
{
	if (segments[at].p[0] != '$' || count > at + 1)
		return no_such(segments[at], word, ROUTE_NO_SUCH_PATH);
	out->shape = shape;
	out->operation = operation_find(p, shape, out->type, segments[at]);
	return out->operation ? ROUTE_FOUND : no_such(segments[at], word, ROUTE_NO_SUCH_OPERATION);
}

/* The compartment of Type/id: what is searched there. 0 segments are left of
 * "_search" alone. */
static bool
parse_compartment(const struct pack *p, const struct str *segments, unsigned count,
    struct fhir_route *out, struct str *word, enum route_result *result)
{
	struct str home = pack_text(p, pack_type_at(p, out->type)->name);
	bool form = str_is(segments[count - 1], "_search");
	uint32_t type = PACK_NONE;

	if (!str_is(segments[2], "*") && !str_is(segments[2], "_search")) {
		type = pack_find_resource(p, segments[2]);
		if (type == PACK_NONE)
			return false;
	}
	*word = segments[2];
	*result = ROUTE_NO_SUCH_PATH;
	if (count > 4 || (count == 4 && (!form || str_is(segments[2], "_search"))) ||
	    !pack_find_compartment(p, home))
		return true;
	out->shape = form ? SHAPE_COMPARTMENT_SEARCH : SHAPE_COMPARTMENT;
	out->home = out->type;
	out->home_id = out->id;
	out->type = type;
	out->id = (struct str){ NULL, 0 };
	*result = ROUTE_FOUND;
	return true;
}

/* The shape below Type/id. */
static enum route_result
parse_instance(const struct pack *p, const struct str *segments, unsigned count,
    struct fhir_route *out, struct str *word)
{
	enum route_result result;
	int64_t version;

	if (!fhir_id_is_valid(segments[1])) {
		*word = segments[1];
		return ROUTE_BAD_ID;
	}
	out->id = segments[1];
	out->shape = SHAPE_INSTANCE;
	if (count == 2)
		return ROUTE_FOUND;
	if (parse_compartment(p, segments, count, out, word, &result))
		return result;
	if (!str_is(segments[2], "_history"))
		return parse_operation(p, SHAPE_INSTANCE_OPERATION, segments, 2, count, out, word);
	out->shape = SHAPE_INSTANCE_HISTORY;
	if (count == 3)
		return ROUTE_FOUND;
	if (!fhir_id_is_valid(segments[3])) {
		*word = segments[3];
		return ROUTE_BAD_ID;
	}
	out->shape = SHAPE_VERSION;
	/* Versions are whole numbers from 1, written without leading zeros; any
	 * other id is that of a version there is not. */
	if (segments[3].p[0] >= '1' && segments[3].p[0] <= '9' &&
	    str_to_int(segments[3], &version) && version > 0)
		out->version = (uint64_t)version;
	if (count > 4)
		return parse_operation(p, SHAPE_VERSION_OPERATION, segments, 4, count, out, word);
	return ROUTE_FOUND;
}

static enum route_result
parse_shape(const struct pack *p, const struct str *segments, unsigned count,
    struct fhir_route *out, struct str *word)
{
	if (count == 0) {
		out->shape = SHAPE_BASE;
		return ROUTE_FOUND;
	}
	if (str_is(segments[0], "_search")) {
		out->shape = SHAPE_SYSTEM_SEARCH;
		return count == 1 ? ROUTE_FOUND : no_such(segments[1], word, ROUTE_NO_SUCH_PATH);
	}
	if (str_is(segments[0], "metadata") || str_is(segments[0], "_history")) {
		out->shape = segments[0].p[0] == '_' ? SHAPE_SYSTEM_HISTORY : SHAPE_METADATA;
		return count == 1 ? ROUTE_FOUND : no_such(segments[1], word, ROUTE_NO_SUCH_PATH);
	}
	if (segments[0].len && segments[0].p[0] == '$')
		return parse_operation(p, SHAPE_SYSTEM_OPERATION, segments, 0, count, out, word);
	out->type = pack_find_resource(p, segments[0]);
	if (out->type == PACK_NONE)
		return no_such(segments[0], word, ROUTE_NO_SUCH_TYPE);
	if (count == 1) {
		out->shape = SHAPE_TYPE;
		return ROUTE_FOUND;
	}
	if (str_is(segments[1], "_search") || str_is(segments[1], "_history")) {
		out->shape = segments[1].p[1] == 's' ? SHAPE_TYPE_SEARCH : SHAPE_TYPE_HISTORY;
		return count == 2 ? ROUTE_FOUND : no_such(segments[2], word, ROUTE_NO_SUCH_PATH);
	}
	if (segments[1].len && segments[1].p[0] == '$')
		return parse_operation(p, SHAPE_TYPE_OPERATION, segments, 1, count, out, word);
	return parse_instance(p, segments, count, out, word);
}

enum route_result
route_parse(const struct pack *p, enum fhir_method method, struct str target, struct arena *a,
    struct fhir_route *out, struct str *word)
{
	struct str segments[MOST_SEGMENTS];
	ptrdiff_t question = str_find(target, '?');
	enum fhir_method served = method == FHIR_HEAD ? FHIR_GET : method;
	enum route_result result;
	unsigned count;

	*out = (struct fhir_route){ .method = method, .type = PACK_NONE, .home = PACK_NONE };
	*word = (struct str){ NULL, 0 };
	if (question >= 0) {
		out->query = str_from_index(target, (size_t)question + 1);
		target.len = (size_t)question;
	}
	result = split_path(target, a, segments, &count, word);
	if (result == ROUTE_FOUND)
		result = parse_shape(p, segments, count, out, word);
	if (result != ROUTE_FOUND)
		return result;
	out->allowed = out->operation ? out->operation->methods : shape_methods(out->shape);
	if (method == FHIR_OPTIONS) {
		out->interaction = &options_interaction;
		return ROUTE_FOUND;
	}
	if (out->operation) {
		out->interaction = &out->operation->as;
		return out->allowed & 1U << method ? ROUTE_FOUND : ROUTE_BAD_METHOD;
	}
	for (const struct interaction *i = interactions; i->code; i++) {
		if (i->shape == out->shape && i->method == served) {
			out->interaction = i;
			return ROUTE_FOUND;
		}
	}
	return ROUTE_BAD_METHOD;
}
