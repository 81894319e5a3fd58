"""Ways in which the file of a fit is damaged, and a fit is edited, each under its name."""

import gzip
import json
from collections.abc import Callable

import numpy as np
import xarray as xr

import hierpool as hp
from hierpool.models.protocol import GROUPS
from hierpool.posterior.tree import settings

Edit = Callable[[xr.DataTree], None]


def overwritten(content: bytes, share: float, new: bytes) -> bytes:
    """Returns content with some bytes replaced, from a share of its length on."""
    start = int(share * len(content))
    return content[:start] + new + content[start + len(new) :]


def noise(size: int) -> bytes:
    return np.random.default_rng(0).bytes(size)


DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "one byte": lambda content: content[:1],
    "the signature alone": lambda content: content[:8],
    "cut within the first block": lambda content: content[:60],
    "cut at a tenth": lambda content: content[: len(content) // 10],
    "cut in the middle": lambda content: content[: len(content) // 2],
    "cut at nine tenths": lambda content: content[: len(content) * 9 // 10],
    "without its last byte": lambda content: content[:-1],
    "without its last 40 bytes": lambda content: content[:-40],
    "without its last 100 bytes": lambda content: content[:-100],
    "without its first byte": lambda content: content[1:],
    "without its first 512 bytes": lambda content: content[512:],
    "a byte more": lambda content: content + b"\0",
    "twice": lambda content: content * 2,
    "zeros of the same length": lambda content: bytes(len(content)),
    "noise of the same length": lambda content: noise(len(content)),
    "zeros at the beginning": lambda content: overwritten(content, 0.0, bytes(96)),
    "zeros in the middle": lambda content: overwritten(content, 0.5, bytes(512)),
    "noise in the middle": lambda content: overwritten(content, 0.5, noise(512)),
    "noise near the end": lambda content: overwritten(content, 0.95, noise(64)),
    "sent as text": lambda content: content.replace(b"\n", b"\r\n"),
    "sent as seven bits": lambda content: bytes(byte & 0x7F for byte in content),
    "compressed": gzip.compress,
    "a table": lambda content: b"player,hits,at_bats\nAnn,1,3\n",
}
"""What may become of a file, as a function of its content."""


def bit_flipped(content: bytes, number: int) -> bytes:
    """Returns content with one bit another, at one of twelve places over all of it."""
    rng = np.random.default_rng(number)
    place = int((number + rng.uniform()) / 12 * len(content))
    return overwritten(content, place / len(content), bytes([content[place] ^ (1 << number % 8)]))


def _child(child: str, change: Callable[[xr.Dataset], xr.Dataset]) -> Edit:
    """Returns the edit of one group of the tree."""

    def edit(tree: xr.DataTree) -> None:
        tree[child] = xr.DataTree(change(tree[child].to_dataset()))

    return edit


def _values(child: str, name: str, change: Callable[[np.ndarray], np.ndarray]) -> Edit:
    """Returns the edit of a variable's values, which keep their dimensions and names."""
    return _child(
        child, lambda data: data.assign({name: (data[name].dims, change(data[name].values))})
    )


def _first(child: str, name: str, value: float) -> Edit:
    """Returns the edit of a variable's first value."""

    def change(values: np.ndarray) -> np.ndarray:
        kind = values.dtype if np.asarray(value).dtype.kind == "i" else float
        changed = values.astype(kind)
        changed.flat[0] = value
        return changed

    return _values(child, name, change)


def _without(child: str, *names: str) -> Edit:
    """Returns the edit that takes variables away, or all of a group of the tree."""
    if names:
        return _child(child, lambda data: data.drop_vars(names))
    return lambda tree: tree.__delitem__(child)


def _attribute(name: str, value: object) -> Edit:
    return lambda tree: tree.attrs.__setitem__(name, value)


def _setting(attribute: str, **changed: object) -> Edit:
    """Returns the edit of settings kept as JSON; None takes one away."""

    def edit(tree: xr.DataTree) -> None:
        settings = json.loads(tree.attrs[attribute]) | changed
        settings = {name: value for name, value in settings.items() if value is not None}
        tree.attrs[attribute] = json.dumps(settings)

    return edit


def _renamed(data: xr.Dataset) -> xr.Dataset:
    return data.assign_coords({GROUPS: ["somebody else", *data[GROUPS].values[1:]]})


def _everywhere(change: Callable[[xr.Dataset], xr.Dataset]) -> Edit:
    """Returns the edit of every part of the tree that knows groups."""

    def edit(tree: xr.DataTree) -> None:
        for child in list(tree.children):
            if GROUPS in tree[child].dims:
                _child(child, change)(tree)

    return edit


def _swapped(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values[1::-1], values[2:]])


WITH_GROUPS = {
    "theta": "posterior",
    "y": "observed_data",
    "n": "constant_data",
    "replicates": "posterior_predictive",
    "log likelihood": "log_likelihood",
}
OF_GROUPS: dict[str, Callable[[xr.Dataset], xr.Dataset]] = {
    "without a group": lambda data: data.isel({GROUPS: slice(1, None)}),
    "with a group twice": lambda data: data.isel({GROUPS: [0, 0, *range(2, data.sizes[GROUPS])]}),
    "of another name": _renamed,
    "without names": lambda data: data.drop_vars(GROUPS),
    "of another dimension": lambda data: data.rename({GROUPS: "players"}),
}
EDITED: dict[str, Edit] = {
    f"{what} {how}": _child(child, change)
    for what, child in WITH_GROUPS.items()
    for how, change in OF_GROUPS.items()
}
EDITED |= {
    f"{child}/{name} {value}": _first(child, name, value)
    for child, name, values in [
        ("posterior", "theta", (np.nan, np.inf, 2, -0.5)),
        ("posterior", "phi", (np.nan, np.inf, 5, -1)),
        ("posterior", "kappa", (np.nan, np.inf, 0.5, -1, 1e5)),
        ("posterior", "kappa_log", (np.nan, np.inf, -1)),
        ("observed_data", "y", (np.nan, 1.5, -1, 10, 2)),
        ("constant_data", "n", (np.nan, 9.5, -1, 2**60, 10)),
        ("posterior_predictive", "y", (np.nan, 1.5, -1, 10)),
        ("log_likelihood", "y", (np.nan, np.inf, 1)),
    ]
    for value in values
}
EDITED |= {
    f"{child}/{name} as text": _values(child, name, lambda values: values.astype(str))
    for child, name in [
        ("posterior", "theta"),
        ("posterior", "phi"),
        ("observed_data", "y"),
        ("constant_data", "n"),
        ("posterior_predictive", "y"),
        ("sample_stats", "diverging"),
    ]
}
EDITED |= {
    f"without {'/'.join(names)}": _without(*names)
    for names in [
        ("observed_data",),
        ("constant_data",),
        ("sample_stats",),
        ("posterior", "phi"),
        ("posterior", "kappa"),
        ("posterior", "kappa_log"),
        ("observed_data", "y"),
        ("constant_data", "n"),
        ("posterior_predictive", "y"),
        ("log_likelihood", "y"),
        ("sample_stats", "diverging"),
    ]
}
EDITED |= {
    f"{child} of {how}": _child(child, change)
    for child in ("posterior", "posterior_predictive", "log_likelihood", "sample_stats")
    for how, change in {
        "fewer draws": lambda data: data.isel(draw=slice(2)),
        "one chain": lambda data: data.isel(chain=[0]),
        "no chains": lambda data: data.isel(chain=0, drop=True),
        "no draws": lambda data: data.isel(draw=[]),
        "other draws": lambda data: data.isel(draw=slice(None, None, -1)),
    }.items()
}
EDITED |= {
    "phi of one number a chain": _child(
        "posterior", lambda data: data.assign(phi=data["phi"].isel(draw=0, drop=True))
    ),
    "theta of one number a draw": _child(
        "posterior", lambda data: data.assign(theta=data["theta"].isel({GROUPS: 0}, drop=True))
    ),
    "two groups' successes swapped": _values("observed_data", "y", _swapped),
    "a name changed everywhere": _everywhere(_renamed),
    "a group less everywhere": _everywhere(lambda data: data.isel({GROUPS: slice(1, None)})),
    "no group anywhere": _everywhere(lambda data: data.isel({GROUPS: []})),
    "no model": lambda tree: tree.attrs.__delitem__("hierpool_model"),
    "model that is no JSON": _attribute("hierpool_model", "PartialPooling"),
    "model that is a number": _attribute("hierpool_model", 5),
    "model that is a list": _attribute("hierpool_model", "[]"),
    "model without a name": _setting("hierpool_model", name=None),
    "model of other parameters": _attribute(
        "hierpool_model", settings(hp.CollapsedLogitPartialPooling())
    ),
    "hyperparameter below 0": _setting("hierpool_model", phi_alpha=-1.0),
    "hyperparameter that is NaN": _setting("hierpool_model", phi_alpha=np.nan),
    "hyperparameter that is text": _setting("hierpool_model", phi_alpha="1"),
    "a hyperparameter less": _setting("hierpool_model", phi_alpha=None),
    "a hyperparameter more": _setting("hierpool_model", theta_alpha=1.0),
    "inference that is no JSON": _attribute("hierpool_inference", "NUTS"),
    "inference without a name": _setting("hierpool_inference", name=None),
    "inference without a setting": _setting("hierpool_inference", num_warmup=None),
    "a later format": _attribute("hierpool_format", 99),
    "a format below 0": _attribute("hierpool_format", -1),
    "a format that is text": _attribute("hierpool_format", "1"),
    "another hash": _attribute("data_sha256", "0" * 64),
    "no hash": lambda tree: tree.attrs.__delitem__("data_sha256"),
    "problems that are no JSON": _attribute("hierpool_problems", "none"),
    "problems that are no list": _attribute("hierpool_problems", "1"),
    "a quadrature that is text": _attribute("quadrature_converged", "yes"),
}
"""Edits after which a tree must be refused."""

EDITED_LOGIT = {
    "mu NaN": _first("posterior", "mu", np.nan),
    "mu infinite": _first("posterior", "mu", -np.inf),
    "sigma below 0": _first("posterior", "sigma", -0.5),
}
"""The same, of a fit of log-odds."""


def _extra(tree: xr.DataTree) -> None:
    def more(data: xr.Dataset) -> xr.Dataset:
        odds = data["phi"] / (1 - data["phi"])
        weekly = (("week", "chain", "draw"), np.full((3, *odds.shape), np.nan))
        return data.assign(odds=odds, weekly=weekly, note=("pages", ["a", "b"]))

    _child("posterior", more)(tree)
    _child("observed_data", lambda data: data.assign(team=(GROUPS, list("abcdefg"))))(tree)
    tree["mine"] = xr.DataTree(xr.Dataset({"y": ("week", [1, 2, 3])}))
    tree.attrs |= {"mine": "yes", "title": "players"}


KEPT: dict[str, Edit] = {
    "variables of one's own": _extra,
    "dimensions in another order": lambda tree: _child(
        "posterior", lambda data: data.transpose(GROUPS, "draw", "chain")
    )(tree),
    "groups in another order everywhere": _everywhere(
        lambda data: data.isel({GROUPS: slice(None, None, -1)})
    ),
    "counts as floats": _values("observed_data", "y", lambda values: values.astype(float)),
    "a format of before formats": lambda tree: (
        tree.attrs.__delitem__("hierpool_format"),
        tree.attrs.__delitem__("hierpool_problems"),
        tree.attrs.__setitem__("data_sha256", "of old"),
    ),
} | {
    f"groups of {what} in another order": _child(
        child, lambda data: data.isel({GROUPS: slice(None, None, -1)})
    )
    for what, child in WITH_GROUPS.items()
}
"""Edits after which a tree must answer as before."""
