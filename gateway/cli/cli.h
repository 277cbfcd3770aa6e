/*
 * cli.h - the commands of firedoor(1).
 *
 * Each command is a function of one file, cmd_NAME.c, that reads its own
 * options and answers --help.
 */
#ifndef GATEWAY_CLI_CLI_H
#define GATEWAY_CLI_CLI_H

#include <stdio.h>

/* Exit statuses that scripts may rely on. */
enum {
	EXIT_CLEAN = 0,
	EXIT_FINDINGS = 1, /* done, and something was wrong */
	EXIT_USAGE = 2,	   /* the command line or configuration is wrong */
	EXIT_STOPPED = 3,  /* by a signal, and what was done is kept */
};

/* Run a command with its own argv (argv[0] is its name). Returns the exit
 * status. */
typedef int command_fn(int argc, char **argv);

struct command {
	const char *name;
	command_fn *run;   /* NULL ends the table */
	const char *brief; /* NULL: not for people, not listed */
};

/* The commands there are, in the order --help shows them. */
extern const struct command cli_commands[];

command_fn cmd_audit;
command_fn cmd_backup;
command_fn cmd_reindex;
command_fn cmd_check;
command_fn cmd_convert;
command_fn cmd_coverage;
command_fn cmd_deadletter;
command_fn cmd_explain;
command_fn cmd_fhirpath;
command_fn cmd_export;
command_fn cmd_import;
command_fn cmd_pack;
command_fn cmd_purge;
command_fn cmd_queue;
command_fn cmd_serve;
command_fn cmd_token;
command_fn cmd_version;

/* Run what argv asks for. Returns the exit status of the program. */
int cli_main(int argc, char **argv);

#endif
