"""Manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.data.manifest import Piece, TimedText, Utterance, read_manifest, write_manifest
from engine.errors import ManifestError

LINE = '{"id": "a", "audio": "audio/00000.wav", "start_s": 12.5, "duration_s": 0.43, "text": "seven"}'


def test_a_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    utterances = [
        Utterance("7_jackson_32", "audio/00000.wav", 12.5, 0.4300625, "seven", "jackson", "train"),
        Utterance("b", "audio/00001.wav", 0.0, 1.0, 'größe "x"\u2028', None, None),
    ]
    path = tmp_path / "new" / "manifest.jsonl"
    write_manifest(path, iter(utterances))
    assert read_manifest(path) == utterances
    assert [file.name for file in path.parent.iterdir()] == ["manifest.jsonl"]
    assert path.read_text(encoding="utf-8").splitlines()[0] == (
        '{"id": "7_jackson_32", "audio": "audio/00000.wav", "start_s": 12.5, "duration_s": 0.4300625, '
        '"text": "seven", "speaker": "jackson", "split": "train"}'
    )


def test_every_faulty_line_is_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_text(
        "\n".join(
            [
                LINE,
                "{nonsense",
                "[1, 2]",
                LINE,
                '{"id": "b", "audio": "../x.wav", "start_s": -1, "duration_s": 0, "text": 7, "split": "dev"}',
                "",
                '{"audio": "x.wav", "start_s": true, "duration_s": NaN, "text": "", "speaker": 3, "speeker": "x"}',
            ]
        )
    )
    with pytest.raises(ManifestError) as caught:
        read_manifest(path)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{path} has 13 faults:"
    assert lines[1].startswith("  line 2: not a JSON object: ")
    assert lines[2:] == [
        "  line 3: found list; a line is a JSON object",
        "  line 4: id 'a' is already on line 1; an id is unique",
        "  line 5: text is 7; it must be text",
        "  line 5: audio is '../x.wav'; it must be a path inside the manifest's folder, with '/'",
        "  line 5: start_s is -1; it must be a number, 0 or more, in seconds",
        "  line 5: duration_s is 0; it must be a number above 0, in seconds",
        "  line 5: split is 'dev'; allowed: train, validation, test or null",
        "  line 7: id is missing",
        "  line 7: speeker is no field of an utterance; allowed: id, audio, start_s, duration_s, text, speaker, split, "
        "times",
        "  line 7: start_s is True; it must be a number, 0 or more, in seconds",
        "  line 7: duration_s is nan; it must be a number above 0, in seconds",
        "  line 7: speaker is 3; it must be text or null",
    ]
    assert len(caught.value.faults) == 13


@pytest.mark.parametrize("audio", ["/etc/a.wav", "a/../../b.wav", "..", "C:/a.wav", "a\\b.wav", "", "s3://x/y.wav"])
def test_audio_stays_inside_the_folder(tmp_path: Path, audio: str) -> None:
    path = tmp_path / "manifest.jsonl"
    write_manifest(path, [Utterance("a", audio, 0.0, 1.0, "x")])
    with pytest.raises(ManifestError, match="it must be a path inside the manifest's folder"):
        read_manifest(path)


def test_times_of_the_text_travel_with_it(tmp_path: Path) -> None:
    times = (TimedText(0.0, 0.4, "one"), TimedText(0.5, 1.0, "two"))
    path = tmp_path / "manifest.jsonl"
    write_manifest(path, [Utterance("a", "a.wav", 3.0, 1.0, "one two", times=times)])
    assert read_manifest(path)[0].times == times
    assert read_manifest(path)[0].stretches() == (Piece("a.wav", 3.0, 1.0),)


@pytest.mark.parametrize(
    ("times", "told"),
    [
        ('"x"', "times is str; it must be a list of objects with start_s, end_s, text"),
        ('[{"start_s": 0, "text": "x"}]', "item 1 of times is"),
        ('[{"start_s": 1, "end_s": 0.5, "text": "x"}]', "goes from 1 to 0.5; these are seconds"),
        ('[{"start_s": 0.2, "end_s": 0.9, "text": "x"}]', "inside the utterance, which lasts 0.43 s"),
        (
            '[{"start_s": 0.2, "end_s": 0.3, "text": "x"}, {"start_s": 0.1, "end_s": 0.2, "text": "y"}]',
            "item 2 of times goes from 0.1 to 0.2 s; items follow each other in order",
        ),
    ],
)
def test_faulty_times_are_named(tmp_path: Path, times: str, told: str) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_text(LINE.replace("}", f', "times": {times}}}', 1))
    with pytest.raises(ManifestError, match="line 1: ") as caught:
        read_manifest(path)
    assert told in str(caught.value)


def test_what_only_a_selection_has_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a manifest holds neither"):
        write_manifest(tmp_path / "m.jsonl", [Utterance("a", "a.wav", 0.0, 1.0, "x", weight=2.0)])


def test_a_missing_manifest_and_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"cannot read the manifest .*absent\.jsonl: No such file"):
        read_manifest(tmp_path / "absent.jsonl")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00{\n")
    with pytest.raises(ManifestError, match="line 1: not a JSON object"):
        read_manifest(tmp_path / "binary")


def test_a_manifest_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    write_manifest(path, [Utterance("a", "a.wav", 0.0, 1.0, "x")])
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_manifest(path, [Utterance("b", "a.wav", 0.0, 1.0, "x"), Utterance("c", "a.wav", 0.0, float("nan"), "x")])
    assert [u.id for u in read_manifest(path)] == ["a"]
    assert [file.name for file in tmp_path.iterdir()] == ["manifest.jsonl"]
