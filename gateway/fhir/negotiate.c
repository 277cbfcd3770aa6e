#include "gateway/fhir/negotiate.h"

#include "base/percent.h"
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
	static const struct {
		const char *name;
		enum media media;
	} names[] = {
		{ "application/fhir+json", MEDIA_JSON },
		{ "application/fhir+xml", MEDIA_XML },
		{ "application/json", MEDIA_JSON },
		{ "application/xml", MEDIA_XML },
		{ "json", MEDIA_JSON },
		{ "xml", MEDIA_XML },
		{ "text/json", MEDIA_JSON },
		{ "text/xml", MEDIA_XML },
		{ "application/json+fhir", MEDIA_JSON }, /* of DSTU 2 */
		{ "application/xml+fhir", MEDIA_XML },
		{ "application/x-www-form-urlencoded", MEDIA_FORM },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eq_nocase(name, str_from(names[i].name)))
			return names[i].media;
	return MEDIA_OTHER;
}

static bool
is_charset_read(enum media m, struct str name)
{
	static const char *const xml[] = { "utf-16", "utf-16le", "utf-16be", "iso-8859-1",
		"latin1" };

	if (str_eq_nocase(name, STR("utf-8")) || str_eq_nocase(name, STR("us-ascii")))
		return true;
	for (size_t i = 0; m == MEDIA_XML && i < sizeof(xml) / sizeof(xml[0]); i++)
		if (str_eq_nocase(name, str_from(xml[i])))
			return true;
	return false;
}

/* "4.0", or "4.0.1" whole, of 4.0.1. */
static bool
is_version_spoken(struct str version, struct str named)
{
	return str_eq(version, named) ||
	       (named.len >= 3 && named.len < version.len && version.p[named.len] == '.' &&
		   str_starts(version, named));
}

/* The parameters of a media type allow it. */
static bool
takes_parameters(enum media m, struct str rest, struct str version)
{
	struct str part, name, value;

	while (next_parameter(&rest, &part)) {
		cut_parameter(part, &name, &value);
		if (str_eq_nocase(name, STR("charset")) && !is_charset_read(m, value))
			return false;
		if (str_eq_nocase(name, STR("fhirVersion")) && !is_version_spoken(version, value))
			return false;
	}
	return true;
}

enum media
media_of(struct str text, struct str version)
{
	struct str part;
	enum media m;

	if (!next_parameter(&text, &part))
		return MEDIA_OTHER;
	m = media_of_name(part);
	return takes_parameters(m, text, version) ? m : MEDIA_OTHER;
}

struct str
media_charset(struct str text)
{
	struct str part, name, value;

	next_parameter(&text, &part);
	while (next_parameter(&text, &part)) {
		cut_parameter(part, &name, &value);
		if (str_eq_nocase(name, STR("charset")))
			return value;
	}
	return STR("");
}

const char *
media_refusal(struct str text, struct str version)
{
	struct str charset = media_charset(text), part;
	enum media m = next_parameter(&text, &part) ? media_of_name(part) : MEDIA_OTHER;

	if (m == MEDIA_OTHER || takes_parameters(m, text, version))
		return NULL;
	if (!charset.len || is_charset_read(m, charset))
		return "the body is of another FHIR version than the one that is spoken here";
	if (m == MEDIA_XML)
		return "the charset of XML is utf-8, utf-16 or iso-8859-1; the one that "
		       "Content-Type names is not read here";
	return m == MEDIA_JSON
		   ? "the charset of JSON is utf-8 and no other (R4, 2.6.2; RFC 8259, 8.1); "
		     "send the body in it"
		   : "the charset of a form is utf-8 and no other; send the body in it";
}

/* The q of what follows a range, in thousandths; 1 where there is none. */
static int
quality(struct str rest)
{
	struct str part, name, value;
	int q = 0, unit = 1000;

	while (next_parameter(&rest, &part)) {
		cut_parameter(part, &name, &value);
		if (!str_eq_nocase(name, STR("q")))
			continue;
		for (size_t i = 0; i < value.len && i < 5; i++) {
			if (value.p[i] == '.')
				continue;
			if (value.p[i] < '0' || value.p[i] > '9')
				return 0;
			q += (value.p[i] - '0') * unit;
			unit /= 10;
		}
		return q > 1000 ? 1000 : q;
	}
	return 1000;
}

/* How much a format is liked. */
struct liking {
	int fit; /* how exactly the range says it: 0 not at all */
	int q;
};

/* How exactly a media range names a format: 0 not at all, 3 by name. */
static int
range_fit(struct str range, enum media m)
{
	if (str_is(range, "*/*") || str_is(range, "*"))
		return 1;
	if (str_eq_nocase(range, STR("application/*")) || str_eq_nocase(range, STR("text/*")))
		return 2;
	return media_of_name(range) == m ? 3 : 0;
}

/* Of several ranges that are as exact, the one liked best counts: they are
 * names of the same. */
static void
consider_range(
    struct liking *l, enum media m, struct str range, struct str rest, struct str version)
{
	int fit = range_fit(range, m), q = quality(rest);

	if (fit == 0 || !takes_parameters(m, rest, version))
		return;
	if (fit > l->fit || (fit == l->fit && q > l->q))
		*l = (struct liking){ fit, q };
}

enum media
accept_choose(struct str accept, struct str version, enum media otherwise)
{
	struct liking json = { 0 }, xml = { 0 };
	struct str item, range;
	bool any = false;

	while (http_list_next(&accept, &item)) {
		any = true;
		if (!next_parameter(&item, &range))
			continue;
		consider_range(&json, MEDIA_JSON, range, item, version);
		consider_range(&xml, MEDIA_XML, range, item, version);
	}
	if (!any)
		return otherwise;
	if (json.q == 0 && xml.q == 0)
		return MEDIA_OTHER;
	if (json.q != xml.q)
		return json.q > xml.q ? MEDIA_JSON : MEDIA_XML;
	if (json.fit != xml.fit)
		return json.fit > xml.fit ? MEDIA_JSON : MEDIA_XML;
	return otherwise;
}

bool
accept_takes_gzip(struct str field)
{
	struct liking l = { 0 };
	struct str item, name;

	while (http_list_next(&field, &item)) {
		int fit;

		if (!next_parameter(&item, &name))
			continue;
		fit = str_is(name, "*")							       ? 1
		      : str_eq_nocase(name, STR("gzip")) || str_eq_nocase(name, STR("x-gzip")) ? 2
											       : 0;
		if (fit > l.fit)
			l = (struct liking){ fit, quality(item) };
	}
	return l.q > 0;
}

enum coding
coding_of(struct str field)
{
	struct str name;
	enum coding c = CODING_NONE;

	while (http_list_next(&field, &name)) {
		if (str_eq_nocase(name, STR("identity")))
			continue;
		if (c != CODING_NONE ||
		    (!str_eq_nocase(name, STR("gzip")) && !str_eq_nocase(name, STR("x-gzip"))))
			return CODING_OTHER;
		c = CODING_GZIP;
	}
	return c;
}

void
prefer_parse(struct str field, bool lenient, struct preferences *out)
{
	struct str item, part, name, value;

	*out = (struct preferences){ RETURN_DEFAULT, lenient };
	while (http_list_next(&field, &item)) {
		while (next_parameter(&item, &part)) {
			cut_parameter(part, &name, &value);
			if (str_eq_nocase(name, STR("handling"))) {
				if (str_eq_nocase(value, STR("lenient")))
					out->lenient = true;
				else if (str_eq_nocase(value, STR("strict")))
					out->lenient = false;
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
		out->part |= str_starts(pair, STR("_summary")) ||
			     str_starts(pair, STR("_elements"));
		if (!str_starts(pair, STR("_format")) && !str_starts(pair, STR("_pretty")))
			continue;
		/* '+' is not decoded here: application/fhir+json is often sent
		 * as it stands. */
		name = pair;
		value = STR("");
		cut_parameter(pair, &name, &value);
		if (percent_decode(value, false, a, &value, NULL) < 0)
			continue;
		if (str_is(name, "_format"))
			out->format = value;
		else if (str_is(name, "_pretty"))
			out->pretty = str_is(value, "true");
	}
}
