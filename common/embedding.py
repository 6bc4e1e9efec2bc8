"""What an encoder makes of whole images: one vector each, and what that cloud of vectors tells."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float, Float64, Int, Int64
from torch import Tensor, nn

from common.config.network import Pooling
from common.data.batches import each_image
from common.data.pack import LabelledPack, Pack
from common.intervals import LEAST_IMAGES
from common.models.encoder import Encoder
from common.models.folded import folded
from common.models.inspect import eval_mode
from common.terminal import spinner
from common.words import counted


def _mean(features: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c"]:
    return features.mean((2, 3))


def _mean_std(features: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d"]:
    means, cells = features.mean((2, 3), keepdim=True), features[0, 0].numel()
    squares = (features - means).square_().sum((2, 3))  # torch's std takes six times as long
    return torch.cat([means.flatten(1), squares.div_(cells - 1).sqrt_()], 1)


POOLINGS: Mapping[Pooling, Callable[[list[Tensor]], Tensor]] = {
    "last_mean": lambda maps: _mean(maps[-1]),
    "last_mean_std": lambda maps: _mean_std(maps[-1]),
    "all_mean_std": lambda maps: torch.cat([_mean_std(features) for features in maps], 1),
}
"""Ways from a pyramid to one vector: moments over space of the coarsest map, or of all maps."""


class Description:
    """The vectors of some images of a data set, taken while their encoder runs for something else.

    `positions` are those of the images in the data set, in order. The default pooling, mean and deviation over space of
    every map, was chosen by `knn_accuracy`: after an InstanceNorm the spatial mean alone is nearly the same for every
    image.
    """

    def __init__(self, positions: Int[np.ndarray, " m"], poolings: Iterable[Pooling] = ("all_mean_std",)) -> None:
        self.positions = positions
        self._seen = 0
        self._rows: dict[Pooling, list[Tensor]] = {pooling: [] for pooling in poolings}

    @contextmanager
    def of(self, encoder: Encoder) -> Iterator[None]:
        """Inside the context, describe the images that the encoder sees: the data set once, in file order."""
        handle = encoder.register_forward_hook(self._take)
        try:
            yield
        finally:
            handle.remove()

    def _take(self, _encoder: nn.Module, _inputs: object, maps: list[Tensor]) -> None:
        first, last = np.searchsorted(self.positions, (self._seen, self._seen + len(maps[0])))
        chosen = torch.from_numpy(self.positions[first:last] - self._seen).to(maps[0].device)
        self._seen += len(maps[0])
        if len(chosen) == 0:
            return
        some = maps if len(chosen) == len(maps[0]) else [features[chosen] for features in maps]
        for pooling, vectors in self._rows.items():
            vectors.append(POOLINGS[pooling](some).cpu())

    def vectors(
        self, pooling: Pooling = "all_mean_std", positions: Int[np.ndarray, " n"] | None = None
    ) -> Float[np.ndarray, "n d"]:
        """One vector for each image, or for those at `positions`, which are some of the description's."""
        rows = torch.cat(self._rows[pooling]).numpy()
        return rows if positions is None else rows[np.searchsorted(self.positions, positions)]


def latents(encoder: Encoder, pack: Pack, *, batch_size: int, device: torch.device) -> Float[np.ndarray, "n d"]:
    """One vector for each image, in file order, see `Description`."""
    return describe(encoder, pack, batch_size=batch_size, device=device).vectors()


def describe(
    encoder: Encoder,
    pack: Pack,
    *,
    batch_size: int,
    device: torch.device,
    poolings: Iterable[Pooling] = ("all_mean_std",),
) -> Description:
    """The vectors of all images, from one look at them."""
    description, fast = Description(np.arange(len(pack)), poolings), folded(encoder)
    with torch.no_grad(), description.of(fast):
        for batch in each_image(pack, batch_size=batch_size, device=device, doing="describing"):
            fast(batch.image)
    return description


def standardised(vectors: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """The vectors with every coordinate brought to mean 0 and variance 1, so that none drowns the others."""
    return (vectors - vectors.mean(0)) / (vectors.std(0) + 1e-6)


def image_classes(pack: Pack) -> Int64[np.ndarray, " n"] | None:
    """The foreground class with most pixels in each image, the background where there is no foreground.

    None without labels, and where there is only one class beside the background.
    """
    if not isinstance(pack, LabelledPack) or len(pack.foreground) < 2:
        return None
    pixels = pack.foreground_pixels
    return np.where(pixels.any(1), np.array(pack.foreground)[pixels.argmax(1)], pack.background or 0)


def neighbours(vectors: Float[np.ndarray, "n d"], *, count: int) -> Int64[np.ndarray, "n k"]:
    """The other images most like each image, likest first: cosine similarity of the standardised vectors.

    There are `count` of them, or all others if those are fewer.
    """
    from sklearn.neighbors import NearestNeighbors  # here, as in what follows: a training starts seconds earlier

    search = NearestNeighbors(n_neighbors=min(count, len(vectors) - 1), metric="cosine").fit(standardised(vectors))
    return search.kneighbors(return_distance=False)


def knn_accuracy(vectors: Float[np.ndarray, "n d"], labels: Int64[np.ndarray, " n"], *, count: int = 5) -> float:
    """The share of images whose class is the commonest among their nearest neighbours (leave one out).

    In [0, 1]; always naming the largest class scores its share. Of equally common classes the lowest is named.

    Source: Wu et al. 2018, arXiv 1805.01978, section 3.4.
    Deviation: neighbours have equal votes.
    """
    votes = np.eye(labels.max() + 1)[labels[neighbours(vectors, count=count)]].sum(1)
    return float((votes.argmax(1) == labels).mean())


def silhouette(vectors: Float[np.ndarray, "n d"], labels: Int64[np.ndarray, " n"]) -> float:
    """How much nearer images are to their own class than to the next one: 1 apart, 0 mixed, -1 swapped.

    NaN where there is one class only, or nothing but classes of one image.

    Source: Rousseeuw 1987, doi 10.1016/0377-0427(87)90125-7.
    Deviation: cosine distance of the standardised vectors, the one that `neighbours` goes by.
    """
    if not 2 <= len(np.unique(labels)) < len(labels):
        return float("nan")
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(standardised(vectors), labels, metric="cosine"))


def effective_rank(covariance: Float64[Tensor, "d d"]) -> float:
    """How many directions features spread into: 1 for a line, d where all d are used alike, 0 for a point.

    Source: Roy & Vetterli 2007, The effective rank, definition 1; as a measure of representations, Garrido et
    al. 2023, RankMe, arXiv 2210.02885, eq. 1.
    Deviation: the singular values are those of the features less their mean.
    """
    singular = torch.linalg.eigvalsh(covariance).clamp(min=0).sqrt()
    if singular.sum() == 0:
        return 0.0
    shares = singular / singular.sum()
    return torch.special.entr(shares).sum().exp().item()


def level_ranks(encoder: Encoder, pack: Pack, *, batch_size: int, device: torch.device) -> list[float]:
    """The effective rank of every map of the pyramid, over all its cells in all images."""
    count = [0] * len(encoder.channels)
    total = [torch.zeros(channels, dtype=torch.float64) for channels in encoder.channels]
    products = [torch.zeros(channels, channels, dtype=torch.float64) for channels in encoder.channels]
    with eval_mode(encoder):
        for batch in each_image(pack, batch_size=batch_size, device=device, doing="measuring the rank of"):
            for level, features in enumerate(encoder(batch.image)):
                cells = features.transpose(0, 1).flatten(1).cpu().double()
                count[level] += cells.shape[1]
                total[level] += cells.sum(1)
                products[level] += cells @ cells.T
    means = [t / n for t, n in zip(total, count, strict=True)]
    return [effective_rank(p / n - m.outer(m)) for p, n, m in zip(products, count, means, strict=True)]


def principal(vectors: Float[np.ndarray, "n d"], *, seed: int) -> Float[np.ndarray, "n p"]:
    """The first 50 principal components at most, every coordinate brought to unit variance; 0 of equal vectors."""
    from sklearn.decomposition import PCA

    count = min(50, *vectors.shape)
    if (vectors == vectors[0]).all():
        return np.zeros((len(vectors), count), vectors.dtype)
    return PCA(count, random_state=seed).fit_transform(standardised(vectors))


def plane(vectors: Float[np.ndarray, "n d"], *, seed: int) -> dict[str, Float[np.ndarray, "n 2"]]:
    """The vectors in two dimensions by PCA and, from 8 on, by t-SNE, every coordinate brought to unit variance.

    Needs at least 3 vectors. Source: van der Maaten & Hinton 2008, Visualizing Data using t-SNE.
    Deviation: the perplexity of 30 is lowered to a third of the number of vectors where there are few. 350 steps with
    an angle of 1, an exaggeration of 2 at first, and the rate of Belkina et al. 2019 (doi 10.1038/s41467-019-13055-y)
    for none take a sixth of the time of the usual 1,000 with 0.5, at the same trustworthiness.
    """
    few = principal(vectors, seed=seed)
    planes = {"pca": few[:, :2].astype(np.float32)}
    if len(few) < LEAST_IMAGES:
        return planes
    if not few.any():  # t-SNE divides by their deviation, and without one it ends the process
        return {**planes, "tsne": planes["pca"]}
    from sklearn.manifold import TSNE

    perplexity, rate = min(30.0, max(1.0, (len(few) - 1) / 3)), max(len(few) / 4, 50.0)
    steps = {"max_iter": 350, "angle": 1.0, "early_exaggeration": 2.0, "learning_rate": rate}
    with spinner(f"t-SNE of {counted(len(few), 'point')}"):
        found = TSNE(perplexity=perplexity, init="pca", random_state=seed, **steps).fit_transform(few)
    return {**planes, "tsne": found.astype(np.float32)}
