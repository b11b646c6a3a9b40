"""A process and its children, sampled over time from outside."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """What a process holds, and what its children hold together, at ``at`` (monotonic seconds); 10^6 bytes.

    ``private_mb`` is what of ``rss_mb`` is neither a file's (code that comes and goes) nor shared, where Linux tells.
    """

    at: float
    rss_mb: float
    private_mb: float
    handles: int
    threads: int
    children: int
    children_rss_mb: float


def holding(pid: int) -> Holding | None:
    """None once it has ended; children that end while they are looked at are left out."""
    try:
        process = psutil.Process(pid)
        children = process.children(recursive=True)
        memory = process.memory_info()
        return Holding(
            at=time.monotonic(),
            rss_mb=memory.rss / 1e6,
            private_mb=(memory.rss - getattr(memory, "shared", 0)) / 1e6,
            handles=process.num_fds(),
            threads=process.num_threads(),
            children=len(children),
            children_rss_mb=sum(_rss_mb(children)),
        )
    except psutil.Error:
        return None


def _rss_mb(processes: Iterable[psutil.Process]) -> Iterable[float]:
    for process in processes:
        try:
            yield process.memory_info().rss / 1e6
        except psutil.Error:
            continue


def cpu_s(pid: int) -> float:
    """CPU seconds of a process and its living children so far."""
    process = psutil.Process(pid)
    spent = 0.0
    for one in (process, *process.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.Error:
            continue
        spent += times.user + times.system
    return spent
