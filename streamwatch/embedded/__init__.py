"""The embedded default: a real broker and a real Redis as child processes, no Docker, no JVM, no account.

`with Tansu() as broker, RedisServer() as server: settings = load(**embedded_settings(broker.url, server.url))`
"""

from streamwatch.embedded.capabilities import Capabilities, capabilities, embedded_settings
from streamwatch.embedded.redis_server import RedisServer
from streamwatch.embedded.server import EmbeddedError
from streamwatch.embedded.tansu import Tansu

__all__ = ["Capabilities", "EmbeddedError", "RedisServer", "Tansu", "capabilities", "embedded_settings"]
