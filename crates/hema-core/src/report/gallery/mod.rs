//! The page about predictions of new images: what the model is unsure of first, each with its picture.
//!
//! Only the images that are shown are read, and they are bounded in number and size: whatever is predicted,
//! the page stays below about two megabytes, and says how many images are not on it.

#[cfg(test)]
mod tests;

use super::html::{
    aid, breakable, capital, count, counted, each, escape, interval, message, percent,
    probability as probability_text, scroll_box, words,
};
use super::page::page;
use super::rescaling;
use super::run::{Outline, code, facts, stamp};
use super::thumbnails::Thumbnails;
use super::unreadable;
use super::verdict::number;
use crate::data::{Skipped, Source};
use crate::error::Result;
use crate::prevalence::ClassWeight;
use crate::provenance::Provenance;
use crate::rescale::Rescaling;

/// Most pictures of images that a person should look at.
const TO_LOOK_AT: usize = 240;
/// Most pictures of images that the model is sure of, the least sure first.
const SURE: usize = 80;

/// The predictions of new images, for people who look at them.
pub struct Gallery<'a> {
    /// Title of the page, as readers should see it.
    pub title: String,
    /// The images.
    pub source: &'a Source,
    /// Path of the model.
    pub model: String,
    /// Names of the classes.
    pub classes: &'a [String],
    /// The answers, in any order.
    pub answers: &'a [Answer],
    /// Images that could not be read.
    pub unreadable: &'a [Skipped],
    /// By what an answer is believed, in words, as in `with a probability of at least 0.9`; `None` where none
    /// is referred to a person.
    pub sure: Option<String>,
    /// Sentences to read before any answer is believed, not escaped.
    pub warnings: Vec<String>,
    /// Weights of the classes that can occur, where the model estimated them from the images.
    pub weights: Vec<ClassWeight>,
    /// How far the field of view was changed for the model, where that was asked for.
    pub rescaling: Option<&'a Rescaling>,
    /// File with all predictions, as readers should see it; `None` where there is none.
    pub table: Option<String>,
    /// Who predicted.
    pub provenance: Provenance,
}

/// The answer of a model for one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Position of the image in the source.
    pub image: usize,
    /// Class named.
    pub class: usize,
    /// Probability of the class, 0 to 1.
    pub probability: f64,
    /// The likeliest of the other classes and its probability.
    pub second: (usize, f64),
    /// Probability that the model gives to classes that it was told not to choose, 0 to 1.
    pub excluded: f64,
    /// The class that it looks most like, where the model was told not to choose that one.
    pub looks_like: Option<String>,
    /// Why a person should look at it, in a word or two; `None` for an image that the model is sure of.
    pub doubt: Option<&'static str>,
}

/// The page. Reads the pictures it shows, and no others, from the source.
///
/// # Errors
/// A shared file of the source that cannot be read any further.
pub fn render_gallery(gallery: &Gallery) -> Result<String> {
    let mut answers: Vec<&Answer> = gallery.answers.iter().collect();
    answers.sort_by(|a, b| a.probability.total_cmp(&b.probability).then(a.image.cmp(&b.image)));
    let (excluded, others): (Vec<&Answer>, Vec<&Answer>) =
        answers.into_iter().partition(|answer| answer.looks_like.is_some());
    let (doubtful, sure): (Vec<&Answer>, Vec<&Answer>) =
        others.into_iter().partition(|answer| gallery.sure.is_none() || answer.doubt.is_some());
    let room = TO_LOOK_AT - excluded.len().min(TO_LOOK_AT / 2);
    let shown = [
        &excluded[..excluded.len().min(TO_LOOK_AT / 2)],
        &doubtful[..doubtful.len().min(room)],
        &sure[..sure.len().min(SURE)],
    ];
    let images: Vec<usize> = shown.concat().iter().map(|answer| answer.image).collect();
    let thumbnails = Thumbnails::read(gallery.source, &images)?;

    let draw = |shown: &[&Answer], all: usize| pictures(gallery, shown, all, &thumbnails);
    let (slug, first) = match &gallery.sure {
        Some(_) => ("unsure", "Look at these: the model is unsure"),
        None => ("images", "All images, the least sure first"),
    };
    let sections = [
        (
            "excluded",
            "Look at these: they look like an excluded class".into(),
            draw(shown[0], excluded.len()),
        ),
        (slug, first.to_owned(), draw(shown[1], doubtful.len())),
        ("sure", "The model is sure of these, the least sure first".into(), draw(shown[2], sure.len())),
        (
            "unreadable",
            "Files that could not be read".into(),
            unreadable::draw(gallery.unreadable, &elsewhere(gallery)),
        ),
        ("classes", "Classes".into(), classes(gallery)),
        ("weights", "How the classes were weighed".into(), weights(gallery)),
        ("crop", rescaling::TITLE.into(), gallery.rescaling.map_or(String::new(), rescaling::draw)),
        ("provenance", "Where these predictions come from".into(), provenance(gallery)),
    ];
    let outline = Outline { prefix: String::new(), level: 2 };
    let drawn = each(&sections, |(slug, title, content)| outline.section(slug, title, content));
    Ok(page("predictions", &gallery.title, &(outline.contents(&sections) + &headline(gallery) + &drawn)))
}

/// Where the images stand that the page does not show.
fn elsewhere(gallery: &Gallery) -> String {
    gallery.table.as_ref().map_or("the table of predictions".into(), |table| code(table))
}

fn headline(gallery: &Gallery) -> String {
    let lost = gallery.unreadable.len() as u64;
    let all = gallery.answers.len() as u64 + lost;
    let doubtful = gallery.answers.iter().filter(|answer| answer.doubt.is_some()).count() as u64 + lost;
    let of_all = |n: u64| format!("of {} ({})", count(all), percent(n as f64 / all.max(1) as f64));
    let numbers = match &gallery.sure {
        Some(criterion) => {
            number("To look at", &count(doubtful), &of_all(doubtful))
                + &number("Sure", &count(all - doubtful), &escape(criterion))
        }
        None => number(
            "Images",
            &count(all),
            "<code>--sure 0.9</code>, for instance, would name those that a person should look at",
        ),
    };
    let lost = gallery.unreadable.len() as u64;
    let lost = if lost > 0 { number("Not read", &count(lost), "and not named") } else { String::new() };
    let warnings = each(&gallery.warnings, |warning| {
        format!("<p class=\"warning\" role=\"note\">{}</p>", message(warning))
    });
    format!(
        "{warnings}<div class=\"headline\"><div class=\"numbers\">{numbers}{lost}</div></div><ul class=\"verdict\"><li>A \
         model named these cells, and nobody has checked it. How often it is right about images of a probability, \
         <code>hema evaluate</code> says of labelled ones, and only of images like those: label some of these and ask \
         again.</li></ul>"
    )
}

/// Cards of the answers that are shown, of so many in all; nothing without any.
fn pictures(gallery: &Gallery, shown: &[&Answer], all: usize, thumbnails: &Thumbnails) -> String {
    if shown.is_empty() {
        return String::new();
    }
    let cards = each(shown, |answer| card(gallery, answer, thumbnails));
    let beyond = match all - shown.len() {
        0 => String::new(),
        more => {
            let more = counted(more as u64, "more image");
            format!("<p class=\"beyond\">{more} not shown here; all are in {}</p>", elsewhere(gallery))
        }
    };
    format!("<ul class=\"gallery\">{cards}</ul>{beyond}")
}

fn card(gallery: &Gallery, answer: &Answer, thumbnails: &Thumbnails) -> String {
    let name = |class: usize| gallery.classes.get(class).map_or("?", String::as_str);
    let path = gallery.source.entry(answer.image).path;
    let picture = thumbnails.draw(answer.image, &format!("{path}: {}", name(answer.class)));
    let (second, probability) = answer.second;
    let or = format!("or {} {}", words(name(second)), probability_text(probability));
    let tag = |text: &str| format!("<p><span class=\"tag drop\">{text}</span></p>");
    let doubt = match (&answer.looks_like, answer.doubt) {
        (Some(class), _) => {
            let class = format!("looks like {}", words(class));
            tag(&class) + &format!("<p>excluded classes {}</p>", probability_text(answer.excluded))
        }
        (None, doubt) => doubt.map_or(String::new(), |doubt| tag(&escape(doubt))),
    };
    format!(
        "<li>{picture}<p><b>{}</b> {}</p><p>{or}</p>{doubt}<p class=\"path\">{}</p></li>",
        words(name(answer.class)),
        probability_text(answer.probability),
        breakable(path)
    )
}

/// How many images each class got, and how many of them the model is unsure of.
fn classes(gallery: &Gallery) -> String {
    let rows = each(gallery.classes.iter().enumerate(), |(class, name)| {
        let named = || gallery.answers.iter().filter(|answer| answer.class == class);
        let unsure = named().filter(|answer| answer.doubt.is_some()).count() as u64;
        let unsure = gallery.sure.as_ref().map(|_| format!("<td class=\"n\">{}</td>", count(unsure)));
        format!(
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td>{}</tr>",
            words(name),
            count(named().count() as u64),
            unsure.unwrap_or_default()
        )
    });
    let unsure = gallery.sure.as_ref().map_or("", |_| "<th scope=\"col\" class=\"n\">To look at</th>");
    let table = format!(
        "<table><thead><tr><th scope=\"col\">Class</th><th scope=\"col\" class=\"n\">Images named so</th>{unsure}</tr>\
         </thead><tbody>{rows}</tbody></table>"
    );
    scroll_box("Images named after each class", &table)
        + &aid("Counts of names that a model gave, its mistakes among them: no differential count.")
}

/// The weights of the classes; nothing where none were estimated.
fn weights(gallery: &Gallery) -> String {
    if gallery.weights.is_empty() {
        return String::new();
    }
    let rows = each(&gallery.weights, |class| {
        let range = interval(class.interval).map_or(String::new(), |range| format!("<small>{range}</small>"));
        format!(
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}{range}</td><td class=\"n\">{}</td></tr>",
            words(&class.name),
            percent(class.weight),
            percent(class.training)
        )
    });
    let table = format!(
        "<table><thead><tr><th scope=\"col\">Class</th><th scope=\"col\" class=\"n\">Weight here</th>\
         <th scope=\"col\" class=\"n\">Weight in training</th></tr></thead><tbody>{rows}</tbody></table>"
    );
    scroll_box("Class weights", &table)
        + &aid(
            "<code>--adapt-prevalence</code> weighs each class by how often the model itself seems to see it here. The \
             weights are <strong>no differential</strong>: they repeat the model's own mistakes, and their \
             95\u{202f}% intervals know only how few the images are. A model that is wrong about these images is \
             outside them.",
        )
}

fn provenance(gallery: &Gallery) -> String {
    let table = gallery.table.as_ref().map(|table| ("All predictions", code(table)));
    let rows: Vec<(&str, String)> = [
        ("Model", code(&gallery.model)),
        ("Data", code(&gallery.source.path().display().to_string())),
        ("Images", capital(&counted(gallery.answers.len() as u64, "image"))),
    ]
    .into_iter()
    .chain(table)
    .collect();
    let predicted = stamp("Prediction", 3, &gallery.provenance);
    format!("<div class=\"stamps\">{predicted}<div><h3>Inputs</h3>{}</div></div>", facts(&rows))
}
