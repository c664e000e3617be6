/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "rows.h"

/* One association of the live view, with all its paths and the course of its figures. */
struct detail_pane;

int detail_pane_new(const struct options *o, struct detail_pane **ret);
struct detail_pane *detail_pane_free(struct detail_pane *p);
DEFINE_CLEANUP(struct detail_pane *, detail_pane_free)

/* Makes its text anew. `samples` is a reply of GetSamples, NULL where there is none; `scan`, by which ages are told, is
 * `since` microseconds old. -ENOMEM */
int detail_pane_fill(struct detail_pane *p, const struct row *row, json_t *samples, json_t *scan, uint64_t since,
                     unsigned width);
size_t detail_pane_lines(const struct detail_pane *p);
/* Draws so many lines from the line `top` on. */
void detail_pane_draw(const struct detail_pane *p, int y, size_t top, size_t lines);
