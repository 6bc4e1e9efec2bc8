"""The formulas again, as slow and obvious loops over pixels: what the fast ones are compared with."""

import math

IGNORE = 255


def labelled_pixels(mask):
    """(image, row, column, class) of every pixel that counts."""
    for n, image in enumerate(mask.tolist()):
        for i, row in enumerate(image):
            for j, label in enumerate(row):
                if label != IGNORE:
                    yield n, i, j, label


def softmax(scores):
    exponentials = [math.exp(score - max(scores)) for score in scores]
    return [value / sum(exponentials) for value in exponentials]


def dice_loss(logits, mask):
    num_classes = logits.shape[1]
    overlap, area, probability_sum = ([0.0] * num_classes for _ in range(3))
    for n, i, j, label in labelled_pixels(mask):
        probability = softmax(logits[n, :, i, j].tolist())
        for k in range(num_classes):
            probability_sum[k] += probability[k]
        overlap[label] += probability[label]
        area[label] += 1
    present = [k for k in range(num_classes) if area[k] > 0]
    losses = [1 - 2 * overlap[k] / (probability_sum[k] + area[k]) for k in present]
    return sum(losses) / len(losses) if losses else 0.0


def cross_entropy(logits, mask, class_weights):
    total, norm = 0.0, 0.0
    for n, i, j, label in labelled_pixels(mask):
        total -= class_weights[label] * math.log(softmax(logits[n, :, i, j].tolist())[label])
        norm += class_weights[label]
    return total / norm if norm else 0.0


def class_shares(mask, num_classes):
    labels = [label for *_, label in labelled_pixels(mask)]
    return [labels.count(k) / len(labels) for k in range(num_classes)]


def confusion(prediction, mask, num_classes):
    counts = [[[0] * num_classes for _ in range(num_classes)] for _ in range(len(mask))]
    for n, i, j, label in labelled_pixels(mask):
        counts[n][label][int(prediction[n, i, j])] += 1
    return counts


def class_scores(prediction, mask, k):
    """IoU, Dice, precision and recall of class k by sets of pixels; None for a class on neither side."""
    pixels = list(labelled_pixels(mask))
    truth = {(n, i, j) for n, i, j, label in pixels if label == k}
    predicted = {(n, i, j) for n, i, j, _ in pixels if int(prediction[n, i, j]) == k}
    if not truth | predicted:
        return None
    hits = len(truth & predicted)
    return {
        "iou": hits / len(truth | predicted),
        "dice": 2 * hits / (len(truth) + len(predicted)),
        "precision": hits / len(predicted) if predicted else 0.0,
        "recall": hits / len(truth) if truth else 0.0,
    }


def calibration_error(probability, mask, bins):
    cells = [[] for _ in range(bins)]
    for n, i, j, label in labelled_pixels(mask):
        values = probability[n, :, i, j].tolist()
        sure = max(values)
        cells[min(math.ceil(sure * bins) - 1, bins - 1)].append((sure, values.index(sure) == label))
    total = sum(map(len, cells))
    gaps = [abs(sum(right for _, right in cell) - sum(sure for sure, _ in cell)) for cell in cells]
    return sum(gaps) / total


def nt_xent(first, second, temperature):
    vectors = first.tolist() + second.tolist()
    total = 0.0
    for i, ours in enumerate(vectors):
        likeness = [sum(a * b for a, b in zip(ours, other, strict=True)) / temperature for other in vectors]
        partner = (i + len(first)) % len(vectors)
        others = sum(math.exp(value) for j, value in enumerate(likeness) if j != i)
        total -= math.log(math.exp(likeness[partner]) / others)
    return total / len(vectors)
