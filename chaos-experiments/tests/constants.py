"""Activities for tests."""

from chaoslib.exceptions import ActivityFailed


def say(value):
    return value


def fail():
    raise ActivityFailed("on purpose")
