"""Data-parallel reduction over `torch.distributed`; the same code runs with one worker or many."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist


@dataclass(frozen=True, slots=True)
class Parallel:
    """This worker's rank among all workers."""

    rank: int = 0
    world_size: int = 1

    @classmethod
    def from_distributed(cls) -> Parallel:
        """The rank in the initialised process group, or a single worker if there is none."""
        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size())
        return cls()

    @property
    def is_first(self) -> bool:
        """Whether this worker writes files and emits events."""
        return self.rank == 0

    def sum_(self, tensor: torch.Tensor) -> torch.Tensor:
        """Sum over all workers, in place."""
        if self.world_size > 1:
            dist.all_reduce(tensor)
        return tensor

    def sum_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """Sum the gradients over all workers in one all-reduce, once per optimizer step."""
        if self.world_size == 1:
            return
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        flat = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])
        dist.all_reduce(flat)
        start = 0
        for parameter in parameters:
            assert parameter.grad is not None
            count = parameter.numel()
            parameter.grad.copy_(flat[start : start + count].view_as(parameter))
            start += count

    def any(self, flag: bool) -> bool:
        """Whether the value is true on any worker; all workers get the same answer."""
        if self.world_size == 1:
            return flag
        return bool(self.sum_(torch.tensor([float(flag)], device=self._device())).item() > 0)

    def gather_json(self, value: Any) -> list[Any]:
        """Every worker's value, on every worker; sent as JSON, so that nothing is unpickled."""
        if self.world_size == 1:
            return [value]
        data = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        return [json.loads(bytes(part.tolist())) for part in self.gather_bytes(data)]

    def gather_bytes(self, data: torch.Tensor) -> list[torch.Tensor]:
        """Every worker's bytes (uint8, of any length), on every worker, ordered by rank."""
        if self.world_size == 1:
            return [data]
        sent = data.to(self._device())
        sizes = torch.zeros(self.world_size, dtype=torch.long, device=sent.device)
        sizes[self.rank] = len(sent)
        self.sum_(sizes)
        padded = torch.zeros(int(sizes.max()), dtype=torch.uint8, device=sent.device)
        padded[: len(sent)] = sent
        parts = [torch.zeros_like(padded) for _ in range(self.world_size)]
        dist.all_gather(parts, padded)
        return [part[: int(size)].cpu() for part, size in zip(parts, sizes, strict=True)]

    def barrier(self) -> None:
        """Wait for all workers."""
        if self.world_size > 1:
            dist.barrier()

    @staticmethod
    def _device() -> torch.device:
        backend = dist.get_backend()
        return torch.device("cuda", torch.cuda.current_device()) if backend == "nccl" else torch.device("cpu")


SINGLE = Parallel()
