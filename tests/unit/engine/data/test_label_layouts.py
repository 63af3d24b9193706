"""Classes of recordings: folders, columns, one or several for each recording."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.data.manifest import read_examples
from engine.data.report import IngestReport
from engine.errors import IngestError
from tests.unit.engine.data.recordings import codes, jsonl, noise, wav
from tests.unit.engine.data.targets import CLASSES, made, sounds, targets

FOUR = ("1.wav", "2.wav", "3.wav", "4.wav")


def _table(header: str, *rows: str) -> dict[str, bytes]:
    return {"metadata.csv": "\n".join([header, *rows, ""]).encode()}


# ---- folders ------------------------------------------------------------------------------------------------


def test_folders_are_classes(tmp_path: Path) -> None:
    report = made(tmp_path, sounds("dog_bark/1.wav", "dog_bark/2.wav", "7/3.wav", "noise/4.wav"), CLASSES)
    assert targets(tmp_path) == {"dog_bark.1": "dog_bark", "dog_bark.2": "dog_bark", "7.3": "7", "noise.4": "noise"}
    assert (report.target, report.text_source) == ("label", "names of the folders")
    assert report.labels == {"dog_bark": 2, "7": 1, "noise": 1}


def test_folders_of_splits_stand_above_or_below_those_of_classes(tmp_path: Path) -> None:
    files = sounds("set/train/dog/1.wav", "set/train/cat/2.wav", "set/dog/test/3.wav", "set/test/cat/4.wav")
    made(tmp_path, files, CLASSES)
    examples = read_examples(tmp_path / "out" / "manifest.jsonl")
    assert sorted((each.target.label, each.split) for each in examples) == [
        ("cat", "test"),
        ("cat", "train"),
        ("dog", "test"),
        ("dog", "train"),
    ]


@pytest.mark.parametrize(
    "names",
    [("dog/1.wav", "cat/2.wav", "emu/deep/3.wav"), ("dog/1.wav", "2.wav"), ("dog/1.wav", "dog/2.wav")],
    ids=["deeper", "beside", "one folder"],
)
def test_folders_that_may_be_anything_are_no_classes(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(IngestError, match="do not all lie in folders of their classes at the same depth"):
        made(tmp_path, sounds(*names), CLASSES)


def test_text_files_beside_recordings_are_no_classes(tmp_path: Path) -> None:
    """They would be transcripts: the class stays that of the folder."""
    files = sounds("dog/1.wav", "cat/2.wav") | {"dog/1.txt": b"a long walk", "cat/2.txt": b"a nap"}
    made(tmp_path, files, CLASSES)
    assert sorted(targets(tmp_path).values()) == ["cat", "dog"]


def test_a_table_says_more_than_folders(tmp_path: Path) -> None:
    files = sounds("a/1.wav", "b/2.wav") | _table("file_name,label", "a/1.wav,dog", "b/2.wav,cat")
    made(tmp_path, files, CLASSES)
    assert targets(tmp_path) == {"a.1": "dog", "b.2": "cat"}


def test_a_table_without_labels_gives_groups_and_splits_to_class_folders(tmp_path: Path) -> None:
    rows = ("dog/1.wav,ann,train", "dog/2.wav,bob,test", "cat/3.wav,ann,train", "cat/4.wav,bob,test")
    files = sounds("dog/1.wav", "dog/2.wav", "cat/3.wav", "cat/4.wav") | _table("file_name,speaker,split", *rows)
    made(tmp_path, files, CLASSES)
    examples = read_examples(tmp_path / "out" / "manifest.jsonl")
    assert [(each.target.label, each.group, each.split) for each in examples] == [
        ("dog", "ann", "train"),
        ("dog", "bob", "test"),
        ("cat", "ann", "train"),
        ("cat", "bob", "test"),
    ]


def test_the_folder_is_no_substitute_for_a_missing_label(tmp_path: Path) -> None:
    files = sounds("dog/1.wav", "cat/2.wav") | _table("file_name,label", "dog/1.wav,", "cat/2.wav,cat")
    report = made(tmp_path, files, CLASSES)
    assert targets(tmp_path) == {"cat.2": "cat"}
    assert codes(report)["dog/1.wav"] == "missing_label"


def test_speech_commands_keep_the_names_of_their_folders(tmp_path: Path) -> None:
    names = [f"{word}/{speaker}_nohash_0.wav" for word in ("turn_left", "go") for speaker in ("aa", "bb")]
    made(tmp_path, sounds(*names), CLASSES)
    examples = read_examples(tmp_path / "out" / "manifest.jsonl")
    assert {(each.target.label, each.group) for each in examples} == {
        (word, speaker) for word in ("turn_left", "go") for speaker in ("aa", "bb")
    }


def test_file_names_give_labels_without_reading_digits_aloud(tmp_path: Path) -> None:
    made(tmp_path, sounds("7_ann_0.wav", "3_ann_1.wav", "7_bob_2.wav"), CLASSES)
    assert sorted(targets(tmp_path).values()) == ["3", "7", "7"]


# ---- columns ------------------------------------------------------------------------------------------------


def test_a_meta_table_of_esc50(tmp_path: Path) -> None:
    """Names are read in place of numbers, and clips of one source form a group."""
    header = "filename,fold,target,category,esc10,src_file,take"
    rows = ("1-1-A.wav,1,0,dog,True,100,A", "1-1-B.wav,1,0,dog,True,100,B", "2-7-A.wav,2,11,sea waves,False,7,A")
    files = sounds(*(f"audio/{row.split(',')[0]}" for row in rows)) | {
        "meta/esc50.csv": "\n".join([header, *rows]).encode()
    }
    report = made(tmp_path, files, CLASSES)
    examples = read_examples(tmp_path / "out" / "manifest.jsonl")
    assert [(each.target.label, each.group) for each in examples] == [
        ("dog", "100"),
        ("dog", "100"),
        ("sea waves", "7"),
    ]
    assert report.columns_read == {"filename": "file", "category": "label", "src_file": "group"}


def test_folds_are_groups_if_nothing_finer_is_given(tmp_path: Path) -> None:
    rows = ("1.wav,a,1", "2.wav,b,1", "3.wav,a,2", "4.wav,b,2")
    report = made(tmp_path, sounds(*FOUR) | _table("file_name,label,fold", *rows), CLASSES)
    assert report.speakers == {"1": 2, "2": 2}


@pytest.mark.parametrize(
    "column", ["label", "Class", "category", "target", "intent", "emotion", "command", "Klasse", "标签"]
)
def test_columns_of_labels_have_many_names(tmp_path: Path, column: str) -> None:
    made(tmp_path, sounds("1.wav", "2.wav") | _table(f"path,{column}", "1.wav,calm", "2.wav,angry"), CLASSES)
    assert targets(tmp_path) == {"1": "calm", "2": "angry"}


def test_names_are_read_in_place_of_the_numbers_of_the_same_classes(tmp_path: Path) -> None:
    rows = ("1.wav,4,dog", "2.wav,7,cat", "3.wav,4,dog")
    made(tmp_path, sounds(*FOUR[:3]) | _table("file,label,category", *rows), CLASSES)
    assert targets(tmp_path) == {"1": "dog", "2": "cat", "3": "dog"}


def test_numbers_of_classes_stay_if_no_column_names_them(tmp_path: Path) -> None:
    rows = ("1.wav,0,en", "2.wav,1,en", "3.wav,2,de")
    report = made(tmp_path, sounds(*FOUR[:3]) | _table("file,target,language", *rows), CLASSES)
    assert targets(tmp_path) == {"1": "0", "2": "1", "3": "2"}
    assert any("are numbers, such as '0'; give the names of the classes" in each for each in report.warnings)


def test_a_second_column_of_labels_is_told(tmp_path: Path) -> None:
    rows = ("1.wav,dog,animal", "2.wav,cat,animal", "3.wav,rain,nature")
    report = made(tmp_path, sounds(*FOUR[:3]) | _table("file,label,category", *rows), CLASSES)
    assert targets(tmp_path) == {"1": "dog", "2": "cat", "3": "rain"}
    assert any(
        "two columns may be the label; 'label' was read ('dog'), and not 'category' ('animal')" in w
        for w in report.warnings
    )


def test_a_table_without_labels_is_refused_with_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(
        IngestError, match="none of them is the label, which is called label, class, category or the like"
    ):
        made(tmp_path, sounds("1.wav") | _table("file_name,transcription", "1.wav,hello"), CLASSES)


def test_rows_that_contradict_each_other_are_rejected(tmp_path: Path) -> None:
    files = sounds("1.wav", "2.wav") | _table("file_name,label", "1.wav,dog", "1.wav,cat", "2.wav,cat")
    report = made(tmp_path, files, CLASSES)
    assert targets(tmp_path) == {"2": "cat"}
    assert "rows give it different labels, 'dog'" in report.set_aside[0].reason


def test_times_of_the_original_are_not_those_of_a_slice(tmp_path: Path) -> None:
    """UrbanSound8K gives the place of each slice in a file that is not in the dataset."""
    rows = ("100-1.wav,100,20.5,24.5,1,3,dog", "100-2.wav,100,30.5,34.5,1,3,dog", "7-1.wav,7,0.5,4.5,2,4,drill")
    header = "slice_file_name,fsID,start,end,fold,classID,class"
    files = sounds("fold1/100-1.wav", "fold1/100-2.wav", "fold2/7-1.wav") | {
        "u.csv": "\n".join([header, *rows]).encode()
    }
    report = made(tmp_path, files, CLASSES)
    assert sorted(targets(tmp_path).values()) == ["dog", "dog", "drill"]
    assert report.speakers == {"100": 2, "7": 1}


# ---- several labels -----------------------------------------------------------------------------------------


def _several(tmp_path: Path, header: str, *rows: str, types: tuple[str, ...] = CLASSES) -> IngestReport:  # type: ignore[assignment]
    return made(tmp_path, sounds(*FOUR[: len(rows)]) | _table(header, *rows), types)


@pytest.mark.parametrize("mark", [";", "|", ","])
def test_a_column_of_labels_may_hold_several(tmp_path: Path, mark: str) -> None:
    report = _several(tmp_path, "file,labels", f'1.wav,"dog{mark} rain"', "2.wav,rain")
    assert report.target == "labels"
    assert targets(tmp_path) == {"1": "dog; rain", "2": "rain"}
    assert report.labels == {"rain": 2, "dog": 1}


def test_a_comma_in_the_name_of_a_class_divides_nothing(tmp_path: Path) -> None:
    report = _several(tmp_path, "file,label", '1.wav,"Hum, mains"', "2.wav,Rain")
    assert report.target == "label"
    assert targets(tmp_path) == {"1": "Hum, mains", "2": "Rain"}


def test_a_label_column_with_a_separator_holds_several(tmp_path: Path) -> None:
    assert _several(tmp_path, "file,label", "1.wav,dog;rain", "2.wav,rain").target == "labels"


def test_an_explicit_empty_set_is_an_answer_and_an_empty_cell_is_not(tmp_path: Path) -> None:
    report = _several(tmp_path, "file,labels", "1.wav,[]", "2.wav,rain", "3.wav,")
    assert report.target == "labels"
    assert targets(tmp_path) == {"1": "[]", "2": "rain"}
    assert codes(report)["3.wav"] == "missing_label"


def test_lists_of_labels(tmp_path: Path) -> None:
    rows = jsonl(
        {"file": "1.wav", "tags": ["dog", "rain"]}, {"file": "2.wav", "tags": []}, {"file": "3.wav", "tags": None}
    )
    report = made(tmp_path, sounds(*FOUR[:3]) | {"metadata.jsonl": rows}, CLASSES)
    assert targets(tmp_path) == {"1": "dog; rain", "2": "[]"}
    assert codes(report)["3.wav"] == "missing_label"


def test_lists_of_one_label_are_single_labels(tmp_path: Path) -> None:
    rows = jsonl({"file": "1.wav", "label": ["dog"]}, {"file": "2.wav", "label": ["cat"]})
    assert made(tmp_path, sounds("1.wav", "2.wav") | {"metadata.jsonl": rows}, CLASSES).target == "label"


def test_a_user_may_ask_for_single_labels(tmp_path: Path) -> None:
    rows = jsonl({"file": "1.wav", "label": ["dog", "rain"]}, {"file": "2.wav", "label": ["cat"]})
    report = made(tmp_path, sounds("1.wav", "2.wav") | {"metadata.jsonl": rows}, ("label",))
    assert targets(tmp_path) == {"2": "cat"}
    assert report.set_aside[0].code == "bad_label"
    assert "its label has 2 labels, 'dog; rain'; allowed: one" in report.set_aside[0].reason


def test_a_user_may_ask_for_sets_of_labels(tmp_path: Path) -> None:
    """Further rows of a recording then give further labels."""
    report = _several(tmp_path, "file,label", "1.wav,dog", "1.wav,rain", "2.wav,rain", types=("labels",))
    assert report.target == "labels"
    assert targets(tmp_path) == {"1": "dog; rain", "2": "rain"}


def test_a_label_as_long_as_a_text_is_none(tmp_path: Path) -> None:
    report = _several(tmp_path, "file,label", f"1.wav,{'a' * 201}", "2.wav,rain")
    assert targets(tmp_path) == {"2": "rain"}
    assert report.set_aside[0].code == "bad_label"
    assert "its label has 201 characters; allowed: at most 200" in report.set_aside[0].reason


# ---- other tables -------------------------------------------------------------------------------------------


def test_a_ground_truth_of_fsd50k(tmp_path: Path) -> None:
    rows = ("fname,labels,mids,split", '1,"Dog,Animal","/m/0bt9lr,/m/0jbk",train', "2,Rain,/m/06mb1,val")
    files = sounds("FSD50K.dev_audio/1.wav", "FSD50K.dev_audio/2.wav")
    made(tmp_path, files | {"FSD50K.ground_truth/dev.csv": "\n".join(rows).encode()}, CLASSES)
    examples = read_examples(tmp_path / "out" / "manifest.jsonl")
    assert [(each.target.labels, each.split) for each in examples] == [
        (("Dog", "Animal"), "train"),
        (("Rain",), "validation"),
    ]


def test_a_list_without_names_of_columns_gives_labels_that_recur(tmp_path: Path) -> None:
    lines = "\n".join(f"audio/{name}\t{label}" for name, label in zip(FOUR, ("dog", "cat", "dog", "cat"), strict=True))
    made(tmp_path, sounds(*(f"audio/{name}" for name in FOUR)) | {"list.txt": lines.encode()}, CLASSES)
    assert sorted(targets(tmp_path).values()) == ["cat", "cat", "dog", "dog"]


def test_a_list_of_checksums_beside_class_folders_gives_no_labels(tmp_path: Path) -> None:
    lines = "\n".join(
        f"{at:032x}  {name}" for at, name in enumerate(("dog/1.wav", "dog/2.wav", "cat/3.wav", "cat/4.wav"))
    )
    made(tmp_path, sounds("dog/1.wav", "dog/2.wav", "cat/3.wav", "cat/4.wav") | {"sums.txt": lines.encode()}, CLASSES)
    assert sorted(targets(tmp_path).values()) == ["cat", "cat", "dog", "dog"]


def test_a_table_of_other_names_with_several_labels_and_a_group(tmp_path: Path) -> None:
    rows = ("clip;kind of file;tags;session", "1.wav;x;dog|rain;a", "2.wav;y;rain;a", "3.wav;z;rain;b")
    report = made(tmp_path, sounds(*FOUR[:3]) | {"about.txt": "\n".join(rows).encode()}, CLASSES)
    assert targets(tmp_path) == {"1": "dog; rain", "2": "rain", "3": "rain"}
    assert report.speakers == {"a": 2, "b": 1}


def test_json_of_labels_by_split(tmp_path: Path) -> None:
    about = {"train": [{"file": "1.wav", "label": "dog"}], "test": [{"file": "2.wav", "label": "cat"}]}
    made(tmp_path, sounds("1.wav", "2.wav") | {"all.json": json.dumps(about).encode()}, CLASSES)
    examples = read_examples(tmp_path / "out" / "manifest.jsonl")
    assert [(each.target.label, each.split) for each in examples] == [("dog", "train"), ("cat", "test")]


# ---- Parquet ------------------------------------------------------------------------------------------------


def _parquet(path: Path, label: pa.Array, feature: object) -> bytes:
    audio = pa.array([{"bytes": wav(noise(at)), "path": f"{at}.wav"} for at in range(len(label))])
    features = {"audio": {"_type": "Audio"}, "label": feature}
    about = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    table = pa.table({"audio": audio, "label": label}).replace_schema_metadata(about)
    pq.write_table(table, path)
    return path.read_bytes()


def test_class_numbers_of_parquet_have_their_names(tmp_path: Path) -> None:
    data = _parquet(tmp_path / "a.parquet", pa.array([1, 0, None]), {"_type": "ClassLabel", "names": ["cat", "dog"]})
    report = made(tmp_path, {"train.parquet": data}, CLASSES)
    assert targets(tmp_path) == {"0": "dog", "1": "cat"}
    assert report.set_aside_by_code == {"missing_label": 1}


@pytest.mark.parametrize("kind", ["Sequence", "List"])
def test_lists_of_class_numbers_have_their_names(tmp_path: Path, kind: str) -> None:
    feature = {"_type": kind, "feature": {"_type": "ClassLabel", "names": ["cat", "dog"]}}
    data = _parquet(tmp_path / "a.parquet", pa.array([[1, 0], [], None]), feature)
    report = made(tmp_path, {"train.parquet": data}, CLASSES)
    assert report.target == "labels"
    assert targets(tmp_path) == {"0": "dog; cat", "1": "[]"}
    assert report.set_aside_by_code == {"missing_label": 1}


def test_class_numbers_without_names_are_read_with_a_warning(tmp_path: Path) -> None:
    data = _parquet(tmp_path / "a.parquet", pa.array([1, 0]), {"_type": "Value", "dtype": "int64"})
    report = made(tmp_path, {"train.parquet": data}, CLASSES)
    assert targets(tmp_path) == {"0": "1", "1": "0"}
    assert any("are numbers" in warning for warning in report.warnings)
