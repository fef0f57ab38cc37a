"""How many threads linear algebra may use."""

from contextlib import AbstractContextManager

ONE_THREAD_PRODUCT = 20_000_000_000
"""Rows * rows * dimension up to which there is one: others mostly spin between products so small.
On a busy machine that took ten times the processor time of calibrating itself."""


def threads_for(product: int) -> AbstractContextManager[object]:
    """Limit the threads of NumPy and SciPy for work on so many numbers."""
    import scipy.linalg  # noqa: F401 - has a BLAS of its own, which can be limited once it is loaded
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(
        1 if product <= ONE_THREAD_PRODUCT else None, user_api="blas"
    )
    return limits
