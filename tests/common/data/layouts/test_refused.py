"""Errors of single files are raised at the first, unless somebody collects them."""

import pytest
from datasets import photo, write_images_masks, write_tree

from common.data.layouts.folders import Tree
from common.data.layouts.registry import NO_PATTERNS, laid_out
from common.errors import UserError


class Collecting(Tree):
    def __init__(self, root):
        super().__init__(root)
        self.refused = []

    def refuse(self, error):
        self.refused.append(str(error))


def test_twins_and_a_table_that_does_not_fit_are_collected_and_the_rest_is_found(tmp_path):
    root = write_images_masks(tmp_path, 4)
    write_tree(root, {"images/000.png": photo(0)})
    (root / "splits.csv").write_text("stem,split\n000,train\n")
    with pytest.raises(UserError, match="differ in their suffix alone"):
        laid_out(Tree(root), NO_PATTERNS)
    tree = Collecting(root)
    name, _, found = laid_out(tree, NO_PATTERNS)
    assert found is not None
    assert (name, len(found.samples)) == ("images-masks", 4)
    assert ["suffix alone" in tree.refused[0], "3 images are missing" in tree.refused[-1]] == [True, True]
