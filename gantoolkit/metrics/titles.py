"""What tables call a metric: one name for reports, bench pages and figures."""

from __future__ import annotations

TITLES = {  # first part of a score's name, without "[network]" → title
    "fid": "FID",
    "kid": "KID",
    "lpips": "LPIPS",
    "ms_ssim": "MS-SSIM",
    "ssim": "SSIM",
    "id": "ID",
    "id_gt": "ID",
    "id_text": "ID text",
    "id_views": "ID views",
    "edges": "edge F",
    "detail_octave1": "detail 1/4–1/2",  # octaves in cycles per pixel; the truth has 1
    "detail_octave2": "detail 1/8–1/4",
    "detail_octave3": "detail 1/16–1/8",
    "acc": "ACC",
    "iou": "IoU",
    "miou": "mIoU",
    "miou_present": "mIoU present",
    "miou_all19": "mIoU all 19",
    "miou_confusion": "mIoU pooled",
    "clip": "CLIP",
    "text": "text",
    "attributes": "attributes",
    "attributes_prompt": "prompt's attributes",
    "obedience": "obedience",
    "obedience_glasses": "glasses",
    "obedience_hat": "hat",
    "obedience_beard": "beard",
    "obedience_bald": "bald",
    "obedience_smile": "smile",
    "obedience_earrings": "earrings",
    "obedience_hair_color": "hair color",
    "obedience_background_color": "background color",
    "obedience_clothes_color": "clothes color",
    "diversity_id_seeds": "ID, seeds",
    "diversity_acc_seeds": "ACC, seeds",
    "diversity_id_conditions": "ID, conditions",
    "diversity_acc_conditions": "ACC, conditions",
    "codes_std": "std of w",
    "precision": "precision",
    "recall": "recall",
    "depth_abs": "depth",
    "depth_shape": "depth shape",
    "reprojection": "reprojection",
}


def metric_title(name: str) -> str:
    """Return the title of a score's name, or the name itself where no title is known.

    >>> metric_title("id_gt"), metric_title("sharpness")
    ('ID', 'sharpness')
    """
    return TITLES.get(name.lower(), name)
