/* gateway/store: letters and notes, as store.h promises them. */
#include <unistd.h>

#include "gateway/store/store.h"
#include "tests/tap.h"
#include "tests/unit/fake_pack.h"

static struct store *store;
static struct store_reader *reader;
static struct arena arena;

static int
commit(struct store_write *w)
{
	struct store_write *batch[] = { w };

	w->arena = &arena;
	return store_commit(store, batch, 1, NULL) < 0 ? -1 : w->result;
}

static int
put(const char *box, const char *key, const char *body, struct store_letter *l)
{
	struct store_write w = { .letters = l, .letter_count = 1 };

	*l = (struct store_letter){ .box = str_from(box),
		.key = str_from(key),
		.head = STR("{}"),
		.body = str_from(body) };
	return commit(&w);
}

static unsigned
count(const char *box)
{
	uint64_t n = 99;
	int64_t oldest;

	store_count_letters(reader, str_from(box), &n, &oldest, NULL);
	return (unsigned)n;
}

static void
test_letters(void)
{
	struct store_letter a, b, c, found, *list;
	uint32_t n;
	struct store_letters q = { .box = STR("out/x"), .most = 10, .bodies = true };

	ok(put("out/x", NULL, "one", &a) == 0 && put("out/x", NULL, "two", &b) == 0 &&
		put("out/y", NULL, "other", &c) == 0,
	    "letters are put");
	ok(a.number < b.number && b.number < c.number, "numbers grow over all boxes");
	ok(store_read_letters(reader, &q, &arena, &list, &n, NULL) == 0 && n == 2, "a box is read");
	ok(str_is(list[0].body, "one") && str_is(list[1].body, "two") && list[0].times == 1,
	    "in the order they were put");
	q.after = a.number;
	store_read_letters(reader, &q, &arena, &list, &n, NULL);
	ok(n == 1 && list[0].number == b.number, "behind a number");
	q = (struct store_letters){ .box = STR("out/x"), .most = 1, .backwards = true };
	store_read_letters(reader, &q, &arena, &list, &n, NULL);
	ok(n == 1 && list[0].number == b.number && !list[0].body.len && list[0].body_len == 3,
	    "the newest first, without bodies");
	ok(put("dead", "k", "first", &a) == 0 && put("dead", "k", "second", &b) == 0 &&
		a.number == b.number && b.times == 2,
	    "the same key takes the same place");
	is_int(count("dead"), 1, "and is one letter");
	ok(store_read_letter(reader, STR("dead"), a.number, &arena, &found, NULL) == 1 &&
		str_is(found.body, "second") && str_is(found.key, "k"),
	    "one is read by number");
	ok(store_find_letter(reader, STR("dead"), STR("k"), &arena, &found, NULL) == 1 &&
		found.number == a.number,
	    "and by key");
	is_int(store_read_letter(reader, STR("out/x"), a.number, &arena, &found, NULL), 0,
	    "not in another box");
}

static void
test_limit(void)
{
	struct store_letter l = {
		.box = STR("small"), .head = STR("{}"), .body = STR("m"), .most = 2
	};
	struct store_write w = { .letters = &l, .letter_count = 1 };

	ok(commit(&w) == 0 && commit(&w) == 0, "a box has room for two");
	ok(commit(&w) < 0 && w.error.kind == ERROR_LIMIT && count("small") == 2,
	    "and for no third");
}

static void
test_takes(void)
{
	struct store_letter l, other = { .box = STR("out/z"), .head = STR("{}"), .body = STR("m") };
	struct store_take take = { .box = STR("dead") };
	struct store_write w = {
		.takes = &take, .take_count = 1, .letters = &other, .letter_count = 1
	};

	put("dead", "t", "message", &l);
	take.number = l.number;
	ok(commit(&w) == 0 && count("out/z") == 1 && count("dead") == 1,
	    "a letter is taken and another put in one transaction");
	ok(commit(&w) < 0 && w.error.kind == ERROR_MISSING && count("out/z") == 1,
	    "taken twice: the transaction fails, and puts nothing");
	take.may_be_gone = true;
	ok(commit(&w) == 0 && count("out/z") == 2, "unless it may be gone");
	put("dead", "u", "message", &l);
	take = (struct store_take){ STR("out/z"), l.number, false };
	ok(commit(&w) < 0 && count("dead") == 2, "a letter of another box is not taken");
}

static void
test_notes(void)
{
	struct store_note n = { .key = STR("s"), .value = STR("7") };
	struct store_write w = { .notes = &n, .note_count = 1 };
	struct str value;

	ok(!store_read_note(reader, STR("s"), &arena, &value), "nothing is noted");
	ok(commit(&w) == 0 && store_read_note(reader, STR("s"), &arena, &value) &&
		str_is(value, "7"),
	    "a note is kept");
	n = (struct store_note){ STR("s"), STR("8"), STR("7"), true };
	ok(commit(&w) == 0, "changed by whom knows it");
	ok(commit(&w) < 0 && w.error.kind == ERROR_CONFLICT, "and not by who does not");
	n = (struct store_note){ STR("new"), STR("1"), STR(""), true };
	ok(commit(&w) == 0, "nothing can be known, too");
	n = (struct store_note){ .key = STR("s") };
	ok(commit(&w) == 0 && !store_read_note(reader, STR("s"), &arena, &value), "forgotten");
}

int
main(void)
{
	char folder[] = "/tmp/test_letter.XXXXXX", path[64], command[64];
	struct error err = { 0 };

	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/store.db", folder);
	arena_init(&arena, 64 << 20, 0);
	store = store_open(
	    &(struct store_options){ .path = path, .pack = fake_pack(), .busy_ms = 100 }, &err);
	reader = store ? store_reader_open(store, &err) : NULL;
	if (ok(reader != NULL, "a store opens (%s)", err.text)) {
		test_letters();
		test_limit();
		test_takes();
		test_notes();
	}
	store_reader_close(reader);
	store_close(store);
	arena_release(&arena);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) == 0 ? tap_done() : 1;
}
