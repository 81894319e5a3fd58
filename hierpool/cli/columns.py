"""The sentence that lists the columns of a file, for a user who named none of them."""

import shlex

MOST = 20
"""Most columns that are listed."""


def columns_of(path: str, command: str) -> str:
    """Returns a sentence with the columns of a file and the flags that are likely to be meant.

    Args:
        path: the file, as the user named it.
        command: the command, as "hierpool fit".

    Raises:
        InputError: the file is not a table.
        OSError: the file can't be read.
    """
    from hierpool.input.frames import read_columns
    from hierpool.input.guess import guess_columns

    frame, source, _, names = read_columns(path, [])
    shown = ", ".join(shlex.quote(str(name)) for name in names[:MOST])
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    listed = f"Name the columns: {source.name} has {shown}{more}"
    # A name that stands twice can't be asked for.
    guess = guess_columns(frame.loc[:, ~frame.columns.duplicated(keep=False)])
    if guess is None:
        return f"{listed}; give --successes, --trials and --group."
    named = [("group", column) for column in guess.groups]
    named += [("successes", guess.successes), *guess.others.items()]
    words = [word for role, column in named for word in (f"--{role}", column)]
    words += ["--aggregate"] if guess.needs_sums else []
    return f"{listed}; perhaps: {command} {shlex.join([path, *words])}"
