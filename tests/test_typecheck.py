"""The tests execute the annotations: a wrong type, a wrong shape, and sizes that differ are errors."""

from dataclasses import dataclass

import pytest
import torch
from jaxtyping import Float
from torch import Tensor
from typecheck import checked

from common.data.fitting import Fitting
from common.embedding import knn_accuracy, standardised
from common.words import counted


@checked
def scaled(image: Float[Tensor, "n c"], by: float | Float[Tensor, " c"], result: object = None) -> Float[Tensor, "n c"]:
    return image * by if result is None else result


@checked
@dataclass(frozen=True)
class Pair:
    image: Float[Tensor, "n c"]
    by: dict[str, list[Float[Tensor, " n"]]]


ONES, PAIR = torch.ones(2, 3), torch.ones(2)


def test_sizes_that_agree_pass_and_an_int_is_a_float():
    assert torch.equal(scaled(ONES, torch.ones(3)), scaled(ONES, 1))
    assert Pair(ONES, {"a": [PAIR]}).image is ONES


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: scaled(PAIR, 1.0),
        lambda: scaled(ONES.long(), 1.0),
        lambda: scaled(ONES, PAIR),
        lambda: scaled(ONES, 1.0, ONES[:1]),
        lambda: scaled(ONES, 1.0, "ones"),
        lambda: scaled(ONES, "one"),
        lambda: Pair(ONES, {"a": [torch.ones(3)]}),
        lambda: Pair(PAIR, {}),
    ],
    ids=["rank", "dtype", "sizes", "size of the result", "type of the result", "type", "field within", "field"],
)
def test_what_does_not_agree_is_an_error(wrong):
    with pytest.raises(TypeError):
        wrong()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: counted("3", "image"),
        lambda: standardised(ONES.double().numpy()[0]),
        lambda: knn_accuracy(ONES.double().numpy(), torch.ones(3).long().numpy()),
        lambda: Fitting("64"),
    ],
    ids=["type", "rank", "sizes", "field"],
)
def test_functions_and_records_of_the_packages_are_checked(wrong):
    with pytest.raises(TypeError):
        wrong()
