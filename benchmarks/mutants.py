"""Plausible mistakes planted in the package, one at a time: which do the tests of its module see?

Each mutant changes one place of one module, in a copy of the tree in a temporary folder, and is run
against the tests of that module alone, the quick ones first, up to the first failure. Writes
benchmarks/results/mutants.md. Each run is kept in build/mutants.jsonl, so that a run that was cut
goes on where it stopped; a mutant that survived is tried again once its tests have changed.

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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from mutants_plan import ROOT, Mutant, modules, path_of, sample, tests_of

RESULTS = ROOT / "benchmarks" / "results" / "mutants.md"
RECORDS = ROOT / "build" / "mutants.jsonl"
REASONS = ROOT / "benchmarks" / "mutants_known.json"
"""Why a survivor is harmless, by "module.function: change"."""
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
    command += ["-p", "mutants_pytest", "--hypothesis-seed=0", "-rfE", *words]
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


def digest(*texts: bytes) -> str:
    """Returns a short name of what some files hold."""
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]


def digest_of(files: list[str]) -> str:
    """Returns a short name of test files and what they hold."""
    texts = ((ROOT / "tests" / f"{name}.py").read_bytes() for name in files)
    return digest(*map(str.encode, files), *texts)


class Judge:
    """Runs mutants against tests, and keeps what came of it.

    Args:
        folder: where the copies of the tree go.
        jobs: how many mutants run at a time.
        files: the test files of all mutants, which first run with nothing planted.
    """

    def __init__(self, folder: Path, jobs: int, files: list[str]) -> None:
        RECORDS.parent.mkdir(exist_ok=True)
        lines = RECORDS.read_text().splitlines() if RECORDS.exists() else []
        self.known = {record["key"]: record for record in map(json.loads, lines)}
        self.trees: SimpleQueue[Path] = SimpleQueue()
        for i in range(jobs):
            self.trees.put(copied(folder / str(i)))
        self.times, self.jobs = folder / "times.json", jobs
        missing = [name for name in files if digest_of([name]) not in self.known]
        if missing:
            self.keep_untouched(missing, self.timed(missing))
        records = [self.known[digest_of([name])] for name in files]
        seconds = {test: s for record in records for test, s in record["seconds"].items()}
        failed = [test for record in records for test in record["failed"]]
        self.untouched = {"seconds": seconds, "failed": failed}
        self.say_untouched()

    def keep_untouched(self, files: list[str], found: dict[str, Any]) -> None:
        """Keeps what the tests of each file do, until the file changes."""
        for name in files:
            start = f"tests/{name}.py"
            seconds = {t: s for t, s in found["seconds"].items() if t.startswith(start)}
            failed = [t for t in found["failed"] if t.startswith(start)]
            self.keep({"key": digest_of([name]), "seconds": seconds, "failed": failed})

    def keep(self, record: dict[str, Any]) -> dict[str, Any]:
        """Returns a record that is now in the file."""
        self.known[record["key"]] = record
        with RECORDS.open("a") as file:
            file.write(json.dumps(record) + "\n")
        return record

    def timed(self, files: list[str], *words: str) -> dict[str, Any]:
        """Returns how long each test takes with nothing planted, and which fail even so."""
        tree = self.trees.get()
        env = {"HIERPOOL_TIMES": str(self.times)}
        code, said = run(tree, files, 7200, "-n", str(self.jobs), *words, **env)
        self.trees.put(tree)
        if code not in (0, 1):
            raise SystemExit(f"The tests do not run as they are:\n{said[-2000:]}")
        return json.loads(self.times.read_text())

    def say_untouched(self) -> None:
        """Writes down, for the runs to come, what the tests do with nothing planted."""
        self.times.write_text(json.dumps(self.untouched))
        seconds, failed = self.untouched["seconds"], self.untouched["failed"]
        print(f"{len(seconds)} tests, {sum(seconds.values()):.0f} s; fail untouched: {failed}")

    def judge(self, mutant: Mutant) -> dict[str, Any]:
        """Returns the outcome of a mutant: caught, survived, or timed out."""
        files, source = tests_of(mutant.module), path_of(mutant.module).read_bytes()
        key, tests = digest(source, repr(mutant).encode()), digest_of(files)
        known = self.known.get(key)
        if known and known["by"] not in self.untouched["failed"]:
            if known["outcome"] == "caught" or known["tests"] == tests:
                return known
        paths = tuple(f"tests/{name}.py" for name in files)
        alone = sum(s for t, s in self.untouched["seconds"].items() if t.startswith(paths))
        tree, began = self.trees.get(), time.time()
        path = path_of(mutant.module, tree / "hierpool")
        try:
            path.write_bytes(mutant.planted(source))
            # Python would take one mutant for another of the same length and second.
            for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
                compiled.unlink()
            code, said = run(tree, files, 60 + 5 * alone, "-x", HIERPOOL_ORDER=str(self.times))
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
        last = said.splitlines()[-3:]
        return self.keep({"key": key, "outcome": outcome, "tests": tests, "by": by, "said": last})

    def outcomes(self, mutants: list[Mutant]) -> dict[Mutant, str]:
        """Returns the outcome of each mutant, none caught by a test that fails untouched."""
        with ThreadPoolExecutor(self.jobs) as pool:
            while True:
                found = dict(zip(mutants, pool.map(self.judge, mutants), strict=True))
                # A test may fail alone, or in another order, that did not fail among all.
                by = {record["by"] for record in found.values() if record["by"]}
                files = sorted({t.split("::")[0][6:-3] for t in by if "::" in t})
                again = self.timed(files, "-k", " or ".join(sorted({name_of(t) for t in by})))
                wrong = by.intersection(again["failed"])
                if not wrong:
                    return {mutant: record["outcome"] for mutant, record in found.items()}
                self.untouched["failed"] += sorted(wrong)
                self.keep_untouched(files, self.untouched)
                self.say_untouched()


def name_of(test: str) -> str:
    """Returns the name of a test's function."""
    return test.split("::")[-1].split("[")[0]


def report(outcomes: dict[Mutant, str]) -> str:
    """Returns what survived, and the share that was caught, by module."""
    reasons = json.loads(REASONS.read_text())
    planted = sorted({mutant.module for mutant in outcomes})
    counts = Counter((mutant.module, outcome) for mutant, outcome in outcomes.items())
    total = Counter(outcomes.values())
    harmless = sum(m.name in reasons for m, outcome in outcomes.items() if outcome == "survived")
    caught, sensible = total["caught"] + total["timed out"], len(outcomes) - harmless
    lines = [
        "# Mutants",
        "",
        f"`make mutants` planted {len(outcomes)} mistakes in {len(planted)} modules, one at a time."
        f" The tests of the module caught {caught} ({total['timed out']} of them by running past "
        f"the time), and {total['survived']} survived, {harmless} of which change nothing that a "
        f"user sees. Of the others {caught / max(sensible, 1):.1%} were caught.",
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
        caught = counts[module, "caught"] + counts[module, "timed out"]
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
    files = sorted({name for mutant in mutants for name in tests_of(mutant.module)})
    with tempfile.TemporaryDirectory() as folder:
        outcomes = Judge(Path(folder), words.jobs, files).outcomes(mutants)
    words.output.write_text(report(outcomes))
    print(words.output.read_text())


if __name__ == "__main__":
    main()
