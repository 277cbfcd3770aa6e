#include "gateway/config.h"
#include "gateway/exchange/http_exchange.h"
#include "gateway/fhir/patch.h"
#include "gateway/gateway.h"

static enum outcome
fail_identity(struct http_exchange *h, enum access_answer answer)
{
	access_challenge(answer, h->challenge);
	switch (answer) {
	case ACCESS_MISSING:
		return exchange_fail(&h->x, 401, NULL, STR(""),
		    "this needs credentials and none were sent: a bearer token in Authorization, "
		    "or "
		    "a client certificate");
	case ACCESS_MALFORMED:
		return exchange_fail(&h->x, 400, "security", STR(""),
		    "the Authorization field cannot be read; it is 'Bearer' and a token");
	case ACCESS_INVALID:
	case ACCESS_IDENTIFIED:
		break;
	}
	return exchange_fail(&h->x, 401, NULL, STR(""),
	    "nobody here has these credentials; get a token from whoever runs this gateway");
}

static enum access_answer
find_sender(struct http_exchange *h)
{
	const struct peer *peer = h->r->peer;
	struct access_credentials c = {
		.authorization = http_header_get(h->r->head, "Authorization"),
		.loopback = h->listener->loopback,
	};

	c.has_authorization = c.authorization.p != NULL;
	if (peer->certificate) {
		c.has_certificate = hex_decode(
		    str_from(peer->certificate->fingerprint), c.fingerprint, SHA256_BYTES);
		c.subject = str_from(peer->certificate->subject);
	}
	if (http_header_count(h->r->head, "Authorization") > 1) {
		h->x.rule = "malformed";
		return ACCESS_MALFORMED;
	}
	return access_identify(h->x.gateway->access, &c, &h->x.sender, &h->x.rule);
}

/* The target below the base, with its query; false when it is elsewhere. */
static bool
target_below_base(const struct http_head *head, struct str *out)
{
	struct str path = head->path;

	if (!str_starts(path, STR("/fhir")))
		return false;
	path = str_from_index(path, 5);
	if (path.len && path.p[0] != '/')
		return false;
	*out = path;
	return true;
}

static int
fail_route(struct http_exchange *h, enum route_result result, struct str word)
{
	struct fhir_batch *b = &h->x.batch;
	struct fhir_call *c = batch_init_single(b, &h->x.gateway->fhir, h->x.arena, &h->x.findings);

	if (!c) {
		exchange_fail(&h->x, 503, NULL, STR(""), "the request is too large");
		return -1;
	}
	c->route = h->route;
	call_fail_route(c, h->x.gateway->pack, result, word);
	batch_fail_by(b, c);
	h->x.status = b->status;
	return -1;
}

static int
read_route(struct http_exchange *h)
{
	const struct http_head *head = h->r->head;
	struct str target, word;
	enum route_result result;

	if (!target_below_base(head, &target)) {
		exchange_fail(&h->x, 404, NULL, STR(""),
		    "there is nothing here; the FHIR API is under /fhir");
		return -1;
	}
	result = route_parse(h->x.gateway->pack, fhir_method_of(head->method_name), target,
	    h->x.arena, &h->route, &word);
	h->route.query = head->query;
	if (result != ROUTE_FOUND)
		return fail_route(h, result, word);
	h->has_route = true;
	h->interaction = h->route.interaction->code;
	return 0;
}

/* All values of a header field that is a list, joined (RFC 9110, 5.3). */
static struct str
header_list(struct http_exchange *h, const char *name)
{
	const struct http_head *head = h->r->head;
	struct str all = http_header_get(head, name);

	if (http_header_count(head, name) < 2)
		return all;
	all = STR("");
	for (size_t i = 0; i < head->header_count; i++)
		if (str_eq_nocase(head->headers[i].name, str_from(name)))
			all = str_printf(h->x.arena, "%.*s%s%.*s", STR_ARG(all),
			    all.len ? ", " : "", STR_ARG(head->headers[i].value));
	return all;
}

/* What the head says of formats, as far as it can be obeyed: refusals are
 * written so too. */
static enum media
read_formats(struct http_exchange *h)
{
	const struct http_head *head = h->r->head;
	struct str version = pack_fhir_version(h->x.gateway->pack);
	enum media body = media_of(http_header_get(head, "Content-Type"), version), answer;

	query_format_parse(head->query, h->x.arena, &h->format);
	prefer_parse(header_list(h, "Prefer"), h->x.gateway->config->fhir.lenient, &h->preferences);
	h->coding = coding_of(header_list(h, "Content-Encoding"));
	h->gzip = accept_takes_gzip(header_list(h, "Accept-Encoding"));
	h->body_format = body == MEDIA_XML ? FHIR_FORMAT_XML : FHIR_FORMAT_JSON;
	if (h->format.format.len)
		answer = media_of(h->format.format, version);
	else
		answer = accept_choose(
		    header_list(h, "Accept"), version, body == MEDIA_XML ? MEDIA_XML : MEDIA_JSON);
	h->answer_format = answer == MEDIA_XML ? FHIR_FORMAT_XML : FHIR_FORMAT_JSON;
	return answer;
}

/* The body's Content-Type is of nothing that is read here. */
static int
fail_media(struct http_exchange *h, struct str type, struct str version, bool form)
{
	const char *refusal = media_refusal(type, version);

	if (refusal)
		exchange_fail(&h->x, 415, NULL, STR(""), "%s", refusal);
	else if (h->route.method == FHIR_PATCH)
		exchange_fail(&h->x, 415, NULL, STR(""),
		    "a patch is a JSON Patch, application/json-patch+json, or a FHIRPath Patch, a "
		    "Parameters in application/fhir+json or application/fhir+xml; XML Patch is not "
		    "read here");
	else
		exchange_fail(&h->x, 415, NULL, STR(""),
		    "the body must be %s%.*s, and Content-Type must say so",
		    form ? "application/x-www-form-urlencoded in UTF-8"
			 : "application/fhir+json in UTF-8, or application/fhir+xml, of FHIR ",
		    form ? 0 : (int)version.len, version.p);
	return -1;
}

/* Refuse by the head what cannot be read or written, before the body is read. */
static int
check_formats(struct http_exchange *h, enum media answer)
{
	const struct http_head *head = h->r->head;
	unsigned flags = h->route.interaction->flags;
	struct str version = pack_fhir_version(h->x.gateway->pack);
	struct str type = http_header_get(head, "Content-Type");
	enum media body = media_of(type, version);
	bool form = flags & INTERACTION_FORM;
	bool input = flags & INTERACTION_INPUT && h->route.method == FHIR_POST && head->has_body;

	if (answer != MEDIA_JSON && answer != MEDIA_XML) {
		exchange_fail(&h->x, 406, NULL, STR(""),
		    "answers are application/fhir+json and application/fhir+xml, of FHIR %.*s; ask "
		    "for one of them by Accept or _format",
		    STR_ARG(version));
		return -1;
	}
	if ((!(flags & (INTERACTION_BODY | INTERACTION_FORM)) && !input) ||
	    (!type.p && form && !head->has_body))
		return 0;
	h->is_json_patch = h->route.method == FHIR_PATCH && patch_is_json(type);
	if (!h->is_json_patch &&
	    (!type.p || (form ? body != MEDIA_FORM : body != MEDIA_JSON && body != MEDIA_XML)))
		return fail_media(h, type, version, form);
	h->charset = media_charset(type);
	if (h->coding != CODING_OTHER)
		return 0;
	exchange_fail(&h->x, 415, NULL, STR(""),
	    "the body's Content-Encoding is not read here; what is, is gzip and none at all");
	return -1;
}

/* By method and type, before the body is read. */
static int
check_rights(struct http_exchange *h)
{
	const struct interaction *i = h->route.interaction;
	struct access_decision d = { .permitted = true, .rule = h->x.rule };
	const struct access_sender *s = h->x.sender;
	struct str type = call_type_name(h->x.gateway->pack, h->route.type);

	if (i->flags & INTERACTION_OPEN)
		return 0;
	if (i->right)
		access_decide(s, (enum access_right)i->right, h->route.type, &d);
	else
		d.permitted = access_may_ever(s, RIGHT_CREATE) ||
			      access_may_ever(s, RIGHT_UPDATE) ||
			      access_may_ever(s, RIGHT_DELETE) || access_may_ever(s, RIGHT_READ) ||
			      access_may_ever(s, RIGHT_SEARCH);
	h->x.rule = d.rule;
	if (d.permitted)
		return 0;
	if (i->right)
		access_challenge_scope(
		    h->x.gateway->access, (enum access_right)i->right, h->route.type, h->challenge);
	exchange_fail(&h->x, 403, NULL, STR(""),
	    "the sender has no scope for %s%s%.*s; whoever runs this gateway can give one", i->code,
	    type.len ? " of " : "", STR_ARG(type));
	return -1;
}

enum outcome
http_exchange_identify(struct exchange *x)
{
	struct http_exchange *h = http_of(x);
	enum media answer = read_formats(h);
	enum access_answer who = find_sender(h);
	bool routed = read_route(h) == 0;
	bool open = routed && h->route.interaction->flags & INTERACTION_OPEN;

	if (who != ACCESS_IDENTIFIED && !(who == ACCESS_MISSING && open)) {
		/* Nobody learns what there is before they say who they are. */
		findings_init(&x->findings, x->arena, EXCHANGE_FINDINGS);
		x->status = 0;
		return fail_identity(h, who);
	}
	if (!routed)
		return FAILED;
	if (check_rights(h) != 0 || check_formats(h, answer) != 0)
		return FAILED;
	return DONE;
}
