#include "gateway/config/check.h"

#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/config/sender.h"
#include "gateway/config/value.h"

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
	if (!yaml_find(root, STR("maps")) && c->mllp_count) {
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
		    (!value_is_web_address(origin) ||
			str_find(str_from_index(origin, strlen("https://")), '/') >= 0))
			config_complain(r, cors, "value",
			    "fhir.cors_origins: '%.*s' is not an origin, as in "
			    "'https://app.example.org', or '*'",
			    (int)(origin.len < 100 ? origin.len : 100), origin.p);
	}
}

void
config_check(struct config_reader *r, const struct yaml *root, const struct config *c)
{
	check_fhir(r, root, c);
	check_listeners(r, c);
	check_mllp(r, c);
	check_plugins(r, c);
	config_check_senders(r, c);
	if (r->flags & CONFIG_CHECK_FILES)
		check_files(r, root, c);
}
