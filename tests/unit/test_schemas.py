"""`schemas/` says what the code does: files are what is generated, and both accept and refuse the same records."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from streamwatch.asyncapi import asyncapi
from streamwatch.channels import layout
from streamwatch.codec import decode, encode
from streamwatch.commands import schemas as command
from streamwatch.commands.schemas import PACKAGED, generate
from streamwatch.config import Settings
from streamwatch.errors import REASONS, FatalError, RejectError
from streamwatch.messages import DECISIONS, MESSAGES
from streamwatch.records import AnyDecision

EXAMPLES = PACKAGED / "examples"
GOOD = sorted((EXAMPLES / "good").glob("*.json"))
BAD = sorted((EXAMPLES / "bad").glob("*.json"))
BY_NAME = {message.name: message for message in MESSAGES}

CODE_ONLY = {
    "document.v1.truncated": "it is no JSON",
    "document.v1.latin-1": "it is no UTF-8, so no JSON",
    "document.v1.too-deep": "a schema does not bound the depth of what it ignores",
    "document.v1.impossible-date": "a pattern does not know how long a month is",
    "classified.v1.offset-as-float": "to JSON Schema 41.0 is an integer",
    "dead-letter.v1.raw-not-base64": "contentEncoding is a remark and asserts nothing",
}
"""Bad examples that only the code refuses, and why JSON Schema cannot."""

REASON = {
    "document.v1.truncated": "invalid_json",
    "document.v1.latin-1": "invalid_utf8",
    "document.v1.too-deep": "invalid_json",
    "document.v1.unknown-schema": "unknown_schema",
    "document.v1.missing-text": "missing_field",
    "document.v1.naive-date": "wrong_type",
    "document.v1.impossible-date": "wrong_type",
    "alert.v1.evidence-without-offset": "missing_field",
}
"""What the dead-letter channel would say of some of them."""


def name(path: Path) -> str:
    """`document.v1.naive-date`."""
    return path.stem


def message_of(path: Path) -> Any:
    """The message that an example is of: the first two parts of its name."""
    return BY_NAME[".".join(path.name.split(".")[:2])]


def validator(message: Any) -> Draft202012Validator:
    """A validator as another program has it: from the file, `format` being a remark."""
    return Draft202012Validator(json.loads((PACKAGED / message.file).read_text(encoding="utf-8")))


def code_accepts(raw: bytes, message: Any) -> bool:
    """Whether the code decodes it."""
    try:
        # `decisions` carries several kinds: which one is told by the record alone.
        decode(raw, AnyDecision if message.channels == DECISIONS else message.record)
    except RejectError as error:
        assert error.reason in REASONS
        return False
    return True


# -- the files


def test_files_are_what_is_generated() -> None:
    stale = [file for file, text in generate().items() if (PACKAGED / file).read_text(encoding="utf-8") != text]
    assert not stale, f"run streamwatch schemas: {stale}"


def test_every_versioned_file_is_generated() -> None:
    assert {path.name for path in PACKAGED.glob("*.json")} == set(generate())


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.name)
def test_schema_is_valid_and_every_part_is_described(message: Any) -> None:
    schema = validator(message).schema
    Draft202012Validator.check_schema(schema)
    assert schema["properties"]["schema"]["enum"] == [message.name]
    undescribed = [part for part, value in schema.get("$defs", {}).items() if not value.get("description")]
    assert schema["description"] and not undescribed


# -- the examples


def test_every_message_has_good_and_bad_examples() -> None:
    assert {message_of(path).name for path in GOOD} == {message_of(path).name for path in BAD} == set(BY_NAME)
    assert set(CODE_ONLY) | set(REASON) <= {name(path) for path in BAD}


@pytest.mark.parametrize("path", GOOD, ids=name)
def test_good_example_is_accepted_by_both(path: Path) -> None:
    message, raw = message_of(path), path.read_bytes()
    validator(message).validate(json.loads(raw))
    record = decode(raw, message.record)
    validator(message).validate(json.loads(encode(record)))
    assert decode(encode(record), message.record) == record


@pytest.mark.parametrize("path", [p for p in BAD if name(p) not in CODE_ONLY], ids=name)
def test_bad_example_is_refused_by_both(path: Path) -> None:
    message, raw = message_of(path), path.read_bytes()
    assert not code_accepts(raw, message)
    assert not validator(message).is_valid(json.loads(raw))


@pytest.mark.parametrize("path", [p for p in BAD if name(p) in CODE_ONLY], ids=name)
def test_bad_example_is_refused_by_the_code_alone(path: Path) -> None:
    assert not code_accepts(path.read_bytes(), message_of(path)), CODE_ONLY[name(path)]


@pytest.mark.parametrize("fault", sorted(REASON))
def test_bad_example_has_its_reason(fault: str) -> None:
    path = EXAMPLES / "bad" / f"{fault}.json"
    with pytest.raises(RejectError) as refused:
        decode(path.read_bytes(), message_of(path).record)
    assert refused.value.reason == REASON[fault]


# -- everywhere else

REPLACEMENTS: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    "x" * 3000,
    "2015-02-22T16:00:00",
    [],
    ["x"],
    {},
    {"x": 1},
)


def variations(value: Any) -> Iterator[Any]:
    """Copies of a JSON value with one part, at any depth, left out or replaced."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in list(parts):
        if isinstance(value, dict):
            yield {k: v for k, v in value.items() if k != key}
        for other in (*REPLACEMENTS, *variations(part)):
            copy = value.copy()
            copy[key] = other
            yield copy


@pytest.mark.parametrize("path", GOOD, ids=name)
def test_code_and_schema_agree_on_every_variation_of_a_good_example(path: Path) -> None:
    message = message_of(path)
    schema = validator(message)
    for variation in variations(json.loads(path.read_bytes())):
        if message.name == "dead-letter.v1" and variation.get("raw") in REPLACEMENTS:
            continue  # contentEncoding is a remark: see CODE_ONLY
        accepted = code_accepts(json.dumps(variation).encode(), message)
        assert accepted == schema.is_valid(variation), variation


# -- AsyncAPI


def references(node: Any) -> Iterator[str]:
    """All `$ref` of a document."""
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from references(child)
    if isinstance(node, dict) and "$ref" in node:
        yield node["$ref"]


def test_every_reference_of_asyncapi_leads_somewhere() -> None:
    document = asyncapi()
    for reference in references(document):
        if reference.startswith("./"):
            assert (PACKAGED / reference).is_file()
            continue
        node: Any = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_every_channel_is_in_asyncapi() -> None:
    assert {channel.name for channel in layout(Settings.model_construct())} == set(asyncapi()["channels"])


def test_the_environment_does_not_change_what_is_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    before = generate()
    monkeypatch.setenv("STREAMWATCH_PARTITIONS", "9")
    assert generate() == before


# -- the command


def test_the_command_writes_what_is_missing_and_checks_what_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    run = CliRunner().invoke
    assert run(command.schemas, ["--out", str(folder)]).output == f"{folder}: {len(generate())} written, 0 up to date\n"
    assert run(command.schemas, ["--check", "--out", str(folder)]).exit_code == 0
    (folder / "alert.v1.json").write_text("{}")
    refused = run(command.schemas, ["--check", "--out", str(folder)]).exception
    assert isinstance(refused, FatalError)
    assert "alert.v1.json: run streamwatch schemas" in str(refused)
    assert (folder / "alert.v1.json").read_text() == "{}"
    assert (
        run(command.schemas, ["--out", str(folder)]).output
        == f"{folder}: 1 written, {len(generate()) - 1} up to date\n"
    )
