"""How long until the solver holds the model: arrays by hand, Orebridge, linopy. Nothing is solved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from common import alternate, arguments, finish, show
from models import linopy_model, ours, raw_arrays, raw_solver
from world import World, make_world


def load_ours(world: World, apart: bool) -> Any:
    model = ours(world, apart=apart)
    model.program.load()
    return model


def main() -> None:
    parser = arguments(__doc__, "S,M", 5)
    args = parser.parse_args()
    rows = []
    for size in args.sizes.split(","):
        world = make_world(size, args.seed)
        contestants: dict[str, Callable[[], Any]] = {
            "raw": lambda w=world: raw_solver(raw_arrays(w)),
            "ours": lambda w=world: load_ours(w, apart=False),
            "ours apart": lambda w=world: load_ours(w, apart=True),
        }
        if "linopy" in args.peers:
            contestants["linopy"] = lambda w=world: linopy_model(w).to_highspy()
        took = alternate(contestants, args.runs)
        row: dict[str, Any] = {"size": size, "columns": len(raw_arrays(world).cost)}
        row |= {f"{name} s": value for name, value in took.items()}
        row["ours / raw"] = took["ours"] / took["raw"]
        row["apart / raw"] = took["ours apart"] / took["raw"]
        if "linopy" in took:
            row["linopy / ours"] = took["linopy"] / took["ours"]
        rows.append(row)
    show(
        "Seconds until the solver holds the model (targets: ours <= 1.5 raw, S <= 0.03 s, linopy >= 3 ours on L)", rows
    )
    finish(args, rows)


if __name__ == "__main__":
    main()
