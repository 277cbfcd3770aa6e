#include "gateway/config.h"

#include <stdio.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "gateway/access/access.h"
#include "gateway/config/feed.h"
#include "gateway/config/sender.h"
#include "gateway/config/section.h"
#include "gateway/config/value.h"
#include "gateway/fhir/service.h"

#define SECOND ((int64_t)1000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define KIB ((size_t)1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static void
read_loops(struct config_reader *r, const struct yaml *node, void *out)
{
	int64_t n;

	if (str_is(node->text, "auto"))
		*(unsigned *)out = 0;
	else if (str_to_int(node->text, &n) && n >= 1 && n <= 256)
		*(unsigned *)out = (unsigned)n;
	else
		config_complain(r, node, "value", "must be 'auto' or a number from 1 to 256");
}

static void
read_level(struct config_reader *r, const struct yaml *node, void *out)
{
	if (!log_level_parse(node->text, out))
		config_complain(r, node, "value", "must be error, warn, info or debug");
}

static void
read_format(struct config_reader *r, const struct yaml *node, void *out)
{
	if (str_is(node->text, "text"))
		*(enum log_format *)out = LOG_TEXT;
	else if (str_is(node->text, "json"))
		*(enum log_format *)out = LOG_JSON;
	else
		config_complain(r, node, "value", "must be text or json");
}

static bool
is_web_address(struct str s)
{
	struct str rest;

	if (str_starts(s, STR("https://")))
		rest = str_from_index(s, 8);
	else if (str_starts(s, STR("http://")))
		rest = str_from_index(s, 7);
	else
		return false;
	for (size_t i = 0; i < rest.len; i++)
		if ((unsigned char)rest.p[i] <= ' ' || (unsigned char)rest.p[i] >= 0x7f ||
		    strchr("\"<>\\^`{|}?#@", rest.p[i]))
			return false;
	return rest.len > 0 && rest.p[0] != '/' && rest.p[0] != ':';
}

static void
read_delete(struct config_reader *r, const struct yaml *node, void *out)
{
	if (str_is(node->text, "single") || str_is(node->text, "multiple"))
		*(bool *)out = str_is(node->text, "multiple");
	else
		config_complain(r, node, "value", "must be single or multiple");
}

static void
read_references(struct config_reader *r, const struct yaml *node, void *out)
{
	static const char *const names[] = {
		[REFERENCES_FREE] = "off",
		[REFERENCES_CHECKED] = "check",
		[REFERENCES_KEPT] = "keep",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!str_is(node->text, names[i]))
			continue;
		*(unsigned *)out = i;
		return;
	}
	config_complain(r, node, "value", "must be off, check or keep");
}

static void
read_full_text(struct config_reader *r, const struct yaml *node, void *out)
{
	static const char *const names[] = {
		[SEARCH_NO_WORDS] = "off",
		[SEARCH_NARRATIVE] = "narrative",
		[SEARCH_ALL_WORDS] = "all",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!str_is(node->text, names[i]))
			continue;
		*(unsigned *)out = i;
		return;
	}
	config_complain(r, node, "value", "must be off, narrative or all");
}

static void
read_base_url(struct config_reader *r, const struct yaml *node, void *out)
{
	if (!is_web_address(node->text) || !str_ends(node->text, STR("/fhir")))
		config_complain(r, node, "value",
		    "must be an http or https address that ends in /fhir, as in "
		    "'https://fhir.example.org/fhir'");
	else
		*(struct str *)out = node->text;
}

static const struct field tls_fields[] = {
	FIELD(
	    "certificate", FIELD_FILE, offsetof(struct config_tls, certificate), .required = true),
	FIELD("key", FIELD_FILE, offsetof(struct config_tls, key), .required = true),
	FIELD("client_ca", FIELD_FILE, offsetof(struct config_tls, client_ca)),
	FIELD("require_client", FIELD_BOOL, offsetof(struct config_tls, require_client)),
	FIELDS_END,
};

static void
read_tls(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config_tls *tls = out;
	const struct yaml *asked = yaml_find(node, STR("require_client"));
	struct stat st;

	tls->on = true;
	section_read(r, node, tls_fields, tls);
	if (!asked)
		tls->require_client = tls->client_ca != NULL;
	else if (tls->require_client && !yaml_find(node, STR("client_ca")))
		config_complain(r, asked, "required",
		    "a client certificate can only be required with 'client_ca', which says who "
		    "may sign it");
	if (tls->key && (r->flags & CONFIG_CHECK_FILES) && stat(tls->key, &st) == 0 &&
	    (st.st_mode & 07))
		findings_add(r->findings, SEVERITY_WARNING, "security", str_from(r->path),
		    node->line, node->column,
		    "%s: everybody on this machine may read %s; chmod 600 it", r->path, tls->key);
}

static const struct field server_fields[] = {
	FIELD("loops", FIELD_CUSTOM, offsetof(struct config_server, loops), .read = read_loops),
	FIELD("drain", FIELD_DURATION, offsetof(struct config_server, drain_ms), RANGE(0, HOUR)),
	FIELD("queue", FIELD_COUNT, offsetof(struct config_server, queue), RANGE(1, 1000000)),
	FIELDS_END,
};

static const struct field log_fields[] = {
	FIELD("level", FIELD_CUSTOM, offsetof(struct config_log, level), .read = read_level),
	FIELD("format", FIELD_CUSTOM, offsetof(struct config_log, format), .read = read_format),
	FIELDS_END,
};

#define IN_FHIR(member) offsetof(struct config_fhir, member)

static const struct field fhir_limit_fields[] = {
	FIELD("connections", FIELD_COUNT, IN_FHIR(max_connections), RANGE(1, 1000000)),
	FIELD("head", FIELD_SIZE, IN_FHIR(max_head), RANGE(1 * KIB, 1 * MIB)),
	FIELD("fields", FIELD_COUNT, IN_FHIR(max_fields), RANGE(8, 10000)),
	FIELD("body", FIELD_SIZE, IN_FHIR(max_body), RANGE(1 * KIB, 2 * GIB)),
	FIELD("entries", FIELD_COUNT, IN_FHIR(max_entries), RANGE(1, 1000000)),
	FIELDS_END,
};

static const struct field fhir_timeout_fields[] = {
	FIELD("head", FIELD_DURATION, IN_FHIR(head_ms), RANGE(100, HOUR)),
	FIELD("body", FIELD_DURATION, IN_FHIR(body_ms), RANGE(100, HOUR)),
	FIELD("idle", FIELD_DURATION, IN_FHIR(idle_ms), RANGE(100, DAY)),
	FIELD("write", FIELD_DURATION, IN_FHIR(write_ms), RANGE(100, HOUR)),
	FIELDS_END,
};

static const struct field fhir_page_fields[] = {
	FIELD("count", FIELD_COUNT, IN_FHIR(page_count), RANGE(1, 100000)),
	FIELD("most", FIELD_COUNT, IN_FHIR(page_most), RANGE(1, 100000)),
	FIELDS_END,
};

static const struct field fhir_spool_fields[] = {
	FIELD("over", FIELD_SIZE, IN_FHIR(spool_over), RANGE(0, 2 * GIB)),
	FIELD("folder", FIELD_FOLDER, IN_FHIR(spool_folder)),
	FIELDS_END,
};

static const struct field fhir_fields[] = {
	FIELD("listen", FIELD_ADDRESSES, IN_FHIR(listen)),
	FIELD("base_url", FIELD_CUSTOM, IN_FHIR(base_url), .read = read_base_url),
	FIELD("tls", FIELD_CUSTOM, IN_FHIR(tls), .read = read_tls),
	FIELD("cors_origins", FIELD_TEXTS, IN_FHIR(cors_origins)),
	FIELD("conditional_delete", FIELD_CUSTOM, IN_FHIR(delete_many), .read = read_delete),
	FIELD("references", FIELD_CUSTOM, IN_FHIR(references), .read = read_references),
	FIELD("full_text", FIELD_CUSTOM, IN_FHIR(full_text), .read = read_full_text),
	FIELD("lenient", FIELD_BOOL, IN_FHIR(lenient)),
	FIELD("limits", FIELD_SECTION, 0, .fields = fhir_limit_fields),
	FIELD("timeouts", FIELD_SECTION, 0, .fields = fhir_timeout_fields),
	FIELD("pages", FIELD_SECTION, 0, .fields = fhir_page_fields),
	FIELD("spool", FIELD_SECTION, 0, .fields = fhir_spool_fields),
	FIELDS_END,
};

#define IN_MLLP(member) offsetof(struct config_mllp, member)

static const struct field mllp_limit_fields[] = {
	FIELD("connections", FIELD_COUNT, IN_MLLP(max_connections), RANGE(1, 1000000)),
	FIELD("message", FIELD_SIZE, IN_MLLP(max_message), RANGE(1 * KIB, 1 * GIB)),
	FIELDS_END,
};

static const struct field mllp_timeout_fields[] = {
	FIELD("idle", FIELD_DURATION, IN_MLLP(idle_ms), RANGE(0, 30 * DAY)),
	FIELD("message", FIELD_DURATION, IN_MLLP(frame_ms), RANGE(100, HOUR)),
	FIELDS_END,
};

static const struct field mllp_fields[] = {
	FIELD("name", FIELD_NAME, IN_MLLP(name)),
	FIELD("listen", FIELD_ADDRESSES, IN_MLLP(listen), .required = true),
	FIELD("tls", FIELD_CUSTOM, IN_MLLP(tls), .read = read_tls),
	FIELD("sender", FIELD_NAME, IN_MLLP(sender)),
	CONFIG_FEED_FIELDS(IN_MLLP(feed)),
	FIELD("limits", FIELD_SECTION, 0, .fields = mllp_limit_fields),
	FIELD("timeouts", FIELD_SECTION, 0, .fields = mllp_timeout_fields),
	FIELDS_END,
};

static void
read_mllp_listener(
    struct config_reader *r, const struct yaml *node, struct config_mllp *m, unsigned index)
{
	*m = (struct config_mllp){
		.name = str_printf(r->arena, "mllp-%u", index + 1),
		.max_message = 16 * MIB,
		.max_connections = 1024,
		.frame_ms = 60 * SECOND,
		.place = { node->line, node->column },
	};
	config_feed_defaults(&m->feed);
	section_read(r, node, mllp_fields, m);
	config_feed_given(node, &m->feed);
}

/* A list is needed; how many items it has, 0 (told) when it is none. */
static uint32_t
list_count(struct config_reader *r, const struct yaml *node)
{
	if (node->kind == YAML_LIST)
		return node->count;
	if (node->kind != YAML_NOTHING)
		config_complain(r, node, "structure", "must be a list (lines that begin with '-')");
	return 0;
}

static void
read_mllp(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config *c = out;
	uint32_t count = list_count(r, node);

	c->mllp = config_array(r, node, count, sizeof(*c->mllp));
	if (!c->mllp || count == 0)
		return;
	YAML_EACH(node, item)
	{
		size_t mark = config_enter_item(r, c->mllp_count);

		read_mllp_listener(r, item, &c->mllp[c->mllp_count], c->mllp_count);
		c->mllp_count++;
		config_leave(r, mark);
	}
}

#define IN_PLUGIN(member) offsetof(struct config_plugin, member)

static const struct field plugin_limit_fields[] = {
	FIELD("memory", FIELD_SIZE, IN_PLUGIN(max_memory), RANGE(16 * MIB, 1024 * GIB)),
	FIELD("cpu", FIELD_DURATION, IN_PLUGIN(cpu_ms), RANGE(10, HOUR)),
	FIELDS_END,
};

static const struct field plugin_backoff_fields[] = {
	FIELD("first", FIELD_DURATION, IN_PLUGIN(backoff_ms), RANGE(1, HOUR)),
	FIELD("most", FIELD_DURATION, IN_PLUGIN(backoff_most_ms), RANGE(1, DAY)),
	FIELDS_END,
};

static const struct field plugin_fields[] = {
	FIELD("name", FIELD_NAME, IN_PLUGIN(name), .required = true),
	FIELD("file", FIELD_FILE, IN_PLUGIN(file)),
	FIELD("types", FIELD_TEXTS, IN_PLUGIN(types), .required = true),
	FIELD("workers", FIELD_COUNT, IN_PLUGIN(workers), RANGE(1, 256)),
	FIELD("queue", FIELD_COUNT, IN_PLUGIN(queue), RANGE(1, 1000000)),
	FIELD("limits", FIELD_SECTION, 0, .fields = plugin_limit_fields),
	FIELD("timeout", FIELD_DURATION, IN_PLUGIN(timeout_ms), RANGE(10, HOUR)),
	FIELD("backoff", FIELD_SECTION, 0, .fields = plugin_backoff_fields),
	FIELDS_END,
};

static void
read_plugin(struct config_reader *r, const struct yaml *node, struct config_plugin *p)
{
	*p = (struct config_plugin){
		.workers = 1,
		.queue = 256,
		.max_memory = 512 * MIB,
		.cpu_ms = 10 * SECOND,
		.timeout_ms = 30 * SECOND,
		.backoff_ms = 500,
		.backoff_most_ms = 60 * SECOND,
		.place = { node->line, node->column },
	};
	section_read(r, node, plugin_fields, p);
	if (yaml_find(node, STR("types")) && p->types.count == 0)
		config_complain(
		    r, node, "required", "'types' must name at least one resource type");
	if (p->backoff_ms > p->backoff_most_ms)
		config_complain(r, node, "value", "'backoff.first' is longer than 'backoff.most'");
	if (!p->file && p->name.len) {
		p->file = str_printf(r->arena, "%s/%.*s.so", FIREDOOR_LIBDIR, STR_ARG(p->name)).p;
		if (p->file)
			config_check_file(r, node, p->file, false);
	}
}

static void
read_plugins(struct config_reader *r, const struct yaml *node, void *out)
{
	struct config *c = out;
	uint32_t count = list_count(r, node);

	c->plugins = config_array(r, node, count, sizeof(*c->plugins));
	if (!c->plugins || count == 0)
		return;
	YAML_EACH(node, item)
	{
		size_t mark = config_enter_item(r, c->plugin_count);

		read_plugin(r, item, &c->plugins[c->plugin_count++]);
		config_leave(r, mark);
	}
}

static const struct field store_fields[] = {
	FIELD("path", FIELD_PATH, offsetof(struct config_store, path), .required = true),
	FIELD("busy", FIELD_DURATION, offsetof(struct config_store, busy_ms), RANGE(0, HOUR)),
	FIELDS_END,
};

static const struct field audit_fields[] = {
	FIELD("folder", FIELD_PATH, offsetof(struct config_audit, folder)),
	FIELD("segment", FIELD_SIZE, offsetof(struct config_audit, segment_size),
	    RANGE(64 * KIB, 1 * GIB)),
	FIELDS_END,
};

static const struct field root_fields[] = {
	FIELD("server", FIELD_SECTION, offsetof(struct config, server), .fields = server_fields),
	FIELD("log", FIELD_SECTION, offsetof(struct config, log), .fields = log_fields),
	FIELD("fhir", FIELD_SECTION, offsetof(struct config, fhir), .fields = fhir_fields),
	FIELD("mllp", FIELD_CUSTOM, 0, .read = read_mllp),
	FIELD("hl7", FIELD_CUSTOM, 0, .read = config_read_hl7),
	FIELD("feeds", FIELD_CUSTOM, 0, .read = config_read_feeds),
	FIELD("destinations", FIELD_CUSTOM, 0, .read = config_read_destinations),
	FIELD("routes", FIELD_CUSTOM, 0, .read = config_read_routes),
	FIELD("store", FIELD_SECTION, offsetof(struct config, store), .fields = store_fields,
	    .required = true),
	FIELD("audit", FIELD_SECTION, offsetof(struct config, audit), .fields = audit_fields),
	FIELD("pack", FIELD_FILE, offsetof(struct config, pack)),
	FIELD("maps", FIELD_FOLDERS, offsetof(struct config, maps)),
	FIELD("access", FIELD_CUSTOM, 0, .read = config_read_access),
	FIELD("plugins", FIELD_CUSTOM, 0, .read = read_plugins),
	FIELDS_END,
};

static const char *
setting(const char *variable, const char *otherwise)
{
	const char *value = getenv(variable);

	return value && *value ? value : otherwise;
}

static struct config *
defaults(struct config_reader *r, const char *path)
{
	struct config *c = ARENA_NEW(r->arena, struct config);

	if (!c)
		return NULL;
	c->path = path;
	c->server = (struct config_server){ .drain_ms = 30 * SECOND, .queue = 4096 };
	c->log = (struct config_log){ .level = LOG_INFO, .format = LOG_TEXT };
	c->fhir = (struct config_fhir){
		.max_connections = 20000,
		.max_head = 32 * KIB,
		.max_fields = 100,
		.max_body = 64 * MIB,
		.max_entries = 10000,
		.head_ms = 10 * SECOND,
		.body_ms = 30 * SECOND,
		.idle_ms = 60 * SECOND,
		.write_ms = 30 * SECOND,
		.page_count = 50,
		.page_most = 1000,
		.spool_over = 1 * MIB,
		.spool_folder = setting("TMPDIR", "/tmp"),
	};
	c->store.busy_ms = 5 * SECOND;
	c->audit.segment_size = 16 * MIB;
	c->pack = setting("FIREDOOR_PACK", FIREDOOR_DATADIR "/r4.pack");
	return c;
}

/* What the file does not say and hangs on what it does say. */
static bool
fill_in(struct config_reader *r, const struct yaml *root, struct config *c)
{
	if (!c->fhir.listen.count) {
		c->fhir.listen.at = ARENA_NEW(r->arena, struct config_address);
		if (!c->fhir.listen.at)
			return false;
		value_address(STR("127.0.0.1:8080"), c->fhir.listen.at);
		c->fhir.listen.count = 1;
	}
	if (!yaml_find(root, STR("maps"))) {
		c->maps.at = ARENA_NEW(r->arena, struct str);
		if (!c->maps.at)
			return false;
		*c->maps.at = str_from(setting("FIREDOOR_MAPS", FIREDOOR_DATADIR "/mappers/maps"));
		c->maps.count = 1;
	}
	if (!c->audit.folder && c->store.path) {
		const char *slash = strrchr(c->store.path, '/');

		c->audit.folder = str_printf(r->arena, "%.*saudit",
		    slash ? (int)(slash - c->store.path) + 1 : 0, c->store.path)
				      .p;
	}
	return c->audit.folder || !c->store.path;
}

/* The folder a file will be made in must be there. */
static void
check_parent(struct config_reader *r, const struct yaml *node, const char *what, const char *path)
{
	const char *slash;
	char *folder;

	if (!path)
		return;
	slash = strrchr(path, '/');
	folder = slash
		     ? str_cstr(r->arena, str_of(path, slash == path ? 1 : (size_t)(slash - path)))
		     : str_cstr(r->arena, STR("."));
	if (!folder)
		return;
	snprintf(r->path, sizeof(r->path), "%s", what);
	config_check_file(r, node, folder, true);
	if ((r->flags & CONFIG_CHECK_FILES) && access(folder, F_OK) == 0 &&
	    access(folder, W_OK | X_OK) < 0)
		config_complain(r, node, "not-found", "may not write in %s", folder);
}

/* Defaults that were not written must be there too. */
static void
check_files(struct config_reader *r, const struct yaml *root, const struct config *c)
{
	static const struct yaml nowhere = { 0 };
	const struct yaml *store = yaml_find(root, STR("store"));
	const struct yaml *audit = yaml_find(root, STR("audit"));
	const struct yaml *path = yaml_find(store, STR("path"));
	const struct yaml *folder = yaml_find(audit, STR("folder"));
	size_t mark = strlen(r->path);

	check_parent(r, path ? path : &nowhere, "store.path", c->store.path);
	if (folder)
		check_parent(r, folder, "audit.folder", c->audit.folder);
	if (!yaml_find(root, STR("pack"))) {
		snprintf(r->path, sizeof(r->path), "pack");
		config_check_file(r, &nowhere, c->pack, false);
	}
	if (!yaml_find(root, STR("maps")) && (c->mllp_count || c->hl7.on)) {
		snprintf(r->path, sizeof(r->path), "maps");
		config_check_file(r, &nowhere, c->maps.at[0].p, true);
	}
	config_leave(r, mark);
}

static struct yaml
at_place(struct config_place p)
{
	return (struct yaml){ .line = p.line, .column = p.column };
}

static void
check_listener(
    struct config_reader *r, const struct config *c, const struct config_addresses *l, bool tls)
{
	for (uint32_t i = 0; i < l->count; i++) {
		struct yaml node = at_place(l->at[i].place);

		if (l->at[i].loopback || l->at[i].len == 0)
			continue;
		if (!c->has_access)
			config_complain(r, &node, "security",
			    "%.*s can be reached by others, and there is no 'access' section: say "
			    "who may do what ('firedoor token' makes a token), or listen on "
			    "127.0.0.1",
			    STR_ARG(l->at[i].text));
		if (!tls)
			findings_add(r->findings, SEVERITY_WARNING, "security", str_from(r->path),
			    node.line, node.column,
			    "%.*s without 'tls': what is sent can be read on the way",
			    STR_ARG(l->at[i].text));
	}
}

static bool
same_address(const struct config_address *a, const struct config_address *b)
{
	return a->len && a->len == b->len && memcmp(&a->sockaddr, &b->sockaddr, a->len) == 0;
}

static bool
has_port(const struct config_address *a)
{
	/* The port lies at the same place in sockaddr_in and sockaddr_in6. */
	return ((const struct sockaddr_in *)&a->sockaddr)->sin_port != 0;
}

static const struct config_addresses *
listener(const struct config *c, uint32_t i)
{
	return i == 0 ? &c->fhir.listen : &c->mllp[i - 1].listen;
}

/* Tell when the address was already taken by one before it. */
static void
check_taken(struct config_reader *r, const struct config *c, uint32_t l, uint32_t i)
{
	const struct config_address *mine = &listener(c, l)->at[i];
	struct yaml node = at_place(mine->place);

	for (uint32_t l2 = 0; l2 <= l; l2++)
		for (uint32_t i2 = 0; i2 < (l2 == l ? i : listener(c, l2)->count); i2++)
			if (has_port(mine) && same_address(mine, &listener(c, l2)->at[i2])) {
				config_complain(r, &node, "duplicate",
				    "%.*s is listened on already (line %u)", STR_ARG(mine->text),
				    listener(c, l2)->at[i2].place.line);
				return;
			}
}

static void
check_listeners(struct config_reader *r, const struct config *c)
{
	uint32_t addresses = 0;

	check_listener(r, c, &c->fhir.listen, c->fhir.tls.on);
	for (uint32_t i = 0; i < c->mllp_count; i++)
		check_listener(r, c, &c->mllp[i].listen, c->mllp[i].tls.on);
	for (uint32_t l = 0; l <= c->mllp_count; l++)
		for (uint32_t i = 0; i < listener(c, l)->count; i++) {
			if (++addresses > 1000) {
				struct yaml node = at_place(listener(c, l)->at[i].place);

				config_complain(
				    r, &node, "too-long", "more than 1000 addresses to listen on");
				return;
			}
			check_taken(r, c, l, i);
		}
}

static bool
has_sender(const struct config *c, struct str name)
{
	for (uint32_t i = 0; i < c->sender_count; i++)
		if (str_eq(c->senders[i].name, name))
			return true;
	return false;
}

static void
check_mllp_sender(struct config_reader *r, const struct config *c, const struct config_mllp *m)
{
	struct yaml node = at_place(m->place);

	if (m->sender.len && !c->has_access)
		config_complain(r, &node, "not-found",
		    "'sender' names %.*s, and there is no 'access' section", STR_ARG(m->sender));
	else if (m->sender.len && !has_sender(c, m->sender))
		config_complain(r, &node, "not-found", "there is no sender '%.*s' in 'access'",
		    STR_ARG(m->sender));
	else if (!m->sender.len && c->has_access && !(m->tls.client_ca && m->tls.require_client))
		config_complain(r, &node, "required",
		    "must have a 'sender' of 'access', or require client certificates, so that "
		    "it is known who sends");
}

static void
check_mllp(struct config_reader *r, const struct config *c)
{
	for (uint32_t i = 0; i < c->mllp_count && i < 1000; i++) {
		struct yaml node = at_place(c->mllp[i].place);
		size_t mark;

		snprintf(r->path, sizeof(r->path), "mllp");
		mark = config_enter_item(r, i);
		check_mllp_sender(r, c, &c->mllp[i]);
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(c->mllp[i].name, c->mllp[j].name))
				config_complain(r, &node, "duplicate",
				    "the name '%.*s' is taken (line %u)", STR_ARG(c->mllp[i].name),
				    c->mllp[j].place.line);
		config_leave(r, mark);
	}
	r->path[0] = '\0';
}

static void
check_plugins(struct config_reader *r, const struct config *c)
{
	for (uint32_t i = 0; i < c->plugin_count && i < 1000; i++) {
		struct yaml node = at_place(c->plugins[i].place);

		for (uint32_t j = 0; j < i; j++)
			if (str_eq(c->plugins[i].name, c->plugins[j].name))
				config_complain(r, &node, "duplicate",
				    "plugins: the name '%.*s' is taken (line %u)",
				    STR_ARG(c->plugins[i].name), c->plugins[j].place.line);
	}
}

static void
check_fhir(struct config_reader *r, const struct yaml *root, const struct config *c)
{
	const struct yaml *fhir = yaml_find(root, STR("fhir"));
	const struct yaml *cors = yaml_find(fhir, STR("cors_origins"));

	if (c->fhir.page_count > c->fhir.page_most)
		config_complain(r, yaml_find(fhir, STR("pages")), "value",
		    "fhir.pages: 'count' (%u) is more than 'most' (%u)", c->fhir.page_count,
		    c->fhir.page_most);
	for (uint32_t i = 0; i < c->fhir.cors_origins.count; i++) {
		struct str origin = c->fhir.cors_origins.at[i];

		if (origin.len && !str_is(origin, "*") &&
		    (!is_web_address(origin) ||
			str_find(str_from_index(origin, strlen("https://")), '/') >= 0))
			config_complain(r, cors, "value",
			    "fhir.cors_origins: '%.*s' is not an origin, as in "
			    "'https://app.example.org', or '*'",
			    (int)(origin.len < 100 ? origin.len : 100), origin.p);
	}
}

static void
check_whole(struct config_reader *r, const struct yaml *root, const struct config *c)
{
	check_fhir(r, root, c);
	check_listeners(r, c);
	check_mllp(r, c);
	check_plugins(r, c);
	config_check_senders(r, c);
	config_check_feeds(r, c);
	if (r->flags & CONFIG_CHECK_FILES)
		check_files(r, root, c);
}

static struct str
folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? str_of(path, slash == path ? 1 : (size_t)(slash - path)) : (struct str){ 0 };
}

const struct config *
config_parse(
    const char *path, struct str text, int flags, struct arena *a, struct findings *findings)
{
	struct config_reader r = {
		.arena = a, .findings = findings, .folder = folder_of(path), .flags = flags
	};
	unsigned before = findings->errors;
	const struct yaml *root = yaml_read(text, a, findings);
	struct config *c;

	if (!root)
		return NULL;
	c = defaults(&r, path);
	if (c) {
		section_read(&r, root, root_fields, c);
		if (fill_in(&r, root, c)) {
			check_whole(&r, root, c);
			return findings->errors == before ? c : NULL;
		}
	}
	findings_add(findings, SEVERITY_ERROR, "too-long", (struct str){ 0 }, 0, 0,
	    "the file says more than fits in memory");
	return NULL;
}

const struct config *
config_load(const char *path, int flags, struct arena *a, struct findings *findings)
{
	const struct config *c = NULL;
	struct error err;
	struct buf text;
	char *kept = str_cstr(a, str_from(path));

	buf_init(&text, YAML_BYTES_MOST);
	text.wipe = true;
	if (file_read(path, &text, &err) < 0 || !kept)
		findings_add(findings, SEVERITY_ERROR, "not-found", (struct str){ 0 }, 0, 0, "%s",
		    kept ? err.text : "its path is too long");
	else
		c = config_parse(kept, buf_str(&text), flags, a, findings);
	buf_release(&text);
	return c;
}

static int
by_place(const void *a, const void *b)
{
	const struct finding *x = *(const struct finding *const *)a;
	const struct finding *y = *(const struct finding *const *)b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return (x->column > y->column) - (x->column < y->column);
}

void
config_print_findings(const char *path, const struct findings *findings)
{
	const struct finding **all = xcalloc(findings->count + 1, sizeof(const struct finding *));
	size_t n = 0;

	for (const struct finding *f = findings->first; f; f = f->next)
		all[n++] = f;
	qsort(all, n, sizeof(*all), by_place);
	for (size_t i = 0; i < n; i++) {
		if (all[i]->line)
			fprintf(stderr, "%s:%u:%u: ", path, all[i]->line, all[i]->column);
		else
			fprintf(stderr, "%s: ", path);
		fprintf(
		    stderr, "%s: %.*s\n", severity_name(all[i]->severity), STR_ARG(all[i]->text));
	}
	if (findings->more)
		fprintf(stderr, "%s: and more\n", path);
	free(all);
}

const struct config *
config_load_or_tell(const char *path, struct arena *a)
{
	const struct config *c;
	struct findings findings;

	findings_init(&findings, a, 200);
	c = config_load(path, CONFIG_CHECK_FILES, a, &findings);
	config_print_findings(path, &findings);
	return c;
}
