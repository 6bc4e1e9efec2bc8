"""Vectors of whole images, and the numbers that a picture of them is given."""

import numpy as np
import pytest
import torch
from sklearn.manifold import TSNE, trustworthiness
from sklearn.neighbors import KNeighborsClassifier

from common.data.batches import to_images
from common.data.synthetic.pets import synthetic_pets
from common.embedding import (
    Description,
    describe,
    effective_rank,
    image_classes,
    knn_accuracy,
    latents,
    level_ranks,
    neighbours,
    plane,
    principal,
    silhouette,
    standardised,
)
from common.models.encoder import UNetEncoder
from common.models.folded import folded

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return UNetEncoder(widths=(4, 4, 4, 6, 6, 8))


@pytest.fixture(scope="module")
def pets():
    return synthetic_pets(12, 64, seed=0)


def cloud(count: int = 30):
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, count)
    return (random.normal(size=(count, 6)) + labels[:, None]).astype(np.float32), labels


def test_latents_are_moments_of_the_maps(encoder, pets):
    image = to_images(np.array(pets.images))
    with torch.no_grad():
        maps = encoder.eval()(image)
    poolings = ("last_mean", "last_mean_std", "all_mean_std")
    described = describe(encoder, pets, batch_size=5, device=CPU, poolings=poolings)
    # an InstanceNorm over 2 x 2 cells makes a rounding a hundred times as large
    found = {pooling: described.vectors(pooling) for pooling in poolings}
    last = torch.cat([maps[-1].mean((2, 3)), maps[-1].std((2, 3))], 1).numpy()
    np.testing.assert_allclose(found["last_mean"], last[:, :8], atol=1e-4)
    np.testing.assert_allclose(found["last_mean_std"], last, atol=1e-4)
    assert found["all_mean_std"].shape == (12, 2 * sum(encoder.channels))
    np.testing.assert_allclose(found["all_mean_std"][:, -16:], last, atol=1e-4)


def test_vectors_taken_while_an_encoder_runs_for_something_else_are_those_of_a_pass_of_its_own(encoder, pets):
    some = np.array([0, 3, 4, 11])
    description, fast = Description(some), folded(encoder)
    image = to_images(np.array(pets.images))
    with torch.no_grad(), description.of(fast):
        for first in range(0, 12, 5):
            fast(image[first : first + 5])
    whole = latents(encoder, pets, batch_size=5, device=CPU)
    np.testing.assert_array_equal(description.vectors(), whole[some])
    np.testing.assert_array_equal(description.vectors(positions=np.array([3, 11])), whole[[3, 11]])
    assert not fast._forward_hooks


def test_neighbours_are_the_others_in_order_of_cosine():
    vectors, _ = cloud()
    unit = standardised(vectors)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    likeness = unit @ unit.T
    np.fill_diagonal(likeness, -2)
    assert np.array_equal(neighbours(vectors, count=4), np.argsort(-likeness, axis=1)[:, :4])
    assert neighbours(vectors, count=1000).shape == (30, 29)


def test_knn_accuracy_equals_scikit_learn_leaving_one_out():
    vectors, labels = cloud()
    scaled = standardised(vectors)
    right = 0
    for i in range(len(labels)):
        others = np.arange(len(labels)) != i
        search = KNeighborsClassifier(5, metric="cosine").fit(scaled[others], labels[others])
        right += search.predict(scaled[i : i + 1])[0] == labels[i]
    assert knn_accuracy(vectors, labels) == pytest.approx(right / len(labels))


def test_silhouette_equals_the_loop():
    vectors, labels = cloud()
    unit = standardised(vectors)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    distance = 1 - unit @ unit.T
    values = []
    for i, own in enumerate(labels):
        same = [distance[i, j] for j in range(len(labels)) if labels[j] == own and j != i]
        others = [distance[i, labels == k].mean() for k in set(labels) - {own}]
        near, far = np.mean(same), min(others)
        values.append((far - near) / max(near, far))
    assert silhouette(vectors, labels) == pytest.approx(np.mean(values), abs=1e-5)


def test_silhouette_of_one_class_is_not_a_number():
    vectors, labels = cloud()
    assert np.isnan(silhouette(vectors, np.zeros_like(labels)))


def test_effective_rank_counts_directions():
    assert effective_rank(torch.eye(5, dtype=torch.float64)) == pytest.approx(5)
    one = torch.zeros(5, 5, dtype=torch.float64)
    assert effective_rank(one) == 0
    one[2, 2] = 3
    assert effective_rank(one) == pytest.approx(1)


def test_level_ranks_equal_the_singular_values_of_all_cells(encoder, pets):
    image = to_images(np.array(pets.images))
    with torch.no_grad():
        maps = encoder.eval()(image)
    for features, rank in zip(maps, level_ranks(encoder, pets, batch_size=5, device=CPU), strict=True):
        cells = features.transpose(0, 1).flatten(1).double().numpy()
        singular = np.linalg.svd(cells - cells.mean(1, keepdims=True), compute_uv=False)
        shares = singular / singular.sum()
        assert rank == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-4)


def test_the_class_of_an_image_is_that_of_most_of_its_foreground(pets):
    counts = np.array([[9, 1, 2], [9, 3, 2], [9, 0, 0]] * 4)
    pack = pets.__class__(**{**vars(pets), "class_pixels": counts})
    assert image_classes(pack).tolist() == [2, 1, 0] * 4
    assert image_classes(pets.__class__(**{**vars(pets), "class_pixels": counts[:, :2]})) is None


@pytest.mark.parametrize(("count", "names"), [(3, {"pca"}), (7, {"pca"}), (8, {"pca", "tsne"}), (12, {"pca", "tsne"})])
def test_few_images_have_a_plane_too_and_from_8_on_also_by_tsne(count, names):
    planes = plane(cloud()[0][:count], seed=0)
    assert planes.keys() == names
    assert all(points.shape == (count, 2) and np.isfinite(points).all() for points in planes.values())


@pytest.mark.parametrize("value", [1.0, 0.1])
def test_equal_vectors_lie_in_one_place(value):
    planes = plane(np.full((12, 96), value, np.float32), seed=0)
    assert planes.keys() == {"pca", "tsne"}
    assert all(points.shape == (12, 2) and not points.any() for points in planes.values())


@pytest.mark.slow
def test_tsne_keeps_neighbours_as_well_as_scikit_learn_with_its_own_settings_and_repeats_its_bits():
    vectors, _ = cloud(400)
    few, found = principal(vectors, seed=0), plane(vectors, seed=0)["tsne"]
    usual = TSNE(init="pca", random_state=0).fit_transform(few)
    kept, expected = (trustworthiness(few, points, n_neighbors=10) for points in (found, usual))
    assert kept > expected - 0.005
    np.testing.assert_array_equal(found, plane(vectors, seed=0)["tsne"])
