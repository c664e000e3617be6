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

static void give_up(struct lookup *l, int error, const char *text) {
        l->report->result = SOURCE_FAILED;
        l->report->error = error;
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

int lookup_association(struct lookup *l, const struct association *a, const struct address *local,
                       const struct path *paths, struct diag_association *ret) {
        uint64_t start = clock_usec(CLOCK_MONOTONIC);
        int r = 0;

        if (!l->report)
                return -ENODATA;
        if (l->failed)
                return -EIO;
        if (!l->diag)
                r = diag_open(&l->diag);
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
                l->report->result = SOURCE_READ;
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
                (void) lookup_built(l, b, b->associations + b->n_associations - 1 - i, &ignored);

        if (!l->proved && !l->failed) {
                if (access("/sys/module/sctp_diag", F_OK) == 0) {
                        l->report->result = SOURCE_READ;
                        l->proved = true;
                } else
                        give_up(l, EOPNOTSUPP, "the module sctp_diag is not there");
        }

        return l->proved;
}
