"""A made-up product catalog: drawn pictures, a CSV, and shopper photos to search with.

Everything is drawn by this package, so the pictures are free to use. The same seed always
gives the same files, byte for byte. Run it as `python -m data.sample_catalog OUT_DIR`.
"""

from data.sample_catalog.plan import CatalogPlan, Photo, Picture, Product, plan_catalog
from data.sample_catalog.writer import OutputRefusedError, WriteReport, write_catalog

__all__ = [
    "CatalogPlan",
    "OutputRefusedError",
    "Photo",
    "Picture",
    "Product",
    "WriteReport",
    "plan_catalog",
    "write_catalog",
]
