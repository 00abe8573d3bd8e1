"""What every engine does, the fake like the real one; the real one needs a Docker daemon (`-m engine`)."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from commands.engine.interface import BuildEvent, PullProgress, RunOutcome, Swept
from commands.errors import BuildFailed, BuildStopped, BuildTimedOut, ImageNotFound, Problem, ResolutionFailed
from commands.model.events import ImageBuilt, LogLine, StepDone, StepFailed, StepStarted
from commands.model.images import ImageId
from commands.model.references import Reference
from tests.fakes.host import PATIENCE_SECONDS
from tests.kit.engine_space import LABEL, EngineSpace, failed, packed, without_times
from tests.kit.limits import ended_after
from tests.kit.program import becomes

UNKNOWN = ImageId(f"sha256:{'0' * 64}")


def test_an_engine_says_which_one_it_is(space: EngineSpace) -> None:
    description = space.engine.describe()

    assert "://" in description.endpoint
    assert description.platform.os == "linux"
    assert all((description.version, description.api_version, description.platform.architecture, description.storage))


def test_a_build_tells_each_step_in_order_and_the_image_last(space: EngineSpace) -> None:
    order = space.order(f"RUN echo {space.mark}; echo zwölf", "ENV A=1", "WORKDIR /srv")

    *events, last = without_times(space.engine.build(order))

    assert [replace(event, cached=False) if isinstance(event, StepDone) else event for event in events] == [
        StepStarted(1),
        StepDone(1, 0),
        StepStarted(2),
        LogLine(2, space.mark),
        LogLine(2, "zwölf"),
        StepDone(2, 0),
        StepStarted(3),
        StepDone(3, 0),
    ]
    assert isinstance(last, ImageBuilt)


def test_what_a_step_prints_does_not_decide_what_its_failure_is_called(space: EngineSpace) -> None:
    _, problem = failed(space.engine.build(space.order(f"RUN echo No space 'left' on device {space.mark}; exit 1")))

    assert type(problem) is BuildFailed
    assert problem.details == (f"No space left on device {space.mark}",)


def test_a_built_image_has_the_labels_its_base_below_and_no_name_yet(space: EngineSpace) -> None:
    base = space.engine.find_image(space.base)

    image = space.engine.find_image(space.built(f"RUN echo {space.mark}"))

    assert image is not None
    assert base is not None
    assert image.labels[LABEL] == space.mark
    assert image.layers[: len(base.layers)] == base.layers
    assert image.repo_tags == ()
    assert image.platform == base.platform


def test_what_was_built_before_is_taken_from_the_cache(space: EngineSpace) -> None:
    space.built(f"RUN echo {space.mark}")

    events = without_times(space.engine.build(space.order(f"RUN echo {space.mark}")))

    assert StepDone(2, 0, cached=True) in events
    assert not [event for event in events if isinstance(event, LogLine)]


def test_steps_of_the_last_stage_are_counted_not_those_before(space: EngineSpace) -> None:
    order = space.order(f"RUN echo {space.mark}", "FROM scratch", "COPY Dockerfile /a", "COPY Dockerfile /b")

    events = without_times(space.engine.build(order))

    assert [event for event in events if not isinstance(event, ImageBuilt)] == [
        StepStarted(1),
        StepDone(1, 0),
        StepStarted(2),
        StepDone(2, 0),
    ]


def test_a_failed_build_names_the_step_and_shows_the_end_of_its_log(space: EngineSpace) -> None:
    lines = [f"{space.mark}-{number}" for number in range(30)]
    script = "; ".join(f"echo {line}" for line in lines)

    _, problem = failed(space.engine.build(space.order(f"RUN {script}; exit 3", "RUN true")))

    assert isinstance(problem, BuildFailed)
    assert problem.message.startswith("Step 2 of 3, `RUN echo")
    assert problem.message.endswith("ended with exit code 3.")
    assert problem.details == tuple(lines[-20:])


def test_a_failed_step_is_told_before_the_reason_is_raised(space: EngineSpace) -> None:
    told, _ = failed(space.engine.build(space.order(f"RUN echo {space.mark}; exit 1", "RUN true")))

    assert told[-3:] == [StepStarted(2), LogLine(2, space.mark), StepFailed(2, 0)]


def test_a_base_that_is_nowhere_is_named(space: EngineSpace) -> None:
    with pytest.raises(BuildFailed, match="no-such-base:1"):
        list(space.engine.build(space.order("RUN true", base="no-such-base:1")))


def test_a_cancelled_build_ends_as_stopped_in_the_middle_of_its_step(space: EngineSpace) -> None:
    order = space.order(f"RUN echo {space.mark}; sleep 100", idle_seconds=PATIENCE_SECONDS)

    told, problem = failed(space.engine.build(order), at_line=lambda: space.engine.cancel_build(order.build_id))

    assert isinstance(problem, BuildStopped)
    assert told[-2:] == [LogLine(2, space.mark), StepFailed(2, 0)]


def test_cancelling_a_build_that_is_unknown_or_over_is_no_error(space: EngineSpace) -> None:
    order = space.order(f"RUN echo {space.mark}")
    list(space.engine.build(order))

    space.engine.cancel_build(order.build_id)
    space.engine.cancel_build("never-heard-of")


def test_a_build_that_says_nothing_for_too_long_is_ended(space: EngineSpace) -> None:
    def silent(seconds: float) -> tuple[list[BuildEvent], Problem]:
        return failed(space.engine.build(space.order(f"RUN echo {space.mark}; sleep 3600", idle_seconds=seconds)))

    told, problem = ended_after(2, silent, lambda ended: LogLine(2, space.mark) in ended[0])

    assert isinstance(problem, BuildTimedOut)
    assert told[-2:] == [LogLine(2, space.mark), StepFailed(2, 0)]


def test_closing_the_events_early_leaves_the_engine_free_for_the_next_build(space: EngineSpace) -> None:
    events = space.engine.build(space.order(f"RUN echo {space.mark}; sleep 3600"))
    assert isinstance(events, Generator)

    with closing(events):
        assert next(event for event in events if isinstance(event, LogLine)) == LogLine(2, space.mark)

    assert space.engine.find_image(space.built(f"RUN echo after {space.mark}")) is not None


def test_builds_run_beside_each_other(space: EngineSpace) -> None:
    orders = [space.order(f"RUN echo {space.mark}-{number}; sleep 0.2") for number in range(3)]

    with ThreadPoolExecutor(3) as pool:
        ends = [events[-1] for events in pool.map(lambda order: list(space.engine.build(order)), orders)]

    assert len({end.image_id for end in ends if isinstance(end, ImageBuilt)}) == 3


@pytest.mark.parametrize("reference", ["no-such-image", "no/such:1", "Not A Reference", "", "sha256:12", "a/../b"])
def test_an_image_that_is_not_there_is_none(space: EngineSpace, reference: str) -> None:
    assert space.engine.find_image(reference) is None


def test_the_beginning_of_an_id_is_no_name(space: EngineSpace) -> None:
    digits = space.base_id.removeprefix("sha256:")

    for beginning in (digits[:4], digits[:12], digits, f"sha256:{digits[:12]}"):
        assert space.engine.find_image(beginning) is None
        space.engine.remove_image(beginning)

    assert space.engine.find_image(space.base) is not None


def test_an_image_is_found_by_each_of_its_names_and_by_its_id(space: EngineSpace) -> None:
    image_id = space.built(f"RUN echo {space.mark}")
    space.engine.tag(image_id, f"warroom-test/{space.mark}", "1.0")
    space.engine.tag(image_id, f"warroom-test/{space.mark}", "latest")

    names = (f"warroom-test/{space.mark}:1.0", f"warroom-test/{space.mark}", image_id)
    found = [space.engine.find_image(name) for name in names]

    assert [image.id for image in found if image] == [image_id] * 3
    assert found[0]
    assert set(found[0].repo_tags) == {f"warroom-test/{space.mark}:1.0", f"warroom-test/{space.mark}:latest"}


def test_a_name_moves_to_the_image_that_gets_it(space: EngineSpace) -> None:
    older, newer = (space.built(f"RUN echo {space.mark}-{number}") for number in range(2))
    name = f"warroom-test/{space.mark}"

    space.engine.tag(older, name, "latest")
    space.engine.tag(newer, name, "latest")

    found = space.engine.find_image(name)
    left = space.engine.find_image(older)
    assert found
    assert left
    assert (found.id, left.repo_tags) == (newer, ())


def test_an_image_that_is_gone_gets_no_name(space: EngineSpace) -> None:
    with pytest.raises(ImageNotFound):
        space.engine.tag(UNKNOWN, "warroom-test/gone", "1")


def test_an_image_goes_with_its_last_name(space: EngineSpace) -> None:
    image_id = space.built(f"RUN echo {space.mark}")
    name = f"warroom-test/{space.mark}"
    space.engine.tag(image_id, name, "1")
    space.engine.tag(image_id, name, "2")

    space.engine.remove_image(f"{name}:1")
    assert space.engine.find_image(image_id) is not None
    space.engine.remove_image(f"{name}:2")

    assert space.engine.find_image(image_id) is None


def test_an_image_without_a_name_is_removed_by_its_id(space: EngineSpace) -> None:
    image_id = space.built(f"RUN echo {space.mark}")

    space.engine.remove_image(image_id)

    assert space.engine.find_image(image_id) is None


def test_an_image_with_names_in_several_repositories_is_not_removed_by_its_id(space: EngineSpace) -> None:
    image_id = space.built(f"RUN echo {space.mark}")
    space.engine.tag(image_id, f"warroom-test/{space.mark}", "1")
    space.engine.tag(image_id, f"warroom-test/{space.mark}-too", "1")

    with pytest.raises(Problem):
        space.engine.remove_image(image_id)

    assert space.engine.find_image(image_id) is not None


@pytest.mark.parametrize("reference", ["warroom-test/never-was:1", UNKNOWN])
def test_removing_what_is_not_there_is_no_error(space: EngineSpace, reference: str) -> None:
    space.engine.remove_image(reference)


def test_images_are_listed_by_label_newest_first(space: EngineSpace) -> None:
    first = space.built(f"RUN echo {space.mark}-1; sleep 0.1")
    second = space.built(f"RUN echo {space.mark}-2; sleep 0.1")

    assert [image.id for image in space.engine.images({LABEL: space.mark})] == [second, first]
    assert space.engine.images({LABEL: space.mark, "another.label": ""}) == ()
    assert space.engine.images({LABEL: f"not-{space.mark}"}) == ()
    assert {first, second} <= {image.id for image in space.engine.images({LABEL: ""})}


@pytest.mark.parametrize("value", ["plain", "", "two words", "a=b", 'quote"d', "$HOME", "back\\slash", "zwölf"])
def test_an_imported_image_has_its_name_and_labels(space: EngineSpace, value: str) -> None:
    name = f"warroom-test/{space.mark}"

    image_id = space.engine.import_image(packed({"a": b"content"}), name, "1", {**space.labels, "odd.value": value})

    image = space.engine.find_image(f"{name}:1")
    assert image
    assert (image.id, image.labels, len(image.layers)) == (image_id, {**space.labels, "odd.value": value}, 1)


def test_all_names_are_listed_once(space: EngineSpace) -> None:
    older, newer = f"warroom-test/older:{space.mark}", f"warroom-test/newer:{space.mark}"
    for name in (older, newer):
        repository, _, tag = name.partition(":")
        space.engine.tag(space.built(f"RUN echo {name}"), repository, tag)
    space.built(f"RUN echo {space.mark} without a name")

    names = space.engine.names()

    # A daemon tells when an image was made to the second, so these two may stand in any order.
    assert {name for name in names if name.endswith(f":{space.mark}")} == {newer, older}
    assert len(set(names)) == len(names)
    assert all(space.engine.find_image(name) for name in (older, newer))


def test_a_command_gives_its_exit_code_and_both_outputs_apart(space: EngineSpace) -> None:
    outcome = space.engine.run(space.script("echo out; echo err >&2; echo zwölf; exit 3"))

    assert outcome == RunOutcome(3, "out\nzwölf\n", "err\n")


def test_a_command_that_the_image_does_not_have_ends_as_in_a_shell(space: EngineSpace) -> None:
    outcome = space.engine.run(replace(space.script(""), command=("no-such-command",)))

    assert outcome.exit_code == 127
    assert "no-such-command" in outcome.errors


def test_a_command_finds_the_files_that_are_put_in(space: EngineSpace) -> None:
    files = {"/warroom/new/deep/one": "zwölf\n".encode(), "/tmp/two": b"2\n"}

    outcome = space.engine.run(space.script("cat /warroom/new/deep/one; cat /tmp/two", files=files))

    assert outcome == RunOutcome(0, "zwölf\n2\n", "")


def test_a_command_runs_as_the_user_that_is_asked_for(space: EngineSpace) -> None:
    assert space.engine.run(space.script("id -un", user="nobody")) == RunOutcome(0, "nobody\n", "")


def test_a_command_that_takes_too_long_is_ended(space: EngineSpace) -> None:
    def run(seconds: float) -> RunOutcome:
        return space.engine.run(space.script("echo before; sleep 3600", seconds=seconds))

    outcome = ended_after(1.5, run, lambda ended: ended.output)

    assert outcome == RunOutcome(None, "before\n", "", timed_out=True)


# ── What a command asks while it runs ───────────────────────────────────────────────────────────────────────────────

ASKING = "echo 'ask {0}'; until test -f /answers/{0}; do sleep 0.01; done; cat /answers/{0}"


def test_a_command_gets_what_it_asks_for_while_it_runs(space: EngineSpace) -> None:
    heard = []

    def reply(line: str) -> dict[str, bytes]:
        heard.append(line)
        word, _, number = line.partition(" ")
        return {f"/answers/{number}": f"answer {number}\n".encode()} if word == "ask" else {}

    order = space.script("; ".join(ASKING.format(number) for number in range(5)), reply=reply)
    outcome = space.engine.run(order)

    lines = [line for number in range(5) for line in (f"ask {number}", f"answer {number}")]
    assert outcome == RunOutcome(0, "".join(f"{line}\n" for line in lines), "")
    # Several threads may be told of what is printed.
    assert sorted(heard) == sorted(lines)


def test_many_questions_at_once_get_each_its_own_answer(space: EngineSpace) -> None:
    ask = "; ".join(f"echo ask {number}" for number in range(40))
    read = "; ".join(
        f"until test -f /answers/{number}; do sleep 0.01; done; cat /answers/{number}" for number in range(40)
    )

    def reply(line: str) -> dict[str, bytes]:
        number = line.removeprefix("ask ")
        return {f"/answers/{number}": f"answer {number}\n".encode()} if line.startswith("ask ") else {}

    outcome = space.engine.run(space.script(f"{ask}; {read}", reply=reply))

    assert outcome.output.splitlines()[40:] == [f"answer {number}" for number in range(40)]


def test_what_goes_to_stderr_is_no_question(space: EngineSpace) -> None:
    heard = []

    def reply(line: str) -> dict[str, bytes]:
        heard.append(line)
        return {}

    space.engine.run(space.script("echo loud; echo quiet >&2", reply=reply))

    assert heard == ["loud"]


def test_a_problem_in_a_reply_ends_the_command_and_is_raised(space: EngineSpace) -> None:
    problem = ResolutionFailed("Too much was asked.", hint="Ask for less.")

    def reply(_: str) -> dict[str, bytes]:
        raise problem

    with pytest.raises(ResolutionFailed) as caught:
        space.engine.run(space.script(ASKING.format("never"), seconds=3600, reply=reply))

    assert caught.value is problem
    assert space.engine.sweep(LABEL, space.mark) == Swept(containers=0, images=0)


def test_a_reply_that_breaks_ends_the_command_with_a_problem(space: EngineSpace) -> None:
    def reply(line: str) -> dict[str, bytes]:
        raise ZeroDivisionError(line)

    with pytest.raises(Problem, match="could not answer"):
        space.engine.run(space.script(ASKING.format("never"), seconds=3600, reply=reply))

    assert space.engine.sweep(LABEL, space.mark) == Swept(containers=0, images=0)


def test_a_command_that_asks_for_what_never_comes_is_ended_in_time(space: EngineSpace) -> None:
    outcome = space.engine.run(space.script(ASKING.format("x"), seconds=0.5, reply=lambda _: {}))

    assert (outcome.exit_code, outcome.timed_out, outcome.output) == (None, True, "ask x\n")
    assert space.engine.sweep(LABEL, space.mark) == Swept(containers=0, images=0)


# ── What a command may write ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/etc/x", "/x", "/usr/bin/x", "/var/x"])
def test_with_scratch_space_nothing_else_can_be_written(space: EngineSpace, path: str) -> None:
    outcome = space.engine.run(space.script(f"touch {path}", scratch=1 << 20))

    assert outcome.exit_code == 1
    assert "Read-only file system" in outcome.errors


def test_scratch_space_is_bounded(space: EngineSpace) -> None:
    fitting = space.engine.run(space.script(f"head -c {1 << 19} /dev/zero > /tmp/x", scratch=1 << 20))
    too_much = space.engine.run(space.script(f"head -c {3 << 20} /dev/zero > /tmp/x", scratch=1 << 20))

    assert (fitting.exit_code, too_much.exit_code) == (0, 1)
    assert "No space left on device" in too_much.errors


@pytest.mark.parametrize("how", [{"files": {"/x": b""}}, {"reply": lambda _: {}}], ids=["files", "reply"])
def test_nothing_can_be_put_where_nothing_can_be_written(space: EngineSpace, how: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="read-only"):
        space.script("true", scratch=1, **how)


# ── Files of this host in a build ───────────────────────────────────────────────────────────────────────────────────


def test_a_file_of_this_host_arrives_in_a_build_byte_for_byte(space: EngineSpace, tmp_path: Path) -> None:
    # Longer than a name in a USTAR header; and larger than what is sent at a time.
    name = "a" * 146 + ".whl"
    kept = tmp_path / "kept"
    content = bytes(range(256)) * (40 << 10) + space.mark.encode()
    kept.write_bytes(content)
    mount = "--mount=type=bind,source=python,target=/mnt"
    order = space.order(f"RUN {mount} sha256sum /mnt/files/{name}", files={f"python/files/{name}": kept})

    events = list(space.engine.build(order))

    assert LogLine(2, f"{sha256(content).hexdigest()}  /mnt/files/{name}") in events
    assert isinstance(events[-1], ImageBuilt)


def test_another_file_of_the_same_name_is_not_taken_from_the_cache(space: EngineSpace, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    mount = "--mount=type=bind,source=python,target=/mnt"
    for content in (f"{space.mark} one".encode(), f"{space.mark} two".encode()):
        kept.write_bytes(content)
        order = space.order(f"RUN {mount} sha256sum /mnt/x.whl", files={"python/x.whl": kept})

        assert LogLine(2, f"{sha256(content).hexdigest()}  /mnt/x.whl") in list(space.engine.build(order))


def test_no_command_runs_in_an_image_that_is_not_there(space: EngineSpace) -> None:
    with pytest.raises(ImageNotFound):
        space.engine.run(space.script("true", image=UNKNOWN))


def test_a_run_leaves_nothing_to_sweep(space: EngineSpace) -> None:
    space.engine.run(space.script("exit 1"))
    space.engine.run(space.script("sleep 3600", seconds=0.5))
    space.engine.run(replace(space.script(""), command=("no-such-command",)))

    assert space.engine.sweep(LABEL, space.mark) == Swept(containers=0, images=0)


def test_a_sweep_ends_the_running_containers_of_a_job(space: EngineSpace) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(space.engine.run, space.script("sleep 100", seconds=PATIENCE_SECONDS))
        assert becomes(lambda: space.engine.sweep(LABEL, space.mark).containers == 1)

        assert running.result(timeout=PATIENCE_SECONDS).exit_code is None
        assert not running.result().timed_out


def test_a_sweep_removes_nameless_images_of_its_label_only(space: EngineSpace) -> None:
    nameless, kept, named = (space.built(f"RUN echo {space.mark}-{number}") for number in range(3))
    space.engine.tag(named, f"warroom-test/{space.mark}", "1")

    assert space.engine.sweep(LABEL, f"not-{space.mark}") == Swept(0, 0)
    assert space.engine.sweep(LABEL, space.mark, keep=(kept,)) == Swept(containers=0, images=1)

    assert space.engine.find_image(nameless) is None
    assert {image.id for image in space.engine.images(space.labels)} == {kept, named}


def test_a_pulled_image_is_on_the_engine_under_its_name(space: EngineSpace) -> None:
    assert space.offer
    reference = space.offer(f"warroom-test/{space.mark}")
    told: list[PullProgress] = []

    image = space.engine.pull(reference, told.append)

    assert image.repo_tags == (str(reference),)
    assert [digest.partition("@")[0] for digest in image.repo_digests] == [reference.repository]
    assert space.engine.find_image(str(reference)) == image
    assert (told[-1].layers_done, told[-1].layers) == (1, 1)
    space.engine.remove_image(str(reference))


def test_a_pull_without_a_tag_takes_the_latest(space: EngineSpace) -> None:
    assert space.offer
    reference = space.offer(f"warroom-test/{space.mark}")

    image = space.engine.pull(Reference(reference.repository), lambda _: None)

    assert image.repo_tags == (f"{reference.repository}:latest",)
    space.engine.remove_image(f"{reference.repository}:latest")


def test_a_pull_of_what_the_registry_does_not_have_says_so(space: EngineSpace) -> None:
    assert space.offer
    reference = replace(space.offer(f"warroom-test/{space.mark}"), tag="no-such-tag")

    with pytest.raises(ImageNotFound, match="no-such-tag"):
        space.engine.pull(reference, lambda _: None)
