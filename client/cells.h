/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grid.h"
#include "sctpctl.h"

/* Cells of endpoints and associations that more than one verb shows. The grid's userdata are the
 * options. */

void cell_addresses(struct grid *g, json_t *object);
void cell_local_ends(struct grid *g, json_t *object);
/* The primary marked and first; on a terminal with the state of a path that is not active. */
void cell_peer_ends(struct grid *g, json_t *object);
void cell_user(struct grid *g, json_t *object);
/* "ncat/1234 +2", "(orphan)" */
void cell_process(struct grid *g, json_t *object);
/* Its name, else its inode. */
void cell_netns(struct grid *g, json_t *object);
/* What is told in jiffies where the kernel's tick is not known. */
void cell_heartbeat(struct grid *g, json_t *object);
void cell_rto(struct grid *g, json_t *object);
void cell_srtt(struct grid *g, json_t *object);
/* "10.0.0.1:5000", "[::1]:5000" */
void cell_put_end(struct grid *g, const char *address, json_int_t port);
enum style path_style(const char *state);

/* A user's name; "" if the number has none. */
const char *user_name(json_int_t number);

/* "10.0.0.1:5000,10.0.1.1:5000" of one side, the primary marked if asked for; malloc'ed. */
char *ends_text(json_t *object, const char *addresses, const char *port, const char *primary);

/* Microseconds since the epoch of what is told as RFC 3339; 0: not a time. */
uint64_t time_of(const char *text);

/* How long ago something was that is told as RFC 3339, in microseconds by the clock of who looked. */
uint64_t scan_age(json_t *scan, const char *at);

json_int_t member_int(json_t *object, const char *name);
/* "" if it has none */
const char *member_string(json_t *object, const char *name);

/* How many there are of each state. */
#define TOTALS_STATES_MAX 8

struct totals {
        const char *(*state_name)(int state);
        unsigned total, impaired, states[TOTALS_STATES_MAX];
};

void totals_count(struct totals *t, json_t *object, int step);
/* "3 associations: 2 established, 1 cookie_wait; 1 impaired"; malloc'ed */
char *totals_text(const struct totals *t, const char *singular, const char *plural);
