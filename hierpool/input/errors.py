"""``InputError``, the error for invalid input."""


class InputError(ValueError):
    """Invalid input. The message names the row or argument, its value, the rule and the remedy.

    It is a subclass of ``ValueError``.

    Examples:
        >>> import hierpool as hp
        >>> try:
        ...     hp.estimate({"hits": [18, 46], "at_bats": [45, 45]}, "hits", "at_bats")
        ... except hp.InputError as error:
        ...     print(error)
        hits must not exceed at_bats: group '1' has 46 of 45.
    """
