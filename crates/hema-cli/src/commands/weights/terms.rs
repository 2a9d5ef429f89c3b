//! The terms of published weights that whoever uses them must know: their licence, and how their
//! images were normalised.

use hema::recipe::{Recipe, Weights};
use hema::weights::{self, PUBLISHED, Published};

use crate::output::Printer;

/// The settings of `[data]` that these weights need in a recipe, where its own values will not do.
pub(crate) fn other_normalisation(published: &Published) -> Option<String> {
    let Published { mean, std, .. } = published;
    // a recipe's own values are those of ImageNet, which most weights have
    let usual = (&PUBLISHED[0].mean, &PUBLISHED[0].std);
    ((mean, std) != usual).then(|| format!("data.mean={mean:?} data.std={std:?}").replace(", ", ","))
}

/// Warns of what the published weights that a recipe starts from ask for: of a licence that keeps commercial
/// use out, and of images normalised otherwise than the recipe says.
pub(crate) fn warn_of_weights(recipe: &Recipe, printer: &Printer) {
    let path = match &recipe.model.weights {
        Weights::None => return,
        Weights::Path(path) => path.clone(),
        // missing ones are reported when training looks for them
        Weights::Imagenet => weights::find_pretrained(recipe.model.name.as_str()).unwrap_or_default(),
    };
    let Some(published) = Published::of_file(&path) else { return };
    if published.is_non_commercial() {
        printer.warn(&format!("{}: licence {}", published.repository(), published.terms()));
    }
    let Published { mean, std, .. } = published;
    if (mean, std) != (&recipe.data.mean, &recipe.data.std) {
        let set = format!("--set data.mean={mean:?} --set data.std={std:?}").replace(", ", ",");
        printer.warn(&format!(
            "{} were trained on images normalised otherwise than the recipe says: add {set}",
            published.repository()
        ));
    }
}
