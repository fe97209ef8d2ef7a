"""What every answer tells the browser: run nothing but our own files, show us in no frame, tell nobody where we were.

`script-src 'self'` without `unsafe-*` means that text from a document that looks like a script never runs, wherever it ends
up; what is refused is reported to `REPORTS`, so that tests can show that nothing ever was.

Examples:
    >>> dict(security_headers("/"))["Referrer-Policy"]
    'no-referrer'
    >>> [dict(security_headers(path))["Cache-Control"] for path in ("/api/v1/alerts", "/static/app.js")]
    ['no-store', 'no-cache']
"""

from collections.abc import Iterator

REPORTS = "/csp-report"
"""Where browsers report what they refused to run."""

CSP = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
        f"report-uri {REPORTS}",
    ]
)

HEADERS = (
    ("Content-Security-Policy", CSP),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)

STATIC = "/static/"
"""Files of the package: the same for everybody, so that a browser may keep them.

It asks by their ETag whether they are still the same before it uses them (`no-cache`): without that a browser guesses how long
they last, and after an upgrade it would put new modules and old ones together.
"""
HSTS = ("Strict-Transport-Security", "max-age=31536000")
"""A year; said only where people come by TLS, since it holds for every port of the host."""


def security_headers(path: str, tls: bool = False) -> Iterator[tuple[str, str]]:
    """The headers of an answer to `path`. Nothing that may be personal is kept by browsers or proxies."""
    yield from HEADERS
    yield "Cache-Control", "no-cache" if path.startswith(STATIC) else "no-store"
    if tls:
        yield HSTS
