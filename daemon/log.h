/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <syslog.h>

#include "macro.h"

/* Messages to stderr, one line each. When stderr is the journal they carry their priority. Text that
 * others wrote goes through text_escape() first. Safe in any thread. */

void log_message(int priority, const char *format, ...) _printf_(2, 3);

#define log_error(...) log_message(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_message(LOG_INFO, __VA_ARGS__)

/* Writes a message into a buffer instead. One that is too long ends in "...", never within a UTF-8
 * character. */
void log_compose(char *buffer, size_t size, const char *format, ...) _printf_(3, 4);
