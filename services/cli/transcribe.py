"""`lim transcribe`: texts on standard output, the rest on standard error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import typer

from services.cli.reporting import FAILED, reported, say


def transcribe(
    audio: Sequence[Path],
    *,
    adapter: Path | None,
    model: str | None,
    context: Literal["short", "full"] | None,
    language: str | None,
    task: Literal["transcribe", "translate"],
    fallback: bool,
) -> None:
    """Transcribe files and folders of recordings; an unreadable file does not stop the others."""
    with reported():
        from engine.stages.transcribe import Transcriber, recordings_in

        paths = recordings_in(audio)
        transcriber = Transcriber(
            model=model, adapter=adapter, context=context, language=language, task=task, fallback=fallback
        )
        for note in transcriber.notes:
            say(f"warning: {note}")
        failed = told = 0
        for transcript in transcriber(paths):
            if transcript.fault is not None:
                failed += 1
                say(f"Error: {transcript.fault}")
                continue
            if transcriber.detects:
                say(f"{transcript.path}: language {transcript.language}, detected; --language sets it")
            elif transcript.language is not None and not told:
                say(f"language: {transcript.language}")
            told += 1
            typer.echo(f"{transcript.path}\t{transcript.text}")
            for oddity in transcript.odd:
                say(f"warning: {transcript.path}: {oddity}")
            if transcript.doubt is not None:
                advice = "" if fallback else "; try --fallback"
                say(f"warning: {transcript.path}: {transcript.doubt}{advice}")
    if failed:
        say(f"{failed} of {len(paths)} files could not be transcribed; they are named above.")
        raise typer.Exit(FAILED)
