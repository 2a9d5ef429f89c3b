//! What a model was told about the images, and what that did: classes that it must not choose, and weights of
//! classes that it estimated.

use super::findings::Findings;
use super::html::{aid, count, each, escape, interval, percent, points, scroll_box, words};
use crate::metrics::{ACCURACY, BALANCED_ACCURACY, ECE, Excluded, Scores};
use crate::prevalence::ClassWeight;
use crate::record::Adaptation;

/// A sentence on images that look most like a class that the model must not choose; `None` where there are
/// none.
pub(super) fn excluded(excluded: &Excluded) -> Option<String> {
    let found = (excluded.renamed() > 0).then(|| escape(&excluded.to_string()))?;
    let doubt = if excluded.is_large() {
        " Are these classes really absent? Judge without <code>--among</code> too."
    } else {
        ""
    };
    Some(format!("<strong>{found}</strong>, as <code>--among</code> leaves these classes out.{doubt}"))
}

/// The weights of the classes, with the recall of each before and after; nothing where none were estimated.
pub(super) fn weights(findings: &Findings) -> String {
    let (Some(adaptation), Some(clean)) = (&findings.evaluation.adaptation, findings.clean) else {
        return String::new();
    };
    let after = &clean.scores;
    // a class that the model must not choose has no weight
    let among = &findings.evaluation.model.among;
    let possible = |weight: &ClassWeight| among.is_empty() || among.contains(&weight.name);
    let of_possible = adaptation.classes.iter().enumerate().filter(|(_, weight)| possible(weight));
    let rows = each(of_possible, |(class, weight)| row(weight, class, &adaptation.before, after));
    let table = format!(
        "<table><thead><tr><th scope=\"col\">Class</th><th scope=\"col\" class=\"n\">Recall before</th>\
         <th scope=\"col\" class=\"n\">Recall after</th><th scope=\"col\" class=\"n\">Change, points</th>\
         <th scope=\"col\" class=\"n\">Weight here</th><th scope=\"col\" class=\"n\">Weight in training</th>\
         <th scope=\"col\" class=\"n\">Images</th></tr></thead><tbody>{rows}</tbody></table>"
    );
    scroll_box("Class weights, and recall before and after", &table)
        + &scroll_box("Scores before and after", &overall(adaptation, after))
        + &aid(
            "<code>--adapt-prevalence</code> weighs each class by how often the model itself seems to see it among these \
             images. The weights are <strong>no differential</strong>: they repeat the model's own mistakes, and their \
             95\u{202f}% intervals (bootstrap over the images) know only how few the images are: a model that is wrong \
             about these images is outside them. They often raise the accuracy, and can lower the recall of a class and the \
             truth of the probabilities, as the columns show.",
        )
}

fn row(weight: &ClassWeight, class: usize, before: &Scores, after: &Scores) -> String {
    let recall = |scores: &Scores| {
        let occurring = scores.per_class.get(class).filter(|class| class.support > 0);
        occurring.map_or(f64::NAN, |class| class.recall)
    };
    let range = interval(weight.interval).map_or(String::new(), |range| format!("<small>{range}</small>"));
    format!(
        "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
         <td class=\"n\">{}{range}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
        words(&weight.name),
        percent(recall(before)),
        percent(recall(after)),
        points(recall(after) - recall(before)),
        percent(weight.weight),
        percent(weight.training),
        count(after.per_class.get(class).map_or(0, |class| class.support))
    )
}

fn overall(adaptation: &Adaptation, after: &Scores) -> String {
    let before = &adaptation.before;
    let rows = each([ACCURACY, BALANCED_ACCURACY, ECE], |metric| {
        let [before, after] = [before, after].map(|scores| percent(scores.number(&metric)));
        let name = metric.title;
        format!(
            "<tr><th scope=\"row\">{name}</th><td class=\"n\">{before}</td><td class=\"n\">{after}</td></tr>"
        )
    });
    format!(
        "<table><thead><tr><th scope=\"col\">Over all classes</th><th scope=\"col\" class=\"n\">Before</th>\
         <th scope=\"col\" class=\"n\">After</th></tr></thead><tbody>{rows}</tbody></table>"
    )
}
