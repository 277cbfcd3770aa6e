/* Any bytes as a configuration: refused with findings or read, and the same
 * each time. */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "gateway/access/scope.h"
#include "gateway/config.h"
#include "gateway/config/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

/* What was accepted keeps what config.h promises. */
static void
check(const struct config *c)
{
	char text[SCOPE_TEXT];
	struct scope again;

	require(c->store.path && c->audit.folder && c->pack && c->fhir.listen.count > 0);
	require(c->fhir.page_count <= c->fhir.page_most);
	for (uint32_t i = 0; i < c->fhir.listen.count; i++)
		require(c->fhir.listen.at[i].len > 0);
	for (uint32_t i = 0; i < c->mllp_count; i++)
		require(c->mllp[i].listen.count > 0 && value_is_name(c->mllp[i].name));
	for (uint32_t i = 0; i < c->plugin_count; i++)
		require(c->plugins[i].types.count > 0 && c->plugins[i].file);
	for (uint32_t i = 0; i < c->sender_count; i++) {
		const struct config_sender *s = &c->senders[i];

		require(s->scope_count > 0 && value_is_name(s->name));
		for (uint32_t j = 0; j < s->scope_count; j++) {
			scope_format(&s->scopes[j], text);
			require(scope_parse(str_from(text), &again, NULL) == 0 &&
				again.rights == s->scopes[j].rights &&
				str_eq(again.type, s->scopes[j].type));
		}
	}
}

static unsigned
read_once(struct str text)
{
	const struct config *c;
	struct arena arena;
	struct findings findings;
	unsigned errors;

	arena_init(&arena, CONFIG_ARENA, ARENA_WIPE);
	findings_init(&findings, &arena, 100);
	c = config_parse("/etc/firedoor.yaml", text, 0, &arena, &findings);
	require(!c == (findings.errors > 0));
	for (const struct finding *f = findings.first; f; f = f->next)
		require(f->text.len > 0);
	if (c)
		check(c);
	errors = findings.errors;
	arena_release(&arena);
	return errors;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct str text = str_of((const char *)data, len);

	require(read_once(text) == read_once(text));
	return 0;
}
