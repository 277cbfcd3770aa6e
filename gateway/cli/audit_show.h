/*
 * audit_show.h - `firedoor audit show`: entries of a trail for people.
 */
#ifndef GATEWAY_CLI_AUDIT_SHOW_H
#define GATEWAY_CLI_AUDIT_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Which entries are wanted. Zeroed: all. */
struct audit_filter {
	int64_t since;	     /* wall time */
	struct str sender;   /* empty: any */
	struct str resource; /* "Patient", "Patient/123", …; empty: any */
	struct str outcome;  /* empty: any */
	uint64_t last;	     /* the last so many; 0: all */
	bool json;
};

/* getopt's values for the options that make a filter. */
enum {
	AUDIT_LAST = 'n',
	AUDIT_SINCE = 256,
	AUDIT_SENDER,
	AUDIT_RESOURCE,
	AUDIT_OUTCOME,
};

/* Take one of these options; false, told, when its value is none. */
bool audit_filter_option(struct audit_filter *f, int option, const char *value);

/* Print the entries of the trail in the folder. Returns an exit status. */
int audit_show(const char *folder, const struct audit_filter *f);

#endif
