"""Docker references: `[registry[:port]/]path[:tag][@digest]`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed reference. `repository` keeps its registry and port (`registry:5000/x`), in the short form people type."""

    repository: str
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        """Write it as Docker takes it."""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{digest}"
