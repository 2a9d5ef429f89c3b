//! What a model thinks of classes that it was told not to choose: images that look most like one of those
//! get another name all the same.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Share of the images from which it is doubtful that the excluded classes do not occur among them.
const MANY: f64 = 0.05;

/// How often the likeliest class of an image, of all that a model knows, is one that it must not choose.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Excluded {
    /// Images asked about.
    pub images: u64,
    /// Mean over the images of the probability that the model gives to the excluded classes together, 0 to 1.
    pub probability: f64,
    /// Images whose likeliest class is excluded, by class, the most frequent first.
    pub likeliest: Vec<ExcludedClass>,
}

/// An excluded class, and the images that look most like it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExcludedClass {
    /// Name of the class.
    pub name: String,
    /// Images whose likeliest class it is.
    pub images: u64,
}

impl Excluded {
    /// Counts images: each by the probability that the model gives to the excluded classes together, and the
    /// name of the likeliest class of all where that is excluded.
    pub fn count<'a>(images: impl IntoIterator<Item = (f32, Option<&'a str>)>) -> Self {
        let mut found = Self::default();
        for (probability, likeliest) in images {
            found.images += 1;
            found.probability += f64::from(probability);
            let Some(name) = likeliest else { continue };
            match found.likeliest.iter_mut().find(|class| class.name == name) {
                Some(class) => class.images += 1,
                None => found.likeliest.push(ExcludedClass { name: name.to_owned(), images: 1 }),
            }
        }
        found.probability /= found.images.max(1) as f64;
        found.likeliest.sort_by(|a, b| b.images.cmp(&a.images).then_with(|| a.name.cmp(&b.name)));
        found
    }

    /// Images whose likeliest class is excluded.
    pub fn renamed(&self) -> u64 {
        self.likeliest.iter().map(|class| class.images).sum()
    }

    /// Whether so many images look most like an excluded class that it may well occur among them.
    pub fn is_large(&self) -> bool {
        self.renamed() as f64 > MANY * self.images as f64
    }
}

impl fmt::Display for Excluded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes: Vec<String> =
            self.likeliest.iter().map(|class| format!("{} {}", class.name, class.images)).collect();
        match classes.as_slice() {
            [] => write!(f, "none of the {} images looks most like an excluded class", self.images),
            classes => write!(
                f,
                "{} of {} images look most like an excluded class ({}) and got another name",
                self.renamed(),
                self.images,
                classes.join(", ")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_that_look_like_an_excluded_class_are_counted_by_class() {
        let images =
            [(0.9, Some("ig")), (0.1, None), (0.8, Some("erythroblast")), (0.7, Some("erythroblast"))];
        let excluded = Excluded::count(images);
        assert!((excluded.probability - 0.625).abs() < 1e-6, "{excluded:?}");
        assert_eq!(
            excluded.to_string(),
            "3 of 4 images look most like an excluded class (erythroblast 2, ig 1) and got another name"
        );
        assert!(excluded.is_large());
        let none = Excluded::count([(0.01, None); 20]);
        assert_eq!(none.to_string(), "none of the 20 images looks most like an excluded class");
        assert!(!none.is_large());
        assert!(!Excluded::count([(0.9, Some("ig"))].into_iter().chain([(0.0, None); 19])).is_large());
    }
}
