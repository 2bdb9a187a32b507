"""One component under test: each `require` is one promise of its contract."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import torch
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.registry.contracts import complaint


class Contract:
    """Count the promises that a component keeps; UsageError at the first that it breaks.

    >>> contract = Contract("loss", torch.nn.Identity())
    >>> contract.require(True, "it is no module", "derive it from nn.Module")
    >>> contract.kept
    1
    """

    def __init__(self, kind: str, component: Any):
        self.kind = kind
        self.component = component
        self.kept = 0

    def require(self, holds: bool, problem: str, remedy: str) -> None:
        """Note a promise that is kept, or say what is wrong and what to do."""
        if not holds:
            self.fail(problem, remedy)
        self.kept += 1

    def require_shape(self, name: str, tensor: Any, *shape: int) -> None:
        """Require a finite tensor of a shape."""
        expected = list(shape)
        if not isinstance(tensor, Tensor):
            self.fail(f"{name} is a {type(tensor).__name__}", f"return a Tensor {expected}")
        found = list(tensor.shape)
        self.require(found == expected, f"{name} is {found}", f"make it {expected}")
        is_finite = not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())
        self.require(is_finite, f"{name} has NaN or infinite values", "find where they begin")

    def require_equal(self, problem: str, remedy: str, first: Tensor, second: Tensor) -> None:
        """Require that two tensors are the same, but for rounding."""
        same = first.shape == second.shape and torch.allclose(
            first.float(), second.float(), rtol=1e-3, atol=1e-3
        )
        self.require(same, problem, remedy)

    @contextmanager
    def calling(self, what: str) -> Iterator[None]:
        """Turn an exception inside into the sentence, with what was called."""
        try:
            yield
        except UsageError:
            raise
        except Exception as error:
            words = " ".join(str(error).split())[:200]
            self.fail(f"{what} raised {type(error).__name__}: {words}", "let it return a result")

    def fail(self, problem: str, remedy: str) -> NoReturn:
        """Raise the sentence."""
        raise UsageError(complaint(self.kind, self.component, problem, remedy))
