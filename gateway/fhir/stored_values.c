#include "gateway/fhir/stored_values.h"

#include "base/error.h"
#include "base/finding.h"

void
stored_values_init(struct stored_values *v, const struct pack *p, struct str base,
    const struct record_limits *limits, struct search_index *index)
{
	*v = (struct stored_values){ .pack = p, .index = index, .base = base };
	record_builder_init(&v->builder, p, limits);
}

void
stored_values_release(struct stored_values *v)
{
	record_builder_release(&v->builder);
	search_index_free(v->own);
}

int
stored_values_extract(void *ctx, uint32_t type, struct str body, struct arena *a,
    struct store_index **rows, uint32_t *count, struct error *err)
{
	struct stored_values *v = ctx;
	struct fhir_read_options options = { .lenient = true, .type = type };
	struct findings findings;
	const struct record *r;

	if (!v->index)
		v->index = v->own = search_index_new(v->pack, v->base);
	findings_init(&findings, a, 1);
	r = fhir_json_read(body, &options, &v->builder, a, &findings);
	/* What these definitions do not know is left out, and has no values. */
	if (!r)
		return error_set(err, ERROR_INVALID,
		    "the body does not fit the definitions of the pack: %s",
		    findings.first ? findings.first->code : "it is too large");
	return search_index_extract(v->index, r, 0, NULL, NULL, a, rows, count, err);
}
