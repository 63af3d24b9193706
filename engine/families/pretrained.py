"""Load pre-trained weights with transformers, in 4 bits or in full precision, and reject those that are not the model's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import nn
from transformers import BitsAndBytesConfig

from engine.errors import ModelError
from engine.families.contract import LoadOptions

_SHOWN: Final = 5


def in_four_bits(options: LoadOptions, kept: Sequence[str] = ()) -> BitsAndBytesConfig | None:
    """How transformers keeps linear layers in 4 bits; None: in full precision.

    Args:
        options: how the base is loaded.
        kept: names of linear layers that stay in full precision.
    """
    if options.quantization is None:
        return None
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=options.quantization.kind,
        bnb_4bit_use_double_quant=options.quantization.double,
        bnb_4bit_compute_dtype=options.compute_dtype,
        llm_int8_skip_modules=list(kept),
    )


def load_weights(
    model_class: Any, source: str, options: LoadOptions, *, kept: Sequence[str] = (), constants: tuple[str, ...] = ()
) -> Any:
    """A model with all its weights, in float32 or 4 bits.

    Args:
        model_class: of transformers.
        source: folder or hub id.
        options: how to load it.
        kept: names of linear layers that stay in full precision.
        constants: ends of the names of tensors that a source may lack, because the architecture defines them.

    Raises:
        ModelError: the source lacks weights, or has some of another shape.
    """
    model, report = model_class.from_pretrained(
        source,
        dtype=torch.float32,
        quantization_config=in_four_bits(options, kept),
        device_map={"": options.device},
        use_safetensors=True,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # named below instead
        revision=options.revision,
    )
    others = [f"{name} ({list(found)}, not {list(wanted)})" for name, found, wanted in report["mismatched_keys"]]
    others += _mismatched_in_four_bits(model)
    if others:
        raise ModelError(
            f"{source!r} has {len(others)} weights of other shapes than its config.json says: {_shortened(others)}; take "
            "config and weights from one model"
        )
    missing = [name for name in report["missing_keys"] if not name.endswith(constants)]
    if missing:
        raise ModelError(
            f"{source!r} lacks {len(missing)} of the model's weights: {_shortened(missing)}; take its whole folder"
        )
    leave_file(model, options)
    return model


def leave_file(model: nn.Module, options: LoadOptions) -> None:
    """Copy the weights of a 4-bit model that are not in 4 bits out of the file that they were read from.

    On a processor, float32 weights of a float32 file are a part of its mapping. It would stay, with all pages that were
    read: also those of the layers in 4 bits, eight times their size.
    """
    if options.quantization is None:
        return
    for weight in model.parameters():
        if weight.device.type == "cpu" and not hasattr(weight, "quant_state"):
            weight.data = weight.data.clone()
    for module in model.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if buffer.device.type == "cpu":
                setattr(module, name, buffer.clone())  # with `.data`, it would still be a view of the file's tensor


def _mismatched_in_four_bits(model: nn.Module) -> list[str]:
    """Weights in 4 bits whose shape is not their layer's; transformers (5.23) does not compare them."""
    found = []
    module: Any
    for name, module in model.named_modules():
        state = getattr(getattr(module, "weight", None), "quant_state", None)
        if state is not None and tuple(state.shape) != (module.out_features, module.in_features):
            wanted = [module.out_features, module.in_features]
            found.append(f"{name}.weight ({list(state.shape)}, not {wanted})")
    return found


def _shortened(names: Sequence[str]) -> str:
    return ", ".join(sorted(names)[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
