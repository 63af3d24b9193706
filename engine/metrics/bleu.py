"""BLEU, computed with sacrebleu."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import sacrebleu

from engine.metrics.pairs import References, check_texts
from engine.metrics.primary import primary_rate

Tokenizer = Literal["13a", "char", "zh", "intl"]
"""A tokenizer of sacrebleu that needs no download and no dictionary."""


def bleu_tokenizer(references: Iterable[str]) -> Tokenizer:
    """`char` if most texts are in scripts without spaces between words, else `13a`, which splits off punctuation.

    For Chinese, sacrebleu's own default is `zh`, which keeps Latin words whole and gives other scores than `char`.

    Source: the evaluation protocol of SeamlessM4T, docs/m4t/eval_README.md in facebookresearch/seamless_communication
    (`char` for Chinese, Japanese, Thai, Lao and Burmese, as Whisper).
    """
    return "char" if primary_rate(references) == "cer" else "13a"


def bleu(references: References, predictions: Sequence[str], tokenizer: Tokenizer | None = None) -> float:
    """Corpus BLEU, 0 to 100, of texts as written: with case and punctuation, not tokenised.

    The corpus's n-grams are counted together, so BLEU is no mean over examples. It is 0 if no prediction has four
    tokens.

    Args:
        references: the reference texts of each example; examples may differ in their number.
        predictions: one text per example; an empty one lowers the brevity penalty.
        tokenizer: None chooses by the script of the references, with `bleu_tokenizer`.

    Raises:
        TypeError: a text in place of an example's list of texts.
        ValueError: no examples, another number of predictions, or an example without a reference.

    Source: Papineni et al. 2002; Post 2018, `case:mixed|eff:no|smooth:exp` in sacrebleu's signature.
    """
    check_texts(references, predictions)
    tokenizer = tokenizer or bleu_tokenizer(text for texts in references for text in texts)
    # sacrebleu takes the first references of all examples, then the second ones. A repeated reference adds no n-gram.
    most = max(map(len, references))
    streams = [[texts[min(i, len(texts) - 1)] for texts in references] for i in range(most)]
    return float(sacrebleu.corpus_bleu(list(predictions), streams, force=True, tokenize=tokenizer).score)
