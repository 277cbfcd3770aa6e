/* The ER7 reader, the text of every value, the ACK, and cutting batches. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/finding.h"
#include "mappers/hl7v2/ack.h"
#include "mappers/hl7v2/er7.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
look(const struct er7_message *m, struct arena *a)
{
	char place[ER7_PLACE];

	for (uint32_t s = 0; s < m->segment_count; s++) {
		for (uint32_t i = m->segments[s].first; i < m->segments[s].end; i++) {
			er7_text(m, i, a);
			er7_place(m, &m->segments[s], i, place);
			er7_part(m, i, ER7_SUBCOMPONENT, 1);
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ack ack = { .code = ACK_ERROR, .control_id = STR("1") };
	struct str text = str_of((const char *)data, size), message;
	struct er7_cutter cutter = { .text = text };
	struct er7_message m;
	struct findings f;
	struct arena a;
	struct buf out;
	uint32_t line;

	arena_init(&a, 64 << 20, 0);
	findings_init(&f, &a, 20);
	buf_init(&out, 1 << 20);
	if (er7_read(text, NULL, &a, &m, &f) == 0) {
		look(&m, &a);
		if (m.segment_count)
			ack_write(&m, &ack, &out);
	}
	ack_write_unread(text, &ack, &out);
	while (er7_cut(&cutter, &message, &line))
		;
	buf_release(&out);
	arena_release(&a);
	return 0;
}
