//! The page of a learning-rate range test.

use super::html::{aid, escape};
use super::origin::Origin;
use super::page::page;
use super::plot::{Axis, Plot};
use super::svg::{self, short};

/// A learning-rate range test, one entry per step in every list.
#[derive(Clone, Debug, PartialEq)]
pub struct RateTest {
    /// Learning rate of the step.
    pub lr: Vec<f64>,
    /// Loss of its batch.
    pub loss: Vec<f64>,
    /// Smoothed loss.
    pub smoothed: Vec<f64>,
    /// The rate to try first.
    pub suggested: Option<f64>,
    /// The rate at which the loss fell fastest.
    pub steepest: Option<f64>,
    /// Words to add to the command to take the suggestion.
    pub advice: String,
    /// What made the page.
    pub origin: Origin,
}

/// The page: the loss over the learning rate, and a suggestion.
pub fn render_rates(title: &str, test: &RateTest) -> String {
    let verdict = match test.suggested {
        Some(rate) => format!(
            "<p class=\"number\"><span>Try a peak learning rate of</span><strong>{}</strong><small>add <code>{}</code></small></p>",
            short(rate),
            escape(&test.advice)
        ),
        None => "<p>The loss did not fall at any rate: no rate can be suggested. Look at the data, the loss and what the \
                 stage trains.</p>"
            .into(),
    };
    page(
        "learning-rate test",
        title,
        &format!(
            "<section>{verdict}</section><section><h2>Loss over the learning rate</h2>{}</section>{}",
            draw(test),
            test.origin.draw()
        ),
    )
}

fn draw(test: &RateTest) -> String {
    // a loss that has left would flatten all that came before
    let highest = 1.5 * test.smoothed.first().copied().unwrap_or(0.0);
    let shown = |losses: &[f64]| losses.iter().map(|loss| loss.min(highest)).collect::<Vec<_>>();
    let (loss, smoothed) = (shown(&test.loss), shown(&test.smoothed));
    let both = || loss.iter().chain(&smoothed).copied();
    let Some(plot) = Plot::new(Axis::Log, test.lr.iter().copied(), both(), "learning rate", short) else {
        return "<p class=\"empty\">no values</p>".into();
    };
    let curve = |class: &str, values: &[f64]| {
        let points: Vec<[f64; 2]> = test.lr.iter().zip(values).map(|(x, y)| plot.at(*x, *y)).collect();
        svg::polyline(&format!("curve {class}"), &points)
    };
    let marks: String = [("steepest", test.steepest), ("try this", test.suggested)]
        .into_iter()
        .filter_map(|(name, at)| Some(plot.upright(at?, name)))
        .collect();
    let found = |name: &str, rate: Option<f64>| {
        rate.map_or(String::new(), |rate| format!(" {name}: {}.", short(rate)))
    };
    let finding = found("Suggested", test.suggested) + &found("Steepest", test.steepest);
    let body = marks + &curve("train", &loss) + &curve("val", &smoothed);
    plot.draw("Loss of each step, and smoothed", &finding, &body)
        + &aid(format!(
            "Each step of a short run takes a higher learning rate than the one before. Left, the rate is too low to learn \
             anything; right, the loss goes up and does not come back; it is drawn no higher than one and a half times where \
             it began. A good peak rate lies well before the lowest point of the smoothed line; the dotted lines are a \
             tenth of that point and where the line falls fastest.{finding}"
        ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::Provenance;

    #[test]
    fn the_page_shows_the_curve_and_what_to_add() {
        let test = RateTest {
            lr: vec![1e-6, 1e-4, 1e-2, 1.0],
            loss: vec![2.0, 1.9, 1.0, f64::NAN],
            smoothed: vec![2.0, 1.95, 1.4, 90.0],
            suggested: Some(1e-3),
            steepest: Some(5e-3),
            advice: "--set stage.0.lr=<1e-3>".into(),
            origin: Origin::new(Provenance::now("hema train --find-lr", "cpu")),
        };
        let page = render_rates("Rates", &test);
        assert_eq!(page.matches("<polyline").count(), 2);
        assert_eq!(page.matches("class=\"boundary\"").count(), 2);
        assert!(page.contains("--set stage.0.lr=&lt;1e-3&gt;") && !page.contains("NaN"));
        assert!(page.contains("<span>--find-lr</span>") && page.contains(env!("CARGO_PKG_VERSION")));
        let none = RateTest { suggested: None, steepest: None, ..test };
        assert!(render_rates("Rates", &none).contains("no rate can be suggested"));
        let empty = RateTest { lr: vec![], loss: vec![], smoothed: vec![], ..none };
        assert!(render_rates("Rates", &empty).contains("no values"));
    }
}
