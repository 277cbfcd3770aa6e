/*
 * v2xml.h - HL7 v2 messages in their XML encoding (HL7 Version 2: XML Encoding
 * Rules, release 2), read.
 *
 *	<ADT_A01 xmlns="urn:hl7-org:v2xml">
 *	  <MSH><MSH.1>|</MSH.1><MSH.2>^~\&amp;</MSH.2> … </MSH>
 *	  <PID><PID.3><CX.1>4711</CX.1></PID.3></PID>
 *	</ADT_A01>
 *
 * The message becomes the one in ER7 that says the same, for er7_read(): groups
 * are left out, as the structure gives them back; <escape V="H"/> becomes an
 * escape sequence. There is no document type, no entity and nothing from
 * elsewhere: a text with a DOCTYPE is refused.
 */
#ifndef MAPPERS_HL7V2_V2XML_H
#define MAPPERS_HL7V2_V2XML_H

#include <stdbool.h>

#include "base/str.h"

struct arena;
struct findings;

/* Does the text look like XML rather than ER7? */
bool v2xml_is(struct str text);

/*
 * Write the message in ER7, in UTF-8 and in the arena, at most max_bytes (0: 64
 * MiB). Returns 0; or -1 with a fatal finding, its line of the XML: not
 * well-formed, a DOCTYPE, no message, a limit passed.
 */
int v2xml_to_er7(
    struct str text, size_t max_bytes, struct arena *a, struct str *out, struct findings *findings);

/*
 * Append the XML of an acknowledgement that ack_write() has written: MSH, MSA and
 * ERR, whose data types are known here.
 */
struct buf;
void v2xml_put_ack(struct str ack, struct buf *out);

#endif
