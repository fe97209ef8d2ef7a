"""`streamwatch silences`: alerts that nobody wants to hear of for a while."""

from typing import Any, get_args

import click

from streamwatch.codec import encode
from streamwatch.commands.by_prefix import by_prefix
from streamwatch.commands.decision_log import now_ms, publish, read_decisions, user
from streamwatch.commands.trends import Instant
from streamwatch.config import load
from streamwatch.decisions.silencing import expired, is_active, new_silence
from streamwatch.errors import ConfigError
from streamwatch.records import AlertKind, Matchers, Severity, Silence
from streamwatch.rules.durations import parse_duration
from streamwatch.text.clean import normalise
from streamwatch.timeline import format_rfc3339, to_ms


class Duration(click.ParamType):
    """A duration such as 45s, 30m, 2h or 1d."""

    name = "30m|2h|1d"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds."""
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class LabelPattern(click.ParamType):
    """A label and a pattern of its value: team=markets, team=*."""

    name = "name=pattern"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Both parts."""
        name, equals, glob = str(value).partition("=")
        if not equals or not name:
            self.fail(f"{value!r} is no label such as team=markets", param, ctx)
        return name, glob


@click.group()
def silences() -> None:
    """Hide alerts for a while. They are detected and sent all the same."""


@silences.command()
@click.option(
    "--series", multiple=True, metavar="PATTERN", help="Series: ticker:AAPL, 'topic:*', channel:news; repeat for more."
)
@click.option(
    "--rule", "rules", multiple=True, metavar="PATTERN", help="Rules whose alerts are meant; repeat for more."
)
@click.option("--kind", "kinds", multiple=True, type=click.Choice(get_args(AlertKind)), help="Kinds of alerts.")
@click.option("--severity", "severities", multiple=True, type=click.Choice(get_args(Severity)), help="Severities.")
@click.option("--label", "labels", multiple=True, type=LabelPattern(), help="A label that the alert must have.")
@click.option("--from", "starts_ms", type=Instant(), help="When it begins (RFC 3339); default: now.")
@click.option("--for", "duration_ms", type=Duration(), help="How long it lasts: 30m, 2h, 1d.")
@click.option("--until", "ends_ms", type=Instant(), help="When it ends (RFC 3339), in place of --for.")
@click.option("--comment", required=True, help="Why, for those who wonder.")
@click.option("--by", "made_by", default=user, show_default="your account", help="Who silences.")
@click.option("--json", "as_json", is_flag=True, help="Print the silence as JSON, else its id.")
def add(
    starts_ms: int | None,
    duration_ms: int | None,
    ends_ms: int | None,
    comment: str,
    made_by: str,
    as_json: bool,
    **asked: Any,
) -> None:
    """Silence alerts by series, rule, kind, severity and label: all that is given must match. Prints the id.

    `*` stands for any characters. Repeated options are alternatives, but labels must all match. An incident of several
    series is hidden only when all of them are meant. Time is the wall clock.

    \b
      streamwatch silences add --series 'ticker:*' --for 2h --comment "earnings week"
      streamwatch silences add --series '*' --severity info --until 2026-01-05T08:00:00Z --comment holidays
    """
    if (duration_ms is None) == (ends_ms is None):
        raise ConfigError("say how long it lasts by --for, or when it ends by --until")
    now = now_ms()
    begins_ms = now if starts_ms is None else max(starts_ms, now)
    silence = new_silence(
        Matchers(**asked | {"labels": dict(asked["labels"])}),
        starts_ms=begins_ms,
        ends_ms=begins_ms + duration_ms if duration_ms is not None else ends_ms or 0,
        now_ms=now,
        made_by=made_by,
        comment=comment,
    )
    publish(load(), silence)
    click.echo(encode(silence) if as_json else silence.id)


@silences.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that are over.")
@click.option("--json", "as_json", is_flag=True, help="One silence a line, as JSON.")
def list_silences(everything: bool, as_json: bool) -> None:
    """List the silences that hold now or will later, by when they begin; --all shows what is over, too."""
    now = now_ms()
    for silence in read_decisions(load()).silences:
        if everything or to_ms(silence.ends_at) > now:
            click.echo(encode(silence) if as_json else _line(silence, now))


@silences.command()
@click.argument("silence_id", metavar="ID")
@click.option("--by", "made_by", default=user, show_default="your account", help="Who ends it.")
def expire(silence_id: str, made_by: str) -> None:
    """End a silence now. ID may be the beginning of one, if no other begins so."""
    settings = load()
    known = {silence.id: silence for silence in read_decisions(settings).silences}
    silence = by_prefix(known, silence_id, "silence", "streamwatch silences list")
    publish(settings, expired(silence, now_ms(), made_by))
    click.echo(silence.id)


def _line(silence: Silence, now: int) -> str:
    """One line of plain text."""
    state = "active" if is_active(silence, now) else "over" if to_ms(silence.ends_at) <= now else "pending"
    ended = f", ended by {silence.expired_by}" if silence.expired_by else ""
    when = f"{format_rfc3339(to_ms(silence.starts_at))} until {format_rfc3339(to_ms(silence.ends_at))}"
    return normalise(
        f"{silence.id} {state} {when}: {_asked(silence.matchers)} ({silence.comment}; {silence.made_by}{ended})"
    )


def _asked(matchers: Matchers) -> str:
    """What the alerts are asked.

    >>> _asked(Matchers(series=("ticker:*", "all"), labels={"team": "mar*"}))
    'series ticker:* or all, label team=mar*'
    """
    parts = [
        ("series", matchers.series), ("rule", matchers.rules), ("kind", matchers.kinds),
        ("severity", matchers.severities),
    ]  # fmt: skip
    words = [f"{name} {' or '.join(values)}" for name, values in parts if values]
    return ", ".join([*words, *(f"label {name}={glob}" for name, glob in matchers.labels.items())])
