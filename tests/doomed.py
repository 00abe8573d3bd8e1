"""The program, until it logs a certain event: then it is killed, in the thread that logs and before anything follows.

    python -m tests.doomed EVENT [FIELD=VALUE …] -- ARGUMENTS OF WARROOM
"""

import logging
import os
import signal
import sys
from typing import Any

from bot.__main__ import main


def doom(event: str, fields: dict[str, str]) -> None:
    """Arrange for the end."""

    def record(*arguments: Any, **named: Any) -> logging.LogRecord:
        # structlog hands the whole event over as the message.
        said = arguments[4] if len(arguments) > 4 else named.get("msg")
        if isinstance(said, dict) and said.get("event") == event:
            if all(str(said.get(name)) == value for name, value in fields.items()):
                os.kill(os.getpid(), signal.SIGKILL)
        return logging.LogRecord(*arguments, **named)

    logging.setLogRecordFactory(record)


if __name__ == "__main__":
    split = sys.argv.index("--")
    event, *fields = sys.argv[1:split]
    doom(event, dict(field.split("=", 1) for field in fields))
    main(sys.argv[split + 1 :])
