"""A fit's file comes back bit for bit, or is refused in one sentence."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from damage import DAMAGED, bit_flipped
from trees import tree_of

import hierpool as hp
from hierpool.posterior.netcdf import END_AT, _Patient, write_tree


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    return tree_of()


@pytest.fixture(scope="module")
def content(tree: xr.DataTree, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of the fit's file."""
    path = tmp_path_factory.mktemp("fits") / "fit.nc"
    hp.save(tree, path)
    return path.read_bytes()


def refused(path: Path) -> str:
    """Returns the one sentence that says why a file is refused."""
    with pytest.raises(hp.InputError, match=re.escape(str(path))) as refusal:
        hp.load(path)
    message = str(refusal.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_file_is_refused_in_one_sentence(
    content: bytes, damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "fit.nc"
    path.write_bytes(damage(content))
    refused(path)


@pytest.mark.parametrize("number", range(12))
def test_a_file_with_a_bit_flipped_is_refused_in_one_sentence(
    content: bytes, number: int, tmp_path: Path
) -> None:
    path = tmp_path / "fit.nc"
    changed = bit_flipped(content, number)
    differing = np.flatnonzero(np.frombuffer(changed, "u1") != np.frombuffer(content, "u1"))
    assert len(changed) == len(content) and len(differing) == 1
    path.write_bytes(changed)
    refused(path)


@pytest.mark.parametrize("at", range(-85, 0, 5))
def test_no_bit_of_the_seal_or_before_it_can_flip(content: bytes, at: int, tmp_path: Path) -> None:
    path = tmp_path / "fit.nc"
    changed = bytearray(content)
    changed[at] ^= 1
    path.write_bytes(changed)
    assert "is damaged: its bytes are not those that were saved" in refused(path)


def test_what_a_library_makes_of_a_file_without_a_seal_is_one_sentence(
    tree: xr.DataTree, tmp_path: Path
) -> None:
    path = tmp_path / "fit.nc"
    tree.to_netcdf(path, engine="h5netcdf")
    xr.testing.assert_identical(hp.load(path), tree)
    with h5py.File(path, "r+") as file:
        for name in ("theta", "phi"):
            del file["posterior"][name].attrs["DIMENSION_LIST"]
        file["posterior"]["theta"].attrs["DIMENSION_LIST"] = 3
    refused(path)


def test_a_file_that_another_library_changed_is_read_without_its_seal(
    tree: xr.DataTree, content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "fit.nc"
    path.write_bytes(content)
    with h5py.File(path, "r+") as file:
        file.attrs["title"] = "players"
    loaded = hp.load(path)
    assert loaded.attrs.pop("title") == "players"
    xr.testing.assert_identical(loaded, tree)


def test_other_readers_do_not_see_the_seal(
    tree: xr.DataTree, content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "fit.nc"
    path.write_bytes(content)
    with xr.open_datatree(path, engine="h5netcdf") as opened:
        xr.testing.assert_identical(opened.load(), tree)


class Failing(io.BytesIO):
    """A file of which writes fail from a size on."""

    room = 1000

    def write(self, content: object) -> int:
        if self.tell() + memoryview(content).nbytes > self.room:
            raise OSError(28, "No space left on device")
        return super().write(content)


@pytest.mark.parametrize("room", [0, 1, 96, 1000, 5000, 10_000, 20_000])
def test_a_write_that_fails_is_an_error_and_no_crash(tree: xr.DataTree, room: int) -> None:
    file = Failing()
    file.room = room
    with pytest.raises(OSError, match="No space left on device"):
        write_tree(tree, file)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "version"), [("earliest", 0), ("v108", 2), ("latest", 3)])
def test_the_end_of_a_file_is_where_its_kind_states_it(
    kind: str, version: int, tmp_path: Path
) -> None:
    path = tmp_path / "some.h5"
    with h5py.File(path, "w", libver=(kind, kind) if kind != "earliest" else kind) as file:
        file["numbers"] = np.arange(9)
    content = path.read_bytes()
    start = END_AT[version]
    assert content[8] == version
    assert int.from_bytes(content[start : start + 8], "little") == len(content)


def test_a_file_begins_empty_and_at_its_beginning() -> None:
    file = _Patient(io.BytesIO())  # type: ignore[arg-type]
    assert [file.seek(0, whence) for whence in (io.SEEK_CUR, io.SEEK_END)] == [0, 0]
    file.write(b"four")
    assert [file.seek(0, whence) for whence in (io.SEEK_CUR, io.SEEK_END)] == [4, 4]
