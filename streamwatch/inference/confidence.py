"""Which sentiments are marked as unsure. They are counted all the same: the mark is for who reads single records.

Examples:
    >>> from streamwatch.inference.engine import NullEngine
    >>> [said] = NullEngine().classify(["$AAPL falls"])
    >>> round(said.sentiment.p, 2), marked(said, below=0.5).low_confidence, marked(said, below=0.9).low_confidence
    (0.84, False, True)
"""

import msgspec

from streamwatch.records import Prediction


def marked(prediction: Prediction, below: float) -> Prediction:
    """The prediction with `low_confidence` where its sentiment's probability is below `below`; else as it is.

    A mark is taken from the calibrated probability, so `below` says how often such a sentiment is right at most.
    """
    if prediction.sentiment is None or prediction.sentiment.p >= below:
        return prediction
    return msgspec.structs.replace(prediction, low_confidence=True)
