#include "gateway/listeners.h"

#include "base/error.h"
#include "base/log.h"
#include "gateway/config.h"
#include "gateway/exchange/front_http.h"
#include "gateway/exchange/front_mllp.h"
#include "gateway/gateway.h"
#include "gateway/net/tls.h"

static int
open_tls(struct gateway *g, const struct config_tls *c, struct tls **out, struct error *err)
{
	*out = NULL;
	if (!c->on)
		return 0;
	*out = tls_new(
	    &(struct tls_config){
		.certificate = c->certificate,
		.key = c->key,
		.client_ca = c->client_ca,
		.require_client = c->require_client,
	    },
	    err);
	if (!*out)
		return -1;
	g->tls[g->tls_count++] = *out;
	return 0;
}

static struct address
address_of(const struct config_address *c)
{
	struct address a = { .len = c->len };

	memcpy(&a.u, &c->sockaddr, c->len < sizeof(a.u) ? c->len : sizeof(a.u));
	return a;
}

static void
log_listening(const char *protocol, struct str name, const struct address *a)
{
	char text[ADDRESS_TEXT];

	address_format(a, text);
	log_event(LOG_INFO, "listening", "protocol=%s\tname=%.*s\taddress=%s", protocol,
	    STR_ARG(name), text);
}

static struct http_limits
http_limits_of(const struct config_fhir *c)
{
	return (struct http_limits){
		.head = { .head_bytes = c->max_head, .headers = c->max_fields },
		.body_bytes = c->max_body,
		.spool_bytes = c->spool_over,
		/* Records, their stored bytes and their index. */
		.arena_bytes = (64 << 20) + 12 * c->max_body,
		.head_timeout = (unsigned)c->head_ms,
		.body_timeout = (unsigned)c->body_ms,
		.idle_timeout = (unsigned)c->idle_ms,
		.write_timeout = (unsigned)c->write_ms,
		.connections = c->max_connections,
	};
}

static int
open_http(struct gateway *g, struct loop **loops, struct error *err)
{
	const struct config_fhir *c = &g->config->fhir;
	struct tls *tls;

	if (open_tls(g, &c->tls, &tls, err) != 0)
		return -1;
	g->http = xcalloc(c->listen.count + 1, sizeof(*g->http));
	for (uint32_t i = 0; i < c->listen.count; i++) {
		struct http_listener *l = &g->http[g->http_count];
		struct http_config config = {
			.address = address_of(&c->listen.at[i]),
			.tls = tls,
			.limits = http_limits_of(c),
			.spool_folder = c->spool_folder,
			.handler = front_http_handler(l),
		};

		l->gateway = g;
		l->loopback = c->listen.at[i].loopback;
		l->server = http_server_new(loops, g->loop_count, &config, err);
		if (!l->server)
			return -1;
		g->http_count++;
		log_listening(tls ? "https" : "http", STR("fhir"), http_server_address(l->server));
	}
	return 0;
}

static struct mllp_limits
mllp_limits_of(const struct config_mllp *c)
{
	return (struct mllp_limits){
		.message_bytes = c->max_message,
		.arena_bytes = (64 << 20) + 32 * c->max_message,
		.idle_timeout = (unsigned)c->idle_ms,
		.message_timeout = (unsigned)c->frame_ms,
		.connections = c->max_connections,
	};
}

static int
open_mllp(struct gateway *g, uint32_t number, struct loop **loops, struct error *err)
{
	const struct config_mllp *c = &g->config->mllp[number];
	struct tls *tls;

	if (open_tls(g, &c->tls, &tls, err) != 0)
		return -1;
	for (uint32_t i = 0; i < c->listen.count; i++) {
		struct mllp_listener *l = &g->mllp[g->mllp_count];
		struct mllp_config config = {
			.address = address_of(&c->listen.at[i]),
			.tls = tls,
			.limits = mllp_limits_of(c),
			.handler = front_mllp_handler(l),
		};

		l->feed = (struct feed){
			.gateway = g,
			.number = number,
			.name = c->name,
			.sender = c->sender,
			.loopback = c->listen.at[i].loopback,
		};
		l->server = mllp_server_new(loops, g->loop_count, &config, err);
		if (!l->server)
			return -1;
		g->mllp_count++;
		log_listening(tls ? "mllps" : "mllp", c->name, mllp_server_address(l->server));
	}
	return 0;
}

static unsigned
count_mllp_addresses(const struct config *c)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < c->mllp_count; i++)
		n += c->mllp[i].listen.count;
	return n;
}

int
listeners_open(struct gateway *g, struct error *err)
{
	struct loop **loops = xcalloc(g->loop_count, sizeof(struct loop *));
	int result;

	for (unsigned i = 0; i < g->loop_count; i++)
		loops[i] = g->loops[i].loop;
	g->tls = xcalloc(g->config->mllp_count + 1, sizeof(struct tls *));
	g->mllp = xcalloc(count_mllp_addresses(g->config) + 1, sizeof(*g->mllp));
	result = open_http(g, loops, err);
	for (uint32_t i = 0; result == 0 && i < g->config->mllp_count; i++)
		result = open_mllp(g, i, loops, err);
	free(loops);
	return result;
}

struct str
listeners_base(struct gateway *g)
{
	char address[ADDRESS_TEXT];

	if (!g->http_count)
		return STR("http://localhost/fhir");
	address_format(http_server_address(g->http[0].server), address);
	snprintf(g->base, sizeof(g->base), "%s://%s/fhir",
	    g->config->fhir.tls.on ? "https" : "http", address);
	return str_from(g->base);
}

void
listeners_close(struct gateway *g)
{
	for (unsigned i = 0; i < g->http_count; i++)
		http_server_free(g->http[i].server);
	for (unsigned i = 0; i < g->mllp_count; i++)
		mllp_server_free(g->mllp[i].server);
	for (unsigned i = 0; i < g->tls_count; i++)
		tls_free(g->tls[i]);
	free(g->http);
	free(g->mllp);
	free(g->tls);
}
