//! One self-contained HTML page that says how good a model is, where it fails and where the numbers come
//! from; one of the findings of an audit (`audit`); and one of the predictions of new images (`gallery`).
//!
//! The page needs nothing but itself: no script, no font, no picture and no address outside the file, and its
//! own content policy forbids the browser to fetch any. Every figure is a table or an inline SVG drawn by a
//! small function of this folder, and carries the sentence a laboratory person needs to read it.
//!
//! Left out on purpose: computing scores (that is [`crate::metrics`]; only means over conditions are taken
//! here), writing files, and anything interactive beyond links and blocks that fold.

mod html;

mod glossary;
mod page;
mod pictures;
mod svg;
mod thumbnails;

mod curves;
mod plot;

mod run_report;

mod paired;

mod findings;

mod assumed;
mod classes;
mod compare;
mod honesty;
mod kept;
mod matrix;
mod referred;
mod reliability;
mod rescaling;
mod suites;
mod training_data;
mod trouble;
mod unreadable;
mod verdict;

mod run;

mod origin;

mod audit;
mod gallery;
mod preview;
mod rates;
mod series;
mod tuning;

#[cfg(test)]
mod tests;

use self::page::page;
use self::run::Outline;

pub use audit::{AuditReport, render_audit};
pub use curves::Curves;
pub use gallery::{Answer, Gallery, render_gallery};
pub use origin::Origin;
pub use pictures::thumbnail_png_base64;
pub use preview::render_preview;
pub use rates::{RateTest, render_rates};
pub use run_report::RunReport;
pub use series::{SeriesReport, SeriesScore, render_series};
pub use training_data::{ShownImage, TrainingData};
pub use tuning::{Trial, Tuning, render_tuning};

/// The page: one run in full, or several side by side first and then each in full.
pub fn render(runs: &[RunReport]) -> String {
    match runs {
        [] => page("comparison", "Report", "<p>No runs were given.</p>"),
        [run] => {
            page("evaluation", &run.title, &run::draw(run, &Outline { prefix: String::new(), level: 2 }))
        }
        _ => page(
            "comparison",
            &format!("Comparison of {} runs", runs.len()),
            &(run::links(runs) + &compare::draw(runs) + &run::articles(runs)),
        ),
    }
}
