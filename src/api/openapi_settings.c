/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "api/openapi_int.h"
#include "service/jout.h"
#include "base/banned.h"

/* The settings as components of the description, and what they share with parameters. */

void openapi_choices(struct buf *b, const char *choices)
{
    struct slice rest = slice_of(choices);

    jout_open(b, "enum", '[');
    while (rest.p)
        jout_str(b, NULL, slice_cut(&rest, '|'));
    jout_close(b, ']');
}

static void number_schema(struct buf *b, const char *type, const struct setting_def *d)
{
    jout_open(b, NULL, '{');
    jout_text(b, "type", type);
    jout_real(b, "minimum", d->min, 6);
    jout_real(b, "maximum", d->max, 6);
    jout_close(b, '}');
}

void openapi_setting(struct buf *b, enum setting id)
{
    const struct setting_def *d = setting_def(id);

    jout_open(b, "anyOf", '[');
    switch (d->type) {
    case TYPE_INT:
    case TYPE_HOUR:
        number_schema(b, "integer", d);
        break;
    case TYPE_REAL:
        number_schema(b, "number", d);
        break;
    case TYPE_BOOL:
        jout_raw(b, NULL, SLICE("{\"type\":\"boolean\"},{\"enum\":[0,1]}"));
        break;
    case TYPE_ENUM:
        jout_open(b, NULL, '{');
        openapi_choices(b, d->choices);
        jout_close(b, '}');
        jout_raw(b, NULL, SLICE("{\"type\":[\"number\",\"boolean\"]}"));
        break;
    default:
        jout_raw(b, NULL, SLICE("{\"type\":[\"number\",\"boolean\"]}"));
        break;
    }
    jout_raw(b, NULL, SLICE("{\"type\":\"string\",\"pattern\":\"^[^\\\\u0000]*$\"}"));
    jout_close(b, ']');
}

void openapi_begin_null(struct buf *b, bool nullable)
{
    if (!nullable)
        return;
    jout_open(b, "anyOf", '[');
    jout_open(b, NULL, '{');
}

void openapi_end_null(struct buf *b, bool nullable)
{
    if (!nullable)
        return;
    jout_close(b, '}');
    jout_raw(b, NULL, SLICE("{\"type\":\"null\"}"));
    jout_close(b, ']');
}

static void value_or_null(struct buf *b, enum setting id)
{
    openapi_begin_null(b, true);
    openapi_setting(b, id);
    openapi_end_null(b, true);
}

static void add_entries(struct buf *b)
{
    jout_raw(
        b, "entries",
        SLICE(
            "{\"type\":\"object\",\"minProperties\":1,\"additionalProperties\":false,"
            "\"description\":\"Entries that come to a list or go; of group=value pairs there is one "
            "for each group.\",\"properties\":{"
            "\"add\":{\"$ref\":\"#/components/schemas/texts\"},"
            "\"remove\":{\"$ref\":\"#/components/schemas/texts\"}}}"));
    jout_raw(b, "texts",
             SLICE("{\"type\":\"array\",\"minItems\":1,\"maxItems\":1000,\"items\":{"
                   "\"type\":\"string\",\"pattern\":\"^[!-~]{1,100}$\"}}"));
}

/* A value; or one in the place of a known one; or entries of a list. */
static void setting_or_edit(struct buf *b, enum setting id)
{
    jout_open(b, "anyOf", '[');
    jout_open(b, NULL, '{');
    value_or_null(b, id);
    jout_close(b, '}');
    jout_open(b, NULL, '{');
    jout_text(b, "type", "object");
    jout_text(b, "description", "Refused (409) when it is no longer what it was.");
    jout_bool(b, "additionalProperties", false);
    jout_raw(b, "required", SLICE("[\"value\",\"was\"]"));
    jout_open(b, "properties", '{');
    jout_open(b, "value", '{');
    value_or_null(b, id);
    jout_close(b, '}');
    jout_raw(b, "was", SLICE("{\"type\":\"string\",\"pattern\":\"^[^\\\\u0000]*$\"}"));
    jout_close(b, '}');
    jout_close(b, '}');
    if (setting_is_list(id))
        jout_raw(b, NULL, SLICE("{\"$ref\":\"#/components/schemas/entries\"}"));
    jout_close(b, ']');
}

void openapi_settings(struct buf *b)
{
    int i;

    add_entries(b);
    jout_open(b, "settings", '{');
    jout_text(b, "type", "object");
    jout_text(b, "description", "Any of these; null goes back to .env or default.");
    jout_bool(b, "additionalProperties", false);
    jout_int(b, "minProperties", 1);
    jout_open(b, "properties", '{');
    for (i = 0; i < SET_COUNT; i++) {
        const struct setting_def *d = setting_def((enum setting)i);
        struct buf text;

        if (d->flags & SETTING_STATIC)
            continue;
        buf_init(&text, 1024);
        buf_addf(&text, "%s Allowed: ", d->help);
        setting_add_range(&text, (enum setting)i);
        jout_open(b, d->key, '{');
        jout_text(b, "description", buf_str(&text));
        setting_or_edit(b, (enum setting)i);
        jout_close(b, '}');
        buf_release(&text);
    }
    jout_close(b, '}');
    jout_close(b, '}');
}
