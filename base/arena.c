#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BLOCK_FIRST = 4096,
	BLOCK_MOST = 1 << 20,
	ALIGN = alignof(max_align_t),
};

struct arena_block {
	struct arena_block *older;
	size_t size; /* of data[] */
	size_t used; /* of it, once a newer block came */
	alignas(ALIGN) char data[];
};

void
arena_init(struct arena *a, size_t limit, int flags)
{
	*a = (struct arena){
		.limit = limit,
		.first_block = BLOCK_FIRST,
		.wipe = flags & ARENA_WIPE,
	};
}

/* What was never handed out holds nothing to wipe. */
static void
wipe_block(struct arena *a, struct arena_block *b)
{
	size_t used = b == a->block ? (size_t)(a->next - b->data) : b->used;

	if (a->wipe)
		explicit_bzero(b->data, used);
}

static void
give_back(struct arena *a, struct arena_block *b)
{
	wipe_block(a, b);
	a->used -= sizeof(*b) + b->size;
	free(b);
}

void
arena_release(struct arena *a)
{
	struct arena_block *b = a->block;

	while (b) {
		struct arena_block *older = b->older;

		give_back(a, b);
		b = older;
	}
	a->block = NULL;
	a->next = a->end = NULL;
}

void
arena_reset(struct arena *a)
{
	struct arena_block *b = a->block;

	if (!b)
		return;
	while (b->older) {
		struct arena_block *older = b->older;

		give_back(a, b);
		b = older;
	}
	wipe_block(a, b);
	a->block = b;
	a->next = b->data;
	a->end = b->data + b->size;
}

/* Get a block with room for size bytes; false past the limit. */
static bool
add_block(struct arena *a, size_t size)
{
	size_t room = a->block ? a->block->size * 2 : a->first_block;
	size_t left = a->limit - a->used;
	struct arena_block *b;

	if (room > BLOCK_MOST)
		room = BLOCK_MOST;
	if (room < size)
		room = size;
	if (left < sizeof(*b) || room > left - sizeof(*b)) {
		if (left < sizeof(*b) || size > left - sizeof(*b))
			return false;
		room = left - sizeof(*b);
	}
	b = xmalloc(sizeof(*b) + room);
	if (a->block)
		a->block->used = (size_t)(a->next - a->block->data);
	b->older = a->block;
	b->size = room;
	a->block = b;
	a->next = b->data;
	a->end = b->data + room;
	a->used += sizeof(*b) + room;
	return true;
}

static void *
take(struct arena *a, size_t size, size_t align)
{
	size_t pad = -(uintptr_t)a->next & (align - 1);
	char *p;

	if (!a->next || (size_t)(a->end - a->next) < pad ||
	    size > (size_t)(a->end - a->next) - pad) {
		if (size > a->limit || !add_block(a, size))
			return NULL;
		pad = 0;
	}
	p = a->next + pad;
	a->next = p + size;
	return p;
}

void
arena_drop(struct arena *a, const void *p)
{
	struct arena_block **at = &a->block, *b, *older;

	/* Larger blocks were made for one piece each. */
	while (*at && ((*at)->data != p || (*at)->size <= BLOCK_MOST))
		at = &(*at)->older;
	b = *at;
	if (!b)
		return;
	older = b->older;
	if (b == a->block) {
		a->next = older ? older->data + older->used : NULL;
		a->end = older ? older->data + older->size : NULL;
		b->used = b->size;
		a->block = older;
	}
	*at = older;
	give_back(a, b);
}

void *
arena_alloc(struct arena *a, size_t size)
{
	return take(a, size, ALIGN);
}

char *
arena_alloc_bytes(struct arena *a, size_t size)
{
	return take(a, size, 1);
}

void *
arena_zalloc(struct arena *a, size_t size)
{
	void *p = take(a, size, ALIGN);

	return p ? memset(p, 0, size) : NULL;
}

void *
arena_calloc(struct arena *a, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	return arena_zalloc(a, bytes);
}

void *
arena_grow(struct arena *a, void *p, size_t old_size, size_t new_size)
{
	void *q;

	if (p && new_size <= old_size)
		return p;
	if (p && (char *)p + old_size == a->next &&
	    new_size - old_size <= (size_t)(a->end - a->next)) {
		a->next += new_size - old_size;
		return p;
	}
	q = arena_alloc(a, new_size);
	if (q && p)
		memcpy(q, p, old_size);
	return q;
}

static _Noreturn void
out_of_memory(size_t size)
{
	fprintf(stderr, "firedoor: out of memory (%zu bytes)\n", size);
	abort();
}

void *
xmalloc(size_t size)
{
	void *p = malloc(size ? size : 1);

	if (!p)
		out_of_memory(size);
	return p;
}

void *
xcalloc(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size ? size : 1);

	if (!p)
		out_of_memory(size);
	return p;
}

void *
xrealloc(void *old, size_t size)
{
	void *p = realloc(old, size ? size : 1);

	if (!p)
		out_of_memory(size);
	return p;
}

char *
xstrdup(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(xmalloc(n), s, n);
}
