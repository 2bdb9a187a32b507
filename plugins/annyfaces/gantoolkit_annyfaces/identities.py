"""Named ranges of identities, so that data for different purposes never share a person."""

RANGES = {"zoo": 0, "judge": 1_000_000, "bridge": 2_000_000, "val": 3_000_000, "test": 4_000_000}


def split_index(index, start=0, states=1, views=1):
    """Turn a sample's index into (identity, state, view); views vary fastest, then states."""
    identity = start + index // (states * views)
    state = index // views % states
    view = index % views
    return identity, state, view
