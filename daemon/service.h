/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager.h"

/* The methods of io.sctpmon.Monitor. */

/* Callers may ask for an answer at most so old: beyond it the question makes no sense. */
#define SERVICE_MAX_AGE_MS_MAX (24 * 3600 * 1000)

int service_register(struct manager *m);
