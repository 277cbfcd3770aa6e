/*
 * sender.h - the access section of the configuration.
 */
#ifndef GATEWAY_CONFIG_SENDER_H
#define GATEWAY_CONFIG_SENDER_H

#include "gateway/config.h"
#include "gateway/config/section.h"

/* Read the section into the struct config at out. */
config_read_fn config_read_access;

/* Names, tokens and certificates belong to one sender each, and each sender
 * can be known by something. */
void config_check_senders(struct config_reader *r, const struct config *c);

#endif
