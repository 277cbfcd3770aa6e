/*
 * merge.h - an update that speaks of some elements only: what HL7 v2 means by
 * fields that are left empty (HL7 v2.9, 2.5.3.5: no change).
 */
#ifndef GATEWAY_EXCHANGE_MERGE_H
#define GATEWAY_EXCHANGE_MERGE_H

#include "gateway/fhir/batch.h"
#include "mappers/map/map.h"
#include "profiles/record.h"

struct arena;
struct error;

/*
 * The resource at node n of `said`, and those elements of the resource `old`
 * that it does not speak of. An element that repeats, and a data type, is
 * spoken of as a whole; nested elements that do not repeat are merged in turn.
 * The narrative is left out when said has none: it told of what was. notes (or
 * NULL) say of the entry with that fullUrl what is to be deleted, and which
 * elements of said are only defaults: they do not stand against what is
 * stored. Returns the record, in the arena; NULL with *err set when that is full.
 */
const struct record *merge_records(struct record_builder *b, const struct record *said, uint32_t n,
    const struct record *old, const struct map_notes *notes, struct str full_url, struct arena *a,
    struct error *err);

/*
 * Merge the conditional updates of the batch with what they will find, between
 * batch_authorise() and batch_prepare(). An update that changes nothing becomes
 * a conditional create, which leaves what it finds alone; the others expect the
 * version that was merged: when somebody is faster, the write fails with
 * ERROR_CONFLICT, and is to be made anew. Returns 0, or -1 with *err set.
 */
int merge_updates(struct fhir_batch *b, struct store_reader *r, const struct map_notes *notes,
    struct record_builder *builder, struct error *err);

#endif
