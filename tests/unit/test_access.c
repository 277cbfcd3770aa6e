/*
 * gateway/access/: scopes, who it is, and what they may.
 *
 * The pack is stood in for by a few functions here, with three resource types
 * and one compartment.
 */
#include <ctype.h>

#include "base/arena.h"
#include "base/error.h"
#include "gateway/access/access.h"
#include "gateway/config.h"
#include "tests/tap.h"

enum { PATIENT, OBSERVATION, CLAIM, TYPES };

static const char type_names[] = "PatientObservationClaim";
static const struct pack_type types[TYPES] = {
	[PATIENT] = { .name = { 0, 7 } },
	[OBSERVATION] = { .name = { 7, 11 } },
	[CLAIM] = { .name = { 18, 5 } },
};
static const struct pack_compartment compartment;

static const struct pack pack = { .text = type_names, .types = types };

struct str
pack_fhir_version(const struct pack *p)
{
	(void)p;
	return STR("4.0.1");
}

uint32_t
pack_find_resource(const struct pack *p, struct str name)
{
	for (uint32_t i = 0; i < TYPES; i++)
		if (str_eq(pack_text(p, types[i].name), name))
			return i;
	return PACK_NONE;
}

const struct pack_compartment *
pack_find_compartment(const struct pack *p, struct str code)
{
	(void)p;
	return str_is(code, "Patient") ? &compartment : NULL;
}

static struct arena arena;

/* The access section alone, of a configuration that has everything else. */
static struct access *
make(const char *senders, struct error *err)
{
	const struct config *c;
	struct findings findings;
	struct str text;

	arena_release(&arena);
	arena_init(&arena, CONFIG_ARENA, 0);
	findings_init(&findings, &arena, 10);
	text = str_printf(&arena, "store: {path: s.db}\n%s", senders);
	c = config_parse("f.yaml", text, 0, &arena, &findings);
	for (const struct finding *f = findings.first; f; f = f->next)
		printf("# %u:%u: %.*s\n", f->line, f->column, STR_ARG(f->text));
	return c ? access_new(c, &pack, NULL, err) : NULL;
}

static void
test_scopes(void)
{
	static const struct {
		const char *text, *type;
		unsigned rights;
	} good[] = {
		{ "system/Patient.cruds", "Patient", RIGHTS_ALL },
		{ "system/Patient.r", "Patient", RIGHT_READ },
		{ "system/*.rs", "*", RIGHT_READ | RIGHT_SEARCH },
		{ "system/Claim.cd", "Claim", RIGHT_CREATE | RIGHT_DELETE },
		{ "system/Claim.read", "Claim", RIGHT_READ | RIGHT_SEARCH },
		{ "system/Claim.write", "Claim", RIGHT_CREATE | RIGHT_UPDATE | RIGHT_DELETE },
		{ "system/*.*", "*", RIGHTS_ALL },
	};
	static const char *const bad[] = { "", "/", "system", "system/", "system/Patient",
		"system/Patient.", "system/.rs", "system/Patient.x", "system/Patient.rr",
		"system/Patient.sr", "system/Patient.RS", "user/Patient.rs", "patient/*.rs",
		"System/Patient.rs", "system/patient.rs", "system/Patient.rs?code=1",
		"system/Pat*.rs", "system/**.rs", "system//Patient.rs", "launch", "system/P.rs.s",
		"system\\Patient.rs", ".rs", "openid" };
	struct scope s;
	struct error err;
	char again[SCOPE_TEXT];

	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(scope_parse(str_from(good[i].text), &s, &err) == 0 &&
			str_is(s.type, good[i].type) && s.rights == good[i].rights,
		    "%s", good[i].text);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(scope_parse(str_from(bad[i]), &s, &err) < 0, "not a scope: '%s'", bad[i]);
	scope_parse(STR("system/*.write"), &s, &err);
	scope_format(&s, again);
	is_str(str_from(again), STR("system/*.cud"), "written in the form of version 2");
}

/* SHA-256 of "one", "two" and "three" (sha256sum). */
#define ONE "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
#define TWO "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"
#define THREE "8b5b9db0c13db24256c829aa364aa90c6d2eba318b9232a4ab9313b954d3555f"

static const char senders[] =
    "access:\n"
    "  senders:\n"
    "    - {name: his, tokens: 'sha256:" ONE "', scope: 'system/*.cruds'}\n"
    "    - name: app\n"
    "      tokens: ['sha256:" TWO "']\n"
    "      certificates: 'sha256:" THREE "'\n"
    "      scope: system/Patient.rs system/Observation.cr system/Observation.u\n"
    "    - {name: lab, subjects: 'CN=lab,O=Example', scope: system/Observation.c}\n"
    "    - {name: portal, subjects: 'CN=portal', scope: 'system/*.rs', compartment: Patient/7}\n"
    "mllp: [{listen: '127.0.0.1:1', sender: lab}]\n";

/* Who it is, as "sender rule" or "answer rule". */
static void
who(const struct access *a, struct access_credentials c, const char *want, const char *what)
{
	static const char *const answers[] = { "identified", "missing", "invalid", "malformed" };
	const struct access_sender *s = NULL;
	const char *rule = "none";
	enum access_answer answer = access_identify(a, &c, &s, &rule);
	struct str got;

	if ((answer == ACCESS_IDENTIFIED) != (s != NULL))
		rule = "(sender and answer do not agree)";
	got = s ? str_printf(&arena, "%.*s %s", STR_ARG(access_sender_name(s)), rule)
		: str_printf(&arena, "%s %s", answers[answer], rule);
	is_str(got, str_from(want), "%s", what);
}

#define BEARER(text) .has_authorization = true, .authorization = STR(text)

static void
test_identify(void)
{
	struct error err = { 0 };
	struct access *a = make(senders, &err);
	struct access_credentials with = { .has_certificate = true };

	if (!ok(a != NULL, "senders are made"))
		return;
	who(a, (struct access_credentials){ BEARER("Bearer one") }, "his token", "a token");
	who(a, (struct access_credentials){ BEARER("bearer  two ") }, "app token",
	    "the scheme's case and spaces do not matter");
	who(a, (struct access_credentials){ BEARER("Bearer three") }, "invalid unknown-token",
	    "a token nobody has");
	who(a, (struct access_credentials){ BEARER("Bearer " ONE) }, "invalid unknown-token",
	    "a hash is no token");
	who(a, (struct access_credentials){ BEARER("Bearer on") }, "invalid unknown-token",
	    "a token cut short");
	who(a, (struct access_credentials){ BEARER("Bearer") }, "malformed malformed-authorization",
	    "no token");
	who(a, (struct access_credentials){ BEARER("Bearer one two") },
	    "malformed malformed-authorization", "two tokens");
	who(a, (struct access_credentials){ BEARER("Bearer on\xc3\xa9") },
	    "malformed malformed-authorization", "a token with other characters");
	who(a, (struct access_credentials){ BEARER("Basic b25lOm9uZQ==") },
	    "missing unknown-scheme", "another scheme");
	who(a, (struct access_credentials){ BEARER("") }, "missing unknown-scheme", "an empty one");
	who(a, (struct access_credentials){ .loopback = true }, "missing no-credentials",
	    "loopback is nobody where there are senders");
	who(a, (struct access_credentials){ .listener_sender = STR("lab") }, "lab listener",
	    "a listener");
	who(a, (struct access_credentials){ .listener_sender = STR("gone") },
	    "invalid unknown-listener-sender", "a listener of nobody");

	who(a, with, "invalid unknown-certificate", "a certificate nobody has");
	with.subject = STR("CN=lab,O=Example");
	who(a, with, "lab certificate", "a certificate by its subject");
	with.subject = STR("CN=lab");
	who(a, with, "invalid unknown-certificate", "the whole subject counts");
	sha256(STR("three"), with.fingerprint);
	who(a, with, "app certificate", "a certificate by its fingerprint");
	with.subject = STR("CN=lab,O=Example");
	who(a, with, "app certificate", "the fingerprint is looked for first");
	with.has_authorization = true;
	with.authorization = STR("Bearer two");
	who(a, with, "app token", "certificate and token of the same sender");
	with.authorization = STR("Bearer one");
	who(a, with, "invalid token-of-another", "and of different ones");
	with.has_authorization = false;
	with.listener_sender = STR("lab");
	who(a, with, "invalid certificate-of-another", "a certificate on another's listener");
	access_free(a);
}

static const struct access_sender *
sender(const struct access *a, const char *authorization, const char *subject)
{
	struct access_credentials c = { 0 };
	const struct access_sender *s;
	const char *rule;

	c.authorization = str_from(authorization);
	c.has_authorization = authorization != NULL;
	c.subject = str_from(subject);
	c.has_certificate = subject != NULL;
	access_identify(a, &c, &s, &rule);
	return s;
}

static bool
may(const struct access_sender *s, enum access_right right, uint32_t type)
{
	struct access_decision d = { .permitted = true };
	bool answer = access_decide(s, right, type, &d);

	return answer && d.permitted && d.scope.len && d.visibility.kind != SEES_NOTHING;
}

static void
test_decide(void)
{
	struct error err = { 0 };
	struct access *a = make(senders, &err);
	const struct access_sender *his = sender(a, "Bearer one", NULL);
	const struct access_sender *app = sender(a, "Bearer two", NULL);
	const struct access_sender *portal = sender(a, NULL, "CN=portal");
	struct access_decision d;
	unsigned all = 0;

	for (uint32_t t = 0; t < TYPES; t++)
		for (unsigned r = 1; r <= RIGHT_SEARCH; r <<= 1)
			all += may(his, r, t);
	is_int(all, 15, "who has all of cruds for * may do everything");
	ok(may(his, RIGHT_CREATE, PACK_NONE), "with the system too");

	ok(may(app, RIGHT_READ, PATIENT) && may(app, RIGHT_SEARCH, PATIENT), "what is in a scope");
	ok(!may(app, RIGHT_CREATE, PATIENT) && !may(app, RIGHT_UPDATE, PATIENT) &&
		!may(app, RIGHT_DELETE, PATIENT),
	    "and no more");
	ok(may(app, RIGHT_CREATE, OBSERVATION) && may(app, RIGHT_UPDATE, OBSERVATION) &&
		!may(app, RIGHT_SEARCH, OBSERVATION),
	    "scopes of one type add up");
	ok(!may(app, RIGHT_READ, CLAIM), "a type without a scope");
	ok(!may(app, RIGHT_READ, PACK_NONE), "the system needs a scope for *");
	ok(!may(NULL, RIGHT_READ, PATIENT), "nobody may nothing");

	access_decide(app, RIGHT_READ, CLAIM, &d);
	is_str(str_from(d.rule), STR("no-scope"), "a refusal says why");
	is_int(d.visibility.kind, SEES_NOTHING, "and shows nothing");
	access_decide(app, RIGHT_CREATE, OBSERVATION, &d);
	is_str(d.scope, STR("system/Observation.cr"), "the scope that permits it");
	is_int(d.visibility.kind, SEES_EVERYTHING, "without a compartment all is seen");

	ok(access_decide(portal, RIGHT_SEARCH, OBSERVATION, &d), "in a compartment one may search");
	is_int(d.visibility.kind, SEES_COMPARTMENT, "and sees it only");
	is_str(d.visibility.compartment, STR("Patient/7"), "namely this");

	ok(access_may_ever(app, RIGHT_CREATE) && !access_may_ever(app, RIGHT_DELETE) &&
		!access_may_ever(NULL, RIGHT_READ) && !access_may_ever(portal, RIGHT_UPDATE),
	    "what one may ever do");
	access_free(a);
}

static void
test_challenges(void)
{
	struct error err = { 0 };
	struct access *a = make(senders, &err);
	char text[ACCESS_CHALLENGE_TEXT];

	/* RFC 6750, section 3: without credentials no error code. */
	access_challenge(ACCESS_MISSING, text);
	is_str(str_from(text), STR("Bearer realm=\"firedoor\""), "no credentials");
	access_challenge(ACCESS_INVALID, text);
	ok(str_find_str(str_from(text), STR("error=\"invalid_token\"")) > 0 &&
		str_ends(str_from(text), STR("\"")),
	    "invalid_token");
	access_challenge(ACCESS_MALFORMED, text);
	ok(str_find_str(str_from(text), STR("error=\"invalid_request\"")) > 0 &&
		str_ends(str_from(text), STR("\"")),
	    "invalid_request");
	access_challenge_scope(a, RIGHT_DELETE, OBSERVATION, text);
	is_str(str_from(text),
	    STR("Bearer realm=\"firedoor\", error=\"insufficient_scope\", "
		"scope=\"system/Observation.d\""),
	    "insufficient_scope");
	access_challenge_scope(a, RIGHT_SEARCH, PACK_NONE, text);
	ok(str_ends(str_from(text), STR("scope=\"system/*.s\"")), "for the system");
	access_free(a);
}

static void
test_loopback(void)
{
	struct error err = { 0 };
	struct access *a = make("", &err);
	const struct access_sender *s;
	const char *rule;
	struct access_credentials c = { .loopback = true };

	who(a, c, "loopback loopback", "without an access section who is here is loopback");
	access_identify(a, &c, &s, &rule);
	ok(may(s, RIGHT_DELETE, CLAIM) && may(s, RIGHT_SEARCH, PACK_NONE), "and may do everything");
	c.loopback = false;
	who(a, c, "missing no-access-section", "but not over another listener");
	access_free(a);
}

static void
test_listeners(void)
{
	struct config_address open = { .text = STR("0.0.0.0:80") };
	struct config_address here = { .text = STR("127.0.0.1:80"), .loopback = true };
	struct config_mllp mllp = { .listen = { &open, 1 } };
	struct config c = { .fhir.listen = { &here, 1 }, .mllp = &mllp, .mllp_count = 1 };
	struct error err = { 0 };

	ok(access_check_listeners(&c, &err) < 0 && err.kind == ERROR_DENIED,
	    "no access section, and a listener that is open");
	ok(str_find_str(str_from(err.text), STR("0.0.0.0:80")) >= 0 &&
		str_find_str(str_from(err.text), STR("firedoor token")) >= 0,
	    "it is said which, and what to do");
	c.has_access = true;
	is_int(access_check_listeners(&c, &err), 0, "with an access section it may");
	c.has_access = false;
	mllp.listen.at = &here;
	is_int(access_check_listeners(&c, &err), 0, "on loopback it may");
}

static void
test_unknown_types(void)
{
	struct error err = { 0 };

	ok(!make("access: {senders: [{name: a, subjects: x, scope: system/Pacient.r}]}\n", &err) &&
		str_starts(str_from(err.text), STR("f.yaml:2: ")),
	    "a scope for a type that the pack does not have, by line");
	ok(!make("access: {senders: [{name: a, subjects: x, scope: system/Claim.r, "
		 "compartment: Claim/1}]}\n",
	       &err) &&
		str_find_str(str_from(err.text), STR("compartment of Claim")) > 0,
	    "a compartment that the pack does not have");
}

static void
test_token(void)
{
	char one[ACCESS_TOKEN_TEXT], two[ACCESS_TOKEN_TEXT];
	uint8_t hash[SHA256_BYTES], again[SHA256_BYTES];
	bool plain = true;

	access_make_token(two, hash);
	access_make_token(one, hash);
	is_int(strlen(one), 46, "a token has 46 characters");
	ok(str_starts(str_from(one), STR("fd_")), "and begins with fd_");
	for (const char *p = one; *p; p++)
		plain = plain && (isalnum((unsigned char)*p) || *p == '-' || *p == '_');
	ok(plain, "all of base64url");
	ok(strcmp(one, two) != 0, "no two are alike");
	sha256(str_from(one), again);
	ok(memcmp(hash, again, sizeof(hash)) == 0, "its hash is over the whole text");
}

int
main(void)
{
	arena_init(&arena, CONFIG_ARENA, 0);
	test_scopes();
	test_identify();
	test_decide();
	test_challenges();
	test_loopback();
	test_listeners();
	test_unknown_types();
	test_token();
	arena_release(&arena);
	return tap_done();
}
