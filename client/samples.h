/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sctpctl.h"

/* The figures of one association in the course of time, by the interface's GetSamples, on a connection of its own: the
 * one that tells changes is busy with it. A daemon that has them not, or none, is no error: there are no samples. */
struct samples;

int samples_new(const struct options *o, struct samples **ret);
struct samples *samples_free(struct samples *s);
DEFINE_CLEANUP(struct samples *, samples_free)

/* Which association; NULL: none, and the connection is closed. */
void samples_follow(struct samples *s, json_t *association);
/* The daemon is another one now, and may know more than the last one did. */
void samples_renew(struct samples *s);

/* For polling; -EBADF: nothing to wait for. */
int samples_fd(const struct samples *s);
/* When samples_work() should be called again at the latest. */
uint64_t samples_due(const struct samples *s);
/* Asks when it is time to, takes answers. True: samples_reply() has another one. */
bool samples_work(struct samples *s, uint64_t now);
/* What GetSamples answered last about this association; NULL: nothing. */
json_t *samples_reply(const struct samples *s);
