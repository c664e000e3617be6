/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"
#include "world.h"

#include "text.h"

#define IDS_MAX 65536u

/* What a subscriber takes for there: each change must fit what it knows, or it has missed one or had one twice. */
struct model {
        bool there[IDS_MAX];
        unsigned n;
};

static json_int_t id_of(json_t *association) {
        json_int_t id = json_integer_value(json_object_get(association, "associationId"));

        assert_in_range(id, 1, IDS_MAX - 1);
        return id;
}

static void model_set(struct model *m, json_int_t id, bool there) {
        if (m->there[id] == there)
                fail_msg("association %d is %s already", (int) id, there ? "there" : "gone");
        m->there[id] = there;
        m->n = there ? m->n + 1 : m->n - 1;
}

/* What scans of made_up() show from `first` on. */
static void model_begin(struct model *m, unsigned first, unsigned n) {
        *m = (struct model) {};
        for (unsigned i = first; i < first + n; i++)
                model_set(m, i + 1, true);
}

static void model_expect(const struct model *m, unsigned first, unsigned n) {
        assert_int_equal(m->n, n);
        for (unsigned i = first; i < first + n; i++)
                assert_true(m->there[i + 1]);
}

static void model_change(struct model *m, json_t *change) {
        const char *type = json_string_value(json_object_get(change, "type"));

        assert_non_null(type);
        if (strcmp(type, "association_up") == 0 || strcmp(type, "association_down") == 0)
                model_set(m, id_of(json_object_get(change, "association")), strcmp(type, "association_up") == 0);
}

/* A look that a caller asks for and waits for: it has been told to all when this returns. */
static void look(const struct world *w, struct varlink_client *c, unsigned first, unsigned n) {
        char error[64];
        int64_t serial;
        bool stale;

        call(c, "ListAssociations", json_pack("{s{si}}", "filter", "port", 1));
        (void) scan_next(w, first, n, 0);
        assert_int_equal(receive_list(c, &serial, &stale, error), 0);
}

/* Starts with a look that is no news. */
static struct varlink_client *begin(struct world *w, unsigned n) {
        struct varlink_client *c;

        w->deaf = true;
        /* Nobody waits in vain. */
        w->config.scan_wait_usec = LONG_USEC;
        start(w, NULL);
        c = client(w);
        (void) scan_next(w, 0, n, 0);
        return c;
}

static struct varlink_client *subscribe(const struct world *w, json_t *parameters, unsigned first, unsigned n) {
        struct varlink_client *m = client(w);

        call(m, "Monitor", parameters);
        (void) scan_next(w, first, n, 0);
        return m;
}

#define ALWAYS "1970-01-01T00:00:00Z"

/* The past, what is present, a marker, what comes: while all is changing nothing is missed, and nothing told twice. */
static void test_past_present_and_future(void **state) {
        static struct model model, present;
        enum { PAST, PRESENT, FUTURE } phase = PAST;
        struct varlink_client *c, *m;
        struct world *w = *state;
        unsigned first = 0, past = 0, future = 0;

        w->config.history_bytes = 256 * 1024 * 1024;
        c = begin(w, 20000);
        for (unsigned i = 0; i < 5; i++)
                look(w, c, first += 1000, 20000);
        m = subscribe(w, json_pack("{ss}", "since", ALWAYS), first, 20000);

        model_begin(&model, 0, 20000);
        present = (struct model) {};
        for (unsigned n = 0; model.n != 20000 || !model.there[13001] || !model.there[33000]; n++) {
                struct varlink_reply reply = receive(m);
                json_t *association = json_object_get(reply.parameters, "association");
                json_t *change = json_object_get(reply.parameters, "change");

                assert_null(reply.error);
                /* Each time it has got a little further, and is far from having read all. */
                if (n % 5000 == 10 && first < 13000)
                        look(w, c, first += 1000, 20000);
                if (change) {
                        assert_true(phase != PRESENT);
                        model_change(&model, change);
                        past += phase == PAST;
                        future += phase == FUTURE;
                } else if (association) {
                        assert_true(phase != FUTURE);
                        phase = PRESENT;
                        model_set(&present, id_of(association), true);
                } else if (json_object_get(reply.parameters, "ready")) {
                        assert_true(phase == PRESENT);
                        phase = FUTURE;
                        assert_non_null(json_object_get(reply.parameters, "historySince"));
                        /* What was there is what the past has made of what was there at the start. */
                        assert_memory_equal(&present, &model, sizeof(model));
                }
                varlink_reply_done(&reply);
        }
        assert_true(phase == FUTURE && past >= 10000 && future > 0);
        assert_int_equal(past + future, 2 * 13000);
        model_expect(&model, 13000, 20000);

        /* And then as it comes. */
        look(w, c, 13001, 20000);
        for (unsigned i = 0; i < 2; i++) {
                struct varlink_reply reply = receive(m);

                model_change(&model, json_object_get(reply.parameters, "change"));
                varlink_reply_done(&reply);
        }
        model_expect(&model, 13001, 20000);
        varlink_client_free(c);
        varlink_client_free(m);
}

/* Nothing of what is there, and of the past nothing from before. */
static void test_without_the_present(void **state) {
        struct varlink_client *c, *m, *all;
        struct world *w = *state;
        struct varlink_reply reply;
        char since[TEXT_TIME_MAX];

        c = begin(w, 10);
        look(w, c, 1, 10);
        (void) usleep(2 * USEC_PER_MSEC);
        (void) text_time(clock_usec(CLOCK_REALTIME), since);
        look(w, c, 2, 10);
        m = subscribe(w, json_pack("{sssb}", "since", since, "present", 0), 2, 10);
        for (unsigned i = 0; i < 2; i++) {
                reply = receive(m);
                assert_int_equal(id_of(json_object_get(json_object_get(reply.parameters, "change"), "association")),
                                 i == 0 ? 2 : 12);
                varlink_reply_done(&reply);
        }
        reply = receive(m);
        assert_true(json_is_true(json_object_get(reply.parameters, "ready")));
        assert_non_null(json_object_get(reply.parameters, "historySince"));
        varlink_reply_done(&reply);

        all = subscribe(w, json_pack("{sb}", "present", 0), 2, 10);
        reply = receive(all);
        assert_true(json_is_true(json_object_get(reply.parameters, "ready")));
        assert_null(json_object_get(reply.parameters, "historySince"));
        varlink_reply_done(&reply);

        call(c, "Monitor", json_pack("{ss}", "since", "yesterday"));
        reply = receive(c);
        assert_string_equal(reply.error, "org.varlink.service.InvalidParameter");
        assert_string_equal(json_string_value(json_object_get(reply.parameters, "parameter")), "since");
        varlink_reply_done(&reply);
        varlink_client_free(c);
        varlink_client_free(m);
        varlink_client_free(all);
}

/* What came while the present was being sent had to make room before it was the turn of it: so many are lost. */
static void test_what_came_meanwhile_is_not_there_any_more(void **state) {
        struct varlink_client *c, *m;
        struct world *w = *state;
        unsigned present = 0;

        w->config.history_changes = 100;
        c = begin(w, 20000);
        m = subscribe(w, NULL, 0, 20000);
        for (unsigned i = 1; i <= 3; i++)
                look(w, c, 100 * i, 20000);
        for (bool ready = false;;) {
                struct varlink_reply reply = receive(m);
                bool last = reply.error;

                if (last) {
                        assert_true(ready);
                        assert_string_equal(reply.error, "io.sctpmon.Monitor.Overrun");
                        assert_int_equal(json_integer_value(json_object_get(reply.parameters, "lost")), 600 - 100);
                }
                present += !!json_object_get(reply.parameters, "association");
                ready |= json_is_true(json_object_get(reply.parameters, "ready"));
                assert_null(json_object_get(reply.parameters, "change"));
                varlink_reply_done(&reply);
                if (last)
                        break;
        }
        assert_int_equal(present, 20000);
        varlink_client_free(c);
        varlink_client_free(m);
}

/* Associations with so many addresses on both sides that each takes some kilobytes; their queues hold `figure`. */
static struct snapshot *wide(uint64_t serial, unsigned first, unsigned n, uint32_t addresses, uint64_t figure) {
        struct snapshot *s = NULL;
        struct builder b = {};

        b.head.available = true;
        b.head.serial = serial;
        b.head.hz = 250;
        b.head.started_monotonic = clock_usec(CLOCK_MONOTONIC);
        b.head.started_realtime = clock_usec(CLOCK_REALTIME);
        for (size_t i = 0; i < _SOURCE_MAX; i++)
                b.head.sources[i].result = SOURCE_READ;
        for (unsigned i = first; i < first + n; i++) {
                struct association *a;

                for (uint32_t j = 0; j < addresses; j++) {
                        struct address *local;
                        struct path *path;

                        assert_int_equal(builder_add_address(&b, &local), 0);
                        *local = (struct address) { .family = AF_INET, .bytes = { 10, 0, 0, (uint8_t) j } };
                        assert_int_equal(builder_add_path(&b, &path), 0);
                        path->address = (struct address) {
                                .family = AF_INET, .primary = j == 0,
                                .bytes = { 10, (uint8_t) (j + 1), (uint8_t) (i >> 8), (uint8_t) i },
                        };
                }
                assert_int_equal(builder_add_association(&b, &a), 0);
                a->id = i + 1;
                FIELD_GIVE(a, ASSOCIATION_ID);
                FIELD_GIVE(a, ASSOCIATION_STATE);
                FIELD_GIVE(a, ASSOCIATION_LOCAL_PORT);
                FIELD_GIVE(a, ASSOCIATION_PEER_PORT);
                FIELD_GIVE(a, ASSOCIATION_TRANSMIT_QUEUE);
                a->state = ASSOCIATION_ESTABLISHED;
                a->transmit_queue = figure;
                a->local_port = 5000;
                a->peer_port = 6000;
                a->local = (struct range) { (uint32_t) b.n_addresses - addresses, addresses };
                a->paths = (struct range) { (uint32_t) b.n_paths - addresses, addresses };
        }
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

static void look_wide(const struct world *w, struct varlink_client *c, unsigned first, unsigned n, uint32_t addresses,
                      uint64_t figure) {
        char error[64];
        int64_t serial;
        bool stale;

        call(c, "ListAssociations", json_pack("{s{si}}", "filter", "port", 1));
        give(w, wide(wait_for_request(w), first, n, addresses, figure));
        assert_int_equal(receive_list(c, &serial, &stale, error), 0);
}

/* Asks over and over for what needs no time, until `stop` says something; the longest that it took, in microseconds. */
static pid_t start_asking(const struct world *w, int stop, int report) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                struct varlink_client *c = client(w);
                struct pollfd p = { .fd = stop, .events = POLLIN };
                uint64_t longest = 0;

                while (poll(&p, 1, 1) == 0) {
                        uint64_t began = clock_usec(CLOCK_MONOTONIC);
                        struct varlink_reply reply = {};

                        if (varlink_client_send(c, "org.varlink.service.GetInfo", NULL, false) < 0 ||
                            varlink_client_receive(c, LONG_USEC, &reply) < 0)
                                _exit(1);
                        varlink_reply_done(&reply);
                        longest = MAX(longest, clock_usec(CLOCK_MONOTONIC) - began);
                }
                _exit(write(report, &longest, sizeof(longest)) == sizeof(longest) ? 0 : 1);
        }
        return pid;
}

static json_int_t number_behind(const char *text, size_t length, const char *name) {
        const char *at = memmem(text, length, name, strlen(name));

        assert_non_null(at);
        return strtol(at + strlen(name), NULL, 10);
}

/* The next up or down, without a tree of it; false if it is something else. */
static bool next_change(struct varlink_client *c, struct model *model, struct varlink_reply *ret) {
        const char *text = NULL;
        size_t length;
        bool up;

        *ret = (struct varlink_reply) {};
        assert_int_equal(varlink_client_receive_text(c, LONG_USEC, "change", ret, &text, &length), 0);
        if (!text)
                return false;
        up = memmem(text, length, "\"association_up\"", 16);
        assert_true(up || memmem(text, length, "\"association_down\"", 18));
        model_set(model, number_behind(text, length, "\"associationId\":"), up);
        return true;
}

static void receive_changes(struct varlink_client *c, struct model *model, unsigned n) {
        struct varlink_reply reply;

        for (unsigned i = 0; i < n; i++) {
                assert_true(next_change(c, model, &reply));
                varlink_reply_done(&reply);
        }
}

static void stop_asking(pid_t pid, const int stop[static 2], const int report[static 2], const char *what) {
        uint64_t longest = 0;
        int status;

        assert_int_equal(write(stop[1], "", 1), 1);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(read(report[0], &longest, sizeof(longest)), sizeof(longest));
        print_message("# %s: the longest that anybody else waited was %lu us\n", what, (unsigned long) longest);
        for (unsigned i = 0; i < 2; i++) {
                (void) close(stop[i]);
                (void) close(report[i]);
        }
}

/* The numbers to design for; how long the loop stands still is told. */
static void test_ten_thousand_changes(void **state) {
        static struct model model;
        struct varlink_client *m[10], *c;
        int stop[2], report[2];
        struct world *w = *state;
        pid_t asking;

        w->lax = true;
        c = begin(w, 50000);
        for (size_t i = 0; i < ELEMENTS(m); i++) {
                struct varlink_reply reply;

                m[i] = subscribe(w, json_pack("{sb}", "present", 0), 0, 50000);
                reply = receive(m[i]);
                assert_true(json_is_true(json_object_get(reply.parameters, "ready")));
                varlink_reply_done(&reply);
        }
        assert_int_equal(pipe(stop), 0);
        assert_int_equal(pipe(report), 0);
        asking = start_asking(w, stop[0], report[1]);
        look(w, c, 5000, 50000);
        stop_asking(asking, stop, report, "10000 changes of 50000 associations to 10 subscribers");
        for (size_t i = 0; i < ELEMENTS(m); i++) {
                model_begin(&model, 0, 50000);
                receive_changes(m[i], &model, 10000);
                model_expect(&model, 5000, 50000);
                varlink_client_free(m[i]);
        }
        varlink_client_free(c);
}

#define SUBSCRIBERS 50u
#define STALLED 10u
#define ADDRESSES 150u
#define CHANGES 200u
#define ROUNDS 10u

/* Who does not read is ended, and what it lost is counted; the others miss nothing. */
static void test_some_stall(void **state) {
        static struct model models[SUBSCRIBERS];
        struct varlink_client *m[SUBSCRIBERS], *c;
        int stop[2], report[2];
        struct world *w = *state;
        pid_t asking;

        w->lax = true;
        c = begin(w, 10);
        look_wide(w, c, 0, CHANGES / 2, ADDRESSES, 0);
        for (unsigned i = 0; i < SUBSCRIBERS; i++) {
                struct varlink_reply reply;

                m[i] = client(w);
                call(m[i], "Monitor", json_pack("{sb}", "present", 0));
                give(w, wide(wait_for_request(w), 0, CHANGES / 2, ADDRESSES, 0));
                reply = receive(m[i]);
                assert_true(json_is_true(json_object_get(reply.parameters, "ready")));
                varlink_reply_done(&reply);
                model_begin(models + i, 0, CHANGES / 2);
        }
        assert_int_equal(pipe(stop), 0);
        assert_int_equal(pipe(report), 0);
        asking = start_asking(w, stop[0], report[1]);

        for (unsigned round = 1; round <= ROUNDS; round++) {
                look_wide(w, c, round * CHANGES / 2, CHANGES / 2, ADDRESSES, 0);
                for (unsigned i = STALLED; i < SUBSCRIBERS; i++)
                        receive_changes(m[i], models + i, CHANGES);
        }
        for (unsigned i = STALLED; i < SUBSCRIBERS; i++)
                model_expect(models + i, ROUNDS * CHANGES / 2, CHANGES / 2);

        stop_asking(asking, stop, report, "200 long changes to 50 subscribers of which 10 stall");

        for (unsigned i = 0; i < STALLED; i++) {
                unsigned got = 0;

                struct varlink_reply reply;
                json_int_t lost;

                for (; next_change(m[i], models + i, &reply); got++)
                        varlink_reply_done(&reply);
                assert_string_equal(reply.error, "io.sctpmon.Monitor.Overrun");
                /* Of the look in which it was ended, the rest. */
                lost = json_integer_value(json_object_get(reply.parameters, "lost"));
                assert_true(lost > 0);
                assert_int_equal((got + lost) % CHANGES, 0);
                varlink_reply_done(&reply);
                assert_true(got >= CHANGES && got < ROUNDS * CHANGES);
                varlink_client_free(m[i]);
        }
        call(c, "GetStatus", NULL);
        {
                struct varlink_reply reply = receive(c);
                json_t *clients = json_object_get(reply.parameters, "clients");

                assert_int_equal(json_integer_value(json_object_get(clients, "overruns")), STALLED);
                assert_int_equal(json_integer_value(json_object_get(clients, "monitors")), SUBSCRIBERS - STALLED);
                varlink_reply_done(&reply);
        }
        for (unsigned i = STALLED; i < SUBSCRIBERS; i++)
                varlink_client_free(m[i]);
        varlink_client_free(c);
}

/* Figures that changed while the present was being sent are told when it has been, and then as they change. */
static void test_figures(void **state) {
        struct varlink_client *c, *m;
        struct world *w = *state;
        unsigned present = 0, again = 0;
        bool ready = false;

        c = begin(w, 10);
        look_wide(w, c, 0, 5000, 10, 1);
        m = client(w);
        call(m, "Monitor", json_pack("{sbs{si}}", "updates", 1, "filter", "port", 6000));
        give(w, wide(wait_for_request(w), 0, 5000, 10, 1));
        look_wide(w, c, 0, 5000, 10, 2);
        look_wide(w, c, 0, 5000, 10, 3);
        while (again < 5000) {
                struct varlink_reply reply = receive(m);
                json_t *association = json_object_get(reply.parameters, "association");
                json_int_t figure = json_integer_value(json_object_get(association, "transmitQueueBytes"));

                assert_null(reply.error);
                ready |= json_is_true(json_object_get(reply.parameters, "ready"));
                if (association) {
                        assert_int_equal(figure, ready ? 3 : 1);
                        present += !ready;
                        again += ready;
                }
                varlink_reply_done(&reply);
        }
        assert_int_equal(present, 5000);

        look_wide(w, c, 0, 5000, 10, 4);
        for (again = 0;;) {
                struct varlink_reply reply = receive(m);
                json_t *association = json_object_get(reply.parameters, "association");
                bool last = json_object_get(reply.parameters, "scan");

                again += json_integer_value(json_object_get(association, "transmitQueueBytes")) == 4;
                varlink_reply_done(&reply);
                if (last)
                        break;
        }
        assert_int_equal(again, 5000);
        varlink_client_free(c);
        varlink_client_free(m);
}

/* How many changes, and from when on it has every one. */
static unsigned recall(struct varlink_client *c, json_t *parameters, char since[static TEXT_TIME_MAX]) {
        unsigned n = 0;

        call(c, "GetHistory", parameters);
        for (;;) {
                struct varlink_reply reply = receive(c);
                bool last = !reply.continues;

                assert_null(reply.error);
                n += !!json_object_get(reply.parameters, "change");
                if (last)
                        snprintf(since, TEXT_TIME_MAX, "%s",
                                 json_string_value(json_object_get(reply.parameters, "historySince")));
                varlink_reply_done(&reply);
                if (last)
                        return n;
        }
}

static void assert_reply(struct varlink_client *c, const char *error, const char *member) {
        struct varlink_reply reply = receive(c);

        if (error)
                assert_string_equal(reply.error, error);
        else
                assert_null(reply.error);
        if (member)
                assert_non_null(json_object_get(reply.parameters, member));
        varlink_reply_done(&reply);
}

static void assert_change(struct varlink_client *c, const char *type, json_int_t id) {
        struct varlink_reply reply = receive(c);
        json_t *change = json_object_get(reply.parameters, "change");

        assert_null(reply.error);
        assert_string_equal(json_string_value(json_object_get(change, "type")), type);
        assert_int_equal(id_of(json_object_get(change, "association")), id);
        varlink_reply_done(&reply);
}

static void assert_trace(const struct world *w, bool on) {
        struct scanner_request q = take_request(w);

        assert_int_equal(q.serial, 0);
        assert_int_equal(q.tracing.on, on);
}

/* Those of up to so many ports are told apart before they are told; beyond, all are. */
static void test_traced_ports(void **state) {
        struct varlink_client *c, *followers[TRACE_PORTS_MAX + 2];
        static const char *const names[] = { "port", "localPort", "peerPort" };
        struct scanner_request q;
        struct world *w = *state;

        c = begin(w, 10);
        for (unsigned i = 0; i <= TRACE_PORTS_MAX; i++) {
                followers[i] = subscribe(w, json_pack("{sbsbs{si}}", "trace", 1, "present", 0, "filter",
                                                      names[i % ELEMENTS(names)], 5000 + i), 0, 10);
                q = take_request(w);
                assert_true(q.serial == 0 && q.tracing.on == 1);
                for (unsigned k = 0; k < TRACE_PORTS_MAX; k++)
                        assert_int_equal(q.tracing.ports[k], k <= i && i < TRACE_PORTS_MAX ? 5000 + k : 0);
                assert_reply(followers[i], NULL, "ready");
        }
        /* What is traced already is no news. */
        followers[TRACE_PORTS_MAX + 1] = subscribe(w, json_pack("{sbsb}", "trace", 1, "present", 0), 0, 10);
        assert_reply(followers[TRACE_PORTS_MAX + 1], NULL, "ready");
        assert_false(request_waits(w, 100));
        varlink_client_free(followers[1]);
        assert_false(request_waits(w, 100));
        varlink_client_free(followers[TRACE_PORTS_MAX + 1]);
        q = take_request(w);
        assert_int_equal(q.tracing.on, 1);
        assert_int_equal(q.tracing.ports[0], 5000);
        for (unsigned k = 1; k < TRACE_PORTS_MAX; k++)
                assert_int_equal(q.tracing.ports[k], 5001 + k);
        varlink_client_free(followers[0]);
        assert_int_equal(take_request(w).tracing.ports[0], 5002);
        for (unsigned i = 2; i <= TRACE_PORTS_MAX; i++)
                varlink_client_free(followers[i]);
        do
                q = take_request(w);
        while (q.tracing.on);
        varlink_client_free(c);
}

/* Steps come to those who ask for them, while they do, and are remembered nowhere. */
static void test_trace(void **state) {
        struct varlink_client *c, *plain, *one, *all;
        struct world *w = *state;
        char since[TEXT_TIME_MAX];

        c = begin(w, 10);
        plain = subscribe(w, json_pack("{sb}", "present", 0), 0, 10);
        assert_reply(plain, NULL, "ready");
        one = subscribe(w, json_pack("{sbsbs{ss}}", "trace", 1, "present", 0, "filter", "peerAddress", "10.1.0.3"), 0, 10);
        assert_trace(w, true);
        assert_reply(one, NULL, "ready");
        all = client(w);
        call(all, "Monitor", json_pack("{sbsb}", "trace", 1, "present", 0));
        {
                /* Requests for looks go on saying it. */
                struct scanner_request q = take_request(w);

                assert_true(q.tracing.on == 1 && q.serial > 0);
                give(w, made_up(q.serial, 0, 10, 0));
        }
        assert_reply(all, NULL, "ready");

        give_news(w, made_up_news(CHANGE_STEP, 2, 2));
        give_news(w, made_up_news(CHANGE_ASSOCIATION_DOWN, 3, 1));
        assert_change(one, "step", 3 + 1);
        assert_change(one, "association_down", 3 + 1);
        assert_change(all, "step", 2 + 1);
        assert_change(all, "step", 3 + 1);
        assert_change(all, "association_down", 3 + 1);
        assert_change(plain, "association_down", 3 + 1);
        assert_int_equal(recall(c, json_pack("{ss}", "since", ALWAYS), since), 1);

        /* As long as one is left. */
        varlink_client_free(one);
        give_news(w, made_up_news(CHANGE_STEP, 5, 1));
        assert_change(all, "step", 5 + 1);
        assert_false(request_waits(w, 100));

        /* What was lost is told. */
        call(c, "ListAssociations", json_pack("{s{si}}", "filter", "port", 1));
        give(w, made_up_with(wait_for_request(w), 0, 3, 0, 77, NULL));
        {
                struct varlink_reply reply;

                for (;;) {
                        reply = receive(all);
                        if (reply.error)
                                break;
                        varlink_reply_done(&reply);
                }
                assert_string_equal(reply.error, "io.sctpmon.Monitor.Overrun");
                assert_true(json_integer_value(json_object_get(reply.parameters, "lost")) >= 77);
                varlink_reply_done(&reply);
        }
        assert_reply(c, NULL, "scan");
        assert_trace(w, false);

        /* What cannot be watched. */
        call(all, "Monitor", json_pack("{sbsb}", "trace", 1, "present", 0));
        give(w, made_up_with(wait_for_request(w), 0, 3, 0, 77, NULL));
        assert_trace(w, true);
        assert_reply(all, NULL, "ready");
        call(c, "ListAssociations", json_pack("{s{si}}", "filter", "port", 1));
        give(w, made_up_with(wait_for_request(w), 0, 3, 0, 0, "no rights"));
        assert_reply(all, "io.sctpmon.Monitor.EventsNotAvailable", "reason");
        assert_trace(w, false);
        assert_reply(c, NULL, "scan");
        call(all, "Monitor", json_pack("{sb}", "trace", 1));
        give(w, made_up_with(wait_for_request(w), 0, 3, 0, 0, "no rights"));
        assert_reply(all, "io.sctpmon.Monitor.EventsNotAvailable", "reason");
        varlink_client_free(c);
        varlink_client_free(plain);
        varlink_client_free(all);
}

static void assert_invalid(struct varlink_client *c, const char *method, json_t *parameters, const char *parameter) {
        struct varlink_reply reply;

        call(c, method, parameters);
        reply = receive(c);
        assert_string_equal(reply.error, "org.varlink.service.InvalidParameter");
        assert_string_equal(json_string_value(json_object_get(reply.parameters, "parameter")), parameter);
        varlink_reply_done(&reply);
}

static void test_history(void **state) {
        char since[TEXT_TIME_MAX], then[TEXT_TIME_MAX], later[TEXT_TIME_MAX];
        struct world *w = *state;
        struct varlink_client *c;

        w->config.history_changes = 1000;
        c = begin(w, 100);
        assert_int_equal(recall(c, NULL, since), 0);
        look(w, c, 10, 100);
        (void) usleep(2 * USEC_PER_MSEC);
        (void) text_time(clock_usec(CLOCK_REALTIME), then);
        (void) usleep(2 * USEC_PER_MSEC);
        assert_int_equal(recall(c, NULL, later), 20);
        assert_string_equal(later, since);
        look(w, c, 15, 100);
        assert_int_equal(recall(c, NULL, later), 30);
        assert_int_equal(recall(c, json_pack("{ss}", "since", then), later), 10);
        assert_int_equal(recall(c, json_pack("{ss}", "until", then), later), 20);
        assert_int_equal(recall(c, json_pack("{ssss}", "since", then, "until", then), later), 0);
        assert_int_equal(recall(c, json_pack("{s{ss}}", "filter", "peerAddress", "10.1.0.3"), later), 1);
        assert_int_equal(recall(c, json_pack("{s{ss}}", "filter", "state", "established"), later), 30);
        /* Nobody knows any more whether it was there. */
        assert_int_equal(recall(c, json_pack("{s{ss}}", "filter", "netns", "inode:77"), later), 0);
        assert_int_equal(recall(c, json_pack("{s{ss}}", "filter", "netns", "all"), later), 30);
        call(c, "GetHistory", json_pack("{s{ss}}", "filter", "netns", "green"));
        assert_error(c, "NamespaceNotFound");
        assert_invalid(c, "GetHistory", json_pack("{ss}", "since", "1969-12-31T00:00:00Z"), "since");
        assert_invalid(c, "GetHistory", json_pack("{ss}", "until", ""), "until");
        assert_invalid(c, "GetHistory", json_pack("{s{ss}}", "filter", "peerName", "hlr1"), "filter.peerName");
        assert_invalid(c, "GetHistory", json_pack("{s{ss}}", "filter", "peerName", "::1"), "filter.peerName");

        /* The oldest make room. */
        for (unsigned i = 1; i <= 10; i++)
                look(w, c, 15 + 100 * i, 100);
        assert_int_equal(recall(c, NULL, later), 1000);
        assert_true(strcmp(later, since) > 0);
        call(c, "GetStatus", NULL);
        {
                struct varlink_reply reply = receive(c);
                json_t *history = json_object_get(reply.parameters, "history");

                assert_int_equal(json_integer_value(json_object_get(history, "changes")), 1000);
                assert_int_equal(json_integer_value(json_object_get(history, "dropped")), 2030 - 1000);
                assert_true(json_integer_value(json_object_get(history, "bytes")) > 100000);
                assert_string_equal(json_string_value(json_object_get(history, "since")), later);
                varlink_reply_done(&reply);
        }
        varlink_client_free(c);
}

static void test_samples(void **state) {
        struct world *w = *state;
        struct varlink_reply reply;
        struct varlink_client *c;
        json_t *samples;

        /* Each look makes one. */
        w->config.sample_interval_usec = 1;
        w->config.scan_wait_usec = LONG_USEC;
        start(w, NULL);
        c = client(w);
        call(c, "GetSamples", json_pack("{si}", "associationId", 3));
        assert_error(c, "NoSnapshot");
        (void) scan_next(w, 0, 10, 0);
        for (uint64_t i = 0; i < 3; i++)
                look_wide(w, c, 0, 10, 1, 100 * i);

        call(c, "GetSamples", json_pack("{si}", "associationId", 3));
        reply = receive(c);
        assert_null(reply.error);
        /* No look, no sample. */
        assert_int_equal(json_integer_value(json_object_get(reply.parameters, "intervalMs")), 3600000);
        samples = json_object_get(reply.parameters, "samples");
        assert_int_equal(json_array_size(samples), 4);
        assert_null(json_object_get(json_array_get(samples, 0), "transmitQueueBytes"));
        for (unsigned i = 1; i < 4; i++)
                assert_int_equal(json_integer_value(json_object_get(json_array_get(samples, i), "transmitQueueBytes")),
                                 100 * (i - 1));
        assert_true(strcmp(json_string_value(json_object_get(json_array_get(samples, 0), "at")),
                           json_string_value(json_object_get(json_array_get(samples, 3), "at"))) <= 0);
        varlink_reply_done(&reply);

        call(c, "GetSamples", json_pack("{s{ss}}", "filter", "peerAddress", "10.1.0.4"));
        reply = receive(c);
        assert_int_equal(json_array_size(json_object_get(reply.parameters, "samples")), 4);
        varlink_reply_done(&reply);
        call(c, "GetSamples", NULL);
        assert_error(c, "AssociationAmbiguous");
        call(c, "GetSamples", json_pack("{si}", "associationId", 11));
        assert_error(c, "AssociationNotFound");
        call(c, "GetSamples", json_pack("{siss}", "associationId", 3, "netns", "inode:77"));
        assert_error(c, "NamespaceNotFound");
        assert_invalid(c, "GetSamples", json_pack("{si}", "associationId", 0), "associationId");

        call(c, "GetStatus", NULL);
        reply = receive(c);
        assert_int_equal(json_integer_value(json_object_get(json_object_get(reply.parameters, "history"), "samples")),
                         40);
        assert_null(json_object_get(reply.parameters, "notice"));
        varlink_reply_done(&reply);
        varlink_client_free(c);
}

/* There is no room for them, and the status says so. */
static void test_too_many_samples(void **state) {
        struct world *w = *state;
        struct varlink_reply reply;
        struct varlink_client *c;

        w->config.sample_bytes = 100000;
        c = begin(w, 1000);
        call(c, "GetStatus", NULL);
        for (;;) {
                bool told;

                reply = receive(c);
                told = json_object_get(reply.parameters, "notice");
                if (told)
                        assert_non_null(strstr(json_string_value(json_object_get(reply.parameters, "notice")),
                                               "no room for samples of "));
                varlink_reply_done(&reply);
                if (told)
                        break;
                call(c, "GetStatus", NULL);
        }
        varlink_client_free(c);
}

/* Peers are shown, told and asked for by name; a reload gives other names, one with a mistake none. */
static void test_names(void **state) {
        static const struct address address = { .family = AF_INET, .bytes = { 10, 1, 0, 2 } };
        struct world *w = *state;
        struct varlink_client *c;
        struct varlink_reply reply;
        char since[TEXT_TIME_MAX];
        unsigned matching;
        FILE *f;

        assert_int_equal(alias_table_new(&w->config.aliases), 0);
        assert_int_equal(alias_add(w->config.aliases, "hlr1"), 0);
        assert_int_equal(alias_add_address(w->config.aliases, &address), 0);
        assert_int_equal(alias_finish(w->config.aliases), 0);
        w->config.scan_wait_usec = LONG_USEC;
        start(w, NULL);
        c = client(w);
        (void) scan_next(w, 0, 10, 0);

        call(c, "ListAssociations", json_pack("{s{ss}}", "filter", "peerName", "hlr1"));
        (void) scan_next(w, 0, 10, 0);
        reply = receive(c);
        assert_string_equal(json_string_value(json_object_get(json_object_get(reply.parameters, "association"),
                                                              "peerName")), "hlr1");
        varlink_reply_done(&reply);
        assert_int_equal(count_rows(c, "association"), 0);
        call(c, "GetAssociation", json_pack("{s{ss}}", "filter", "peerName", "hlr1"));
        (void) scan_next(w, 0, 10, 0);
        reply = receive(c);
        assert_int_equal(id_of(json_object_get(reply.parameters, "association")), 3);
        assert_string_equal(json_string_value(json_object_get(json_object_get(reply.parameters, "association"),
                                                              "peerName")), "hlr1");
        varlink_reply_done(&reply);
        assert_invalid(c, "ListAssociations", json_pack("{s{ss}}", "filter", "peerName", "hlr2"), "filter.peerName");
        assert_invalid(c, "Monitor", json_pack("{s{ss}}", "filter", "peerName", "hlr2"), "filter.peerName");

        look(w, c, 3, 10);
        /* That SCTP is there, three ends, three beginnings. */
        assert_int_equal(journal_entries(w, 7, "SCTP_PEER_NAME=hlr1", &matching), 7);
        assert_int_equal(matching, 1);
        assert_int_equal(recall(c, json_pack("{s{ss}}", "filter", "peerName", "hlr1"), since), 1);

        for (unsigned i = 0; i < 2; i++) {
                f = fopen(w->config_path, "we");
                fputs(i == 0 ? "[Peer hlr2]\n" : "[Peer hlr2]\nAddress=10.1.0.5\n", f);
                assert_int_equal(fclose(f), 0);
                assert_int_equal(kill(w->pid, SIGHUP), 0);
                /* The one that is kept is found at once; for the other, until it is. */
                if (i == 1)
                        give(w, made_up(wait_for_request(w), 3, 10, 0));
                assert_invalid(c, "GetSamples", json_pack("{s{ss}}", "filter", "peerName", i == 0 ? "hlr2" : "hlr1"),
                               "filter.peerName");
                if (i == 0)
                        assert_int_equal(recall(c, json_pack("{s{ss}}", "filter", "peerName", "hlr1"), since), 1);
        }
        call(c, "GetAssociation", json_pack("{s{ss}}", "filter", "peerName", "hlr2"));
        (void) scan_next(w, 3, 10, 0);
        reply = receive(c);
        assert_int_equal(id_of(json_object_get(reply.parameters, "association")), 6);
        varlink_reply_done(&reply);
        varlink_client_free(c);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_past_present_and_future),
                TEST(test_without_the_present),
                TEST(test_what_came_meanwhile_is_not_there_any_more),
                TEST(test_ten_thousand_changes),
                TEST(test_some_stall),
                TEST(test_figures),
                TEST(test_trace),
                TEST(test_traced_ports),
                TEST(test_history),
                TEST(test_samples),
                TEST(test_too_many_samples),
                TEST(test_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
