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
@click.option("--open/--no-open", "open_page", default=False, show_default=True, help="Open the page in a browser.")
@click.option("--json", "as_json", is_flag=True, help="When it is ready, one line of JSON: {url, version}.")
def dashboard(host: str | None, port: int | None, open_page: bool, as_json: bool) -> None:
    """Serve the analysts' pages: trends, alerts with evidence, documents, rules, labels, models, health.

    It reads Redis, the channels and the document store (`streamwatch index` fills it), and writes what people decide to
    the channels. On 127.0.0.1 nobody needs to log in; any other address needs keys or an identity provider
    (docs/dashboard-access.md). Ctrl-C ends it; nothing is kept in it.

    \b
    Examples:
      streamwatch dashboard --open
      streamwatch dashboard --port 0 --json
    """
    settings = load()
    chosen_host = host if host is not None else settings.dashboard_host
    chosen_port = port if port is not None else settings.dashboard_port
    try:
        from streamwatch.dashboard.access.starting import check_start
        from streamwatch.dashboard.serving import serve
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} is missing: pip install 'streamwatch[dashboard]'") from error
    check_start(settings, chosen_host)

    def ready(url: str) -> None:
        if as_json:
            click.echo(msgspec.json.encode({"url": url, "version": __version__}).decode())
        else:
            click.echo(f"the dashboard is at {url} (Ctrl-C ends it)", err=True)
        sys.stdout.flush()
        if open_page:
            webbrowser.open(url)

    serve(settings, chosen_host, chosen_port, ready)
