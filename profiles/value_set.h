/*
 * value_set.h - what a value set of the pack holds, and what lies above and
 * below a code in its code system (FHIR R4, 4.9.5 and 4.8.8).
 *
 * Nothing is kept: who asks often keeps the answer. The texts of codes lie in
 * the pack. Any thread.
 */
#ifndef PROFILES_VALUE_SET_H
#define PROFILES_VALUE_SET_H

#include "base/str.h"
#include "profiles/pack.h"

struct arena;
struct error;

/* A code of a system; an empty code: all of the system, whatever they are. */
struct value_set_code {
	struct str system, code;
};

/* Ordered by system and code, each once. */
struct value_set_codes {
	struct value_set_code *at;
	uint32_t count;
};

enum {
	VALUE_SET_MOST = 50000, /* codes of one */
};

/*
 * The codes of the value set of that canonical, in the arena. An include that
 * names a code system which the pack does not have in full, without saying
 * which codes, gives all of that system. Returns 0, or -1 with *err set, naming
 * the value set and what it needs: it is not in the pack; it is defined by a
 * filter that needs a code system or properties the pack does not have; it has
 * too many codes.
 */
int value_set_expand(const struct pack *p, struct str url, struct arena *a,
    struct value_set_codes *out, struct error *err);

enum value_set_direction {
	VALUE_SET_BELOW, /* the code and what it subsumes */
	VALUE_SET_ABOVE, /* the code and what subsumes it */
};

/* The same of a code: -1 with *err set when the pack does not have it. */
int value_set_hierarchy(const struct pack *p, struct str system, struct str code,
    enum value_set_direction direction, struct arena *a, struct value_set_codes *out,
    struct error *err);

/*
 * Whether the set holds a code: 1; 0; or -1, which cannot be told: the set holds
 * all of the code's system, and the pack does not have that in full. Without a
 * system, that of any of its codes will do.
 */
int value_set_has(const struct value_set_codes *set, struct str system, struct str code);

/* Whether the code `broad` is `narrow` or lies above it: 1, 0, or -1 when the
 * pack does not have the system in full, or one of the codes. */
int
value_set_subsumes(const struct pack *p, struct str system, struct str broad, struct str narrow);

#endif
