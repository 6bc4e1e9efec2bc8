"""The outlines of a shape along the edges of its pixels, as rings of polygons."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from jaxtyping import Bool, Int64

Vertex = tuple[int, int]
"""A corner of a pixel: x from the left, y from the top."""
Ring = list[Vertex]
"""The vertices of a closed line that neither crosses nor touches itself; the first is not repeated."""
RIGHT, DOWN, LEFT, UP = range(4)
LEFT_TURN, RIGHT_TURN = 3, 1


def polygons_of(shape: Bool[np.ndarray, "h w"]) -> list[list[Ring]]:
    """Polygons that together are the pixels of a shape: of each the outer ring, clockwise on a screen, then its holes.

    Pixels that touch at a corner alone are of two polygons that touch there, so that every polygon is simple.
    """
    _, pieces = cv2.connectedComponents(shape.view(np.uint8), connectivity=4)
    rings = defaultdict[int, list[Ring]](list)
    for loop in _loops(shape):
        for ring in _simple(loop):
            x, y = next(start for start, end in pairwise([*ring, ring[0]]) if start[1] == end[1] and end[0] > start[0])
            rings[int(pieces[y, x])].append(ring)
    return [sorted(rings[piece], key=area_of, reverse=True) for piece in sorted(rings)]


def area_of(ring: Sequence[tuple[float, float]]) -> float:
    """The area within a ring: above 0 where it goes clockwise on a screen, as outer rings do."""
    return sum(x * after_y - after_x * y for (x, y), (after_x, after_y) in pairwise([*ring, ring[0]])) / 2


def _loops(shape: Bool[np.ndarray, "h w"]) -> list[Ring]:
    """Closed lines with the shape on their right; where four pixels meet crosswise, each turns right."""
    edges = _straight(shape)
    loops = []
    while edges[RIGHT]:
        start = next(iter(edges[RIGHT]))
        place, direction, loop = edges[RIGHT][start], RIGHT, [start]
        while True:
            turn = RIGHT_TURN if place in edges[(direction + RIGHT_TURN) % 4] else LEFT_TURN
            direction = (direction + turn) % 4
            if place == start and direction == RIGHT:
                break
            loop.append(place)
            place = edges[direction].pop(place)
        del edges[RIGHT][start]
        loops.append(loop)
    return loops


def _straight(shape: Bool[np.ndarray, "h w"]) -> list[dict[Vertex, Vertex]]:
    """The straight lines between corners: for each direction, where one that begins at a vertex ends."""
    padded = np.pad(shape, 1).view(np.int8)
    across = _runs((padded[1:] - padded[:-1])[:, 1:-1])
    along = _runs((padded[:, 1:] - padded[:, :-1])[1:-1].T)
    edges: list[dict[Vertex, Vertex]] = [{}, {}, {}, {}]
    for y, begin, end, sign in across.tolist():  # the shape lies below what goes to the right
        start, stop = ((begin, y), (end, y)) if sign > 0 else ((end, y), (begin, y))
        edges[RIGHT if sign > 0 else LEFT][start] = stop
    for x, begin, end, sign in along.tolist():  # and on the right of what goes up
        start, stop = ((x, end), (x, begin)) if sign > 0 else ((x, begin), (x, end))
        edges[UP if sign > 0 else DOWN][start] = stop
    return edges


def _runs(steps: np.ndarray) -> Int64[np.ndarray, "n 4"]:
    """Runs of equal steps that are not 0: the line, where they begin and end along it, and the step."""
    beside = np.pad(steps, ((0, 0), (1, 1)))
    lines, places = np.nonzero(beside[:, 1:] != beside[:, :-1])
    begins, ends = places[:-1], places[1:]
    signs = beside[lines[:-1], begins + 1]
    kept = (signs != 0) & (lines[:-1] == lines[1:])
    return np.stack([lines[:-1], begins, ends, signs], axis=1)[kept].astype(np.int64)


def _simple(loop: Ring) -> list[Ring]:
    """A closed line, cut where it touches itself."""
    rings, path, seen = [], list[Vertex](), dict[Vertex, int]()
    for vertex in loop:
        if vertex in seen:
            begin = seen[vertex]
            rings.append(path[begin:])
            for passed in path[begin + 1 :]:
                del seen[passed]
            del path[begin + 1 :]
            continue
        seen[vertex] = len(path)
        path.append(vertex)
    return [*rings, path]
