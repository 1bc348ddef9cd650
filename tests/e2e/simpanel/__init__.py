"""A PasarGuard panel that is not there: for tests and the demo. See ../README.md."""

from .client import Sim, as_process, in_thread
from .panel import Panel

__all__ = ["Panel", "Sim", "as_process", "in_thread"]
