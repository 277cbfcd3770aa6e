/*
 * progress.h - how far long work is: a bar on a terminal, a line every few
 * seconds elsewhere. On standard error. One thread.
 */
#ifndef GATEWAY_BULK_PROGRESS_H
#define GATEWAY_BULK_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what; /* "import" */
	const char *unit; /* "resources" */
	uint64_t total;	  /* of what `done` counts; 0: not known */
	int64_t began, told;
	bool bar, quiet;
};

/* The texts are borrowed. */
void progress_begin(struct progress *p, const char *what, const char *unit, uint64_t total);

/* done of the total; count of the units. Told when it is time. */
void progress_tell(struct progress *p, uint64_t done, uint64_t count);

/* Take the bar away, so that other lines can be printed; it comes back. */
void progress_clear(struct progress *p);

/* The last word: always told. */
void progress_end(struct progress *p, uint64_t count);

#endif
