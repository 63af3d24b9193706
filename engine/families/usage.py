"""How plain transformers and peft load what was trained: the lines of its card."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.config.methods.base import MethodFields


@dataclass(frozen=True, slots=True)
class Usage:
    """What the card of an adapter or a model needs to know of its family.

    The lines use the names `model`, `processor`, and `recording`: a path.
    """

    model_class: str
    """Class of transformers that loads the model."""
    processor_class: str
    call: tuple[str, ...]
    """Lines that run the model and print what it says."""
    kept_whole: tuple[str, ...] = ()
    """Modules that stay in full precision on a 4-bit base."""
    new_head: str = ""
    """Further arguments for a base that gets a new head, such as `num_labels=10`; empty if it gets none."""
    command: str | None = None
    """A `lim` command; `{option}` stands for the option that names what was trained."""

    def lines(self, method: MethodFields) -> list[str]:
        """Markdown: the command, and a block of Python."""
        is_adapter = method.output == "adapter"
        told = []
        if self.command is not None:
            command = self.command.format(option="--adapter DIR" if is_adapter else "--model DIR")
            told = ["```bash", command, "```", ""]
        libraries = "plain transformers and peft" if is_adapter else "plain transformers"
        return [*told, f"{'or with' if told else 'With'} {libraries}:", "", "```python", *self.code(method), "```"]

    def code(self, method: MethodFields) -> list[str]:
        """Lines of Python."""
        return [*(self._adapter(method) if method.output == "adapter" else self._model()), *self.call]

    def _model(self) -> Iterator[str]:
        yield f"from transformers import {', '.join(sorted({self.model_class, self.processor_class}))}"
        yield ""
        yield f"model = {self.model_class}.from_pretrained(DIR)"
        yield f"processor = {self.processor_class}.from_pretrained(DIR)"

    def _adapter(self, method: MethodFields) -> Iterator[str]:
        four_bit = method.four_bit
        quantizes = ["BitsAndBytesConfig"] if four_bit is not None else []
        yield "from peft import PeftModel"
        yield f"from transformers import {', '.join(sorted({*quantizes, self.model_class, self.processor_class}))}"
        yield ""
        arguments = ["BASE", self.new_head] if self.new_head else ["BASE"]
        if four_bit is not None:
            yield "# The same 4-bit base as in training: on a base in full precision the output can differ a little."
            yield "four_bit = BitsAndBytesConfig("
            yield f'    load_in_4bit=True, bnb_4bit_quant_type="{four_bit.kind}",'
            skips = f" llm_int8_skip_modules={list(self.kept_whole)!r}," if self.kept_whole else ""
            yield f"    bnb_4bit_use_double_quant={four_bit.double},{skips}"
            yield ")"
            arguments.append("quantization_config=four_bit")
        yield f"base = {self.model_class}.from_pretrained({', '.join(arguments)})"
        yield "model = PeftModel.from_pretrained(base, DIR)"
        yield f"processor = {self.processor_class}.from_pretrained({'DIR' if self.new_head else 'BASE'})"
