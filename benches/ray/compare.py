"""Holds Ray's answers against the table of `hema predict`, row by row.

    compare.py RAY_FOLDER PREDICTIONS.csv CELLS

Every cell must have exactly one row, with the same name, referral and reason, and the same probabilities. The table may be
of the cells that the archive repeats.
"""

import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq


def main(folder: str, table: str, cells: int) -> None:
    found = pq.read_table(folder).to_pandas().sort_values("id", ignore_index=True)
    expected = pd.read_csv(table, keep_default_na=False)
    assert list(found["id"]) == list(range(cells)), "lost or doubled rows"
    expected = expected.iloc[found["id"] % len(expected)].reset_index(drop=True)
    classes = list(expected.columns[3 : list(expected.columns).index("refer")])
    assert (found["label"] == expected["label"]).all()
    assert (found["refer"] == (expected["refer"] == "yes")).all()
    assert (found["reason"].fillna("") == expected["reason"]).all()
    probabilities = np.stack(found["probabilities"])
    furthest = np.abs(probabilities - expected[classes].to_numpy(np.float32)).max()
    assert furthest < 1e-6, f"probabilities differ by {furthest}"
    print(f"{cells} rows, each once; labels, referrals and reasons equal, probabilities within {furthest:.1e}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
