//! The quickstart on drawn cells, which a program draws: it needs nothing that the program carries.

use std::path::Path;
use std::time::Duration;

use hema::data::Dataset;
use hema::error::Result;
use hema::provenance::Provenance;
use hema::recipe::Recipe;
use hema::run_folder::REPORT;
use hema::train::{Claimed, Start, Task};
use hema::{Classifier, Device, ModelCard, command_line, device, file, shell_word, synthetic, training};

use crate::commands::evaluate;
use crate::commands::train::TrainingBars;
use crate::next;
use crate::output::{Bars, Printer};
use crate::status::{Status, stop_flag};

/// Cells drawn of each class, for training, validation and test.
const CELLS: [usize; 3] = [300, 60, 60];

/// Cells of each class that are written as files to try `hema predict` on.
const SAMPLES: usize = 4;

/// Epochs on so many cells, in place of the recipe's, which is for few.
const EPOCHS: &str = "stage.0.epochs=8";

/// Draws cells, trains on them, judges the model and writes its report into `out`.
pub(super) fn run(recipe: &str, out: &Path, printer: &Printer) -> Result<Status> {
    let recipe = Recipe::load(recipe, &[EPOCHS])?;
    printer.note("drawing synthetic cells of eight classes (a program draws them: scores say nothing about real blood)");
    let [training_cells, val, test] =
        [0, 1, 2].map(|part| draw(CELLS[part], recipe.data.size, recipe.seed + part as u64));
    let (training_cells, val, test) = (training_cells?, val?, test?);

    let out = Claimed::for_run(out, Start::Fresh)?;
    let device = Device::flex();
    let task = Task {
        recipe: &recipe,
        train: &training_cells,
        val: &val,
        data: "synthetic cells",
        synthetic: true,
        out: &out,
        start: Start::Fresh,
        save_every: Duration::MAX,
        command: &command_line(),
        device: &device,
    };
    training::fit(&task, &mut TrainingBars::new(&recipe, printer), stop_flag())?;
    printer.note("judging it on unchanged and on degraded images it has never seen");
    let model = Classifier::open(&*out)?;
    let evaluation = hema::evaluate_dataset(&model, &test, "synthetic cells")
        .part("test")
        .suite("degraded")
        .out(&*out)
        .run(&mut Bars::new(printer))?;
    let made_by = Provenance::now(command_line(), device::name(&device));
    ModelCard::read(&out, &[], made_by)?.write_into(&out)?;
    write_samples(&test, &out.join("cells"))?;
    evaluate::print(&evaluation, printer)?;
    printer.note(&format!("open {} in a browser", shell_word(&out.join(REPORT))));
    printer.next(&next::predict(&out, &out.join("cells")));
    Ok(Status::Done)
}

fn draw(per_class: usize, size: usize, seed: u64) -> Result<Dataset> {
    let images = synthetic::images(&[per_class; 8], size, seed);
    let labelled = images.into_iter().map(|(path, image, label)| (path, image, Some(label))).collect();
    Dataset::from_images(synthetic::CLASSES.map(String::from).to_vec(), labelled)
}

/// Writes a few cells of each class as PNG files.
fn write_samples(data: &Dataset, folder: &Path) -> Result<()> {
    let mut written = [0; synthetic::CLASSES.len()];
    for i in 0..data.len() {
        let Some(label) = data.label(i).filter(|&label| written[label] < SAMPLES) else { continue };
        written[label] += 1;
        let png = data.image(i)?.to_png()?;
        file::write_atomic(&folder.join(data.entry(i).path), |w| w.write_all(&png))?;
    }
    Ok(())
}
