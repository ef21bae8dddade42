"""Exported programs on other compilers and machines: the bits of Python, few symbols, frames and code that are small.

What a target needs and this machine lacks skips it. tests/support/export_table.py has the targets, and holds all
programs to all of them.
"""

import pytest
from export_table import compiled, differs, exported, is_there, ran, symbols

HERE = ("gcc -O0", "gcc -O2", "gcc -Os", "clang -O2", "gcc -m32", "gcc sanitizers", "g++", "clang++", "aarch64", "wasm")
PROGRAMS = ("loops", "gather_scatter")
BOTH = ("gcc sanitizers",)  # elsewhere the first


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Programs with feeds, a driver and what Python gives, in a folder each."""
    folder = tmp_path_factory.mktemp("exported")
    for name in PROGRAMS:
        exported(name, folder / name)
    return folder


@pytest.mark.parametrize("target", HERE)
def test_bits_are_those_of_python(target, programs, tmp_path):
    if not is_there(target, tmp_path):
        pytest.skip(f"nothing builds and runs for {target} here")
    for name in PROGRAMS if target in BOTH else PROGRAMS[:1]:
        compiled(target, name, programs / name)
        assert differs(programs / name, ran(target, name, programs / name)) == 0
        assert symbols(target, name, programs / name)[1] == set()


def test_it_is_c99_too(programs):
    compiled("gcc -O0", "loops", programs / "loops", "-std=c99 -Wall -Wextra -Werror -pedantic")
