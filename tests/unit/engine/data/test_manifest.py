"""Manifests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.data.example import (
    AudioInput,
    Captions,
    Example,
    ImageInput,
    Input,
    Label,
    Labels,
    Piece,
    Target,
    Text,
    TextInput,
    TimedText,
    make_utterance,
)
from engine.data.manifest import read_examples, read_manifest, write_manifest
from engine.errors import ManifestError

LINE = '{"id": "a", "audio": "audio/00000.wav", "start_s": 12.5, "duration_s": 0.43, "text": "seven"}'


def test_a_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    utterances = [
        make_utterance("7_jackson_32", "audio/00000.wav", 12.5, 0.4300625, "seven", "jackson", "train"),
        make_utterance("b", "audio/00001.wav", 0.0, 1.0, 'größe "x"\u2028', None, None),
    ]
    path = tmp_path / "new" / "manifest.jsonl"
    write_manifest(path, iter(utterances))
    assert read_manifest(path) == utterances
    assert [file.name for file in path.parent.iterdir()] == ["manifest.jsonl"]
    assert path.read_text(encoding="utf-8").splitlines()[0] == (
        '{"id": "7_jackson_32", "medium": "audio", '
        '"input": {"audio": "audio/00000.wav", "start_s": 12.5, "duration_s": 0.4300625}, '
        '"target": {"type": "text", "text": "seven"}, "group": "jackson", "split": "train"}'
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
        "  line 5: audio is '../x.wav'; it must be a path inside the manifest's folder, with '/'",
        "  line 5: start_s is -1; it must be a number, 0 or more, in seconds",
        "  line 5: duration_s is 0; it must be a number above 0, in seconds",
        "  line 5: text is 7; it must be text",
        "  line 5: split is 'dev'; allowed: train, validation, test or null",
        "  line 7: id is missing",
        "  line 7: speeker is no field of an utterance; allowed: id, audio, start_s, duration_s, text, speaker, split, "
        "times",
        "  line 7: start_s is True; it must be a number, 0 or more, in seconds",
        "  line 7: duration_s is nan; it must be a number above 0, in seconds",
        "  line 7: speaker is 3; it must be text or null",
    ]
    assert len(caught.value.faults) == 13


@pytest.mark.parametrize(
    "target", [Label("dog"), Labels(("dog", "rain")), Labels(()), Captions(("a dog barks", "a dog")), Text("wo")]
)
@pytest.mark.parametrize("given", [AudioInput("a.wav", 1.0, 2.5), TextInput("a text"), ImageInput("pictures/a.png")])
def test_every_medium_and_target_comes_back(tmp_path: Path, given: Input, target: Target) -> None:
    path = tmp_path / "manifest.jsonl"
    examples = [Example("a", given, target, group="site 1", split="test"), Example("b", given, target)]
    write_manifest(path, examples)
    assert read_examples(path) == examples


def test_a_manifest_of_the_first_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_text(
        '{"id": "a", "audio": "a.wav", "start_s": 0, "duration_s": 1, "text": "one two", "speaker": "ada", '
        '"split": "test", "times": [{"start_s": 0, "end_s": 0.4, "text": "one"}]}\n' + LINE.replace('"a"', '"b"')
    )
    times = (TimedText(0, 0.4, "one"),)
    assert read_manifest(path) == [
        make_utterance("a", "a.wav", 0, 1, "one two", "ada", "test", times),
        make_utterance("b", "audio/00000.wav", 12.5, 0.43, "seven"),
    ]


def test_faults_of_the_second_version_name_their_place(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    good = {"id": "a", "medium": "audio", "input": {"audio": "a.wav", "start_s": 0, "duration_s": 1}}
    lines = [
        {**good, "target": {"type": "label", "label": " "}},
        {**good, "target": {"type": "captions", "captions": []}, "speaker": "ada"},
        {**good, "medium": "smell", "target": {"type": "mood"}},
        {**good, "input": {"audio": "../a.wav", "start_s": 0, "text": "x"}, "target": "dog"},
        {**good, "target": {"type": "text", "text": "x", "times": [{"start_s": 0, "end_s": 2, "text": "x"}]}},
        {"id": "b", "target": {"type": "text", "text": "x"}, "split": "dev", "group": 7},
        {**good, "input": [1], "target": {"type": "labels", "labels": ["a", 3]}},
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines))
    with pytest.raises(ManifestError) as caught:
        read_examples(path)
    assert str(caught.value).splitlines()[1:] == [
        "  line 1: target.label is ' '; it must be text that is not empty",
        "  line 2: speaker is no field of an example; allowed: id, medium, input, target, group, split",
        "  line 2: target.captions is []; it must be a list of at least one text",
        "  line 3: medium is 'smell'; allowed: audio, text, image",
        "  line 3: target.type is 'mood'; allowed: text, label, labels, captions",
        "  line 4: input.duration_s is missing",
        "  line 4: input.text is no field; allowed: audio, start_s, duration_s",
        "  line 4: input.audio is '../a.wav'; it must be a path inside the manifest's folder, with '/'",
        "  line 4: target.type is None; allowed: text, label, labels, captions",
        "  line 5: item 1 of times goes from 0 to 2 s; items follow each other in order inside the utterance, which lasts "
        "1 s",
        "  line 6: medium is missing",
        "  line 6: input is missing",
        "  line 6: group is 7; it must be text or null",
        "  line 6: split is 'dev'; allowed: train, validation, test or null",
        "  line 7: input is list; it must be an object with audio, start_s, duration_s",
        "  line 7: target.labels is ['a', 3]; it must be a list of texts that are not empty",
    ]


def test_what_needs_speech_refuses_other_examples(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    write_manifest(path, [Example("a", AudioInput("a.wav", 0.0, 1.0), Label("dog"))])
    with pytest.raises(ManifestError, match=r"holds audio with label \(a\); this needs audio with text"):
        read_manifest(path)


@pytest.mark.parametrize("audio", ["/etc/a.wav", "a/../../b.wav", "..", "C:/a.wav", "a\\b.wav", "", "s3://x/y.wav"])
def test_audio_stays_inside_the_folder(tmp_path: Path, audio: str) -> None:
    path = tmp_path / "manifest.jsonl"
    write_manifest(path, [make_utterance("a", audio, 0.0, 1.0, "x")])
    with pytest.raises(ManifestError, match="it must be a path inside the manifest's folder"):
        read_manifest(path)


def test_times_of_the_text_travel_with_it(tmp_path: Path) -> None:
    times = (TimedText(0.0, 0.4, "one"), TimedText(0.5, 1.0, "two"))
    path = tmp_path / "manifest.jsonl"
    write_manifest(path, [make_utterance("a", "a.wav", 3.0, 1.0, "one two", times=times)])
    assert read_manifest(path)[0].target.times == times
    assert read_manifest(path)[0].input.stretches() == (Piece("a.wav", 3.0, 1.0),)


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
        write_manifest(tmp_path / "m.jsonl", [make_utterance("a", "a.wav", 0.0, 1.0, "x", weight=2.0)])


def test_a_missing_manifest_and_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"cannot read the manifest .*absent\.jsonl: No such file"):
        read_manifest(tmp_path / "absent.jsonl")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00{\n")
    with pytest.raises(ManifestError, match="line 1: not a JSON object"):
        read_manifest(tmp_path / "binary")


def test_a_manifest_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    write_manifest(path, [make_utterance("a", "a.wav", 0.0, 1.0, "x")])
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_manifest(
            path, [make_utterance("b", "a.wav", 0.0, 1.0, "x"), make_utterance("c", "a.wav", 0.0, float("nan"), "x")]
        )
    assert [u.id for u in read_manifest(path)] == ["a"]
    assert [file.name for file in tmp_path.iterdir()] == ["manifest.jsonl"]
