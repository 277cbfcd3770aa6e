#include "gateway/fhir/negotiate.h"

#include "gateway/net/http1.h"

/* The next part of a list separated by ';', trimmed. */
static bool
next_parameter(struct str *rest, struct str *out)
{
	if (!str_split(rest, ';', out))
		return false;
	*out = str_trim(*out);
	return true;
}

/* Cut "name=value" with an optional pair of quotes. */
static void
cut_parameter(struct str text, struct str *name, struct str *value)
{
	ptrdiff_t equals = str_find(text, '=');

	*name = text;
	*value = STR("");
	if (equals < 0)
		return;
	*name = str_trim(str_of(text.p, (size_t)equals));
	*value = str_trim(str_from_index(text, (size_t)equals + 1));
	if (value->len >= 2 && value->p[0] == '"' && value->p[value->len - 1] == '"')
		*value = str_of(value->p + 1, value->len - 2);
}

static enum media
media_of_name(struct str name)
{
	static const char *const json[] = { "application/fhir+json", "application/json", "json",
		"text/json", "application/json+fhir" };

	for (size_t i = 0; i < sizeof(json) / sizeof(json[0]); i++)
		if (str_eq_nocase(name, str_from(json[i])))
			return MEDIA_JSON;
	if (str_eq_nocase(name, STR("application/x-www-form-urlencoded")))
		return MEDIA_FORM;
	return MEDIA_OTHER;
}

enum media
media_of(struct str text)
{
	struct str part, name, value;
	enum media m;

	if (!next_parameter(&text, &part))
		return MEDIA_OTHER;
	m = media_of_name(part);
	while (next_parameter(&text, &part)) {
		cut_parameter(part, &name, &value);
		if (str_eq_nocase(name, STR("charset")) && !str_eq_nocase(value, STR("utf-8")) &&
		    !str_eq_nocase(value, STR("us-ascii")))
			return MEDIA_OTHER;
	}
	return m;
}

/* How exactly a media range means JSON: 0 not at all, 1 any, 3 by name. */
static int
range_fit(struct str range)
{
	if (str_is(range, "*/*") || str_is(range, "*"))
		return 1;
	if (str_eq_nocase(range, STR("application/*")))
		return 2;
	return media_of_name(range) == MEDIA_JSON ? 3 : 0;
}

static bool
is_zero_quality(struct str rest)
{
	struct str part, name, value;

	while (next_parameter(&rest, &part)) {
		cut_parameter(part, &name, &value);
		if (!str_eq_nocase(name, STR("q")))
			continue;
		for (size_t i = 0; i < value.len; i++)
			if (value.p[i] != '0' && value.p[i] != '.')
				return false;
		return value.len > 0;
	}
	return false;
}

bool
accept_takes_json(struct str accept)
{
	struct str item, range;
	int best = 0;
	bool takes = false, any = false;

	while (http_list_next(&accept, &item)) {
		int fit;

		any = true;
		if (!next_parameter(&item, &range))
			continue;
		fit = range_fit(range);
		if (fit == 0 || fit < best)
			continue;
		/* Several names of JSON: one that is wanted is enough. */
		takes = !is_zero_quality(item) || (fit == best && takes);
		best = fit;
	}
	return takes || !any;
}

void
prefer_parse(struct str field, struct preferences *out)
{
	struct str item, part, name, value;

	*out = (struct preferences){ RETURN_DEFAULT, false };
	while (http_list_next(&field, &item)) {
		while (next_parameter(&item, &part)) {
			cut_parameter(part, &name, &value);
			if (str_eq_nocase(name, STR("handling"))) {
				out->lenient = str_eq_nocase(value, STR("lenient"));
			} else if (str_eq_nocase(name, STR("return"))) {
				if (str_eq_nocase(value, STR("minimal")))
					out->prefer = RETURN_MINIMAL;
				else if (str_eq_nocase(value, STR("representation")))
					out->prefer = RETURN_REPRESENTATION;
				else if (str_eq_nocase(value, STR("OperationOutcome")))
					out->prefer = RETURN_OUTCOME;
			}
		}
	}
}

void
query_format_parse(struct str query, struct arena *a, struct query_format *out)
{
	struct str pair, name, value;

	*out = (struct query_format){ .pretty = false };
	while (query.len && str_split(&query, '&', &pair)) {
		if (!str_starts(pair, STR("_format")) && !str_starts(pair, STR("_pretty")))
			continue;
		/* '+' is not decoded here: application/fhir+json is often sent
		 * as it stands. */
		name = pair;
		value = STR("");
		cut_parameter(pair, &name, &value);
		if (!fhir_percent_decode(value, false, a, &value))
			continue;
		if (str_is(name, "_format"))
			out->format = value;
		else if (str_is(name, "_pretty"))
			out->pretty = str_is(value, "true");
	}
}
