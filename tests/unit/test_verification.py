import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from commands.engine.interface import RunOutcome
from commands.errors import VerificationFailed
from commands.inside import answers, inline, source
from commands.inside.check import modules_of
from commands.model.images import ImageSpec
from commands.model.outcomes import ImportFailure, Verdict
from commands.model.packages import OsPackage, PythonRequirement
from commands.recipe.verification import judge, verify
from tests.fakes.engine import FakeEngine
from tests.fakes.host import PATIENCE_SECONDS
from tests.kit.build_specs import a_package, a_spec
from tests.kit.limits import ended_after
from tests.kit.printing_python import PRINTS, printing_python

WORD = "0123456789abcdef"
MARKERS = {"python_version": "3.11", "python_full_version": "3.11.2", "sys_platform": "linux", "os_name": "posix"}
SPEC = a_spec(
    requirements=("mechanize",),
    locked=(a_package("html5lib", "1.1", requested=False), a_package("mechanize", "0.4.10")),
)
FACTS: dict[str, object] = {
    "kind": "facts",
    "installed": {"html5lib": "1.1", "mechanize": "0.4.10", "pip": "23.0.1"},
    "requires": {"mechanize": ["html5lib>=0.999999999"]},
    "markers": MARKERS,
    "os_packages": {"wget": "1.21.3-1"},
}
IMPORTED: dict[str, object] = {"kind": "import", "distribution": "mechanize", "module": "mechanize", "error": ""}
END: dict[str, object] = {"kind": "end"}


def told(*answers: dict[str, object], exit_code: int | None = 0, **how: bool) -> RunOutcome:
    printed = "".join(f"\n{WORD} {json.dumps(answer)}\n" for answer in answers)
    return RunOutcome(exit_code, f"noise{printed}more noise", "Traceback\nMemoryError\n", **how)


def judged(*answers: dict[str, object], spec: ImageSpec = SPEC) -> Verdict:
    return judge(spec, told(*answers), WORD, 120)


def problem(*answers: dict[str, object], spec: ImageSpec = SPEC) -> VerificationFailed:
    with pytest.raises(VerificationFailed) as caught:
        judged(*answers, spec=spec)
    assert caught.value.hint
    return caught.value


def test_an_image_that_is_what_was_proposed_passes() -> None:
    assert judged(FACTS, IMPORTED, END) == Verdict()


def test_the_check_runs_in_a_marked_container_without_a_network_as_the_images_own_user() -> None:
    engine = FakeEngine(run_script=lambda _: told(FACTS, IMPORTED, END))
    image = engine.add_image("x")
    assert verify(engine, SPEC, image.id, labels={"warroom.job": "j"}, seconds=60, word=lambda: WORD) == Verdict()
    (order,) = engine.runs
    assert (order.network, order.user, order.seconds, order.labels) == (None, None, 60, {"warroom.job": "j"})
    # Nothing is put in: the root file system is read-only, and the program is an argument.
    assert (order.files, order.scratch, order.cpus) == ({}, 256 << 20, 1.0)
    assert order.command[:-1] == ("/usr/bin/python3", *inline("check"), WORD)
    assert json.loads(order.command[-1]) == {
        "locked": ["html5lib", "mechanize"],
        "requested": ["mechanize"],
        "installer": "apt",
        "os_packages": ["wget"],
        "seconds": 55,
        "import_seconds": 30,
    }


def test_a_module_that_does_not_import_is_for_people_to_decide() -> None:
    failed = IMPORTED | {"error": "ImportError: libGL.so.1: cannot open shared object file"}
    assert judged(FACTS, failed, END) == Verdict(
        (ImportFailure("mechanize", "mechanize", "ImportError: libGL.so.1: cannot open shared object file"),)
    )


def test_what_an_image_says_is_shown_as_one_short_plain_line() -> None:
    failed = IMPORTED | {"error": "E: \x1b[31mred\x1b[0m\nsecond\tline " + "x" * 2000}
    (failure,) = judged(FACTS, failed, END).import_failures
    assert failure.error.startswith("E: [31mred [0m second line xxx")
    assert len(failure.error) < 310
    assert failure.error.isprintable()


@pytest.mark.parametrize(
    ("changes", "details"),
    [
        (
            {"installed": {"html5lib": "1.1", "mechanize": "0.4.9"}},
            ("Python package `mechanize` is installed as 0.4.9, not as 0.4.10.",),
        ),
        ({"installed": {"html5lib": "1.1"}}, ("Python package `mechanize` 0.4.10 is not installed.",)),
        (
            {"installed": {"html5lib": "1.1", "mechanize": None}},
            ("Python package `mechanize` 0.4.10 is not installed.",),
        ),
        ({"os_packages": {}}, ("OS package `wget` is not installed.",)),
        (
            {"installed": {}, "os_packages": {}},
            (
                "Python package `html5lib` 1.1 is not installed.",
                "Python package `mechanize` 0.4.10 is not installed.",
                "OS package `wget` is not installed.",
            ),
        ),
    ],
)
def test_what_is_missing_or_wrong_is_named(changes: dict[str, object], details: tuple[str, ...]) -> None:
    found = problem(FACTS | changes, IMPORTED, END)
    assert found.details == details
    count = "one package is" if len(details) == 1 else f"{len(details)} packages are"
    assert found.message == f"The image was built, but is not what was proposed: {count} missing or wrong."


def test_an_exact_version_of_an_os_package_is_compared() -> None:
    spec = replace(SPEC, os_packages=(OsPackage("wget", "1.21.3-1"),))
    assert judged(FACTS, IMPORTED, END, spec=spec) == Verdict()
    other = problem(FACTS | {"os_packages": {"wget": "1.21.4-1"}}, IMPORTED, END, spec=spec)
    assert other.details == ("OS package `wget` is installed as 1.21.4-1, not as 1.21.3-1.",)


def test_a_name_that_another_os_package_provides_is_present() -> None:
    spec = replace(SPEC, os_packages=(OsPackage("awk"),))
    assert judged(FACTS | {"os_packages": {"awk": ""}}, IMPORTED, END, spec=spec) == Verdict()


@pytest.mark.parametrize("version", ["1.1.0", "v1.1", "1.1"])
def test_versions_are_compared_by_their_meaning(version: str) -> None:
    assert judged(FACTS | {"installed": {"html5lib": version, "mechanize": "0.4.10"}}, IMPORTED, END) == Verdict()


@pytest.mark.parametrize(
    ("requires", "details"),
    [
        ({"mechanize": ["html5lib<1"]}, ("`mechanize` needs `html5lib<1`, but 1.1 is there.",)),
        ({"mechanize": ["six"]}, ("`mechanize` needs `six`, but it is missing.",)),
        # A package of the base that the new ones broke.
        ({"pip": ["HTML5lib==1.0"]}, ("`pip` needs `HTML5lib==1.0`, but 1.1 is there.",)),
    ],
)
def test_packages_that_do_not_fit_together_are_named(requires: dict[str, list[str]], details: tuple[str, ...]) -> None:
    found = problem(FACTS | {"requires": requires}, IMPORTED, END)
    assert found.message == "The image was built, but its Python packages do not fit together."
    assert found.details == details


@pytest.mark.parametrize(
    "requires",
    [
        # What was broken in the base before is not ours.
        {"pip": ["six>=2", "absent"]},
        {"mechanize": ["pywin32; sys_platform == 'win32'", "html5lib; python_version >= '3'"]},
        {"mechanize": ["tox; extra == 'dev'"]},
        {"mechanize": ["no requirement >= at all !!"]},
        {"mechanize": ["HTML5Lib (>=1)"]},
    ],
)
def test_requirements_that_do_not_concern_us_are_left_alone(requires: dict[str, list[str]]) -> None:
    assert judged(FACTS | {"requires": requires}, IMPORTED, END) == Verdict()


def test_what_an_extra_needs_is_needed_when_the_extra_was_asked_for() -> None:
    spec = replace(SPEC, requirements=(PythonRequirement("Mechanize", ("dev",)),))
    facts = FACTS | {"requires": {"mechanize": ["tox; extra == 'dev'"]}}
    assert problem(facts, IMPORTED, END, spec=spec).details == ("`mechanize` needs `tox`, but it is missing.",)


def test_a_prerelease_that_was_locked_fits() -> None:
    locked = (a_package("html5lib", "2.0rc1", requested=False), a_package("mechanize", "0.4.10"))
    facts = FACTS | {"installed": {"html5lib": "2.0rc1", "mechanize": "0.4.10"}}
    assert judged(facts, IMPORTED, END, spec=replace(SPEC, locked=locked)) == Verdict()


TIME = "The image was built, but its check was not done within 120 s."
MEMORY = "The image was built, but checking it took more memory than the 1024 MiB it may use."


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (told(FACTS, exit_code=None, timed_out=True), TIME),
        (told(exit_code=None, timed_out=True), TIME),
        (told(FACTS, IMPORTED | {"error": None}, END), TIME),
        (told(FACTS, exit_code=137, out_of_memory=True), MEMORY),
        (told(FACTS, exit_code=None), "The check of the image was ended from outside."),
        (told(exit_code=1), "The image was built, but its Python could not carry out the check."),
        (told(FACTS, IMPORTED, exit_code=139), "The image was built, but its Python could not carry out the check."),
        (RunOutcome(127, "", "no python3"), "The image was built, but its Python could not carry out the check."),
    ],
)
def test_a_check_that_did_not_end_is_no_success(outcome: RunOutcome, message: str) -> None:
    with pytest.raises(VerificationFailed) as caught:
        judge(SPEC, outcome, WORD, 120)
    assert caught.value.message == message
    assert caught.value.hint


def test_a_missing_package_is_told_even_where_the_rest_took_too_long() -> None:
    with pytest.raises(VerificationFailed, match="missing or wrong"):
        judge(SPEC, told(FACTS | {"installed": {}}, exit_code=None, timed_out=True), WORD, 120)


def test_a_module_that_used_up_the_memory_is_a_module_that_does_not_import() -> None:
    killed = IMPORTED | {"error": "it ended Python by signal 9 (Killed)"}
    verdict = judge(SPEC, told(FACTS, killed, END, out_of_memory=True), WORD, 120)
    assert [failure.error for failure in verdict.import_failures] == ["it ended Python by signal 9 (Killed)"]


@pytest.mark.parametrize(
    "answer",
    [
        {"kind": "facts"},
        {"kind": "facts", "installed": [], "requires": {}, "markers": {}, "os_packages": {}},
        {"kind": "other"},
        FACTS | {"more": 1},
        FACTS | {"installed": {"x" * 500: "1"}},
        [],
        "text",
    ],
)
def test_an_answer_that_makes_no_sense_is_no_answer(answer: object) -> None:
    outcome = RunOutcome(0, f"{WORD} {json.dumps(answer)}\n{WORD} {{\n", "")
    with pytest.raises(VerificationFailed):
        judge(SPEC, outcome, WORD, 120)


def test_facts_that_come_after_the_imports_began_change_nothing() -> None:
    forged = FACTS | {"installed": {"html5lib": "1.1", "mechanize": "0.4.10"}}
    assert problem(FACTS | {"installed": {}}, IMPORTED, forged, END).details[0].startswith("Python package `html5lib`")


def test_answers_under_another_word_are_noise() -> None:
    with pytest.raises(VerificationFailed):
        judge(SPEC, told(FACTS, IMPORTED, END), "another word", 120)


# --- the program inside


@pytest.mark.parametrize(
    ("paths", "modules"),
    [
        (["six.py", "six-1.17.0.dist-info/METADATA"], ["six"]),
        (["requests/__init__.py", "requests/api.py", "requests/data/x.pem"], ["requests"]),
        (["attr/__init__.py", "attrs/__init__.py", "attr/_make.py"], ["attr", "attrs"]),
        # Parts of namespaces: the outermost real package.
        (["azure/storage/blob/__init__.py", "azure/storage/blob/_x.py"], ["azure.storage.blob"]),
        (["ruamel/yaml/__init__.py", "ruamel/yaml/main.py"], ["ruamel.yaml"]),
        (["google/api/http_pb2.py", "google/rpc/code_pb2.py"], ["google.api.http_pb2", "google.rpc.code_pb2"]),
        (["google/protobuf/__init__.py", "google/_upb/_message.abi3.so"], ["google.protobuf"]),
        # Compiled.
        (["_yaml/__init__.py", "yaml/__init__.py", "yaml/_yaml.so"], ["yaml"]),
        (["ujson.so"], ["ujson"]),
        (["ujson.cpython-27m-darwin.so"], []),
        # Private modules only where there is nothing else.
        (["_cffi_backend.so", "cffi/__init__.py"], ["cffi"]),
        (["_only.py"], ["_only"]),
        # Tests and the like are not what it is for.
        (["tests/__init__.py", "tests/test_x.py", "x/__init__.py", "setup.py", "docs/conf.py"], ["x"]),
        (["tests/__init__.py"], []),
        # Programs, types, files.
        (["../../../bin/tool", "tool-1.0.data/scripts/x.py", "tool-1.0.dist-info/RECORD"], []),
        (["types_foo-stubs/__init__.pyi", "foo-stubs/__init__.pyi", "foo/py.typed"], []),
        (["tzdata/zoneinfo/Europe/Paris"], []),
        (["__pycache__/six.cpython-311.pyc", "six.py"], ["six"]),
        (["not-a-module.py", "class.py", "x/2to3.py"], []),
        ([], []),
    ],
)
def test_the_modules_of_a_distribution_are_found_among_its_files(paths: list[str], modules: list[str]) -> None:
    assert modules_of(paths) == modules


def test_a_declared_namespace_is_not_taken_for_the_package() -> None:
    paths = ["zope/__init__.py", "zope/interface/__init__.py"]
    assert modules_of(paths, {"zope"}) == ["zope.interface"]


def test_a_distribution_with_very_many_modules_is_checked_by_some() -> None:
    assert len(modules_of([f"space/m{number}.py" for number in range(500)])) == 20


def fault_in(folder: Path, *, seconds: float) -> str:
    """Import `sample_module` from the folder, as the check does: in a process that finds it on Python's path."""
    call = f"from commands.inside.check import fault_of; print(end=fault_of('sample_module', {seconds}))"
    path = os.pathsep.join([str(folder), *sys.path])
    called = subprocess.run(
        [sys.executable, "-c", call], env=os.environ | {"PYTHONPATH": path}, capture_output=True, check=True, text=True
    )
    return called.stdout


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("", ""),
        ("print('x' * 10_000_000)", ""),
        ("import threading, time; threading.Thread(target=time.sleep, args=(60,)).start()", ""),
        ("raise ImportError('no libmagic')", "ImportError: no libmagic"),
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("import os; os._exit(0)", "it ended Python with exit code 0"),
        ("import os; os._exit(3)", "it ended Python with exit code 3"),
        ("import os; os.kill(os.getpid(), 11)", "it ended Python by signal 11 (Segmentation fault)"),
        ("import os; os.kill(os.getpid(), 40)", "it ended Python by signal 40"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt: "),
        ("def broken(:", "SyntaxError: "),
    ],
)
def test_each_way_an_import_can_end_is_told(tmp_path: Path, code: str, fault: str) -> None:
    (tmp_path / "sample_module.py").write_text(code)
    told = fault_in(tmp_path, seconds=PATIENCE_SECONDS)
    assert told.startswith(fault) if fault else told == ""


def test_an_import_that_never_ends_is_ended_with_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "child"
    (tmp_path / "sample_module.py").write_text(
        "import os, subprocess, time\n"
        f"child = subprocess.Popen(['sleep', '600']); open({str(mark)!r} + '+', 'w').write(str(child.pid))\n"
        f"os.rename({str(mark)!r} + '+', {str(mark)!r}); time.sleep(600)"
    )

    # It would sleep for ten minutes: that the check ends at all is that it was ended.
    told = ended_after(2, lambda seconds: fault_in(tmp_path, seconds=seconds), lambda _: mark.exists())

    assert told.startswith("it was not done after ")
    assert not is_alive(int(mark.read_text()))


def is_alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_the_program_tells_facts_imports_and_the_end_on_this_very_python(tmp_path: Path) -> None:
    question = json.dumps(
        {
            "locked": ["packaging", "pluggy"],
            "requested": ["packaging", "absent"],
            "installer": None,
            "os_packages": [],
            "seconds": 240,
            "import_seconds": 120,
        }
    )
    # A file for work that is called like a module of the library.
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    command = [sys.executable, *inline("check"), WORD, question]
    called = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, text=True)
    lines = [line for line in called.stdout.splitlines() if line]
    answers = [json.loads(line.removeprefix(f"{WORD} ")) for line in lines]
    assert [answer["kind"] for answer in answers] == ["facts", "import", "end"]
    assert {"packaging", "pluggy", "pytest"} <= answers[0]["installed"].keys()
    # pytest is not locked: of its needs, only those that concern a locked one are told.
    assert {line.split("<")[0].split(">")[0] for line in answers[0]["requires"]["pytest"]} == {"packaging", "pluggy"}
    assert answers[1] == {"kind": "import", "distribution": "packaging", "module": "packaging", "error": ""}


@pytest.mark.parametrize("line", PRINTS.values(), ids=PRINTS)
def test_the_answers_are_whole_however_the_image_s_python_prints(tmp_path: Path, line: str) -> None:
    python = printing_python(tmp_path / "image", line)
    question: dict[str, object] = {
        "locked": [],
        "requested": [],
        "installer": None,
        "os_packages": [],
        "seconds": 9,
        "import_seconds": 9,
    }
    command = [str(python), *inline("check"), WORD, json.dumps(question)]
    called = subprocess.run(command, capture_output=True, check=True)

    told = [json.loads(answer)["kind"] for answer in answers(called.stdout.decode(errors="replace"), WORD)]
    assert told == ["facts", "end"]
    # What follows the answers would push them out of the output that a daemon keeps.
    assert not called.stdout.endswith(b"x" * 100)


# Not "much": what a shell passes on to a program has a limit.
@pytest.mark.parametrize("kind", [kind for kind in PRINTS if kind != "much"])
def test_the_folder_of_packages_is_compiled_however_the_base_s_python_prints(tmp_path: Path, kind: str) -> None:
    python = printing_python(tmp_path / "image", PRINTS[kind])
    (packages,) = (tmp_path / "image").glob("lib/*/site-packages")
    (packages / "toy.py").write_text("x = 1")
    for name in ("folders", "compile"):
        (tmp_path / f"{name}.py").write_bytes(source(name))
    # As in the Dockerfile.
    step = 'folders=$("$0" -I "$1/folders.py") && "$0" -I -S "$1/compile.py" "$folders"'
    subprocess.run(["/bin/sh", "-c", step, str(python), str(tmp_path)], check=True, capture_output=True)

    assert [path.name.partition(".")[0] for path in packages.glob("__pycache__/*")] == ["toy"]
