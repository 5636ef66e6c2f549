"""The command line: a wrong argument is one line."""

import argparse
from collections.abc import Callable

from harness.processes import Failure


class Parser(argparse.ArgumentParser):
    """Without argparse's own help: the script has the help text."""

    def __init__(self) -> None:
        super().__init__(add_help=False, allow_abbrev=False)

    def error(self, message: str) -> None:
        raise Failure(f"{message}; see --help")


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """Reads a whole number in this range."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or not lowest <= int(text) <= highest:
            raise argparse.ArgumentTypeError(f'"{text}" is not a whole number from {lowest} to {highest}')
        return int(text)

    return read
