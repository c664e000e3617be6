/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <time.h>

#include "json.h"
#include "macro.h"
#include "../../client/story.h"

#define ENDS "'localPort': 5000, 'peerPort': 3868, 'localAddresses': ['10.0.0.1', '::1'], " \
             "'peerAddresses': ['10.0.0.2', '10.0.1.2'], 'primaryAddress': '10.0.1.2'"
#define SHOWN "10.0.0.1:5000,[::1]:5000 <-> 10.0.0.2:3868,*10.0.1.2:3868"
#define OWNER "'owners': [{'pid': 7, 'command': 'mme'}]"
/* What the local clock says. */
#define AT "'at': '2026-01-31T12:00:00.123Z', "
#define WHEN "2026-01-31 14:00:00.123 "

static const struct {
        const char *change, *line;
        enum style style;
} cases[] = {
        { AT "'type': 'association_up', 'association': {" ENDS "}, 'oldState': 'cookie_echoed',"
          "'newState': 'established', 'durationMs': 350",
          WHEN "association_up " SHOWN " cookie_echoed -> established after 350ms", STYLE_PLAIN },
        { AT "'type': 'association_down', 'association': {" ENDS ", 'peerName': 'hlr1', " OWNER ", 'container': 'web'},"
          "'oldState': 'established', 'newState': 'closed', 'durationMs': 3000, 'certainty': 'low',"
          "'cause': 'retransmissions_exhausted', 'causeCertainty': 'high'",
          WHEN "association_down " SHOWN " (hlr1) established -> closed after 3s (not certain);"
          " peer given up (retransmissions_exhausted); mme[7] in container web", STYLE_TROUBLE },
        { AT "'type': 'association_down', 'association': {" ENDS "}, 'oldState': 'established', 'newState': 'closed',"
          "'cause': 'aborted', 'causeCertainty': 'low'",
          WHEN "association_down " SHOWN " established -> closed; probably aborted", STYLE_TROUBLE },
        { AT "'type': 'association_down', 'association': {" ENDS "}, 'oldState': 'established', 'newState': 'closed',"
          "'cause': 'graceful', 'causeCertainty': 'high'",
          WHEN "association_down " SHOWN " established -> closed; closed (graceful)", STYLE_PLAIN },
        /* Nobody knows why: nothing is said, and only a regular end is no trouble. */
        { AT "'type': 'association_down', 'association': {" ENDS "}, 'oldState': 'shutdown_sent', 'newState': 'closed',"
          "'cause': 'unknown'",
          WHEN "association_down " SHOWN " shutdown_sent -> closed", STYLE_PLAIN },
        { AT "'type': 'association_down', 'association': {" ENDS "}, 'oldState': 'established', 'newState': 'closed'",
          WHEN "association_down " SHOWN " established -> closed", STYLE_TROUBLE },
        { AT "'type': 'association_down', 'association': {" ENDS "}, 'oldState': 'cookie_wait', 'newState': 'closed',"
          "'cause': 'init_timeout', 'causeCertainty': 'high'",
          WHEN "association_down " SHOWN " cookie_wait -> closed; nobody answered (init_timeout)", STYLE_TROUBLE },
        { AT "'type': 'association_restart', 'association': {" ENDS ", 'owners': [{'pid': 7}, {'pid': 8}]}",
          WHEN "association_restart " SHOWN "; process 7 and 1 more", STYLE_WARNING },
        { AT "'type': 'path_state', 'association': {" ENDS ", 'netnsName': 'blue'}, 'path': '10.0.0.2',"
          "'oldPathState': 'active', 'newPathState': 'inactive', 'durationMs': 60000",
          WHEN "path_state " SHOWN " path 10.0.0.2 active -> inactive after 1min; in network namespace blue",
          STYLE_WARNING },
        { AT "'type': 'path_state', 'association': {" ENDS "}, 'path': '10.0.0.2', 'newPathState': 'active'",
          WHEN "path_state " SHOWN " path 10.0.0.2 unknown -> active", STYLE_PLAIN },
        { AT "'type': 'path_removed', 'association': {" ENDS "}, 'path': '10.0.2.2'",
          WHEN "path_removed " SHOWN " path 10.0.2.2", STYLE_PLAIN },
        { AT "'type': 'primary_changed', 'association': {" ENDS "}, 'oldPrimaryAddress': '10.0.0.2'",
          WHEN "primary_changed " SHOWN " primary 10.0.0.2 -> 10.0.1.2", STYLE_PLAIN },
        { AT "'type': 'primary_changed', 'association': {" ENDS "}",
          WHEN "primary_changed " SHOWN " primary none -> 10.0.1.2", STYLE_PLAIN },
        { AT "'type': 'impaired', 'association': {" ENDS "}, 'reasons': ['path_pf', 'primary_not_active']",
          WHEN "impaired " SHOWN " path_pf, primary_not_active", STYLE_WARNING },
        { AT "'type': 'recovered', 'association': {" ENDS "}, 'reasons': ['path_pf'], 'durationMs': 2000",
          WHEN "recovered " SHOWN " was path_pf for 2s", STYLE_PLAIN },
        { AT "'type': 'endpoint_added', 'endpoint': {'localPort': 5000, 'localAddresses': ['::'], " OWNER "}",
          WHEN "endpoint_added [::]:5000; mme[7]", STYLE_PLAIN },
        { AT "'type': 'unobserved', 'established': 2, 'failed': 1, 'container': 'web'",
          WHEN "unobserved between two looks: 2 established and ended, 1 never came about; in container web",
          STYLE_PLAIN },
        /* Of the journal: what is no change. */
        { AT "'message': 'SCTP is available'", WHEN "SCTP is available", STYLE_PLAIN },
        /* What the kernel has told takes the place of what is concluded. */
        { AT "'type': 'association_down', 'association': {" ENDS ", " OWNER "}, 'oldState': 'established',"
          "'newState': 'closed', 'certainty': 'exact', 'cause': 'aborted', 'causeCertainty': 'exact',"
          "'trigger': {'kind': 'chunk', 'name': 'ABORT', 'side': 'peer', 'errorCause': 12}",
          WHEN "association_down " SHOWN " established -> closed; peer aborted: user-initiated ABORT; mme[7]",
          STYLE_TROUBLE },
        { AT "'type': 'association_down', 'association': {" ENDS "}, 'oldState': 'cookie_wait', 'newState': 'closed',"
          "'cause': 'init_timeout', 'causeCertainty': 'exact', 'trigger': {'kind': 'timer', 'name': 'T1-init',"
          "'side': 'local', 'tries': 8, 'triesMax': 8}",
          WHEN "association_down " SHOWN " cookie_wait -> closed; we gave up: no answer to INIT after 8 tries",
          STYLE_TROUBLE },
        { AT "'type': 'association_down', 'association': {" ENDS "}, 'oldState': 'established', 'newState': 'closed',"
          "'cause': 'aborted', 'trigger': {'kind': 'chunk', 'name': 'DATA', 'side': 'peer', 'errorCause': 9}",
          WHEN "association_down " SHOWN " established -> closed; we aborted on the peer's DATA: no user data",
          STYLE_TROUBLE },
        { AT "'type': 'association_state', 'association': {" ENDS "}, 'oldState': 'established',"
          "'newState': 'shutdown_pending', 'trigger': {'kind': 'timer', 'name': 'autoclose', 'side': 'local',"
          "'idleMs': 4294967295000}",
          WHEN "association_state " SHOWN " established -> shutdown_pending; closed after 4294967295 s of idleness"
          " (autoclose)", STYLE_PLAIN },
        { AT "'type': 'association_state', 'association': {" ENDS "}, 'oldState': 'established',"
          "'newState': 'shutdown_pending', 'trigger': {'kind': 'primitive', 'name': 'SHUTDOWN', 'side': 'local',"
          "'pid': 123, 'command': 's\\u001b[31m'}",
          WHEN "association_state " SHOWN " established -> shutdown_pending; we shut it down (s\\x1b[31m, pid 123)",
          STYLE_PLAIN },
        { AT "'type': 'path_state', 'association': {" ENDS "}, 'path': '10.0.0.2', 'oldPathState': 'active',"
          "'newPathState': 'inactive', 'trigger': {'kind': 'timer', 'name': 'heartbeat', 'side': 'local',"
          "'tries': 5, 'triesMax': 5}",
          WHEN "path_state " SHOWN " path 10.0.0.2 active -> inactive; 5 of 5 heartbeats lost", STYLE_WARNING },
        { AT "'type': 'association_restart', 'association': {" ENDS "}, 'trigger': {'kind': 'chunk',"
          "'name': 'COOKIE ECHO', 'side': 'peer'}",
          WHEN "association_restart " SHOWN "; peer restarted", STYLE_WARNING },
        { AT "'type': 'step', 'association': {" ENDS ", " OWNER "}, 'oldState': 'cookie_echoed',"
          "'newState': 'established', 'path': '10.0.0.2', 'trigger': {'kind': 'chunk', 'name': 'COOKIE ACK'}",
          WHEN "step " SHOWN " chunk COOKIE ACK from 10.0.0.2; cookie_echoed -> established; mme[7]", STYLE_PLAIN },
        { AT "'type': 'step', 'association': {" ENDS "}, 'oldState': 'established', 'newState': 'established',"
          "'path': '10.0.0.2', 'trigger': {'kind': 'timer', 'name': 'T3-rtx', 'tries': 1, 'triesMax': 10}",
          WHEN "step " SHOWN " timer T3-rtx of path 10.0.0.2; established", STYLE_PLAIN },
        { AT "'type': 'step', 'association': {" ENDS "}, 'oldState': 'closed', 'newState': 'closed',"
          "'path': '10.0.0.9', 'trigger': {'kind': 'chunk', 'name': 'INIT'}",
          WHEN "step " SHOWN " chunk INIT from 10.0.0.9; no association", STYLE_PLAIN },
        /* What is not understood says nothing, and figures that cannot be do no harm. */
        { AT "'type': 'association_down', 'association': {" ENDS "}, 'oldState': 'established', 'newState': 'closed',"
          "'cause': 'aborted', 'causeCertainty': 'exact', 'trigger': {'kind': 'comet', 'name': 'ABORT', 'side': 'sky'}",
          WHEN "association_down " SHOWN " established -> closed; aborted", STYLE_TROUBLE },
        { AT "'type': 'association_down', 'association': {" ENDS "}, 'oldState': 'established', 'newState': 'closed',"
          "'cause': 'aborted', 'causeCertainty': 'low', 'trigger': ['chunk']",
          WHEN "association_down " SHOWN " established -> closed; probably aborted", STYLE_TROUBLE },
        { AT "'type': 'path_state', 'association': {" ENDS "}, 'trigger': {'kind': 'timer', 'name': 'heartbeat',"
          "'tries': -5, 'triesMax': 99999999999, 'errorCause': 99999999999, 'pid': 'x'}",
          WHEN "path_state " SHOWN "; no answer to heartbeats", STYLE_PLAIN },
        /* Others' text does nothing to a terminal, and what is not understood breaks nothing. */
        { AT "'type': 'association_new\\u001b[31m', 'association': {" ENDS ", 'container': 'w\\u009b2J\\n'}",
          WHEN "association_new\\x1b[31m " SHOWN "; in container w\\xc2\\x9b2J\\x0a", STYLE_PLAIN },
        { "'type': 'path_state', 'at': 'soon'", "soon path_state", STYLE_PLAIN },
        { "'type': 7, 'association': [], 'durationMs': 'x', 'reasons': {}, 'at': 1", " ", STYLE_PLAIN },
};

static void test_story(void **state) {
        (void) state;
        assert_int_equal(setenv("TZ", "EET-2", 1), 0);
        tzset();
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(json_decref_p) json_t *change = NULL;
                _cleanup_free_ char *text = NULL, *line = NULL;

                assert_true(asprintf(&text, "{%s}", cases[i].change) > 0);
                for (char *c = text; (c = strchr(c, '\'')); )
                        *c = '"';
                change = json_loads(text, 0, NULL);
                assert_non_null(change);
                line = story_text(change);
                assert_non_null(line);
                assert_string_equal(line, cases[i].line);
                assert_int_equal(story_style(change), cases[i].style);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_story),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
