"""`streamwatch dashboard`: the analysts' pages and their API."""

import sys
import webbrowser

import click
import msgspec

from streamwatch import __version__
from streamwatch.config import load
from streamwatch.errors import ConfigError


@click.command()
@click.option("--host", help="Address to listen on; default: the setting dashboard_host, 127.0.0.1.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port, 0 for any; default: the setting dashboard_port, 8080."
)
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="A name that people call the dashboard by, besides loopback; repeat for more. "
    "Default: the setting dashboard_allowed_hosts.",
)
@click.option("--open/--no-open", "open_page", default=False, show_default=True, help="Open the page in a browser.")
@click.option("--json", "as_json", is_flag=True, help="When it is ready, one line of JSON: {url, version}.")
def dashboard(
    host: str | None, port: int | None, allowed_hosts: tuple[str, ...], open_page: bool, as_json: bool
) -> None:
    """Serve the analysts' pages: trends, alerts with evidence, documents, rules, labels, models, health.

    It reads Redis, the channels and the document store (`streamwatch index` fills it), and writes what people decide to
    the channels. On 127.0.0.1 nobody needs to log in; any other address needs keys or an identity provider
    (docs/dashboard-access.md). Ctrl-C ends it; nothing is kept in it.

    \b
    Examples:
      streamwatch dashboard --open
      streamwatch dashboard --port 0 --json
      streamwatch dashboard --host 0.0.0.0 --allowed-host dash.example.org
    """
    named = {"dashboard_host": host, "dashboard_port": port, "dashboard_allowed_hosts": ",".join(allowed_hosts) or None}
    # The gatekeeper reads the settings: it must see the address that is listened on, since that says who needs a log-in.
    settings = load(**{name: value for name, value in named.items() if value is not None})
    try:
        from streamwatch.dashboard.access.starting import check_start
        from streamwatch.dashboard.serving import serve
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} is missing: pip install 'streamwatch[dashboard]'") from error
    check_start(settings, settings.dashboard_host)

    def ready(url: str) -> None:
        if as_json:
            click.echo(msgspec.json.encode({"url": url, "version": __version__}).decode())
        else:
            click.echo(f"the dashboard is at {url} (Ctrl-C ends it)", err=True)
        sys.stdout.flush()
        if open_page:
            webbrowser.open(url)

    serve(settings, ready)
