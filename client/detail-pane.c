/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "detail-pane.h"
#include "paint.h"
#include "plain.h"
#include "show.h"
#include "sparkline.h"
#include "text.h"

#define KEY_WIDTH 13
/* Behind a sparkline stands what it ends with. */
#define TAIL_WIDTH 28u
#define SPARKLINE_MIN 8u
#define SPARKLINE_MAX 512u

struct detail_line {
        char *text;
        enum style style;
};

struct detail_pane {
        const struct options *options;
        struct detail_line *lines;
        size_t n_lines, n_allocated;
        struct grid *paths;
        int error;
};

int detail_pane_new(const struct options *o, struct detail_pane **ret) {
        _cleanup_(detail_pane_free_p) struct detail_pane *p = NULL;

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        p->options = o;
        p->paths = grid_new(show_path_columns, n_show_path_columns, LAYOUT_STACKED, o);
        if (!p->paths)
                return -ENOMEM;
        *ret = steal_ptr(p);
        return 0;
}

static void forget(struct detail_pane *p) {
        for (size_t i = 0; i < p->n_lines; i++)
                free(p->lines[i].text);
        p->n_lines = 0;
        p->error = 0;
        grid_clear(p->paths);
}

struct detail_pane *detail_pane_free(struct detail_pane *p) {
        if (!p)
                return NULL;
        forget(p);
        free(p->lines);
        grid_free(p->paths);
        free(p);
        return NULL;
}

/* A line "   Key: text"; a NULL key goes on under the last one. */
_printf_(4, 5)
static void put(struct detail_pane *p, enum style style, const char *key, const char *format, ...) {
        _cleanup_free_ char *text = NULL, *line = NULL;
        va_list ap;

        va_start(ap, format);
        text = plain_vformat(format, ap);
        va_end(ap);
        if (p->n_lines == p->n_allocated) {
                size_t n = MAX(p->n_allocated * 2, (size_t) 32);
                struct detail_line *lines = reallocarray(p->lines, n, sizeof(*lines));

                if (!lines) {
                        p->error = -ENOMEM;
                        return;
                }
                p->lines = lines;
                p->n_allocated = n;
        }
        if (!text || asprintf(&line, "%*s%c %s", KEY_WIDTH, key ?: "", key ? ':' : ' ', text) < 0) {
                line = NULL;
                p->error = -ENOMEM;
                return;
        }
        p->lines[p->n_lines++] = (struct detail_line) { steal_ptr(line), style };
}

static void put_ends(struct detail_pane *p, json_t *a) {
        const char *name = member_string(a, "peerName");
        _cleanup_free_ char *local = NULL, *peer = NULL;

        local = ends_text(a, "localAddresses", "localPort", NULL);
        peer = ends_text(a, "peerAddresses", "peerPort", "primaryAddress");
        if (!local || !peer) {
                p->error = -ENOMEM;
                return;
        }
        put(p, STYLE_PLAIN, "Local", "%s", local);
        put(p, STYLE_PLAIN, "Peer", "%s%s%s%s", peer, name[0] ? " (" : "", name, name[0] ? ")" : "");
}

static void put_state(struct detail_pane *p, const struct row *row) {
        bool gone = row->mark == '-' || row->removed,
             impaired = !gone && json_is_true(json_object_get(row->object, "impaired"));
        const char *state = member_string(row->object, "state"), *key = "Impaired";
        json_t *reason;
        size_t i;

        put(p, gone || impaired ? STYLE_TROUBLE : strcmp(state, "established") == 0 ? STYLE_PLAIN : STYLE_WARNING,
            "State", "%s%s%s", state[0] ? state : "-", impaired ? ", impaired" : "",
            gone ? "; gone, this is how it was last seen" : "");
        if (gone)
                return;
        json_array_foreach(json_object_get(row->object, "impairedReasons"), i, reason) {
                put(p, STYLE_TROUBLE, key, "%s", json_string_value(reason) ?: "-");
                key = NULL;
        }
}

static void put_times(struct detail_pane *p, json_t *a, json_t *scan, uint64_t since) {
        const char *observed = member_string(a, "observedSince"), *change = member_string(a, "lastChange");
        char spans[2][TEXT_SPAN_MAX];
        json_t *flaps = json_object_get(a, "flaps");

        if (!observed[0])
                return;
        put(p, STYLE_PLAIN, "Observed", "since %s, for %s", observed,
            text_span((scan_age(scan, observed) + since) / USEC_PER_SEC * USEC_PER_SEC, spans[0]));
        if (change[0])
                put(p, STYLE_PLAIN, "Last change", "%s, %s ago", change,
                    text_span((scan_age(scan, change) + since) / USEC_PER_SEC * USEC_PER_SEC, spans[1]));
        if (json_is_integer(flaps))
                put(p, json_integer_value(flaps) > 0 ? STYLE_WARNING : STYLE_PLAIN, "Flaps", "%" JSON_INTEGER_FORMAT,
                    json_integer_value(flaps));
}

static void put_owners(struct detail_pane *p, json_t *a) {
        json_t *owners = json_object_get(a, "owners"), *owner;
        const char *attachment = member_string(a, "attachment"), *key = "Process";
        size_t i;

        if (strcmp(attachment, "orphan") == 0)
                put(p, STYLE_WARNING, key, "orphan: no program has it any more");
        else if (json_array_size(owners) == 0)
                put(p, STYLE_DIM, key, "-");
        json_array_foreach(owners, i, owner) {
                const char *unit = member_string(owner, "unit"), *container = member_string(owner, "container");

                put(p, STYLE_PLAIN, key, "%s/%" JSON_INTEGER_FORMAT ", uid %" JSON_INTEGER_FORMAT "%s%s%s%s%s",
                    member_string(owner, "command"), member_int(owner, "pid"), member_int(owner, "uid"),
                    unit[0] ? ", unit " : "", unit, container[0] ? ", container " : "", container,
                    strcmp(attachment, "unaccepted") == 0 ? " (not accepted yet)" : "");
                key = NULL;
        }
}

static void put_place(struct detail_pane *p, json_t *a) {
        const char *name = member_string(a, "netnsName"), *container = member_string(a, "container");
        json_t *netns = json_object_get(a, "netns");

        if (netns)
                put(p, STYLE_PLAIN, "Namespace", "%s%sinode %" JSON_INTEGER_FORMAT, name, name[0] ? ", " : "",
                    json_integer_value(netns));
        else
                put(p, name[0] ? STYLE_PLAIN : STYLE_DIM, "Namespace", "%s", name[0] ? name : "-");
        if (container[0])
                put(p, STYLE_PLAIN, "Container", "%s", container);
}

/* The newest samples in slots of one interval each, the newest last: what was not sampled leaves a gap. */
static size_t slots_fill(json_t *samples, const char *member, uint64_t interval, int64_t *slots, size_t n) {
        size_t size = json_array_size(samples), used = 0;
        uint64_t newest = time_of(member_string(json_array_get(samples, size - 1), "at"));

        for (size_t i = 0; i < n; i++)
                slots[i] = SPARKLINE_ABSENT;
        for (size_t i = size; i > size - MIN(size, n); i--) {
                json_t *sample = json_array_get(samples, i - 1), *value = json_object_get(sample, member);
                uint64_t at = time_of(member_string(sample, "at")),
                         back = (newest - MIN(newest, at) + interval / 2) / interval;

                if (at == 0 || back >= n)
                        continue;
                used = MAX(used, (size_t) back + 1);
                if (json_is_integer(value))
                        slots[n - 1 - back] = json_integer_value(value);
        }
        return used;
}

/* From one to the next; of what began anew nothing is known. */
static void slots_differences(int64_t *slots, size_t n) {
        for (size_t i = n; i > 0; i--) {
                int64_t difference;

                if (i == 1 || slots[i - 1] == SPARKLINE_ABSENT || slots[i - 2] == SPARKLINE_ABSENT ||
                    __builtin_sub_overflow(slots[i - 1], slots[i - 2], &difference) || difference < 0)
                        slots[i - 1] = SPARKLINE_ABSENT;
                else
                        slots[i - 1] = difference;
        }
}

static void put_samples(struct detail_pane *p, json_t *reply, unsigned width) {
        static const struct {
                const char *key, *member, *unit;
                bool difference;
        } figures[] = {
                { "SRTT", "srttMs", "ms", false },
                { "CWND", "cwndBytes", " bytes", false },
                { "Outstanding", "transmitQueueBytes", " bytes", false },
                { "Retransmitted", "retransmittedChunks", "", true },
        };
        json_t *samples = json_object_get(reply, "samples");
        uint64_t interval = (uint64_t) MAX(member_int(reply, "intervalMs"), 1) * USEC_PER_MSEC;
        size_t room = width > KEY_WIDTH + 2 + TAIL_WIDTH ? width - KEY_WIDTH - 2 - TAIL_WIDTH : 0,
               n = MIN(MAX(room, SPARKLINE_MIN), SPARKLINE_MAX);
        char line[SPARKLINE_MAX * SPARKLINE_BYTES + 1], span[TEXT_SPAN_MAX];
        int64_t slots[SPARKLINE_MAX + 1];

        if (json_array_size(samples) == 0)
                return;
        put(p, STYLE_DIM, "Samples", "every %s, the newest at the right", text_span(interval, span));
        for (size_t i = 0; i < ELEMENTS(figures); i++) {
                int64_t greatest = SPARKLINE_ABSENT, newest;
                /* One more, for the first difference. */
                size_t used = MIN(slots_fill(samples, figures[i].member, interval, slots, n + 1), n);

                if (figures[i].difference)
                        slots_differences(slots, n + 1);
                newest = slots[n];
                for (size_t j = n + 1 - used; j <= n; j++)
                        greatest = MAX(greatest, slots[j]);
                if (greatest == SPARKLINE_ABSENT) {
                        put(p, STYLE_DIM, figures[i].key, "-");
                        continue;
                }
                sparkline(slots + n + 1 - used, used, paint_utf8(), line);
                if (newest == SPARKLINE_ABSENT)
                        put(p, STYLE_PLAIN, figures[i].key, "%s  -, max %" PRId64 "%s", line, greatest, figures[i].unit);
                else
                        put(p, STYLE_PLAIN, figures[i].key, "%s  %" PRId64 ", max %" PRId64 "%s", line, newest,
                            greatest, figures[i].unit);
        }
}

int detail_pane_fill(struct detail_pane *p, const struct row *row, json_t *samples, json_t *scan, uint64_t since,
                     unsigned width) {
        json_t *a = row->object, *path;
        size_t i;

        forget(p);
        if (json_object_get(a, "associationId"))
                put(p, STYLE_HEADER, "Association", "%" JSON_INTEGER_FORMAT, member_int(a, "associationId"));
        else
                put(p, STYLE_HEADER, "Association", "- (it has no id until the peer answers INIT)");
        put_ends(p, a);
        put_state(p, row);
        put_times(p, a, scan, since);
        put_owners(p, a);
        put_place(p, a);
        put_samples(p, samples, width);

        json_array_foreach(json_object_get(a, "paths"), i, path)
                if (grid_add(p->paths, path) < 0)
                        return -ENOMEM;
        (void) grid_fit(p->paths, width, false);
        return p->error;
}

/* Between the text and the paths there are an empty line and the titles. */
size_t detail_pane_lines(const struct detail_pane *p) {
        return p->n_lines + 2 + grid_rows(p->paths);
}

void detail_pane_draw(const struct detail_pane *p, int y, size_t top, size_t lines) {
        for (size_t i = top; i < MIN(top + lines, detail_pane_lines(p)); i++, y++) {
                struct pen pen = { .left = COLS };

                (void) move(y, 0);
                if (i < p->n_lines)
                        paint_emit(p->lines[i].text, strlen(p->lines[i].text), p->lines[i].style, &pen);
                else if (i == p->n_lines + 1)
                        grid_draw_header(p->paths, paint_emit, &pen);
                else if (i > p->n_lines + 1)
                        grid_draw_line(p->paths, i - p->n_lines - 2, 0, paint_emit, &pen);
        }
}
