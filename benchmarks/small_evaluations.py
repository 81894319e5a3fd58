"""How often 89% error bars of a small evaluation hold the true mean score, by three rules.

An evaluation has a few tasks with a few questions each. Tasks differ as Beta(phi kappa,
(1 - phi) kappa), where phi is the true mean score. Two sources of evaluations: phi uniform and
kappa ~ Gamma(1, 1), as in Bowyer, Aitchison and Ivanova (2025); and a good model, phi = 0.9 and
kappa = 5. Three rules: the normal interval of all questions as one sample, the normal interval of
the tasks' scores (clustered standard errors), and the interval of phi by
``estimate(model="gamma")``.

Prints a table and writes it to benchmarks/results/small_evaluations.md.
"""

import numpy as np
import pandas as pd
from result_tables import keep

import hierpool as hp

REACH = 1.5982
"""The normal quantile of 94.5%: 89% are within as many sds."""
EVALUATIONS = 4000
SIZES = ((5, 5), (10, 10), (30, 10))
SOURCES = ("from the prior", "phi 0.9, kappa 5")


def main() -> None:
    """Prints and writes the table."""
    rows = [
        "| true scores | tasks | questions each | all questions as one sample | clustered by task "
        '| `model="gamma"` |',
        "|---|---|---|---|---|---|",
    ]
    for source in SOURCES:
        for tasks, questions in SIZES:
            held = coverages(source, tasks, questions)
            numbers = " | ".join(f"{share:.0%}" for share in held)
            rows.append(f"| {source} | {tasks} | {questions} | {numbers} |")
    rows.append("")
    rows.append(f"Shares of {EVALUATIONS:,} simulated evaluations; 89% is right, within 1%.")
    print("\n".join(rows))
    keep("small_evaluations.md", rows)


def coverages(source: str, tasks: int, questions: int) -> list[float]:
    """Returns the share of evaluations whose interval holds phi, by each rule."""
    rng = np.random.default_rng(2025)
    fixed = source != SOURCES[0]
    phi = np.full(EVALUATIONS, 0.9) if fixed else rng.uniform(size=EVALUATIONS)
    kappa = np.full(EVALUATIONS, 5.0) if fixed else rng.gamma(1, 1, EVALUATIONS)
    a, b = phi * kappa, (1 - phi) * kappa
    right = rng.binomial(questions, rng.beta(a[:, None], b[:, None], (EVALUATIONS, tasks)))
    scores = right / questions
    mean = scores.mean(axis=1)
    as_one = np.sqrt(mean * (1 - mean) / (tasks * questions))
    clustered = scores.std(axis=1, ddof=1) / np.sqrt(tasks)
    frame = pd.DataFrame(
        {
            "evaluation": np.repeat(np.arange(EVALUATIONS), tasks),
            "task": np.tile(np.arange(tasks), EVALUATIONS),
            "right": right.ravel(),
        }
    )
    columns = {"successes": "right", "trials": questions, "group": "task", "by": "evaluation"}
    exact = hp.estimate(frame, **columns, model="gamma").population
    is_held = (exact["phi_lower"] < phi) & (phi < exact["phi_upper"])
    normal = [np.mean(abs(mean - phi) < REACH * error) for error in (as_one, clustered)]
    return [*map(float, normal), float(is_held.mean())]


if __name__ == "__main__":
    main()
