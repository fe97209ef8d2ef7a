"""The check set that comes with the package: original texts, labelled by written rules, never trained on.

Its README says how it was written, what its labels mean and what it is for.
"""

from pathlib import Path

CHECK_SET = Path(__file__).parent.parent / "models" / "check_set" / "check.csv"
"""Columns id, text, sentiment, topic, kind, note."""

CHECK_SET_NAME = "check set"
"""How figures call it, wherever the package lies."""

KIND_COLUMN = "kind"
TASKS = ("sentiment", "topic")
"""That the check set has labels for."""
