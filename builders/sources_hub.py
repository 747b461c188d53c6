"""A file of a Hub data set: from a local mirror where there is one, else through the Hub's client.

A mirror is a folder `<source>/<organisation>/<name>/<file>` under `--sources`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from specs.faults import Refused
from specs.schema import HubSource
from specs.settings import Settings

from .refusals import NotReachable

PROBE_SECONDS = 5.0


def find(
    source: HubSource, settings: Settings, where: str, *, online: bool
) -> tuple[Path, str | None]:
    """Return the path of the file and the commit it is of (null from a mirror).

    NotReachable names every place looked at and what to do; Refused where the Hub says that the
    data set, the revision or the file does not exist.
    """
    mirrors = [folder / source.hub / source.file for folder in settings.sources]
    for mirror in mirrors:
        if mirror.is_file():
            return mirror, None
    cached = _cached(source, where)
    if not online:
        if cached:
            return cached
        raise _not_reachable(source, mirrors, where, "the Hub was not asked")
    return _download(source, mirrors, where, cached)


def _download(
    source: HubSource, mirrors: list[Path], where: str, cached: tuple[Path, str] | None
) -> tuple[Path, str | None]:
    from huggingface_hub import errors, hf_hub_download

    why = hub_silence()
    if why is not None:
        if cached:
            return cached
        raise _not_reachable(source, mirrors, where, why)
    try:
        path = hf_hub_download(
            source.hub, source.file, repo_type="dataset", revision=source.revision
        )
    except errors.LocalEntryNotFoundError as error:
        raise _not_reachable(source, mirrors, where, _first_line(error)) from None
    except (errors.HfHubHTTPError, errors.EntryNotFoundError, errors.HFValidationError) as error:
        raise Refused(
            f"{where}: source: the Hub refuses {source.file} of data set {source.hub} at revision "
            f"{source.revision}: {_first_line(error)}; check the three names and your access"
        ) from None
    return Path(path), commit_of(Path(path))


def _cached(source: HubSource, where: str) -> tuple[Path, str] | None:
    from huggingface_hub import errors, try_to_load_from_cache

    try:
        found = try_to_load_from_cache(
            source.hub, source.file, repo_type="dataset", revision=source.revision
        )
    except errors.HFValidationError:
        raise Refused(
            f"{where}: source.hub: {source.hub!r} is no data set's name; "
            "write organisation/name as on the Hub"
        ) from None
    if not isinstance(found, str):
        return None
    return Path(found), commit_of(Path(found))


def commit_of(path: Path) -> str:
    """Return the commit in a path of the Hub cache, `.../snapshots/<commit>/<file>`."""
    parts = path.parts
    return parts[len(parts) - parts[::-1].index("snapshots")]


@lru_cache(maxsize=1)
def hub_silence() -> str | None:
    """Return why the Hub cannot be reached, null where it answers; asked once a process.

    The Hub's client retries for 20 seconds and more a file; forty concepts would wait for hours.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    if constants.is_offline_mode():
        return "HF_HUB_OFFLINE is set"
    try:
        get_session().head(constants.ENDPOINT, timeout=PROBE_SECONDS)
    except Exception as error:  # whatever the transport raises: the Hub is not there
        return f"{constants.ENDPOINT} does not answer: {_first_line(error)}"
    return None


def _not_reachable(source: HubSource, mirrors: list[Path], where: str, reason: str) -> NotReachable:
    files = ", ".join(map(str, mirrors))
    mirror = f"no mirror at {files}" if files else "no mirror: --sources is not given"
    return NotReachable(
        f"{where}: source: {source.hub}/{source.file} is not here ({mirror}) and {reason}; "
        f"connect to the Hub, or put the file at <folder>/{source.hub}/{source.file} and pass "
        "--sources <folder>"
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
