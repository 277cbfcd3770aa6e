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
		    is_sound(&m))
			good++;
		else
			printf("# %s\n", path);
		buf_release(&text);
	}
	closedir(d);
	is_int(good, files, "all messages of the HL7 v2 suite are read");
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
	test_places();
	test_limits();
	test_cut();
	test_suite();
	arena_release(&arena);
	return tap_done();
}
