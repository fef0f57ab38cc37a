"""The verb that serves the HTTP API and the page."""

import ipaddress
import sys
from pathlib import Path
from typing import Annotated

import typer

from api.cli.options import DataOption, settings_from

GRACE_S = 20
KEEP_ALIVE_S = 5
BACKLOG = 2_048


def serve(
    data: DataOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    insecure: Annotated[
        bool,
        typer.Option("--insecure", help="Listen beyond this machine, though anyone may write."),
    ] = False,
) -> None:
    """Serve the HTTP API and the page."""
    import uvicorn

    from api.app import create_app
    from search_engine.errors import ParameterError

    if not _is_loopback(host) and not insecure:
        raise ParameterError(
            f"listening on {host} would let anyone who reaches it change the catalog",
            where="--host",
            fix="use 127.0.0.1 behind a proxy that checks who asks, or add --insecure",
        )
    settings = settings_from(Path(data) if data else None)
    if insecure and "allowed_hosts" not in settings.model_fields_set:
        settings = settings.model_copy(update={"allowed_hosts": "*"})
    print(f"http://{host}:{port}  (data: {settings.data}; end with Ctrl-C)", file=sys.stderr)
    uvicorn.run(
        create_app(settings),
        host=host,
        port=port,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
        access_log=False,
        log_level="warning",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
