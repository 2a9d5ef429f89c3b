"""Data sets of other software, for the tests of hema-core, and that software reading what Hema writes.

    pip install numpy pillow pyarrow datasets webdataset
    python data_forms.py write FOLDER   # crates/hema-core/tests/fixtures/forms
    python data_forms.py check HEMA     # HEMA is the program; converts to every form and reads each with Python
"""

import io
import json
import pathlib
import subprocess
import sys
import tempfile

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import webdataset
from PIL import Image

NAMES = ["monocyte", "blast", "artefact"]


def image(seed: int) -> np.ndarray:
    return (np.arange(4 * 5 * 3).reshape(4, 5, 3) + 60 * seed).astype(np.uint8)


def png(seed: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image(seed)).save(out, "png")
    return out.getvalue()


def write(folder: pathlib.Path) -> None:
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=NAMES)})
    rows = {"image": [Image.fromarray(image(i)) for i in range(4)], "label": [1, 0, 2, 1]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(folder / "huggingface.parquet")

    struct = [{"bytes": png(i % 3), "path": f"{i}.png"} for i in range(40)]
    names = pa.array([NAMES[i % 3] for i in range(40)])
    table = pa.table({"image": struct, "label": names, "group": pa.array([None, "p1"] * 20)})
    pq.write_table(table, folder / "snappy_dictionary.parquet", compression="snappy", row_group_size=16)
    pq.write_table(table, folder / "version2.parquet", compression="snappy", data_page_version="2.0", row_group_size=25)
    pq.write_table(table, folder / "zstd.parquet", compression="zstd")
    pq.write_table(
        table, folder / "zstd_version2.parquet", compression="zstd", data_page_version="2.0", use_dictionary=False, row_group_size=25
    )
    pq.write_table(table, folder / "gzip.parquet", compression="gzip")

    with webdataset.TarWriter(str(folder / "webdataset-train-000000.tar")) as out:
        for i, label in enumerate([1, 0, 2, 1]):
            out.write({"__key__": f"cell{i}", "png": image(i), "cls": label})


def check(hema: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        here = pathlib.Path(name)
        rows = ["path,label,split,group"]
        for i in range(12):
            (here / f"{i}.png").write_bytes(png(i))
            rows.append(f"{i}.png,{NAMES[i % 3]},{['train', 'train', 'val', 'test'][i % 4]},p{i // 3}")
        (here / "m.csv").write_text("\n".join(rows))

        def convert(source: str, out: str, *more: str) -> pathlib.Path:
            subprocess.run([hema, "data", "convert", here / source, here / out, *more], check=True, capture_output=True)
            return here / out

        def same(pixels, path: str) -> None:
            assert (np.asarray(pixels) == image(int(pathlib.PurePath(path).stem))).all(), path

        with np.load(convert("m.csv", "parts.npz")) as arrays:
            assert sorted(arrays) == sorted(
                ["class_names"] + [f"{part}_{what}" for part in ("train", "val", "test") for what in ("images", "labels")]
            )
            assert arrays["train_images"].shape == (6, 4, 5, 3) and arrays["train_labels"].shape == (6, 1)
            assert arrays["train_labels"].dtype == np.uint8
            classes = arrays["class_names"].tolist()
            for row, i in enumerate([0, 1, 4, 5, 8, 9]):
                same(arrays["train_images"][row], f"{i}.png")
                assert classes[arrays["train_labels"][row, 0]] == NAMES[i % 3]
        for more in ([], ["--compress"]):
            with np.load(convert("m.csv", f"flat{len(more)}.npz", "--split", "none", *more)) as arrays:
                assert arrays["images"].shape == (12, 4, 5, 3) and arrays["labels"].shape == (12, 1)
                for i in range(12):
                    same(arrays["images"][i], f"{i}.png")
        print("numpy", np.__version__, "reads .npz")

        folder = convert("m.csv", "hf", "--to", "parquet")
        loaded = datasets.load_dataset(str(folder), cache_dir=str(here / "cache"))
        assert {split: len(rows) for split, rows in loaded.items()} == {"train": 6, "validation": 3, "test": 3}
        assert isinstance(loaded["train"].features["image"], datasets.Image)
        assert isinstance(loaded["train"].features["label"], datasets.ClassLabel)
        for split in loaded:
            names = loaded[split].features["label"].names
            paths = [row["path"] for row in loaded[split].cast_column("image", datasets.Image(decode=False))["image"]]
            for row, path in zip(loaded[split], paths, strict=True):
                i = int(path.removesuffix(".png"))
                same(row["image"], path)
                assert names[row["label"]] == NAMES[i % 3] and row["group"] == f"p{i // 3}"
        print("datasets", datasets.__version__, "reads Parquet")

        folder = convert("m.csv", "wds", "--to", "webdataset")
        seen = 0
        for shard in sorted(folder.iterdir()):
            for key, pixels, label, more in webdataset.WebDataset(str(shard), shardshuffle=False).decode("rgb8").to_tuple(
                "__key__", "png", "cls", "json"
            ):
                i = int(key.rsplit("/", 1)[-1])
                same(pixels, f"{i}.png")
                assert more == {"label": NAMES[i % 3], "group": f"p{i // 3}"} and sorted(NAMES)[label] == NAMES[i % 3]
                seen += 1
        assert seen == 12
        print("webdataset", webdataset.__version__, "reads shards")

        write(here)
        for name in ["huggingface.parquet", "snappy_dictionary.parquet", "version2.parquet", "zstd.parquet", "webdataset-train-000000.tar"]:
            said = subprocess.run([hema, "data", "info", here / name, "--json"], check=True, capture_output=True)
            print("hema reads", name, json.loads(said.stdout)["images"], "images")


if __name__ == "__main__":
    command, argument = sys.argv[1:]
    write(pathlib.Path(argument)) if command == "write" else check(argument)
