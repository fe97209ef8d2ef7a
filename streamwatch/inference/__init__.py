"""From model texts to predictions: `open_engine(settings)` gives the engine, `classify(engine, texts)` the results."""

from streamwatch.inference.engine import TOPICS, UNCLEAR, Answer, Engine, NullEngine, Prepared, classify
from streamwatch.inference.opening import ModelDescription, describe_model, open_engine

__all__ = [
    "TOPICS",
    "UNCLEAR",
    "Answer",
    "Engine",
    "ModelDescription",
    "NullEngine",
    "Prepared",
    "classify",
    "describe_model",
    "open_engine",
]
