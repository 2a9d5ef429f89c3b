"""TensorBoard's own writing of a few events, and its reading of a run folder of Hema.

    pip install tensorboard==2.21.0
    python scripts/reference/tensorboard_events.py write crates/hema/tests/fixtures/events.out.tfevents.reference
    python scripts/reference/tensorboard_events.py read RUN_FOLDER
"""

import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter


def scalars(**values):
    return Summary(value=[Summary.Value(tag=tag, simple_value=v) for tag, v in values.items()])


def write(path):
    long_tag = (
        "a tag of more than one hundred and twenty-seven bytes, so that the length of its field takes two bytes to "
        "write, as most do not"
    )
    events = [
        Event(wall_time=1700000000.25, file_version="brain.Event:2"),
        Event(wall_time=1700000001.5, step=301, session_log=SessionLog(status=SessionLog.START)),
        Event(wall_time=1700000002.75, step=400, summary=scalars(**{"loss/train": 0.125, "val/accuracy": 0.9})),
        Event(wall_time=1700000003.0, step=500, summary=scalars(**{"loss/train": 0.0, long_tag: float("nan")})),
    ]
    with open(path, "wb") as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event.SerializeToString())


def read(folder):
    run = EventAccumulator(folder)
    run.Reload()
    for tag in run.Tags()["scalars"]:
        print(tag, [(event.step, event.value) for event in run.Scalars(tag)])


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](sys.argv[2])
