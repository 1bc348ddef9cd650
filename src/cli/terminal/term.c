/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/terminal/term.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/stamp.h"
#include "base/banned.h"

enum { CELL_MAX = 4096 };

bool term_colours(void)
{
    static int known = -1;
    const char *no = getenv("NO_COLOR"), *kind = getenv("TERM");

    if (known < 0)
        known = isatty(STDOUT_FILENO) && !(no && no[0]) && kind && strcmp(kind, "dumb") != 0;
    return known;
}

const char *term_colour(enum term_colour c)
{
    static const char *const codes[] = {
        [TERM_PLAIN] = "\033[0m",  [TERM_DIM] = "\033[2m",     [TERM_RED] = "\033[31m",
        [TERM_GREEN] = "\033[32m", [TERM_YELLOW] = "\033[33m", [TERM_BOLD] = "\033[1m",
    };

    return term_colours() ? codes[c] : "";
}

size_t term_width(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

void term_table_init(struct term_table *t, const char *const *heads, size_t columns)
{
    size_t i;

    *t = (struct term_table){.columns = columns};
    for (i = 0; i < columns; i++) {
        t->right[i] = heads[i][0] == '>';
        t->heads[i] = heads[i] + t->right[i];
    }
}

static bool grow(struct term_table *t)
{
    size_t cap = t->cap ? t->cap * 2 : 64;
    char **cells = realloc(t->cells, cap * sizeof(*cells));
    enum term_colour *colours;

    if (!cells)
        return false;
    t->cells = cells;
    colours = realloc(t->colours, cap * sizeof(*colours));
    if (!colours)
        return false;
    t->colours = colours;
    t->cap = cap;
    return true;
}

void term_cell(struct term_table *t, enum term_colour c, const char *text)
{
    struct buf b;

    if (t->failed || (t->n == t->cap && !grow(t))) {
        t->failed = true;
        return;
    }
    buf_init(&b, CELL_MAX);
    buf_add_escaped(&b, text && text[0] ? slice_of(text) : SLICE("-"));
    t->cells[t->n] = buf_take(&b);
    t->colours[t->n] = c;
    t->failed = !t->cells[t->n];
    t->n += !t->failed;
}

void term_cellf(struct term_table *t, enum term_colour c, const char *fmt, ...)
{
    char text[CELL_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    term_cell(t, c, text);
}

size_t term_screen(size_t *ret_rows)
{
    struct winsize ws;

    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) != 0 || ws.ws_col == 0)
        return 0;
    if (ret_rows)
        *ret_rows = ws.ws_row;
    return ws.ws_col;
}

/* Where the text is cut so that columns characters are left. */
static size_t cut_at(const char *text, size_t columns)
{
    size_t n = 0, i;

    for (i = 0; text[i]; i++) {
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
        if (n > columns)
            return i;
    }
    return i;
}

/* Makes the widest columns narrower until the table fits the screen. */
static void fit(size_t *width, size_t columns, size_t screen)
{
    enum { NARROWEST = 6, GAP = 2 };
    size_t total = 0, widest, k;

    for (k = 0; k < columns; k++)
        total += width[k] + (k ? GAP : 0);
    while (screen && total > screen) {
        widest = 0;
        for (k = 1; k < columns; k++)
            if (width[k] >= width[widest])
                widest = k;
        if (width[widest] <= NARROWEST)
            return;
        width[widest]--;
        total--;
    }
}

static void add_cell(struct buf *line, const char *text, enum term_colour c, size_t width,
                     bool right)
{
    size_t shown = term_width(text);
    struct buf cut;
    int pad;

    buf_init(&cut, CELL_MAX * 4);
    if (shown > width) {
        buf_add(&cut, text, cut_at(text, width - 1));
        buf_add_str(&cut, "\xe2\x80\xa6");
        text = buf_str(&cut);
        shown = width;
    }
    pad = (int)(width - shown);
    if (line->n)
        buf_add_str(line, "  ");
    if (right)
        buf_addf(line, "%*s", pad, "");
    if (c == TERM_PLAIN || strcmp(text, " ") == 0)
        buf_add_str(line, text);
    else
        buf_addf(line, "%s%s%s", term_colour(c), text, term_colour(TERM_PLAIN));
    if (!right)
        buf_addf(line, "%*s", pad, "");
    buf_release(&cut);
}

/* Prints a row without the blanks at its end, and empties line. */
static void print_line(struct buf *line)
{
    while (line->n && line->p[line->n - 1] == ' ')
        line->n--;
    fwrite(line->p ? line->p : "", 1, line->n, stdout);
    putchar('\n');
    buf_clear(line);
}

void term_table_print(struct term_table *t)
{
    size_t width[TERM_COLUMNS], i, k;
    struct buf line;

    buf_init(&line, (size_t)TERM_COLUMNS * (4 * CELL_MAX + 32));
    for (k = 0; k < t->columns; k++)
        width[k] = term_width(t->heads[k]);
    for (i = 0; i < t->n; i++)
        if (term_width(t->cells[i]) > width[i % t->columns])
            width[i % t->columns] = term_width(t->cells[i]);
    fit(width, t->columns, t->screen ? t->screen : term_screen(NULL));
    for (k = 0; k < t->columns; k++)
        add_cell(&line, t->heads[k][0] ? t->heads[k] : " ", TERM_BOLD, width[k] ? width[k] : 1,
                 t->right[k]);
    print_line(&line);
    for (i = 0; i < t->n; i++) {
        k = i % t->columns;
        add_cell(&line, t->cells[i], t->colours[i], width[k] ? width[k] : 1, t->right[k]);
        if (k + 1 == t->columns)
            print_line(&line);
    }
    buf_release(&line);
    if (t->failed)
        puts("(out of memory: the rest is missing)");
    for (i = 0; i < t->n; i++)
        free(t->cells[i]);
    free(t->cells);
    free(t->colours);
    *t = (struct term_table){.columns = 0};
}

void term_put(const char *text)
{
    struct buf b;

    buf_init(&b, (size_t)1 << 20);
    buf_add_escaped(&b, slice_of(text));
    fputs(buf_str(&b), stdout);
    buf_release(&b);
}

const char *term_time(const char *iso, char *out, size_t max)
{
    struct tm tm;
    int64_t us;
    time_t t;

    if (!iso || stamp_parse_iso(slice_of(iso), &us)) {
        snprintf(out, max, "%s", iso ? iso : "-");
        return out;
    }
    t = (time_t)(us / STAMP_SECOND);
    localtime_r(&t, &tm);
    if (strftime(out, max, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        snprintf(out, max, "%s", iso);
    return out;
}

const char *term_span(const char *iso, char *out, size_t max)
{
    int64_t us, s;
    const char *unit = "s";
    bool past;

    if (!iso || stamp_parse_iso(slice_of(iso), &us)) {
        snprintf(out, max, "%s", "");
        return out;
    }
    s = us / STAMP_SECOND - (int64_t)time(NULL);
    past = s < 0;
    if (past)
        s = -s;
    if (s >= 2 * 86400) {
        s /= 86400;
        unit = "days";
    } else if (s >= 2 * 3600) {
        s /= 3600;
        unit = "h";
    } else if (s >= 120) {
        s /= 60;
        unit = "min";
    }
    if (s == 0)
        snprintf(out, max, "now");
    else
        snprintf(out, max, "%s%lld %s%s", past ? "" : "in ", (long long)s, unit,
                 past ? " ago" : "");
    return out;
}

bool term_can_ask(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

bool term_ask(const char *fmt, ...)
{
    char line[16];
    va_list ap;

    if (!term_can_ask())
        return false;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputs(" [y/N] ", stderr);
    return fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
}
