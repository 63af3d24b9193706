"""Audio encoders with a classification head: Whisper's encoder, wav2vec 2.0, HuBERT, Audio Spectrogram Transformer."""
