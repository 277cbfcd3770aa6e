#include "gateway/bulk/offline.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "gateway/access/filter.h"
#include "gateway/config.h"
#include "gateway/fhir/own_params.h"
#include "gateway/fhir/stored_values.h"
#include "profiles/pack.h"

enum {
	ANSWER_MOST = 256 << 20,
	ENTRIES_MOST = 4 << 20, /* of one Bundle of a file */
	AUDIT_AT_ONCE = 512,
};

/* A Bundle of a gigabyte has some 20 million nodes. */
const struct record_limits offline_limits = {
	.nodes = 64u << 20,
	.depth = 64,
	.text = UINT32_MAX,
};

static int
find_sender(struct offline *o, const char *name, struct error *err)
{
	o->sender = access_find(o->access, name ? str_from(name) : STR(""));
	if (o->sender)
		return 0;
	if (!name)
		return error_set(err, ERROR_DENIED,
		    "the configuration has an access section: name one of its senders with "
		    "--sender, whose scopes are to hold");
	return error_set(err, ERROR_DENIED,
	    "the access section has no sender '%s'; what it names are those who may send", name);
}

static int
open_service(struct offline *o, struct error *err)
{
	const struct config_fhir *c = &o->config->fhir;

	snprintf(o->base, sizeof(o->base), "%s://%.*s/fhir", c->tls.on ? "https" : "http",
	    c->listen.count ? (int)c->listen.at[0].text.len : 9,
	    c->listen.count ? c->listen.at[0].text.p : "localhost");
	o->fhir = (struct fhir_service){
		.pack = o->pack,
		.base = c->base_url.len ? c->base_url : str_from(o->base),
		.words = c->full_text,
		.page_count = c->page_count,
		.page_most = c->page_most,
		.max_entries = ENTRIES_MOST,
		.max_answer = ANSWER_MOST,
	};
	return fhir_service_open(&o->fhir, err);
}

static int
open_store(struct offline *o, struct error *err)
{
	const struct config *c = o->config;
	struct stored_values values;

	stored_values_init(&values, o->pack, o->fhir.base, &offline_limits, o->fhir.index);
	o->store = store_open(
	    &(struct store_options){
		.path = c->store.path,
		.pack = o->pack,
		.extract = stored_values_extract,
		.extract_ctx = &values,
		.busy_ms = 200,
		.reindex = o->reindex,
	    },
	    err);
	stored_values_release(&values);
	if (o->store)
		return 0;
	if (err->kind == ERROR_BUSY)
		error_set(err, ERROR_BUSY,
		    "a gateway, or another command, has the store %s: stop it first; while a "
		    "gateway runs, send it Bundles over its API",
		    c->store.path);
	return -1;
}

static int
open_all(struct offline *o, const char *sender, struct error *err)
{
	const struct config *c = o->config;

	o->pack = pack_open(c->pack, err);
	if (!o->pack)
		return -1;
	o->access = access_new(c, o->pack, filter_make, err);
	if (!o->access || (!o->reindex && find_sender(o, sender, err) < 0) ||
	    open_service(o, err) < 0 || open_store(o, err) < 0)
		return -1;
	o->own = own_params_open(&o->fhir, o->store, &offline_limits, err);
	if (!o->own)
		return -1;
	o->audit = audit_open(
	    &(struct audit_options){
		.folder = c->audit.folder,
		.segment_size = c->audit.segment_size,
	    },
	    err);
	return o->audit ? 0 : -1;
}

static int
open_as(
    struct offline *o, const struct config *c, const char *sender, bool reindex, struct error *err)
{
	uint32_t run;

	random_bytes(&run, sizeof(run));
	*o = (struct offline){ .config = c, .reindex = reindex };
	snprintf(o->run, sizeof(o->run), "%06x", run & 0xffffff);
	if (open_all(o, sender, err) == 0)
		return 0;
	offline_close(o);
	return -1;
}

int
offline_open(struct offline *o, const struct config *c, const char *sender, struct error *err)
{
	return open_as(o, c, sender, false, err);
}

int
offline_reindex(struct offline *o, const struct config *c, struct error *err)
{
	return open_as(o, c, NULL, true, err);
}

void
offline_close(struct offline *o)
{
	if (o->audit)
		audit_close(o->audit);
	own_params_close(o->own);
	if (o->store)
		store_close(o->store);
	fhir_service_close(&o->fhir);
	access_free(o->access);
	pack_free(o->pack);
	*o = (struct offline){ 0 };
}

/* At most AUDIT_AT_ONCE of them. */
static int
audit_some(struct offline *o, const struct offline_event *events, size_t count, struct error *err)
{
	struct audit_entry entries[AUDIT_AT_ONCE], *at[AUDIT_AT_ONCE];
	char ids[AUDIT_AT_ONCE][40];

	for (size_t i = 0; i < count; i++) {
		const struct offline_event *e = &events[i];

		snprintf(ids[i], sizeof(ids[i]), "%s-bulk-%llx", o->run,
		    (unsigned long long)++o->entries);
		entries[i] = (struct audit_entry){
			.exchange = str_from(ids[i]),
			.time = clock_wall(),
			.sender = access_sender_name(o->sender),
			.protocol = STR("command"),
			.interaction = str_from(e->interaction),
			.resources = e->resources,
			.resource_count = e->resource_count,
			.outcome = e->outcome,
			.status = str_from(e->status),
			.rule = str_from(e->rule),
			.duration_us = clock_monotonic() - e->began,
		};
		at[i] = &entries[i];
	}
	return audit_write_batch(o->audit, at, count, err);
}

int
offline_audit(
    struct offline *o, const struct offline_event *events, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i += AUDIT_AT_ONCE) {
		size_t n = count - i < AUDIT_AT_ONCE ? count - i : AUDIT_AT_ONCE;

		if (audit_some(o, events + i, n, err) < 0)
			return -1;
	}
	return 0;
}
