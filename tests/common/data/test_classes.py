import json
import re

import numpy as np
import pytest

from common.data.classes import BINARY, IGNORE, SPECIES, UNKNOWN, Classes, as_known, classes_of_objects, read_classes
from common.errors import UserError


def test_a_table_maps_every_value_and_marks_the_others_unknown():
    table = Classes(("background", "cell"), {0: 0, 128: 1, 200: IGNORE}).table
    expected = np.full(256, UNKNOWN)
    expected[[0, 128, 200]] = [0, 1, IGNORE]
    np.testing.assert_array_equal(table.apply(np.arange(256)[None]), expected[None])


@pytest.mark.parametrize("classes", [SPECIES, BINARY, Classes(("a", "b", "c"), {7: 2})])
def test_classes_survive_json(classes):
    assert Classes.from_dict(json.loads(json.dumps(classes.to_dict()))) == classes


def test_a_yaml_file_gives_names_and_values_and_says_ignore_in_a_word(tmp_path):
    path = tmp_path / "classes.yaml"
    path.write_text("names: [background, cell]\nvalues: {0: 0, 128: 1, 255: ignore}\n")
    assert read_classes(path) == Classes(("background", "cell"), {0: 0, 128: 1, 255: IGNORE})


def test_a_value_may_have_the_name_of_its_class_and_digits_are_its_number(tmp_path):
    path = tmp_path / "classes.yaml"
    path.write_text("names: [ground, leaf, '1', no]\nvalues: {0: ground, 7: leaf, 8: 1, 9: no, 255: ignore}\n")
    assert read_classes(path).values == {0: 0, 7: 1, 8: 1, 9: 3, 255: IGNORE}


def test_a_file_in_another_encoding_is_named(tmp_path):
    path = tmp_path / "classes.yaml"
    path.write_text("names: [a, b]", encoding="utf-16")
    with pytest.raises(UserError, match=r"classes\.yaml: it is not UTF-8 text: save it in UTF-8"):
        read_classes(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("names: [background, cell]", "values: {0: 0"),
        ("- 1", "names: [background, pet]"),
        ("names: [a, b]\nvalues: {0: zero}", "'zero'"),
        ("names: [a, a]\nvalues: {0: 0}", "different names"),
        ("names: [a]\nvalues: {0: 0}", "2 to 253 different names, got ['a']; what is none of it is a class, too"),
        ("names: [a, b]\nvalues: {0: c}", "'c': it takes whole numbers"),
        ("names: [a, b]\nvalues: {0: 2}", "value 0 to 2"),
        ("names: [a, b]\nvalues: {2147483648: 1}", "value 2147483648"),
        ("names: [a, b", "expected"),
        ("names: [a, b]\nvalues: {0: 0, 1: 1}\nnames: [c, d]", "names stands here and in line 1"),
        ("names: [a, b]\nvalues: {0: 0, 0: 1}", "0 stands here and in line 2"),
        ("names: [a, b]\nvalues: {0: 0, '00': 1}", "a mask value twice"),
        ("names: [a, b]\nvalues: {0: 0.7, 1: 1}", "'0.7': it takes whole numbers"),
        ("names: [a, b]\nvalues: {0: .inf}", "'.inf': it takes whole numbers"),
        ("names: [a, b]\nvalues: {0: true}", "'true': it takes whole numbers"),
        ("names: ab\nvalues: {0: 0}", "got {'names': 'ab'"),
        ("names:\n- no\n-\n- yes\nvalues: {0: 0}", "a class is called ''"),
        ("names: [a, '  ']\nvalues: {0: 0}", "a class is called '  '"),
        ('names: [a, "b\\n"]\nvalues: {0: 0}', "a text on one line"),
        ("names: [a, b]\nvalues: {0: 0}\ncolours: [red]", "got {"),
        ("names: [a, b]\nvalues: {0: %s}" % ("9" * 5001), "it takes whole numbers"),
        ("[" * 5000, "nested too deeply"),
        ('names: !!float ""', "is not YAML"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c, *c]", "got {"),
    ],
)
def test_a_wrong_yaml_file_is_named_and_told_apart(tmp_path, text, told):
    path = tmp_path / "classes.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=re.escape(str(path))) as caught:
        read_classes(path)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_yaml_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"gone\.yaml"):
        read_classes(tmp_path / "gone.yaml")


def test_names_stay_as_they_are_typed(tmp_path):
    typed = ["no", "yes", "1.0", "2024-01-01", "null", "~", "0x10", "1e3", "on", ".inf", "007", "12:30:45"]
    (tmp_path / "classes.yaml").write_text(f"names: [{', '.join(typed)}]\nvalues: {{0: 0, 1: 1}}\nbackground: yes\n")
    classes = read_classes(tmp_path / "classes.yaml")
    assert list(classes.names) == typed
    assert classes.background == 1


KNOWN = classes_of_objects(["cat", "dog"])


@pytest.mark.parametrize(
    ("own", "values"),
    [
        (classes_of_objects(["cat", "dog"]), {0: 0, 1: 1, 2: 2}),
        (classes_of_objects(["dog", "cat"]), {0: 0, 1: 2, 2: 1}),
        (classes_of_objects(["dog"]), {0: 0, 1: 2}),
        (classes_of_objects(["bird", "cat", "dog"]), {0: 0, 2: 1, 3: 2}),  # birds stay unknown
        (Classes(("background", "dog"), {"#000000": 0, "#ff0000": 1}), {"#000000": 0, "#ff0000": 2}),
        (Classes(("background", "dog"), {0: 0, 7: 1, 255: IGNORE}), {0: 0, 7: 2, 255: IGNORE}),
    ],
)
def test_the_masks_of_other_data_mean_the_classes_of_their_names(own, values):
    classes, notes = as_known(KNOWN, own)
    assert (classes.names, classes.values, classes.background, notes) == (KNOWN.names, values, 0, ())


@pytest.mark.parametrize(
    "known",
    [
        BINARY,
        Classes(("background", "animal"), {0: 0, "rest": 1}),
        Classes(("background", "Katze"), {0: 0, 1: 1, 2: 1}),
    ],
)
def test_classes_that_were_renamed_or_joined_are_told_by_numbers_with_a_note(known):
    classes, [note] = as_known(known, KNOWN)
    assert classes == known
    assert "names the classes background, cat, dog" in note
    assert f"as {', '.join(known.names)}: say with --classes" in note
