"""What is handed over: a source distribution that is whole, and what a package index shows."""

import re
import tarfile
import tomllib
from email import message_from_string
from email.message import Message
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MADE = {".venv", ".venv-bench", "dist", "build", "PKG-INFO"}


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, unpacked."""
    sdists = pytest.importorskip("hatchling.builders.sdist", reason="hatchling is not installed")
    pytest.importorskip("hatch_fancy_pypi_readme")
    folder = tmp_path_factory.mktemp("dist")
    (path,) = sdists.SdistBuilder(str(ROOT)).build(directory=str(folder))
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
    return folder / f"hierpool-{PROJECT['version']}"


@pytest.fixture(scope="module")
def metadata(sdist: Path) -> Message:
    return message_from_string((sdist / "PKG-INFO").read_text(encoding="utf-8"))


def test_the_source_distribution_has_every_file_of_the_folders_it_names(sdist: Path) -> None:
    ours = (".ci", "benchmarks", "data", "hierpool", "tests")
    paths = [path for folder in ours for path in (ROOT / folder).rglob("*") if path.is_file()]
    made = ("__pycache__", ".nc", ".pyc")
    wanted = {path.relative_to(ROOT) for path in paths if not str(path).endswith(made[1:])}
    # Nor what a run of the benchmark made.
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    folders = {ROOT / line.strip("/") for line in ignored if line.startswith("/")}
    wanted = {
        path
        for path in wanted
        if "__pycache__" not in path.parts and not folders & {*(ROOT / path).parents}
    }
    assert len(wanted) > 100
    assert wanted <= {path.relative_to(sdist) for path in sdist.rglob("*")}


def test_make_finds_in_the_source_distribution_all_that_it_runs(sdist: Path) -> None:
    text = (sdist / "Makefile").read_text()
    named = set(re.findall(r"(?<![\w(/])(?:\.ci|data|tests|benchmarks)/[\w./-]+", text))
    assert {".ci/find-python", "data/efron-morris-75.csv"} <= named
    assert not [path for path in named if not (sdist / path).exists()]
    for script in (sdist / ".ci").iterdir():
        assert script.stat().st_mode & 0o100, script


def test_the_readme_of_an_index_links_to_nothing_beside_it(metadata: Message) -> None:
    shown = metadata.get_payload()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    links = r"\]\((?!https?://|#)([^)]+)\)"
    beside = re.findall(links, readme)
    assert beside and not re.findall(links, shown)
    for path in beside:
        assert (ROOT / path).is_file() and f"`{path}`" in shown
    # All else is the README, line by line.
    same = [line for line in readme.splitlines() if not re.search(links, line)]
    assert same == [line for line in shown.splitlines() if line in set(same)][: len(same)]


def test_every_address_of_the_project_is_one(metadata: Message) -> None:
    urls = metadata.get_all("Project-URL")
    assert urls and all(re.fullmatch(r"[^,]+, https://[\w./-]+", url) for url in urls)


def test_the_classifiers_name_the_pythons_that_are_admitted(metadata: Message) -> None:
    named = metadata.get_all("Classifier")
    versions = [name.rpartition(" ")[2] for name in named if re.search(r":: 3\.\d+$", name)]
    assert f">={min(versions, key=lambda text: int(text[2:]))}" == metadata["Requires-Python"]
    # An index refuses a licence that is named twice.
    assert not [name for name in named if name.startswith("License")]
    assert metadata["License-Expression"] == "Apache-2.0"


def test_the_command_is_a_function() -> None:
    module, name = PROJECT["scripts"]["hierpool"].split(":")
    assert callable(getattr(import_module(module), name))


def test_the_oldest_pandas_runs_with_the_oldest_numpy() -> None:
    # pandas 2.2.2 is the first that was built for numpy 2.
    oldest = {re.split(r"[>=<,]+", line)[0]: line for line in PROJECT["dependencies"]}
    assert re.match(r"numpy>=2\.", oldest["numpy"])
    pandas = re.search(r">=([\d.]+)", oldest["pandas"])
    assert pandas and tuple(map(int, pandas[1].split("."))) >= (2, 2, 2)
