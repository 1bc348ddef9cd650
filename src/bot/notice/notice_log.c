/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bot/notice/notice_int.h"
#include "base/banned.h"

/*
 * Error lines of the log for the admins. They may come from any thread and at any moment, so they are
 * laid down and told in a turn of the loop of its own. What is about Telegram itself is never told there:
 * it would feed itself.
 */

enum { LAID = 32 };

struct laid {
    char area[32], text[NOTE_TEXT];
};

struct notice_alarm {
    struct notices *n;
    pthread_mutex_t lock;
    struct laid lines[LAID];
    int count;
    bool posted;
    struct loop_task task;
};

static bool is_own(const char *area)
{
    static const char *const own[] = {"telegram", "outbox", "bot", "notice"};
    size_t i;

    for (i = 0; i < ARRAY_LEN(own); i++)
        if (strcmp(area, own[i]) == 0)
            return true;
    return false;
}

/* With the log's lock held: nothing here may log. */
static void on_line(void *arg, enum log_level level, const char *area, const char *text)
{
    struct notice_alarm *a = arg;
    bool post = false;

    (void)level;
    if (is_own(area))
        return;
    pthread_mutex_lock(&a->lock);
    if (a->count < LAID) {
        note_set(a->lines[a->count].area, sizeof(a->lines[0].area), slice_of(area));
        note_set(a->lines[a->count].text, sizeof(a->lines[0].text), slice_of(text));
        a->count++;
        post = !a->posted;
        a->posted = true;
    }
    pthread_mutex_unlock(&a->lock);
    if (post)
        loop_post_task(a->n->o.loop, &a->task);
}

static void tell(void *arg)
{
    struct notice_alarm *a = arg;
    struct laid *lines = malloc(sizeof(a->lines));
    int count, i;

    pthread_mutex_lock(&a->lock);
    count = lines ? a->count : 0;
    if (count)
        memcpy(lines, a->lines, (size_t)count * sizeof(*lines));
    a->count = 0;
    a->posted = false;
    pthread_mutex_unlock(&a->lock);
    for (i = 0; i < count; i++) {
        struct notice what = {.event = NOTICE_FAILED,
                              .name = slice_of(lines[i].area),
                              .text = slice_of(lines[i].text)};

        notice_put(a->n, &what);
    }
    free(lines);
}

int alarm_new(struct notices *n)
{
    struct notice_alarm *a = calloc(1, sizeof(*a));

    if (!a)
        return ERR_NOMEM;
    a->n = n;
    a->task = (struct loop_task){.fn = tell, .arg = a};
    pthread_mutex_init(&a->lock, NULL);
    n->alarm = a;
    log_set_alarm(on_line, a);
    return ERR_OK;
}

void alarm_free(struct notice_alarm *a)
{
    if (!a)
        return;
    log_set_alarm(NULL, NULL);
    loop_unpost_task(a->n->o.loop, &a->task);
    pthread_mutex_destroy(&a->lock);
    free(a);
}
