#include "profiles/package.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/str.h"

enum {
	FILE_BYTES = 256 << 20,	 /* of one file */
	PACKAGE_FILES = 1 << 20, /* of one package */
};

struct reading {
	const char *path;
	const struct package_reader *reader;
	struct package_info *info;
	bool found; /* package.json was there */
	struct buf bytes;
};

static void
copy_text(json_t *value, char *out, size_t size)
{
	snprintf(out, size, "%s", json_is_string(value) ? json_string_value(value) : "");
}

static void
read_info(struct package_info *info, json_t *root)
{
	json_t *versions = json_object_get(root, "fhirVersions");

	if (!versions)
		versions = json_object_get(root, "fhir-version-list");
	copy_text(json_object_get(root, "name"), info->name, sizeof(info->name));
	copy_text(json_object_get(root, "version"), info->version, sizeof(info->version));
	copy_text(json_array_get(versions, 0), info->fhir_version, sizeof(info->fhir_version));
}

/* Whether a file beside package.json is one to be read. */
static bool
is_wanted(const char *name)
{
	struct str s = str_from(name);

	return name[0] != '.' && str_ends(s, STR(".json"));
}

static int
take_file(struct reading *r, const char *name, struct error *err)
{
	json_error_t why;
	json_t *root = json_loadb(r->bytes.p ? r->bytes.p : "", r->bytes.len, 0, &why);
	char file[1024];

	snprintf(file, sizeof(file), "%s: %s", r->path, name);
	if (!root)
		return error_set(err, ERROR_INVALID, "cannot read %s: line %d, column %d: %s", file,
		    why.line, why.column, why.text);
	if (strcmp(name, "package.json") != 0)
		return r->reader->file(r->reader->ctx, file, root, err);
	r->found = true;
	read_info(r->info, root);
	json_decref(root);
	return 0;
}

static void
tell_progress(const struct reading *r, uint64_t done, uint64_t total)
{
	if (r->reader->progress)
		r->reader->progress(r->reader->ctx, done, total);
}

static int
keep_wanted(const struct dirent *d)
{
	return is_wanted(d->d_name);
}

static int
compare_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
read_folder_file(struct reading *r, const char *folder, const char *name, struct error *err)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/%s", folder, name);

	if (n < 0 || (size_t)n >= sizeof(path))
		return error_set(err, ERROR_INVALID, "cannot read %s: its path is too long", name);
	buf_clear(&r->bytes);
	if (file_read(path, &r->bytes, err))
		return -1;
	return take_file(r, name, err);
}

static int
read_folder(struct reading *r, const char *folder, struct error *err)
{
	struct dirent **names;
	int n = scandir(folder, &names, keep_wanted, compare_bytes), rc = 0;

	if (n < 0)
		return error_set_errno(err, ERROR_IO, "could not read the folder %s", folder);
	for (int i = 0; i < n; i++) {
		if (rc == 0) {
			rc = read_folder_file(r, folder, names[i]->d_name, err);
			tell_progress(r, (uint64_t)i + 1, (uint64_t)n);
		}
		free(names[i]);
	}
	free(names);
	return rc;
}

/* The name of an entry that lies right in the archive's folder "package";
 * NULL for all others. */
static const char *
entry_name(struct archive_entry *e)
{
	const char *path = archive_entry_pathname(e);

	if (!path || archive_entry_filetype(e) != AE_IFREG)
		return NULL;
	if (strncmp(path, "./", 2) == 0)
		path += 2;
	if (strncmp(path, "package/", 8) != 0)
		return NULL;
	path += 8;
	return strchr(path, '/') || !is_wanted(path) ? NULL : path;
}

static int
archive_failed(const struct reading *r, struct archive *a, const char *name, struct error *err)
{
	const char *why = archive_error_string(a);

	return error_set(err, ERROR_INVALID, "cannot read %s%s%s: %s", r->path, name ? ": " : "",
	    name ? name : "", why ? why : "it is no tar archive");
}

static int
read_entry(struct reading *r, struct archive *a, const char *name, struct error *err)
{
	char piece[65536];
	la_ssize_t n;

	buf_clear(&r->bytes);
	while ((n = archive_read_data(a, piece, sizeof(piece))) > 0)
		buf_put(&r->bytes, piece, (size_t)n);
	if (n < 0)
		return archive_failed(r, a, name, err);
	if (r->bytes.full)
		return error_set(err, ERROR_LIMIT, "cannot read %s: %s is over %d MiB", r->path,
		    name, FILE_BYTES >> 20);
	return take_file(r, name, err);
}

static int
read_entries(struct reading *r, struct archive *a, uint64_t size, struct error *err)
{
	struct archive_entry *e;
	unsigned files = 0;
	int got;

	while ((got = archive_read_next_header(a, &e)) == ARCHIVE_OK || got == ARCHIVE_WARN) {
		const char *name = entry_name(e);

		if (++files > PACKAGE_FILES)
			return error_set(err, ERROR_LIMIT, "cannot read %s: it has over %d files",
			    r->path, PACKAGE_FILES);
		if (name && read_entry(r, a, name, err))
			return -1;
		tell_progress(r, (uint64_t)archive_filter_bytes(a, -1), size);
	}
	return got == ARCHIVE_EOF ? 0 : archive_failed(r, a, NULL, err);
}

static int
read_archive(struct reading *r, uint64_t size, struct error *err)
{
	struct archive *a = archive_read_new();
	int rc;

	archive_read_support_filter_gzip(a);
	archive_read_support_format_tar(a);
	if (archive_read_open_filename(a, r->path, 1 << 16) != ARCHIVE_OK)
		rc = archive_failed(r, a, NULL, err);
	else
		rc = read_entries(r, a, size, err);
	archive_read_free(a);
	return rc;
}

static int
read_any(struct reading *r, struct error *err)
{
	char inner[4096], probe[4200];
	struct stat st, dir;

	if (stat(r->path, &st))
		return error_set_errno(err, errno == ENOENT ? ERROR_MISSING : ERROR_IO,
		    "could not open the package %s", r->path);
	if (!S_ISDIR(st.st_mode))
		return read_archive(r, (uint64_t)st.st_size, err);
	snprintf(inner, sizeof(inner), "%s/package", r->path);
	snprintf(probe, sizeof(probe), "%s/package.json", inner);
	return read_folder(r, stat(probe, &dir) == 0 ? inner : r->path, err);
}

int
package_read(const char *path, const struct package_reader *reader, struct package_info *info,
    struct error *err)
{
	struct reading r = { .path = path, .reader = reader, .info = info };
	int rc;

	*info = (struct package_info){ 0 };
	buf_init(&r.bytes, FILE_BYTES);
	rc = read_any(&r, err);
	buf_release(&r.bytes);
	if (rc == 0 && !r.found)
		rc = error_set(err, ERROR_INVALID,
		    "cannot read %s: it has no package.json, so it is no FHIR package", path);
	return rc;
}
