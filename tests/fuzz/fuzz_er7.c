/* The ER7 reader, the text of every value, the ACK, cutting and answering
 * batches, and writing: what was written reads as the same. */
#include <assert.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/finding.h"
#include "mappers/hl7v2/ack.h"
#include "mappers/hl7v2/er7.h"
#include "mappers/hl7v2/er7_batch.h"
#include "mappers/hl7v2/er7_write.h"

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

/* What was read and written is read again, and written the same. */
static void
write_again(const struct er7_message *m, struct arena *a)
{
	struct er7_message again;
	struct buf first, second;
	struct findings f;

	if (m->text.len > 1 << 16)
		return;
	buf_init(&first, 1 << 20);
	buf_init(&second, 1 << 20);
	findings_init(&f, a, 20);
	er7_write(m, &first);
	if (str_find_str(m->text, STR("MSH")) == 0 && memchr(first.p, 0x1b, first.len) == NULL &&
	    er7_value(m, m->segments, 18, 0, 0, 0).len == 0 &&
	    er7_read(buf_str(&first), NULL, a, &again, &f) == 0) {
		er7_write(&again, &second);
		assert(str_eq(buf_str(&first), buf_str(&second)));
	}
	buf_release(&first);
	buf_release(&second);
}

static void
cut(struct str text, struct buf *out)
{
	struct er7_batch_answer answer = { .control_id = STR("1"), .count = 1 };
	struct er7_cutter cutter = { .text = text };
	enum er7_piece kind;
	uint32_t line;

	while ((kind = er7_next(&cutter, &answer.header, &line)) != ER7_END) {
		if (kind != ER7_FILE_HEADER && kind != ER7_BATCH_HEADER)
			continue;
		er7_put_batch_header(&answer, out);
		er7_put_batch_trailer(&answer, out);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ack ack = { .code = ACK_ERROR, .control_id = STR("1") };
	struct str text = str_of((const char *)data, size);
	struct er7_message m;
	struct findings f;
	struct arena a;
	struct buf out;

	arena_init(&a, 64 << 20, 0);
	findings_init(&f, &a, 20);
	buf_init(&out, 1 << 20);
	if (er7_read(text, NULL, &a, &m, &f) == 0) {
		look(&m, &a);
		er7_continued(&m);
		er7_continues(&m);
		if (m.segment_count)
			ack_write(&m, &ack, &out);
		/* Lines that are no segments are left out. */
		if (m.segment_count && !f.count)
			write_again(&m, &a);
	}
	ack_write_unread(text, &ack, &out);
	cut(text, &out);
	buf_release(&out);
	arena_release(&a);
	return 0;
}
