"""Named ranges of identities, so that data for different purposes never share a person."""
RANGES = {'zoo': 0, 'judge': 1_000_000, 'bridge': 2_000_000, 'val': 3_000_000, 'test': 4_000_000}


def split_index(index, start=0, states=1, views=1):
    """Sample index to (identity, state, view)."""
    return start + index // (states * views), index // views % states, index % views
