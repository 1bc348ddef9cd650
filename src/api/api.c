/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "api/api.h"

#include <stdlib.h>
#include <string.h>

#include "api/control.h"
#include "api/server.h"
#include "base/stamp.h"
#include "base/banned.h"

enum { CONTROL_CONNECTIONS = 64 };

struct api {
    char *data_dir;
    struct server *control;
};

int api_new(struct loop *loop, const char *data_dir, const struct op_port *port,
            struct api **ret_api, struct err *err)
{
    struct server_opts opts = {.who = "cli",
                               .connections = CONTROL_CONNECTIONS,
                               .deadline_us = 30 * STAMP_SECOND};
    struct api *api = calloc(1, sizeof(*api));
    int rc;

    if (api)
        api->data_dir = strdup(data_dir);
    if (!api || !api->data_dir) {
        free(api);
        return err_set(err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    }
    rc = control_listen(data_dir, &opts.listen_fd, err);
    if (!rc) {
        rc = server_new(loop, &opts, port, &api->control, err);
        if (rc)
            control_remove(data_dir);
    }
    if (rc) {
        free(api->data_dir);
        free(api);
        return rc;
    }
    *ret_api = api;
    return ERR_OK;
}

void api_free(struct api *api)
{
    if (!api)
        return;
    server_free(api->control);
    control_remove(api->data_dir);
    free(api->data_dir);
    free(api);
}
