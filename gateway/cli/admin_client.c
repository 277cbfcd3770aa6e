#include "gateway/cli/admin_client.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "gateway/config.h"

enum {
	ANSWER_MOST = 256 << 20,
	TOKEN_MOST = 4096,
};

struct place {
	bool tls;
	char host[256]; /* with the port: "127.0.0.1:8080" */
	char name[256]; /* without it */
};

static int
parse_url(const char *url, struct place *p, struct error *err)
{
	struct str s = str_from(url), host;
	ptrdiff_t colon;

	p->tls = str_starts(s, STR("https://"));
	if (!p->tls && !str_starts(s, STR("http://")))
		return error_set(err, ERROR_INVALID,
		    "the address must be as http://127.0.0.1:8080 or https://host:8443");
	s = str_from_index(s, p->tls ? 8 : 7);
	str_split(&s, '/', &host);
	if (!host.len || host.len > 200)
		return error_set(err, ERROR_INVALID, "the address has no host");
	colon = host.p[host.len - 1] == ']' ? -1 : str_find(host, ':');
	if (host.p[0] == '[') {
		ptrdiff_t end = str_find(host, ']');

		colon = end > 0 && (size_t)end + 1 < host.len ? end + 1 : -1;
	}
	snprintf(p->name, sizeof(p->name), "%.*s", colon < 0 ? (int)host.len : (int)colon, host.p);
	snprintf(p->host, sizeof(p->host), "%.*s%s", STR_ARG(host),
	    colon >= 0 ? ""
	    : p->tls   ? ":443"
		       : ":80");
	return 0;
}

/* Of the first address that fhir listens on; "every address" is loopback. */
static int
configured(const char *path, struct place *p, struct error *err)
{
	struct findings findings;
	const struct config *c;
	struct arena arena;
	int rc = -1;

	arena_init(&arena, CONFIG_ARENA, ARENA_WIPE);
	findings_init(&findings, &arena, 200);
	c = config_load(path, 0, &arena, &findings);
	if (!c) {
		config_print_findings(path, &findings);
		error_set(err, ERROR_INVALID, "the configuration cannot be used");
	} else {
		struct str text = c->fhir.listen.at[0].text;
		ptrdiff_t colon = text.p[0] == '*' ? 1 : -1;
		char url[300];

		snprintf(url, sizeof(url), "%s://%s%.*s", c->fhir.tls.on ? "https" : "http",
		    colon > 0 ? "127.0.0.1" : "", (int)(text.len - (colon > 0)),
		    text.p + (colon > 0));
		rc = parse_url(url, p, err);
	}
	arena_release(&arena);
	return rc;
}

static int
read_token(const struct admin_client *c, char token[TOKEN_MOST], struct error *err)
{
	const char *given = getenv("FIREDOOR_TOKEN");
	struct str text;
	struct buf b;
	int rc = 0;

	token[0] = '\0';
	if (!c->token) {
		snprintf(token, TOKEN_MOST, "%s", given ? given : "");
		return 0;
	}
	buf_init(&b, TOKEN_MOST - 1);
	b.wipe = true;
	rc = file_read(c->token, &b, err);
	text = str_trim(buf_str(&b));
	if (rc == 0)
		snprintf(token, TOKEN_MOST, "%.*s", STR_ARG(text));
	buf_release(&b);
	return rc;
}

static int
fail(struct error *err, const struct place *p, const char *what)
{
	return error_set(err, ERROR_IO, "%s %s: does a gateway run there?", what, p->host);
}

static BIO *
open_connection(
    const struct admin_client *c, const struct place *p, SSL_CTX **context, struct error *err)
{
	BIO *b;
	SSL *ssl = NULL;

	if (!p->tls) {
		b = BIO_new_connect(p->host);
	} else {
		*context = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_verify(*context, SSL_VERIFY_PEER, NULL);
		if (c->ca ? SSL_CTX_load_verify_locations(*context, c->ca, NULL) != 1
			  : SSL_CTX_set_default_verify_paths(*context) != 1) {
			error_set(err, ERROR_INVALID, "cannot read the CA certificates %s",
			    c->ca ? c->ca : "of the system");
			return NULL;
		}
		b = BIO_new_ssl_connect(*context);
		BIO_get_ssl(b, &ssl);
		BIO_set_conn_hostname(b, p->host);
		SSL_set_tlsext_host_name(ssl, p->name);
		if (!X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), p->name))
			SSL_set1_host(ssl, p->name);
	}
	if (b && BIO_do_connect(b) == 1)
		return b;
	BIO_free_all(b);
	fail(err, p, "could not connect to");
	return NULL;
}

static int
exchange_bytes(BIO *b, struct str request, struct buf *answer)
{
	char piece[16384];
	int n;

	while (request.len) {
		n = BIO_write(b, request.p, request.len > INT32_MAX ? INT32_MAX : (int)request.len);
		if (n <= 0)
			return -1;
		request = str_from_index(request, (size_t)n);
	}
	while ((n = BIO_read(b, piece, sizeof(piece))) > 0)
		buf_put(answer, piece, (size_t)n);
	return answer->full ? -1 : 0;
}

static int
read_answer(struct str text, int *status, json_t **answer)
{
	ptrdiff_t end = str_find_str(text, STR("\r\n\r\n"));
	int64_t code;

	*answer = NULL;
	if (end < 0 || !str_starts(text, STR("HTTP/1.1 ")) || text.len < 12 ||
	    !str_to_int(str_of(text.p + 9, 3), &code))
		return -1;
	*status = (int)code;
	text = str_from_index(text, (size_t)end + 4);
	if (text.len)
		*answer = json_loadb(text.p, text.len, 0, NULL);
	return 0;
}

int
admin_client_ask(const struct admin_client *c, const char *method, const char *path,
    struct str body, int *status, json_t **answer, struct error *err)
{
	SSL_CTX *context = NULL;
	char token[TOKEN_MOST];
	struct buf request, got;
	struct place p;
	int rc = c->url ? parse_url(c->url, &p, err) : configured(c->config, &p, err);
	BIO *b;

	*answer = NULL;
	if (rc != 0 || read_token(c, token, err) != 0)
		return -1;
	b = open_connection(c, &p, &context, err);
	buf_init(&request, ANSWER_MOST);
	buf_init(&got, ANSWER_MOST);
	request.wipe = got.wipe = true;
	buf_printf(
	    &request, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method, path, p.host);
	if (token[0])
		buf_printf(&request, "Authorization: Bearer %s\r\n", token);
	if (body.p)
		buf_printf(&request, "Content-Type: application/hl7-v2\r\nContent-Length: %zu\r\n",
		    body.len);
	buf_puts(&request, "\r\n");
	buf_put_str(&request, body);
	rc = -1;
	if (b && (exchange_bytes(b, buf_str(&request), &got) != 0 ||
		     read_answer(buf_str(&got), status, answer) != 0))
		fail(err, &p, "there was no whole answer of");
	else if (b)
		rc = 0;
	explicit_bzero(token, sizeof(token));
	buf_release(&request);
	buf_release(&got);
	BIO_free_all(b);
	SSL_CTX_free(context);
	return rc;
}
