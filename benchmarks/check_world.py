"""For a nightly run: is the benchmark world still the reference world, draw for draw, and is its optimum the known one?

The optima are checked always; the draws too if `--reference FILE` names a copy of the reference generator.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments
from models import ours, raw_arrays
from world import make_world

OPTIMA = {("S", 1): 7095457.3505, ("M", 1): 94217911.7529}


def reference(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("reference_world", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def same_arrays(module: Any, size: str, seed: int) -> bool:
    """Costs, bounds, limits and coefficients, figure by figure."""
    mine = raw_arrays(make_world(size, seed))
    cost, lower, upper, row_lower, row_upper, matrix = module.assemble(module.make(size, seed))
    theirs = (cost, lower, upper, row_lower, row_upper)
    vectors = all(np.array_equal(a, b) for a, b in zip(mine[:5], theirs, strict=True))
    return vectors and mine.matrix.shape == matrix.shape and abs(mine.matrix - matrix).max() == 0


def main() -> None:
    parser = arguments("Check the benchmark world", "S,M", 1)
    parser.add_argument("--reference", type=Path, help="the reference generator")
    args = parser.parse_args()
    wrong = 0
    for size in args.sizes.split(","):
        if args.reference:
            same = same_arrays(reference(args.reference), size, args.seed)
            wrong += not same
            print(f"{size}, seed {args.seed}: {'the same' if same else 'NOT the same'} as the reference")
        known = OPTIMA.get((size, args.seed))
        if known is not None:
            found = ours(make_world(size, args.seed)).program.solve().objective
            ok = abs(found - known) < 1e-4 + 1e-9 * known
            wrong += not ok
            print(f"{size}, seed {args.seed}: optimum {found:.4f}, known {known:.4f}: {'ok' if ok else 'WRONG'}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
