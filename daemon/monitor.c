/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clock.h"
#include "json.h"
#include "manager.h"
#include "text.h"

struct monitor {
        TAILQ_ENTRY(monitor) entry;
        struct manager *manager;
        struct call *call;
        struct monitor_options options;
        uint64_t lost;                  /* replies for which there was no room */

        enum {
                PAST,                   /* is told what has been, from the history, */
                PRESENT,                /* what there is, from a snapshot, */
                MEANWHILE,              /* what has changed since that was made, from the history, */
                LIVE,                   /* and from now on each change as it is seen. */
        } phase;
        struct reading reading;         /* of the history */
        uint64_t complete;              /* of the past, from then on */
        struct hold hold;               /* the snapshot, */
        uint32_t position;              /* and how far it has been told */
        const struct association *last; /* whose figures were told */
};

/* Takes the whole subscriber down, its call excepted. */
static void monitor_free(struct monitor *m) {
        TAILQ_REMOVE(&m->manager->monitors, m, entry);
        manager_follow(m->manager);
        if (m->hold.snapshot)
                hold_remove(&m->manager->holds, &m->hold);
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

/* `message` is NULL if there was no memory for it. */
static void notify(struct monitor *m, struct message *message) {
        /* After the first lost one nothing more is sent: the subscriber must not take a gap for calm. */
        if (m->lost > 0 || !message || call_notify_message(m->call, message) < 0)
                m->lost++;
}

/* NULL when out of memory. */
static struct message *message_about(const struct snapshot *s, const struct association *a, const char *peer_name) {
        _cleanup_(buffer_done) struct buffer text = {};
        struct message *m = NULL;

        message_begin(&text, "association");
        json_write_association(&text, NULL, s, a, peer_name);
        return message_end(&text, &m) >= 0 ? m : NULL;
}

static json_t *scan_reply(const struct snapshot *s) {
        return json_pack("{so}", "scan", json_scan(s, clock_usec(CLOCK_MONOTONIC), false));
}

/* 1: one more is told; 0: there are no more. */
static int tell_from_history(struct monitor *m) {
        const struct history *h = m->manager->history;
        const struct event *e;
        int r;

        r = history_read(h, &m->reading, &e);
        if (r > 0) {
                r = call_notify_message(m->call, e->message);
                return r < 0 ? r : 1;
        }
        if (r == -ESTALE) {
                m->lost += history_first(h) - m->reading.number;
                r = 0;
        }
        return r;
}

static void evict(struct hold *h) {
        struct monitor *m = (struct monitor *) ((char *) h - offsetof(struct monitor, hold));
        const struct association *a = snapshot_associations(h->snapshot);

        for (uint32_t i = m->position; i < snapshot_head(h->snapshot)->n_associations; i++)
                m->lost += filter_association(&m->options.filter, h->snapshot, a + i,
                                              alias_find(m->manager->config.aliases, h->snapshot, a + i));
        m->lost += history_end(m->manager->history) - m->reading.number;
        overrun(m);
}

/* All that has been is told. What comes next is the measure of it, and the history goes on behind it. */
static int begin_present(struct monitor *m) {
        int r;

        m->phase = PRESENT;
        m->complete = m->reading.complete;
        m->reading = (struct reading) {
                .filter = &m->options.filter,
                .until = UINT64_MAX,
                /* What happened while it was made it may have seen or not. */
                .after = snapshot_head(m->manager->current)->started_realtime,
                .number = m->options.present ? m->manager->history_at_look : history_end(m->manager->history),
                .end = UINT64_MAX,
        };
        r = hold_add(&m->manager->holds, &m->hold, m->manager->current, evict);
        if (r >= 0 && !m->options.present)
                m->position = snapshot_head(m->hold.snapshot)->n_associations;
        return r;
}

static int tell_ready(struct monitor *m) {
        const struct snapshot_head *head = snapshot_head(m->hold.snapshot);
        char time[TEXT_TIME_MAX];

        m->phase = MEANWHILE;
        return call_notify(m->call, json_pack("{sbsoss*ss*ss*}", "ready", 1,
                "scan", json_scan(m->hold.snapshot, clock_usec(CLOCK_MONOTONIC), false),
                "historySince", m->options.past ? text_time(m->complete, time) : NULL,
                "reason", head->available ? NULL : head->reason,
                "advice", head->available ? NULL : head->advice));
}

/* What has other figures now than it was told with. */
static int tell_again(const struct change *c, void *userdata) {
        _cleanup_(message_unref_p) struct message *message = NULL;
        struct monitor *m = userdata;
        const char *peer_name;

        if (!c->association || c->snapshot != m->manager->current || c->association == m->last)
                return 0;
        m->last = c->association;
        peer_name = alias_find(m->manager->config.aliases, c->snapshot, c->association);
        if (filter_association(&m->options.filter, c->snapshot, c->association, peer_name)) {
                message = message_about(c->snapshot, c->association, peer_name);
                notify(m, message);
        }
        return 0;
}

static int go_live(struct monitor *m) {
        int r = 0;

        /* The history has no figures. */
        if (m->options.updates && m->options.present && m->hold.snapshot != m->manager->current)
                r = changes_find(m->hold.snapshot, m->manager->current, true, NULL, NULL, tell_again, m);
        m->phase = LIVE;
        hold_remove(&m->manager->holds, &m->hold);
        return r;
}

static int next_present(struct monitor *m) {
        const struct snapshot *s = m->hold.snapshot;

        while (m->position < snapshot_head(s)->n_associations) {
                const struct alias_table *aliases = m->manager->config.aliases;
                _cleanup_(message_unref_p) struct message *message = NULL;
                uint32_t row = m->position++;
                const struct association *a = snapshot_associations(s) + row;
                int r;

                if (!filter_association(&m->options.filter, s, a, alias_find(aliases, s, a)))
                        continue;
                r = hold_reply(&m->hold, ROW_ASSOCIATION, row, aliases, &message);
                if (r >= 0)
                        r = call_notify_message(m->call, message);
                return r < 0 ? r : 1;
        }

        return 0;
}

static int next(struct call *call, void *userdata) {
        struct monitor *m = userdata;
        int r = 0;

        (void) call;
        if (m->phase == PAST) {
                r = tell_from_history(m);
                if (r == 0)
                        r = begin_present(m);
                if (r != 0)
                        return r;
        }
        if (m->phase == PRESENT) {
                r = next_present(m);
                if (r == 0)
                        r = tell_ready(m);
                return r < 0 ? r : 1;
        }

        r = tell_from_history(m);
        if (r == 0 && m->lost == 0)
                r = go_live(m);
        if (r == 0 && m->lost > 0)
                overrun(m);
        return r;
}

int monitor_new(struct manager *manager, struct call *call, const struct monitor_options *options) {
        struct monitor *m;
        int r = 0;

        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;

        *m = (struct monitor) {
                .manager = manager,
                .call = call,
                .options = *options,
        };
        TAILQ_INSERT_TAIL(&manager->monitors, m, entry);
        manager_follow(manager);
        call_on_hangup(call, on_hangup, m);
        if (options->past)
                m->reading = (struct reading) {
                        .filter = &m->options.filter,
                        .since = options->since,
                        .until = UINT64_MAX,
                        .number = history_first(manager->history),
                        .end = UINT64_MAX,
                        .gaps = true,
                        .complete = history_get_counts(manager->history).since,
                };
        else
                r = begin_present(m);

        /* On failure the connection ends, and with it, by on_hangup(), the subscriber. */
        return r < 0 ? r : call_stream(call, next, NULL, m);
}

bool monitor_wants_updates(const struct monitor_list *monitors) {
        const struct monitor *m;

        TAILQ_FOREACH(m, monitors, entry)
                if (m->options.updates)
                        return true;

        return false;
}

struct tracing monitor_tracing(const struct monitor_list *monitors) {
        struct tracing t = {};
        const struct monitor *m;
        bool all = false;

        TAILQ_FOREACH(m, monitors, entry) {
                const struct filter *f = &m->options.filter;
                uint16_t port = f->port ?: f->local.port ?: f->peer.port;
                size_t i = 0;

                if (!m->options.trace)
                        continue;
                t.on = 1;
                while (i < TRACE_PORTS_MAX && t.ports[i] != 0 && t.ports[i] != port)
                        i++;
                if (port == 0 || i == TRACE_PORTS_MAX)
                        all = true;
                else
                        t.ports[i] = port;
        }
        if (all)
                memset(t.ports, 0, sizeof(t.ports));

        return t;
}

void monitor_tell(struct monitor_list *monitors, const struct event *e) {
        struct monitor *m;

        TAILQ_FOREACH(m, monitors, entry)
                if (m->phase == LIVE && (!e->key || filter_change(&m->options.filter, e->key)))
                        notify(m, e->message);
}

void monitor_tell_figures(struct monitor_list *monitors, const struct change *c) {
        _cleanup_(message_unref_p) struct message *message = NULL;
        struct monitor *m;

        TAILQ_FOREACH(m, monitors, entry) {
                if (m->phase != LIVE || !m->options.updates ||
                    !filter_association(&m->options.filter, c->snapshot, c->association, c->peer_name))
                        continue;
                if (!message)
                        message = message_about(c->snapshot, c->association, c->peer_name);
                notify(m, message);
        }
}

void monitor_tell_step(struct monitor_list *monitors, const struct change *c) {
        struct event e = {};
        struct monitor *m;

        TAILQ_FOREACH(m, monitors, entry) {
                if (m->phase != LIVE || !m->options.trace)
                        continue;
                if (!e.key)
                        event_init(&e, c);
                if (!e.key || filter_change(&m->options.filter, e.key))
                        notify(m, e.message);
        }
        event_done(&e);
}

void monitor_check_trace(struct monitor_list *monitors, const char *untraceable, uint64_t lost) {
        struct monitor *m, *following;

        for (m = TAILQ_FIRST(monitors); m; m = following) {
                struct call *call = m->call;

                following = TAILQ_NEXT(m, entry);
                if (!m->options.trace)
                        continue;
                m->lost += lost;
                if (!untraceable)
                        continue;
                call_on_hangup(call, NULL, NULL);
                monitor_free(m);
                (void) call_error(call, "io.sctpmon.Monitor.EventsNotAvailable",
                                  json_pack("{ss}", "reason", untraceable));
        }
        monitor_finish_news(monitors);
}

void monitor_finish_news(struct monitor_list *monitors) {
        struct monitor *m, *following;

        for (m = TAILQ_FIRST(monitors); m; m = following) {
                following = TAILQ_NEXT(m, entry);
                if (m->lost > 0)
                        overrun(m);
        }
}

void monitor_finish_look(struct monitor_list *monitors, const struct snapshot *s) {
        _cleanup_(message_unref_p) struct message *look = NULL;
        struct monitor *m;

        TAILQ_FOREACH(m, monitors, entry)
                if (m->phase == LIVE && m->options.updates) {
                        json_t *reply = look ? NULL : scan_reply(s);

                        if (reply && message_new(reply, NULL, true, &look) < 0)
                                look = NULL;
                        notify(m, look);
                }
        monitor_finish_news(monitors);
}

unsigned monitor_count(const struct monitor_list *monitors) {
        const struct monitor *m;
        unsigned n = 0;

        TAILQ_FOREACH(m, monitors, entry)
                n++;

        return n;
}
