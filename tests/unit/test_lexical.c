/* profiles/lexical: values that each type has and has not, from the data types
 * page of R4 (its regular expressions, prose and examples). */
#include <stdlib.h>

#include "profiles/lexical.h"
#include "tests/tap.h"

enum {
	MOST = 12,
};

static const struct {
	enum pack_lexical kind;
	const char *name;
	const char *valid[MOST], *invalid[MOST];
} types[] = {
	{ LEXICAL_BOOLEAN, "boolean", { "true", "false" }, { "", "True", "1", "0", "true " } },
	{ LEXICAL_INTEGER, "integer", { "0", "-1", "2147483647", "-2147483648", "42" },
	    { "", "01", "2147483648", "-2147483649", "1.0", "1e2", "+1", "-",
		"99999999999999999999", "1 " } },
	{ LEXICAL_UNSIGNED_INT, "unsignedInt", { "0", "7", "2147483647" },
	    { "-1", "-0", "2147483648", "00", "" } },
	{ LEXICAL_POSITIVE_INT, "positiveInt", { "1", "2147483647" },
	    { "0", "-1", "01", "2147483648", "" } },
	{ LEXICAL_INTEGER64, "integer64", { "0", "9223372036854775807", "-9223372036854775808" },
	    { "9223372036854775808", "1.0", "" } },
	{ LEXICAL_DECIMAL, "decimal",
	    { "0", "0.010", "-1.5", "1E3", "1.0e-24", "-0.0", "12345678901234567890.123", "1e+2" },
	    { "", ".5", "5.", "01", "00.1", "+1", "1e", "1e+", "NaN", "1.2.3", "0x1" } },
	{ LEXICAL_STRING, "string", { "a", " ", "a\tb\r\nc", "\xc3\xa9" },
	    { "", "a\x01", "\x0c", "\x0b", "\x1f" } },
	{ LEXICAL_MARKDOWN, "markdown", { "*a*\n\n- b" }, { "", "\x02" } },
	{ LEXICAL_CODE, "code", { "a", "in progress", "a b c", "=", "\xc3\xa9" },
	    { "", " a", "a ", "a  b", "a\tb", "a\nb", " " } },
	{ LEXICAL_ID, "id",
	    { "a", "A-1.b", "1234567890123456789012345678901234567890123456789012345678901234" },
	    { "", "a_b", "a b", "\xc3\xa9", "a/b",
		"12345678901234567890123456789012345678901234567890123456789012345" } },
	{ LEXICAL_URI, "uri", { "http://a.b/c", "urn:oid:1.2", "#x", "Patient/1" },
	    { "", "a b", "http://a.b/c d/efghijkl", " a", "a\n", "12345678 " } },
	{ LEXICAL_URL, "url", { "mailto:a@b", "http://x" }, { "", "http://x y" } },
	{ LEXICAL_CANONICAL, "canonical", { "http://x/y|1.0#z" }, { "", "http://x/y |1" } },
	{ LEXICAL_OID, "oid", { "urn:oid:1.2.3.4.5", "urn:oid:2.16.840.1.113883", "urn:oid:0.0" },
	    { "", "1.2.3", "urn:oid:3.1", "urn:oid:1", "urn:oid:1.", "urn:oid:1.02", "urn:oid:1..2",
		"urn:OID:1.2" } },
	{ LEXICAL_UUID, "uuid", { "urn:uuid:c757873d-ec9a-4326-a141-556f43239520" },
	    { "", "c757873d-ec9a-4326-a141-556f43239520",
		"urn:uuid:C757873D-EC9A-4326-A141-556F43239520",
		"urn:uuid:c757873dec9a4326a141556f43239520",
		"urn:uuid:c757873d-ec9a-4326-a141-556f4323952g" } },
	{ LEXICAL_BASE64, "base64Binary", { "QUJD", "QUI=", "QQ==", "QUJD\r\nQUJD", " QUJD QUJD " },
	    { "", " ", "QUJ", "QU=D", "Q===", "QQ==QUJD", "QU*D", "QUJDR" } },
	{ LEXICAL_INSTANT, "instant",
	    { "2015-02-07T13:28:17.239+02:00", "2017-01-01T00:00:00Z", "2016-12-31T23:59:60Z",
		"2020-02-29T10:00:00-14:00" },
	    { "", "2015-02-07", "2015-02-07T13:28:17", "2015-02-07T13:28Z", "2015-02-30T00:00:00Z",
		"2015-02-07T24:00:00Z", "2015-02-07T13:28:17+14:01", "2015-02-07T13:28:17.Z",
		"2015-02-07t13:28:17Z", "2015-02-07T13:60:00Z" } },
	{ LEXICAL_DATE, "date", { "2018", "1973-06", "1905-08-23", "2000-02-29", "0001" },
	    { "", "0000", "73", "2018-13", "2018-00", "2018-1", "1900-02-29", "2018-04-31",
		"2018-06-", "2018-06-15T", "20180615" } },
	{ LEXICAL_DATETIME, "dateTime",
	    { "2018", "1973-06", "1905-08-23", "2015-02-07T13:28:17-05:00",
		"2017-01-01T00:00:00.000Z" },
	    { "", "2015-02-07T13:28:17", "2015-02-07T13:28-05:00", "2015-02T13:28:17Z",
		"2015-02-07 13:28:17Z", "2015-02-07T13Z", "2015-02-07T24:00:00Z" } },
	{ LEXICAL_TIME, "time", { "00:00:00", "23:59:59.999", "12:30:60" },
	    { "", "24:00:00", "12:30", "12:30:61", "12:30:00Z", "12:30:00.", "1:00:00" } },
	{ LEXICAL_XHTML, "xhtml", { "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>" },
	    { "", "text", "<div>\x01</div>" } },
};

static void
test_lengths(void)
{
	size_t most = 1024 * 1024;
	char *text = malloc(2 * most + 2);

	memset(text, 'x', 2 * most);
	ok(lexical_check(LEXICAL_STRING, str_of(text, most)) == LEXICAL_VALID,
	    "a string of 1048576 characters");
	ok(lexical_check(LEXICAL_STRING, str_of(text, most + 1)) == LEXICAL_TOO_LONG,
	    "a string of one more");
	for (size_t i = 0; i < most; i++)
		memcpy(text + 2 * i, "\xc3\xa9", 2);
	ok(lexical_check(LEXICAL_STRING, str_of(text, 2 * most)) == LEXICAL_VALID,
	    "characters are counted, not bytes");
	free(text);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		for (size_t k = 0; k < MOST && types[i].valid[k]; k++)
			ok(lexical_check(types[i].kind, str_from(types[i].valid[k])) ==
				LEXICAL_VALID,
			    "%s: \"%s\"", types[i].name, types[i].valid[k]);
		for (size_t k = 0; k < MOST && types[i].invalid[k]; k++)
			ok(lexical_check(types[i].kind, str_from(types[i].invalid[k])) ==
				LEXICAL_INVALID,
			    "%s: not \"%s\"", types[i].name, types[i].invalid[k]);
	}
	test_lengths();
	return tap_done();
}
