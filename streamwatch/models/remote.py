"""A registry at any fsspec URL (`s3://…`, `gs://…`, `file://…`), kept equal to a local folder by `push` and `pull`.

Workers read a local folder and nothing else: a store that is slow or away never holds a document back. `push` copies what the
store has not, the pointer last, so that whoever pulls finds every model that the pointer names. `pull` copies what the folder
has not, checks each model against its id, and moves the local pointer last; a worker then swaps as ever.

Of two places that have each gone on from a common past, neither overwrites the other: the one that is behind must pull first. A
store has no lock: two that push in the same second may both succeed, and the later pointer stays; both are in the history of
their folders.

Examples:
    >>> import tempfile
    >>> from streamwatch.inference.opening import SHIPPED
    >>> from streamwatch.models.registry import add, listing, promote
    >>> with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
    ...     model = add(Path(one), SHIPPED)
    ...     _ = promote(Path(one), model, "2026-01-05T08:00:00Z", force="an example")
    ...     sent, got = push(Path(one), "memory://registry"), pull(Path(two), "memory://registry")
    ...     sent == got == [model], listing(Path(two))[0].current
    (True, True)
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from streamwatch.errors import ConfigError, ModelError, RetryError
from streamwatch.models.gated import GATES, RECORD_FILE
from streamwatch.models.manifest import MANIFEST_FILE
from streamwatch.models.pointer import (
    HISTORY_FILE,
    POINTER_FILE,
    Pointer,
    locked,
    read_current,
    read_history,
    replace,
    sync,
)
from streamwatch.models.registry import SHIPPED_NAME, is_id, listing, model_files, model_id

Progress = Callable[[int, int, str], None]
"""Hears how many models of how many are done, and which one is under way."""
INSTALL = "a registry at a URL needs fsspec and the package of its store: pip install 'streamwatch[remote]' s3fs"


def silent(done: int, total: int, model: str) -> None:
    """Hears of progress and says nothing."""


def push(registry: Path, url: str, progress: Progress = silent) -> list[str]:
    """Copy what the store at `url` has not; gives the ids of the models that were sent.

    Raises `ConfigError` when the store has gone on by itself (pull first) or the URL makes no sense, `RetryError` when it does
    not answer.
    """
    with _answering(url):
        files, root = _store(url)
        theirs, ours = _read_pointer(files, root), read_current(registry)
        if theirs and theirs not in [*read_history(registry), ours]:
            raise ConfigError(f"{url} has a promotion that is not here ({theirs.model}): pull first")
        sent = [entry.model for entry in listing(registry) if not _is_whole(files, root, entry.model)]
        for done, model in enumerate(sent):
            progress(done, len(sent), model)
            _send_model(files, root, registry, model)
        for report in sorted((registry / GATES).glob("*/*.*")):
            _send(files, report, f"{root}/{GATES}/{report.parent.name}/{report.name}")
        if ours and ours != theirs:
            _send(files, registry / HISTORY_FILE, f"{root}/{HISTORY_FILE}")
            _send(files, registry / POINTER_FILE, f"{root}/{POINTER_FILE}")
        return sent


def pull(registry: Path, url: str, progress: Progress = silent) -> list[str]:
    """Copy what the folder has not, and follow the store's pointer; gives the ids of the models that came.

    Raises `ConfigError` when the folder has gone on by itself (push first), `ModelError` for a model that is not what its id
    says, `RetryError` when the store does not answer.
    """
    with _answering(url):
        files, root = _store(url)
        theirs, ours = _read_pointer(files, root), read_current(registry)
        history = _read_history(files, root)
        if ours and ours not in [*history, theirs]:
            raise ConfigError(f"{registry} has a promotion that {url} has not ({ours.model}): push first")
        here = {entry.model for entry in listing(registry)}
        got = [model for model in _models(files, root) if model not in here and _is_whole(files, root, model)]
        for done, model in enumerate(got):
            progress(done, len(got), model)
            _fetch_model(files, root, registry, model)
        _fetch_gates(files, root, registry)
        _check_there(registry, url, theirs)
        _follow(registry, [*history, *([theirs] if theirs and theirs not in history[-1:] else [])])
        return got


def _check_there(registry: Path, url: str, theirs: Pointer | None) -> None:
    """Raises `ModelError` where the store's pointer names no model that is here by now: ours then stays where it is."""
    if theirs and theirs.model not in {SHIPPED_NAME, *(entry.model for entry in listing(registry))}:
        raise ModelError(
            f"{url} points to {theirs.model[:64]!r}, which it does not have: push again from where it serves"
        )


def _follow(registry: Path, history: list[Pointer]) -> None:
    """Take over the pointers that the store has had since ours, one after the other, so that the history is the same."""
    with locked(registry):
        old = read_current(registry)
        for pointer in history[history.index(old) + 1 if old in history else 0 :]:
            replace(registry, pointer)


def _store(url: str) -> tuple[Any, str]:
    """The file system of a URL and the path in it. Raises `ConfigError`."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise ConfigError(INSTALL) from error
    try:
        files, root = url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise ConfigError(f"{url}: {' '.join(str(error).split())[:200]}; {INSTALL}") from error
    return files, str(root).rstrip("/")


@contextmanager
def _answering(url: str) -> Iterator[None]:
    """What a store raises is one line: each has its own kinds of errors, most of them `OSError`."""
    try:
        yield
    except (OSError, TimeoutError) as error:
        raise RetryError(f"{url}: {type(error).__name__} {' '.join(str(error).split())[:200]}") from error


def _models(files: Any, root: str) -> list[str]:
    try:
        found = files.ls(f"{root}/models", detail=False)
    except FileNotFoundError:
        return []
    return sorted(name for path in found if is_id(name := str(path).rstrip("/").rpartition("/")[2]))


def _is_whole(files: Any, root: str, model: str) -> bool:
    """The manifest is sent last."""
    return bool(files.exists(f"{root}/models/{model}/{MANIFEST_FILE}"))


def _send_model(files: Any, root: str, registry: Path, model: str) -> None:
    found = model_files(registry / "models" / model)
    for name in sorted(found, key=lambda name: name == MANIFEST_FILE):
        _send(files, found[name], f"{root}/models/{model}/{name}")


def _send(files: Any, source: Path, target: str) -> None:
    files.makedirs(target.rpartition("/")[0], exist_ok=True)
    files.pipe_file(target, source.read_bytes()) if source.stat().st_size < 1 << 20 else files.put_file(
        str(source), target
    )


def _fetch_model(files: Any, root: str, registry: Path, model: str) -> None:
    """Fetch beside the place, check, rename: the registry never holds half a model, nor another than its id says."""
    target = registry / "models" / model
    target.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{model}.", dir=target.parent))
    try:
        for path in files.find(f"{root}/models/{model}"):
            _fetch(files, str(path), new, str(path).split(f"/models/{model}/", 1)[1])
        if model_id(new) != model:
            raise ModelError(f"{root}/models/{model} is not what its id says: push it again from where it was added")
        _keep_only(new, set(model_files(new)))
        new.chmod(0o755)
        if not target.is_dir():
            new.rename(target)
        sync(target.parent)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _fetch(files: Any, source: str, folder: Path, name: str) -> None:
    """A file of the store, in one step; its name may not lead out of the folder: a store is somebody's data.

    A key may hold `//` where a path does not, and what begins with a slash is a place of its own.
    """
    if not name or ".." in Path(name).parts or Path(name).is_absolute():
        raise ModelError(f"{source} leads out of its model's folder")
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f".{target.name}.new")
    try:
        files.get_file(source, str(new))
        sync(new)
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)


def _keep_only(folder: Path, names: set[str]) -> None:
    """Drop what came along and the id says nothing of: nobody has checked it, and a loader may read it."""
    for path in folder.rglob("*"):
        if path.is_file() and str(path.relative_to(folder)) not in names:
            path.unlink()


def _fetch_gates(files: Any, root: str, registry: Path) -> None:
    """Reports that are not here: a gate of our own is never replaced by what somebody else's said earlier."""
    here = {folder.name for folder in (registry / GATES).glob("*") if (folder / RECORD_FILE).is_file()}
    found = (str(path) for path in files.find(f"{root}/{GATES}"))
    for path in sorted(found, key=lambda path: path.endswith(f"/{RECORD_FILE}")):  # the record last: it is what counts
        *_, model, name = path.split("/")
        if is_id(model) and model not in here and name and not name.startswith("."):
            _fetch(files, path, registry / GATES / model, name)


def _read_pointer(files: Any, root: str) -> Pointer | None:
    try:
        return msgspec.json.decode(files.cat_file(f"{root}/{POINTER_FILE}"), type=Pointer)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{root}/{POINTER_FILE} cannot be read ({error}): push again") from error


def _read_history(files: Any, root: str) -> list[Pointer]:
    try:
        lines = files.cat_file(f"{root}/{HISTORY_FILE}").splitlines()
        return [msgspec.json.decode(line, type=Pointer) for line in lines if line.strip()]
    except FileNotFoundError:
        return []
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{root}/{HISTORY_FILE} cannot be read ({error}): push again") from error
