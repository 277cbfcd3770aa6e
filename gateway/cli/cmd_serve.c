#include "gateway/cli/cli.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "config.h"
#include "gateway/config.h"
#include "gateway/gateway.h"
#include "profiles/pack.h"

static int
print_help(FILE *out, int status)
{
	fputs(
	    "usage: firedoor serve -c FILE\n"
	    "Run the gateway that the configuration file describes, until SIGTERM or\n"
	    "SIGINT: then it takes nothing new, answers what it has, and ends. A second\n"
	    "signal ends it at once. SIGHUP makes it read certificates, maps, feeds and routes\n"
	    "anew, without an end to any connection; what cannot be used stays as it was.\n\n"
	    "  -c, --config FILE  the configuration; firedoor check tells what is wrong with one\n"
	    "  -h, --help         this text\n",
	    out);
	return status;
}

/* Signals are taken by the main thread alone, with sigwait(). */
static void
block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int
wait_for_stop(struct gateway *g, const sigset_t *set)
{
	int which;

	for (;;) {
		if (sigwait(set, &which) != 0)
			continue;
		if (which != SIGHUP)
			return which;
		gateway_reload(g);
	}
}

static void *
join_loops(void *ctx)
{
	gateway_join(ctx);
	/* Wakes the wait for a second signal. */
	kill(getpid(), SIGTERM);
	return NULL;
}

/* Drain; a second signal cuts that short. */
static void
stop(struct gateway *g, const sigset_t *set, int which)
{
	pthread_t joiner;
	int again;

	log_event(LOG_INFO, "stopping", "signal=%s\tdrain_ms=%lld", strsignal(which),
	    (long long)g->config->server.drain_ms);
	gateway_stop(g, g->config->server.drain_ms);
	if (pthread_create(&joiner, NULL, join_loops, g) != 0) {
		gateway_join(g);
		return;
	}
	do {
		if (sigwait(set, &again) != 0)
			again = SIGHUP;
	} while (again == SIGHUP);
	gateway_stop(g, 0);
	pthread_join(joiner, NULL);
}

static int
serve(const struct config *c, int64_t began)
{
	struct gateway *g;
	struct error err;
	sigset_t signals;

	block_signals(&signals);
	g = gateway_open(c, &err);
	if (!g || gateway_start(g, &err) != 0) {
		log_event(LOG_ERROR, "not-started", "error=%s", err.text);
		gateway_close(g);
		return EXIT_USAGE;
	}
	log_event(LOG_INFO, "ready",
	    "version=%s\tfhir=%.*s\tpack=%s\tstore=%s\taudit=%s\tbase=%.*s\tloops=%u\tms=%.1f",
	    PACKAGE_VERSION, STR_ARG(pack_fhir_version(g->pack)), c->pack, c->store.path,
	    c->audit.folder, STR_ARG(g->fhir.base), g->loop_count,
	    (double)(clock_monotonic() - began) / 1000);
	stop(g, &signals, wait_for_stop(g, &signals));
	gateway_close(g);
	log_event(LOG_INFO, "stopped", NULL);
	return EXIT_CLEAN;
}

int
cmd_serve(int argc, char **argv)
{
	int64_t began = clock_monotonic();
	const char *path = NULL;
	const struct config *c;
	struct arena arena;
	int status;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0)
			return print_help(stdout, EXIT_CLEAN);
		if ((strcmp(argv[i], "-c") == 0 || strcmp(argv[i], "--config") == 0) &&
		    i + 1 < argc) {
			path = argv[++i];
			continue;
		}
		fprintf(stderr, "firedoor serve: cannot use the argument '%s'\n", argv[i]);
		return print_help(stderr, EXIT_USAGE);
	}
	if (!path) {
		fputs("firedoor serve: -c FILE is needed\n", stderr);
		return print_help(stderr, EXIT_USAGE);
	}
	arena_init(&arena, CONFIG_ARENA, ARENA_WIPE);
	c = config_load_or_tell(path, &arena);
	if (c)
		log_setup(c->log.level, c->log.format);
	status = c ? serve(c, began) : EXIT_USAGE;
	arena_release(&arena);
	return status;
}
