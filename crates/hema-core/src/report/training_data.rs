//! What a run was trained on: the images of each class, and some of them as training showed them.

use serde::{Deserialize, Serialize};

use super::html::{aid, count, each, escape, scroll_box, words};
use super::thumbnails::jpeg_base64;
use crate::error::Result;
use crate::sample::Image;

/// The images that a run was trained on, as far as its page shows them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingData {
    /// Class names in label order.
    pub classes: Vec<String>,
    /// Training images of each class.
    pub training: Vec<u64>,
    /// Validation images of each class.
    pub validation: Vec<u64>,
    /// Images of each class that an epoch shows, as the recipe's sampler draws them.
    pub epoch: Vec<u64>,
    /// The first images of the first epoch.
    pub shown: Vec<ShownImage>,
}

/// An image as training showed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShownImage {
    /// Its class, or the shares of the classes that are mixed in it.
    pub label: String,
    /// A small JPEG in base64.
    pub picture: String,
}

impl ShownImage {
    /// The image made small, with its label.
    ///
    /// # Errors
    /// When the JPEG encoder fails.
    pub fn new(label: impl Into<String>, image: &Image) -> Result<Self> {
        Ok(Self { label: label.into(), picture: jpeg_base64(image)? })
    }
}

/// The sheet of images and the table of counts; nothing where they are not known.
pub(super) fn draw(data: Option<&TrainingData>) -> String {
    let Some(data) = data else { return String::new() };
    sheet(data) + &counts(data)
}

fn sheet(data: &TrainingData) -> String {
    if data.shown.is_empty() {
        return String::new();
    }
    let cards = each(&data.shown, |shown| {
        let (picture, label) = (escape(&shown.picture), escape(&shown.label));
        format!(
            "<li><img src=\"data:image/jpeg;base64,{picture}\" alt=\"training image: {label}\" width=\"128\" \
             height=\"128\"><p>{label}</p></li>"
        )
    });
    let about = format!(
        "The first {} images of the first epoch, as drawn, augmented and labelled by the recipe. If a person could not \
         name these, or a label looks wrong, the model was taught so.",
        data.shown.len()
    );
    format!("<ul class=\"gallery\">{cards}</ul>") + &aid(about)
}

fn counts(data: &TrainingData) -> String {
    let numbers = data.training.iter().zip(&data.validation).zip(&data.epoch);
    let rows = each(data.classes.iter().zip(numbers), |(name, ((training, validation), epoch))| {
        let cells = each([training, validation, epoch], |n| format!("<td class=\"n\">{}</td>", count(*n)));
        format!("<tr><th scope=\"row\">{}</th>{cells}</tr>", words(name))
    });
    let heads = each(["Training images", "Validation images", "Shown in an epoch"], |head| {
        format!("<th scope=\"col\" class=\"n\">{head}</th>")
    });
    let table = format!(
        "<table class=\"counts\"><thead><tr><th scope=\"col\">Class</th>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    );
    scroll_box("Images that training had", &table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_what_training_saw_with_labels_and_counts() {
        let image = Image::filled(24, 24, [200, 40, 90]);
        let data = TrainingData {
            classes: vec!["a<b".into(), "platelet".into()],
            training: vec![1200, 8],
            validation: vec![30, 2],
            epoch: vec![604, 604],
            shown: vec![ShownImage::new("60 % platelet, 40 % a<b", &image).unwrap()],
        };
        let drawn = draw(Some(&data));
        assert!(drawn.contains("<p>60 % platelet, 40 % a&lt;b</p>"), "{drawn}");
        assert!(drawn.contains("data:image/jpeg;base64,"), "{drawn}");
        for number in ["1,200", "604", ">30<", ">8<", ">2<"] {
            assert!(drawn.contains(number), "{number}: {drawn}");
        }
        assert_eq!(draw(None), "");
    }
}
