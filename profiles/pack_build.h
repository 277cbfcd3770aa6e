/*
 * pack_build.h - compile FHIR packages into a pack.
 *
 * Add packages, then write. Of two definitions with the same canonical the
 * one of the higher version wins; of equal versions that of the package added
 * later. The same packages give the same bytes. One thread at a time.
 */
#ifndef PROFILES_PACK_BUILD_H
#define PROFILES_PACK_BUILD_H

#include <stddef.h>
#include <stdint.h>

struct error;
struct pack_builder;

struct pack_builder *pack_builder_new(void);
void pack_builder_free(struct pack_builder *b);

/* How far it is with the package being read. */
typedef void pack_progress_fn(void *ctx, uint64_t done, uint64_t total);

/*
 * Read the package at path. Returns 0; -1 with *err set when it cannot be
 * read, a file in it is broken, or it is of another FHIR release than those
 * before. progress may be NULL.
 */
int pack_builder_add(struct pack_builder *b, const char *path, pack_progress_fn *progress,
    void *ctx, struct error *err);

/* What went into the pack, and its size in bytes. */
struct pack_counts {
	uint32_t types, elements, params, value_sets, code_systems, concepts;
	size_t size;
};

/*
 * Compile what was added and put it into the file at path. Call once. Returns
 * 0; -1 with *err set, naming the definition's file and what is wrong with it.
 */
int pack_builder_write(
    struct pack_builder *b, const char *path, struct pack_counts *counts, struct error *err);

#endif
