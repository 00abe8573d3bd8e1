"""The program, until it logs a certain event: then it is killed, in the thread that logs and before anything follows.

python -m tests.kit.killed_at EVENT[+NUMBER] [FIELD=VALUE …] -- ARGUMENTS OF WARROOM

With a number it is killed so many events later, whatever they are.
"""

import logging
import os
import signal
import sys
from typing import Any

from bot.__main__ import main


def doom(event: str, fields: dict[str, str]) -> None:
    """Arrange for the end."""

    name, _, later = event.partition("+")
    wanted = {"event": name, **fields}
    left = int(later or 0)
    is_met = False

    class KillingRecord(logging.LogRecord):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            # structlog hands the whole event over as the message.
            nonlocal left, is_met
            said = self.msg if isinstance(self.msg, dict) else {}
            left -= is_met
            is_met = is_met or all(str(said.get(name)) == value for name, value in wanted.items())
            if is_met and left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    logging.setLogRecordFactory(KillingRecord)


if __name__ == "__main__":
    split = sys.argv.index("--")
    event, *fields = sys.argv[1:split]
    doom(event, dict(field.split("=", 1) for field in fields))
    main(sys.argv[split + 1 :])
