"""Makes a CSV-label dataset from a repository's history and a large language model."""

from synthetic.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
