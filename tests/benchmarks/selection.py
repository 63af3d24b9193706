"""Reading, decoding, resampling and finding speech: Ray Data as a selection uses it, beside a plain process pool.

Both sides do the same work on the same blocks with `engine.segments.segmenting.segment_batch`, each in processes of
its own on the same machine, and are timed from the first block asked for to the last one there. The pool's processes
are forked from one that has imported everything; the cluster stands, and its workers have imported it too, as they do
while a driver loads its model. docs/BENCHMARKS.md says more.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from engine.audio.reading import read_audio, resample
from engine.config.selection import SelectionConfig
from engine.data.example import Utterance, make_utterance
from engine.data.manifest import read_manifest, write_manifest
from engine.segments.segment import Segment
from engine.segments.segmenting import SegmentLimits, reading_batches, segment_batch
from services.footprint import FootprintSampler

_ROOT = Path(__file__).resolve().parents[2]
_DEMO_SPEECH = _ROOT / "engine" / "data" / "bundled" / "demo-speech"
_RATE_HZ = 22_050
_CONFIG = SelectionConfig()
_EXAMPLES = """\
examples:
  python -m tests.benchmarks.selection                           1 h and 10 h of audio, about 12 minutes
  python -m tests.benchmarks.selection --hours 0.02 0.1          see that it runs
"""


def main() -> int:
    """Make the audio, run the sides in turns, print a table, write the report."""
    arguments = _parser().parse_args()
    if arguments.side:
        print(json.dumps(_SIDES[arguments.side](arguments.corpus, arguments.workers, arguments.memory)))
        return 0
    short_h, long_h = sorted(arguments.hours)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    load_before = os.getloadavg()[0]
    corpora = {hours: arguments.audio / f"{hours:g}h" for hours in (short_h, long_h)}
    for hours, corpus in corpora.items():
        _make_corpus(corpus, hours * 3600)
    measured: dict[str, list[dict[str, Any]]] = {"pool": [], "ours": []}
    for number in range(arguments.runs):
        for side in list(measured)[:: -1 if number % 2 else 1]:
            measured[side].append(_run(side, corpora[long_h], arguments))
            print(f"{side}, {long_h:g} h: {measured[side][-1]['audio_s_per_s']:.0f} audio-s/s", flush=True)
    best = {side: max(results, key=lambda found: found["audio_s_per_s"]) for side, results in measured.items()}
    # Memory in runs of its own: walking through the pages of a dozen processes takes time from one side more.
    memory = {side: _run(side, corpora[long_h], arguments, memory=True)["peak_bytes"] for side in measured}
    short = _run("ours", corpora[short_h], arguments, memory=True)
    validation = _run("validation", corpora[long_h], arguments, memory=True)
    report = {
        **{side: {**found, "peak_bytes": memory[side]} for side, found in best.items()},
        "ratio": best["ours"]["audio_s_per_s"] / best["pool"]["audio_s_per_s"],
        "each": measured,
        "short": short,
        "rss_ratio_10h_to_1h": memory["ours"] / short["peak_bytes"],
        "validation_10h_s": validation["wall_s"],
        "validation": validation,
        "settings": {"hours": [short_h, long_h], "workers": arguments.workers, "load_before": load_before},
    }
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    print(f"\n{'':28}{'ours':>10}{'pool':>10}")
    for title, key, unit, form in (
        ("audio seconds per second", "audio_s_per_s", 1.0, ",.0f"),
        ("seconds", "wall_s", 1.0, ".1f"),
        ("peak memory, MiB", "peak_bytes", 2.0**20, ",.0f"),
    ):
        print(f"{title:28}" + "".join(f"{format(report[side][key] / unit, form):>10}" for side in ("ours", "pool")))
    print(f"\nours is {report['ratio']:.2f} times as fast")
    print(f"memory for {long_h:g} h against {short_h:g} h: {report['rss_ratio_10h_to_1h']:.2f}")
    print(f"validation of {long_h:g} h: {validation['wall_s']:.0f} s, {validation['items_good']} good items")
    print(f"written to {arguments.out}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.selection",
        description=(__doc__ or "").partition("\n")[0],
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--hours", type=float, nargs=2, default=[1.0, 10.0], help="of audio (default: 1 10)")
    parser.add_argument("--workers", type=int, default=2, help="processes of a side (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="of each side; the best counts (default: %(default)s)")
    parser.add_argument(
        "--audio", type=Path, default=Path("build/bench-select"), help="where the audio is kept (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, default=Path("build/bench-select.json"), help="(default: %(default)s)")
    parser.add_argument("--side", choices=sorted(_SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--corpus", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    return parser


def _run(side: str, corpus: Path, arguments: argparse.Namespace, *, memory: bool = False) -> dict[str, Any]:
    """One side in a process of its own, with one compute thread in each of its processes."""
    command = [sys.executable, "-m", "tests.benchmarks.selection", "--side", side, "--corpus", str(corpus.absolute())]
    command += ["--memory"] if memory else []
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(_ROOT), "CUDA_VISIBLE_DEVICES": ""}
    for name in ("RAY_ADDRESS", "S3_ENDPOINT_URL"):
        environment.pop(name, None)
    with tempfile.TemporaryDirectory(prefix="bs-", dir="/tmp") as home:
        done = subprocess.run(
            [*command, "--workers", str(arguments.workers)],
            env=environment | {"LIM_HOME": home},
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


# ---- the audio -----------------------------------------------------------------------------------------------


def _make_corpus(folder: Path, audio_s: float) -> None:
    """Recordings of 5 to 25 s at 22.05 kHz in FLAC: bundled words with pauses, in noise, no two alike."""
    if (folder / "manifest.jsonl").is_file():
        return
    print(f"making {audio_s / 3600:g} h of audio in {folder}", flush=True)
    generator = np.random.default_rng(round(audio_s))
    words = [
        (path.stem.rpartition("_")[0], path.parent.name, resample(read_audio(path), 16_000, _RATE_HZ))
        for path in sorted(_DEMO_SPEECH.glob("*/*.flac"))
    ]
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    utterances: list[Utterance] = []
    seconds = 0.0
    while seconds < audio_s:
        wave_T, text, speaker = _recording(words, generator)
        name = f"audio/r{len(utterances):06d}.flac"
        soundfile.write(folder / name, wave_T, _RATE_HZ, subtype="PCM_16")
        duration_s = len(wave_T) / _RATE_HZ
        utterances.append(make_utterance(f"r{len(utterances):06d}", name, 0.0, duration_s, text, speaker))
        seconds += duration_s
    with (folder / "metadata.csv").open("w", encoding="utf-8") as rows:
        rows.write("file_name,text,speaker\n")
        rows.writelines(f"{u.input.audio},{u.target.text},{u.group}\n" for u in utterances)
    write_manifest(folder / "manifest.jsonl", utterances)


def _recording(
    words: Sequence[tuple[str, str, Any]], generator: np.random.Generator
) -> tuple[np.ndarray[Any, np.dtype[np.float32]], str, str]:
    speaker = words[int(generator.integers(len(words)))][1]
    own = [word for word in words if word[1] == speaker]
    length = round(float(generator.uniform(5.0, 25.0)) * _RATE_HZ)
    wave_T = generator.normal(0.0, 10 ** float(generator.uniform(-3.5, -2.5)), length).astype(np.float32)
    said: list[str] = []
    place = round(0.3 * _RATE_HZ)
    while True:
        word, _, spoken_T = own[int(generator.integers(len(own)))]
        if place + len(spoken_T) > length:
            break
        wave_T[place : place + len(spoken_T)] += np.float32(generator.uniform(0.3, 1.0)) * spoken_T
        said.append(word)
        place += len(spoken_T) + round(float(generator.uniform(0.1, 0.6)) * _RATE_HZ)
    return np.clip(wave_T, -0.98, 0.98), " ".join(said), speaker


# ---- sides ---------------------------------------------------------------------------------------------------


def _any_text(_: str) -> bool:
    return True


_LIMITS = SegmentLimits(30.0, _any_text)


def _ours(corpus: Path, workers: int, memory: bool) -> dict[str, Any]:
    """The step of a selection on a cluster that stands."""
    from cluster.runtime import start_local
    from cluster.selection.blocks import Source
    from cluster.selection.config import SelectionResources
    from cluster.selection.ray_steps import RayDataSteps, start_workers
    from cluster.storage.settings import S3Settings
    from engine.models.catalogue import reference_to
    from engine.run.store import LocalRunStore

    utterances = read_manifest(corpus / "manifest.jsonl")
    with tempfile.TemporaryDirectory() as folder, start_local(cpus=workers, dashboard=False):
        source = Source(str(corpus), S3Settings.from_environment())
        store = LocalRunStore(Path(folder))
        task: Any = None  # it is asked for scores only
        steps = RayDataSteps(source, _CONFIG, reference_to("whisper-pico"), SelectionResources(), store, task)
        start_workers(SelectionResources()).wait()  # as a driver has them by the time that its model is loaded
        with _footprint(memory) as footprint:
            started_s = time.perf_counter()
            segments = list(steps.segment(utterances, _LIMITS))
            wall_s = time.perf_counter() - started_s
    return _told(utterances, segments, wall_s, footprint.peak_bytes)


def _pool(corpus: Path, workers: int, memory: bool) -> dict[str, Any]:
    """The same blocks through `concurrent.futures`, with no framework."""
    from cluster.selection.blocks import in_blocks
    from cluster.selection.config import SelectionResources

    utterances = read_manifest(corpus / "manifest.jsonl")
    with _footprint(memory) as footprint:
        started_s = time.perf_counter()
        blocks = in_blocks(reading_batches(utterances, _CONFIG.batch_audio_s), SelectionResources().block_audio_s)
        with ProcessPoolExecutor(workers) as pool:
            found = pool.map(_segments_of, blocks, [corpus] * len(blocks))
            segments = [segment for block in found for segment in block]
        wall_s = time.perf_counter() - started_s
    return _told(utterances, segments, wall_s, footprint.peak_bytes)


def _segments_of(block: list[list[Utterance]], corpus: Path) -> list[Segment]:
    return [segment for batch in block for segment in segment_batch(batch, corpus, _CONFIG, _LIMITS)]


def _validation(corpus: Path, workers: int, memory: bool) -> dict[str, Any]:
    """Ingestion of the same audio as recordings with metadata, with every check."""
    from engine.stages.ingest import ingest

    with tempfile.TemporaryDirectory(dir=corpus.parent) as folder:
        source = Path(folder) / "source"
        source.mkdir()
        (source / "metadata.csv").write_bytes((corpus / "metadata.csv").read_bytes())
        (source / "audio").mkdir()
        for path in (corpus / "audio").iterdir():
            os.link(path, source / "audio" / path.name)
        with _footprint(memory) as footprint:
            started_s = time.perf_counter()
            report = ingest(source, Path(folder) / "version", threads=workers)
            wall_s = time.perf_counter() - started_s
    return {
        "wall_s": wall_s,
        "audio_s_per_s": report.audio_s / wall_s,
        "items_good": report.items_good,
        "set_aside": report.set_aside_by_code,
        "peak_bytes": footprint.peak_bytes,
    }


_SIDES = {"ours": _ours, "pool": _pool, "validation": _validation}


def _told(
    utterances: Sequence[Utterance], segments: Sequence[Segment], wall_s: float, peak_bytes: int
) -> dict[str, Any]:
    audio_s = sum(u.input.duration_s for u in utterances)
    assert {s.utterances[0] for s in segments} == {u.id for u in utterances}
    return {
        "audio_s_per_s": audio_s / wall_s,
        "audio_s": audio_s,
        "wall_s": wall_s,
        "segments": len(segments),
        "kept_s": sum(s.duration_s for s in segments),
        "peak_bytes": peak_bytes,
    }


def _footprint(memory: bool) -> contextlib.AbstractContextManager[FootprintSampler]:
    sampler = FootprintSampler(Path(os.environ["LIM_HOME"]))
    return sampler if memory else contextlib.nullcontext(sampler)


if __name__ == "__main__":
    raise SystemExit(main())
