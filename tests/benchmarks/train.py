"""Our training loop beside Hugging Face's Seq2SeqTrainer: speed, memory and WER on the same data and model.

docs/BENCHMARKS.md says what is the same on both sides and what is not.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.data.example import Utterance
from engine.data.manifest import read_manifest, write_manifest
from engine.data.splits import split_by_group
from engine.data.version_files import MANIFEST_NAME
from engine.metrics.text import normalize_basic
from engine.stages.ingest import ingest
from tuning.studies.intervals import paired_difference

_ROOT = Path(__file__).resolve().parents[2]
_REAL_SPEECH = _ROOT.parent / "shared" / "data" / "fsdd" / "recordings"
_DEMO_SPEECH = _ROOT / "engine" / "data" / "bundled" / "demo-speech"
_MODEL = "whisper-pico"
_MODULES = {"ours": "our_trainer", "peer": "peer_trainer"}
_OF_PICO = {"steps": 100, "batch": 16, "our_learning_rate": 1e-3, "peer_learning_rate": 1e-3, "warmup_steps": 10}
_OF_OTHERS = {"steps": 30, "batch": 8, "our_learning_rate": 2e-4, "peer_learning_rate": 2e-4, "warmup_steps": 4}
"""What suits the models of the hub: that of the shipped recipe, `configs/training/demo-pretrained.yaml`."""
_MOST_ROUNDS = 4
"""By default; corpora have up to thousands of speakers, and the peer takes its time for each."""
_EXAMPLES = """\
examples:
  python -m tests.benchmarks.train                               the whole comparison, about 12 minutes a speaker
  python -m tests.benchmarks.train --holdout george              of one speaker; it says little (docs/BENCHMARKS.md)
  python -m tests.benchmarks.train --steps 4 --test 16           see that both sides run, half a minute
  python -m tests.benchmarks.train --data recordings --holdout theo --threads 4
"""


def main() -> int:
    """Run both sides and compare them."""
    arguments = _parser().parse_args()
    for name, value in (_OF_PICO if arguments.model == _MODEL else _OF_OTHERS).items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    if arguments.steps < 3:
        raise SystemExit("--steps must be at least 3: the first step is not on the clock")
    data = arguments.data or default_data()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    started_s = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="bench-train-", dir=arguments.out.parent) as scratch:
        folder = Path(scratch) / "data"
        ingest(data, folder)
        utterances = read_manifest(folder / MANIFEST_NAME)
        common = {
            "model": arguments.model,
            "data": str(folder),
            "steps": arguments.steps,
            "batch": arguments.batch,
            "rank": arguments.rank,
            "alpha": arguments.alpha,
            "warmup_steps": min(arguments.warmup_steps, arguments.steps // 4),
            "language": arguments.language,
            "seed": arguments.seed,
            "threads": arguments.threads,
            "random_changes": not arguments.plain,
            "context": arguments.context,
        }
        learning_rates = {"ours": arguments.our_learning_rate, "peer": arguments.peer_learning_rate}
        rounds: list[dict[str, Any]] = []
        holdouts = held_out(arguments.holdout, [u.group for u in utterances], arguments.seed)
        for number, holdout in enumerate(holdouts, 1):
            prepared = prepare(utterances, folder, holdout, arguments)
            print(
                f"round {number} of {len(holdouts)}: {data}, {prepared['train_utterances']} utterances to train on, "
                f"{prepared['test_utterances']} of {', '.join(prepared['test_groups']) or 'unknown speakers'} to test on"
            )
            work = Path(scratch) / str(len(rounds))
            rounds.append(
                {n: _run_side(n, common | {"learning_rate": learning_rates[n]}, work / n) for n in arguments.sides}
                | {"settings": prepared}
            )
            settings = {k: v for k, v in common.items() if k != "data"}
            settings |= {"data": str(data), "learning_rate": learning_rates, "wall_s": time.perf_counter() - started_s}
            settings |= {"processor": _processor(), "load_before": arguments.load_before}
            report = build_report(rounds, settings)
            arguments.out.write_text(json.dumps(report, indent=1) + "\n")
            _print_table(report)
            print(
                f"written to {arguments.out}; {number} of {len(holdouts)} rounds, {settings['wall_s'] / 60:.1f} minutes"
            )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.train",
        description="Fine-tune a Whisper (LoRA on an NF4 base) with Hugging Face's Seq2SeqTrainer and with this "
        "project's loop, one process after the other, and compare speed, memory and WER.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ["DATA"]) if os.environ.get("DATA") else None,
        help="folder or zip of recordings, as for `make demo` (default: $DATA; else FSDD beside the repository, "
        "else the bundled synthetic speech)",
    )
    parser.add_argument("--model", default=_MODEL, help="id in the catalogue, or a folder (default: %(default)s)")
    parser.add_argument("--language", default=None, help="of a multilingual model, such as sw")
    parser.add_argument(
        "--holdout",
        default=None,
        help="speaker to test on; several, with commas, or `all`: a round for each, and their WER pooled (default: all, "
        f"of more than {_MOST_ROUNDS}, as many of those with the most recordings)",
    )
    parser.add_argument("--test", type=int, default=500, help="most test utterances (default: %(default)s)")
    parser.add_argument("--steps", type=int, help="optimizer steps (default: 100; other models: 30)")
    parser.add_argument("--batch", type=int, help="utterances per step (default: 16; other models: 8)")
    parser.add_argument("--rank", type=int, default=16, help="LoRA rank (default: %(default)s)")
    parser.add_argument("--alpha", type=int, default=32, help="LoRA alpha (default: %(default)s)")
    parser.add_argument("--warmup-steps", type=int, help="of the learning rate (default: 10; other models: 4)")
    parser.add_argument("--our-learning-rate", type=float, help="(default: 1e-3; other models: 2e-4)")
    parser.add_argument("--peer-learning-rate", type=float, help="(default: 1e-3; other models: 2e-4)")
    parser.add_argument(
        "--plain", action="store_true", help="without the random changes to the audio that ours makes in training"
    )
    parser.add_argument(
        "--context",
        choices=["auto", "short", "full"],
        default="auto",
        help="how much of its window the encoder runs over on our side, in training and after it; auto: as the model was "
        "trained (default: %(default)s)",
    )
    parser.add_argument("--threads", type=int, default=2, help="compute threads of a side (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    parser.add_argument(
        "--sides", nargs="+", choices=["ours", "peer"], default=["ours", "peer"], help="run only one of them"
    )
    parser.add_argument("--out", type=Path, default=Path("build/bench-train.json"), help="(default: %(default)s)")
    parser.set_defaults(load_before=os.getloadavg()[0])
    return parser


def default_data() -> Path:
    """Recordings of real people where they lie beside the repository, else the bundled synthetic speech."""
    return _REAL_SPEECH if _REAL_SPEECH.is_dir() else _DEMO_SPEECH


def held_out(asked: str | None, speakers: Sequence[str | None], seed: int) -> list[str | None]:
    """The speaker that each round tests on; None for recordings that the seed draws, where no speaker is known.

    Of many speakers, those with the most recordings: WER on a single one says nothing.
    """
    counts = Counter(name for name in speakers if name)
    known = sorted(counts)
    if asked and asked != "all":
        chosen = [*dict.fromkeys(name.strip() for name in asked.split(","))]
        if unknown := [name for name in chosen if name not in known]:
            raise SystemExit(f"--holdout: nobody is called {', '.join(unknown)}; the speakers are {', '.join(known)}")
        return [*chosen]
    if not asked and len(known) > _MOST_ROUNDS:
        drawn = np.random.default_rng([seed, 0x5BEA]).permutation(len(known))  # of those with as many
        known = sorted(sorted((known[i] for i in drawn), key=lambda name: -counts[name])[:_MOST_ROUNDS])
    return [*known] or [None]


def build_report(rounds: list[dict[str, Any]], settings: dict[str, Any]) -> dict[str, Any]:
    """What is written: each side over all rounds so far, their ratio and difference, and the rounds by themselves."""
    names = [name for name in _MODULES if name in rounds[0]]
    sides = {name: _brief(pooled([each[name] for each in rounds], rounds)) for name in names}
    told = dict(rounds[0]["settings"])
    for key in told:  # counts and lists of names add up
        told[key] = sum((each["settings"][key] for each in rounds[1:]), told[key])
    report: dict[str, Any] = {**sides, "settings": settings | told}
    if len(names) == 2:
        report["ratio"] = sides["ours"]["audio_s_per_s"] / sides["peer"]["audio_s_per_s"]
        report["wer_difference"] = _difference(rounds)
    if len(rounds) > 1:
        report["rounds"] = [each | {name: _brief(each[name]) for name in names} for each in rounds]
    return report


def _brief(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key != "word_errors"}


def _difference(rounds: list[dict[str, Any]]) -> dict[str, float]:
    """WER of ours less the peer's, with a 95 % interval over test recordings: each is drawn with both results."""
    ours, peer = (
        {0: {i: pair for each in rounds for i, pair in each[side]["word_errors"].items()}} for side in _MODULES
    )
    found = paired_difference(ours, peer)
    return {"estimate": found.estimate, "low": found.low, "high": found.high}


def pooled(results: list[dict[str, Any]], rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """One side's results in all rounds as one: rates over all steps, WER over all words, the highest peak."""
    if len(results) == 1:
        return results[0]
    words = np.array([each["settings"]["test_words"] for each in rounds], dtype=np.float64)
    whole = dict(results[0])
    for key in ("audio_s", "training_s", "utterances", "wall_s"):
        whole[key] = sum(result[key] for result in results)
    for key in ("peak_bytes", "training_peak_bytes"):
        whole[key] = max(result[key] for result in results)
    for key in ("wer", "base_wer"):
        whole[key] = float(np.average([result[key] for result in results], weights=words))
    whole["median_step_s"] = float(np.median([result["median_step_s"] for result in results]))
    whole["audio_s_per_s"] = whole["audio_s"] / whole["training_s"]
    return whole


def _run_side(name: str, settings: dict[str, Any], work: Path) -> dict[str, Any]:
    work.mkdir(parents=True)
    return run_process(f"tests.benchmarks.{_MODULES[name]}", settings | {"work": str(work)}, work)


def prepare(
    utterances: list[Utterance], folder: Path, holdout: str | None, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Write the manifest of the dataset version in `folder` anew: exactly what both sides train and test on.

    As many utterances to train on as the steps take, so that both sides see each of them once, or whole batches of
    all that there are.
    """
    splits = split_by_group(utterances, [holdout] if holdout else [], 0.0, arguments.seed)
    generator = np.random.default_rng([arguments.seed, 0xBE7C])
    whole_batches = len(splits.train) // arguments.batch * arguments.batch
    if not whole_batches or not splits.test:
        raise SystemExit(
            f"there are {len(splits.train)} utterances to train on and {len(splits.test)} to test on; "
            f"a step takes {arguments.batch}"
        )
    train = _draw(splits.train, min(whole_batches, arguments.steps * arguments.batch), generator)
    test = _draw(splits.test, arguments.test, generator)
    write_manifest(
        folder / MANIFEST_NAME,
        [dataclasses.replace(u, split="train") for u in train] + [dataclasses.replace(u, split="test") for u in test],
    )
    return {
        "train_utterances": len(train),
        "train_audio_s": sum(u.input.duration_s for u in train),
        "test_utterances": len(test),
        "test_words": sum(len(normalize_basic(u.target.text).split()) for u in test),
        "test_groups": sorted({u.group for u in test if u.group}),
    }


def _draw(utterances: list[Utterance], most: int, generator: np.random.Generator) -> list[Utterance]:
    chosen = sorted(generator.permutation(len(utterances))[:most].tolist())
    return [utterances[i] for i in chosen]


def run_process(module: str, settings: dict[str, Any], work: Path) -> dict[str, Any]:
    """One side in a process of its own; its result."""
    told, result = work / "settings.json", work / "result.json"
    told.write_text(json.dumps(settings))
    threads = str(settings["threads"])
    environment = os.environ | {
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "CUDA_VISIBLE_DEVICES": "",  # both on the CPU
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "PYTHONWARNINGS": "ignore::FutureWarning",  # what transformers and peft say to each other
        "PYTHONPATH": str(_ROOT),
    }
    command = [sys.executable, "-m", module, "--settings", str(told), "--result", str(result)]
    code = subprocess.run(command, env=environment, cwd=_ROOT, check=False).returncode
    if code:
        raise SystemExit(f"{module} ended with code {code}; what it said is above")
    measured: dict[str, Any] = json.loads(result.read_text())
    return measured


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()}, {os.cpu_count()} cores"
    except OSError:
        pass
    return f"{platform.machine()}, {os.cpu_count()} cores"


def _print_table(report: dict[str, Any]) -> None:
    sides = [name for name in ("ours", "peer") if name in report]
    rows = [
        ("audio seconds per second", "audio_s_per_s", 1.0, ".2f"),
        ("seconds per step (median)", "median_step_s", 1.0, ".3f"),
        ("peak memory, MiB", "peak_bytes", 2.0**20, ",.0f"),
        ("WER of the base", "base_wer", 1.0, ".1%"),
        ("WER after training", "wer", 1.0, ".1%"),
        ("trainable parameters", "trainable_parameters", 1.0, ",.0f"),
        ("whole run, seconds", "wall_s", 1.0, ".0f"),
    ]
    print(f"\n{'':28}" + "".join(f"{name:>12}" for name in sides))
    for title, key, unit, form in rows:
        print(f"{title:28}" + "".join(f"{format(report[name][key] / unit, form):>12}" for name in sides))
    if "ratio" in report:
        print(f"\nours is {report['ratio']:.1f} times as fast")
        apart = report["wer_difference"]
        print(
            f"WER of ours less the peer's: {apart['estimate']:+.1%} (95 % over recordings: {apart['low']:+.1%} to "
            f"{apart['high']:+.1%})"
        )
        ours, peer = report["ours"]["wer"], report["peer"]["wer"]
        if ours > peer:
            print(f"WARNING: the WER of ours is worse: {ours:.1%}, the peer's is {peer:.1%}")


if __name__ == "__main__":
    raise SystemExit(main())
