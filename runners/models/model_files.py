"""Where the files of a model lie, and which model they are: Hub, mirror of the Hub, or folder."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.models.file_hashes import sha256_of
from specs.faults import Refused
from specs.identity import canonical_json, sha256
from specs.reader import place, shown

if TYPE_CHECKING:
    from specs.schema import Model
    from specs.settings import Settings

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
WANTED = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.tiktoken", "merges.txt", "vocab.txt")
UNWANTED = ("*/*", "consolidated*", "adapter_*", "*.gguf")
"""What is downloaded of a Hub repository; never pickled weights, never code."""
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "vocab.json",
    "vocab.txt",
    "tokenizer.tiktoken",
)
"""Any of these makes a tokenizer."""
TOKENIZER_SETTINGS = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
)


@dataclass(frozen=True)
class ModelFiles:
    """A folder in transformers format and where it comes from."""

    folder: Path
    source: str
    """`hub:organisation/name` or `folder:name`, without the path on this machine."""
    commit: str | None
    """The resolved commit of a Hub download; None for folders and mirrors."""


def locate(spec: Model, settings: Settings, download: bool = True) -> ModelFiles:
    """Return the files of a model with `hub` or `folder`; a mirror under `--sources` comes first.

    With `download` False a Hub model is found in a mirror or in the Hub's local cache only.

    Raises:
        Refused: they are not there; the line names every place looked at.
    """
    if spec.folder is not None:
        folder = spec.directory / Path(spec.folder).expanduser()
        if not folder.is_dir():
            problem = "is a file" if folder.exists() else "does not exist"
            raise Refused(
                f"{place(spec, ('folder',))}: {shown(folder)} {problem}; name a folder that "
                "holds config.json, model.safetensors and tokenizer.json"
            )
        return ModelFiles(folder, f"folder:{folder.resolve().name}", None)
    assert spec.hub is not None
    for mirror in mirrors(spec, settings):
        if (mirror / "config.json").is_file():
            return ModelFiles(mirror, f"hub:{spec.hub}", None)
    folder = _snapshot(spec, settings, download)
    return ModelFiles(folder, f"hub:{spec.hub}", folder.name)


def mirrors(spec: Model, settings: Settings) -> list[Path]:
    """Return the folders that would hold a Hub model, in the order of `--sources`."""
    return [source / str(spec.hub) for source in settings.sources]


def _snapshot(spec: Model, settings: Settings, download: bool) -> Path:
    from huggingface_hub import errors, snapshot_download

    where = place(spec, ("hub",))
    if not HUB_ID.fullmatch(str(spec.hub)):
        raise Refused(f"{where}: {spec.hub!r} is no Hub id; write organisation/name")
    try:
        folder = snapshot_download(
            spec.hub,
            revision=spec.revision,
            allow_patterns=list(WANTED),
            ignore_patterns=list(UNWANTED),
            local_files_only=not download,
        )
    except errors.GatedRepoError:
        raise Refused(
            f"{where}: {spec.hub} is gated; accept its licence on the Hub and log in with "
            "`hf auth login`"
        ) from None
    except errors.RepositoryNotFoundError:
        raise Refused(
            f"{where}: the Hub has no model {spec.hub}, or it is private; mend the name or log in "
            "with `hf auth login`"
        ) from None
    except errors.RevisionNotFoundError:
        raise Refused(
            f"{place(spec, ('revision',))}: {spec.hub} has no revision {spec.revision!r}; name a "
            "branch, tag or commit"
        ) from None
    except (OSError, ValueError, errors.HTTPError, errors.XetDownloadError) as error:
        raise Refused(_unreachable(spec, settings, error, download)) from None
    return Path(folder)


def _unreachable(spec: Model, settings: Settings, error: Exception, download: bool) -> str:
    looked = [shown(mirror) for mirror in mirrors(spec, settings)]
    places = ", ".join([*looked, "the Hub's local cache"])
    cause = "the Hub cannot be reached" if download else "the Hub was not asked"
    if download and not isinstance(error, FileNotFoundError):
        cause = f"the download failed: {str(error).strip().splitlines()[0]}"
    mirror = looked[0] if looked else f"DIR/{spec.hub} and add --sources DIR"
    return (
        f"{place(spec, ('hub',))}: {spec.hub} is not here (looked in {places}) and {cause}; "
        f"go online, or put its files into {mirror}"
    )


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files that make the model, as its index names them; [] if none."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if not index.is_file():
        return []
    names: dict[str, str] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    return [folder / name for name in sorted(set(names.values()))]


def about(files: ModelFiles, settings: Settings) -> dict[str, Any]:
    """Return what a model's id says of its origin.

    Hub id and commit for a download. For folders and mirrors, whose commit nobody vouches for, the
    sha256 of weights, configuration and tokenizer files (the chat template is hashed apart).
    """
    if files.commit is not None:
        return {"hub": files.source.removeprefix("hub:"), "commit": files.commit}
    named = [files.folder / name for name in ("config.json", *TOKENIZER_FILES, *TOKENIZER_SETTINGS)]
    used = [path for path in named if path.is_file()] + weight_files(files.folder)
    digests = sha256_of(used, settings.home / "cache" / "sha256.json")
    return {"files": {path.name: digests[path] for path in used}}


def revision(files: ModelFiles, origin: dict[str, Any]) -> str:
    """Return the commit, or for folders and mirrors 16 hex digits over their files' hashes."""
    return files.commit or sha256(canonical_json(origin))[:16]
