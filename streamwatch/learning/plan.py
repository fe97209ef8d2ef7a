"""The settings of a training run, each with where its default comes from. `streamwatch train` has an option for each.

Examples:
    >>> Plan(method="lora").rate
    0.0005
    >>> options(Plan(epochs=5, layers="0,2,4"))
    '--layers 0,2,4 --epochs 5'
"""

from typing import Literal, get_args

import msgspec

Method = Literal["full", "lora", "adalora"]
METHODS: tuple[str, ...] = get_args(Method)

RATES: dict[str, float] = {"full": 1e-4, "lora": 5e-4, "adalora": 1e-3}
"""Peak learning rates of the encoder. LoRA's factors start at zero and stand more, AdaLoRA's share one scale a factor more."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a run learns.

    Args:
        method: what of the encoder moves: `full` (all but the embeddings), `lora` (low-rank matrices), or `adalora` (such whose
            ranks move to where they are needed).
        rank: of the low-rank matrices, the mean of them for `adalora`.
        layers: the layers of the encoder that are kept, in order; one may stand twice (a deeper teacher). Empty: all. With
            any choice the model gets an encoder of its own, much larger than an adapter.
        units: of the feed-forward layers that are kept; 0: all. With any choice, too, the encoder is the model's own.
        norm: `adn` puts an adaptive dynamic normalisation before each head.
        head_members: sets of heads that learn side by side and are made into one in the end.
        regulariser: a second pass for each batch, `fgm` or `r_drop`; empty: none.
        epochs: passes over the training texts; may be a fraction.
        max_minutes: ends a run early with the learning rate brought down in time; 0: no limit. Such a run depends on the
            speed of its machine and cannot be repeated exactly.
        learning_rate: peak of the encoder's; 0 takes the method's own.
        head_learning_rate: peak of the heads', which start from nothing.
        layer_decay: the factor from a layer's learning rate to that of the one below it.
        warmup: the share of the run in which the rates rise.
        smoothing: of labels (Szegedy et al., arXiv 1512.00567).
        dropout, head_dropout: in the encoder, and on the pooled state.
        average: the decay of an exponential average of the weights, which then is the model; 0: none.
        patience: evaluations on the dev part without a gain until the run ends, its best weights the model; 0: never.
        evaluations: on the dev part in an epoch.
        unclear_weight: of the label `unclear` for texts of customers (Hendrycks et al., arXiv 1812.04606); 0: not taught.
        distil_weight: of the teachers' word against the label's.
        distil_temperature: the softening of the teachers' probabilities (Hinton et al., arXiv 1503.02531).
        unlabelled_texts: of each set without labels at most; 0: all. Which ones is a matter of their hash.
        dev_share: of all texts.
        max_tokens, tail_tokens: where longer texts are cut, in training and for ever after; see `TokenReader`.
        budget_bytes: of the adapter's file. What ships has 6 MB.
    """

    method: Method = "full"
    rank: int = 32
    layers: str = ""
    units: int = 0
    norm: Literal["", "adn"] = ""
    head_members: int = 1
    regulariser: Literal["", "fgm", "r_drop"] = ""
    epochs: float = 3.0
    max_minutes: float = 0.0
    batch_size: int = 32
    learning_rate: float = 0.0
    head_learning_rate: float = 1e-3
    layer_decay: float = 1.0
    weight_decay: float = 0.01
    warmup: float = 0.06
    smoothing: float = 0.05
    dropout: float = 0.1
    head_dropout: float = 0.1
    average: float = 0.0
    patience: int = 4
    evaluations: float = 2.0
    unclear_weight: float = 0.3
    distil_weight: float = 0.7
    distil_temperature: float = 1.0
    unlabelled_texts: int = 0
    dev_share: float = 0.05
    max_tokens: int = 128
    tail_tokens: int = 32
    budget_bytes: int = 6_000_000
    seed: int = 7

    @property
    def rate(self) -> float:
        """The peak learning rate of the encoder."""
        return self.learning_rate or RATES[self.method]

    @property
    def has_own_encoder(self) -> bool:
        """Whether the trained encoder has another shape than the base, so that no difference from it can be written."""
        return bool(self.layers or self.units)

    def n_steps(self, n_examples: int) -> int:
        """How many steps a run over `n_examples` takes, if nothing ends it early."""
        return max(1, round(-(-n_examples // self.batch_size) * self.epochs))


def options(plan: Plan) -> str:
    """The options of `streamwatch train` that ask for `plan`: those that are not at their default."""
    default = Plan()
    changed = {
        name: getattr(plan, name) for name in plan.__struct_fields__ if getattr(plan, name) != getattr(default, name)
    }
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in changed.items())
