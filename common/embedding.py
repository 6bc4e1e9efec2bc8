"""What an encoder makes of whole images: one vector each, and that cloud of vectors in the plane."""

import numpy as np
import torch
from jaxtyping import Float
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from common.data.batches import Batches
from common.data.pack import Pack
from common.models.encoder import Encoder


@torch.no_grad()
def latents(encoder: Encoder, pack: Pack, *, batch_size: int, device: torch.device) -> Float[np.ndarray, "n d"]:
    """Mean and standard deviation over space of every map of the pyramid, for each image in file order.

    After an InstanceNorm the spatial mean alone is nearly the same for every image; the deviations of several
    levels are not.
    """
    encoder.eval()
    rows = []
    for batch in Batches(pack, batch_size=batch_size).epoch(0, device):
        maps = encoder(batch.image)
        rows.append(torch.cat([torch.cat([m.mean((2, 3)), m.std((2, 3))], 1) for m in maps], 1).cpu())
    return torch.cat(rows).numpy()


def plane(vectors: Float[np.ndarray, "n d"], *, seed: int) -> dict[str, Float[np.ndarray, "n 2"]]:
    """The vectors in two dimensions by PCA and by t-SNE, after bringing every coordinate to unit variance.

    Needs at least 3 vectors. Source: van der Maaten & Hinton 2008, Visualizing Data using t-SNE.
    Deviation: the perplexity of 30 is lowered to a third of the number of vectors where there are few.
    """
    scaled = (vectors - vectors.mean(0)) / (vectors.std(0) + 1e-6)
    few = PCA(min(50, *scaled.shape), random_state=seed).fit_transform(scaled)
    perplexity = min(30.0, max(1.0, (len(few) - 1) / 3))
    tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(few)
    return {"pca": few[:, :2].astype(np.float32), "tsne": tsne.astype(np.float32)}
