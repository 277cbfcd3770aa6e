#include <getopt.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "gateway/bulk/offline.h"
#include "gateway/cli/cli.h"
#include "gateway/config.h"
#include "gateway/fhir/interaction.h"
#include "profiles/pack.h"

static const char help[] =
    "usage: firedoor purge -c FILE [OPTIONS] TYPE/ID...\n"
    "Remove resources from the store of the configuration FILE for good, each with its\n"
    "whole history and all by which it was found, while no gateway has the store; then\n"
    "write the file anew, so that no byte of them is left in it. What is referred to is\n"
    "kept. Each is entered into the audit trail, whose entries name resources and stay;\n"
    "backups and what was sent elsewhere are not reached.\n"
    "\n"
    "  -c, --config FILE   the gateway's configuration\n"
    "      --sender NAME   of the access section: must have the right to delete\n"
    "  -f, --force         also what is referred to by other resources\n"
    "      --no-shred      leave out writing the file anew, which takes long when it is\n"
    "                      large: bytes of what was removed may then be in it\n"
    "  -h, --help          this text\n"
    "\n"
    "Exit status: 0 all are gone; 1 some were not there, or are referred to and were kept;\n"
    "2 wrong usage, or it could not be done.\n";

struct request {
	const char *config, *sender;
	bool force, no_shred;
};

static int
usage(const char *what)
{
	fprintf(stderr, "firedoor purge: %s\nfiredoor purge --help tells more.\n", what);
	return EXIT_USAGE;
}

static int
complain(const struct error *err)
{
	fprintf(stderr, "firedoor purge: %s\n", err->text);
	return EXIT_USAGE;
}

/* "Patient/123": 0, or -1 with *err set. */
static int
read_target(const struct pack *p, const char *text, struct store_purge *out, struct error *err)
{
	struct str id = str_from(text), type;

	if (!str_split(&id, '/', &type) || !fhir_id_is_valid(id))
		return error_set(
		    err, ERROR_INVALID, "what is to be removed is TYPE/ID, not '%s'", text);
	out->type = pack_find_resource(p, type);
	out->id = id;
	return out->type != PACK_NONE ? 0
				      : error_set(err, ERROR_INVALID,
					    "there is no resource type '%.*s'", STR_ARG(type));
}

static int
tell_kept(const struct pack *p, const char *text, const struct store_purge *t)
{
	struct str type = pack_text(p, pack_type_at(p, t->referrer_type)->name);

	fprintf(stderr, "%s: kept: %.*s/%.*s refers to it; --force removes it all the same\n", text,
	    STR_ARG(type), STR_ARG(t->referrer_id));
	return EXIT_FINDINGS;
}

/* The trail says that it is to be removed before it is: afterwards there would be
 * nothing to tell by. */
static int
audit(struct offline *o, const char *text, const char *status, enum audit_outcome outcome,
    struct error *err)
{
	struct str resource = str_from(text);
	struct offline_event e = {
		.interaction = "purge",
		.status = status,
		.resources = &resource,
		.resource_count = 1,
		.outcome = outcome,
		.rule = "command",
		.began = clock_monotonic(),
	};

	return offline_audit(o, &e, 1, err);
}

/* Returns an exit status. */
static int
purge_one(struct offline *o, const struct request *q, const char *text, struct arena *a)
{
	struct store_purge t = { .arena = a, .force = q->force };
	struct access_decision d;
	struct error err;

	if (read_target(o->pack, text, &t, &err) < 0)
		return complain(&err);
	if (!access_decide(o->sender, RIGHT_DELETE, t.type, &d) ||
	    d.visibility.kind != SEES_EVERYTHING) {
		if (audit(o, text, "refused", AUDIT_REFUSED, &err) == 0)
			error_set(&err, ERROR_DENIED, "the sender has no scope to delete %s", text);
		return complain(&err);
	}
	if (audit(o, text, "begun", AUDIT_ALLOWED, &err) < 0)
		return complain(&err);
	if (store_purge(o->store, &t, &err) < 0) {
		audit(o, text, "kept", AUDIT_FAILED, NULL);
		return t.referrer_type != PACK_NONE ? tell_kept(o->pack, text, &t) : complain(&err);
	}
	if (!t.versions) {
		fprintf(stderr, "%s: there is no such resource\n", text);
		return audit(o, text, "not there", AUDIT_FAILED, &err) < 0 ? complain(&err)
									   : EXIT_FINDINGS;
	}
	printf("%s: %llu version%s removed\n", text, (unsigned long long)t.versions,
	    t.versions == 1 ? "" : "s");
	return audit(o, text, "removed", AUDIT_ALLOWED, &err) < 0 ? complain(&err) : EXIT_CLEAN;
}

static int
purge_all(struct offline *o, const struct request *q, char **targets, int count)
{
	int status = EXIT_CLEAN;
	struct arena a;
	struct error err;

	arena_init(&a, 64 << 20, 0);
	for (int i = 0; i < count && status != EXIT_USAGE; i++) {
		int one = purge_one(o, q, targets[i], &a);

		status = one > status ? one : status;
	}
	arena_release(&a);
	/* Also what an earlier call has removed, and had no time to write over. */
	if (!q->no_shred && store_shred(o->store, &err) < 0)
		return complain(&err);
	return status;
}

static int
run(const struct request *q, char **targets, int count)
{
	const struct config *c;
	struct offline o;
	struct arena arena;
	struct error err;
	int status = EXIT_USAGE;

	arena_init(&arena, CONFIG_ARENA, ARENA_WIPE);
	c = config_load_or_tell(q->config, &arena);
	if (c) {
		log_setup(c->log.level, c->log.format);
		if (offline_open(&o, c, q->sender, &err) < 0) {
			complain(&err);
		} else {
			status = purge_all(&o, q, targets, count);
			offline_close(&o);
		}
	}
	arena_release(&arena);
	return status;
}

int
cmd_purge(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "sender", required_argument, NULL, 's' },
		{ "force", no_argument, NULL, 'f' },
		{ "no-shred", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct request q = { .config = NULL };
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "c:fh", options, NULL)) != -1)
		switch (option) {
		case 'c':
			q.config = optarg;
			break;
		case 's':
			q.sender = optarg;
			break;
		case 'f':
			q.force = true;
			break;
		case 'n':
			q.no_shred = true;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_CLEAN;
		default:
			return EXIT_USAGE; /* getopt has said why */
		}
	if (!q.config)
		return usage("-c FILE is needed");
	if (optind == argc)
		return usage("say what to remove, as Patient/123");
	return run(&q, argv + optind, argc - optind);
}
