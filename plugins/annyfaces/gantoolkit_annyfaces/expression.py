"""The expression of a face, from factors to Anny's facial actions."""

from __future__ import annotations


def both_sides(actions):
    """Name symmetric actions for both sides: {'eyeWide': a} to {'eyeWideLeft': a, …Right}."""
    table = {}
    for name, amount in actions.items():
        table[name + "Left"] = amount
        table[name + "Right"] = amount
    return table


def expression(f):
    """Decide (smile 0..1, opening of the mouth 0..1, {facial action: amount 0..1})."""
    smile = max(0.0, f.u("smile", 0, -0.55, 1.0))
    reserve = 1 if f.n("expression", 0) > -0.5 else 0.4
    opening = max(0.0, f.u("mouth_open", 0, -1.7, 1.0)) * reserve
    shows_teeth = smile > 0.35 and f.n("expression", 1) > -0.6
    actions = mouth_actions(f, smile, opening, shows_teeth) | eye_actions(f, smile)
    positive = {}
    for name, amount in actions.items():
        if amount > 0:
            positive[name] = float(min(1, amount))
    return smile, opening, positive


def mouth_actions(f, smile, opening, shows_teeth):
    """Decide what lips, cheeks and jaw do; amounts may be 0."""
    is_grave = smile < 0.1
    frown = max(0, -f.n("expression", 2) - 0.9) * 0.4 * is_grave
    is_closed = opening < 0.1
    pucker = max(0, f.n("expression", 3) - 1.5) * 0.4 * is_grave * is_closed
    paired = {
        "mouthSmile": 0.10 + 0.75 * smile,
        "cheekSquint": 0.5 * smile,
        "mouthUpperUp": 0.42 * smile * shows_teeth + 0.15 * opening,
        "mouthLowerDown": 0.32 * smile * shows_teeth + 0.2 * opening,
        "mouthFrown": frown,
    }
    jaw = 0.42 * opening + 0.07 * shows_teeth
    return both_sides(paired) | {"jawOpen": jaw, "mouthPucker": pucker}


def eye_actions(f, smile):
    """Decide what brows and lids do; amounts may be 0."""
    up = f.n("brows_up")
    squint = f.n("squint")
    paired = {
        "browOuterUp": max(0, up) * 0.25,
        "browDown": max(0, -up - 0.4) * 0.25,
        "eyeSquint": max(0, squint) * 0.14 + 0.10 * smile,
        "eyeWide": max(0, -squint) * 0.22 + 0.08,
    }
    return both_sides(paired) | {"browInnerUp": max(0, up) * 0.3}
