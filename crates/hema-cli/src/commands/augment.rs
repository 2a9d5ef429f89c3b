//! `hema augment`: augmentation to look at.

use std::path::PathBuf;

use clap::Subcommand;
use hema::data::{self, Dataset, info::draw};
use hema::error::{Error, Result};
use hema::file;
use hema::preprocess::{Filter, resize};
use hema::preview::{self, Section};
use hema::provenance::Provenance;
use hema::recipe::Recipe;
use hema::report::{self, Origin};
use hema::rng::{Purpose, stream};
use hema::sample::Image;
use hema::synthetic;
use hema::train;
use hema::{command_line, device};

use super::args::output;
use crate::output::Printer;
use crate::places::{Kind, Places};
use crate::status::Status;

/// Look at what augmentations, corruptions and recipes do to images
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        let Command::Preview(args) = &self.command;
        let kind =
            if args.out.extension().is_some_and(|end| end == "png") { Kind::Picture } else { Kind::Page };
        Places::default().data(&args.data).reads(&args.recipe).writes(kind, Some(&args.out))
    }
}

#[derive(Subcommand)]
enum Command {
    Preview(Preview),
}

/// Draw every augmentation and corruption at five strengths and every mix, or what a recipe shows to training
#[derive(clap::Args)]
struct Preview {
    /// Show what this recipe's augmentation makes of images, a shipped one (see `hema list recipes`) or a
    /// TOML file
    #[arg(long)]
    recipe: Option<String>,
    /// Image folder, or any other form of `hema list readers`; synthetic cells when left out
    #[arg(long)]
    data: Option<PathBuf>,
    /// Images to take, drawn at random
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=200))]
    images: u32,
    /// Pixels a side that images are brought to before anything is done to them; with --recipe the recipe's
    /// own
    #[arg(long, value_name = "N", default_value_t = 96, conflicts_with = "recipe",
          value_parser = clap::value_parser!(u32).range(8..=1024))]
    size: u32,
    /// Decides the images and every random choice
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// What to write: a page with names (.html), or a sheet of pictures whose rows are listed (.png)
    #[arg(long, value_parser = output(), value_name = "FILE", default_value = "preview.html")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    let Command::Preview(args) = &args.command;
    printer.leave_stdout_to(&args.out);
    let is_page = match args.out.extension().and_then(|end| end.to_str()) {
        Some("html") => true,
        Some("png") => false,
        _ if file::is_stdout(&args.out) => true,
        _ => return Err(Error::new("its name ends in neither .html nor .png").at(&args.out)),
    };
    let cells = cells(args, printer)?;
    let sections = if let Some(recipe) = &args.recipe {
        vec![training(recipe, cells, args.seed)?]
    } else {
        let size = args.size as usize;
        let images: Vec<Image> = cells
            .images
            .iter()
            .map(|(_, image, _)| resize(image, size, size, Filter::Bicubic))
            .collect::<Result<_>>()?;
        let mut sections = preview::operators(&images, args.seed);
        sections.push(preview::mixes(&images, args.seed)?);
        sections
    };
    write(args, is_page, &sections)?;
    let rows = || sections.iter().flat_map(|section| &section.rows).map(|row| row.name.as_str());
    if printer.is_json() {
        let rows: Vec<&str> = rows().collect();
        printer.result(&serde_json::json!({ "out": args.out, "rows": rows }).to_string());
    } else {
        if !is_page {
            printer.result(&rows().collect::<Vec<_>>().join("\n"));
        }
        printer.note(&format!("preview: {}", args.out.display()));
    }
    Ok(Status::Done)
}

/// Images to look at, as they are.
struct Cells {
    classes: Vec<String>,
    /// Path, image and class of each.
    images: Vec<(String, Image, Option<usize>)>,
}

/// Some images of the data, or synthetic cells, class by class.
fn cells(args: &Preview, printer: &Printer) -> Result<Cells> {
    let Some(data) = &args.data else {
        let cell = |number: u64| {
            let class = number as usize % synthetic::CLASSES.len();
            let mut rng = stream(args.seed, Purpose::Synthetic, class as u64, number);
            (format!("cell {number}"), synthetic::render(class, 96, &mut rng), Some(class))
        };
        let classes = synthetic::CLASSES.map(String::from).into();
        return Ok(Cells { classes, images: (0..u64::from(args.images)).map(cell).collect() });
    };
    let source = data::open(data)?;
    printer.warn_of_notices(source.notices());
    let chosen = draw(&source, (0..source.len()).collect(), args.images as usize, args.seed);
    let cell = |index: usize| {
        let entry = source.entry(index);
        Ok((entry.path.to_owned(), source.image(index)?, entry.label))
    };
    let images = chosen.into_iter().map(cell).collect::<Result<_>>()?;
    Ok(Cells { classes: source.classes().to_vec(), images })
}

/// The images as a run of this recipe and seed would show them, were they its data, resized as it resizes
/// them.
fn training(recipe: &str, mut cells: Cells, seed: u64) -> Result<Section> {
    const EPOCHS: u64 = 5;
    let recipe = Recipe::load(recipe, &[format!("seed={seed}")])?;
    let preprocess = train::preprocess(&recipe);
    for (_, image, _) in &mut cells.images {
        *image = preprocess.apply(image)?;
    }
    let images: Vec<Image> = cells.images.iter().map(|(_, image, _)| image.clone()).collect();
    let data = Dataset::from_images(cells.classes, cells.images)?;
    let epochs: Vec<_> =
        (0..EPOCHS).map(|epoch| train::shown(&recipe, &data, epoch)).collect::<Result<_>>()?;
    Ok(preview::training(&images, &epochs))
}

fn write(args: &Preview, is_page: bool, sections: &[Section]) -> Result<()> {
    /// Pixels of a picture in a sheet.
    const SIDE: usize = 96;
    let content = if is_page {
        let recipe = args.recipe.as_deref();
        let title = recipe.map_or("Operators".to_owned(), |recipe| format!("Augmentation of {recipe}"));
        report::render_preview(&title, sections, &origin(args)?)?.into_bytes()
    } else {
        preview::sheet(sections, SIDE)?.to_png()?
    };
    file::write_atomic(&args.out, |file| file.write_all(&content))
}

/// What makes the page.
fn origin(args: &Preview) -> Result<Origin> {
    let data = args.data.as_ref().map_or("synthetic cells".to_owned(), |data| data.display().to_string());
    let recipe = args.recipe.as_ref().map(|recipe| Recipe::load(recipe, &[] as &[&str])?.to_toml());
    Ok(Origin {
        inputs: vec![("Data", data), ("Seed", args.seed.to_string())],
        files: recipe.transpose()?.into_iter().map(|toml| ("Recipe", toml)).collect(),
        ..Origin::new(Provenance::now(command_line(), device::name(&device::open("cpu")?)))
    })
}
