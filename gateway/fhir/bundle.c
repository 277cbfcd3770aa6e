#include "gateway/fhir/bundle.h"

#include "base/clock.h"

const char *
http_status_text(int status)
{
	switch (status) {
	case 200:
		return "200 OK";
	case 201:
		return "201 Created";
	case 204:
		return "204 No Content";
	case 304:
		return "304 Not Modified";
	case 400:
		return "400 Bad Request";
	case 401:
		return "401 Unauthorized";
	case 403:
		return "403 Forbidden";
	case 404:
		return "404 Not Found";
	case 405:
		return "405 Method Not Allowed";
	case 409:
		return "409 Conflict";
	case 410:
		return "410 Gone";
	case 412:
		return "412 Precondition Failed";
	case 413:
		return "413 Content Too Large";
	case 415:
		return "415 Unsupported Media Type";
	case 422:
		return "422 Unprocessable Content";
	case 501:
		return "501 Not Implemented";
	case 503:
		return "503 Service Unavailable";
	default:
		return status < 500 ? "400 Bad Request" : "500 Internal Server Error";
	}
}

static void
put_instant(struct buf *out, int64_t wall)
{
	char text[INSTANT_TEXT];

	buf_put_json(out, str_of(text, instant_format(wall, text)));
}

void
bundle_begin(struct bundle_writer *w, struct buf *out, const struct bundle_head *h)
{
	*w = (struct bundle_writer){ .out = out };
	buf_printf(out, "{\"resourceType\":\"Bundle\",\"type\":\"%s\"", h->type);
	if (h->timestamp) {
		buf_puts(out, ",\"timestamp\":");
		put_instant(out, h->timestamp);
	}
	if (h->total != UINT64_MAX) {
		buf_puts(out, ",\"total\":");
		buf_put_u64(out, h->total);
	}
	for (unsigned i = 0; i < h->link_count; i++) {
		buf_printf(out, "%s{\"relation\":\"%s\",\"url\":", i ? "," : ",\"link\":[",
		    h->links[i].relation);
		buf_put_json(out, h->links[i].url);
		buf_puts(out, i + 1 == h->link_count ? "}]" : "}");
	}
}

/* Begin a member of the object that began at `start`. */
static void
put_name(struct buf *out, size_t start, const char *name)
{
	buf_printf(out, "%s\"%s\":", out->len > start ? "," : "", name);
}

static void
put_request(struct buf *out, const struct bundle_entry *e)
{
	buf_printf(out, "{\"method\":\"%s\",\"url\":", e->method);
	buf_put_json(out, e->request_url);
	buf_put_byte(out, '}');
}

static void
put_response(struct buf *out, const struct bundle_entry *e)
{
	buf_printf(out, "{\"status\":\"%s\"", http_status_text(e->status));
	if (e->location.len) {
		buf_puts(out, ",\"location\":");
		buf_put_json(out, e->location);
	}
	if (e->version) {
		buf_puts(out, ",\"etag\":\"W/\\\"");
		buf_put_u64(out, e->version);
		buf_puts(out, "\\\"\"");
	}
	if (e->updated) {
		buf_puts(out, ",\"lastModified\":");
		put_instant(out, e->updated);
	}
	if (e->outcome.len) {
		buf_puts(out, ",\"outcome\":");
		buf_put_str(out, e->outcome);
	}
	buf_put_byte(out, '}');
}

void
bundle_put(struct bundle_writer *w, const struct bundle_entry *e)
{
	struct buf *out = w->out;
	size_t start;

	buf_puts(out, w->entries++ ? ",{" : ",\"entry\":[{");
	start = out->len;
	if (e->full_url.len) {
		put_name(out, start, "fullUrl");
		buf_put_json(out, e->full_url);
	}
	if (e->resource.len) {
		put_name(out, start, "resource");
		buf_put_str(out, e->resource);
	}
	if (e->search_mode) {
		put_name(out, start, "search");
		buf_printf(out, "{\"mode\":\"%s\"}", e->search_mode);
	}
	if (e->method) {
		put_name(out, start, "request");
		put_request(out, e);
	}
	if (e->status) {
		put_name(out, start, "response");
		put_response(out, e);
	}
	buf_put_byte(out, '}');
}

void
bundle_end(struct bundle_writer *w)
{
	buf_puts(w->out, w->entries ? "]}" : "}");
}
