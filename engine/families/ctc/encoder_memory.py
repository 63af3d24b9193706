"""The forward pass of wav2vec 2.0, HuBERT and Wav2Vec2-Conformer without a head. Does not import torch.

Legend: F frames of an example, D width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.families.ctc.costs import mixes_padding, shortened
from engine.families.defaults import filled
from engine.memory.blocks import AttentionKind, attend, feed_forward
from engine.memory.record import BOOL, FLOAT32, LONG, Tensor
from engine.memory.shape import BatchShape
from engine.memory.tape import Tape

_RATE_HZ: Final = 16_000
_GROUP: Final = "audio_encoder"
_DEFAULTS: Final[Mapping[str, Any]] = {
    "vocab_size": 32,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "hidden_dropout": 0.1,
    "activation_dropout": 0.1,
    "attention_dropout": 0.1,
    "feat_proj_dropout": 0.0,
    "final_dropout": 0.1,
    "feat_extract_norm": "group",
    "feat_extract_activation": "gelu",
    "feat_proj_layer_norm": True,
    "conv_dim": (512,) * 7,
    "conv_stride": (5, 2, 2, 2, 2, 2, 2),
    "conv_kernel": (10, 3, 3, 3, 3, 2, 2),
    "conv_bias": False,
    "num_conv_pos_embeddings": 128,
    "num_conv_pos_embedding_groups": 16,
    "conv_pos_batch_norm": False,
    "do_stable_layer_norm": False,
    "mask_time_prob": 0.05,
    "mask_feature_prob": 0.0,
    "use_weighted_layer_sum": False,
    "classifier_proj_size": 256,
    "add_adapter": False,
    "adapter_kernel_size": 3,
    "adapter_stride": 2,
    "num_adapter_layers": 3,
    "adapter_attn_dim": None,
    "position_embeddings_type": "relative",
    "conv_depthwise_kernel_size": 31,
    "conformer_conv_dropout": 0.1,
}
"""What a config.json may leave out. Source: the configs of these models in transformers 5.23."""
_CONFORMER: Final = "wav2vec2-conformer"
_PREFIXES: Final[Mapping[str, str]] = {"wav2vec2": "wav2vec2", "hubert": "hubert", _CONFORMER: "wav2vec2_conformer"}
_ATTENTION: Final = AttentionKind()


def with_defaults(model: Mapping[str, Any]) -> dict[str, Any]:
    """A model's config.json with what it leaves out."""
    return filled(model, _DEFAULTS)


@dataclass(frozen=True, slots=True)
class WaveEncoder:
    """How a task uses such an encoder."""

    model: Mapping[str, Any]
    """The model's config.json `with_defaults`."""
    trains_convolutions: bool
    """Whether a method that trains the whole model trains the convolutions over the wave."""
    has_mask_vector: bool
    """Whether it has a vector that stands for hidden frames, which no method trains."""

    def encode(self, tape: Tape, batch: BatchShape) -> Iterator[Tensor]:
        """Play the encoder.

        Yields:
            The input of the first layer, the result of each layer but the last, and the states, of D at each frame.
        """
        model = self.model
        name = _PREFIXES[model["model_type"]]
        is_conformer = model["model_type"] == _CONFORMER
        width = int(model["hidden_size"])
        hidden = self._projected(tape, self._features(tape, batch, name), name)
        if self.has_mask_vector and (model["mask_time_prob"] > 0 or model["mask_feature_prob"] > 0):
            tape.weight(f"{name}.masked_spec_embed", (width,), _GROUP, constant=True)
        frames = hidden.rows / batch.examples
        mask = None
        if mixes_padding(model):
            if hidden.grad:
                tape.keep_bytes(batch.examples * LONG)  # the examples of as many frames are computed together
        elif batch.is_padded:
            hidden = tape.zeroed(hidden)
            if batch.lengths_differ or not self._computes_alone:
                mask = tape.data(hidden.rows, frames, BOOL)
        if is_conformer:
            self._unused_positions(tape, name)
            yield from self._conformer(tape, hidden, frames, f"{name}.encoder")
        else:
            hidden = tape.add(hidden, self._positions(tape, hidden, batch.examples, name))
            yield from self._transformer(tape, hidden, frames, mask, f"{name}.encoder")

    # ---- in front of the layers

    @property
    def _computes_alone(self) -> bool:
        """Whether the convolutions have a norm over time, so that they see each example alone, without padding."""
        return bool(self.model["feat_extract_norm"] == "group")

    def _features(self, tape: Tape, batch: BatchShape, name: str) -> Tensor:
        """Convolutions over the wave."""
        model, constant = self.model, not self.trains_convolutions
        is_group = self._computes_alone
        length = round((batch.longest_s if is_group else batch.padded_s) * _RATE_HZ)
        wave = tape.data(batch.examples * batch.padded_s * _RATE_HZ, 1)
        hidden, inputs = tape.view(wave, batch.examples * length, 1), 1
        layers = zip(model["conv_dim"], model["conv_kernel"], model["conv_stride"], strict=True)
        for index, (outputs, kernel, stride) in enumerate(layers):
            layer = f"{name}.feature_extractor.conv_layers.{index}"
            length = shortened(length, [(kernel, stride)])
            rows = batch.examples * length
            with tape.layer(hidden):
                shape = (int(outputs), inputs, kernel)
                hidden = tape.convolution(
                    hidden, f"{layer}.conv", shape, rows, _GROUP, bias=model["conv_bias"], constant=constant
                )
                if is_group and index == 0:
                    groups = batch.examples * outputs
                    hidden = tape.group_norm(hidden, f"{layer}.layer_norm", groups, _GROUP, constant=constant)
                elif not is_group:
                    hidden = tape.group_norm(hidden, f"{layer}.layer_norm", rows, _GROUP, constant=constant)
                hidden = tape.activation(hidden, model["feat_extract_activation"])
            inputs = int(outputs)
        # The features of waves that were alone are copied into one tensor.
        return tape.result([hidden], hidden.rows, hidden.width) if is_group else hidden

    def _projected(self, tape: Tape, features: Tensor, name: str) -> Tensor:
        model, projection = self.model, f"{name}.feature_projection"
        if model["model_type"] != "hubert" or model["feat_proj_layer_norm"]:
            features = tape.norm(features, f"{projection}.layer_norm", _GROUP)
        width = int(model["hidden_size"])
        hidden = tape.linear(features, f"{projection}.projection", width, _GROUP, is_default=False, four_bit=False)
        return tape.dropout(hidden, model["feat_proj_dropout"])

    def _positions(self, tape: Tape, hidden: Tensor, examples: int, name: str) -> Tensor:
        """A convolution over frames, whose kernel comes from a direction and a length for each tap, or behind a norm."""
        model, module = self.model, f"{name}.encoder.pos_conv_embed"
        taps, groups = int(model["num_conv_pos_embeddings"]), int(model["num_conv_pos_embedding_groups"])
        width = int(hidden.width)
        shape = (width, width // groups, taps)
        rows = hidden.rows + examples * (taps % 2 == 0)
        if model["model_type"] == "hubert" and model["conv_pos_batch_norm"]:
            hidden = tape.frozen_batch_norm(hidden, f"{module}.batch_norm", _GROUP)
            convolved = tape.convolution(hidden, f"{module}.conv", shape, rows, _GROUP)
        else:
            trains = self._position_weights(tape, module, shape)
            convolved = tape.convolved(hidden, rows, width, trains=trains)
            if convolved.grad:
                # The kernel, and the norms that it comes from.
                tape.keep_bytes(shape[0] * shape[1] * taps * tape.rules.compute_bytes + trains * taps * FLOAT32)
        return tape.view(tape.activation(convolved, model["feat_extract_activation"]), hidden.rows, width)

    def _position_weights(
        self, tape: Tape, module: str, shape: tuple[int, int, int], *, constant: bool = False
    ) -> bool:
        parts = f"{module}.conv.parametrizations.weight"
        tape.weight(f"{module}.conv.bias", shape[:1], _GROUP, constant=constant)
        tape.weight(f"{parts}.original0", (1, 1, shape[2]), _GROUP, constant=constant)
        return tape.weight(f"{parts}.original1", shape, _GROUP, constant=constant)

    def _unused_positions(self, tape: Tape, name: str) -> None:
        """The conformer's convolution over positions, which its forward pass leaves out."""
        width, model = int(self.model["hidden_size"]), self.model
        shape = (width, width // int(model["num_conv_pos_embedding_groups"]), int(model["num_conv_pos_embeddings"]))
        self._position_weights(tape, f"{name}.encoder.pos_conv_embed", shape, constant=True)

    # ---- layers

    def _transformer(
        self, tape: Tape, hidden: Tensor, frames: float, mask: Tensor | None, name: str
    ) -> Iterator[Tensor]:
        """Layers with their norms in front (`do_stable_layer_norm`) or behind."""
        model = self.model
        is_stable, dropout = model["do_stable_layer_norm"], model["hidden_dropout"]
        heads = int(model["num_attention_heads"])
        if not is_stable:
            hidden = tape.norm(hidden, f"{name}.layer_norm", _GROUP)
        hidden = tape.dropout(hidden, dropout)
        for index in range(model["num_hidden_layers"]):
            yield hidden
            layer = f"{name}.layers.{index}"
            with tape.layer(hidden, mask):
                x = tape.norm(hidden, f"{layer}.layer_norm", _GROUP) if is_stable else hidden
                attention, weights_dropout = f"{layer}.attention", model["attention_dropout"]
                attended = attend(
                    tape, x, x, attention, heads, frames, _GROUP, _ATTENTION, mask=mask, dropout=weights_dropout
                )
                hidden = tape.add(hidden, tape.dropout(attended, dropout))
                if is_stable:
                    x = tape.norm(hidden, f"{layer}.final_layer_norm", _GROUP)
                else:
                    x = hidden = tape.norm(hidden, f"{layer}.layer_norm", _GROUP)
                hidden = tape.add(hidden, self._forward(tape, x, f"{layer}.feed_forward"))
                if not is_stable:
                    hidden = tape.norm(hidden, f"{layer}.final_layer_norm", _GROUP)
                elif model["adapter_attn_dim"] is not None:
                    hidden = tape.add(hidden, self._attention_adapter(tape, hidden, f"{layer}.adapter_layer"))
        yield tape.norm(hidden, f"{name}.layer_norm", _GROUP) if is_stable else hidden

    def _forward(self, tape: Tape, x: Tensor, name: str) -> Tensor:
        model = self.model
        hidden = feed_forward(
            tape,
            x,
            (f"{name}.intermediate_dense", f"{name}.output_dense"),
            int(model["intermediate_size"]),
            _GROUP,
            activation=model["hidden_act"],
            dropout=model["activation_dropout"],
        )
        return tape.dropout(hidden, model["hidden_dropout"])

    def _attention_adapter(self, tape: Tape, x: Tensor, name: str) -> Tensor:
        """The small layers by which a multilingual model knows its language."""
        hidden = tape.norm(x, f"{name}.norm", _GROUP)
        inner, width = int(self.model["adapter_attn_dim"]), int(x.width)
        hidden = tape.linear(hidden, f"{name}.linear_1", inner, _GROUP, is_default=False, four_bit=False)
        hidden = tape.activation(hidden, "relu")
        return tape.linear(hidden, f"{name}.linear_2", width, _GROUP, is_default=False, four_bit=False)

    def _conformer(self, tape: Tape, hidden: Tensor, frames: float, name: str) -> Iterator[Tensor]:
        model = self.model
        hidden = tape.dropout(hidden, model["hidden_dropout"])
        head = int(model["hidden_size"]) // int(model["num_attention_heads"])
        match model["position_embeddings_type"]:
            case "relative":
                places: Tensor | None = tape.buffer(2 * frames - 1, int(model["hidden_size"]))
            case "rotary":  # sines and cosines
                places = tape.data(2 * frames, head, tape.rules.compute_bytes)
            case _:
                places = None
        for index in range(model["num_hidden_layers"]):
            yield hidden
            layer = f"{name}.layers.{index}"
            with tape.layer(hidden, places):
                normed = tape.norm(hidden, f"{layer}.ffn1_layer_norm", _GROUP)
                hidden = tape.add(hidden, self._forward(tape, normed, f"{layer}.ffn1"))
                normed = tape.norm(hidden, f"{layer}.self_attn_layer_norm", _GROUP)
                attended = self._conformer_attention(tape, normed, frames, places, f"{layer}.self_attn")
                hidden = tape.add(hidden, tape.dropout(attended, model["attention_dropout"]))
                hidden = tape.add(hidden, self._convolved(tape, hidden, f"{layer}.conv_module"))
                normed = tape.norm(hidden, f"{layer}.ffn2_layer_norm", _GROUP)
                hidden = tape.add(hidden, self._forward(tape, normed, f"{layer}.ffn2"))
                hidden = tape.norm(hidden, f"{layer}.final_layer_norm", _GROUP)
        yield tape.norm(hidden, f"{name}.layer_norm", _GROUP)

    def _conformer_attention(self, tape: Tape, x: Tensor, frames: float, places: Tensor | None, name: str) -> Tensor:
        model, width = self.model, int(x.width)
        kind, heads = model["position_embeddings_type"], int(model["num_attention_heads"])
        turned = x
        if kind == "rotary" and places is not None:
            if x.grad:
                tape.keep(places)
            turned = tape.result([x], x.rows, x.width)
        queries = tape.linear(turned, f"{name}.linear_q", width, _GROUP)
        keys = tape.linear(turned, f"{name}.linear_k", width, _GROUP)
        values = tape.linear(x, f"{name}.linear_v", width, _GROUP)
        bias = None
        if kind == "relative" and places is not None:
            queries, bias = self._relative(tape, queries, places, frames, heads, name)
        dropout = model["attention_dropout"]
        attended = tape.attention(queries, keys, values, heads, frames, bias=bias, dropout=dropout)
        return tape.linear(attended, f"{name}.linear_out", width, _GROUP)

    def _relative(
        self, tape: Tape, queries: Tensor, places: Tensor, frames: float, heads: int, name: str
    ) -> tuple[Tensor, Tensor]:
        """Queries with a trained bias, and what the distances between frames add to the weights."""
        width = int(queries.width)
        projected = tape.linear(places, f"{name}.linear_pos", width, _GROUP, bias=False, is_default=False)
        shape = (heads, width // heads)
        trains = tape.weight(f"{name}.pos_bias_u", shape, _GROUP)
        tape.weight(f"{name}.pos_bias_v", shape, _GROUP)
        shifted = tape.result([queries], queries.rows, width, trains=trains)
        examples = queries.rows / frames
        if shifted.grad:  # a copy of the projected distances for each example
            tape.keep_bytes(examples * projected.bytes)
        if projected.grad:
            tape.keep_bytes(shifted.bytes)
        tape.result([shifted, projected], queries.rows * heads, 2 * frames - 1)
        bias = tape.result([shifted, projected], queries.rows * heads, frames)
        return tape.result([queries], queries.rows, width, trains=trains), bias

    def _convolved(self, tape: Tape, x: Tensor, name: str) -> Tensor:
        """The convolution module of a conformer layer."""
        width, rows = int(x.width), x.rows
        hidden = tape.norm(x, f"{name}.layer_norm", _GROUP)
        doubled = (2 * width, width, 1)
        hidden = tape.gated(tape.convolution(hidden, f"{name}.pointwise_conv1", doubled, rows, _GROUP, bias=False))
        taps = (width, 1, int(self.model["conv_depthwise_kernel_size"]))
        hidden = tape.convolution(hidden, f"{name}.depthwise_conv", taps, rows, _GROUP, bias=False)
        hidden = tape.frozen_batch_norm(hidden, f"{name}.batch_norm", _GROUP)
        hidden = tape.activation(hidden, self.model["hidden_act"])
        single = (width, width, 1)
        hidden = tape.convolution(hidden, f"{name}.pointwise_conv2", single, rows, _GROUP, bias=False)
        return tape.dropout(hidden, self.model["conformer_conv_dropout"])
