"""A changed scenario, re-solved: Orebridge warm against Pyomo persistent and linopy with bounds in place.

Every contestant solves the base, then the same shocks one after the other (tighter upper bounds, then back), in rounds
that take turns. All objectives must agree to 1e-9. `--stages` adds a lexicographic variant: per shock, unmet demand
first, then total cost with unmet demand held at its optimum.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from common import arguments, finish, seconds, show
from models import OPTIONS, Arrays, linopy_model, ours, pyomo_model, raw_arrays, raw_solver, shock_ours
from world import Shock, World, costs, make_world, shocks

SOLVER = {key: value for key, value in OPTIONS.items() if key != "output_flag"}


class Ours:
    """One programme, components apart, from the kept base."""

    def __init__(self, world: World, workers: int = 1) -> None:
        self.world, self.workers, self.model = world, workers, ours(world)
        self.model.program.solve()
        self.model.program.keep_base()

    def solve(self, shock: Shock) -> float:
        program = self.model.program
        with program.changed():
            shock_ours(self.world, self.model, shock)
            return program.solve(from_base=True, workers=self.workers).objective


class _Columns:
    """Shocks as column numbers, for contestants over flat columns."""

    def __init__(self, world: World, arrays: Arrays) -> None:
        self.world, self.arrays = world, arrays
        self.ship_from = len(world.capacity)

    def hit(self, shock: Shock) -> tuple[np.ndarray, np.ndarray]:
        rows = shock.rows + (0 if shock.what == "make" else self.ship_from)
        columns = (rows[:, None] * self.world.size.periods + shock.periods).ravel().astype(np.int32)
        return columns, self.arrays.upper[columns] * shock.left


class Raw(_Columns):
    """highspy by hand on the whole model: bounds changed in place, from the last basis."""

    def __init__(self, world: World) -> None:
        super().__init__(world, raw_arrays(world))
        self.solver = raw_solver(self.arrays)
        self.solver.run()

    def solve(self, shock: Shock) -> float:
        columns, upper = self.hit(shock)
        a = self.arrays
        self.solver.changeColsBounds(len(columns), columns, a.lower[columns], upper)
        self.solver.run()
        objective = float(self.solver.getInfo().objective_function_value)
        self.solver.changeColsBounds(len(columns), columns, a.lower[columns], a.upper[columns])
        return objective


class Pyomo(_Columns):
    """Pyomo's persistent HiGHS with every automatic check off, told only which variables changed."""

    def __init__(self, world: World) -> None:
        from pyomo.contrib.appsi.solvers import Highs

        super().__init__(world, raw_arrays(world))
        self.model, self.x = pyomo_model(self.arrays)
        self.solver = Highs()
        self.solver.highs_options = dict(SOLVER)
        self.solver.config.load_solution = False
        update = self.solver.update_config
        for name in (
            "check_for_new_or_removed_constraints", "check_for_new_or_removed_vars",
            "check_for_new_or_removed_params", "check_for_new_objective", "update_constraints", "update_vars",
            "update_params", "update_named_expressions", "update_objective", "treat_fixed_vars_as_params",
        ):  # fmt: skip
            setattr(update, name, False)
        self.solver.solve(self.model)

    def solve(self, shock: Shock) -> float:
        columns, upper = self.hit(shock)
        hit = [self.x[i] for i in columns.tolist()]
        self._bounds(hit, upper)
        result = self.solver.solve(self.model)
        self._bounds(hit, self.arrays.upper[columns])
        return float(result.best_feasible_objective)

    def _bounds(self, hit: list[Any], upper: np.ndarray) -> None:
        for variable, bound in zip(hit, upper.tolist(), strict=True):
            variable.setub(bound)
        self.solver.update_variables(hit)


class Linopy:
    """linopy, bounds changed in place on the model, solved anew through its direct interface."""

    def __init__(self, world: World) -> None:
        self.world, self.model = world, linopy_model(world)
        self._run()

    def solve(self, shock: Shock) -> float:
        variable = self.model.variables[shock.what]
        kept = variable.upper.transpose(..., "t").copy()
        changed = kept.copy()
        changed.values[np.ix_(shock.rows, shock.periods)] *= shock.left
        variable.upper = changed
        objective = self._run()
        variable.upper = kept
        return objective

    def _run(self) -> float:
        status = self.model.solve("highs", io_api="direct", output_flag=False, progress=False, **SOLVER)
        if status[1] != "optimal":
            raise RuntimeError(f"linopy: {status}")
        return float(self.model.objective.value)


class LinopyPersistent(Linopy):
    """linopy's solver kept alive: it finds by itself what changed (versions that can)."""

    def _run(self) -> float:
        from linopy.solvers import Highs

        if not hasattr(self, "solver"):
            options = {"output_flag": False, **SOLVER}
            self.solver = Highs.from_model(self.model, io_api="direct", track_updates=True, options=options)
            result = self.solver.solve()
        else:
            result = self.solver.solve(self.model)
        return float(result.solution.objective)


CONTESTANTS: dict[str, Callable[[World], Any]] = {
    "ours": Ours,
    "ours 2 workers": lambda w: Ours(w, 2),
    "raw whole": Raw,
    "pyomo persistent": Pyomo,
    "linopy persistent": LinopyPersistent,
    "linopy": Linopy,
}


class OursStages:
    """Unmet demand first, then cost; one cut per component, open in the first stage; one kept base per stage."""

    def __init__(self, world: World) -> None:
        self.world, self.model = world, ours(world)
        program, unmet = self.model.program, self.model.unmet
        part = program.components()[0][unmet.ids[:, 0]]
        numbers, self.part = np.unique(part, return_inverse=True)
        self.cuts = program.rows("cut", {"component": numbers})
        program.terms(self.cuts.ids[self.part][:, None], unmet, 1.0)
        self.cost = np.zeros(program.shape[1])
        for family, cost in zip(program.column_families.values(), costs(world), strict=True):
            self.cost[family.ids] = cost
        self._stages(first=True)

    def _stages(self, first: bool = False) -> float:
        program, unmet = self.model.program, self.model.unmet
        program.minimise([(unmet, 1.0)])
        least = program.solve(from_base=False if first else "unmet")
        if first:
            program.keep_base("unmet")
        best = np.bincount(self.part, weights=least.values(unmet).sum(axis=1))
        program.set_rhs(self.cuts, upper=best * (1 + 1e-6) + 1e-6)
        program.minimise(self.cost)
        solution = program.solve(from_base=False if first else "cost")
        if first:
            program.keep_base("cost")
            program.set_rhs(self.cuts, upper=np.inf)
        return solution.objective

    def solve(self, shock: Shock) -> float:
        with self.model.program.changed():
            shock_ours(self.world, self.model, shock)
            return self._stages()


class RawStages(_Columns):
    """The same by hand on the whole model, cuts built in from the start, the last basis kept."""

    def __init__(self, world: World) -> None:
        super().__init__(world, raw_arrays(world))
        a, n = self.arrays, world.size.periods
        helper = ours(world)
        part = helper.program.components()[0][helper.unmet.ids[:, 0]]
        self.solver, first = raw_solver(a), len(a.cost) - world.demand.size
        self.every = np.arange(len(a.cost), dtype=np.int32)
        self.amount = np.zeros(len(a.cost))
        self.amount[first:] = 1.0
        self.groups = [(first + np.flatnonzero((part == k).repeat(n))).astype(np.int32) for k in np.unique(part)]
        self.cuts = a.matrix.shape[0] + np.arange(len(self.groups), dtype=np.int32)
        for group in self.groups:
            self.solver.addRow(-np.inf, np.inf, len(group), group, np.ones(len(group)))
        self._minimise(self.amount)
        self.solver.run()

    def _minimise(self, cost: np.ndarray) -> None:
        self.solver.changeColsCost(len(self.every), self.every, cost)

    def solve(self, shock: Shock) -> float:
        columns, upper = self.hit(shock)
        a, solver, free = self.arrays, self.solver, np.full(len(self.cuts), np.inf)
        solver.changeColsBounds(len(columns), columns, a.lower[columns], upper)
        solver.run()
        x = np.array(solver.getSolution().col_value)
        best = np.array([x[group].sum() for group in self.groups])
        solver.changeRowsBounds(len(self.cuts), self.cuts, -free, best * (1 + 1e-6) + 1e-6)
        self._minimise(a.cost)
        solver.run()
        objective = float(solver.getInfo().objective_function_value)
        self._minimise(self.amount)
        solver.changeRowsBounds(len(self.cuts), self.cuts, -free, free)
        solver.changeColsBounds(len(columns), columns, a.lower[columns], a.upper[columns])
        return objective


class PyomoStages(Pyomo):
    """The same through Pyomo's persistent interface: objective and cuts changed in place."""

    def __init__(self, world: World) -> None:
        import pyomo.environ as pyo
        from pyomo.core.expr.numeric_expr import LinearExpression

        super().__init__(world)
        a, n, m, helper = self.arrays, world.size.periods, self.model, ours(world)
        part = helper.program.components()[0][helper.unmet.ids[:, 0]]
        first = len(a.cost) - world.demand.size
        groups = [first + np.flatnonzero((part == k).repeat(n)) for k in np.unique(part)]
        self.groups = [[self.x[i] for i in group.tolist()] for group in groups]
        m.best = pyo.Param(range(len(groups)), mutable=True, initialize=1e9)
        m.cut = pyo.Constraint(range(len(groups)), rule=lambda m, k: sum(self.groups[k]) <= m.best[k])
        m.amount = pyo.Objective(
            expr=LinearExpression(linear_coefs=[1.0] * (len(self.x) - first), linear_vars=self.x[first:])
        )
        self.solver.add_params(list(m.best.values()))
        self.solver.add_constraints(list(m.cut.values()))
        self.solver.solve(m)

    def _solve(self, objective: Any) -> Any:
        self.solver.set_objective(objective)
        return self.solver.solve(self.model)

    def solve(self, shock: Shock) -> float:
        columns, upper = self.hit(shock)
        hit, m = [self.x[i] for i in columns.tolist()], self.model
        self._bounds(hit, upper)
        self._solve(m.amount)
        for k, group in enumerate(self.groups):
            values = self.solver.get_primals(group)
            m.best[k] = sum(values.values()) * (1 + 1e-6) + 1e-6
        self.solver.update_params()
        objective = float(self._solve(m.total).best_feasible_objective)
        for k in range(len(self.groups)):
            m.best[k] = 1e9
        self.solver.update_params()
        self._bounds(hit, self.arrays.upper[columns])
        return objective


STAGES: dict[str, Callable[[World], Any]] = {
    "ours": OursStages,
    "raw whole": RawStages,
    "pyomo persistent": PyomoStages,
}


def race(contestants: dict[str, Callable[[World], Any]], world: World, counts: dict[str, int], runs: int) -> list[dict]:
    """Milliseconds per scenario, the median of the rounds; ratios are over the scenarios both have solved.

    Processor time is shown too: it hardly feels what else runs on the machine (but adds up over threads).
    """
    hits = shocks(world, max(counts.values()))
    ready = {name: make(world) for name, make in contestants.items()}
    for model in ready.values():  # warm up
        model.solve(hits[0])
    wall = {name: np.zeros((runs, counts[name])) for name in ready}
    busy = {name: np.zeros((runs, counts[name])) for name in ready}
    found = {name: np.zeros(counts[name]) for name in ready}
    for turn in range(runs):
        for name, model in ready.items():
            for i, hit in enumerate(hits[: counts[name]]):
                before = time.process_time()
                wall[name][turn, i], found[name][i] = seconds(lambda m=model, h=hit: m.solve(h))
                busy[name][turn, i] = time.process_time() - before
    rows = []
    for name, count in counts.items():
        own = [np.median(t[name].mean(axis=1)) for t in (wall, busy)]
        ratios = [np.median(t[name].sum(axis=1) / t["ours"][:, :count].sum(axis=1)) for t in (wall, busy)]
        off = float(np.max(np.abs(found[name] / found["ours"][:count] - 1)))
        row = {"contestant": name, "ms": own[0] * 1000, "/ ours": ratios[0]}
        rows.append(row | {"cpu ms": own[1] * 1000, "cpu / ours": ratios[1], "scenarios": count, "off by": off})
    return rows


def main() -> None:
    parser = arguments((__doc__ or "").splitlines()[0], "S", 3)
    parser.add_argument("--scenarios", type=int, default=60)
    parser.add_argument("--slow", type=int, default=3, help="scenarios for linopy (a second or more each on M)")
    parser.add_argument("--stages", action="store_true", help="the lexicographic variant too")
    args = parser.parse_args()
    rows = []
    for size in args.sizes.split(","):
        world = make_world(size, args.seed)
        field = {
            name: make
            for name, make in CONTESTANTS.items()
            if name.startswith(("ours", "raw")) or name.split()[0] in args.peers.split(",")
        }
        counts = {name: args.slow if name == "linopy" else args.scenarios for name in field}
        rows += [{"size": size, **row} for row in race(field, world, counts, args.runs)]
        if args.stages:
            staged = {name: make for name, make in STAGES.items() if "pyomo" not in name or "pyomo" in args.peers}
            counts = dict.fromkeys(staged, max(args.scenarios // 3, 1))
            rows += [{"size": f"{size}, 2 stages", **row} for row in race(staged, world, counts, args.runs)]
    show("One changed scenario (targets on one worker: Pyomo >= 3 ours on S, 6 on M; linopy >= 45 and 100)", rows)
    finish(args, rows)


if __name__ == "__main__":
    main()
