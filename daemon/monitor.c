/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clock.h"
#include "json.h"
#include "monitor.h"

struct monitor {
        TAILQ_ENTRY(monitor) entry;
        struct monitor_list *list;
        struct hold_list *holds;
        struct call *call;
        struct filter filter;
        bool updates;
        uint64_t lost;                  /* replies for which there was no room */

        /* Until the marker has been sent: */
        bool listing;
        struct hold hold;               /* what is listed, */
        uint32_t position;              /* how far, */
        struct snapshot *latest;        /* and what has come since; NULL: nothing */
};

/* Takes the whole subscriber down, its call excepted. */
static void monitor_free(struct monitor *m) {
        TAILQ_REMOVE(m->list, m, entry);
        if (m->hold.snapshot)
                hold_remove(m->holds, &m->hold);
        snapshot_unref(m->latest);
        free(m);
}

static void on_hangup(struct call *call, void *userdata) {
        (void) call;
        monitor_free(userdata);
}

static void overrun(struct monitor *m) {
        struct call *call = m->call;
        uint64_t lost = m->lost;

        call_on_hangup(call, NULL, NULL);
        call_count_overrun(call);
        monitor_free(m);
        (void) call_error(call, "io.sctpmon.Monitor.Overrun", json_pack("{sI}", "lost", (json_int_t) lost));
}

static bool wants(const struct monitor *m, const struct change *c) {
        if (c->type == CHANGE_FIGURES && !m->updates)
                return false;

        return c->association ? filter_association(&m->filter, c->snapshot, c->association) :
                filter_endpoint(&m->filter, c->snapshot, c->endpoint);
}

/* NULL when out of memory. Takes the reply over. */
static struct message *message_of(json_t *reply) {
        struct message *m = NULL;

        return reply && message_new(reply, &m) >= 0 ? m : NULL;
}

static struct message *message_about(const struct change *c) {
        _cleanup_(buffer_done) struct buffer text = {};
        struct message *m = NULL;

        if (c->type != CHANGE_FIGURES)
                return message_of(json_pack("{so}", "change", json_change(c)));

        json_write_association(&text, c->snapshot, c->association);
        return message_new_text("association", &text, &m) >= 0 ? m : NULL;
}

/* `message` is NULL if there was no memory for it. */
static void notify(struct monitor *m, struct message *message) {
        /* After the first lost one nothing more is sent: the subscriber must not take a gap for calm. */
        if (m->lost > 0 || !message || call_notify_message(m->call, message) < 0)
                m->lost++;
}

static int tell_one(const struct change *c, void *userdata) {
        _cleanup_(message_unref_p) struct message *message = NULL;
        struct monitor *m = userdata;

        if (wants(m, c)) {
                message = message_about(c);
                notify(m, message);
        }
        return 0;
}

static json_t *scan_reply(const struct snapshot *s) {
        return json_pack("{so}", "scan", json_scan(s, clock_usec(CLOCK_MONOTONIC), false));
}

/* The present state has been sent: the marker, then what has changed meanwhile. */
static int go_live(struct monitor *m) {
        const struct snapshot_head *head = snapshot_head(m->hold.snapshot);
        int r;

        r = call_notify(m->call, json_pack("{sbsoss*ss*}", "ready", 1,
                                           "scan", json_scan(m->hold.snapshot, clock_usec(CLOCK_MONOTONIC), false),
                                           "reason", head->available ? NULL : head->reason,
                                           "advice", head->available ? NULL : head->advice));
        if (r >= 0 && m->latest)
                r = changes_find(m->hold.snapshot, m->latest, m->updates, NULL, tell_one, m);
        m->listing = false;
        hold_remove(m->holds, &m->hold);
        m->latest = snapshot_unref(m->latest);

        return r;
}

static int next(struct call *call, void *userdata) {
        struct monitor *m = userdata;
        const struct snapshot *s = m->hold.snapshot;
        _cleanup_(buffer_done) struct buffer text = {};
        int r;

        while (m->position < snapshot_head(s)->n_associations) {
                const struct association *a = snapshot_associations(s) + m->position++;

                if (!filter_association(&m->filter, s, a))
                        continue;
                json_write_association(&text, s, a);
                r = call_notify_text(call, "association", &text);
                return r < 0 ? r : 1;
        }

        r = go_live(m);
        if (r >= 0 && m->lost > 0)
                overrun(m);
        return r;
}

static void evict(struct hold *h) {
        struct monitor *m = (struct monitor *) ((char *) h - offsetof(struct monitor, hold));
        const struct snapshot *s = h->snapshot;

        for (uint32_t i = m->position; i < snapshot_head(s)->n_associations; i++)
                m->lost += filter_association(&m->filter, s, snapshot_associations(s) + i);
        overrun(m);
}

int monitor_new(struct monitor_list *monitors, struct hold_list *holds, struct call *call,
                const struct filter *filter, bool updates, struct snapshot *present) {
        struct monitor *m;

        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;

        *m = (struct monitor) {
                .list = monitors,
                .holds = holds,
                .call = call,
                .filter = *filter,
                .updates = updates,
                .listing = true,
        };
        TAILQ_INSERT_TAIL(monitors, m, entry);
        hold_add(holds, &m->hold, present, evict);
        call_on_hangup(call, on_hangup, m);

        /* On failure the connection ends, and with it, by on_hangup(), the subscriber. */
        return call_stream(call, next, NULL, m);
}

static int tell_all(const struct change *c, void *userdata) {
        _cleanup_(message_unref_p) struct message *message = NULL;
        struct monitor_list *monitors = userdata;
        struct monitor *m;

        TAILQ_FOREACH(m, monitors, entry) {
                if (m->listing || !wants(m, c))
                        continue;
                if (!message)
                        message = message_about(c);
                notify(m, message);
        }

        return 0;
}

void monitor_tell(struct monitor_list *monitors, struct snapshot *before, struct snapshot *after) {
        _cleanup_(message_unref_p) struct message *look = NULL;
        struct monitor *m, *following;
        bool updates = false;
        int r;

        TAILQ_FOREACH(m, monitors, entry)
                updates |= m->updates;

        r = changes_find(before, after, updates, NULL, tell_all, monitors);
        if (updates)
                look = message_of(scan_reply(after));

        for (m = TAILQ_FIRST(monitors); m; m = following) {
                following = TAILQ_NEXT(m, entry);
                if (m->listing) {
                        snapshot_unref(m->latest);
                        m->latest = snapshot_ref(after);
                } else if (r < 0)
                        m->lost++;
                else if (m->updates)
                        notify(m, look);
                if (m->lost > 0)
                        overrun(m);
        }
}

unsigned monitor_count(const struct monitor_list *monitors) {
        const struct monitor *m;
        unsigned n = 0;

        TAILQ_FOREACH(m, monitors, entry)
                n++;

        return n;
}
