/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "app/run.h"
#include "cli/replay.h"
#include "base/banned.h"

int main(int argc, char **argv)
{
    struct run_opts opts = {0};

    if (argc > 1 && strcmp(argv[1], "replay") == 0)
        return replay_main(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "run") == 0) {
        if (argc > 3 && strcmp(argv[2], "--env") == 0)
            opts.env_path = argv[3];
        return app_run(&opts);
    }
    fprintf(stderr, "usage: pg-limiter run [--env FILE] | replay FILE\n");
    return 2;
}
