"""Open the engine that the settings name."""

from streamwatch.config import Settings
from streamwatch.inference.engine import Engine, NullEngine


def open_engine(settings: Settings) -> Engine:
    """The engine of `settings.model`."""
    return NullEngine()
