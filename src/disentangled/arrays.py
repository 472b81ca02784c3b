"""What an argument may be that is an array, a count or an index: one form for all, or an error.

Arrays are tensors (of any device, dtype, layout and graph), numpy arrays, frames and series of
pandas, and nested lists of these and of numbers. What has no value (masked, NA, None) is refused
here: as a number it would be whatever happens to lie in its place.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
import numbers as kinds
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from decimal import Decimal
from typing import Any, ParamSpec, TypeVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.masked import MaskedTensor

from disentangled.types import Code

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")

ARRAYS = (Tensor, np.ndarray, pd.DataFrame, pd.Series)

NUMBERS = "biuf"
"""Kinds of numpy's dtypes that are real numbers: bool, integers, floats."""

NAMES = "SU"
"""Kinds of text."""

EPS = torch.finfo(torch.float64).eps

LARGEST = 2**63 - 1
"""The largest whole number that arrays hold."""

NATIVE = (torch.float16, torch.float32, torch.float64)
"""Floats of torch that numpy knows."""


def array(values: Any, name: str) -> NDArray[Any]:
    """`values` as an array of real numbers, or of text, on the CPU and without a graph.

    Raises: ValueError that names the argument when values are missing, are neither numbers nor
    text, or differ in length.
    """
    try:
        found = _array(values, name)
    except _Refused:
        raise
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        came = f"{_kind(values)}: {str(error).partition(chr(10))[0]}"
        raise ValueError(f"{name} must be an array of numbers, got {came}") from None
    if found.dtype.kind == "c":
        raise ValueError(f"{name} must be real, got complex numbers: pass their real parts")
    if found.dtype.kind not in NUMBERS + NAMES:
        raise ValueError(f"{name} must be an array of numbers, got {_kind(values)}")
    return found


def numbers(values: Any, name: str) -> NDArray[Any]:
    """`values` as an array of real numbers.

    Raises: ValueError as `array`, and when the values are text.
    """
    found = array(values, name)
    if found.dtype.kind in NAMES:
        raise ValueError(
            f"{name} must be an array of numbers, got text ({found.dtype}): "
            "number its values, np.unique(..., return_inverse=True)[1], or convert them first"
        )
    return found


def floats(values: Any, name: str) -> Tensor:
    """`values` as a detached float64 tensor on the CPU.

    Raises: ValueError as `numbers`.
    """
    if _is_plain(values):
        return values.detach().to("cpu", torch.float64).contiguous()
    # in one piece and writable, which is all that torch takes without a word
    found = np.require(numbers(values, name), np.float64, ["C", "W"])
    return torch.from_numpy(found)


def _is_plain(values: Any) -> bool:
    """Whether these are real numbers of torch that need no look; under `torch.func` a tensor has
    no memory of its own, which numpy could read."""
    return (
        isinstance(values, Tensor)
        and not isinstance(values, MaskedTensor)
        and values.device.type != "meta"
        and not _foreign(values)
        and not values.is_neg()  # a view that numpy does not read
    )


def _foreign(tensor: Tensor) -> str:
    """What a tensor is that is no plain array of real numbers, in a word; "" for one that is."""
    if tensor.is_nested:
        return "nested"
    if tensor.is_quantized:
        return "quantized"
    if tensor.is_complex():
        return "complex"
    return "" if tensor.layout == torch.strided else "sparse"


def tensor(values: Any, name: str) -> Tensor:
    """`values` as a dense tensor: one as it is, where it is; others as bool, uint8, int64, floats.

    Raises: ValueError as `numbers`.
    """
    if isinstance(values, Tensor) and not isinstance(values, MaskedTensor):
        return _dense(values, name)
    found = numbers(values, name)
    if found.dtype.kind in "iu" and found.dtype != np.uint8:
        found = found.astype(np.int64)
    return torch.from_numpy(np.require(found, found.dtype.newbyteorder("="), ["C", "W"]))


def of_arrays(function: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
    """A function of tensors that takes other arrays too, and refuses what its annotations do not
    say: a Tensor, Pixels from 0 to 1, a Code of three of one shape, a float that is finite, an int
    of at least 1.

    Tensors go through as they are, so that slopes and `torch.func` see nothing of it; sparse ones
    become dense. Other arrays, of whole numbers too, come in as float64.

    Raises: ValueError that names the argument.
    """
    names = list(inspect.signature(function).parameters)
    forms = {n: FORMS[a] for n, a in function.__annotations__.items() if a in FORMS}

    def came(name: str, value: Any) -> Any:
        return forms[name](value, name) if name in forms else value

    @functools.wraps(function)
    def wrapped(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Returned:
        first: list[Any] = [came(n, a) for n, a in zip(names, args, strict=False)]
        more: tuple[Any, ...] = args[len(names) :]  # too many, which the function says
        return function(*first, *more, **{n: came(n, a) for n, a in kwargs.items()})

    return wrapped


def whole(value: Any, name: str, least: int | None = None, most: int | None = None) -> int:
    """`value` as an int, from `least` to `most` where these are given.

    Raises: ValueError that names the argument when it is no whole number (True and False are
    none), or lies outside.
    """
    is_bool = isinstance(value, bool) or getattr(value, "dtype", None) == torch.bool
    limits = f" from {least} to {most}" if most is not None else f" of at least {least}"
    expected = f"{name} must be a whole number{'' if least is None else limits}, got {value!r}"
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(expected) from None
    too_small, too_large = least is not None and number < least, most is not None and number > most
    if is_bool or too_small or too_large:
        raise ValueError(expected)
    if abs(number) > LARGEST:
        raise ValueError(f"{name} must be a whole number of at most 2**63 - 1, got {value!r}")
    return number


def real(value: Any, name: str) -> float:
    """`value` as a float: a finite number of Python, numpy, torch or a decimal one.

    Raises: ValueError that names the argument when it is none (text, True and None are none).
    """
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, Tensor | np.ndarray) and value.ndim == 0:
        value = value.item()
    try:
        plain = isinstance(value, kinds.Real | Decimal) and not isinstance(value, bool)
        number = float(value) if plain else math.nan
    except OverflowError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    return number


def place(device: Any) -> torch.device:
    """The device of a name, as "cpu" or "cuda", whether it is here or not.

    Raises: ValueError when torch knows none of that name.
    """
    try:
        return torch.device(device)
    except (RuntimeError, TypeError) as error:
        said = str(error).partition("\n")[0]
        raise ValueError(
            f"expected a device, as 'cpu' or 'cuda', got {device!r}: {said}"
        ) from error


def several(values: Any, name: str) -> list[Any]:
    """What a list, a tuple, an array or an iterator holds, in its order.

    Raises: ValueError that names the argument for one thing alone, for text, and for what has no
    order or has keys.
    """
    no_order = isinstance(values, str | bytes | set | frozenset | Mapping)
    if no_order or not isinstance(values, Iterable):
        raise ValueError(f"{name} must be a list, got {_kind(values)} {values!r}")
    try:
        return list(values)
    except TypeError:  # an array without axes
        raise ValueError(f"{name} must be a list, got one value {values!r}") from None


_PIXELS_KNOWN: ContextVar[bool] = ContextVar("pixels_known", default=False)


@contextlib.contextmanager
def pixels_known() -> Iterator[None]:
    """For a time, Pixels are of a `FactorData`, which was looked at when it was made: training
    would wait for a GPU at every step if it looked again."""
    before = _PIXELS_KNOWN.set(True)
    try:
        yield
    finally:
        _PIXELS_KNOWN.reset(before)


@contextlib.contextmanager
def single_precision() -> Iterator[None]:
    """For a time, float32 is what torch makes of numbers without a dtype, and the CPU is where it
    puts tensors without a device, as when it starts."""
    before = torch.get_default_dtype()
    elsewhere = torch.get_default_device().type != "cpu"
    torch.set_default_dtype(torch.float32)
    try:
        with torch.device("cpu") if elsewhere else contextlib.nullcontext():
            yield
    finally:
        torch.set_default_dtype(before)


def entry(function: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
    """A function that computes the same whatever torch's default dtype and device are, and that
    refuses as its argument `generator` what is none.

    Raises: ValueError that says which generator to pass.
    """
    parameters = inspect.signature(function).parameters
    asked = parameters.get("generator")
    may_be_none = asked is None or asked.default is None

    @functools.wraps(function)
    def wrapped(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Returned:
        given = dict(zip(parameters, args, strict=False)) | kwargs
        came = given.get("generator")
        is_none = came is None and (may_be_none or "generator" not in given)
        if not (is_none or isinstance(came, torch.Generator)):
            raise ValueError(
                f"generator of {function.__name__} must be a torch.Generator, got {_kind(came)}: "
                "pass torch.Generator().manual_seed(0), with a seed of yours"
            )
        with single_precision():
            return function(*args, **kwargs)

    return wrapped


def rounding(values: Any) -> float:
    """The distance from 1 to the next number of the dtype of `values`; of float64 without one."""
    dtype = getattr(values, "dtype", None)
    if isinstance(dtype, torch.dtype):
        return torch.finfo(dtype).eps if dtype.is_floating_point else EPS
    is_float = isinstance(dtype, np.dtype) and dtype.kind == "f"
    return max(float(np.finfo(dtype).eps), EPS) if is_float else EPS


class _Refused(ValueError):
    """An error that says it all already."""


def _array(values: Any, name: str) -> NDArray[Any]:
    if isinstance(values, Tensor):
        return _of_tensor(values, name)
    if isinstance(values, np.ma.MaskedArray):
        _refuse_missing(np.ma.getmaskarray(values), name, "masked")
        return _array(values.data, name)
    found = np.asarray(_nested(values, name) if isinstance(values, list | tuple) else values)
    return _of_objects(found, name) if found.dtype.kind in "OT" else found


def _nested(values: Any, name: str) -> Any:
    """Lists of lists of numbers and of plain arrays."""
    if isinstance(values, list | tuple):
        return [_nested(value, name) for value in values]
    return _array(values, name) if isinstance(values, ARRAYS) else values


def _of_tensor(tensor: Tensor, name: str) -> NDArray[Any]:
    if isinstance(tensor, MaskedTensor):
        _refuse_missing(~tensor.get_mask().numpy(), name, "masked")
        return _of_tensor(tensor.get_data(), name)
    if tensor.device.type == "meta":
        raise _Refused(f"{name} must be an array of numbers, got a tensor on 'meta', without any")
    if (kind := _foreign(tensor)) in ("nested", "quantized"):
        raise _Refused(f"{name} must be an array of numbers, got a {kind} tensor")
    plain = tensor.detach().to_dense().cpu().resolve_neg().resolve_conj()
    foreign = plain.is_floating_point() and plain.dtype not in NATIVE
    return (plain.float() if foreign else plain).numpy()


def _of_objects(found: NDArray[Any], name: str) -> NDArray[Any]:
    """Objects, as frames of several types and nullable ones have them, as what they are."""
    if found.ndim:
        _refuse_missing(np.asarray(pd.isna(found)), name, "missing (None, NaN or NA)")
    plain = np.asarray(found.tolist())
    return plain if plain.shape == found.shape else found


def _refuse_missing(mask: NDArray[np.bool_], name: str, how: str) -> None:
    if mask.any():
        raise _Refused(
            f"{name} has {int(mask.sum())} values of {mask.size} that are {how}: leave out their "
            "rows, or fill them in, before"
        )


def _tensor(value: Any, name: str) -> Tensor:
    given = isinstance(value, Tensor) and not isinstance(value, MaskedTensor)
    return _dense(value, name) if given else floats(value, name)


def _pixels(value: Any, name: str) -> Tensor:
    x = _tensor(value, name)
    blind = torch.compiler.is_compiling() or x.device.type == "meta"  # no values to look at
    if blind or _PIXELS_KNOWN.get() or not x.numel() or not x.is_floating_point():
        return x
    low, high = x.detach().aminmax()
    try:  # NaN is neither above nor below; what was computed may round beyond 0 and 1
        inside = bool((low >= -4 * rounding(x)) & (high <= 1 + 4 * rounding(x)))
    except RuntimeError:  # within vmap there are none either
        return x
    if not inside:
        raise ValueError(
            f"{name} must be pixels from 0 to 1, got {float(low):g} to {float(high):g}: the cross-"
            "entropy of other values has no floor; divide uint8 by 255, leave standardised images "
            "as they were"
        )
    return x


def _dense(tensor: Tensor, name: str) -> Tensor:
    """A tensor as it is, a sparse one dense."""
    if (foreign := _foreign(tensor)) == "sparse":
        return tensor.to_dense()
    if foreign:
        raise ValueError(f"{name} must be an array of real numbers, got a {foreign} tensor")
    return tensor


def _code(value: Any, name: str) -> Code:
    if not isinstance(value, Code):
        raise ValueError(
            f"{name} must be a Code(z, mean, logvar), got {_kind(value)}: "
            "from disentangled.types import Code"
        )
    z = _tensor(value.z, f"{name}.z")
    mean, logvar = _tensor(value.mean, f"{name}.mean"), _tensor(value.logvar, f"{name}.logvar")
    if not z.shape == mean.shape == logvar.shape:
        shapes = ", ".join(str(tuple(part.shape)) for part in (z, mean, logvar))
        raise ValueError(f"{name} must have z, mean and logvar of one shape, got {shapes}")
    return Code(z, mean, logvar)


def _weight(value: Any, name: str) -> Any:
    """A number that multiplies a term: a tensor without axes too, which may ask for a slope."""
    return value if isinstance(value, Tensor) and value.ndim == 0 else real(value, name)


def _count(value: Any, name: str) -> int:
    return whole(value, name, 1)


FORMS: dict[Any, Callable[[Any, str], Any]] = {
    "Tensor": _tensor, "Pixels": _pixels, "Code": _code, "float": _weight, "int": _count,
}  # fmt: skip
"""How arguments of an annotation come in (see `of_arrays`)."""


def _kind(values: Any) -> str:
    dtype = getattr(values, "dtype", None)
    return type(values).__name__ + ("" if dtype is None else f" of {dtype}")
