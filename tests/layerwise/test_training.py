"""A model that is measured while a Trainer trains it: the training is what it would be without."""

from __future__ import annotations

import random
import warnings
from dataclasses import replace

import numpy as np
import pytest

import platoscope
from platoscope.errors import InputError, PlatoscopeWarning
from platoscope.layerwise import follow_training, trajectory
from platoscope.testing.models import save_tiny_model

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")

TEXTS = [f"{word} number {i} of many" for i in range(15) for word in ("stone", "river", "bird")]
ROWS = [{"input_ids": [5 + (i * k) % 200 for k in range(1, 9)]} for i in range(16)]
N_STEPS = 4


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Save a tiny model whose layers drop out, and another one for reference."""
    folder = tmp_path_factory.mktemp("models")
    save_tiny_model("gpt2", folder / "start")
    save_tiny_model("llama", folder / "other", n_blocks=5, seed=7)
    return folder


@pytest.fixture
def make_trainer(home, tmp_path):
    """Give what makes a Trainer of the first model, the same each time."""

    def make(*, callbacks=(), model=None, model_init=None, **options):
        transformers.set_seed(0)
        if model is None and model_init is None:
            model = transformers.AutoModelForCausalLM.from_pretrained(home / "start")
        arguments = transformers.TrainingArguments(
            output_dir=str(tmp_path / "out"), max_steps=N_STEPS, per_device_train_batch_size=4, logging_steps=1,
            learning_rate=1e-2, report_to="none", save_strategy="no", disable_tqdm=True, use_cpu=True,
            dataloader_pin_memory=False, **options,
        )  # fmt: skip
        tokenizer = transformers.AutoTokenizer.from_pretrained(home / "start")
        collate = transformers.DataCollatorForLanguageModeling(tokenizer, mlm=False)
        return transformers.Trainer(
            model, arguments, train_dataset=ROWS, data_collator=collate, processing_class=tokenizer,
            callbacks=[*callbacks], model_init=model_init,
        )  # fmt: skip

    return make


def _losses(trainer):
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


class _Drawing:
    """Reads as another encoder does, and draws random numbers from everywhere meanwhile."""

    def __init__(self, reader):
        self.reader = reader

    def __getattr__(self, name):
        return getattr(self.reader, name)

    def encode(self, items, poolings):
        random.random()
        np.random.rand()  # noqa: NPY002
        torch.rand(3)
        return self.reader.encode(items, poolings)


def test_the_training_is_what_it_would_be_without(make_trainer, home, tmp_path):
    """Losses and weights are equal bit for bit, the model is in training again, and no gradient is left."""
    alone = make_trainer()
    alone.train()
    trainer = make_trainer()
    live = platoscope.load_model(trainer.model, trainer.processing_class)
    noisy = replace(live, reader=_Drawing(live.reader))
    followed = follow_training(
        trainer, str(home / "other"), TEXTS, every=2, pooling="mean", encoder=noisy, store=tmp_path / "store"
    )
    trainer.train()
    assert len(_losses(trainer)) == N_STEPS
    assert _losses(trainer) == _losses(alone)
    for one, other in zip(trainer.model.parameters(), alone.model.parameters(), strict=True):
        assert torch.equal(one, other)
        assert one.grad is None or not one.grad.any()
    assert all(part.training for part in trainer.model.modules())
    assert sorted(followed.checkpoints) == [0, 2, 4]
    assert not followed.failed


def test_no_random_number_is_drawn_before_the_training(make_trainer, home, tmp_path):
    """What the reference draws while it reads is given back."""
    other = transformers.AutoModel.from_pretrained(home / "other")
    live = platoscope.load_model(other, transformers.AutoTokenizer.from_pretrained(home / "other"))
    trainer = make_trainer()
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    reference = replace(live, reader=_Drawing(live.reader))
    followed = follow_training(trainer, reference, TEXTS, every=9, pooling="mean", store=tmp_path / "store")
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
    assert not followed.checkpoints


def test_a_model_that_is_made_for_the_training_is_the_one_that_is_read(make_trainer, home, tmp_path):
    """A Trainer with ``model_init`` makes its model anew for each training."""
    made = []

    def make_model():
        made.append(transformers.AutoModelForCausalLM.from_pretrained(home / "start"))
        return made[-1]

    trainer = make_trainer(model_init=make_model)
    followed = follow_training(
        trainer, home / "other", TEXTS, every=9, pooling="mean", store=tmp_path / "store"
    )
    trainer.train()
    assert len(made) > 1
    now = platoscope.load_model(made[-1], trainer.processing_class)
    last = platoscope.extract(now, TEXTS, pooling="mean", store=tmp_path / "store")
    np.testing.assert_array_equal(followed.checkpoints[N_STEPS][2], last[2])
    assert not np.array_equal(followed.checkpoints[0][2], last[2])


def test_what_is_read_is_a_trajectory_and_its_best_layer_is_in_the_log(make_trainer, home, tmp_path):
    """States of the first step are those of the model before the training; each step logs the best layer both ways."""
    trainer = make_trainer()
    store = tmp_path / "store"
    before = platoscope.extract(
        platoscope.load_model(trainer.model, trainer.processing_class), TEXTS, pooling="mean", store=store
    )
    followed = follow_training(trainer, home / "other", TEXTS, every=3, pooling="mean", store=store)
    trainer.train()
    for read, layer in zip(followed.checkpoints[0], before, strict=True):
        np.testing.assert_array_equal(read, layer)
    result = trajectory(followed.checkpoints, followed.reference, n_resamples=0)
    assert result.step.values.tolist() == [0, 3, 4]
    logged = {
        entry["step"]: entry for entry in trainer.state.log_history if "information_imbalance_a_to_b" in entry
    }
    for step in (0, 3, 4):
        for way in ("a_to_b", "b_to_a"):
            line = result.information_imbalance.sel(step=step, direction=way)
            assert logged[step][f"information_imbalance_{way}"] == float(line.min())
            assert logged[step][f"information_imbalance_{way}_layer"] == int(line.layer[line.argmin("layer")])


def test_a_reference_may_be_there_already(make_trainer, tmp_path):
    """Arrays of the same items and the model as it is now are references; a symmetric measure has one value."""
    trainer = make_trainer()
    start = platoscope.extract(
        platoscope.load_model(trainer.model, trainer.processing_class),
        TEXTS,
        pooling="mean",
        store=tmp_path / "store",
    )
    followed = follow_training(
        trainer, start, TEXTS, every=N_STEPS, pooling="mean", measure="rsa", store=tmp_path / "store"
    )
    trainer.train()
    rsa = [entry["rsa"] for entry in trainer.state.log_history if "rsa" in entry]
    assert rsa[0] == pytest.approx(1.0)
    assert rsa[1] < 1.0
    assert followed.reference is start


def test_a_later_failure_is_told_and_the_training_goes_on(make_trainer, home, tmp_path, monkeypatch):
    """The step is missing, with the reason; the loss is that of a training that was not measured."""
    alone = make_trainer()
    alone.train()
    trainer = make_trainer()
    followed = follow_training(
        trainer, home / "other", TEXTS, every=2, pooling="mean", store=tmp_path / "store"
    )
    reader = next(c for c in trainer.callback_handler.callbacks if type(c).__name__ == "ReadingCallback")
    measure = reader._measure

    def failing(step):
        if step == 2:
            raise OSError(28, "No space left on device")
        return measure(step)

    monkeypatch.setattr(reader, "_measure", failing)
    with pytest.warns(
        PlatoscopeWarning, match="Step 2 was not measured, and the training goes on: No space left"
    ):
        trainer.train()
    assert followed.failed == {2: "No space left on device"}
    assert sorted(followed.checkpoints) == [0, 4]
    assert _losses(trainer) == _losses(alone)


def test_the_last_step_is_measured_wherever_the_training_ends(make_trainer, home, tmp_path):
    """A training that another callback ends is measured at its last step, and a second one replaces the first."""

    class Stop(transformers.TrainerCallback):
        def on_substep_end(self, args, state, control, **kwargs):
            return control

        def on_log(self, args, state, control, **kwargs):
            control.should_training_stop = state.global_step == 3

    trainer = make_trainer(callbacks=[Stop()])
    followed = follow_training(
        trainer, home / "other", TEXTS, every=2, pooling="mean", store=tmp_path / "store"
    )
    trainer.train()
    assert sorted(followed.checkpoints) == [0, 2, 3]
    first = followed.checkpoints[0].key
    trainer.train()
    assert sorted(followed.checkpoints) == [0, 2, 3]
    assert followed.checkpoints[0].key != first


def test_a_model_that_reading_changes_ends_the_training(make_trainer, home, tmp_path):
    """A module that keeps what it sees in evaluation mode would be trained otherwise; that is never silent."""

    class Counting(torch.nn.Identity):
        def __init__(self):
            super().__init__()
            self.register_buffer("seen", torch.zeros(()))

        def forward(self, states):
            self.seen += 1
            return states

    model = transformers.AutoModelForCausalLM.from_pretrained(home / "start")
    model.transformer.drop = Counting()
    trainer = make_trainer(model=model)
    follow_training(trainer, home / "other", TEXTS, every=2, pooling="mean", store=tmp_path / "store")
    with pytest.raises(InputError, match="Reading the model at step 0 changed it"):
        trainer.train()


def test_what_cannot_be_followed_is_refused(make_trainer, home, tmp_path):
    """Each message says what was expected, before the training begins."""
    trainer = make_trainer()
    known = {"every": 2, "pooling": "mean", "store": tmp_path / "store"}
    other = platoscope.load_model(str(home / "other"))
    start = platoscope.extract(other, TEXTS, pooling="mean", store=tmp_path / "store")
    for arguments, change, said in (
        ((object(), start, TEXTS), {}, "trainer must be a Trainer of transformers; got <object"),
        ((trainer, start, TEXTS), {"every": 0}, "every must be a whole number, at least 1; got 0"),
        ((trainer, start, TEXTS), {"match": "depth"}, "match must be"),
        ((trainer, start, TEXTS), {"pooling": "max"}, "max"),
        ((trainer, start, TEXTS), {"encoder": other}, "encoder must be what platoscope.load_model"),
        ((trainer, trainer.model, TEXTS), {}, "reference is a GPT2LMHeadModel, and how it reads the items"),
        ((trainer, 3, TEXTS), {}, "reference must be a stack of layers"),
        ((trainer, home / "other", TEXTS), {"side": None}, "side must be"),
        ((trainer, home / "other", 7), {}, "items"),
    ):
        with pytest.raises(InputError, match=said):
            follow_training(*arguments, **{**known, **change})
    model = transformers.AutoModel.from_pretrained(home / "start")
    reads_another = platoscope.load_model(model, trainer.processing_class)
    with pytest.raises(
        InputError, match="encoder reads another GPT2Model than the one that the Trainer trains"
    ):
        follow_training(trainer, start, TEXTS, encoder=reads_another, **known)
    few = platoscope.extract(other, TEXTS[:20], pooling="mean", store=tmp_path / "store")
    follow_training(trainer, few, TEXTS, **known)
    with pytest.raises(InputError, match="must describe the same items: got 45 and 20 rows"):
        trainer.train()
    assert not _losses(trainer)


def test_nothing_is_warned_of(make_trainer, home, tmp_path):
    """A plain training is followed without a word beside its log."""
    trainer = make_trainer()
    follow_training(trainer, home / "other", TEXTS, every=2, pooling="mean", store=tmp_path / "store")
    with warnings.catch_warnings():
        warnings.simplefilter("error", PlatoscopeWarning)
        trainer.train()
