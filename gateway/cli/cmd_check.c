#include <getopt.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"
#include "gateway/access/access.h"
#include "gateway/access/filter.h"
#include "gateway/cli/cli.h"
#include "gateway/config.h"
#include "gateway/feed/feeds.h"
#include "gateway/net/tls.h"
#include "profiles/pack.h"

static const char help[] =
    "usage: firedoor check -c FILE\n"
    "Read the configuration as 'firedoor serve' would, and list everything that is\n"
    "wrong with it by line and column: keys, values, files that are not there, TLS\n"
    "keys, the pack, the maps, the senders' scopes, the plugins' resource types.\n"
    "Starts and changes nothing.\n"
    "\n"
    "  -c, --config FILE  the configuration\n"
    "  -h, --help         this text\n"
    "\n"
    "Exit status 0: the configuration is good; 1: it is not.\n";

/* What can only be checked against the definitions. Returns the errors. */
static unsigned
check_against_pack(const struct config *c, const struct pack *pack)
{
	unsigned errors = 0;
	struct error err;
	struct access *a = access_new(c, pack, filter_make, &err);

	if (!a) {
		fprintf(stderr, "%s\n", err.text);
		errors++;
	}
	access_free(a);
	for (uint32_t i = 0; i < c->plugin_count; i++) {
		const struct config_plugin *p = &c->plugins[i];

		for (uint32_t t = 0; t < p->types.count; t++) {
			if (pack_find_resource(pack, p->types.at[t]) != PACK_NONE)
				continue;
			fprintf(stderr,
			    "%s:%u:%u: error: plugin '%.*s' takes %.*s, which is no resource type "
			    "of FHIR %.*s\n",
			    c->path, p->place.line, p->place.column, STR_ARG(p->name),
			    STR_ARG(p->types.at[t]), STR_ARG(pack_fhir_version(pack)));
			errors++;
		}
	}
	return errors;
}

/* The maps compile, of all listeners and senders. */
static unsigned
check_maps(const struct config *c, const struct pack *pack)
{
	struct error err;
	struct feed_set *set = feed_set_load(c, pack, &err);

	if (!set)
		fprintf(stderr, "%s\n", err.text);
	feed_set_release(set);
	return !set;
}

/* Certificate and key are read and fit each other. */
static unsigned
check_tls(const struct config *c, struct str name, const struct config_tls *tls)
{
	struct tls_config files = {
		.certificate = tls->certificate,
		.key = tls->key,
		.client_ca = tls->client_ca,
		.require_client = tls->require_client,
	};
	struct error err;
	struct tls *t;

	if (!tls->on)
		return 0;
	t = tls_new(&files, &err);
	if (!t)
		fprintf(stderr, "%s: error: %.*s: %s\n", c->path, STR_ARG(name), err.text);
	tls_free(t);
	return !t;
}

static unsigned
check_files(const struct config *c)
{
	unsigned errors = check_tls(c, STR("fhir.tls"), &c->fhir.tls);
	const struct pack *pack;
	struct error err;

	for (uint32_t i = 0; i < c->mllp_count; i++)
		errors += check_tls(c, c->mllp[i].name, &c->mllp[i].tls);
	pack = pack_open(c->pack, &err);
	if (!pack) {
		fprintf(stderr, "%s: error: pack: %s\n", c->path, err.text);
		return errors + 1;
	}
	errors += check_against_pack(c, pack) + check_maps(c, pack);
	pack_free(pack);
	return errors;
}

static int
check(const char *path)
{
	const struct config *c;
	struct arena arena;
	int rc = EXIT_FINDINGS;

	arena_init(&arena, CONFIG_ARENA, ARENA_WIPE);
	c = config_load_or_tell(path, &arena);
	if (c && check_files(c) == 0) {
		printf("%s: the configuration is good\n", path);
		rc = EXIT_CLEAN;
	}
	arena_release(&arena);
	return rc;
}

int
cmd_check(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *path = NULL;
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1)
		switch (c) {
		case 'c':
			path = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_CLEAN;
		default:
			return EXIT_USAGE;
		}
	if (!path || optind != argc) {
		fputs("firedoor check: needs -c FILE; firedoor check --help tells more\n", stderr);
		return EXIT_USAGE;
	}
	return check(path);
}
