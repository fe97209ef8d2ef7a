"""The run's course for TensorBoard: loss, learning rate and dev score by step."""

from pathlib import Path
from typing import Protocol

from streamwatch.errors import ConfigError


class Journal(Protocol):
    """Takes numbers down."""

    def note(self, name: str, value: float, step: int) -> None:
        """`value` of `name` after `step`."""
        ...


class NoJournal:
    """Takes nothing down."""

    def note(self, name: str, value: float, step: int) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class TensorBoard:
    """Writes event files to `folder`. Raises `ConfigError` when the package for it is not installed."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise ConfigError("--log-dir needs TensorBoard: pip install streamwatch[train]") from None
        self._writer = SummaryWriter(str(folder))  # type: ignore[no-untyped-call]

    def note(self, name: str, value: float, step: int) -> None:
        """`value` of `name` after `step`."""
        self._writer.add_scalar(name, value, step)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Everything is on disk after this."""
        self._writer.close()  # type: ignore[no-untyped-call]


def open_journal(folder: Path | None) -> TensorBoard | NoJournal:
    """A journal in `folder`; none where no folder is given."""
    return TensorBoard(folder) if folder is not None else NoJournal()
