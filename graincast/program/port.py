"""Whether a port of this machine is free."""

import socket

from graincast.microstructure import BadInput


def check_free(port: int) -> None:
    """Raise BadInput where another program listens on a port of this machine."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            raise BadInput(f"port {port} is in use, or not to be had; choose another with PORT=…") from None
