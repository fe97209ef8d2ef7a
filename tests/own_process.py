"""Commands of ours that tests run as processes of their own."""

import subprocess
import sys

COMMAND = (sys.executable, "-c", "from streamwatch.cli import main; main()")
"""`streamwatch`, of the same environment as the tests."""


def stop(process: "subprocess.Popen[str]") -> None:
    """End a process that a test started, gently at first."""
    process.terminate()
    try:
        process.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
