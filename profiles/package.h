/*
 * package.h - FHIR NPM packages: a folder or a .tgz of JSON files.
 *
 * A package is a folder with package.json in it, or in its folder "package",
 * or a tar archive (gzip or not) of such a folder. Only the JSON files beside
 * package.json count; index files and folders below it do not. One thread at a
 * time.
 */
#ifndef PROFILES_PACKAGE_H
#define PROFILES_PACKAGE_H

#include <jansson.h>
#include <stdint.h>

struct error;

struct package_info {
	char name[128], version[64];
	char fhir_version[24]; /* "4.0.1"; empty when the package does not say */
};

struct package_reader {
	/* A JSON file, parsed; fn owns root. Returns 0, or -1 with *err set to
	 * stop. file is "package-path: file name", good until fn returns. */
	int (*file)(void *ctx, const char *file, json_t *root, struct error *err);
	/* How far it is, of total (files or bytes). May be NULL. */
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	void *ctx;
};

/*
 * Read the package at path. Returns 0; -1 with *err set (naming the file and
 * why) when it cannot be read, has no package.json, or a file of it is cut,
 * is not JSON or is larger than 256 MiB.
 */
int package_read(const char *path, const struct package_reader *reader, struct package_info *info,
    struct error *err);

#endif
