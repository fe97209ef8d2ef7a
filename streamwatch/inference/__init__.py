"""From model texts to predictions: `open_engine(settings)` gives the engine, `engine.classify(texts)` the results."""

from streamwatch.inference.engine import TOPICS, Engine, NullEngine
from streamwatch.inference.opening import ModelDescription, describe_model, open_engine

__all__ = ["TOPICS", "Engine", "ModelDescription", "NullEngine", "describe_model", "open_engine"]
