/*
 * http_side.h - what is served beside the FHIR API on the same addresses: HL7
 * over HTTP, administration. front_http.c gives a request to the side that takes
 * its path, from the head to the end.
 */
#ifndef GATEWAY_EXCHANGE_HTTP_SIDE_H
#define GATEWAY_EXCHANGE_HTTP_SIDE_H

#include "gateway/access/access.h"
#include "gateway/exchange/front_http.h"

struct http_side {
	bool (*takes)(const struct http_listener *l, const struct http_head *head);
	/* As those of struct http_handler. */
	enum http_take (*on_head)(const struct http_listener *l, struct http_request *r);
	void (*on_request)(const struct http_listener *l, struct http_request *r);
	void (*on_refused)(
	    const struct http_listener *l, struct http_request *r, int status, const char *reason);
	/* The client has gone: a request whose body was not read yet is ended. */
	void (*on_abort)(const struct http_listener *l, struct http_request *r);
};

extern const struct http_side http_side_hl7;   /* front_hl7.c */
extern const struct http_side http_side_admin; /* front_admin.c */

/* What the request shows of its sender. Returns false when it shows it twice. */
bool http_side_credentials(
    const struct http_listener *l, const struct http_request *r, struct access_credentials *out);

/* End the request. type, challenge and allow may be NULL. */
void http_side_answer(struct http_request *r, int status, const char *type, struct str body,
    const char *challenge, const char *allow);

#endif
