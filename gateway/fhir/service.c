#include "gateway/fhir/service.h"

#include "base/error.h"
#include "base/hash.h"
#include "gateway/fhir/capability.h"
#include "gateway/fhir/search_index.h"
#include "profiles/pack.h"

int
fhir_service_open(struct fhir_service *s, struct error *err)
{
	static const char *const needed[] = { "Bundle", "CapabilityStatement", "OperationOutcome" };

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (pack_find_resource(s->pack, str_from(needed[i])) == PACK_NONE)
			return error_set(err, ERROR_INVALID,
			    "the pack has no definition of %s, which the API is made of; compile "
			    "one from a whole FHIR release with firedoor pack",
			    needed[i]);
	s->bundle = pack_find_resource(s->pack, STR("Bundle"));
	random_bytes(s->cursor_key, sizeof(s->cursor_key));
	s->capability = capability_new();
	s->index = search_index_new(s->pack, s->base);
	return 0;
}

void
fhir_service_close(struct fhir_service *s)
{
	if (!s->index)
		return;
	capability_free(s->capability);
	search_index_free(s->index);
}
