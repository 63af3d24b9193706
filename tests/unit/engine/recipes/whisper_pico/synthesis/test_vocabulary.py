from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from engine.recipes.whisper_pico.synthesis.corpus import CorpusRecipe, utterance
from engine.recipes.whisper_pico.synthesis.espeak import RATE_HZ, SynthesisError, Synthesizer, Voice, transcribe
from engine.recipes.whisper_pico.synthesis.pronunciation import FOREIGN_ACCENTS, WORDS, is_english, pronounce
from engine.recipes.whisper_pico.synthesis.vocabulary import common_words


def test_the_dictionary_says_how_words_sound() -> None:
    assert transcribe(["seven", "house"]) == [("s", "'E", "v", "@", "n"), ("h", "'aU", "s")]
    with pytest.raises(SynthesisError, match="no accent"):
        transcribe(["seven"], "klingon")


def test_no_two_words_sound_alike_and_none_like_one_of_the_domain() -> None:
    vocabulary = common_words(3000)
    assert len(vocabulary.words) > 2500
    assert not set(vocabulary.words) & set(WORDS)
    assert not {"to", "won", "know", "write"} & set(vocabulary.words)  # two, one, no, right
    heard = Counter(tuple(sound.lstrip("',") for sound in sounds) for sounds in transcribe([*vocabulary.words, *WORDS]))
    assert heard.most_common(1)[0][1] == 1


def test_more_words_begin_with_the_fewer() -> None:
    few, more = common_words(500), common_words(1000)
    assert more.words[: len(few.words)] == few.words


@pytest.mark.parametrize("accent", sorted(FOREIGN_ACCENTS))
def test_no_accent_cuts_a_word_short(accent: str) -> None:
    """A phoneme that a language lacks ends the word there."""
    vocabulary = common_words(3000)
    generator = np.random.default_rng(0)
    with Synthesizer() as synthesizer:
        for place in generator.choice(len(vocabulary.foreign), size=12, replace=False):
            word = vocabulary.foreign[int(place)]
            spoken = pronounce(word, accent, generator, phonemes=vocabulary.phonemes)
            seconds = len(synthesizer.speak(spoken, Voice(accent))) / RATE_HZ
            assert seconds > 0.09 + 0.02 * len(vocabulary.phonemes[word].split()), (word, spoken, seconds)


def test_speakers_of_other_languages_say_only_words_whose_sounds_they_have() -> None:
    recipe = CorpusRecipe(word_share=1.0, vocabulary=300, seed=5)
    vocabulary = common_words(300)
    said: dict[bool, set[str]] = {True: set(), False: set()}
    with Synthesizer() as synthesizer:
        for index in range(60):
            wave_T, text, speaker = utterance(recipe, "train", index, synthesizer)
            assert len(wave_T) > 1000
            said[is_english(speaker.partition("+")[0])] |= set(text.split())
    assert said[True] <= set(vocabulary.words)
    assert said[False] <= set(vocabulary.foreign)
    assert said[True] - set(vocabulary.foreign), "English speakers say the others too"


def test_a_share_of_none_changes_nothing() -> None:
    with Synthesizer() as synthesizer:
        plain = [utterance(CorpusRecipe(seed=3), "train", index, synthesizer)[1] for index in range(5)]
        other = [utterance(CorpusRecipe(seed=3, vocabulary=9), "train", index, synthesizer)[1] for index in range(5)]
    assert plain == other
