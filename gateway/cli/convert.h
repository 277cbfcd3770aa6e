/*
 * convert.h - the inside of `firedoor convert`: one input after another from
 * one format into another. One thread.
 */
#ifndef GATEWAY_CLI_CONVERT_H
#define GATEWAY_CLI_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "mappers/hl7v2/er7.h"
#include "mappers/map/map.h"
#include "profiles/record.h"

struct error;

enum convert_format {
	CONVERT_NONE,
	CONVERT_JSON,
	CONVERT_XML,
	CONVERT_NDJSON,
	CONVERT_HL7V2,
};

/* The format of that name; CONVERT_NONE for any other. */
enum convert_format convert_format_of(const char *name);

struct convert {
	/* Given: */
	enum convert_format from, to;
	bool coverage, pretty, lenient;
	struct map_options options;
	struct er7_options er7;
	const struct pack *pack;
	struct map_set *set; /* of HL7 v2 */
	struct record_builder builder;

	/* Told: */
	uint64_t resources; /* written */
	bool found_errors;

	/* In work: */
	const char *file;   /* what findings name */
	const char *output; /* path; NULL: standard output */
	uint32_t outputs;   /* resources of this input that were written */
	int fd;		    /* of output, where one file takes all; -1 */
};

/* The ends of file names in a folder that are read, and the one that is
 * written; with the dot. NULL ends the list. */
const char *const *convert_endings(enum convert_format f);

/*
 * Convert the file at path ("-": standard input). output is where to write:
 * NULL, standard output, a resource a line; else a path without an ending. A
 * second resource of the same input gets "-2" behind its name, unless it is
 * NDJSON that is written, which holds them all. What is wrong with the data is
 * told on standard error, and found_errors is set. Returns 0; -1 with *err set
 * when the input could not be read (ERROR_MISSING, ERROR_LIMIT) or the output
 * not be written (ERROR_IO).
 */
int convert_file(struct convert *c, const char *path, const char *output, struct error *err);

#endif
