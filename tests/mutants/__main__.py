"""`make mutants`: is there a test that fails when a field of the training config loses its effect?

For each field (and each value of a choice) the product is made to read a neutral value, and the tests that
tests/mutants/killers.yaml lists for it are run. One of them must fail. A field without a test, and one whose tests pass,
is a survivor, and the target fails.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.mutants.killers import Killers, missing_and_unknown, read_killers
from tests.mutants.running import Verdict, judge, judge_all

_REPORT = Path("build/mutants.json")
_PRELOADED = (
    "torch",
    "transformers",
    "peft",
    "bitsandbytes.optim.adamw",
    "engine.stages.finetune",
    "engine.families.whisper.learner",
)
"""Imported once, before processes are forked; nothing of torch may run before that."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", default="", help="mutants whose key begins with this")
    parser.add_argument("--tests", nargs="*", help="these tests, in place of the listed ones: to look for killers")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    told = parser.parse_args(arguments)
    killers = read_killers()
    missing, unknown = missing_and_unknown(killers)
    for key in (*missing, *unknown):
        print(f"tests/mutants/killers.yaml: {'lists no test for' if key in missing else 'has an unknown field'} {key}")
    if (missing or unknown) and not told.tests:
        return 1
    table = {key: value for key, value in killers.table(told.tests).items() if key.startswith(told.only)}
    for module in _PRELOADED:
        importlib.import_module(module)
    started = time.perf_counter()
    if not told.tests and not _is_green(killers, told.only):
        return 1
    verdicts = []
    for verdict in judge_all(table, told.processes):
        verdicts.append(verdict)
        print(_line(verdict), flush=True)
    return _conclude(verdicts, time.perf_counter() - started, write=not told.only and not told.tests)


def _is_green(killers: Killers, only: str) -> bool:
    """Whether all listed tests pass as long as every field has its effect."""
    tests = sorted({test for key, (_, tests) in killers.table(None).items() if key.startswith(only) for test in tests})
    whole = judge(None, tests)
    if whole.status != "survived":
        print(f"the tests fail without any mutant: {whole.killed_by} {whole.reason}")
        return False
    print(f"{len(tests)} tests pass with every field as it is ({whole.wall_s:.0f} s)")
    return True


def _conclude(verdicts: Sequence[Verdict], wall_s: float, *, write: bool) -> int:
    by_status = {status: [v.key for v in verdicts if v.status == status] for status in ("killed", "survived", "broken")}
    counted = ", ".join(f"{len(keys)} {status}" for status, keys in by_status.items())
    print(f"{len(verdicts)} mutants in {wall_s:.0f} s: {counted}")
    if write:
        _REPORT.parent.mkdir(exist_ok=True)
        figures = {"mutants": len(verdicts), **{status: len(keys) for status, keys in by_status.items()}}
        rows = [asdict(verdict) for verdict in sorted(verdicts, key=lambda v: v.key)]
        _REPORT.write_text(json.dumps(figures | {"wall_s": wall_s, "verdicts": rows}, indent=1))
        print(f"figures: {_REPORT}")
    return 0 if len(by_status["killed"]) == len(verdicts) else 1


def _line(verdict: Verdict) -> str:
    test = verdict.killed_by.removeprefix("tests/") if verdict.status == "killed" else verdict.reason
    return f"{verdict.status:<9} {verdict.key:<44} {test}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
