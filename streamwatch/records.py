"""What passes through the channels: one struct a record, one schema version each.

Channels that people and other programs read carry RFC 3339 times; internal records carry integer milliseconds (`_ms`).
The JSON Schemas in `schemas/` are generated from these structs (`streamwatch schemas`) and a test keeps the two equal.

Examples:
    >>> from streamwatch.codec import decode, encode
    >>> encode(Label(label="earnings", p=0.9))
    b'{"label":"earnings","p":0.9}'
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Sentiment = Literal["negative", "neutral", "positive"]
SENTIMENTS: tuple[Sentiment, ...] = ("negative", "neutral", "positive")
Unread = Literal["", "nothing_left", "other_script"]
"""Why the model could not read a text (`streamwatch.text.readable`); empty where it could."""
Outcome = Literal["classified", "duplicate", "dead_lettered", "marker"]
AlertState = Literal["pending", "firing", "resolved"]
AlertKind = Literal["negative_share", "negative_volume", "stalled", "drift"]
DriftMonitor = Literal["class_shares", "confidence", "embedding", "error_rate", "unclear_share"]
Resolution = Literal["", "recovered", "new_level", "withdrawn", "lost_history"]
Severity = Literal["info", "warning", "critical"]
Drawn = Literal["uniform", "margin", "novel"]
"""How a document came into the labelling queue."""
Answered = Literal["answered", "unsure", "none_of_these", "personal_data", "undone"]
"""What a person said of a document."""
Reading = Literal["market", "customer", "cannot_tell"]
"""For whom a sentiment holds."""
Role = Literal["viewer", "analyst", "admin"]
"""What somebody may do on the dashboard, from the least to the most (`streamwatch.dashboard.access.person`)."""
AuditStage = Literal["asked", "answered"]
"""Before a write is done, and when its answer is known."""

Id = Annotated[str, Meta(min_length=1, max_length=256)]
Name = Annotated[str, Meta(min_length=1, max_length=128)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Instant = Annotated[datetime, Meta(tz=True)]

PROJECTION_BYTES = 64
"""Of the pooled state's projection: one signed byte for each of so many fixed random directions."""
BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
"""What bytes are as JSON. `contentEncoding` alone is a remark for most validators."""
Projection = Annotated[bytes, Meta(max_length=PROJECTION_BYTES, extra_json_schema={"pattern": BASE64})]


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """The base of all records: frozen, by keyword, defaults are left out on the wire."""


class Document(Record, frozen=True, kw_only=True):
    """One news item or post, as a producer writes it to a source channel (`news`, `social`).

    `published_at` needs a time zone. `entities` are tickers (`AAPL`) or names (`Delta`). A `sentiment` or `topic` given
    here is counted in place of the model's, whose labels stand beside it.
    """

    schema: Literal["document.v1"] = "document.v1"
    id: Id
    text: str
    published_at: Instant
    source: Name | None = None
    author: Annotated[str, Meta(max_length=256)] | None = None
    entities: Annotated[tuple[Name, ...], Meta(max_length=64)] = ()
    url: Annotated[str, Meta(max_length=2048)] | None = None
    language: Annotated[str, Meta(max_length=35)] | None = None
    sentiment: Sentiment | None = None
    topic: Name | None = None


class Label(Record, frozen=True, kw_only=True):
    """A label and its calibrated probability."""

    label: str
    p: Probability


class SentimentLabel(Label, frozen=True, kw_only=True):
    """A sentiment with the probabilities of all three."""

    probabilities: dict[str, float]


class Prediction(Record, frozen=True, kw_only=True):
    """What the model says of one text. `model` names the base, adapter and numeric format that said it.

    `heads` are the labels of any further heads that a user trained. `low_confidence` marks a sentiment whose probability is
    below the setting `low_confidence_below`; it is counted like any other.

    A text that the model cannot read has no sentiment: `null`, on the wire too, so that nobody takes it for a neutral one.
    It has a topic all the same, `unclear` with certainty: whoever groups by topic then needs no case for it, and finds it
    where everything lies that no topic can be said of.

    `projection` is the text's pooled state seen through 64 fixed random directions, a signed byte each
    (`streamwatch.drift.projection`): a function of the text and the encoder alone. Empty where no encoder saw the text.
    """

    topic: Label
    sentiment: SentimentLabel | None
    model: str
    low_confidence: bool = False
    heads: dict[str, Label] = {}
    projection: Projection = b""


class Given(Record, frozen=True, kw_only=True):
    """Labels that came with the document."""

    sentiment: Sentiment | None = None
    topic: str | None = None


class Classified(Record, frozen=True, kw_only=True):
    """What became of one source record: `classified` holds exactly one for each source offset, in source order.

    `follows` is the source offset released before this one by the same run (at the start of a run: the committed offset
    − 1). `lost` counts source records that retention deleted before they were read. `observed_ms` is the record's own
    arrival stamp; the store makes it monotone. A `marker` opens or closes a replay and is no document.

    `unread` says why the model could not read the text. Its outcome is as of others; windows count it as `n_unread` and in
    nothing else, unless a sentiment was given with the document: then it is counted as given, like all of those.
    """

    schema: Literal["classified.v1"] = "classified.v1"
    outcome: Outcome
    source_channel: str
    source_partition: int
    source_offset: int
    follows: int
    observed_ms: int
    lost: int = 0
    backfill: bool = False
    marker: str | None = None
    reason: str | None = None
    id: str = ""
    published_ms: int = 0
    text: str = ""
    text_hash: str = ""
    source: str = ""
    author_hash: str = ""
    signature: int = 0
    entities: tuple[str, ...] = ()
    given: Given | None = None
    prediction: Prediction | None = None
    unread: Unread = ""

    @property
    def counted_sentiment(self) -> str:
        """The sentiment that windows count: the given one, else the model's; empty where the text was not read."""
        if self.given is not None and self.given.sentiment is not None:
            return self.given.sentiment
        if self.prediction is None:
            return "neutral"
        return self.prediction.sentiment.label if self.prediction.sentiment is not None else ""

    @property
    def counted_topic(self) -> str:
        """The topic that windows count: the given one, else the model's."""
        if self.given is not None and self.given.topic is not None:
            return self.given.topic
        return self.prediction.topic.label if self.prediction is not None else ""


class DeadLetter(Record, frozen=True, kw_only=True):
    """A source record that could not be used, with its reason and where it came from. The one unredacted channel.

    `raw` holds the first 64 KB of the bytes; `length_bytes` and `sha256` are of all of them.
    """

    schema: Literal["dead-letter.v1"] = "dead-letter.v1"
    reason: str
    detail: str = ""
    source_channel: str
    source_partition: int
    source_offset: int
    observed_ms: int
    length_bytes: int
    sha256: str
    raw: bytes


class EvidenceDocument(Record, frozen=True, kw_only=True):
    """One document behind an alert, redacted, with its coordinates in the source channel."""

    id: str
    text: str
    published_at: Instant
    sentiment: Sentiment
    p_negative: float | None = None
    source: str = ""
    copies: int = 1
    channel: str
    partition: int
    offset: int


class Term(Record, frozen=True, kw_only=True):
    """A term that marks an alert: how many of the documents it rests on hold it, and `z` against the series' own past.

    `z` is the log-odds ratio with an informative Dirichlet prior over its standard error, None without enough past.
    """

    term: str
    z: float | None = None
    n_documents: int
    share_of_documents: Probability


class Evidence(Record, frozen=True, kw_only=True):
    """What an alert rests on: distinct documents, distinctive terms, who is named, how concentrated the sources are.

    Numbers of texts, authors and copies are of the newest negative documents, 24 at most, whatever the traffic, and so
    are `entities` and `channels` (how many of them name an entity, came by a source channel). `n_copies` counts the
    further copies of their texts, `n_near_copies` the texts that only vary another. `largest_author_share` is None where
    authors are not known; `largest_text_share` is the part that one text and its near copies make.
    `n_past_documents` says with how many documents of the series' own past the terms were compared: with 0, terms are
    simply the words of most documents.
    """

    documents: tuple[EvidenceDocument, ...] = ()
    terms: tuple[Term, ...] = ()
    n_past_documents: int = 0
    entities: dict[str, int] = {}
    channels: dict[str, int] = {}
    n_distinct_texts: int = 0
    n_distinct_authors: int = 0
    largest_author_share: float | None = None
    largest_text_share: float | None = None
    n_copies: int = 0
    n_near_copies: int = 0


class Member(Record, frozen=True, kw_only=True):
    """One series of an incident, when its test crossed, and what it counts now.

    `id` is a hash of rule, series, kind and onset, as an alert's. A member that has gone calm stays, with `firing` false,
    until the whole incident is resolved.
    """

    id: str
    series: str
    kind: AlertKind
    onset: Instant
    firing: bool
    n: int
    k: int
    k_expected: float
    lift: float
    score: float


class Moved(Record, frozen=True, kw_only=True):
    """One share that moved: of which class, in which topic (empty: over all), from what to what."""

    label: str
    before: float
    after: float
    topic: str = ""


class Drift(Record, frozen=True, kw_only=True):
    """What a drift monitor found: the stream, or the model on it, is not what it was.

    `monitor` says what was watched, `moved` which shares moved, the largest first, `topics` which topics carry it.
    `e_value` ≥ `threshold` is why it fired. `model` is the version whose records it was found in.
    """

    monitor: DriftMonitor
    model: str
    e_value: float
    threshold: float
    moved: tuple[Moved, ...] = ()
    topics: tuple[str, ...] = ()


class Alert(Record, frozen=True, kw_only=True):
    """One state of one incident: the series that fired first, and the others that tell of the same documents.

    `id` is a hash of rule, series, kind and onset, so that a replay gives the same. `n` and `k` count documents and
    negatives since the onset's window began; `p0` is the expected share with its interval; `score` ≥ `threshold` is why
    it fired: the e-value of the test, and the run length that it promises. `members` are the other series (grouping and
    inhibition, by the rules file); `labels` and `routes` are the rule's.

    `pending` comes only of a rule with `for`; it becomes `firing`, or is `resolved` as `withdrawn`. `stalled` is about a
    channel that is silent, and counts no documents.

    `drift` is there in an alert of kind `drift`, whose `n` counts the documents since its onset and `k` is 0; and in one
    of kind `negative_share` that a moved sentiment of the same series has joined.
    """

    schema: Literal["alert.v1"] = "alert.v1"
    id: str
    revision: int
    state: AlertState
    rule: str
    series: str
    kind: AlertKind
    severity: Severity
    onset: Instant
    at: Instant
    window_s: int
    n: int
    k: int
    share: float
    p0: float
    p0_low: float
    p0_high: float
    k_expected: float
    lift: float
    score: float
    threshold: float
    evidence: Evidence
    members: tuple[Member, ...] = ()
    labels: dict[str, str] = {}
    routes: tuple[str, ...] = ()
    resolution: Resolution = ""
    model: str = ""
    detector: str = ""
    drift: Drift | None = None


class DriftSample(Record, frozen=True, kw_only=True):
    """A document for people to label, redacted, with the model's labels and probabilities.

    `inclusion_probability` is the π with which a hash of its id could draw it, `p_uniform` the part of it that every
    document had in that hour: whatever is estimated over the stream weighs each document by 1/π. `drawn_as` is `uniform`
    where the hash lies below `p_uniform`, `margin` where uncertainty drew it, and `novel` where the hash did not: then it was
    picked because it is unlike what the stream was, and stands for no other document.
    """

    schema: Literal["drift.v1"] = "drift.v1"
    id: Id
    text: str
    published_at: Instant
    source_channel: str
    source_partition: int
    source_offset: int
    source: str = ""
    author_hash: str = ""
    prediction: Prediction
    drawn_as: Drawn
    inclusion_probability: Probability
    p_uniform: Probability

    @property
    def model(self) -> str:
        """The version of the model that said `prediction`."""
        return self.prediction.model


class Answer(Record, frozen=True, kw_only=True):
    """What one person said of one document, on the channel `labels`, keyed by document and labeller.

    The newest record of a key counts, and one with the verdict `undone` takes back what was said. `answered` gives a topic
    or a sentiment or both, and `reading`: for whom the sentiment holds, who reads as the market does (what is it to the
    price?) or as a customer (how do they feel?). `none_of_these` may have a sentiment, but no topic of the model's fits.

    The rest repeats the sample, so that an answer can be learned from when the sample is gone.
    """

    schema: Literal["label.v1"] = "label.v1"
    id: Id
    labeller: Name
    answered_at: Instant
    verdict: Answered
    topic: Name | None = None
    sentiment: Sentiment | None = None
    reading: Reading = "cannot_tell"
    text: str
    published_at: Instant
    source: str = ""
    author_hash: str = ""
    prediction: Prediction
    drawn_as: Drawn
    inclusion_probability: Probability
    p_uniform: Probability


class Decision(Record, frozen=True, kw_only=True):
    """The base of what people decide. The channel `decisions` is compacted: of each key the last record stays.

    Several kinds share it, so that `schema` is a tag here: always written, and needed.
    """

    made_by: Annotated[str, Meta(min_length=1, max_length=128)]
    made_at: Instant
    comment: Annotated[str, Meta(max_length=2000)] = ""


class Matchers(Record, frozen=True, kw_only=True):
    """Which alerts a silence is about: all that is given must match, and an empty tuple asks nothing.

    `series` and `rules` are patterns (`*` only) of which one must match; the values of `labels` are patterns too. A label
    that an alert does not have matches nothing.
    """

    series: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    kinds: tuple[AlertKind, ...] = ()
    severities: tuple[Severity, ...] = ()
    labels: dict[str, str] = {}


class Silence(Decision, frozen=True, kw_only=True, tag_field="schema", tag="silence.v1"):
    """Alerts that nobody wants to hear of from `starts_at` until `ends_at`, by the wall clock.

    They are detected and sent all the same: `tail`, `list` and notifiers leave them out. One that was ended early has
    the same id, an earlier `ends_at`, and `expired_by`.
    """

    id: Id
    matchers: Matchers
    starts_at: Instant
    ends_at: Instant
    expired_by: str = ""


class Acknowledgement(Decision, frozen=True, kw_only=True, tag_field="schema", tag="acknowledgement.v1"):
    """Somebody has seen an alert and looks after it; or, `retracted`, does so no more."""

    alert: Id
    retracted: bool = False


class Verdict(Decision, frozen=True, kw_only=True, tag_field="schema", tag="verdict.v1"):
    """Whether an alert told of something real, as an analyst sees it. The last verdict counts; `retracted` takes it back."""

    alert: Id
    true: bool
    retracted: bool = False


class RulesChange(Decision, frozen=True, kw_only=True, tag_field="schema", tag="rules-change.v1"):
    """Rules that decide from the bucket at `effective_from` (event time) on: a replay decides as it was decided then.

    `text` is the whole rules file, with all defaults said; `digest` is of what it decides.
    """

    effective_from: Instant
    text: str
    digest: str


class ShiftOf(Record, frozen=True, kw_only=True):
    """How much more a new model says than an old one, with standard errors: the log-odds of the negative share, the log rate
    of negatives, the log rate of documents.
    """

    log_odds: float
    log_odds_se: Annotated[float, Meta(ge=0)]
    log_negatives: float
    log_negatives_se: Annotated[float, Meta(ge=0)]
    log_volume: float
    log_volume_se: Annotated[float, Meta(ge=0)]


class Promotion(Decision, frozen=True, kw_only=True, tag_field="schema", tag="promotion.v1"):
    """A model version and what it was measured against, before any of its documents comes: detectors move by it.

    `version` and `against` are codes (`streamwatch.detection.versions`), `model` and `against_model` their names. `pool` is
    the shift of every series that `series` does not name. A version is told once and for ever: documents were judged by it.
    With `n_documents` 0 nobody measured, and the errors are wide.
    """

    version: Annotated[int, Meta(ge=1, lt=2**24)]
    against: Annotated[int, Meta(ge=1, lt=2**24)]
    model: str = ""
    against_model: str = ""
    n_documents: Annotated[int, Meta(ge=0)] = 0
    pool: ShiftOf
    series: dict[str, ShiftOf] = {}


class RuleEdit(Decision, frozen=True, kw_only=True, tag_field="schema", tag="rule-edit.v1"):
    """A rule that is made, changed or taken away by people, beside those of the rules file.

    `text` is the rule as YAML; it is empty where the rule is `removed`. It was made from revision `based_on` (0: the rule was
    not there) and would be the next one. Of several that were made from the same revision the first in the channel counts and
    the others are refused, by everybody who reads it: `id` tells them apart.
    """

    id: Id
    name: Annotated[str, Meta(min_length=1, max_length=64)]
    revision: Annotated[int, Meta(ge=1)]
    based_on: Annotated[int, Meta(ge=0)]
    text: Annotated[str, Meta(max_length=16_384)] = ""
    removed: bool = False


class Watchlist(Decision, frozen=True, kw_only=True, tag_field="schema", tag="watchlist.v1"):
    """Series that one person wants to see together, by a name of their own; `removed` when it is wanted no more.

    It is `made_by`'s alone.
    """

    name: Name
    series: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...], Meta(max_length=200)] = ()
    removed: bool = False


class ApiKey(Decision, frozen=True, kw_only=True, tag_field="schema", tag="key.v1"):
    """A key by which a program, or a person without an identity provider, comes to the dashboard and its API.

    Only the SHA-256 hash of the secret is kept: the key itself was shown once, to whoever made it. One that is `revoked`, or
    past `expires_at`, opens nothing.
    """

    id: Annotated[str, Meta(pattern="^[0-9a-z]{8}$")]
    name: Name
    role: Role
    hash: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    expires_at: Instant | None = None
    revoked: bool = False
    revoked_by: Annotated[str, Meta(max_length=128)] = ""


AnyDecision = Silence | Acknowledgement | Verdict | RulesChange | Promotion | RuleEdit | Watchlist | ApiKey
"""What a record of `decisions` is decoded to."""


class Audit(Record, frozen=True, kw_only=True):
    """Who wrote what through the dashboard or its API, and what came of it.

    A write has two records of one `id`: `asked` is acknowledged by the broker before anything is done, so that nothing is done
    without a trace, and `answered` carries the HTTP `status`. One that stays alone was cut off: look whether it was done.
    `action` is the method and the route, `subject` the path that was asked for; neither holds a secret or the text of a
    document. `verified` says whether somebody vouches for the name.
    """

    schema: Literal["audit.v1"] = "audit.v1"
    id: Id
    at: Instant
    stage: AuditStage
    who: Annotated[str, Meta(max_length=128)]
    role: Role | None = None
    way: Literal["loopback", "key", "oidc", "unknown"]
    verified: bool = False
    credential: Annotated[str, Meta(max_length=128)] = ""
    address: Annotated[str, Meta(max_length=64)] = ""
    action: Annotated[str, Meta(max_length=256)]
    subject: Annotated[str, Meta(max_length=512)] = ""
    status: Annotated[int, Meta(ge=0, le=599)] = 0
    reason: Annotated[str, Meta(max_length=64)] = ""
