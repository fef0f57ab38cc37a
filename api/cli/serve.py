"""The verb that serves the HTTP API and the page."""

import gc
import ipaddress
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.flags import with_flags
from api.cli.options import DataOption, settings_from
from api.security.hosts import ANY, parse_allowed

if TYPE_CHECKING:
    from fastapi import FastAPI

    from search_engine.config import Settings

GRACE_S = 20
KEEP_ALIVE_S = 5
BACKLOG = 2_048
UNSENT_BYTES = 2**17
"""So much of an answer waits in the system for a client that does not read. It would be megabytes
for each connection, and all that is asked in a row would be answered into them."""
SWITCH_S = 0.001
"""So long a thread keeps the interpreter while others wait: the event loop is one of them each time
it has something to do, a refusal for example, and 5 ms a time add up."""
GC_THRESHOLDS = (700, 10, 1_000)
"""To look through all objects holds up everybody: 0.1 s with 2,000 connections, each of which
brings a hundred. So it is done now and then (`api.app.GIVE_BACK_S`), and not once in so many."""


@dataclass(frozen=True)
class Served:
    """Where the server listens, and what it lets others do."""

    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000
    insecure: Annotated[
        bool,
        typer.Option("--insecure", help="Listen beyond this machine, though anyone may write."),
    ] = False
    read_only: Annotated[
        bool,
        typer.Option(
            "--read-only",
            help="Answer questions only and write nothing, alone or beside another process.",
        ),
    ] = False
    follow: Annotated[
        str | None,
        typer.Option(
            "--follow",
            help="Answer from what `eyedex publish` put there, and take over what comes: "
            "s3://BUCKET/PREFIX or file:///PATH; --data is where it is pulled to.",
            metavar="URL",
        ),
    ] = None
    audit_log: Annotated[
        str | None,
        typer.Option(
            "--audit-log",
            help="File that says who changed what; off for none. By default audit.jsonl in the "
            "data directory, once there are keys.",
            metavar="FILE",
        ),
    ] = None
    docs: Annotated[
        bool, typer.Option("--docs", help="Serve the reference of the API at /docs.")
    ] = False
    metrics: Annotated[
        bool, typer.Option("--metrics", help="Serve figures for Prometheus at /metrics.")
    ] = False


@with_flags(served=Served)
def serve(data: DataOption = None, *, served: Served) -> None:
    """Serve the HTTP API and the page."""
    from api.security.floors import check_floors
    from search_engine.allocator import use_few_heaps

    check_floors()
    use_few_heaps()
    from api.app import create_app
    from api.security.keyring import Keyring
    from search_engine.engine import SearchEngine

    settings = settings_from(
        data,
        read_only=served.read_only or None,
        docs=served.docs or None,
        metrics=served.metrics or None,
        audit_log=served.audit_log,
        follow=served.follow,
    )
    app = create_app(settings)
    opened = _followed(settings) if settings.follow is not None else settings
    if not opened.paths.has_catalog and not opened.read_only:
        print(f"making an empty catalog in {settings.data}", file=sys.stderr)
    with SearchEngine(settings=opened) as engine:  # what is wrong with the data is said at once
        _check_host(served.host, served.insecure or Keyring(engine.catalog).has_keys())
    listener = _listen(served.host, served.port)
    lines = [f"{_address(served.host, listener)}  (data: {settings.data}; end with Ctrl-C)"]
    if not _is_loopback(served.host):
        lines.append(_served_names(settings.allowed_hosts))
    _run(app, listener, lambda: print(*lines, sep="\n", file=sys.stderr, flush=True))


def _followed(settings: "Settings") -> "Settings":
    """Those of the state that a server which follows begins with."""
    from search_engine.maintenance.follow import Follower

    follower = Follower(settings)
    with follower.alone():
        state = follower.ready()
    print(f"following {settings.follow}, published {state.published.published}", file=sys.stderr)
    return settings.model_copy(update={"data": state.data, "read_only": True, "database_url": None})


def _check_host(host: str, is_allowed: bool) -> None:
    """Refuse to listen where other machines can connect, unless there are keys or --insecure.

    Raises:
        ParameterError: It is such an address.
    """
    from search_engine.errors import ParameterError

    if not _is_loopback(host) and not is_allowed:
        raise ParameterError(
            f"listening on {host} would let anyone who reaches it change the catalog",
            where="--host",
            fix="make a key first (eyedex keys create), use 127.0.0.1 behind a proxy that checks "
            "who asks, or add --insecure",
        )


def _address(host: str, listener: socket.socket) -> str:
    """Say where the page is, as it is typed into a browser."""
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def _run(app: "FastAPI", listener: socket.socket, tell: Callable[[], None]) -> None:
    """Answer requests until a signal ends it; `tell` is called when they are answered."""
    import uvicorn

    from api.security.protocol import LimitedHttpProtocol
    from api.security.stopping import StoppableServer

    config = uvicorn.Config(
        app,
        http=LimitedHttpProtocol,
        ws="none",
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
        access_log=False,
        use_colors=False,
        log_level="warning",
    )
    sys.setswitchinterval(SWITCH_S)
    app.openapi()  # takes 0.15 s, for which everybody would wait with who asks for it first
    gc.set_threshold(*GC_THRESHOLDS)
    gc.freeze()  # what is there stays, and need not be looked through
    server = StoppableServer(config, tell)
    app.state.is_stopping = lambda: server.should_exit
    server.run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    """Open a listening socket, so that a taken port is reported before anything is started."""
    from search_engine.errors import ParameterError

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends at once (TCP_NODELAY) only where the protocol is named: else answers wait 40 ms
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ParameterError(
            f"cannot listen on {host}, port {port}: {error.strerror}",
            where="--port",
            fix="name another --port, or end what uses this one",
        ) from error
    return listener


def _served_names(allowed: str) -> str:
    """Say in a line which host names are served, for a server that other machines can reach."""
    if ANY in parse_allowed(allowed):
        return f"any host name is served (EYEDEX_ALLOWED_HOSTS={allowed})"
    return (
        f"only requests to {allowed} are answered, all others with 400 bad_host; name the hosts "
        "that clients use in EYEDEX_ALLOWED_HOSTS, separated by commas"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
