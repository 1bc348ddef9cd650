"""Errors the panel answers with."""


class ApiError(Exception):
    """An HTTP error with FastAPI's `{"detail": …}` body; `detail` is a text or a dict."""

    def __init__(self, status, detail, headers=()):
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = list(headers)


def invalid(**fields):
    """422 with the panel's own shape: field name to text."""
    return ApiError(422, fields)


NOT_AN_INT = "Input should be a valid integer, unable to parse string as an integer"


def integer(name, text):
    """A path or query value as int, or 422 as pydantic words it."""
    try:
        if not text.strip().lstrip("+-").isdigit():
            raise ValueError
        return int(text)
    except ValueError:
        raise ApiError(422, {name: NOT_AN_INT}) from None


def boolean(name, text):
    value = text.strip().lower()
    if value in ("1", "true", "on", "t", "y", "yes"):
        return True
    if value in ("0", "false", "off", "f", "n", "no"):
        return False
    raise ApiError(422, {name: "Input should be a valid boolean, unable to interpret input"})
