"""Two hundred strings that would run a script, if any page ever took text for anything but text.

Each adds its number to `pwned` when it runs. They are as short as a name may be (128 characters): they fit every field.

Examples:
    >>> len(STRINGS), len(set(STRINGS)), max(map(len, STRINGS)) <= 128
    (200, 200, True)
    >>> STRINGS[0]
    '<script>pwned.push(0)</script>'
"""

from collections.abc import Iterator
from itertools import count, islice

N_STRINGS = 200
MOST_CHARS = 128
"""What a name may have."""
PAYLOADS = (
    "<script>{0}</script>", "<img src=x onerror={0}>", "<svg onload={0}>", "<svg><script>{0}</script></svg>",
    "<iframe srcdoc='<script>parent.{0}</script>'>", "<a href=javascript:{0}>x</a>", "javascript:{0}", "<body onload={0}>",
    "<details open ontoggle={0}>", "<video><source onerror={0}>", "<input autofocus onfocus={0}>", "<style onload={0}></style>",
    "<object data='javascript:{0}'>", "<embed src='javascript:{0}'>", "<math><mi href='javascript:{0}'>x</mi></math>",
    "<form action='javascript:{0}'><button>x", "<base href='javascript:/{0}//'>",
    "<meta http-equiv=refresh content='0;url=javascript:{0}'>",
    "<link rel=stylesheet href='//example.invalid/{0}'>", "{{{{constructor.constructor('{0}')()}}}}", "${{{0}}}", "`${{{0}}}`",
    "'-{0}-'", '";{0};"', "</textarea><script>{0}</script>",
)  # fmt: skip
WRAPPERS = (
    "{0}", '">{0}', "'>{0}", "--><!-- -->{0}", "\u202e{0}\u202c", "</title></style>{0}", "]]>{0}", "%3C{0}\u0000",
)  # fmt: skip


def _made() -> Iterator[str]:
    numbers = count()
    for wrapper in WRAPPERS:
        for payload in PAYLOADS:
            made = wrapper.format(payload.format(f"pwned.push({next(numbers)})"))
            yield made.replace("\u0000", "%00")[:MOST_CHARS]


STRINGS = tuple(islice(_made(), N_STRINGS))
