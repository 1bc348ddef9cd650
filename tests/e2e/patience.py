"""How long the tests wait for what must come: long enough for a machine that is held up.

A bound that only guards against "never" costs nothing where the thing comes, so none of them is shorter than
this, whatever a test says. Where the product promises a time, the test measures it.
"""

import time

LEAST_S = 30.0


def bound(seconds, exact=False):
    """The seconds to wait for what is expected within so many."""
    return seconds if exact else max(seconds, LEAST_S)


def deadline(seconds, exact=False):
    """The same, as a time of time.monotonic()."""
    return time.monotonic() + bound(seconds, exact)
