"""The exact posterior of a Beta population, by NumPy and SciPy alone and by other means.

Nothing is shared with the package. Composite Gauss-Legendre panels run along kappa_log over its
whole line, and are halved until no moment changes; for each kappa_log there are panels in logit phi
of its own, around the peak of its conditional. Rising factorials are in 64-bit mantissas by
Stirling's series, so that a billion trials lose no digits; only the search is in float64.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import betaln

SHIFT = 12
"""Factors of a rising factorial that are taken one by one, before Stirling's series."""
DROP = 34.0
"""A log density lower by this holds nothing: e^-34 is 1e-15."""
WIDE = 0.5
"""A parameter of phi's prior below that leaves tails far wider than the bends of logit phi."""
BEND = 3.0
"""Panels on such a tail grow with the distance, from about as wide as that."""
MANY = 50
"""Distinct counts from which the conditional of phi is near enough to normal for fewer nodes."""


class Posterior(NamedTuple):
    """What the oracle says of a table."""

    log_evidence: float
    phi_mean: float
    phi_sd: float
    kappa_log_mean: float
    kappa_log_sd: float
    modes: int
    """Local maxima of kappa_log's density that are within e^20 of the highest, its end included."""


class Table:
    """The log density of (kappa_log, logit phi), theta integrated out."""

    def __init__(self, y, n, kappa_log_rate=1.5, phi_alpha=1.0, phi_beta=1.0):
        """Keeps what is distinct of the counts (group,)."""
        y, n = np.asarray(y, np.int64), np.asarray(n, np.int64)
        self.counts = [np.unique(m[m > 1], return_counts=True) for m in (y, n - y, n)]
        size = max(len(values) for values, _ in self.counts)
        is_wide = min(phi_alpha, phi_beta) < WIDE
        self.panels = "wide" if is_wide else "few" if size > MANY else "many"
        self.rate, self.alpha, self.beta = kappa_log_rate, phi_alpha, phi_beta
        self.y, self.f = float(y.sum()), float((n - y).sum())
        one, zero = np.ones(1, np.longdouble), np.zeros(1, np.longdouble)
        factorials = [_rising(one, zero, c)[0] for c in self.counts]
        prior = np.longdouble(np.log(self.rate)) - betaln(self.alpha, self.beta)
        self.constant = factorials[2] - factorials[0] - factorials[1] + prior

    def log_density(self, s, x):
        """Returns the log density at kappa_log (row,) and logit phi (row, node)."""
        log_phi, log_rest = -np.logaddexp(0, -x), -np.logaddexp(0, x)
        held = np.minimum(s, 300)  # From there on the population is a point.
        log_a, log_b = held[:, None] + log_phi, held[:, None] + log_rest
        total = (self.alpha + self.y) * log_phi + (self.beta + self.f) * log_rest
        total = total + _rising(np.exp(log_a), log_a, self.counts[0])
        total = total + _rising(np.exp(log_b), log_b, self.counts[1])
        row = self.constant.astype(s.dtype) - self.rate * s
        return total + (row - _rising(np.exp(held), held, self.counts[2]))[:, None]


def exact(y, n, **hyperpriors) -> Posterior:
    """Returns the posterior of successes and trials, (group,) each."""
    table = Table(y, n, **hyperpriors)
    end = 50 + 60 / table.rate
    coarse = np.concatenate([[0], np.geomspace(1e-3, 90, 24) / max(table.rate, 90)])
    coarse = np.concatenate([coarse, np.arange(0.3, min(end, 48), 0.3), np.geomspace(48, end, 12)])
    s = np.unique(coarse[coarse <= end])
    rows = _rows(table, s)
    for _ in range(30):  # Look closer at each peak until its neighbours are near it.
        s, heights = rows[0], rows[4]
        peaks = _peaks(heights)
        steep = [
            i
            for i in peaks
            if max(heights[i] - heights[j] for j in (max(i - 1, 0), min(i + 1, len(s) - 1))) > 0.7
        ]
        between = [np.linspace(s[max(i - 1, 0)], s[min(i + 1, len(s) - 1)], 9)[1:-1] for i in steep]
        # A panel of which one end holds nothing could hide what the other holds.
        drop = np.abs(np.diff(heights))
        cliff = (np.maximum(heights[1:], heights[:-1]) > heights.max() - DROP) & (drop > 12)
        middles = (s[1:] + s[:-1])[cliff] / 2
        new = np.setdiff1d(np.concatenate([*between, middles]), s)
        if not len(new):
            break
        rows = np.concatenate([rows, _rows(table, new)], axis=1)
        rows = rows[:, np.argsort(rows[0])]
    s, heights = rows[0], rows[4]
    alive = np.flatnonzero(heights > heights.max() - DROP)
    keep = np.zeros(len(s), bool)
    for i in alive:
        keep[max(i - 1, 0) : i + 2] = True
    panels = [(s[i], s[i + 1]) for i in range(len(s) - 1) if keep[i] and keep[i + 1]]
    best = heights.argmax()
    centre = s[best], 1 / (1 + np.exp(-rows[1][best].astype(np.longdouble)))
    mass, u, uu, v, vv = _integrate(table, rows, panels, heights.max(), centre)
    return Posterior(
        float(np.longdouble(heights.max()) + np.log(mass)),
        float(centre[1] + v / mass),
        float(np.sqrt(vv / mass - (v / mass) ** 2)),
        float(centre[0] + u / mass),
        float(np.sqrt(uu / mass - (u / mass) ** 2)),
        len(_peaks(heights)),
    )


def _peaks(heights):
    padded = np.concatenate([[-np.inf], heights, [-np.inf]])
    is_peak = (heights > padded[:-2]) & (heights >= padded[2:]) & (heights > heights.max() - 20)
    return np.flatnonzero(is_peak)


def _rows(table, s):
    """Returns s, the mode of logit phi, its reaches left and right, and the log mass, (5, row)."""
    low = np.full(len(s), -60 - 60 / table.alpha)
    high = np.full(len(s), 60 + 60 / table.beta)
    which = np.arange(len(s))
    for _ in range(14):
        x = np.linspace(low, high, 13).T
        values = table.log_density(s, x)
        best = values.argmax(axis=1)
        step = (high - low) / 12
        centre, top = x[which, best], values[which, best]
        low, high = np.maximum(centre - step, low), np.minimum(centre + step, high)
        sides = np.minimum(
            values[which, np.maximum(best - 1, 0)], values[which, np.minimum(best + 1, 12)]
        )
        if np.all(top - sides < 1):
            break
    ends = []
    for sign in (-1, 1):
        reach = step.copy()
        for _ in range(60):
            short = table.log_density(s, (centre + sign * reach)[:, None])[:, 0] > top - DROP
            if not short.any():
                break
            reach = np.where(short, 2 * reach, reach)
        below = np.full(len(s), 0.0)
        for _ in range(9):
            middle = np.where(below > 0, np.sqrt(np.maximum(below, 1e-300) * reach), reach / 4)
            short = table.log_density(s, (centre + sign * middle)[:, None])[:, 0] > top - DROP
            below, reach = np.where(short, middle, below), np.where(short, reach, middle)
        ends.append(reach)
    x, weight = _nodes(centre, *ends, table.panels)
    values = table.log_density(s, x)
    peak = values.max(axis=1)
    height = peak + np.log(np.sum(np.exp(values - peak[:, None]) * weight, axis=1))
    return np.stack([s, centre, *ends, height])


PANELS = {
    "few": ([0, 0.25, 1], 14),
    "many": ([0, 0.06, 0.16, 0.32, 0.6, 1], 12),
    "wide": (np.linspace(0, 1, 17), 12),
}


def _nodes(centre, left, right, panels):
    """Returns Gauss-Legendre nodes and weights, (row, node), on panels around each centre."""
    parts, number = PANELS[panels]
    t, w = np.polynomial.legendre.leggauss(number)
    parts = np.array(parts)
    width = np.diff(parts) / 2
    unit = ((parts[:-1] + width)[:, None] + width[:, None] * t).ravel()
    weight = (width[:, None] * w).ravel()

    def side(reach):
        reach = 1.1 * reach[:, None]
        if panels != "wide":
            return reach * unit, reach * weight
        stretch = np.arcsinh(reach / BEND)
        return BEND * np.sinh(stretch * unit), BEND * np.cosh(stretch * unit) * stretch * weight

    (to_left, left_weight), (to_right, right_weight) = side(left), side(right)
    x = np.concatenate([centre[:, None] - to_left, centre[:, None] + to_right], axis=1)
    return x, np.concatenate([left_weight, right_weight], axis=1)


def _integrate(table, rows, panels, reference, centre):
    """Returns the sums of 1, u, u^2, v and v^2, by halving panels until none changes.

    u and v are kappa_log and phi less their centres: squares of the whole would lose digits.
    """
    t, w = np.polynomial.legendre.leggauss(10)

    def sums(panels):
        low, high = np.array(panels, np.longdouble).T
        half = (high - low) / 2
        s = ((low + half)[:, None] + half[:, None] * t).ravel()
        at = [
            np.interp(s.astype(float), rows[0], np.log(v) if i else v)
            for i, v in enumerate(rows[1:4])
        ]
        result = np.empty((len(s), 5), np.longdouble)
        for part in np.array_split(np.arange(len(s)), max(1, len(s) // 200)):
            x, weight = _nodes(at[0][part], np.exp(at[1][part]), np.exp(at[2][part]), table.panels)
            x = x.astype(np.longdouble)
            if table.panels == "few":
                values = table.log_density(s[part].astype(float), x.astype(float))
            else:
                values = table.log_density(s[part], x)
            mass = np.exp(values - np.longdouble(reference)) * weight
            phi = np.exp(-np.logaddexp(0, -x)) - centre[1]
            m, k = mass.sum(axis=1), s[part] - centre[0]
            result[part] = np.stack(
                [m, m * k, m * k * k, (mass * phi).sum(axis=1), (mass * phi * phi).sum(axis=1)], 1
            )
        weights = (half[:, None] * w).ravel()[:, None]
        return (result * weights).reshape(len(panels), len(t), 5).sum(axis=1)

    tolerance = 1e-8 if table.panels == "few" else 1e-10
    panels = list(panels)
    found = sums(panels)
    done = np.zeros(5, np.longdouble)
    for _ in range(25):
        total = done + found.sum(axis=0)
        halves = [pair for a, b in panels for pair in ((a, (a + b) / 2), ((a + b) / 2, b))]
        finer = sums(halves)
        both = finer.reshape(-1, 2, 5).sum(axis=1)
        scale = total.copy()
        scale[1::2] = np.sqrt(total[0] * total[2::2])
        settled = np.max(np.abs(both - found) / scale, axis=1) < tolerance
        done = done + both[settled].sum(axis=0)
        if settled.all():
            return done
        left = np.repeat(~settled, 2)
        panels, found = [p for p, keep in zip(halves, left, strict=True) if keep], finer[left]
    raise ArithmeticError("the oracle did not settle")


def _rising(x, log_x, counts):
    """Returns the sum over counts m of log(x (x + 1) ... (x + m - 1) / x^m)."""
    values, times = counts
    total = np.zeros_like(x)
    large = x > 1
    safe = np.where(large, x, 1)

    def ratio(j):
        # log((x + j) / x), of which x may underflow.
        return np.where(large, np.log1p(j / safe), np.log(x + j) - log_x)

    if not len(values):
        return total
    for j in range(1, int(min(SHIFT, values.max()))):
        total += times[values > j].sum() * ratio(j)
    is_far = values > SHIFT
    if not is_far.any():
        return total
    rest = (values[is_far] - SHIFT).astype(x.dtype)
    repeats = times[is_far].astype(x.dtype)
    z = x + SHIFT
    total += (repeats @ rest) * ratio(SHIFT) - repeats.sum() * _series(z) - repeats @ rest
    for m, repeat in zip(rest, repeats, strict=True):
        top = z + m
        total += repeat * ((top - 0.5) * np.log1p(m / z) + _series(top))
    return total


def _series(x):
    """Returns log Gamma(x) - (x - 1/2) log x + x - log(2 pi) / 2 for x from 12, by Stirling."""
    q = 1 / (x * x)
    return (1 / 12 - q * (1 / 360 - q * (1 / 1260 - q * (1 / 1680 - q * (1 / 1188))))) / x
