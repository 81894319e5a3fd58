"""Compiles again the part of httpstan that its wheel ships compiled for another Python.

The wheel of httpstan 4.17.0 for Python 3.13 holds an object file compiled for 3.10, with which no
model can be loaded. Its source is in the wheel too. Run by `make bench` after installing; takes
half a minute of a C++ compiler, once, and nothing where the wheel is whole or absent.
"""

import importlib.util
import subprocess
import sys
import sysconfig
from pathlib import Path

MACROS = (
    "BOOST_DISABLE_ASSERTS",
    "BOOST_PHOENIX_NO_VARIADIC_EXPRESSION",
    "STAN_THREADS",
    "_REENTRANT",
    "_GLIBCXX_USE_CXX11_ABI=0",
)
"""Those with which httpstan compiles a model."""


def main() -> None:
    """Mends the object file, or says in one line why not."""
    found = importlib.util.find_spec("httpstan")
    if found is None or found.origin is None:
        return
    folder = Path(found.origin).parent
    source = folder / "stan_services.cpp"
    target = source.with_suffix(".o")
    # pybind11 keeps the version that it was compiled for as a string of its own.
    ours = "{}.{}".format(*sys.version_info).encode()
    if not target.exists() or b"\0" + ours + b"\0" in target.read_bytes():
        return
    print(f"httpstan's object file is not for Python {ours.decode()}: compiling it")
    includes = [folder / "include", folder, sysconfig.get_paths()["include"]]
    words = ["c++", "-std=c++17", "-O3", "-fPIC", "-w"]
    words += [f"-D{macro}" for macro in MACROS] + [f"-I{include}" for include in includes]
    beside = target.with_suffix(".part")
    try:
        subprocess.run([*words, "-c", str(source), "-o", str(beside)], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"httpstan could not be mended, so Stan's rows will say why: {error}")
        return
    beside.replace(target)


if __name__ == "__main__":
    main()
