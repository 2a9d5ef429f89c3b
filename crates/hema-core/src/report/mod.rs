//! One self-contained HTML page that says how good a model is, where it fails and where the numbers come from; and
//! one that shows what an audit found (`audit`).
//!
//! The page needs nothing but itself: no script, no font, no picture and no address outside the file, and its own
//! content policy forbids the browser to fetch any. Every figure is a table or an inline SVG drawn by a small
//! function of this folder, and carries the sentence a laboratory person needs to read it.
//!
//! Left out on purpose: computing scores (that is [`crate::metrics`]; only means over conditions are taken here),
//! writing files, and anything interactive beyond links and blocks that fold.

mod audit;
mod classes;
mod compare;
mod curves;
mod findings;
mod html;
mod matrix;
mod plot;
mod preview;
mod rates;
mod reliability;
mod run;
mod suites;
mod svg;
#[cfg(test)]
mod tests;
mod tuning;
mod verdict;

use std::borrow::Cow;

pub use audit::{AuditReport, render_audit};
use base64::Engine as _;
pub use preview::render_preview;
pub use rates::{RateTest, render_rates};
pub use tuning::{Trial, Tuning, render_tuning};

use crate::error::Result;
use crate::preprocess::{Filter, resize};
use crate::provenance::Provenance;
use crate::record::Evaluation;
use crate::sample::Image;
use html::{each, escape};
use run::Place;

/// One run to report: an evaluation, and what is known of the training behind it.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// Name of the run, as readers should see it.
    pub title: String,
    /// The scores.
    pub evaluation: Evaluation,
    /// How training went, when its log was found.
    pub curves: Option<Curves>,
    /// The training recipe as TOML text.
    pub recipe_toml: Option<String>,
    /// Where the model comes from; the evaluation has its own provenance.
    pub training: Option<Provenance>,
}

/// The training log, one entry per epoch in every list. A value that is not finite, or missing at the end of a
/// list, leaves a gap in its curve.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// Epoch number, counted through all stages.
    pub epoch: Vec<f64>,
    /// Name of the recipe's stage that the epoch belongs to.
    pub stage: Vec<String>,
    /// Mean training loss.
    pub train_loss: Vec<f64>,
    /// Loss on the validation part.
    pub val_loss: Vec<f64>,
    /// Accuracy on the validation part.
    pub val_accuracy: Vec<f64>,
    /// Mean recall over the classes on the validation part.
    pub val_balanced_accuracy: Vec<f64>,
    /// Accuracy on corrupted copies of the validation part; no finite value where the recipe asks for none.
    pub val_corrupted_accuracy: Vec<f64>,
    /// Learning rate at the end of the epoch.
    pub learning_rate: Vec<f64>,
    /// Epoch whose weights were kept.
    pub best_epoch: Option<f64>,
}

/// Longest side of a thumbnail in pixels: a gallery of two dozen stays below a megabyte.
const THUMBNAIL_SIDE: usize = 128;

/// A PNG of the image in base64, at most 128 pixels a side, for [`crate::record::Mistake::thumbnail`].
///
/// # Errors
/// When the PNG encoder fails.
pub fn thumbnail_png_base64(image: &Image) -> Result<String> {
    Ok(base64(&shrink(image, THUMBNAIL_SIDE)?.to_png()?))
}

/// The image, at most `longest_side` pixels a side.
fn shrink(image: &Image, longest_side: usize) -> Result<Cow<'_, Image>> {
    let (width, height) = (image.width(), image.height());
    let longest = width.max(height);
    if longest <= longest_side {
        return Ok(Cow::Borrowed(image));
    }
    let shrink = |side: usize| (side * longest_side / longest).max(1);
    resize(image, shrink(width), shrink(height), Filter::Bilinear).map(Cow::Owned)
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The page: one run in full, or several side by side first and then each in full.
pub fn render(runs: &[RunReport]) -> String {
    match runs {
        [] => page("Report", "<p>No runs were given.</p>"),
        [run] => page(&run.title, &run::draw(run, &Place { prefix: String::new(), level: 2 })),
        _ => {
            let articles = each(runs.iter().enumerate(), |(i, run)| {
                let place = Place { prefix: format!("run-{}-", i + 1), level: 3 };
                format!(
                    "<article id=\"run-{}\"><h2>{}</h2>{}</article>",
                    i + 1,
                    escape(&run.title),
                    run::draw(run, &place)
                )
            });
            let links = each(runs.iter().enumerate(), |(i, run)| {
                format!("<a href=\"#run-{}\">{}</a>", i + 1, escape(&run.title))
            });
            let contents = format!("<nav aria-label=\"Runs\">{links}</nav>");
            page(
                &format!("Comparison of {} runs", runs.len()),
                &(contents + &compare::draw(runs) + &articles),
            )
        }
    }
}

/// The frame around the content. The policy makes the browser refuse any address outside the file, should one
/// ever slip in.
fn page(title: &str, content: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; \
         style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{}</style>\n</head>\n\
         <body>\n<a class=\"skip\" href=\"#content\">Skip to the content</a>\n\
         <header><p class=\"brand\">Hema report</p><h1>{title}</h1></header>\n\
         <main id=\"content\">{content}</main>\n\
         <footer><p>Made by Hema {}. A research tool, not a medical device.</p></footer>\n</body>\n</html>\n",
        include_str!("report.css"),
        env!("CARGO_PKG_VERSION")
    )
}
