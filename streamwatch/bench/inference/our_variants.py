"""Our variants: the model in each precision, int8 with all help, and two runs on rows that were made beforehand."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from streamwatch.bench.inference.figures import HELPED
from streamwatch.bench.inference.ours import AtFullRate, PreTokenised, Remembering
from streamwatch.bench.inference.run import PRE_TOKENISED
from streamwatch.bench.inference.variant import Missing, Opened, Spec
from streamwatch.config import Settings, load
from streamwatch.errors import ConfigError, ModelError
from streamwatch.inference.engine import Engine
from streamwatch.inference.opening import open_engine
from streamwatch.inference.sizes import sizes_of

PRECISIONS = ("fp32", "bf16", "int8")


def our_specs(settings: Settings, stream: Sequence[str], others: Sequence[str]) -> list[Spec]:
    """All that may be opened; a precision that this model or machine does not have is missing."""
    engine = cache(lambda precision, cascade: engine_in(settings, precision, cascade))

    def plain(precision: str) -> Opened:
        one = engine(precision, "off")
        return Opened("ours", precision, AtFullRate(one, sizes_of(settings, one)), one.model)

    def helped() -> Opened:
        try:
            one, choice = engine("int8", "on"), ""
        except Missing as reason:  # the cache is there all the same
            one, choice = engine("int8", "off"), f", the cache alone: {reason}"
        return Opened("ours", HELPED, Remembering(one, sizes_of(settings, one)), one.model + choice)

    def pre_tokenised(precision: str) -> Opened:
        one = PreTokenised(engine(precision, "off"), [*stream, *others])
        variant = AtFullRate(one, sizes_of(settings, one))
        return Opened("ours", PRE_TOKENISED + precision, variant, one.model, counts_for_quality=False)

    return [
        *(_spec(precision, lambda p=precision: plain(p)) for precision in PRECISIONS),
        _spec(HELPED, helped),
        *(_spec(PRE_TOKENISED + precision, lambda p=precision: pre_tokenised(p)) for precision in ("bf16", "int8")),
    ]


def _spec(name: str, open_one: Any) -> Spec:
    return Spec("ours", name, open_one)


def engine_in(settings: Settings, precision: str, cascade: str) -> Engine:
    """The engine in one precision, with or without its first stage. Raises `Missing`."""
    wanted = {"precision": precision, "cascade": cascade}
    try:
        return open_engine(load(**(settings.model_dump() | wanted)))
    except (ConfigError, ModelError) as error:
        raise Missing(str(error)) from error
