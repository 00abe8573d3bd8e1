"""The frames in which a daemon sends a container's output."""

import struct
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from commands.engine.replies import Frames, split_streams

frames = st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.binary(max_size=40)), max_size=8)


def written(told: list[tuple[int, bytes]]) -> bytes:
    return b"".join(struct.pack(">BxxxL", stream, len(content)) + content for stream, content in told)


@given(frames, st.lists(st.integers(0, 400), max_size=12))
def test_however_the_output_is_cut_the_frames_are_the_same(told: list[tuple[int, bytes]], cuts: list[int]) -> None:
    whole, reading = written(told), Frames()
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [whole[begin:end] for begin, end in pairwise(places)]

    assert [frame for piece in pieces for frame in reading.feed(piece)] == told


@given(frames, st.integers(1, 48))
def test_a_frame_that_is_not_whole_yet_is_not_given(told: list[tuple[int, bytes]], missing: int) -> None:
    whole = written([*told, (1, b"x" * 40)])

    assert list(Frames().feed(whole[:-missing])) == told


def test_stdout_and_stderr_are_taken_apart() -> None:
    assert split_streams(written([(1, b"a"), (2, b"x"), (1, b"b\n"), (2, b"")])) == (b"ab\n", b"x")
    assert split_streams(b"") == (b"", b"")
