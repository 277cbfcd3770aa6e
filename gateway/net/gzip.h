/*
 * gzip.h - the content coding gzip (RFC 1952; RFC 9110, 8.4.1.3).
 *
 * Does no I/O. What comes in is bounded twice, so that a small body cannot
 * become a large one in memory: by bytes, and by how much more comes out than
 * went in. One thread at a time.
 */
#ifndef GATEWAY_NET_GZIP_H
#define GATEWAY_NET_GZIP_H

#include "base/buf.h"

struct error;

enum {
	/* What may come out without regard to what went in; above it, at most
	 * GZIP_RATIO bytes for each. FHIR in XML or JSON gives 5 to 40. */
	GZIP_FREE = 1 << 20,
	GZIP_RATIO = 100,
};

/* Takes decoded bytes, good until it returns. Returns 0, or -1 with *err set. */
typedef int gunzip_out_fn(void *ctx, struct str piece, struct error *err);

/* A stream that is being decoded. */
struct gunzip;

/* At most `most` bytes may come out. */
struct gunzip *gunzip_new(uint64_t most, gunzip_out_fn *out, void *ctx);
void gunzip_free(struct gunzip *z);

/*
 * Decode the next bytes. What comes out does not depend on how the stream was
 * cut into calls. Members behind one another are one text. Returns 0, or -1
 * with *err set: ERROR_INVALID when it is not gzip or its checksum is wrong,
 * ERROR_LIMIT past a limit, or what out said.
 */
int gunzip_feed(struct gunzip *z, struct str in, struct error *err);

/* After the last byte: 0, or -1 with *err set when the stream is cut short. */
int gunzip_end(struct gunzip *z, struct error *err);

/*
 * Append `in` as one member to out, quickly rather than small. Returns 0; -1
 * when out is full.
 */
int gzip_put(struct str in, struct buf *out);

/* A text that is being compressed piece by piece. */
struct gzip;

struct gzip *gzip_new(void);
void gzip_free(struct gzip *z);

/*
 * Compress the next bytes (last: and end the member), and append what comes
 * out to out. Returns 0; -1 when out is full.
 */
int gzip_feed(struct gzip *z, struct str in, bool last, struct buf *out);

#endif
