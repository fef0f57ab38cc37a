"""A checksum of a set of keys that follows every change of the set without reading the rest.

Each key is mixed to 64 bits that look random, and the mixed keys are summed modulo 2^64: the order
does not matter, adding a key adds its mix and removing it subtracts it. Two sets that differ have
equal sums with a chance of 2^-64, which a plain sum of keys does not offer: {1, 4} and {2, 3}.

The mix is SplitMix64: G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014, with the constants of S. Vigna's public-domain splitmix64.c. Sums of
mixed elements as hashes of sets: M. Bellare, D. Micciancio, "A new paradigm for collision-free
hashing", EUROCRYPT 1997 (AdHASH). It tells accidents, not attacks.
"""

import numpy as np

from search_engine.records import Keys

_INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def key_checksum(keys: Keys) -> int:
    """The sum of the mixed keys modulo 2^64, as a signed 64-bit number; 0 for no keys.

    Args:
        keys: Shape (N,), int64, in any order; a key that comes twice counts twice.
    """
    mixed = keys.astype(np.int64).view(np.uint64) + _INCREMENT
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    mixed ^= mixed >> np.uint64(31)
    return signed_64(int(mixed.sum(dtype=np.uint64)))


def signed_64(number: int) -> int:
    """The number modulo 2^64 as SQLite keeps it: -2^63 to 2^63 - 1."""
    return (number + 2**63) % 2**64 - 2**63
