/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <signal.h>

#include "app/run.h"
#include "cli/frame/cli.h"
#include "base/banned.h"

static int run(const char *env_path, const char *record_dir)
{
    struct run_opts opts = {.env_path = env_path, .record_dir = record_dir};

    return app_run(&opts);
}

int main(int argc, char **argv)
{
    static const struct cli_hooks hooks = {.run = run};

    /* A file that may not grow (ulimit -f) is an error of that write, as a full disk is. */
    signal(SIGXFSZ, SIG_IGN);
    return cli_main(argc, argv, &hooks);
}
