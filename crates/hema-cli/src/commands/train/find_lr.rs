//! `hema train --find-lr`: a range test in place of a run, and the learning rate it suggests.

use std::path::Path;

use hema::error::{Error, ErrorKind, Result};
use hema::file::{self, csv_error};
use hema::provenance::Provenance;
use hema::recipe::Recipe;
use hema::report::{self, Origin, RateTest};
use hema::split::Part;
use hema::train::{self, RangeTest, Start};
use hema::training::describe;
use hema::{command_line, device};

use super::inputs::Inputs;
use crate::output::{Bars, Printer};
use crate::status::{Status, listen_to_ctrl_c, stop_flag};

/// The page and the table of a range test.
const PAGE: &str = "lr.html";
const TABLE: &str = "lr.csv";

pub(super) fn run(inputs: &Inputs, printer: &Printer) -> Result<Status> {
    let training = inputs.training();
    let recipe = training.read_recipe()?;
    let out = training.folder(&recipe, "-lr");
    if out.join(train::RECIPE).exists() {
        return Err(Error::new("holds a run, expected a folder for the page of a range test")
            .at(&out)
            .hint("choose another --out")
            .with_kind(ErrorKind::AlreadyExists));
    }
    let data = training.open_data(&recipe, &out, &mut Bars::new(printer))?;
    let split = training.find_split(&recipe, &data.source, &out)?;
    let device = inputs.device.open(printer)?;
    train::check(&recipe, data.source.classes(), data.source.len(), &device)?;
    let plan = training.plan_of(recipe, data.into(), split, out, Start::Fresh);
    let images = plan.load(Part::Train, &mut Bars::new(printer))?;
    printer.note(&format!("train: {}", describe(&images)));

    listen_to_ctrl_c(printer, "end the test");
    let bar = printer.progress("range test", RangeTest::STEPS as u64);
    let mut watch = |test: &RangeTest| {
        let (steps, last) = (test.points.len(), test.points.last());
        let message =
            last.map_or(String::new(), |point| format!("lr {:.1e}  loss {:.4}", point.lr, point.smoothed));
        bar.set(steps as u64, &message);
    };
    let test = train::test_rates(&plan.recipe, &images, &device, &mut watch, stop_flag())?;
    bar.clear();
    let Some(test) = test else { return Ok(Status::Interrupted) };
    let origin = Origin {
        inputs: vec![("Data", plan.data.info.data.display().to_string())],
        files: vec![("Recipe", plan.recipe.to_toml()?)],
        ..Origin::new(Provenance::now(command_line(), device::name(&device)))
    };
    write(&plan.folder, &plan.recipe, &test, origin)?;
    print(&plan.folder, &plan.recipe, &test, printer);
    Ok(Status::Done)
}

/// The argument that sets a rate.
fn advice(rate: f64) -> String {
    format!("--set stage.0.lr={rate:.1e}")
}

fn write(out: &Path, recipe: &Recipe, test: &RangeTest, origin: Origin) -> Result<()> {
    let column = |value: fn(&train::Point) -> f64| test.points.iter().map(value).collect::<Vec<_>>();
    let drawn = RateTest {
        lr: column(|point| point.lr),
        loss: column(|point| point.loss),
        smoothed: column(|point| point.smoothed),
        suggested: test.suggested(),
        steepest: test.steepest(),
        advice: test.suggested().map_or(String::new(), advice),
        origin,
    };
    let page = report::render_rates(&format!("Learning rates of {}", recipe.name), &drawn);
    file::write_atomic(&out.join(PAGE), |file| file.write_all(page.as_bytes()))?;
    file::write_atomic(&out.join(TABLE), |file| {
        let mut table = csv::Writer::from_writer(file);
        table.write_record(["lr", "loss", "smoothed_loss"]).map_err(csv_error)?;
        for point in &test.points {
            let row = [point.lr, point.loss, point.smoothed].map(|value| format!("{value:?}"));
            table.write_record(row).map_err(csv_error)?;
        }
        table.flush()
    })
}

fn print(out: &Path, recipe: &Recipe, test: &RangeTest, printer: &Printer) {
    let (suggested, steepest, lowest) = (test.suggested(), test.steepest(), test.lowest());
    if printer.is_json() {
        let found = serde_json::json!({
            "stage": recipe.stages[0].name, "suggested": suggested, "steepest": steepest, "lowest": lowest,
            "steps": test.points.len(), "page": out.join(PAGE),
        });
        printer.result(&found.to_string());
        return;
    }
    match suggested {
        Some(rate) => {
            let shown = |rate: Option<f64>| rate.map_or("unknown".into(), |rate| format!("{rate:.1e}"));
            printer.note(&format!(
                "the loss was lowest at {}, fell fastest at {}; a tenth of the lowest is the usual peak",
                shown(lowest),
                shown(steepest)
            ));
            printer.result(&advice(rate));
        }
        None => {
            printer.warn("the loss fell at no rate: look at the data, the loss and what the stage trains");
        }
    }
    printer.note(&format!("page: {}", out.join(PAGE).display()));
}
