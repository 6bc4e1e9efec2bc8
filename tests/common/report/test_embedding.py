"""The section on embeddings: what is known is not computed again, and classes are told apart in one table."""

import numpy as np
import pytest
import sklearn.manifold

from common.data.synthetic.pets import synthetic_pets
from common.embedding import image_classes, plane
from common.report.embedding import EmbeddedImages, Embedding, EmbeddingOptions, embedding_blocks
from common.report.scatter import Points, thumbnailed, thumbnails


@pytest.fixture
def computed(monkeypatch):
    """How often t-SNE was computed."""
    calls = []

    class Counted(sklearn.manifold.TSNE):
        def fit_transform(self, *words, **settings):
            calls.append(1)
            return super().fit_transform(*words, **settings)

    monkeypatch.setattr(sklearn.manifold, "TSNE", Counted)
    return calls


def blocks(folder, vectors, *, of=tuple(range(12)), **options):
    pack = synthetic_pets(20, 64, seed=0).take(np.array(of))
    images = EmbeddedImages.draw(pack, "test", most=100, seed=0, names=("background", "cat", "dog"))
    sheets = {"images": ("image", thumbnails(pack, thumbnailed(12)))}
    points = Points(pack.keys, [str(i) for i in range(12)], [False] * 12, sheets)
    return embedding_blocks(images, vectors, [], points, figures=folder, options=EmbeddingOptions(**options))


def test_tsne_of_the_same_vectors_is_computed_once(tmp_path, computed):
    vectors = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
    known = Embedding(vectors, plane(vectors, seed=0))
    assert len(computed) == 1
    again = blocks(tmp_path, {"encoder after training": vectors}, known=known)
    assert len(computed) == 1
    fresh = blocks(tmp_path, {"encoder after training": vectors})
    assert len(computed) == 2
    assert again[0].data["panels"] == fresh[0].data["panels"]


def test_other_vectors_are_not_taken_for_those_that_are_known(tmp_path, computed):
    vectors = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
    known = Embedding(vectors, plane(vectors, seed=0))
    blocks(tmp_path, {"encoder before training": vectors + 1}, known=known)
    assert len(computed) == 2


def test_images_of_one_class_have_none_to_tell_apart(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
    classes = image_classes(synthetic_pets(20, 64, seed=0))
    assert classes is not None, "pets have classes"
    first = tuple(np.resize(np.flatnonzero(classes == classes[0]), 12).tolist())
    titles = [
        [block.title for block in blocks(tmp_path, {"encoder": vectors}, of=which)] for which in (range(12), first)
    ]
    assert ["Separation of the classes" in found for found in titles] == [True, False]


@pytest.mark.parametrize(("count", "most", "said"), [(7, 9, "t-SNE is left out: "), (12, 12, ""), (12, 9, "9 of 12 ")])
def test_a_note_says_what_is_left_out(count, most, said):
    pack = synthetic_pets(20, 64, seed=0).take(np.arange(count))
    note = EmbeddedImages.draw(pack, "test", most=most, seed=0).note
    assert note.startswith(said)
    assert bool(note) == bool(said)


def test_every_encoder_has_a_figure_and_a_row_of_how_far_the_classes_lie_apart(tmp_path):
    rows = np.random.default_rng(0).normal(size=(2, 12, 5)).astype(np.float32)
    titles = ("encoder before training", "encoder after training")
    scatter, table = blocks(tmp_path, dict(zip(titles, rows, strict=True)))
    assert {path.name for path in tmp_path.iterdir()} == {"features_before.png", "features_after.png"}
    assert [panel["title"] for panel in scatter.data["panels"]] == list(titles)
    assert len(table.data["rows"]) == 2
