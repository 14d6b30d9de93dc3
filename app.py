"""Launch the chat page: ``python app.py`` (the same as ``python -m rag chat``)."""

import sys

from rag.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["chat", *sys.argv[1:]]))
