"""The rules file, as the worker would read it."""

from collections.abc import Iterator

from streamwatch.config import Settings
from streamwatch.doctor.finding import Finding, fail, ok
from streamwatch.rules.faults import RulesError
from streamwatch.rules.reading import read_rules
from streamwatch.rules.watched_file import read_file, rules_file


def check_rules(settings: Settings) -> Iterator[Finding]:
    """It is there and good, and what it allows in all; without one the settings are the rules."""
    file = rules_file(settings)
    if file is None:
        yield ok("rules", f"no file: one rule, {settings.false_alarms_per_week:g} false alarms a week over all series")
        return
    try:
        found = read_rules(read_file(file.path), settings, str(file.path))
    except OSError as error:
        yield fail(
            "rules", f"{file.path}: cannot be read ({error.strerror})", "set STREAMWATCH_RULES to a file that is"
        )
    except RulesError as error:
        yield fail("rules", str(error), f"streamwatch rules check {file.path}")
    else:
        n, allowed = len(found.rules), found.false_alarms_per_week
        yield ok("rules", f"{file.path}: {n} rules, {allowed:g} false alarms a week over all of them")
