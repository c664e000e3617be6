/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* The above are what cmocka.h asks for. */
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "clock.h"
#include "macro.h"

/* The real thing with limits that a test can reach, and with users and errors made up. */
#define SERVER_CONNECTIONS_MAX 12u
#define SERVER_CONNECTIONS_PER_USER_MAX 6u
#define SERVER_CONNECTIONS_FOR_ROOT 2u
#define SERVER_REQUEST_TIMEOUT_USEC (1000 * USEC_PER_MSEC)
#define SERVER_STALL_TIMEOUT_USEC (1500 * USEC_PER_MSEC)
#define SERVER_QUEUE_BYTES_MAX (1024u * 1024u)
#define SERVER_QUEUE_BYTES_ALL_MAX (2u * 1024u * 1024u)
#define SERVER_QUEUE_BYTES_LOW (64u * 1024u)
#define SERVER_ACCEPT_PAUSE_USEC (50 * USEC_PER_MSEC)

/* sd-event joins timers that are this close. */
#define TIMER_SLACK_USEC (300 * USEC_PER_MSEC)

static struct {
        int accept_errno;
        unsigned accepts;
        uid_t uid;
        size_t write_max;
} made_up;

static int fake_accept4(int fd, struct sockaddr *sa, socklen_t *size, int flags) {
        made_up.accepts++;
        if (made_up.accept_errno == 0)
                return accept4(fd, sa, size, flags);
        errno = made_up.accept_errno;
        return -1;
}

static int fake_getsockopt(int fd, int level, int option, void *value, socklen_t *size) {
        int r = getsockopt(fd, level, option, value, size);

        if (r == 0)
                ((struct ucred *) value)->uid = made_up.uid;
        return r;
}

/* Lets the kernel take a few bytes only, so that messages are cut anywhere. */
static ssize_t fake_sendmsg(int fd, const struct msghdr *mh, int flags) {
        assert_true(flags & MSG_NOSIGNAL);
        assert_true(flags & MSG_DONTWAIT);
        if (made_up.write_max == 0)
                return sendmsg(fd, mh, flags);
        return send(fd, mh->msg_iov[0].iov_base, MIN(mh->msg_iov[0].iov_len, made_up.write_max), flags);
}

#define accept4 fake_accept4
#define getsockopt fake_getsockopt
#define sendmsg fake_sendmsg
#include "../../daemon/message.c"
#include "../../daemon/server.c"
#undef accept4
#undef getsockopt
#undef sendmsg

static const char test_text[] =
        "interface org.example.test\n"
        "method Echo(text: ?string) -> (text: ?string)\n"
        "# [Supports 'more' flag]\n"
        "method Hold(nested: ?(x: int)) -> (n: ?int, pad: ?string)\n"
        "# [Requires 'more' flag]\n"
        "method Count(to: int, thenHold: ?bool) -> (n: int, pad: ?string)\n"
        "method Lie(error: ?string) -> (n: int)\n"
        "method Fail() -> ()\n"
        "method Missing() -> ()\n"
        "error Overrun(lost: int)\n";

#define HELD_MAX 16u

struct fixture {
        char directory[32], path[48];
        sd_event *event;
        struct server *server;
        struct call *held[HELD_MAX];
        unsigned n_held, hangups, releases, echoes;
        size_t queued_most;
        bool end_all_on_hangup;
};

struct count {
        struct fixture *t;
        json_int_t n, to;
        bool then_hold;
};

static int echo(struct call *call, json_t *parameters, void *userdata) {
        struct fixture *t = userdata;

        t->echoes++;
        return call_reply(call, json_incref(parameters));
}

static void forget(struct fixture *t, const struct call *call) {
        for (unsigned i = 0; i < t->n_held; i++)
                if (t->held[i] == call) {
                        t->held[i] = t->held[--t->n_held];
                        return;
                }
        fail();
}

static void held_hangup(struct call *call, void *userdata) {
        struct fixture *t = userdata;

        t->hangups++;
        forget(t, call);
        while (t->end_all_on_hangup && t->n_held > 0)
                assert_int_equal(call_reply(t->held[--t->n_held], NULL), 0);
}

static void keep(struct fixture *t, struct call *call) {
        assert_true(t->n_held < HELD_MAX);
        t->held[t->n_held++] = call;
        call_on_hangup(call, held_hangup, t);
}

static int hold(struct call *call, json_t *parameters, void *userdata) {
        assert_true(json_is_object(parameters));
        keep(userdata, call);
        return 0;
}

static int count_next(struct call *call, void *userdata) {
        struct count *count = userdata;
        struct fixture *t = count->t;

        t->queued_most = MAX(t->queued_most, call->connection->queued_bytes);
        assert_int_equal(t->releases, 0);
        if (count->n < count->to) {
                assert_int_equal(call_notify(call, json_pack("{s:I, s:s}", "n", count->n, "pad", "0123456789")), 0);
                count->n++;
                return 1;
        }

        if (count->then_hold)
                return 0;
        assert_int_equal(call_reply(call, json_pack("{s:I}", "n", count->n)), 0);
        assert_int_equal(t->releases, 0);
        return 0;
}

static void count_release(void *userdata) {
        struct count *count = userdata;

        count->t->releases++;
        free(count);
}

static int count_start(struct call *call, json_t *parameters, void *userdata) {
        struct count *count = malloc(sizeof(*count));

        assert_non_null(count);
        *count = (struct count) {
                .t = userdata,
                .to = json_integer_value(json_object_get(parameters, "to")),
                .then_hold = json_is_true(json_object_get(parameters, "thenHold")),
        };
        keep(userdata, call);
        if (!count->then_hold)
                ((struct fixture *) userdata)->n_held--;
        if (!count->then_hold)
                call_on_hangup(call, NULL, NULL);
        return call_stream(call, count_next, count_release, count);
}

static int lie(struct call *call, json_t *parameters, void *userdata) {
        const char *error = json_string_value(json_object_get(parameters, "error"));

        (void) userdata;
        if (error)
                return call_error(call, error, json_pack("{s:i}", "lost", 1));
        return call_reply(call, json_pack("{s:s}", "n", "1"));
}

static int fail_method(struct call *call, json_t *parameters, void *userdata) {
        (void) call;
        (void) parameters;
        (void) userdata;
        return -EIO;
}

static const struct server_method_entry methods[] = {
        { "Echo", echo },
        { "Hold", hold },
        { "Count", count_start, .needs_more = true },
        { "Lie", lie },
        { "Fail", fail_method },
        {}
};

static struct fixture *fixture_new(void) {
        struct fixture *t = calloc(1, sizeof(*t));
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        int fd;

        assert_non_null(t);
        memset(&made_up, 0, sizeof(made_up));
        strcpy(t->directory, "/tmp/test-server-XXXXXX");
        assert_non_null(mkdtemp(t->directory));
        assert_true(snprintf(t->path, sizeof(t->path), "%s/socket", t->directory) > 0);
        strcpy(sa.sun_path, t->path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &sa, sizeof(sa)), 0);
        assert_int_equal(listen(fd, 64), 0);

        assert_true(sd_event_new(&t->event) >= 0);
        assert_int_equal(server_new(t->event, &t->server), 0);
        assert_int_equal(server_set_info(t->server, "V", "P", "1", "https://example.org"), 0);
        assert_int_equal(server_add_interface(t->server, test_text, methods, t), 0);
        server_set_strict(t->server, true);
        assert_int_equal(server_listen(t->server, fd), 0);
        return t;
}

static void fixture_free(struct fixture *t) {
        assert_null(server_free(t->server));
        assert_int_equal(t->n_held, 0);
        sd_event_unref(t->event);
        unlink(t->path);
        rmdir(t->directory);
        free(t);
}

/* All that can be done without waiting. */
static void settle(struct fixture *t) {
        int r;

        while ((r = sd_event_run(t->event, 0)) > 0)
                ;
        assert_int_equal(r, 0);
}

static void run_for(struct fixture *t, uint64_t usec) {
        uint64_t end = clock_usec(CLOCK_MONOTONIC) + usec, now;

        while ((now = clock_usec(CLOCK_MONOTONIC)) < end)
                assert_true(sd_event_run(t->event, end - now) >= 0);
}

struct peer {
        int fd;
        struct varlink_input in;
};

static struct peer peer_new(struct fixture *t) {
        struct peer p = { .in.max = SERVER_QUEUE_BYTES_MAX };
        struct sockaddr_un sa = { .sun_family = AF_UNIX };

        strcpy(sa.sun_path, t->path);
        p.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(p.fd >= 0);
        assert_int_equal(connect(p.fd, (struct sockaddr *) &sa, sizeof(sa)), 0);
        settle(t);
        return p;
}

static void peer_done(struct peer *p) {
        close(p->fd);
        varlink_input_done(&p->in);
}

static void put_bytes(struct peer *p, const char *data, size_t length) {
        assert_int_equal(send(p->fd, data, length, MSG_NOSIGNAL), (ssize_t) length);
}

static void put(struct peer *p, const char *text) {
        put_bytes(p, text, strlen(text) + 1);
}

static const char *peer_take(struct fixture *t, struct peer *p) {
        uint64_t end = clock_usec(CLOCK_MONOTONIC) + 10 * USEC_PER_SEC;
        const char *text;
        size_t length;

        while (varlink_input_next(&p->in, &text, &length) == 0) {
                ssize_t n;

                settle(t);
                n = varlink_input_read(&p->in, p->fd);
                if (n <= 0 && n != -EAGAIN)
                        return NULL;
                assert_true(clock_usec(CLOCK_MONOTONIC) < end);
        }
        return text;
}

static void expect(struct fixture *t, struct peer *p, const char *text) {
        const char *got = peer_take(t, p);

        assert_non_null(got);
        assert_string_equal(got, text);
}

static void expect_error(struct fixture *t, struct peer *p, const char *error, const char *parameter) {
        _cleanup_free_ char *text = NULL;

        assert_true(asprintf(&text,
                             "{\"error\":\"org.varlink.service.%s\",\"parameters\":{%s}}", error, parameter) > 0);
        expect(t, p, text);
}

static void expect_silence(struct fixture *t, struct peer *p) {
        const char *text;
        size_t length;

        settle(t);
        assert_int_equal(varlink_input_next(&p->in, &text, &length), 0);
        assert_int_equal(varlink_input_read(&p->in, p->fd), -EAGAIN);
}

static void expect_closed(struct fixture *t, struct peer *p) {
        assert_null(peer_take(t, p));
        assert_int_equal(p->in.size, p->in.used);
}

static void expect_echo(struct fixture *t, struct peer *p) {
        put(p, "{\"method\":\"org.example.test.Echo\",\"parameters\":{\"text\":\"hello\"}}");
        expect(t, p, "{\"parameters\":{\"text\":\"hello\"}}");
}

#define HOLD "{\"method\":\"org.example.test.Hold\"}"
#define HOLD_MORE "{\"method\":\"org.example.test.Hold\",\"more\":true}"
#define ECHO_EMPTY "{\"method\":\"org.example.test.Echo\"}"
#define EMPTY "{\"parameters\":{}}"
#define COUNT(to) "{\"method\":\"org.example.test.Count\",\"parameters\":{\"to\":" #to "},\"more\":true}"
#define COUNT_THEN_HOLD(to) \
        "{\"method\":\"org.example.test.Count\",\"parameters\":{\"to\":" #to ",\"thenHold\":true},\"more\":true}"

static void test_service(void **state) {
        struct fixture *t = fixture_new();
        struct peer p = peer_new(t);
        json_t *reply;

        (void) state;
        put(&p, "{\"method\":\"org.varlink.service.GetInfo\"}");
        expect(t, &p, "{\"parameters\":{\"vendor\":\"V\",\"product\":\"P\",\"version\":\"1\","
                      "\"url\":\"https://example.org\","
                      "\"interfaces\":[\"org.varlink.service\",\"org.example.test\"]}}");
        put(&p, "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":"
                "\"org.example.test\"}}");
        reply = json_loads(peer_take(t, &p), 0, NULL);
        assert_string_equal(json_string_value(json_object_get(json_object_get(reply, "parameters"), "description")),
                            test_text);
        json_decref(reply);
        put(&p, "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":"
                "\"org.no\"}}");
        expect_error(t, &p, "InterfaceNotFound", "\"interface\":\"org.no\"");
        put(&p, "{\"method\":\"org.varlink.service.GetInterfaceDescription\"}");
        expect_error(t, &p, "InvalidParameter", "\"parameter\":\"interface\"");
        put(&p, "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":1}}");
        expect_error(t, &p, "InvalidParameter", "\"parameter\":\"interface\"");
        put(&p, "{\"method\":\"org.varlink.service.GetInfo\",\"parameters\":{\"x\":1}}");
        expect_error(t, &p, "InvalidParameter", "\"parameter\":\"x\"");
        peer_done(&p);
        fixture_free(t);
}

static void test_refused_calls(void **state) {
        struct fixture *t = fixture_new();
        struct peer p = peer_new(t);

        (void) state;
        put(&p, "{\"method\":\"org.no.Echo\"}");
        expect_error(t, &p, "InterfaceNotFound", "\"interface\":\"org.no\"");
        put(&p, "{\"method\":\"Echo\"}");
        expect_error(t, &p, "InterfaceNotFound", "\"interface\":\"Echo\"");
        put(&p, "{\"method\":\"org.example.test\"}");
        expect_error(t, &p, "InterfaceNotFound", "\"interface\":\"org.example\"");
        put(&p, "{\"method\":\"org.example.test.None\"}");
        expect_error(t, &p, "MethodNotFound", "\"method\":\"org.example.test.None\"");
        put(&p, "{\"method\":\"org.example.test.\"}");
        expect_error(t, &p, "MethodNotFound", "\"method\":\"org.example.test.\"");
        put(&p, "{\"method\":\"org.example.test.Missing\"}");
        expect_error(t, &p, "MethodNotImplemented", "\"method\":\"org.example.test.Missing\"");
        put(&p, "{\"method\":\"org.example.test.Count\",\"parameters\":{\"to\":1}}");
        expect_error(t, &p, "ExpectedMore", "");
        put(&p, "{\"method\":\"org.example.test.Count\",\"parameters\":{\"to\":1.5},\"more\":true}");
        expect_error(t, &p, "InvalidParameter", "\"parameter\":\"to\"");
        put(&p, "{\"method\":\"org.example.test.Hold\",\"parameters\":{\"nested\":{\"x\":null}}}");
        expect_error(t, &p, "InvalidParameter", "\"parameter\":\"nested.x\"");
        put(&p, "{\"method\":\"org.example.test.Echo\",\"upgrade\":true}");
        expect_error(t, &p, "InvalidParameter", "\"parameter\":\"upgrade\"");
        expect_echo(t, &p);
        put(&p, "{\"method\":\"org.example.test.Fail\"}");
        expect_closed(t, &p);
        assert_int_equal(server_get_counts(t->server).refused_messages, 0);
        assert_int_equal(server_get_counts(t->server).invalid_replies, 0);
        peer_done(&p);
        fixture_free(t);
}

static void test_byte_by_byte(void **state) {
        static const char text[] = "{\"method\":\"org.example.test.Echo\",\"parameters\":{\"text\":\"\u00e4\"}}";
        struct fixture *t = fixture_new();
        struct peer p = peer_new(t);

        (void) state;
        made_up.write_max = 1;
        for (unsigned round = 0; round < 2; round++) {
                for (size_t i = 0; i < sizeof(text); i++) {
                        expect_silence(t, &p);
                        put_bytes(&p, text + i, 1);
                }
                expect(t, &p, "{\"parameters\":{\"text\":\"\u00e4\"}}");
        }
        peer_done(&p);
        fixture_free(t);
}

static void test_pipelining(void **state) {
        static const char three[] = HOLD "\0" ECHO_EMPTY "\0" HOLD_MORE "\0" "{\"method\":\"org.no.X\"}";
        struct fixture *t = fixture_new();
        struct peer p = peer_new(t);

        (void) state;
        put_bytes(&p, three, sizeof(three));
        expect_silence(t, &p);
        assert_int_equal(t->n_held, 1);
        assert_int_equal(t->echoes, 0);
        /* Nothing more comes in, still the next ones are looked at. */
        assert_int_equal(call_reply(t->held[--t->n_held], json_pack("{s:i}", "n", 1)), 0);
        expect(t, &p, "{\"parameters\":{\"n\":1}}");
        expect(t, &p, EMPTY);
        expect_silence(t, &p);
        assert_int_equal(t->n_held, 1);
        assert_int_equal(call_notify(t->held[0], json_pack("{s:i}", "n", 2)), 0);
        expect(t, &p, "{\"parameters\":{\"n\":2},\"continues\":true}");
        expect_silence(t, &p);
        assert_int_equal(call_error(t->held[--t->n_held], "org.example.test.Overrun",
                                    json_pack("{s:i}", "lost", 3)), 0);
        expect(t, &p, "{\"error\":\"org.example.test.Overrun\",\"parameters\":{\"lost\":3}}");
        expect_error(t, &p, "InterfaceNotFound", "\"interface\":\"org.no\"");
        peer_done(&p);
        fixture_free(t);
}

/* Calls that wait together, more than fit into one turn; another client has its turn between. */
static void test_fairness(void **state) {
        struct fixture *t = fixture_new();
        struct peer many = peer_new(t), one = peer_new(t);
        char calls[1000][sizeof(ECHO_EMPTY)];
        const char *text;
        size_t length;

        (void) state;
        for (unsigned i = 0; i < 1000; i++)
                memcpy(calls[i], ECHO_EMPTY, sizeof(ECHO_EMPTY));
        put_bytes(&many, calls[0], sizeof(calls));
        put(&one, "{\"method\":\"org.varlink.service.GetInfo\"}");
        do {
                assert_int_equal(sd_event_run(t->event, 0), 1);
                assert_true(t->echoes <= 4 * SERVER_CALLS_PER_TURN);
                (void) varlink_input_read(&one.in, one.fd);
        } while (varlink_input_next(&one.in, &text, &length) == 0);

        for (unsigned i = 0; i < 1000; i++)
                expect(t, &many, EMPTY);
        expect_silence(t, &many);
        assert_int_equal(t->echoes, 1000);
        peer_done(&many);
        peer_done(&one);
        fixture_free(t);
}

/* One user has several connections full of calls: another one waits for a turn or two, and not for one of each. */
static void test_fairness_between_users(void **state) {
        struct fixture *t = fixture_new();
        struct peer many[SERVER_CONNECTIONS_PER_USER_MAX], one;
        char calls[100][sizeof(ECHO_EMPTY)];
        const char *text;
        size_t length;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(calls); i++)
                memcpy(calls[i], ECHO_EMPTY, sizeof(ECHO_EMPTY));
        made_up.uid = 1000;
        for (size_t i = 0; i < ELEMENTS(many); i++)
                many[i] = peer_new(t);
        made_up.uid = 1001;
        one = peer_new(t);
        for (unsigned round = 1; round <= 3; round++) {
                for (size_t i = 0; i < ELEMENTS(many); i++)
                        put_bytes(&many[i], calls[0], sizeof(calls));
                put(&one, "{\"method\":\"org.varlink.service.GetInfo\"}");
                t->echoes = 0;
                do {
                        assert_int_equal(sd_event_run(t->event, 0), 1);
                        assert_true(t->echoes <= 2 * SERVER_CALLS_PER_TURN);
                        (void) varlink_input_read(&one.in, one.fd);
                } while (varlink_input_next(&one.in, &text, &length) == 0);

                /* All the same they are answered, each in its turn. */
                for (size_t i = 0; i < ELEMENTS(many); i++)
                        for (size_t j = 0; j < ELEMENTS(calls); j++)
                                expect(t, &many[i], EMPTY);
                assert_int_equal(t->echoes, ELEMENTS(many) * ELEMENTS(calls));
        }
        for (size_t i = 0; i < ELEMENTS(many); i++)
                peer_done(&many[i]);
        peer_done(&one);
        settle(t);
        assert_true(TAILQ_EMPTY(&t->server->users));
        fixture_free(t);
}

static void test_oneway(void **state) {
        struct fixture *t = fixture_new();
        struct peer p = peer_new(t);

        (void) state;
        put(&p, "{\"method\":\"org.example.test.Echo\",\"oneway\":true}");
        put(&p, "{\"method\":\"org.example.test.None\",\"oneway\":true}");
        put(&p, "{\"method\":\"org.example.test.Echo\",\"parameters\":{\"x\":1},\"oneway\":true}");
        put(&p, "{\"method\":\"org.example.test.Count\",\"parameters\":{\"to\":1},\"oneway\":true}");
        put(&p, "{\"method\":\"org.example.test.Hold\",\"oneway\":true}");
        expect_silence(t, &p);
        assert_int_equal(t->echoes, 1);
        assert_int_equal(t->n_held, 1);
        assert_int_equal(call_notify(t->held[0], NULL), 0);
        assert_int_equal(call_reply(t->held[--t->n_held], NULL), 0);
        expect_silence(t, &p);
        expect_echo(t, &p);

        /* Who expects no answer need not wait for one: all of these count. */
        for (unsigned i = 0; i < 100; i++)
                put(&p, "{\"method\":\"org.example.test.Echo\",\"oneway\":true}");
        peer_done(&p);
        settle(t);
        assert_int_equal(t->echoes, 102);
        assert_int_equal(server_get_counts(t->server).connected, 0);
        assert_int_equal(server_get_counts(t->server).refused_messages, 0);
        fixture_free(t);
}

static void test_garbage(void **state) {
        static const char *const texts[] = {
                "",
                "GET / HTTP/1.1\r\n",
                "[]",
                "{}",
                "{\"method\":\"a.b.C\",\"method\":\"a.b.C\"}",
                "{\"method\":\"a.b.\xff\"}",
                "{\"method\":\"org.example.test.Echo\",\"parameters\":{\"text\":\"\xc3\"}}",
                "{\"method\":\"org.example.test.Echo\",\"more\":true,\"oneway\":true}",
                "{\"method\":\"org.example.test.Echo\",\"extra\":true}",
        };
        struct fixture *t = fixture_new();
        struct peer other = peer_new(t);

        (void) state;
        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                struct peer p = peer_new(t);

                /* What was asked before is answered. */
                put(&p, ECHO_EMPTY);
                put(&p, texts[i]);
                put(&p, ECHO_EMPTY);
                expect(t, &p, EMPTY);
                expect_closed(t, &p);
                assert_int_equal(server_get_counts(t->server).refused_messages, i + 1);
                peer_done(&p);
                expect_echo(t, &other);
        }
        assert_int_equal(server_get_counts(t->server).connected, 1);
        peer_done(&other);
        fixture_free(t);
}

static void test_message_size(void **state) {
        static const char head[] = "{\"method\":\"org.example.test.Echo\",\"parameters\":{\"text\":\"", tail[] = "\"}}";

        (void) state;
        for (size_t extra = 0; extra < 2; extra++) {
                struct fixture *t = fixture_new();
                struct peer p = peer_new(t);
                size_t length = VARLINK_REQUEST_BYTES_MAX + extra;
                _cleanup_free_ char *text = malloc(length + 1);

                assert_non_null(text);
                memset(text, 'x', length);
                memcpy(text, head, sizeof(head) - 1);
                memcpy(text + length - sizeof(tail) + 1, tail, sizeof(tail));
                put(&p, text);
                if (extra == 0) {
                        assert_non_null(peer_take(t, &p));
                        expect_echo(t, &p);
                } else
                        expect_closed(t, &p);
                assert_int_equal(server_get_counts(t->server).refused_messages, extra);
                peer_done(&p);
                fixture_free(t);
        }
}

static void test_ten_megabytes(void **state) {
        static const char zeros[2] = { '[', '{' };

        (void) state;
        for (size_t i = 0; i < sizeof(zeros); i++) {
                struct fixture *t = fixture_new();
                struct peer p = peer_new(t);
                char data[65536];
                size_t sent = 0;

                memset(data, zeros[i], sizeof(data));
                while (sent < 10000000) {
                        ssize_t n = send(p.fd, data, sizeof(data), MSG_NOSIGNAL);

                        settle(t);
                        if (n < 0 && errno != EAGAIN)
                                break;
                        sent += n > 0 ? (size_t) n : 0;
                }
                assert_true(sent < 1000000);
                assert_int_equal(server_get_counts(t->server).refused_messages, 1);
                assert_int_equal(server_get_counts(t->server).connected, 0);
                peer_done(&p);
                fixture_free(t);
        }
}

static void test_half_a_message(void **state) {
        struct fixture *t = fixture_new();
        struct peer idle = peer_new(t), busy = peer_new(t), half = peer_new(t), eof = peer_new(t);

        (void) state;
        put(&busy, HOLD);
        put_bytes(&busy, "{\"met", 5);
        put_bytes(&half, "{", 1);
        put_bytes(&eof, "{\"method\"", 9);
        shutdown(eof.fd, SHUT_WR);
        expect_closed(t, &eof);
        assert_int_equal(server_get_counts(t->server).refused_messages, 1);

        /* More bytes do not buy more time. */
        for (unsigned i = 0; i < 3; i++) {
                run_for(t, SERVER_REQUEST_TIMEOUT_USEC / 10);
                put_bytes(&half, " ", 1);
        }
        expect_silence(t, &half);
        run_for(t, SERVER_REQUEST_TIMEOUT_USEC * 7 / 10 + TIMER_SLACK_USEC);
        expect_closed(t, &half);
        assert_int_equal(server_get_counts(t->server).refused_messages, 2);

        /* Neither who says nothing is late, nor who waits for an answer. */
        expect_echo(t, &idle);
        expect_silence(t, &busy);
        assert_int_equal(call_reply(t->held[--t->n_held], NULL), 0);
        expect(t, &busy, EMPTY);
        put_bytes(&busy, "hod\":\"org.example.test.Echo\"}", 30);
        expect(t, &busy, EMPTY);
        run_for(t, SERVER_REQUEST_TIMEOUT_USEC + TIMER_SLACK_USEC);
        expect_echo(t, &busy);
        assert_int_equal(server_get_counts(t->server).connected, 2);
        peer_done(&idle);
        peer_done(&busy);
        peer_done(&half);
        peer_done(&eof);
        fixture_free(t);
}

static void test_half_close(void **state) {
        struct fixture *t = fixture_new();
        struct peer p = peer_new(t), held = peer_new(t), silent = peer_new(t);

        (void) state;
        for (unsigned i = 0; i < 50; i++)
                put(&p, ECHO_EMPTY);
        shutdown(p.fd, SHUT_WR);
        for (unsigned i = 0; i < 50; i++)
                expect(t, &p, EMPTY);
        expect_closed(t, &p);

        put(&held, HOLD_MORE);
        put(&held, ECHO_EMPTY);
        shutdown(held.fd, SHUT_WR);
        expect_silence(t, &held);
        assert_int_equal(call_notify(t->held[0], NULL), 0);
        expect(t, &held, "{\"parameters\":{},\"continues\":true}");
        assert_int_equal(call_reply(t->held[--t->n_held], NULL), 0);
        expect(t, &held, EMPTY);
        expect(t, &held, EMPTY);
        expect_closed(t, &held);

        shutdown(silent.fd, SHUT_WR);
        expect_closed(t, &silent);
        assert_int_equal(t->hangups, 0);
        assert_int_equal(server_get_counts(t->server).refused_messages, 0);
        assert_int_equal(server_get_counts(t->server).connected, 0);
        peer_done(&p);
        peer_done(&held);
        peer_done(&silent);
        fixture_free(t);
}

/* Asks on and on and reads nothing. */
static void test_never_reads(void **state) {
        static const char head[] = "{\"method\":\"org.example.test.Echo\",\"parameters\":{\"text\":\"", tail[] = "\"}}";
        struct fixture *t = fixture_new();
        struct peer p = peer_new(t), other = peer_new(t);
        char text[30000];
        unsigned stuck = 0, sent = 0;

        (void) state;
        memset(text, 'x', sizeof(text));
        memcpy(text, head, sizeof(head) - 1);
        memcpy(text + sizeof(text) - sizeof(tail), tail, sizeof(tail));
        while (stuck < 3) {
                ssize_t n = send(p.fd, text, sizeof(text), MSG_NOSIGNAL);

                stuck = n < 0 ? stuck + 1 : 0;
                sent += n > 0;
                /* A stream socket takes part of it: the rest of the message is missing then. */
                if (n > 0 && n < (ssize_t) sizeof(text))
                        break;
                settle(t);
                assert_true(t->server->queued_bytes < SERVER_QUEUE_BYTES_LOW + 2 * sizeof(text));
        }
        assert_true(sent > 4);
        assert_true(t->echoes < sent);
        expect_echo(t, &other);

        run_for(t, SERVER_STALL_TIMEOUT_USEC + TIMER_SLACK_USEC);
        assert_int_equal(server_get_counts(t->server).connected, 1);
        assert_int_equal(server_get_counts(t->server).overruns, 1);
        assert_int_equal(t->server->queued_bytes, 0);
        expect_echo(t, &other);
        peer_done(&p);
        peer_done(&other);
        fixture_free(t);
}

/* The same, but reads in the end: nothing is lost. */
static void test_reads_late(void **state) {
        struct fixture *t = fixture_new();
        struct peer p = peer_new(t);
        unsigned sent = 0, stuck = 0;

        (void) state;
        while (stuck < 3) {
                static const char text[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
                ssize_t n = send(p.fd, text, sizeof(text), MSG_NOSIGNAL);

                assert_true(n < 0 || n == sizeof(text));
                stuck = n < 0 ? stuck + 1 : 0;
                sent += n > 0;
                if (n < 0)
                        settle(t);
        }
        for (unsigned i = 0; i < sent; i++)
                assert_non_null(peer_take(t, &p));
        expect_silence(t, &p);
        expect_echo(t, &p);
        peer_done(&p);
        fixture_free(t);
}

static void expect_numbers(struct fixture *t, struct peer *p, unsigned from, unsigned to) {
        for (unsigned i = from; i < to; i++) {
                char text[100];

                snprintf(text, sizeof(text),
                         "{\"parameters\":{\"n\":%u,\"pad\":\"0123456789\"},\"continues\":true}", i);
                expect(t, p, text);
        }
}

static void test_stream(void **state) {
        struct fixture *t = fixture_new();
        struct peer p = peer_new(t);

        (void) state;
        server_set_strict(t->server, false);
        put(&p, COUNT(50000));
        put(&p, ECHO_EMPTY);
        expect_numbers(t, &p, 0, 50000);
        expect(t, &p, "{\"parameters\":{\"n\":50000}}");
        expect(t, &p, EMPTY);
        assert_int_equal(t->releases, 1);
        assert_true(t->queued_most <= SERVER_QUEUE_BYTES_LOW);

        t->releases = 0;
        put(&p, COUNT(0));
        expect(t, &p, "{\"parameters\":{\"n\":0}}");
        assert_int_equal(t->releases, 1);

        /* Cut anywhere */
        t->releases = 0;
        made_up.write_max = 7;
        put(&p, COUNT(100));
        expect_numbers(t, &p, 0, 100);
        expect(t, &p, "{\"parameters\":{\"n\":100}}");
        peer_done(&p);
        fixture_free(t);
}

/* A list first, then news, on one call. */
static void test_stream_then_hold(void **state) {
        struct fixture *t = fixture_new();
        struct peer p = peer_new(t);

        (void) state;
        put(&p, COUNT_THEN_HOLD(10));
        expect_numbers(t, &p, 0, 10);
        expect_silence(t, &p);
        assert_int_equal(t->releases, 1);
        assert_int_equal(t->n_held, 1);
        assert_int_equal(call_notify(t->held[0], json_pack("{s:i}", "n", 99)), 0);
        expect(t, &p, "{\"parameters\":{\"n\":99},\"continues\":true}");
        peer_done(&p);
        settle(t);
        assert_int_equal(t->hangups, 1);
        fixture_free(t);
}

static void test_stream_hangup(void **state) {
        struct fixture *t = fixture_new();
        struct peer p = peer_new(t);

        (void) state;
        put(&p, COUNT_THEN_HOLD(1000000));
        expect_numbers(t, &p, 0, 100);
        assert_int_equal(t->releases, 0);
        peer_done(&p);
        settle(t);
        assert_int_equal(t->releases, 1);
        assert_int_equal(t->hangups, 1);
        assert_int_equal(t->server->queued_bytes, 0);
        fixture_free(t);
}

static void test_stream_stalls(void **state) {
        struct fixture *t = fixture_new();
        struct peer p = peer_new(t);

        (void) state;
        put(&p, COUNT(1000000));
        settle(t);
        assert_true(t->server->queued_bytes < 2 * SERVER_QUEUE_BYTES_LOW);
        /* Reading a little is reading. */
        for (unsigned i = 0; i < 7; i++) {
                run_for(t, SERVER_STALL_TIMEOUT_USEC / 4);
                expect_numbers(t, &p, i * 1000, i * 1000 + 1000);
        }
        assert_int_equal(t->releases, 0);
        run_for(t, 2 * (SERVER_STALL_TIMEOUT_USEC + TIMER_SLACK_USEC));
        assert_int_equal(t->releases, 1);
        assert_int_equal(server_get_counts(t->server).connected, 0);
        assert_int_equal(server_get_counts(t->server).overruns, 1);
        peer_done(&p);
        fixture_free(t);
}

/* The owner ends a stream that is read too slowly: the caller sees whole messages, then why. */
static void test_stream_ended_from_outside(void **state) {
        struct fixture *t = fixture_new();
        struct peer p = peer_new(t);
        unsigned n = 0;
        const char *text;

        (void) state;
        put(&p, COUNT_THEN_HOLD(1000000));
        settle(t);
        assert_int_equal(call_error(t->held[--t->n_held], "org.example.test.Overrun",
                                    json_pack("{s:i}", "lost", 7)), 0);
        assert_int_equal(t->releases, 1);
        while ((text = peer_take(t, &p)) && strstr(text, "continues"))
                n++;
        assert_true(n > 1000);
        assert_string_equal(text, "{\"error\":\"org.example.test.Overrun\",\"parameters\":{\"lost\":7}}");
        expect_echo(t, &p);
        assert_int_equal(t->releases, 1);
        peer_done(&p);
        fixture_free(t);
}

static void test_stream_needs_more(void **state) {
        struct fixture *t = fixture_new();
        struct peer p = peer_new(t);
        struct count *count = calloc(1, sizeof(*count));

        (void) state;
        assert_non_null(count);
        count->t = t;
        put(&p, HOLD);
        settle(t);
        assert_int_equal(call_notify(t->held[0], NULL), -EINVAL);
        assert_int_equal(call_stream(t->held[0], count_next, count_release, count), -EINVAL);
        assert_int_equal(t->releases, 1);
        assert_int_equal(call_invalid(t->held[--t->n_held], "nested"), 0);
        expect_error(t, &p, "InvalidParameter", "\"parameter\":\"nested\"");
        peer_done(&p);
        fixture_free(t);
}

static void test_overrun(void **state) {
        struct fixture *t = fixture_new();
        struct peer p = peer_new(t);
        _cleanup_(message_unref_p) struct message *m = NULL;
        char pad[1000] = "";
        unsigned n = 0, got = 0;
        const char *text;
        int r;

        (void) state;
        put(&p, HOLD_MORE);
        settle(t);
        memset(pad, 'x', sizeof(pad) - 1);
        assert_int_equal(message_new(json_pack("{s:i, s:s}", "n", 1, "pad", pad), NULL, true, &m), 0);
        while ((r = call_notify_message(t->held[0], m)) == 0)
                n++;
        assert_int_equal(r, -ENOBUFS);
        assert_true(n > SERVER_QUEUE_BYTES_MAX / 1100 && n < SERVER_QUEUE_BYTES_MAX / 1000);
        assert_int_equal(call_notify(t->held[0], json_pack("{s:i, s:s}", "n", 1, "pad", pad)), -ENOBUFS);
        assert_int_equal(server_get_counts(t->server).overruns, 1);
        settle(t);
        assert_int_equal(call_error(t->held[--t->n_held], "org.example.test.Overrun",
                                    json_pack("{s:i}", "lost", 2)), 0);

        while ((text = peer_take(t, &p)) && strcmp(text, "{\"error\":\"org.example.test.Overrun\","
                                                         "\"parameters\":{\"lost\":2}}") != 0) {
                assert_string_equal(text, m->text);
                got++;
        }
        assert_non_null(text);
        assert_int_equal(got, n);
        expect_echo(t, &p);
        assert_int_equal(t->server->queued_bytes, 0);
        assert_int_equal(m->refs, 1);
        peer_done(&p);
        fixture_free(t);
}

/* What is shared counts once; what is not is bounded for all together, but each gets a little. */
static void test_queue_of_all(void **state) {
        struct fixture *t = fixture_new();
        struct peer p[4];
        char pad[10000] = "";
        size_t bytes = 0;
        unsigned refused = 0;

        (void) state;
        server_set_strict(t->server, false);
        memset(pad, 'x', sizeof(pad) - 1);
        for (size_t i = 0; i < ELEMENTS(p); i++) {
                p[i] = peer_new(t);
                put(&p[i], HOLD_MORE);
        }
        settle(t);
        assert_int_equal(t->n_held, ELEMENTS(p));

        for (;;) {
                _cleanup_(message_unref_p) struct message *m = NULL;
                int r = 0;

                assert_int_equal(message_new(json_pack("{s:s}", "pad", pad), NULL, true, &m), 0);
                for (size_t i = 0; i < ELEMENTS(p); i++)
                        r = call_notify_message(t->held[i], m);
                if (r < 0)
                        break;
                bytes += m->length;
        }
        assert_true(bytes > SERVER_QUEUE_BYTES_MAX - 2 * sizeof(pad));
        assert_true(t->server->queued_bytes < bytes + 16384);

        for (size_t i = 0; i < ELEMENTS(p); i++)
                peer_done(&p[i]);
        settle(t);
        assert_int_equal(t->server->queued_bytes, 0);
        assert_int_equal(t->hangups, ELEMENTS(p));

        for (size_t i = 0; i < ELEMENTS(p); i++) {
                p[i] = peer_new(t);
                put(&p[i], HOLD_MORE);
        }
        settle(t);
        for (size_t i = 0; i < ELEMENTS(p); i++) {
                unsigned n = 0;

                while (call_notify(t->held[i], json_pack("{s:s}", "pad", pad)) == 0)
                        n++;
                assert_true(n * sizeof(pad) >= SERVER_QUEUE_BYTES_LOW);
                refused += n < SERVER_QUEUE_BYTES_MAX / sizeof(pad) / 2;
                assert_true(t->server->queued_bytes <
                            SERVER_QUEUE_BYTES_ALL_MAX + ELEMENTS(p) * (SERVER_QUEUE_BYTES_LOW + 2 * sizeof(pad)));
        }
        assert_int_equal(refused, 2);
        for (size_t i = 0; i < ELEMENTS(p); i++)
                peer_done(&p[i]);
        fixture_free(t);
}

static void test_hangup(void **state) {
        struct fixture *t = fixture_new();
        struct peer p[3];

        (void) state;
        for (size_t i = 0; i < ELEMENTS(p); i++) {
                p[i] = peer_new(t);
                put(&p[i], i == 1 ? HOLD : HOLD_MORE);
        }
        settle(t);
        assert_int_equal(t->n_held, 3);

        /* Writing to one that has gone does not call back from within. */
        peer_done(&p[0]);
        assert_int_equal(call_notify(t->held[0], NULL), 0);
        assert_int_equal(t->hangups, 0);
        /* The callback takes its own call off the list, and ends the others. */
        t->end_all_on_hangup = true;
        settle(t);
        assert_int_equal(t->hangups, 1);
        assert_int_equal(t->n_held, 0);
        expect(t, &p[1], EMPTY);
        expect(t, &p[2], EMPTY);
        expect_echo(t, &p[1]);

        /* A call that was answered is nobody's any more. */
        peer_done(&p[1]);
        peer_done(&p[2]);
        settle(t);
        assert_int_equal(t->hangups, 1);
        assert_int_equal(server_get_counts(t->server).connected, 0);
        fixture_free(t);
}

static void test_free_with_calls(void **state) {
        struct fixture *t = fixture_new();
        struct peer p[3];

        (void) state;
        for (size_t i = 0; i < ELEMENTS(p); i++)
                p[i] = peer_new(t);
        put(&p[0], HOLD);
        put(&p[1], COUNT_THEN_HOLD(1000000));
        settle(t);
        assert_int_equal(t->n_held, 2);
        t->end_all_on_hangup = true;
        fixture_free(t);
        for (size_t i = 0; i < ELEMENTS(p); i++)
                peer_done(&p[i]);
}

static void test_connections(void **state) {
        struct fixture *t = fixture_new();
        struct peer p[SERVER_CONNECTIONS_MAX], refused;
        unsigned n = 0;

        (void) state;
        /* One user has taken all of theirs. */
        made_up.uid = 1000;
        while (n < SERVER_CONNECTIONS_PER_USER_MAX)
                p[n++] = peer_new(t);
        refused = peer_new(t);
        expect_closed(t, &refused);
        peer_done(&refused);
        expect_echo(t, &p[n - 1]);

        /* All users have taken all of theirs. */
        made_up.uid = 1001;
        while (n < SERVER_CONNECTIONS_MAX - SERVER_CONNECTIONS_FOR_ROOT)
                p[n++] = peer_new(t);
        refused = peer_new(t);
        expect_closed(t, &refused);
        peer_done(&refused);
        expect_echo(t, &p[n - 1]);
        assert_int_equal(server_get_counts(t->server).refused_connections, 2);

        made_up.uid = 0;
        while (n < SERVER_CONNECTIONS_MAX)
                p[n++] = peer_new(t);
        expect_echo(t, &p[n - 1]);
        refused = peer_new(t);
        expect_closed(t, &refused);
        peer_done(&refused);
        assert_int_equal(server_get_counts(t->server).connected, SERVER_CONNECTIONS_MAX);
        assert_int_equal(server_get_counts(t->server).refused_connections, 3);

        /* Who goes makes room. */
        peer_done(&p[--n]);
        settle(t);
        p[n++] = peer_new(t);
        expect_echo(t, &p[n - 1]);
        while (n > 0)
                peer_done(&p[--n]);
        settle(t);
        assert_int_equal(server_get_counts(t->server).connected, 0);
        fixture_free(t);
}

static void test_no_descriptors(void **state) {
        struct fixture *t = fixture_new();
        struct peer early = peer_new(t), late;

        (void) state;
        made_up.accept_errno = EMFILE;
        made_up.accepts = 0;
        late = peer_new(t);
        run_for(t, 4 * SERVER_ACCEPT_PAUSE_USEC);
        assert_in_range(made_up.accepts, 1, 6);
        expect_echo(t, &early);
        expect_silence(t, &late);

        made_up.accept_errno = 0;
        run_for(t, 2 * SERVER_ACCEPT_PAUSE_USEC);
        expect_echo(t, &late);
        assert_int_equal(server_get_counts(t->server).connected, 2);
        peer_done(&early);
        peer_done(&late);
        fixture_free(t);
}

static void test_strict(void **state) {
        static const char *const texts[] = {
                "{\"method\":\"org.example.test.Lie\"}",
                "{\"method\":\"org.example.test.Lie\",\"parameters\":{\"error\":\"org.example.test.Undeclared\"}}",
                "{\"method\":\"org.example.test.Lie\",\"parameters\":{\"error\":\"org.example.other.Overrun\"}}",
                "{\"method\":\"org.example.test.Lie\",\"parameters\":{\"error\":\"org.varlink.service.ExpectedMore\"}}",
                "{\"method\":\"org.example.test.Lie\",\"parameters\":{\"error\":\"nonsense\"}}",
        };
        struct fixture *t = fixture_new();
        struct peer p;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                p = peer_new(t);
                put(&p, texts[i]);
                expect_closed(t, &p);
                assert_int_equal(server_get_counts(t->server).invalid_replies, i + 1);
                peer_done(&p);
        }

        p = peer_new(t);
        put(&p, "{\"method\":\"org.example.test.Lie\",\"parameters\":{\"error\":\"org.example.test.Overrun\"}}");
        expect(t, &p, "{\"error\":\"org.example.test.Overrun\",\"parameters\":{\"lost\":1}}");
        server_set_strict(t->server, false);
        put(&p, texts[0]);
        expect(t, &p, "{\"parameters\":{\"n\":\"1\"}}");
        peer_done(&p);
        fixture_free(t);
}

static void test_add_interface(void **state) {
        static const struct server_method_entry unknown[] = { { "None", echo }, {} };
        struct fixture *t = fixture_new();

        (void) state;
        assert_int_equal(server_add_interface(t->server, "interface", NULL, NULL), -EBADMSG);
        assert_int_equal(server_add_interface(t->server, "interface a.b", unknown, NULL), -EINVAL);
        assert_int_equal(server_add_interface(t->server, test_text, methods, NULL), -EEXIST);
        assert_int_equal(server_add_interface(t->server, "interface a.b", NULL, NULL), 0);
        assert_int_equal(server_listen(t->server, -1), -EBADF);
        assert_null(server_free(NULL));
        fixture_free(t);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_service),
                cmocka_unit_test(test_refused_calls),
                cmocka_unit_test(test_byte_by_byte),
                cmocka_unit_test(test_pipelining),
                cmocka_unit_test(test_fairness),
                cmocka_unit_test(test_fairness_between_users),
                cmocka_unit_test(test_oneway),
                cmocka_unit_test(test_garbage),
                cmocka_unit_test(test_message_size),
                cmocka_unit_test(test_ten_megabytes),
                cmocka_unit_test(test_half_a_message),
                cmocka_unit_test(test_half_close),
                cmocka_unit_test(test_never_reads),
                cmocka_unit_test(test_reads_late),
                cmocka_unit_test(test_stream),
                cmocka_unit_test(test_stream_then_hold),
                cmocka_unit_test(test_stream_hangup),
                cmocka_unit_test(test_stream_stalls),
                cmocka_unit_test(test_stream_ended_from_outside),
                cmocka_unit_test(test_stream_needs_more),
                cmocka_unit_test(test_overrun),
                cmocka_unit_test(test_queue_of_all),
                cmocka_unit_test(test_hangup),
                cmocka_unit_test(test_free_with_calls),
                cmocka_unit_test(test_connections),
                cmocka_unit_test(test_no_descriptors),
                cmocka_unit_test(test_strict),
                cmocka_unit_test(test_add_interface),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
