//! A few pictures of every class, drawn at random, so that one sees at a glance what a class looks like.

use rand::seq::SliceRandom as _;

use super::subject::Subject;
use crate::report::html::{aid, counted, each, words};
use crate::report::thumbnails::Thumbnails;
use crate::rng::{Purpose, stream};

/// Most pictures of one class.
const PER_CLASS: usize = 12;
/// Most pictures of all classes together.
const MOST: usize = 240;

/// The pictures of every class.
pub(super) struct Sheets(Vec<Sheet>);

struct Sheet {
    class: String,
    /// Images of the class that stay.
    stay: usize,
    images: Vec<usize>,
}

impl Sheets {
    /// Chooses among the images that stay.
    pub(super) fn choose(subject: &Subject) -> Self {
        let source = subject.report.source;
        let classes = source.classes().len();
        let mut images: Vec<Vec<usize>> = vec![Vec::new(); classes + 1];
        for (i, entry) in source.entries().iter().enumerate().filter(|(i, _)| subject.kept[*i]) {
            images[entry.label.unwrap_or(classes)].push(i);
        }
        let present = images.iter().filter(|images| !images.is_empty()).count();
        let per_class = (MOST / present.max(1)).clamp(1, PER_CLASS);
        let sheet = |(class, mut images): (usize, Vec<usize>)| {
            let (chosen, _) =
                images.partial_shuffle(&mut stream(0, Purpose::Look, 0, class as u64), per_class);
            let mut chosen = chosen.to_vec();
            chosen.sort_unstable();
            let class = source.classes().get(class).map_or("no label", String::as_str);
            Sheet { class: class.to_owned(), stay: images.len(), images: chosen }
        };
        let named = images.into_iter().enumerate().filter(|(_, images)| !images.is_empty());
        Self(named.take(MOST).map(sheet).collect())
    }

    /// The entries that are shown.
    pub(super) fn images(&self) -> impl Iterator<Item = usize> {
        self.0.iter().flat_map(|sheet| sheet.images.iter().copied())
    }

    pub(super) fn draw(&self, subject: &Subject, thumbnails: &Thumbnails) -> String {
        if self.0.is_empty() {
            return "<p>No image stays.</p>".into();
        }
        let sheets = each(&self.0, |sheet| {
            let pictures = each(&sheet.images, |image| {
                format!("<li>{}</li>", thumbnails.draw(*image, subject.path(*image)))
            });
            format!(
                "<h3>{} <small>{}</small></h3><ul class=\"sheet\">{pictures}</ul>",
                words(&sheet.class),
                counted(sheet.stay as u64, "image")
            )
        });
        sheets + &aid("Images that stay in the cleaned set, drawn at random with a fixed seed.")
    }
}
