/*
 * export.h - what is current in the store as files of newline-delimited JSON, one
 * for each type, as FHIR's bulk data export has them (HL7 Bulk Data Access 2.0):
 * Patient.ndjson, …, and manifest.json, all of one moment.
 *
 * One thread.
 */
#ifndef GATEWAY_BULK_EXPORT_H
#define GATEWAY_BULK_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct offline;

struct export_options {
	const char *folder;	  /* made; must be empty */
	const char *const *types; /* names; NULL: all that the sender may search */
	uint32_t type_count;
	bool gzip, quiet;
};

/*
 * Export. Files have their names only when all is written and the trail has the
 * entry of it. Returns 0 and how many resources; -1 with *err set, and then there
 * is no file.
 */
int export_run(
    struct offline *o, const struct export_options *options, uint64_t *count, struct error *err);

#endif
