"""Files of this host in a build context."""

import tarfile
from pathlib import Path

from commands.engine.contexts import sendable
from commands.recipe.context import pack

LONG = "python/files/" + "a" * 146 + ".whl"


def sent(context: bytes, files: dict[str, Path]) -> bytes:
    with sendable(context, files) as body:
        return body if isinstance(body, bytes) else body.read()


def test_without_files_the_context_is_sent_as_it_is() -> None:
    with sendable(b"anything", {}) as body:
        assert body == b"anything"


def test_files_are_added_to_what_is_there(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(bytes(range(256)) * 1000)
    context = pack({"Dockerfile": b"FROM x", "python/files/": b"", "python/wheels.txt": b"six\n"})
    (tmp_path / "sent.tar").write_bytes(sent(context, {LONG: kept, "python/files/b.whl": kept}))

    with tarfile.open(tmp_path / "sent.tar") as archive:
        contents = {member.name: file.read() if (file := archive.extractfile(member)) else None for member in archive}
        owners = {(member.uid, member.gid, member.uname, member.mtime) for member in archive.getmembers()}
    assert contents == {
        "Dockerfile": b"FROM x",
        "python": None,
        "python/files": None,
        "python/wheels.txt": b"six\n",
        LONG: kept.read_bytes(),
        "python/files/b.whl": kept.read_bytes(),
    }
    assert owners == {(0, 0, "", 0)}


def test_it_begins_as_buildkit_knows_a_tar(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(b"x")
    for context in (pack({"Dockerfile": b"FROM x"}), pack({})):
        body = sent(context, {LONG: kept})
        # A PAX header (`x` or `g`) in front would make BuildKit take the whole for a Dockerfile.
        assert body[156:157] in (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.GNUTYPE_LONGNAME)
        assert body[257:262] == b"ustar"


def test_the_same_files_give_the_same_bytes_wherever_they_lie(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for path, mode in ((first, 0o600), (second, 0o777)):
        path.write_bytes(b"content")
        path.chmod(mode)
    context = pack({"Dockerfile": b"FROM x"})

    assert sent(context, {"a": first, "b": second}) == sent(context, {"b": first, "a": second})
