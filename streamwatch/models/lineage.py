"""Where a model of a registry comes from: its parents, as far as they are there.

A manifest names the adapter that training went on from by its SHA-256. The model that has this adapter is the parent; it
may be the shipped one, or be in no registry that we know.

Examples:
    >>> from streamwatch.models.manifest import read_manifest
    >>> shipped = Path(__file__).parent / "shipped"
    >>> parent(Path("no registry"), read_manifest(shipped), shipped)
    Parent(adapter='', model='')
"""

from pathlib import Path
from typing import NamedTuple

from streamwatch.models.manifest import Manifest, read_manifest
from streamwatch.models.registry import SHIPPED_NAME, listing


class Parent(NamedTuple):
    """The adapter that training went on from, and the model that it belongs to.

    Both are empty for a model that began with the plain encoder; `model` alone is when the parent is not there.
    """

    adapter: str
    model: str

    @property
    def is_missing(self) -> bool:
        """Whether there is a parent, and it is in no place that we know."""
        return bool(self.adapter) and not self.model

    def __str__(self) -> str:
        if not self.adapter:
            return "none: it began with the plain encoder"
        return self.model or f"adapter {self.adapter[:8]}…, which is not in this registry: add its model"


def parent(registry: Path, manifest: Manifest, shipped: Path) -> Parent:
    """The parent of a model of the registry; `shipped` is the folder of the model that comes with the package."""
    if not manifest.parent:
        return Parent("", "")
    if read_manifest(shipped).adapter.sha256 == manifest.parent:
        return Parent(manifest.parent, SHIPPED_NAME)
    of = (entry for entry in listing(registry) if entry.manifest is not None)
    found = next(
        (entry.model for entry in of if entry.manifest and entry.manifest.adapter.sha256 == manifest.parent), ""
    )
    return Parent(manifest.parent, found)
