"""The buttons of a new image."""

from typing import Final

from bot.dialogs.transitions import Decision
from bot.slack.views.buttons import Button, Decide, Edit, Question, ShowFile
from bot.slack.views.create.files import dockerfile, packages
from commands.command import Creation

CREATE: Final = Button("create", "Create image", Decide(Decision.CONFIRM, Creation), "primary")
BUILD_ANYWAY: Final = Button("build_anyway", "Build anyway", Decide(Decision.CONFIRM, Creation))
REUSE: Final = Button("reuse", "Use existing", Decide(Decision.REUSE, Creation), "primary")
EDIT: Final = Button("edit", "Edit", Edit())
SHOW_PACKAGES: Final = Button("show_packages", "Packages", ShowFile(packages))
SHOW_DOCKERFILE: Final = Button("show_dockerfile", "Dockerfile", ShowFile(dockerfile))
PACKAGES: Final = Button("packages", "Packages", ShowFile(packages))
# Not primary: people should not keep by reflex an image in which a module does not import.
KEEP: Final = Button("keep", "Keep anyway", Decide(Decision.KEEP, Creation))
DISCARD: Final = Button(
    "discard",
    "Discard",
    Decide(Decision.DISCARD, Creation),
    "danger",
    Question(
        "Discard the image?",
        "The image is removed from the Docker host. A new build takes as long as this one.",
        "Discard",
        "Back",
    ),
)

CONTROLS: Final = (
    CREATE,
    BUILD_ANYWAY,
    REUSE,
    EDIT,
    SHOW_PACKAGES,
    SHOW_DOCKERFILE,
    PACKAGES,
    KEEP,
    DISCARD,
)
