//! A metric is one row of a table: it stands in every place that the row names.

use std::fs;
use std::path::Path;

use hema::metrics::{METRICS, Place as Shown};

use crate::support::Place;

#[test]
fn every_metric_stands_where_its_row_says() {
    let place = Place::with_cells();
    let series = place.train("--data cells --out series --seeds 2 --set seed=4").succeeds();
    let run = "series/seed-4";
    // a report lists every metric where it compares conditions
    let suite = "name = \"worn\"\n[[condition]]\nname = \"jpeg\"\noperators = [{ name = \"jpeg\" }]\n";
    place.write("worn.toml", suite);
    let judged = place.hema(&format!("evaluate {run} --data cells --suite clean,worn.toml --out judged"));
    let judged = judged.succeeds();
    let log = place.read(&format!("{run}/metrics.csv"));
    let events = place.list(run).into_iter().find(|name| name.starts_with("events.out")).unwrap();
    let events = fs::read(place.path(run).join(events)).unwrap();
    let record: serde_json::Value = serde_json::from_str(&place.read("judged/evaluation.json")).unwrap();
    let page = place.read("judged/report.html");
    let list = place.hema("list metrics").succeeds().out;
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference.md");
    let reference = fs::read_to_string(reference).unwrap();

    for metric in METRICS {
        let (name, key, label) = (metric.name, metric.key(), metric.label);
        assert!(list.contains(&format!("  {name} ")), "list: {name}");
        assert!(reference.contains(&format!("| `{name}` | {} |", metric.about)), "reference: {name}");
        assert!(record["conditions"][0]["scores"][&key].is_number(), "evaluation.json: {key}");
        assert!(
            page.contains(&format!("<th scope=\"col\" class=\"n\">{}</th>", metric.title)),
            "report: {name}"
        );
        let header = log.lines().next().unwrap();
        let is_in_table = |table: &str| {
            let is_row =
                |line: &str| line.strip_prefix(label).is_some_and(|rest| rest.starts_with([' ', ',']));
            table.lines().any(is_row)
        };
        let tag = format!("val/{key}");
        for (shown, found) in [
            (Shown::Log, header.split(',').any(|column| column == format!("val_{key}"))),
            (Shown::Log, events.windows(tag.len()).any(|bytes| bytes == tag.as_bytes())),
            (Shown::Progress, series.err.contains(&format!("  val {label} "))),
            (Shown::Evaluate, is_in_table(&judged.out)),
            (Shown::Series, is_in_table(&series.out)),
        ] {
            assert_eq!(found, metric.is_shown_in(shown), "{shown:?}: {name}");
        }
        let wrong = place.train(&format!("--data cells --out wrong --set select.metric={name}x")).error();
        assert!(wrong.contains(&format!("did you mean `{name}`?")), "{wrong}");
    }
}
