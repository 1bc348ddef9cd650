/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/frame/manpage.h"

#include <stdio.h>

#include "cli/frame/cli_int.h"
#include "base/banned.h"

/* Text in roff: a hyphen that is to be copied is \-, and no line begins with a dot or quote. */
static void put(const char *s)
{
    bool begins = true;

    for (; *s; s++) {
        if (begins && (*s == '.' || *s == '\''))
            fputs("\\&", stdout);
        begins = *s == '\n';
        if (*s == '\\')
            fputs("\\e", stdout);
        else if (*s == '-')
            fputs("\\-", stdout);
        else
            putchar(*s);
    }
}

static void line(const char *before, const char *text)
{
    fputs(before, stdout);
    put(text);
    putchar('\n');
}

static void put_options(const struct command *c)
{
    int i;

    for (i = 0; i < OPT_COUNT; i++) {
        const struct option_def *o = option_def((enum cli_option)i);

        if (!(c->options >> i & 1))
            continue;
        fputs(".RS\n.TP\n.B ", stdout);
        if (o->alias) {
            put(o->alias);
            fputs(", ", stdout);
        }
        put(o->name);
        if (o->arg) {
            fputs("\\fR ", stdout);
            put(o->arg);
        }
        putchar('\n');
        line("", o->help);
        fputs(".RE\n", stdout);
    }
}

static void put_command(const struct command *c)
{
    line(".SS ", c->name);
    fputs(".B pg\\-limiter ", stdout);
    put(c->name);
    if (c->args[0]) {
        fputs("\\fR ", stdout);
        put(c->args);
    }
    putchar('\n');
    line(".PP\n", c->help);
    put_options(c);
    if (c->more) {
        fputs(".PP\n.nf\n", stdout);
        put(c->more);
        fputs(".fi\n", stdout);
    }
}

int manpage_main(void)
{
    const struct command *c;
    size_t i;

    fputs(
        ".TH PG\\-LIMITER 1 \"\" \"pg\\-limiter " PG_VERSION "\" \"PG\\-Limiter\"\n"
        ".SH NAME\npg\\-limiter \\- limits how many devices use one account of a VPN panel\n"
        ".SH SYNOPSIS\n.B pg\\-limiter\n.I COMMAND\n.RI [ ARGUMENT... ]\n.RI [ OPTION... ]\n"
        ".SH DESCRIPTION\n"
        "It reads the access logs of all nodes of a PasarGuard panel, counts the devices that use one\n"
        "account at the same time, warns, disables the account for a while, and lets it back in.\n"
        ".PP\nUSER is a name, or id:12.\n.SH COMMANDS\n",
        stdout);
    for (i = 0; (c = command_at(i)); i++)
        put_command(c);
    fputs(
        ".SH FILES\n"
        ".TP\n.I /etc/opt/pg\\-limiter/.env\nSettings that stand outside the database; owned by the\n"
        "service's user, mode 0600.\n"
        ".TP\n.I /var/lib/pg\\-limiter\nDatabase (data/), control socket (run/), logs (logs/).\n"
        ".SH EXIT STATUS\n.TP\n0\ndone\n.TP\n1\nfailed\n.TP\n2\nwrong usage, or settings that are wrong\n"
        ".TP\n3\nthe daemon or the panel cannot be reached\n"
        ".SH ENVIRONMENT\n.TP\n.B PG_LIMITER_ENV\nthe .env to read\n.TP\n.B NO_COLOR\nno colours\n"
        ".TP\n.BR VISUAL \", \" EDITOR\nthe editor of\n.B pg\\-limiter config\n",
        stdout);
    return fflush(stdout) == 0 ? CLI_OK : CLI_FAILED;
}
