import io
from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np
import pytest
import xarray as xr
from trees import CHAINS, DRAWS, NAMES, NUM_GROUPS, population_of, tree_of

import hierpool as hp
from hierpool.input.table import Table
from hierpool.models.protocol import GROUPS
from hierpool.posterior.tree import settings, to_datatree
from hierpool.runtime.writing import check_writable


def without_theta(names: list[str] = NAMES) -> xr.DataTree:
    return to_datatree(
        Table(np.full(NUM_GROUPS, 3), np.full(NUM_GROUPS, 9), np.array(names), "hits", "tries"),
        posterior=population_of(hp.CollapsedPartialPooling(), np.random.default_rng(1)),
        prior={"phi": np.full(10, 0.5)},
        log_likelihood=None,
        stats=None,
        seeds=np.random.SeedSequence(1).spawn(2),
        attributes={
            "hierpool_model": settings(hp.CollapsedPartialPooling()),
            "hierpool_inference": settings(hp.Quadrature()),
        },
        dims={},
    )


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_tree_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    tree = tree_of()
    hp.save(tree, tmp_path / "fit.nc")
    loaded = hp.load(str(tmp_path / "fit.nc"))
    xr.testing.assert_identical(loaded, tree)
    assert list(loaded["posterior"][GROUPS].values) == NAMES
    assert dict(loaded.attrs) == tree.attrs
    assert left_in(tmp_path) == ["fit.nc"]


def test_a_loaded_tree_needs_its_file_no_more(tmp_path: Path) -> None:
    path = tmp_path / "fit.nc"
    tree = tree_of()
    hp.save(tree, path)
    loaded = hp.load(path)
    path.unlink()
    xr.testing.assert_identical(loaded, tree)


def test_the_tree_holds_the_data_and_their_hash() -> None:
    tree = tree_of()
    np.testing.assert_array_equal(tree["observed_data"]["y"], [3] * NUM_GROUPS)
    np.testing.assert_array_equal(tree["constant_data"]["n"], [9] * NUM_GROUPS)
    replicates = tree["posterior_predictive"]["y"]
    assert replicates.shape == (CHAINS, DRAWS, NUM_GROUPS)
    assert int(replicates.min()) >= 0
    assert int(replicates.max()) <= 9
    digest = tree.attrs["data_sha256"]
    assert tree_of().attrs["data_sha256"] == digest
    assert tree_of(successes=4).attrs["data_sha256"] != digest
    assert tree_of([*NAMES[:-1], "other"]).attrs["data_sha256"] != digest


def test_a_tree_without_theta_holds_the_data_and_comes_back_from_its_file(tmp_path: Path) -> None:
    tree = without_theta()
    assert set(tree.children) == {"posterior", "prior", "observed_data", "constant_data"}
    assert set(tree["posterior"].data_vars) == {"phi", "kappa_log", "kappa"}
    hp.save(tree, tmp_path / "fit.nc")
    loaded = hp.load(tmp_path / "fit.nc")
    xr.testing.assert_identical(loaded, tree)
    groups = hp.summarize(loaded).groups
    assert list(groups.columns) == ["successes", "trials", "rate"]
    assert list(groups.index) == NAMES


def test_an_existing_file_is_kept_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "fit.nc"
    hp.save(tree_of(), path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match=r"fit\.nc exists: --force \(force=True\) replaces"):
        hp.save(tree_of(successes=4), path)
    assert path.read_bytes() == before
    hp.save(tree_of(successes=4), path, force=True)
    assert int(hp.load(path)["observed_data"]["y"][0]) == 4
    assert left_in(tmp_path) == ["fit.nc"]


@pytest.mark.parametrize("force", [False, True])
def test_a_file_that_can_not_be_written_is_told_before_any_work(
    tmp_path: Path, *, force: bool
) -> None:
    with pytest.raises(IsADirectoryError, match="is a folder: name a file in it"):
        check_writable(tmp_path, force=force)
    with pytest.raises(FileNotFoundError, match=r"The folder .*nowhere does not exist: make it"):
        check_writable(tmp_path / "nowhere" / "fit.nc", force=force)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_write_that_fails_half_way_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, exists: bool, error: BaseException
) -> None:
    path = tmp_path / "fit.nc"
    tree = tree_of()
    if exists:
        hp.save(tree, path)

    def write_half(self: xr.DataTree, file: io.RawIOBase, **options: Any) -> None:
        file.write(b"half")
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(xr.DataTree, "to_netcdf", write_half)
        with pytest.raises(type(error)):
            hp.save(tree_of(successes=4), path, force=True)
    assert left_in(tmp_path) == (["fit.nc"] if exists else [])
    if exists:
        xr.testing.assert_identical(hp.load(path), tree)


def one_sentence(error: pytest.ExceptionInfo[Exception]) -> None:
    assert "\n" not in str(error.value)
    assert str(error.value)


@pytest.mark.parametrize("content", [b"", b"hits,at_bats\n1,2\n", b"CDF\x01" + bytes(100)])
def test_a_file_that_is_no_netcdf_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "fit.nc"
    path.write_bytes(content)
    with pytest.raises(hp.InputError, match=r"fit\.nc is no netCDF file that can be read") as error:
        hp.load(path)
    one_sentence(error)


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fit.nc"
    hp.save(tree_of(), path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(hp.InputError, match=r"fit\.nc is no netCDF file that can be read") as error:
        hp.load(path)
    one_sentence(error)


def test_a_netcdf_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.nc"
    xr.Dataset({"a": ("x", np.arange(3))}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(hp.InputError, match=r"other\.nc was not written by hierpool") as error:
        hp.load(path)
    one_sentence(error)


def test_an_hdf5_file_without_netcdf_dimensions_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.nc"
    with h5netcdf.legacyapi.Dataset(path, "w") as file:
        file._h5file["a"] = np.arange(3)
    with pytest.raises(hp.InputError, match=r"other\.nc was not written by hierpool"):
        hp.load(path)


def test_a_tree_of_another_library_is_refused(tmp_path: Path) -> None:
    tree = tree_of()
    del tree.attrs["hierpool_model"]
    tree.to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(hp.InputError, match="was not written by hierpool: it holds no fit"):
        hp.load(tmp_path / "other.nc")


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.nc does not exist") as error:
        hp.load(tmp_path / "nowhere.nc")
    one_sentence(error)
    with pytest.raises(IsADirectoryError, match="is a folder: name a file in it") as error:
        hp.load(tmp_path)
    one_sentence(error)


def test_settings_are_kept_with_their_names() -> None:
    assert settings(hp.PartialPooling(phi_alpha=np.float64(2.5))) == (
        '{"name": "PartialPooling", "kappa_log_rate": 1.5, "phi_alpha": 2.5, "phi_beta": 1.0}'
    )
    assert '"num_chains": 4' in settings(hp.NUTS())
    assert '"chain_method": null' in settings(hp.NUTS())
