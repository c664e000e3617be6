/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cells.h"
#include "clock.h"
#include "json.h"
#include "plain.h"
#include "samples.h"
#include "source.h"
#include "story.h"
#include "text.h"
#include "view.h"
#include "watch.h"
#include "when.h"
#include "writer.h"

#define RETRY_USEC (1 * USEC_PER_SEC)
/* However much there is to receive, keys are obeyed and the picture is drawn after so long. */
#define RECEIVE_USEC (50 * USEC_PER_MSEC)

struct watch {
        const struct options *options;
        struct varlink_client *client;  /* NULL: not connected */
        struct view *view;              /* NULL: lines */
        bool view_open;
        struct samples *samples;        /* for the view */
        bool trace;                     /* lines: every step of the kernel's state machine, too; nobody remembers those */
        bool more;                      /* there may be something to receive that poll() does not know of */
        bool sctp_absent;
        struct writer *writer;          /* of JSON lines */
        bool was_ready;                 /* once, so that what fails now may mend */
        bool ready;                     /* the present state has been told */
        char since[TEXT_TIME_MAX];      /* lines: from then on; "" from now on */
        char last[TEXT_TIME_MAX];       /* lines: when the last change was, */
        unsigned at_last, again;        /* so many were told of that moment; so many of them come once more */
        uint64_t patience;              /* until when: not connected, for the next try; not ready, for the daemon */
};

static volatile sig_atomic_t caught_end, caught_stop;

static void on_end(int sig) {
        (void) sig;
        caught_end = true;
}

static _Noreturn void on_end_of_lines(int sig) {
        (void) sig;
        _exit(CODE_DONE);
}

static void on_stop(int sig) {
        (void) sig;
        caught_stop = true;
}

static uint64_t now_usec(void) {
        return clock_usec(CLOCK_MONOTONIC);
}

static int begin(struct watch *w, bool view) {
        _cleanup_(varlink_client_free_p) struct varlink_client *c = NULL;
        _cleanup_(json_decref_p) json_t *parameters = NULL;
        int r;

        parameters = source_parameters(w->options);
        if (w->trace && json_object_set_new(parameters, "trace", json_true()) < 0)
                return -ENOMEM;
        /* Lines tell of changes alone. States are filtered here: of what leaves them we want to hear, too. */
        if (!parameters || json_object_set_new(parameters, "updates", json_boolean(view)) < 0 ||
            json_object_set_new(parameters, "present", json_boolean(view)) < 0)
                return -ENOMEM;
        /* Once more from the last moment on: nothing that went on while there was no connection is left out. */
        if (w->last[0])
                snprintf(w->since, sizeof(w->since), "%s", w->last);
        if (!view && w->since[0] && json_object_set_new(parameters, "since", json_string(w->since)) < 0)
                return -ENOMEM;
        w->again = w->last[0] ? w->at_last : 0;
        (void) json_object_del(json_object_get(parameters, "filter"), "state");
        (void) json_object_del(json_object_get(parameters, "filter"), "impaired");
        r = source_connect(w->options, &c);
        if (r >= 0)
                r = varlink_client_send(c, "io.sctpmon.Monitor.Monitor", parameters, true);
        if (r < 0)
                return r;
        w->client = steal_ptr(c);
        w->ready = false;
        w->patience = now_usec() + SOURCE_REPLY_TIMEOUT_USEC;
        return 0;
}

static void notice(struct watch *w, const char *why) {
        _cleanup_free_ char *text = NULL;

        if (w->view) {
                text = plain_format("%s; reconnecting…", why);
                view_notice(w->view, text ?: why);
        } else
                say("%s; reconnecting… What changes meanwhile: sctpctl log", why);
}

static void lose(struct watch *w, const char *why) {
        notice(w, why);
        w->client = varlink_client_free(w->client);
        w->patience = now_usec() + RETRY_USEC;
}

static int print_line(struct watch *w, json_t *change) {
        _cleanup_free_ char *line = story_text(change);

        if (!line)
                return -ENOMEM;
        writer_style(w->options, line, strlen(line), story_style(change));
        printf("\n");
        (void) fflush(stdout);
        return ferror(stdout) ? -EPIPE : 0;
}

/* Of what comes once more after a new connection: whether it was told before. */
static bool is_told(struct watch *w, json_t *change) {
        const char *at = member_string(change, "at");

        /* What was before comes before the present. */
        if (!w->ready && strcmp(at, w->last) == 0 && w->again > 0) {
                w->again--;
                return true;
        }
        w->again = 0;
        if (strcmp(at, w->last) != 0) {
                snprintf(w->last, sizeof(w->last), "%s", at);
                w->at_last = 0;
        }
        w->at_last++;
        return false;
}

static int print_change(struct watch *w, json_t *change) {
        const char *wanted = json_string_value(json_object_get(w->options->filter, "state"));
        json_t *impaired = json_object_get(w->options->filter, "impaired"),
               *association = json_object_get(change, "association");

        if (!w->trace && is_told(w, change))
                return 0;
        /* Of those that are impaired, that they have recovered, too. */
        if (impaired && !json_equal(impaired, json_object_get(association, "impaired")) &&
            strcmp(member_string(change, "type"), "recovered") != 0)
                return 0;
        if (wanted && strcmp(member_string(change, "oldState"), wanted) != 0 &&
            strcmp(member_string(change, "newState"), wanted) != 0)
                return 0;
        return w->writer ? writer_object(w->writer, change) : print_line(w, change);
}

/* Without SCTP there is nothing to show, and no telling for how long. */
static void say_absence(struct watch *w, json_t *parameters) {
        const char *reason = json_string_value(json_object_get(parameters, "reason"));

        if (!reason)
                return;
        if (w->view) {
                w->sctp_absent = true;
                view_notice(w->view, "SCTP is not available (see: sctpctl status); waiting for it");
        } else {
                say("SCTP is not available: %s", reason);
                say("%s Waiting for it.", member_string(parameters, "advice"));
        }
}

/* What was asked for and is not there any more: a daemon that was started anew knows of nothing before. */
static void say_horizon(struct watch *w, json_t *parameters) {
        const char *since = member_string(parameters, "historySince");
        char text[WHEN_TEXT_MAX];
        uint64_t usec;

        if (w->view || !w->since[0] || strcmp(since, w->since) <= 0 || text_to_time(since, &usec) < 0)
                return;
        say("sctpmond knows what changed from %s on. What was before: sctpctl log", when_text(usec, text));
}

/* Where nothing has been told yet, a new connection goes on from here. */
static void remember_begin(struct watch *w, json_t *scan) {
        if (!w->view && !w->trace && !w->since[0])
                snprintf(w->since, sizeof(w->since), "%s", member_string(scan, "startedAt"));
}

static int handle(struct watch *w, json_t *parameters) {
        json_t *association = json_object_get(parameters, "association"),
               *change = json_object_get(parameters, "change");
        json_t *scan = json_object_get(parameters, "scan");
        int r = 0;

        if (json_is_true(json_object_get(parameters, "ready"))) {
                say_absence(w, parameters);
                say_horizon(w, parameters);
                remember_begin(w, scan);
                w->ready = w->was_ready = true;
                w->patience = UINT64_MAX;
                if (w->view)
                        view_ready(w->view, now_usec());
                /* Not before all is known to go well, so that errors can be told in plain lines. */
                if (w->view && !w->view_open) {
                        r = view_open(w->view);
                        if (r < 0)
                                return r;
                        w->view_open = true;
                }
        }
        if (w->view) {
                if (w->sctp_absent && (json_is_object(association) || json_is_object(change))) {
                        w->sctp_absent = false;
                        view_notice(w->view, NULL);
                }
                if (json_is_object(scan))
                        view_scan(w->view, scan, now_usec());
                if (json_is_object(association))
                        r = view_association(w->view, association, now_usec());
                if (json_is_object(change))
                        r = view_change(w->view, change, now_usec());
        } else if (json_is_object(change))
                r = print_change(w, change);
        return r;
}

/* The daemon ended the conversation, and why. */
static enum code end_of_call(struct watch *w, const struct varlink_reply *reply) {
        _cleanup_free_ char *text = NULL;
        const char *name = reply->error ? strrchr(reply->error, '.') : NULL;

        /* A daemon that has just started may take its time for the first look. */
        if (name && strcmp(name, ".NoSnapshot") == 0) {
                lose(w, "sctpmond has not read the kernel's tables yet");
                return CODE_DONE;
        }
        if (!w->was_ready)
                return reply->error ? source_say_error(w->options, reply) : source_say_failure(w->options, -ECONNRESET);
        /* The namespace, or the name of the peer, is not there any more: a new connection does not mend that. */
        if (name && strcmp(name, ".Overrun") != 0) {
                w->view = view_free(w->view);
                return source_say_error(w->options, reply);
        }
        if (name && strcmp(name, ".Overrun") == 0)
                text = plain_format("%" JSON_INTEGER_FORMAT " changes were lost, because this was read too slowly",
                                    member_int(reply->parameters, "lost"));
        else
                text = plain_format("sctpmond ended it%s%s", reply->error ? ": " : "", reply->error ?: "");
        lose(w, text ?: "out of memory");
        return CODE_DONE;
}

/* Takes what has come. A code other than CODE_DONE ends the watching; *ret_end ends it in peace. */
static enum code receive(struct watch *w, bool *ret_end) {
        uint64_t until = now_usec() + RECEIVE_USEC;

        w->more = false;
        while (w->client) {
                _cleanup_(varlink_reply_done) struct varlink_reply reply = {};
                int r;

                w->more = now_usec() >= until;
                if (w->more)
                        return CODE_DONE;
                r = varlink_client_receive(w->client, 0, &reply);
                if (r == -ETIMEDOUT) {
                        if (now_usec() < w->patience)
                                return CODE_DONE;
                        if (!w->was_ready)
                                return source_say_failure(w->options, r);
                        lose(w, "sctpmond does not answer");
                        return CODE_DONE;
                }
                if (r < 0) {
                        if (!w->was_ready || r == -ENOMEM)
                                return source_say_failure(w->options, r);
                        lose(w, r == -ECONNRESET ? "sctpmond closed the connection" : "sctpmond cannot be understood");
                        return CODE_DONE;
                }
                if (!reply.continues)
                        return end_of_call(w, &reply);
                r = handle(w, reply.parameters);
                if (r == -EPIPE)
                        *ret_end = true;
                if (r == -ENOTTY) {
                        say("This terminal (TERM=%s) cannot show a live view. "
                            "Line by line: sctpctl assocs --watch | cat",
                            getenv("TERM") ?: "");
                        return CODE_FAILED;
                }
                if (r < 0)
                        return r == -EPIPE ? CODE_DONE : say_out_of_memory();
                if (!w->ready)
                        w->patience = now_usec() + SOURCE_REPLY_TIMEOUT_USEC;
        }
        return CODE_DONE;
}

static void retry(struct watch *w) {
        if (now_usec() < w->patience)
                return;
        if (begin(w, w->view) < 0)
                w->patience = now_usec() + RETRY_USEC;
        else if (w->view) {
                view_notice(w->view, NULL);
                view_begin(w->view);
                samples_renew(w->samples);
        }
}

static void wait_for_something(struct watch *w, const sigset_t *mask) {
        struct pollfd fds[3] = {
                { .fd = w->client ? varlink_client_fd(w->client) : -1, .events = POLLIN },
                /* Of a pipe: that nobody reads it any more. */
                { .fd = w->view_open ? STDIN_FILENO : STDOUT_FILENO, .events = w->view_open ? POLLIN : 0 },
                { .fd = w->view ? samples_fd(w->samples) : -1, .events = POLLIN },
        };
        uint64_t now = now_usec(), until = w->patience;
        struct timespec timeout;

        if (w->view)
                until = MIN(until, MIN(view_due(w->view), samples_due(w->samples)));
        if (w->more)
                until = 0;
        until = until > now ? until - now : 0;
        timeout.tv_sec = (time_t) MIN(until / USEC_PER_SEC, (uint64_t) 3600);
        timeout.tv_nsec = (long) (until % USEC_PER_SEC * 1000);
        if (ppoll(fds, ELEMENTS(fds), &timeout, mask) > 0 && fds[1].revents & (POLLERR | POLLHUP))
                caught_end = true;
}

/* What concerns the person at the terminal. */
static enum code serve_view(struct watch *w, bool *ret_end) {
        int r;

        if (caught_stop) {
                caught_stop = false;
                view_suspend(w->view);
        }
        r = view_keys(w->view);
        *ret_end = r > 0;
        if (r == 0) {
                samples_follow(w->samples, view_opened(w->view));
                if (samples_work(w->samples, now_usec()))
                        view_samples(w->view, samples_reply(w->samples));
                r = view_draw(w->view, now_usec());
        }
        return r < 0 ? say_out_of_memory() : CODE_DONE;
}

static enum code loop(struct watch *w, const sigset_t *mask) {
        enum code code = CODE_DONE;
        bool end = false;

        while (code == CODE_DONE && !end && !caught_end) {
                if (w->view) {
                        code = serve_view(w, &end);
                        if (code != CODE_DONE || end)
                                break;
                }
                wait_for_something(w, mask);
                if (w->client)
                        code = receive(w, &end);
                else
                        retry(w);
        }
        return code;
}

/* Signals come while the view waits and at no other time: nothing is interrupted half way through a screen. Lines may
 * have to wait for whoever reads them. */
static void catch_signals(bool view, sigset_t *ret_mask) {
        static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
        struct sigaction action = { .sa_handler = view ? on_end : on_end_of_lines };
        sigset_t blocked;

        (void) sigemptyset(&blocked);
        for (size_t i = 0; i < ELEMENTS(ends); i++) {
                if (view)
                        (void) sigaddset(&blocked, ends[i]);
                (void) sigaction(ends[i], &action, NULL);
        }
        if (view) {
                action.sa_handler = on_stop;
                (void) sigaction(SIGTSTP, &action, NULL);
                (void) sigaddset(&blocked, SIGTSTP);
                (void) sigaddset(&blocked, SIGWINCH);
        }
        (void) sigprocmask(SIG_BLOCK, &blocked, ret_mask);
}

static enum code run(const struct options *o, bool view, bool trace) {
        struct watch w = { .options = o, .trace = trace };
        enum code code = CODE_FAILED;
        sigset_t mask;
        int r;

        if (o->since > 0)
                (void) text_time(o->since, w.since);
        r = begin(&w, view);
        if (r == -ENOMEM)
                return say_out_of_memory();
        if (r < 0) {
                source_say_no_daemon(o, r, "to follow changes it is needed.");
                return CODE_FAILED;
        }

        if (view) {
                r = samples_new(o, &w.samples);
                if (r >= 0)
                        r = view_new(o, &w.view);
        } else if (o->output != OUTPUT_TABLE)
                r = (w.writer = writer_new(o, WRITER_STREAM, NULL, 0)) ? 0 : -ENOMEM;
        if (r < 0)
                code = say_out_of_memory();
        else {
                catch_signals(view, &mask);
                code = loop(&w, &mask);
        }

        view_free(w.view);
        samples_free(w.samples);
        writer_free(w.writer);
        varlink_client_free(w.client);
        return code;
}

enum code watch_run(const struct options *o) {
        return run(o, o->output == OUTPUT_TABLE && o->terminal && isatty(STDIN_FILENO), false);
}

enum code watch_lines(const struct options *o) {
        return run(o, false, false);
}

enum code watch_trace(const struct options *o) {
        return run(o, false, true);
}
