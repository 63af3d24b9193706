"""A dataset with known defects of every kind, among good items that are hard to tell from them.

`python -m tests.corpora.defects --items 20000 --out DIR --seed 0` writes one (`DIR/dataset`, `DIR/truth.json`), ingests
it, and prints for each kind what was found, what was missed, and which good items were taken for bad. The figures are
written to `build/validation.json`. Recordings of real people are mixed in where a folder of them is given (`--real DIR`,
file names `7_jackson_32.wav`).
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile

from engine.audio.reading import read_audio, resample
from engine.data.ingest import ingest
from engine.data.layouts.file_names import DIGITS as DIGIT_WORDS
from engine.data.report import IngestReport
from engine.synthesis.espeak import Synthesizer
from tests.corpora.speech import CORPUS_RATE_HZ, GOOD_KINDS, WORDS, Generator, Said, Talkers, Wave, at_peak, noise, rms

BAD_SHARE = 0.3
REAL_SHARE = 0.1  # of the good items, where there are recordings of real people


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of defect."""

    name: str
    codes: tuple[str, ...]
    """Codes of which the report has to give one."""


@dataclass(slots=True)
class Made:
    """A file and its row."""

    data: bytes
    ending: str
    text: str
    speaker: str


# ---- files --------------------------------------------------------------------------------------------------


def encoded(wave_T: Wave, ending: str = "wav", rate_hz: int = CORPUS_RATE_HZ) -> bytes:
    """A file of a wave."""
    formats = {
        "wav": ("WAV", "PCM_16"),
        "flac": ("FLAC", "PCM_16"),
        "ogg": ("OGG", "VORBIS"),
        "mp3": ("MP3", "MPEG_LAYER_III"),
    }
    container, subtype = formats[ending]
    file = io.BytesIO()
    soundfile.write(file, np.clip(wave_T, -1.0, 32767 / 32768), rate_hz, format=container, subtype=subtype)
    return file.getvalue()


def _plain(said: Said, generator: Generator) -> Made:
    ending = ("wav", "wav", "flac", "ogg", "mp3")[int(generator.integers(5))]
    return Made(encoded(said.wave_T, ending), ending, said.text, said.speaker)


def _cut(ending: str) -> Callable[[Said, Generator], Made]:
    def make(said: Said, generator: Generator) -> Made:
        data = encoded(said.wave_T, ending)
        return Made(data[: int(generator.integers(1, len(data)))], ending, said.text, said.speaker)

    return make


def _damaged(said: Said, generator: Generator) -> Made:
    """A block of the file overwritten: of WAV, which has no checksum, 512 bytes or more."""
    ending = ("wav", "flac", "ogg")[int(generator.integers(3))]
    data = bytearray(encoded(said.wave_T, ending))
    length = min(int(generator.integers(512, 4096)), len(data) // 3)
    at = int(generator.integers(44, len(data) - length))
    data[at : at + length] = generator.bytes(length)
    return Made(bytes(data), ending, said.text, said.speaker)


def _no_audio(said: Said, generator: Generator) -> Made:
    return Made(generator.bytes(int(generator.integers(0, 20_000))), "wav", said.text, said.speaker)


def _lying_header(said: Said, generator: Generator) -> Made:
    data = bytearray(encoded(said.wave_T))
    size = int.from_bytes(data[40:44], "little")
    data[40:44] = (size + int(generator.integers(2, 2 * size))).to_bytes(4, "little")
    return Made(bytes(data), "wav", said.text, said.speaker)


# ---- sound --------------------------------------------------------------------------------------------------


def _sound(change: Callable[[Wave, Generator], Wave]) -> Callable[[Said, Generator], Made]:
    return lambda said, generator: Made(encoded(change(said.wave_T, generator)), "wav", said.text, said.speaker)


def _silence(wave_T: Wave, generator: Generator) -> Wave:
    return np.zeros_like(wave_T)


def _quiet_noise(wave_T: Wave, generator: Generator) -> Wave:
    level = 10 ** (float(generator.uniform(-80.0, -38.0)) / 20)
    if generator.random() < 0.5:
        return noise(len(wave_T), level, generator)
    spectrum_K = np.fft.rfft(generator.standard_normal(len(wave_T)))
    pink_T = np.fft.irfft(spectrum_K / np.sqrt(np.maximum(np.arange(len(spectrum_K)), 20)), len(wave_T)).astype(
        np.float32
    )
    return pink_T * np.float32(level / rms(pink_T))


def _offset(wave_T: Wave, generator: Generator) -> Wave:
    offset = float(generator.choice((-1, 1)) * generator.uniform(0.01, 0.9))
    return np.full_like(wave_T, offset) + noise(len(wave_T), 1e-4, generator)


def _overdriven(wave_T: Wave, generator: Generator) -> Wave:
    return np.clip(at_peak(wave_T, float(generator.uniform(6.0, 20.0))), -1.0, 1.0)


def _clipped_low(wave_T: Wave, generator: Generator) -> Wave:
    wave_T = at_peak(wave_T, -3.0)
    limit = float(np.abs(wave_T).max() * generator.uniform(0.1, 0.5))
    return np.clip(wave_T, -limit, limit)


def _clipped_and_turned_down(wave_T: Wave, generator: Generator) -> Wave:
    return _overdriven(wave_T, generator) * np.float32(10 ** (-float(generator.uniform(1.0, 25.0)) / 20))


def _clipped_on_one_side(wave_T: Wave, generator: Generator) -> Wave:
    return np.minimum(wave_T, np.float32(wave_T.max() * generator.uniform(0.1, 0.45)))


def _too_long(wave_T: Wave, generator: Generator) -> Wave:
    times = int(np.ceil(generator.uniform(30.5, 60.0) * CORPUS_RATE_HZ / len(wave_T)))
    return np.tile(wave_T, times)


def _too_short(wave_T: Wave, generator: Generator) -> Wave:
    return wave_T[: int(generator.uniform(1, 0.045 * CORPUS_RATE_HZ))]


def _other_rate(said: Said, generator: Generator) -> Made:
    """Samples at 16 kHz in a file that says another rate."""
    rate_hz = int(generator.choice((8_000, 22_050, 44_100, 48_000)))
    return Made(encoded(said.wave_T, "wav", rate_hz), "wav", said.text, said.speaker)


# ---- text ---------------------------------------------------------------------------------------------------


def _text(change: Callable[[Said, Generator], str]) -> Callable[[Said, Generator], Made]:
    return lambda said, generator: Made(encoded(said.wave_T), "wav", change(said, generator), said.speaker)


def _much_more(said: Said, generator: Generator) -> str:
    """Three to six times as many words, and twelve at least."""
    words = max(12, round(len(said.text.split()) * float(generator.uniform(3.0, 6.0))))
    return " ".join(generator.choice(WORDS, size=words))


def _much_less(said: Said, generator: Generator) -> str:
    return said.text.split()[0]


def _garbled(said: Said, generator: Generator) -> str:
    words = (
        "café",
        "naïve",
        "größer",
        "señor",
        "don’t",
        "“so”",
        "Łódź",
        "привет",
        "für",
        "déjà",
        "Ελλάδα",
        "100 €",
        "你好",
    )
    word = words[int(generator.integers(len(words)))]
    code_page = ("cp1252", "latin-1")[int(generator.integers(2))]
    garbled = "".join(_as(bytes([byte]), code_page) for byte in word.encode())
    return f"{said.text} {garbled} {said.text.split()[0]}"


def _as(byte: bytes, code_page: str) -> str:
    try:
        return byte.decode(code_page)
    except UnicodeDecodeError:
        return byte.decode("latin-1")


def _replaced(said: Said, generator: Generator) -> str:
    at = int(generator.integers(len(said.text)))
    return said.text[:at] + "\ufffd" + said.text[at:]


def _controlled(said: Said, generator: Generator) -> str:
    at = int(generator.integers(1, max(2, len(said.text) - 1)))
    control = ("\x00", "\x07", "\x1b", "\x7f", "\x9d", "\x08")[int(generator.integers(6))]
    return said.text[:at] + control + said.text[at:]


def _surrogate(said: Said, generator: Generator) -> str:
    return said.text + " " + chr(0xD800 + int(generator.integers(0x800)))


def _two_alphabets(said: Said, generator: Generator) -> str:
    pairs = {"a": "а", "e": "е", "o": "о", "c": "с", "p": "р", "x": "х"}
    words = ("peace", "people", "once", "place", "open", "ocean")
    word = words[int(generator.integers(len(words)))]
    at = next(place for place, letter in enumerate(word) if letter in pairs)
    return f"{said.text} {word[:at]}{pairs[word[at]]}{word[at + 1 :]}"


def _personal(said: Said, generator: Generator) -> str:

    def digits(count: int) -> str:
        return "".join(str(digit) for digit in generator.integers(10, size=count))

    user = f"{generator.choice(('ada', 'eve', 'bob'))}{generator.choice(('.example', '_' + digits(2), ''))}"
    card = "4" + digits(14)
    card += str(next(digit for digit in range(10) if _luhn(card + str(digit))))
    account = digits(18)
    checksum = 98 - int(account + "131400") % 97  # "DE00" behind the account: D is 13, E is 14
    choices = (
        f"{user}@example{digits(1)}.com",
        f"{user}@mail.example.co.uk",
        f"555-{digits(3)}-{digits(4)}",
        f"(212) 555-{digits(4)}",
        f"+49 171 {digits(7)}",
        f"020 7946 {digits(4)}",
        card,
        " ".join(card[at : at + 4] for at in range(0, 16, 4)),
        f"DE{checksum:02d}{account}",
        f"DE{checksum:02d} " + " ".join(account[at : at + 4] for at in range(0, 18, 4)),
        f"192.168.{generator.integers(256)}.{generator.integers(256)}",
        f"2001:db8::{generator.integers(1, 9999)}:1",
        f"https://example.com/users/{user}",
        f"https://{user}:secret@example.com/",
        f"{generator.integers(1, 999)} Oak Street",
        f"{generator.integers(1, 99)} Maple Avenue",
    )
    return f"{said.text} {choices[int(generator.integers(len(choices)))]}"


def _luhn(number: str) -> bool:
    odd, even = number[-1::-2], number[-2::-2]
    return (sum(map(int, odd)) + sum(sum(divmod(2 * int(digit), 10)) for digit in even)) % 10 == 0


# ---- copies -------------------------------------------------------------------------------------------------


def _at_speed(wave_T: Wave, speed: float) -> Wave:
    return np.interp(np.arange(int(len(wave_T) / speed)) * speed, np.arange(len(wave_T)), wave_T).astype(np.float32)


def _copy_gain(wave_T: Wave, generator: Generator) -> Made:
    return _copied(wave_T * np.float32(10 ** (-float(generator.uniform(1.0, 12.0)) / 20)))


def _copied(wave_T: Wave, ending: str = "wav", rate_hz: int = CORPUS_RATE_HZ) -> Made:
    return Made(encoded(wave_T, ending, rate_hz), ending, "", "")


def _copy_resampled(wave_T: Wave, generator: Generator) -> Made:
    rate_hz = int(generator.choice((8_000, 11_025, 22_050, 44_100)))
    return _copied(resample(wave_T, CORPUS_RATE_HZ, rate_hz), rate_hz=rate_hz)


def _copy_trimmed(wave_T: Wave, generator: Generator) -> Made:
    before, after = generator.integers(0, 800, size=2).tolist()
    return _copied(wave_T[before : len(wave_T) - after])


def _copy_shifted(wave_T: Wave, generator: Generator) -> Made:
    return _copied(np.concatenate([noise(int(generator.integers(100, 4000)), 1e-4, generator), wave_T]))


COPIES: dict[str, Callable[[Wave, Generator], Made]] = {
    "copy_with_gain": _copy_gain,
    "copy_with_noise": lambda wave_T, g: _copied(
        wave_T + noise(len(wave_T), rms(wave_T) * 10 ** (-float(g.uniform(27, 40)) / 20), g)
    ),
    "copy_resampled": _copy_resampled,
    "copy_mp3": lambda wave_T, _: _copied(wave_T, "mp3"),
    "copy_ogg": lambda wave_T, _: _copied(wave_T, "ogg"),
    "copy_trimmed": _copy_trimmed,
    "copy_shifted": _copy_shifted,
    "copy_faster": lambda wave_T, g: _copied(_at_speed(wave_T, float(g.choice((0.99, 1.01))))),
}
DEFECTS: dict[str, tuple[tuple[str, ...], Callable[[Said, Generator], Made]]] = {
    "truncated_wav": (("truncated", "corrupt", "empty_file"), _cut("wav")),
    "truncated_flac": (("truncated", "corrupt", "empty_file"), _cut("flac")),
    "truncated_ogg": (("truncated", "corrupt", "empty_file"), _cut("ogg")),
    "truncated_mp3": (("truncated", "corrupt", "empty_file"), _cut("mp3")),
    "lying_header": (("truncated",), _lying_header),
    "damaged": (("corrupt", "truncated", "empty_file"), _damaged),
    "no_audio": (("corrupt", "empty_file", "unsupported_format"), _no_audio),
    "silent_zeros": (("silent",), _sound(_silence)),
    "silent_noise": (("silent",), _sound(_quiet_noise)),
    "silent_offset": (("silent",), _sound(_offset)),
    "clipped_by_gain": (("clipped", "clipped_a_little"), _sound(_overdriven)),
    "clipped_low": (("clipped", "clipped_a_little"), _sound(_clipped_low)),
    "clipped_then_quieter": (("clipped", "clipped_a_little"), _sound(_clipped_and_turned_down)),
    "clipped_one_side": (("clipped", "clipped_a_little"), _sound(_clipped_on_one_side)),
    "too_long": (("too_long",), _sound(_too_long)),
    "too_short": (("too_short",), _sound(_too_short)),
    "other_rate": (("other_rate", "wrong_rate", "mismatched_text"), _other_rate),
    "no_text": (("missing_text",), _text(lambda said, g: ("", "  ", "...", "?", "-")[int(g.integers(5))])),
    "much_more_text": (("mismatched_text", "unusual_rate"), _text(_much_more)),
    "much_less_text": (("mismatched_text", "unusual_rate"), _text(_much_less)),
    "mojibake": (("unreadable_text",), _text(_garbled)),
    "replacement": (("unreadable_text",), _text(_replaced)),
    "control": (("unreadable_text",), _text(_controlled)),
    "surrogate": (("unreadable_text",), _text(_surrogate)),
    "two_alphabets": (("mixed_scripts",), _text(_two_alphabets)),
    "personal_data": (("personal_data", "possible_personal_data"), _text(_personal)),
    "same_file": (("duplicate_audio",), _plain),  # made from an earlier file
}
DUPLICATE_CODES = ("near_duplicate", "duplicate_audio")
BAD_KINDS = (*DEFECTS, *COPIES)


def codes_of(kind: str) -> tuple[str, ...]:
    """Codes of which the report has to give one for an item of a kind."""
    return DUPLICATE_CODES if kind in COPIES else DEFECTS[kind][0]


# ---- the dataset --------------------------------------------------------------------------------------------


def write_dataset(out: Path, items: int, seed: int, real: Sequence[Path] = ()) -> dict[str, str]:
    """Write `dataset/` and give the kind of each file by its path (`good/...` for good ones)."""
    dataset = out / "dataset"
    dataset.mkdir(parents=True)
    generator = np.random.default_rng([seed, 0])
    kinds: dict[str, str] = {}
    originals: list[tuple[Path, str, str]] = []
    copied: set[int] = set()
    with Synthesizer() as synthesizer, (dataset / "metadata.jsonl").open("w", encoding="ascii") as metadata:
        talkers = Talkers(seed, synthesizer)
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
        return "good/real", Made(encoded(read_audio(path, CORPUS_RATE_HZ)), "wav", DIGIT_WORDS[int(digit)], speaker)
    kind = GOOD_KINDS[int(generator.integers(len(GOOD_KINDS)))]
    return f"good/{kind}", _plain(talkers.say(kind, index), generator)


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
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--out", type=Path, default=Path("build/defects"), metavar="DIR")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", type=Path, default=Path("../shared/data/fsdd/recordings"), metavar="DIR")
    parser.add_argument("--figures", type=Path, default=Path("build/validation.json"), metavar="FILE")
    parser.add_argument("--keep", action="store_true", help="use the dataset that is there")
    options = parser.parse_args(arguments)
    real = sorted(options.real.glob("*.wav")) if options.real.is_dir() else []
    if options.keep and (options.out / "truth.json").exists():
        kinds = json.loads((options.out / "truth.json").read_text(encoding="utf-8"))
    else:
        shutil.rmtree(options.out, ignore_errors=True)
        print(f"writing {options.items} items to {options.out} (recordings of real people: {len(real)})", flush=True)
        kinds = write_dataset(options.out, options.items, options.seed, real)
    target = options.out / "version"
    shutil.rmtree(target, ignore_errors=True)
    began, began_cpu = time.perf_counter(), time.process_time()
    report = ingest(options.out / "dataset", target)
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    lines, wrong = compare(kinds, report)
    figures = summarize(lines, audio_in(options.out / "dataset"), report.audio_s, wall_s, cpu_s)
    print_table(lines, figures, wrong, report)
    options.figures.parent.mkdir(parents=True, exist_ok=True)
    options.figures.write_text(
        json.dumps({"seed": options.seed, **figures, "kinds": [asdict(line) for line in lines]}, indent=1) + "\n"
    )
    return 0 if figures["found_share"] >= 0.99 and figures["false_alarm_share"] <= 0.001 else 1


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
