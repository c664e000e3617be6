/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <curses.h>
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "assocs.h"
#include "cells.h"
#include "json.h"
#include "plain.h"
#include "state.h"
#include "text.h"
#include "view.h"

/* What changed stands out, then less, then not; what is gone stays a while. */
#define MARK_STRONG_USEC        (2 * USEC_PER_SEC)
#define MARK_USEC               (6 * USEC_PER_SEC)
/* The clock in the head, and marks that fade. */
#define TICK_USEC               (1 * USEC_PER_SEC)
/* However much happens, an eye sees no more than this. */
#define DRAW_USEC_MIN           (100 * USEC_PER_MSEC)
/* Totals, news, column titles; and the help at the bottom. */
#define HEAD_LINES 3
#define FOOT_LINES 1
#define MARK_WIDTH 2

struct row {
        json_int_t netns, id;           /* id 0: none yet */
        json_t *object;
        char mark;                      /* '+' new, '~' changed, '-' gone; 0: none */
        uint64_t marked;                /* when */
        unsigned telling;               /* of the state of things that told it last */
};

struct view {
        const struct options *options;
        SCREEN *screen;
        struct grid *grid;
        struct row **rows;
        size_t n_rows, rows_allocated, n_nameless;
        void *by_id;                    /* tsearch() tree of rows with an id */
        struct tally tally;
        unsigned telling;               /* counts how often all was told anew */
        bool ready, unsorted, dirty, resized;
        uint64_t drawn;                 /* when */
        size_t top;                     /* first row on the screen */
        uint64_t changes;
        uint64_t scanned;               /* when, monotonic */
        bool stale;
        char *notice;
};

static int compare_ids(const void *a, const void *b) {
        const struct row *x = a, *y = b;
        int r = CMP(x->netns, y->netns);

        return r ?: CMP(x->id, y->id);
}

/* As the list has them: by id; those without one first. */
static int compare_rows(const void *a, const void *b) {
        const struct row *x = *(struct row *const *) a, *y = *(struct row *const *) b;
        int r = compare_ids(x, y);

        if (r == 0)
                r = CMP(member_int(x->object, "localPort"), member_int(y->object, "localPort"));
        return r ?: CMP(member_int(x->object, "peerPort"), member_int(y->object, "peerPort"));
}

static bool arrays_overlap(json_t *a, json_t *b) {
        json_t *x, *y;
        size_t i, j;

        json_array_foreach(a, i, x)
                json_array_foreach(b, j, y)
                        if (json_equal(x, y))
                                return true;
        return false;
}

/* The same association before it had an id. */
static bool same_ends(json_t *a, json_t *b) {
        return member_int(a, "netns") == member_int(b, "netns") &&
                member_int(a, "localPort") == member_int(b, "localPort") &&
                member_int(a, "peerPort") == member_int(b, "peerPort") &&
                arrays_overlap(json_object_get(a, "peerAddresses"), json_object_get(b, "peerAddresses"));
}

static struct row *find_row(struct view *v, json_t *object) {
        struct row key = { .netns = member_int(object, "netns"), .id = member_int(object, "associationId") };
        struct row **found;

        found = key.id > 0 ? tfind(&key, &v->by_id, compare_ids) : NULL;
        if (found)
                return *found;
        if (v->n_nameless == 0)
                return NULL;
        for (size_t i = 0; i < v->n_rows; i++)
                if (v->rows[i]->id == 0 && v->rows[i]->mark != '-' && same_ends(v->rows[i]->object, object))
                        return v->rows[i];
        return NULL;
}

static void forget_id(struct view *v, struct row *row) {
        if (row->id == 0)
                v->n_nameless--;
        else
                (void) tdelete(row, &v->by_id, compare_ids);
}

/* A row that is gone keeps its place in the picture and nowhere else. */
static void row_gone(struct view *v, struct row *row, uint64_t now) {
        forget_id(v, row);
        tally_count(&v->tally, row->object, -1);
        row->mark = '-';
        row->marked = now;
        v->dirty = true;
}

static int row_name(struct view *v, struct row *row) {
        row->netns = member_int(row->object, "netns");
        row->id = member_int(row->object, "associationId");
        v->unsorted = true;
        if (row->id == 0) {
                v->n_nameless++;
                return 0;
        }
        return tsearch(row, &v->by_id, compare_ids) ? 0 : -ENOMEM;
}

static int row_add(struct view *v, json_t *object, struct row **ret) {
        struct row *row;
        int r;

        if (v->n_rows == v->rows_allocated) {
                size_t n = MAX(v->rows_allocated * 2, (size_t) 64);
                struct row **rows = reallocarray(v->rows, n, sizeof(*rows));

                if (!rows)
                        return -ENOMEM;
                v->rows = rows;
                v->rows_allocated = n;
        }
        row = calloc(1, sizeof(*row));
        if (!row)
                return -ENOMEM;
        row->object = json_incref(object);
        v->rows[v->n_rows++] = row;
        tally_count(&v->tally, object, +1);
        r = row_name(v, row);
        if (r < 0)
                return r;
        *ret = row;
        return 0;
}

static int row_update(struct view *v, struct row *row, json_t *object) {
        bool renamed = member_int(object, "associationId") != row->id;

        tally_count(&v->tally, row->object, -1);
        tally_count(&v->tally, object, +1);
        if (renamed)
                forget_id(v, row);
        json_decref(row->object);
        row->object = json_incref(object);
        return renamed ? row_name(v, row) : 0;
}

static void row_mark(struct row *row, char mark, uint64_t now) {
        /* What is new stays new for its time. */
        if (row->mark != '+')
                row->mark = mark;
        row->marked = now;
}

static void row_free(struct row *row) {
        json_decref(row->object);
        free(row);
}

/* Whether a person should look: a path changed its state, or another is the primary. Figures alone
 * change all the time. */
static bool paths_differ(json_t *a, json_t *b) {
        json_t *p = json_object_get(a, "paths"), *q = json_object_get(b, "paths"), *path;
        size_t i;

        if (strcmp(member_string(a, "primaryAddress"), member_string(b, "primaryAddress")) != 0 ||
            json_array_size(p) != json_array_size(q))
                return true;
        json_array_foreach(p, i, path)
                if (strcmp(member_string(path, "state"), member_string(json_array_get(q, i), "state")) != 0)
                        return true;
        return false;
}

/* Not in the state that was asked for, or not impaired. */
static bool unwanted(const struct view *v, json_t *association) {
        json_t *state = json_object_get(v->options->filter, "state"),
               *impaired = json_object_get(v->options->filter, "impaired");

        return (state && !json_equal(state, json_object_get(association, "state"))) ||
                (impaired && !json_equal(impaired, json_object_get(association, "impaired")));
}

int view_association(struct view *v, json_t *association, uint64_t now) {
        struct row *row = find_row(v, association);
        int r;

        if (!row && unwanted(v, association))
                return 0;
        v->dirty = true;
        if (row) {
                if (paths_differ(row->object, association) ||
                    strcmp(member_string(row->object, "state"), member_string(association, "state")) != 0)
                        row_mark(row, '~', now);
                r = row_update(v, row, association);
        } else {
                r = row_add(v, association, &row);
                /* At the very start all is new, so nothing is. */
                if (r >= 0 && v->ready)
                        row_mark(row, '+', now);
        }
        if (r < 0)
                return r;
        row->telling = v->telling;
        if (unwanted(v, association))
                row_gone(v, row, now);
        return 0;
}

void view_begin(struct view *v) {
        v->telling++;
}

void view_ready(struct view *v, uint64_t now) {
        for (size_t i = 0; i < v->n_rows; i++)
                if (v->rows[i]->telling != v->telling && v->rows[i]->mark != '-')
                        row_gone(v, v->rows[i], now);
        v->ready = v->dirty = true;
}

int view_change(struct view *v, json_t *change, uint64_t now) {
        json_t *association = json_object_get(change, "association");
        const char *state = member_string(change, "newState");
        _cleanup_(json_decref_p) json_t *object = NULL;
        struct row *row;
        bool gone;
        int r;

        if (!json_is_object(association))
                return 0;
        v->changes++;
        v->dirty = true;

        object = json_copy(association);
        if (!object || (state[0] && json_object_set_new(object, "state", json_string(state)) < 0))
                return -ENOMEM;
        gone = strcmp(member_string(change, "type"), "association_down") == 0 || unwanted(v, object);

        row = find_row(v, object);
        if (!row) {
                if (gone)
                        return 0;
                r = row_add(v, object, &row);
                if (r < 0)
                        return r;
                row_mark(row, '+', now);
        } else {
                r = row_update(v, row, object);
                if (r < 0)
                        return r;
                row_mark(row, '~', now);
        }
        row->telling = v->telling;
        if (gone)
                row_gone(v, row, now);
        return 0;
}

void view_scan(struct view *v, json_t *scan, uint64_t now) {
        json_int_t age = member_int(scan, "ageMs");

        v->scanned = now - MIN(now, (uint64_t) MAX(age, 0) * USEC_PER_MSEC);
        v->stale = json_is_true(json_object_get(scan, "stale"));
        v->dirty = true;
}

void view_notice(struct view *v, const char *text) {
        free(v->notice);
        v->notice = text ? strdup(text) : NULL;
        v->dirty = true;
}

/* The screen */

static attr_t attributes[_STYLES];

static void set_attributes(const struct options *o) {
        attributes[STYLE_HEADER] = attributes[STYLE_WARNING] = attributes[STYLE_TROUBLE] = A_BOLD;
        attributes[STYLE_DIM] = A_DIM;
        if (!o->color || !has_colors() || start_color() == ERR || use_default_colors() == ERR)
                return;
        (void) init_pair(STYLE_WARNING, COLOR_YELLOW, -1);
        (void) init_pair(STYLE_TROUBLE, COLOR_RED, -1);
        attributes[STYLE_WARNING] = COLOR_PAIR(STYLE_WARNING);
        attributes[STYLE_TROUBLE] = COLOR_PAIR(STYLE_TROUBLE) | A_BOLD;
}

int view_new(const struct options *o, struct view **ret) {
        _cleanup_(view_free_p) struct view *v = NULL;

        v = calloc(1, sizeof(*v));
        if (!v)
                return -ENOMEM;
        v->options = o;
        v->tally.state_name = association_state_name;
        v->grid = grid_new(association_columns, n_association_columns, LAYOUT_FIRST, o);
        if (!v->grid)
                return -ENOMEM;
        *ret = steal_ptr(v);
        return 0;
}

int view_open(struct view *v) {
        v->screen = newterm(NULL, stdout, stdin);
        if (!v->screen)
                return -ENOTTY;
        (void) set_term(v->screen);
        (void) cbreak();
        (void) noecho();
        (void) nonl();
        (void) keypad(stdscr, true);
        (void) nodelay(stdscr, true);
        (void) curs_set(0);
        set_attributes(v->options);
        return 0;
}

struct view *view_free(struct view *v) {
        if (!v)
                return NULL;
        if (v->screen) {
                (void) endwin();
                delscreen(v->screen);
        }
        while (v->by_id)
                (void) tdelete(*(struct row **) v->by_id, &v->by_id, compare_ids);
        for (size_t i = 0; i < v->n_rows; i++)
                row_free(v->rows[i]);
        free(v->rows);
        grid_free(v->grid);
        free(v->notice);
        free(v);
        return NULL;
}

static size_t rows_shown(void) {
        return LINES > HEAD_LINES + FOOT_LINES ? (size_t) (LINES - HEAD_LINES - FOOT_LINES) : 0;
}

static size_t top_max(const struct view *v) {
        return v->n_rows > rows_shown() ? v->n_rows - rows_shown() : 0;
}

bool view_keys(struct view *v) {
        size_t page = MAX(rows_shown(), (size_t) 1);
        int key;

        while (v->screen && (key = getch()) != ERR) {
                v->dirty = true;
                switch (key) {

                case 'q':
                case 'Q':
                        return true;

                case KEY_UP:
                case 'k':
                        v->top -= MIN(v->top, (size_t) 1);
                        break;

                case KEY_DOWN:
                case 'j':
                        v->top++;
                        break;

                case KEY_PPAGE:
                        v->top -= MIN(v->top, page);
                        break;

                case KEY_NPAGE:
                case ' ':
                        v->top += page;
                        break;

                case KEY_HOME:
                case 'g':
                        v->top = 0;
                        break;

                case KEY_END:
                case 'G':
                        v->top = SIZE_MAX / 2;
                        break;

                case KEY_RESIZE:
                case 'L' - '@':
                        v->resized = true;
                        (void) clearok(stdscr, true);
                        break;
                }
                v->top = MIN(v->top, top_max(v));
        }
        return false;
}

void view_suspend(struct view *v) {
        struct sigaction stop = { .sa_handler = SIG_DFL }, before;
        sigset_t mask, old;

        if (v->screen)
                (void) endwin();
        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGTSTP);
        (void) sigaction(SIGTSTP, &stop, &before);
        (void) raise(SIGTSTP);
        (void) sigprocmask(SIG_UNBLOCK, &mask, &old);
        /* Here it stands still until it is continued. */
        (void) sigprocmask(SIG_SETMASK, &old, NULL);
        (void) sigaction(SIGTSTP, &before, NULL);
        if (v->screen)
                (void) clearok(stdscr, true);
        v->dirty = v->resized = true;
}

struct pen {
        attr_t all;             /* of the whole line */
        int left;               /* columns until the right edge */
};

static void emit(const char *text, size_t length, enum style style, void *userdata) {
        struct pen *pen = userdata;
        int width = (int) plain_width(text, length);

        if (width > pen->left)
                length = plain_cut(text, length, (unsigned) MAX(pen->left, 0));
        pen->left -= MIN(width, pen->left);
        (void) attrset(pen->all | attributes[style]);
        (void) addnstr(text, (int) length);
        (void) attrset(A_NORMAL);
}

static void put_line(int y, attr_t attribute, const char *text) {
        struct pen pen = { .all = attribute, .left = COLS };

        (void) move(y, 0);
        emit(text, strlen(text), STYLE_PLAIN, &pen);
}

static void draw_head(struct view *v, uint64_t now) {
        _cleanup_free_ char *totals = NULL, *news = NULL;
        char span[TEXT_SPAN_MAX], clock[9] = "";
        time_t t = time(NULL);
        struct tm tm;

        totals = tally_text(&v->tally, "association", "associations");
        put_line(0, A_BOLD, totals ?: "");
        if (localtime_r(&t, &tm))
                (void) strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
        if (COLS > (int) plain_width(totals ?: "", strlen(totals ?: "")) + 10)
                (void) mvaddstr(0, COLS - 8, clock);

        if (v->notice) {
                news = plain_format("%s; reconnecting…", v->notice);
                put_line(1, attributes[STYLE_TROUBLE] | A_REVERSE, news ?: "");
                return;
        }
        text_span((now - MIN(now, v->scanned)) / TICK_USEC * TICK_USEC, span);
        news = plain_format("%" PRIu64 " changes seen; last look %s%s%s", v->changes,
                            now < v->scanned + TICK_USEC ? "just now" : span,
                            now < v->scanned + TICK_USEC ? "" : " ago",
                            v->stale ? ", the next is not finished" : "");
        put_line(1, v->stale ? attributes[STYLE_WARNING] : A_NORMAL, news ?: "");
}

static void draw_foot(const struct view *v) {
        _cleanup_free_ char *text = NULL;
        size_t last = MIN(v->top + rows_shown(), v->n_rows);

        text = plain_format("q quit   Up Down PgUp PgDn Home End scroll   %zu-%zu of %zu",
                            MIN(v->top + 1, v->n_rows), last, v->n_rows);
        put_line(LINES - 1, A_DIM, text ?: "");
}

static attr_t row_attribute(const struct row *row, uint64_t now) {
        uint64_t age = now - MIN(now, row->marked);

        if (row->mark == '-')
                return A_DIM;
        if (!row->mark)
                return A_NORMAL;
        return age < MARK_STRONG_USEC ? A_REVERSE : A_BOLD;
}

/* Takes out what has been gone long enough, and marks that are old. */
static void clean(struct view *v, uint64_t now) {
        size_t kept = 0;

        for (size_t i = 0; i < v->n_rows; i++) {
                struct row *row = v->rows[i];

                if (row->mark && now - MIN(now, row->marked) >= MARK_USEC) {
                        if (row->mark == '-') {
                                row_free(row);
                                continue;
                        }
                        row->mark = 0;
                }
                v->rows[kept++] = row;
        }
        v->n_rows = kept;
}

void view_draw(struct view *v, uint64_t now) {
        size_t n;

        if (!v->screen || (now < v->drawn + (v->dirty ? DRAW_USEC_MIN : TICK_USEC) && !v->resized))
                return;
        clean(v, now);
        if (v->unsorted)
                qsort(v->rows, v->n_rows, sizeof(*v->rows), compare_rows);
        v->top = MIN(v->top, top_max(v));
        n = MIN(rows_shown(), v->n_rows - v->top);

        (void) erase();
        grid_clear(v->grid);
        for (size_t i = 0; i < n; i++)
                if (grid_add(v->grid, v->rows[v->top + i]->object) < 0)
                        n = i;
        (void) grid_fit(v->grid, (unsigned) MAX(COLS - MARK_WIDTH, 1), !v->resized);

        draw_head(v, now);
        if (LINES > HEAD_LINES) {
                struct pen pen = { .left = COLS - MARK_WIDTH };

                (void) move(HEAD_LINES - 1, MARK_WIDTH);
                grid_draw_header(v->grid, emit, &pen);
        }
        for (size_t i = 0; i < n; i++) {
                const struct row *row = v->rows[v->top + i];
                struct pen pen = { .all = row_attribute(row, now), .left = COLS - MARK_WIDTH };

                (void) mvaddch((int) i + HEAD_LINES, 0, (chtype) (row->mark ?: ' '));
                (void) move((int) i + HEAD_LINES, MARK_WIDTH);
                grid_draw_line(v->grid, i, 0, emit, &pen);
        }
        draw_foot(v);
        (void) refresh();

        v->drawn = now;
        v->dirty = v->unsorted = v->resized = false;
}

uint64_t view_due(const struct view *v) {
        if (!v->screen)
                return UINT64_MAX;
        return v->drawn + (v->dirty ? DRAW_USEC_MIN : TICK_USEC);
}
