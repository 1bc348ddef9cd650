"""Telegram's Bot API that is not there: for tests, pictures and the demo. See README.md."""

from .driver import Room, Telegram, User
from .flood import Limits
from .server import TelegramServer, in_thread

__all__ = ["Limits", "Room", "Telegram", "TelegramServer", "User", "in_thread"]
