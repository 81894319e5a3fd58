"""Whatever stops a write, the file that was there is whole, and nothing is left beside it."""

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from shell import EXACT, PLAYERS, Run, refused
from trees import tree_of

import hierpool as hp
from hierpool.cli.files import write_table
from hierpool.runtime.writing import PART, check_writable, require_not_read, whole_file

OLD = b"what was there before\n"


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(path: Path, content: bytes) -> None:
    with whole_file(path) as file:
        file.write(content)


@pytest.mark.parametrize("old", [None, OLD])
def test_a_file_takes_its_name_when_it_is_whole(tmp_path: Path, old: bytes | None) -> None:
    path = tmp_path / "table.csv"
    if old:
        path.write_bytes(old)
    with whole_file(path) as file:
        file.write(b"new")
        file.flush()
        assert (path.read_bytes() if path.exists() else None) == old
    assert path.read_bytes() == b"new"
    assert left_in(tmp_path) == ["table.csv"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("no"), OSError("no"), OSError()])
def test_a_write_that_stops_leaves_what_was_there(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(OLD)
    with pytest.raises(type(error)), whole_file(path) as file:
        file.write(b"half")
        raise error
    assert path.read_bytes() == OLD
    assert left_in(tmp_path) == ["table.csv"]


def test_an_error_of_the_system_names_the_file_as_the_user_did(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with pytest.raises(OSError) as caught, whole_file(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.filename == str(path)
    assert caught.value.errno == errno.ENOSPC


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    real, link = tmp_path / "elsewhere" / "table.csv", tmp_path / "link.csv"
    link.symlink_to(real)
    for content in (b"first", b"second"):
        check_writable(link, force=True)
        write(link, content)
        assert link.is_symlink() and real.read_bytes() == content
    assert left_in(tmp_path / "elsewhere") == ["table.csv"]


def test_permissions_are_those_of_the_old_file_or_of_any_new_one(tmp_path: Path) -> None:
    secret, new, usual = (tmp_path / name for name in ("secret", "new", "usual"))
    secret.write_bytes(OLD)
    secret.chmod(0o600)
    usual.write_bytes(OLD)
    write(secret, b"new")
    write(new, b"new")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert new.stat().st_mode == usual.stat().st_mode


def test_what_a_dead_process_left_is_swept_and_what_a_live_one_writes_is_not(
    tmp_path: Path,
) -> None:
    (tmp_path / f".0123456789abcdef{PART}").write_bytes(b"half")
    (tmp_path / ".theirs.part").write_bytes(b"somebody else's")
    with whole_file(tmp_path / "first.csv") as file:
        file.write(b"first")
        (tmp_path / f".123456789abcdef0{PART}").write_bytes(b"half")
        write(tmp_path / "second.csv", b"second")
    assert left_in(tmp_path) == [".theirs.part", "first.csv", "second.csv"]
    assert (tmp_path / "first.csv").read_bytes() == b"first"


def test_a_device_is_no_file_to_replace() -> None:
    with pytest.raises(hp.InputError, match="/dev/null is a device or a pipe: name a file"):
        check_writable("/dev/null", force=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to any folder")
def test_a_folder_that_can_not_be_written_to_is_told_before_any_work(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match="can't be written to: name a file elsewhere"):
        check_writable(tmp_path / "fit.nc")


def plain(path: Path) -> str:
    return str(path)


def relative(path: Path) -> str:
    return os.path.relpath(path)


def symbolic(path: Path) -> str:
    link = path.with_name("symbolic" + path.suffix)
    link.symlink_to(path)
    return str(link)


def through_folder(path: Path) -> str:
    link = path.parent.with_name("folder")
    link.symlink_to(path.parent)
    return str(link / path.name)


def hard(path: Path) -> str:
    link = path.with_name("hard" + path.suffix)
    link.hardlink_to(path)
    return str(link)


NAMED = [plain, relative, symbolic, through_folder, hard]
"""Ways to name a file that exists."""


@pytest.mark.parametrize("named", NAMED)
def test_a_file_that_is_read_is_known_by_any_name(
    tmp_path: Path, named: Callable[[Path], str]
) -> None:
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "groups.csv"
    path.write_bytes(OLD)
    other = named(path)
    for one, source in ((other, path), (path, other)):
        with pytest.raises(hp.InputError, match="is the input .* itself"):
            require_not_read(one, [str(tmp_path / "nowhere"), str(source)])
    require_not_read(tmp_path / "data" / "new.csv", [str(path)])
    path.with_name("new.csv").write_bytes(OLD)
    require_not_read(tmp_path / "data" / "new.csv", [str(path)])


TABLE = ["--group", "player", "--successes", "hits", "--trials", "at_bats"]
FITS_TABLE = {
    "fit --output": ["fit", "{table}", *TABLE, *EXACT, "--output", "{output}"],
    "fit --csv": ["fit", "{table}", *TABLE, *EXACT, "--csv", "{output}"],
    "estimate": ["estimate", "{table}", *TABLE, "--output", "{output}"],
    "estimate --population": ["estimate", "{table}", *TABLE, "--population", "{output}"],
    "compare": ["compare", "{table}", *TABLE, "--output", "{output}"],
    "compare --pointwise": ["compare", "{table}", *TABLE, "--pointwise", "{output}"],
    "sensitivity": ["sensitivity", "{table}", *TABLE, "--output", "{output}"],
    "sensitivity --population": ["sensitivity", "{table}", *TABLE, "--population", "{output}"],
}
ASKS_FIT = {
    "predict --output": (
        ["predict", "{fit}", "--trials", "at_bats", "--data", "{table}", *TABLE[:2]]
        + ["--output", "{output}"]
    ),
    "score": ["score", "{fit}", "--data", "{table}", *TABLE, "--output", "{output}"],
}


@pytest.mark.parametrize("words", (FITS_TABLE | ASKS_FIT).values(), ids=(FITS_TABLE | ASKS_FIT))
@pytest.mark.parametrize("named", [plain, symbolic, hard])
@pytest.mark.usefixtures("jax_as_it_was")
def test_no_command_writes_over_the_table_that_it_reads(
    words: list[str],
    named: Callable[[Path], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = tmp_path / "players.csv"
    table.write_bytes(Path(PLAYERS).read_bytes())
    names = {"table": table, "output": named(table), "fit": tmp_path / "fit.nc"}
    before = left_in(tmp_path)
    run = Run([word.format(**names) for word in words] + ["--force"], capsys)
    refused(run, "is the input .*players.csv itself, which writing it would destroy")
    assert table.read_bytes() == Path(PLAYERS).read_bytes()
    assert left_in(tmp_path) == before


@pytest.mark.parametrize("named", NAMED)
def test_no_command_writes_over_the_fit_that_it_reads(
    named: Callable[[Path], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fits").mkdir()
    path = tmp_path / "fits" / "fit.nc"
    path.write_bytes(OLD)
    words = ["predict", str(path), "--trials-to-come", "5", "--force", "--save", named(path)]
    refused(Run(words, capsys), "is the input .*fit.nc itself")
    assert path.read_bytes() == OLD
    assert path.parent.joinpath("fit.nc").read_bytes() == OLD


@pytest.fixture(scope="module")
def large() -> xr.DataTree:
    """A fit of some 3 MB."""
    tree = tree_of()
    tree["mine"] = xr.DataTree(
        xr.Dataset({"noise": ("row", np.random.default_rng(0).random(400_000))})
    )
    return tree


QUIET = Namespace(quiet=True)
FRAME = pd.DataFrame({"rate": np.random.default_rng(0).random(200_000)})
WRITERS: dict[str, Callable[[Path, xr.DataTree], None]] = {
    "fit.nc": lambda path, tree: hp.save(tree, path, force=True),
    "groups.csv": lambda path, tree: write_table(FRAME, str(path), QUIET),
    "groups.parquet": lambda path, tree: write_table(FRAME, str(path), QUIET),
}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a hundred kilobytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("exists", [False, True])
def test_a_full_disk_is_an_error_that_leaves_what_was_there(
    name: str, *, exists: bool, small_disk: Path, large: xr.DataTree
) -> None:
    path = small_disk / name
    if exists:
        path.write_bytes(OLD)
    with pytest.raises(OSError, match="No space left on device"):
        WRITERS[name](path, large)
    assert left_in(small_disk) == ([name] if exists else [])
    if exists:
        assert path.read_bytes() == OLD


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.999])
def test_a_file_too_large_is_an_error_that_leaves_what_was_there(
    name: str, share: float, tmp_path: Path, large: xr.DataTree
) -> None:
    WRITERS[name](tmp_path / name, large)
    most = int(share * (tmp_path / name).stat().st_size)
    path = tmp_path / "there" / name
    path.parent.mkdir()
    path.write_bytes(OLD)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))
    try:
        with pytest.raises(OSError):
            WRITERS[name](path, large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert left_in(path.parent) == [name]
    assert path.read_bytes() == OLD


@pytest.mark.usefixtures("jax_as_it_was")
def test_the_command_says_that_the_disk_is_full_and_keeps_the_old_table(
    small_disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = tmp_path / "many.csv"
    many.write_text("hits,at_bats\n" + "1,5\n" * 20_000)
    path = small_disk / "groups.csv"
    path.write_bytes(OLD)
    words = ["fit", str(many), *TABLE[2:], *EXACT, "--hyperparameters-only", "--rows", "1"]
    run = Run([*words, "--csv", str(path), "--force"], capsys)
    assert run.code == 2
    assert run.err == f"hierpool: {path}: No space left on device.\n"
    assert path.read_bytes() == OLD
    assert left_in(small_disk) == ["groups.csv"]


def test_an_interrupt_in_the_midst_of_a_save_leaves_what_was_there(
    tmp_path: Path, large: xr.DataTree
) -> None:
    path = tmp_path / "fit.nc"
    path.write_bytes(OLD)
    main = threading.main_thread().ident
    assert main is not None
    # It comes some time in a save: they take far longer than what is between them.
    interrupt = threading.Timer(0.05, lambda: signal.pthread_kill(main, signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        interrupt.start()
        for _ in range(1000):
            hp.save(large, path, force=True)
    assert path.read_bytes() == OLD or hp.load(path).identical(large)
    assert left_in(tmp_path) == ["fit.nc"]


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
import pandas as pd
import xarray as xr
from argparse import Namespace
from hierpool.cli.files import write_table
from hierpool.posterior.netcdf import write_tree
from hierpool.runtime.writing import PART, whole_file

folder, kind = Path(sys.argv[1]), sys.argv[2]
path = folder / kind

def content(number):
    return pd.DataFrame({"number": np.full(20_000, number)})

def write(number):
    if kind == "fit.nc":
        tree = xr.DataTree.from_dict({"/fit": content(number).to_xarray()})
        with whole_file(path) as file:
            write_tree(tree, file)
    else:
        write_table(content(number), str(path), Namespace(quiet=True))

def read():
    if kind == "fit.nc":
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            return tree["fit"]["number"].values
    return pd.read_csv(path)["number"].to_numpy()

started = time.perf_counter()
write(0)
seconds = time.perf_counter() - started
moments, met, last = random.Random(1), 0, 0
for number in range(1, 21):
    child = os.fork()
    if not child:
        write(number)
        os._exit(0)
    time.sleep(moments.uniform(0, 1.5 * seconds))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    found = read()
    assert len(found) == 20_000 and (found == found[0]).all(), found
    assert found[0] in (last, number), (found[0], last, number)
    met += len(list(folder.glob(f".*{PART}"))) > 0
    last = found[0]
    if number % 2:
        last = -number
        write(last)
        assert os.listdir(folder) == [kind], os.listdir(folder)
write(21)
assert os.listdir(folder) == [kind] and (read() == 21).all()
print(met)
"""


@pytest.mark.parametrize("kind", ["fit.nc", "groups.csv"])
def test_twenty_kills_at_random_moments_lose_nothing_and_leave_nothing(
    kind: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), kind],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # Some of them met a write half way.
    assert int(done.stdout) > 0
