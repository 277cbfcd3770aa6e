/*
 * check.h - what can only be checked when all of the file was read.
 */
#ifndef GATEWAY_CONFIG_CHECK_H
#define GATEWAY_CONFIG_CHECK_H

#include "gateway/config.h"
#include "gateway/config/section.h"

/*
 * Listeners, names, senders, pages, origins; and, with CONFIG_CHECK_FILES, the
 * files and folders that section_read() has not looked at. root is the file's.
 */
void config_check(struct config_reader *r, const struct yaml *root, const struct config *c);

#endif
