"""What the processes of a training share. In a training of one process every function here does nothing."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import fields, is_dataclass, replace
from itertools import islice, zip_longest
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, distributed

from common.errors import LostRankError

T = TypeVar("T")
MISSING: Any = object()
"""In the place of a thing where the last turn has fewer than there are processes."""


class _Sharing:
    """Whether a batch is shared just now: then sums over it go over all processes."""

    now = False
    deals = False
    """Whether processes deal out the batches of a validation among them."""


def count() -> int:
    """The number of processes of the training."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0."""
    return distributed.get_rank() if count() > 1 else 0


@contextmanager
def sharing() -> Iterator[None]:
    """Inside the context each process has its part of every batch, and losses and norms are those of the whole."""
    before, _Sharing.now = _Sharing.now, count() > 1
    try:
        yield
    finally:
        _Sharing.now = before


@contextmanager
def dealing() -> Iterator[None]:
    """Inside the context the processes of a training deal out what is `dealt` among them."""
    _Sharing.deals = count() > 1
    try:
        yield
    finally:
        _Sharing.deals = False


def dealt(things: Iterable[T]) -> Iterator[T]:
    """Every so many of some things: those of this process, where they are dealt out; else all."""
    return islice(things, rank(), None, count()) if _Sharing.deals else iter(things)


def collected(own: Sequence[T]) -> list[T]:
    """What each process has made of the things that were `dealt` to it, in their order."""
    hands = each(list(own)) if _Sharing.deals else [list(own)]
    return [thing for turn in zip_longest(*hands, fillvalue=MISSING) for thing in turn if thing is not MISSING]


def shares() -> bool:
    """Whether this is inside `sharing`, and there are others."""
    return _Sharing.now


def own_part(images: int) -> slice:
    """Which of the images of a batch are this process's: neighbours, as many as others have or one less."""
    if not _Sharing.now:
        return slice(0, images)
    return slice(images * rank() // count(), images * (rank() + 1) // count())


def own_share(images: int) -> float:
    """The share of a batch that is this process's."""
    part = own_part(images)
    return (part.stop - part.start) / images


def own(thing: T, images: int) -> T:
    """This process's part of a tensor, or of all tensors of a data class or tuple, whose rows are a batch's images."""
    return _part(thing, own_part(images)) if _Sharing.now else thing


def _part(thing: Any, part: slice) -> Any:
    if isinstance(thing, Tensor):
        return thing[part]
    if isinstance(thing, tuple):
        return tuple(_part(one, part) for one in thing)
    if is_dataclass(thing) and not isinstance(thing, type):
        return replace(thing, **{field.name: _part(getattr(thing, field.name), part) for field in fields(thing)})
    return thing


class _Sum(torch.autograd.Function):
    """The sum over all processes. The loss is that of all, so its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004
        return add_up(x.clone(memory_format=torch.contiguous_format))

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:  # noqa: ARG004
        return add_up(grad_outputs[0].clone(memory_format=torch.contiguous_format))


def total(x: Tensor) -> Tensor:
    """The sum of a tensor over the processes that share a batch, with its gradient; of one process the tensor.

    Source: `torch.distributed.nn.functional.all_reduce`, which is the same.
    """
    return _Sum.apply(x) if _Sharing.now else x


def mean(x: Tensor) -> Float[Tensor, ""]:
    """The mean of all elements, of all processes that share a batch."""
    return total(x.sum()) / total(torch.tensor(float(x.numel()), device=x.device)) if _Sharing.now else x.mean()


def gathered(x: Float[Tensor, "n *_"]) -> Float[Tensor, "m *_"]:
    """The rows of all processes that share a batch, in order, with their gradient."""
    if not _Sharing.now:
        return x
    images = int(total(torch.tensor(len(x), device=x.device)))
    whole = x.new_zeros((images, *x.shape[1:]))
    part = torch.arange(images, device=x.device)[own_part(images)]
    return total(whole.index_copy(0, part, x))


def add_up(x: Tensor) -> Tensor:
    """Make a tensor the sum of that of all processes, in place. Raises LostRankError where one is gone."""
    with _lost():
        distributed.all_reduce(x)
    return x


def add_gradients(weights: Sequence[Tensor]) -> None:
    """Make the gradients the sums of those of all processes, which are of their shares of one loss."""
    grads = [weight.grad for weight in weights if weight.grad is not None]
    if not _Sharing.now or not grads:
        return
    whole = add_up(torch.cat([grad.flatten() for grad in grads]))
    for grad, part in zip(grads, whole.split([grad.numel() for grad in grads]), strict=True):
        grad.copy_(part.view_as(grad))


def follow_first(tensors: Iterable[Tensor]) -> None:
    """Make tensors of a batch that is shared those of rank 0; whole numbers are alike anyway."""
    ours = [tensor for tensor in tensors if tensor.is_floating_point()] if _Sharing.now else []
    if not ours:
        return
    whole = torch.cat([tensor.flatten() for tensor in ours])
    with _lost():
        distributed.broadcast(whole, 0)
    for tensor, part in zip(ours, whole.split([tensor.numel() for tensor in ours]), strict=True):
        tensor.copy_(part.view_as(tensor))


def same(value: T) -> T:
    """The value that rank 0 has, whatever is given elsewhere: numbers, texts and NumPy arrays."""
    if count() == 1:
        return value
    box = [value]
    with _lost():
        distributed.broadcast_object_list(box)
    return box[0]


def each(value: T) -> list[T]:
    """The values of all processes, by rank."""
    values: list[Any] = [value] * count()
    if count() > 1:
        with _lost():
            distributed.all_gather_object(values, value)
    return values


def own_random(device: torch.device) -> AbstractContextManager[Any]:
    """Inside the context random numbers are this process's own: dropout of equal seeds would be alike on all ranks."""
    return _reseeded(device) if _Sharing.now else nullcontext()


@contextmanager
def _reseeded(device: torch.device) -> Iterator[None]:
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        mixed = hashlib.blake2b(f"{torch.initial_seed()}/{rank()}".encode(), digest_size=8).digest()
        torch.manual_seed(int.from_bytes(mixed, "little") >> 1)
        yield


@contextmanager
def _lost() -> Iterator[None]:
    """Say what a broken connection means: Gloo and NCCL have no exception of their own for it."""
    try:
        yield
    except RuntimeError as error:
        raise LostRankError(
            f"another rank of {count()} was lost ({str(error).splitlines()[0][:120]}): finished epochs are kept; go on "
            "with --resume and the --output_dir of the run"
        ) from error
