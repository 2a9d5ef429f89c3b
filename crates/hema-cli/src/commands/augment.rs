//! `hema augment`: augmentation to look at.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use hema::core::augment::Augment;
use hema::core::data::{self, info::draw};
use hema::core::error::{Error, Result};
use hema::core::file;
use hema::core::preview::{self, Section};
use hema::core::report;
use hema::core::rng::{Purpose, stream};
use hema::core::sample::Image;
use hema::core::synthetic;
use hema::recipe::Recipe;

use crate::output::Printer;

/// Look at what augmentations, corruptions and recipes do to images
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Preview(Preview),
}

/// Draw every augmentation and corruption at five strengths, or what a recipe shows to training
#[derive(clap::Args)]
struct Preview {
    /// Show what this recipe's augmentation makes of images, a shipped one (see `hema list recipes`) or a TOML file
    #[arg(long)]
    recipe: Option<String>,
    /// Image folder, archive, .npz, CSV manifest or single image; synthetic cells when left out
    #[arg(long)]
    data: Option<PathBuf>,
    /// Images to take, drawn at random
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=200))]
    images: u32,
    /// Decides the images and every random choice
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// What to write: a page with names (.html), or a sheet of pictures whose rows are listed (.png)
    #[arg(long, value_name = "FILE", default_value = "preview.html")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<()> {
    let Command::Preview(args) = &args.command;
    let is_page = match args.out.extension().and_then(|end| end.to_str()) {
        Some("html") => true,
        Some("png") => false,
        _ => return Err(Error::new("its name ends in neither .html nor .png").at(&args.out)),
    };
    let augment = args.recipe.as_ref().map(|recipe| recipe_augment(recipe)).transpose()?;
    let images = images(args)?;
    let sections = match &augment {
        Some(augment) => vec![preview::training(augment, &images, args.seed)],
        None => preview::operators(&images, args.seed),
    };
    write(&args.out, is_page, &sections, args.recipe.as_deref())?;
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
    Ok(())
}

fn recipe_augment(recipe: &str) -> Result<Augment> {
    Recipe::load(recipe, &[] as &[&str])?.augment.build()
}

/// Some images of the data, or synthetic cells, class by class.
fn images(args: &Preview) -> Result<Vec<Image>> {
    let Some(data) = &args.data else {
        let cell = |number: u64| {
            let class = number as usize % synthetic::CLASSES.len();
            synthetic::render(class, 96, &mut stream(args.seed, Purpose::Synthetic, class as u64, number))
        };
        return Ok((0..u64::from(args.images)).map(cell).collect());
    };
    let source = data::open(data)?;
    let chosen = draw(&source, (0..source.len()).collect(), args.images as usize, args.seed);
    chosen.into_iter().map(|index| source.image(index)).collect()
}

fn write(out: &Path, is_page: bool, sections: &[Section], recipe: Option<&str>) -> Result<()> {
    /// Pixels of a picture in a sheet.
    const SIDE: usize = 96;
    let content = if is_page {
        let title = recipe.map_or("Operators".to_owned(), |recipe| format!("Augmentation of {recipe}"));
        report::render_preview(&title, sections)?.into_bytes()
    } else {
        preview::sheet(sections, SIDE)?.to_png()?
    };
    file::write_atomic(out, |file| file.write_all(&content))
}
