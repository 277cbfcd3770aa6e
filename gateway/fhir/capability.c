#include "gateway/fhir/capability.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/error.h"
#include "config.h"
#include "gateway/fhir/operation.h"
#include "gateway/fhir/part.h"
#include "gateway/fhir/search_index.h"
#include "gateway/fhir/search_query.h"
#include "mappers/fhir/fhir_json.h"

enum {
	CAPABILITY_ARENA = 64 << 20,
	CAPABILITY_MOST = 16 << 20,
};

struct capability {
	pthread_mutex_t lock;
	int64_t date;
	uint64_t generation; /* of the search parameters that it lists */
	/* Made when it is first asked for; when the search parameters change, made
	 * anew, while those that are being sent stay as they are. */
	struct statement {
		struct statement *older;
		struct buf text;
	} * newest;
};

struct capability *
capability_new(void)
{
	struct capability *k = xcalloc(1, sizeof(*k));

	pthread_mutex_init(&k->lock, NULL);
	k->date = clock_wall();
	return k;
}

void
capability_free(struct capability *k)
{
	while (k->newest) {
		struct statement *older = k->newest->older;

		buf_release(&k->newest->text);
		free(k->newest);
		k->newest = older;
	}
	pthread_mutex_destroy(&k->lock);
	free(k);
}

static const char *const param_types[] = {
	[PARAM_NUMBER] = "number",
	[PARAM_DATE] = "date",
	[PARAM_STRING] = "string",
	[PARAM_TOKEN] = "token",
	[PARAM_REFERENCE] = "reference",
	[PARAM_COMPOSITE] = "composite",
	[PARAM_QUANTITY] = "quantity",
	[PARAM_URI] = "uri",
	[PARAM_SPECIAL] = "special",
};

static void
put_interactions(struct record_builder *b, unsigned flag)
{
	for (const struct interaction *i = interactions; i->code; i++) {
		if (!(i->flags & flag))
			continue;
		record_open(b, STR("interaction"));
		record_put(b, STR("code"), str_from(i->code));
		record_close(b);
	}
	if (flag != INTERACTION_SYSTEM)
		return;
	record_open(b, STR("interaction"));
	record_put(b, STR("code"), STR("batch"));
	record_close(b);
}

static void
put_param(struct record_builder *b, const struct search_param *param)
{
	record_open(b, STR("searchParam"));
	record_put(b, STR("name"), param->code);
	record_put(b, STR("definition"), param->url);
	record_put(b, STR("type"), str_from(param_types[param->type]));
	record_close(b);
}

static void
put_params(struct record_builder *b, const struct fhir_service *s, uint32_t type)
{
	const struct pack *p = s->pack;
	uint32_t count;
	const uint32_t *params = pack_type_params(p, type, &count);
	const struct search_own *own;

	for (uint32_t i = 0; i < count; i++) {
		if (!search_index_serves(s->index, type, params[i]))
			continue;
		put_param(b, search_index_param(s->index, params[i]));
	}
	for (uint32_t i = 0; (own = search_index_own(s->index, i)); i++)
		if (search_index_has(s->index, type, own->param.number))
			put_param(b, &own->param);
}

/* "Observation:subject" for each reference of source; to target, when given. */
static void
put_includes(struct record_builder *b, const struct fhir_service *s, uint32_t source,
    uint32_t target, const char *element)
{
	const struct pack *p = s->pack;
	uint32_t count;
	const uint32_t *params = pack_type_params(p, source, &count);

	for (uint32_t i = 0; i < count; i++) {
		const struct search_param *param = search_index_param(s->index, params[i]);
		char text[256];
		int len;

		if (param->type != PARAM_REFERENCE ||
		    !search_index_has(s->index, source, params[i]) ||
		    (target != PACK_NONE && !search_points_to(p, param, target)))
			continue;
		len = snprintf(text, sizeof(text), "%.*s:%.*s",
		    STR_ARG(pack_text(p, pack_type_at(p, source)->name)), STR_ARG(param->code));
		if (len > 0 && (size_t)len < sizeof(text))
			record_put(b, str_from(element), str_of(text, (size_t)len));
	}
}

static void
put_reverse_includes(struct record_builder *b, const struct fhir_service *s, uint32_t type)
{
	for (uint32_t t = 0; t < pack_type_count(s->pack); t++) {
		const struct pack_type *source = pack_type_at(s->pack, t);

		if (source->kind == PACK_RESOURCE && !source->abstract)
			put_includes(b, s, t, type, "searchRevInclude");
	}
}

static void
put_resource(struct record_builder *b, const struct fhir_service *s, uint32_t type)
{
	const struct pack *p = s->pack;

	record_open(b, STR("resource"));
	record_put(b, STR("type"), pack_text(p, pack_type_at(p, type)->name));
	record_put(b, STR("profile"), pack_text(p, pack_type_at(p, type)->url));
	put_interactions(b, INTERACTION_PER_TYPE);
	record_put(b, STR("versioning"), STR("versioned"));
	record_put(b, STR("readHistory"), STR("true"));
	record_put(b, STR("updateCreate"), STR("true"));
	record_put(b, STR("conditionalCreate"), STR("true"));
	record_put(b, STR("conditionalRead"), STR("full-support"));
	record_put(b, STR("conditionalUpdate"), STR("true"));
	record_put(b, STR("conditionalDelete"), s->delete_many ? STR("multiple") : STR("single"));
	record_put(b, STR("searchInclude"), STR("*"));
	put_includes(b, s, type, PACK_NONE, "searchInclude");
	record_put(b, STR("searchRevInclude"), STR("*"));
	put_reverse_includes(b, s, type);
	record_put(b, STR("referencePolicy"),
	    s->references == REFERENCES_FREE ? STR("literal") : STR("enforced"));
	put_params(b, s, type);
	operation_list(b, p, type);
	record_close(b);
}

static void
put_rest(struct record_builder *b, const struct fhir_service *s)
{
	record_open(b, STR("rest"));
	record_put(b, STR("mode"), STR("server"));
	record_open(b, STR("security"));
	record_put(b, STR("cors"), s->cors ? STR("true") : STR("false"));
	record_put(b, STR("description"),
	    s->bearer ? STR("Senders show a bearer token or a TLS client certificate; scopes are "
			    "those of SMART App Launch 2.")
		      : STR("Open to this machine only."));
	record_close(b);
	for (uint32_t t = 0; t < pack_type_count(s->pack); t++) {
		const struct pack_type *type = pack_type_at(s->pack, t);

		if (type->kind == PACK_RESOURCE && !type->abstract)
			put_resource(b, s, t);
	}
	put_interactions(b, INTERACTION_SYSTEM);
	operation_list(b, s->pack, PACK_NONE);
	for (uint32_t t = 0; t < pack_type_count(s->pack); t++) {
		const struct pack_compartment *home = pack_find_compartment(
		    s->pack, pack_text(s->pack, pack_type_at(s->pack, t)->name));

		if (home)
			record_put(b, STR("compartment"), pack_text(s->pack, home->url));
	}
	record_close(b);
}

static void
put_statement(struct record_builder *b, const struct fhir_service *s, int64_t date)
{
	char when[INSTANT_TEXT];
	size_t len = instant_format(date, when);

	record_open_root(b, pack_find_resource(s->pack, STR("CapabilityStatement")));
	record_put(b, STR("status"), STR("active"));
	record_put(b, STR("date"), str_of(when, len));
	record_put(b, STR("kind"), STR("instance"));
	record_open(b, STR("software"));
	record_put(b, STR("name"), STR("firedoor"));
	record_put(b, STR("version"), STR(PACKAGE_VERSION));
	record_close(b);
	record_open(b, STR("implementation"));
	record_put(b, STR("description"), STR("firedoor, an interoperability gateway"));
	record_put(b, STR("url"), s->base);
	record_close(b);
	record_put(b, STR("fhirVersion"), pack_fhir_version(s->pack));
	record_put(b, STR("format"), STR("application/fhir+json"));
	record_put(b, STR("format"), STR("application/fhir+xml"));
	record_put(b, STR("format"), STR("json"));
	record_put(b, STR("format"), STR("xml"));
	record_put(b, STR("patchFormat"), STR("application/json-patch+json"));
	record_put(b, STR("patchFormat"), STR("application/fhir+json"));
	record_put(b, STR("patchFormat"), STR("application/fhir+xml"));
	put_rest(b, s);
	record_close(b);
}

int
capability_write(const struct fhir_service *s, int64_t date, struct buf *out, struct error *err)
{
	struct record_builder b;
	struct arena a;
	const struct record *r;

	arena_init(&a, CAPABILITY_ARENA, 0);
	record_builder_init(&b, s->pack, &record_default_limits);
	put_statement(&b, s, date);
	r = record_builder_finish(&b, &a, err);
	if (r)
		fhir_json_write(r, s->pack, 0, 0, out);
	record_builder_release(&b);
	arena_release(&a);
	if (!r)
		return error_prefix(err, "cannot make the CapabilityStatement");
	if (out->full)
		return error_set(err, ERROR_LIMIT, "the CapabilityStatement is too large");
	return 0;
}

/* The statement as of now; NULL with *err set. */
static const struct statement *
newest(const struct fhir_service *s, struct capability *k, struct error *err)
{
	uint64_t generation = search_index_generation(s->index);
	struct statement *made;

	if (k->newest && k->generation == generation)
		return k->newest;
	made = xcalloc(1, sizeof(*made));
	buf_init(&made->text, CAPABILITY_MOST);
	if (capability_write(s, k->date, &made->text, err) != 0) {
		buf_release(&made->text);
		free(made);
		return NULL;
	}
	made->older = k->newest;
	k->newest = made;
	k->generation = generation;
	return made;
}

void
capability_run(const struct fhir_service *s, struct fhir_call *c)
{
	struct capability *k = s->capability;
	const struct statement *statement;
	struct error err;

	c->resource = STR("CapabilityStatement");
	if (part_read_query(s, c, &c->subset) != 0)
		return;
	pthread_mutex_lock(&k->lock);
	statement = newest(s, k, &err);
	pthread_mutex_unlock(&k->lock);
	if (!statement) {
		call_fail_error(c, &err);
		return;
	}
	c->status = 200;
	c->body = buf_str(&statement->text);
}
