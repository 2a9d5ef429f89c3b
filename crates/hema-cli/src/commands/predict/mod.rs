//! `hema predict`: classes and probabilities of new images, as a table.

mod gallery;
mod print;
mod rows;
mod sets;

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hema::data::Source;
use hema::error::{Error, Result, squashed, suggest};
use hema::predict::{Images, Untrusted};
use hema::referral::{Asked, Sets};
use hema::rescale::Rescaling;
use hema::spreadsheet::defused;
use hema::trust::{Marks, SETS_BY, SetsBy, Trust, Wanted, find_sets_by};
use hema::{Classifier, Prediction, Referral, file};

use super::args::{ModelArgs, OnBadImage, RescaleArg, output, parse_between};
use crate::output::{Bars, Printer};
use crate::places::{Kind, Places};
use crate::status::Status;
use print::{counts, json, limits, tell_what_was_assumed, warnings};
use rows::{Classified, Row};

/// Classify new images
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    field_of_view: RescaleArg,
    /// Images, image folders, or any other form of `hema list readers`
    #[arg(required = true)]
    input: Vec<PathBuf>,
    /// CSV file to write [default: stdout]
    #[arg(long, value_parser = output(), value_name = "FILE")]
    out: Option<PathBuf>,
    /// Columns of the CSV, as a challenge asks for them: NAME=COLUMN, or COLUMN alone, where COLUMN is one of
    /// the usual table, or for an id `file` (the path's last part), `stem` (that without its ending) or `row`
    /// (the image's position in the data, from 0: of an array, its index), or for an answer `number` (the
    /// label's, from 0)
    #[arg(long, value_name = "NAME=COLUMN", value_delimiter = ',')]
    columns: Vec<String>,
    /// Lowest probability that is believed, as in 0.9 (`hema evaluate` says how often a model is right above
    /// it): the columns `refer` and `reason` name the images for a person
    #[arg(long, value_name = "PROBABILITY", value_parser = parse_sure, conflicts_with = "max_refer")]
    sure: Option<f64>,
    /// Share of images like training's that are referred to a person at most, as in 0.05: those of the lowest
    /// probabilities, those that are least like training's cells and the poorest pictures
    /// [default: 0.03 where the model carries thresholds]
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    max_refer: Option<f64>,
    /// Largest share of wrong names among the images that are not referred, as in 0.01, promised by cells
    /// that the model was not fitted on (`hema certify` promises by your own): those of the lowest
    /// probabilities are referred, the poorest pictures, and those that are least like training's cells
    #[arg(long, value_name = "SHARE", value_parser = parse_between, conflicts_with_all = ["sure", "max_refer"])]
    max_risk: Option<f64>,
    /// Probability with which the promise of --max-risk holds
    #[arg(long, value_name = "PROBABILITY", value_parser = parse_between, default_value_t = Wanted::USUAL.confidence)]
    #[arg(requires = "max_risk")]
    confidence: f64,
    /// Add the column `set`: the classes, the most probable first and a bar between two, that hold the right
    /// one with this probability, as in 0.99
    #[arg(long, value_name = "LEVEL", value_parser = parse_between)]
    sets: Option<f64>,
    /// How sets are made (see `hema list sets`)
    #[arg(long, value_name = "WAY", default_value = SETS_BY[0].name, value_parser = parse_sets_by)]
    #[arg(requires = "sets")]
    sets_by: &'static SetsBy,
    /// Page of pictures to write, the images that the model is unsure of first
    #[arg(long, value_parser = output(), value_name = "FILE")]
    page: Option<PathBuf>,
}

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        self.model
            .places()
            .data(&self.input)
            .writes(Kind::Csv, self.out.as_ref())
            .writes(Kind::Page, self.page.as_ref())
    }
}

impl Args {
    /// What is said of referral.
    fn referral(&self) -> Result<Asked> {
        Ok(match (self.max_risk, self.sure, self.max_refer) {
            (Some(risk), ..) => Asked::Promise(Wanted::new(risk, self.confidence)?),
            (None, Some(sure), _) => Asked::Sure(sure),
            (None, None, Some(share)) => Asked::MaxRefer(share),
            (None, None, None) => Asked::Usual,
        })
    }

    /// Makes the sets of the model's certifying cells, where they are asked for.
    fn sets(&self, trust: Result<&Trust, Untrusted>) -> Result<Option<Sets>> {
        self.sets.map(|level| Sets::new(trust, self.sets_by, level)).transpose()
    }
}

fn parse_sure(text: &str) -> Result<f64, String> {
    let sure = text.parse().ok().filter(|sure: &f64| *sure > 0.0 && *sure <= 1.0);
    sure.ok_or_else(|| "expected a probability above 0 and at most 1, as in 0.9".to_owned())
}

fn parse_sets_by(text: &str) -> Result<&'static SetsBy, String> {
    find_sets_by(text).map_err(|e| e.hint_text().map_or(e.to_string(), |hint| format!("{e}; {hint}")))
}

fn parse_share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share: &f64| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a share of 0 to 1, as in 0.05".to_owned())
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    // the table alone goes to stdout, however it is called
    let out = args.out.as_ref().filter(|out| !file::is_stdout(out));
    for path in out.into_iter().chain(&args.page) {
        file::prepare(path)?;
    }
    if let Some(page) = &args.page {
        printer.leave_stdout_to(page);
    }
    let model = args.model.open_for(args.field_of_view.rescale, printer)?;
    let columns = columns(&args.columns, &usual_columns(&model, args.sets.is_some()))?;
    let asked = args.referral()?;
    // what is not possible is refused before images are decoded
    Referral::new(model.trust(), asked).and(args.sets(model.trust()))?;
    let (source, images) = load(&model, args, &columns, printer)?;
    let referral = Referral::new(model.trust_of(&images), asked)?;
    let sets = args.sets(model.trust_of(&images))?;
    let classified = classify(&model, source, &images, &referral, printer)?;

    let (classes, rows) = (model.classes(), &classified.rows);
    let warnings = warnings(&model, &classified);
    for warning in &warnings {
        printer.warn(warning);
    }
    tell_what_was_assumed(&model, &classified, printer);
    if let Some(criterion) = referral.criterion() {
        printer.note(&rows::split_in_words(rows, &criterion));
    }
    if let Some(sets) = &sets {
        printer.note(&sets::in_words(sets, rows, classes));
    }
    if let Some(reason) = referral.missing() {
        printer.note(&format!("no image is referred to a person: {reason}"));
    }
    name_doubtful(args, &columns, rows, printer);
    let called = model.summary().called();
    let table = Table {
        columns: &columns,
        rows,
        refers: referral.refers(),
        model: &called,
        classes,
        sets: sets.as_ref(),
        rescaling: classified.rescaling.as_ref(),
    };
    // the table first: it stays where the page does not fit
    hand_out(&table, out, printer)?;
    if let Some(page) = &args.page {
        let written = out.map(PathBuf::as_path);
        let subject = gallery::Subject { model: &model, warnings, referral: &referral, table: written };
        gallery::write(page, subject, &classified)?;
        printer.note(&format!("page: {}", page.display()));
    }
    if printer.is_json() {
        printer.result(&json(&model, &classified, &referral, sets.as_ref())?);
    }
    if let Some(command) = print::another_field_of_view(&model, &args.input, &classified) {
        printer.next(&command);
    }
    Ok(Status::Done)
}

/// Writes the table into a file and says what is in it, or prints it.
fn hand_out(table: &Table, out: Option<&PathBuf>, printer: &Printer) -> Result<()> {
    let Some(path) = out else {
        if !printer.is_json() {
            printer.write_result(|out| table.write(out));
        }
        return Ok(());
    };
    file::write_atomic(path, |w| table.write(w))?;
    let answers = table.rows.iter().filter(|row| row.answer.is_some()).count();
    let without = match table.rows.len() - answers {
        0 => String::new(),
        1 => " and 1 row without one".to_owned(),
        n => format!(" and {n} rows without one"),
    };
    printer.note(&format!("{answers} predictions{without}: {}", path.display()));
    if !printer.is_json() {
        printer.result(&counts(table.classes, table.rows, table.refers));
    }
    Ok(())
}

/// Decodes the inputs, each of which is to have a row in the table.
fn load(
    model: &Classifier,
    args: &Args,
    columns: &[(String, Cell)],
    printer: &Printer,
) -> Result<(Source, Images)> {
    let source = model.open_data(&args.input)?;
    if args.model.on_bad_image == OnBadImage::Fail {
        source.refuse_hidden()?;
    }
    refuse_double_ids(columns, &source, printer)?;
    if let Some(hint) = hint_to_rows(columns, &source) {
        printer.warn(&hint);
    }
    let images = model.load(&source, None, &mut Bars::new(printer))?;
    Ok((source, images))
}

/// Classifies images with a bar.
fn classify(
    model: &Classifier,
    source: Source,
    images: &Images,
    referral: &Referral,
    printer: &Printer,
) -> Result<Classified> {
    let progress = printer.progress("predicting", images.first().len() as u64);
    let mut predictions = model.predict(images);
    let mut done = 0;
    let shown = predictions.by_ref().inspect(|_| {
        done += 1;
        progress.set(done, "images");
    });
    let skipped = images.first().skipped().to_vec();
    let unlike = model.unlike_training(images.first())?;
    let rows = rows::rows(&source, &skipped, referral, unlike, shown)?;
    progress.clear();
    let mut weights = predictions.class_weights().unwrap_or_default().to_vec();
    // a class that the model must not choose has no weight
    weights.retain(|class| model.predictor().possible().contains(&class.name));
    let notices = source.all_notices();
    let rescaling = images.rescaling().cloned();
    Ok(Classified { source, rows, skipped, notices, weights, rescaling })
}

/// Where a column has the label's number and its name, or that no other column tells images apart, speaks for
/// the image's: says which column that is.
fn hint_to_rows(columns: &[(String, Cell)], source: &Source) -> Option<String> {
    let is_id = |name: &str| {
        ["id", "index", "idx", "row", "image"].contains(&squashed(name).as_str())
            || ["_id", "Id", "ID"].iter().any(|end| name.ends_with(end))
    };
    let is_array = source.entries().iter().next().is_some_and(|entry| entry.path.ends_with(']'));
    let without_id = is_array && columns.iter().all(|(_, cell)| !cell.names_images());
    let mut numbers = columns.iter().filter(|(_, cell)| matches!(cell, Cell::Number));
    let (name, _) = numbers.find(|(name, _)| without_id || is_id(name))?;
    Some(format!(
        "the column `{name}` has the number of the label; the position of the image in the data, from 0, is `row`, as in \
         `--columns Id=row,Label=number`"
    ))
}

/// The contents of a column of the table.
#[derive(Clone, Copy)]
enum Cell {
    Path,
    File,
    Stem,
    Row,
    Label,
    Number,
    Probability,
    Class(usize),
    /// Whether a person should look at it, where that was asked.
    Refer,
    /// Why a person should.
    Reason,
    /// The second class.
    RunnerUp,
    /// How unlike training's cells it is.
    Unlike,
    /// How poor the picture is.
    Poor,
    /// The classes that hold the right one.
    Set,
    /// Probability of the classes that the model was told not to choose.
    Excluded,
    /// The model that answered, and the checksum of its contents.
    Model,
    /// The factor that its field of view was rescaled by, where that was asked for.
    Rescale,
}

impl Cell {
    /// Whether it tells an image from others.
    fn names_images(self) -> bool {
        self.of_image(0, "").is_some()
    }

    /// The text of a cell that an image's position and path decide.
    fn of_image(self, position: usize, path: &str) -> Option<String> {
        let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        match self {
            Self::Path => Some(path.to_owned()),
            Self::File => Some(part(Path::new(path).file_name())),
            Self::Stem => Some(part(Path::new(path).file_stem())),
            Self::Row => Some(position.to_string()),
            Self::Label
            | Self::Number
            | Self::Probability
            | Self::Class(_)
            | Self::Refer
            | Self::Reason
            | Self::RunnerUp
            | Self::Unlike
            | Self::Poor
            | Self::Set
            | Self::Excluded
            | Self::Model
            | Self::Rescale => None,
        }
    }
}

/// The table's usual columns: `path,label,probability,<one a class>,refer,reason,runner_up,unlike,poor,
/// model`, and behind them `set` where sets are asked for, `excluded` where the model chooses among some of
/// its classes only, and `rescale` where it is shown another field of view.
fn usual_columns(model: &Classifier, has_sets: bool) -> Vec<(String, Cell)> {
    let fixed = [("path", Cell::Path), ("label", Cell::Label), ("probability", Cell::Probability)];
    let named = |(name, cell): (&str, Cell)| (name.to_owned(), cell);
    let classes = model.classes().iter().enumerate().map(|(class, name)| (name.clone(), Cell::Class(class)));
    let last = [
        ("refer", Cell::Refer),
        ("reason", Cell::Reason),
        ("runner_up", Cell::RunnerUp),
        ("unlike", Cell::Unlike),
        ("poor", Cell::Poor),
        ("model", Cell::Model),
    ];
    let set = has_sets.then_some(("set", Cell::Set));
    let excluded = limits(model).then_some(("excluded", Cell::Excluded));
    let rescale = model.rescale().map(|_| ("rescale", Cell::Rescale));
    let last = last.into_iter().chain(set).chain(excluded).chain(rescale).map(named);
    fixed.map(named).into_iter().chain(classes).chain(last).collect()
}

/// The columns that were asked for, by name; the usual ones when none were.
fn columns(wanted: &[String], usual: &[(String, Cell)]) -> Result<Vec<(String, Cell)>> {
    if wanted.is_empty() {
        return Ok(usual.to_vec());
    }
    let more = [("file", Cell::File), ("stem", Cell::Stem), ("row", Cell::Row), ("number", Cell::Number)];
    let known: Vec<(String, Cell)> =
        usual.iter().cloned().chain(more.map(|(name, cell)| (name.to_owned(), cell))).collect();
    let column = |word: &String| {
        let (name, column) = word.split_once('=').unwrap_or((word, word));
        let found = known.iter().find(|(known, _)| known == column);
        let (_, cell) = found.ok_or_else(|| {
            let names = known.iter().map(|(name, _)| name.as_str());
            Error::new(format!("there is no column `{column}`")).hint(suggest(column, names))
        })?;
        Ok((name.to_owned(), *cell))
    };
    let columns: Vec<(String, Cell)> = wanted.iter().map(column).collect::<Result<_>>()?;
    let mut names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::new(format!("two columns are called `{}`", pair[0]))
            .hint("give each a name of its own, as in `--columns Id=row,File=path`")),
        None => Ok(columns),
    }
}

/// Says which images to look at, where neither the chosen columns nor a page do.
fn name_doubtful(args: &Args, columns: &[(String, Cell)], rows: &[Row], printer: &Printer) {
    /// Images that are named.
    const NAMED: usize = 5;
    let says = columns.iter().any(|(_, cell)| matches!(cell, Cell::Refer | Cell::Reason));
    let doubtful = || rows.iter().filter_map(|row| Some((row, row.doubt.as_ref()?)));
    let count = doubtful().count();
    if says || args.page.is_some() || count == 0 {
        return;
    }
    let named = doubtful().take(NAMED).map(|(row, doubt)| format!("{} ({})", row.path, doubt.words()));
    let named: Vec<String> = named.collect();
    let more = count - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    printer.warn(&format!(
        "the chosen columns do not say which images to look at: {}{more}; add `refer` and `reason` to them, or see all with \
         --page FILE",
        named.join(", ")
    ));
}

/// Refuses columns by which two images could not be told apart. An image that is given twice has its rows
/// twice.
///
/// # Errors
/// Different images with the same cells in all columns that name images.
fn refuse_double_ids(columns: &[(String, Cell)], source: &Source, printer: &Printer) -> Result<()> {
    let ids: Vec<&(String, Cell)> = columns.iter().filter(|(_, cell)| cell.names_images()).collect();
    let Some((name, _)) = ids.first() else { return Ok(()) };
    let mut paths: HashMap<Vec<String>, &str> = HashMap::new();
    let (mut same_id, mut same_path) = (Vec::new(), 0);
    for (position, entry) in source.entries().iter().enumerate() {
        let id: Vec<String> =
            ids.iter().filter_map(|(_, cell)| cell.of_image(position, entry.path)).collect();
        match paths.insert(id.clone(), entry.path) {
            Some(before) if before == entry.path => same_path += 1,
            Some(before) => same_id.push((id.join(","), before, entry.path)),
            None => {}
        }
    }
    if same_path > 0 {
        printer.warn(&format!(
            "inputs are given more than once, and have a row each time: {same_path} rows too many"
        ));
    }
    let Some((id, one, other)) = same_id.first() else { return Ok(()) };
    Err(Error::new(format!(
        "{} images have an id in the column `{name}` that another has, first: `{id}` of {one} and {other}",
        same_id.len()
    ))
    .hint("add the column `path` or take it in place of this one, or predict one folder at a time"))
}

/// The table of predictions.
struct Table<'a> {
    columns: &'a [(String, Cell)],
    rows: &'a [Row],
    refers: bool,
    model: &'a str,
    classes: &'a [String],
    sets: Option<&'a Sets>,
    rescaling: Option<&'a Rescaling>,
}

impl Table<'_> {
    fn write(&self, w: &mut dyn Write) -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(w);
        csv.write_record(self.columns.iter().map(|(name, _)| defused(name))).map_err(file::csv_error)?;
        for row in self.rows {
            let record = self.columns.iter().map(|(_, cell)| self.text(*cell, row));
            csv.write_record(record).map_err(file::csv_error)?;
        }
        csv.flush()
    }

    /// The text of a cell. What only an answer has is empty for an image that could not be read.
    fn text(&self, cell: Cell, row: &Row) -> String {
        let of_answer =
            |read: &dyn Fn(&Prediction) -> String| row.answer.as_ref().map_or(String::new(), read);
        let of_marks = |read: &dyn Fn(&Marks) -> f32| {
            let marks = row.answer.as_ref().and_then(Prediction::marks);
            marks.map_or(String::new(), |marks| read(marks).to_string())
        };
        match cell {
            Cell::Path | Cell::File | Cell::Stem | Cell::Row => {
                defused(&cell.of_image(row.image, &row.path).unwrap_or_default())
            }
            Cell::Label => of_answer(&|answer| defused(answer.label())),
            Cell::Number => of_answer(&|answer| answer.class().to_string()),
            Cell::Probability => of_answer(&|answer| answer.probability().to_string()),
            Cell::Class(class) => of_answer(&|answer| answer.probabilities()[class].to_string()),
            Cell::Excluded => of_answer(&|answer| answer.excluded().to_string()),
            Cell::Reason => row.doubt.as_ref().map_or(String::new(), |doubt| defused(&doubt.to_string())),
            Cell::Refer => match (&row.doubt, self.refers) {
                (Some(_), _) => "yes".into(),
                (None, true) => "no".into(),
                (None, false) => String::new(),
            },
            Cell::RunnerUp => of_answer(&|answer| defused(answer.runner_up_label())),
            Cell::Unlike => of_marks(&|marks| marks.unlike),
            Cell::Poor => of_marks(&|marks| marks.poor),
            Cell::Set => of_answer(&|answer| {
                self.sets.map_or(String::new(), |sets| defused(&sets::text(sets, answer, self.classes)))
            }),
            Cell::Model => defused(self.model),
            Cell::Rescale => self.rescaling.map_or(String::new(), |rescaling| rescaling.factor.to_string()),
        }
    }
}
