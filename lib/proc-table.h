/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One of the kernel's text tables: a line of column names, then rows. Columns are found by name, never
 * by position: kernels from 2.6.32 to today print different sets of them. */

#define PROC_TABLE_COLUMNS_MAX 64u

struct slice {
        const char *text;
        size_t length;
};

enum column_kind {
        COLUMN_WORD,            /* anything without blanks in it */
        COLUMN_NUMBER,          /* decimal; set by proc_table_number() */
        COLUMN_LIST,            /* LADDRS, RADDRS: any number of addresses */
        COLUMN_ARROW,           /* `<->`, in each row as in the header */
};

struct proc_table {
        struct slice columns[PROC_TABLE_COLUMNS_MAX];
        uint8_t kinds[PROC_TABLE_COLUMNS_MAX];
        size_t n_columns;
        unsigned line;                  /* of the row last read, from 1; the header is line 1 */
        const char *next, *end;
};

struct row {
        struct slice cells[PROC_TABLE_COLUMNS_MAX];  /* words, and lists with all their words */
        uint64_t numbers[PROC_TABLE_COLUMNS_MAX];
};

/* Reads the header. -ENODATA: there is none; -E2BIG: too many columns. The text must outlive the table,
 * and text[length] must be a NUL. */
int proc_table_open(struct proc_table *t, const char *text, size_t length);

/* Index of the column of this name, -1 if the kernel does not print it. */
int proc_table_column(const struct proc_table *t, const char *name);

/* The same, and from now on the column is read as a number. */
int proc_table_number(struct proc_table *t, const char *name);

/* Splits the next row. 1; 0: no more rows; -EBADMSG: the row does not fit the header, `ret_expected`
 * (a column's name, or "end of line") and `ret_found` tell where. A row that fails is passed over, the
 * next call goes on behind it. */
int proc_table_next(struct proc_table *t, struct row *ret, struct slice *ret_expected, struct slice *ret_found);

/* Takes the first word off a list that stands in such a text; false when there is none left. */
bool proc_table_word(struct slice *list, struct slice *ret);
