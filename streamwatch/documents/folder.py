"""Where a deployment's documents are.

Examples:
    >>> documents_folder(Settings(documents="/srv/documents", prefix="desk-"))
    PosixPath('/srv/documents')
    >>> documents_folder(Settings(prefix="desk-")).parts[-2:]
    ('streamwatch', 'desk-documents')
"""

import os
from pathlib import Path

from streamwatch.config import Settings


def documents_folder(settings: Settings) -> Path:
    """The folder of the setting, or the deployment's own in the user's data folder as the XDG rules have it."""
    if settings.documents:
        return Path(settings.documents)
    home = Path(os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser())
    return home / "streamwatch" / f"{settings.prefix}documents"
