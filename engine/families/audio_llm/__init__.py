"""Language models that hear: an audio encoder, a projector and a text decoder (Qwen2-Audio, Voxtral)."""
