"""Writes an archive of cells as Parquet: those of a tar, again and again, numbered.

    cells.py TAR CELLS FOLDER

Each file holds 2,000 cells, in groups of 500 rows: `id`, and `image` as Hugging Face keeps it.
"""

import sys
import tarfile
from itertools import cycle, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

PER_FILE, PER_GROUP = 2_000, 500
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def pictures(tar: str) -> list[tuple[str, bytes]]:
    with tarfile.open(tar) as archive:
        members = [member for member in archive if member.name.lower().endswith((".jpg", ".jpeg", ".png"))]
        return [(member.name, archive.extractfile(member).read()) for member in members]


def main(tar: str, cells: int, folder: Path) -> None:
    folder.mkdir(parents=True)
    numbered = enumerate(islice(cycle(pictures(tar)), cells))
    for file in range(-(-cells // PER_FILE)):
        rows = list(islice(numbered, PER_FILE))
        images = [{"bytes": picture, "path": f"{i:07}-{Path(name).name}"} for i, (name, picture) in rows]
        table = pa.table({"id": pa.array([i for i, _ in rows], pa.int64()), "image": pa.array(images, IMAGE)})
        pq.write_table(table, folder / f"cells-{file:05}.parquet", row_group_size=PER_GROUP, compression="snappy")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
