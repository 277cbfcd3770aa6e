#include "gateway/bulk/import.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "gateway/bulk/offline.h"
#include "gateway/bulk/progress.h"
#include "gateway/bulk/unit.h"

enum {
	WINDOW = 64,		 /* units on their way */
	WINDOW_BYTES = 64 << 20, /* of their texts; one may be larger */
	THREADS_MOST = 64,
	COMMIT_OPS = 8000, /* a commit takes no further unit beyond */
};

/* A place of the window, round and round in the order of the files. */
struct place {
	enum { EMPTY, FULL, IN_WORK, PREPARED } state;
	struct unit unit;
};

struct import {
	struct offline *o;
	const struct import_options *options;
	struct import_result *result;
	struct source *source;
	struct progress progress;
	struct unit_maker late; /* of the writer */

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	struct place places[WINDOW];
	uint64_t head;	/* units that were read */
	uint64_t taken; /* of those, by a thread that prepares */
	uint64_t tail;	/* that are done */
	size_t bytes;	/* of texts in the window */
	bool ended;	/* no more will be read */
	bool broken;	/* end at once */
};

static volatile bool stopping;

void
import_stop(void)
{
	stopping = true;
}

static struct place *
place_of(struct import *im, uint64_t number)
{
	return &im->places[number % WINDOW];
}

/* The reader. */

static bool
has_room(const struct import *im)
{
	return im->head - im->tail < WINDOW && (im->bytes < WINDOW_BYTES || im->head == im->tail);
}

static void *
read_pieces(void *ctx)
{
	struct import *im = ctx;
	int rc = 1;

	while (rc != 0) {
		struct place *p;

		pthread_mutex_lock(&im->lock);
		while (!has_room(im) && !im->broken)
			pthread_cond_wait(&im->changed, &im->lock);
		if (im->broken || stopping) {
			pthread_mutex_unlock(&im->lock);
			break;
		}
		p = place_of(im, im->head);
		pthread_mutex_unlock(&im->lock);
		unit_init(&p->unit);
		rc = source_next(im->source, &p->unit.piece, &p->unit.error);
		p->unit.unread = rc < 0;
		if (rc == 0)
			unit_release(&p->unit);
		pthread_mutex_lock(&im->lock);
		if (rc != 0) {
			p->state = FULL;
			im->bytes += p->unit.piece.text.len;
			im->head++;
		}
		pthread_cond_broadcast(&im->changed);
		pthread_mutex_unlock(&im->lock);
	}
	pthread_mutex_lock(&im->lock);
	im->ended = true;
	pthread_cond_broadcast(&im->changed);
	pthread_mutex_unlock(&im->lock);
	return NULL;
}

/* Those who prepare. */

struct preparer {
	struct import *import;
	struct unit_maker maker;
	pthread_t thread;
};

static struct place *
take_full(struct import *im)
{
	struct place *p = NULL;

	pthread_mutex_lock(&im->lock);
	while (im->taken == im->head && !im->ended && !im->broken)
		pthread_cond_wait(&im->changed, &im->lock);
	if (im->taken < im->head && !im->broken) {
		p = place_of(im, im->taken++);
		p->state = IN_WORK;
	}
	pthread_mutex_unlock(&im->lock);
	return p;
}

static void *
prepare_units(void *ctx)
{
	struct preparer *t = ctx;
	struct import *im = t->import;
	struct place *p;

	while ((p = take_full(im)) != NULL) {
		if (!p->unit.unread)
			unit_prepare(&p->unit, &t->maker, NULL);
		pthread_mutex_lock(&im->lock);
		p->state = PREPARED;
		pthread_cond_broadcast(&im->changed);
		pthread_mutex_unlock(&im->lock);
	}
	return NULL;
}

/* The writer. */

/* Wait for the next units that are prepared, in order, up to a commit's size.
 * Returns how many; 0: the import has ended. */
static size_t
take_prepared(struct import *im, struct unit *units[WINDOW])
{
	size_t count = 0;
	uint32_t ops = 0;

	pthread_mutex_lock(&im->lock);
	while (!(im->tail < im->head && place_of(im, im->tail)->state == PREPARED) &&
	       !(im->ended && im->tail == im->head))
		pthread_cond_wait(&im->changed, &im->lock);
	while (im->tail + count < im->head && ops < COMMIT_OPS &&
	       place_of(im, im->tail + count)->state == PREPARED &&
	       !(count && (place_of(im, im->tail)->unit.late ||
			      place_of(im, im->tail + count)->unit.late))) {
		units[count] = &place_of(im, im->tail + count)->unit;
		ops += units[count++]->op_count;
	}
	pthread_mutex_unlock(&im->lock);
	return count;
}

static void
give_back(struct import *im, struct unit **units, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t bytes = units[i]->piece.text.len;

		unit_release(units[i]);
		pthread_mutex_lock(&im->lock);
		im->bytes -= bytes;
		place_of(im, im->tail)->state = EMPTY;
		im->tail++;
		pthread_cond_broadcast(&im->changed);
		pthread_mutex_unlock(&im->lock);
	}
}

static int
commit_units(struct import *im, struct unit **units, size_t count, struct error *err)
{
	struct store_write **writes;
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; i < count; i++)
		n += units[i]->write_count;
	writes = xcalloc(n + 1, sizeof(struct store_write *));
	n = 0;
	for (size_t i = 0; i < count; i++) {
		unit_writes(units[i], writes + n);
		n += units[i]->write_count;
	}
	if (n)
		rc = store_commit(im->o->store, writes, n, err);
	free(writes);
	return rc;
}

static void
count_unit(struct import *im, const struct unit *u)
{
	struct import_result *r = im->result;

	r->written += u->written;
	r->unchanged += u->unchanged;
	r->before += u->before;
	r->failed += u->failed;
	r->unread += u->unread;
}

static int
audit_units(struct import *im, struct unit **units, size_t count, struct error *err)
{
	struct offline_event events[WINDOW];
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const struct unit *u = units[i];

		if (u->resource_count || u->failed)
			events[n++] = (struct offline_event){
				.interaction = "import",
				.status = u->failed ? "failed" : "imported",
				.resources = u->resources,
				.resource_count = u->resource_count,
				.outcome = !u->failed	? AUDIT_ALLOWED
					   : u->refused ? AUDIT_REFUSED
							: AUDIT_FAILED,
				.rule = "command",
				.began = u->began,
			};
	}
	return offline_audit(im->o, events, n, err);
}

static int
commit_late(void *ctx, struct store_write **writes, size_t count, struct error *err)
{
	struct import *im = ctx;

	return store_commit(im->o->store, writes, count, err) < 0
		   ? -1
		   : store_flush_bulk(im->o->store, err);
}

/* A patch, whose resource may have come a moment ago. */
static int
prepare_late(struct import *im, struct unit *u, struct error *err)
{
	if (store_flush_bulk(im->o->store, err) < 0)
		return -1;
	return unit_prepare(u, &im->late, err);
}

static int
write_units(struct import *im, struct error *err)
{
	struct unit *units[WINDOW];
	size_t count;

	while ((count = take_prepared(im, units)) > 0) {
		int rc = units[0]->late ? prepare_late(im, units[0], err) : 0;
		uint64_t read = units[count - 1]->piece.read;

		if (rc == 0)
			rc = commit_units(im, units, count, err);
		for (size_t i = 0; rc == 0 && i < count; i++)
			unit_finish(units[i]);
		if (rc == 0)
			rc = audit_units(im, units, count, err);
		for (size_t i = 0; rc == 0 && i < count; i++) {
			if (units[i]->unread || units[i]->failed)
				progress_clear(&im->progress);
			unit_tell(units[i]);
			count_unit(im, units[i]);
		}
		give_back(im, units, count);
		if (rc == 0)
			rc = store_upkeep(im->o->store, err);
		if (rc < 0)
			return -1;
		progress_tell(&im->progress, read, im->result->written + im->result->unchanged);
	}
	return 0;
}

static unsigned
thread_count(const struct import_options *o)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = o->threads ? o->threads : cores < 1 ? 1 : (unsigned)cores;

	return n < THREADS_MOST ? n : THREADS_MOST;
}

static int
maker_init(struct import *im, struct unit_maker *m, struct error *err)
{
	*m = (struct unit_maker){
		.fhir = &im->o->fhir,
		.sender = im->o->sender,
		.lenient = im->options->lenient,
		.again = im->options->again,
		.reader = store_reader_open(im->o->store, err),
	};
	if (!m->reader)
		return -1;
	record_builder_init(&m->builder, im->o->pack, &offline_limits);
	return 0;
}

static void
maker_release(struct unit_maker *m)
{
	if (!m->reader)
		return;
	record_builder_release(&m->builder);
	store_reader_close(m->reader);
}

static int
start_preparer(struct import *im, struct preparer *t, struct error *err)
{
	t->import = im;
	if (maker_init(im, &t->maker, err) < 0)
		return -1;
	if (pthread_create(&t->thread, NULL, prepare_units, t) == 0)
		return 0;
	maker_release(&t->maker);
	return error_set(err, ERROR_IO, "could not start a thread");
}

static void
end_preparer(struct preparer *t)
{
	pthread_join(t->thread, NULL);
	maker_release(&t->maker);
}

static void
break_off(struct import *im)
{
	pthread_mutex_lock(&im->lock);
	im->broken = true;
	pthread_cond_broadcast(&im->changed);
	pthread_mutex_unlock(&im->lock);
}

/* With the reader running: the others, until all is done. */
static int
run_threads(struct import *im, struct error *err)
{
	struct preparer *threads = xcalloc(THREADS_MOST, sizeof(*threads));
	unsigned want = thread_count(im->options), count = 0;
	int rc = 0;

	rc = maker_init(im, &im->late, err);
	im->late.commit = commit_late;
	im->late.commit_ctx = im;
	/* Who sees a compartment only is told by the index what is in it. */
	if (rc == 0 && !access_sender_compartment(im->o->sender).len)
		rc = store_begin_bulk(im->o->store, err);
	while (rc == 0 && count < want && (rc = start_preparer(im, &threads[count], err)) == 0)
		count++;
	if (rc == 0)
		rc = write_units(im, err);
	if (rc < 0)
		break_off(im);
	for (unsigned i = 0; i < count; i++)
		end_preparer(&threads[i]);
	free(threads);
	maker_release(&im->late);
	if (rc == 0)
		rc = store_end_bulk(im->o->store, err);
	return rc;
}

int
import_run(struct offline *o, const struct import_options *options, struct import_result *r,
    struct error *err)
{
	struct import *im = xcalloc(1, sizeof(*im));
	pthread_t reader;
	int rc;

	*r = (struct import_result){ 0 };
	im->o = o;
	im->options = options;
	im->result = r;
	im->source = source_new(options->paths, options->count);
	pthread_mutex_init(&im->lock, NULL);
	pthread_cond_init(&im->changed, NULL);
	progress_begin(&im->progress, "import", "resources", source_bytes(im->source));
	im->progress.quiet = options->quiet;
	if (pthread_create(&reader, NULL, read_pieces, im) != 0) {
		rc = error_set(err, ERROR_IO, "could not start a thread");
	} else {
		rc = run_threads(im, err);
		pthread_join(reader, NULL);
	}
	for (; im->tail < im->head; im->tail++)
		unit_release(&place_of(im, im->tail)->unit);
	progress_end(&im->progress, r->written + r->unchanged);
	r->stopped = stopping;
	source_free(im->source);
	pthread_mutex_destroy(&im->lock);
	pthread_cond_destroy(&im->changed);
	free(im);
	return rc;
}
