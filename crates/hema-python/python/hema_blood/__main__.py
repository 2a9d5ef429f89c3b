"""The `hema` command of this package: `python -m hema_blood`, or `hema` where scripts are on the path."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    # the command has its own answer to Ctrl-C: it saves a training and ends anything else at once
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ._hema import command

    status = command(["hema", *sys.argv[1:]])
    sys.stdout.flush()
    return status


if __name__ == "__main__":
    sys.exit(main())
