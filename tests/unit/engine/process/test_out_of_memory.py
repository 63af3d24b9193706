"""Which errors say that memory ran out, and what the kernel counts of its kills."""

from __future__ import annotations

import errno
import resource
from pathlib import Path

import pytest
import torch

from engine.process.oom_kills import OomKills, count_in, oom_kills
from engine.process.out_of_memory import in_short, is_out_of_memory


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        torch.cuda.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8589934592 bytes."),
        RuntimeError("Error out of memory at line 380 in file /src/csrc/pythonInterface.cpp"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_allocations_that_fail_are_recognised(error: Exception) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: device-side assert triggered"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        ValueError("out of memory"),
        OSError(errno.ENOSPC, "No space left on device"),
        KeyboardInterrupt(),
    ],
)
def test_other_errors_are_not(error: BaseException) -> None:
    assert not is_out_of_memory(error)


def test_the_allocator_of_a_cpu_says_so_in_its_own_words() -> None:
    """With a real limit on the address space of this process."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, before[1]))
    try:
        with pytest.raises(RuntimeError) as raised:
            torch.ones(2**30)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert is_out_of_memory(raised.value)
    assert "DefaultCPUAllocator" in in_short(raised.value)


def test_a_message_is_shortened() -> None:
    assert in_short(RuntimeError("first\nsecond")) == "first"
    assert in_short(MemoryError()) == "MemoryError"
    assert len(in_short(RuntimeError("x" * 1000))) == 203


def _machine(root: Path, groups: str) -> Path:
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "cgroup").write_text(groups)
    (root / "proc" / "vmstat").write_text("pgfault 9\noom_kill 40\n")
    return root


def test_the_kernel_counts_kills_by_control_group(tmp_path: Path) -> None:
    events = "low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 1\n"
    own = _machine(tmp_path / "two", "0::/a/b\n")
    path = own / "sys/fs/cgroup/a/b/memory.events"
    path.parent.mkdir(parents=True)
    path.write_text(events)
    assert oom_kills(root=own) == OomKills(path=str(path), count=2)
    path.write_text(events.replace("oom_kill 2", "oom_kill 3"))
    assert count_in(path) == 3

    one = _machine(tmp_path / "one", "4:memory:/job\n0::/\n")
    path = one / "sys/fs/cgroup/memory/job/memory.oom_control"
    path.parent.mkdir(parents=True)
    path.write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n")
    assert oom_kills(root=one) == OomKills(path=str(path), count=5)


def test_a_container_sees_its_own_group_at_the_root(tmp_path: Path) -> None:
    root = _machine(tmp_path, "4:cpu,memory:/docker/0a1b\n")
    path = root / "sys/fs/cgroup/memory/memory.oom_control"
    path.parent.mkdir(parents=True)
    path.write_text("oom_kill_disable 0\noom_kill 1\n")
    assert oom_kills(root=root) == OomKills(path=str(path), count=1)


def test_without_groups_the_machine_counts(tmp_path: Path) -> None:
    root = _machine(tmp_path / "bare", "")
    assert oom_kills(root=root) == OomKills(path=str(root / "proc/vmstat"), count=40)
    assert oom_kills(root=tmp_path / "nowhere") is None
    assert count_in(tmp_path / "nowhere") is None
