"""How the version of a model says that it has a first stage.

Examples:
    >>> name = with_first_stage("minilm-l6+0a1b2c3d/int8-cpu", "9f8e7d6c")
    >>> name, has_first_stage(name), has_first_stage("minilm-l6+0a1b2c3d/int8-cpu")
    ('minilm-l6+0a1b2c3d/int8-cpu/cascade-9f8e7d6c', True, False)
"""

_MARK = "/cascade-"


def with_first_stage(model: str, first: str) -> str:
    """The version of an engine that has the first stage `first` before it."""
    return f"{model}{_MARK}{first}"


def has_first_stage(model: str) -> bool:
    """Whether a first stage answers some texts of this version, so that their predictions have no projection."""
    return _MARK in model
