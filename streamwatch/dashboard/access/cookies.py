"""The cookies of the dashboard, each with all that keeps it from others.

    streamwatch-name-8080        loopback: the name that was typed; Strict, since nothing but our own pages needs it
    __Host-streamwatch           a log-in; Lax, so that a link in a mail leads to the page and not to the log-in
    __Host-streamwatch-login     a log-in that is at the identity provider; it comes back from there, so Lax too

Browsers tell ports of one host apart for pages but not for cookies: on loopback each name has the port in it. `__Host-` and
`Secure` are left out only where the address in the browser is a loopback name, which no network carries.

Examples:
    >>> names = CookieNames("127.0.0.1:8080")
    >>> names.session, names.secure
    ('streamwatch-8080', False)
    >>> names = CookieNames("dash.example.org")
    >>> names.session, names.login, names.secure
    ('__Host-streamwatch', '__Host-streamwatch-login', True)
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from starlette.responses import Response

from streamwatch.dashboard.access.hosts import DEFAULT_PORTS, is_loopback, split_host
from streamwatch.dashboard.access.person import clean_name

NAME_S = 365 * 86_400
"""How long a browser remembers the name on loopback."""


class CookieNames:
    """What the cookies are called for a browser that calls us by this `Host`."""

    def __init__(self, host: str) -> None:
        name, port = split_host(host)
        self.secure = not is_loopback(name)
        end = "" if self.secure else f"-{port or DEFAULT_PORTS['http']}"
        start = "__Host-" if self.secure else ""
        self.session = f"{start}streamwatch{end}"
        self.login = f"{start}streamwatch-login{end}"
        self.name = f"streamwatch-name{end}"

    def put_session(self, response: Response, token: str, max_age_s: int) -> None:
        """Log in with this answer."""
        self._put(response, self.session, token, max_age_s)

    def put_login(self, response: Response, token: str, max_age_s: int) -> None:
        """Remember a log-in on its way."""
        self._put(response, self.login, token, max_age_s)

    def put_name(self, response: Response, name: str) -> None:
        """Remember the name on loopback."""
        response.set_cookie(
            self.name,
            name_to_cookie(name),
            max_age=NAME_S,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="strict",
        )

    def drop(self, response: Response, name: str) -> None:
        """Forget a cookie."""
        response.delete_cookie(name, path="/", secure=self.secure, httponly=True, samesite="lax")

    def _put(self, response: Response, name: str, value: str, max_age_s: int) -> None:
        response.set_cookie(
            name, value, max_age=max_age_s, path="/", secure=self.secure, httponly=True, samesite="lax"
        )  # fmt: skip


def name_to_cookie(name: str) -> str:
    """A name as a cookie can hold it.

    >>> name_from_cookie(name_to_cookie("Ana Müller; x")), name_from_cookie("!"), name_from_cookie("")
    ('Ana Müller; x', '', '')
    """
    return urlsafe_b64encode(name.encode()).decode().rstrip("=")


def name_from_cookie(value: str) -> str:
    """The name in a cookie; empty where there is none that could be shown."""
    try:
        text = urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
    except ValueError:
        return ""
    return clean_name(text, "")
