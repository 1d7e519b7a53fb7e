"""The solver layer: labelled linear programs over arrays, re-solved warm. Only `engine.py` imports the solver."""

from orebridge.program.families import Family
from orebridge.program.model import Program
from orebridge.program.solution import Solution

__all__ = ["Family", "Program", "Solution"]
