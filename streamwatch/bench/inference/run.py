"""`streamwatch bench inference`: open what can be opened, run the rounds, score everybody, say what is missing."""

import os
import platform
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from streamwatch.bench.inference import figures
from streamwatch.bench.inference.isolated import opened_apart
from streamwatch.bench.inference.rounds import Say, Timed, run_rounds
from streamwatch.bench.inference.texts import read_labelled, read_stream
from streamwatch.bench.inference.variant import Missing, Opened, Spec
from streamwatch.config import Settings, load

PRE_TOKENISED = "pre-tokenised "
"""Goes before the name of a variant whose rows were made beforehand."""
LIBRARIES = (
    "torch", "transformers", "tokenizers", "numpy", "sentence-transformers", "onnx", "onnxruntime", "openvino", "nncf",
)  # fmt: skip


class Options(msgspec.Struct, frozen=True):
    """What is measured.

    Attributes:
        data: folder with stream/, sentiment/ and topic/.
        documents: of the stream.
        rounds: slices that they are cut into.
        labelled: held-out texts of each labelled set at most.
        search: texts of the stream, behind those that are measured, on which peers find their settings and all warm up.
        cores: that everything shares; 0: all of this process.
        only: variants whose name holds one of these; empty: all.
    """

    data: Path
    documents: int = 5000
    rounds: int = 5
    labelled: int = 1000
    search: int = 256
    cores: int = 0
    only: tuple[str, ...] = ()


def bench(options: Options, settings: Settings, say: Say) -> dict[str, Any]:
    """All figures."""
    cores = keep_to_cores(options.cores)
    texts = read_stream(options.data, options.documents + options.search)
    stream, others = texts[: -options.search], texts[-options.search :]
    with tempfile.TemporaryDirectory() as folder:
        specs = _specs(load(**(settings.model_dump() | {"threads": cores})), others, stream, cores, Path(folder))
        return bench_specs(specs, stream, others, options, say) | {"cores": cores}


def bench_specs(
    specs: Sequence[Spec], stream: Sequence[str], others: Sequence[str], options: Options, say: Say
) -> dict[str, Any]:
    """All figures but the cores: of these variants over `stream`, warmed up on `others`."""
    with ExitStack() as children:
        opened, missing = open_all(specs, options.only, children, say)
        for one in opened:
            one.variant.classify(others)
        timed = run_rounds(opened, stream, options.rounds, say)
        report = _report(opened, timed, _qualities(opened, options, say))
    return report | {
        "documents": len(stream),
        "distinct_texts": len(set(stream)),
        "rounds": options.rounds,
        "missing": missing,
        "cpu": cpu_name(),
        "versions": versions(),
    }


def keep_to_cores(n: int) -> int:
    """Leave this process the first `n` of its cores (0: all); gives their number."""
    mine = sorted(os.sched_getaffinity(0))
    kept = mine[:n] if n else mine
    os.sched_setaffinity(0, kept)
    return len(kept)


def _specs(settings: Settings, others: Sequence[str], stream: Sequence[str], cores: int, work: Path) -> list[Spec]:
    from streamwatch.bench.inference.our_variants import our_specs
    from streamwatch.bench.inference.peers import peer_specs

    return our_specs(settings, stream, others) + peer_specs(settings, others, cores, work)


def open_all(
    specs: Sequence[Spec], only: Sequence[str], children: ExitStack, say: Say
) -> tuple[list[Opened], dict[str, str]]:
    """What could be opened, each in a child of `children`, and why the rest could not."""
    opened: list[Opened] = []
    missing: dict[str, str] = {}
    for spec in specs:
        if only and not any(part in spec.name for part in only):
            continue
        try:
            opened.append(children.enter_context(opened_apart(spec)))
            say(f"{spec.name} is ready{_in_words(opened[-1].choice)}")
        except Missing as reason:
            missing[spec.name] = str(reason)
            say(f"{spec.name} is missing: {reason}")
    return opened, missing


def _in_words(choice: str) -> str:
    return f" ({choice})" if choice else ""


def _qualities(opened: Sequence[Opened], options: Options, say: Say) -> dict[str, dict[str, float]]:
    sets = read_labelled(options.data, options.labelled) if options.labelled else []
    found = {}
    for one in opened:
        if sets and one.counts_for_quality:
            found[one.name] = figures.quality_of(one, sets)
            say(f"{one.name}: macro-F1 {found[one.name]}")
    return found


def _report(opened: Sequence[Opened], timed: dict[str, Timed], by_set: dict[str, dict[str, float]]) -> dict[str, Any]:
    compared = [one for one in opened if one.counts_for_quality]
    rates, quality = figures.speeds(compared, timed), figures.means(by_set)
    reference = timed.get("fp32")
    report = rates | figures.ratios(rates["ours"], rates["peers"], quality)
    report |= {"macro_f1": quality, "macro_f1_by_set": by_set, "settings": {one.name: one.choice for one in opened}}
    if reference is not None:
        report["agreement_with_fp32"] = {
            o.name: figures.agreement(timed[o.name].said, reference.said) for o in compared
        }
    return report | _of_batchers(opened, timed)


def _of_batchers(opened: Sequence[Opened], timed: dict[str, Timed]) -> dict[str, Any]:
    """What the batchers of our variants counted, and what tokenising cost."""
    waste = {
        one.name: round(one.variant.figures().waste, 4)
        for one in opened
        if one.group == "ours" and one.counts_for_quality
    }
    plain = [share for name, share in waste.items() if name != figures.HELPED]
    return {
        "padding_waste": max(plain, default=None),
        "padding_waste_of": waste,
        "tokenising_cost": tokenising_cost(timed),
    }


def tokenising_cost(timed: dict[str, Timed]) -> dict[str, dict[str, float]]:
    """For each variant that also ran on rows made beforehand: its speed over that run's; 1: tokenising costs nothing.

    The ratio is of the same slices, and the median of them.
    """
    found = {}
    for name, without in timed.items():
        usual = timed.get(name.removeprefix(PRE_TOKENISED))
        if name.startswith(PRE_TOKENISED) and usual is not None:
            pairs = [a / b for a, b in zip(without.wall_s, usual.wall_s, strict=True)]
            rate = figures.spread(without.n_texts, without.wall_s).median
            found[name.removeprefix(PRE_TOKENISED)] = {
                "pre_tokenised_documents_per_second": rate, "ratio": round(figures.median(pairs), 3)
            }  # fmt: skip
    return found


def cpu_name() -> str:
    """The processor as Linux names it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Of all that was compared, as far as it is installed."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
