"""Errors a call is answered with, as the Bot API words them."""


class ApiError(Exception):
    """`{"ok": false, "error_code", "description", "parameters"}`, and the HTTP status."""

    def __init__(self, code, description, **parameters):
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters


def bad(text):
    return ApiError(400, "Bad Request: " + text)


def forbidden(text):
    return ApiError(403, "Forbidden: " + text)


def too_many(seconds):
    return ApiError(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)


NOT_MODIFIED = ("message is not modified: specified new message content and reply markup are exactly "
                "the same as a current content and reply markup of the message")
OLD_QUERY = "query is too old and response timeout expired or query ID is invalid"
CONFLICT = ("Conflict: terminated by other getUpdates request; make sure that only one bot instance "
            "is running")
