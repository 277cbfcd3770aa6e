#include "gateway/exchange/http_side.h"

bool
http_side_credentials(
    const struct http_listener *l, const struct http_request *r, struct access_credentials *out)
{
	*out = (struct access_credentials){
		.authorization = http_header_get(r->head, "Authorization"),
		.loopback = l->loopback,
	};
	out->has_authorization = out->authorization.p != NULL;
	if (r->peer->certificate) {
		out->has_certificate = hex_decode(
		    str_from(r->peer->certificate->fingerprint), out->fingerprint, SHA256_BYTES);
		out->subject = str_from(r->peer->certificate->subject);
	}
	return http_header_count(r->head, "Authorization") <= 1;
}

static void
put_field(struct http_header *fields, size_t *count, const char *name, const char *value)
{
	if (value)
		fields[(*count)++] = (struct http_header){ str_from(name), str_from(value) };
}

void
http_side_answer(struct http_request *r, int status, const char *type, struct str body,
    const char *challenge, const char *allow)
{
	struct http_header fields[5];
	struct http_answer a = { .status = status,
		.headers = fields,
		.body = body,
		.close = status >= 400 && r->head->has_body && !r->body.p };

	put_field(fields, &a.header_count, "Content-Type", body.len ? type : NULL);
	put_field(fields, &a.header_count, "WWW-Authenticate",
	    challenge && challenge[0] ? challenge : NULL);
	put_field(fields, &a.header_count, "Allow", allow);
	put_field(fields, &a.header_count, "Retry-After", status == 503 ? "2" : NULL);
	put_field(fields, &a.header_count, "Cache-Control", "no-store");
	http_answer(r, &a);
}
