/*
 * mappers/hl7v2/er7.h. What is expected is from HL7 v2.9, chapter 2: 2.5.4
 * (delimiters), 2.6 (construction rules), 2.7 (escape sequences), and table
 * 0211 (character sets).
 */
#include <dirent.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/finding.h"
#include "mappers/hl7v2/er7.h"
#include "mappers/hl7v2/er7_batch.h"
#include "mappers/hl7v2/er7_write.h"
#include "tests/tap.h"

#define MSH "MSH|^~\\&|APP|FAC|||20260101||ADT^A01^ADT_A01|1|P|2.5"

static struct arena arena;
static struct findings findings;

static int
read_with(struct str text, const struct er7_options *o, struct er7_message *m)
{
	arena_release(&arena);
	arena_init(&arena, 256 << 20, 0);
	findings_init(&findings, &arena, 20);
	return er7_read(text, o, &arena, m, &findings);
}

static int
read_text(struct str text, struct er7_message *m)
{
	return read_with(text, NULL, m);
}

static struct str
value(const struct er7_message *m, const char *id, uint32_t f, uint32_t r, uint32_t c, uint32_t s)
{
	const struct er7_segment *segment = er7_find(m, id);

	return segment ? er7_value(m, segment, f, r, c, s) : STR("no such segment");
}

static struct str
text_of(const struct er7_message *m, const char *id, uint32_t f)
{
	return er7_text(m, er7_field_node(m, er7_find(m, id), f), &arena);
}

static void
test_levels(void)
{
	struct er7_message m;

	ok(read_text(STR(MSH "\rPID|1||A1^^^H&1.2.3&ISO^MR~B2^^^^PI||Doe&van^John||19700203|M|"),
	       &m) == 0,
	    "a message is read");
	is_int(m.segment_count, 2, "segments");
	is_str(value(&m, "MSH", 1, 1, 1, 1), STR("|"), "MSH-1 is the field separator");
	is_str(value(&m, "MSH", 2, 1, 1, 1), STR("^~\\&"), "MSH-2 is not cut");
	is_str(value(&m, "MSH", 3, 1, 1, 1), STR("APP"), "MSH-3");
	is_str(value(&m, "MSH", 9, 1, 3, 1), STR("ADT_A01"), "MSH-9.3");
	is_str(value(&m, "PID", 3, 1, 1, 1), STR("A1"), "a component");
	is_str(value(&m, "PID", 3, 1, 4, 2), STR("1.2.3"), "a subcomponent");
	is_str(value(&m, "PID", 3, 2, 1, 1), STR("B2"), "the second repetition");
	is_str(value(&m, "PID", 3, 2, 5, 1), STR("PI"), "its fifth component");
	is_str(value(&m, "PID", 5, 1, 1, 2), STR("van"), "a subcomponent of the first component");
	is_str(
	    value(&m, "PID", 8, 1, 1, 1), STR("M"), "a field without parts is its own first part");
	is_str(value(&m, "PID", 8, 1, 2, 1), STR(""), "and has no second");
	is_str(value(&m, "PID", 2, 1, 1, 1), STR(""), "an empty field");
	is_str(value(&m, "PID", 99, 1, 1, 1), STR(""), "a field behind the last");
	is_int(er7_repetitions(&m, er7_field_node(&m, er7_find(&m, "PID"), 3)), 2, "repetitions");
}

static void
test_separators(void)
{
	struct er7_message m;

	ok(read_text(STR("MSH$%*!?$A%B\rPID$1$$X%Y?Z*W!S!"), &m) == 0, "own separators");
	is_str(value(&m, "MSH", 3, 1, 2, 1), STR("B"), "own component separator");
	is_str(value(&m, "PID", 3, 1, 2, 2), STR("Z"), "own subcomponent separator");
	is_str(er7_text(&m,
		   er7_part(&m, er7_field_node(&m, er7_find(&m, "PID"), 3), ER7_REPETITION, 2),
		   &arena),
	    STR("W%"), "\\S\\ with the own escape character is the own component separator");
	ok(read_text(STR("MSH|^~\\&#|A"), &m) == 0 && m.truncation == '#',
	    "a truncation character");
	ok(read_text(STR("MSH|^|A^B"), &m) == 0, "only a component separator");
	ok(read_text(STR("MSH|^^\\&|A"), &m) != 0, "two alike are refused");
	ok(read_text(STR("MSH||A"), &m) != 0, "none are refused");
	ok(read_text(STR("MSH|^~\\|&|A"), &m) == 0 && m.subcomponent == 0,
	    "the field separator ends MSH-2");
	ok(read_text(STR("MSHA^~\\&AX"), &m) != 0, "a letter is no separator");
	ok(read_text(STR("MSH|a~\\&|X"), &m) != 0, "nor in MSH-2");
}

static void
test_lines(void)
{
	struct er7_message m;

	ok(read_text(STR(MSH "\r\nPID|1\r\nPV1|2\r\n"), &m) == 0 && m.segment_count == 3, "CRLF");
	is_int(m.segments[2].line, 3, "CRLF counts as one line end");
	ok(read_text(STR(MSH "\nPID|1\nPV1|2\n"), &m) == 0 && m.segment_count == 3, "LF");
	ok(read_text(STR(MSH "\rPID|1\rPV1|2\r"), &m) == 0 && m.segment_count == 3, "CR");
	ok(read_text(STR(MSH "\r\r\rPID|1\r\x1c\r"), &m) == 0 && m.segment_count == 2,
	    "empty lines and the end of a frame are skipped");
	ok(read_text(STR("\xef\xbb\xbf  " MSH "\rPID|1"), &m) == 0, "a BOM and spaces before MSH");
	ok(read_text(STR("\v" MSH "\r"), &m) == 0, "the start of a frame");
	ok(read_text(STR(MSH "\rPID|1\rcontinued text\rZZZ|x"), &m) == 0 && m.segment_count == 3,
	    "a line that is no segment is left out");
	is_int(findings.count, 1, "and reported");
	is_int(findings.first->line, 3, "with its line");
	ok(read_text(STR("PID|1\rPV1|1"), &m) != 0 && findings.errors == 1, "no MSH");
	ok(read_text(STR(""), &m) != 0, "nothing");
	ok(read_text(STR("MSH\n^~\\&|A\n"), &m) != 0, "a line end is no field separator");
	ok(read_text(STR(MSH "\rZPD|a\rA12|b"), &m) == 0 && m.segment_count == 3,
	    "segments nobody knows are read");
}

static void
test_empty(void)
{
	struct er7_message m;
	uint32_t node;

	read_text(STR(MSH "\rPID|\"\"||^^|~~|A~~B|&\"\"|\"\"x"), &m);
	node = er7_field_node(&m, er7_find(&m, "PID"), 1);
	ok(node != ER7_NONE && m.nodes[node].flags & ER7_NULL, "\"\" is told apart");
	ok(er7_field_node(&m, er7_find(&m, "PID"), 2) == ER7_NONE, "empty is none");
	ok(er7_field_node(&m, er7_find(&m, "PID"), 3) == ER7_NONE, "only separators are none");
	ok(er7_field_node(&m, er7_find(&m, "PID"), 4) == ER7_NONE, "only repetitions are none");
	is_str(value(&m, "PID", 5, 3, 1, 1), STR("B"), "an empty repetition keeps its place");
	is_str(value(&m, "PID", 5, 2, 1, 1), STR(""), "and is empty");
	is_str(value(&m, "PID", 6, 1, 1, 2), STR("\"\""), "\"\" in a subcomponent");
	node = er7_field_node(&m, er7_find(&m, "PID"), 7);
	ok(!(m.nodes[node].flags & ER7_NULL), "\"\"x is a text");
}

/* 2.7. */
static void
test_escapes(void)
{
	struct er7_message m;

	read_text(
	    STR(MSH "\rOBX|a\\F\\b|\\S\\\\T\\\\R\\\\E\\|\\X48656C6C6F\\|x\\.br\\y|\\H\\bold\\N\\"
		    "|\\Zlocal\\|C:\\temp|tail\\|\\X0\\|\\XC3A9\\|\\XE9\\|a\\.sp2\\b|\\X00\\|\\."
		    "sk3\\x|\\\\"),
	    &m);
	is_str(text_of(&m, "OBX", 1), STR("a|b"), "\\F\\");
	is_str(text_of(&m, "OBX", 2), STR("^&~\\"), "\\S\\ \\T\\ \\R\\ \\E\\");
	is_str(text_of(&m, "OBX", 3), STR("Hello"), "\\X..\\");
	is_str(text_of(&m, "OBX", 4), STR("x\ny"), "\\.br\\");
	is_str(text_of(&m, "OBX", 5), STR("bold"), "highlighting goes");
	is_str(text_of(&m, "OBX", 6), STR("\\Zlocal\\"), "local sequences stay");
	is_str(text_of(&m, "OBX", 7), STR("C:\\temp"), "a lone escape character stays");
	is_str(text_of(&m, "OBX", 8), STR("tail\\"), "at the end too");
	is_str(text_of(&m, "OBX", 9), STR("\\X0\\"), "half a byte stays");
	is_str(text_of(&m, "OBX", 10), STR("\xc3\xa9"), "UTF-8 in hex");
	is_str(text_of(&m, "OBX", 11), STR("\xc3\xa9"), "ISO 8859-1 in hex");
	is_str(text_of(&m, "OBX", 12), STR("a\n\nb"), "\\.sp2\\");
	is_str(text_of(&m, "OBX", 13), STR("\\X00\\"), "a NUL stays escaped");
	is_str(text_of(&m, "OBX", 14), STR("   x"), "\\.sk3\\");
	is_str(text_of(&m, "OBX", 15), STR("\\\\"), "an empty sequence stays");
}

#define MSH18(charset) "MSH|^~\\&|||||||ADT^A01|1|P|2.5||||||" charset "\rPID|"

static void
test_charsets(void)
{
	struct er7_options latin = { .default_charset = STR("8859/1") };
	struct er7_message m;

	read_text(STR(MSH18("UNICODE UTF-8") "M\xc3\xbcller"), &m);
	is_str(value(&m, "PID", 1, 1, 1, 1), STR("M\xc3\xbcller"), "UTF-8");
	read_text(STR(MSH18("8859/1") "M\xfcller"), &m);
	is_str(value(&m, "PID", 1, 1, 1, 1), STR("M\xc3\xbcller"), "8859/1");
	read_text(STR(MSH18("8859/2~ASCII") "\xa3"), &m);
	is_str(value(&m, "PID", 1, 1, 1, 1), STR("\xc5\x81"), "8859/2, the first of two");
	read_text(STR(MSH18("GB 18030-2000") "\xd6\xd0"), &m);
	is_str(value(&m, "PID", 1, 1, 1, 1), STR("\xe4\xb8\xad"), "GB 18030");
	read_text(STR(MSH18("ISO IR87") "\x1b$B;3\x1b(B"), &m);
	is_str(value(&m, "PID", 1, 1, 1, 1), STR("\xe5\xb1\xb1"), "ISO IR87 (JIS X 0208)");
	ok(read_text(STR(MSH18("UNICODE UTF-8") "M\xfcller"), &m) != 0, "bytes that are not UTF-8");
	ok(findings.first && str_find_str(findings.first->text, STR("not UTF-8")) >= 0,
	    "the finding says so");
	ok(str_find_str(findings.first->text, STR("ller")) < 0, "and does not show the value");
	ok(read_text(STR(MSH18("") "M\xfcller"), &m) != 0, "undeclared bytes over 127");
	ok(read_with(STR(MSH18("") "M\xfcller"), &latin, &m) == 0, "but with a default");
	is_str(value(&m, "PID", 1, 1, 1, 1), STR("M\xc3\xbcller"), "they are read in it");
	ok(read_text(STR(MSH18("KLINGON") "\xe9"), &m) != 0, "a character set nobody knows");
	ok(read_text(STR("M\0S\0H\0|\0^\0~\0\\\0&\0|\0A\0\r\0P\0I\0D\0|\0\xfc\0"), &m) == 0,
	    "UTF-16");
	is_str(value(&m, "PID", 1, 1, 1, 1), STR("\xc3\xbc"), "in UTF-8 then");
}

/* 2.7.2 and 2.7.3, with the sequences listed there; ISO 2022. */
static void
test_switching(void)
{
	struct er7_options read = { .unknown_charset = ER7_CHARSET_READ };
	struct er7_message m;

	read_text(
	    STR(MSH18("ASCII~ISO IR87") "Yamada^Tarou~\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B|x"), &m);
	is_str(value(&m, "PID", 1, 2, 1, 1), STR("\xe5\xb1\xb1\xe7\x94\xb0"),
	    "ISO 2022 to Kanji and back");
	is_str(
	    value(&m, "PID", 1, 2, 2, 1), STR("\xe5\xa4\xaa\xe9\x83\x8e"), "in the next component");
	is_str(value(&m, "PID", 2, 1, 1, 1), STR("x"),
	    "separators among the bytes of Kanji do not cut");
	read_text(STR(MSH18("ASCII~ISO IR159") "\\M242844\\0O\x1b(B|"), &m);
	is_str(value(&m, "PID", 1, 1, 1, 1), STR("\xe4\xbb\xbd"), "\\M242844\\: JIS X 0212");
	read_text(STR(MSH18("ASCII~ISO IR14") "\\M2442\\;3\\C2842\\ Yama|"), &m);
	is_str(value(&m, "PID", 1, 1, 1, 1), STR("\xe5\xb1\xb1 Yama"),
	    "\\M2442\\ and back by \\C2842\\");
	read_text(STR(MSH18("8859/1~8859/7") "\xe9 \\C2D46\\\xe1|\xe9"), &m);
	is_str(value(&m, "PID", 1, 1, 1, 1), STR("\xc3\xa9 \xce\xb1"),
	    "Latin 1, and Greek by \\C2D46\\");
	is_str(
	    value(&m, "PID", 2, 1, 1, 1), STR("\xc3\xa9"), "the next field is in the first again");
	read_text(STR(MSH18("ASCII~8859/5") "\x1b-L\xb0|"), &m);
	is_str(value(&m, "PID", 1, 1, 1, 1), STR("\xd0\x90"), "Cyrillic by ISO 2022");
	read_text(STR(MSH18("ASCII~ISO IR13") "\x1b)I\xb1|"), &m);
	is_str(value(&m, "PID", 1, 1, 1, 1), STR("\xef\xbd\xb1"), "half-width Katakana");
	read_text(STR(MSH18("ASCII~KS X 1001") "\x1b$)C\xb0\xa1|"), &m);
	is_str(value(&m, "PID", 1, 1, 1, 1), STR("\xea\xb0\x80"), "KS X 1001");
	ok(read_text(STR(MSH18("ASCII~ISO IR87") "\x1b$B;"), &m) != 0,
	    "half a character is refused");
	ok(read_text(STR(MSH18("") "\\C9999\\x"), &m) == 0, "a sequence nobody knows");
	is_str(value(&m, "PID", 1, 1, 1, 1), STR("\\C9999\\x"), "is kept");
	ok(read_with(STR(MSH18("KLINGON") "\xe9"), &read, &m) == 0,
	    "an unknown set is read by policy");
	is_str(value(&m, "PID", 1, 1, 1, 1), STR("\xc3\xa9"), "as Latin 1");
	ok(findings.count == 1 && findings.first->severity == SEVERITY_WARNING, "with a warning");
	read_text(STR(MSH18("KS X 1001") "\xb0\xa1"), &m);
	is_str(value(&m, "PID", 1, 1, 1, 1), STR("\xea\xb0\x80"), "KS X 1001 throughout");
	read_text(STR(MSH18("BIG-5") "\xa4\xa4"), &m);
	is_str(value(&m, "PID", 1, 1, 1, 1), STR("\xe4\xb8\xad"), "BIG-5");
	read_text(STR(MSH18("CNS 11643-1992") "\xc4\xe3"), &m);
	is_str(value(&m, "PID", 1, 1, 1, 1), STR("\xe4\xb8\xad"), "CNS 11643");
	read_text(STR(MSH18("8859/15") "\xa4"), &m);
	is_str(value(&m, "PID", 1, 1, 1, 1), STR("\xe2\x82\xac"), "8859/15");
	ok(read_text(STR("M\0\0\0S\0\0\0H\0\0\0|\0\0\0^\0\0\0|"
			 "\0\0\0A\0\0\0\r\0\0\0P\0\0\0I\0\0\0D\0\0\0|\0\0\0\xfc\0\0\0"),
	       &m) == 0,
	    "UTF-32");
	is_str(value(&m, "PID", 1, 1, 1, 1), STR("\xc3\xbc"), "in UTF-8 then");
}

/* 2.10.2: ADD behind a segment that goes on, DSC-1 and MSH-14. */
static void
test_continuation(void)
{
	struct er7_message m;
	struct str parts[2] = { STR("MSH|^~\\&|A|B|||2026||ORU^R01|1|P|2.5\rPID|1\rOBX|1|TX|a||The "
				    "first ha\rADD|\rDSC|p1|F\r"),
		STR("MSH|^~\\&|A|B|||2026||ORU^R01|2|P|2.5||p1\rADD|lf and the "
		    "second||N\rOBX|2\r") };
	struct buf b;

	ok(read_text(parts[0], &m) == 0, "a first part");
	is_str(er7_continued(&m), STR("p1"), "DSC-1 says how it goes on");
	is_str(er7_continues(&m), STR(""), "it continues none");
	read_text(parts[1], &m);
	is_str(er7_continues(&m), STR("p1"), "MSH-14 says what it continues");
	is_str(er7_continued(&m), STR(""), "it does not go on");
	buf_init(&b, 1 << 16);
	er7_join(parts, 2, &b);
	ok(read_text(buf_str(&b), &m) == 0 && m.segment_count == 4, "joined: MSH, PID, OBX, OBX");
	is_str(value(&m, "OBX", 5, 1, 1, 1), STR("The first half and the second"),
	    "the field is whole");
	is_str(value(&m, "OBX", 7, 1, 1, 1), STR("N"), "the fields behind it are in their places");
	is_str(value(&m, "MSH", 10, 1, 1, 1), STR("1"), "the header is the first's");
	buf_release(&b);
	read_text(STR(MSH "\rDSC|p1|I\r"), &m);
	is_str(er7_continued(&m), STR(""), "an interactive continuation is none of a message");
	read_text(STR(MSH "\rNTE|1||one \rADD|two\rADD| three|x\rPID|1"), &m);
	is_str(value(&m, "NTE", 3, 1, 1, 1), STR("one two three"), "ADD after ADD");
	is_str(value(&m, "NTE", 4, 1, 1, 1), STR("x"), "its further field");
}

/* 2.5.5.2. */
static void
test_truncation(void)
{
	struct er7_message m;
	uint32_t i;

	read_text(STR("MSH|^~\\&#|A\rPID|long na#|a\\P\\|x#y"), &m);
	i = er7_field_node(&m, er7_find(&m, "PID"), 1);
	ok(m.nodes[i].flags & ER7_TRUNCATED, "a value that was cut is told");
	is_str(text_of(&m, "PID", 1), STR("long na"), "its text is without the sign");
	is_str(text_of(&m, "PID", 2), STR("a#"), "\\P\\ is the sign itself");
	i = er7_field_node(&m, er7_find(&m, "PID"), 3);
	ok(!(m.nodes[i].flags & ER7_TRUNCATED), "inside a value it is a sign like any other");
	read_text(STR("MSH|^~\\&|A\rPID|no 7#"), &m);
	is_str(text_of(&m, "PID", 1), STR("no 7#"), "where none is declared it is, too");
}

static void
test_places(void)
{
	struct er7_message m;
	char place[ER7_PLACE];
	uint32_t n;

	read_text(STR(MSH "\rOBX|1\rOBX|2||A^B~C^D&E|F&G"), &m);
	n = er7_field_node(&m, &m.segments[2], 3);
	n = er7_part(&m, er7_part(&m, er7_part(&m, n, ER7_REPETITION, 2), ER7_COMPONENT, 2),
	    ER7_SUBCOMPONENT, 2);
	er7_place(&m, &m.segments[2], n, place);
	is_str(str_from(place), STR("OBX[2]-3[2].2.2"), "a place at all levels");
	is_int(er7_column(&m.segments[2], m.nodes[n].at), 16, "its column");
	n = er7_part(&m, er7_field_node(&m, &m.segments[2], 4), ER7_SUBCOMPONENT, 2);
	er7_place(&m, &m.segments[2], n, place);
	is_str(str_from(place), STR("OBX[2]-4.1.2"), "a subcomponent of the only component");
	er7_place(&m, &m.segments[1], ER7_NONE, place);
	is_str(str_from(place), STR("OBX"), "a segment");
}

static void
test_limits(void)
{
	struct er7_options o = { .max_bytes = 60 };
	struct er7_message m;
	struct buf b;

	ok(read_with(STR(MSH "\rPID|1234567890"), &o, &m) != 0, "too many bytes");
	is_str(str_from(findings.first->code), STR("too-long"), "too-long");
	o = (struct er7_options){ .max_segments = 2 };
	ok(read_with(STR(MSH "\rPID|\rPID|\r"), &o, &m) != 0, "too many segments");
	o = (struct er7_options){ .max_fields = 20 };
	ok(read_with(STR(MSH "\rPID||||||||||||||||||||||||"), &o, &m) != 0, "too many fields");
	o = (struct er7_options){ .max_nodes = 20 };
	ok(read_with(STR(MSH "\rPID|1|2|3|4|5|6|7|8|9|10|11|12"), &o, &m) != 0, "too many values");
	buf_init(&b, 64 << 20);
	buf_puts(&b, MSH "\rPID|");
	for (int i = 0; i < 1000000; i++)
		buf_puts(&b, "^&~");
	ok(read_text(buf_str(&b), &m) == 0 && m.node_count < 50, "separators alone cost no nodes");
	buf_release(&b);
}

static void
test_cut(void)
{
	struct er7_cutter c = { .text = STR("FHS|^~\\&|x\rBHS|^~\\&|y\r" MSH "\rPID|1\r" MSH
					    "\rPID|2\rBTS|2\rFTS|1\r") };
	struct str message;
	uint32_t line;

	ok(er7_cut(&c, &message, &line) && line == 3, "the first message of a batch, at its line");
	ok(str_starts(message, STR("MSH")) && str_ends(message, STR("PID|1\r")), "is whole");
	ok(er7_cut(&c, &message, &line) && line == 5 && str_ends(message, STR("PID|2\r")),
	    "the second ends at the trailer");
	ok(!er7_cut(&c, &message, &line), "there is no third");
	c = (struct er7_cutter){ .text = STR("PID|1\r") };
	ok(!er7_cut(&c, &message, &line), "no MSH, no message");
}

static void
test_batch(void)
{
	struct er7_cutter c = {
		.text = STR("FHS|^~\\&|A|B|C|D|2026||f||F1\rBHS|^~\\&|A|B|C|D|2026||b||B1\r" MSH
			    "\rPID|1\rBTS|1\rBTS\rFTS|1\r")
	};
	struct er7_batch_answer answer = {
		.control_id = STR("X9"), .time = INT64_C(1795365420000000), .count = 1
	};
	struct str piece;
	uint32_t line;
	struct buf b;

	ok(er7_is_batch(c.text) && !er7_is_batch(STR(MSH)), "a batch begins with FHS or BHS");
	ok(er7_next(&c, &piece, &line) == ER7_FILE_HEADER && line == 1, "FHS");
	is_str(er7_envelope_field(piece, 11), STR("F1"), "FHS-11");
	ok(er7_next(&c, &piece, &line) == ER7_BATCH_HEADER && line == 2, "BHS");
	buf_init(&b, 1 << 12);
	answer.header = piece;
	er7_put_batch_header(&answer, &b);
	er7_put_batch_trailer(&answer, &b);
	/* 2.14.2: 3 to 6 changed round, 11 its own, 12 the one it answers. */
	is_str(buf_str(&b), STR("BHS|^~\\&|C|D|A|B|20261122163700+0000||b||X9|B1\rBTS|1\r"),
	    "the answer's envelope");
	ok(er7_next(&c, &piece, &line) == ER7_MESSAGE && line == 3, "a message");
	ok(er7_next(&c, &piece, &line) == ER7_BATCH_TRAILER && line == 5, "BTS");
	ok(er7_next(&c, &piece, &line) == ER7_BATCH_TRAILER && line == 6, "BTS without fields");
	ok(er7_next(&c, &piece, &line) == ER7_FILE_TRAILER && line == 7, "FTS");
	ok(er7_next(&c, &piece, &line) == ER7_END, "the end");
	buf_release(&b);
}

/* 2.5: what a writer is given comes back from the reader. */
static void
test_writer(void)
{
	struct er7_message m;
	struct er7_writer w;
	struct buf b;

	buf_init(&b, 1 << 16);
	er7_writer_init(&w, STR(""), &b);
	er7_put_segment(&w, "MSH");
	er7_put(&w, 3, 1, 1, 1, STR("APP"));
	er7_put(&w, 9, 1, 1, 1, STR("ADT"));
	er7_put(&w, 9, 1, 2, 1, STR("A01"));
	er7_put_segment(&w, "PID");
	er7_put(&w, 3, 1, 1, 1, STR("1"));
	er7_put(&w, 3, 1, 4, 1, STR("H"));
	er7_put(&w, 3, 1, 4, 2, STR("1.2"));
	er7_put(&w, 3, 3, 1, 1, STR("2"));
	ok(er7_put(&w, 3, 2, 1, 1, STR("x")) != 0, "a place before the last is refused");
	er7_put(&w, 5, 1, 1, 1, STR("a|b^c~d\\e&f\r\ng"));
	er7_put(&w, 7, 1, 1, 1, STR(""));
	er7_writer_end(&w);
	is_str(buf_str(&b),
	    STR("MSH|^~\\&|APP||||||ADT^A01\rPID|||1^^^H&1.2~~2||a\\F\\b\\S\\c\\R\\d\\E\\e\\T\\f\\."
		"br\\g\r"),
	    "a message is written");
	read_text(buf_str(&b), &m);
	is_str(text_of(&m, "PID", 5), STR("a|b^c~d\\e&f\ng"), "and read again");
	buf_clear(&b);
	ok(er7_encode(STR("M\xc3\xbcl \xe4\xb8\xad"), STR("8859/1"), '\\', &b) == 0,
	    "UTF-8 to 8859/1");
	is_str(buf_str(&b), STR("M\xfcl \\XE4B8AD\\"), "what it has not is in hex");
	ok(er7_encode(STR("x"), STR("KLINGON"), 0, &b) != 0, "an unknown set");
	buf_release(&b);
}

/* A message of signs that mean something, in any order. */
static size_t
make_noise(char *p, size_t room, uint64_t *state)
{
	static const char signs[] = "||||^^~~&&\\\r\rAB1\"#";
	size_t len = (size_t)snprintf(p, room, "MSH|^~\\&%s|", *state & 1 << 20 ? "#" : "");

	for (; len + 5 < room && (len < 24 || (*state >> 33) % 97); len++) {
		*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407U;
		p[len] = signs[(*state >> 40) % (sizeof(signs) - 1)];
		if (p[len] == '\r') {
			memcpy(p + len, p[len - 1] == '\r' ? "|" : "\rZ1A|",
			    p[len - 1] == '\r' ? 1 : 5);
			len += p[len] == '\r' ? 4 : 0;
		}
	}
	p[len++] = '\r';
	return len;
}

/* Parse, write: the same bytes. */
static void
test_same_bytes(void)
{
	uint64_t state = 20261122;
	unsigned wrong = 0, messages = 3000;
	char text[512];
	struct er7_message m;
	struct buf b;

	buf_init(&b, 1 << 16);
	for (unsigned i = 0; i < messages; i++) {
		struct str s = str_of(text, make_noise(text, sizeof(text), &state));

		buf_clear(&b);
		if (read_text(s, &m) == 0)
			er7_write(&m, &b);
		if (!str_eq(buf_str(&b), s) && wrong++ < 3)
			printf("# %.*s\n", STR_ARG(s));
	}
	is_int(wrong, 0, "messages of noise are written as they were read");
	buf_release(&b);
}

/* Every part of a tree is inside its parent and in order. */
static bool
is_sound(const struct er7_message *m)
{
	for (uint32_t s = 0; s < m->segment_count; s++) {
		const struct er7_segment *g = &m->segments[s];

		for (uint32_t i = g->first; i < g->end; i++) {
			const struct er7_node *n = &m->nodes[i];

			if (n->end <= i || n->end > g->end || n->at < g->at ||
			    n->at + n->len > g->at + g->len)
				return false;
			for (uint32_t c = i + 1; c < n->end; c = m->nodes[c].end)
				if (m->nodes[c].at < n->at ||
				    m->nodes[c].at + m->nodes[c].len > n->at + n->len)
					return false;
		}
	}
	return true;
}

/* But for line ends, and what stands before MSH. */
static bool
is_written_same(const struct er7_message *m, struct str text)
{
	ptrdiff_t start = str_find_str(text, STR("MSH"));
	size_t n = 0;
	struct buf b;
	bool same;
	char *p = malloc(text.len + 1);

	for (size_t i = start < 0 ? 0 : (size_t)start; i < text.len; i++) {
		char c = text.p[i] == '\n' ? '\r' : text.p[i];

		if (c != '\r' || (n && p[n - 1] != '\r'))
			p[n++] = c;
	}
	if (n && p[n - 1] != '\r')
		p[n++] = '\r';
	buf_init(&b, 16 << 20);
	er7_write(m, &b);
	same = str_eq(buf_str(&b), str_of(p, n));
	/* A message with lines that are no segments cannot be. */
	same = same || findings.count;
	buf_release(&b);
	free(p);
	return same;
}

static void
test_suite(void)
{
	const char *root = getenv("FIREDOOR_SUITES");
	char path[4096];
	struct dirent *e;
	unsigned files = 0, good = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/hl7v2", root ? root : "../shared/suites");
	d = opendir(path);
	if (!d) {
		tap_skip("messages of the HL7 v2 suite", "the suite is not there");
		return;
	}
	while ((e = readdir(d)) != NULL) {
		struct er7_message m;
		struct buf text;

		if (!str_ends(str_from(e->d_name), STR(".hl7")))
			continue;
		files++;
		snprintf(
		    path, sizeof(path), "%s/hl7v2/%s", root ? root : "../shared/suites", e->d_name);
		buf_init(&text, 16 << 20);
		if (file_read(path, &text, NULL) == 0 && read_text(buf_str(&text), &m) == 0 &&
		    is_sound(&m) && is_written_same(&m, buf_str(&text)))
			good++;
		else
			printf("# %s\n", path);
		buf_release(&text);
	}
	closedir(d);
	is_int(good, files, "all messages of the HL7 v2 suite are read, and written as they were");
}

int
main(void)
{
	test_levels();
	test_separators();
	test_lines();
	test_empty();
	test_escapes();
	test_charsets();
	test_switching();
	test_continuation();
	test_truncation();
	test_places();
	test_limits();
	test_cut();
	test_batch();
	test_writer();
	test_same_bytes();
	test_suite();
	arena_release(&arena);
	return tap_done();
}
