"""`lim estimate`: what a training needs in memory, known before anything starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

from engine.errors import ConfigError, Fault
from services.cli.configs import read_asked
from services.cli.output import cell
from services.cli.reporting import reported, say
from services.cli.train import PROJECT, threads_here

if TYPE_CHECKING:
    from engine.config.training import TrainingConfig
    from engine.memory.peak import Peak
    from engine.stages.probe import Measured

_MB: Final = 1e6
_MOST_CHANGES: Final = 3


def estimate(
    path: Path,
    overrides: Sequence[str],
    *,
    data: str | None,
    model: str | None,
    longest_s: float | None,
    workers: int,
    probes: bool,
    threads: int | None,
) -> None:
    """Print the peak by phase and part, and what fits which class of devices."""
    with reported(str(path)):
        training, runs_model, runs_data = read_asked(path, overrides)
        asked, name = data or runs_data, model or runs_model
        from engine.config.context import resolve_context
        from engine.memory.calibration import CPU
        from engine.memory.peak import UNKNOWN, peak_memory
        from engine.memory.shape import Longest
        from engine.memory.sizes import sizes_of
        from engine.models.catalogue import find_model

        sizes = sizes_of(find_model(name))
        training = training.model_copy(update={"context": resolve_context(training.context, sizes.trained_context)})
        folder = None if asked is None else _version(asked, training, required=probes)
        if probes and folder is None:
            raise ConfigError([Fault("data", "is missing: a probe trains for two steps; give --data FOLDER")])
        if longest_s is not None:
            longest = Longest(longest_s)
        else:
            longest = UNKNOWN if folder is None else Longest(_longest_s(folder))
        compute_bytes = 2 if training.precision in ("bfloat16", "float16") else 4
        if not sizes.exact:
            say(f"{name} is not on this machine: its sizes are those of a published model of its family.")
        peak = peak_memory(sizes, training, compute_bytes, longest=longest, workers=workers)
        console = Console()
        console.print(_parts(peak, f"{name}, {training.method.type}: {peak.bytes / _MB:,.0f} MB", longest.seconds))
        calibration = CPU
        if probes and folder is not None:
            from engine.models.catalogue import reference_to
            from engine.stages.probe import probe

            say("Measuring two steps of the longest examples in a process of its own ...")
            measured = probe(reference_to(name), folder, training, threads=threads_here(threads))
            # A probe is a run of one worker.
            alone = peak_memory(sizes, training, compute_bytes, longest=longest)
            difference = measured.peak_bytes - alone.bytes
            calibration = replace(CPU, run_bytes=CPU.run_bytes + difference)
            console.print(_measured(measured, alone))
        from cluster.devices import device_classes
        from engine.memory.peak import changes, largest_micro_batch

        table = Table(title="Devices")
        for column in ("class", "for a worker, MB", "needs, MB", "fits", "largest micro-batch", "or change"):
            table.add_column(column, overflow="fold")
        for device in device_classes():
            how = {"longest": longest, "workers": workers, "calibration": calibration}
            need = peak_memory(sizes, training, device.compute_bytes, **how).bytes  # type: ignore[arg-type]
            fits = need <= device.usable_bytes
            batch = largest_micro_batch(sizes, training, device.compute_bytes, device.usable_bytes, **how)  # type: ignore[arg-type]
            lighter = () if fits else changes(sizes, training, device.compute_bytes, **how)  # type: ignore[arg-type]
            enough = [f"{c.path}: {c.value}" for c in lighter if c.peak_bytes <= device.usable_bytes]
            table.add_row(
                cell(device.id),
                f"{device.usable_bytes / _MB:,.0f}",
                f"{need / _MB:,.0f}",
                "yes" if fits else "no",
                "none" if batch is None else f"{batch:g}",
                cell("; ".join(enough[:_MOST_CHANGES])),
            )
        console.print(table)


def _version(asked: str, training: TrainingConfig, *, required: bool) -> Path | None:
    """The folder of a dataset version; None for recordings, unless it is required that they are read."""
    from cluster.storage.dataset_cache import local_dataset
    from cluster.storage.settings import S3Settings
    from engine.data.version_files import MANIFEST_NAME

    if (Path(asked) / MANIFEST_NAME).is_file():
        return Path(asked)
    if not required:
        say(f"{asked} is not a dataset version: the longest example is taken to be as long as any may be.")
        return None
    task = training.task
    return local_dataset(
        asked, S3Settings.from_environment(), beside=[PROJECT], language=task.text_language, task=task.type
    )


def _longest_s(folder: Path) -> float:
    from engine.data.manifest import read_examples
    from engine.data.version_files import MANIFEST_NAME

    return max(float(example.input.duration_s) for example in read_examples(folder / MANIFEST_NAME))


def _parts(peak: Peak, title: str, longest_s: float) -> Table:
    table = Table(title=cell(title), caption=f"MB of one worker on processors; the longest example has {longest_s:g} s")
    table.add_column("part", style="bold", overflow="fold")
    for phase in peak.phases:
        table.add_column(phase.replace("_", " "), justify="right", overflow="fold")
    for part in dict.fromkeys(part for parts in peak.phases.values() for part in parts):
        found = (parts.get(part) for parts in peak.phases.values())
        table.add_row(part.replace("_", " "), *("" if each is None else f"{each / _MB:,.1f}" for each in found))
    table.add_row("all", *(f"{total / _MB:,.0f}" for total in peak.totals.values()), end_section=True)
    return table


def _measured(measured: Measured, peak: Peak) -> Table:
    table = Table(title="Measured", caption=f"{measured.wall_s:g} s")
    for column in ("phase", "predicted, MB", "measured, MB"):
        table.add_column(column, justify="right", overflow="fold")
    for phase, total in peak.totals.items():
        found = measured.peaks.get(phase)
        table.add_row(phase.replace("_", " "), f"{total / _MB:,.0f}", "" if found is None else f"{found / _MB:,.0f}")
    error = peak.bytes / measured.peak_bytes - 1
    table.add_row("peak", f"{peak.bytes / _MB:,.0f} ({error:+.1%})", f"{measured.peak_bytes / _MB:,.0f}")
    return table
