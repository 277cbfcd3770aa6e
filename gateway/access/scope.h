/*
 * scope.h - one scope: what may be done with one resource type, or all.
 *
 * The notation is that of SMART App Launch 2 for system scopes:
 * "system/Patient.rs", with "*" instead of the type for all types. Version 1's
 * ".read" (rs), ".write" (cud) and ".*" (cruds) are read too. Does not know the
 * definitions: whether the type exists is checked by access_new().
 */
#ifndef GATEWAY_ACCESS_SCOPE_H
#define GATEWAY_ACCESS_SCOPE_H

#include "base/str.h"

struct error;

/* What an interaction needs; a scope has any number of them. */
enum access_right {
	RIGHT_CREATE = 1 << 0, /* c: create */
	RIGHT_READ = 1 << 1,   /* r: read, vread, history of an instance */
	RIGHT_UPDATE = 1 << 2, /* u: update, patch */
	RIGHT_DELETE = 1 << 3, /* d: delete */
	RIGHT_SEARCH = 1 << 4, /* s: search, history of a type or of all */
	RIGHTS_ALL = (1 << 5) - 1,
};

struct scope {
	struct str type; /* "Patient"; "*": all */
	unsigned rights; /* enum access_right, or-ed */
	unsigned line;	 /* in the configuration; 0: none */
};

enum {
	SCOPE_TEXT = 128, /* room for a scope and its NUL */
};

/*
 * Read one scope; out->type points into text. Returns 0, or -1 with *err
 * saying what is wrong: patient/ and user/ scopes (they need a person's
 * login), scopes with a query, letters out of order, …
 */
int scope_parse(struct str text, struct scope *out, struct error *err);

/* Write it in SMART 2's form; cut when the type's name is too long. */
void scope_format(const struct scope *s, char out[SCOPE_TEXT]);

#endif
