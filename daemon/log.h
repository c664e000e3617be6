/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <syslog.h>

#include "macro.h"

/* Messages to stderr, one line each. When stderr is the journal they carry their priority. Text that
 * others wrote goes through text_escape() first. Safe in any thread. */

/* The least important priority that is still shown; LOG_INFO at first. */
void log_set_level(int priority);

void log_message(int priority, const char *format, ...) _printf_(2, 3);

#define log_error(...) log_message(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_message(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_message(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_message(LOG_DEBUG, __VA_ARGS__)

/* Writes a message into a buffer instead. One that is too long ends in "...", never within a UTF-8
 * character. */
void log_compose(char *buffer, size_t size, const char *format, ...) _printf_(3, 4);
