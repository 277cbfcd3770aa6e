/*
 * offline.h - what a command needs to work on a store by itself, while no
 * gateway has it: the definitions, the store, the audit trail, and who it is
 * that asks. One thread, but for what is opened by each.
 */
#ifndef GATEWAY_BULK_OFFLINE_H
#define GATEWAY_BULK_OFFLINE_H

#include "gateway/access/access.h"
#include "gateway/audit/audit.h"
#include "gateway/fhir/service.h"
#include "gateway/store/store.h"
#include "profiles/record.h"

struct config;
struct error;
struct own_params;

struct offline {
	const struct config *config;
	const struct pack *pack;
	struct access *access;
	const struct access_sender *sender;
	struct store *store;
	struct audit *audit;
	struct fhir_service fhir;
	struct own_params *own; /* the store's own search parameters */
	char base[128];
	char run[16]; /* begins the ids of audit entries */
	uint64_t entries;
	bool reindex;
};

/* Limits of records for files, which may be larger than what comes by network. */
extern const struct record_limits offline_limits;

/*
 * Open everything. sender: the name of one of the access section, whose scopes
 * hold; may be NULL where there is no such section. The configuration is
 * borrowed. Returns 0; or -1 with *err set (ERROR_BUSY: a gateway has the
 * store), and what was opened is closed.
 */
int offline_open(struct offline *o, const struct config *c, const char *sender, struct error *err);
void offline_close(struct offline *o);

/* The same, and the store's index is made anew; without a sender, who may not
 * write then. */
int offline_reindex(struct offline *o, const struct config *c, struct error *err);

/* What an audit entry is made of, but for time, sender, protocol and number. */
struct offline_event {
	const char *interaction, *status;
	const struct str *resources;
	size_t resource_count;
	enum audit_outcome outcome;
	const char *rule;
	int64_t began; /* monotonic */
};

/* Write entries: 0 when they are on disk, or -1 with *err set. */
int offline_audit(
    struct offline *o, const struct offline_event *events, size_t count, struct error *err);

#endif
