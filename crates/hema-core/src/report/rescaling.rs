//! The field of view that a model was shown in place of the pictures' own, and how it was found.

use super::html::{aid, capital, decimal, each, escape, scroll_box};
use crate::rescale::{Rescaling, Tried};

/// Title of the section.
pub(super) const TITLE: &str = "Which crop the model was shown";

/// The factor in words, and the curve by which it was found where there is one.
pub(super) fn draw(rescaling: &Rescaling) -> String {
    let said = format!("<p>{}.</p>", capital(&escape(&rescaling.to_string())));
    let Some(search) = rescaling.search.as_ref().filter(|search| !search.curve.is_empty()) else {
        return said;
    };
    let rows = each(&search.curve, |tried| row(tried, rescaling.factor));
    let table = format!(
        "<table><thead><tr><th scope=\"col\">Factor</th><th scope=\"col\" class=\"n\">Mean entropy</th>\
         <th scope=\"col\" class=\"n\">Less that at 1</th><th scope=\"col\" class=\"n\">Its standard error</th></tr>\
         </thead><tbody>{rows}</tbody></table>"
    );
    said + &scroll_box("How sure the model is at each factor", &table)
        + &aid(
            "Factors below 1 show the middle of each picture, factors above 1 mirror it outwards. The entropy says how \
             unsure the model is: 0 where it is certain. No label was used; that the model is surer says not that it is \
             right, so judge both on labelled images.",
        )
}

fn row(tried: &Tried, taken: f64) -> String {
    let Tried { factor, entropy, difference, standard_error } = tried;
    let mark = if *factor == taken { " (taken)" } else { "" };
    let sign = if *difference < 0.0 { "−" } else { "+" };
    let (difference, error) = match factor {
        1.0 => (String::new(), String::new()),
        _ => (format!("{sign}{}", decimal(difference.abs())), decimal(*standard_error)),
    };
    format!(
        "<tr><th scope=\"row\">{factor}{mark}</th><td class=\"n\">{}</td><td class=\"n\">{difference}</td>\
         <td class=\"n\">{error}</td></tr>",
        decimal(*entropy)
    )
}
