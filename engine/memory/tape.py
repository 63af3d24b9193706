"""The operations of a training step, each with what it keeps in memory, from shapes alone. Does not import torch.

A family plays its forward pass on a `Tape`, operation by operation. Each operation follows the rules of torch's autograd:
whether its result needs a gradient, and which tensors its backward pass needs. Tests compare the record with what torch
really keeps.
"""

from __future__ import annotations

import math
from typing import Final

from engine.config.quantization import Quantization
from engine.memory.record import BOOL, FLOAT32, LONG, Record, Tensor, Weights

_KEEP_RESULT: Final = frozenset({"relu", "tanh", "sigmoid", "softmax"})
"""Functions whose derivative follows from their result."""


class Tape(Record):
    """Plays one forward pass."""

    def linear(
        self,
        x: Tensor,
        name: str,
        outputs: int,
        group: str | None = None,
        *,
        bias: bool = True,
        head: bool = False,
        is_default: bool = True,
        four_bit: bool = True,
        shared: str | None = None,
    ) -> Tensor:
        """A product with a matrix.

        Args:
            x: its input.
            name: of the layer.
            outputs: width of the result.
            group: part of the model.
            bias: whether it has one.
            head: whether it is new for the task, so that every method trains it.
            is_default: whether it gets an adapter by default.
            four_bit: whether it is kept in 4 bits with a base that is.
            shared: name of the weight that it shares, such as a token embedding's; None: it has its own.
        """
        rules, inputs = self.rules, round(x.width)
        if rules.four_bit is not None and four_bit and not head:
            each = _four_bit_bytes(rules.four_bit)
            self._add(Weights(f"{name}.weight", group, (outputs, inputs), "four_bit", False, each))
            self.largest_four_bit = max(self.largest_four_bit, outputs * inputs)
            trains = False
        else:
            trains = self.weight(shared or f"{name}.weight", (outputs, inputs), group, head=head)
        if bias:
            self.weight(f"{name}.bias", (outputs,), group, head=head)
        rank = 0
        if rules.trains == "adapters" and rules.adapters is not None and not head:
            rank = rules.adapters.rank_of(name, group, is_default)
        if rank:
            self._add(Weights(f"{name}.lora_A", group, (rank, inputs), "adapter", True, FLOAT32))
            self._add(Weights(f"{name}.lora_B", group, (outputs, rank), "adapter", True, FLOAT32))
            self._keep_adapter(x, rank, outputs)
        unpacks = rules.four_bit is not None and four_bit and not head
        computed = x if unpacks else self._computed(x)
        if trains:
            self.keep(computed)
        if computed.grad and not unpacks:
            self._keep_computed(outputs * inputs)
        of = [computed, Tensor(0, 0, rules.compute_bytes, grad=True)] if rank else [computed]
        return self.result(of, x.rows, outputs, trains=trains or rank > 0)

    def _keep_adapter(self, x: Tensor, rank: int, outputs: int) -> None:
        """What an adapter keeps; peft gives it its input in float32."""
        rules = self.rules
        wide = Tensor(x.rows, x.width, FLOAT32, x.grad) if x.bytes_each < FLOAT32 else x
        if rules.adapters is not None and rules.adapters.has_dropout:
            wide = self.dropout(wide, 1.0)
        self.keep(self._computed(wide))
        self.keep(Tensor(x.rows, rank, rules.compute_bytes, grad=True))
        if x.grad:
            self._keep_computed(rank * x.width)
        self._keep_computed(rank * outputs)

    def embedding(self, name: str, shape: tuple[int, int], ids: Tensor, group: str | None = None) -> Tensor:
        """Rows of a table; keeps their ids if it trains."""
        trains = self.weight(name, shape, group)
        if trains:
            self.keep(ids)
        return self.result([], ids.rows, shape[1], trains=trains, bytes_each=self.rules.storage_bytes)

    def norm(self, x: Tensor, name: str, group: str | None = None, *, head: bool = False) -> Tensor:
        """A layer norm over the width: keeps its input, and mean and deviation of each row."""
        return self._norm(x, name, group, 2 * x.rows, head=head)

    def group_norm(
        self, x: Tensor, name: str, groups: float, group: str | None = None, *, constant: bool = False
    ) -> Tensor:
        """A norm that keeps its input, and mean and deviation of each of the groups of all examples."""
        return self._norm(x, name, group, 2 * groups, constant=constant)

    def frozen_batch_norm(self, x: Tensor, name: str, group: str | None = None) -> Tensor:
        """A batch norm with recorded statistics, which are no weights: keeps its input."""
        return self._norm(x, name, group, 0)

    def rms_norm(self, x: Tensor, name: str, group: str | None = None) -> Tensor:
        """A norm by the root mean square, as transformers computes it, step by step.

        It keeps its input and a factor for each row; with trained weights the normalised values too.
        """
        trains = self.weight(f"{name}.weight", (round(x.width),), group)
        if x.grad:
            self.keep(x)
            self.keep_bytes(x.rows * FLOAT32)
        normed = self.result([x], x.rows, x.width)
        if trains:
            self.keep(normed)
        return self.result([normed], x.rows, x.width, trains=trains)

    def _norm(
        self,
        x: Tensor,
        name: str,
        group: str | None,
        statistics: float,
        *,
        head: bool = False,
        constant: bool = False,
    ) -> Tensor:
        shape = (round(x.width),)
        trains = self.weight(f"{name}.weight", shape, group, head=head, constant=constant)
        self.weight(f"{name}.bias", shape, group, head=head, constant=constant)
        y = self.result([x], x.rows, x.width, trains=trains)
        if y.grad:
            self.keep(x)
            self.keep_bytes(statistics * FLOAT32)
        return y

    def convolution(
        self,
        x: Tensor,
        name: str,
        shape: tuple[int, ...],
        rows: float,
        group: str | None = None,
        *,
        bias: bool = True,
        constant: bool = False,
    ) -> Tensor:
        """A convolution over positions: keeps its input, even if its weight is frozen.

        Args:
            x: its input.
            name: of the layer.
            shape: of its weight: outputs, inputs of a group, and the kernel's sizes.
            rows: positions of the result.
            group: part of the model.
            bias: whether it has one.
            constant: whether no method trains it.
        """
        trains = self.weight(f"{name}.weight", shape, group, constant=constant)
        if bias:
            self.weight(f"{name}.bias", shape[:1], group, constant=constant)
        y = self.convolved(x, rows, shape[0], trains=trains)
        if y.grad:
            self._keep_computed(math.prod(shape))
        return y

    def convolved(self, x: Tensor, rows: float, width: int, *, trains: bool) -> Tensor:
        """The result of a convolution whose weights are already recorded."""
        x = self._computed(x)
        y = self.result([x], rows, width, trains=trains)
        if y.grad:
            self.keep(x)
        return y

    def activation(self, x: Tensor, kind: str = "gelu") -> Tensor:
        """A function of each value; keeps its result if that is enough, as for ReLU, else its input."""
        y = self.result([x], x.rows, x.width)
        if x.grad:
            self.keep(y if kind in _KEEP_RESULT else x)
        return y

    def gated(self, x: Tensor) -> Tensor:
        """Half of the values, times the sigmoid of the other half (GLU): keeps its input."""
        if x.grad:
            self.keep(x)
        return self.result([x], x.rows, x.width / 2)

    def dropout(self, x: Tensor, probability: float) -> Tensor:
        """Dropout in training; none if the probability is zero."""
        if not probability:
            return x
        if x.grad:
            self.keep_bytes(x.rows * x.width * (1 if self.rules.on_gpu else x.bytes_each))
        return self.result([x], x.rows, x.width)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """A sum."""
        return self.result([x, y], x.rows, x.width)

    def multiply(self, x: Tensor, y: Tensor) -> Tensor:
        """A product of each two values."""
        if x.grad:
            self.keep(y)
        if y.grad:
            self.keep(x)
        return self.result([x, y], x.rows, x.width)

    def pooled(self, x: Tensor, rows: float) -> Tensor:
        """A mean over neighbouring positions with a stride: keeps its input."""
        if x.grad:
            self.keep(x)
        return self.result([x], rows, x.width)

    def chosen(self, x: Tensor, mask: Tensor, rows: float) -> Tensor:
        """The rows of a tensor that a mask names: keeps the mask."""
        if x.grad:
            self.keep(mask)
        return self.result([x], rows, x.width)

    def zeroed(self, x: Tensor) -> Tensor:
        """Zeros in place, where a mask of each value says so: keeps the mask."""
        if x.grad:
            self.keep_bytes(x.rows * x.width * BOOL)
        return x

    def unit(self, x: Tensor) -> Tensor:
        """Rows of length one: keeps the input and two lengths of each row."""
        if x.grad:
            self.keep(x)
            self.keep_bytes(2 * x.rows * x.bytes_each)
        return self.result([x], x.rows, x.width)

    def attention(
        self,
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        heads: int,
        positions: float,
        *,
        mask: Tensor | None = None,
        bias: Tensor | None = None,
        dropout: float = 0.0,
        is_fused: bool = True,
        is_copied: bool = False,
        is_cached: bool = False,
    ) -> Tensor:
        """Attention.

        The fused one never stores the weights: it keeps its inputs, its result, a number for each query and head, and the
        mask as numbers. The other one keeps the weights.

        Args:
            queries: of all heads.
            keys: of all heads.
            values: of all heads.
            heads: number of heads.
            positions: keys of each example.
            mask: of bits; None: all keys count, or those up to the query's position.
            bias: that is added to the products of each head, as rows of heads and queries.
            dropout: on the weights.
            is_fused: whether the model asks for the fused one.
            is_copied: whether the model rearranges the fused one's result into a new tensor.
            is_cached: whether a decoder holds keys and values while it writes.
        """
        if is_cached:
            self.cached_bytes += keys.bytes + values.bytes
        queries, keys, values = (self._computed(each) for each in (queries, keys, values))
        biased = bias is not None and bias.grad
        if not is_fused:
            return self._stored_attention(queries, keys, values, heads, positions, bias, dropout)
        if (dropout or biased) and not self.rules.on_gpu:
            # torch falls back to one that computes in float32.
            wide = [Tensor(each.rows, each.width, FLOAT32, each.grad) for each in (queries, keys, values)]
            y = self._stored_attention(wide[0], wide[1], wide[2], heads, positions, bias, dropout)
            return self.result([y], y.rows, y.width, bytes_each=self.rules.compute_bytes)
        y = self.result([queries, keys, values], queries.rows, queries.width)
        if y.grad:
            for each in (queries, keys, values, y):
                self.keep(each)
            self.keep_bytes(queries.rows * heads * FLOAT32)
            if bias is not None:
                self.keep(bias)
            elif mask is not None:
                self.keep_bytes(queries.rows * positions * self.rules.compute_bytes)
        return self.result([y], y.rows, y.width) if is_copied else y

    def _stored_attention(
        self,
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        heads: int,
        positions: float,
        bias: Tensor | None,
        dropout: float,
    ) -> Tensor:
        """Attention that stores its weights; queries, keys and values are copied by head."""
        of = [queries, keys] if bias is None else [queries, keys, bias]
        weights = self.result(of, queries.rows * heads, positions, bytes_each=FLOAT32)
        if queries.grad:
            self.keep_bytes(keys.bytes)
        if keys.grad:
            self.keep_bytes(queries.bytes)
        if weights.grad:
            self.keep(weights)
        dropped = self.dropout(weights, dropout)
        if dropped.grad:
            self.keep_bytes(values.bytes)
        if values.grad:
            self.keep(dropped if values.bytes_each == FLOAT32 else self._computed(dropped))
        return self.result([values], queries.rows, values.width, trains=dropped.grad)

    # ---- losses

    def cross_entropy(self, logits: Tensor) -> None:
        """The loss over classes: keeps their probabilities in float32, and the targets."""
        classes = logits.rows * logits.width * FLOAT32
        self.keep_bytes(classes + logits.rows * LONG + FLOAT32)
        self.loss_bytes = 2 * classes

    def binary_cross_entropy(self, logits: Tensor) -> None:
        """The loss over yes and no for each label: keeps the logits in float32, and the targets."""
        self.keep_bytes(2 * logits.rows * logits.width * FLOAT32)
        self.loss_bytes = 2 * logits.rows * logits.width * FLOAT32

    def alignment(self, logits: Tensor, examples: float, labels: float) -> None:
        """CTC's loss: keeps probabilities in float32, the labels, and a path's score at each frame and state.

        Args:
            logits: of each frame of all examples.
            examples: number of texts.
            labels: of each text, padding included.
        """
        classes = logits.rows * logits.width * FLOAT32
        states = logits.rows * (2 * labels + 1) * FLOAT32
        self.keep_bytes(classes + states + examples * (labels * LONG + FLOAT32))
        self.loss_bytes = 2 * classes + states


def _four_bit_bytes(quantization: Quantization) -> float:
    """Bytes of a 4-bit weight: half a byte, and its share of the constants of its block of 64.

    With double quantization a constant takes 8 bits, and a float32 is shared by 256 of them.
    """
    return 0.5 + (1 / 64 + 4 / (64 * 256) if quantization.double else 4 / 64)
