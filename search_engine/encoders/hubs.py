"""Find published weights in the hub caches of this machine, or download them if allowed."""

from collections.abc import Sequence
from pathlib import Path

from search_engine.encoders.registry import EncoderRequest
from search_engine.errors import WeightsError


def torch_hub_path(url: str) -> Path:
    """Return where torch stores the file of an address, whether it exists or not."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]


def torch_hub_weights(url: str, request: EncoderRequest) -> Path:
    """Return the file of published weights in torch's hub cache.

    Raises:
        WeightsError: It is missing, and downloading is not allowed or failed.
    """
    path = torch_hub_path(url)
    if path.is_file():
        return path
    if request.download:
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(url, path)
        return path
    raise WeightsError(
        f"the weights of {request.name} are not on this machine",
        where=str(path),
        fix=f"fetch {url} and put it there, name a file with --weights, or allow --download",
    )


def _download(url: str, path: Path) -> None:
    import torch

    prefix = path.stem.rpartition("-")[2]
    try:
        torch.hub.download_url_to_file(url, str(path), hash_prefix=prefix, progress=False)
    except Exception as error:  # urllib and the hash check raise many kinds of errors
        raise _not_fetched(error, url, f"fetch the file elsewhere and put it at {path}") from error


def hugging_face_cached(repository: str, names: Sequence[str]) -> Path | None:
    """Return the first of some files that huggingface_hub has in its cache."""
    from huggingface_hub import try_to_load_from_cache

    for name in names:
        found = try_to_load_from_cache(repository, name)
        if isinstance(found, str):
            return Path(found)
    return None


def hugging_face_weights(repository: str, names: Sequence[str], request: EncoderRequest) -> Path:
    """Do the same as `torch_hub_weights` for the Hugging Face hub; the first name is preferred."""
    cached = hugging_face_cached(repository, names)
    if cached is not None:
        return cached
    if request.download:
        return _fetch(repository, names)
    raise WeightsError(
        f"the weights of {request.name} are not on this machine",
        where=f"{repository}/{names[0]} in the cache of huggingface_hub",
        fix="name a file with --weights, or allow --download",
    )


def _fetch(repository: str, names: Sequence[str]) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    for name in names:
        try:
            return Path(hf_hub_download(repository, name))
        except EntryNotFoundError:
            continue  # old repositories have only the last of the names
        except Exception as error:  # several HTTP libraries, each with its own errors
            fix = "fetch the file elsewhere and name it with --weights"
            raise _not_fetched(error, f"{repository}/{name}", fix) from error
    raise WeightsError("the repository has no weights", where=repository)


def _not_fetched(error: Exception, where: str, fix: str) -> WeightsError:
    return WeightsError(f"the weights could not be fetched: {error}", where=where, fix=fix)
