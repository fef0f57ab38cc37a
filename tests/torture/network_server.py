"""`eyedex serve` with shorter deadlines: python -m tests.torture.network_server HASTE DATA PORT."""

import sys

from api.cli.main import main
from api.security import bodies, protocol


def hurry(haste: float) -> None:
    """Wait for clients that many times as long as usual."""
    protocol.HEAD_S *= haste
    protocol.LINGER_S *= haste
    protocol.ANSWER_S *= haste
    protocol.LAST_HEAD_S *= haste
    protocol.LAST_BODY_S *= haste
    bodies.GRACE_S *= haste


if __name__ == "__main__":
    hurry(float(sys.argv[1]))
    sys.argv = ["eyedex", "serve", "--data", sys.argv[2], "--port", sys.argv[3]]
    main()
