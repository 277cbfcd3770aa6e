/*
 * yaml.h - a YAML file as a tree with places.
 *
 * The part of YAML 1.1 that configuration needs: one document of mappings,
 * lists and scalars. Anchors, aliases and tags are refused, so that what a
 * value is stands where it is written; so is a key that comes twice. Nodes
 * live in the arena.
 */
#ifndef GATEWAY_CONFIG_YAML_H
#define GATEWAY_CONFIG_YAML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/finding.h"
#include "base/str.h"

enum yaml_kind {
	YAML_NOTHING, /* a key without a value, ~ or null */
	YAML_TEXT,
	YAML_LIST,
	YAML_MAPPING,
};

struct yaml {
	enum yaml_kind kind;
	uint32_t line, column; /* from 1 */
	struct str text;       /* of YAML_TEXT, with a NUL behind it */
	struct str key;	       /* in a mapping */
	uint32_t key_line, key_column;
	struct yaml *first, *next; /* children, and the next sibling */
	uint32_t count;		   /* of children */
};

enum {
	YAML_BYTES_MOST = 1 << 20,
	YAML_DEPTH_MOST = 16,
};

/*
 * Read the text. Returns the root, YAML_NOTHING for an empty file; or NULL
 * when it could not be read to its end, with findings that say why. What is
 * wrong but can be read past (a key that comes twice: the first is kept) is a
 * finding only.
 */
const struct yaml *yaml_read(struct str text, struct arena *a, struct findings *findings);

/* The child of that key; NULL when there is none (or node is no mapping). */
const struct yaml *yaml_find(const struct yaml *node, struct str key);

#define YAML_EACH(node, child)                                                                     \
	for (const struct yaml *child = (node)->first; child; child = child->next)

#endif
