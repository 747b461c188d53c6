"""What to type after the quickstart; `make demo` ends with it."""

from __future__ import annotations

TEXT = """
That was the reference model, whose truth is known. Next, a real one (needs the network once):

  .venv/bin/steerhouse build openness
  .venv/bin/steerhouse show openness --model smollm2-135m-instruct
  .venv/bin/steerhouse run --concept openness --model smollm2-135m-instruct --limit 100 --nulls 20
  .venv/bin/steerhouse analyse steerability --concept openness

Your own concept: a YAML of five lines; README.md, "Five minutes", shows it.
"""

if __name__ == "__main__":
    print(TEXT)
