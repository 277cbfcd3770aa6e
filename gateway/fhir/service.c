#include "gateway/fhir/service.h"

#include <openssl/crypto.h>

#include "base/error.h"
#include "base/hash.h"
#include "gateway/fhir/capability.h"
#include "gateway/fhir/link.h"
#include "gateway/fhir/search_index.h"
#include "profiles/pack.h"

/* Two keys of the one that is kept. */
static int
open_keys(struct fhir_service *s, struct error *err)
{
	uint8_t key[LINK_KEY];
	struct str own = str_of((const char *)key, LINK_KEY);
	struct str sign[] = { STR("sign"), own }, seal[] = { STR("seal"), own };

	_Static_assert((int)SHA256_BYTES == (int)CURSOR_KEY, "a key is a hash");
	if (!s->key_path)
		random_bytes(key, sizeof(key));
	else if (link_key_load(s->key_path, key, err) != 0)
		return -1;
	sha256_parts(sign, 2, s->cursor_key);
	sha256_parts(seal, 2, s->link_key);
	OPENSSL_cleanse(key, sizeof(key));
	return 0;
}

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
	s->search_parameter = pack_find_resource(s->pack, STR("SearchParameter"));
	s->bundle = pack_find_resource(s->pack, STR("Bundle"));
	if (open_keys(s, err) != 0)
		return -1;
	s->capability = capability_new();
	s->index = search_index_new(s->pack, s->base);
	search_index_set_words(s->index, (enum search_words)s->words);
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
