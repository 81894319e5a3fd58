"""What a terminal shows of what was written to it, as far as hierpool and tqdm ask of one."""

import re


def screen(written: str) -> list[str]:
    """Returns the lines of a screen, without empty ones."""
    lines: list[list[str]] = [[]]
    row = column = 0
    for part in re.findall(r"\x1b\[[AJ]|[\r\n]|[^\x1b\r\n]", written):
        if part == "\r":
            column = 0
        elif part == "\n":
            # The terminal's driver, which is none here, would add the return.
            row, column = row + 1, 0
            lines += [[] for _ in range(row + 1 - len(lines))]
        elif part == "\x1b[A":
            row -= 1
        elif part == "\x1b[J":
            del lines[row][column:], lines[row + 1 :]
        else:
            lines[row] += " " * (column + 1 - len(lines[row]))
            lines[row][column] = part
            column += 1
    shown = ["".join(line).rstrip() for line in lines]
    return [line for line in shown if line]
