"""Integer vectors of bounded 1-norm, which index the harmonics of a mapping: their number, and one after the other.

Source: Theorem 1 of Yüce et al., "A Structured Dictionary Perspective on Implicit Neural Representations", CVPR 2022.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

#: Binary digits of an exact count or radius.
_MAX_BITS = 10**6
#: Terms of the sum that an exact count may have.
_MAX_TERMS = 2**14


def harmonic_radius(degree: int, depth: int) -> int:
    """The radius ``K^(L - 1)`` of Theorem 1.

    Parameters
    ----------
    degree : int
        Largest degree K of the hidden activations, at least 1.
    depth : int
        Number L of linear layers after the mapping, at least 1; there are L - 1 activations.

    Examples
    --------
    >>> harmonic_radius(2, depth=4)
    8
    """
    k, layers = whole_number("degree", degree, 1), whole_number("depth", depth, 1)
    if k > 1 and (layers - 1) * k.bit_length() > _MAX_BITS:
        raise ValueError(
            f"degree^(depth - 1) is too large a number for degree={shown_integer(k)} and depth={shown_integer(layers)}"
        )
    return int(k ** (layers - 1))


def count_integer_vectors(n_frequencies: int, radius: int) -> int:
    """Number ``N(T, R) = sum_k 2^k C(T, k) C(R, k)`` of integer vectors with ``|s|_1 <= R`` in T dimensions.

    Parameters
    ----------
    n_frequencies : int
        Number T of mapping frequencies, at least 1.
    radius : int
        R, at least 0.

    Returns
    -------
    int
        Exact; ``(N + 1) / 2`` counts s and -s once, which bounds the number of real sinusoids (constant included).

    Raises
    ------
    ValueError
        When the number could have more than a million binary digits, before it is computed.

    Examples
    --------
    >>> count_integer_vectors(2, 1), count_integer_vectors(2, 4), count_integer_vectors(3, 3)
    (5, 41, 63)
    """
    t, r = whole_number("n_frequencies", n_frequencies, 1), whole_number("radius", radius, 0)
    least, most = min(t, r), max(t, r)
    if least > _MAX_TERMS or _count_bits(least, most) > _MAX_BITS:
        raise ValueError(
            f"the exact number of integer vectors for n_frequencies={shown_integer(t)} and "
            f"radius={shown_integer(r)} has too many digits; take fewer frequencies or a smaller radius"
        )
    total, choice, other = 0, 1, 1  # C(t, k) and 2^k C(r, k), one from the one before
    for k in range(least + 1):
        total += choice * other
        choice, other = choice * (t - k) // (k + 1), 2 * other * (r - k) // (k + 1)
    return total


def _count_bits(least: int, most: int) -> float:
    """Upper bound of ``log2 N``: ``N <= 2^m 2^m (e M / m)^m`` with m the smaller of T and R, M the larger."""
    if least == 0:
        return 0.0
    return least * (2.0 + math.log2(math.e) + math.log2(most) - math.log2(least))


def count_text(t: int, r: int) -> str:
    """``N(T, R)`` for a message, or how large it can be; quick for every T and R."""
    least, most = min(t, r), max(t, r)
    if least > _MAX_TERMS:
        return "beyond count"
    bits = _count_bits(least, most)
    return str(count_integer_vectors(t, r)) if bits < 200 else f"up to 10^{bits * math.log10(2.0):.0f}"


def integer_vectors(
    n_frequencies: int, radius: int, *, one_of_each_pair: bool = False
) -> Iterator[tuple[int, ...]]:
    """Yield the integer vectors s with ``|s|_1 <= radius``, one at a time, in lexicographic order.

    Parameters
    ----------
    n_frequencies : int
        Length T of the vectors.
    radius : int
        R, at least 0.
    one_of_each_pair : bool, default False
        Leave out the vectors whose first non-zero entry is negative; 0 is kept.

    Examples
    --------
    >>> list(integer_vectors(2, 1, one_of_each_pair=True))
    [(0, 0), (0, 1), (1, 0)]
    """
    # Checked here and not at the first vector: a generator would keep quiet until then.
    t, r = whole_number("n_frequencies", n_frequencies, 1), whole_number("radius", radius, 0)
    return _vectors(t, r, one_of_each_pair)


def _vectors(length: int, radius: int, one_sided: bool) -> Iterator[tuple[int, ...]]:
    # Like an odometer, not by recursion: there may be thousands of entries.
    s = [0] * length
    s[0] = 0 if one_sided else -radius
    used = abs(s[0])
    while True:
        yield tuple(s)
        for i in range(length - 1, -1, -1):  # the last entry that can grow
            used -= abs(s[i])
            if s[i] < 0 or s[i] < radius - used:
                break
            s[i] = 0
        else:
            return
        s[i] += 1
        used += abs(s[i])
        if i + 1 < length:  # the rest starts from its smallest
            s[i + 1] = used - radius
            used = radius


def is_finite(value: object) -> bool:
    """Whether this is a finite real number, and not a text or an array."""
    return isinstance(value, int | float | np.integer | np.floating) and math.isfinite(value)


def whole_number(name: str, value: int, at_least: int) -> int:
    """The value as int; a ValueError names the argument unless it is an integer of at least ``at_least``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < at_least:
        raise ValueError(f"{name} must be an integer of at least {at_least}, got {value!r}")
    return int(value)


def shown_integer(value: int) -> str:
    """The digits for a message; of very long numbers their count (Python refuses to print those).

    Examples
    --------
    >>> shown_integer(12), shown_integer(10**5000)
    ('12', 'about 10^5000')
    """
    bits = value.bit_length()
    return str(value) if bits < 200 else f"about 10^{(bits - 1) * math.log10(2.0):.0f}"
