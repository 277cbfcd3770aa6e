#include "profiles/record.h"

const struct record_limits record_default_limits = {
	.nodes = 2000000,
	.depth = 64,
	.text = 256u << 20,
};
