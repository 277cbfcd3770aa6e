/*
 * mappers/hl7v2/v2xml.h. What is expected is from HL7 Version 2: XML Encoding
 * Rules, release 2, 2.2 (messages, segments, fields), 2.3 (escape sequences).
 */
#include "base/arena.h"
#include "base/finding.h"
#include "mappers/hl7v2/v2xml.h"
#include "tests/tap.h"

#define HEAD                                                                                       \
	"<?xml version=\"1.0\"?>\n<ADT_A01 xmlns=\"urn:hl7-org:v2xml\">\n <MSH>\n"                 \
	"  <MSH.1>|</MSH.1>\n  <MSH.2>^~\\&amp;</MSH.2>\n  <MSH.3><HD.1>APP</HD.1></MSH.3>\n"      \
	"  <MSH.9><MSG.1>ADT</MSG.1><MSG.2>A01</MSG.2><MSG.3>ADT_A01</MSG.3></MSH.9>\n"            \
	"  <MSH.10>1</MSH.10>\n </MSH>\n"
#define ER7_HEAD "MSH|^~\\&|APP||||||ADT^A01^ADT_A01|1\r"

static struct arena arena;
static struct findings findings;

static struct str
er7_of(const char *xml)
{
	struct str out = STR("");

	arena_release(&arena);
	arena_init(&arena, 16 << 20, 0);
	findings_init(&findings, &arena, 20);
	return v2xml_to_er7(str_from(xml), 0, &arena, &out, &findings) == 0 ? out : STR("refused");
}

static void
refused(const char *xml, const char *part, const char *name)
{
	is_str(er7_of(xml), STR("refused"), name);
	ok(findings.first && str_find_str(findings.first->text, str_from(part)) >= 0,
	    "and it says why");
}

static void
test_values(void)
{
	is_str(er7_of(HEAD "</ADT_A01>"), STR(ER7_HEAD), "a header");
	is_str(
	    er7_of(HEAD " <PID>\n  <PID.3><CX.1>A</CX.1><CX.4><HD.1>H</HD.1><HD.2>1.2</HD.2></CX.4>"
			"</PID.3>\n  <PID.3><CX.1>B</CX.1></PID.3>\n  <PID.8>F</PID.8>\n </PID>\n"
			"</ADT_A01>"),
	    STR(ER7_HEAD "PID|||A^^^H&1.2~B|||||F\r"), "repetitions, components, subcomponents");
	is_str(
	    er7_of(HEAD "<ADT_A01.PROCEDURE><PR1><PR1.1>1</PR1.1></PR1><ROL/></ADT_A01.PROCEDURE>"
			"<ZPD><ZPD.2>x</ZPD.2></ZPD></ADT_A01>"),
	    STR(ER7_HEAD "PR1|1\rROL\rZPD||x\r"), "groups are left out, Z segments taken");
	is_str(er7_of(HEAD "<NTE><NTE.3>a|b^c~d\\e&amp;f&lt;&#x4e2d;</NTE.3><NTE.4>\"\"</NTE.4></"
			   "NTE></ADT_A01>"),
	    STR(ER7_HEAD "NTE|||a\\F\\b\\S\\c\\R\\d\\E\\e\\T\\f<\xe4\xb8\xad|\"\"\r"),
	    "separators in values are escaped, \"\" stays");
	is_str(er7_of(HEAD "<NTE><NTE.3>a<escape V=\"H\"/>b<escape V=\"N\"/>c<escape "
			   "V=\".br\"/>d</NTE.3></NTE></ADT_A01>"),
	    STR(ER7_HEAD "NTE|||a\\H\\b\\N\\c\\.br\\d\r"), "escape elements");
	is_str(er7_of("<A><MSH><MSH.18>8859/1</MSH.18></MSH></A>"),
	    STR("MSH|^~\\&||||||||||||||||UNICODE UTF-8\r"), "MSH-18 is what comes out");
	is_str(er7_of("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>"
		      "<A><MSH><MSH.3>M\xfc</MSH.3></MSH></A>"),
	    STR("MSH|^~\\&|M\xc3\xbc\r"), "the encoding of the XML");
	is_str(er7_of("<A><MSH/><NTE><NTE.3><![CDATA[a<b]]></NTE.3></NTE></A>"),
	    STR("MSH|^~\\&\rNTE|||a<b\r"), "CDATA");
	ok(v2xml_is(STR("\n <A/>")) && !v2xml_is(STR("MSH|")), "XML is told from ER7");
}

static void
test_refused(void)
{
	refused("<A><MSH>", "well-formed", "a text that breaks off");
	refused("<!DOCTYPE a [<!ENTITY x \"y\">]><A><MSH><MSH.3>&x;</MSH.3></MSH></A>", "DOCTYPE",
	    "a DOCTYPE");
	refused("<A/>", "no MSH", "no segments");
	refused("<A><PID/><MSH/></A>", "MSH", "another first segment");
	refused(
	    "<A><MSH/><PID><CX.1>x</CX.1></PID></A>", "fields", "a component without its field");
	refused("<A><MSH/><PID><PID.3>x</PID.3><PID.2>y</PID.2></PID></A>", "order",
	    "fields out of order");
	refused("<A><MSH/><PID><PID.3><CX.1><HD.1><X.1>x</X.1></HD.1></CX.1></PID.3></PID></A>",
	    "deeper", "a fourth level");
	refused("<A><MSH/>text</A>", "outside", "a text among segments");
	refused("<A><MSH/><PID><PID.x/></PID></A>", "fields", "a field without a number");
}

int
main(void)
{
	test_values();
	test_refused();
	arena_release(&arena);
	return tap_done();
}
