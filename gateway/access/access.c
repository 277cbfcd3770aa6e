#include "gateway/access/access.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"
#include "gateway/config.h"

enum {
	SENDERS_MEMORY = 16 << 20,
};

/* A scope bound to the definitions. */
struct grant {
	uint32_t type; /* PACK_NONE: all */
	unsigned rights;
	struct str text;
};

struct access_sender {
	struct str name;
	const struct config_sender *config; /* NULL: loopback */
	struct grant *grants;
	uint32_t grant_count;
	struct str compartment;
	struct store_filter *filters; /* by type number; NULL: none */
};

struct access {
	struct arena arena;
	const struct pack *pack;
	struct access_sender *senders;
	uint32_t count;
	bool open; /* no access section: senders[0] is loopback */
};

static int
no_room(struct error *err)
{
	return error_set(err, ERROR_LIMIT, "the access section is larger than this program takes");
}

static int
add_grant(struct access *a, struct access_sender *s, const struct scope *scope, const char *file,
    struct error *err)
{
	struct grant *g = &s->grants[s->grant_count];
	char text[SCOPE_TEXT];

	g->type = PACK_NONE;
	if (!str_is(scope->type, "*")) {
		g->type = pack_find_resource(a->pack, scope->type);
		if (g->type == PACK_NONE)
			return error_set(err, ERROR_INVALID,
			    "%s:%u: a scope of sender '%.*s' names %.*s, which is no resource type "
			    "of FHIR %.*s",
			    file, scope->line, STR_ARG(s->name), STR_ARG(scope->type),
			    STR_ARG(pack_fhir_version(a->pack)));
	}
	g->rights = scope->rights;
	scope_format(scope, text);
	g->text = str_dup(&a->arena, str_from(text));
	s->grant_count++;
	return g->text.p ? 0 : no_room(err);
}

static int
check_compartment(
    struct access *a, const struct config_sender *c, const char *file, struct error *err)
{
	struct str code, rest = c->compartment;

	if (rest.len == 0)
		return 0;
	str_split(&rest, '/', &code);
	if (pack_find_compartment(a->pack, code))
		return 0;
	return error_set(err, ERROR_INVALID,
	    "%s:%u: sender '%.*s' has a compartment of %.*s, for which FHIR %.*s defines none",
	    file, c->place.line, STR_ARG(c->name), STR_ARG(code),
	    STR_ARG(pack_fhir_version(a->pack)));
}

/* What a filter leaves out must not be overwritten unseen. */
static int
check_reader(const struct access_sender *s, const struct config_sender *c, const char *file,
    struct error *err)
{
	for (uint32_t i = 0; i < s->grant_count; i++)
		if (s->grants[i].rights & ~(unsigned)(RIGHT_READ | RIGHT_SEARCH))
			return error_set(err, ERROR_INVALID,
			    "%s:%u: sender '%.*s' has a filter, and may only read and search then: "
			    "take c, u and d out of its scope",
			    file, c->place.line, STR_ARG(s->name));
	return 0;
}

static int
add_sender(struct access *a, const struct config *config, const struct config_sender *c,
    access_filter_fn *make_filters, struct error *err)
{
	struct access_sender *s = &a->senders[a->count];

	s->name = c->name;
	s->config = c;
	s->compartment = c->compartment;
	s->grants = arena_calloc(&a->arena, c->scope_count, sizeof(*s->grants));
	if (c->scope_count && !s->grants)
		return no_room(err);
	if (check_compartment(a, c, config->path, err) < 0)
		return -1;
	for (uint32_t i = 0; i < c->scope_count; i++)
		if (add_grant(a, s, &c->scopes[i], config->path, err) < 0)
			return -1;
	if (c->filters.count &&
	    (check_reader(s, c, config->path, err) < 0 ||
		make_filters(config, c, a->pack, &a->arena, &s->filters, err) < 0))
		return -1;
	a->count++;
	return 0;
}

static void
add_loopback(struct access *a)
{
	static struct grant everything = { PACK_NONE, RIGHTS_ALL, { "system/*.cruds", 14 } };

	a->open = true;
	a->senders[a->count++] = (struct access_sender){
		.name = STR("loopback"),
		.grants = &everything,
		.grant_count = 1,
	};
}

struct access *
access_new(const struct config *c, const struct pack *pack, access_filter_fn *make_filters,
    struct error *err)
{
	struct access *a = xcalloc(1, sizeof(*a));

	arena_init(&a->arena, SENDERS_MEMORY, 0);
	a->pack = pack;
	a->senders = arena_calloc(&a->arena, (size_t)c->sender_count + 1, sizeof(*a->senders));
	if (!a->senders) {
		no_room(err);
		goto failed;
	}
	if (!c->has_access) {
		add_loopback(a);
		return a;
	}
	for (uint32_t i = 0; i < c->sender_count; i++)
		if (add_sender(a, c, &c->senders[i], make_filters, err) < 0)
			goto failed;
	return a;
failed:
	access_free(a);
	return NULL;
}

void
access_free(struct access *a)
{
	if (!a)
		return;
	arena_release(&a->arena);
	free(a);
}

static int
check_addresses(const struct config_addresses *l, const char *what, struct error *err)
{
	for (uint32_t i = 0; i < l->count; i++)
		if (!l->at[i].loopback)
			return error_set(err, ERROR_DENIED,
			    "%s would listen on %.*s, which others can reach, and there is no "
			    "access "
			    "section: say who may do what (firedoor token makes a token), or "
			    "listen "
			    "on 127.0.0.1",
			    what, STR_ARG(l->at[i].text));
	return 0;
}

int
access_check_listeners(const struct config *c, struct error *err)
{
	if (c->has_access)
		return 0;
	if (check_addresses(&c->fhir.listen, "fhir", err) < 0)
		return -1;
	for (uint32_t i = 0; i < c->mllp_count; i++)
		if (check_addresses(&c->mllp[i].listen, "mllp", err) < 0)
			return -1;
	return 0;
}

const struct access_sender *
access_find(const struct access *a, struct str name)
{
	if (a->open && !name.len)
		return &a->senders[0];
	for (uint32_t i = 0; i < a->count; i++)
		if (name.len && str_eq(a->senders[i].name, name))
			return &a->senders[i];
	return NULL;
}

struct str
access_sender_name(const struct access_sender *s)
{
	return s->name;
}

bool
access_may_administer(const struct access_sender *s)
{
	/* Without an access section loopback may do everything. */
	return s && (!s->config || s->config->admin);
}

const struct access_sender *
access_find_sender(const struct access *a, struct str name)
{
	for (uint32_t i = 0; i < a->count; i++)
		if (str_eq(a->senders[i].name, name))
			return &a->senders[i];
	return NULL;
}

struct str
access_sender_compartment(const struct access_sender *s)
{
	return s->compartment;
}

static bool
rights_cover(const struct grant *g, enum access_right right, uint32_t type)
{
	return (g->rights & right) && (g->type == PACK_NONE || g->type == type);
}

bool
access_decide(const struct access_sender *s, enum access_right right, uint32_t type,
    struct access_decision *d)
{
	const struct grant *found = NULL;

	*d = (struct access_decision){ .visibility = { .kind = SEES_NOTHING } };
	if (!s) {
		d->rule = "no-sender";
		return false;
	}
	for (uint32_t i = 0; i < s->grant_count && !found; i++)
		if (rights_cover(&s->grants[i], right, type))
			found = &s->grants[i];
	if (!found) {
		d->rule = "no-scope";
		return false;
	}
	d->permitted = true;
	d->rule = "scope";
	d->scope = found->text;
	d->visibility.kind = s->compartment.len ? SEES_COMPARTMENT : SEES_EVERYTHING;
	d->visibility.compartment = s->compartment;
	d->visibility.filters = s->filters;
	return true;
}

bool
access_may_ever(const struct access_sender *s, enum access_right right)
{
	struct access_decision d;

	for (uint32_t i = 0; s && i < s->grant_count; i++)
		if ((s->grants[i].rights & right) && access_decide(s, right, s->grants[i].type, &d))
			return true;
	return false;
}

void
access_challenge_scope(
    const struct access *a, enum access_right right, uint32_t type, char out[ACCESS_CHALLENGE_TEXT])
{
	struct scope needed = { .type = STR("*"), .rights = right };
	char text[SCOPE_TEXT];

	if (type != PACK_NONE)
		needed.type = pack_text(a->pack, pack_type_at(a->pack, type)->name);
	scope_format(&needed, text);
	snprintf(out, ACCESS_CHALLENGE_TEXT,
	    "Bearer realm=\"firedoor\", error=\"insufficient_scope\", scope=\"%s\"", text);
}

static const struct access_sender *
sender_named(const struct access *a, struct str name)
{
	for (uint32_t i = 0; i < a->count; i++)
		if (str_eq(a->senders[i].name, name))
			return &a->senders[i];
	return NULL;
}

static bool
hash_eq(const uint8_t *a, const uint8_t *b)
{
	return str_eq_secret(
	    str_of((const char *)a, SHA256_BYTES), str_of((const char *)b, SHA256_BYTES));
}

/* Looks at every hash, so that the time tells nothing. */
static const struct access_sender *
sender_by_token(const struct access *a, struct str token)
{
	const struct access_sender *found = NULL;
	uint8_t hash[SHA256_BYTES];

	sha256(token, hash);
	for (uint32_t i = 0; i < a->count; i++) {
		const struct config_sender *c = a->senders[i].config;

		for (uint32_t t = 0; t < c->token_count; t++)
			if (hash_eq(hash, c->tokens[t]))
				found = &a->senders[i];
	}
	return found;
}

static bool
has_certificate(const struct config_sender *s, const struct access_credentials *c)
{
	for (uint32_t i = 0; i < s->certificate_count; i++)
		if (hash_eq(c->fingerprint, s->certificates[i]))
			return true;
	for (uint32_t i = 0; i < s->subjects.count; i++)
		if (c->subject.len && str_eq(c->subject, s->subjects.at[i]))
			return true;
	return false;
}

/* A fingerprint is more exact than a subject, so it is looked for first. */
static const struct access_sender *
sender_by_certificate(const struct access *a, const struct access_credentials *c)
{
	struct access_credentials by_fingerprint = *c;

	by_fingerprint.subject = (struct str){ 0 };
	for (uint32_t i = 0; i < a->count; i++)
		if (has_certificate(a->senders[i].config, &by_fingerprint))
			return &a->senders[i];
	for (uint32_t i = 0; i < a->count; i++)
		if (has_certificate(a->senders[i].config, c))
			return &a->senders[i];
	return NULL;
}

/* A character of RFC 6750's b64token. */
static bool
is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._~+/=", c));
}

/*
 * The token of an Authorization header (RFC 6750, section 2.1). ACCESS_MISSING
 * when it is of another scheme.
 */
static enum access_answer
bearer_token(struct str header, struct str *token)
{
	struct str scheme, rest = str_trim(header);

	if (!str_split(&rest, ' ', &scheme) || !str_eq_nocase(scheme, STR("Bearer")))
		return ACCESS_MISSING;
	*token = str_trim(rest);
	if (token->len == 0)
		return ACCESS_MALFORMED;
	for (size_t i = 0; i < token->len; i++)
		if (!is_token_char(token->p[i]))
			return ACCESS_MALFORMED;
	return ACCESS_IDENTIFIED;
}

static enum access_answer
refuse(enum access_answer answer, const char **rule, const char *why)
{
	*rule = why;
	return answer;
}

/* What is shown so far says found; *sender what was shown before. */
static bool
agrees(const struct access_sender **sender, const struct access_sender *found)
{
	if (*sender && *sender != found)
		return false;
	*sender = found;
	return true;
}

static enum access_answer
identify(const struct access *a, const struct access_credentials *c,
    const struct access_sender **sender, const char **rule)
{
	const struct access_sender *found;

	if (c->listener_sender.len) {
		found = sender_named(a, c->listener_sender);
		if (!found)
			return refuse(ACCESS_INVALID, rule, "unknown-listener-sender");
		agrees(sender, found);
		*rule = "listener";
	}
	if (c->has_certificate) {
		found = sender_by_certificate(a, c);
		/* A certificate may be there only to encrypt: a token or the
		 * listener says who it is then. */
		if (found && !agrees(sender, found))
			return refuse(ACCESS_INVALID, rule, "certificate-of-another");
		if (found)
			*rule = "certificate";
	}
	if (c->has_authorization) {
		struct str token;
		enum access_answer answer = bearer_token(c->authorization, &token);

		if (answer != ACCESS_IDENTIFIED)
			return refuse(answer, rule,
			    answer == ACCESS_MISSING ? "unknown-scheme"
						     : "malformed-authorization");
		found = sender_by_token(a, token);
		if (!found)
			return refuse(ACCESS_INVALID, rule, "unknown-token");
		if (!agrees(sender, found))
			return refuse(ACCESS_INVALID, rule, "token-of-another");
		*rule = "token";
	}
	if (*sender)
		return ACCESS_IDENTIFIED;
	return c->has_certificate ? refuse(ACCESS_INVALID, rule, "unknown-certificate")
				  : refuse(ACCESS_MISSING, rule, "no-credentials");
}

enum access_answer
access_identify(const struct access *a, const struct access_credentials *c,
    const struct access_sender **sender, const char **rule)
{
	enum access_answer answer;

	*sender = NULL;
	if (a->open) {
		if (!c->loopback)
			return refuse(ACCESS_MISSING, rule, "no-access-section");
		*sender = &a->senders[0];
		*rule = "loopback";
		return ACCESS_IDENTIFIED;
	}
	answer = identify(a, c, sender, rule);
	if (answer != ACCESS_IDENTIFIED)
		*sender = NULL;
	return answer;
}

void
access_challenge(enum access_answer answer, char out[ACCESS_CHALLENGE_TEXT])
{
	static const char *const why[] = {
		[ACCESS_IDENTIFIED] = "",
		[ACCESS_MISSING] = "",
		[ACCESS_INVALID] = ", error=\"invalid_token\", error_description=\"the "
				   "credentials are not those of a sender of this gateway\"",
		[ACCESS_MALFORMED] = ", error=\"invalid_request\", error_description=\"the "
				     "Authorization field must be 'Bearer' and a token\"",
	};

	snprintf(out, ACCESS_CHALLENGE_TEXT, "Bearer realm=\"firedoor\"%s", why[answer]);
}

void
access_make_token(char token[ACCESS_TOKEN_TEXT], uint8_t hash[SHA256_BYTES])
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t bits[SHA256_BYTES + 1];
	char *out = token;

	random_bytes(bits, SHA256_BYTES);
	bits[SHA256_BYTES] = 0;
	memcpy(out, "fd_", 3);
	out += 3;
	/* base64url without padding (RFC 4648, section 5): 43 characters. */
	for (unsigned i = 0; i < SHA256_BYTES * 8; i += 6) {
		unsigned two = (unsigned)bits[i / 8] << 8 | bits[i / 8 + 1];

		*out++ = digits[two >> (10 - i % 8) & 63];
	}
	*out = '\0';
	explicit_bzero(bits, sizeof(bits));
	sha256(str_from(token), hash);
}
