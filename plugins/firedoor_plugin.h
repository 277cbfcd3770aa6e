/*
 * firedoor_plugin.h - the interface of a plugin.
 *
 * A plugin is a shared object with one symbol, `firedoor_plugin`. It is loaded
 * into worker processes of its own, one job at a time in each; it cannot open
 * files or sockets there, and has the memory and time that the configuration
 * gives it. A job is one or several records (FHIR resources); the plugin reads
 * them, and may return records to be stored beside them, in the same
 * transaction. A job that crashes or takes too long is lost, nothing else.
 *
 * This header is all a plugin needs to know of the gateway, and all it may
 * use. It only ever grows: structs start with their size, new members come
 * at the end, and FIREDOOR_PLUGIN_ABI changes when that cannot be kept. A
 * member is there when `size` reaches behind it.
 *
 * Texts are UTF-8, counted, and not NUL-ended unless they are `const char *`.
 * What the host gives is good until process() returns.
 */
#ifndef FIREDOOR_PLUGIN_H
#define FIREDOOR_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FIREDOOR_PLUGIN_ABI 1u

/* No such node. */
#define FIREDOOR_NONE UINT32_MAX

struct firedoor_text {
	const char *bytes;
	size_t len;
};

/* One job; opaque. */
struct firedoor_job;

/* An element of a record of the job. Node 0 is the resource itself. */
struct firedoor_node {
	uint32_t record; /* number of the record in the job, from 0 */
	uint32_t node;	 /* FIREDOOR_NONE: there is none */
	uint32_t parent; /* the node it was reached from */
};

enum firedoor_element_flag {
	FIREDOOR_ELEMENT_REPEATS = 1,	/* may stand more than once */
	FIREDOOR_ELEMENT_SUMMARY = 2,	/* belongs to the summary of its resource */
	FIREDOOR_ELEMENT_PRIMITIVE = 4, /* has a value */
};

enum firedoor_level {
	FIREDOOR_LOG_ERROR,
	FIREDOOR_LOG_WARN,
	FIREDOOR_LOG_INFO,
	FIREDOOR_LOG_DEBUG,
};

/* What the host does for a plugin. Functions that return int: 0, or -1 when
 * refused; the reason is logged, and the job fails. */
struct firedoor_host {
	uint32_t size; /* of this struct */
	uint32_t abi;

	/* Read: how many records there are; the resource's type ("Patient"). */
	uint32_t (*record_count)(struct firedoor_job *job);
	struct firedoor_text (*record_type)(struct firedoor_job *job, uint32_t record);

	/*
	 * What a Reference to that record says: "Patient/123", or the urn:uuid of
	 * one that is being created.
	 */
	struct firedoor_text (*record_reference)(struct firedoor_job *job, uint32_t record);

	/* Walk: elements in the order of the specification, repetitions in a row. */
	struct firedoor_node (*first_child)(struct firedoor_job *job, struct firedoor_node of);
	struct firedoor_node (*next_sibling)(struct firedoor_job *job, struct firedoor_node of);

	/* The first child of that name ("birthDate", "valueQuantity"). */
	struct firedoor_node (*child)(
	    struct firedoor_job *job, struct firedoor_node of, const char *name);

	/* Of an element: its name, its type ("HumanName"), its flags, its value
	 * (len 0: none). */
	struct firedoor_text (*name)(struct firedoor_job *job, struct firedoor_node of);
	struct firedoor_text (*type)(struct firedoor_job *job, struct firedoor_node of);
	uint32_t (*flags)(struct firedoor_job *job, struct firedoor_node of);
	struct firedoor_text (*value)(struct firedoor_job *job, struct firedoor_node of);

	/*
	 * Return a record: begin it, open and close its elements (in any order),
	 * put values, end it. match, which may be NULL, is a search such as
	 * "identifier=urn:x|7": the record that it finds is updated instead of a
	 * new one made.
	 */
	int (*begin)(struct firedoor_job *job, const char *type, const char *match);
	int (*open)(struct firedoor_job *job, const char *name);
	int (*put)(struct firedoor_job *job, const char *name, struct firedoor_text value);
	int (*close)(struct firedoor_job *job);
	int (*end)(struct firedoor_job *job);

	/* Say something in the gateway's log: never a patient's values. */
	void (*log)(struct firedoor_job *job, enum firedoor_level level, const char *text);
};

struct firedoor_plugin {
	uint32_t size; /* of this struct */
	uint32_t abi;  /* FIREDOOR_PLUGIN_ABI */
	const char *name, *version;

	/*
	 * Called once in each worker, before it is locked in: files may be read
	 * here. *state is given back to the others. Returns 0, or -1 to refuse to
	 * start. May be NULL.
	 */
	int (*start)(const struct firedoor_host *host, void **state);

	/* Do a job. Returns 0, or -1: it failed, and what it returned is dropped. */
	int (*process)(void *state, const struct firedoor_host *host, struct firedoor_job *job);

	/* The worker ends. May be NULL. */
	void (*stop)(void *state);
};

/* What a plugin defines. */
extern const struct firedoor_plugin firedoor_plugin;

#ifdef __cplusplus
}
#endif

#endif
