#include "tests/unit/fake_pack.h"

static struct pack_type types[FAKE_TYPES];
static struct pack_param params[FAKE_PARAMS];
static struct pack pack;
static char text[256];

static struct pack_text
add_text(const char *s)
{
	static uint32_t used;
	struct pack_text t = { used, (uint32_t)strlen(s) };

	memcpy(text + used, s, t.len);
	used += t.len;
	return t;
}

const struct pack *
fake_pack(void)
{
	static const char *const type_names[] = { "string", "Patient", "Observation", "Encounter" };
	static const char *const codes[] = { "identifier", "name", "birthdate", "subject", "url",
		"code" };

	if (pack.types)
		return &pack;
	for (uint32_t i = 0; i < FAKE_TYPES; i++) {
		types[i].name = add_text(type_names[i]);
		types[i].kind = i == FAKE_STRING ? PACK_PRIMITIVE : PACK_RESOURCE;
	}
	for (uint32_t i = 0; i < FAKE_PARAMS; i++)
		params[i].code = add_text(codes[i]);
	pack.text = text;
	pack.types = types;
	pack.table[TABLE_TYPES] = types;
	pack.count[TABLE_TYPES] = FAKE_TYPES;
	pack.table[TABLE_PARAMS] = params;
	pack.count[TABLE_PARAMS] = FAKE_PARAMS;
	return &pack;
}
