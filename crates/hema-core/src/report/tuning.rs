//! The page of a search over recipe values: the trials by rank, and the metric over every value that was
//! searched.

use super::html::{aid, capital, counted, each, escape, noted, scroll_box};
use super::origin::Origin;
use super::page::page;
use super::plot::{Axis, Plot};
use super::svg::{self, short};
use crate::metrics::Notation;

/// A search over recipe values.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuning {
    /// The metric that ranks, in words.
    pub metric: String,
    /// How its values are written.
    pub notation: Notation,
    /// Whether a higher metric is the better one.
    pub higher_is_better: bool,
    /// The keys that were searched, and whether values of each are drawn by their logarithm.
    pub keys: Vec<(String, bool)>,
    /// The trials, best first.
    pub trials: Vec<Trial>,
    /// The command that trains the best recipe from other seeds.
    pub confirmation: String,
    /// What made the page.
    pub origin: Origin,
}

/// One trial of a search.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trial {
    /// Folder of the run.
    pub name: String,
    /// Epochs it was given.
    pub epochs: u64,
    /// The trial's value of every key, as TOML.
    pub values: Vec<String>,
    /// The trial's metric; nothing where its loss was not finite.
    pub metric: Option<f64>,
}

/// The page.
pub fn render_tuning(title: &str, tuning: &Tuning) -> String {
    let plots = each(0..tuning.keys.len(), |key| tuning.plot(key));
    page(
        "search",
        title,
        &format!(
            "<section><h2>{} by rank</h2>{}</section><section><h2>What the values do</h2><div class=\"panels\">{plots}</div>{}</section>{}",
            counted(tuning.trials.len() as u64, "trial"),
            tuning.ranking(),
            aid(
                "Each dot is a trial, the ringed one the best. All values move at once, so a cloud without a slope says that \
                 the value matters less than the others, not that it does nothing; the ends of a range that holds the best \
                 dots are worth moving."
            ),
            tuning.origin.draw()
        ),
    )
}

impl Tuning {
    /// A sentence about the trials that are as good as the first, where there are such: their order is that
    /// in which they were drawn.
    pub fn equals(&self) -> Option<String> {
        let best = self.trials.first()?.metric?;
        let equal: Vec<&str> = self
            .trials
            .iter()
            .take_while(|trial| trial.metric == Some(best) && trial.epochs == self.trials[0].epochs)
            .map(|trial| trial.name.as_str())
            .collect();
        let [first, second, others @ ..] = equal.as_slice() else { return None };
        let more = match others.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!(
            "{first} is no better than {second}{more}: their {} is the same, and the first drawn stands first",
            self.metric
        ))
    }

    fn ranking(&self) -> String {
        let heads =
            each(&self.keys, |(key, _)| format!("<th scope=\"col\" class=\"n\">{}</th>", escape(key)));
        let rows = each(&self.trials, |trial| {
            let values = each(&trial.values, |value| format!("<td class=\"n\">{}</td>", escape(value)));
            let metric = trial.metric.map_or("diverged".into(), |metric| self.metric_text(metric));
            format!(
                "<tr><th scope=\"row\">{}</th><td class=\"n\">{metric}</td><td class=\"n\">{}</td>{values}</tr>",
                escape(&trial.name),
                trial.epochs
            )
        });
        let table = format!(
            "<table class=\"overview\"><thead><tr><th scope=\"col\">Trial</th><th scope=\"col\" class=\"n\">Validation {}</th>\
             <th scope=\"col\" class=\"n\">Epochs</th>{heads}</tr></thead><tbody>{rows}</tbody></table>",
            escape(&self.metric)
        );
        let better = if self.higher_is_better { "Higher" } else { "Lower" };
        let equals = self.equals().map_or(String::new(), |words| format!(" {}.", escape(&capital(&words))));
        scroll_box("Trials by rank", &table)
            + &aid(format!(
                "{better} is better.{equals} The best of many trials looks better than it is, the more so the fewer \
                 validation images there are: confirm it from other seeds with <code>{}</code>.",
                escape(&self.confirmation)
            ))
    }

    fn metric_text(&self, metric: f64) -> String {
        noted(self.notation, metric)
    }

    /// The metric over the values of a key, of the trials that had the most epochs and of all others.
    fn plot(&self, key: usize) -> String {
        let (name, log) = &self.keys[key];
        let drawn: Vec<(&Trial, f64)> =
            self.trials.iter().filter_map(|trial| Some((trial, trial.metric?))).collect();
        let mut labels: Vec<String> = self.trials.iter().map(|trial| trial.values[key].clone()).collect();
        let numbers: Option<Vec<f64>> =
            labels.iter().map(|label| label.parse().ok().filter(|v: &f64| v.is_finite())).collect();
        labels.sort();
        labels.dedup();
        let place = |trial: &Trial| {
            let value = &trial.values[key];
            match &numbers {
                Some(_) => value.parse().unwrap_or(f64::NAN),
                None => labels.iter().position(|label| label == value).map_or(f64::NAN, |place| place as f64),
            }
        };
        let axis = match &numbers {
            None => Axis::Named(&labels),
            Some(numbers) if *log && numbers.iter().all(|number| *number > 0.0) => Axis::Log,
            Some(_) => Axis::Linear,
        };
        let (x, y) = (drawn.iter().map(|(trial, _)| place(trial)), drawn.iter().map(|(_, metric)| *metric));
        let Some(plot) = Plot::new(axis, x, y, name, short) else {
            return format!(
                "<figure><figcaption>{}</figcaption><p class=\"empty\">no values</p></figure>",
                escape(name)
            );
        };
        let most = drawn.iter().map(|(trial, _)| trial.epochs).max();
        let dots = each(drawn.iter().enumerate(), |(rank, (trial, metric))| {
            let class = match rank {
                0 => "kept val",
                _ if Some(trial.epochs) == most => "trial",
                _ => "trial short",
            };
            let tip =
                format!("{}: {name} = {}, {}", trial.name, trial.values[key], self.metric_text(*metric));
            svg::dot(class, plot.at(place(trial), *metric), 4.5, &tip)
        });
        let best = drawn
            .first()
            .map_or(String::new(), |(trial, _)| format!("The best trial has {}.", trial.values[key]));
        plot.draw(&format!("{} over {name}", self.metric), &best, &dots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::Provenance;

    fn trial(name: &str, values: [&str; 2], metric: Option<f64>) -> Trial {
        Trial { name: name.into(), epochs: 3, values: values.map(String::from).to_vec(), metric }
    }

    #[test]
    fn the_page_ranks_trials_and_draws_every_key() {
        let tuning = Tuning {
            metric: "accuracy".into(),
            notation: Notation::Percent,
            higher_is_better: true,
            keys: vec![("stage.0.lr".into(), true), ("stage.0.optimizer".into(), false)],
            trials: vec![
                trial("trial-002", ["0.01", "<lion>"], Some(0.9)),
                trial("trial-001", ["0.001", "adamw"], Some(0.5)),
                trial("trial-003", ["1.0", "adamw"], None),
            ],
            confirmation: "hema train --recipe best.toml --data 'my cells'".into(),
            origin: Origin {
                inputs: vec![("Data", "cells/".into())],
                files: vec![("Space", "\"stage.0.lr\" = { log = [1e-5, 1e-2] }".into())],
                ..Origin::new(Provenance::now("hema tune --data cells/", "cpu"))
            },
        };
        let page = render_tuning("Search", &tuning);
        assert!(page.find("trial-002").unwrap() < page.find("trial-001").unwrap());
        assert!(page.contains("<td class=\"n\">90.0\u{202f}%</td>"), "as accuracy stands everywhere");
        assert!(page.contains("diverged") && page.contains("&lt;lion&gt;") && !page.contains("<lion>"));
        for origin in ["hema</span> <span>tune", "<code>cells/</code>", "Space (1 line)", "Hema search"] {
            assert!(page.contains(origin), "{origin}");
        }
        // two keys, two trials each: the one that diverged has no dot
        assert_eq!(page.matches("<circle").count(), 4);
        assert!(page.contains("confirm it from other seeds with <code>hema train --recipe best.toml"));
        assert_eq!(tuning.equals(), None);
        assert!(render_tuning("Search", &Tuning { trials: vec![], ..tuning }).contains("no values"));
    }

    #[test]
    fn trials_as_good_as_the_first_are_named() {
        let trials = |metrics: &[Option<f64>]| {
            let named = metrics.iter().enumerate();
            named.map(|(i, metric)| trial(&format!("trial-{i}"), ["1", "a"], *metric)).collect()
        };
        let tuning = |metrics: &[Option<f64>]| Tuning {
            metric: "accuracy".into(),
            notation: Notation::Percent,
            higher_is_better: true,
            keys: Vec::new(),
            trials: trials(metrics),
            confirmation: String::new(),
            origin: Origin::new(Provenance::now("", "")),
        };
        let words =
            "trial-0 is no better than trial-1: their accuracy is the same, and the first drawn stands first";
        assert_eq!(tuning(&[Some(0.9), Some(0.9), Some(0.5)]).equals().as_deref(), Some(words));
        assert!(tuning(&[Some(0.9); 4]).equals().unwrap().contains("than trial-1 and 2 more: "));
        assert!(
            render_tuning("Search", &tuning(&[Some(0.9); 2])).contains("Trial-0 is no better than trial-1")
        );
        for metrics in [&[Some(0.9), Some(0.8)][..], &[Some(0.9)], &[None, None], &[]] {
            assert_eq!(tuning(metrics).equals(), None, "{metrics:?}");
        }
    }
}
