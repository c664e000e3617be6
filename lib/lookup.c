/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "lookup.h"

/* How many associations that are there are asked for to prove that sock_diag knows any. */
#define LOOKUP_PROOFS_MAX 3u

void lookup_done(struct lookup *l) {
        l->diag = diag_close(l->diag);
}

void lookup_move(struct lookup *l, const struct netns_place *place) {
        lookup_done(l);
        l->place = place;
        l->failed = false;
}

/* The socket belongs to the namespace that it is made in. */
static int open_there(struct lookup *l) {
        int r;

        if (!l->place)
                return diag_open(&l->diag);

        r = netns_enter(l->list, l->place);
        if (r < 0)
                return r;
        r = diag_open(&l->diag);
        netns_leave(l->list);
        return r;
}

static void give_up(struct lookup *l, int error, const char *text) {
        l->report->result = SOURCE_FAILED;
        l->report->error = error;
        l->report->last_run = clock_usec(CLOCK_REALTIME);
        snprintf(l->report->text, sizeof(l->report->text), "%s", text);
        l->failed = true;
}

/* The local address that goes with this peer address, see diag_lookup(). */
static const struct address *pair_of(const struct address *local, uint32_t n, const struct address *peer) {
        for (uint32_t i = 0; i < n; i++)
                if (local[i].family == peer->family)
                        return local + i;

        return peer->family == AF_INET6 && n > 0 ? local : NULL;
}

/* What failed in one namespace stays said. */
static void report_success(struct lookup *l) {
        if (l->report->result == SOURCE_FAILED)
                return;
        l->report->result = SOURCE_READ;
        l->report->text[0] = '\0';
}

int lookup_association(struct lookup *l, const struct association *a, const struct address *local,
                       const struct path *paths, struct diag_association *ret) {
        uint64_t start = clock_usec(CLOCK_MONOTONIC);
        int r = 0;

        if (!l->report)
                return -ENODATA;
        if (l->failed)
                return -EIO;
        if (!l->diag)
                r = open_there(l);
        if (r == -ESTALE) {
                /* The namespace has ended. */
                l->failed = true;
                return r;
        }
        if ((r == -EPERM || r == -EACCES) && l->place && !l->place->own) {
                give_up(l, -r, "other network namespaces may not be entered (CAP_SYS_ADMIN, CAP_SYS_PTRACE)");
                return r;
        }
        if (r < 0) {
                give_up(l, -r, strerror(-r));
                return r;
        }

        /* One pair finds it, unless just these addresses are being given up. Without a pair to ask by
         * nothing is known. */
        r = -ENODATA;
        for (uint32_t i = 0; (r == -ENODATA || r == -ENOENT) && i < a->paths.count; i++) {
                const struct address *from = pair_of(local, a->local.count, &paths[i].address);

                if (!from)
                        continue;
                r = diag_lookup(l->diag, from, a->local_port, &paths[i].address, a->peer_port, ret);
                l->report->rows++;
        }
        l->report->duration_usec += clock_usec(CLOCK_MONOTONIC) - start;

        if (r >= 0) {
                report_success(l);
                l->proved = true;
        } else if (r != -ENOENT && r != -ENODATA)
                give_up(l, -r, strerror(-r));

        return r;
}

int lookup_built(struct lookup *l, const struct builder *b, const struct association *a, struct diag_association *ret) {
        return lookup_association(l, a, b->addresses + a->local.first, b->paths + a->paths.first, ret);
}

bool lookup_proven(struct lookup *l, const struct builder *b) {
        struct diag_association ignored;

        for (size_t i = 0; !l->proved && !l->failed && i < b->n_associations && i < LOOKUP_PROOFS_MAX; i++)
                if (!l->place || b->associations[b->n_associations - 1 - i].netns == l->place->netns)
                        (void) lookup_built(l, b, b->associations + b->n_associations - 1 - i, &ignored);

        if (!l->proved && !l->failed) {
                if (access("/sys/module/sctp_diag", F_OK) == 0) {
                        report_success(l);
                        l->proved = true;
                } else
                        give_up(l, EOPNOTSUPP, "the module sctp_diag is not there");
        }

        return l->proved;
}
