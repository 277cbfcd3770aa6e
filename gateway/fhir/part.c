#include "gateway/fhir/part.h"

#include "base/error.h"
#include "gateway/fhir/call.h"
#include "gateway/fhir/search_query.h"
#include "mappers/fhir/fhir_json.h"

enum {
	ELEMENTS_MOST = 200,
	SHOWN = 64, /* characters of a name that is not known */
};

bool
part_read_summary(struct str value, struct fhir_subset *out)
{
	static const struct {
		const char *name;
		enum fhir_summary summary;
	} names[] = {
		{ "false", SUMMARY_FALSE },
		{ "true", SUMMARY_TRUE },
		{ "text", SUMMARY_TEXT },
		{ "data", SUMMARY_DATA },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (str_is(value, names[i].name)) {
			out->summary = names[i].summary;
			return true;
		}
	}
	return false;
}

static int
check_element(const struct pack *p, uint32_t type, struct str name, struct error *err)
{
	int shown = (int)(name.len < SHOWN ? name.len : SHOWN);
	struct str near, type_name;

	if (!name.len)
		return error_set(
		    err, ERROR_INVALID, "'_elements' is a list of names, separated by commas");
	if (type == PACK_NONE || pack_find_stem(p, type, name) != PACK_NONE ||
	    pack_find_element(p, type, name) != PACK_NONE)
		return 0;
	near = pack_suggest_element(p, type, name);
	type_name = pack_text(p, pack_type_at(p, type)->name);
	return error_set(err, ERROR_INVALID,
	    "'_elements': %.*s has no element '%.*s' at its top%s%.*s", STR_ARG(type_name), shown,
	    name.p, near.len ? "; the nearest is " : "", STR_ARG(near));
}

int
part_read_elements(const struct pack *p, uint32_t type, struct str value, struct arena *a,
    struct fhir_subset *out, struct error *err)
{
	struct str name, rest = value, *list;
	uint32_t count = 0;

	while (str_split(&rest, ',', &name)) {
		if (check_element(p, type, str_trim(name), err) != 0)
			return -1;
		count++;
	}
	if (!count)
		return check_element(p, type, STR(""), err);
	if (count > ELEMENTS_MOST)
		return error_set(
		    err, ERROR_LIMIT, "'_elements' has more than %d names", ELEMENTS_MOST);
	list = arena_calloc(a, count, sizeof(*list));
	if (!list)
		return error_set(err, ERROR_LIMIT, "'_elements' is too long");
	out->elements = list;
	for (out->element_count = 0, rest = value; str_split(&rest, ',', &name);)
		list[out->element_count++] = str_trim(name);
	return 0;
}

int
part_read_query(const struct fhir_service *s, struct fhir_call *c, struct fhir_subset *out)
{
	struct query_pair *pairs;
	struct error err;
	uint32_t count;

	*out = (struct fhir_subset){ .summary = SUMMARY_FALSE };
	if (!c->route.query.len)
		return 0;
	if (query_pairs(c->route.query, c->arena, &pairs, &count, &err) != 0)
		return call_fail_error(c, &err);
	for (uint32_t i = 0; i < count; i++) {
		if (str_is(pairs[i].name, "_summary") && !part_read_summary(pairs[i].value, out))
			return call_fail(c, 400, "value", STR(""),
			    "_summary of a read is true, text, data or false");
		if (str_is(pairs[i].name, "_elements") &&
		    part_read_elements(
			s->pack, c->route.type, pairs[i].value, c->arena, out, &err) != 0)
			return call_fail(c, 400, "value", STR(""), "%s", err.text);
	}
	return 0;
}

void
part_cutter_init(
    struct part_cutter *k, const struct fhir_service *s, const struct fhir_subset *subset)
{
	*k = (struct part_cutter){ .subset = subset };
	record_builder_init(&k->builder, s->pack, &record_default_limits);
	arena_init(&k->arena, s->max_answer, ARENA_WIPE);
	buf_init(&k->out, s->max_answer);
	k->out.wipe = true;
}

void
part_cutter_release(struct part_cutter *k)
{
	record_builder_release(&k->builder);
	arena_release(&k->arena);
	buf_release(&k->out);
}

struct str
part_cut(struct part_cutter *k, struct str body, struct error *err)
{
	/* What is stored was read strictly when it came. */
	struct fhir_read_options options = { .lenient = true, .type = PACK_NONE };
	const struct str nothing = { NULL, 0 };
	struct findings findings;
	const struct record *r;

	if (fhir_subset_is_whole(k->subset))
		return body;
	arena_reset(&k->arena);
	buf_clear(&k->out);
	findings_init(&findings, &k->arena, 1);
	r = fhir_json_read(body, &options, &k->builder, &k->arena, &findings);
	if (!r) {
		error_set(err, ERROR_LIMIT, "the resource is too large to be cut to a part");
		return nothing;
	}
	r = fhir_subset(r, 0, k->subset, &k->builder, &k->arena, err);
	if (!r)
		return nothing;
	fhir_json_write(r, k->builder.pack, 0, 0, &k->out);
	if (k->out.full) {
		error_set(err, ERROR_LIMIT, "the part of the resource is too large");
		return nothing;
	}
	return buf_str(&k->out);
}
