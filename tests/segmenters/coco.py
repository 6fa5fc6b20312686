"""The pictures of coco128 with their objects, and a decode of YOLO-seg outputs without any wit."""

import cv2
import numpy as np


def truths(folder, limit=None):
    """Yield (path, BGR picture, [(class, polygons in pixels)])."""
    for path in sorted((folder / "images").glob("*.jpg"))[:limit]:
        picture = cv2.imread(str(path))
        height, width = picture.shape[:2]
        rows = (folder / "labels" / f"{path.stem}.txt").read_text().split("\n")
        objects = [
            (int(row.split()[0]), np.array(row.split()[1:], float).reshape(-1, 2) * (width, height))
            for row in rows
            if row.strip()
        ]
        yield path, picture, objects


def plain_decode(candidates, prototypes, *, picture, place, confidence, overlap, count, size=640):
    """Every mask at the input's full size: logits enlarged, cut to the box, then cut out.

    Returns [(class, score, bool mask at the picture's own size)], the surest first.
    """
    boxes, scores = candidates[:4].T * size, candidates[4:84].T
    coefficients, found = candidates[84:].T, []
    for class_id in range(scores.shape[1]):
        taken = []
        for n in np.argsort(-scores[:, class_id], kind="stable"):
            if scores[n, class_id] < confidence:
                break
            if scores[n].argmax() == class_id and all(
                iou(boxes[n], boxes[m]) <= overlap for m in taken
            ):
                taken.append(n)
        found += [(class_id, n) for n in taken]
    found.sort(key=lambda item: -scores[item[1], item[0]])
    height, width = picture.shape[:2]
    results = []
    for class_id, n in found[:count]:
        logits = cv2.resize(prototypes @ coefficients[n], (size, size))
        x, y, w, h = boxes[n]
        inside = np.zeros((size, size), bool)
        columns, rows = np.arange(size) + 0.5, np.arange(size) + 0.5
        inside[:] = (abs(columns - x) <= w / 2) & (abs(rows - y) <= h / 2)[:, None]
        left, top = int(place.left), int(place.top)
        cut = (np.where(inside, logits, -8.0))[
            top : top + int(place.height), left : left + int(place.width)
        ]
        mask = cv2.resize((cut > 0).astype(np.float32), (width, height)) > 0.5
        results.append((class_id, float(scores[n, class_id]), mask))
    return results


def iou(one, other):
    """Of two boxes given by centre and size."""
    low = np.maximum(one[:2] - one[2:] / 2, other[:2] - other[2:] / 2)
    high = np.minimum(one[:2] + one[2:] / 2, other[:2] + other[2:] / 2)
    both = np.prod(np.maximum(high - low, 0))
    return both / max(np.prod(one[2:]) + np.prod(other[2:]) - both, 1e-9)


def enlarged(item, shape, picture):
    """The mask of one of our objects at a picture's own size."""
    whole = np.zeros(shape, np.uint8)
    left, top, right, bottom = item.place
    whole[top:bottom, left:right] = item.mask
    return cv2.resize(whole, (picture.shape[1], picture.shape[0])) > 127
