"""Tiny random models saved as folders, and a Hub on the loopback that serves one of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import torch
import transformers

from tests.runners import tokenizers

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SIZES = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
}


def save(
    folder: Path,
    family: str = "Llama",
    template: str | None = tokenizers.CHATML,
    dtype: torch.dtype = torch.float32,
    **changes: Any,
) -> Path:
    """Save a random model with a byte-level tokenizer, and return the folder."""
    tokenizer = tokenizers.byte_level(template)
    sizes = {"vocab_size": len(tokenizer), **SIZES, **changes}
    config = getattr(transformers, f"{family}Config")(**sizes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(config).to(dtype)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def edit(path: Path, **changes: Any) -> None:
    """Change keys of a JSON file; None removes them."""
    content = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


@contextmanager
def hub(folder: Path, name: str = "org/toy") -> Iterator[tuple[str, list[str]]]:
    """Serve `folder` as a Hub model whose branch main is COMMIT; yields (address, files fetched)."""
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    fetched: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def reply(self, body: bytes, code: int = 200, **headers: str) -> None:
            self.send_response(code)
            for key, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(key.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            resolve = f"/{name}/resolve/{COMMIT}/"
            if path.startswith(resolve) and path.removeprefix(resolve) in files:
                file = path.removeprefix(resolve)
                if self.command == "GET":
                    fetched.append(file)
                self.reply(files[file].read_bytes(), ETag=f'"{file}"', X_Repo_Commit=COMMIT)
            elif path == f"/api/models/{name}/revision/main":
                siblings = [{"rfilename": file} for file in files]
                self.send({"id": name, "sha": COMMIT, "siblings": siblings})
            elif path == f"/api/models/{name}/tree/{COMMIT}":
                self.send([_listed(file, path) for file, path in files.items()])
            else:
                kind = (
                    "RevisionNotFound"
                    if path.startswith(f"/api/models/{name}/")
                    else "RepoNotFound"
                )
                self.reply(b"{}", 404, X_Error_Code=kind)

        def send(self, content: Any) -> None:
            self.reply(json.dumps(content).encode(), Content_Type="application/json")

        do_HEAD = do_GET

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", fetched
    finally:
        server.shutdown()
        server.server_close()


def _listed(file: str, path: Path) -> dict[str, Any]:
    return {"type": "file", "path": file, "size": path.stat().st_size, "oid": file}
