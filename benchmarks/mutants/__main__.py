"""Plausible mistakes planted in the package, one at a time: which do the tests of its module see?

Each mutant changes one place of one module, in a copy of the tree in a temporary folder, and is run
against the tests of that module alone, up to the first failure: those named for the module first,
and the quick ones before the slow, as earlier runs have shown. Writes the report mutants.md into
benchmarks/results. What came of each mutant is kept beside it, so that a run that was cut goes on
where it stopped, on another machine too; one that survived is tried again once its tests change.

Why no maintained tool. mutmut 3 puts all mutants of a function into one file, and forks a process
for each after the tests were imported: JAX, by then running threads, does not survive a fork; and
its functions, which choose the mutant when called, are traced by ``jit`` once. cosmic-ray changes
the working tree itself, runs one command for all modules, so that each module would need a session
of its own, and has neither a sample by a seed nor swapped arguments, dropped keywords and dropped
checks. Both take the same time a mutant: that of importing JAX and of compiling what it changed.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any

from benchmarks.mutants.plan import ROOT, Mutant, modules, path_of, sample, tests_of

RESULTS = ROOT / "benchmarks" / "results" / "mutants.md"
RECORDS = ROOT / "benchmarks" / "results" / "mutants.jsonl"
"""What came of each mutant, by its key: a later run goes on from there."""
TIMES = ROOT / "build" / "mutants_times.json"
"""How long tests take on this machine, as the runs have shown."""
REASONS = ROOT / "benchmarks" / "mutants" / "known.json"
"""Why a survivor is harmless, by "module.function: change"."""
LONGEST = 1800
"""Seconds after which a mutant is not judged, unless told: it never ends, or its tests are slow and
see nothing."""
CACHE = Path(tempfile.gettempdir()) / "hierpool-mutants-jax"
"""Compiled programs, of all runs."""


def copied(folder: Path) -> Path:
    """Returns a copy of the tree, without what was made in it."""
    ignored = shutil.ignore_patterns(".git", ".venv*", ".*_cache", "__pycache__", "build", "dist")
    return Path(shutil.copytree(ROOT, folder, ignore=ignored))


def run(tree: Path, files: list[str], timeout: float, *words: str, **env: str) -> Any:
    """Returns pytest's exit code (None past the timeout) and what it said."""
    began, here = time.time(), {"JAX_COMPILATION_CACHE_DIR": str(CACHE)}
    here |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    here |= {"PYTHONPATH": os.pathsep.join([str(tree), str(tree / "benchmarks")])}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=line"]
    command += ["-p", "benchmarks.mutants.pytest_plugin", "--hypothesis-seed=0", "-rfE", *words]
    process = subprocess.Popen(
        [*command, *(f"tests/{name}.py" for name in files)],
        cwd=tree,
        env=os.environ | here | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=timeout)
        return process.returncode, said
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        # A program that was being written would be a torn one to all later runs.
        for path in CACHE.glob("*"):
            if path.stat().st_mtime >= began - 1:
                path.unlink(missing_ok=True)
        return None, said


def failures(said: str) -> list[str]:
    """Returns the tests that pytest's summary names as failed."""
    told = [line.split(" - ")[0] for line in said.splitlines()]
    return [t.split(" ", 1)[1] for t in told if t.startswith(("FAILED ", "ERROR "))]


def digest_of(files: list[str]) -> str:
    """Returns a short name of test files and what they hold."""
    texts = ((ROOT / "tests" / f"{name}.py").read_bytes() for name in files)
    return hashlib.sha256(b"\0".join([*map(str.encode, files), *texts])).hexdigest()[:16]


class Judge:
    """Runs mutants against tests, and keeps what came of it.

    Args:
        folder: where the copies of the tree go.
        jobs: how many mutants run at a time.
        longest: seconds after which a mutant is not judged.
    """

    def __init__(self, folder: Path, jobs: int, longest: int) -> None:
        lines = RECORDS.read_text().splitlines() if RECORDS.exists() else []
        self.known = {record["key"]: record for record in map(json.loads, lines)}
        self.trees: SimpleQueue[Path] = SimpleQueue()
        for i in range(jobs):
            self.trees.put(copied(folder / str(i)))
        self.jobs, self.longest, self.learning = jobs, longest, Lock()
        self.learned: dict[str, Any] = {"seconds": {}, "failed": []}
        if TIMES.exists():
            self.learned = json.loads(TIMES.read_text())
        TIMES.parent.mkdir(exist_ok=True)
        TIMES.write_text(json.dumps(self.learned))

    def keep(self, record: dict[str, Any]) -> dict[str, Any]:
        """Returns a record that is now in the file."""
        self.known[record["key"]] = record
        with RECORDS.open("a") as file:
            file.write(json.dumps(record) + "\n")
        return record

    def learn(self, found: dict[str, Any], failed: Iterable[str] = ()) -> None:
        """Keeps how long the tests that passed take, and which fail with nothing planted."""
        with self.learning:
            passed = {t: s for t, s in found["seconds"].items() if t not in found["failed"]}
            self.learned["seconds"] |= passed
            self.learned["failed"] = sorted({*self.learned["failed"], *failed})
            TIMES.write_text(json.dumps(self.learned))

    def judge(self, mutant: Mutant) -> dict[str, Any]:
        """Returns the outcome of a mutant: caught, survived, or timed out."""
        files, source = tests_of(mutant.module), path_of(mutant.module).read_bytes()
        tests, known = digest_of(files), self.known.get(mutant.key)
        if known and known["by"] not in self.learned["failed"]:
            has_time = known["outcome"] != "timed out" or known["longest"] >= self.longest
            if known["outcome"] == "caught" or (known["tests"] == tests and has_time):
                return known
        tree, began = self.trees.get(), time.time()
        path, times = path_of(mutant.module, tree / "hierpool"), tree / "times.json"
        times.unlink(missing_ok=True)
        try:
            path.write_bytes(mutant.planted(source))
            # Python would take one mutant for another of the same length and second.
            for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
                compiled.unlink()
            files_of_run = {"HIERPOOL_ORDER": str(TIMES), "HIERPOOL_TIMES": str(times)}
            code, said = run(tree, files, self.longest, "-x", **files_of_run)
            if times.exists():
                self.learn(json.loads(times.read_text()))
        finally:
            path.write_bytes(source)
            for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
                compiled.unlink()
            self.trees.put(tree)
        if code == -signal.SIGKILL:
            raise SystemExit("The tests were killed from outside: run again to go on.")
        # pytest leaves with 5 when it ran no test.
        outcome = {0: "survived", 5: "survived", None: "timed out"}.get(code, "caught")
        by = next(iter(failures(said)), None)
        print(f"{outcome}, {time.time() - began:.0f} s: {mutant.line} {mutant.name}", flush=True)
        record = {"key": mutant.key, "mutant": mutant.name, "outcome": outcome}
        return self.keep(record | {"by": by, "tests": tests, "longest": self.longest})

    def outcomes(self, mutants: list[Mutant]) -> dict[Mutant, str]:
        """Returns the outcome of each mutant, none caught by a test that fails untouched."""
        with ThreadPoolExecutor(self.jobs) as pool:
            while True:
                found = dict(zip(mutants, pool.map(self.judge, mutants), strict=True))
                by = {record["by"] for record in found.values() if record["by"]}
                wrong = self.fail_untouched(by)
                if not wrong:
                    return {mutant: record["outcome"] for mutant, record in found.items()}
                print(f"These tests fail with nothing planted: {sorted(wrong)}", flush=True)

    def fail_untouched(self, tests: set[str]) -> set[str]:
        """Returns the tests of these that fail with nothing planted: they caught nothing."""
        files = sorted({test.split("::")[0][6:-3] for test in tests if "::" in test})
        if not files:
            return set()
        tree = self.trees.get()
        times = tree / "times.json"
        names = " or ".join(sorted(map(name_of, tests)))
        code, said = run(
            tree, files, 7200, "-n", str(self.jobs), "-k", names, HIERPOOL_TIMES=str(times)
        )
        self.trees.put(tree)
        if code not in (0, 1):
            raise SystemExit(f"The tests do not run as they are:\n{said[-2000:]}")
        found = json.loads(times.read_text())
        wrong = tests.intersection(found["failed"])
        self.learn(found, wrong)
        return wrong


def name_of(test: str) -> str:
    """Returns the name of a test's function."""
    return test.split("::")[-1].split("[")[0]


def report(outcomes: dict[Mutant, str], longest: int) -> str:
    """Returns what survived, and the share that was caught, by module."""
    reasons = json.loads(REASONS.read_text())
    planted = sorted({mutant.module for mutant in outcomes})
    counts = Counter((mutant.module, outcome) for mutant, outcome in outcomes.items())
    total = Counter(outcomes.values())
    harmless = sum(m.name in reasons for m, outcome in outcomes.items() if outcome == "survived")
    caught = total["caught"]
    sensible = caught + total["survived"] - harmless
    lines = [
        "# Mutants",
        "",
        f"`make mutants` planted {len(outcomes)} mistakes in {len(planted)} modules, one at a time."
        f" The tests of the module caught {caught}, {total['survived']} survived, {harmless} of "
        "which change nothing that a user sees. Of the others "
        f"{caught / max(sensible, 1):.1%} were caught. {total['timed out']} were not judged within "
        f"{longest} seconds each.",
        "",
        "| line | mutant | why it is harmless |",
        "|---|---|---|",
    ]
    for mutant in sorted(outcomes, key=lambda mutant: (mutant.module, mutant.line)):
        if outcomes[mutant] == "survived":
            where = f"{mutant.module}:{mutant.line}"
            lines.append(f"| {where} | {mutant.change} | {reasons.get(mutant.name, '')} |")
    lines += ["", "| module | tests | planted | caught | survived |", "|---|---|---|---|---|"]
    for module in planted:
        caught = counts[module, "caught"]
        survived = counts[module, "survived"]
        tests = ", ".join(tests_of(module))
        lines.append(f"| {module} | {tests} | {caught + survived} | {caught} | {survived} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Plants mutants, and writes what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=400, help="mutants in all")
    parser.add_argument("--module", action="append", choices=modules(), help="these alone")
    parser.add_argument("--jobs", type=int, default=1, help="how many run at a time")
    parser.add_argument(
        "--longest", type=int, default=LONGEST, help="seconds after which a mutant is not judged"
    )
    parser.add_argument("--list", action="store_true", help="show them, and run nothing")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the report")
    words = parser.parse_args()
    mutants = sample(words.module or modules(), words.number)
    for module in sorted({mutant.module for mutant in mutants}):
        print(f"{module}: {', '.join(tests_of(module))}")
    if words.list:
        print(*(f"{mutant.line} {mutant.name}" for mutant in mutants), sep="\n")
        return
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        outcomes = Judge(Path(folder), words.jobs, words.longest).outcomes(mutants)
    words.output.write_text(report(outcomes, words.longest))
    print(words.output.read_text())


if __name__ == "__main__":
    main()
