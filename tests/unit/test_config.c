/* gateway/config.h: defaults, every kind of value, and errors by place. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "gateway/access/scope.h"
#include "gateway/config.h"
#include "gateway/config/value.h"
#include "tests/tap.h"

static struct arena arena;
static struct findings findings;

static const struct config *
parse(const char *text)
{
	arena_release(&arena);
	arena_init(&arena, CONFIG_ARENA, 0);
	findings_init(&findings, &arena, 100);
	return config_parse("/etc/firedoor/firedoor.yaml", str_from(text), 0, &arena, &findings);
}

/* The text is refused with one error, at this place, that says this. */
static void
wrong(const char *text, unsigned line, unsigned column, const char *says)
{
	const struct config *c = parse(text);
	const struct finding *f = findings.first;

	if (ok(!c && findings.errors == 1 && f && f->line == line && f->column == column &&
		    str_find_str(f->text, str_from(says)) >= 0,
		"%u:%u: %s", line, column, says))
		return;
	printf("# %s, %u errors\n", c ? "accepted" : "refused", findings.errors);
	for (; f; f = f->next)
		printf("# %u:%u: %.*s\n", f->line, f->column, STR_ARG(f->text));
}

static void
right(const char *text, const char *what)
{
	ok(parse(text) != NULL, "%s", what);
	for (const struct finding *f = findings.first; f; f = f->next)
		printf("# %u:%u: %.*s\n", f->line, f->column, STR_ARG(f->text));
}

#define STORE "store: {path: s.db}\n"

static void
test_fhir_defaults(const struct config_fhir *f, const char *spool)
{
	is_int(f->listen.count, 1, "one listener");
	is_str(f->listen.at[0].text, STR("127.0.0.1:8080"), "on loopback");
	ok(f->listen.at[0].loopback, "which is known to be loopback");
	ok(f->base_url.len == 0 && !f->tls.on && f->cors_origins.count == 0, "no more than that");
	is_int(f->max_connections, 20000, "fhir.limits.connections");
	is_int(f->max_head, 32 * 1024, "fhir.limits.head");
	is_int(f->max_fields, 100, "fhir.limits.fields");
	is_int(f->max_body, 64 << 20, "fhir.limits.body");
	is_int(f->max_entries, 10000, "fhir.limits.entries");
	is_int(f->head_ms, 10000, "fhir.timeouts.head");
	is_int(f->body_ms, 30000, "fhir.timeouts.body");
	is_int(f->idle_ms, 60000, "fhir.timeouts.idle");
	is_int(f->write_ms, 30000, "fhir.timeouts.write");
	is_int(f->page_count, 50, "fhir.pages.count");
	is_int(f->page_most, 1000, "fhir.pages.most");
	is_int(f->references, 0, "fhir.references: off");
	is_int(f->full_text, 0, "fhir.full_text: off");
	ok(!f->delete_many, "fhir.conditional_delete: single");
	is_int(f->spool_over, 1 << 20, "fhir.spool.over");
	is_str(str_from(f->spool_folder), str_from(spool), "fhir.spool.folder");
}

static void
test_defaults(void)
{
	const struct config *c;

	setenv("TMPDIR", "/var/spool/x", 1);
	setenv("FIREDOOR_PACK", "/packs/mine.pack", 1);
	setenv("FIREDOOR_MAPS", "/maps/mine", 1);
	c = parse("store:\n  path: data/store.db\n");
	if (!ok(c != NULL, "a store is all that must be given"))
		return;
	is_int(c->server.loops, 0, "server.loops: auto");
	is_int(c->server.drain_ms, 30000, "server.drain");
	is_int(c->server.queue, 4096, "server.queue");
	ok(c->log.level == LOG_INFO && c->log.format == LOG_TEXT, "log");
	test_fhir_defaults(&c->fhir, "/var/spool/x");
	is_int(c->mllp_count, 0, "no mllp");
	is_str(str_from(c->store.path), STR("/etc/firedoor/data/store.db"),
	    "a relative path counts from the file's folder");
	is_int(c->store.busy_ms, 5000, "store.busy");
	is_str(
	    str_from(c->audit.folder), STR("/etc/firedoor/data/audit"), "audit beside the store");
	is_int(c->audit.segment_size, 16 << 20, "audit.segment");
	is_str(str_from(c->pack), STR("/packs/mine.pack"), "pack from the environment");
	is_int(c->maps.count, 1, "one folder of maps");
	is_str(c->maps.at[0], STR("/maps/mine"), "maps from the environment");
	ok(!c->has_access && c->sender_count == 0 && c->plugin_count == 0, "nothing else");
	unsetenv("FIREDOOR_PACK");
	unsetenv("FIREDOOR_MAPS");
	c = parse(STORE);
	ok(c && str_ends(str_from(c->pack), STR("/r4.pack")) && c->pack[0] == '/',
	    "pack in the data folder");
	ok(c && str_ends(c->maps.at[0], STR("/maps")) && c->maps.at[0].p[0] == '/',
	    "maps in the data folder");
	unsetenv("TMPDIR");
	c = parse(STORE);
	is_str(str_from(c->fhir.spool_folder), STR("/tmp"), "spool in /tmp");
}

static const char whole[] =
    "server: {loops: 2, drain: 1min, queue: 9}\n"
    "log: {level: debug, format: json}\n"
    "fhir:\n"
    "  listen: ['0.0.0.0:80', '[::1]:81', 'localhost:0', '*:82']\n"
    "  base_url: https://fhir.example.org/fhir\n"
    "  tls: {certificate: c.pem, key: /k.pem, client_ca: ca.pem, require_client: no}\n"
    "  cors_origins: ['https://app.example.org:8443', '*']\n"
    "  limits: {connections: 5, head: 4096, fields: 20, body: 2 GB, entries: 7}\n"
    "  timeouts: {head: 100ms, body: 2 s, idle: 3min, write: 1 h}\n"
    "  pages: {count: 10, most: 20}\n  references: keep\n"
    "  conditional_delete: multiple\n"
    "  spool: {over: 10 kB, folder: spool}\n"
    "mllp:\n"
    "  - name: lab\n"
    "    listen: '*:2575'\n"
    "    tls: {certificate: c.pem, key: k.pem, client_ca: ca.pem}\n"
    "    duplicates: 2d\n"
    "    zone: '-05:30'\n"
    "    maps: site\n"
    "    limits: {connections: 3, message: 1 MiB}\n"
    "    timeouts: {idle: 5min, message: 10s}\n"
    "  - listen: 127.0.0.1:2576\n"
    "    sender: his\n"
    "store: {path: /db/s.db, busy: 250ms}\n"
    "audit: {folder: trail, segment: 1 MiB}\n"
    "pack: p.pack\n"
    "maps: [a, /b]\n"
    "access:\n"
    "  senders:\n"
    "    - name: his\n"
    "      scope: system/*.cruds\n"
    "    - name: app\n"
    "      tokens: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
    "      certificates:\n"
    "        - sha256:E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:"
    "A4:95:99:1B:78:52:B8:55\n"
    "      subjects: ['CN=app,O=Example']\n"
    "      scope: [system/Patient.rs system/Observation.s, system/Encounter.read]\n"
    "      compartment: Patient/p-1.x\n"
    "plugins:\n"
    "  - name: summary\n"
    "    file: /lib/s.so\n"
    "    types: [Patient, Observation]\n"
    "    workers: 2\n"
    "    queue: 8\n"
    "    limits: {memory: 64 MiB, cpu: 1s}\n"
    "    timeout: 2s\n"
    "    backoff: {first: 10ms, most: 1s}\n"
    "  - {name: other, types: Bundle}\n";

static void
test_whole_fhir(const struct config_fhir *f)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&f->listen.at[3].sockaddr;

	is_int(f->listen.count, 4, "several listeners");
	ok(!f->listen.at[0].loopback && f->listen.at[1].loopback && f->listen.at[2].loopback &&
		!f->listen.at[3].loopback,
	    "which of them are loopback");
	ok(in->sin_family == AF_INET && in->sin_addr.s_addr == 0 && ntohs(in->sin_port) == 82,
	    "* is any address");
	is_int(f->listen.at[1].sockaddr.ss_family, AF_INET6, "IPv6");
	is_int(f->listen.at[1].place.line, 4, "an address knows its line");
	is_str(f->base_url, STR("https://fhir.example.org/fhir"), "base_url");
	ok(f->tls.on && !f->tls.require_client, "client certificates may be optional");
	is_str(str_from(f->tls.certificate), STR("/etc/firedoor/c.pem"), "certificate");
	is_str(str_from(f->tls.key), STR("/k.pem"), "key");
	is_int(f->cors_origins.count, 2, "origins");
	is_int(f->max_body, 2000000000, "a size in GB");
	is_int(f->max_head, 4096, "a size in bytes");
	is_int(f->spool_over, 10000, "a size in kB");
	ok(f->head_ms == 100 && f->body_ms == 2000 && f->idle_ms == 180000 &&
		f->write_ms == 3600000,
	    "durations");
	ok(f->page_count == 10 && f->page_most == 20, "pages");
	is_int(f->references, 2, "references");
	ok(f->delete_many, "conditional_delete");
}

static void
test_whole(void)
{
	const struct config *c = parse(whole);
	const struct config_sender *app;

	for (const struct finding *f = findings.first; f; f = f->next)
		printf("# %u:%u: %.*s\n", f->line, f->column, STR_ARG(f->text));
	if (!ok(c != NULL, "every key"))
		return;
	ok(c->server.loops == 2 && c->server.drain_ms == 60000 && c->server.queue == 9, "server");
	ok(c->log.level == LOG_DEBUG && c->log.format == LOG_JSON, "log");
	test_whole_fhir(&c->fhir);
	is_int(c->mllp_count, 2, "two mllp listeners");
	is_int(c->mllp[0].feed.zone_minutes, -330, "zone");
	is_int(c->mllp[0].feed.duplicate_ms, 2 * 86400000LL, "duplicates");
	ok(c->mllp[0].tls.require_client, "a client_ca asks for certificates");
	ok(c->mllp[0].max_message == 1 << 20 && c->mllp[0].max_connections == 3, "mllp limits");
	ok(c->mllp[0].idle_ms == 300000 && c->mllp[0].frame_ms == 10000, "mllp timeouts");
	is_str(c->mllp[1].name, STR("mllp-2"), "a listener without a name gets one");
	is_str(c->mllp[1].sender, STR("his"), "sender");
	ok(c->mllp[1].max_message == 16 << 20 && c->mllp[1].idle_ms == 0 &&
		c->mllp[1].feed.duplicate_ms == 86400000 && c->mllp[1].frame_ms == 60000 &&
		c->mllp[1].max_connections == 1024 && c->mllp[1].feed.zone_minutes == 0 &&
		!c->mllp[1].feed.maps && !c->mllp[1].tls.on,
	    "mllp defaults");
	is_int(c->store.busy_ms, 250, "store.busy");
	is_str(str_from(c->audit.folder), STR("/etc/firedoor/trail"), "audit.folder");
	is_str(str_from(c->pack), STR("/etc/firedoor/p.pack"), "pack");
	is_str(c->maps.at[1], STR("/b"), "maps");
	ok(c->has_access && c->sender_count == 2, "senders");
	app = &c->senders[1];
	ok(app->token_count == 1 && app->certificate_count == 1 &&
		memcmp(app->tokens[0], app->certificates[0], 32) == 0 && app->tokens[0][0] == 0xe3,
	    "hashes, with colons or without");
	is_int(app->scope_count, 3, "scopes");
	is_int(app->scopes[2].rights, RIGHT_READ | RIGHT_SEARCH, "a scope of version 1");
	is_str(app->compartment, STR("Patient/p-1.x"), "compartment");
	is_int(c->plugin_count, 2, "plugins");
	ok(c->plugins[0].workers == 2 && c->plugins[0].queue == 8 &&
		c->plugins[0].max_memory == 64 << 20 && c->plugins[0].cpu_ms == 1000 &&
		c->plugins[0].timeout_ms == 2000 && c->plugins[0].backoff_ms == 10 &&
		c->plugins[0].backoff_most_ms == 1000 && c->plugins[0].types.count == 2,
	    "a plugin");
	ok(c->plugins[1].workers == 1 && c->plugins[1].queue == 256 &&
		c->plugins[1].max_memory == 512 << 20 && c->plugins[1].cpu_ms == 10000 &&
		c->plugins[1].timeout_ms == 30000 && c->plugins[1].backoff_ms == 500 &&
		c->plugins[1].backoff_most_ms == 60000,
	    "plugin defaults");
	ok(str_ends(str_from(c->plugins[1].file), STR("/other.so")), "a plugin's file by its name");
}

static void
test_wrong_yaml(void)
{
	wrong("store: {path: x\n", 2, 1, "not YAML");
	wrong("a: &x 1\n" STORE, 1, 4, "anchors");
	wrong(STORE "pack: *x\n", 2, 7, "aliases");
	wrong(STORE "pack: !!str x\n", 2, 7, "tags");
	wrong(STORE "pack: |\n  a\n  b\n", 2, 7, "several lines");
	wrong(STORE "pack: a\npack: b\n", 3, 1, "comes twice; first in line 2");
	wrong(STORE "plugins: []\nplugins: [{name: a, types: b}, {name: b, types: b}]\n", 3, 1,
	    "'plugins' comes twice; first in line 2");
	wrong(STORE "mllp: [{listen: '127.0.0.1:1'}]\nmllp: []\n", 3, 1, "'mllp' comes twice");
	wrong(STORE "---\nstore:\n", 2, 1, "more than one document");
	wrong(STORE "? [a]\n: b\n", 2, 3, "a key must be a plain word");
	wrong("[[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]]\n", 1, 17, "nested too deep");
	wrong("store: {path: \"a\\0b\"}\n", 1, 15, "control character");
	wrong("- a\n", 1, 1, "must be a mapping");
	wrong("", 0, 0, "'store' is missing");
	wrong("\xff\xfe\xff", 0, 0, "UTF-8 or UTF-16");
}

static void
test_wrong_values(void)
{
	wrong(STORE "pakc: x\n", 2, 1, "there is no key 'pakc'; did you mean 'pack'?");
	wrong(STORE "zebra: x\n", 2, 1, "there are server, log, fhir");
	wrong("store: {paht: x, path: y}\n", 1, 9, "store: there is no key 'paht'; did you mean");
	wrong("store: {busy: 1s}\n", 1, 8, "store: 'path' is missing");
	wrong("store: s.db\n", 1, 8, "store: must be a mapping");
	wrong("store: {path: [a]}\n", 1, 15, "store.path: must be a single value, and is a list");
	wrong("store: {path: ''}\n", 1, 15, "empty");
	wrong("store:\n  path:\n", 2, 8, "is nothing");
	wrong(STORE "server: {loops: many}\n", 2, 17, "server.loops: must be 'auto' or");
	wrong(STORE "server: {loops: 0}\n", 2, 17, "server.loops");
	wrong(STORE "server: {queue: 1.5}\n", 2, 17, "is not a whole number");
	wrong(STORE "server: {queue: -1}\n", 2, 17, "is not a whole number");
	wrong(STORE "server: {queue: 0}\n", 2, 17, "out of range: from 1 to 1000000");
	wrong(STORE "server: {drain: 30}\n", 2, 17, "is not a duration");
	wrong(STORE "server: {drain: 2 h}\n", 2, 17, "out of range: from 0 ms to 1 h");
	wrong(STORE "log: {level: loud}\n", 2, 14, "error, warn, info or debug");
	wrong(STORE "log: {format: xml}\n", 2, 15, "text or json");
	wrong(STORE "fhir: {limits: {body: 12 apples}}\n", 2, 23,
	    "fhir.limits.body: '12 apples' is not a size");
	wrong(STORE "fhir: {limits: {head: 1}}\n", 2, 23, "from 1 KiB to 1 MiB");
	wrong(STORE "fhir: {limits: {body: 99999999999 GiB}}\n", 2, 23, "not a size");
	wrong(STORE "fhir: {listen: 8080}\n", 2, 16, "is not an address");
	wrong(STORE "fhir: {listen: []}\n", 2, 16, "at least one address");
	wrong(STORE "fhir: {listen: ['127.0.0.1:1', '127.0.0.1:1']}\n", 2, 32, "already (line 2)");
	wrong(STORE "fhir: {base_url: 'https://a/b'}\n", 2, 18, "ends in /fhir");
	wrong(STORE "fhir: {conditional_delete: all}\n", 2, 28, "must be single or multiple");
	wrong(STORE "fhir: {references: some}\n", 2, 20, "must be off, check or keep");
	wrong(STORE "fhir: {full_text: some}\n", 2, 19, "must be off, narrative or all");
	wrong(STORE "fhir: {pages: {count: 9, most: 8}}\n", 2, 15, "is more than 'most'");
	wrong(STORE "fhir: {cors_origins: 'https://a/b'}\n", 2, 22, "not an origin");
	wrong(STORE "fhir: {tls: {key: k}}\n", 2, 13, "fhir.tls: 'certificate' is missing");
	wrong(STORE "fhir: {tls: {key: k, certificate: c, require_client: yes}}\n", 2, 54,
	    "with 'client_ca'");
	wrong(STORE "fhir: {tls: {key: k, certificate: c, require_client: maybe}}\n", 2, 54,
	    "is not true or false");
	wrong(STORE "fhir: {listen: '0.0.0.0:80'}\n", 2, 16, "there is no 'access' section");
	wrong(STORE "mllp: {listen: a}\n", 2, 7, "must be a list");
	wrong(STORE "mllp: [{name: a}]\n", 2, 8, "mllp[0]: 'listen' is missing");
	wrong(STORE "mllp: [{listen: '127.0.0.1:1', zone: '+15:00'}]\n", 2, 38, "offset from UTC");
	wrong(STORE "mllp: [{listen: '127.0.0.1:1', sender: a}]\n", 2, 8, "no 'access' section");
	wrong(STORE "mllp: [{listen: '127.0.0.1:8080'}]\n", 2, 17, "listened on already");
	wrong(STORE
	    "mllp:\n- {listen: '127.0.0.1:1', name: a}\n- {listen: '127.0.0.1:2', name: a}\n",
	    4, 3, "mllp[1]: the name 'a' is taken (line 3)");
	wrong(STORE "plugins: [{name: a, types: []}]\n", 2, 11, "at least one resource type");
	wrong(STORE "plugins: [{types: a}]\n", 2, 11, "plugins[0]: 'name' is missing");
	wrong(STORE "plugins: [{name: a/b, types: a}]\n", 2, 18, "not a name");
	wrong(
	    STORE "plugins: [{name: a, types: b, backoff: {first: 2min}}]\n", 2, 11, "longer than");
	wrong(STORE "plugins:\n- {name: a, types: b}\n- {name: a, types: b}\n", 4, 3, "is taken");
}

#define SENDER "access: {senders: [{name: a, "
#define HASH "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void
test_wrong_access(void)
{
	wrong(STORE "access:\n", 2, 8, "access: 'senders' is missing");
	wrong(STORE "access: {senders: []}\n", 2, 19, "1 to 1000 senders");
	wrong(STORE SENDER "scope: system/*.rs}]}\n", 2, 20, "nothing tells who this is");
	wrong(STORE SENDER "tokens: " HASH "}]}\n", 2, 20, "'scope' is missing");
	wrong(STORE SENDER "tokens: " HASH ", scope: ''}]}\n", 2, 118, "one to 1000 scopes");
	wrong(STORE SENDER "tokens: " HASH ", scope: user/*.rs}]}\n", 2, 118, "a person's login");
	wrong(STORE SENDER "tokens: " HASH ", scope: system/Patient.sr}]}\n", 2, 118,
	    "in this order");
	wrong(STORE SENDER "subjects: 'CN=x', tokens: abc, scope: system/*.rs}]}\n", 2, 56,
	    "a token must be 'sha256:'");
	wrong(STORE SENDER "subjects: 'CN=x', tokens: fd_secret, scope: system/*.rs}]}\n", 2, 56,
	    "this is a token itself");
	ok(str_find_str(findings.first->text, STR("fd_secret")) < 0, "which is not shown");
	wrong(STORE SENDER "subjects: x, compartment: Patient, scope: system/*.rs}]}\n", 2, 56,
	    "'Patient/123'");
	wrong(STORE SENDER "subjects: x, scope: system/*.rs}, {name: a, subjects: y, "
			   "scope: system/*.rs}]}\n",
	    2, 64, "the name 'a' is taken");
	wrong(STORE SENDER "tokens: " HASH ", scope: system/*.rs}, {name: b, tokens: [" HASH
			   "], scope: system/*.rs}]}\n",
	    2, 132, "has a token of sender 'a'");
	wrong(STORE SENDER "subjects: x, scope: system/*.rs}]}\nmllp: [{listen: '127.0.0.1:1'}]\n",
	    3, 8, "must have a 'sender'");
	wrong(STORE SENDER "subjects: x, scope: system/*.rs}]}\n"
			   "mllp: [{listen: '127.0.0.1:1', sender: b}]\n",
	    3, 8, "there is no sender 'b'");
	right(STORE SENDER "scope: system/*.rs}]}\nmllp: [{listen: '127.0.0.1:1', sender: a}]\n",
	    "a listener is enough to know a sender by");
}

static void
test_all_errors(void)
{
	const struct config *c = parse("fhir: {limits: {body: x}, page: 1}\nlog: {level: x}\n"
				       "stroe: {path: a}\n");

	ok(!c, "nothing is used of a wrong file");
	is_int(findings.errors, 5, "all errors are told at once");
	ok(parse("store: {path: x}\nfhir: {listen: '0.0.0.0:1'}\n" SENDER
		 "subjects: x, scope: system/*.rs}]}\n") &&
		findings.count == 1 && findings.first->severity == SEVERITY_WARNING,
	    "an open listener without tls is warned of");
}

/* Any file that is cut or damaged is refused or read, and never more. */
static void
test_cut(void)
{
	static char text[sizeof(whole)];
	unsigned read = 0;

	for (size_t i = 0; i < sizeof(whole); i++) {
		memcpy(text, whole, i);
		text[i] = '\0';
		read += parse(text) != NULL;
	}
	ok(read >= 1 && read < sizeof(whole), "a file cut anywhere");
}

static void
test_values(void)
{
	uint64_t n;
	int32_t zone;
	struct config_address a;

	ok(value_size(STR("16MiB"), &n) && n == 16 << 20, "16MiB");
	ok(value_size(STR("1 GiB"), &n) && n == 1 << 30, "1 GiB");
	ok(!value_size(STR("MiB"), &n) && !value_size(STR(""), &n) && !value_size(STR("-1"), &n) &&
		!value_size(STR("1 mib"), &n) && !value_size(STR("18446744073709551615"), &n),
	    "no sizes");
	ok(value_duration(STR("7d"), &n) && n == 604800000, "7d");
	ok(value_duration(STR("0"), &n) && n == 0, "0 needs no unit");
	ok(!value_duration(STR("9223372036854775807 d"), &n), "a duration that overflows");
	ok(value_zone(STR("+14:00"), &zone) && zone == 840, "+14:00");
	ok(value_zone(STR("Z"), &zone) && zone == 0, "Z");
	ok(!value_zone(STR("+14:01"), &zone) && !value_zone(STR("1:00"), &zone) &&
		!value_zone(STR("+01:60"), &zone) && !value_zone(STR("+0100"), &zone),
	    "no zones");
	ok(!value_address(STR("127.0.0.1:65536"), &a) && !value_address(STR(":80"), &a) &&
		!value_address(STR("::1:80"), &a) && !value_address(STR("[::1]"), &a) &&
		!value_address(STR("example.org:80"), &a) && !value_address(STR("[]:1"), &a) &&
		!value_address(STR("[127.0.0.1]:1"), &a) && !value_address(STR("1:+1"), &a),
	    "no addresses");
	ok(value_address(STR("127.9.9.9:0"), &a) && a.loopback, "all of 127/8 is loopback");
}

static void
write_file(const char *folder, const char *name, const char *text, char path[256])
{
	snprintf(path, 256, "%s/%s", folder, name);
	file_replace(path, str_from(text), 0600, NULL);
}

/* Files and folders that the file names must be there when it is loaded. */
static void
test_files(void)
{
	char folder[] = "/tmp/firedoor-config-XXXXXX", path[256], pack[256];
	const struct config *c;

	if (!mkdtemp(folder))
		return;
	arena_release(&arena);
	arena_init(&arena, CONFIG_ARENA, 0);
	findings_init(&findings, &arena, 100);
	snprintf(path, sizeof(path), "%s/none.yaml", folder);
	ok(!config_load(path, CONFIG_CHECK_FILES, &arena, &findings) && findings.errors == 1,
	    "a file that is not there");

	findings_init(&findings, &arena, 100);
	write_file(folder, "f.yaml", "store: {path: no/s.db}\npack: no.pack\nmaps: [no]\n", path);
	c = config_load(path, CONFIG_CHECK_FILES, &arena, &findings);
	is_int(findings.errors, 3, "each file that is not there");
	ok(!c, "is an error");

	findings_init(&findings, &arena, 100);
	write_file(folder, "p.pack", "x", pack);
	write_file(folder, "f.yaml", "store: {path: s.db}\npack: p.pack\nmaps: .\n", path);
	c = config_load(path, CONFIG_CHECK_FILES, &arena, &findings);
	ok(c && findings.count == 0, "files that are there");
	is_str(str_from(c ? c->pack : ""), str_from(pack), "beside the configuration");
	unlink(path);
	unlink(pack);
	rmdir(folder);
}

/* The example says what the defaults are, and all of it can be used. */
static void
test_example(void)
{
	const char *top = getenv("FIREDOOR_SRCDIR");
	char path[512];
	struct buf text, all;
	struct str rest, line;
	const struct config *c;

	snprintf(path, sizeof(path), "%s/etc/firedoor.yaml", top ? top : ".");
	buf_init(&text, 1 << 20);
	buf_init(&all, 1 << 20);
	if (file_read(path, &text, NULL) < 0) {
		tap_skip("the example configuration", "FIREDOOR_SRCDIR is not set");
		return;
	}
	buf_put_byte(&text, '\0');
	text.len--;
	c = parse(text.p);
	ok(c && findings.count == 0, "the example configuration is good");
	if (c) {
		test_fhir_defaults(&c->fhir, "/tmp");
		ok(c->server.drain_ms == 30000 && c->server.queue == 4096 &&
			c->store.busy_ms == 5000 && c->audit.segment_size == 16 << 20,
		    "it shows the defaults");
	}
	/* What stands behind '#' without a space, or with several, is an example. */
	rest = buf_str(&text);
	while (str_split(&rest, '\n', &line)) {
		ptrdiff_t at = str_find(line, '#');
		bool begun = str_find_str(buf_str(&all), STR("\nstore:")) >= 0;

		if (begun && at >= 0 && str_trim(str_of(line.p, (size_t)at)).len == 0 &&
		    line.len > (size_t)at + 2 && (line.p[at + 1] != ' ' || line.p[at + 2] == ' ')) {
			buf_put(&all, line.p, (size_t)at);
			line = str_from_index(line, (size_t)at + 1);
		}
		buf_put_str(&all, line);
		buf_put_byte(&all, '\n');
	}
	buf_put_byte(&all, '\0');
	c = parse(all.p);
	for (const struct finding *f = findings.first; f; f = f->next)
		printf("# %u:%u: %.*s\n", f->line, f->column, STR_ARG(f->text));
	ok(c && c->mllp_count == 2 && c->sender_count == 5 && c->plugin_count == 1 &&
		c->maps.count == 2 && c->fhir.tls.on,
	    "and so is what it has as examples");
	ok(c && c->mllp[0].feed.duplicate_ms == 86400000 && c->mllp[0].frame_ms == 60000 &&
		c->plugins[0].max_memory == 512 << 20 && c->plugins[0].queue == 256 &&
		c->plugins[0].backoff_ms == 500 && c->plugins[0].backoff_most_ms == 60000,
	    "which show the defaults too");
	buf_release(&text);
	buf_release(&all);
}

int
main(void)
{
	arena_init(&arena, CONFIG_ARENA, 0);
	test_defaults();
	test_whole();
	test_wrong_yaml();
	test_wrong_values();
	test_wrong_access();
	test_all_errors();
	test_cut();
	test_values();
	test_files();
	test_example();
	arena_release(&arena);
	return tap_done();
}
