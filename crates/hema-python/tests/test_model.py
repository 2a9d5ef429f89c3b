"""A model: inputs, answers, errors."""

import csv
import io
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import hema_blood
from hema_blood import InvalidError, NotFoundError, UnreadableError, load


def test_all_kinds_of_images_get_the_same_answer(model, some, tmp_path):
    arrays = [np.asarray(Image.open(path).convert("RGB")) for path in some]
    # without loss: of a JPEG, Pillow makes pixels that are others by a level here and there
    some = [tmp_path / f"{i}.png" for i in range(len(arrays))]
    for path, array in zip(some, arrays):
        Image.fromarray(array).save(path)
    expected = model.predict_proba(some)
    assert expected.shape == (len(some), 8) and expected.dtype == np.float32
    np.testing.assert_allclose(expected.sum(axis=1), 1.0, atol=1e-5)
    for images in (
        [os.fspath(path) for path in some],
        [path.read_bytes() for path in some],
        [Image.open(path) for path in some],
        arrays,
        np.stack(arrays),
        np.asfortranarray(np.stack(arrays)),
        (path for path in some),
        [path if i % 3 else arrays[i] for i, path in enumerate(some)],
    ):
        np.testing.assert_array_equal(model.predict_proba(images), expected)


def test_names_and_order_are_those_of_scikit_learn_and_of_pipelines(model, some):
    probabilities, names = model.predict_proba(some), model.predict(some)
    assert list(names) == [str(model.classes_[row.argmax()]) for row in probabilities]
    one = model(some[0], top_k=3)
    assert [answer["label"] for answer in one][0] == names[0] and len(one) == 3
    assert [answer["score"] for answer in one] == sorted((answer["score"] for answer in one), reverse=True)
    assert [answers[0]["label"] for answers in model(some)] == list(names)
    assert len(model(some[:1])) == 1 and isinstance(model(some[:1])[0], list)


def test_a_folder_an_archive_and_its_files_are_alike(model, cells, tmp_path):
    archive = tmp_path / "cells.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in sorted(cells.rglob("*.jpg")):
            zipped.write(path, path.relative_to(cells))
    of_folder, of_archive = model.classify(cells), model.classify(archive)
    assert of_folder.paths == of_archive.paths and len(of_folder) == 192
    np.testing.assert_array_equal(of_folder.probabilities, of_archive.probabilities)
    right = sum(path.split("/")[0] == label for path, label in zip(of_folder.paths, of_folder.labels))
    assert right >= 185


def test_the_table_is_that_of_the_command(model, cells, tmp_path):
    written = tmp_path / "predictions.csv"
    hema_blood.run(
        "predict", "builtin", cells, "--max-refer", 0.05, "--sets", 0.99, "--out", written, on_line=lambda line: None
    )
    frame = model.classify(cells, max_refer=0.05, sets=0.99).to_pandas()
    rows = list(csv.DictReader(written.open()))
    assert list(rows[0]) == list(frame.columns)
    assert len(rows) == len(frame)
    for row, (_, own) in zip(rows, frame.iterrows()):
        for name, text in row.items():
            value = own[name]
            if pd.isna(value):
                assert text == "", name
            elif name == "refer":
                assert text == ("yes" if value else "no")
            elif isinstance(value, (float, np.floating)):
                assert np.float32(text) == np.float32(value), name
            else:
                assert text == value, name


def test_wishes_are_met_or_refused(model, some):
    assert all(refer is not None for refer in model.classify(some).refer)
    assert all(model.classify(some, sure=1.0).refer)
    assert not any(model.classify(some, max_refer=0.0).refer)
    promised = model.classify(some, max_risk=0.02)
    assert "at most 2 % wrong" in promised.criterion
    sets = model.classify(some, sets=0.99).sets
    assert all(1 <= len(names) <= 8 for names in sets)
    for wish, words in [
        ({"sure": 2.0}, "sure=2"),
        ({"max_refer": -1.0}, "max_refer=-1"),
        ({"sure": 0.5, "max_refer": 0.5}, "together"),
        ({"max_risk": 0.00001}, "cannot be promised"),
        ({"sets": 0.9, "sets_by": "lak"}, "lak"),
        ({"sets": 0.9999999}, "too few"),
    ]:
        with pytest.raises(InvalidError, match=words):
            model.classify(some, **wish)


def test_nothing_that_cannot_be_read_is_dropped(some, tmp_path):
    images = [some[0].read_bytes(), b"no picture", some[1].read_bytes()]
    with pytest.raises(UnreadableError, match="image 1"):
        load("builtin").classify(images)
    skipping = load("builtin", on_bad_image="skip")
    answers = skipping.classify(images)
    assert len(answers) == 3 and answers.labels[1] is None and answers.labels[2] is not None
    assert answers.refer[1] and answers.reason[1].startswith("unreadable")
    assert np.isnan(answers.probabilities[1]).all() and skipping(images)[1] == []
    assert answers.to_pandas()["label"].isna().tolist() == [False, True, False]
    folder = tmp_path / "cells"
    folder.mkdir()
    for i, bytes_ in enumerate(images):
        (folder / f"{i}.jpg").write_bytes(bytes_)
    assert [label is None for label in skipping.classify(folder).labels] == [False, True, False]
    with pytest.raises(UnreadableError, match="1.jpg"):
        load("builtin").classify(folder)


def test_no_image_is_no_answer(model, tmp_path):
    assert model.predict([]).shape == (0,) and model.predict_proba([]).shape == (0, 8)
    assert len(model.classify([])) == 0 and len(model.classify([]).to_pandas()) == 0
    with pytest.raises(InvalidError, match="holds no images"):
        model.predict(tmp_path)


@pytest.mark.parametrize(
    ("images", "error", "words"),
    [
        (np.zeros((8, 8, 3), dtype=np.float32), InvalidError, "float32"),
        (np.zeros((3, 8, 8), dtype=np.uint8), InvalidError, r"\(3, 8, 8\)"),
        (np.zeros((0, 8, 3), dtype=np.uint8), InvalidError, r"\(0, 8, 3\)"),
        ([np.zeros((8, 8, 3), dtype=np.uint8), 7], TypeError, "image 1: int"),
        (7, TypeError, "int"),
        ("not/there.png", NotFoundError, "not/there.png"),
        (["not/there.png"], FileNotFoundError, "not/there.png"),
    ],
)
def test_what_is_no_image_is_named(model, images, error, words):
    with pytest.raises(error, match=words):
        model.predict(images)


def test_grey_and_transparent_and_deep_pictures_are_read_as_from_files(model, some, tmp_path):
    rgb = Image.open(some[0]).convert("RGB")
    for picture in (rgb.convert("L"), rgb.convert("P"), rgb.convert("RGBA"), rgb.convert("CMYK")):
        file = tmp_path / f"{picture.mode}.{'tiff' if picture.mode == 'CMYK' else 'png'}"
        if picture.mode != "CMYK":
            picture.save(file)
            np.testing.assert_array_equal(model.predict_proba(picture), model.predict_proba(file))
        else:
            assert model.predict_proba(picture).shape == (1, 8)


def test_options_that_make_no_sense_are_refused(tmp_path):
    for options, words in [
        ({"path": tmp_path / "no.safetensors"}, "no.safetensors"),
        ({"device": "abacus"}, "abacus"),
        ({"precision": "fp8"}, "fp8"),
        ({"on_bad_image": "hide"}, "hide"),
        ({"tta": "d9"}, "d9"),
        ({"among": ["martian"]}, "martian"),
        ({"rescale": 400}, "400"),
        ({"threads": 0}, "0 threads"),
    ]:
        with pytest.raises(hema_blood.HemaError, match=words):
            load(**options)


def test_a_hint_comes_with_the_error():
    with pytest.raises(InvalidError) as caught:
        load("builtin", among=["lymphocite"])
    assert "lymphocyte" in caught.value.hint and str(caught.value).endswith(caught.value.hint)


def test_classes_can_be_limited(some):
    limited = load("builtin", among=["lymphocyte", "monocyte"])
    answers = limited.classify(some, sure=0.5)
    assert set(answers.labels) <= {"lymphocyte", "monocyte"}
    assert "excluded" in answers.to_dict() and answers.reason.count("excluded-class") > 4


def test_a_model_is_pickled_as_its_path_and_is_the_same_or_refused(model, some, tmp_path):
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(some), model.predict_proba(some))
    assert len(pickle.dumps(model)) < 2000
    called, options = model.__reduce__()[1][:2]
    with pytest.raises(InvalidError, match="another model"):
        hema_blood.Model(called, options, [1])
    error = pickle.loads(pickle.dumps(InvalidError("found", "do this")))
    assert (error.message, error.hint) == ("found", "do this")


def test_the_command_is_in_the_wheel():
    ran = subprocess.run([sys.executable, "-m", "hema_blood", "--version"], capture_output=True, text=True)
    assert ran.stdout.strip() == f"hema {hema_blood.__version__}"
    script = os.path.join(os.path.dirname(sys.executable), "hema")
    assert subprocess.run([script, "predict"], capture_output=True, text=True).returncode == 2
    assert hema_blood.run("list", "tta", on_line=lambda line: None)


def test_pictures_of_bytes_like_objects(model, some):
    file = some[0].read_bytes()
    for images in (bytearray(file), memoryview(file), io.BytesIO(file).getbuffer()):
        np.testing.assert_array_equal(model.predict_proba(images), model.predict_proba(file))
