"""The mistakes that `python -m benchmarks.mutants` plants, and the tests that should see them."""

import ast
import copy
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "hierpool"
EACH_MODULE = 2
"""Mutants of each module come first; then all are equally likely."""

COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
PAIRS = (
    ("min", "max"),
    ("minimum", "maximum"),
    ("argmin", "argmax"),
    ("any", "all"),
    ("floor", "ceil"),
    ("sum", "mean"),
    ("logical_and", "logical_or"),
)
TWINS = dict(PAIRS) | {second: first for first, second in PAIRS}
# Swapped arguments change nothing, or not even plausibly.
SYMMETRIC = {
    "suppress",
    "isinstance",
    "getattr",
    "hasattr",
    "hypot",
    "logaddexp",
    "dot",
    "cast",
    *TWINS,
}
# What it says is for a reader; what it says wrongly, no test has to see.
TOLD = {"warn", "debug", "info", "warning", "log", "TypeVar", "docstring"}
# A guard against what does not happen; the name of an array's axis for a reader.
GUARDS = {"strict", "stacklevel", "help", "metavar"}


class Mutant(NamedTuple):
    """One change of one place."""

    module: str
    function: str
    line: int
    start: int
    """Bytes of the module before the change."""
    end: int
    change: str
    text: str
    """What stands there instead."""
    key: str
    """A hash of the function and of the change in it: it stays what it is while the rest of the
    module changes, and so do the sample and what was found."""

    @property
    def name(self) -> str:
        """Returns what tells it from others, however the lines around it move."""
        return f"{self.module}.{self.function}: {self.change}"

    def planted(self, source: bytes) -> bytes:
        """Returns the module with the change."""
        return source[: self.start] + self.text.encode() + source[self.end :]


def called(node: ast.expr) -> str:
    """Returns the last name of what is called."""
    return getattr(node, "attr", getattr(node, "id", ""))


def with_field(node: Any, field: str, value: object) -> Any:
    """Returns a copy of a node with another value of one field."""
    other = copy.copy(node)
    setattr(other, field, value)
    return other


def constants(node: ast.Constant) -> Iterator[ast.expr]:
    """Yields other values of a number; none of a text."""
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
        if value > 0:
            yield ast.Constant(value - 1)
        if value > 3:
            yield ast.Constant(value // 2)
    elif isinstance(value, float):
        yield ast.Constant(value / 2 if value else 1.0)
        if value >= 1:
            yield ast.Constant(value * 2)


def calls(node: ast.Call) -> Iterator[tuple[ast.expr, str]]:
    """Yields a call with two arguments swapped, without a keyword, or without ``abs``."""
    name, args, keywords = called(node.func), node.args, node.keywords
    if name in ("abs", "absolute") and len(args) == 1:
        yield args[0], f"dropped `{name}` of `{ast.unparse(args[0])}`"
    for i, (first, second) in enumerate(zip(args, args[1:], strict=False)):
        if isinstance(first, ast.Name | ast.Attribute) and name not in SYMMETRIC:
            swapped = with_field(node, "args", [*args[:i], second, first, *args[i + 2 :]])
            both = f"`{ast.unparse(first)}` and `{ast.unparse(second)}`"
            yield swapped, f"swapped {both} in `{name}()`"
    for i, keyword in enumerate(keywords):
        if keyword.arg and keyword.arg not in GUARDS:
            fewer = with_field(node, "keywords", keywords[:i] + keywords[i + 1 :])
            yield fewer, f"dropped `{ast.unparse(keyword)}` of `{name}()`"


def changed(node: ast.AST) -> Iterator[ast.expr]:
    """Yields what may stand by mistake where an expression does."""
    match node:
        case ast.Constant():
            yield from constants(node)
        case ast.Compare():
            for i, operator in enumerate(node.ops):
                swapped = [*node.ops[:i], COMPARED[type(operator)](), *node.ops[i + 1 :]]
                yield with_field(node, "ops", swapped)
        case ast.BinOp() if type(node.op) in COMPUTED and not holds_text(node):
            yield with_field(node, "op", COMPUTED[type(node.op)]())
        case ast.BoolOp():
            yield with_field(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand
        case ast.IfExp():
            yield node.body
            yield node.orelse
        case ast.Attribute() if node.attr in TWINS:
            yield with_field(node, "attr", TWINS[node.attr])
        case ast.Name() if node.id in TWINS:
            yield with_field(node, "id", TWINS[node.id])


def holds_text(node: ast.BinOp) -> bool:
    """Returns whether texts are put together."""
    parts = (node.left, node.right)
    return any(isinstance(part, ast.JoinedStr) or is_text(part) for part in parts)


def is_text(node: ast.AST) -> bool:
    """Returns whether an expression is a text as it stands."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


class Planter(ast.NodeVisitor):
    """Collects every mutant of a module."""

    def __init__(self, module: str, source: str) -> None:
        self.module, self.source = module, source.encode()
        lines = self.source.splitlines(keepends=True)
        self.starts = [sum(map(len, lines[:i])) for i in range(len(lines))]
        self.scope: list[str] = []
        # The function that is visited, however deep in it, or the statement outside of any: where
        # it starts, and ends.
        self.whole, self.is_in_function = (0, 0), False
        # What kind of thing a name is: an argument's annotation, or a function.
        self.kinds: dict[str, str] = {}
        self.mutants: list[Mutant] = []

    def plant(self, old: Any, new: ast.expr, change: str = "") -> None:
        """Adds the mutant that has one expression in place of another."""
        change = change or f"`{ast.unparse(old)}` -> `{ast.unparse(new)}`"
        (start, end), (first, last) = self.span(old), self.whole
        function = ".".join(self.scope) or "module"
        text = f"({ast.unparse(new)})"
        change = change.replace("\n", " ").replace("|", "\\|")
        where = f"{self.module} {function} {start - first} {end - first} {text} "
        key = hashlib.sha256(where.encode() + self.source[first:last]).hexdigest()[:16]
        self.mutants.append(
            Mutant(self.module, function, old.lineno, start, end, change, text, key)
        )

    def span(self, node: Any) -> tuple[int, int]:
        """Returns the bytes where a node starts and ends."""
        start, end = self.starts[node.lineno - 1], self.starts[node.end_lineno - 1]
        return start + node.col_offset, end + node.end_col_offset

    def are_alike(self, old: ast.Call, new: Any) -> bool:
        """Returns whether the arguments that changed places are of one kind, as far as is known.

        Otherwise the first call fails, which shows nothing about the tests.
        """
        moved = [one for one, other in zip(old.args, new.args, strict=True) if one is not other]
        known = {self.kinds.get(one.id) if isinstance(one, ast.Name) else None for one in moved}
        are_two = len({ast.unparse(one) for one in moved}) == 2
        return are_two and len({type(one) for one in moved}) == 1 and len(known) == 1

    def visit(self, node: ast.AST) -> None:
        """Visits an expression or a statement, unless no test has to see what it says."""
        if isinstance(node, ast.stmt) and not self.is_in_function:
            self.whole = self.span(node)
        if isinstance(
            node, ast.Raise | ast.JoinedStr | ast.TypeAlias | ast.Import | ast.ImportFrom
        ):
            return
        if isinstance(node, ast.Call) and called(node.func) in TOLD:
            return
        if isinstance(node, ast.If) and re.search("TYPE_CHECKING|__name__", ast.unparse(node.test)):
            return
        if isinstance(node, ast.keyword) and node.arg in GUARDS:
            return
        if isinstance(node, ast.If) and not node.orelse and len(node.body) == 1:
            (body,) = node.body
            if isinstance(body, ast.Return | ast.Raise | ast.Break | ast.Continue):
                kind = type(body).__name__.lower()
                what = f"dropped `if {ast.unparse(node.test)}: {kind}`"
                self.plant(node.test, ast.Constant(False), what)
        for other in changed(node):
            self.plant(node, other)
        if isinstance(node, ast.Call):
            for other, change in calls(node):
                if not change.startswith("swapped") or self.are_alike(node, other):
                    self.plant(node, other, change)
        super().visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:  # noqa: N802 (Python's name)
        """Visits defaults and body; not annotations and decorators."""
        if node.name in ("__repr__", "__str__"):
            return
        self.scope.append(node.name)
        is_in_function, self.is_in_function = self.is_in_function, True
        outer, self.kinds = self.kinds, self.kinds | {node.name: "function"}
        for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
            self.kinds[argument.arg] = ast.unparse(argument.annotation or ast.Constant(None))
        for part in [*node.args.defaults, *filter(None, node.args.kw_defaults), *node.body]:
            self.visit(part)
        self.kinds = outer | {node.name: "function"}
        self.is_in_function = is_in_function
        self.scope.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:  # noqa: N802 (Python's name)
        """Visits the body."""
        self.scope.append(node.name)
        for part in node.body:
            self.visit(part)
        self.scope.pop()

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:  # noqa: N802 (Python's name)
        """Visits the value, not the annotation."""
        if node.value:
            self.visit(node.value)


def modules() -> list[str]:
    """Returns the modules of the package by their dotted names, without those that are empty."""
    paths = [path for path in PACKAGE.rglob("*.py") if path.stat().st_size]
    return sorted(".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in paths)


def path_of(module: str, package: Path = PACKAGE) -> Path:
    """Returns the file of a module."""
    return package.joinpath(*module.split(".")).with_suffix(".py")


def mutants_of(module: str) -> list[Mutant]:
    """Returns every mutant of a module that Python can compile."""
    source = path_of(module).read_text()
    planter = Planter(module, source)
    planter.visit(ast.parse(source))
    return planter.mutants


def sample(chosen: list[str], number: int) -> list[Mutant]:
    """Returns mutants, at most one a line, some of each module first; more only add to them.

    They are those with the least keys, which are as good as random.
    """
    least: dict[tuple[str, int], Mutant] = {}
    for module in chosen:
        for mutant in sorted(mutants_of(module), key=attrgetter("key")):
            least.setdefault((module, mutant.line), mutant)
    seen: Counter[str] = Counter()
    first, rest = [], []
    for mutant in sorted(least.values(), key=attrgetter("key")):
        seen[mutant.module] += 1
        (first if seen[mutant.module] <= EACH_MODULE else rest).append(mutant)
    return (first + rest)[:number]


def tests_of(module: str) -> list[str]:
    """Returns the test files of a module: of its name, and those that import it.

    If there are none, those named for a module that imports it.
    """
    folder = ROOT / "tests"
    paths = {
        str(path.relative_to(folder).with_suffix("")): path.read_text()
        for path in sorted(folder.rglob("test_*.py"))
    }
    room, _, name = module.rpartition(".")
    imports = re.compile(
        rf"from hierpool\.{re.escape(module)} import"
        rf"|from hierpool\.{re.escape(room)} import .*\b{name}\b"
    )

    def named_for(other: str) -> str:
        return "/".join([*other.split(".")[:-1], f"test_{other.split('.')[-1]}"])

    named = [name for name in (named_for(module), *ALSO.get(module, [])) if name in paths]
    importing = [name for name, text in paths.items() if imports.search(text) and name not in named]
    if named or importing:
        return named + importing
    above = [other for other in modules() if imports.search(path_of(other).read_text())]
    return sorted(named_for(other) for other in above if named_for(other) in paths)


# Tests that are named for what they ask, and not for the module.
ALSO: dict[str, list[str]] = {
    "__init__": ["answers/test_errors", "cli/test_process"],
    **dict.fromkeys(["__main__", "cli.__main__"], ["cli/test_process"]),
    "answers.events": ["answers/test_season"],
    "answers.selection": ["answers/test_events"],
    **dict.fromkeys(
        ["cli.compare", "cli.predictive_check", "cli.sensitivity"], ["cli/test_models"]
    ),
    **dict.fromkeys(["cli.contrasts", "cli.events", "cli.ranks"], ["cli/test_decisions"]),
    "cli.estimate": ["cli/test_estimate"],
    "cli.files": ["cli/test_printing", "cli/test_estimate"],
    "cli.fit": ["cli/test_main", "cli/test_fits", "cli/test_process"],
    "cli.output": ["cli/test_summary", "cli/test_decisions"],
    **dict.fromkeys(["cli.predict", "cli.score"], ["cli/test_predictions"]),
    "cli.sampling": ["cli/test_main", "cli/test_terminal"],
    "exact.nodes": ["exact/test_quadrature"],
    "exact.posterior": ["exact/test_closed_forms"],
    "exact.quadrature": ["exact/test_refining"],
    "exact.stretch": ["exact/test_quadrature", "exact/test_closed_forms"],
    "inference.explore": ["inference/test_fit_quadrature", "inference/test_padding"],
    "inference.fit": ["inference/test_fit_quadrature", "inference/test_sample"],
    "input.frames": ["input/test_table", "input/test_other_frames"],
    "input.new_groups": ["inference/test_fit", "input/test_table_refusals"],
    "input.table": ["input/test_table_refusals"],
    **dict.fromkeys(["models.gamma", "models.spread"], ["models/test_other_priors"]),
    **dict.fromkeys(["models.kappa_chart", "models.log_kappa"], ["models/test_models"]),
    "models.pooling": ["models/test_models", "models/test_priors"],
    **dict.fromkeys(["plots.best", "plots.rank_intervals"], ["plots/test_ranks"]),
    "posterior.weights": ["answers/test_predictions", "answers/test_new_groups"],
    "runtime.keywords": ["inference/test_settings", "answers/test_errors"],
}
