"""What attackers bring: hostile bases, packages and indexes, for the tests that let them loose on the real engine."""

import base64
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import docker

from commands.engine.docker_daemon import DockerDaemon
from commands.engine.interface import RunOrder
from tests.fakes.loopback import LoopbackRequest, Reply, listening
from tests.kit.engine_space import EngineSpace, cleared
from tests.kit.program import Program
from tests.kit.program_on_engine import OwnBase

MARK = "PWNED_BY_ANOTHER_BUILD"
SECRET_START = "canary"
"""How the password of every index begins that an attacker could find; what looks for it must not hold it itself."""


# ── Places to build on ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class OwnBases:
    """Makes bases on one daemon, and clears each at the end."""

    daemon: DockerDaemon
    raw: docker.APIClient
    base_reference: str
    network: str | None
    folder: Path
    stack: ExitStack

    def own_base(self, *instructions: str, base: str | None = None) -> OwnBase:
        """Make a base on the configured one, or on another image, with these instructions on top."""
        plain = self.stack.enter_context(cleared(EngineSpace(self.daemon, base or self.base_reference, self.network)))
        name = f"warroom-test/base:{plain.mark}"
        repository, _, tag = name.partition(":")
        self.daemon.tag(plain.built(*instructions, f"ENV GROUND={plain.mark}"), repository, tag)
        own = EngineSpace(self.daemon, name, self.network, mark=plain.mark)
        return OwnBase(own, self.raw, self.folder / plain.mark)


@dataclass(frozen=True, slots=True)
class SayResult:
    """How `warroom say` ended: what it printed at the end, as JSON, and everything that it printed or logged."""

    status: int
    answer: Mapping[str, object]
    everything: str

    @property
    def state(self) -> str:
        return str(self.answer["state"])

    @property
    def message(self) -> str:
        return str(self.answer["message"])

    @property
    def reference(self) -> str:
        return f"{self.answer['image']}:{self.answer['tag']}"


def create(
    own_base: OwnBase, name: str, *, environment: Mapping[str, str] | None = None, **arguments: str
) -> SayResult:
    """Have an image made as a person would, confirmed at once; its name is the base's own."""
    words = [f"name={own_base.name(name)}", *(f"{key}={value}" for key, value in arguments.items())]
    line = " ".join(("/docker_image_create", *words))
    own = {**own_base.environment, "WARROOM_LOG_LEVEL": "debug", **(environment or {})}
    with Program("say", line, "--yes", "--json", environment=own) as program:
        status = program.ended(within=300)
        assert program.output, program.errors
        return SayResult(status, json.loads(program.output.splitlines()[-1]), f"{program.output}\n{program.errors}")


def said(own_base: OwnBase, reference: str, script: str) -> str:
    """Run a script in an image."""
    image = own_base.space.engine.find_image(reference)
    assert image is not None, reference
    outcome = own_base.space.engine.run(RunOrder(image.id, ("sh", "-c", script), own_base.space.labels, seconds=60))
    assert outcome.exit_code == 0, outcome
    return outcome.output


# ── Hostile bases ───────────────────────────────────────────────────────────────────────────────────────────────────


def placed(path: str, content: str) -> str:
    """Write the instruction that puts a program into an image."""
    packed = base64.b64encode(content.encode()).decode()
    away = f"import base64,os;p='{path}';os.path.lexists(p) and os.remove(p)"
    write = f"{away};open(p,'wb').write(base64.b64decode('{packed}'))"
    # The exec form: what is placed may be the shell itself.
    return f"RUN {json.dumps(['/usr/bin/python3', '-c', f'{write};os.chmod(p,0o755)'])}"


def shell_that_runs_afterwards(script: str) -> str:
    """Put a shell into a base that runs a script of its own after whatever it is asked to run."""
    return placed("/usr/bin/sh", f'#!/usr/bin/dash\n/usr/bin/dash "$@"; status=$?\n{script}\nexit $status\n')


POISON = f"""\
find /mnt /root /tmp /var /home /opt /srv -name six.py -type f 2>/dev/null | while read file; do
    printf '\\n{MARK} = True\\n' >> "$file" 2>/dev/null
done
"""
"""Changes every copy of a package that it can reach."""

FORGING_APT = f"""\
#!/usr/bin/python3
import glob, hashlib, os, re, subprocess, sys
status = subprocess.call(["/usr/bin/apt-get", *sys.argv[1:]])
def forge(path):
    text = open(path, encoding="utf-8", errors="surrogateescape").read()
    found = re.search(r"(?ms)^Package: tree\\n.*?\\n\\n", text)
    if not found:
        return
    entry = found[0]
    version = re.search(r"(?m)^Version: (.*)$", entry)[1]
    os.makedirs("/tmp/deb/DEBIAN", exist_ok=True)
    control = f"Package: tree\\nVersion: {{version}}\\nArchitecture: amd64\\nMaintainer: x <x@x.example>\\n"
    control += "Description: x\\n"
    open("/tmp/deb/DEBIAN/control", "w").write(control)
    open("/tmp/deb/DEBIAN/postinst", "w").write("#!/bin/sh\\ntouch /{MARK}\\n")
    os.chmod("/tmp/deb/DEBIAN/postinst", 0o755)
    os.makedirs("/mnt/cache/archives", exist_ok=True)
    deb = "/mnt/cache/archives/tree_" + version.replace(":", "%3a") + "_amd64.deb"
    subprocess.check_call(["dpkg-deb", "-b", "/tmp/deb", deb])
    content = open(deb, "rb").read()
    forged = re.sub(r"(?m)^SHA256: .*$", "SHA256: " + hashlib.sha256(content).hexdigest(), entry)
    forged = re.sub(r"(?m)^MD5sum: .*\\n", "", forged)
    forged = re.sub(r"(?m)^Size: .*$", f"Size: {{len(content)}}", forged)
    open(path, "w", encoding="utf-8", errors="surrogateescape").write(text.replace(entry, forged))
if "update" in sys.argv:
    for path in glob.glob("/mnt/lists/*_Packages"):
        forge(path)
sys.exit(status)
"""
"""An apt-get that leaves a package of its own, and a list that vouches for it."""

RECORDER = """\
#!/usr/bin/dash
# Where nothing is mounted there is nothing to see.
mounts=$(/usr/bin/grep ' /mnt' /proc/self/mountinfo) || exit 0
{
    echo "== $*" | head -c 300
    echo
    env
    echo "$mounts" | sed 's/.* \\(\\/mnt[^ ]*\\) \\([a-z]*\\).*/MOUNT \\1 \\2/'
    find /mnt | head -200
    for folder in /mnt /mnt/uv /mnt/files /mnt/lists /mnt/cache; do
        test -e $folder/written && echo "FOUND $folder"
        touch $folder/written 2>/dev/null && echo "WRITABLE $folder"
    done
} >> /record 2>/dev/null
exit 0
"""
"""Writes down what a step can see, and where it can write."""


def recording() -> tuple[str, ...]:
    """Have every shell, every Python and apt-get of a base write down what they can see."""
    wrapper = '#!/usr/bin/dash\n/usr/bin/dash /recorder {name} "$@"\nexec {real} "$@"\n'
    start = "import subprocess; subprocess.run(['/usr/bin/dash', '/recorder', 'python3'])\n"
    return (
        placed("/recorder", RECORDER),
        placed("/usr/local/sbin/apt-get", wrapper.format(name="apt-get", real="/usr/bin/apt-get")),
        placed("/usr/lib/python3/dist-packages/recorder.pth", start),
        # Last: it is the shell that the instructions before run in.
        placed("/usr/bin/sh", wrapper.format(name="sh", real="/usr/bin/dash")),
    )


TRYING = """
import errno, os, socket, sys

def say(*words):
    print("TRIED", *words, file=sys.stderr, flush=True)

for folder in ("/", "/etc", "/usr", "/root", "/var/tmp", "/home", "/mnt", "/opt"):
    try:
        open(os.path.join(folder, "written"), "w").close()
    except OSError:
        continue
    say("WROTE", folder)
for address in ("192.0.2.1", "172.17.0.1", "10.0.0.1"):
    try:
        socket.create_connection((address, 80), 2)
    except OSError as error:
        if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
            continue
    say("REACHED", address)
try:
    with open("/tmp/fill", "wb") as file:
        while file.tell() < 1 << 30:
            file.write(bytes(1 << 20))
    say("FILLED")
except OSError:
    pass
finally:
    os.path.exists("/tmp/fill") and os.remove("/tmp/fill")
status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
say("CAPABILITIES", status["CapEff"])
say("LIMIT", open("/sys/fs/cgroup/cpu.max").read() if os.path.exists("/sys/fs/cgroup/cpu.max") else "v1")
"""
"""Tries to write, to reach others and to fill the disk, and tells on stderr what it could."""


def trying() -> tuple[str, ...]:
    """Have every Python of a base try what it can do, once in each container."""
    once = "os.path.exists('/tmp/tried') or (open('/tmp/tried', 'w').close(), exec(open('/trying.py').read()))"
    start = f"import os; {once}\n"
    return (
        placed("/trying.py", TRYING),
        placed("/usr/lib/python3/dist-packages/trying.pth", start),
    )


# ── Hostile packages, and an index with a login ─────────────────────────────────────────────────────────────────────

SEARCH = f"""
import base64, binascii, glob, os, re

def things():
    yield "\\n".join(f"{{name}}={{value}}" for name, value in os.environ.items()).encode()
    for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
        yield content(path)
    for root in ("/mnt", "/warroom", "/root", "/tmp", "/etc", "/home", "/run"):
        for folder, _, files in os.walk(root):
            for name in files:
                yield content(os.path.join(folder, name))

def content(path):
    try:
        with open(path, "rb") as file:
            return file.read(8 << 20)
    except OSError:
        return b""

def found():
    pattern = re.compile(("{SECRET_START}" + r"-[0-9a-f]{{12}}").encode())
    hits = sorted({{hit.decode() for thing in things() for hit in pattern.findall(thing)}})
    forms = []
    for hit in hits:
        code = base64.b64encode(hit.encode()).decode()
        forms += [hit, code, binascii.hexlify(hit.encode()).decode(), hit[::-1]]
    return forms
"""
"""Looks everywhere for a password, and gives it in several forms."""


def wheel(name: str, files: Mapping[str, str], *, version: str = "1.0") -> tuple[str, bytes]:
    """Make a wheel of these files."""
    info = f"{name}-{version}.dist-info"
    contents = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*contents, f"{info}/RECORD"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in {**contents, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)
    return f"{name}-{version}-py3-none-any.whl", packed.getvalue()


def source(name: str, setup: str, *, version: str = "1.0") -> tuple[str, bytes]:
    """Make a source whose set-up is this program."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        files = {"setup.py": setup, "PKG-INFO": f"Metadata-Version: 1.0\nName: {name}\nVersion: {version}\n"}
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return f"{name}-{version}.tar.gz", packed.getvalue()


@dataclass(frozen=True, slots=True)
class PrivateIndex:
    """An index on loopback that wants a login: `url` holds it, `asked` lists who came and whether they had it."""

    url: str
    password: str
    asked: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a machine that asks this index first, and then its usual one."""
        return {"UV_INDEX": self.url}


@contextmanager
def private_index(mark: str, files: Mapping[str, tuple[str, bytes]]) -> Iterator[PrivateIndex]:
    """Serve files by project, to who has the login."""
    password = f"{SECRET_START}-{mark}"
    wanted = f"Basic {base64.b64encode(f'somebody:{password}'.encode()).decode()}"
    asked: list[tuple[str, bool]] = []

    def respond(request: LoopbackRequest) -> Reply:
        asked.append((request.path, request.authorization == wanted))
        if request.authorization != wanted:
            return _reply(401, b"", **{"WWW-Authenticate": 'Basic realm="private"'})
        for project, (name, content) in files.items():
            if request.path == f"/simple/{project}/":
                digest = hashlib.sha256(content).hexdigest()
                page = f'<html><body><a href="../../files/{name}#sha256={digest}">{name}</a></body></html>'
                return _reply(200, page.encode(), **{"Content-Type": "text/html"})
            if request.path == f"/files/{name}":
                return _reply(200, content)
        return _reply(404, b"")

    with listening() as server:
        server.respond = respond
        yield PrivateIndex(f"http://somebody:{password}@{server.address}/simple", password, asked)


def _reply(status: int, body: bytes, **headers: str) -> Reply:
    return Reply(status, headers, (body,), len(body))
