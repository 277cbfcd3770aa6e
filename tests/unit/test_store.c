/* gateway/store: writing, reading, conditions, failures. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "gateway/store/fold.h"
#include "gateway/store/store.h"
#include "tests/tap.h"
#include "tests/unit/fake_pack.h"

static char folder[] = "/tmp/test_store.XXXXXX";
static const struct store_visibility everything = { .kind = SEES_EVERYTHING };

static const char *
path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static struct store *
open_store(const char *name, uint64_t max_bytes, struct error *err)
{
	struct store_options o = {
		.path = path_of(name), .pack = fake_pack(), .busy_ms = 100, .max_bytes = max_bytes
	};

	return store_open(&o, err);
}

/* A store with a reader and an arena. */
struct fixture {
	struct store *s;
	struct store_reader *r;
	struct arena a;
};

static bool
begin(struct fixture *f, const char *name)
{
	struct error err = { 0 };

	arena_init(&f->a, 256 << 20, 0);
	f->s = open_store(name, 0, &err);
	f->r = f->s ? store_reader_open(f->s, &err) : NULL;
	return ok(f->s && f->r, "%s opens (%s)", name, err.text);
}

static void
end(struct fixture *f)
{
	store_reader_close(f->r);
	store_close(f->s);
	arena_release(&f->a);
}

/* {"resourceType":"…","id":"ID","meta":{"versionId":"V","lastUpdated":"T"}}
 * with the three spliced. */
#define BODY "{\"id\":\"\",\"meta\":{\"versionId\":\"\",\"lastUpdated\":\"\"}}"
static struct splice body_splices[] = {
	{ 7, SPLICE_ID, 0 },
	{ 30, SPLICE_VERSION, 0 },
	{ 47, SPLICE_UPDATED, 0 },
};

static struct store_op
op_of(enum store_verb verb, uint32_t type, const char *id)
{
	return (struct store_op){ .verb = verb,
		.type = type,
		.id = str_from(id),
		.body = STR(BODY),
		.splices = { body_splices, 3 } };
}

static int
commit_ops(struct fixture *f, struct store_op *ops, uint32_t count, struct store_write *w)
{
	struct store_write *batch[] = { w };

	w->arena = &f->a;
	w->ops = ops;
	w->count = count;
	if (w->visibility.kind == SEES_NOTHING)
		w->visibility = everything;
	return store_commit(f->s, batch, 1, NULL) < 0 ? -1 : w->result;
}

static int
commit_one(struct fixture *f, struct store_op *op)
{
	struct store_write w = { 0 };

	return commit_ops(f, op, 1, &w);
}

static enum error_kind
commit_error(struct fixture *f, struct store_op *op)
{
	struct store_write w = { 0 };

	return commit_ops(f, op, 1, &w) < 0 ? w.error.kind : ERROR_OTHER;
}

static uint64_t
count_of(struct fixture *f, uint32_t type)
{
	uint64_t n = UINT64_MAX;

	store_count(f->r, type, &n, NULL);
	return n;
}

static void
test_lifecycle(void)
{
	struct fixture f;
	struct store_version v, old;
	struct store_op op;
	char instant[INSTANT_TEXT], want[256];

	if (!begin(&f, "lifecycle"))
		return;
	op = op_of(STORE_CREATE, FAKE_PATIENT, "p1");
	is_int(commit_one(&f, &op), 0, "create");
	ok(op.outcome == STORE_CREATED && op.version == 1, "is version 1");
	instant_format(op.updated, instant);
	snprintf(want, sizeof(want),
	    "{\"id\":\"p1\",\"meta\":{\"versionId\":\"1\",\"lastUpdated\":\"%s\"}}", instant);
	is_str(op.final_body, str_from(want), "id, version and time are spliced");
	is_int(op.updated % 1000, 0, "the time is in milliseconds");
	is_int(store_read(f.r, FAKE_PATIENT, STR("p1"), 0, &everything, &f.a, &v, NULL), 1, "read");
	is_str(v.body, str_from(want), "the bytes that were written");
	ok(v.type == FAKE_PATIENT && v.version == 1 && v.updated == op.updated && !v.deleted,
	    "its version and time");
	is_int(store_read(f.r, FAKE_OBSERVATION, STR("p1"), 0, &everything, &f.a, &v, NULL), 0,
	    "not of another type");
	is_int(commit_error(&f, &op), ERROR_CONFLICT, "an id that is taken");

	op = op_of(STORE_UPDATE, FAKE_PATIENT, "p1");
	ok(commit_one(&f, &op) == 0 && op.outcome == STORE_UPDATED && op.version == 2, "update");
	is_int(store_read(f.r, FAKE_PATIENT, STR("p1"), 1, &everything, &f.a, &old, NULL), 1,
	    "vread of the version before");
	ok(old.version == 1 && old.updated <= op.updated, "which is the older");
	is_int(store_read(f.r, FAKE_PATIENT, STR("p1"), 3, &everything, &f.a, &v, NULL), 0,
	    "no version that is not there");

	op = op_of(STORE_DELETE, FAKE_PATIENT, "p1");
	ok(commit_one(&f, &op) == 0 && op.outcome == STORE_DELETED && op.version == 3, "delete");
	ok(store_read(f.r, FAKE_PATIENT, STR("p1"), 0, &everything, &f.a, &v, NULL) == 1 &&
		v.deleted && v.body.len == 0,
	    "a deleted resource is known, without body");
	op = op_of(STORE_DELETE, FAKE_PATIENT, "p1");
	ok(commit_one(&f, &op) == 0 && op.outcome == STORE_UNCHANGED && op.version == 3,
	    "deleting again changes nothing");
	op = op_of(STORE_DELETE, FAKE_PATIENT, "nobody");
	ok(commit_one(&f, &op) == 0 && op.outcome == STORE_UNCHANGED && op.version == 0,
	    "nor does deleting nothing");
	is_int(count_of(&f, PACK_NONE), 0, "none is current");

	op = op_of(STORE_UPDATE, FAKE_PATIENT, "p1");
	ok(commit_one(&f, &op) == 0 && op.outcome == STORE_CREATED && op.version == 4,
	    "versions go on after a deletion");
	op = op_of(STORE_UPDATE, FAKE_PATIENT, "p2");
	op.must_exist = true;
	is_int(commit_error(&f, &op), ERROR_MISSING, "an update that must not create");
	op = op_of(STORE_UPDATE, FAKE_PATIENT, "p2");
	ok(commit_one(&f, &op) == 0 && op.outcome == STORE_CREATED && op.version == 1,
	    "update as create");
	op = op_of(STORE_CREATE, FAKE_PATIENT, "");
	is_int(commit_error(&f, &op), ERROR_INVALID, "no id");
	end(&f);
}

static void
test_if_match(void)
{
	struct fixture f;
	struct store_op op;

	if (!begin(&f, "if_match"))
		return;
	op = op_of(STORE_UPDATE, FAKE_PATIENT, "p1");
	op.if_match = 1;
	is_int(commit_error(&f, &op), ERROR_CONFLICT, "if-match of what is not there");
	op = op_of(STORE_UPDATE, FAKE_PATIENT, "p1");
	commit_one(&f, &op);
	op.if_match = 1;
	is_int(commit_one(&f, &op), 0, "if-match of what is current");
	is_int(commit_error(&f, &op), ERROR_CONFLICT, "if-match of what was");
	op = op_of(STORE_DELETE, FAKE_PATIENT, "p1");
	op.if_match = 1;
	is_int(commit_error(&f, &op), ERROR_CONFLICT, "a delete too");
	op.if_match = 2;
	is_int(commit_one(&f, &op), 0, "and when it is current");
	end(&f);
}

static void
test_history(void)
{
	struct fixture f;
	struct store_page page;
	struct store_history h = { .type = FAKE_PATIENT,
		.id = STR("p1"),
		.count = 2,
		.want_total = true,
		.visibility = { .kind = SEES_EVERYTHING } };
	struct store_op op;
	int64_t moment;

	if (!begin(&f, "history"))
		return;
	for (int i = 0; i < 3; i++) {
		op = op_of(STORE_UPDATE, FAKE_PATIENT, "p1");
		commit_one(&f, &op);
		op = op_of(STORE_UPDATE, FAKE_OBSERVATION, "o1");
		commit_one(&f, &op);
	}
	op = op_of(STORE_DELETE, FAKE_PATIENT, "p1");
	commit_one(&f, &op);
	is_int(store_read_history(f.r, &h, &f.a, &page, NULL), 0, "an instance's history");
	ok(page.count == 2 && page.total == 4 && page.more, "a page of two of four");
	ok(page.at[0].version == 4 && page.at[0].deleted && page.at[1].version == 3,
	    "the newest first, the deletion too");
	ok(page.at[1].body.len > 0, "with bodies");
	moment = page.moment;
	op = op_of(STORE_UPDATE, FAKE_PATIENT, "p1");
	commit_one(&f, &op);
	h.moment = moment;
	h.before_row = page.next_row;
	store_read_history(f.r, &h, &f.a, &page, NULL);
	ok(page.count == 2 && page.at[0].version == 2 && page.at[1].version == 1 && !page.more &&
		page.total == 4,
	    "the next page shows the same moment");
	h = (struct store_history){
		.type = FAKE_PATIENT, .count = 100, .want_total = true, .visibility = everything
	};
	store_read_history(f.r, &h, &f.a, &page, NULL);
	ok(page.count == 5 && page.total == 5, "a type's history");
	h.type = PACK_NONE;
	store_read_history(f.r, &h, &f.a, &page, NULL);
	ok(page.count == 8 && page.at[0].type == FAKE_PATIENT && page.at[7].version == 1,
	    "the system's history");
	h.since = page.at[2].updated;
	store_read_history(f.r, &h, &f.a, &page, NULL);
	ok(page.count >= 3 && page.at[page.count - 1].updated >= h.since, "since a time");
	h.since = clock_wall() + 10000000;
	store_read_history(f.r, &h, &f.a, &page, NULL);
	is_int(page.count, 0, "since a time to come");
	h.since = 0;
	h.visibility = (struct store_visibility){ 0 };
	store_read_history(f.r, &h, &f.a, &page, NULL);
	ok(page.count == 0 && page.total == 0, "nothing for who sees nothing");
	end(&f);
}

static struct store_index
token_row(uint32_t param, const char *system, const char *value)
{
	return (struct store_index){ .kind = PARAM_TOKEN,
		.param = param,
		.system = str_from(system),
		.value = str_from(value),
		.entry = PACK_NONE };
}

static struct store_test
token_test(const char *system, const char *value)
{
	return (struct store_test){ .kind = TEST_TOKEN,
		.param = FAKE_IDENTIFIER,
		.system = str_from(system),
		.value = str_from(value) };
}

/* Index rows that wait for the commit's end: later transactions see them, and
 * not those of one that failed. */
static void
test_batch_conditions(void)
{
	struct fixture f;
	struct store_index seven = token_row(FAKE_IDENTIFIER, "urn:mrn", "7");
	struct store_index eight = token_row(FAKE_IDENTIFIER, "urn:mrn", "8");
	struct store_test is_seven = token_test("urn:mrn", "7");
	struct store_test is_eight = token_test("urn:mrn", "8");
	struct store_clause clauses[] = { { &is_seven, 1 }, { &is_eight, 1 } };
	struct store_op a, failing[2], c, d;
	struct store_write w[4] = { 0 }, *batch[] = { &w[0], &w[1], &w[2], &w[3] };
	struct store_query q = {
		.type = FAKE_PATIENT, .clause_count = 1, .count = 10, .visibility = everything
	};
	struct store_page page;

	if (!begin(&f, "batch_conditions"))
		return;
	a = op_of(STORE_CREATE, FAKE_PATIENT, "a");
	a.index = &seven;
	failing[0] = op_of(STORE_CREATE, FAKE_PATIENT, "b");
	failing[0].index = &eight;
	failing[1] = op_of(STORE_CREATE, FAKE_PATIENT, "a");
	c = op_of(STORE_CREATE, FAKE_PATIENT, "c");
	c.index = &eight;
	c.match = (struct store_match){ &clauses[1], 1 };
	d = op_of(STORE_CREATE, FAKE_PATIENT, "d");
	d.index = &seven;
	d.match = (struct store_match){ &clauses[0], 1 };
	a.index_count = failing[0].index_count = c.index_count = d.index_count = 1;
	w[0] = (struct store_write){ .arena = &f.a, .ops = &a, .count = 1 };
	w[1] = (struct store_write){ .arena = &f.a, .ops = failing, .count = 2 };
	w[2] = (struct store_write){ .arena = &f.a, .ops = &c, .count = 1 };
	w[3] = (struct store_write){ .arena = &f.a, .ops = &d, .count = 1 };
	w[2].visibility = w[3].visibility = everything;
	is_int(store_commit(f.s, batch, 4, NULL), 0, "a batch with conditions");
	ok(w[1].result < 0, "whose second transaction fails");
	ok(w[2].result == 0 && c.outcome == STORE_CREATED,
	    "what that one would have written is not found");
	ok(w[3].result == 0 && d.outcome == STORE_UNCHANGED && str_is(d.final_id, "a"),
	    "what the first has written is");
	for (int i = 0; i < 2; i++) {
		q.clauses = &clauses[i];
		ok(store_search(f.r, &q, &f.a, &page, NULL) == 0 && page.count == 1 &&
			str_is(page.at[0].id, i ? "c" : "a"),
		    "a search finds the one that is there");
	}
	end(&f);
}

static void
test_conditions(void)
{
	struct fixture f;
	struct store_index row = token_row(FAKE_IDENTIFIER, "urn:mrn", "7");
	struct store_test test = token_test("urn:mrn", "7");
	struct store_clause clause = { &test, 1 };
	struct store_op op, two;
	struct store_write w = { 0 };
	struct store_version v;

	if (!begin(&f, "conditions"))
		return;
	op = op_of(STORE_FIND, FAKE_PATIENT, "");
	op.match = (struct store_match){ &clause, 1 };
	is_int(commit_error(&f, &op), ERROR_MISSING, "find finds none");
	op = op_of(STORE_CREATE, FAKE_PATIENT, "p1");
	op.index = &row;
	op.index_count = 1;
	op.match = (struct store_match){ &clause, 1 };
	ok(commit_one(&f, &op) == 0 && op.outcome == STORE_CREATED, "conditional create: none");
	op.id = STR("p2");
	ok(commit_one(&f, &op) == 0 && op.outcome == STORE_UNCHANGED, "conditional create: one");
	is_str(op.final_id, STR("p1"), "is the one that is there");
	store_read(f.r, FAKE_PATIENT, STR("p1"), 0, &everything, &f.a, &v, NULL);
	is_str(op.final_body, v.body, "with its body");
	is_int(op.version, 1, "and version");

	op = op_of(STORE_UPDATE, FAKE_PATIENT, "p9");
	op.match = (struct store_match){ &clause, 1 };
	op.index = &row;
	op.index_count = 1;
	ok(commit_one(&f, &op) == 0 && op.outcome == STORE_UPDATED && op.version == 2,
	    "conditional update: one");
	is_str(op.final_id, STR("p1"), "is updated");
	op.id_given = true;
	is_int(commit_error(&f, &op), ERROR_INVALID, "unless another id was given");

	two = op_of(STORE_CREATE, FAKE_PATIENT, "p2");
	two.index = &row;
	two.index_count = 1;
	commit_one(&f, &two);
	op.id_given = false;
	is_int(commit_error(&f, &op), ERROR_INVALID, "conditional update: several");
	op.verb = STORE_CREATE;
	is_int(commit_error(&f, &op), ERROR_INVALID, "conditional create: several");
	op.verb = STORE_DELETE;
	is_int(commit_error(&f, &op), ERROR_INVALID, "conditional delete: several");
	two = op_of(STORE_DELETE, FAKE_PATIENT, "p2");
	commit_one(&f, &two);
	ok(commit_one(&f, &op) == 0 && op.outcome == STORE_DELETED, "conditional delete: one");
	ok(commit_one(&f, &op) == 0 && op.outcome == STORE_UNCHANGED && op.final_id.len == 0,
	    "conditional delete: none");
	w.visibility.kind = SEES_COMPARTMENT;
	w.visibility.compartment = STR("Patient/none");
	two = op_of(STORE_CREATE, FAKE_PATIENT, "p3");
	two.index = &row;
	two.index_count = 1;
	commit_one(&f, &two);
	op = op_of(STORE_FIND, FAKE_PATIENT, "");
	op.match = (struct store_match){ &clause, 1 };
	ok(commit_ops(&f, &op, 1, &w) < 0 && w.error.kind == ERROR_MISSING,
	    "what may not be seen is not found");
	{
		struct store_write nothing = { .arena = &f.a, .ops = &op, .count = 1 };
		struct store_write *batch[] = { &nothing };

		store_commit(f.s, batch, 1, NULL);
		ok(nothing.result < 0 && nothing.error.kind == ERROR_DENIED,
		    "a condition needs a visibility");
	}
	end(&f);
}

/* References between entries, one of them to what a condition finds. */
static void
test_references(void)
{
	static struct splice refs[] = { { 1, SPLICE_REFERENCE, 0 }, { 3, SPLICE_REFERENCE, 2 } };
	struct fixture f;
	struct store_index row = token_row(FAKE_IDENTIFIER, "urn:mrn", "1");
	struct store_index subject = { .kind = PARAM_REFERENCE, .param = FAKE_SUBJECT, .entry = 0 };
	struct store_test test = token_test("urn:mrn", "1");
	struct store_test by_subject = {
		.kind = TEST_REFERENCE, .param = FAKE_SUBJECT, .value = STR("Patient/there")
	};
	struct store_clause clause = { &test, 1 }, subject_clause = { &by_subject, 1 };
	struct store_query q = { .type = FAKE_OBSERVATION,
		.clauses = &subject_clause,
		.clause_count = 1,
		.count = 10,
		.visibility = { .kind = SEES_EVERYTHING } };
	struct store_op ops[3];
	struct store_write w = { 0 };
	struct store_page page;

	if (!begin(&f, "references"))
		return;
	ops[0] = op_of(STORE_CREATE, FAKE_PATIENT, "there");
	ops[0].index = &row;
	ops[0].index_count = 1;
	commit_one(&f, &ops[0]);
	ops[0].id = STR("new");
	ops[0].match = (struct store_match){ &clause, 1 };
	ops[1] = op_of(STORE_CREATE, FAKE_OBSERVATION, "obs");
	ops[1].body = STR("[,]");
	ops[1].splices = (struct splices){ refs, 2 };
	refs[0].offset = 1;
	refs[1].offset = 2;
	ops[1].index = &subject;
	ops[1].index_count = 1;
	ops[2] = op_of(STORE_CREATE, FAKE_ENCOUNTER, "enc");
	is_int(commit_ops(&f, ops, 3, &w), 0, "a transaction of three");
	is_str(ops[1].final_body, STR("[Patient/there,Encounter/enc]"),
	    "refers to what was found and to a later entry");
	ok(store_search(f.r, &q, &f.a, &page, NULL) == 0 && page.count == 1 &&
		str_is(page.at[0].id, "obs"),
	    "and is found by the reference");

	ops[0] = op_of(STORE_UPDATE, FAKE_PATIENT, "there");
	ops[2] = op_of(STORE_UPDATE, FAKE_PATIENT, "there");
	ops[1] = op_of(STORE_CREATE, FAKE_OBSERVATION, "obs2");
	ok(commit_ops(&f, ops, 3, &w) < 0 && w.error.kind == ERROR_INVALID && w.failed_op == 2,
	    "one resource twice is refused");
	is_int(
	    store_read(f.r, FAKE_OBSERVATION, STR("obs2"), 0, &everything, &f.a, &page.at[0], NULL),
	    0, "and nothing of it was done");
	ops[1].splices.count = 1;
	ops[1].splices.at = (struct splice[]){ { 1, SPLICE_REFERENCE, 9 } };
	ok(commit_ops(&f, ops, 2, &w) < 0 && w.error.kind == ERROR_INVALID,
	    "an entry that is not there");
	ops[1].splices.at = (struct splice[]){ { 1000, SPLICE_ID, 0 } };
	ok(commit_ops(&f, ops, 2, &w) < 0, "a splice behind the end");
	end(&f);
}

/* Two conditional creates of one identifier in one transaction. */
static void
test_conditions_inside(void)
{
	struct fixture f;
	struct store_index row = token_row(FAKE_IDENTIFIER, "urn:mrn", "1");
	struct store_test test = token_test("urn:mrn", "1");
	struct store_clause clause = { &test, 1 };
	struct store_op ops[3];
	struct store_write w = { 0 };

	if (!begin(&f, "inside"))
		return;
	for (int i = 0; i < 3; i++) {
		ops[i] = op_of(STORE_CREATE, FAKE_PATIENT, i == 0 ? "a" : i == 1 ? "b" : "c");
		ops[i].index = &row;
		ops[i].index_count = 1;
		ops[i].match = (struct store_match){ &clause, 1 };
	}
	is_int(commit_ops(&f, ops, 3, &w), 0, "three creates of one identifier");
	is_int(count_of(&f, FAKE_PATIENT), 1, "make one resource");
	ok(ops[2].outcome == STORE_UNCHANGED && str_is(ops[2].final_id, "a") &&
		ops[2].version == 1 && str_eq(ops[2].final_body, ops[0].final_body),
	    "that all three answer with");
	ops[0] = op_of(STORE_DELETE, FAKE_PATIENT, "a");
	is_int(commit_ops(&f, ops, 2, &w), 0, "delete and create again");
	ok(ops[1].outcome == STORE_CREATED && str_is(ops[1].final_id, "b"),
	    "makes another resource");
	ops[0] = op_of(STORE_FIND, FAKE_PATIENT, "");
	ops[0].match = (struct store_match){ &clause, 1 };
	ops[1] = op_of(STORE_UPDATE, FAKE_PATIENT, "b");
	ops[1].index = &row;
	ops[1].index_count = 1;
	is_int(commit_ops(&f, ops, 2, &w), 0, "a find before the op that writes what it finds");
	ok(str_is(ops[0].final_id, "b") && ops[0].version == 2 &&
		str_eq(ops[0].final_body, ops[1].final_body),
	    "finds what is written");
	for (int i = 0; i < 2; i++) {
		ops[i] = op_of(STORE_UPDATE, FAKE_PATIENT, "x");
		ops[i].match = (struct store_match){ &clause, 1 };
	}
	ok(commit_ops(&f, ops, 2, &w) < 0 && w.error.kind == ERROR_INVALID,
	    "two conditional updates of one resource are refused");
	end(&f);
}

/* 1,000 conditional creates of one identifier, in batches. */
static void
test_race(void)
{
	struct fixture f;
	struct store_index row = token_row(FAKE_IDENTIFIER, "urn:mrn", "same");
	struct store_test test = token_test("urn:mrn", "same");
	struct store_clause clause = { &test, 1 };
	unsigned created = 0, same = 0;

	if (!begin(&f, "race"))
		return;
	for (int b = 0; b < 20; b++) {
		struct store_write w[50], *batch[50];
		struct store_op ops[50];
		char ids[50][16];

		for (int i = 0; i < 50; i++) {
			snprintf(ids[i], sizeof(ids[i]), "r%d", b * 50 + i);
			ops[i] = op_of(STORE_CREATE, FAKE_PATIENT, ids[i]);
			ops[i].index = &row;
			ops[i].index_count = 1;
			ops[i].match = (struct store_match){ &clause, 1 };
			w[i] = (struct store_write){
				.arena = &f.a, .ops = &ops[i], .count = 1, .visibility = everything
			};
			batch[i] = &w[i];
		}
		store_commit(f.s, batch, 50, NULL);
		for (int i = 0; i < 50; i++) {
			created += w[i].result == 0 && ops[i].outcome == STORE_CREATED;
			same += str_is(ops[i].final_id, "r0");
		}
	}
	is_int(created, 1, "of 1,000 conditional creates one creates");
	is_int(same, 1000, "and all answer with that resource");
	is_int(count_of(&f, FAKE_PATIENT), 1, "of which there is one");
	end(&f);
}

static void
test_batch(void)
{
	struct fixture f;
	struct store_op a, b[2], c;
	struct store_write w[3] = { 0 }, *batch[] = { &w[0], &w[1], &w[2] };

	if (!begin(&f, "batch"))
		return;
	a = op_of(STORE_CREATE, FAKE_PATIENT, "a");
	b[0] = op_of(STORE_CREATE, FAKE_PATIENT, "b");
	b[1] = op_of(STORE_CREATE, FAKE_PATIENT, "a");
	c = op_of(STORE_UPDATE, FAKE_PATIENT, "a");
	w[0] = (struct store_write){ .arena = &f.a, .ops = &a, .count = 1 };
	w[1] = (struct store_write){ .arena = &f.a, .ops = b, .count = 2 };
	w[2] = (struct store_write){ .arena = &f.a, .ops = &c, .count = 1 };
	is_int(store_commit(f.s, batch, 3, NULL), 0, "a batch of three");
	ok(w[0].result == 0 && w[2].result == 0 && c.version == 2,
	    "one that fails leaves the others");
	ok(w[1].result < 0 && w[1].failed_op == 1 && w[1].error.kind == ERROR_CONFLICT,
	    "and says which op failed");
	is_int(count_of(&f, FAKE_PATIENT), 1, "all of it is undone");
	end(&f);
}

static void
test_dedup(void)
{
	struct fixture f;
	struct store_op op;
	struct store_write w = { .dedup_key = STR("sender|1"), .dedup_value = STR("MSA|AA") };
	struct str value;

	if (!begin(&f, "dedup"))
		return;
	op = op_of(STORE_CREATE, FAKE_PATIENT, "a");
	ok(commit_ops(&f, &op, 1, &w) == 0 && !w.duplicate, "a key for the first time");
	op = op_of(STORE_CREATE, FAKE_PATIENT, "b");
	w.dedup_value = STR("other");
	ok(commit_ops(&f, &op, 1, &w) == 0 && w.duplicate, "and again");
	is_str(w.dedup_value, STR("MSA|AA"), "gives what was kept");
	is_int(count_of(&f, FAKE_PATIENT), 1, "and does nothing");
	op = op_of(STORE_CREATE, FAKE_PATIENT, "a");
	w = (struct store_write){ .dedup_key = STR("sender|2"), .dedup_value = STR("x") };
	ok(commit_ops(&f, &op, 1, &w) < 0 && !store_find_key(f.r, STR("sender|2"), &f.a, &value),
	    "a transaction that fails keeps no key");
	ok(store_find_key(f.r, STR("sender|1"), &f.a, &value) && str_is(value, "MSA|AA"),
	    "a reader finds the key");
	is_int(store_forget_keys(f.s, clock_wall() + 1000000, NULL), 0, "keys are forgotten");
	ok(!store_find_key(f.r, STR("sender|1"), &f.a, &value), "and gone then");
	end(&f);
}

static void
write_file(const char *name, struct str text)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	write_all(fd, text, NULL);
	close(fd);
}

static bool
holds(const char *name, struct str text)
{
	struct buf b;
	bool same;

	buf_init(&b, 1 << 20);
	same = file_read(path_of(name), &b, NULL) == 0 && str_eq(buf_str(&b), text);
	buf_release(&b);
	return same;
}

static void
patch_file(const char *name, off_t at, const char *bytes, size_t len)
{
	int fd = open(path_of(name), O_WRONLY);

	if (pwrite(fd, bytes, len, at) != (ssize_t)len)
		perror("pwrite");
	close(fd);
}

static void
test_files(void)
{
	struct error err = { 0 };
	struct store *s, *again;
	char other[512] = "SQLite format 3";
	struct stat st;

	write_file("notes.txt", STR("not a database\n"));
	ok(!open_store("notes.txt", 0, &err) && err.kind == ERROR_INVALID,
	    "a text file is refused (%s)", err.text);
	ok(holds("notes.txt", STR("not a database\n")), "and left as it is");
	ok(stat(path_of("notes.txt-lock"), &st) < 0, "with nothing beside it");
	write_file("other.db", str_of(other, sizeof(other)));
	ok(!open_store("other.db", 0, &err) && err.kind == ERROR_INVALID,
	    "another program's database is refused");
	ok(holds("other.db", str_of(other, sizeof(other))), "and left as it is");
	ok(!open_store("no/such/folder", 0, &err), "a folder that is not there (%s)", err.text);

	write_file("lost-wal", STR("left behind"));
	ok(!open_store("lost", 0, &err) && strstr(err.text, "missing"),
	    "a journal without its store (%s)", err.text);
	ok(holds("lost-wal", STR("left behind")), "is left as it is");
	s = open_store("ours", 0, &err);
	ok(s != NULL, "a new store");
	again = open_store("ours", 0, &err);
	ok(!again && err.kind == ERROR_BUSY, "is for one process at a time (%s)", err.text);
	store_close(s);
	s = open_store("ours", 0, &err);
	ok(s != NULL, "opens again");
	store_close(s);
	patch_file("ours", 60, "\0\0\0\x63", 4);
	ok(!open_store("ours", 0, &err) && strstr(err.text, "99"), "a newer one is refused (%s)",
	    err.text);
	patch_file("ours", 60, "\0\0\0\1", 4);
	ok(!open_store("ours", 0, &err) && strstr(err.text, "version 1"),
	    "an older one is refused (%s)", err.text);
}

static void
test_reopen(void)
{
	struct fixture f;
	struct store_op op;
	int64_t updated;

	if (!begin(&f, "reopen"))
		return;
	op = op_of(STORE_UPDATE, FAKE_PATIENT, "p");
	commit_one(&f, &op);
	updated = op.updated;
	end(&f);
	if (!begin(&f, "reopen"))
		return;
	is_int(commit_one(&f, &op), 0, "goes on after reopening");
	ok(op.version == 2 && op.updated >= updated, "with the next version");
	end(&f);
}

static unsigned
child_commits(int out)
{
	struct fixture f;
	struct error err;

	arena_init(&f.a, 1 << 30, 0);
	f.s = open_store("killed", 0, &err);
	if (!f.s)
		_exit(1);
	for (unsigned i = 0;; i++) {
		struct store_op ops[2];
		char ids[2][16];

		for (int j = 0; j < 2; j++) {
			snprintf(ids[j], sizeof(ids[j]), "%c%ld-%u", 'a' + j, (long)getpid(), i);
			ops[j] = op_of(STORE_CREATE, FAKE_PATIENT, ids[j]);
		}
		struct store_write w = { 0 };

		if (commit_ops(&f, ops, 2, &w) < 0)
			_exit(1);
		if (write(out, &i, sizeof(i)) != sizeof(i))
			_exit(1);
		arena_reset(&f.a);
	}
}

/* Kill a writer again and again: what it acknowledged is there, in whole
 * transactions, and the store is in order. */
static void
test_kill(void)
{
	bool kept = true, whole = true;
	struct fixture f;
	unsigned acknowledged = 0;

	for (unsigned round = 0; round < 12; round++) {
		int pipes[2];
		unsigned n, last = 0, seen = 0;
		pid_t child;
		char id[32];
		struct store_version v;

		if (pipe(pipes) < 0)
			return;
		fflush(stdout);
		child = fork();
		if (child == 0) {
			close(pipes[0]);
			child_commits(pipes[1]);
		}
		close(pipes[1]);
		while (seen < 5 + round * 3 && read(pipes[0], &n, sizeof(n)) == sizeof(n)) {
			last = n;
			seen++;
		}
		usleep(round * 700);
		kill(child, SIGKILL);
		while (read(pipes[0], &n, sizeof(n)) == sizeof(n)) {
			last = n;
			seen++;
		}
		close(pipes[0]);
		waitpid(child, NULL, 0);
		acknowledged += seen;

		arena_init(&f.a, 64 << 20, 0);
		struct error err = { 0 };

		f.s = open_store("killed", 0, &err);
		f.r = f.s ? store_reader_open(f.s, &err) : NULL;
		if (!f.r) {
			ok(false, "opens after a kill (%s)", err.text);
			return;
		}
		for (unsigned i = 0; i <= last + 1; i++) {
			int first, second;

			snprintf(id, sizeof(id), "a%ld-%u", (long)child, i);
			first = store_read(
			    f.r, FAKE_PATIENT, str_from(id), 0, &everything, &f.a, &v, NULL);
			id[0] = 'b';
			second = store_read(
			    f.r, FAKE_PATIENT, str_from(id), 0, &everything, &f.a, &v, NULL);
			kept &= (i <= last && seen) ? first == 1 : true;
			whole &= first == second;
		}
		end(&f);
	}
	ok(acknowledged > 50, "a writer was killed 12 times after %u commits", acknowledged);
	ok(kept, "every acknowledged transaction is there");
	ok(whole, "and none by half");
}

static void
test_unclean(void)
{
	struct error err = { 0 };
	struct fixture f;
	char junk[4096];
	struct stat st;

	if (!begin(&f, "damaged"))
		return;
	for (int i = 0; i < 200; i++) {
		struct store_op op;
		char id[16];

		snprintf(id, sizeof(id), "p%d", i);
		op = op_of(STORE_CREATE, FAKE_PATIENT, id);
		commit_one(&f, &op);
	}
	end(&f);
	stat(path_of("damaged"), &st);
	memset(junk, 0xa5, sizeof(junk));
	for (off_t at = 4 * 4096; at < st.st_size; at += 3 * 4096)
		patch_file("damaged", at, junk, sizeof(junk));
	write_file("damaged-lock", STR("open 1\n"));
	ok(!open_store("damaged", 0, &err) && strstr(err.text, "damaged"),
	    "damage is found after an unclean end (%s)", err.text);
}

static void
fill(struct fixture *f, bool *refused, struct error *err)
{
	char *big = malloc(200000);

	random_bytes(big, 200000); /* what no compression makes less of */
	for (int i = 0; i < 100 && !*refused; i++) {
		char id[16];
		struct store_op op;
		struct store_write w = { 0 };

		snprintf(id, sizeof(id), "big%d", i);
		op = op_of(STORE_CREATE, FAKE_PATIENT, id);
		op.body = str_of(big, 200000);
		op.splices.count = 0;
		*refused = commit_ops(f, &op, 1, &w) < 0;
		*err = w.error;
	}
	free(big);
}

static void
test_full(void)
{
	struct fixture f;
	struct error err = { 0 };
	struct store_op op;
	struct store_version v;
	bool refused = false;
	uint64_t before;

	arena_init(&f.a, 1 << 30, 0);
	f.s = open_store("full", 1 << 20, &err);
	f.r = store_reader_open(f.s, &err);
	fill(&f, &refused, &err);
	ok(refused && err.kind == ERROR_IO, "a full store refuses to write (%s)", err.text);
	before = count_of(&f, FAKE_PATIENT);
	ok(before >= 2 && before < 6, "what was committed is there (%d)", (int)before);
	is_int(store_read(f.r, FAKE_PATIENT, STR("big0"), 0, &everything, &f.a, &v, NULL), 1,
	    "and can be read");
	op = op_of(STORE_CREATE, FAKE_PATIENT, "small");
	ok(commit_one(&f, &op) == 0, "a small one still fits");
	is_int(count_of(&f, FAKE_PATIENT), before + 1, "and is there");
	end(&f);
}

/* The file system refuses to let a file grow. */
static void
test_no_space(void)
{
	struct fixture f;
	struct error err = { 0 };
	struct store_op op;
	struct rlimit old, small;
	bool refused = false;
	uint64_t before;

	if (!begin(&f, "nospace"))
		return;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 2 << 20;
	setrlimit(RLIMIT_FSIZE, &small);
	fill(&f, &refused, &err);
	setrlimit(RLIMIT_FSIZE, &old);
	ok(refused && err.kind == ERROR_IO, "a disk that is full refuses to write (%s)", err.text);
	before = count_of(&f, FAKE_PATIENT);
	op = op_of(STORE_CREATE, FAKE_PATIENT, "small");
	ok(commit_one(&f, &op) == 0 && op.version == 1, "it goes on when there is room");
	is_int(count_of(&f, FAKE_PATIENT), before + 1, "with nothing lost or halved");
	end(&f);
	if (begin(&f, "nospace"))
		is_int(count_of(&f, FAKE_PATIENT), before + 1, "after reopening too");
	end(&f);
}

struct writer {
	struct fixture *f;
	bool stop;
};

/* Updates what is there, adds and deletes, while pages are read. */
static void *
write_on(void *ctx)
{
	struct writer *w = ctx;
	struct fixture f = { .s = w->f->s };

	arena_init(&f.a, 1 << 30, 0);
	for (int i = 0; !__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE); i++) {
		struct store_op op;
		char id[16];

		snprintf(id, sizeof(id), "p%d", i * 7 % 300);
		op = op_of(i % 5 == 4 ? STORE_DELETE : STORE_UPDATE, FAKE_PATIENT, id);
		commit_one(&f, &op);
		arena_reset(&f.a);
	}
	arena_release(&f.a);
	return NULL;
}

static void
test_paging(void)
{
	struct fixture f;
	struct writer w = { .f = &f };
	struct store_query q = { .type = FAKE_PATIENT,
		.count = 17,
		.want_total = true,
		.visibility = { .kind = SEES_EVERYTHING } };
	struct store_page page;
	bool seen[200] = { 0 }, twice = false, wrong_total = false, foreign = false;
	unsigned count = 0, pages = 0;
	int64_t moment;
	pthread_t thread;

	if (!begin(&f, "paging"))
		return;
	for (int i = 0; i < 200; i++) {
		struct store_op op;
		char id[16];

		snprintf(id, sizeof(id), "p%d", i);
		op = op_of(STORE_CREATE, FAKE_PATIENT, id);
		commit_one(&f, &op);
	}
	store_search(f.r, &q, &f.a, &page, NULL);
	q.moment = moment = page.moment;
	pthread_create(&thread, NULL, write_on, &w);
	do {
		usleep(5000);
		if (store_search(f.r, &q, &f.a, &page, NULL) < 0)
			break;
		for (uint32_t i = 0; i < page.count; i++) {
			int64_t n = -1;

			str_to_int(str_from_index(page.at[i].id, 1), &n);
			foreign |= n < 0 || n >= 200 || page.at[i].version != 1;
			if (n >= 0 && n < 200) {
				twice |= seen[n];
				seen[n] = true;
			}
			count++;
		}
		wrong_total |= page.total != 200;
		q.from_row = page.next_row;
		pages++;
	} while (page.more);
	__atomic_store_n(&w.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	ok(pages == 12 && count == 200 && !twice, "pages while writes go on: none missed or twice");
	ok(!foreign, "all as they were at that moment");
	ok(!wrong_total, "and the total stays");
	q.moment = 0;
	q.from_row = 0;
	store_search(f.r, &q, &f.a, &page, NULL);
	ok(page.moment > moment + 10, "though the store has changed");
	end(&f);
}

/* A search that would take long is stopped, and the reader goes on. */
static void
test_time_limit(void)
{
	struct store_options o = { .path = path_of("slow"), .pack = fake_pack(), .query_ms = 1 };
	struct store_test tests[300];
	struct store_clause clause = { tests, 300 };
	struct store_query q = { .type = FAKE_PATIENT,
		.clauses = &clause,
		.clause_count = 1,
		.count = 10,
		.want_total = true,
		.visibility = { .kind = SEES_EVERYTHING } };
	struct fixture f;
	struct store_page page;
	struct error err = { 0 };
	int64_t start;

	arena_init(&f.a, 256 << 20, 0);
	f.s = store_open(&o, &err);
	f.r = store_reader_open(f.s, &err);
	for (int b = 0; b < 40; b++) {
		struct store_write w[100], *batch[100];
		struct store_op ops[100];
		char ids[100][16];

		for (int i = 0; i < 100; i++) {
			snprintf(ids[i], sizeof(ids[i]), "s%d", b * 100 + i);
			ops[i] = op_of(STORE_CREATE, FAKE_PATIENT, ids[i]);
			w[i] = (struct store_write){ .arena = &f.a, .ops = &ops[i], .count = 1 };
			batch[i] = &w[i];
		}
		store_commit(f.s, batch, 100, NULL);
	}
	for (int i = 0; i < 300; i++)
		tests[i] = token_test("urn:none", "none");
	tests[299].kind = TEST_MISSING;
	tests[299].value = STR("false");
	start = clock_monotonic();
	ok(store_search(f.r, &q, &f.a, &page, &err) < 0 && err.kind == ERROR_LIMIT,
	    "a search that takes too long is stopped (%s)", err.text);
	ok(clock_monotonic() - start < 2000000, "soon");
	q.clause_count = 0;
	q.want_total = false;
	ok(store_search(f.r, &q, &f.a, &page, &err) == 0 && page.count == 10, "the reader goes on");
	end(&f);
}

static void
test_fold(void)
{
	static const struct {
		const char *text, *folded;
	} cases[] = {
		{ "Müller", "muller" },
		{ "MULLER", "muller" },
		{ "Straße", "strasse" },
		{ "  van   der\tBerg ", "van der berg" },
		{ "Ångström", "angstrom" },
		{ "O\xcc\x88zil", "ozil" },
		{ "Łukasz", "łukasz" },
		{ "ΣΊΣΥΦΟΣ", "σισυφοσ" },
		{ "が", "か\xe3\x82\x99" }, /* a voicing is no accent */
		{ "a\xff"
		  "b",
		    "ab" },
		{ "", "" },
	};
	struct arena a;
	struct str out;
	char longest[5000];

	arena_init(&a, 1 << 20, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fold_text(str_from(cases[i].text), &a, &out);
		is_str(out, str_from(cases[i].folded), "fold %s", cases[i].text);
	}
	for (size_t i = 0; i + 2 < sizeof(longest); i += 3)
		memcpy(longest + i, "\xef\xb7\xba", 3); /* U+FDFA: 18 characters */
	fold_text(str_of(longest, 4998), &a, &out);
	ok(out.len <= FOLD_BYTES && out.len > FOLD_BYTES - 40, "a long text is cut");
	arena_release(&a);
}

static struct store_index
home_row(const char *compartment)
{
	return (struct store_index){
		.kind = STORE_COMPARTMENT, .value = str_from(compartment), .entry = PACK_NONE
	};
}

/* Who writes in one compartment: as it is and as it becomes, also of what the same
 * commit has written just before. */
static void
test_within(void)
{
	struct fixture f;
	struct store_index in = home_row("Patient/1"), out = home_row("Patient/2");
	struct store_op made[2], change, op;
	struct store_write w[2] = { { .count = 2 }, { .count = 1 } };
	struct store_write *batch[] = { &w[0], &w[1] };

	if (!begin(&f, "within"))
		return;
	made[0] = op_of(STORE_CREATE, FAKE_OBSERVATION, "in");
	made[1] = op_of(STORE_CREATE, FAKE_OBSERVATION, "out");
	change = op_of(STORE_UPDATE, FAKE_OBSERVATION, "in");
	made[0].index = change.index = &in;
	made[1].index = &out;
	made[0].index_count = made[1].index_count = change.index_count = 1;
	change.within = STR("Patient/1");
	w[0].ops = made;
	w[1].ops = &change;
	w[0].arena = w[1].arena = &f.a;
	is_int(store_commit(f.s, batch, 2, NULL), 0, "two transactions in one commit");
	ok(w[0].result == 0 && w[1].result == 0 && change.version == 2,
	    "what the first has made in the compartment can be changed there");
	op = op_of(STORE_UPDATE, FAKE_OBSERVATION, "out");
	op.index = &in;
	op.index_count = 1;
	op.within = STR("Patient/1");
	is_int(commit_error(&f, &op), ERROR_MISSING, "what is outside is not there");
	op.id = STR("none");
	op.must_exist = true;
	is_int(commit_error(&f, &op), ERROR_MISSING, "as what is nowhere");
	op.id = STR("in");
	op.index = &out;
	is_int(commit_error(&f, &op), ERROR_DENIED, "nothing is moved out");
	op.index_count = 0;
	is_int(commit_error(&f, &op), ERROR_DENIED, "nor taken out");
	op = op_of(STORE_CREATE, FAKE_OBSERVATION, "new");
	op.within = STR("Patient/1");
	is_int(commit_error(&f, &op), ERROR_DENIED, "nor made outside");
	op = op_of(STORE_DELETE, FAKE_OBSERVATION, "out");
	op.within = STR("Patient/1");
	is_int(commit_error(&f, &op), ERROR_MISSING, "nor deleted there");
	op.id = STR("in");
	ok(commit_one(&f, &op) == 0 && op.outcome == STORE_DELETED, "what is in it is");
	is_int(commit_error(&f, &op), ERROR_MISSING, "once");
	end(&f);
}

static void
test_delete_many(void)
{
	static const char *const ids[] = { "a", "b", "c" };
	struct fixture f;
	struct store_index row = token_row(FAKE_CODE, "", "x");
	struct store_test test = token_test("", "x");
	struct store_clause clause = { &test, 1 };
	struct store_op op, ops[2];
	struct store_write w = { 0 };

	if (!begin(&f, "many"))
		return;
	test.param = FAKE_CODE;
	test.no_system = true;
	for (int i = 0; i < 3; i++) {
		op = op_of(STORE_CREATE, FAKE_OBSERVATION, ids[i]);
		op.index = &row;
		op.index_count = i < 2;
		commit_one(&f, &op);
	}
	ops[0] = op_of(STORE_DELETE, FAKE_OBSERVATION, "");
	ops[0].match = (struct store_match){ &clause, 1 };
	ops[0].many = true;
	ops[1] = op_of(STORE_UPDATE, FAKE_OBSERVATION, "b");
	ok(commit_ops(&f, ops, 2, &w) < 0 && w.error.kind == ERROR_INVALID && w.id_failed,
	    "one that is deleted so is not written in the same transaction");
	is_int((long long)count_of(&f, FAKE_OBSERVATION), 3, "nothing is deleted then");
	ok(commit_one(&f, &ops[0]) == 0 && ops[0].outcome == STORE_DELETED &&
		ops[0].gone_count == 2,
	    "all that match are deleted");
	ok(ops[0].gone[0].version == 2 && ops[0].gone[1].version == 2, "each has a new version");
	is_int((long long)count_of(&f, FAKE_OBSERVATION), 1, "the other stays");
	ok(commit_one(&f, &ops[0]) == 0 && ops[0].outcome == STORE_UNCHANGED &&
		ops[0].gone_count == 0,
	    "again: none");
	end(&f);
}

static void
test_targets(void)
{
	struct store_target target = { .type = FAKE_PATIENT, .id = STR("p") };
	struct store_write w = { 0 };
	struct store_op ops[2];
	struct fixture f;

	if (!begin(&f, "targets"))
		return;
	ops[0] = op_of(STORE_CREATE, FAKE_OBSERVATION, "o");
	ops[0].targets = &target;
	ops[0].target_count = 1;
	ok(commit_ops(&f, ops, 1, &w) < 0 && w.error.kind == ERROR_INVALID && w.link_failed,
	    "a reference to what is not there is refused");
	ops[1] = op_of(STORE_UPDATE, FAKE_PATIENT, "p");
	is_int(commit_ops(&f, ops, 2, &w), 0, "not to what the same transaction makes");
	ok(!w.link_failed, "which is no failure of a link");
	ops[0].id = STR("o2");
	target.version = 2;
	ok(commit_ops(&f, ops, 1, &w) < 0 && w.link_failed, "nor of a version there is not");
	target.version = 1;
	is_int(commit_ops(&f, ops, 1, &w), 0, "but of one there is");
	ops[1] = op_of(STORE_DELETE, FAKE_PATIENT, "p");
	commit_one(&f, &ops[1]);
	target.version = 0;
	ops[0].id = STR("o3");
	ok(commit_ops(&f, ops, 1, &w) < 0 && w.link_failed, "what is deleted is not there");
	end(&f);
}

int
main(void)
{
	char command[64];

	if (!mkdtemp(folder))
		return 1;
	test_fold();
	test_lifecycle();
	test_if_match();
	test_history();
	test_batch_conditions();
	test_conditions();
	test_references();
	test_conditions_inside();
	test_within();
	test_delete_many();
	test_targets();
	test_race();
	test_batch();
	test_dedup();
	test_files();
	test_reopen();
	test_kill();
	test_unclean();
	test_full();
	test_no_space();
	test_paging();
	test_time_limit();
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command) != 0)
		return 1;
	return tap_done();
}
