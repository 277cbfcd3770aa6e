/*
 * arena.h - memory that dies together.
 *
 * An arena hands out pieces from blocks it gets from malloc; nothing is given
 * back before arena_release(). Each arena has a byte limit: a request that
 * would pass it gets NULL, an ordinary error of whoever asked. malloc itself
 * failing ends the program with a message.
 *
 * One thread at a time; an arena may be handed over with what lies in it.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *block; /* the newest, where pieces come from */
	char *next, *end;	   /* what is free in it */
	size_t used;		   /* bytes taken from malloc */
	size_t limit;
	size_t first_block; /* size of the first block */
	bool wipe;	    /* zero the blocks when given back */
};

enum {
	ARENA_WIPE = 1, /* holds tokens, keys or patient data */
};

/*
 * Make an empty arena that takes at most limit bytes from malloc. Takes
 * nothing until the first piece is asked for. flags: ARENA_WIPE or 0.
 */
void arena_init(struct arena *a, size_t limit, int flags);

/* Give everything back; the arena is empty then and may be used again. */
void arena_release(struct arena *a);

/* As arena_release(), but keep the first block for what comes next. */
void arena_reset(struct arena *a);

/* size bytes aligned for any type, not zeroed; NULL past the limit. */
void *arena_alloc(struct arena *a, size_t size);

/* size bytes, zeroed; NULL past the limit. */
void *arena_zalloc(struct arena *a, size_t size);

/* count * size bytes, zeroed; NULL past the limit or when that overflows. */
void *arena_calloc(struct arena *a, size_t count, size_t size);

/* size bytes for text: not aligned, not zeroed; NULL past the limit. */
char *arena_alloc_bytes(struct arena *a, size_t size);

/*
 * Make the array at p, of old_size bytes and given by arena_alloc(), new_size
 * bytes long; in place when it is the newest piece. NULL past the limit, and p
 * stays good then.
 */
void *arena_grow(struct arena *a, void *p, size_t old_size, size_t new_size);

/*
 * Give the piece at p back before its time where it is longer than a mebibyte;
 * else nothing is done. It is not to be used any more in either case.
 */
void arena_drop(struct arena *a, const void *p);

/* A zeroed piece for one object of the type. */
#define ARENA_NEW(a, type) ((type *)arena_zalloc((a), sizeof(type)))

/* malloc and realloc that end the program with a message instead of failing. */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);

#endif
