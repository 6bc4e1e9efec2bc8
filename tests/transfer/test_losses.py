import oracles
import pytest
import torch
import torch.nn.functional as F
from kornia.losses import focal_loss as kornia_focal
from torchvision.ops import sigmoid_focal_loss

from common.errors import UserError
from transfer.config import LossConfig
from transfer.losses.class_weights import ClassWeights
from transfer.losses.formulas import binary_cross_entropy, dice_loss, focal_loss, weighted_cross_entropy
from transfer.losses.registry import TERMS
from transfer.losses.segmentation import SegmentationLoss

WEIGHTS = torch.tensor([0.2, 1.0, 1.8], dtype=torch.float64)


def batch(dtype=torch.float64, size=6, seed=0):
    """Logits of three classes and a mask with ignored pixels, for two images."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(2, 3, size, size, generator=generator, dtype=torch.float64)
    mask = torch.randint(0, 3, (2, size, size), generator=generator)
    mask[torch.rand(mask.shape, generator=generator) < 0.2] = 255
    return logits.to(dtype), mask


def all_losses(logits, mask):
    """The losses, for what they have in common."""
    binary = binary_cross_entropy(logits[:, 1:], mask.where((mask == 255) | (mask < 2), 1))
    focal = focal_loss(logits, mask, WEIGHTS, gamma=2.0)
    return torch.stack([dice_loss(logits, mask), weighted_cross_entropy(logits, mask, WEIGHTS), focal, binary])


def loss_of(num_classes=3, class_pixels=None, **settings):
    return SegmentationLoss(num_classes, LossConfig(**settings), class_pixels=class_pixels)


def test_dice_equals_the_loop():
    logits, mask = batch()
    assert dice_loss(logits, mask).item() == pytest.approx(oracles.dice_loss(logits, mask), abs=1e-12)


def test_dice_is_the_mean_over_the_classes_in_the_batch():
    logits, mask = batch()
    mask[mask == 1] = 2
    assert dice_loss(logits, mask).item() == pytest.approx(oracles.dice_loss(logits, mask), abs=1e-12)


def test_dice_of_a_class_of_one_pixel_is_not_smoothed():
    logits, _ = batch()
    mask = torch.full((2, 6, 6), 255)
    mask[1, 2, 3] = 2
    assert dice_loss(logits, mask).item() == pytest.approx(oracles.dice_loss(logits, mask), abs=1e-12)


def test_dice_of_confident_logits_is_one_minus_the_dice_of_the_segmentation():
    _, mask = batch()
    prediction = torch.randint(0, 3, mask.shape, generator=torch.Generator().manual_seed(1))
    logits = 100 * F.one_hot(prediction, 3).movedim(-1, 1).double()
    dice = [oracles.class_scores(prediction, mask, k)["dice"] for k in range(3)]
    assert dice_loss(logits, mask).item() == pytest.approx(1 - sum(dice) / 3, abs=1e-12)


def test_dice_is_zero_when_perfect_and_one_when_all_wrong():
    _, mask = batch()
    perfect = 1000 * F.one_hot(mask.where(mask != 255, 0), 3).movedim(-1, 1).double()
    assert dice_loss(perfect, mask).item() == pytest.approx(0, abs=1e-12)
    assert dice_loss(perfect.roll(1, dims=1), mask).item() == pytest.approx(1, abs=1e-12)


def test_probability_of_a_class_absent_from_the_batch_is_punished():
    mask = torch.zeros(1, 4, 4, dtype=torch.int64)
    logits = torch.zeros(1, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    dice_loss(logits, mask).backward()
    assert (logits.grad[:, 1:] > 0).all()


def test_cross_entropy_equals_torch():
    logits, mask = batch()
    expected = F.cross_entropy(logits, mask, WEIGHTS, ignore_index=255)
    torch.testing.assert_close(weighted_cross_entropy(logits, mask, WEIGHTS), expected)


def test_cross_entropy_equals_the_loop():
    logits, mask = batch()
    expected = oracles.cross_entropy(logits, mask, WEIGHTS.tolist())
    assert weighted_cross_entropy(logits, mask, WEIGHTS).item() == pytest.approx(expected, abs=1e-12)


def test_the_scale_of_the_class_weights_does_not_matter():
    logits, mask = batch()
    loss = weighted_cross_entropy(logits, mask, WEIGHTS)
    torch.testing.assert_close(loss, weighted_cross_entropy(logits, mask, 1e-3 * WEIGHTS))


def test_gradients_are_those_of_the_formulas():
    logits, mask = batch(size=3)
    assert torch.autograd.gradcheck(lambda x: all_losses(x, mask), logits.requires_grad_())


def test_ignored_pixels_change_neither_value_nor_gradient():
    logits, mask = batch()
    ignored = (mask == 255)[:, None].expand_as(logits)
    other = logits.where(~ignored, 1e4 * torch.randn_like(logits))
    results = []
    for x in (logits.requires_grad_(), other.requires_grad_()):
        values = all_losses(x, mask)
        values.sum().backward()
        assert (x.grad[ignored] == 0).all()
        assert (x.grad[~ignored] != 0).all()
        results.append((values, x.grad))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])


def test_a_batch_with_nothing_labelled_costs_nothing_and_moves_nothing():
    logits, mask = batch(torch.float32)
    loss = loss_of(dice_weight=1.0, ce_weight=1.0, weighted_ce=True)
    terms = loss(logits.requires_grad_(), torch.full_like(mask, 255))
    terms["loss"].backward()
    assert [value.item() for value in terms.values()] == [0, 0, 0]
    assert (logits.grad == 0).all()
    assert loss.class_weights.shares.tolist() == pytest.approx([1 / 3] * 3)


def test_the_order_of_pixels_and_of_the_batch_does_not_matter():
    logits, mask = batch()
    order = torch.randperm(36, generator=torch.Generator().manual_seed(1))
    shuffled = logits.flatten(2)[..., order].reshape_as(logits), mask.flatten(1)[:, order].reshape_as(mask)
    torch.testing.assert_close(all_losses(*shuffled), all_losses(logits, mask))
    torch.testing.assert_close(all_losses(logits.flip(0), mask.flip(0)), all_losses(logits, mask))


def test_renaming_the_classes_does_not_matter():
    logits, mask = batch()
    renamed = mask.where(mask == 255, (mask + 1) % 3)
    moved = logits.roll(1, dims=1)
    torch.testing.assert_close(dice_loss(moved, renamed), dice_loss(logits, mask))
    torch.testing.assert_close(
        weighted_cross_entropy(moved, renamed, WEIGHTS.roll(1)), weighted_cross_entropy(logits, mask, WEIGHTS)
    )


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_every_term_is_float32_under_autocast(half):
    logits, mask = batch(half)
    loss = loss_of(dice_weight=1.0, ce_weight=1.0, weighted_ce=True).eval()
    expected = loss(logits.float(), mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = loss(logits, mask)
    for name, value in terms.items():
        assert value.dtype == torch.float32
        assert torch.equal(value, expected[name]), name


def test_class_weights_are_those_of_enet():
    weights = ClassWeights(3, torch.tensor([600, 100, 300])).weights()
    enet = [2.0729, 8.8239, 3.6019]  # 1 / ln 1.62, 1 / ln 1.12, 1 / ln 1.32
    assert weights.tolist() == pytest.approx([3 * value / sum(enet) for value in enet], rel=1e-4)


def test_a_class_never_seen_has_a_finite_weight():
    everywhere, _, never = ClassWeights(3, torch.tensor([10**9, 1, 0])).weights().tolist()
    assert never / everywhere == pytest.approx(35.5, rel=1e-3)  # ln 2.02 / ln 1.02


def test_class_shares_follow_the_batches_as_a_moving_average():
    module = ClassWeights(3, torch.tensor([50, 30, 20]), momentum=0.9)
    expected = [0.5, 0.3, 0.2]
    for seed in range(4):
        _, mask = batch(seed=seed)
        module.update(mask)
        new = oracles.class_shares(mask, 3)
        expected = [0.9 * old + 0.1 * share for old, share in zip(expected, new, strict=True)]
    assert module.shares.tolist() == pytest.approx(expected, abs=1e-6)


def test_class_shares_move_in_training_only_and_are_part_of_the_state():
    loss = loss_of(dice_weight=1.0, ce_weight=1.0, weighted_ce=True, class_pixels=torch.tensor([8, 1, 1]))
    logits, mask = batch()
    before = loss.class_weights.shares.clone()
    loss.eval()(logits, mask)
    assert torch.equal(loss.class_weights.shares, before)
    loss.train()(logits, mask)
    assert not torch.equal(loss.class_weights.shares, before)
    assert torch.equal(loss.state_dict()["class_weights.shares"], loss.class_weights.shares)


def test_the_loss_is_the_weighted_sum_of_its_terms():
    logits, mask = batch()
    pixels = torch.tensor([700, 200, 100])
    loss = loss_of(dice_weight=0.5, ce_weight=2.0, weighted_ce=True, class_pixels=pixels).eval()
    terms = loss(logits, mask)
    weights = ClassWeights(3, pixels).weights()
    assert terms["dice"].item() == pytest.approx(oracles.dice_loss(logits, mask))
    assert terms["cross_entropy"].item() == pytest.approx(oracles.cross_entropy(logits, mask, weights.tolist()))
    torch.testing.assert_close(terms["loss"], 0.5 * terms["dice"] + 2 * terms["cross_entropy"])


def test_cross_entropy_is_plain_without_weighted_ce():
    logits, mask = batch()
    loss = loss_of(dice_weight=0.0, ce_weight=1.0, weighted_ce=False, class_pixels=torch.tensor([8, 1, 1]))
    terms = loss(logits, mask)
    assert terms.keys() == {"loss", "cross_entropy"}
    torch.testing.assert_close(terms["cross_entropy"], F.cross_entropy(logits, mask, ignore_index=255))


def test_dice_alone_is_possible():
    logits, mask = batch()
    assert loss_of(dice_weight=1.0, ce_weight=0.0)(logits, mask).keys() == {"loss", "dice"}


def two_classes(seed=0):
    logits, mask = batch(seed=seed)
    return logits[:, :2], mask.where((mask == 255) | (mask < 2), 1)


def test_binary_cross_entropy_equals_torch_on_labelled_pixels():
    logits, mask = two_classes()
    known = mask != 255
    z = (logits[:, 1] - logits[:, 0])[known]
    truth = mask[known].double()
    expected = F.binary_cross_entropy_with_logits(z, truth)
    torch.testing.assert_close(binary_cross_entropy(logits, mask), expected)
    torch.testing.assert_close(F.cross_entropy(logits, mask, ignore_index=255), expected)


def test_focal_loss_equals_torchvision_for_two_classes():
    logits, mask = two_classes()
    known = mask != 255
    z = (logits[:, 1] - logits[:, 0])[known]
    expected = sigmoid_focal_loss(z, mask[known].double(), alpha=-1, gamma=1.5, reduction="mean")
    torch.testing.assert_close(focal_loss(logits, mask, torch.ones(2), gamma=1.5), expected)


def test_focal_loss_equals_kornia_for_many_classes():
    logits, mask = batch()
    mask = mask.where(mask != 255, 0)
    expected = kornia_focal(logits, mask, alpha=None, gamma=2.0, reduction="mean", weight=None)
    summed = expected * 3  # kornia's mean counts every class, of which one at each pixel has a cost
    torch.testing.assert_close(focal_loss(logits, mask, torch.ones(3), gamma=2.0), summed)


def test_focal_loss_of_gamma_0_is_the_weighted_cross_entropy():
    logits, mask = batch()
    torch.testing.assert_close(
        focal_loss(logits, mask, WEIGHTS, gamma=0.0), weighted_cross_entropy(logits, mask, WEIGHTS)
    )


def test_focal_loss_of_sure_pixels_has_a_finite_gradient():
    logits = torch.tensor([[60.0, -60.0], [-60.0, 60.0]]).view(2, 2, 1, 1).requires_grad_()
    focal_loss(logits, torch.tensor([0, 0]).view(2, 1, 1), torch.ones(2), gamma=0.5).backward()
    assert logits.grad.isfinite().all()
    assert logits.grad[1].abs().sum() > 0


def test_class_weights_of_the_data_stay_and_given_ones_are_taken_as_they_are():
    logits, mask = batch()
    pixels = torch.tensor([700, 200, 100])
    of_data = loss_of(class_weights="data", class_pixels=pixels)
    before = of_data.class_weights.weights()
    of_data.train()(logits, mask)
    assert torch.equal(of_data.class_weights.weights(), before)
    given = loss_of(class_weights="fixed", fixed_class_weights=(0.2, 1.0, 1.8))
    expected = weighted_cross_entropy(logits, mask, WEIGHTS)
    torch.testing.assert_close(given.train()(logits, mask)["cross_entropy"].double(), expected)


def test_what_does_not_fit_the_number_of_classes_is_refused():
    with pytest.raises(UserError, match="--bce_weight is for two classes, the data has 3"):
        loss_of(bce_weight=1.0)
    with pytest.raises(UserError, match="--fixed_class_weights has 2 numbers, the data has 3 classes"):
        loss_of(class_weights="fixed", fixed_class_weights=(1.0, 1.0))


def test_all_terms_together_are_summed_by_their_weights():
    logits, mask = two_classes()
    loss = loss_of(2, dice_weight=1.0, ce_weight=0.5, focal_weight=2.0, bce_weight=3.0).eval()
    terms = loss(logits, mask)
    total = terms["dice"] + 0.5 * terms["cross_entropy"] + 2 * terms["focal"] + 3 * terms["bce"]
    torch.testing.assert_close(terms["loss"], total)


@pytest.mark.parametrize("name", TERMS)
def test_every_registered_loss_has_a_flag_words_and_is_0_without_labels(name):
    term = TERMS[name]
    assert term.weight(LossConfig(**{term.flag: 3.0})) == 3.0
    assert term.words
    logits = torch.randn(2, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    weights = torch.ones(2, dtype=torch.float64)
    unlabelled = term.formula(logits, torch.full((2, 4, 4), 255), weights)
    unlabelled.backward()
    assert unlabelled == 0
    assert logits.grad.abs().max() == 0
    mask = torch.randint(0, 2, (2, 4, 4), generator=torch.Generator().manual_seed(0))
    truth = torch.stack([1.0 - mask, mask], 1).double()
    assert term.formula(40 * truth, mask, weights) < 1e-6 < term.formula(40 * truth.flip(1), mask, weights)
    alone = SegmentationLoss(2, LossConfig(**{"dice_weight": 0, "ce_weight": 0, term.flag: 2.0}))
    found = alone(logits, mask)
    assert set(found) == {"loss", name}
    torch.testing.assert_close(found["loss"], 2 * found[name], check_dtype=False)
