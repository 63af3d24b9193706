"""Speech from espeak-ng: voices, pronunciations, and the corpora that the bundled model was trained on."""
