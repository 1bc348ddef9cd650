/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Settings about addresses, from the database or .env into the engine, and what is said of those that cannot
 * work. */
#include "app_bed.h"

#include <stdio.h>
#include <stdlib.h>

static void line(struct app_bed *b, const char *address)
{
    char text[160];

    snprintf(text, sizeof(text), "from %s:1 accepted tcp:a:1 [IN -> O] email: 1", address);
    engine_line(b->d.engine, b->node, bed_clock_us, slice_of(text), NULL);
}

static int devices(struct app_bed *b)
{
    struct user_view *v = calloc(1, sizeof(*v));
    int n;

    assert_non_null(v);
    assert_int_equal(engine_view(b->d.engine, 1, bed_clock_us, v), ERR_OK);
    n = v->devices;
    free(v);
    return n;
}

static void settings_reach_the_engine(void **state)
{
    struct app_bed *b = *state;

    line(b, "5.6.7.8");
    line(b, "9.6.7.8");
    assert_int_equal(devices(b), 2);
    bed_set(b, SET_CDN_INBOUNDS, "IN");
    line(b, "5.6.7.8");
    line(b, "9.6.7.8");
    assert_int_equal(devices(b), 1);
    bed_set(b, SET_CDN_INBOUNDS, "");
    bed_set(b, SET_CDN_NODES, "1");
    line(b, "5.6.7.8");
    line(b, "9.6.7.8");
    assert_int_equal(devices(b), 1);
    bed_set(b, SET_CDN_NODES, "");
    bed_set(b, SET_DISABLED_NODES, "1");
    line(b, "5.6.7.8");
    assert_int_equal(devices(b), 0);
    bed_set(b, SET_DISABLED_NODES, "");
    bed_set(b, SET_GROUP_BY, "subnet");
    line(b, "5.6.7.8");
    line(b, "5.6.7.9");
    assert_int_equal(devices(b), 1);
    bed_set(b, SET_GROUP_BY, "auto");
    line(b, "5.6.7.8");
    line(b, "5.6.7.9");
    assert_int_equal(devices(b), 2);
    bed_set(b, SET_IP_ALLOWLIST, "5.6.7.9/32");
    assert_int_equal(devices(b), 1);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* A file that is not there or is wrong: said, and the list built in stands for it. */
static void content_file(void **state)
{
    struct app_bed *b = *state;
    const char *path = bed_path("content");

    line(b, "104.28.1.1");
    line(b, "9.6.7.8");
    assert_int_equal(devices(b), 1);
    bed_set(b, SET_CONTENT_NETWORKS, path);
    assert_non_null(strstr(b->d.sources_error, "No such file"));
    assert_non_null(views_setting_note(&b->d, &b->d.settings, SET_CONTENT_NETWORKS));
    assert_int_equal(devices(b), 1);
    write_file(path, "9.0.0.0/8\nhalf a lin");
    rules_apply(&b->d);
    assert_non_null(strstr(b->d.sources_error, "line 2"));
    assert_int_equal(devices(b), 1);
    write_file(path, "5.0.0.0/8 # nothing of his\n");
    rules_apply(&b->d);
    assert_string_equal(b->d.sources_error, "");
    assert_null(views_setting_note(&b->d, &b->d.settings, SET_CONTENT_NETWORKS));
    assert_int_equal(devices(b), 2);
}

/* Without data the country filter and the grouping by provider say so, and hide nobody. */
static void settings_without_data(void **state)
{
    struct app_bed *b = *state;

    assert_null(views_setting_note(&b->d, &b->d.settings, SET_COUNTRY_CODE));
    assert_null(views_setting_note(&b->d, &b->d.settings, SET_GROUP_BY));
    bed_set(b, SET_COUNTRY_CODE, "IR");
    bed_set(b, SET_GROUP_BY, "isp");
    assert_non_null(
        strstr(views_setting_note(&b->d, &b->d.settings, SET_COUNTRY_CODE), "without effect"));
    assert_non_null(strstr(views_setting_note(&b->d, &b->d.settings, SET_GROUP_BY), "as ip"));
    line(b, "5.6.7.8");
    line(b, "9.6.7.8");
    assert_int_equal(devices(b), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(settings_reach_the_engine, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(content_file, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(settings_without_data, bed_setup, bed_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
