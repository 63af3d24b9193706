"""Several workers give the gradient of one."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from engine.training.parallel import SINGLE, Parallel


def _worker(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    parallel = Parallel.from_distributed()
    a, b = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1))
    a.grad = torch.tensor([1.0, 2.0]) * (rank + 1)
    if rank == 1:  # a worker without a piece of the batch has no gradient
        b.grad = torch.tensor([5.0])
    parallel.sum_gradients([a, b])
    gathered = parallel.gather_json({"rank": rank, "text": "é" * (rank + 1)})
    flags = [parallel.any(rank == 1), parallel.any(False)]
    torch.save({"a": a.grad, "b": b.grad, "gathered": gathered, "flags": flags}, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_workers_sum_gradients_and_gather(tmp_path: Path) -> None:
    mp.spawn(_worker, args=(str(tmp_path),), nprocs=2)
    for rank in range(2):
        seen = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert seen["a"].tolist() == [3.0, 6.0]
        assert seen["b"].tolist() == [5.0]
        assert seen["gathered"] == [{"rank": 0, "text": "é"}, {"rank": 1, "text": "éé"}]
        assert seen["flags"] == [True, False]


def test_alone_everything_is_local() -> None:
    assert SINGLE.gather_json([1]) == [[1]]
    assert SINGLE.any(True)
    assert SINGLE.is_first
