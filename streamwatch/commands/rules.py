"""`streamwatch rules`: check a rules file, see what is in force."""

import sys
from pathlib import Path

import click
import msgspec

from streamwatch.commands.decision_log import read_decisions
from streamwatch.config import Settings, load
from streamwatch.decisions.rules_change import rules_of
from streamwatch.errors import ConfigError
from streamwatch.records import RulesChange
from streamwatch.rules.faults import RulesError
from streamwatch.rules.reading import EXAMPLE, read_rules
from streamwatch.rules.rule import KINDS, RULE_KINDS, may_drift
from streamwatch.rules.rule_set import RuleSet, default_rules
from streamwatch.rules.watched_file import read_file, rules_file
from streamwatch.rules.writing import write_rules
from streamwatch.text.clean import normalise
from streamwatch.timeline import format_rfc3339, to_ms


@click.group()
def rules() -> None:
    """Check a rules file, and see which rules are in force."""


@rules.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--series", multiple=True, metavar="NAME", help="Say which rule owns this series; repeat for more.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def check(file: Path, series: tuple[str, ...], as_json: bool) -> None:
    """Check a rules file and name every fault with its line. Exit code 0 when it is good, 1 when it is not.

    What the file leaves out comes from the settings, as in the worker.

    \b
      streamwatch rules check rules.yml --series ticker:AAPL --series all
    """
    settings = load()
    try:
        found = read_rules(read_file(file), settings, str(file))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from error
    except RulesError as error:
        _refuse(error, as_json)
        sys.exit(1)
    owners = {name: {kind: _owner(found, name, kind) for kind in _kinds(name)} for name in series}
    if as_json:
        click.echo(msgspec.json.encode({"ok": True, "digest": found.digest, "rules": found, "owners": owners}))
        return
    click.echo(f"{file}: good, {_summary(found)}")
    for name, by_kind in owners.items():
        said = ", ".join(f"{kind} by {owner or 'no rule: not tested'}" for kind, owner in by_kind.items())
        click.echo(f"{name}: {said}")


@rules.command()
@click.option("--history", is_flag=True, help="Every change: when it is effective from, who made it, how many rules.")
@click.option("--json", "as_json", is_flag=True, help="JSON: one line, or with --history one line a change.")
def show(history: bool, as_json: bool) -> None:
    """Show the rules that are in force, with everything said, and since when. The output is a rules file.

    Read from the channel `decisions`, where each change stands with the bucket of event time that it is effective from.
    """
    settings = load()
    changes = read_decisions(settings).rules_changes
    if history:
        for change in changes:
            click.echo(_change_json(change) if as_json else _change_line(change))
    elif changes:
        _show(rules_of(changes[-1]), changes[-1], as_json)
    else:
        _show(_of_settings(settings), None, as_json)


@rules.command()
def example() -> None:
    """Print a commented rules file that uses every key.

    \b
      streamwatch rules example > rules.yml
    """
    click.echo(EXAMPLE, nl=False)


def _refuse(error: RulesError, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode({"ok": False, "faults": error.lines}))
    for line in () if as_json else error.lines:
        click.echo(line, err=True)


def _kinds(series: str) -> tuple[str, ...]:
    """What can be told of a series."""
    return RULE_KINDS if may_drift(series) else KINDS


def _owner(found: RuleSet, series: str, kind: str) -> str | None:
    rule = found.rule_for(series, kind)
    return rule.name if rule else None


def _summary(found: RuleSet) -> str:
    """How many rules, and what they allow together.

    >>> _summary(default_rules(Settings()))
    '1 rule, 7 false alarms a week allowed'
    """
    n, allowed = len(found.rules), f"{found.false_alarms_per_week:.4g}"
    return f"{n} rule{'s' * (n != 1)}, {allowed} false alarm{'s' * (allowed != '1')} a week allowed"


def _of_settings(settings: Settings) -> RuleSet:
    file = rules_file(settings)
    return file.load() if file else default_rules(settings)


def _show(found: RuleSet, change: RulesChange | None, as_json: bool) -> None:
    if as_json:
        since = change.effective_from if change else None
        click.echo(msgspec.json.encode({"effective_from": since, "digest": found.digest, "rules": found}))
        return
    click.echo(
        f"# {_change_line(change) if change else 'no worker has published rules yet; by the settings they would be'}"
    )
    click.echo(write_rules(found), nl=False)


def _change_line(change: RulesChange) -> str:
    since = to_ms(change.effective_from)
    when = f"effective from {format_rfc3339(since)}" if since else "effective from the beginning"
    made = f"made {format_rfc3339(to_ms(change.made_at))} by {change.made_by}"
    comment = f": {change.comment}" if change.comment else ""
    return normalise(f"{change.digest} {when}, {made}, {_summary(rules_of(change))}{comment}")


def _change_json(change: RulesChange) -> bytes:
    shown = {"effective_from": change.effective_from, "digest": change.digest, "made_by": change.made_by}
    return msgspec.json.encode(shown | {"made_at": change.made_at, "comment": change.comment, "text": change.text})
