/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/here/become.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

int become_owner(const char *dir, struct err *err)
{
    struct passwd *pw;
    struct stat st;
    int rc;

    if (geteuid() != 0 || stat(dir, &st) != 0 || st.st_uid == 0)
        return ERR_OK;
    pw = getpwuid(st.st_uid);
    rc = pw ? initgroups(pw->pw_name, st.st_gid) : setgroups(1, &st.st_gid);
    /* The group first: afterwards there is no right left to change it. */
    if (rc || setgid(st.st_gid) || setuid(st.st_uid))
        return err_set(err, ERR_IO, "cannot become the owner of %s (user %u): %s", dir,
                       (unsigned)st.st_uid, strerror(errno));
    return ERR_OK;
}
