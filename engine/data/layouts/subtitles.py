"""Long recordings with subtitles: `talk.mp3` with `talk.srt`, `talk.vtt` or `talk.en.vtt`.

Neighbouring cues become one item, up to the maximum length; a new item begins after a long pause and with another
speaker. Overlapping cues are never separated. If a recording has several subtitle files, one is read.
"""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Iterator, Sequence

from engine.data.endings import AUDIO_ENDINGS, ending, stem
from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.report import named
from engine.data.rows import Row
from engine.data.subtitles.choosing import Subtitle, choose, common_language, subtitle
from engine.data.subtitles.cues import ENDINGS, OTHER_ENDINGS
from engine.data.subtitles.languages import language_of
from engine.data.subtitles.reading import Cue, read_subtitles
from engine.data.texts import clean_text
from engine.errors import IngestError, ItemError

_LONGEST_PAUSE_S = 2.0  # between two cues of one item
_BEFORE_S = 0.2  # of the pause before an item
_AFTER_S = 0.05  # of the pause after it: no more than the tolerance of times, since the file may end there
_MOST_WORDS = 3  # between the name of a recording and the ending of its subtitles, as in talk.en.sdh.srt


def find(contents: Contents) -> list[str]:
    """Subtitle files with a recording of the same name."""
    endings = tuple(f".{kind}" for kind in (*ENDINGS, *OTHER_ENDINGS))
    recordings = _Recordings(contents)
    return [path for path in contents.unclaimed(*endings) if recordings.of(path)]


def read(metadata: list[str], contents: Contents, builder: Builder) -> None:
    """Make items from the cues of one subtitle file per recording."""
    by_recording: dict[str, list[Subtitle]] = {}
    unread: dict[str, list[str]] = {}
    recordings = _Recordings(contents)
    for path in metadata:
        audio = recordings.of(path)
        assert audio  # `find` gave it
        if path.lower().endswith(tuple(f".{kind}" for kind in ENDINGS)):
            by_recording.setdefault(audio, []).append(subtitle(path, stem(audio)))
        else:
            unread.setdefault(audio, []).append(path)
    common = common_language(by_recording)
    for audio, files in by_recording.items():
        chosen = choose(files, contents.language, common)
        if chosen.file is None:
            contents.named.add(audio)
            builder.set_aside(audio, ItemError("several_texts", chosen.reason))
            continue
        path = chosen.file.path
        if len(files) > 1:
            builder.layout.warnings.append(f"{audio}: {posixpath.basename(path)} was read: {chosen.reason}")
        _read(path, audio, contents, builder)
    for audio, paths in unread.items():
        if audio not in by_recording:
            contents.named.add(audio)
            allowed = ", ".join(f".{kind}" for kind in ENDINGS)
            reason = f"its text is in {named(paths, most=3)}, a kind of subtitles that is not read; allowed: {allowed}"
            builder.set_aside(audio, ItemError("missing_text", reason))


def _read(path: str, audio: str, contents: Contents, builder: Builder) -> None:
    try:
        subtitles = read_subtitles(contents.text(path), path.rpartition(".")[2].lower())
    except IngestError as error:
        builder.refuse(path, error)
        return
    if not subtitles.cues:
        nothing = "has no times such as 00:00:01,000 --> 00:00:03,500; save it as SRT or WebVTT"
        if subtitles.total:
            nothing = f"has {subtitles.total} cues, and in none of them anything is said; give the words in them"
        builder.refuse(path, f"{path} {nothing}")
        return
    if subtitles.scripts:
        contents.named.add(audio)
        shown = " and ".join(subtitles.scripts)
        reason = f"{path} shows its text in two languages, one below the other ({shown} letters): keep the spoken one"
        builder.set_aside(audio, ItemError("several_texts", reason))
        return
    builder.layout.metadata_files.append(path)
    builder.layout.warnings += [f"{path}: {warning}" for warning in subtitles.warnings]
    builder.text_source = "subtitles beside each recording"
    wanted = contents.language and language_of(contents.language)
    said = subtitles.language and language_of(subtitles.language)
    if wanted and said and wanted != said:
        builder.layout.warnings.append(f"{path}: it says that its language is {subtitles.language}, not {wanted}")
    for cue in subtitles.cues:
        if cue.fault:
            builder.set_aside(f"{audio} ({path}:{cue.line})", ItemError("bad_times", cue.fault))
    good = [cue for cue in subtitles.cues if not cue.fault]
    for group, row in _rows(good, contents.limits.max_item_s, audio):
        if missing := next((cue.missing for cue in group if cue.missing), None):
            shown = f"{audio} ({path}:{row.line})"
            builder.set_aside(shown, ItemError("mismatched_text", f"its text has {missing}: words are missing"))
        else:
            builder.take(row, f"{path}:{row.line}", audio)


def grouped(cues: Sequence[Cue], longest_s: float) -> list[list[Cue]]:
    """Group cues into items, in order of time."""
    groups: list[list[Cue]] = []
    end_s = 0.0
    for cue in sorted(cues, key=lambda c: (c.start_s, c.end_s)):
        current = groups[-1] if groups else None
        overlaps = current is not None and cue.start_s < end_s
        fits = (
            current is not None
            and cue.end_s - current[0].start_s + _BEFORE_S + _AFTER_S <= longest_s
            and cue.start_s - end_s <= _LONGEST_PAUSE_S
            and cue.speaker == current[-1].speaker
            and not cue.missing
            and not current[-1].missing
        )
        if current is not None and (overlaps or fits):
            current.append(cue)
        else:
            groups.append([cue])
        end_s = max(end_s, cue.end_s)
    return groups


def _rows(cues: Sequence[Cue], longest_s: float, audio: str) -> Iterator[tuple[list[Cue], Row]]:
    groups = grouped(cues, longest_s)
    ends = [max(cue.end_s for cue in group) for group in groups]
    for at, group in enumerate(groups):
        before_s = group[0].start_s - (ends[at - 1] if at else 0.0)
        after_s = groups[at + 1][0].start_s - ends[at] if at + 1 < len(groups) else math.inf
        start_s = group[0].start_s - min(_BEFORE_S, before_s / 2)
        end_s = ends[at] + min(_AFTER_S, after_s / 2)
        speaker = group[0].speaker if len({cue.speaker for cue in group}) == 1 else None
        text = clean_text(" ".join(cue.text for cue in group))
        times = round(start_s, 3), round(end_s - start_s, 3)
        yield group, Row(group[0].line, audio, text, speaker, None, None, *times)


class _Recordings:
    """Finds the recording that subtitles belong to."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._by_name: dict[str, list[str]] = {}
        for path in contents.by_path:
            if ending(path) in AUDIO_ENDINGS:
                self._by_name.setdefault(posixpath.basename(stem(path)), []).append(path)

    def of(self, path: str) -> str | None:
        """`talk.mp3` of `talk.srt`, `talk.en.vtt`, `talk.en.sdh.srt` and `talk_de.srt`.

        The recording is in the same folder, or is the only one with its name in the source.
        """
        for name in _names(path.rpartition(".")[0]):
            if found := self._contents.recording(name):
                return found
            elsewhere = self._by_name.get(posixpath.basename(name), [])
            if len(elsewhere) == 1:
                return elsewhere[0]
        return None


def _names(name: str) -> Iterator[str]:
    """Possible names of a subtitle file's recording, without an ending, the longest first."""
    for _ in range(_MOST_WORDS + 1):
        yield name
        tagged = re.fullmatch(r"(.*[^/_-])[_-]+([^/._-]+)", name)
        if tagged and language_of(tagged[2]):
            yield tagged[1]
        if "." not in posixpath.basename(name):
            return
        name = name.rpartition(".")[0]
