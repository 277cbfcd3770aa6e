/*
 * zone.h - time zones by name ("Europe/Berlin"), with their summer time: the
 * system's zoneinfo files (RFC 8536). Immutable once read; any thread.
 */
#ifndef BASE_ZONE_H
#define BASE_ZONE_H

#include <stdint.h>

#include "base/str.h"

struct error;
struct zone;

/*
 * Read the zone of that name from $TZDIR or /usr/share/zoneinfo. Returns NULL
 * with *err set when there is none, or its file is none.
 */
struct zone *zone_open(struct str name, struct error *err);

/* The same from a file's bytes. */
struct zone *zone_read(struct str bytes, struct error *err);

/* Freeing NULL is fine. */
void zone_free(struct zone *z);

/* Minutes east of UTC at a time in seconds since 1970 (rounded down). */
int zone_offset(const struct zone *z, int64_t utc);

/*
 * The same at a time that clocks there show, given as if it were UTC. Of a time
 * that they show twice, the first is taken; one that they leap over counts as if
 * they had not leapt.
 */
int zone_offset_local(const struct zone *z, int64_t local);

#endif
