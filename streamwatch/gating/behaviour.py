"""Behaviour that hangs on no data: negation, another name, a typing error, hostile characters (`behaviour.yml`).

After CheckList (Ribeiro et al., ACL 2020): a case expects a sentiment, or that a change of the text changes no label.
Nobody knows how many of them a good model fails, so a candidate is measured against its incumbent: of each kind at most
five points more.

Examples:
    >>> kinds = cases(read_templates())
    >>> sorted(kinds), kinds["negation"][0].expect
    (['entity swap', 'hostile characters', 'negation', 'plain', 'typo'], 'not positive')
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

from streamwatch.errors import ConfigError
from streamwatch.gating.limits import USUAL_LIMITS, Limits
from streamwatch.gating.paired import Paired
from streamwatch.gating.report import Check, Row, Status
from streamwatch.records import SENTIMENTS

TEMPLATES = Path(__file__).parent / "behaviour.yml"
CASES_OF_TEMPLATE = 24
"""Drawn by hash where there are more: a kind then has 70 to 100, and five points are some four of them."""
SAME = "same"
_SLOT = re.compile(r"\{(\w+)\}")


class Case(NamedTuple):
    """A text and what is expected of it; `changed` is empty where a sentiment is expected."""

    text: str
    changed: str
    expect: str


def read_templates(path: Path = TEMPLATES) -> dict[str, Any]:
    """The templates of a file. Raises `ConfigError` when it is none."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({' '.join(str(error).split())[:200]})") from error
    if not isinstance(found, dict) or not {"slots", "kinds"} <= found.keys():
        raise ConfigError(f"{path}: expected `slots` and `kinds`")
    return found


def cases(templates: Mapping[str, Any]) -> dict[str, list[Case]]:
    """The cases by kind. Raises `ConfigError` for a slot that is not there or an expectation that is none."""
    slots = templates["slots"]
    return {
        kind: [case for one in of_kind for case in _cases(one, slots)] for kind, of_kind in templates["kinds"].items()
    }


def texts(kinds: Mapping[str, Sequence[Case]]) -> list[str]:
    """All texts that a model must be asked about, each once."""
    return sorted(
        {text for of_kind in kinds.values() for case in of_kind for text in (case.text, case.changed) if text}
    )


def behaves(kinds: Mapping[str, Sequence[Case]], both: Paired, limits: Limits = USUAL_LIMITS) -> Check:
    """Whether the candidate fails hardly more of any kind; `both` is of `texts(kinds)`."""
    asked = {text: i for i, text in enumerate(texts(kinds))}
    labels = [said.labels("sentiment") for said in both]
    rows = tuple(_row(kind, of_kind, asked, labels, limits) for kind, of_kind in kinds.items())
    worse = [row for row in rows if row.failed]
    n = sum(row.n for row in rows)
    status: Status = "failed" if worse else "passed"
    says = "; ".join(f"{row.name}: {row.candidate:.0%} fail, {row.incumbent:.0%} before" for row in worse or rows)
    return Check("behaviour", "It behaves", status, says, n, limit=limits.behaviour_margin, rows=rows)


def _row(
    kind: str, of_kind: Sequence[Case], asked: Mapping[str, int], labels: Sequence[NDArray[np.str_]], limits: Limits
) -> Row:
    failing = [[case for case in of_kind if _fails(case, asked, of_model)] for of_model in labels]
    before, after = (len(found) / max(len(of_kind), 1) for found in failing)
    new = [case for case in failing[1] if case not in failing[0]]
    remark = f"for example: {(new[0].changed or new[0].text)!r}" if new else ""
    failed = after - before > limits.behaviour_margin
    return Row(kind, len(of_kind), before, after, after - before, failed=failed, remark=remark)


def _fails(case: Case, asked: Mapping[str, int], labels: NDArray[np.str_]) -> bool:
    said = labels[asked[case.text]]
    if case.expect == SAME:
        return bool(said != labels[asked[case.changed]])
    unwanted = case.expect.removeprefix("not ")
    return bool(said == unwanted if case.expect.startswith("not ") else said != case.expect)


def _cases(template: Mapping[str, Any], slots: Mapping[str, Sequence[str]]) -> list[Case]:
    text, changed, expect = template["text"], template.get("changed", ""), template["expect"]
    if expect.removeprefix("not ") not in (*SENTIMENTS, SAME) or (expect == SAME) != bool(changed):
        raise ConfigError(f"template {text!r} expects {expect!r}: a sentiment, `not` one, or `same` with `changed`")
    names = sorted(set(_SLOT.findall(text + changed)))
    unknown = [name for name in names if name not in slots]
    if unknown:
        raise ConfigError(f"template {text!r} has a slot {unknown[0]!r} that is not there")
    fillings = [dict(zip(names, values, strict=True)) for values in _combinations(names, slots, template)]
    made = [Case(text.format(**one), changed.format(**one), expect) for one in fillings]
    return sorted(made, key=_place)[:CASES_OF_TEMPLATE]


def _combinations(
    names: Sequence[str], slots: Mapping[str, Sequence[str]], template: Mapping[str, Any]
) -> list[tuple[str, ...]]:
    """All values of the slots; those that go `together` take the same place in their lists."""
    together = [names.index(name) for name in template.get("together", ())]
    places = itertools.product(*(range(len(slots[name])) for name in names))
    kept = [place for place in places if len({place[i] for i in together}) <= 1]
    return [tuple(slots[name][i] for name, i in zip(names, place, strict=True)) for place in kept]


def _place(case: Case) -> bytes:
    return blake2b("\x1f".join(case).encode("utf-8", "surrogatepass"), digest_size=8).digest()
