/*
 * mappers/fhir: FHIR XML into records and back, and what narrative may hold.
 * What is right and wrong comes from R4's XML page (2.6.1), the Narrative page
 * (txt-1, txt-2), XML 1.0 and the definitions.
 */
#include <stdlib.h>
#include <sys/resource.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "mappers/fhir/fhir_json.h"
#include "mappers/fhir/fhir_xml.h"
#include "profiles/narrative.h"
#include "tests/tap.h"

#define FHIR "xmlns=\"http://hl7.org/fhir\""
#define XHTML "xmlns=\"http://www.w3.org/1999/xhtml\""

static const struct pack *pack;
static struct record_builder builder;

static const struct record *
read_text(struct str text, bool lenient, struct arena *a, struct findings *findings)
{
	struct fhir_read_options options = { .lenient = lenient, .type = PACK_NONE };

	findings_init(findings, a, 100);
	return fhir_xml_read(text, &options, &builder, a, findings);
}

static void
show(const struct findings *findings)
{
	for (const struct finding *f = findings->first; f; f = f->next)
		printf("# %s %s %.*s %u:%u %.*s\n", severity_name(f->severity), f->code,
		    STR_ARG(f->path), f->line, f->column, STR_ARG(f->text));
}

/* ---- What is right --------------------------------------------------- */

/* XML, and the JSON that says the same (2.6.2). */
static const struct {
	const char *name, *xml, *json;
} whole[] = {
	{ "a resource without elements", "<Patient " FHIR "/>", "{\"resourceType\":\"Patient\"}" },
	{ "a value, an id and an extension, as the specification shows them",
	    "<Patient " FHIR "><birthDate id=\"314159\" value=\"1970-03-30\"><extension "
	    "url=\"http://example.org/fhir/StructureDefinition/text\"><valueString "
	    "value=\"Easter 1970\"/></extension></birthDate></Patient>",
	    "{\"resourceType\":\"Patient\",\"birthDate\":\"1970-03-30\",\"_birthDate\":{\"id\":"
	    "\"314159\",\"extension\":[{\"url\":\"http://example.org/fhir/StructureDefinition/"
	    "text\",\"valueString\":\"Easter 1970\"}]}}" },
	{ "an extension without a value",
	    "<Patient " FHIR "><birthDate><extension url=\"http://x\"><valueCode "
	    "value=\"unknown\"/></extension></birthDate></Patient>",
	    "{\"resourceType\":\"Patient\",\"_birthDate\":{\"extension\":[{\"url\":\"http://x\","
	    "\"valueCode\":\"unknown\"}]}}" },
	{ "an extension of extensions, whose url stands first as an attribute",
	    "<Patient " FHIR
	    "><extension url=\"http://x\" id=\"i\"><extension url=\"a\"><valueCode "
	    "value=\"u\"/></extension><extension url=\"b\"><valueCode value=\"v\"/></extension>"
	    "</extension></Patient>",
	    "{\"resourceType\":\"Patient\",\"extension\":[{\"id\":\"i\",\"extension\":[{\"url\":"
	    "\"a\",\"valueCode\":\"u\"},{\"url\":\"b\",\"valueCode\":\"v\"}],\"url\":\"http://"
	    "x\"}]}" },
	{ "repetitions, some with an id only",
	    "<Patient " FHIR "><name><given value=\"A\"/><given id=\"b\"/><given id=\"c\" "
	    "value=\"C\"/></name></Patient>",
	    "{\"resourceType\":\"Patient\",\"name\":[{\"given\":[\"A\",null,\"C\"],\"_given\":["
	    "null,{\"id\":\"b\"},{\"id\":\"c\"}]}]}" },
	{ "white space, comments and processing instructions say nothing",
	    "<?xml version=\"1.0\"?>\n<!-- a --><?b c?>\r\n<Patient\n" FHIR " >\n\t<!-- d -->"
	    "<active\n value = 'true' \n/><?e?>\n<gender value=\"other\"></gender>\n</Patient >\n"
	    "<!-- f -->\n",
	    "{\"resourceType\":\"Patient\",\"active\":true,\"gender\":\"other\"}" },
	{ "references, and white space in a value (XML 1.0, 3.3.3)",
	    "<Patient " FHIR
	    "><name><text value=\"&lt;&#x41;&amp;&quot;&apos;&gt; a\tb\nc&#9;d&#10;"
	    "e&#13;&#x1F600;\"/></name></Patient>",
	    "{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"<A&\\\"'> a b c\\td\\ne\\r"
	    "\xf0\x9f\x98\x80\"}]}" },
	{ "contained resources",
	    "<Patient " FHIR
	    "><contained><Organization><id value=\"o\"/></Organization></contained>"
	    "<contained><Patient/></contained></Patient>",
	    "{\"resourceType\":\"Patient\",\"contained\":[{\"resourceType\":\"Organization\","
	    "\"id\":\"o\"},{\"resourceType\":\"Patient\"}]}" },
	{ "digits as they are written",
	    "<Observation " FHIR "><status value=\"final\"/><code><text value=\"c\"/></code>"
	    "<valueQuantity><value value=\"-0.010E+3\"/></valueQuantity></Observation>",
	    "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"c\"},"
	    "\"valueQuantity\":{\"value\":-0.010E+3}}" },
	{ "prefixes",
	    "<f:Patient xmlns:f=\"http://hl7.org/fhir\"><f:active value=\"true\"/></f:Patient>",
	    "{\"resourceType\":\"Patient\",\"active\":true}" },
	{ "the place of a schema, at the root",
	    "<Patient " FHIR " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
	    "xsi:schemaLocation=\"http://hl7.org/fhir ../fhir.xsd\"><active "
	    "value=\"true\"/></Patient>",
	    "{\"resourceType\":\"Patient\",\"active\":true}" },
	{ "narrative as it stands",
	    "<Patient " FHIR "><text><status value=\"generated\"/><div " XHTML
	    " xml:lang='en'><!--c-->\r\n<p title='\"'>a &lt;&#160;<![CDATA[<b>]]><br /></p></div >"
	    "</text></Patient>",
	    "{\"resourceType\":\"Patient\",\"text\":{\"status\":\"generated\",\"div\":\"<div "
	    "xmlns=\\\"http://www.w3.org/1999/xhtml\\\" xml:lang='en'><!--c-->\\r\\n<p "
	    "title='\\\"'>a "
	    "&lt;&#160;<![CDATA[<b>]]><br /></p></div >\"}}" },
	{ "narrative whose namespace is declared further out stands alone in JSON",
	    "<Patient " FHIR " xmlns:h=\"http://www.w3.org/1999/xhtml\"><text><status "
	    "value=\"generated\"/><h:div class=\"c\"><h:p title='\"&amp;'>a<h:br/>&lt;<![CDATA[&]]>"
	    "</h:p></h:div></text></Patient>",
	    "{\"resourceType\":\"Patient\",\"text\":{\"status\":\"generated\",\"div\":\"<div "
	    "xmlns=\\\"http://www.w3.org/1999/xhtml\\\" class=\\\"c\\\"><p "
	    "title=\\\"&quot;&amp;\\\">a<br/>"
	    "&lt;&amp;</p></div>\"}}" },
};

static void
test_whole(void)
{
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		struct findings findings;
		const struct record *r, *again;
		struct buf json, xml;
		struct arena a;

		buf_init(&json, SIZE_MAX);
		buf_init(&xml, SIZE_MAX);
		arena_init(&a, 1 << 20, 0);
		r = read_text(str_from(whole[i].xml), false, &a, &findings);
		if (ok(r && findings.count == 0, "%s", whole[i].name)) {
			fhir_json_write(r, pack, 0, 0, &json);
			is_str(buf_str(&json), str_from(whole[i].json), "- as JSON");
			ok(record_check(r, record_size(r), pack), "- a right record");
			fhir_xml_write(r, pack, 0, FHIR_XML_PRETTY, &xml);
			again = read_text(buf_str(&xml), false, &a, &findings);
			ok(again && findings.count == 0 && record_equal(r, 0, again, 0),
			    "- and again");
		} else {
			show(&findings);
		}
		arena_release(&a);
		buf_release(&json);
		buf_release(&xml);
	}
}

static void
test_writing(void)
{
	static const char json[] =
	    "{\"resourceType\":\"Patient\",\"id\":\"x\",\"text\":{\"status\":\"generated\",\"div\":"
	    "\"<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\">a\\n "
	    "b</div>\"},\"extension\":[{\"url\":"
	    "\"u\",\"valueString\":\"\\t\\n\\r<&>\\\"'\"}],\"contained\":[{\"resourceType\":"
	    "\"Basic\",\"code\":{\"text\":\"c\"}}]}";
	static const char compact[] =
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Patient " FHIR
	    "><id value=\"x\"/><text><status "
	    "value=\"generated\"/><div " XHTML ">a\n b</div></text><contained><Basic><code><text "
	    "value=\"c\"/></code></Basic></contained><extension url=\"u\"><valueString "
	    "value=\"&#9;&#10;&#13;&lt;&amp;>&quot;'\"/></extension></Patient>";
	static const char pretty[] =
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Patient " FHIR ">\n  <id value=\"x\"/>\n"
	    "  <text>\n    <status value=\"generated\"/>\n    <div " XHTML
	    ">a\n b</div>\n  </text>\n"
	    "  <contained>\n    <Basic>\n      <code>\n        <text value=\"c\"/>\n      </code>\n"
	    "    </Basic>\n  </contained>\n  <extension url=\"u\">\n    <valueString "
	    "value=\"&#9;&#10;&#13;&lt;&amp;>&quot;'\"/>\n  </extension>\n</Patient>\n";
	struct fhir_read_options any = { .type = PACK_NONE };
	const struct record *r;
	struct findings findings;
	struct buf out;
	struct arena a;

	arena_init(&a, 1 << 20, 0);
	findings_init(&findings, &a, 10);
	r = fhir_json_read(str_from(json), &any, &builder, &a, &findings);
	if (!ok(r && findings.count == 0, "a resource to be written")) {
		show(&findings);
		arena_release(&a);
		return;
	}
	buf_init(&out, SIZE_MAX);
	fhir_xml_write(r, pack, 0, 0, &out);
	is_str(buf_str(&out), str_from(compact), "compact");
	buf_clear(&out);
	fhir_xml_write(r, pack, 0, FHIR_XML_PRETTY, &out);
	is_str(buf_str(&out), str_from(pretty), "pretty, but for narrative");
	buf_release(&out);
	for (size_t limit = 0; limit < sizeof(compact) - 1; limit++) {
		buf_init(&out, limit);
		fhir_xml_write(r, pack, 0, 0, &out);
		if (!out.full || out.len > limit)
			break;
		buf_release(&out);
		if (limit == sizeof(compact) - 2)
			ok(true, "a buffer that is too small is full");
	}
	buf_release(&out);
	arena_release(&a);
}

/* ---- What is wrong --------------------------------------------------- */

static const struct {
	const char *name, *xml;
	const char *code, *path;
	unsigned line, column;
} wrong[] = {
	{ "another namespace at the root", "<Patient xmlns=\"urn:x\"/>", "structure", "", 1, 1 },
	{ "no namespace at the root", "<Patient/>", "structure", "", 1, 1 },
	{ "an unknown resource", "\n <Patent " FHIR "/>", "structure", "", 2, 2 },
	{ "an abstract resource", "<Resource " FHIR "/>", "structure", "", 1, 1 },
	{ "an unknown element", "<Patient " FHIR ">\n  <nam/></Patient>", "structure", "Patient", 2,
	    3 },
	{ "an unknown element, further in",
	    "<Patient " FHIR
	    "><name><use value=\"usual\"/></name><name>\n<x><y/></x></name></Patient>",
	    "structure", "Patient.name[1]", 2, 1 },
	{ "another namespace",
	    "<Patient " FHIR "><x:active xmlns:x=\"urn:x\" value=\"true\"/></Patient>", "structure",
	    "Patient", 1, 38 },
	{ "no value", "<Patient " FHIR "><active/></Patient>", "structure", "Patient.active", 1,
	    38 },
	{ "an empty element", "<Patient " FHIR "><name>\n </name></Patient>", "structure",
	    "Patient.name[0]", 1, 38 },
	{ "an empty value", "<Patient " FHIR "><active value=\"\"/></Patient>", "value",
	    "Patient.active", 1, 52 },
	{ "a date that is none",
	    "<Patient " FHIR ">\n<birthDate id='a=\"b' value = '1970-02-30'/></Patient>", "value",
	    "Patient.birthDate", 2, 30 },
	{ "white space around a value", "<Patient " FHIR "><active value=\" true\"/></Patient>",
	    "value", "Patient.active", 1, 52 },
	{ "a value where there is none to be", "<Patient " FHIR "><name value=\"x\"/></Patient>",
	    "structure", "Patient.name[0]", 1, 50 },
	{ "an unknown attribute", "<Patient " FHIR "><active value=\"true\" x=\"y\"/></Patient>",
	    "structure", "Patient.active", 1, 61 },
	{ "xml: outside narrative",
	    "<Patient " FHIR "><active xml:lang=\"en\" value=\"true\"/></Patient>", "structure",
	    "Patient.active", 1, 55 },
	{ "an id of a resource as an attribute", "<Patient " FHIR " id=\"x\"/>", "structure",
	    "Patient", 1, 41 },
	{ "an id of an element as an element",
	    "<Patient " FHIR "><name><id value=\"x\"/></name></Patient>", "structure",
	    "Patient.name[0]", 1, 44 },
	{ "text", "<Patient " FHIR ">\n  x<active value=\"true\"/></Patient>", "structure",
	    "Patient", 2, 3 },
	{ "text as a value", "<Patient " FHIR "><active>true</active></Patient>", "structure",
	    "Patient.active", 1, 46 },
	{ "a CDATA section", "<Patient " FHIR "><![CDATA[x]]></Patient>", "structure", "Patient", 1,
	    38 },
	{ "elements in another order",
	    "<Patient " FHIR "><gender value=\"male\"/>\n<active value=\"true\"/></Patient>",
	    "structure", "Patient.active", 2, 1 },
	{ "repetitions apart",
	    "<Patient " FHIR "><name><family value=\"a\"/></name><gender value=\"male\"/>\n<name>"
	    "<family value=\"b\"/></name></Patient>",
	    "structure", "Patient.name[1]", 2, 1 },
	{ "an element twice",
	    "<Patient " FHIR "><active value=\"true\"/>\n<active value=\"true\"/></Patient>",
	    "structure", "Patient.active", 2, 1 },
	{ "two types of a choice",
	    "<Patient " FHIR "><deceasedBoolean value=\"true\"/>\n<deceasedDateTime "
	    "value=\"2020\"/></Patient>",
	    "structure", "Patient.deceased", 2, 1 },
	{ "a required element missing",
	    "<Patient " FHIR "><link>\n<type value=\"seealso\"/></link>"
	    "</Patient>",
	    "required", "Patient.link[0].other", 1, 38 },
	{ "a required attribute missing",
	    "<Patient " FHIR "><extension><valueCode value=\"a\"/></extension></Patient>",
	    "required", "Patient.extension[0].url", 1, 38 },
	{ "an attribute with a value that is none",
	    "<Patient " FHIR
	    "><extension url=\"a b\"><valueCode value=\"a\"/></extension></Patient>",
	    "value", "Patient.extension[0].url", 1, 53 },
	{ "an unknown resource inside",
	    "<Patient " FHIR "><contained><Patent/></contained></Patient>", "structure",
	    "Patient.contained[0]", 1, 49 },
	{ "two resources where one must be",
	    "<Patient " FHIR
	    "><contained><Basic><code><text value=\"a\"/></code></Basic>\n<Patient/>"
	    "</contained></Patient>",
	    "structure", "Patient.contained[0]", 2, 1 },
	{ "characters count, not bytes",
	    "<Patient " FHIR "><name><text value=\"\xc3\xa9\xe2\x82\xac\"/><x/></name></Patient>",
	    "structure", "Patient.name[0]", 1, 62 },
	{ "a div in FHIR's namespace",
	    "<Patient " FHIR "><text><status value=\"empty\"/>\n<div>x</div></text></Patient>",
	    "structure", "Patient.text", 2, 1 },
	{ "a script in narrative",
	    "<Patient " FHIR "><text><status value=\"empty\"/>\n<div " XHTML ">x\n <script/></div>"
	    "</text></Patient>",
	    "security", "Patient.text.div", 3, 2 },
	{ "an event handler in narrative",
	    "<Patient " FHIR "><text><status value=\"empty\"/>\n<div " XHTML
	    "><p onclick=\"x\">x</p>"
	    "</div></text></Patient>",
	    "security", "Patient.text.div", 2, 46 },
};

static void
test_wrong(void)
{
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct findings findings;
		const struct finding *f;
		struct arena a;

		arena_init(&a, 1 << 20, 0);
		read_text(str_from(wrong[i].xml), false, &a, &findings);
		f = findings.first;
		if (!ok(findings.count == 1 && findings.errors == 1 &&
			    strcmp(f->code, wrong[i].code) == 0 && str_is(f->path, wrong[i].path) &&
			    f->line == wrong[i].line && f->column == wrong[i].column,
			"%s", wrong[i].name))
			show(&findings);
		arena_release(&a);
	}
}

/* Refused as a whole, with where. */
static const struct {
	const char *name;
	struct str xml;
	unsigned line, column;
} refused[] = {
	{ "nothing", STR(""), 1, 1 },
	{ "JSON", STR("{}"), 1, 1 },
	{ "a cut text", STR("<Patient " FHIR ">"), 1, 38 },
	{ "another end tag", STR("<Patient " FHIR ">\n</Patent>"), 2, 0 },
	{ "two roots", STR("<Patient " FHIR "/>\n<Patient " FHIR "/>"), 2, 1 },
	{ "an attribute twice",
	    STR("<Patient " FHIR "><active value=\"true\" value=\"true\"/></Patient>"), 1, 0 },
	{ "a prefix without a namespace", STR("<Patient " FHIR "><x:active/></Patient>"), 1, 0 },
	{ "an unknown entity",
	    STR("<Patient " FHIR "><name><text value=\"&nbsp;\"/></name></Patient>"), 1, 0 },
	{ "a character that XML does not have",
	    STR("<Patient " FHIR "><name><text value=\"&#1;\"/></name></Patient>"), 1, 0 },
	{ "a NUL", STR("<Patient " FHIR "/>\0<x/>"), 1, 39 },
	{ "bytes that are not UTF-8", STR("<Patient " FHIR ">\n<x y=\"\xff\"/></Patient>"), 2, 7 },
	{ "an unknown encoding",
	    STR("<?xml version=\"1.0\" encoding=\"EBCDIC\"?><Patient " FHIR "/>"), 1, 1 },
	{ "another encoding than declared",
	    STR("<?xml version=\"1.0\" encoding=\"UTF-16\"?><Patient " FHIR "/>"), 1, 1 },
	{ "half a surrogate pair", STR("\xff\xfe<\0P\0\x00\xd8"), 1, 3 },
	{ "half a character of UTF-16", STR("\xff\xfe<\0P\0a"), 1, 3 },
	{ "a document type", STR("\n<!DOCTYPE Patient>\n<Patient " FHIR "/>"), 2, 1 },
	{ "an internal entity",
	    STR("<!DOCTYPE p [<!ENTITY a \"b\">]><Patient " FHIR "><id value=\"&a;\"/></Patient>"),
	    1, 1 },
	{ "an external entity",
	    STR("<!DOCTYPE p [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><Patient " FHIR
		"><text><status value=\"empty\"/><div " XHTML ">&a;</div></text></Patient>"),
	    1, 1 },
	{ "an external subset",
	    STR("<!DOCTYPE p PUBLIC \"a\" \"http://127.0.0.1:9/x.dtd\"><Patient " FHIR "/>"), 1,
	    1 },
	{ "entities that grow (billion laughs)",
	    STR("<!DOCTYPE p [<!ENTITY a \"aaaaaaaaaaaaaaaa\"><!ENTITY b "
		"\"&a;&a;&a;&a;&a;&a;&a;&a;\">"
		"<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;\">"
		"<!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;\"><!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;&e;\">"
		"<!ENTITY g \"&f;&f;&f;&f;&f;&f;&f;&f;\"><!ENTITY h \"&g;&g;&g;&g;&g;&g;&g;&g;\">]>"
		"<Patient " FHIR "><id value=\"&h;\"/></Patient>"),
	    1, 1 },
	{ "an XML declaration that does not stand first",
	    STR(" <?xml version=\"1.0\"?><Patient " FHIR "/>"), 1, 0 },
};

static void
test_refused(void)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		for (int lenient = 0; lenient < 2; lenient++) {
			struct findings findings;
			const struct record *r;
			const struct finding *f;
			struct arena a;

			arena_init(&a, 1 << 20, 0);
			r = read_text(refused[i].xml, lenient, &a, &findings);
			for (f = findings.first; f && f->severity != SEVERITY_FATAL;)
				f = f->next;
			if (!ok(!r && f && f->line == refused[i].line &&
				    (!refused[i].column || f->column == refused[i].column),
				"refused%s: %s", lenient ? " leniently" : "", refused[i].name))
				show(&findings);
			arena_release(&a);
		}
	}
}

/* XInclude is no part of FHIR: an element of a foreign namespace. */
static void
test_include(void)
{
	struct findings findings;
	const struct record *r;
	struct buf out;
	struct arena a;

	arena_init(&a, 1 << 20, 0);
	buf_init(&out, SIZE_MAX);
	r = read_text(
	    STR("<Patient " FHIR "><xi:include xmlns:xi=\"http://www.w3.org/2001/XInclude\" "
		"href=\"/etc/passwd\" parse=\"text\"/></Patient>"),
	    true, &a, &findings);
	if (ok(r && findings.count == 1, "an XInclude is left out"))
		fhir_json_write(r, pack, 0, 0, &out);
	is_str(buf_str(&out), STR("{\"resourceType\":\"Patient\"}"), "and not followed");
	buf_release(&out);
	arena_release(&a);
}

/* ---- Encodings ------------------------------------------------------- */

static void
is_family(struct str xml, const char *want, const char *name)
{
	struct findings findings;
	const struct record *r;
	struct arena a;

	arena_init(&a, 1 << 20, 0);
	r = read_text(xml, false, &a, &findings);
	if (ok(r && findings.count == 0, "%s is read", name)) {
		uint32_t i = record_child(r, pack, 0, STR("name"));

		is_str(record_value(r, pack, i, STR("family")), str_from(want), "%s", name);
	} else {
		show(&findings);
	}
	arena_release(&a);
}

/* want NULL: refused. */
static void
is_family_in(const char *charset, struct str xml, const char *want, const char *name)
{
	struct fhir_read_options options = { .type = PACK_NONE, .charset = str_from(charset) };
	struct findings findings;
	const struct record *r;
	struct arena a;

	arena_init(&a, 1 << 20, 0);
	findings_init(&findings, &a, 10);
	r = fhir_xml_read(xml, &options, &builder, &a, &findings);
	if (!want)
		ok(!r && findings.errors, "charset %s: %s: refused", charset, name);
	else if (ok(r && findings.count == 0, "charset %s: %s: is read", charset, name))
		is_str(record_value(r, pack, record_child(r, pack, 0, STR("name")), STR("family")),
		    str_from(want), "charset %s: %s", charset, name);
	else
		show(&findings);
	arena_release(&a);
}

/* ASCII and U+00E9, U+1F600 as UTF-16. */
static void
to_utf16(const char *text, bool big, struct buf *out)
{
	for (; *text; text++) {
		static const unsigned char smile[] = { 0xd8, 0x3d, 0xde, 0x00 };

		for (int i = 0; i < (*text == '^' ? 4 : 2); i++) {
			int place = big ? i : i ^ 1;
			unsigned char c = *text == '^'	   ? smile[place]
					  : place % 2 == 0 ? 0
					  : *text == '~'   ? 0xe9
							   : (unsigned char)*text;

			buf_put_byte(out, (char)c);
		}
	}
}

static void
test_encodings(void)
{
	static const char wide[] = "<?xml version='1.0' encoding='utf-16'?><Patient " FHIR
				   "><name><family value=\"a~^\"/></name></Patient>";
	struct buf b;

	is_family(STR("\xef\xbb\xbf<Patient " FHIR "><name><family value=\"\xc3\xa9\"/></name>"
		      "</Patient>"),
	    "\xc3\xa9", "UTF-8 with a BOM");
	is_family(STR("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><Patient " FHIR
		      "><name><family value=\"\xe9\"/></name></Patient>"),
	    "\xc3\xa9", "ISO-8859-1");
	for (int big = 0; big < 2; big++) {
		buf_init(&b, SIZE_MAX);
		buf_puts(&b, big ? "\xfe\xff" : "\xff\xfe");
		to_utf16(wide, big, &b);
		is_family(buf_str(&b), "a\xc3\xa9\xf0\x9f\x98\x80",
		    big ? "UTF-16, big end first" : "UTF-16, little end first");
		buf_drop(&b, 2);
		is_family(buf_str(&b), "a\xc3\xa9\xf0\x9f\x98\x80",
		    big ? "without a BOM" : "without a BOM, little end first");
		buf_release(&b);
	}
}

/*
 * What comes with the text: RFC 7303, 3, and its examples in 8. The byte order
 * mark counts most, then the charset, then the declaration.
 */
static const struct {
	const char *charset;
	struct str in;
	const char *family; /* NULL: refused */
	const char *name;
} charsets[] = {
#define IN(value) "<Patient " FHIR "><name><family value=\"" value "\"/></name></Patient>"
	{ "iso-8859-1", STR(IN("\xe9")), "\xc3\xa9", "Latin-1, nothing declared" },
	{ "ISO-8859-1", STR("<?xml version=\"1.0\" encoding=\"utf-8\"?>" IN("\xe9")), "\xc3\xa9",
	    "Latin-1, declared UTF-8 (8.8)" },
	{ "utf-8", STR("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>" IN("\xc3\xa9")),
	    "\xc3\xa9", "UTF-8, declared Latin-1" },
	{ "utf-8", STR("<?xml version=\"1.0\" encoding=\"utf-8\"?>" IN("\xc3\xa9")), "\xc3\xa9",
	    "UTF-8 (8.1)" },
	{ "iso-8859-1", STR("\xef\xbb\xbf" IN("\xc3\xa9")), "\xc3\xa9", "the mark counts more" },
	{ "utf-8", STR("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>" IN("\xe9")), NULL,
	    "UTF-8 that is not" },
	{ "windows-1252", STR(IN("a")), NULL, "one that is not read" },
	{ "utf-16", STR("\0<\0P"), NULL, "UTF-16, cut" },
#undef IN
};

static void
test_charsets(void)
{
	static const char wide[] = "<Patient " FHIR "><name><family value=\"~\"/></name></Patient>";
	static const struct {
		const char *charset;
		bool big, mark;
	} wides[] = { { "utf-16", true, true }, { "utf-16", false, true },
		{ "utf-16", true, false }, { "utf-16", false, false }, { "utf-16be", true, false },
		{ "utf-16le", false, false }, { "utf-8", true, true } };
	struct buf b;

	for (size_t i = 0; i < sizeof(charsets) / sizeof(charsets[0]); i++)
		is_family_in(
		    charsets[i].charset, charsets[i].in, charsets[i].family, charsets[i].name);
	for (size_t i = 0; i < sizeof(wides) / sizeof(wides[0]); i++) {
		buf_init(&b, SIZE_MAX);
		if (wides[i].mark)
			buf_put(&b, wides[i].big ? "\xfe\xff" : "\xff\xfe", 2);
		to_utf16(wide, wides[i].big, &b);
		is_family_in(wides[i].charset, buf_str(&b), "\xc3\xa9", wides[i].charset);
		buf_release(&b);
	}
}

/* ---- Limits ---------------------------------------------------------- */

static long
megabytes_used(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss / 1024;
}

/* Read what is in b: refused with that code (NULL: whatever is kept of so many
 * findings), in little more memory than it. */
static void
is_costly(struct buf *b, const char *code, const char *name)
{
	long before = megabytes_used();
	struct findings findings;
	const struct finding *f;
	struct arena a;

	arena_init(&a, 64 << 20, 0);
	ok(!read_text(buf_str(b), false, &a, &findings), "%s: refused", name);
	for (f = findings.first; f && f->severity != SEVERITY_FATAL;)
		f = f->next;
	if (code)
		ok(f && strcmp(f->code, code) == 0, "%s: as %s", name, code);
	ok(megabytes_used() - before < 256, "%s: in bounded memory", name);
	arena_release(&a);
	buf_release(b);
}

static void
test_limits(void)
{
	struct error err;
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_puts(&b, "<Patient " FHIR ">");
	for (int i = 0; i < 1000000; i++)
		buf_puts(&b, "<extension url=\"a\">");
	is_costly(&b, "too-costly", "deep elements");

	buf_init(&b, SIZE_MAX);
	buf_puts(&b, "<Patient " FHIR ">");
	for (int i = 0; i < 1000000; i++)
		buf_puts(&b, "<x>");
	is_costly(&b, "too-costly", "deep elements that are not known");

	buf_init(&b, SIZE_MAX);
	buf_puts(&b, "<Patient " FHIR "><text><status value=\"empty\"/><div " XHTML ">");
	for (int i = 0; i < 1000000; i++)
		buf_puts(&b, "<p>");
	is_costly(&b, "too-costly", "deep narrative");

	buf_init(&b, SIZE_MAX);
	buf_puts(&b, "<Patient " FHIR ">");
	for (int i = 0; i < 2100000; i++)
		buf_puts(&b, "<name id='a'/>");
	buf_puts(&b, "</Patient>");
	is_costly(&b, "too-costly", "more elements than the limit");

	/* What libxml2 takes the square of the time for. */
	buf_init(&b, SIZE_MAX);
	buf_puts(&b, "<Patient " FHIR);
	for (int i = 0; i < 500000; i++)
		buf_printf(&b, " a%d=''", i);
	buf_puts(&b, "/>");
	is_costly(&b, "too-costly", "many attributes");

	buf_init(&b, SIZE_MAX);
	buf_puts(&b, "<Patient " FHIR "><x>");
	for (int level = 0; level < 500; level++) {
		buf_puts(&b, "<x");
		for (int i = 0; i < 50; i++)
			buf_printf(&b, " xmlns:a%d='u'", i);
		buf_puts(&b, ">");
	}
	for (int i = 0; i < 1000000; i++)
		buf_puts(&b, "<x/>");
	is_costly(&b, "too-costly", "many namespaces");

	/* Each out of order, each a finding: linear, too. */
	buf_init(&b, SIZE_MAX);
	buf_puts(&b, "<Patient " FHIR ">");
	for (int i = 0; i < 200000; i++)
		buf_puts(&b, "<telecom id='a'/><name id='a'/>");
	buf_puts(&b, "<");
	is_costly(&b, NULL, "many out of order");

	/* Who reads a text into memory has a limit for it. */
	buf_init(&b, 16 << 20);
	ok(file_read("/dev/zero", &b, &err) && err.kind == ERROR_LIMIT,
	    "a text without end is refused by who reads it");
	buf_release(&b);
}

/* Every cut of a text, and too little memory, give a fatal finding. */
static void
test_cut(void)
{
	const char *text = whole[11].xml;
	unsigned bad = 0, done = 0;

	for (size_t n = 0; n < strlen(text); n++) {
		char *cut = xmalloc(n + 1);
		struct findings findings;
		struct arena a;

		memcpy(cut, text, n);
		arena_init(&a, 1 << 20, 0);
		bad += read_text(str_of(cut, n), false, &a, &findings) || !findings.errors;
		arena_release(&a);
		free(cut);
	}
	is_int(bad, 0, "every cut text is refused");
	for (size_t limit = 0; limit < 8192; limit += 16) {
		struct findings findings;
		struct arena a;

		arena_init(&a, limit, 0);
		if (read_text(str_from(text), false, &a, &findings))
			done++;
		else
			bad += !findings.errors;
		arena_release(&a);
	}
	ok(bad == 0 && done > 10 && done < 512, "too little memory is told");
}

/* ---- Narrative ------------------------------------------------------- */

static void
keep_first(void *ctx, size_t offset, const char *code, const char *what, struct str name)
{
	char *out = ctx;

	(void)what;
	(void)name;
	if (!*out)
		snprintf(out, 64, "%s %zu", code, offset);
}

#define DIV(inner) "<div " XHTML ">" inner "</div>"
enum {
	AT = sizeof("<div " XHTML ">") - 1,
};

/* The first fault, and where in what stands in the div; NULL: none. */
static const struct {
	const char *div, *code;
	int at;
} narratives[] = {
	{ DIV("x"), NULL, 0 },
	{ DIV("<table border='0'><tbody><tr><td colspan=\"2\">x</td></tr></tbody></table>"), NULL,
	    0 },
	{ DIV("<a name=\"a\"/><a href=\"http://x\">x</a>"), NULL, 0 },
	{ DIV("<img src=\"#p\" alt=\"\"/>"), NULL, 0 },
	{ DIV("<p style=\"background: url(data:image/png;base64,AA==)\">x</p>"), NULL, 0 },
	{ DIV("&#160;x&#xA9;"), NULL, 0 },
	{ DIV(""), "invariant", -AT },
	{ DIV(" \n<p/>"), "invariant", -AT },
	{ DIV("&#32;"), "invariant", -AT },
	{ "<div>x</div>", "structure", -AT },
	{ "<p " XHTML ">x</p>", "structure", -AT },
	{ "x", "structure", -AT },
	{ DIV("x") " ", "structure", 7 },
	{ DIV("<form>x</form>"), "invariant", 0 },
	{ DIV("x<object/>"), "invariant", 1 },
	{ DIV("x<iframe src=\"http://x\"/>"), "invariant", 1 },
	{ DIV("x<link href=\"a.css\"/>"), "invariant", 1 },
	{ DIV("x<style>p {}</style>"), "invariant", 1 },
	{ DIV("x<base href=\"a\"/>"), "invariant", 1 },
	{ DIV("x<body/>"), "invariant", 1 },
	{ DIV("x<P/>"), "invariant", 1 },
	{ DIV("x<svg xmlns=\"http://www.w3.org/2000/svg\"/>"), "invariant", 1 },
	{ DIV("x<p xmlns=\"urn:x\"/>"), "invariant", 11 },
	{ DIV("x<x:p xmlns:x=\"http://www.w3.org/1999/xhtml\"/>"), "invariant", 1 },
	{ DIV("x<script>x</script>"), "security", 1 },
	{ DIV("x<p onclick=\"x\"/>"), "security", 4 },
	{ DIV("x<p ONLOAD=\"x\"/>"), "security", 4 },
	{ DIV("x<p target=\"x\"/>"), "invariant", 4 },
	{ DIV("<a href=\"javascript:x()\">x</a>"), "security", 9 },
	{ DIV("<a href=\" JAVA&#x9;script&#58;x()\">x</a>"), "security", 9 },
	{ DIV("<a href=\"vbscript:x\">x</a>"), "security", 9 },
	{ DIV("<a href=\"data:text/html,x\">x</a>"), "security", 9 },
	{ DIV("<p style=\"width: expression(x)\">x</p>"), "security", 10 },
	{ DIV("<p style=\"width: exp/**/ression(x)\">x</p>"), "security", 10 },
	{ DIV("<p style=\"width: e\\78pression(x)\">x</p>"), "security", 10 },
	{ DIV("<p style=\"background: url('http://x/y')\">x</p>"), "security", 10 },
	{ DIV("<p style=\"background: URL(//x/y)\">x</p>"), "security", 10 },
	{ DIV("<p style=\"@import 'x'\">x</p>"), "security", 10 },
	{ DIV("<p style=\"behavior: url(x)\">x</p>"), "security", 10 },
	{ DIV("x<p>"), "structure", 6 },
	{ DIV("x</p>"), "structure", 3 },
	{ DIV("x&nbsp;"), "structure", 1 },
	{ DIV("x & y"), "structure", 2 },
	{ DIV("x&#0;"), "structure", 4 },
	{ DIV("x&#xFFFE;"), "structure", 8 },
	{ DIV("x&#99999999999;"), "structure", 9 },
	{ DIV("x<p class=a/>"), "structure", 10 },
	{ DIV("x<p class/>"), "structure", 9 },
	{ DIV("x<p class=\"a\"id=\"b\"/>"), "structure", 13 },
	{ DIV("x<p id=\"a\" id=\"b\"/>"), "structure", 11 },
	{ DIV("x<p title=\"<\"/>"), "structure", 11 },
	{ DIV("x]]>"), "structure", 1 },
	{ DIV("x<!-- -- -->"), "structure", 8 },
	{ DIV("x<?php x ?>"), "structure", 1 },
	{ DIV("x<!DOCTYPE x>"), "structure", 1 },
	{ DIV("x<!-- "), "structure", 5 },
	{ "<div " XHTML, "structure", -1 },
};

static void
test_narrative(void)
{
	for (size_t i = 0; i < sizeof(narratives) / sizeof(narratives[0]); i++) {
		char got[64] = "", want[64] = "";
		bool clean = narrative_check(str_from(narratives[i].div), keep_first, got);

		if (narratives[i].code)
			snprintf(want, sizeof(want), "%s %d", narratives[i].code,
			    narratives[i].at + (int)AT);
		is_str(str_from(got), str_from(want), "narrative %zu", i);
		ok(clean == !narratives[i].code, "- is %s", clean ? "clean" : "not clean");
	}
}

/* A style that is longer than the window it is looked at through. */
static void
test_long_style(void)
{
	for (size_t fill = 4000; fill < 4200; fill++) {
		char got[64] = "";
		struct buf b;

		buf_init(&b, SIZE_MAX);
		buf_puts(&b, "<div " XHTML "><p style=\"");
		for (size_t i = 0; i < fill; i++)
			buf_put_byte(&b, 'x');
		buf_puts(&b, fill % 2 ? "u&#82;l( //y/z)" : "url(data:image/png;base64,AA)");
		buf_puts(&b, "\">x</p></div>");
		if (narrative_check(buf_str(&b), keep_first, got) == fill % 2)
			ok(false, "a style of %zu characters", fill);
		buf_release(&b);
	}
	ok(true, "long styles are looked at to their end");
}

/* JSON tells the place behind escapes. */
static void
test_narrative_in_json(void)
{
	struct fhir_read_options any = { .type = PACK_NONE };
	struct findings findings;
	const struct finding *f;
	struct arena a;

	arena_init(&a, 1 << 20, 0);
	findings_init(&findings, &a, 10);
	fhir_json_read(
	    STR("{\"resourceType\":\"Patient\",\"text\":{\"status\":\"generated\",\n\"div\":"
		"\" <div xmlns=\\\"http://www.w3.org/1999/xhtml\\\">\\n\\u00e9\\uD83D\\uDE00"
		"<script/></div>\"}}"),
	    &any, &builder, &a, &findings);
	f = findings.first;
	ok(f && findings.count == 1 && strcmp(f->code, "security") == 0 &&
		str_is(f->path, "Patient.text.div") && f->line == 2 && f->column == 73,
	    "the place of a script inside a JSON string");
	show(&findings);
	findings_init(&findings, &a, 10);
	fhir_json_read(
	    STR("{\"resourceType\":\"Patient\",\"text\":{\"status\":\"generated\",\"div\":"
		"\"<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\">x</div>\",\"_div\":{\"id\":"
		"\"a\"}}}"),
	    &any, &builder, &a, &findings);
	ok(findings.errors == 1, "what XML could not hold is told");
	findings_init(&findings, &a, 10);
	fhir_json_read(STR("{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"\\uFFFE\"},{"
			   "\"family\":\"\xef\xbf\xbf\"}]}"),
	    &any, &builder, &a, &findings);
	ok(findings.errors == 2, "so are characters that XML does not have");
	arena_release(&a);
}

int
main(void)
{
	const char *path = getenv("FIREDOOR_PACK");
	struct error err;

	test_narrative();
	test_long_style();
	if (!path) {
		tap_skip("FHIR XML", "FIREDOOR_PACK is not set");
		return tap_done();
	}
	pack = pack_open(path, &err);
	if (!ok(pack != NULL, "the pack opens"))
		return tap_done();
	record_builder_init(&builder, pack, &record_default_limits);
	test_whole();
	test_writing();
	test_wrong();
	test_refused();
	test_include();
	test_encodings();
	test_charsets();
	test_cut();
	test_narrative_in_json();
	test_limits();
	record_builder_release(&builder);
	pack_free(pack);
	return tap_done();
}
