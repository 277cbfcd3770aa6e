/*
 * The head of a FHIR request: method and target, then Accept, Content-Type,
 * Prefer and If-None-Match, a line each. What is found must be consistent: a
 * route has an interaction that its path allows, and an id has an id's form.
 * The pack is FIREDOOR_PACK; without one no route is parsed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "gateway/fhir/negotiate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static const struct pack *pack;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *path = getenv("FIREDOOR_PACK");
	struct error err;

	(void)argc;
	(void)argv;
	pack = path ? pack_open(path, &err) : NULL;
	return 0;
}

static void
demand(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static void
try_route(struct str method, struct str target, struct arena *a)
{
	struct fhir_route r;
	struct str word;
	enum route_result result;
	char allow[64];

	result = route_parse(pack, fhir_method_of(method), target, a, &r, &word);
	route_allow(r.allowed, allow);
	if (result == ROUTE_BAD_METHOD)
		demand(allow[0] != '\0', "a path that refuses a method allows others");
	if (result != ROUTE_FOUND)
		return;
	demand(r.interaction != NULL, "a route has an interaction");
	demand(r.allowed & 1U << r.method, "its method is allowed");
	demand(!r.id.len || fhir_id_is_valid(r.id), "an id has an id's form");
	demand(!r.id.len || r.type != PACK_NONE, "an instance has a type");
	demand(!r.version || r.shape == SHAPE_VERSION || r.shape == SHAPE_VERSION_OPERATION,
	    "a version is of a version's path");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_of((const char *)data, size), line[6] = { { NULL, 0 } };
	struct preferences preferences;
	struct query_format format;
	struct arena a;

	arena_init(&a, 1 << 20, 0);
	for (int i = 0; i < 6 && str_split(&rest, '\n', &line[i]); i++)
		;
	if (pack)
		try_route(line[0], line[1], &a);
	query_format_parse(line[1], &a, &format);
	accept_choose(line[2], STR("4.0.1"), MEDIA_JSON);
	accept_takes_gzip(line[2]);
	coding_of(line[2]);
	media_of(line[3], STR("4.0.1"));
	prefer_parse(line[4], false, &preferences);
	demand(!etag_list_has(line[5], 3) || line[5].len > 0, "an empty list has nothing");
	arena_release(&a);
	return 0;
}
