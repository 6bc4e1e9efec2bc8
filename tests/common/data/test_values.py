import numpy as np
import pytest

from common.data.classes import Classes
from common.data.values import UNKNOWN, ValueTable
from common.errors import UserError


def applied(values, numbers):
    return ValueTable(values).apply(np.array([numbers])).tolist()[0]


@pytest.mark.parametrize(
    ("values", "numbers", "classes"),
    [
        ({0: 0, 7: 1}, [0, 7, 8], [0, 1, UNKNOWN]),
        ({0: 0, "1-65535": 1}, [0, 1, 300, 65535, 65536], [0, 1, 1, 1, UNKNOWN]),
        ({0: 0, "rest": 1}, [0, 1, 255, 70000], [0, 1, 1, 1]),
        ({"0-9": 0, 5: 2, "rest": 255}, [4, 5, 9, 10], [0, 2, 0, 255]),
        ({"100000-200000": 1, 0: 0, 2**31 - 1: 2}, [0, 99999, 100000, 2**31 - 1], [0, UNKNOWN, 1, 2]),
        ({"#ff0000": 1, "#000000": 0}, [0xFF0000, 0, 0x00FF00], [1, 0, UNKNOWN]),
        ({"#0000ff": 2, 255: 1, "rest": 0}, [0x0000FF, 0xFFFFFF, 0x123456], [2, 1, 0]),
    ],
)
def test_a_table_tells_the_class_of_numbers_ranges_colours_and_the_rest(values, numbers, classes):
    assert applied(values, numbers) == classes
    assert [ValueTable(values).index(number) for number in numbers] == classes
    for number in (*numbers, 77):  # few numbers are looked up in another way than many and large ones
        assert applied(values, [number]) == [ValueTable(values).index(number)]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"0-9": 0, "5-20": 1}, "the ranges 0-9 and 5-20 overlap"),
        ({"9-3": 0}, "9-3 is no range"),
        ({"0-9": 0, "#ff0000": 1}, "holds colours and the range 0-9"),
        ({"red": 1}, "'red': it takes whole numbers, ranges"),
        ({"#ff00": 1}, "'#ff00': it takes whole numbers"),
        ({"1_000": 1}, "it takes whole numbers"),
        ({"\u0663-\u0664": 1}, "it takes whole numbers"),
    ],
)
def test_a_table_that_cannot_be_is_refused(values, said):
    with pytest.raises(UserError, match=said):
        Classes.from_dict({"names": ["a", "b"], "values": values})


def test_keys_may_be_written_in_several_ways():
    read = Classes.from_dict({"names": ["a", "b"], "values": {" 1 - 9": "1", "REST": "ignore", "010": 0}})
    assert read.values == {"1-9": 1, "rest": 255, 10: 0}
    assert Classes.from_dict({"names": ["a", "b"], "values": {"#FF00aa": 1}}).values == {"#ff00aa": 1}


@pytest.mark.parametrize("threshold", [1, 128, "128", 2000])
def test_a_threshold_cuts_grey_values_in_two(threshold):
    classes = Classes.from_dict({"names": ["ground", "leaf"], "threshold": threshold})
    limit = int(threshold)
    assert applied(classes.values, [0, limit - 1, limit, 65535]) == [0, 0, 1, 1]
    assert Classes.from_dict(classes.to_dict()) == classes


@pytest.mark.parametrize("threshold", [0, -1, "half", 1.5, 2**40])
def test_a_threshold_that_is_none_is_refused(threshold):
    with pytest.raises(UserError, match=r"threshold|whole numbers"):
        Classes.from_dict({"names": ["ground", "leaf"], "threshold": threshold})
