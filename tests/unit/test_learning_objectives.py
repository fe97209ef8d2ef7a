"""The loss: each head learns from its own labels, what a set lacks teaches nothing, and teachers speak where they know."""

from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor

from streamwatch.learning.datasets.entry import DataSet
from streamwatch.learning.datasets.rows import NO_LABEL, Example
from streamwatch.learning.material import head_entries
from streamwatch.learning.objectives.distillation import teacher_loss
from streamwatch.learning.objectives.outputs import Mixed
from streamwatch.learning.objectives.targets import looks_financial, targets
from streamwatch.learning.objectives.total import Objective
from streamwatch.models.heads import mixture

ENTRIES = {
    "market": DataSet(name="market", file="m", task="sentiment", domain="market"),
    "customer": DataSet(name="customer", file="c", task="sentiment", domain="customer"),
    "bulls": DataSet(name="bulls", file="b", task="sentiment", domain="market", lacks=("neutral",)),
    "topics": DataSet(name="topics", file="t", task="topic", domain="market"),
    "bare": DataSet(name="bare", file="u", task="", domain="market"),
}
HEADS = head_entries(ENTRIES.values())
UNCLEAR_LABEL = 20


def example(source: str, label: int, text: str = "a text", weight: float = 1.0) -> Example:
    return Example(text, source, ENTRIES[source].task, label, weight)


class Said:
    """Leaves for the heads' outputs on `n` texts, so that gradients show what the loss asks of each."""

    def __init__(self, n: int) -> None:
        generator = torch.Generator().manual_seed(n)
        self.leaves = {
            "first": torch.randn(n, 3, generator=generator),
            "second": torch.randn(n, 3, generator=generator),
            "gate": torch.randn(n, generator=generator),
            "topic": torch.randn(n, 21, generator=generator),
        }
        for leaf in self.leaves.values():
            leaf.requires_grad_()

    def outputs(self) -> dict[str, Tensor | Mixed]:
        first, second, gate = (self.leaves[name] for name in ("first", "second", "gate"))
        return {"sentiment": Mixed(first, second, gate, mixture(first, second, gate)), "topic": self.leaves["topic"]}


def grads(
    examples: list[Example], unclear_weight: float = 0.3, teacher: Any = None, **options: Any
) -> dict[str, Tensor]:
    said = Said(len(examples))
    asked = targets(examples, ENTRIES, HEADS, unclear_weight)
    asked.teacher = teacher or {}
    Objective(HEADS, **options).loss(said.outputs(), asked).sum().backward()
    return {k: leaf.grad if leaf.grad is not None else torch.zeros_like(leaf) for k, leaf in said.leaves.items()}


def test_a_head_learns_nothing_from_the_other_tasks_labels() -> None:
    found = grads([example("market", 0), example("topics", 5)])
    assert found["first"][0].abs().sum() > 0 and found["first"][1].abs().sum() == 0
    assert found["topic"][0].abs().sum() == 0 and found["topic"][1].abs().sum() > 0


def test_every_text_of_a_known_domain_teaches_the_gate() -> None:
    found = grads([example("market", 0), example("customer", 0), example("topics", 3)])
    only_gate = grads([example("topics", 3)])
    assert found["gate"][2] < 0 and only_gate["gate"][0] < 0  # downhill is towards the market
    said, asked = Said(2), targets([example("market", 0), example("customer", 0)], ENTRIES, HEADS, 0.0)
    with torch.no_grad():
        said.leaves["second"].copy_(
            said.leaves["first"]
        )  # both readings say the same: only the gate's own loss moves it
    Objective(HEADS).loss(said.outputs(), asked).sum().backward()
    assert said.leaves["gate"].grad is not None
    assert said.leaves["gate"].grad[0] < 0 < said.leaves["gate"].grad[1]


def test_a_posts_reading_is_its_own_domains() -> None:
    found = grads([example("market", 0), example("customer", 0)])
    assert found["first"][0].abs().sum() > found["second"][0].abs().sum()
    assert found["second"][1].abs().sum() > found["first"][1].abs().sum()


def test_a_label_that_the_set_lacks_gets_no_gradient() -> None:
    found = grads([example("bulls", 2)])
    assert found["first"][0, 1] == 0 and found["second"][0, 1] == 0
    assert found["first"][0, 0] > 0 > found["first"][0, 2]


def test_a_text_that_has_a_lacking_label_all_the_same_keeps_it() -> None:
    found = grads([example("bulls", 1)])
    assert found["first"][0, 1] < 0


def test_customers_posts_are_outliers_for_the_topics_unless_they_look_financial() -> None:
    found = grads([example("customer", 0, "my bag is lost"), example("customer", 0, "my shares are lost")])
    assert found["topic"][0, UNCLEAR_LABEL] < 0
    assert found["topic"][1].abs().sum() == 0
    assert grads([example("customer", 0, "my bag is lost")], unclear_weight=0)["topic"].abs().sum() == 0


@pytest.mark.parametrize("text", ["$DAL is late", "Stocks to watch", "the Fed speaks", "oil spill"])
def test_texts_that_look_financial(text: str) -> None:
    assert looks_financial(text)


@pytest.mark.parametrize("text", ["feeding the dog", "I owe you $5", "bearing with you", "my bag is lost"])
def test_texts_that_do_not(text: str) -> None:
    assert not looks_financial(text)


def test_weights_scale_the_loss_of_their_label() -> None:
    once = grads([example("topics", 5)])["topic"]
    twice = grads([example("topics", 5, weight=2.0)])["topic"]
    assert torch.allclose(twice, 2 * once)


def test_where_there_is_no_label_the_teacher_speaks_alone() -> None:
    teacher = {"sentiment": torch.tensor([[0.9, 0.05, 0.05]]), "topic": torch.zeros(1, 21)}
    found = grads([example("bare", NO_LABEL)], teacher=teacher)
    assert found["first"][0, 0] < 0 and found["topic"].abs().sum() == 0
    assert grads([example("bare", NO_LABEL)])["first"].abs().sum() == 0


def test_a_teacher_s_word_is_weighed_against_the_label() -> None:
    teacher = {"sentiment": torch.tensor([[0.0, 0.0, 1.0]])}
    against = grads([example("market", 0)], teacher=teacher, distil_weight=1.0)
    without = grads([example("market", 0)], teacher=teacher, distil_weight=0.0)
    assert against["first"][0, 2] < 0 and against["first"][0, 0] > 0
    assert without["first"][0, 0] < 0
    assert torch.allclose(without["first"], grads([example("market", 0)])["first"])


def test_a_text_may_have_a_weight_of_its_own_for_its_teacher() -> None:
    logits = torch.zeros(2, 21, requires_grad=True)
    asked = targets([example("topics", 0), example("topics", 0)], ENTRIES, HEADS, 0.0)
    asked.teacher = {"topic": torch.eye(21)[[2, 2]]}
    asked.part = torch.tensor([0.0, 1.0])
    said = Said(2).outputs() | {"topic": logits}
    Objective(HEADS, smoothing=0.0).loss(said, asked).sum().backward()
    assert logits.grad is not None
    assert logits.grad[0, 0] < 0 < logits.grad[0, 2]
    assert logits.grad[1, 2] < 0 < logits.grad[1, 0]


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_a_pupil_that_says_what_its_teacher_says_has_no_more_to_learn(temperature: float) -> None:
    p = torch.tensor([[0.7, 0.2, 0.1]])
    logits = p.log().requires_grad_()
    teacher_loss(logits, p, temperature).sum().backward()
    assert logits.grad is not None and logits.grad.abs().max() < 1e-6


def test_two_sets_of_a_new_task_share_its_head() -> None:
    one = DataSet(name="one", file="a", task="urgency", labels={"l": "low", "h": "high"})
    other = DataSet(name="other", file="b", task="urgency", labels={"h": "high", "x": "none"})
    [head] = head_entries([one, other])
    assert head.labels == ("low", "high", "none")
    rows = [Example("t", "other", "urgency", 0), Example("u", "other", "urgency", 1)]
    asked = targets(rows, {"one": one, "other": other}, [head], 0.0)
    assert asked.labels["urgency"].tolist() == [1, 2]


def test_a_domain_that_nobody_knows_leaves_the_mixture_alone() -> None:
    entries = ENTRIES | {"anywhere": msgspec.structs.replace(ENTRIES["market"], name="anywhere", domain="")}
    said = Said(1)
    asked = targets([Example("a", "anywhere", "sentiment", 0)], entries, HEADS, 0.3)
    loss = Objective(HEADS).loss(said.outputs(), asked)
    mixed = said.outputs()["sentiment"]
    assert isinstance(mixed, Mixed)
    assert float(loss.detach()) == pytest.approx(-float(mixed.mixture[0, 0].detach()))
