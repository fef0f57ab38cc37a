"""Memory of processes: counted rightly, shown by the progress of a run."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.memory import Memory, Sample, Watch, children, forget, limited, memory_of, tenths

MIB = 2**20


def held(total: int) -> Memory:
    return Memory(total, total // 2, total // 2)


def test_memory_is_that_of_all_processes_that_live() -> None:
    own = memory_of([os.getpid()])
    assert 10 * MIB < own.total < 10_000 * MIB
    assert own.anonymous + own.mapped <= own.total
    assert memory_of([]) == Memory(0, 0, 0)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert memory_of([gone.pid]) == Memory(0, 0, 0)


def test_each_tenth_shows_its_largest_sample() -> None:
    samples = [Sample(0, held(10)), Sample(5, held(30)), Sample(9, held(20)), Sample(55, held(40))]
    samples.append(Sample(100, held(50)))
    rows = tenths(samples, 100)
    assert [row["part"] for row in rows] == ["0 to 10 %", "50 to 60 %", "90 to 100 %"]
    large = tenths([Sample(0, held(30_000_000))], 100)[0]
    assert (large["total_mb"], large["anonymous_mb"]) == (30, 15)


def test_a_watch_keeps_the_most() -> None:
    with Watch(lambda: [os.getpid()]) as watch:
        watch.advance(3)
        watch.advance(4)
        time.sleep(0.05)
    assert watch.done == 7
    assert watch.most() == max((each.memory for each in watch.samples), key=lambda one: one.total)


def test_children_are_all_but_this_process() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        found = list(children())
        child.communicate(b"\n")
    assert child.pid in found
    assert os.getpid() not in found


def test_processes_that_start_within_a_limit_have_it() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_DATA)[0])"
    most = 64_000 * MIB
    with limited(most):
        found = subprocess.check_output([sys.executable, "-c", code])
    assert int(found) == most
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_a_process_cannot_hold_more_than_its_limit() -> None:
    code = f"import resource; resource.setrlimit(resource.RLIMIT_DATA, ({200 * MIB}, -1)); "
    for size, is_good in ((1, True), (400, False)):
        command = [sys.executable, "-c", f"{code}bytearray({size * MIB})"]
        done = subprocess.run(command, stderr=subprocess.DEVNULL)
        assert (done.returncode == 0) == is_good


def test_forgotten_files_are_still_there(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    file = tmp_path / "folder" / "file"
    file.write_bytes(b"content")
    forget(tmp_path)
    assert file.read_bytes() == b"content"


def test_no_rows_are_no_error() -> None:
    assert tenths([], 10) == []
    with pytest.raises(ValueError, match="empty"):
        Watch(list).most()
