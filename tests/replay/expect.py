# SPDX-License-Identifier: AGPL-3.0-or-later
"""Decisions as the tests write them down: (t, user, decision, applied, limit, devices, concurrent,
for_s), t in seconds after START. A decision counts `concurrent` only when the user is over his limit,
so there is none to an acquittal or a restoration."""


def monitor(t, user, devices, limit=1, applied="now", concurrent=1):
    return (t, user, "monitor", applied, limit, devices, concurrent, None)


def warn(t, user, devices, limit=1, applied="now", concurrent=1):
    return (t, user, "warn", applied, limit, devices, concurrent, None)


def acquit(t, user, devices=1, limit=1, applied="now"):
    return (t, user, "acquit", applied, limit, devices, 0, None)


def unknown(t, user, devices=0, limit=1, applied="now"):
    return (t, user, "unknown", applied, limit, devices, 0, None)


def punish(t, user, devices, concurrent, limit=1, applied="now", for_s=900):
    return (t, user, "punish", applied, limit, devices, concurrent, for_s)


def restore(t, user, limit=1, applied="now"):
    return (t, user, "restore", applied, limit, 0, 0, None)
