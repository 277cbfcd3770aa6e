/*
 * worker.h - the process that runs a plugin.
 */
#ifndef GATEWAY_HOST_WORKER_H
#define GATEWAY_HOST_WORKER_H

#include <stddef.h>

/* The hidden command of the program that is a worker; its socket is
 * descriptor WORKER_SOCKET. */
#define WORKER_COMMAND "plugin-worker"

enum {
	WORKER_SOCKET = 3,
};

/*
 * Be a worker until the host closes the socket: load the plugin from file, map
 * the pack, lock the process in with that much memory, and do jobs. argv:
 * WORKER_COMMAND FILE PACK MEMORY. Returns the exit status.
 */
int worker_main(int argc, char **argv);

#endif
