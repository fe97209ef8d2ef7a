"""Recorded streams with given labels, where their folder is there: what happened is found, what did not is left alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "real_streams.py"


@pytest.mark.skipif(not os.environ.get("STREAMWATCH_DATA"), reason="needs STREAMWATCH_DATA: the folder with stream/")
def test_all_listed_incidents_are_found_and_no_trap_fires():
    done = subprocess.run([sys.executable, str(BENCHMARK)], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MISSED" not in done.stdout
    assert done.stdout.count("traps: none fired") == 2
