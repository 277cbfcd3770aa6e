#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "gateway/access/access.h"
#include "gateway/cli/cli.h"
#include "gateway/config/value.h"

static const char help[] =
    "usage: firedoor token [--name NAME]\n"
    "Make a bearer token for a sender.\n"
    "\n"
    "The token is shown once: give it to the sender, who puts it into the header\n"
    "field 'Authorization: Bearer TOKEN'. The lines behind it go into the\n"
    "configuration, under access: senders:, with the scope the sender may have. They\n"
    "hold the token's SHA-256 only, from which it cannot be found again.\n"
    "\n"
    "  -n, --name NAME  the sender's name (default: app)\n"
    "  -h, --help       this text\n";

static void
print_token(const char *name)
{
	char token[ACCESS_TOKEN_TEXT], hex[2 * SHA256_BYTES + 1];
	uint8_t hash[SHA256_BYTES];

	access_make_token(token, hash);
	hex_encode(hash, sizeof(hash), hex);
	printf("token (shown once): %s\n"
	       "\n"
	       "for the configuration:\n"
	       "\n"
	       "access:\n"
	       "  senders:\n"
	       "    - name: %s\n"
	       "      tokens:\n"
	       "        - \"sha256:%s\"\n"
	       "      scope: system/*.rs\n",
	    token, name, hex);
	explicit_bzero(token, sizeof(token));
}

int
cmd_token(int argc, char **argv)
{
	static const struct option options[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *name = "app";
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "n:h", options, NULL)) != -1)
		switch (c) {
		case 'n':
			name = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_CLEAN;
		default:
			return EXIT_USAGE;
		}
	if (optind != argc) {
		fputs("firedoor token: takes no arguments; firedoor token --help tells more\n",
		    stderr);
		return EXIT_USAGE;
	}
	if (!value_is_name(str_from(name))) {
		fprintf(stderr, "firedoor token: '%s' is not " VALUE_NAME_NOTE "\n", name);
		return EXIT_USAGE;
	}
	print_token(name);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fputs("firedoor token: could not write the token\n", stderr);
		return EXIT_FINDINGS;
	}
	return EXIT_CLEAN;
}
