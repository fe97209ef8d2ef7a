"""The share detector: does a larger part of the documents than usual turn negative?

Null: the upper bound of the baseline's share with its odds times `MARGIN`, always, because a share that swings by ±.2
log-odds within the day cuts the run length of the plain estimate to a quarter. Alternatives: the null's odds times
1.5, 2 and 4. The open detection bucket is tested whenever one of its 10 s buckets closes (the likelihood ratio is a
martingale document by document). The window of a crossing begins where Page's CUSUM of the middle alternative last
stood at zero: the maximum-likelihood estimate of the change point.

A series is cold until it has had `WARM_HOURS` different hours and `WARM_DOCUMENTS` documents. A cold series is tested
against what its peers allow (`peers`), where there are enough of them: an airline whose collection begins differs from the
average of the others on its first day, and that is no incident.

All that is remembered is in the units of one model version. Documents of others, `guests`, are judged through the shift
between the two: the usual share of a bucket is the mean over its documents, each by its version. (That of a sum of unlike
coins varies less than that of a sum of equal ones with the same mean, so the null stays an upper bound: W. Hoeffding, "On
the distribution of the number of successes in independent trials", Ann. Math. Stat. 27 (1956).)

References: arXiv:2203.03532 (see `shiryaev_roberts`); E. S. Page, "Continuous inspection schemes", Biometrika 41
(1954).

Examples:
    >>> from streamwatch.timeline import MINUTE_MS
    >>> detector = ShareDetector(DetectionConfig(detection_bucket_ms=MINUTE_MS))
    >>> for minute in range(3000):
    ...     detector.update(minute * MINUTE_MS, 10, 2 + minute % 2)
    >>> detector.crossed
    False
    >>> for minute in range(3000, 3008):
    ...     detector.update(minute * MINUTE_MS, 10, 7)
    >>> detector.crossed, detector.reading().k
    (True, 56)
"""

from collections.abc import Callable, Mapping
from math import inf, log

import msgspec

from streamwatch.detection import beta_binomial, peers
from streamwatch.detection.log_odds import times_odds
from streamwatch.detection.reading import Reading
from streamwatch.detection.settings import DetectionConfig
from streamwatch.detection.share_baseline import ShareBaseline
from streamwatch.detection.shift import SAME, Shift
from streamwatch.detection.shiryaev_roberts import ShiryaevRoberts
from streamwatch.detection.units import regrouped
from streamwatch.records import AlertKind
from streamwatch.timeline import DAY_MS, HOUR_MS, bucket_start

MARGIN = 1.05
ALTERNATIVES, WEIGHTS = (1.5, 2.0, 4.0), (0.2, 0.3, 0.5)
"""Times the null's odds. The largest has most weight: a large change is over soon, and a small one can wait."""
DATING = 1
"""The alternative whose CUSUM dates the change."""
WARM_HOURS, WARM_DOCUMENTS = 12, 20
"""Half a day: the share has little of a daily cycle, and the null is an upper bound, wide while documents are few."""
HELD_MS = DAY_MS
"""Evidence that has neither gone nor become an episode for this long is what is usual now."""
BACK_TO_USUAL = log(100.0)
"""An episode is calm when its latest documents speak 100 to 1 for the usual share against that of the onset."""
SILENT_MS = 3 * HOUR_MS
"""It is calm too when nobody has written for so long."""
TAIL_PART = 0.1
"""Of the budget of false alarms: the test of one bucket alone; the e-detector has the rest."""
TAIL_SD = 3.0
"""The tail is computed from here on: below it cannot matter, and it costs a sum."""


NOBODY: Mapping[int, int] = {}
ShiftTo = Callable[[int], Shift]
"""How much more a version says than that in whose units a detector is."""

Hypotheses = tuple[float, tuple[float, ...], float, float]
"""The null's share, the alternatives', ρ, and the power η."""


class ShareState(msgspec.Struct, array_like=True):
    """All that is remembered. `open_…` is the running detection bucket, `window_…` what the CUSUM dates.

    `guests` are the documents of the open bucket by version, without those of the units' own. `episode_moved` are the
    negatives that the present version would say more of the episode, of which an earlier one read a part.
    """

    baseline: ShareBaseline
    evidence: ShiryaevRoberts
    open_ms: int = 0
    open_n: int = 0
    open_k: int = 0
    n_hours: int = 0
    last_hour_ms: int = -1
    cusum: float = 0.0
    window_ms: int = 0
    window_n: int = 0
    window_k: int = 0
    firing: bool = False
    onset_share: float = 0.0
    recovery: float = 0.0
    episode_n: int = 0
    episode_k: int = 0
    guests: dict[int, int] = {}
    episode_moved: float = 0.0


class ShareDetector:
    """Tests one series; `update` takes each 10 s bucket that has documents, in time order.

    `shift_to` says how much more another version says than the one in whose units the state is.
    """

    kind: AlertKind = "negative_share"
    version = "share-e-detector/1"

    def __init__(
        self, config: DetectionConfig, state: ShareState | None = None, shift_to: ShiftTo = lambda version: SAME
    ) -> None:
        self.config = config
        self._shift_to = shift_to
        self._cold_null: float | None = None
        self._answered: tuple[tuple[Hypotheses, int, int], list[float]] | None = None
        self.state = state or ShareState(ShareBaseline(), ShiryaevRoberts.fresh(len(ALTERNATIVES)))
        self.threshold = config.share_run_length
        self._log_threshold = log(self.threshold)
        self._looks = config.detection_bucket_ms // config.bucket_ms
        self._hypotheses = self._hypothesise()

    @property
    def warm(self) -> bool:
        """Whether there is enough history to test against."""
        return self.state.n_hours >= WARM_HOURS and self.state.baseline.n >= WARM_DOCUMENTS

    @property
    def tested(self) -> bool:
        """Whether there is something to test against: its own history, or its peers'."""
        return self.warm or self._cold_null is not None

    def lean_on(self, cold_null: float | None) -> None:
        """Say what share is allowed while there is no history, before the bucket that it holds for."""
        if cold_null != self._cold_null:
            self._cold_null = cold_null
            self._hypotheses = self._hypothesise()

    @property
    def crossed(self) -> bool:
        """Whether the evidence reaches the threshold now."""
        return self.tested and self.log_e >= self._log_threshold

    @property
    def log_e(self) -> float:
        """log of the evidence, the open bucket included: at `log(threshold)` the budget of false alarms is reached.

        The larger of the e-value, which has `1 − TAIL_PART` of the budget, and of what the open bucket says alone.
        """
        if not self.tested:
            return -inf
        return max(self.state.evidence.preview(self._log_ratios(), WEIGHTS) + log(1 - TAIL_PART), self._log_tail())

    @property
    def null(self) -> float:
        """The share up to which nothing is unusual."""
        return self._hypotheses[0]

    def update(self, start_ms: int, n: int, k: int, guests: Mapping[int, int] = NOBODY) -> None:
        """Count n documents, k of them negative, of the 10 s bucket at `start_ms`; of them `guests` by version."""
        state = self.state
        opens = bucket_start(start_ms, self.config.detection_bucket_ms)
        if opens != state.open_ms:
            self._close()
            self._open(opens)
        state.open_n += n
        state.open_k += k
        for version, m in guests.items():
            state.guests[version] = state.guests.get(version, 0) + m
        if state.guests:
            self._hypotheses = self._hypothesise()
        self._count_hour(start_ms)
        if state.firing:
            state.episode_n += n
            state.episode_k += k

    def begin(self) -> None:
        """An episode fires: the baseline is frozen, and the share of its window is what it must come back from."""
        state, reading = self.state, self.reading()
        state.baseline.discard()
        state.firing, state.recovery = True, 0.0
        state.episode_n, state.episode_k, state.episode_moved = reading.n, reading.k, 0.0
        state.onset_share = self._in_units((reading.k + 0.5) / (reading.n + 1))

    def calm(self, at_ms: int) -> bool:
        """Whether the latest documents speak for the usual share, or there have been none for long."""
        return self.state.recovery >= BACK_TO_USUAL or at_ms - self.state.open_ms >= SILENT_MS

    def end(self, at_ms: int, new_level: bool) -> None:
        """The episode is over; as a new level, the baseline begins anew from its documents."""
        state = self.state
        if new_level:
            k = min(max(state.episode_k + state.episode_moved, 0.0), float(state.episode_n))
            state.baseline.restart(at_ms, float(state.episode_n), k)
        state.firing = False
        state.open_n = state.open_k = 0
        state.guests = {}
        self._forget()
        self._hypotheses = self._hypothesise()

    def reading(self) -> Reading:
        """The numbers behind the present evidence."""
        state = self.state
        n, k = state.window_n + state.open_n, state.window_k + state.open_k
        if state.firing:
            n, k = state.episode_n, state.episode_k
        p0, low, high = self.usual(state.open_ms)
        window_ms = state.window_ms if state.window_n else state.open_ms
        return Reading(window_ms, n, k, p0, low, high, n * p0, self.log_e)

    def usual(self, at_ms: int) -> tuple[float, float, float]:
        """The expected share at that time with its bounds, for the versions whose documents come now."""
        baseline = self.state.baseline
        return (
            self._mixed(lambda shift: baseline.p(at_ms, shift)),
            self._mixed(lambda shift: baseline.lower(at_ms, shift)),
            self._mixed(lambda shift: baseline.upper(at_ms, shift)),
        )

    def loosen(self, shift: Shift) -> None:
        """Documents of a version that says `shift` more begin to come: how much more is only measured."""
        self.state.baseline.loosen(shift.log_odds_se)
        self._hypotheses = self._hypothesise()

    def translate(self, shift: Shift, old: int, new: int) -> None:
        """From now on all is in the units of the version `new`, which says `shift` more than `old`. The evidence stays."""
        state = self.state
        state.baseline.translate(shift)
        state.onset_share = shift.share(state.onset_share)
        state.guests = regrouped(state.guests, state.open_n, old, new)
        if state.firing:
            share = (state.episode_k + state.episode_moved + 0.5) / (state.episode_n + 1)
            state.episode_moved += state.episode_n * (shift.share(share) - share)
        self._hypotheses = self._hypothesise()

    def _open(self, opens_ms: int) -> None:
        state = self.state
        if state.open_ms and self.tested and not state.firing:
            state.evidence.skip((opens_ms - state.open_ms) // self.config.detection_bucket_ms - 1)
        state.open_ms, state.open_n, state.open_k, state.guests = opens_ms, 0, 0, {}
        self._hypotheses = self._hypothesise()

    def _close(self) -> None:
        """End the open bucket: its evidence is kept, and the baseline learns it, unless an episode is firing."""
        state = self.state
        if not state.open_n:
            return
        if state.firing:
            self._recover()
            return
        if self.tested:
            ratios = self._log_ratios()
            state.evidence.close(ratios)
            self._date(ratios[DATING])
        expected = self._expected_of_guests()
        state.baseline.hold(state.open_n, state.open_k, state.open_ms, self.config.detection_bucket_ms, expected)
        if not state.cusum or state.open_ms - state.window_ms > HELD_MS:
            state.baseline.settle(state.open_ms)

    def _date(self, log_ratio: float) -> None:
        """Page's CUSUM: the window begins after the last zero."""
        state = self.state
        state.cusum = max(0.0, state.cusum + log_ratio)
        if not state.cusum:
            state.window_n = state.window_k = 0
            return
        if not state.window_n:
            state.window_ms = state.open_ms
        state.window_n += state.open_n
        state.window_k += state.open_k

    def _forget(self) -> None:
        state = self.state
        state.evidence = ShiryaevRoberts.fresh(len(ALTERNATIVES))
        state.cusum, state.window_n, state.window_k = 0.0, 0, 0

    def _count_hour(self, start_ms: int) -> None:
        hour = bucket_start(start_ms, HOUR_MS)
        if hour != self.state.last_hour_ms:
            self.state.last_hour_ms = hour
            self.state.n_hours = min(self.state.n_hours + 1, WARM_HOURS)

    def _recover(self) -> None:
        """Page's CUSUM of the usual share against that of the onset, over the buckets of the episode."""
        state, baseline = self.state, self.state.baseline
        usual = self._mixed(lambda shift: baseline.p(state.open_ms, shift))
        onset = self._mixed(lambda shift: shift.share(state.onset_share)) if state.guests else state.onset_share
        ratio = beta_binomial.log_likelihood_ratio(state.open_n, state.open_k, onset, usual, baseline.rho)
        state.recovery = max(0.0, state.recovery + ratio)

    def _log_ratios(self) -> list[float]:
        """Of the open bucket, to the power that neighbouring buckets' agreement leaves: see `variance_inflation`.

        Asked for when the bucket is tested and again when it closes, so the answer is kept.
        """
        asked = self._hypotheses, self.state.open_n, self.state.open_k
        if self._answered is None or self._answered[0] != asked:
            (null, alternatives, rho, power), n, k = asked
            ratios = beta_binomial.log_likelihood_ratios(n, k, null, alternatives, rho)
            self._answered = asked, [power * ratio for ratio in ratios]
        return self._answered[1]

    def _log_tail(self) -> float:
        """What the open bucket says alone: its part of the budget over the probability of so many negatives, divided by
        how often a bucket is looked at.
        """
        state = self.state
        null, _, rho, _ = self._hypotheses
        n, k = state.open_n, state.open_k
        if k - n * null < TAIL_SD * beta_binomial.sd(n, null, rho):
            return -inf
        return log(TAIL_PART / self._looks) - beta_binomial.log_upper_tail(n, k, null, rho)

    def _mixed(self, of: Callable[[Shift], float]) -> float:
        """The mean over the open bucket's documents of what holds for the version of each."""
        guests, n = self.state.guests, self.state.open_n
        if not guests:
            return of(SAME)
        total = sum(m * of(self._shift_to(version)) for version, m in guests.items())
        own = n - sum(guests.values())
        return (total + own * of(SAME)) / n if own else total / n

    def _expected_of_guests(self) -> float | None:
        """The usual share of the open bucket where other versions have documents in it."""
        state = self.state
        return self._mixed(lambda shift: state.baseline.p(state.open_ms, shift)) if state.guests else None

    def _in_units(self, share: float) -> float:
        """What the version of the units would say, where the open bucket's documents give this share."""
        return self._mixed(lambda shift: shift.inverse.share(share)) if self.state.guests else share

    def _hypothesise(self) -> Hypotheses:
        """Null, alternatives, ρ and power of the open bucket: a function of the baseline, which learns when one closes."""
        baseline, at_ms, cold = self.state.baseline, self.state.open_ms, self._cold_null
        rho = baseline.rho_at(at_ms)
        if self.warm or cold is None:
            null = self._mixed(lambda shift: times_odds(baseline.upper(at_ms, shift), MARGIN))
        else:
            null, rho = self._mixed(lambda shift: shift.share(cold) if shift is not SAME else cold), max(rho, peers.RHO)
        alternatives = tuple(times_odds(null, times) for times in ALTERNATIVES)
        return null, alternatives, rho, 1 / baseline.inflation.factor
