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


def plain_decode(
    candidates, prototypes, *, picture, place, confidence, iou_threshold, max_objects, size=640,
    margin=0, share=0, multi_label=False, mask_rescoring=False,
):  # fmt: skip
    """Every mask at the input's full size: logits enlarged, cut to the box, then cut out.

    Doubles are sorted out by boxes first (0.7), then by the masks at the picture's size.
    Returns [(class, score, bool mask at the picture's own size)], the surest first.
    """
    boxes, scores = candidates[:4].T * size, candidates[4:84].T
    coefficients, found = candidates[84:].T, []
    best = scores.argmax(axis=1)
    for class_id in range(scores.shape[1]):
        taken = []
        for n in np.argsort(-scores[:, class_id], kind="stable"):
            if scores[n, class_id] < confidence:
                break
            allowed = multi_label or best[n] == class_id
            if allowed and all(iou(boxes[n], boxes[m]) <= 0.7 for m in taken):
                taken.append(n)
        found += [(class_id, n) for n in taken]
    found.sort(key=lambda item: -scores[item[1], item[0]])
    made = []
    for class_id, n in found[: 3 * max_objects]:
        logits = cv2.resize(prototypes @ coefficients[n], (size, size))
        shown, mask = at_picture(logits, boxes[n], (margin, share), place, picture)
        score = float(scores[n, class_id])
        if mask_rescoring and mask.any():
            score *= agreement(mask, boxes[n], place) * (1 / (1 + np.exp(-shown[mask]))).mean()
        made.append((class_id, score, mask))
    made.sort(key=lambda item: -item[1])
    results = []
    for one in made:
        rivals = [other[2] for other in results if other[0] == one[0]]
        doubles = ((one[2] & m).sum() > iou_threshold * (one[2] | m).sum() for m in rivals)
        if one[2].any() and not any(doubles):
            results.append(one)
    return results[:max_objects]


def at_picture(logits, box, margin, place, picture):
    """Logits and mask of one object at the picture's own size."""
    x, y, w, h = box
    room, share = margin
    left, top = int(place.left), int(place.top)
    part = np.s_[top : top + int(place.height), left : left + int(place.width)]
    size = (picture.shape[1], picture.shape[0])
    columns, rows = np.arange(logits.shape[1]) + 0.5, np.arange(logits.shape[0]) + 0.5

    def within(wide, high):
        both = (abs(columns - x) <= wide) & (abs(rows - y) <= high)[:, None]
        return cv2.resize(both.astype(np.float32)[part], size) > 0.5

    shown = cv2.resize(np.clip(logits, -8, 8)[part], size)
    reach = within(w / 2 + room + share * w, h / 2 + room + share * h)
    mask = (shown > 0) & reach
    if room or share:
        inside = within(w / 2, h / 2)
        count, pieces = cv2.connectedComponents(mask.astype(np.uint8))
        every = [pieces == number for number in range(1, count)]
        least = 0.05 * max((piece.sum() for piece in every), default=0)
        for piece in every:
            if 2 * (piece & inside).sum() <= piece.sum() or piece.sum() < least:
                mask &= ~piece
    return shown, mask


def agreement(mask, box, place):
    """IoU of a box in the input with the box round a mask at the picture's size."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    scale = place.width / mask.shape[1], place.height / mask.shape[0]
    low = np.array([columns[0], rows[0]]) * scale + (place.left, place.top)
    high = np.array([columns[-1] + 1, rows[-1] + 1]) * scale + (place.left, place.top)
    return iou(np.concatenate([(low + high) / 2, high - low]), box)


def iou(one, other):
    """Of two boxes given by center and size."""
    low = np.maximum(one[:2] - one[2:] / 2, other[:2] - other[2:] / 2)
    high = np.minimum(one[:2] + one[2:] / 2, other[:2] + other[2:] / 2)
    both = np.prod(np.maximum(high - low, 0))
    return both / max(np.prod(one[2:]) + np.prod(other[2:]) - both, 1e-9)


def enlarged(item, shape, picture):
    """The mask of one of our objects at a picture's own size."""
    whole = np.zeros(shape, np.uint8)
    left, top, right, bottom = item.mask_box
    whole[top:bottom, left:right] = item.mask
    return cv2.resize(whole, (picture.shape[1], picture.shape[0])) > 127
