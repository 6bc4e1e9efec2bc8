"""What is known of finished images survives a process that is killed."""

from transfer.predict.journal import Finished, Journal
from transfer.predict.objects import Found, Part

ONE = Finished("a", "1/2", "a.png", 3, 2, [4, 2], 0, Found([Part(1, 2, 0, 0, 2, 1, 0.5, 0.0)], 1, 2), 0.25, {"x": [1]})
OTHER = Finished("caf\udce9\n", "3/4", "caf\udce9\n.png", 1, 1, [1, 0], 0, Found([], 0, 1))


def test_what_is_added_is_read_back(tmp_path):
    journal = Journal(tmp_path / "j")
    journal.add(ONE)
    journal.add(OTHER)
    for known in (journal, Journal(tmp_path / "j")):
        assert list(known.read({OTHER.key: "3/4", "none": "1/2", ONE.key: "1/2"})) == [OTHER, ONE]
        assert not list(known.read({ONE.key: "1/3"}))
        assert known.knows("a", "1/2")
        assert not known.knows("a", "1/3")
        assert not known.knows("b", "")
        assert not known.knows("a", "")


def test_a_line_that_was_cut_off_or_damaged_is_an_image_to_do_again(tmp_path):
    path = tmp_path / "j"
    Journal(path).add(ONE)
    whole = path.read_bytes()
    path.write_bytes(whole + b"no json\n[1]\n" + whole[:-9])
    journal = Journal(path)
    journal.add(OTHER)
    assert list(Journal(path).read({"a": "1/2", OTHER.key: "3/4"})) == [ONE, OTHER]


def test_the_last_line_of_an_image_counts(tmp_path):
    journal = Journal(tmp_path / "j")
    journal.add(ONE)
    journal.add(Finished("a", "9/9", *list(vars(ONE).values())[2:]))
    assert [image.stamp for image in journal.read({"a": "9/9"})] == ["9/9"]
