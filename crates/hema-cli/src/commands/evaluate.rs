//! `hema evaluate`: how good a model is, on clean and on degraded images.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use hema::Device;
use hema::bundle::{Manifest, checksum};
use hema::core::data::{self, Dataset, Unknown};
use hema::core::error::{Error, Result};
use hema::core::file;
use hema::core::metrics::{self, ACCURACY, Metric, Place};
use hema::core::provenance::Provenance;
use hema::core::record::{ClassScores, Evaluation, ModelSummary, Scores, SuiteScores};
use hema::core::suite::{self, Suite};
use hema::device;
use hema::evaluate::{Journal, Subject, Trial, evaluate};
use hema::nn;
use hema::predict::{Predictor, Views};
use hema::recipe::read_suite;

use super::{
    Among, Memory, On, OnBadImage, Precision, Prevalence, Tta, choose_part, command_line, load, report,
    warn_skipped,
};
use crate::output::{Printer, metric_text, percent, table};
use crate::run_info::{EVALUATION, JOURNAL, REPORT, write_json};

/// Judge a model on labelled images, clean and degraded
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Model file or run directory
    model: PathBuf,
    /// More models, to judge their ensemble
    #[arg(long = "with", value_name = "MODEL")]
    with: Vec<PathBuf>,
    /// Image folder with labels, or any other form of `hema list readers`
    #[arg(long)]
    data: PathBuf,
    /// CSV with the columns path and split; by default the run's own if it fits, else the data's own
    #[arg(long, value_name = "FILE")]
    split: Option<PathBuf>,
    /// train, val, test or all [default: val where there is a split, else all]
    #[arg(long)]
    part: Option<String>,
    /// Suites of conditions (see `hema list suites`), or TOML files of your own
    #[arg(long, value_delimiter = ',', default_value = "clean,degraded")]
    suite: Vec<String>,
    /// Folder for evaluation.json and report.html
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What to do with an image that cannot be read
    #[arg(long, value_enum, default_value = "fail")]
    on_bad_image: OnBadImage,
    /// What feature maps are stored in
    #[arg(long, value_enum, default_value = "fp32")]
    precision: Precision,
    #[command(flatten)]
    tta: Tta,
    #[command(flatten)]
    among: Among,
    #[command(flatten)]
    prevalence: Prevalence,
    #[command(flatten)]
    on: On,
    #[command(flatten)]
    memory: Memory,
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<()> {
    let suites: Vec<Suite> = args.suite.iter().map(|name| find_suite(name)).collect::<Result<_>>()?;
    if let Some(out) = &args.out {
        file::create_folder(out)?;
    }
    let models: Vec<PathBuf> = std::iter::once(&args.model).chain(&args.with).cloned().collect();
    let device = args.on.open(printer)?;
    nn::Precision::from(args.precision).check(&device)?;
    let (predictor, manifests) = Predictor::open(&models, &device)?;
    let predictor = args.among.of(args.tta.of(predictor)?)?.with_precision(args.precision.into());
    let predictor = args.prevalence.of(predictor)?;
    let source = data::open(&args.data)?.with_classes(predictor.classes(), Unknown::Fail)?;
    let (part, indices) =
        choose_part(&source, &args.data, &args.model, args.split.as_deref(), args.part.as_deref())?;

    let options = args.memory.options(args.on_bad_image);
    let count = indices.as_ref().map_or(source.len(), Vec::len);
    let decode = |size: Option<usize>| {
        load(printer, count, |progress| predictor.load(&source, indices.as_deref(), size, &options, progress))
    };
    let views = decode(None)?;
    warn_skipped(printer, views.first().skipped());
    let mut at_size: BTreeMap<usize, Views> = BTreeMap::new();
    for size in suites.iter().filter_map(|suite| suite.size) {
        if let Entry::Vacant(entry) = at_size.entry(size) {
            entry.insert(decode(Some(size))?);
        }
    }
    let trials: Vec<Trial> = suites
        .iter()
        .map(|suite| Trial { suite, views: suite.size.and_then(|size| at_size.get(&size)).unwrap_or(&views) })
        .collect();

    let judged = Judged { model: args.model.clone(), data: args.data.display().to_string(), part };
    let case = Case { judged: &judged, models: &models, predictor, manifests, device: &device, printer };
    let Some(out) = &args.out else {
        return print(&case.judge(&views, &trials, None)?, printer);
    };
    let mut journal = Journal::open(&out.join(JOURNAL), &case.key(&views, args.precision)?)?;
    if !journal.is_empty() {
        printer.note(&format!("going on with an evaluation that has judged {} conditions", journal.len()));
    }
    let evaluation = case.judge(&views, &trials, Some(&mut journal))?;
    write(out, &evaluation, &args.model, printer)?;
    journal.finish()?;
    print(&evaluation, printer)
}

/// The suite of that name, or in that TOML file.
fn find_suite(name: &str) -> Result<Suite> {
    let path = Path::new(name);
    if path.extension().is_some_and(|extension| extension == "toml") {
        return read_suite(path);
    }
    suite::find(name)
}

/// What is judged, for the record.
pub(super) struct Judged {
    pub(super) model: PathBuf,
    pub(super) data: String,
    pub(super) part: String,
}

/// Judges one model on images that are decoded already.
pub(super) fn judge_dataset(
    judged: &Judged,
    data: &Dataset,
    suites: &[Suite],
    device: &Device,
    printer: &Printer,
) -> Result<Evaluation> {
    let models = [judged.model.clone()];
    let (predictor, manifests) = Predictor::open(&models, device)?;
    let views = predictor.view(data);
    let trials: Vec<Trial> = suites.iter().map(|suite| Trial { suite, views: &views }).collect();
    Case { judged, models: &models, predictor, manifests, device, printer }.judge(&views, &trials, None)
}

/// One model or ensemble that is judged.
struct Case<'a> {
    judged: &'a Judged,
    models: &'a [PathBuf],
    predictor: Predictor,
    manifests: Vec<Manifest>,
    device: &'a Device,
    printer: &'a Printer,
}

impl Case<'_> {
    fn judge(&self, views: &Views, trials: &[Trial], journal: Option<&mut Journal>) -> Result<Evaluation> {
        let subject = Subject {
            model: self.summary(),
            data: self.judged.data.clone(),
            part: self.judged.part.clone(),
            synthetic: self.manifests.iter().any(|m| m.synthetic),
            provenance: self.provenance(),
        };
        let conditions = 1 + trials.iter().map(|trial| trial.suite.conditions.len()).sum::<usize>();
        let images = views.first().len() * self.manifests.len();
        let progress = self.printer.progress("judging", (conditions * images) as u64);
        let mut finished = 0;
        let mut current = String::new();
        let evaluation =
            evaluate(&self.predictor, views, trials, subject, journal, &mut |condition, done| {
                if condition != current {
                    finished += usize::from(!current.is_empty());
                    condition.clone_into(&mut current);
                }
                progress.set((finished * images + done) as u64, condition);
            });
        progress.clear();
        evaluation
    }

    fn provenance(&self) -> Provenance {
        Provenance::now(command_line(), device::name(self.device))
    }

    /// What decides the scores of a condition, beside the condition.
    fn key(&self, views: &Views, precision: Precision) -> Result<String> {
        let manifests = serde_json::to_string(&self.manifests).map_err(|e| Error::new(e.to_string()))?;
        let weights: Vec<u32> = self.models.iter().map(|model| checksum(model)).collect::<Result<_>>()?;
        let Provenance { version, commit, dirty, .. } = self.provenance();
        let images = views.first().hash()?;
        let precision = nn::Precision::from(precision).name();
        let tta = self.predictor.tta().name;
        let among = self.predictor.possible().join(",");
        let adapts = self.predictor.adapts();
        Ok(format!(
            "{version} {commit} {dirty} {precision} {tta} {among} {adapts} {images} {weights:?} {manifests}"
        ))
    }

    /// The classes to choose among, where they are not all.
    fn among(&self) -> Vec<String> {
        let possible = self.predictor.possible();
        if possible.len() < self.predictor.classes().len() { possible } else { Vec::new() }
    }

    fn summary(&self) -> ModelSummary {
        let join = |parts: Vec<String>| parts.join(" + ");
        let mut augmentations: Vec<String> =
            self.manifests.iter().flat_map(|m| m.augmentations.clone()).collect();
        augmentations.sort();
        augmentations.dedup();
        let first = self.manifests.first().map(|m| &m.preprocess);
        ModelSummary {
            path: join(self.models.iter().map(|p| p.display().to_string()).collect()),
            architecture: join(self.manifests.iter().map(|m| m.model.name.clone()).collect()),
            parameters: self.predictor.parameters() as u64,
            size: first.map_or(0, |p| p.size),
            enlarged: first.and_then(|p| p.enlarge),
            augmentations,
            tta: self.predictor.tta().name.to_owned(),
            adapted: self.predictor.adapts(),
            among: self.among(),
        }
    }
}

/// Writes the record and its page.
pub(super) fn write(out: &Path, evaluation: &Evaluation, model: &Path, printer: &Printer) -> Result<()> {
    write_json(&out.join(EVALUATION), evaluation)?;
    let page = out.join(REPORT);
    report::write(&page, &[report::gather(out, evaluation.clone(), model)?])?;
    printer.note(&format!("report: {}", page.display()));
    Ok(())
}

/// Prints the scores: a short table for people, the whole record without pictures for machines.
pub(super) fn print(evaluation: &Evaluation, printer: &Printer) -> Result<()> {
    if printer.is_json() {
        let mut record = evaluation.clone();
        record.mistakes.iter_mut().for_each(|mistake| mistake.thumbnail.clear());
        let json = serde_json::to_string_pretty(&record).map_err(|e| Error::new(e.to_string()))?;
        printer.result(&json);
        return Ok(());
    }
    let Some(clean) = evaluation.conditions.first().map(|c| &c.scores) else { return Ok(()) };
    let data = &evaluation.data;
    printer.result(&format!("{} images of {} ({})", clean.n, data.path, data.part));
    if data.synthetic {
        printer.result("the cells are synthetic: these scores say nothing about real blood");
    }
    let mut rows = Vec::new();
    rows.extend(evaluation.suites.iter().map(suite_row));
    rows.extend(metrics::shown_in(Place::Evaluate).map(|metric| metric_row(metric, clean)));
    printer.result(&table(&rows));
    printer.result("");
    printer.result(&table(&class_rows(clean)));
    Ok(())
}

/// A metric on the clean images, with its interval where it has one.
fn metric_row(metric: &Metric, clean: &Scores) -> Vec<String> {
    // accuracy also stands in the rows of the suites
    let of_images = if metric.name == ACCURACY.name { ", clean" } else { "" };
    let value = clean.value(metric).map_or("-".into(), |value| metric_text(metric, value));
    let interval = clean.metrics.interval(metric);
    let interval = interval.map(|ends| ends.map(|end| metric_text(metric, end)).join(" to "));
    [format!("{}{of_images}", metric.label), value].into_iter().chain(interval).collect()
}

/// The headline: accuracy under the conditions of one suite.
fn suite_row(suite: &SuiteScores) -> Vec<String> {
    let [low, high] = suite.accuracy_interval;
    let unseen = match suite.unseen_accuracy {
        Some(accuracy) => format!("not trained on: {}", percent(accuracy)),
        None => "all trained on".into(),
    };
    let relative =
        suite.relative.map_or(String::new(), |errors| format!("BE {:.3}  rBE {:.3}", errors.be, errors.rbe));
    vec![
        format!("accuracy, {}", suite.name),
        percent(suite.accuracy),
        format!("{} to {}", percent(low), percent(high)),
        format!("worst: {}, {}", suite.worst, percent(suite.worst_accuracy)),
        unseen,
        relative,
    ]
}

fn class_rows(scores: &Scores) -> Vec<Vec<String>> {
    let header = ["class", "images", "recall", "95 % interval", "precision"].map(String::from).to_vec();
    let row = |(class, c): (usize, &ClassScores)| {
        // a class that does not occur has no recall, one that is never predicted no precision
        let [low, high] = c.recall_interval;
        let where_it_occurs = |text: String| if c.support > 0 { text } else { "-".into() };
        vec![
            c.name.clone(),
            c.support.to_string(),
            where_it_occurs(percent(c.recall)),
            where_it_occurs(format!("{} to {}", percent(low), percent(high))),
            if scores.named(class) > 0 { percent(c.precision) } else { "-".into() },
        ]
    };
    std::iter::once(header).chain(scores.per_class.iter().enumerate().map(row)).collect()
}
