/*
 * config.h - what the configuration file says.
 *
 * One YAML file, read and checked as a whole before anything of it is used:
 * config_load() gives a configuration that is good, or none and every error
 * by line and column. The result is plain data in the caller's arena, never
 * changed afterwards, and may be read by all threads; it lives as long as the
 * arena. config_load() may be called again, with another arena, at any time.
 *
 * Every member has a value: the one written, or the default given here.
 * Texts that are paths are absolute or relative to the working directory; a
 * relative path in the file counts from the file's own folder. Sizes are
 * bytes, durations milliseconds.
 */
#ifndef GATEWAY_CONFIG_H
#define GATEWAY_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/finding.h"
#include "base/log.h"
#include "base/str.h"

struct arena;
struct scope;

/* Where something stands in the file, from 1; 0: not written, a default. */
struct config_place {
	uint32_t line, column;
};

/* Where to listen: "127.0.0.1:8080", "[::1]:8080", "localhost:0", "*:2575".
 * Numeric but for localhost (127.0.0.1) and * (every IPv4 address). */
struct config_address {
	struct str text; /* as written */
	struct sockaddr_storage sockaddr;
	socklen_t len;
	bool loopback; /* nobody but this machine reaches it */
	struct config_place place;
};

struct config_addresses {
	struct config_address *at;
	uint32_t count;
};

/* A list of texts, each with a NUL behind it. */
struct config_texts {
	struct str *at;
	uint32_t count;
};

struct config_tls {
	bool on;		 /* the section is there */
	const char *certificate; /* PEM, the chain included */
	const char *key;	 /* PEM, not encrypted */
	const char *client_ca;	 /* PEM: who may sign client certificates;
				  * NULL: none is asked for */
	bool require_client;	 /* no connection without a client certificate;
				  * default: true when client_ca is set */
};

struct config_server {
	unsigned loops;	  /* 0: "auto", one for each core */
	int64_t drain_ms; /* 30 s: how long a stop waits for exchanges */
	unsigned queue;	  /* 4096: tasks that may wait for a lane */
};

struct config_log {
	enum log_level level;	/* info */
	enum log_format format; /* text */
};

/* HTTP and the FHIR API, which is always under /fhir. */
struct config_fhir {
	struct config_addresses listen; /* 127.0.0.1:8080 */
	struct str base_url;		/* "https://fhir.example.org/fhir", no slash at
			      * the end; empty: made from the address listened on */
	struct config_tls tls;
	struct config_texts cors_origins; /* who may call from a browser: none */
	bool delete_many;		  /* conditional_delete: single */
	unsigned full_text;		  /* enum search_words: off */
	unsigned references;		  /* enum fhir_references: off */
	bool lenient;			  /* false: how bodies are read where Prefer does not say */

	unsigned max_connections; /* 20000, on all loops together */
	size_t max_head;	  /* 32 KiB: request line and header fields */
	unsigned max_fields;	  /* 100 header fields */
	size_t max_body;	  /* 64 MiB */
	unsigned max_entries;	  /* 10000 entries of a Bundle that comes in */

	int64_t head_ms;  /* 10 s: for the whole head, from its first byte */
	int64_t body_ms;  /* 30 s: without a byte of the body */
	int64_t idle_ms;  /* 60 s: keep-alive, between two requests */
	int64_t write_ms; /* 30 s: without the peer taking a byte */

	unsigned page_count; /* 50: resources a page when _count is not given */
	unsigned page_most;  /* 1000: the most _count may ask for */

	size_t spool_over;	  /* 1 MiB: longer bodies go to a file */
	const char *spool_folder; /* $TMPDIR or /tmp */
};

/* What a site's name for an issuer (HD.1) stands for. */
struct config_namespace {
	struct str name, uri;
};

/* How HL7 v2 messages are read: said of where they come in, and over that of a
 * sender (`feeds`). */
struct config_feed {
	int32_t zone_minutes; /* of times without a zone: "+01:00", default UTC */
	struct str zone_name; /* "Europe/Berlin"; empty: zone_minutes */
	struct str charset;   /* of messages without MSH-18; empty: UTF-8 */
	bool read_unknown_charset;
	const char *maps;     /* folder of maps laid over the others; NULL: none */
	int64_t duplicate_ms; /* 24 h: a message seen again in this time is
			       * answered with the first ACK; 0: off */
	bool sequence;	      /* false: MSH-13 is held to the protocol */
	bool dead_letters;    /* true: what is refused is kept */
	bool enhanced;	      /* true: MSH-15 and 16 say which ACKs are due */
	struct config_namespace *namespaces;
	uint32_t namespace_count;
	enum config_feed_given {
		CONFIG_FEED_ZONE = 1 << 0,
		CONFIG_FEED_CHARSET = 1 << 1,
		CONFIG_FEED_UNKNOWN = 1 << 2,
		CONFIG_FEED_MAPS = 1 << 3,
		CONFIG_FEED_DUPLICATES = 1 << 4,
		CONFIG_FEED_SEQUENCE = 1 << 5,
		CONFIG_FEED_DEAD = 1 << 6,
		CONFIG_FEED_NAMESPACES = 1 << 7,
		CONFIG_FEED_ENHANCED = 1 << 8,
	} given; /* the keys that were written: these win over others */
};

/* What is special of one sender's messages. */
struct config_overlay {
	struct str sender;
	struct config_feed feed;
	struct config_place place;
};

/* HL7 over HTTP, at a path of fhir's addresses. */
struct config_hl7 {
	bool on;
	struct str name;    /* "hl7", in logs */
	struct str path;    /* "/hl7" */
	size_t max_message; /* 16 MiB */
	struct config_feed feed;
};

/* A system that messages are sent on to, by MLLP. */
struct config_destination {
	struct str name;
	struct config_address address;
	bool tls;
	const char *ca;			 /* PEM: who signs its certificate */
	const char *certificate, *key;	 /* ours; NULL: none */
	struct str server_name;		 /* what its certificate says; empty: not asked */
	int64_t timeout_ms;		 /* 30 s: for its answer */
	int64_t retry_ms, retry_most_ms; /* 1 s, doubled up to 5 min */
	unsigned attempts;		 /* 0: as often as it takes */
	unsigned queue;			 /* 1,000,000 messages that may wait */
	struct config_place place;
};

/* What must hold of a message: of its first such segment. */
struct config_condition {
	enum {
		CONDITION_NONE,
		CONDITION_EQUALS,
		CONDITION_DIFFERS,
		CONDITION_VALUED,
		CONDITION_NOT_VALUED,
	} kind;
	char segment[4];
	uint32_t field, component, subcomponent; /* 0: the first */
	struct str value;
};

/* Messages that were taken are sent on. */
struct config_route {
	struct config_texts to;	   /* destinations */
	struct config_texts from;  /* senders; none: all */
	struct config_texts types; /* "ADT", "ADT^A01"; none: all */
	struct config_condition when;
	bool forward_only; /* false: "only: true", they are not mapped or stored here */
	struct config_place place;
};

/* One MLLP listener. */
struct config_mllp {
	struct str name; /* "mllp-1", … when not given */
	struct config_addresses listen;
	struct config_tls tls;
	struct str sender;	  /* of the access section; empty: whoever the client
				  * certificate says (or loopback) */
	size_t max_message;	  /* 16 MiB */
	unsigned max_connections; /* 1024 */
	int64_t idle_ms;	  /* 0: never closed for being idle */
	int64_t frame_ms;	  /* 60 s: for a whole message, from its first byte */
	struct config_feed feed;
	struct config_place place;
};

struct config_store {
	const char *path; /* of the database file; must be given */
	int64_t busy_ms;  /* 5 s: wait for another process */
};

struct config_audit {
	const char *folder;  /* "audit" beside the store */
	size_t segment_size; /* 16 MiB: a new segment file after that */
};

struct config_plugin {
	struct str name;
	const char *file;	   /* the shared object; default
				    * $(libdir)/firedoor/NAME.so */
	struct config_texts types; /* resource types it is given: at least one */
	unsigned workers;	   /* 1 */
	unsigned queue;		   /* 256 jobs waiting */
	size_t max_memory;	   /* 512 MiB of address space a worker */
	int64_t cpu_ms;		   /* 10 s of processor time a job */
	int64_t timeout_ms;	   /* 30 s a job */
	int64_t backoff_ms;	   /* 500 ms before the first restart, doubled … */
	int64_t backoff_most_ms;   /* … up to 60 s */
	struct config_place place;
};

/* Who may send, and what. See gateway/access/access.h. */
struct config_sender {
	struct str name;
	uint8_t (*tokens)[32]; /* SHA-256 of each bearer token */
	uint32_t token_count;
	uint8_t (*certificates)[32]; /* SHA-256 of each client certificate (DER) */
	uint32_t certificate_count;
	struct config_texts subjects; /* of client certificates, RFC 4514 */
	struct scope *scopes;
	uint32_t scope_count;
	struct str compartment;	     /* "Patient/123"; empty: everything */
	struct config_texts filters; /* "Observation?category=laboratory": of the type, only
				      * what one of them finds */
	bool admin;		     /* false: may list, show, replay and drop dead letters,
				 * and see queues and coverage */
	struct config_place place;
};

struct config {
	const char *path; /* of the file */
	struct config_server server;
	struct config_log log;
	struct config_fhir fhir;
	struct config_mllp *mllp;
	uint32_t mllp_count;
	struct config_hl7 hl7;
	struct config_overlay *overlays;
	uint32_t overlay_count;
	struct config_destination *destinations;
	uint32_t destination_count;
	struct config_route *routes;
	uint32_t route_count;
	struct config_store store;
	struct config_audit audit;
	const char *pack;	  /* the compiled definitions: $FIREDOOR_PACK, or
				  * $(datadir)/firedoor/r4.pack */
	struct config_texts maps; /* folders, later ones laid over earlier:
				   * $FIREDOOR_MAPS, or the shipped ones */
	bool has_access;	  /* the section is there */
	struct config_sender *senders;
	uint32_t sender_count;
	struct config_plugin *plugins;
	uint32_t plugin_count;
};

enum {
	CONFIG_CHECK_FILES = 1,	 /* files and folders named must be there */
	CONFIG_ARENA = 16 << 20, /* an arena limit that is enough for any file */
};

/*
 * Read and check the file. Returns the configuration, in the arena; or NULL,
 * and then every error is in findings, with line and column (0 when the error
 * is not of a line: no such file). Warnings may be there in either case.
 */
const struct config *
config_load(const char *path, int flags, struct arena *a, struct findings *findings);

/* As config_load(), from text; path is used for relative paths only. */
const struct config *config_parse(
    const char *path, struct str text, int flags, struct arena *a, struct findings *findings);

/* Print findings, "file:line:column: error: text" each, on standard error. */
void config_print_findings(const char *path, const struct findings *findings);

/*
 * For commands: load the file as `firedoor serve` does, findings printed.
 * Returns NULL when it cannot be used.
 */
const struct config *config_load_or_tell(const char *path, struct arena *a);

#endif
