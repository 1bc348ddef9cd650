"""The demonstration that scripts/demo shows: the real daemon against the simulated panel, live.

`cast` says who plays, `daemon` runs the program under test, `play` is the time line, `facts`
gathers what was seen and says whether it was right, `summary` tells it, `screen` writes.
"""
