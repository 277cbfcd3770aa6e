#include "gateway/access/scope.h"

#include <ctype.h>
#include <stdio.h>

#include "base/error.h"

/* In the order that SMART App Launch 2 asks for. */
static const char letters[] = "cruds";

static const struct {
	struct str name;
	unsigned rights;
} version1[] = {
	{ { "read", 4 }, RIGHT_READ | RIGHT_SEARCH },
	{ { "write", 5 }, RIGHT_CREATE | RIGHT_UPDATE | RIGHT_DELETE },
	{ { "*", 1 }, RIGHTS_ALL },
};

static bool
is_type_name(struct str s)
{
	if (str_is(s, "*"))
		return true;
	if (s.len == 0 || s.len > 64 || !isupper((unsigned char)s.p[0]))
		return false;
	for (size_t i = 1; i < s.len; i++)
		if (!isalpha((unsigned char)s.p[i]))
			return false;
	return true;
}

static int
parse_rights(struct str text, struct str rights, unsigned *out, struct error *err)
{
	int last = -1;

	*out = 0;
	for (size_t i = 0; i < sizeof(version1) / sizeof(version1[0]); i++)
		if (str_eq(rights, version1[i].name)) {
			*out = version1[i].rights;
			return 0;
		}
	for (size_t i = 0; i < rights.len; i++) {
		const char *at = rights.p[i] ? strchr(letters, rights.p[i]) : NULL;

		if (!at || at - letters <= last)
			return error_set(err, ERROR_INVALID,
			    "scope '%.*s' must end in letters of 'cruds', in this order and each "
			    "once: create, read, update, delete, search",
			    STR_ARG(text));
		last = (int)(at - letters);
		*out |= 1u << last;
	}
	if (!*out)
		return error_set(err, ERROR_INVALID,
		    "scope '%.*s' permits nothing; put letters of 'cruds' behind the dot",
		    STR_ARG(text));
	return 0;
}

int
scope_parse(struct str text, struct scope *out, struct error *err)
{
	struct str rest = text, context, type;

	*out = (struct scope){ 0 };
	if (text.len >= SCOPE_TEXT)
		return error_set(
		    err, ERROR_INVALID, "a scope is longer than %d characters", SCOPE_TEXT - 1);
	if (str_find(text, '?') >= 0)
		return error_set(err, ERROR_INVALID,
		    "scope '%.*s' has a query behind '?', which this version cannot enforce",
		    STR_ARG(text));
	if (!str_split(&rest, '/', &context) || !rest.p || context.len == text.len)
		return error_set(err, ERROR_INVALID,
		    "scope '%.*s' is not of the form system/TYPE.LETTERS, as in "
		    "'system/Patient.rs'",
		    STR_ARG(text));
	if (str_is(context, "user") || str_is(context, "patient"))
		return error_set(err, ERROR_INVALID,
		    "scope '%.*s' needs a person's login; a sender of the configuration has "
		    "system/ scopes (and a compartment, to see one patient only)",
		    STR_ARG(text));
	if (!str_is(context, "system"))
		return error_set(err, ERROR_INVALID, "scope '%.*s' does not begin with 'system/'",
		    STR_ARG(text));
	if (!str_split(&rest, '.', &type) || type.len + context.len + 1 == text.len)
		return error_set(err, ERROR_INVALID,
		    "scope '%.*s' does not say what is permitted; '.rs' is read and search",
		    STR_ARG(text));
	if (!is_type_name(type))
		return error_set(err, ERROR_INVALID,
		    "scope '%.*s' does not name a resource type, or '*' for all", STR_ARG(text));
	out->type = type;
	return parse_rights(text, rest, &out->rights, err);
}

void
scope_format(const struct scope *s, char out[SCOPE_TEXT])
{
	char rights[sizeof(letters)];
	size_t n = 0;

	for (unsigned i = 0; i < sizeof(letters) - 1; i++)
		if (s->rights & 1u << i)
			rights[n++] = letters[i];
	rights[n] = '\0';
	snprintf(out, SCOPE_TEXT, "system/%.*s.%s", STR_ARG(s->type), rights);
}
