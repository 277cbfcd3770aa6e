/* gateway/audit/: the trail, and what is found when somebody touches it. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "gateway/audit/audit.h"
#include "gateway/audit/trail.h"
#include "tests/tap.h"

enum {
	PATH_TEXT = 256,
	SEGMENT = 4096,
};

static char folder[64];

static void
empty_folder(void)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
}

static void
path_of(const char *name, char out[PATH_TEXT])
{
	snprintf(out, PATH_TEXT, "%s/%s", folder, name);
}

static void
get(const char *name, struct buf *b)
{
	char path[PATH_TEXT];
	struct error err;

	path_of(name, path);
	buf_init(b, 1 << 24);
	if (file_read(path, b, &err) < 0)
		printf("# %s\n", err.text);
}

static void
put(const char *name, struct str bytes)
{
	char path[PATH_TEXT];
	int fd;
	ssize_t n;

	path_of(name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	n = write(fd, bytes.p, bytes.len);
	close(fd);
	if (n != (ssize_t)bytes.len)
		printf("# short write\n");
}

static struct audit *
open_trail(struct error *err)
{
	struct audit_options o = { .folder = folder, .segment_size = SEGMENT };

	return audit_open(&o, err);
}

static int
append(struct audit *a, unsigned count, struct error *err)
{
	static const struct str resources[] = { { "Patient/123/_history/2", 22 },
		{ "Encounter/9", 11 } };
	static const struct str params[] = { { "identifier", 10 } };
	struct audit_entry e[16], *list[16];

	for (unsigned i = 0; i < count; i++) {
		e[i] = (struct audit_entry){
			.exchange = STR("x1"),
			.time = 1700000000000000,
			.sender = STR("his"),
			.source = STR("10.0.0.7:51234"),
			.protocol = STR("http"),
			.interaction = STR("search-type"),
			.resources = resources,
			.resource_count = 2,
			.params = params,
			.param_count = 1,
			.outcome = AUDIT_ALLOWED,
			.status = STR("200"),
			.rule = STR("scope"),
			.control_id = STR("MSG\"1"),
			.duration_us = 1234,
		};
		list[i] = &e[i];
	}
	return audit_write_batch(a, list, count, err);
}

/* A trail of `count` entries written one by one. */
static void
make_trail(unsigned count)
{
	struct error err = { 0 };
	struct audit *a;

	empty_folder();
	a = open_trail(&err);
	for (unsigned i = 0; a && i < count; i++)
		if (append(a, 1, &err) < 0)
			break;
	if (!a || err.text[0])
		printf("# %s\n", err.text);
	audit_close(a);
}

static struct trail_problem seen;
static char seen_segment[32], seen_text[256];

static void
note_problem(void *ctx, const struct trail_problem *p)
{
	(void)ctx;
	if (seen.text)
		return;
	seen = *p;
	snprintf(seen_segment, sizeof(seen_segment), "%s", p->segment);
	snprintf(seen_text, sizeof(seen_text), "%s", p->text);
	seen.segment = seen_segment;
	seen.text = seen_text;
}

/* How many problems verify finds; -1 when it cannot read the trail. */
static int
verify(struct trail_state *s)
{
	struct trail_reader r = { .problem = note_problem };
	struct trail_state mine = { 0 };
	struct error err;

	seen = (struct trail_problem){ 0 };
	if (!s)
		s = &mine;
	if (trail_read(folder, &r, s, &err) < 0)
		return -1;
	return (int)s->problems;
}

/* The format as README.md has it, computed here from the bytes. */
static void
test_format(void)
{
	uint8_t before[SHA256_BYTES] = { 0 }, hash[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];
	struct str line, rest;
	struct buf b;
	unsigned lines = 0;
	bool chained = true;

	make_trail(2);
	get("00000001.jsonl", &b);
	rest = buf_str(&b);
	while (str_split(&rest, '\n', &line) && line.len) {
		struct str tail = str_from_index(line, 9 + 64 + 2);
		struct str parts[2] = { str_of((const char *)before, 32), tail };

		sha256_parts(parts, 2, hash);
		hex_encode(hash, SHA256_BYTES, hex);
		chained = chained && str_starts(line, STR("{\"hash\":\"")) &&
			  memcmp(line.p + 9, hex, 64) == 0;
		memcpy(before, hash, sizeof(before));
		if (++lines == 2)
			is_str(tail,
			    STR("\"seq\":1,\"time\":\"2023-11-14T22:13:20.000Z\",\"exchange\":"
				"\"x1\","
				"\"protocol\":\"http\",\"source\":\"10.0.0.7:51234\",\"sender\":"
				"\"his\",\"interaction\":\"search-type\",\"resources\":[\"Patient/"
				"123/"
				"_history/2\",\"Encounter/"
				"9\"],\"params\":[\"identifier\"],\"outcome\":"
				"\"allowed\",\"status\":\"200\",\"rule\":\"scope\",\"control\":"
				"\"MSG\\\"1\",\"us\":1234}"),
			    "an entry's line");
	}
	is_int(lines, 3, "a header and two entries");
	ok(chained, "each line's hash is over the hash before and the rest of the line");
	buf_release(&b);
}

static void
test_hostile_text(void)
{
	char longer[2000];
	struct audit_entry e = { .outcome = AUDIT_REFUSED,
		.source = STR("a\nb\xff\xc3(\x01"),
		.control_id = str_of(longer, sizeof(longer)) };
	struct error err;
	struct audit *a;
	struct buf b;

	memset(longer, 'x', sizeof(longer));
	empty_folder();
	a = open_trail(&err);
	is_int(audit_write_batch(a, (struct audit_entry *[]){ &e }, 1, &err), 0,
	    "bytes of a peer that are no text are written");
	audit_close(a);
	is_int(verify(NULL), 0, "and the trail is whole");
	get("00000001.jsonl", &b);
	ok(str_find_str(buf_str(&b), STR("\"a\\nb\xef\xbf\xbd\xef\xbf\xbd(\\u0001\"")) >= 0,
	    "line ends are escaped, bad UTF-8 is replaced");
	ok(b.len < 1500, "a long text is cut");
	buf_release(&b);
}

/* Flip one byte at a time, everywhere, in two ways. */
static void
test_every_byte(void)
{
	static const char *const names[] = { "00000001.jsonl", "00000002.jsonl", "checkpoint" };
	unsigned flips = 0, missed = 0;

	make_trail(12);
	is_int(verify(NULL), 0, "the trail is whole");
	for (unsigned f = 0; f < 3; f++) {
		struct buf b;

		get(names[f], &b);
		ok(b.len > 300, "%s is there", names[f]);
		for (size_t i = 0; i < b.len; i++)
			for (unsigned bit = 0x01; bit <= 0x20; bit += 0x1f) {
				b.p[i] = (char)(b.p[i] ^ bit);
				put(names[f], buf_str(&b));
				flips++;
				if (verify(NULL) == 0) {
					missed++;
					printf("# missed: %s byte %zu bit %x\n", names[f], i, bit);
				}
				b.p[i] = (char)(b.p[i] ^ bit);
			}
		put(names[f], buf_str(&b));
		buf_release(&b);
	}
	is_int(missed, 0, "%u flips are all found", flips);
	is_int(verify(NULL), 0, "and what was put back is whole again");
}

/* The newest segment is cut at every byte: all of it was acknowledged. */
static void
test_every_cut(void)
{
	struct error err;
	struct audit *a;
	struct buf b;
	unsigned missed = 0, opened = 0;

	make_trail(4);
	get("00000001.jsonl", &b);
	for (size_t i = 0; i < b.len; i++) {
		put("00000001.jsonl", str_of(b.p, i));
		missed += verify(NULL) == 0;
		a = open_trail(&err);
		opened += a != NULL;
		audit_close(a);
	}
	is_int(missed, 0, "a trail cut at any of %zu bytes is found", b.len);
	is_int(opened, 0, "and not written to");
	put("00000001.jsonl", buf_str(&b));
	a = open_trail(&err);
	ok(a != NULL, "nothing was changed by the tries");
	audit_close(a);
	buf_release(&b);
}

enum { LINES_MOST = 32 };

static unsigned
cut_lines(struct buf *b, struct str lines[LINES_MOST])
{
	struct str rest = buf_str(b), line;
	unsigned n = 0;

	while (n < LINES_MOST && str_split(&rest, '\n', &line) && line.len)
		lines[n++] = str_of(line.p, line.len + 1);
	return n;
}

static void
put_lines(const char *name, const struct str *lines, unsigned count)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	for (unsigned i = 0; i < count; i++)
		buf_put_str(&b, lines[i]);
	put(name, buf_str(&b));
	buf_release(&b);
}

/* Lines are moved about within a segment of a trail of 5 entries. */
static void
test_lines(void)
{
	struct str lines[LINES_MOST], other[LINES_MOST];
	struct buf b;
	unsigned n;

	make_trail(5);
	get("00000001.jsonl", &b);
	n = cut_lines(&b, lines);
	is_int(n, 6, "a header and five entries");

	memcpy(other, lines, sizeof(lines));
	memmove(&other[3], &other[4], 2 * sizeof(*other));
	put_lines("00000001.jsonl", other, 5);
	ok(verify(NULL) > 0, "a removed entry is found");
	is_int(seen.sequence, 3, "it is said which");
	is_int(seen.line, 4, "and where");

	memcpy(other, lines, sizeof(lines));
	other[2] = lines[3];
	other[3] = lines[2];
	put_lines("00000001.jsonl", other, 6);
	is_int(verify(NULL), 2, "two swapped entries are found");
	is_int(seen.sequence, 2, "the first that is missing is named");

	memcpy(other, lines, sizeof(lines));
	memmove(&other[4], &other[3], 3 * sizeof(*other));
	put_lines("00000001.jsonl", other, 7);
	is_int(verify(NULL), 1, "a doubled entry is found");
	is_int(seen.sequence, 3, "it is said which");
	is_int(seen.line, 5, "and where");

	put_lines("00000001.jsonl", lines, 5);
	is_int(verify(NULL), 1, "a lost last entry is found");
	is_int(seen.sequence, 5, "it is said which");

	put("00000001.jsonl", str_of(b.p, b.len - 10));
	is_int(verify(NULL), 1, "a torn acknowledged entry is found");
	is_int(seen.sequence, 5, "it is said which");

	put_lines("00000001.jsonl", lines, 1);
	is_int(verify(NULL), 1, "a segment cut to its header is found");

	lines[3].len -= 3;
	put_lines("00000001.jsonl", lines, 6);
	ok(verify(NULL) > 0, "an entry without its end is found");
	is_int(seen.sequence, 3, "it is said which");
	buf_release(&b);
}

static void
test_one_change(void)
{
	struct trail_state s = { 0 };
	struct buf b;
	ptrdiff_t at;

	make_trail(5);
	get("00000001.jsonl", &b);
	at = str_find_str(buf_str(&b), STR("\"seq\":3,"));
	b.p[at + 40] ^= 1;
	put("00000001.jsonl", buf_str(&b));
	is_int(verify(&s), 1, "one changed entry is one problem");
	is_int(seen.sequence, 3, "it is said which");
	is_str(str_from(seen.segment), STR("00000001.jsonl"), "in which segment");
	is_int(seen.line, 4, "in which line");
	is_int(s.entries, 4, "the others are good");
	buf_release(&b);
}

static void
test_segments(void)
{
	char one[PATH_TEXT], two[PATH_TEXT], three[PATH_TEXT], away[PATH_TEXT];
	struct trail_state s = { 0 };
	struct buf b;

	make_trail(30);
	path_of("00000001.jsonl", one);
	path_of("00000002.jsonl", two);
	path_of("00000003.jsonl", three);
	path_of("away", away);
	is_int(verify(&s), 0, "a trail of several segments is whole");
	is_int(s.segments, 3, "it has rotated by size");
	is_int(s.entries, 30, "all entries are there");

	rename(two, away);
	is_int(verify(NULL), 1, "a missing segment is found");
	is_str(str_from(seen.segment), STR("00000002.jsonl"), "it is said which");
	rename(away, two);

	rename(one, away);
	ok(verify(NULL) > 0, "a missing first segment is found");
	is_str(str_from(seen.segment), STR("00000001.jsonl"), "it is said which");
	rename(away, one);

	rename(three, away);
	is_int(verify(NULL), 1, "a missing last segment is found");
	rename(away, three);

	rename(one, away);
	rename(two, one);
	rename(away, two);
	ok(verify(NULL) > 0, "two swapped segments are found");
	rename(one, away);
	rename(two, one);
	rename(away, two);

	path_of("checkpoint", one);
	rename(one, away);
	is_int(verify(NULL), 1, "a missing checkpoint is found");
	rename(away, one);

	get("00000003.jsonl", &b);
	make_trail(21);
	put("00000003.jsonl", buf_str(&b));
	ok(verify(NULL) > 0, "a segment of another trail is found");
	buf_release(&b);
}

static void
test_reopen(void)
{
	struct error err = { 0 };
	struct trail_state s = { 0 };
	uint8_t head[SHA256_BYTES];
	struct audit *a, *second;
	int status;
	pid_t child;

	make_trail(3);
	a = open_trail(&err);
	is_int(audit_head(a, head), 3, "a trail is gone on with");
	is_int(append(a, 16, &err), 0, "a batch is written");
	is_int(audit_head(a, head), 19, "its entries are counted");

	second = open_trail(&err);
	ok(!second && err.kind == ERROR_CONFLICT, "the folder is locked against others");
	audit_close(second);
	child = fork();
	if (child == 0)
		_exit(open_trail(&err) ? 1 : 0);
	waitpid(child, &status, 0);
	is_int(status, 0, "of other processes too");
	is_int(verify(&s), 0, "it can be read while it is open");
	is_int(s.entries, 19, "all of it");
	audit_close(a);

	s = (struct trail_state){ .expect_sequence = 19 };
	memcpy(s.expect_hash, head, sizeof(head));
	ok(verify(&s) == 0 && s.expect_found, "a head noted earlier is found");
	head[0] ^= 1;
	s = (struct trail_state){ .expect_sequence = 19 };
	memcpy(s.expect_hash, head, sizeof(head));
	ok(verify(&s) == 0 && !s.expect_found, "another head is not");
}

static void
test_torn(void)
{
	struct trail_state s = { 0 };
	struct error err = { 0 };
	struct audit *a;
	struct buf b;

	make_trail(3);
	get("00000001.jsonl", &b);
	buf_puts(&b, "{\"hash\":\"0123");
	put("00000001.jsonl", buf_str(&b));
	is_int(verify(&s), 0, "an incomplete line that nobody was promised is no change");
	ok(s.incomplete, "but it is told");
	a = open_trail(&err);
	ok(a != NULL, "the trail opens");
	is_int(append(a, 1, &err), 0, "and goes on");
	audit_close(a);
	s = (struct trail_state){ 0 };
	is_int(verify(&s), 0, "it is whole again");
	is_int(s.entries, 5, "the repair has an entry of its own");
	buf_release(&b);

	make_trail(3);
	get("00000001.jsonl", &b);
	put("00000001.jsonl", str_of(b.p, b.len - 1));
	a = open_trail(&err);
	ok(!a && err.kind == ERROR_INVALID, "a torn line that was acknowledged is not repaired");
	audit_close(a);
	put("00000001.jsonl", buf_str(&b));
	b.p[b.len - 30] ^= 1;
	put("00000001.jsonl", buf_str(&b));
	a = open_trail(&err);
	ok(!a && err.kind == ERROR_INVALID, "a changed trail is not written to");
	ok(str_find_str(str_from(err.text), STR("firedoor audit verify")) >= 0,
	    "and it is said what to do");
	audit_close(a);
	buf_release(&b);

	make_trail(3);
	put("00000002.jsonl", STR("{\"ha"));
	a = open_trail(&err);
	ok(a != NULL, "a segment whose header was never whole is removed");
	audit_close(a);
	is_int(verify(NULL), 0, "and the trail is whole");
}

static void
test_foreign(void)
{
	struct error err = { 0 };
	struct audit *a;

	empty_folder();
	put("00000001.jsonl", STR("not ours\n"));
	a = open_trail(&err);
	ok(!a, "a folder with other files of that name is refused");
	audit_close(a);
	empty_folder();
	is_int(verify(NULL), -1, "an empty folder is no trail");
}

/* A file size limit stands for the full disk: both make a write come short. */
static void
test_full_disk(void)
{
	struct rlimit limit, tight;
	struct trail_state s = { 0 };
	struct error err = { 0 };
	struct audit_options o = { .folder = folder, .segment_size = 1 << 20 };
	struct audit *a;
	struct buf before, after;
	unsigned written = 0;

	empty_folder();
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	a = audit_open(&o, &err);
	tight = limit;
	tight.rlim_cur = 5000;
	setrlimit(RLIMIT_FSIZE, &tight);
	while (written < 100 && append(a, 1, &err) == 0)
		written++;
	ok(written > 3 && written < 100 && err.kind == ERROR_IO, "a full disk is an error");
	get("00000001.jsonl", &before);
	ok(append(a, 2, &err) < 0, "and stays one");
	get("00000001.jsonl", &after);
	is_str(buf_str(&after), buf_str(&before), "nothing of a failed batch is left");
	is_int(verify(NULL), 0, "the trail is whole");
	setrlimit(RLIMIT_FSIZE, &limit);
	is_int(append(a, 1, &err), 0, "with room again it goes on");
	audit_close(a);
	is_int(verify(&s), 0, "whole");
	is_int(s.entries, written + 1, "with what was acknowledged");
	buf_release(&before);
	buf_release(&after);
}

/* A rotation that fails leaves the old segment to go on with. */
static void
test_full_rotation(void)
{
	struct error err = { 0 };
	struct audit *a;
	char path[PATH_TEXT];

	empty_folder();
	a = open_trail(&err);
	path_of("00000002.jsonl", path);
	mkdir(path, 0700);
	for (unsigned i = 0; i < 100 && append(a, 1, &err) == 0; i++)
		;
	ok(err.kind == ERROR_IO, "a segment that cannot be begun is an error");
	rmdir(path);
	is_int(append(a, 1, &err), 0, "and is begun later");
	audit_close(a);
	is_int(verify(NULL), 0, "whole");
}

static void
test_kill(void)
{
	unsigned lost = 0, broken = 0;
	uint8_t head[SHA256_BYTES];
	struct error err;

	empty_folder();
	for (unsigned round = 0; round < 20; round++) {
		int fds[2], got = pipe(fds);
		uint64_t told = 0, n;
		struct audit *a;
		pid_t child = fork();

		if (child == 0) {
			a = open_trail(&err);
			while (a && append(a, 3, &err) == 0) {
				n = audit_head(a, head);
				if (write(fds[1], &n, sizeof(n)) < 0)
					break;
			}
			_exit(0);
		}
		close(fds[1]);
		usleep(2000 + 1500 * round);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		while (got == 0 && read(fds[0], &n, sizeof(n)) == sizeof(n))
			told = n;
		close(fds[0]);
		a = open_trail(&err);
		if (!a || audit_head(a, head) < told)
			lost++;
		audit_close(a);
		broken += verify(NULL) != 0;
	}
	is_int(lost, 0, "20 times killed, no acknowledged entry is lost");
	is_int(broken, 0, "and the trail is whole each time");
}

int
main(void)
{
	snprintf(folder, sizeof(folder), "/tmp/firedoor-audit-XXXXXX");
	if (!mkdtemp(folder))
		return 99;
	log_setup(LOG_ERROR, LOG_TEXT);
	test_format();
	test_hostile_text();
	test_every_byte();
	test_every_cut();
	test_lines();
	test_one_change();
	test_segments();
	test_reopen();
	test_torn();
	test_foreign();
	test_full_disk();
	test_full_rotation();
	test_kill();
	empty_folder();
	rmdir(folder);
	return tap_done();
}
