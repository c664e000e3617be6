/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../../daemon/server.h"
#include "../../daemon/socket.h"
#include "idl.h"
#include "varlink.h"

/* Both ends of lib/varlink against an implementation that others wrote, Varlink's own in Go, by the interface that
 * there is for it: Start gives a client its id; Test01 to Test10 each take what the one before gave; Test10 has several
 * replies, Test11 takes them all and is oneway; End says whether all was right. */

#define PEER "varlink-go-certification"
#define INTERFACE "org.varlink.certification"
#define SERVICE "org.varlink.service"

/* Of our server: at the same time, and of each one's Test10. */
#define CLIENTS 4u
#define REPLIES 20u

/* What hangs is a failure. */
#define TIMEOUT_SEC 60u

/* What our Start and Test01 to Test09 give: the ends of what numbers and texts can be. */
static const char *const gives[] = {
        "{}",
        "{\"bool\": true}",
        "{\"int\": -9223372036854775808}",
        "{\"float\": 2.2250738585072014e-308}",
        "{\"string\": \"\\u0001\\\"\\\\\\n<&>\\u2028\\ud83d\\ude00\"}",
        /* JSON knows one kind of number. */
        "{\"bool\": false, \"int\": 9223372036854775807, \"float\": 3, \"string\": \"\"}",
        "{\"struct\": {\"bool\": true, \"int\": 0, \"float\": -0.1, \"string\": \"\u00e4\"}}",
        "{\"map\": {\"\": \"\", \"a.b\": \"c\", \"\\\"\": \"\u00e4\"}}",
        "{\"set\": {}}",
        "{\"mytype\": {"
                "\"object\": {\"any\": [1, {\"thing\": null}, [[]], \"\"]}, "
                "\"enum\": \"three\", "
                "\"struct\": {\"first\": -1, \"second\": \"2\"}, "
                "\"array\": [], "
                "\"dictionary\": {\"foo\": \"Foo\"}, "
                "\"stringset\": {\"one\": {}}, "
                "\"nullable\": \"null\", "
                "\"nullable_array_struct\": [{\"first\": 1, \"second\": \"\"}], "
                "\"interface\": {\"foo\": [null, {}, {\"one\": \"baz\"}], \"anon\": {\"foo\": true, \"bar\": false}}"
        "}}",
};

struct fixture {
        char directory[32], path[48];
        struct idl *idl;                /* by the peer's text */
        sd_event *event;
        struct session {
                char id[16];
                unsigned due;           /* whose turn it is: 1 is Test01, 11 Test11, 12 End */
                json_t *wants;          /* what it must be called with */
        } sessions[CLIENTS];
        unsigned n_sessions, ended;     /* clients */
        FILE *said;                     /* by the peer */
};

static int setup(void **state) {
        struct fixture *t = calloc(1, sizeof(*t));

        strcpy(t->directory, "/tmp/test-certification-XXXXXX");
        if (!mkdtemp(t->directory))
                return -1;
        snprintf(t->path, sizeof(t->path), "%s/socket", t->directory);
        t->said = tmpfile();
        *state = t;
        (void) alarm(TIMEOUT_SEC);
        return 0;
}

static int teardown(void **state) {
        struct fixture *t = *state;

        (void) alarm(0);
        for (unsigned i = 0; i < CLIENTS; i++)
                json_decref(t->sessions[i].wants);
        idl_free(t->idl);
        (void) fclose(t->said);
        (void) unlink(t->path);
        (void) rmdir(t->directory);
        free(t);
        return 0;
}

static pid_t start_peer(const struct fixture *t, const char *role) {
        char address[64];
        pid_t pid;

        snprintf(address, sizeof(address), "--varlink=unix:%s", t->path);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) dup2(fileno(t->said), STDOUT_FILENO);
                (void) execlp(PEER, PEER, address, role, NULL);
                _exit(127);
        }
        return pid;
}

static void end_peer(const struct fixture *t, pid_t pid) {
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        (void) unlink(t->path);
}

/* It does not say when it listens. */
static struct varlink_client *connect_to_peer(const struct fixture *t, pid_t pid) {
        struct varlink_client *c;
        int r;

        while ((r = varlink_client_connect(t->path, &c)) < 0) {
                assert_true(r == -ENOENT || r == -ECONNREFUSED);
                assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
                (void) usleep(1000);
        }
        return c;
}

/* These two take the parameters over. */
static void begin_call(struct varlink_client *c, const char *method, json_t *parameters, bool more) {
        assert_int_equal(varlink_client_send(c, method, parameters, more), 0);
        json_decref(parameters);
}

static struct varlink_reply call(struct varlink_client *c, const char *method, json_t *parameters) {
        struct varlink_reply reply;

        begin_call(c, method, parameters, false);
        assert_int_equal(varlink_client_receive(c, UINT64_MAX, &reply), 0);
        return reply;
}

static void fetch_interface(struct fixture *t, struct varlink_client *c) {
        struct varlink_reply reply = call(c, SERVICE ".GetInterfaceDescription",
                                          json_pack("{ss}", "interface", INTERFACE));
        const char *text = json_string_value(json_object_get(reply.parameters, "description")), *expected;
        unsigned line;

        assert_non_null(text);
        assert_int_equal(idl_parse(text, &t->idl, &line, &expected), 0);
        assert_string_equal(idl_name(t->idl), INTERFACE);
        varlink_reply_done(&reply);
}

/* The parameters of a call that takes what the one before gave. */
static json_t *with_id(const char *id, json_t *gave) {
        json_t *parameters = json_deep_copy(gave);

        assert_int_equal(json_object_set_new(parameters, "client_id", json_string(id)), 0);
        return parameters;
}

static void assert_gives(const struct fixture *t, const char *method, const struct varlink_reply *reply) {
        _cleanup_free_ char *field = NULL;

        if (reply->error)
                fail_msg("%s: %s", method, reply->error);
        if (idl_check_output(t->idl, strrchr(method, '.') + 1, reply->parameters, &field) < 0)
                fail_msg("%s: %s is not as declared", method, field);
}

/* Our client */

/* Nobody here has a use for oneway, so that it is done by hand. */
static void send_oneway(struct varlink_client *c, const char *method, json_t *parameters) {
        json_t *object = json_pack("{ss so sb}", "method", method, "parameters", parameters, "oneway", true);
        char *text = json_dumps(object, 0);
        size_t n = strlen(text) + 1;

        assert_int_equal(send(varlink_client_fd(c), text, n, MSG_NOSIGNAL), (ssize_t) n);
        free(text);
        json_decref(object);
}

/* The strings of all replies. */
static json_t *receive_all(const struct fixture *t, struct varlink_client *c, const char *method) {
        json_t *strings = json_array();
        bool continues;

        do {
                struct varlink_reply reply;

                assert_int_equal(varlink_client_receive(c, UINT64_MAX, &reply), 0);
                assert_gives(t, method, &reply);
                json_array_append(strings, json_object_get(reply.parameters, "string"));
                continues = reply.continues;
                varlink_reply_done(&reply);
        } while (continues);

        return strings;
}

static void test_client(void **state) {
        struct fixture *t = *state;
        pid_t pid = start_peer(t, NULL);
        _cleanup_(varlink_client_free_p) struct varlink_client *c = connect_to_peer(t, pid);
        struct varlink_reply reply;
        json_t *given, *strings;
        char *id, method[64];

        fetch_interface(t, c);
        reply = call(c, INTERFACE ".Start", NULL);
        assert_gives(t, INTERFACE ".Start", &reply);
        id = strdup(json_string_value(json_object_get(reply.parameters, "client_id")));
        given = json_incref(reply.parameters);
        varlink_reply_done(&reply);

        for (unsigned i = 1; i <= 9; i++) {
                snprintf(method, sizeof(method), INTERFACE ".Test%02u", i);
                reply = call(c, method, with_id(id, given));
                assert_gives(t, method, &reply);
                json_decref(given);
                given = json_incref(reply.parameters);
                varlink_reply_done(&reply);
        }

        begin_call(c, INTERFACE ".Test10", with_id(id, given), true);
        strings = receive_all(t, c, INTERFACE ".Test10");
        assert_true(json_array_size(strings) > 1);
        send_oneway(c, INTERFACE ".Test11", json_pack("{ss so}", "client_id", id, "last_more_replies", strings));
        reply = call(c, INTERFACE ".End", json_pack("{ss}", "client_id", id));
        assert_gives(t, INTERFACE ".End", &reply);
        assert_true(json_is_true(json_object_get(reply.parameters, "all_ok")));

        varlink_reply_done(&reply);
        json_decref(given);
        free(id);
        end_peer(t, pid);
}

static void test_client_errors(void **state) {
        static const struct {
                const char *method, *parameters, *error;
        } calls[] = {
                { "org.example.Other.Do", "{}", SERVICE ".InterfaceNotFound" },
                { INTERFACE ".Do", "{}", SERVICE ".MethodNotFound" },
                { INTERFACE ".Test01", "{\"client_id\": 1}", SERVICE ".InvalidParameter" },
                { INTERFACE ".Test01", "{\"client_id\": \"nobody\"}", INTERFACE ".ClientIdError" },
        };
        struct fixture *t = *state;
        pid_t pid = start_peer(t, NULL);
        _cleanup_(varlink_client_free_p) struct varlink_client *c = connect_to_peer(t, pid);
        struct varlink_reply reply;

        /* None of them ends the connection. */
        for (unsigned i = 0; i < ELEMENTS(calls); i++) {
                reply = call(c, calls[i].method, json_loads(calls[i].parameters, 0, NULL));
                assert_string_equal(reply.error, calls[i].error);
                assert_false(reply.continues);
                varlink_reply_done(&reply);
        }
        reply = call(c, SERVICE ".GetInfo", NULL);
        assert_null(reply.error);
        varlink_reply_done(&reply);
        end_peer(t, pid);
}

/* Our server */

static void set_due(struct session *s, unsigned due, json_t *wants) {
        json_decref(s->wants);
        s->wants = wants;
        s->due = due;
}

static int start(struct call *call, json_t *parameters, void *userdata) {
        struct fixture *t = userdata;
        struct session *s;

        (void) parameters;
        assert_true(t->n_sessions < CLIENTS);
        s = t->sessions + t->n_sessions++;
        snprintf(s->id, sizeof(s->id), "client %u", t->n_sessions);
        set_due(s, 1, json_pack("{ss}", "client_id", s->id));
        return call_reply(call, json_pack("{ss}", "client_id", s->id));
}

/* Whose turn it is, called with what the one before gave. Such calls alone are made here: any other is a failure. */
static struct session *get_session(struct fixture *t, json_t *parameters, unsigned number) {
        const char *id = json_string_value(json_object_get(parameters, "client_id"));

        for (unsigned i = 0; i < t->n_sessions; i++) {
                struct session *s = t->sessions + i;

                if (strcmp(s->id, id) != 0)
                        continue;
                assert_int_equal(number, s->due);
                if (!json_equal(parameters, s->wants))
                        fail_msg("call %u with %s", number, json_dumps(parameters, 0));
                return s;
        }
        fail_msg("no such client: %s", id);
        return NULL;
}

static int test_one(struct fixture *t, struct call *call, json_t *parameters, unsigned number) {
        struct session *s = get_session(t, parameters, number);
        json_t *gives_now = json_loads(gives[number], 0, NULL);

        set_due(s, number + 1, with_id(s->id, gives_now));
        return call_reply(call, gives_now);
}

#define TEST(number)                                                                                    \
        static int test##number(struct call *call, json_t *parameters, void *userdata) {                \
                return test_one(userdata, call, parameters, number);                                    \
        }
TEST(1)
TEST(2)
TEST(3)
TEST(4)
TEST(5)
TEST(6)
TEST(7)
TEST(8)
TEST(9)

static int next_string(struct call *call, void *userdata) {
        struct session *s = userdata;
        json_t *strings = json_object_get(s->wants, "last_more_replies");
        char text[32];

        snprintf(text, sizeof(text), "%s: %zu", s->id, json_array_size(strings));
        json_array_append_new(strings, json_string(text));
        if (json_array_size(strings) < REPLIES)
                return call_notify(call, json_pack("{ss}", "string", text)) < 0 ? -EIO : 1;
        (void) call_reply(call, json_pack("{ss}", "string", text));
        return 0;
}

static int test10(struct call *call, json_t *parameters, void *userdata) {
        struct session *s = get_session(userdata, parameters, 10);

        set_due(s, 11, json_pack("{ss s[]}", "client_id", s->id, "last_more_replies"));
        return call_stream(call, next_string, NULL, s);
}

static int test11(struct call *call, json_t *parameters, void *userdata) {
        struct session *s = get_session(userdata, parameters, 11);

        set_due(s, 12, json_pack("{ss}", "client_id", s->id));
        /* Which does not reach the client: it would take it for End's. */
        return call_reply(call, NULL);
}

static int end(struct call *call, json_t *parameters, void *userdata) {
        struct session *s = get_session(userdata, parameters, 12);

        set_due(s, 13, NULL);
        return call_reply(call, json_pack("{sb}", "all_ok", true));
}

static const struct server_method_entry methods[] = {
        { "Start", start },
        { "Test01", test1 },
        { "Test02", test2 },
        { "Test03", test3 },
        { "Test04", test4 },
        { "Test05", test5 },
        { "Test06", test6 },
        { "Test07", test7 },
        { "Test08", test8 },
        { "Test09", test9 },
        { "Test10", test10, .needs_more = true },
        { "Test11", test11 },
        { "End", end },
        {}
};

static int on_peer(sd_event_source *source, const siginfo_t *info, void *userdata) {
        struct fixture *t = userdata;

        (void) source;
        assert_int_equal(info->si_code, CLD_EXITED);
        assert_int_equal(info->si_status, 0);
        t->ended++;
        return 0;
}

/* How many clients say that all was right; what all say goes to the log. */
static unsigned count_content(const struct fixture *t) {
        char line[4096];
        unsigned n = 0;

        rewind(t->said);
        while (fgets(line, sizeof(line), t->said)) {
                n += strcmp(line, "End: 'true'\n") == 0;
                (void) fputs(line, stderr);
        }
        return n;
}

static void test_server(void **state) {
        struct fixture *t = *state;
        _cleanup_(server_free_p) struct server *s = NULL;
        pid_t pid = start_peer(t, NULL);
        struct varlink_client *c = connect_to_peer(t, pid);
        struct server_counts counts;
        bool own;
        int fd;

        fetch_interface(t, c);
        varlink_client_free(c);
        end_peer(t, pid);

        assert_true(sd_event_new(&t->event) >= 0);
        assert_int_equal(server_new(t->event, &s), 0);
        assert_int_equal(server_add_interface(s, idl_text(t->idl), methods, t), 0);
        server_set_strict(s, true);
        assert_int_equal(socket_listen(t->path, &fd, &own), 0);
        assert_int_equal(server_listen(s, fd), 0);
        for (unsigned i = 0; i < CLIENTS; i++)
                assert_true(sd_event_add_child(t->event, NULL, start_peer(t, "--client"), WEXITED, on_peer, t) >= 0);
        while (t->ended < CLIENTS)
                assert_true(sd_event_run(t->event, UINT64_MAX) >= 0);

        assert_int_equal(count_content(t), CLIENTS);
        assert_int_equal(t->n_sessions, CLIENTS);
        for (unsigned i = 0; i < CLIENTS; i++)
                assert_int_equal(t->sessions[i].due, 13);
        counts = server_get_counts(s);
        assert_int_equal(counts.refused_messages, 0);
        assert_int_equal(counts.invalid_replies, 0);
        sd_event_unref(t->event);
}

static bool peer_is_there(void) {
        return system("command -v " PEER " >/dev/null") == 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_client, setup, teardown),
                cmocka_unit_test_setup_teardown(test_client_errors, setup, teardown),
                cmocka_unit_test_setup_teardown(test_server, setup, teardown),
        };
        sigset_t child;

        if (!peer_is_there()) {
                printf("1..0 # SKIP there is no " PEER " (Debian's package varlink-go)\n");
                return 0;
        }

        /* sd_event_add_child() wants it. */
        sigemptyset(&child);
        sigaddset(&child, SIGCHLD);
        assert_int_equal(sigprocmask(SIG_BLOCK, &child, NULL), 0);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
