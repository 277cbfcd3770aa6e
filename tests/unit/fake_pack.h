/*
 * fake_pack.h - a pack of three resource types and a few search parameters,
 * made in memory: all that the store looks at.
 */
#ifndef TESTS_UNIT_FAKE_PACK_H
#define TESTS_UNIT_FAKE_PACK_H

#include "profiles/pack.h"

enum {
	FAKE_STRING, /* a primitive: no resource */
	FAKE_PATIENT,
	FAKE_OBSERVATION,
	FAKE_ENCOUNTER,
	FAKE_TYPES,
};

enum {
	FAKE_IDENTIFIER,
	FAKE_NAME,
	FAKE_BIRTHDATE,
	FAKE_SUBJECT,
	FAKE_URL,
	FAKE_CODE,
	FAKE_PARAMS,
};

const struct pack *fake_pack(void);

#endif
