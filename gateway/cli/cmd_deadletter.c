#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/percent.h"
#include "gateway/cli/admin_client.h"
#include "gateway/cli/cli.h"

static const char help[] =
    "usage: firedoor deadletter list   [OPTIONS] [FILTER]\n"
    "       firedoor deadletter show   [OPTIONS] NUMBER…\n"
    "       firedoor deadletter replay [OPTIONS] [--file FILE] NUMBER… | FILTER\n"
    "       firedoor deadletter drop   [OPTIONS] NUMBER… | FILTER\n"
    "Messages that could not be mapped or stored, or that a destination refused, are\n"
    "kept as dead letters, with the reason. This asks a running gateway for them.\n"
    "\n"
    "list tells number, time, sender, type and reason of each; show prints a letter\n"
    "whole, with its message. replay sends it on its way again as it is, or as FILE\n"
    "has it (of one letter only; segments may end with line feeds); one that is\n"
    "accepted, or was meanwhile, is gone. drop removes it for good.\n"
    "\n"
    "  -c, --config FILE   the gateway's configuration: where it listens\n"
    "      --url URL       where it is instead: https://gateway.example.org:8443\n"
    "      --token-file F  file that holds a bearer token; default: $FIREDOOR_TOKEN\n"
    "      --ca FILE       who signs the gateway's certificate\n"
    "      --json          print JSON, a letter a line\n"
    "FILTER: any of\n"
    "      --sender NAME   of that sender\n"
    "      --feed NAME     that came by that listener\n"
    "      --type TYPE     ADT, or ADT^A01\n"
    "      --reason TEXT   whose reason, place or code holds the text\n"
    "      --since TIME    put since: 2026-11-22, 2026-11-22T16:00:00Z\n"
    "      --all           all there are (replay and drop ask for it)\n"
    "  -h, --help          this text\n"
    "\n"
    "Exit status: 0 done; 1 a letter was refused again; 2 wrong usage, or no answer.\n";

enum {
	MOST_FILE = 64 << 20,
	PAGE = 500,
};

struct request {
	struct admin_client client;
	const char *verb, *file;
	struct buf filter; /* "&sender=…" */
	bool has_filter, json;
	char **numbers;
	int number_count;
};

enum {
	OPTION_URL = 256,
	OPTION_TOKEN,
	OPTION_CA,
	OPTION_JSON,
	OPTION_FILE,
	OPTION_ALL,
	OPTION_FILTER, /* and behind it, in the order of filter_names */
};

static const char *const filter_names[] = { "sender", "feed", "type", "reason", "since" };

static void
add_filter(struct request *q, int which, const char *value)
{
	buf_printf(&q->filter, "&%s=", filter_names[which]);
	percent_encode(str_from(value), &q->filter);
	q->has_filter = true;
}

static bool
read_option(struct request *q, int option)
{
	switch (option) {
	case 'c':
		q->client.config = optarg;
		return true;
	case OPTION_URL:
		q->client.url = optarg;
		return true;
	case OPTION_TOKEN:
		q->client.token = optarg;
		return true;
	case OPTION_CA:
		q->client.ca = optarg;
		return true;
	case OPTION_JSON:
		q->json = true;
		return true;
	case OPTION_FILE:
		q->file = optarg;
		return true;
	case OPTION_ALL:
		q->has_filter = true;
		return true;
	default:
		if (option < OPTION_FILTER)
			return false;
		add_filter(q, option - OPTION_FILTER, optarg);
		return true;
	}
}

/* Returns 0, 1 for --help, -1 when the command line is wrong. */
static int
parse(int argc, char **argv, struct request *q)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "url", required_argument, NULL, OPTION_URL },
		{ "token-file", required_argument, NULL, OPTION_TOKEN },
		{ "ca", required_argument, NULL, OPTION_CA },
		{ "json", no_argument, NULL, OPTION_JSON },
		{ "file", required_argument, NULL, OPTION_FILE },
		{ "all", no_argument, NULL, OPTION_ALL },
		{ "sender", required_argument, NULL, OPTION_FILTER },
		{ "feed", required_argument, NULL, OPTION_FILTER + 1 },
		{ "type", required_argument, NULL, OPTION_FILTER + 2 },
		{ "reason", required_argument, NULL, OPTION_FILTER + 3 },
		{ "since", required_argument, NULL, OPTION_FILTER + 4 },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if (option == 'h')
			return 1;
		if (option == '?' || !read_option(q, option))
			return -1;
	}
	if (optind < argc)
		q->verb = argv[optind++];
	q->numbers = argv + optind;
	q->number_count = argc - optind;
	return 0;
}

static int
complain(const char *text)
{
	fprintf(stderr, "firedoor deadletter: %s\n", text);
	return EXIT_USAGE;
}

/* Ask; what is refused is told. Returns the answer, or NULL. */
static json_t *
ask(struct request *q, const char *method, const char *path, struct str body, int *status)
{
	struct error err;
	json_t *answer;

	*status = 0;
	if (admin_client_ask(&q->client, method, path, body, status, &answer, &err) != 0) {
		complain(err.text);
		return NULL;
	}
	if (*status >= 400 && *status != 422) {
		const char *why = json_string_value(json_object_get(answer, "error"));

		fprintf(stderr, "firedoor deadletter: %s (%d)\n", why ? why : "refused", *status);
		json_decref(answer);
		return NULL;
	}
	return answer;
}

static const char *
text_at(const json_t *j, const char *name)
{
	const char *text = json_string_value(json_object_get(j, name));

	return text ? text : "";
}

static void
print_json(const json_t *j)
{
	json_dumpf(j, stdout, JSON_COMPACT);
	putchar('\n');
}

static void
print_row(const json_t *l)
{
	const char *destination = text_at(l, "destination");

	printf("%6lld  %.19s  %-3s %-12s %-8s %s%s%s%s\n",
	    (long long)json_integer_value(json_object_get(l, "number")), text_at(l, "last"),
	    text_at(l, "code"), text_at(l, "sender"), text_at(l, "type"),
	    *destination ? "[to " : "", destination, *destination ? "] " : "",
	    text_at(l, "reason"));
}

typedef int letter_fn(struct request *q, const json_t *letter);

/* All letters of the filter, page by page, the newest first. */
static int
each_letter(struct request *q, letter_fn *fn)
{
	json_int_t next = 0;
	int status, worst = EXIT_CLEAN;

	do {
		char *path;
		json_t *page;
		const json_t *l;
		size_t i;
		struct buf b;

		buf_init(&b, 1 << 16);
		buf_printf(&b, "/admin/deadletters?count=%d", PAGE);
		buf_put_str(&b, buf_str(&q->filter));
		if (next)
			buf_printf(&b, "&before=%lld", (long long)next);
		buf_put_byte(&b, '\0');
		path = b.p;
		page = ask(q, "GET", path, str_of(NULL, 0), &status);
		buf_release(&b);
		if (!page)
			return EXIT_USAGE;
		for (i = 0; (l = json_array_get(json_object_get(page, "deadletters"), i)); i++) {
			int rc = fn(q, l);

			worst = rc > worst ? rc : worst;
		}
		next = json_integer_value(json_object_get(page, "next"));
		json_decref(page);
	} while (next && worst < EXIT_USAGE);
	return worst;
}

static int
list_one(struct request *q, const json_t *l)
{
	if (q->json)
		print_json(l);
	else
		print_row(l);
	return EXIT_CLEAN;
}

static void
print_letter(const json_t *l)
{
	const char *names[] = { "number", "at", "last", "times", "sender", "feed", "protocol",
		"source", "type", "control", "code", "destination" };
	const json_t *p;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const json_t *v = json_object_get(l, names[i]);

		if (json_is_integer(v))
			printf("%-12s %lld\n", names[i], (long long)json_integer_value(v));
		else if (json_is_string(v) && *json_string_value(v))
			printf("%-12s %s\n", names[i], json_string_value(v));
	}
	for (i = 0; (p = json_array_get(json_object_get(l, "problems"), i)); i++)
		printf("%-12s %s%s%s\n", text_at(p, "severity"), text_at(p, "place"),
		    *text_at(p, "place") ? ": " : "", text_at(p, "text"));
	putchar('\n');
	/* Segments as lines, for people and editors. */
	for (const char *c = text_at(l, "message"); *c; c++)
		putchar(*c == '\r' ? '\n' : *c);
}

static int
show(struct request *q, const char *number)
{
	char path[64];
	int status;
	json_t *l;

	snprintf(path, sizeof(path), "/admin/deadletters/%.20s", number);
	l = ask(q, "GET", path, str_of(NULL, 0), &status);
	if (!l)
		return EXIT_USAGE;
	if (q->json)
		print_json(l);
	else
		print_letter(l);
	json_decref(l);
	return EXIT_CLEAN;
}

/* An editor's file has line feeds where a message has carriage returns. */
static void
fix_line_ends(struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++) {
		char c = b->p[i] == '\n' ? '\r' : b->p[i];

		if (c != '\r' || (n && b->p[n - 1] != '\r'))
			b->p[n++] = c;
	}
	b->len = n;
}

static int
replay(struct request *q, const char *number)
{
	struct error err;
	char path[64];
	struct buf body;
	json_t *l, *p;
	int status, rc;
	size_t i;

	buf_init(&body, MOST_FILE);
	body.wipe = true;
	if (q->file && file_read(q->file, &body, &err) != 0) {
		buf_release(&body);
		return complain(err.text);
	}
	fix_line_ends(&body);
	snprintf(path, sizeof(path), "/admin/deadletters/%.20s/replay", number);
	l = ask(q, "POST", path, q->file ? buf_str(&body) : STR(""), &status);
	buf_release(&body);
	if (!l)
		return EXIT_USAGE;
	rc = status < 400 ? EXIT_CLEAN : EXIT_FINDINGS;
	if (q->json) {
		print_json(l);
	} else {
		printf("%s: %s%s\n", number, rc == EXIT_CLEAN ? "accepted" : "refused",
		    json_is_true(json_object_get(l, "duplicate")) ? ", it was before"
		    : json_is_true(json_object_get(l, "queued"))  ? ", into its queue"
								  : "");
		for (i = 0; (p = json_array_get(json_object_get(l, "problems"), i)); i++)
			printf("  %s: %s%s%s\n", text_at(p, "severity"), text_at(p, "place"),
			    *text_at(p, "place") ? ": " : "", text_at(p, "text"));
	}
	json_decref(l);
	return rc;
}

static int
drop(struct request *q, const char *number)
{
	char path[64];
	int status;
	json_t *l;

	snprintf(path, sizeof(path), "/admin/deadletters/%.20s", number);
	l = ask(q, "DELETE", path, str_of(NULL, 0), &status);
	if (!l)
		return EXIT_USAGE;
	if (q->json)
		print_json(l);
	else
		printf("%s: dropped\n", number);
	json_decref(l);
	return EXIT_CLEAN;
}

/* Numbers of the letters that a filter finds: replaying changes the list. */
struct found {
	char (*at)[24];
	size_t count;
};
static struct found found;

static int
collect_one(struct request *q, const json_t *l)
{
	(void)q;
	found.at = xrealloc(found.at, (found.count + 1) * sizeof(found.at[0]));
	snprintf(found.at[found.count++], sizeof(found.at[0]), "%lld",
	    (long long)json_integer_value(json_object_get(l, "number")));
	return EXIT_CLEAN;
}

/* By number, or by filter in the order in which they came. */
static int
each_number(struct request *q, int (*fn)(struct request *q, const char *number))
{
	int worst = EXIT_CLEAN;

	if (q->number_count == 0)
		worst = each_letter(q, collect_one);
	for (int i = 0; i < q->number_count; i++) {
		int rc = fn(q, q->numbers[i]);

		worst = rc > worst ? rc : worst;
	}
	for (size_t i = found.count; i-- > 0 && worst < EXIT_USAGE;) {
		int rc = fn(q, found.at[i]);

		worst = rc > worst ? rc : worst;
	}
	free(found.at);
	return worst;
}

static int
run(struct request *q)
{
	if (!q->client.config && !q->client.url)
		return complain("-c FILE or --url says where the gateway is");
	if (q->verb && strcmp(q->verb, "list") == 0 && q->number_count == 0)
		return each_letter(q, list_one);
	if (q->verb && strcmp(q->verb, "show") == 0 && q->number_count)
		return each_number(q, show);
	if (!q->verb || (strcmp(q->verb, "replay") != 0 && strcmp(q->verb, "drop") != 0))
		return complain("says list, show NUMBER, replay or drop; --help tells more");
	if (!q->number_count == !q->has_filter)
		return complain("says which letters: numbers, or a filter, or --all");
	if (q->file && q->number_count != 1)
		return complain("--file is the corrected message of one letter: give its number");
	return each_number(q, strcmp(q->verb, "drop") == 0 ? drop : replay);
}

int
cmd_deadletter(int argc, char **argv)
{
	struct request q = { .verb = NULL };
	int rc;

	buf_init(&q.filter, 1 << 16);
	rc = parse(argc, argv, &q);
	if (rc > 0)
		fputs(help, stdout);
	rc = rc > 0 ? EXIT_CLEAN : rc < 0 ? complain("--help tells more") : run(&q);
	buf_release(&q.filter);
	return rc;
}
