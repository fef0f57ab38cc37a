"""`python -m api.healthcheck URL`: exit 0 when the address answers with success."""

import sys
from urllib.request import urlopen

TIMEOUT_S = 4


def main(arguments: list[str]) -> int:
    """0 for a success, 1 for anything else, 2 for a wrong call."""
    if len(arguments) != 1 or not arguments[0].startswith(("http://", "https://")):
        print("usage: python -m api.healthcheck URL", file=sys.stderr)
        return 2
    try:
        with urlopen(arguments[0], timeout=TIMEOUT_S) as response:
            return 0 if response.status == 200 else 1
    except OSError as error:
        print(f"unhealthy: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
