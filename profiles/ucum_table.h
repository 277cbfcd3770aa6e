/*
 * ucum_table.h - the atoms of UCUM and its prefixes: facts of the standard.
 *
 * Inside of ucum only. An atom is defined by a number and a code of other
 * atoms; a special one by these as its corresponding proper unit, and a scale
 * (§21). The tables are constant; the atoms are ordered by their codes' bytes.
 */
#ifndef PROFILES_UCUM_TABLE_H
#define PROFILES_UCUM_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "profiles/ucum.h"

enum ucum_scale {
	UCUM_RATIO,
	UCUM_BASE, /* a base unit; they have the order of ucum_unit's dimension */
	UCUM_PI,
	UCUM_ARBITRARY,

	/* special scales: the value is … of the size in the proper unit */
	UCUM_CELSIUS,	    /* less 273.15 */
	UCUM_FAHRENHEIT,    /* less 459.67 */
	UCUM_REAUMUR,	    /* less 218.52 */
	UCUM_ROOT,	    /* the square root */
	UCUM_TANGENT,	    /* a hundred times the tangent */
	UCUM_LN,	    /* the natural logarithm */
	UCUM_LG,	    /* the common logarithm */
	UCUM_TWO_LG,	    /* twice the common logarithm */
	UCUM_LD,	    /* the logarithm to base 2 */
	UCUM_PH,	    /* minus the common logarithm */
	UCUM_HOMEOPATHIC_X, /* minus the logarithm to base 10, 100, 1000, 50000 */
	UCUM_HOMEOPATHIC_C,
	UCUM_HOMEOPATHIC_M,
	UCUM_HOMEOPATHIC_Q,
};

struct ucum_atom {
	const char *code;
	const char *value, *unit;
	bool metric; /* may have a prefix */
	enum ucum_scale scale;
};

struct ucum_prefix {
	const char *code;
	const char *value;
};

enum {
	UCUM_ATOMS = 311,
	UCUM_PREFIXES = 24,
};

extern const struct ucum_atom ucum_atoms[UCUM_ATOMS];
extern const struct ucum_prefix ucum_prefixes[UCUM_PREFIXES];

/*
 * What an atom stands for, worked out once for all threads; of a special unit
 * its corresponding proper unit.
 */
const struct ucum_unit *ucum_atom_unit(uint32_t atom);

/* Whether it is a special unit whose values fall as what they measure grows. */
bool ucum_is_reversed(const struct ucum_unit *u);

/* u to a power. 0, or -1 past a limit or when u is special. */
int ucum_power(const struct ucum_unit *u, int32_t exponent, struct ucum_unit *out);

#endif
