"""Encoders that spell what they hear, trained with CTC: wav2vec 2.0, HuBERT, Wav2Vec2-Conformer."""
