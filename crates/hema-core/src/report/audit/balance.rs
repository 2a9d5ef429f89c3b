//! Images per class, before and after cleaning, and what stays in each part.

use super::super::html::{aid, count, each, percent, scroll_box, words};
use crate::audit::{ClassSummary, Counts, Summary};
use crate::split::Part;

/// More classes than this make a table that nobody reads.
const MOST: usize = 100;

/// A table whose last column is a bar: what stays, and what goes.
pub(super) fn draw(summary: &Summary) -> String {
    let parts = if summary.is_split() { &Part::ALL[..] } else { &[] };
    let longest = summary.classes.iter().map(|class| class.before.all).max().unwrap_or(0).max(1);
    let rows = each(summary.classes.iter().take(MOST), |class| row(class, parts, longest, summary.images));
    let heads = ["Images", "Go", "Stay"].map(String::from).into_iter();
    let heads = each(heads.chain(parts.iter().map(|part| format!("in {part}"))), |head| {
        format!("<th scope=\"col\" class=\"n\">{head}</th>")
    });
    let table = format!(
        "<table class=\"counts\"><thead><tr><th scope=\"col\">Class</th>{heads}<td></td></tr></thead><tbody>{rows}\
         {}</tbody></table>",
        total(summary, parts)
    );
    let beyond = match summary.classes.len() {
        n if n > MOST => format!(" The first {MOST} of {n} classes are shown."),
        _ => String::new(),
    };
    let aids = format!("Blue stays in the cleaned set, orange goes.{beyond}");
    scroll_box("Images per class before and after cleaning", &table) + &aid(aids)
}

fn row(class: &ClassSummary, parts: &[Part], longest: u64, images: u64) -> String {
    let width = |n: u64| n as f64 / longest as f64 * 100.0;
    let gone = class.before.all - class.after.all;
    let share = format!("<small>{}</small>", percent(class.before.all as f64 / images.max(1) as f64));
    let name = class.name.as_deref().map_or("no label".to_owned(), words);
    format!(
        "<tr><th scope=\"row\">{name}</th>{}<td class=\"length\"><span>\
         <i style=\"width:{:.2}%\"></i><i class=\"gone\" style=\"width:{:.2}%\"></i></span></td></tr>",
        cells(&class.before, &class.after, parts, &share),
        width(class.after.all),
        width(gone)
    )
}

/// `note` stands below the number of images, as HTML.
fn cells(before: &Counts, after: &Counts, parts: &[Part], note: &str) -> String {
    let gone = |n: u64| {
        if n > 0 {
            format!("<td class=\"n some\">{}</td>", count(n))
        } else {
            "<td class=\"n\">–</td>".into()
        }
    };
    let of_part = each(parts, |part| {
        let (before, after) = (before.parts[*part as usize], after.parts[*part as usize]);
        let note =
            if before > after { format!("<small>of {}</small>", count(before)) } else { String::new() };
        format!("<td class=\"n\">{}{note}</td>", count(after))
    });
    format!(
        "<td class=\"n\">{}{note}</td>{}<td class=\"n\">{}</td>{of_part}",
        count(before.all),
        gone(before.all - after.all),
        count(after.all)
    )
}

/// The sum over all classes, where there are several.
fn total(summary: &Summary, parts: &[Part]) -> String {
    if summary.classes.len() < 2 {
        return String::new();
    }
    let sum = |counts: fn(&ClassSummary) -> &Counts| {
        summary.classes.iter().map(counts).fold(Counts::default(), |sum, class| Counts {
            all: sum.all + class.all,
            parts: std::array::from_fn(|part| sum.parts[part] + class.parts[part]),
        })
    };
    let (before, after) = (sum(|class| &class.before), sum(|class| &class.after));
    format!("<tr class=\"sum\"><th scope=\"row\">all</th>{}<td></td></tr>", cells(&before, &after, parts, ""))
}
