#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "gateway/cli/admin_client.h"
#include "gateway/cli/cli.h"

static const char queue_help[] =
    "usage: firedoor queue [OPTIONS]\n"
    "Tell the queues of a running gateway's destinations: how many messages wait, were\n"
    "sent and refused, what each does, and why it waits.\n\n";
static const char coverage_help[] =
    "usage: firedoor coverage [OPTIONS]\n"
    "Tell of each feed and sender of a running gateway how many messages came, what\n"
    "became of them, and how many of their components were mapped, dropped by a rule,\n"
    "or not mapped. The counts are kept over restarts.\n\n";
static const char options_help[] =
    "  -c, --config FILE   the gateway's configuration: where it listens\n"
    "      --url URL       where it is instead: https://gateway.example.org:8443\n"
    "      --token-file F  file that holds a bearer token; default: $FIREDOOR_TOKEN\n"
    "      --ca FILE       who signs the gateway's certificate\n"
    "      --json          print JSON\n"
    "  -h, --help          this text\n";

enum {
	OPTION_URL = 256,
	OPTION_TOKEN,
	OPTION_CA,
	OPTION_JSON,
};

/* Returns 0, 1 for --help, -1 when the command line is wrong. */
static int
parse(int argc, char **argv, struct admin_client *c, bool *as_json)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "url", required_argument, NULL, OPTION_URL },
		{ "token-file", required_argument, NULL, OPTION_TOKEN },
		{ "ca", required_argument, NULL, OPTION_CA },
		{ "json", no_argument, NULL, OPTION_JSON },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (option) {
		case 'h':
			return 1;
		case 'c':
			c->config = optarg;
			break;
		case OPTION_URL:
			c->url = optarg;
			break;
		case OPTION_TOKEN:
			c->token = optarg;
			break;
		case OPTION_CA:
			c->ca = optarg;
			break;
		case OPTION_JSON:
			*as_json = true;
			break;
		default:
			return -1;
		}
	}
	return optind == argc && (c->config || c->url) ? 0 : -1;
}

static long long
number_at(const json_t *j, const char *name)
{
	return (long long)json_integer_value(json_object_get(j, name));
}

static const char *
text_at(const json_t *j, const char *name)
{
	const char *text = json_string_value(json_object_get(j, name));

	return text ? text : "";
}

static void
print_queue(const json_t *q)
{
	printf("%-16s %-24s %-8s %8lld %8lld %8lld  %s\n", text_at(q, "name"),
	    text_at(q, "address"), text_at(q, "doing"), number_at(q, "waiting"),
	    number_at(q, "sent"), number_at(q, "refused"), text_at(q, "problem"));
}

static void
print_feed(const json_t *f)
{
	long long populated = number_at(f, "populated");
	long long known = number_at(f, "mapped") + number_at(f, "dropped");

	printf("%-16s %-16s %8lld %8lld %8lld %8lld %9lld %9lld %9lld %5.1f %%\n",
	    text_at(f, "feed"), text_at(f, "sender"), number_at(f, "messages"),
	    number_at(f, "accepted"), number_at(f, "errors") + number_at(f, "rejected"),
	    number_at(f, "duplicates"), number_at(f, "mapped"), number_at(f, "dropped"),
	    number_at(f, "unmapped"), populated ? 100.0 * (double)known / (double)populated : 0.0);
}

static int
tell(int argc, char **argv, const char *help, const char *path, const char *list, const char *title,
    void (*print)(const json_t *row))
{
	struct admin_client c = { 0 };
	bool as_json = false;
	json_t *answer;
	const json_t *row;
	struct error err;
	int status, rc = parse(argc, argv, &c, &as_json);
	size_t i;

	if (rc > 0) {
		fputs(help, stdout);
		fputs(options_help, stdout);
		return EXIT_CLEAN;
	}
	if (rc < 0) {
		fprintf(stderr,
		    "firedoor %s: -c FILE or --url says where the gateway is; --help "
		    "tells more\n",
		    argv[0]);
		return EXIT_USAGE;
	}
	if (admin_client_ask(&c, "GET", path, str_of(NULL, 0), &status, &answer, &err) != 0) {
		fprintf(stderr, "firedoor %s: %s\n", argv[0], err.text);
		return EXIT_USAGE;
	}
	if (status >= 400) {
		fprintf(
		    stderr, "firedoor %s: %s (%d)\n", argv[0], text_at(answer, "error"), status);
		json_decref(answer);
		return EXIT_USAGE;
	}
	if (as_json) {
		json_dumpf(answer, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		puts(title);
		for (i = 0; (row = json_array_get(json_object_get(answer, list), i)); i++)
			print(row);
	}
	json_decref(answer);
	return EXIT_CLEAN;
}

int
cmd_queue(int argc, char **argv)
{
	return tell(argc, argv, queue_help, "/admin/queues", "queues",
	    "destination      address                  does      waiting     sent  refused",
	    print_queue);
}

int
cmd_coverage(int argc, char **argv)
{
	return tell(argc, argv, coverage_help, "/admin/feeds", "feeds",
	    "feed             sender           messages accepted  refused duplicat    mapped   "
	    "dropped  unmapped   known",
	    print_feed);
}
