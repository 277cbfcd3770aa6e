/*
 * pack_format.h - how a pack lies on disk.
 *
 * A header, then the tables, each at a multiple of PACK_ALIGN, its rows as
 * the structs of pack.h are in memory on a little-endian machine. Another
 * byte order, or a change of any struct or of the meaning of a row, is another
 * PACK_VERSION.
 */
#ifndef PROFILES_PACK_FORMAT_H
#define PROFILES_PACK_FORMAT_H

#include <stdint.h>

#include "profiles/pack.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "a pack is read in place: its numbers are little-endian"
#endif

enum {
	PACK_VERSION = 1,
	PACK_ALIGN = 64,
};

#define PACK_MAGIC "firedoor pack\r\n" /* 16 bytes with the NUL */

struct pack_section {
	uint64_t offset; /* in the file */
	uint32_t count;	 /* rows */
	uint32_t row;	 /* bytes a row */
};

struct pack_header {
	char magic[16];
	uint32_t version;
	uint32_t tables;
	uint64_t size; /* of the whole file */
	uint64_t id;   /* hash64() of all behind the header */
	char fhir_version[24];
	struct pack_section section[PACK_TABLES];
	uint64_t checksum; /* hash64() of all before it */
};

/* What TABLE_INDEX finds; the low bits of a slot's hash. */
enum pack_index {
	INDEX_TYPE,
	INDEX_PARAM, /* scope: type; row: place in the number table */
	INDEX_CODE_SYSTEM,
	INDEX_VALUE_SET,
	INDEX_CONCEPT_MAP,
	INDEX_CONCEPT, /* scope: code system; codes folded if their case does not count */
};

/* Bytes a row of each table. */
extern const uint32_t pack_row_size[PACK_TABLES];

/* Place and hash of a key in the index. */
struct pack_key {
	uint64_t place;
	uint32_t hash;
};
struct pack_key pack_index_key(enum pack_index kind, uint32_t scope, struct str key, bool fold);

#endif
