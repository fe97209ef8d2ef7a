"""What a drift monitor found, in words: for terminals and pages.

Examples:
    >>> moved = (Moved(label="negative", before=0.21, after=0.4), Moved(label="positive", before=0.3, after=0.2, topic="ipo"))
    >>> drift_words(Drift(monitor="class_shares", model="m", e_value=1, threshold=1, moved=moved, topics=("ipo",)))
    'class shares drifted: negative 0.21 → 0.40; in ipo: positive 0.30 → 0.20'
    >>> drift_words(Drift(monitor="embedding", model="m", e_value=1, threshold=1, topics=("ipo", "macro")))
    'embeddings drifted, in ipo, macro'
"""

from streamwatch.records import Drift, Moved

N_MOVED = 4
MONITORS = {
    "class_shares": "class shares",
    "confidence": "confidence",
    "embedding": "embeddings",
    "error_rate": "the error rate",
    "unclear_share": "the share without a topic",
}
"""What each drift monitor watches, in words."""


def drift_words(drift: Drift) -> str:
    """What moved, the largest first."""
    parts = [_moved(one) for one in drift.moved[:N_MOVED]]
    if drift.monitor == "embedding":
        return f"{MONITORS['embedding']} drifted" + (f", in {', '.join(drift.topics)}" if drift.topics else "")
    return f"{MONITORS[drift.monitor]} drifted" + (f": {'; '.join(parts)}" if parts else "")


def _moved(one: Moved) -> str:
    where = f"in {one.topic}: " if one.topic else ""
    return f"{where}{one.label} {one.before:.2f} → {one.after:.2f}"
