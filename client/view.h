/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sctpctl.h"

/* The associations as a picture that fills the terminal and is kept up to date. */
struct view;

int view_new(const struct options *o, struct view **ret);
/* Leaves the terminal as it was found. */
struct view *view_free(struct view *v);
DEFINE_CLEANUP(struct view *, view_free)

/* Takes over the terminal; until then nothing is drawn and no key is read. -ENOTTY: it is not able. */
int view_open(struct view *v);

/* All associations are going to be told. */
void view_begin(struct view *v);
/* An association as it is now. -ENOMEM. */
int view_association(struct view *v, json_t *association, uint64_t now);
/* They have been: what is left from an earlier connection is gone. */
void view_ready(struct view *v, uint64_t now);
int view_change(struct view *v, json_t *change, uint64_t now);
void view_scan(struct view *v, json_t *scan, uint64_t now);
/* What is wrong with the connection or the kernel; NULL: nothing any more. */
void view_notice(struct view *v, const char *text);

/* The association whose details are open, NULL: none; and what GetSamples tells of it, NULL: nothing. */
json_t *view_opened(const struct view *v);
void view_samples(struct view *v, json_t *reply);

/* Obeys the keys that were pressed. 1: to end it; 0; -ENOMEM. */
int view_keys(struct view *v);
/* Gives the terminal back, stops this process and, when it is continued, takes over again. */
void view_suspend(struct view *v);
/* Draws if there is something new. -ENOMEM. */
int view_draw(struct view *v, uint64_t now);
/* When it should be called again at the latest. */
uint64_t view_due(const struct view *v);
