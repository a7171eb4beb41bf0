"""Gradient modes and solvers of fixed points, by the words of the YAML.

Each function returns the value that a network's call takes; its keyword parameters are the options.
Annotations are evaluated here (no `from __future__ import annotations`): they type the options.
"""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from loopynet.parts.choice import Choice, ChoiceFrom, FunctionRegistry

if TYPE_CHECKING:
    from loopynet.modules import gradient as modes
    from loopynet.modules import solvers as iterations

gradients = FunctionRegistry("gradient", "loopynet.gradients")
Gradient = Annotated[Choice, ChoiceFrom(gradients)]

solvers = FunctionRegistry("solver", "loopynet.solvers")
SolverChoice = Annotated[Choice, ChoiceFrom(solvers)]

Steps = Annotated[int, Field(ge=1, le=10_000)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, le=1)]
Few = Annotated[int, Field(ge=1, le=100)]


@gradients.register("full")
def full() -> "modes.Full":
    """Through all unrolls."""
    from loopynet.modules.gradient import Full

    return Full()


@gradients.register("truncated")
def truncated(steps: Steps = 1) -> "modes.Truncated":
    """Through the last `steps` unrolls."""
    from loopynet.modules.gradient import Truncated

    return Truncated(steps)


@gradients.register("recompute")
def recompute() -> "modes.Recompute":
    """Through all unrolls, each run again on the way back: memory for one unroll."""
    from loopynet.modules.gradient import Recompute

    return Recompute()


@gradients.register("implicit")
def implicit(tolerance: Positive = 1e-6, max_steps: Steps = 50) -> "modes.Implicit":
    """At the fixed point, by the implicit function theorem; needs `unroll.until: converged`."""
    from loopynet.modules.gradient import Implicit

    return Implicit(tolerance, max_steps)


@gradients.register("phantom")
def phantom(steps: Steps = 1, damping: Share = 1.0) -> "modes.Phantom":
    """Through `steps` passes from the fixed point; needs `unroll.until: converged`."""
    from loopynet.modules.gradient import Phantom

    return Phantom(steps, damping)


@solvers.register("plain")
def plain() -> "iterations.Plain":
    """Each pass begins where the last one ended."""
    from loopynet.modules.solvers import Plain

    return Plain()


@solvers.register("damped")
def damped(damping: Share = 0.5) -> "iterations.Damped":
    """Moves by a share of each pass's change: settles loops that swing."""
    from loopynet.modules.solvers import Damped

    return Damped(damping)


@solvers.register("anderson")
def anderson(memory: Few = 5, damping: Share = 1.0) -> "iterations.Anderson":
    """Mixes the last `memory` passes so that their residuals cancel best (Walker and Ni 2011)."""
    from loopynet.modules.solvers import Anderson

    return Anderson(memory, damping)


@solvers.register("broyden")
def broyden(memory: Few = 20) -> "iterations.Broyden":
    """Broyden's method with `memory` corrections (Bai et al. 2019)."""
    from loopynet.modules.solvers import Broyden

    return Broyden(memory)
