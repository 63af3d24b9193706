"""`LIM_HOME`: private, and refused with advice where it cannot be used."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cluster.errors import HomeError
from cluster.keeping import RuntimeFolder, prepare_home
from cluster.keeping import runtime_folder as new_folder

Folders = Callable[[Path], RuntimeFolder]


@pytest.fixture
def runtime_folder() -> Iterator[Callable[[Path], RuntimeFolder]]:
    """Makes folders, which go with the test."""
    made: list[RuntimeFolder] = []

    def make(home: Path) -> RuntimeFolder:
        made.append(new_folder(home))
        return made[-1]

    yield make
    for folder in made:
        with suppress(OSError):
            os.close(folder.share)
        if not folder.path.is_symlink():
            shutil.rmtree(folder.path, ignore_errors=True)


def test_a_new_home_is_for_its_owner_alone(tmp_path: Path) -> None:
    home = prepare_home(tmp_path / "new" / "home")
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_home_that_others_could_read_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    prepare_home(tmp_path)
    assert tmp_path.stat().st_mode & 0o066 == 0


@pytest.mark.parametrize("below", ["", "deeper", "deeper/still"])
def test_a_file_is_refused_with_advice(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(HomeError, match=r"LIM_HOME is .*, which is a file or lies below one; set LIM_HOME to a folder"):
        prepare_home(file / below)
    assert file.read_text() == "mine"


def test_a_place_where_nothing_can_be_written_is_refused_with_advice() -> None:
    with pytest.raises(
        HomeError, match=r"LIM_HOME is /proc/nowhere, which cannot be used: .*; set LIM_HOME to a folder"
    ):
        prepare_home(Path("/proc/nowhere"))


@pytest.mark.parametrize("depth", [0, 30])
def test_a_folder_for_sockets_is_short_and_private(tmp_path: Path, depth: int, runtime_folder: Folders) -> None:
    folder = runtime_folder(tmp_path / ("deep" * depth))
    assert len(str(folder.path)) <= 26
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert folder.path.stat().st_uid == os.geteuid()


def test_what_was_left_behind_goes_and_what_is_used_stays(tmp_path: Path, runtime_folder: Folders) -> None:
    left, used = runtime_folder(tmp_path), runtime_folder(tmp_path)
    os.close(left.share)
    (left.path / "socket").touch()
    after = runtime_folder(tmp_path)
    assert not left.path.exists()
    assert not left.users.exists()
    assert used.path.is_dir()
    assert after.path.is_dir()


def test_a_link_in_the_place_of_a_folder_is_not_followed(tmp_path: Path, runtime_folder: Folders) -> None:
    left = runtime_folder(tmp_path / "home")
    os.close(left.share)
    treasure = tmp_path / "treasure"
    treasure.mkdir()
    (treasure / "gold").touch()
    left.path.rmdir()
    left.path.symlink_to(treasure)
    runtime_folder(tmp_path / "home")
    assert (treasure / "gold").exists()
    left.path.unlink()
