"""What is done to evaluators while a stream plays: they are stopped and go on as zombies, or their Redis is wiped."""

import time

from .same_alerts import PATIENCE_S, Stage

TAKEOVERS = 3
"""Short stops after the long one, each of the worker that has taken over."""


def wipe_at_half(stage: Stage) -> None:
    """FLUSHALL when half of the rows were applied and some of it was evaluated."""
    n = stage.n_rows // 2
    stage.scene.until(lambda: stage.scene.n_applied() >= n and stage.scene.closed_ms() > 0, PATIENCE_S, stage.workers)
    stage.scene.redis.flushall()


def stop_for_a_minute(stage: Stage) -> None:
    """SIGSTOP of the evaluator for a minute, SIGCONT; then of the one that took over, for some seconds, and so on."""
    stop_evaluators(stage, [60.0, *[8.0] * TAKEOVERS])


def stop_evaluators(stage: Stage, seconds: list[float]) -> None:
    """With two workers: stop whoever evaluates, for each of `seconds` in turn, while the other takes over."""
    scene, (first, second) = stage.scene, stage.workers
    scene.until(lambda: _holder(stage) is not None, PATIENCE_S)
    holder, other = first, second.start()
    token = _holder(stage)
    for n, for_s in enumerate(seconds):
        time.sleep(2.0 if n else 10.0)  # the first time the second worker is still starting
        assert _holder(stage) == token, "the lease went to another worker by itself"
        holder.pause()
        started = time.monotonic()
        scene.until(lambda: _holder(stage) not in (None, token), PATIENCE_S)  # noqa: B023 - called here
        token = _holder(stage)
        time.sleep(max(0.0, started + for_s - time.monotonic()))
        holder.resume()
        holder, other = other, holder


def _holder(stage: Stage) -> bytes | None:
    """The token of the lease: another one for each worker."""
    held = stage.scene.redis.get(f"{stage.scene.settings.prefix}sw:{{eval}}:lease")
    return bytes(held) if held is not None else None
