/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/settings/settings.h"

#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/num.h"
#include "core/address/addr.h"
#include "core/address/addrset.h"
#include "base/banned.h"

/* What a check works on. */
struct check {
    enum setting id;
    const struct setting_def *def;
    struct slice text;
    struct buf *out;
    struct setting_value *v;
    struct err *err;
};

/* "<key>: <what> \"text\"; allowed: …". A secret's text is left out. */
static int refuse(const struct check *c, int code, struct slice part, const char *what)
{
    struct buf range, shown;

    if (!c->err)
        return code;
    buf_init(&range, 256);
    buf_init(&shown, 128);
    setting_add_range(&range, c->id);
    if (c->def->type != TYPE_SECRET)
        buf_add_escaped(&shown, (struct slice){part.p, part.n > 60 ? 60 : part.n});
    if (shown.n)
        err_set(c->err, code, "%s: \"%s\" %s; allowed: %s", c->def->key, buf_str(&shown), what,
                buf_str(&range));
    else
        err_set(c->err, code, "%s: %s; allowed: %s", c->def->key,
                part.n ? "the value is not of the right form" : "the value is empty",
                buf_str(&range));
    buf_release(&range);
    buf_release(&shown);
    return code;
}

static int check_int(const struct check *c)
{
    int64_t v;
    int rc = num_int(c->text, (int64_t)c->def->min, (int64_t)c->def->max, &v);

    if (rc)
        return refuse(c, rc, c->text,
                      rc == ERR_TOO_BIG ? "is out of range" : "is not a whole number");
    c->v->i = v;
    c->v->r = (double)v;
    return buf_addf(c->out, "%lld", (long long)v);
}

static int check_real(const struct check *c)
{
    double v;
    int rc = num_real(c->text, c->def->min, c->def->max, &v);

    if (rc)
        return refuse(c, rc, c->text, rc == ERR_TOO_BIG ? "is out of range" : "is not a number");
    c->v->r = v;
    return buf_addf(c->out, "%.10g", v);
}

static int check_bool(const struct check *c)
{
    bool v;

    if (num_bool(c->text, &v))
        return refuse(c, ERR_INVALID, c->text, "is neither true nor false");
    c->v->i = v;
    return buf_add_str(c->out, v ? "true" : "false");
}

static int check_enum(const struct check *c)
{
    struct slice rest = slice_of(c->def->choices), word, text = c->text;
    int i;

    if (c->id == SET_LOG_LEVEL && text.n == 8 && strncasecmp(text.p, "CRITICAL", 8) == 0)
        text = SLICE("ERROR");
    if (c->id == SET_LOG_LEVEL && text.n == 4 && strncasecmp(text.p, "WARN", 4) == 0)
        text = SLICE("WARNING");
    for (i = 0; rest.p; i++) {
        word = slice_cut(&rest, '|');
        if (word.n == text.n && text.n && strncasecmp(word.p, text.p, text.n) == 0) {
            c->v->i = i;
            return buf_add_slice(c->out, word);
        }
    }
    return refuse(c, ERR_INVALID, c->text, "is none of the choices");
}

static int check_text(const struct check *c)
{
    return buf_add_slice(c->out, c->text);
}

static int check_dir(const struct check *c)
{
    if (c->text.n && c->text.p[0] != '/')
        return refuse(c, ERR_INVALID, c->text, "is not an absolute path");
    return buf_add_slice(c->out, c->text);
}

/* host, host:port or [v6]:port; the part after it must be empty or begin a path. */
static bool host_and_port(struct slice s)
{
    struct slice host, port = {NULL, 0};
    struct addr a;
    uint64_t n;
    size_t i;

    if (s.n && s.p[0] == '[') {
        const char *end = memchr(s.p, ']', s.n);

        if (!end)
            return false;
        host = (struct slice){s.p + 1, (size_t)(end - s.p) - 1};
        port = slice_skip(s, host.n + 2);
        if (addr_parse6(host, &a))
            return false;
        if (port.n == 0)
            return true;
        return port.p[0] == ':' && !num_uint(slice_skip(port, 1), 65535, &n) && n > 0;
    }
    host = slice_cut(&s, ':');
    if (s.p && (num_uint(s, 65535, &n) || n == 0))
        return false;
    if (host.n == 0 || host.n > 253 || host.p[0] == '-' || host.p[0] == '.')
        return false;
    for (i = 0; i < host.n; i++) {
        unsigned char ch = (unsigned char)host.p[i];

        /* Bytes from 0x80 on: names in national letters, which the resolver judges. */
        if (ch <= ' ' || ch == 0x7f || strchr("/\\?#@\"'<>%{}|^`", ch))
            return false;
    }
    return true;
}

/* Cuts "scheme://" off; false when there is none. */
static bool cut_scheme(struct slice *s, struct slice *ret_scheme)
{
    const char *at = memmem(s->p ? s->p : "", s->n, "://", 3);

    if (!at)
        return false;
    ret_scheme->p = s->p;
    ret_scheme->n = (size_t)(at - s->p);
    *s = slice_skip(*s, ret_scheme->n + 3);
    return true;
}

static int check_panel(const struct check *c)
{
    struct slice rest = c->text, scheme, host, path;

    if (!c->text.n)
        return ERR_OK;
    if (cut_scheme(&rest, &scheme) && !slice_eq(scheme, SLICE("https")) &&
        !slice_eq(scheme, SLICE("http")))
        return refuse(c, ERR_INVALID, scheme, "is not a scheme a panel speaks");
    path = rest;
    host = slice_cut(&path, '/');
    if (memchr(rest.p, '@', rest.n))
        return refuse(c, ERR_INVALID, SLICE("@"),
                      "is not allowed: login and password have settings of their own");
    if (!host_and_port(host) ||
        (path.n && (memchr(path.p, '?', path.n) || memchr(path.p, '#', path.n))))
        return refuse(c, ERR_INVALID, c->text, "is no address of a panel");
    while (rest.n && rest.p[rest.n - 1] == '/')
        rest.n--;
    return buf_add(c->out, c->text.p, (size_t)(rest.p + rest.n - c->text.p));
}

static int check_url(const struct check *c)
{
    struct slice rest = c->text, scheme, choices = slice_of(c->def->choices), word, user;
    const char *at;

    if (!c->text.n)
        return ERR_OK;
    if (!cut_scheme(&rest, &scheme))
        return refuse(c, ERR_INVALID, SLICE("https://"), "is missing before the address");
    while (choices.p) {
        word = slice_cut(&choices, '|');
        if (slice_eq(word, scheme))
            break;
        word.p = NULL;
    }
    if (!word.p)
        return refuse(c, ERR_INVALID, scheme, "is not one of the schemes");
    if (slice_eq(scheme, SLICE("unix")))
        return buf_add_slice(c->out, c->text);
    word = rest;
    user = slice_cut(&word, '/');
    at = memrchr(user.p, '@', user.n);
    if (at)
        user = slice_skip(user, (size_t)(at - user.p) + 1);
    /* The text may hold a password: it is not repeated. */
    if (!host_and_port(user))
        return refuse(c, ERR_INVALID, user, "is no host[:port]");
    return buf_add_slice(c->out, c->text);
}

/* One of several; the word direct is for the way without a proxy. */
static int item_url(const struct check *c, struct slice item)
{
    struct check one = *c;

    if (slice_eq(item, SLICE("direct")))
        return buf_add_slice(c->out, item);
    one.text = item;
    return check_url(&one);
}

static int check_host(const struct check *c)
{
    struct addr a;

    if (!slice_eq(c->text, SLICE("localhost")) && addr_parse(c->text, &a))
        return refuse(c, ERR_INVALID, c->text, "is no address");
    return buf_add_slice(c->out, c->text);
}

static int check_zone(const struct check *c)
{
    static const char root[] = "/usr/share/zoneinfo/";
    char path[sizeof(root) + 64];
    size_t i;

    for (i = 0; i < c->text.n; i++) {
        char ch = c->text.p[i];

        if (!((ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') ||
              strchr("_+-/", ch)))
            return refuse(c, ERR_INVALID, c->text, "is no time zone");
    }
    if (c->text.n == 0 || c->text.n > 64 || c->text.p[0] == '/')
        return refuse(c, ERR_INVALID, c->text, "is no time zone");
    /* Without the zone files libc takes every unknown name for UTC, silently. */
    memcpy(path, root, sizeof(root) - 1);
    memcpy(path + sizeof(root) - 1, c->text.p, c->text.n);
    path[sizeof(root) - 1 + c->text.n] = '\0';
    if (!slice_eq(c->text, SLICE("UTC")) && access(path, R_OK) != 0)
        return refuse(c, ERR_INVALID, c->text, "is not a time zone this system knows");
    return buf_add_slice(c->out, c->text);
}

static int check_hour(const struct check *c)
{
    int64_t v;

    if (c->text.n == 3 && strncasecmp(c->text.p, "off", 3) == 0) {
        c->v->i = -1;
        return buf_add_str(c->out, "off");
    }
    if (num_int(c->text, 0, 23, &v))
        return refuse(c, ERR_INVALID, c->text, "is no hour");
    c->v->i = v;
    return buf_addf(c->out, "%lld", (long long)v);
}

/* One entry of a list: ERR_OK and its canonical form in c->out, or refused. */
typedef int (*item_fn)(const struct check *c, struct slice item);

static int item_text(const struct check *c, struct slice item)
{
    struct slice rest = slice_of(c->def->choices);

    if (item.n > 128 && c->id != SET_GEO_PROVIDER_URLS)
        return refuse(c, ERR_TOO_BIG, item, "is too long");
    while (rest.p && rest.n)
        if (slice_eq(slice_cut(&rest, '|'), item))
            return buf_add_slice(c->out, item);
    if (c->def->choices)
        return refuse(c, ERR_INVALID, item, "is none of the choices");
    return buf_add_slice(c->out, item);
}

/* ip-api=http://127.0.0.1:8000/batch */
static int item_provider_url(const struct check *c, struct slice item)
{
    struct slice url = item, name = slice_cut(&url, '='), scheme,
                 choices = slice_of(setting_def(SET_GEO_PROVIDERS)->choices), rest = url;
    bool known = false;

    while (choices.p)
        known |= slice_eq(slice_cut(&choices, '|'), name);
    if (!known)
        return refuse(c, ERR_INVALID, name, "is no service");
    if (!rest.p || !cut_scheme(&rest, &scheme) || item.n > 500 ||
        !(slice_eq(scheme, SLICE("https")) || slice_eq(scheme, SLICE("http"))) ||
        !host_and_port(slice_cut(&rest, '/')))
        return refuse(c, ERR_INVALID, item, "is no name=URL");
    return buf_add_slice(c->out, item);
}

static int item_id(const struct check *c, struct slice item)
{
    int64_t v;

    if (num_int(item, 1, INT64_C(999999999999999999), &v))
        return refuse(c, ERR_INVALID, item, "is no id");
    return buf_addf(c->out, "%lld", (long long)v);
}

static int item_addr(const struct check *c, struct slice item)
{
    char text[ADDR_TEXT];
    struct addr a;

    if (addr_parse(item, &a))
        return refuse(c, ERR_INVALID, item, "is no IP address");
    return buf_add_str(c->out, addr_text(a, text));
}

static int item_cidr(const struct check *c, struct slice item)
{
    struct addrset one;
    int rc;

    addrset_init(&one);
    rc = addrset_add(&one, item, NULL);
    addrset_release(&one);
    if (rc)
        return refuse(c, rc, item, "is no address or network");
    return buf_add_slice(c->out, item);
}

static int item_country(const struct check *c, struct slice item)
{
    size_t i;

    for (i = 0; i < item.n; i++)
        if (!((item.p[i] >= 'A' && item.p[i] <= 'Z') || (item.p[i] >= 'a' && item.p[i] <= 'z')))
            break;
    if (item.n != 2 || i != 2)
        return refuse(c, ERR_INVALID, item, "is no country code");
    for (i = 0; i < 2; i++)
        buf_add_char(c->out, (char)(item.p[i] & ~0x20));
    return ERR_OK;
}

static int item_step(const struct check *c, struct slice item)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    int64_t n;
    size_t i;

    if (slice_eq(item, SLICE("warn")) || slice_eq(item, SLICE("hand")) ||
        slice_eq(item, SLICE("revoke")))
        return buf_add_slice(c->out, item);
    for (i = 0; i < ARRAY_LEN(units) && item.n > 1; i++) {
        if (item.p[item.n - 1] != units[i].letter)
            continue;
        if (!num_int((struct slice){item.p, item.n - 1}, 1, 604800, &n) &&
            n * units[i].seconds >= 10 && n * units[i].seconds <= 604800)
            return buf_add_slice(c->out, item);
    }
    return refuse(c, ERR_INVALID, item, "is no step");
}

/* The canonical list so far must not name the group already: which of the two should hold? */
static bool is_named(const struct check *c, int64_t group)
{
    struct slice rest = buf_slice(c->out), item;
    char key[32];

    snprintf(key, sizeof(key), "%lld=", (long long)group);
    while (rest.p && rest.n) {
        item = slice_cut(&rest, ',');
        if (slice_starts(item, slice_of(key)))
            return true;
    }
    return false;
}

/* Cuts "3=" off an entry and writes it. */
static int group_of(const struct check *c, struct slice item, struct slice *ret_value)
{
    struct slice value = item, key = slice_trim(slice_cut(&value, '='));
    int64_t group;

    if (!value.p || num_int(key, 1, INT64_C(999999999999999999), &group))
        return refuse(c, ERR_INVALID, item, "does not begin with a group's id and =");
    if (is_named(c, group))
        return refuse(c, ERR_INVALID, item, "names its group a second time");
    *ret_value = slice_trim(value);
    return buf_addf(c->out, "%lld=", (long long)group);
}

static int item_group_limit(const struct check *c, struct slice item)
{
    struct slice value;
    int64_t limit;
    int rc = group_of(c, item, &value);

    if (!rc && num_int(value, 0, 10000, &limit))
        rc = refuse(c, ERR_INVALID, item, "has no limit");
    return rc ? rc : buf_addf(c->out, "%lld", (long long)limit);
}

static int item_group_mode(const struct check *c, struct slice item)
{
    static const char *const modes[] = {"on", "shadow", "off"};
    struct slice value;
    size_t i;
    int rc = group_of(c, item, &value);

    for (i = 0; !rc && i < ARRAY_LEN(modes); i++)
        if (value.n == strlen(modes[i]) && strncasecmp(value.p, modes[i], value.n) == 0)
            return buf_add_str(c->out, modes[i]);
    return rc ? rc : refuse(c, ERR_INVALID, item, "has no mode");
}

static int item_pin(const struct check *c, struct slice item)
{
    struct slice b64 = slice_skip(item, 8);
    size_t i;

    if (!slice_starts(item, SLICE("sha256//")) || b64.n != 44 || b64.p[43] != '=')
        return refuse(c, ERR_INVALID, item, "is no pin");
    for (i = 0; i < 43; i++) {
        char ch = b64.p[i];

        if (!((ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') ||
              ch == '+' || ch == '/'))
            return refuse(c, ERR_INVALID, item, "is no pin");
    }
    return buf_add_slice(c->out, item);
}

static int check_list(const struct check *c, item_fn fn)
{
    struct slice rest = c->text, item;
    size_t n = 0;
    int rc;

    if (rest.n == 4 && c->def->type == TYPE_COUNTRIES && strncasecmp(rest.p, "none", 4) == 0)
        rest.n = 0;
    while (rest.p && rest.n) {
        char sep = c->def->type == TYPE_PINS && memchr(rest.p, ';', rest.n) ? ';' : ',';

        item = slice_trim(slice_cut(&rest, sep));
        if (item.n == 0)
            continue;
        if (n++)
            buf_add_char(c->out, ',');
        rc = fn(c, item);
        if (rc)
            return rc;
    }
    if (c->def->max > 0 && (double)n > c->def->max)
        return refuse(c, ERR_TOO_BIG, c->text, "has too many entries");
    if ((double)n < c->def->min)
        return refuse(c, ERR_INVALID, SLICE(""), "is empty");
    return c->out->failed ? ERR_NOMEM : ERR_OK;
}

static int check_type(const struct check *c)
{
    switch (c->def->type) {
    case TYPE_INT:
        return check_int(c);
    case TYPE_REAL:
        return check_real(c);
    case TYPE_BOOL:
        return check_bool(c);
    case TYPE_ENUM:
        return check_enum(c);
    case TYPE_TEXT:
    case TYPE_SECRET:
    case TYPE_PATH:
        return check_text(c);
    case TYPE_DIR:
        return check_dir(c);
    case TYPE_URL:
        return c->def->max > 1 ? check_list(c, item_url) : check_url(c);
    case TYPE_PANEL:
        return check_panel(c);
    case TYPE_HOST:
        return check_host(c);
    case TYPE_ZONE:
        return check_zone(c);
    case TYPE_HOUR:
        return check_hour(c);
    case TYPE_LIST:
        return check_list(c, c->id == SET_GEO_PROVIDER_URLS ? item_provider_url : item_text);
    case TYPE_IDS:
        return check_list(c, item_id);
    case TYPE_ADDRS:
        return check_list(c, item_addr);
    case TYPE_CIDRS:
        return check_list(c, item_cidr);
    case TYPE_COUNTRIES:
        return check_list(c, item_country);
    case TYPE_STEPS:
        return check_list(c, item_step);
    case TYPE_GROUP_LIMITS:
        return check_list(c, item_group_limit);
    case TYPE_GROUP_MODES:
        return check_list(c, item_group_mode);
    case TYPE_PINS:
        return check_list(c, item_pin);
    }
    return ERR_INVALID;
}

int setting_check(enum setting id, struct slice text, struct buf *ret_text,
                  struct setting_value *ret_v, struct err *err)
{
    struct setting_value v = {NULL, 0, 0};
    struct check c = {id, setting_def(id), text, ret_text, &v, err};
    size_t i;
    int rc;

    if (c.def->type != TYPE_SECRET && c.def->type != TYPE_TEXT)
        c.text = slice_trim(text);
    if (c.text.n > LIMIT_SETTING_VALUE)
        return err_set(err, ERR_TOO_BIG, "%s: the value is longer than %d bytes", c.def->key,
                       LIMIT_SETTING_VALUE);
    for (i = 0; i < c.text.n; i++)
        if ((unsigned char)c.text.p[i] < 0x20 || c.text.p[i] == 0x7f)
            return err_set(err, ERR_INVALID, "%s: the value holds a control character", c.def->key);
    if (c.text.n == 0 && !setting_may_be_empty(id))
        return refuse(&c, ERR_INVALID, c.text, "is empty");
    rc = check_type(&c);
    if (!rc && ret_text->failed)
        rc = err_set(err, ERR_NOMEM, "%s: %s", c.def->key, err_name(ERR_NOMEM));
    if (rc) {
        buf_clear(ret_text);
        return rc;
    }
    ret_v->i = v.i;
    ret_v->r = v.r;
    return ERR_OK;
}
