/*
 * sandbox.h - lock a worker process in.
 */
#ifndef GATEWAY_HOST_SANDBOX_H
#define GATEWAY_HOST_SANDBOX_H

#include <stddef.h>

struct error;

/*
 * From here on this process has at most memory bytes of address space, opens
 * no file, makes no socket and starts no program: any system call that memory,
 * time and its own socket do not need ends it. Builds with a sanitizer, whose
 * run time needs more, keep to the limits of files and processes only.
 * Returns 0, or -1 with *err set: then the worker must not run.
 */
int sandbox_enter(size_t memory, struct error *err);

#endif
