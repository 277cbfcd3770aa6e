#include "gateway/config/section.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/config.h"
#include "gateway/config/value.h"

static const char *const kind_names[] = {
	[YAML_NOTHING] = "nothing",
	[YAML_TEXT] = "a value",
	[YAML_LIST] = "a list",
	[YAML_MAPPING] = "a mapping",
};

void
config_complain(
    struct config_reader *r, const struct yaml *node, const char *code, const char *fmt, ...)
{
	char text[768];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	findings_add(r->findings, SEVERITY_ERROR, code, str_from(r->path), node->line, node->column,
	    "%s%s%s", r->path, r->path[0] ? ": " : "", text);
}

static size_t
enter_key(struct config_reader *r, struct str key)
{
	size_t mark = strlen(r->path);

	snprintf(r->path + mark, sizeof(r->path) - mark, "%s%.*s", mark ? "." : "", STR_ARG(key));
	return mark;
}

size_t
config_enter_item(struct config_reader *r, unsigned index)
{
	size_t mark = strlen(r->path);

	snprintf(r->path + mark, sizeof(r->path) - mark, "[%u]", index);
	return mark;
}

void
config_leave(struct config_reader *r, size_t mark)
{
	r->path[mark] = '\0';
}

void *
config_array(struct config_reader *r, const struct yaml *node, size_t count, size_t size)
{
	void *p = arena_calloc(r->arena, count ? count : 1, size);

	if (!p)
		config_complain(r, node, "too-long", "the file says more than fits in memory");
	return p;
}

const char *
config_resolve(struct config_reader *r, struct str text)
{
	if (r->folder.len == 0 || (text.len && text.p[0] == '/'))
		return str_cstr(r->arena, text);
	return str_printf(r->arena, "%.*s/%.*s", STR_ARG(r->folder), STR_ARG(text)).p;
}

void
config_check_file(struct config_reader *r, const struct yaml *node, const char *path, bool folder)
{
	struct stat st;

	if (!(r->flags & CONFIG_CHECK_FILES))
		return;
	if (stat(path, &st) < 0)
		config_complain(
		    r, node, "not-found", "could not find %s: %s", path, strerror(errno));
	else if (folder && !S_ISDIR(st.st_mode))
		config_complain(r, node, "not-found", "%s is not a folder", path);
	else if (!folder && !S_ISREG(st.st_mode))
		config_complain(r, node, "not-found", "%s is not a file", path);
	else if (access(path, folder ? R_OK | X_OK : R_OK) < 0)
		config_complain(
		    r, node, "not-found", "could not read %s: %s", path, strerror(errno));
}

static bool
is_text(struct config_reader *r, const struct yaml *node)
{
	if (node->kind == YAML_TEXT && node->text.len)
		return true;
	config_complain(r, node, "structure", "must be a single value, and is %s",
	    node->kind == YAML_TEXT ? "empty" : kind_names[node->kind]);
	return false;
}

static void
complain_value(struct config_reader *r, const struct yaml *node, const char *note)
{
	config_complain(r, node, "value", "'%.*s' is not %s",
	    (int)(node->text.len < 100 ? node->text.len : 100), node->text.p, note);
}

static void
format_number(enum field_kind kind, uint64_t n, char out[32])
{
	if (kind == FIELD_SIZE)
		value_format_size(n, out);
	else if (kind == FIELD_DURATION)
		value_format_duration(n, out);
	else
		snprintf(out, 32, "%" PRIu64, n);
}

static bool
parse_number(enum field_kind kind, struct str text, uint64_t *out)
{
	int64_t n;

	if (kind == FIELD_SIZE)
		return value_size(text, out);
	if (kind == FIELD_DURATION)
		return value_duration(text, out);
	if (!str_to_int(text, &n) || n < 0)
		return false;
	*out = (uint64_t)n;
	return true;
}

static void
read_number(struct config_reader *r, const struct yaml *node, const struct field *f, void *out)
{
	uint64_t n, most = f->most ? f->most : f->kind == FIELD_COUNT ? INT32_MAX : INT64_MAX;
	char low[32], high[32];

	if (!is_text(r, node))
		return;
	if (!parse_number(f->kind, node->text, &n)) {
		complain_value(r, node,
		    f->kind == FIELD_SIZE	? VALUE_SIZE_NOTE
		    : f->kind == FIELD_DURATION ? VALUE_DURATION_NOTE
						: "a whole number");
		return;
	}
	if (n < f->least || n > most) {
		format_number(f->kind, f->least, low);
		format_number(f->kind, most, high);
		config_complain(r, node, "value", "'%.*s' is out of range: from %s to %s",
		    STR_ARG(node->text), low, high);
		return;
	}
	if (f->kind == FIELD_SIZE)
		*(size_t *)out = (size_t)n;
	else if (f->kind == FIELD_DURATION)
		*(int64_t *)out = (int64_t)n;
	else
		*(unsigned *)out = (unsigned)n;
}

static void
read_path(struct config_reader *r, const struct yaml *node, enum field_kind kind, void *out)
{
	const char *path;

	if (!is_text(r, node))
		return;
	path = config_resolve(r, node->text);
	if (!path) {
		config_complain(r, node, "too-long", "the file says more than fits in memory");
		return;
	}
	*(const char **)out = path;
	if (kind == FIELD_FILE || kind == FIELD_FOLDER)
		config_check_file(r, node, path, kind == FIELD_FOLDER);
}

/* Call read for the node, or for each item when it is a list. */
static unsigned
each_item(struct config_reader *r, const struct yaml *node, config_read_fn *read, char *array,
    size_t size)
{
	unsigned i = 0;

	if (node->kind != YAML_LIST) {
		read(r, node, array);
		return 1;
	}
	YAML_EACH(node, item)
	{
		size_t mark = config_enter_item(r, i);

		read(r, item, array + size * i);
		i++;
		config_leave(r, mark);
	}
	return i;
}

static void
read_text(struct config_reader *r, const struct yaml *node, void *out)
{
	if (is_text(r, node))
		*(struct str *)out = node->text;
}

static void
read_folder(struct config_reader *r, const struct yaml *node, void *out)
{
	const char *path = NULL;

	read_path(r, node, FIELD_FOLDER, &path);
	*(struct str *)out = str_from(path);
}

static void
read_texts(struct config_reader *r, const struct yaml *node, config_read_fn *read,
    struct config_texts *out)
{
	size_t count = node->kind == YAML_LIST ? node->count : 1;
	struct str *at = config_array(r, node, count, sizeof(*at));

	if (!at)
		return;
	out->at = at;
	out->count = each_item(r, node, read, (char *)at, sizeof(*at));
}

static void
read_address(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config_address *address = out;

	if (!is_text(r, node))
		return;
	if (!value_address(node->text, address))
		complain_value(r, node, VALUE_ADDRESS_NOTE);
	address->place = (struct config_place){ node->line, node->column };
}

static void
read_addresses(struct config_reader *r, const struct yaml *node, struct config_addresses *out)
{
	size_t count = node->kind == YAML_LIST ? node->count : 1;
	struct config_address *at = config_array(r, node, count, sizeof(*at));

	if (count == 0)
		config_complain(r, node, "required", "needs at least one address");
	if (!at || count == 0)
		return;
	out->at = at;
	out->count = each_item(r, node, read_address, (char *)at, sizeof(*at));
}

static void
read_field(struct config_reader *r, const struct yaml *node, const struct field *f, void *out)
{
	switch (f->kind) {
	case FIELD_BOOL:
		if (is_text(r, node) && !value_bool(node->text, out))
			complain_value(r, node, VALUE_BOOL_NOTE);
		break;
	case FIELD_COUNT:
	case FIELD_SIZE:
	case FIELD_DURATION:
		read_number(r, node, f, out);
		break;
	case FIELD_TEXT:
		read_text(r, node, out);
		break;
	case FIELD_NAME:
		if (is_text(r, node) && !value_is_name(node->text))
			complain_value(r, node, VALUE_NAME_NOTE);
		else
			*(struct str *)out = node->text;
		break;
	case FIELD_PATH:
	case FIELD_FILE:
	case FIELD_FOLDER:
		read_path(r, node, f->kind, out);
		break;
	case FIELD_TEXTS:
		read_texts(r, node, read_text, out);
		break;
	case FIELD_FOLDERS:
		read_texts(r, node, read_folder, out);
		break;
	case FIELD_ADDRESSES:
		read_addresses(r, node, out);
		break;
	case FIELD_SECTION:
		section_read(r, node, f->fields, out);
		break;
	case FIELD_CUSTOM:
		f->read(r, node, out);
		break;
	}
}

static const struct field *
find_field(const struct field *fields, struct str name)
{
	for (; fields->name; fields++)
		if (str_is(name, fields->name))
			return fields;
	return NULL;
}

/* Name of the nearest key; else all there are, when they are few. */
static void
suggest(const struct field *fields, struct str name, char *out, size_t size)
{
	const char *nearest = NULL;
	unsigned best = 4;
	size_t len;

	for (const struct field *f = fields; f->name; f++) {
		unsigned d = str_distance(name, str_from(f->name), 3);

		if (d < best && d < name.len && d < strlen(f->name)) {
			best = d;
			nearest = f->name;
		}
	}
	if (nearest) {
		snprintf(out, size, "did you mean '%s'?", nearest);
		return;
	}
	snprintf(out, size, "there are");
	for (const struct field *f = fields; f->name; f++) {
		len = strlen(out);
		snprintf(out + len, size - len, "%s %s", f == fields ? "" : ",", f->name);
	}
}

static void
complain_key(struct config_reader *r, const struct yaml *pair, const struct field *fields)
{
	struct yaml at = { .line = pair->key_line, .column = pair->key_column };
	char hint[256];

	suggest(fields, pair->key, hint, sizeof(hint));
	config_complain(r, &at, "structure", "there is no key '%.*s'; %s",
	    (int)(pair->key.len < 60 ? pair->key.len : 60), pair->key.p, hint);
}

void
section_read(
    struct config_reader *r, const struct yaml *node, const struct field *fields, void *out)
{
	if (node->kind != YAML_MAPPING && node->kind != YAML_NOTHING) {
		config_complain(r, node, "structure",
		    "must be a mapping (key: value lines), and is %s", kind_names[node->kind]);
		return;
	}
	YAML_EACH(node, pair)
	{
		const struct field *f = find_field(fields, pair->key);
		size_t mark;

		if (!f) {
			complain_key(r, pair, fields);
			continue;
		}
		mark = enter_key(r, pair->key);
		read_field(r, pair, f, (char *)out + f->offset);
		config_leave(r, mark);
	}
	for (; fields->name; fields++)
		if (fields->required && !yaml_find(node, str_from(fields->name)))
			config_complain(
			    r, node, "required", "'%s' is missing and must be given", fields->name);
}
