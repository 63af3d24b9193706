"""The architecture of the bundled model, whisper-pico: `python -m engine.recipes.whisper_pico.architecture --out DIR`.

Its tokens are bytes, so it can write any text and needs no vocabulary beyond the 256 bytes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperProcessor, WhisperTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

_SPECIAL = ("<|endoftext|>", "<|startoftranscript|>", "<|notimestamps|>")


def _special_ids() -> tuple[int, int, int]:
    """Ids of end of text, start of transcript, no timestamps: they follow the 256 bytes."""
    end, start, no_timestamps = (256 + i for i in range(len(_SPECIAL)))
    return end, start, no_timestamps


def build_config(
    *, width: int = 128, heads: int = 4, encoder_layers: int = 6, decoder_layers: int = 2
) -> WhisperConfig:
    """Whisper's architecture at a width whose weights stay under 12 MB."""
    end, start, _ = _special_ids()
    config = WhisperConfig(
        vocab_size=256 + len(_SPECIAL),
        d_model=width,
        encoder_layers=encoder_layers,
        decoder_layers=decoder_layers,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width,
        max_source_positions=1500,
        max_target_positions=128,
        pad_token_id=end,
        bos_token_id=end,
        eos_token_id=end,
        decoder_start_token_id=start,
        # Wider than the 0.02 of large models: at this width attention finds the audio in half as many steps.
        init_std=0.06,
        suppress_tokens=None,
        begin_suppress_tokens=None,
        architectures=["WhisperForConditionalGeneration"],
    )
    # A field of this project: measure and use the model without padding to a whole window.
    config.audio_context = "short"
    return config


def build_processor() -> WhisperProcessor:
    """Whisper's features, and bytes as tokens."""
    vocabulary = {character: i for i, character in enumerate(bytes_to_unicode().values())}
    vocabulary |= {token: 256 + i for i, token in enumerate(_SPECIAL)}
    tokenizer = WhisperTokenizer(
        vocab=vocabulary,
        merges=[],
        pad_token="<|endoftext|>",
        additional_special_tokens=list(_SPECIAL[1:]),
        # The model has learned lower-case words without punctuation; training texts are normalised to that form.
        text_normalizer="basic",
        model_max_length=128,
    )
    return WhisperProcessor(WhisperFeatureExtractor(feature_size=80), tokenizer)


def write(folder: Path, config: WhisperConfig | None = None) -> None:
    """Write a model folder without weights."""
    config = config or build_config()
    folder.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(str(folder))
    build_processor().save_pretrained(str(folder))
    # The prefix of every English-only Whisper: <|startoftranscript|><|notimestamps|>.
    _, _, no_timestamps = _special_ids()
    GenerationConfig(
        bos_token_id=config.bos_token_id,
        eos_token_id=config.eos_token_id,
        pad_token_id=config.pad_token_id,
        decoder_start_token_id=config.decoder_start_token_id,
        no_timestamps_token_id=no_timestamps,
        is_multilingual=False,
        return_timestamps=False,
        max_length=config.max_target_positions,
    ).save_pretrained(str(folder))


def main() -> None:
    """Write the architecture to a folder."""
    parser = argparse.ArgumentParser(
        description="Write whisper-pico's architecture, tokenizer and feature extractor (no weights).",
        epilog="example: python -m engine.recipes.whisper_pico.architecture --out build/whisper-pico-architecture",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    write(parser.parse_args().out)


if __name__ == "__main__":
    main()
