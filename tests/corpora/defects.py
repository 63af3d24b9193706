"""A dataset with known defects of every kind, among good items that are hard to tell from them.

`python -m tests.corpora.defects --items 4000 --out DIR --seed 0` writes one for each language (`DIR/en/dataset`,
`DIR/en/truth.json`, ...), ingests it, and prints for each kind what was found, what was missed, and which good items
were taken for bad. The figures are written to `build/validation.json`. Recordings of real people are mixed into the
English ones where a folder of them is given (`--real DIR`, file names `7_jackson_32.wav`).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from engine.audio.reading import read_audio
from engine.data.report import IngestReport
from engine.recipes.whisper_pico.synthesis.espeak import Synthesizer
from engine.stages.ingest import ingest
from tests.corpora.defect_kinds import BAD_KINDS, COPIES, DEFECTS, Made, codes_of, encoded, plain
from tests.corpora.languages import ENGLISH, LANGUAGES, Language
from tests.corpora.speech import CORPUS_RATE_HZ, GOOD_KINDS, Generator, Talkers

BAD_SHARE = 0.3
REAL_SHARE = 0.1  # of the good items, where there are recordings of real people


# ---- the dataset --------------------------------------------------------------------------------------------


def write_dataset(
    out: Path, items: int, seed: int, real: Sequence[Path] = (), language: Language = ENGLISH
) -> dict[str, str]:
    """Write `dataset/` and give the kind of each file by its path (`good/...` for good ones)."""
    dataset = out / "dataset"
    dataset.mkdir(parents=True)
    generator = np.random.default_rng([seed, 0])
    kinds: dict[str, str] = {}
    originals: list[tuple[Path, str, str]] = []
    copied: set[int] = set()
    with Synthesizer() as synthesizer, (dataset / "metadata.jsonl").open("w", encoding="ascii") as metadata:
        talkers = Talkers(seed, synthesizer, language)
        for index in range(items):
            own = np.random.default_rng([seed, 2, index])
            if len(originals) < 10 or generator.random() >= BAD_SHARE or (real and index % round(1 / REAL_SHARE) == 0):
                kind, made = _good(index, talkers, own, real)
            else:
                kind = BAD_KINDS[int(generator.integers(len(BAD_KINDS)))]
                made = _bad(kind, index, talkers, own, originals, copied)
            name = f"{index // 1000:03d}/{index:06d}.{made.ending}"
            path = dataset / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(made.data)
            row = {"file_name": name, "text": made.text, "speaker": made.speaker}
            metadata.write(json.dumps(row) + "\n")
            kinds[name] = kind
            if kind.startswith("good/") and made.ending in ("wav", "flac"):
                originals.append((path, made.text, made.speaker))
    (out / "truth.json").write_text(json.dumps(kinds, indent=0), encoding="utf-8")
    return kinds


def _good(index: int, talkers: Talkers, generator: Generator, real: Sequence[Path]) -> tuple[str, Made]:
    every = round(1 / REAL_SHARE)
    if index % every == 0 and index // every < len(real):  # each of them once
        path = real[index // every]
        digit, speaker, _ = path.stem.split("_")
        return "good/real", Made(encoded(read_audio(path, CORPUS_RATE_HZ)), "wav", ENGLISH.digits[int(digit)], speaker)
    kind = GOOD_KINDS[int(generator.integers(len(GOOD_KINDS)))]
    return f"good/{kind}", plain(talkers.say(kind, index), generator)


def _bad(
    kind: str,
    index: int,
    talkers: Talkers,
    generator: Generator,
    originals: list[tuple[Path, str, str]],
    copied: set[int],
) -> Made:
    if kind in COPIES or kind == "same_file":
        place = next(
            at
            for at in generator.permutation(len(originals)).tolist()
            if at not in copied or len(copied) > len(originals) // 2
        )
        copied.add(place)
        path, text, speaker = originals[place]
        if kind == "same_file":
            return Made(path.read_bytes(), path.suffix[1:], text, speaker)
        made = COPIES[kind](read_audio(path, CORPUS_RATE_HZ), generator)
        made.text, made.speaker = text, speaker
        return made
    said = talkers.say("plain", index)
    if kind == "much_less_text":
        number = index
        while len(said.wave_T) < 4.5 * CORPUS_RATE_HZ:  # one word for so long is too little
            number += 10_000_000
            said = talkers.say("plain", number)
    return DEFECTS[kind][1](said, generator)


# ---- what was found -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Line:
    """One line of the table."""

    kind: str
    items: int = 0
    found: int = 0
    set_aside: int = 0
    """Items that are not in the dataset."""
    warned: int = 0
    """Items that are in it with a warning."""


def compare(kinds: dict[str, str], report: IngestReport) -> tuple[list[Line], dict[str, list[str]]]:
    """A line for each kind, and the paths that were judged wrongly by kind."""
    assert report.validation is not None
    codes: dict[str, set[str]] = {}
    warned: set[str] = set()
    for finding in report.validation.findings:
        if finding.path is not None:
            codes.setdefault(finding.path, set()).add(finding.code)
            if finding.severity == "warning":
                warned.add(finding.path)
    aside = {item.path for item in report.set_aside}
    lines: dict[str, Line] = {}
    wrong: dict[str, list[str]] = {}
    for path, kind in kinds.items():
        line = lines.setdefault(kind, Line(kind))
        line.items += 1
        line.set_aside += path in aside
        line.warned += path in warned and path not in aside
        if kind.startswith("good/"):
            if path in aside:
                wrong.setdefault(kind, []).append(path)
        elif codes.get(path, set()) & set(codes_of(kind)):
            line.found += 1
        else:
            wrong.setdefault(kind, []).append(path)
    return [lines[kind] for kind in sorted(lines)], wrong


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpora.defects", description=__doc__)
    parser.add_argument("--items", type=int, default=4_000, help="in each language")
    parser.add_argument("--quick", action="store_true", help="300 items in each language")
    parser.add_argument("--languages", default=",".join(LANGUAGES), help=f"of {', '.join(LANGUAGES)}; default: all")
    parser.add_argument("--out", type=Path, default=Path("build/defects"), metavar="DIR")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", type=Path, default=Path("../shared/data/fsdd/recordings"), metavar="DIR")
    parser.add_argument("--figures", type=Path, default=Path("build/validation.json"), metavar="FILE")
    parser.add_argument("--keep", action="store_true", help="use the datasets that are there")
    options = parser.parse_args(arguments)
    if unknown := [code for code in options.languages.split(",") if code not in LANGUAGES]:
        parser.error(f"--languages: found {', '.join(unknown)}; allowed: {', '.join(LANGUAGES)}")
    by_language = {code: _measured(LANGUAGES[code], options) for code in options.languages.split(",")}
    for code, figures in by_language.items():
        print(
            f"{code}: found {100 * figures['found_share']:.2f} % of {figures['bad_items']}, lost "
            f"{100 * figures['false_alarm_share']:.3f} % of {figures['good_items']} good items"
        )
    options.figures.parent.mkdir(parents=True, exist_ok=True)
    whole = {"seed": options.seed, **_total(by_language.values()), "languages": by_language}
    options.figures.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    return 0 if all(map(_is_good, by_language.values())) else 1


def _measured(language: Language, options: argparse.Namespace) -> dict[str, Any]:
    """The figures of one language."""
    out = options.out / language.code
    real = sorted(options.real.glob("*.wav")) if language is ENGLISH and options.real.is_dir() else []
    if options.keep and (out / "truth.json").exists():
        kinds = json.loads((out / "truth.json").read_text(encoding="utf-8"))
    else:
        shutil.rmtree(out, ignore_errors=True)
        items = 300 if options.quick else options.items
        print(f"writing {items} items to {out} (recordings of real people: {len(real)})", flush=True)
        kinds = write_dataset(out, items, options.seed, real, language)
    target = out / "version"
    shutil.rmtree(target, ignore_errors=True)
    began, began_cpu = time.perf_counter(), time.process_time()
    report = ingest(out / "dataset", target)
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    lines, wrong = compare(kinds, report)
    figures = summarize(lines, audio_in(out / "dataset"), report.audio_s, wall_s, cpu_s)
    print_table(lines, figures, wrong, report)
    return {**figures, "kinds": [asdict(line) for line in lines]}


def _total(by_language: Collection[dict[str, Any]]) -> dict[str, Any]:
    """The same of all languages together."""
    names = ("items", "bad_items", "found", "good_items", "false_alarms", "good_items_warned")
    total = {name: sum(figures[name] for figures in by_language) for name in names}
    total["found_share"] = total["found"] / max(1, total["bad_items"])
    total["false_alarm_share"] = total["false_alarms"] / max(1, total["good_items"])
    return total


def _is_good(figures: dict[str, Any]) -> bool:
    return bool(figures["found_share"] >= 0.99 and figures["false_alarm_share"] <= 0.001)


def audio_in(folder: Path) -> float:
    """Seconds of audio in the files that can be opened, bad ones too: what is read."""
    total_s = 0.0
    for path in folder.rglob("*.*"):
        try:
            total_s += min(120.0, soundfile.info(path).duration)
        except soundfile.LibsndfileError:
            continue
    return total_s


def summarize(lines: list[Line], read_s: float, good_s: float, wall_s: float, cpu_s: float) -> dict[str, float]:
    """The figures of a run."""
    good = Counter({"items": 0, "aside": 0, "warned": 0})
    bad = Counter({"items": 0, "found": 0})
    for line in lines:
        if line.kind.startswith("good/"):
            good.update(items=line.items, aside=line.set_aside, warned=line.warned)
        else:
            bad.update(items=line.items, found=line.found)
    return {
        "items": good["items"] + bad["items"],
        "bad_items": bad["items"],
        "found": bad["found"],
        "found_share": bad["found"] / max(1, bad["items"]),
        "good_items": good["items"],
        "false_alarms": good["aside"],
        "false_alarm_share": good["aside"] / max(1, good["items"]),
        "good_items_warned": good["warned"],
        "good_audio_s": round(good_s, 1),
        "read_audio_s": round(read_s, 1),
        "wall_s": round(wall_s, 2),
        "cpu_s": round(cpu_s, 2),
        "audio_s_per_s": round(read_s / wall_s, 1),
        "audio_s_per_cpu_s": round(read_s / cpu_s, 1),
    }


def print_table(
    lines: list[Line], figures: dict[str, float], wrong: dict[str, list[str]], report: IngestReport
) -> None:
    """The figures for people."""
    print(f"{'kind':<24}{'items':>7}{'found':>7}{'missed':>7}{'aside':>7}{'warned':>8}")
    for line in lines:
        is_good = line.kind.startswith("good/")
        found = "" if is_good else str(line.found)
        missed = "" if is_good else str(line.items - line.found)
        print(f"{line.kind:<24}{line.items:>7}{found:>7}{missed:>7}{line.set_aside:>7}{line.warned:>8}")
    print(
        f"found {figures['found']:.0f} of {figures['bad_items']:.0f} ({100 * figures['found_share']:.2f} %), set aside "
        f"{figures['false_alarms']:.0f} of {figures['good_items']:.0f} good items ({100 * figures['false_alarm_share']:.3f} %), "
        f"{figures['wall_s']:.0f} s for {figures['read_audio_s'] / 3600:.2f} h: {figures['audio_s_per_s']:.0f} "
        f"audio-seconds per second, {figures['audio_s_per_cpu_s']:.0f} per second of processor time"
    )
    reasons = {item.path: f"{item.code}: {item.reason}" for item in report.set_aside}
    for kind, paths in sorted(wrong.items()):
        for path in paths[:3]:
            print(f"  {kind}: {path} {reasons.get(path, '(nothing)')[:150]}")


if __name__ == "__main__":
    sys.exit(main())
