/*
 * mappers/hl7v2/ack.h. What is expected is from HL7 v2.9, 2.9.2 (response),
 * 2.14.5 (ERR), 2.14.8 (MSA), 2.14.9 (MSH), and v2.3.1, 2.24.4 (ERR then).
 */
#include "base/arena.h"
#include "base/finding.h"
#include "mappers/hl7v2/ack.h"
#include "tests/tap.h"

static struct buf out;

static struct str
ack_of(struct str message, const struct ack *ack)
{
	struct er7_message m;
	struct findings f;
	struct arena a;

	arena_init(&a, 1 << 20, 0);
	findings_init(&f, &a, 10);
	buf_clear(&out);
	if (er7_read(message, NULL, &a, &m, &f) == 0)
		ack_write(&m, ack, &out);
	arena_release(&a);
	return buf_str(&out);
}

static struct ack_problem problem = { SEVERITY_ERROR, 102, STR("PID"), 1, 7, 1, 0,
	STR("is no date | really") };

/* 2026-11-22T16:37:00Z. */
static struct ack accept = { ACK_ACCEPT, STR("F1"), INT64_C(1795365420000000), STR(""), NULL, 0,
	false, 0 };
static struct ack refuse = { ACK_ERROR, STR("F2"), INT64_C(1795365420000000), STR("bad date"),
	&problem, 1, false, 0 };

static void
test_accept(void)
{
	is_str(ack_of(STR("MSH|^~\\&|A|B|C|D|2026||ADT^A01^ADT_A01|77|T|2.5.1\rPID|1"), &accept),
	    STR("MSH|^~\\&|C|D|A|B|20261122163700+0000||ACK^A01^ACK|F1|T|2.5.1\rMSA|AA|77\r"),
	    "AA to 2.5.1");
	is_str(ack_of(STR("MSH|^~\\&|A|B|C|D|2026||ADT^A01|77|P|2.2\rPID|1"), &accept),
	    STR("MSH|^~\\&|C|D|A|B|20261122163700+0000||ACK^A01|F1|P|2.2\rMSA|AA|77\r"),
	    "MSH-9 without structure before 2.3.1");
	is_str(ack_of(STR("MSH$%*!?$A%1$B$C$D$2026$$ADT%A01$77$P$2.5\r"), &accept),
	    STR("MSH$%*!?$C$D$A%1$B$20261122163700+0000$$ACK%A01%ACK$F1$P$2.5\rMSA$AA$77\r"),
	    "the original's separators");
}

static void
test_problems(void)
{
	is_str(ack_of(STR("MSH|^~\\&|A|B|C|D|2026||ADT^A01^ADT_A01|77|P|2.5.1\r"), &refuse),
	    STR("MSH|^~\\&|C|D|A|B|20261122163700+0000||ACK^A01^ACK|F2|P|2.5.1\r"
		"MSA|AE|77|bad date\r"
		"ERR||PID^1^7^1|102^Data type error^HL70357|E||||is no date \\F\\ really\r"),
	    "ERR from 2.5: location, code, severity, text");
	is_str(ack_of(STR("MSH|^~\\&|A|B|C|D|2026||ADT^A01|77|P|2.3\r"), &refuse),
	    STR("MSH|^~\\&|C|D|A|B|20261122163700+0000||ACK^A01|F2|P|2.3\r"
		"MSA|AE|77|bad date\r"
		"ERR|PID^1^7^102&Data type error&HL70357\r"),
	    "ERR before 2.5: code and location");
	is_str(ack_of(STR("MSH|^~\\&|A|B|C|D|2026||ADT^A01^ADT_A01|77|P|2.8\r"), &refuse),
	    STR("MSH|^~\\&|C|D|A|B|20261122163700+0000||ACK^A01^ACK|F2|P|2.8\r"
		"MSA|AE|77\r"
		"ERR||PID^1^7^1|102^Data type error^HL70357|E||||is no date \\F\\ really\r"),
	    "MSA-3 was withdrawn in 2.7");
}

static void
test_unread(void)
{
	struct ack ack = accept;

	ack.code = ACK_REJECT;
	buf_clear(&out);
	ack_write_unread(STR("GET / HTTP/1.1\r\n"), &ack, &out);
	is_str(buf_str(&out), STR("MSH|^~\\&|||||20261122163700+0000||ACK|F1|P|2.5\rMSA|AR|\r"),
	    "what is no message gets an AR without control id");
	buf_clear(&out);
	ack_write_unread(
	    STR("MSH|^~\\&|A|B|C|D|2026||ADT^A01|77|P|2.4||||||UNICODE UTF-8\rPID|\xff"), &ack,
	    &out);
	is_str(buf_str(&out),
	    STR("MSH|^~\\&|C|D|A|B|20261122163700+0000||ACK^A01^ACK|F1|P|2.4||||||UNICODE UTF-8\r"
		"MSA|AR|77\r"),
	    "a sound MSH before broken segments is used");
	buf_clear(&out);
	ack_write_unread(STR("MSH|^^^^|A|B"), &ack, &out);
	ok(str_starts(buf_str(&out), STR("MSH|^~\\&|")), "bad separators are not used");
}

static void
test_places(void)
{
	struct finding f = { .severity = SEVERITY_WARNING,
		.code = "code-invalid",
		.path = STR("OBX[3]-5[2].4"),
		.text = STR("x") };
	struct ack_problem p = ack_problem_of(&f);

	is_str(p.segment, STR("OBX"), "segment");
	is_int(p.sequence, 3, "sequence");
	is_int(p.field, 5, "field");
	is_int(p.repetition, 2, "repetition");
	is_int(p.component, 4, "component");
	is_int(p.code, 103, "code-invalid is 103, table value not found");
	f.path = STR("MSH-9");
	f.code = "not-supported";
	is_int(ack_problem_of(&f).code, 200, "an unknown type of message is 200");
	f.path = STR("Patient.name");
	is_str(ack_problem_of(&f).segment, STR(""), "what is no v2 place is none");
}

int
main(void)
{
	buf_init(&out, 1 << 16);
	test_accept();
	test_problems();
	test_unread();
	test_places();
	buf_release(&out);
	return tap_done();
}
