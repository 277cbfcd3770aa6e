#include "gateway/fhir/call.h"

#include "base/clock.h"
#include "base/error.h"
#include "gateway/fhir/part.h"

/*
 * Conditional read (R4, 3.1.0.4.1; RFC 9110, 13.1): If-None-Match is asked
 * first, and If-Modified-Since only without it.
 */
static bool
is_unchanged(const struct fhir_call *c, const struct store_version *v)
{
	int64_t since;

	if (c->conditions.if_none_match.p)
		return etag_list_has(c->conditions.if_none_match, v->version);
	if (!c->conditions.if_modified_since.p ||
	    !http_date_parse(c->conditions.if_modified_since, &since))
		return false;
	/* The field has whole seconds only. */
	return v->updated / 1000000 <= since / 1000000;
}

void
read_run(const struct fhir_service *s, struct fhir_call *c, struct store_reader *r)
{
	bool versioned = c->route.shape == SHAPE_VERSION;
	struct store_version v;
	struct error err;
	int found = 0;

	c->resource = call_local_url(c, s->pack, c->route.type, c->route.id, c->route.version);
	if (part_read_query(s, c, &c->subset) != 0)
		return;
	if (!versioned || c->route.version)
		found = store_read(r, c->route.type, c->route.id, c->route.version,
		    &c->decision.visibility, c->arena, &v, &err);
	if (found < 0) {
		call_fail_error(c, &err);
		return;
	}
	if (!found) {
		call_fail_missing(c, s->pack);
		return;
	}
	c->version = v.version;
	c->updated = v.updated;
	c->resource = call_local_url(c, s->pack, c->route.type, c->route.id, v.version);
	if (v.deleted) {
		call_fail_gone(c, s->pack);
		return;
	}
	if (is_unchanged(c, &v)) {
		c->status = 304;
		return;
	}
	c->body = v.body;
	c->status = 200;
}
