"""The group method through deaths, briefly; group_restore.py is the program for many users."""

from group_restore import test_some_users_come_back_exactly_through_deaths  # noqa: F401
