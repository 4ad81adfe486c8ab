"""What functions and methods return of a list, dict, set or array that they are given, as far as they only read it."""

from __future__ import annotations

import ast
import builtins
from enum import Enum
from types import FunctionType, ModuleType
from typing import Any

from plait._core.installed import is_installed


class Result(Enum):
    """What of it is in what is returned."""

    NUMBERS = "nothing that can be changed"
    SELF = "it itself, or a view of it"
    SHAPED = "a view of it that may have more dimensions"
    COPY = "a new container like it, with the same elements"
    ITEM = "one of its elements"
    ITEMS = "a new container with some of its elements"
    TUPLES = "a new container, with new ones inside that have some of its elements"
    FLAT = "a new container with elements of its elements"


def of_function(origin: str, *, array: bool) -> Result | None:
    """What a function returns that is called so where it comes from, ``"len"`` or ``"bisect.bisect"``; None: unknown.

    >>> of_function("sorted", array=False), of_function("bisect.insort", array=False)
    (<Result.ITEMS: 'a new container with some of its elements'>, None)
    """
    module, _, name = origin.rpartition(".")
    if module.partition(".")[0] == "numpy" and not module.startswith("numpy.random"):
        if array:
            return Result.NUMBERS if name in _NUMPY_NEW else _NUMPY_VIEWS.get(name)
        return None if name in _NUMPY_CHANGES else Result.NUMBERS
    return _FUNCTIONS.get(origin)


def of_method(name: str, *, fresh: bool) -> Result | None:
    """What a method of a container returns; of a `fresh` one those count, too, that change it."""
    return (_FRESH_METHODS.get(name) if fresh else None) or _METHODS.get(name)


def of_array(attribute: str) -> Result | None:
    """What an attribute of an array is."""
    return _ARRAY.get(attribute)


def of_array_method(name: str) -> Result | None:
    """What a method of an array returns."""
    return _ARRAY_METHODS.get(name)


def takes(method: str, function: FunctionType) -> bool:
    """Whether a method of another object only takes elements of what it is given, as no class of the program has it."""
    classes = [value for value in list(function.__globals__.values()) if isinstance(value, type)]
    own = any(hasattr(kind, method) for kind in classes if not is_installed(kind))
    return method in _TAKING and not own


def origin(called: ast.expr, function: FunctionType) -> tuple[str, Any]:
    """What a function is called where it comes from, and itself; ``""`` for the program's own and unknown ones."""
    first, path = called, []
    while isinstance(first, ast.Attribute):
        path.append(first.attr)
        first = first.value
    code = function.__code__
    if not isinstance(first, ast.Name) or first.id in {*code.co_varnames, *code.co_cellvars, *code.co_freevars}:
        return "", None
    scope = function.__globals__
    if first.id not in scope:
        return (first.id, None) if not path and hasattr(builtins, first.id) else ("", None)
    value = scope[first.id]
    for attribute in reversed(path):
        if not isinstance(value, (ModuleType, type)):
            return "", None
        value = vars(value).get(attribute)
    if isinstance(value, FunctionType) and not is_installed(value):
        return "", value
    name, owner = getattr(value, "__name__", ""), getattr(value, "__objclass__", None)  # of a class method
    if owner is not None:
        name = f"{owner.__name__}.{name}"
    module = getattr(owner or value, "__module__", None) or _module_of(value)
    return (f"{module}.{name}".removeprefix("builtins.").lstrip("_"), value) if name else ("", None)


def _module_of(value: object) -> str:
    """The module of a method of a hidden object such as ``random.random``, or of a function of NumPy."""
    return type(getattr(value, "__self__", value)).__module__


def _table(**names: str) -> dict[str, Result]:
    return {name: Result[result.upper()] for result, listed in names.items() for name in listed.split()}


_FUNCTIONS = _table(
    numbers="len any all bool str repr isinstance issubclass hasattr print hash type format bytes "
    "json.dumps json.encoder.dumps pickle.dumps copy.deepcopy math.fsum math.prod math.dist math.hypot math.sumprod "
    "bisect.bisect bisect.bisect_left bisect.bisect_right statistics.mean statistics.fmean statistics.median "
    "statistics.stdev statistics.pstdev statistics.variance statistics.mode difflib.get_close_matches",
    item="min max next random.choice secrets.choice functools.reduce operator.getitem",
    items="list tuple set frozenset dict sorted reversed iter filter itertools.chain itertools.islice itertools.cycle "
    "itertools.takewhile itertools.dropwhile itertools.compress itertools.accumulate collections.deque "
    "collections.Counter collections.OrderedDict heapq.nlargest heapq.nsmallest heapq.merge random.sample "
    "random.choices itertools.filterfalse",
    tuples="zip enumerate itertools.product itertools.combinations itertools.permutations itertools.pairwise "
    "itertools.zip_longest itertools.combinations_with_replacement",
    copy="copy.copy",
    flat="sum itertools.chain.from_iterable",
)
MAPPINGS = frozenset({"dict", "collections.OrderedDict"})
"""What copies a dict with its values, or makes one of pairs."""

CALLING = frozenset(
    "filter functools.reduce itertools.accumulate itertools.takewhile itertools.dropwhile itertools.filterfalse".split()
)
"""What calls one of its arguments with the elements of another."""

INPUTS = {"where": 3, "interp": 3}
"""How many arguments of a function of NumPy are read, where it is not the first two."""

_METHODS = _table(
    numbers="keys index count isdisjoint issubset issuperset tobytes tolist hex decode startswith endswith find total "
    "__len__ __contains__",
    item="get __getitem__",
    copy="copy",
    items="values union intersection difference symmetric_difference elements",
    tuples="items most_common",
)
_FRESH_METHODS = _table(
    numbers="append extend insert sort reverse clear remove add discard update appendleft extendleft rotate",
    item="pop popleft",
    items="popitem",
)
_ARRAY = _table(numbers="shape size ndim dtype nbytes itemsize strides", self="T flat real imag")
_ARRAY_METHODS = _table(
    numbers="sum mean min max dot std var argmax argmin any all round astype tolist tobytes copy flatten cumsum "
    "cumprod prod nonzero item trace argsort argpartition searchsorted repeat take clip conj ptp compress choose",
    self="ravel transpose swapaxes squeeze diagonal",
    shaped="reshape view",
)
_NUMPY_CHANGES = frozenset("copyto put place putmask fill_diagonal put_along_axis at".split())
_NUMPY_VIEWS = _table(
    self="ravel transpose swapaxes squeeze asarray asanyarray ascontiguousarray diagonal flip fliplr flipud rot90 real "
    "imag moveaxis rollaxis",
    shaped="reshape atleast_1d atleast_2d atleast_3d expand_dims broadcast_to",
)
_NUMPY_NEW = frozenset(  # results that are no views
    "dot matmul vdot inner outer tensordot kron sum mean median average std var min max amin amax argmin argmax "
    "prod cumsum cumprod diff sort argsort lexsort concatenate stack vstack hstack dstack column_stack array copy "
    "exp log log2 log10 sqrt abs absolute sin cos tan tanh add subtract multiply divide power mod maximum minimum "
    "clip round where nonzero count_nonzero unique histogram percentile quantile interp searchsorted isnan isfinite "
    "allclose array_equal any all tile repeat pad roll convolve correlate cov corrcoef cross trace "
    "inv pinv solve lstsq svd eig eigh eigvals eigvalsh qr cholesky det slogdet norm matrix_rank matrix_power cond "
    "fft ifft rfft irfft fft2 ifft2 fftn ifftn".split()
)
_TAKING = frozenset(
    "join translate format writerow writerows update extend union intersection difference symmetric_difference "
    "issubset issuperset isdisjoint intersection_update difference_update".split()
)
