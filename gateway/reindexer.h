/*
 * reindexer.h - indexing of what was there before a search parameter came, in
 * the writer lane, a step at a time between the commits of others.
 */
#ifndef GATEWAY_REINDEXER_H
#define GATEWAY_REINDEXER_H

struct error;
struct gateway;
struct record_limits;
struct reindexer;

/* After the service and the store; before the loops run. NULL with *err set. */
struct reindexer *
reindexer_new(struct gateway *g, const struct record_limits *limits, struct error *err);

/* Begin, if there is something to do. Before the loops run. */
void reindexer_start(struct reindexer *r);

/* SearchParameter resources were committed. The writer lane's thread. */
void reindexer_changed(struct reindexer *r);

/* After the lanes have stopped. NULL is fine. */
void reindexer_free(struct reindexer *r);

#endif
