/*
 * bench_http: an HTTP server that answers every GET with one file's bytes, to
 * measure gateway/net by itself against nginx serving the same file.
 *
 *	bench_http FILE [LOOPS]
 *
 * Prints "port N", serves until its standard input ends, then prints its
 * resident size for each connection that was open.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "gateway/net/http_server.h"

static struct buf body;

static enum http_take
on_head(void *ctx, struct http_request *r)
{
	(void)ctx;
	(void)r;
	return HTTP_COLLECT;
}

static void
on_request(void *ctx, struct http_request *r)
{
	struct http_header headers[] = {
		{ STR("Content-Type"), STR("application/fhir+json; charset=utf-8") },
		{ STR("ETag"), STR("W/\"1\"") },
		{ STR("Last-Modified"), STR("Sun, 06 Nov 1994 08:49:37 GMT") },
	};

	(void)ctx;
	http_answer(
	    r, &(struct http_answer){
		   .status = 200, .headers = headers, .header_count = 3, .body = buf_str(&body) });
}

static void
on_refused(void *ctx, struct http_request *r, int status, const char *reason)
{
	(void)ctx;
	http_answer_text(r, status, reason);
}

static long
resident_kib(void)
{
	char line[200];
	long kib = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

int
main(int argc, char **argv)
{
	struct http_config c = { .handler = { .on_head = on_head,
				     .on_request = on_request,
				     .on_refused = on_refused } };
	struct loop *loops[16];
	int64_t count = 1;
	struct http_server *server;
	struct error err;
	size_t open;
	long before;

	if (argc < 2 || (argc > 2 && !str_to_int(str_from(argv[2]), &count)) || count < 1 ||
	    count > 16) {
		fprintf(stderr, "usage: bench_http FILE [LOOPS]\n");
		return 2;
	}
	log_setup(LOG_ERROR, LOG_TEXT);
	loop_raise_file_limit();
	buf_init(&body, 1 << 30);
	address_parse(STR("127.0.0.1:0"), &c.address, NULL);
	for (int64_t i = 0; i < count; i++)
		loops[i] = loop_new((unsigned)i, &err);
	if (file_read(argv[1], &body, &err) < 0 ||
	    !(server = http_server_new(loops, (unsigned)count, &c, &err))) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	for (int64_t i = 0; i < count; i++)
		loop_start(loops[i], &err);
	before = resident_kib();
	printf("port %u\n", address_port(http_server_address(server)));
	fflush(stdout);
	while (getchar() != EOF)
		;
	open = http_server_connections(server);
	printf("connections %zu, resident %ld KiB, before %ld KiB\n", open, resident_kib(), before);
	for (int64_t i = 0; i < count; i++)
		loop_stop(loops[i], 1000);
	for (int64_t i = 0; i < count; i++)
		loop_join(loops[i]);
	http_server_free(server);
	for (int64_t i = 0; i < count; i++)
		loop_free(loops[i]);
	buf_release(&body);
	return 0;
}
