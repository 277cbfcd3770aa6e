/*
 * error.h - why something could not be done.
 *
 * A struct error lives on the caller's stack; there is nothing to free. Texts
 * are lower case, say what could not be done, why and what would help, and
 * hold no patient's values.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

enum {
	ERROR_TEXT = 512,
};

/* What kind of failure it is, for those who answer differently. */
enum error_kind {
	ERROR_OTHER,	/* nothing special */
	ERROR_INVALID,	/* the input is wrong */
	ERROR_LIMIT,	/* a configured limit was passed */
	ERROR_MISSING,	/* what was asked for is not there */
	ERROR_CONFLICT, /* somebody else was faster; or not as expected */
	ERROR_BUSY,	/* a queue is full: may work later */
	ERROR_IO,	/* the disk, the network, the system */
	ERROR_DENIED,	/* not allowed */
};

struct error {
	enum error_kind kind;
	char text[ERROR_TEXT];
};

/* Set *err (may be NULL). Returns -1, to be returned in turn. */
int error_set(struct error *err, enum error_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set() with ": " and the text of errno behind. */
int error_set_errno(struct error *err, enum error_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "what: " before the text that is there. Returns -1. */
int error_prefix(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
