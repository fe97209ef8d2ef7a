"""The folder of recorded data that benchmarks read: `--data`, or STREAMWATCH_DATA."""

import argparse
import os
from pathlib import Path


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """The option `--data`."""
    parser.add_argument("--data", type=Path, default=os.environ.get("STREAMWATCH_DATA"), help="folder with stream/")


def parse_with_data(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The options, `data` among them as a path; ends with a usage error where it is not given."""
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data or STREAMWATCH_DATA is needed")
    options.data = Path(options.data)
    return options
