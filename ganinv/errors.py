"""The one error that a user's mistake raises."""


class InputError(Exception):
    """The user's mistake: one sentence that says what, where, what is allowed and how to fix it."""
