/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "macro.h"
#include "record.h"
#include "snapshot.h"

/* Makes news of what bpf/events.bpf.c has recorded: a snapshot of happenings, in the order of their times, each with its
 * association as it was then, and with what the last look knew of that besides: since when, whose it is. */
struct news;

/* Associations whose last change is remembered from one news to the next; of more it is not known how long their states
 * had lasted. */
#define NEWS_TRACKED_MAX 65536u

int news_new(struct news **ret);
struct news *news_free(struct news *n);
DEFINE_CLEANUP(struct news *, news_free)

/* Takes in one record. -EBADMSG: it is none, or says what the kernel cannot mean; -ENOMEM; -E2BIG. */
int news_add(struct news *n, const void *record, size_t size);

/* Makes the news of all that was taken in since the last time. `previous`: the last look; NULL: there was none. `own_only`:
 * of the namespace that it was made from alone. *ret is NULL if nothing happened that is news. -ENOMEM, -E2BIG, and what memfd_create() says: then it is lost. */
int news_finish(struct news *n, const struct snapshot *previous, bool own_only, struct snapshot **ret);
