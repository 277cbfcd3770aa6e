/*
 * section.h - from a YAML mapping into a struct, by a table of its keys.
 *
 * A table says for each key what it holds, where in the struct that goes, and
 * what is allowed. What is wrong becomes a finding at the place of the value,
 * and reading goes on.
 */
#ifndef GATEWAY_CONFIG_SECTION_H
#define GATEWAY_CONFIG_SECTION_H

#include <stddef.h>

#include "base/arena.h"
#include "base/finding.h"
#include "gateway/config/yaml.h"

enum {
	CONFIG_PATH_TEXT = 192,
};

struct config_reader {
	struct arena *arena;
	struct findings *findings;
	struct str folder;	     /* of the file; empty: the working directory */
	int flags;		     /* CONFIG_CHECK_FILES */
	char path[CONFIG_PATH_TEXT]; /* of what is read: "fhir.limits.body" */
};

/* Read a value of a kind of its own into the struct at *out. */
typedef void config_read_fn(struct config_reader *r, const struct yaml *node, void *out);

enum field_kind {
	FIELD_BOOL,	 /* bool */
	FIELD_COUNT,	 /* unsigned */
	FIELD_SIZE,	 /* size_t */
	FIELD_DURATION,	 /* int64_t, milliseconds */
	FIELD_TEXT,	 /* struct str */
	FIELD_NAME,	 /* struct str, VALUE_NAME_NOTE */
	FIELD_PATH,	 /* const char *, from the file's folder */
	FIELD_FILE,	 /* as FIELD_PATH; a file that must be there */
	FIELD_FOLDER,	 /* as FIELD_PATH; a folder that must be there */
	FIELD_TEXTS,	 /* struct config_texts; one text or a list */
	FIELD_FOLDERS,	 /* struct config_texts; paths of folders */
	FIELD_ADDRESSES, /* struct config_addresses; one or a list */
	FIELD_SECTION,	 /* a mapping with a table of its own */
	FIELD_CUSTOM,	 /* read() */
};

struct field {
	const char *name; /* NULL ends the table */
	enum field_kind kind;
	size_t offset;		    /* in the struct; a section's members count from there */
	uint64_t least, most;	    /* of counts, sizes, durations; most 0: no end */
	const struct field *fields; /* FIELD_SECTION */
	config_read_fn *read;	    /* FIELD_CUSTOM: gets struct + offset */
	bool required;
};

/* A row of a table: FIELD("drain", FIELD_DURATION, offset, RANGE(0, HOUR)). */
#define FIELD(key, kind_, offset_, ...)                                                            \
	{                                                                                          \
		.name = (key), .kind = (kind_), .offset = (offset_), __VA_ARGS__                   \
	}
#define RANGE(least_, most_) .least = (least_), .most = (most_)
#define FIELDS_END                                                                                 \
	{                                                                                          \
		.name = NULL                                                                       \
	}

/* Read the mapping (nothing at all is an empty one) into the struct at out. */
void section_read(
    struct config_reader *r, const struct yaml *node, const struct field *fields, void *out);

/* Add an error at the node's value, with the path of what is being read. */
void config_complain(struct config_reader *r, const struct yaml *node, const char *code,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Go into a list's item ("mllp[0]") or a mapping's key; what is given back
 * goes to config_leave(). */
size_t config_enter_item(struct config_reader *r, unsigned index);
void config_leave(struct config_reader *r, size_t mark);

/* count * size zeroed bytes; NULL, told at the node, when the arena is full. */
void *config_array(struct config_reader *r, const struct yaml *node, size_t count, size_t size);

/* text as a path from the file's folder, with a NUL; NULL past the limit. */
const char *config_resolve(struct config_reader *r, struct str text);

/* Tell when path is no file (or folder) that can be read, when asked for. */
void
config_check_file(struct config_reader *r, const struct yaml *node, const char *path, bool folder);

#endif
