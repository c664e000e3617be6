/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>

#include "clock.h"
#include "log.h"
#include "manager.h"
#include "scanner.h"
#include "service.h"
#include "text.h"

/* For details, owners and the like: at least so much whenever they have their turn, or nobody would ever get any; */
#define DEAR_USEC_MIN (5 * USEC_PER_MSEC)
/* and for what is new when somebody waits for the scan. */
#define DEAR_USEC_WAITING (10 * USEC_PER_MSEC)

/* A caller that waits for a scan. */
struct wait {
        TAILQ_ENTRY(wait) entry;
        struct manager *manager;
        struct call *call;
        uint64_t not_before;            /* monotonic: the scan must have begun then or later; */
        struct scan_wish wish;          /* or it must be the one asked for this, */
        uint64_t serial;                /* which is this one; 0: it has not been asked for yet */
        uint64_t deadline;              /* monotonic */
        snapshot_handler handler;
        void (*release)(void *userdata);
        void *userdata;
};

static int ask(struct manager *m);

static void wait_free(struct wait *w) {
        TAILQ_REMOVE(&w->manager->waits, w, entry);
        if (w->release)
                w->release(w->userdata);
        free(w);
}

static void on_wait_hangup(struct call *call, void *userdata) {
        (void) call;
        wait_free(userdata);
}

static int wait_serve(struct wait *w, bool stale) {
        int r;

        call_on_hangup(w->call, NULL, NULL);
        r = w->handler(w->call, w->manager->current, stale, w->userdata);
        wait_free(w);
        return r;
}

static int on_wait_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct manager *m = userdata;
        uint64_t now = clock_usec(CLOCK_MONOTONIC);
        struct wait *w;

        (void) usec;
        while ((w = TAILQ_FIRST(&m->waits)) && w->deadline <= now)
                if (wait_serve(w, true) < 0)
                        log_warning("cannot answer a caller: %s", strerror(ENOMEM));

        if (w) {
                (void) sd_event_source_set_time(source, w->deadline);
                (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        }
        return 0;
}

/* In the order of their deadlines. */
static void wait_insert(struct manager *m, struct wait *w) {
        struct wait *before;

        TAILQ_FOREACH_REVERSE(before, &m->waits, wait_list, entry)
                if (before->deadline <= w->deadline)
                        break;
        if (before) {
                TAILQ_INSERT_AFTER(&m->waits, before, w, entry);
                return;
        }

        TAILQ_INSERT_HEAD(&m->waits, w, entry);
        (void) sd_event_source_set_time(m->wait_timer, w->deadline);
        (void) sd_event_source_set_enabled(m->wait_timer, SD_EVENT_ONESHOT);
}

int manager_get_snapshot(struct manager *m, struct call *call, const struct want *want,
                         snapshot_handler handler, void (*release)(void *userdata), void *userdata) {
        uint64_t now = clock_usec(CLOCK_MONOTONIC), not_before = now - MIN(now, want->max_age_usec);
        struct wait *w;
        int r;

        if (m->current && want->wish.id == 0 && snapshot_head(m->current)->started_monotonic >= not_before) {
                r = handler(call, m->current, false, userdata);
                if (release)
                        release(userdata);
                return r;
        }

        w = calloc(1, sizeof(*w));
        if (!w) {
                if (release)
                        release(userdata);
                return -ENOMEM;
        }
        *w = (struct wait) {
                .manager = m,
                .call = call,
                .not_before = not_before,
                .wish = want->wish,
                .deadline = want->deadline > 0 ? want->deadline : now + m->config.scan_wait_usec,
                .handler = handler,
                .release = release,
                .userdata = userdata,
        };
        wait_insert(m, w);
        call_on_hangup(call, on_wait_hangup, w);

        /* Under way, it began before the question: the next one answers it, for all who wait. */
        return m->asked == 0 ? ask(m) : 0;
}

/* One wish goes along: of all who wait, that of the first whose wish has not been asked for yet, and others' who wish
 * for the same. */
static void take_wish(struct manager *m, struct scanner_request *q) {
        struct wait *w;

        TAILQ_FOREACH(w, &m->waits, entry) {
                if (w->wish.id == 0 || w->serial != 0)
                        continue;
                if (q->wish_id == 0) {
                        q->wish_netns = w->wish.netns;
                        q->wish_id = w->wish.id;
                        q->wish_statistics = w->wish.statistics;
                }
                if (w->wish.netns == q->wish_netns && w->wish.id == q->wish_id &&
                    w->wish.statistics <= q->wish_statistics)
                        w->serial = q->serial;
        }
}

/* How long a full scan may ask for details: three quarters of what CpuShare leaves of an interval beside the
 * tables, so that it need not be stretched because of them. Where the tables leave nothing, a quarter of what
 * they take: then there are many details to ask for. Nobody waits for it longer than half of ScanWait. */
static uint64_t dear_usec(const struct manager *m) {
        uint64_t share = m->config.interval_usec * m->config.cpu_share_percent / 100;
        uint64_t left = share > m->cheap_cpu_usec ? (share - m->cheap_cpu_usec) * 3 / 4 : 0;

        left = MAX(left, m->cheap_cpu_usec / 4);
        left = MIN(left, MIN(m->config.interval_usec, m->config.scan_wait_usec) / 2);
        return MAX(left, DEAR_USEC_MIN);
}

/* Without the scanner this process is of no use: both are to be started anew. */
static int ask(struct manager *m) {
        uint64_t now = clock_usec(CLOCK_MONOTONIC);
        /* Whoever asks: otherwise callers that keep asking would put off the details for ever. */
        bool full = now >= m->full_due;
        struct scanner_request q = {
                .serial = m->serial + 1,
                .dear_usec = full ? dear_usec(m) : DEAR_USEC_WAITING,
                .new_only = !full,
                .tracing = m->tracing,
                .off = config_off(&m->config),
        };
        int r;

        take_wish(m, &q);
        r = scanner_ask(m->scanner_fd, &q);
        if (r < 0) {
                log_error("cannot ask the scanner for a scan: %s", strerror(-r));
                return sd_event_exit(m->event, r);
        }

        m->serial++;
        m->asked = now;
        m->full = full;
        if (full) {
                m->full_asked = now;
                m->hurried = false;
                m->other_endpoints = false;
        }
        m->history_at_ask = history_end(m->history);
        (void) sd_event_source_set_enabled(m->scan_timer, SD_EVENT_OFF);
        (void) sd_event_source_set_time(m->stuck_timer, now + m->config.scan_timeout_usec);
        (void) sd_event_source_set_enabled(m->stuck_timer, SD_EVENT_ONESHOT);
        return 0;
}

static int on_scan_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct manager *m = userdata;

        (void) source;
        (void) usec;
        return m->asked == 0 ? ask(m) : 0;
}

static int on_stuck_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct manager *m = userdata;
        char span[TEXT_SPAN_MAX];

        (void) source;
        (void) usec;
        snprintf(m->notice, sizeof(m->notice),
                 "the scan has been in the kernel for more than %s; the last one is served, marked as stale",
                 text_span(m->config.scan_timeout_usec, span));
        log_error("%s", m->notice);
        return 0;
}

/* While the kernel tells what happens, and nothing does, a look is for figures and samples alone. */
static bool is_calm(const struct manager *m) {
        return m->current && snapshot_head(m->current)->events_on && news_told_count(m->told) == 0 && !m->hurried &&
               !m->other_endpoints && !monitor_wants_updates(&m->monitors);
}

static uint64_t calm_interval(const struct manager *m) {
        return MAX(m->config.interval_usec,
                   MIN(m->config.interval_usec * MANAGER_CALM_FACTOR, m->config.sample_interval_usec));
}

/* The next scan of our own accord: no more than CpuShare of one CPU goes into them. What callers ask for besides does
 * not count. */
static void set_scan_timer(struct manager *m) {
        bool calm = is_calm(m);

        if (calm)
                m->stirred = 0;
        else if (m->stirred == 0)
                m->stirred = clock_usec(CLOCK_MONOTONIC);
        m->effective_interval = MAX(calm ? calm_interval(m) : m->config.interval_usec, m->needed_usec);
        m->full_due = m->full_asked + (m->hurried ? m->needed_usec : m->effective_interval);
        /* What begins to happen is given the time to: a look in its midst would see things before they are told. */
        if (!calm && !m->hurried)
                m->full_due = MAX(m->full_due, MIN(m->stirred + m->config.interval_usec,
                                                   m->full_asked + MAX(calm_interval(m), m->needed_usec)));
        if (m->asked != 0)
                return;
        (void) sd_event_source_set_time(m->scan_timer, MAX(m->full_due, clock_usec(CLOCK_MONOTONIC)));
        (void) sd_event_source_set_enabled(m->scan_timer, SD_EVENT_ONESHOT);
}

static void account_scan(struct manager *m, uint64_t cpu_usec) {
        char took[TEXT_SPAN_MAX], stretched[TEXT_SPAN_MAX];

        if (m->full)
                m->full_cpu_usec = cpu_usec;
        m->needed_usec = m->full_cpu_usec * 100 / m->config.cpu_share_percent;
        if (m->needed_usec > m->config.interval_usec)
                snprintf(m->notice, sizeof(m->notice),
                         "a scan takes %s of CPU: to stay within CpuShare=%u%% one is made every %s",
                         text_span(m->full_cpu_usec, took), m->config.cpu_share_percent,
                         text_span(m->needed_usec, stretched));
}

static void report_availability(const struct manager *m,
                                const struct snapshot_head *before, const struct snapshot_head *after) {
        if (before && before->available == after->available && strcmp(before->reason, after->reason) == 0)
                return;
        if (journal_availability(m->journal, after->available, after->reason, after->advice) < 0)
                log_warning("cannot tell the journal that SCTP is %savailable", after->available ? "" : "not ");
}

static void report_losses(const struct snapshot_head *before, const struct snapshot_head *after) {
        uint64_t lost = before && before->events_on ? before->events_lost : 0;

        if (after->events_on && after->events_lost > lost)
                log_warning("the kernel had no room for %" PRIu64 " events: what they would have told is told by looks",
                            after->events_lost - lost);
}

static void report_complaints(const struct snapshot *before, const struct snapshot *after) {
        const struct complaint *c = snapshot_complaints(after);

        /* A row that stays garbled is said once, not at every look. */
        if (before && snapshot_head(before)->malformed == snapshot_head(after)->malformed)
                return;
        for (uint32_t i = 0; i < snapshot_head(after)->n_complaints; i++)
                log_warning("/proc/net/sctp/%s line %u passed over: %s", c[i].file, c[i].line, c[i].text);
}

unsigned manager_count_listeners(const struct snapshot *s) {
        const struct endpoint *e = snapshot_endpoints(s);
        unsigned n = 0;

        for (uint32_t i = 0; i < snapshot_head(s)->n_endpoints; i++)
                n += !e[i].unlisted;

        return n;
}

/* Callers decide how often a scan is made; service managers are told of each change only. */
static void notify_status(struct manager *m) {
        const struct snapshot_head *head = snapshot_head(m->current);
        char status[sizeof(m->status)];

        if (!head->available)
                snprintf(status, sizeof(status), "Waiting for SCTP: %s", head->reason);
        else
                snprintf(status, sizeof(status),
                         "Watching %u endpoints and %u associations in %u network namespaces",
                         manager_count_listeners(m->current), head->n_associations, head->n_namespaces);
        if (strcmp(status, m->status) == 0)
                return;

        (void) sd_notifyf(false, "STATUS=%s", status);
        strcpy(m->status, status);
}

/* One walk over what is new. */
struct walk {
        struct manager *manager;
        uint64_t now;                   /* monotonic */
        bool any;
};

static void journal_one(struct manager *m, const struct change *c, uint64_t now) {
        /* What it cannot take it counts as lost, and says so. */
        if (!m->config.damping || damper_pass(m->damper, c, now))
                (void) journal_change(m->journal, c);
}

/* Each change goes to all who want it. */
static int tell_one(const struct change *change, void *userdata) {
        struct walk *w = userdata;
        struct manager *m = w->manager;
        struct change c = *change;
        struct event event;

        if (c.association)
                c.peer_name = alias_find(m->config.aliases, c.snapshot, c.association);
        if (c.type == CHANGE_FIGURES) {
                monitor_tell_figures(&m->monitors, &c);
                return 0;
        }
        if (c.type == CHANGE_STEP) {
                monitor_tell_step(&m->monitors, &c);
                return 0;
        }

        w->any = true;
        journal_one(m, &c, w->now);
        event_init(&event, &c);
        monitor_tell(&m->monitors, &event);
        history_add(m->history, &event);
        return 0;
}

/* Sums up what was held back. */
static void report_flapping(struct manager *m, uint64_t now, bool all) {
        struct flapping f;

        while (m->damper && m->current && damper_next(m->damper, now, all, &f))
                (void) journal_flapping(m->journal, &f, m->current);
}

/* What a first look must have read, so that what it does not show was not there. */
static bool can_measure(const struct snapshot_head *head) {
        return snapshot_is_complete(head, SOURCE_EPS) && snapshot_is_complete(head, SOURCE_ASSOCS);
}

/* A round of them at the first scan after each SampleInterval. */
static void make_samples(struct manager *m) {
        const struct snapshot_head *head = snapshot_head(m->current);
        uint64_t interval = m->config.sample_interval_usec;

        /* What a table that cannot be read had told before is no sample of now. */
        if (!head->available || !snapshot_is_complete(head, SOURCE_ASSOCS) || head->started_monotonic < m->samples_due)
                return;

        m->samples_due += interval;
        if (m->samples_due <= head->started_monotonic)
                m->samples_due = head->started_monotonic + interval;
        if (samples_add(m->samples, m->current, interval, m->config.sample_bytes) < 0)
                log_warning("a sample of the associations is left out: %s", strerror(ENOMEM));
}

/* What happened since the last look, as the kernel told it. */
static int tell_news(struct manager *m, struct snapshot *news, bool early) {
        struct walk w = { .manager = m, .now = snapshot_head(news)->started_monotonic };
        bool left;
        int r;

        r = changes_tell(news, m->current, early, m->told, m->tally, &left, tell_one, &w);
        monitor_finish_news(&m->monitors);
        if (r < 0)
                return r;
        m->hurried |= left;
        m->told_any |= w.any;
        return 0;
}

/* What was done before the kernel began to tell is known when the first look after that has come: only then can be told
 * what goes on from there. What happened before that look is part of it. */
static void tell_early_news(struct manager *m) {
        const struct snapshot_head *head = snapshot_head(m->current);

        if (!head->events_on || !m->reported)
                return;
        for (unsigned i = 0; i < m->n_early; i++) {
                if (tell_news(m, m->early[i], true) < 0)
                        m->hurried = true;
                snapshot_unref(m->early[i]);
        }
        m->n_early = 0;
}

static int manager_tell_news(struct manager *m, struct snapshot *news) {
        int r = 0;

        if (m->reported && m->current && snapshot_head(m->current)->events_on)
                r = tell_news(m, news, false);
        else if (m->n_early < MANAGER_EARLY_MAX)
                m->early[m->n_early++] = snapshot_ref(news);
        else
                m->hurried = true;
        set_scan_timer(m);
        return r;
}

/* A new snapshot: everything that follows from it. Takes it over, also on failure: then it is as if it had
 * not come, and the next one tells what changed. */
static int manager_install(struct manager *m, struct snapshot *taken) {
        _cleanup_(snapshot_unref_p) struct snapshot *s = taken;
        struct snapshot *before = m->current;
        struct walk w = { .manager = m, .now = snapshot_head(s)->started_monotonic };
        uint64_t steps_lost = before && snapshot_head(before)->events_on ? snapshot_head(before)->steps_lost : 0;
        int r;

        steps_lost = snapshot_head(s)->steps_lost - MIN(steps_lost, snapshot_head(s)->steps_lost);
        report_availability(m, before ? snapshot_head(before) : NULL, snapshot_head(s));
        report_complaints(before, s);
        report_losses(before ? snapshot_head(before) : NULL, snapshot_head(s));

        /* Without SCTP nothing can be said of what was there: what was reported last stays the measure. Where
         * it was never there, what there is when it appears is new. */
        if (snapshot_head(s)->available) {
                struct snapshot *measure = m->reported;

                if (!measure && before && !snapshot_head(before)->available)
                        measure = before;

                if (measure) {
                        r = changes_find(measure, s, monitor_wants_updates(&m->monitors), m->tally, m->told,
                                         tell_one, &w);
                        if (r < 0)
                                return r;
                        monitor_finish_look(&m->monitors, s);
                }
                if (measure || can_measure(snapshot_head(s))) {
                        if (!m->reported || w.any || m->told_any)
                                (void) journal_checkpoint(m->journal, s);
                        /* What this one may not show yet is to be in the next one. */
                        m->told_any = news_told_count(m->told) > 0;
                        snapshot_unref(m->reported);
                        m->reported = snapshot_ref(s);
                }
        }

        m->current = steal_ptr(s);
        m->history_at_look = MAX(m->history_at_ask, history_first(m->history));
        snapshot_unref(before);
        make_samples(m);
        hold_limit(&m->holds, m->current);
        if (m->tracing.on)
                monitor_check_trace(&m->monitors, manager_untraceable(m, snapshot_head(m->current)), steps_lost);
        report_flapping(m, w.now, !m->config.damping);
        notify_status(m);
        tell_early_news(m);
        return 0;
}

const char *manager_untraceable(const struct manager *m, const struct snapshot_head *head) {
        const struct source_report *events = head->sources + SOURCE_EVENTS;

        return config_off_by(&m->config, SOURCE_EVENTS) ?: events->result == SOURCE_FAILED ? events->text : NULL;
}

void manager_follow(struct manager *m) {
        struct scanner_request q = { .tracing = monitor_tracing(&m->monitors), .off = config_off(&m->config) };

        set_scan_timer(m);
        if (memcmp(&m->tracing, &q.tracing, sizeof(q.tracing)) == 0)
                return;
        m->tracing = q.tracing;
        /* The next look says it, too. */
        (void) scanner_ask(m->scanner_fd, &q);
}

/* News, or what a look is to tell: that some were lost, or that there are other endpoints. */
static void on_news(struct manager *m, struct snapshot *news, int error) {
        int r = 0;

        if (news)
                r = manager_tell_news(m, news);
        else {
                m->hurried |= error == -EOVERFLOW;
                m->other_endpoints |= error == -ESTALE;
                set_scan_timer(m);
        }
        if (r < 0)
                log_error("news of the kernel are left to the next scan: %s", strerror(-r));
}

static bool is_served(const struct wait *w, const struct snapshot_head *head) {
        return w->wish.id != 0 ? w->serial == head->serial : head->started_monotonic >= w->not_before;
}

static int serve_waits(struct manager *m) {
        const struct snapshot_head *head = snapshot_head(m->current);
        struct wait *w, *following;
        int r = 0;

        for (w = TAILQ_FIRST(&m->waits); w; w = following) {
                following = TAILQ_NEXT(w, entry);
                if (is_served(w, head) && wait_serve(w, false) < 0)
                        r = -ENOMEM;
        }
        if (r < 0)
                log_warning("cannot answer a caller: %s", strerror(-r));

        /* One that was served may have asked for another scan already. */
        return TAILQ_EMPTY(&m->waits) || m->asked != 0 ? 0 : ask(m);
}

/* A scan that failed serves no wish: those that it was asked for are asked for again. */
static void return_wishes(struct manager *m) {
        struct wait *w;

        TAILQ_FOREACH(w, &m->waits, entry)
                if (w->serial == m->serial)
                        w->serial = 0;
}

static int on_scanner(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct manager *m = userdata;
        struct snapshot *s = NULL;
        uint64_t serial, cpu = 0;
        int r, error;

        (void) source;
        (void) events;
        r = scanner_receive(fd, &serial, &error, &s);
        if (r == -EAGAIN || r == -EINTR)
                return 0;
        if (r >= 0 && serial == 0 && (s ? snapshot_head(s)->news : error == -EOVERFLOW || error == -ESTALE)) {
                on_news(m, s, error);
                snapshot_unref(s);
                return 0;
        }
        if (r < 0 || serial != m->serial || (s && snapshot_head(s)->news)) {
                snapshot_unref(s);
                log_error("the scanner is gone: %s", strerror(r < 0 ? -r : EBADMSG));
                return sd_event_exit(m->event, -EPIPE);
        }

        (void) sd_event_source_set_enabled(m->stuck_timer, SD_EVENT_OFF);
        m->notice[0] = '\0';
        if (error == 0) {
                const struct snapshot_head *head = snapshot_head(s);

                cpu = head->cpu_usec;
                m->cheap_cpu_usec = cpu - MIN(cpu, head->dear_cpu_usec);
                error = manager_install(m, s);
        }
        if (error < 0) {
                return_wishes(m);
                snprintf(m->notice, sizeof(m->notice), "the last scan failed: %s", strerror(-error));
                log_error("%s", m->notice);
        }
        account_scan(m, cpu);
        m->asked = 0;
        set_scan_timer(m);

        return error < 0 ? 0 : serve_waits(m);
}

static int on_scanner_exit(sd_event_source *source, const siginfo_t *si, void *userdata) {
        struct manager *m = userdata;

        (void) source;
        log_error("the scanner ended (%s %d); systemd starts both processes anew",
                  si->si_code == CLD_EXITED ? "exit status" : "signal", si->si_status);
        return sd_event_exit(m->event, -EPIPE);
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        struct manager *m = userdata;

        (void) source;
        (void) si;
        return sd_event_exit(m->event, 0);
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        struct manager *m = userdata;

        (void) source;
        (void) si;
        (void) sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_usec(CLOCK_MONOTONIC));
        if (m->start->read_config(m->start->userdata, &m->config) < 0)
                log_error("the settings in force are kept");
        else {
                log_info("settings reloaded");
                history_set_limits(m->history, m->config.history_changes, m->config.history_bytes);
                hold_forget_replies(&m->holds);
                m->samples_due = 0;
                m->full_due = 0;
                m->hurried = true;
                if (m->asked == 0)
                        (void) ask(m);
        }
        (void) sd_notify(false, "READY=1");
        return 0;
}

static int add_timer(struct manager *m, sd_event_time_handler_t handler, sd_event_source **ret) {
        int r;

        r = sd_event_add_time(m->event, ret, CLOCK_MONOTONIC, 0, 1, handler, m);
        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

static int manager_setup(struct manager *m) {
        int r;

        r = sd_event_default(&m->event);
        if (r >= 0)
                r = sd_event_set_watchdog(m->event, true);
        if (r >= 0)
                r = sd_event_add_signal(m->event, NULL, SIGTERM, on_stop, m);
        if (r >= 0)
                r = sd_event_add_signal(m->event, NULL, SIGINT, on_stop, m);
        if (r >= 0)
                r = sd_event_add_signal(m->event, NULL, SIGHUP, on_reload, m);
        if (r >= 0)
                r = sd_event_add_child(m->event, NULL, m->scanner_pid, WEXITED, on_scanner_exit, m);
        if (r >= 0)
                r = sd_event_add_io(m->event, NULL, m->scanner_fd, EPOLLIN, on_scanner, m);
        if (r >= 0)
                r = add_timer(m, on_scan_timer, &m->scan_timer);
        if (r >= 0)
                r = add_timer(m, on_wait_timer, &m->wait_timer);
        if (r >= 0)
                r = add_timer(m, on_stuck_timer, &m->stuck_timer);
        return r;
}

static void manager_done(struct manager *m) {
        /* Connections first: what they wait for or read from is theirs. */
        server_free(m->server);
        if (m->journal)
                report_flapping(m, clock_usec(CLOCK_MONOTONIC), true);
        journal_free(m->journal);
        damper_free(m->damper);
        unobserved_free(m->tally);
        news_told_free(m->told);
        for (unsigned i = 0; i < m->n_early; i++)
                snapshot_unref(m->early[i]);
        history_free(m->history);
        samples_free(m->samples);
        config_done(&m->config);
        sd_event_source_disable_unref(m->scan_timer);
        sd_event_source_disable_unref(m->wait_timer);
        sd_event_source_disable_unref(m->stuck_timer);
        sd_event_unref(m->event);
        snapshot_unref(m->current);
        snapshot_unref(m->reported);
        close_p(&m->scanner_fd);
}

int manager_run(const struct manager_start *start) {
        _cleanup_(manager_done) struct manager m = {
                .start = start,
                .config = start->config,
                .scanner_pid = start->scanner_pid,
                .scanner_fd = start->scanner_fd,
                .reported = snapshot_ref(start->restored),
                .serial = start->restored ? snapshot_head(start->restored)->serial : 0,
                .waits = TAILQ_HEAD_INITIALIZER(m.waits),
                .holds = TAILQ_HEAD_INITIALIZER(m.holds),
                .monitors = TAILQ_HEAD_INITIALIZER(m.monitors),
                .started = clock_usec(CLOCK_REALTIME),
                .effective_interval = start->config.interval_usec,
        };
        _cleanup_close_ int listen_fd = start->listen_fd;
        sigset_t signals;
        int r;

        (void) alias_table_ref(m.config.aliases);

        /* sd-event takes them by descriptor; blocked before the journal's thread is made, so that it never gets one. */
        (void) sigemptyset(&signals);
        (void) sigaddset(&signals, SIGTERM);
        (void) sigaddset(&signals, SIGINT);
        (void) sigaddset(&signals, SIGHUP);
        (void) sigaddset(&signals, SIGCHLD);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return -errno;

        r = manager_setup(&m);
        if (r >= 0)
                r = start->journal_sender ?
                        journal_new_with(start->journal_sender, start->journal_userdata, JOURNAL_QUEUE_MAX,
                                         JOURNAL_GRACE_USEC, start->state_path, &m.journal) :
                        journal_new(start->state_path, &m.journal);
        if (r >= 0)
                r = damper_new(&m.damper);
        if (r >= 0)
                r = unobserved_new(&m.tally);
        if (r >= 0)
                r = news_told_new(&m.told);
        if (r >= 0)
                r = history_new(m.started, &m.history);
        if (r >= 0)
                r = samples_new(&m.samples);
        if (r >= 0)
                r = server_new(m.event, &m.server);
        if (r >= 0 && start->strict)
                server_set_strict(m.server, true);
        if (r >= 0)
                r = service_register(&m);
        if (r >= 0)
                r = server_listen(m.server, steal_fd(&listen_fd));
        if (r >= 0)
                r = ask(&m);
        if (r < 0)
                return r;

        history_set_limits(m.history, m.config.history_changes, m.config.history_bytes);
        (void) sd_notify(false, "READY=1\nSTATUS=Looking at SCTP for the first time");
        r = sd_event_loop(m.event);
        (void) sd_notify(false, "STOPPING=1");
        return r;
}
