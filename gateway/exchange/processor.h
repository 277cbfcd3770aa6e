/*
 * processor.h - stage `processed`: plugins look at records that are about to
 * be stored, and give records to be stored beside them.
 *
 * With no plugin for any of an exchange's resource types it passes at once.
 * Otherwise the exchange suspends while the host's workers have the records;
 * what they return is added to the same transaction. A job that fails costs
 * what it would have returned: that is logged, and the exchange goes on.
 */
#ifndef GATEWAY_EXCHANGE_PROCESSOR_H
#define GATEWAY_EXCHANGE_PROCESSOR_H

#include "gateway/exchange/exchange.h"

/* The stage. */
enum outcome exchange_process(struct exchange *x);

#endif
