/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "assocs.h"
#include "clock.h"
#include "detail-pane.h"
#include "paint.h"
#include "plain.h"
#include "state.h"
#include "text.h"
#include "view.h"

/* A mark stands out at first, then less. */
#define MARK_FRESH_USEC (3 * USEC_PER_SEC)
/* The clock in the head, and marks that fade. */
#define TICK_USEC (1 * USEC_PER_SEC)
/* However much happens, an eye sees no more than this; and drawing gets a tenth of the time at most. */
#define DRAW_USEC_MIN (100 * USEC_PER_MSEC)
#define DRAW_SHARE 10u
/* Totals, news, column titles; and the help at the bottom. */
#define HEAD_LINES 3
#define DETAIL_HEAD_LINES 2
#define FOOT_LINES 1
#define MARK_WIDTH 2
/* Of the key that begins escape sequences: they come at once. */
#define ESCAPE_MSEC 25
#define KEY_ESCAPE 27

struct view {
        const struct options *options;
        SCREEN *screen;
        struct grid *grid;
        struct rows *rows;
        struct detail_pane *detail;
        json_t *samples, *scan;
        char filter[ROWS_FILTER_MAX + 1];
        size_t sort;                    /* column; none: by namespace and id */
        bool reverse;
        bool typing, help;              /* the filter; the keys are shown */
        bool dirty, resized;
        uint64_t drawn, cost;           /* when, and how long it took */
        size_t line;                    /* on the screen, that the cursor is in */
        size_t detail_top;
        uint64_t changes, unobserved;
        uint64_t scanned, told;         /* when the last look was, and when we heard of it; monotonic */
        char *notice;
};

static const char *const keys_help[] = {
        "Up Down PgUp PgDn    move the cursor; in the details: scroll",
        "Home End             to the first row, and stay there; to the last",
        "Enter                details of the association at the cursor; back",
        "/                    show only those that have all words of a text in what",
        "                     is seen of them, as the peer's name, command, container;",
        "                     Enter keeps it",
        "Esc                  back; all rows again",
        "< >                  sort by the column further left or right; left of the",
        "                     first: by network namespace and id",
        "r                    the other way round",
        "^L ^Z q              draw anew, suspend, quit",
        "",
        "+ new   ~ changed   - gone, for some seconds",
        "* before an address: the primary path",
};

int view_association(struct view *v, json_t *association, uint64_t now) {
        v->dirty = true;
        return rows_put(v->rows, association, now);
}

void view_begin(struct view *v) {
        rows_begin(v->rows);
}

void view_ready(struct view *v, uint64_t now) {
        rows_ready(v->rows, now);
        v->dirty = true;
}

static uint64_t count_of(json_t *object, const char *member) {
        return (uint64_t) MAX(member_int(object, member), 0);
}

int view_change(struct view *v, json_t *change, uint64_t now) {
        v->dirty = true;
        if (strcmp(member_string(change, "type"), "unobserved") == 0)
                v->unobserved += count_of(change, "established") + count_of(change, "failed");
        if (!json_is_object(json_object_get(change, "association")))
                return 0;
        v->changes++;
        return rows_change(v->rows, change, now);
}

void view_scan(struct view *v, json_t *scan, uint64_t now) {
        v->scanned = now - MIN(now, count_of(scan, "ageMs") * USEC_PER_MSEC);
        v->told = now;
        json_decref(v->scan);
        v->scan = json_incref(scan);
        v->dirty = true;
}

void view_notice(struct view *v, const char *text) {
        free(v->notice);
        v->notice = text ? strdup(text) : NULL;
        v->dirty = true;
}

json_t *view_opened(const struct view *v) {
        const struct row *row = rows_held(v->rows);

        return row ? row->object : NULL;
}

void view_samples(struct view *v, json_t *reply) {
        json_decref(v->samples);
        v->samples = json_incref(reply);
        v->dirty = true;
}

/* The terminal */

int view_new(const struct options *o, struct view **ret) {
        _cleanup_(view_free_p) struct view *v = NULL;
        int r;

        v = calloc(1, sizeof(*v));
        if (!v)
                return -ENOMEM;
        v->options = o;
        v->sort = n_association_columns;
        v->grid = grid_new(association_columns, n_association_columns, LAYOUT_FIRST, o);
        if (!v->grid)
                return -ENOMEM;
        r = rows_new(association_columns, n_association_columns, o, &v->rows);
        if (r >= 0)
                r = detail_pane_new(o, &v->detail);
        if (r < 0)
                return r;
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
        (void) set_escdelay(ESCAPE_MSEC);
        (void) curs_set(0);
        paint_open(v->options->color);
        return 0;
}

struct view *view_free(struct view *v) {
        if (!v)
                return NULL;
        if (v->screen) {
                (void) endwin();
                delscreen(v->screen);
        }
        detail_pane_free(v->detail);
        rows_free(v->rows);
        grid_free(v->grid);
        json_decref(v->samples);
        json_decref(v->scan);
        free(v->notice);
        free(v);
        return NULL;
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

/* Lines between the head and the foot. */
static size_t body_lines(int head) {
        return LINES > head + FOOT_LINES ? (size_t) (LINES - head - FOOT_LINES) : 0;
}

/* Keys */

static int apply_filter(struct view *v) {
        uint64_t columns = 0;

        for (size_t i = 0; i < n_association_columns; i++)
                if (grid_shows(v->grid, i))
                        columns |= UINT64_C(1) << i;
        return rows_filter(v->rows, v->filter, columns);
}

static int sort_next(struct view *v, bool right) {
        size_t n = n_association_columns, i = v->sort;

        /* Left of the first column is what is none. */
        do
                i = right ? (i + 1) % (n + 1) : (i + n) % (n + 1);
        while (i < n && !grid_shows(v->grid, i));
        v->sort = i;
        v->reverse = false;
        return rows_sort(v->rows, v->sort, v->reverse);
}

static int type(struct view *v, int key) {
        size_t length = strlen(v->filter);

        switch (key) {

        case KEY_ESCAPE:
                v->filter[0] = '\0';
                v->typing = false;
                break;

        case '\r':
        case '\n':
        case KEY_ENTER:
                v->typing = false;
                break;

        case KEY_BACKSPACE:
        case '\b':
        case 0x7f:
                while (length > 0 && ((unsigned char) v->filter[--length] & 0xc0) == 0x80)
                        ;
                v->filter[length] = '\0';
                break;

        default:
                if (key < ' ' || key > 0xff || length == ROWS_FILTER_MAX)
                        break;
                v->filter[length] = (char) key;
                v->filter[length + 1] = '\0';
        }
        return apply_filter(v);
}

static void move_to(struct view *v, size_t index) {
        size_t before = rows_cursor(v->rows), after;

        rows_move(v->rows, index);
        after = rows_cursor(v->rows);
        /* view_draw() keeps it on the screen. */
        v->line = after > before ? v->line + (after - before) : v->line - MIN(v->line, before - after);
}

static void scroll_to(struct view *v, size_t top) {
        if (rows_held(v->rows))
                v->detail_top = top;
        else
                move_to(v, top);
}

static void open_details(struct view *v, bool open) {
        rows_hold(v->rows, open ? rows_at(v->rows, rows_cursor(v->rows)) : NULL);
        view_samples(v, NULL);
        v->detail_top = 0;
}

/* 1: end */
static int obey(struct view *v, int key) {
        size_t page = MAX(body_lines(HEAD_LINES), (size_t) 1), at;
        bool details = rows_held(v->rows);

        if (key == KEY_RESIZE || key == 'L' - '@') {
                v->resized = true;
                (void) clearok(stdscr, true);
                return 0;
        }
        if (v->help) {
                v->help = false;
                return key == 'q' || key == 'Q';
        }
        if (v->typing && (key < KEY_MIN || key == KEY_BACKSPACE || key == KEY_ENTER))
                return type(v, key);

        at = details ? v->detail_top : rows_cursor(v->rows);
        switch (key) {

        case 'q':
        case 'Q':
                return 1;

        case '?':
                v->help = true;
                break;

        case KEY_UP:
        case 'k':
                scroll_to(v, at - MIN(at, (size_t) 1));
                break;

        case KEY_DOWN:
        case 'j':
                scroll_to(v, at + 1);
                break;

        case KEY_PPAGE:
                scroll_to(v, at - MIN(at, page));
                break;

        case KEY_NPAGE:
        case ' ':
                scroll_to(v, at + page);
                break;

        case KEY_HOME:
        case 'g':
                scroll_to(v, 0);
                break;

        case KEY_END:
        case 'G':
                scroll_to(v, SIZE_MAX / 2);
                break;

        case '\r':
        case '\n':
        case KEY_ENTER:
                open_details(v, !details);
                break;

        case KEY_ESCAPE:
                if (details)
                        open_details(v, false);
                else {
                        v->filter[0] = '\0';
                        return apply_filter(v);
                }
                break;

        case '/':
                v->typing = !details;
                break;

        case '<':
        case '>':
                return details ? 0 : sort_next(v, key == '>');

        case 'r':
                v->reverse = !v->reverse;
                return rows_sort(v->rows, v->sort, v->reverse);
        }
        return 0;
}

int view_keys(struct view *v) {
        int key, r = 0;

        while (v->screen && r == 0 && (key = getch()) != ERR) {
                v->dirty = true;
                r = obey(v, key);
        }
        return r;
}

/* The picture */

static void draw_clock(int used) {
        char clock[9] = "";
        time_t t = time(NULL);
        struct tm tm;

        if (localtime_r(&t, &tm))
                (void) strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
        if (COLS > used + 10)
                (void) mvaddstr(0, COLS - 8, clock);
}

static int draw_head(const struct view *v, uint64_t now) {
        _cleanup_free_ char *totals = NULL, *news = NULL;
        bool stale = json_is_true(json_object_get(v->scan, "stale"));
        char span[TEXT_SPAN_MAX], unobserved[64] = "";

        totals = totals_text(rows_totals(v->rows), "association", "associations");
        if (!totals)
                return -ENOMEM;
        paint_line(0, A_BOLD, totals);
        draw_clock((int) plain_width(totals, strlen(totals)));

        if (v->notice) {
                news = plain_format("%s", v->notice);
                paint_line(1, paint_style(STYLE_TROUBLE) | A_REVERSE, news ?: "");
                return news ? 0 : -ENOMEM;
        }
        text_span((now - MIN(now, v->scanned)) / TICK_USEC * TICK_USEC, span);
        if (v->unobserved > 0)
                snprintf(unobserved, sizeof(unobserved), "; %" PRIu64 " came and went unobserved", v->unobserved);
        news = plain_format("%" PRIu64 " changes seen; last look %s%s%s%s%s", v->changes,
                            now < v->scanned + TICK_USEC ? "just now" : span,
                            now < v->scanned + TICK_USEC ? "" : " ago",
                            stale ? ", the next is not finished" : "", unobserved,
                            rows_left_out(v->rows) ? "; there are more than can be shown" : "");
        paint_line(1, stale || rows_left_out(v->rows) ? paint_style(STYLE_WARNING) : A_NORMAL, news ?: "");
        return news ? 0 : -ENOMEM;
}

static int draw_foot(const struct view *v, size_t top, size_t shown) {
        _cleanup_free_ char *keys = NULL, *where = NULL;
        size_t n = rows_count(v->rows), all = rows_total(v->rows);
        int width;

        if (rows_held(v->rows) || v->help)
                keys = plain_format("q quit   Esc back   Up Down PgUp PgDn scroll");
        else if (v->typing)
                keys = plain_format("Filter: %s_   Enter keep   Esc clear", v->filter);
        else if (v->filter[0])
                keys = plain_format("q quit   ? keys   / filter: %s   Esc clear", v->filter);
        else
                keys = plain_format("q quit   ? keys   Enter details   / filter   < > r sort");
        where = v->filter[0] ? plain_format("%zu-%zu of %zu (%zu)", MIN(top + 1, n), top + shown, n, all) :
                plain_format("%zu-%zu of %zu", MIN(top + 1, n), top + shown, n);
        if (!keys || !where)
                return -ENOMEM;
        paint_line(LINES - 1, v->typing ? A_BOLD : A_DIM, keys);
        width = (int) plain_width(where, strlen(where));
        if (rows_held(v->rows) || v->help || COLS < (int) plain_width(keys, strlen(keys)) + 2 + width)
                return 0;
        (void) attrset(A_DIM);
        (void) mvaddstr(LINES - 1, COLS - width - 1, where);
        (void) attrset(A_NORMAL);
        return 0;
}

static const char *sort_sign(const struct view *v) {
        return paint_utf8() ? (v->reverse ? "▼" : "▲") : v->reverse ? "v" : "^";
}

static void draw_row(const struct view *v, size_t i, const struct row *row, bool cursor, uint64_t now) {
        bool fresh = now - MIN(now, row->marked) < MARK_FRESH_USEC;
        struct pen pen = {
                .all = paint_mark(row->mark, fresh) | (cursor ? A_REVERSE : 0),
                .left = MAX(COLS - MARK_WIDTH, 0),
        };
        int y = (int) i + HEAD_LINES;

        /* All of the line, and not only where text is. */
        (void) mvhline(y, 0, ' ' | pen.all, COLS);
        (void) mvaddch(y, 0, (chtype) (row->mark ?: ' ') | pen.all);
        (void) move(y, MARK_WIDTH);
        grid_draw_line(v->grid, i, 0, paint_emit, &pen);
}

/* The rows on the screen alone are looked at. */
static int draw_table(struct view *v, uint64_t now, size_t *ret_top, size_t *ret_shown) {
        size_t lines = body_lines(HEAD_LINES), n = rows_count(v->rows), cursor = rows_cursor(v->rows), top, shown;
        struct pen pen = { .left = COLS - MARK_WIDTH };
        int r;

        v->line = MIN(v->line, lines > 0 ? lines - 1 : 0);
        v->line = MIN(v->line, cursor);
        top = MIN(cursor - v->line, n - MIN(n, lines));
        v->line = cursor - top;
        shown = MIN(lines, n - top);

        grid_clear(v->grid);
        for (size_t i = 0; i < shown; i++) {
                r = grid_add(v->grid, rows_at(v->rows, top + i)->object);
                if (r < 0)
                        return r;
        }
        grid_mark(v->grid, v->sort, sort_sign(v));
        (void) grid_fit(v->grid, (unsigned) MAX(COLS - MARK_WIDTH, 1), !v->resized);

        if (lines > 0 || LINES == HEAD_LINES + FOOT_LINES) {
                (void) move(HEAD_LINES - 1, MARK_WIDTH);
                grid_draw_header(v->grid, paint_emit, &pen);
        }
        for (size_t i = 0; i < shown; i++)
                draw_row(v, i, rows_at(v->rows, top + i), top + i == cursor, now);
        *ret_top = top;
        *ret_shown = shown;
        return 0;
}

static int draw_detail(struct view *v, uint64_t now) {
        size_t lines = body_lines(DETAIL_HEAD_LINES), all;
        int r;

        r = detail_pane_fill(v->detail, rows_held(v->rows), v->samples, v->scan, now - MIN(now, v->told),
                             (unsigned) COLS);
        if (r < 0)
                return r;
        all = detail_pane_lines(v->detail);
        v->detail_top = MIN(v->detail_top, all - MIN(all, lines));
        detail_pane_draw(v->detail, DETAIL_HEAD_LINES, v->detail_top, lines);
        return 0;
}

static void draw_help(void) {
        for (size_t i = 0; i < MIN(ELEMENTS(keys_help), body_lines(HEAD_LINES)); i++)
                paint_line((int) i + HEAD_LINES, A_NORMAL, keys_help[i]);
}

uint64_t view_due(const struct view *v) {
        if (!v->screen)
                return UINT64_MAX;
        return v->drawn + (v->dirty ? MAX(DRAW_USEC_MIN, v->cost * DRAW_SHARE) : TICK_USEC);
}

int view_draw(struct view *v, uint64_t now) {
        size_t top = 0, shown = 0;
        int r;

        if (!v->screen || (now < view_due(v) && !v->resized))
                return 0;
        v->dirty = false;
        (void) rows_expire(v->rows, now);

        (void) erase();
        r = v->help ? 0 : rows_held(v->rows) ? draw_detail(v, now) : draw_table(v, now, &top, &shown);
        if (r < 0)
                return r;
        if (v->help)
                draw_help();
        r = draw_head(v, now);
        if (r >= 0)
                r = draw_foot(v, top, shown);
        if (r < 0)
                return r;
        (void) refresh();
        v->resized = false;
        v->drawn = now;
        v->cost = clock_usec(CLOCK_MONOTONIC) - now;

        /* Other columns may have come into view. */
        if (v->filter[0])
                r = apply_filter(v);
        return r;
}
