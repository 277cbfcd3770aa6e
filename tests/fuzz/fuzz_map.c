/* The compiler of maps. Needs the definitions: $FIREDOOR_PACK. */
#include <stdlib.h>

#include "base/error.h"
#include "mappers/map/map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pack *pack;
	struct map_source source = { "fuzz.map", str_of((const char *)data, size) };
	struct error err;

	if (!pack && getenv("FIREDOOR_PACK"))
		pack = pack_open(getenv("FIREDOOR_PACK"), &err);
	if (pack)
		map_set_free(map_set_compile(pack, &source, 1, &err));
	return 0;
}
