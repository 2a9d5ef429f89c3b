//! The words that a page uses, explained at its foot.

use super::html::each;

/// A term: how it stands on pages, in lower case, and what it means.
struct Term {
    /// Name in the glossary.
    name: &'static str,
    /// Words of which one stands on a page that uses the term.
    spellings: &'static [&'static str],
    /// Meaning, in a sentence.
    meaning: &'static str,
}

const fn term(name: &'static str, spellings: &'static [&'static str], meaning: &'static str) -> Term {
    Term { name, spellings, meaning }
}

/// Every term, in the order of the alphabet.
const TERMS: &[Term] = &[
    term(
        "95\u{202f}% interval",
        &["95\u{202f}% interval", "95\u{202f}% intervals"],
        "range that holds the true value for 95 of 100 samples of images; the fewer images, the wider.",
    ),
    term("Accuracy", &["accuracy"], "share of the images whose most probable class is the true one."),
    term("Augmentation", &["augmentation"], "random changes that training makes to its images."),
    term(
        "AUGRC",
        &["augrc"],
        "errors among the accepted images as a share of all, in the mean over all thresholds: 0\u{202f}% is best; half \
         the share of errors where probabilities say nothing.",
    ),
    term(
        "AURC",
        &["aurc"],
        "share of errors among the accepted images, in the mean over all thresholds: 0\u{202f}% is best.",
    ),
    term(
        "AUROC",
        &["auroc"],
        "how well the probability of a class puts its images before all others: 1 is perfect, 0.5 is chance.",
    ),
    term(
        "Balanced accuracy",
        &["balanced accuracy", "balanced"],
        "mean of the recalls of the classes, so that a rare class counts as much as a common one.",
    ),
    term(
        "BE, rBE",
        &["rbe"],
        "balanced error over that of a published AlexNet under the same damage; rBE the same of what damage adds to the \
         clean error. Below 1 is better than AlexNet.",
    ),
    term(
        "Brier score",
        &["brier"],
        "mean squared distance of the probabilities from the truth: 0 is best, 2 is worst.",
    ),
    term(
        "Calibration error",
        &["calibration error", "ece"],
        "expected calibration error (ECE): how far probabilities are from how often they are right; 0\u{202f}% is best.",
    ),
    term(
        "Condition",
        &["condition", "conditions"],
        "one way in which all images were changed before they were judged.",
    ),
    term("Confusion", &["confusion"], "which class the images of a class were taken for, and how often."),
    term(
        "Cosine distance",
        &["cosine distance"],
        "how differently a model sees two images: 0 is alike, 1 is unrelated, 2 is opposite.",
    ),
    term(
        "Degraded",
        &["degraded", "degradation"],
        "made worse on purpose: darker, blurred, noisy, compressed, stained otherwise.",
    ),
    term("Duplicate", &["duplicate", "duplicates"], "an image that shows the same picture as another."),
    term("Epoch", &["epoch", "epochs"], "one pass of training over all its images."),
    term("F1", &["f1"], "precision and recall in one number, their harmonic mean."),
    term(
        "Fold",
        &["fold", "folds"],
        "one of several equal shares of the data, each of which validates once.",
    ),
    term("Learning rate", &["learning rate"], "size of the steps that training takes."),
    term("Loss", &["loss", "losses"], "what training makes small: how improbable the model finds the truth."),
    term("Macro F1", &["macro f1"], "mean of the F1 of the classes that have images."),
    term(
        "NLL",
        &["nll"],
        "negative log-likelihood: how improbable the model finds the truth; punishes confident mistakes hardest.",
    ),
    term(
        "Operator",
        &["operator", "operators"],
        "one kind of change to an image, such as blur or brightness.",
    ),
    term(
        "Paired test",
        &["paired test"],
        "compares two models image by image; p is how often chance alone would bring a difference as large.",
    ),
    term(
        "Part",
        &["part"],
        "train, the images to learn from; val, those to choose by; test, those for the last look.",
    ),
    term("Precision", &["precision"], "of the images given the name of a class, the share that deserves it."),
    term("Recall", &["recall"], "of the images of a class, the share that is found."),
    term(
        "Refer",
        &["refer", "referred", "referring"],
        "leave an image to a person, as the model is not sure of it.",
    ),
    term("Risk", &["risk"], "of the images that are left to the model, the share that is named wrongly."),
    term(
        "Rung",
        &["rung", "rungs", "rung-1", "rung-2"],
        "a round of a search: all its trials train equally long, and the better ones go on to the next.",
    ),
    term("Seed", &["seed", "seeds"], "number from which all random choices of a run follow."),
    term("Severity", &["severity", "severities"], "strength of a change, from 1, light, to 5, strong."),
    term(
        "Standard deviation",
        &["standard deviation"],
        "how far runs lie from their mean: about two in three lie within one.",
    ),
    term("Suite", &["suite", "suites"], "a list of conditions to judge a model under."),
    term(
        "Temperature",
        &["temperature"],
        "one number that makes the probabilities of a model neither too high nor too low.",
    ),
    term("Trial", &["trial", "trials"], "one training run of a search."),
    term(
        "Unchanged images",
        &["unchanged"],
        "the images as they are in the data, good or bad; only scaled to the size that the model takes.",
    ),
    term("Views", &["views"], "copies of an image, turned or mirrored, whose predictions are averaged."),
];

/// The terms that stand in the content of a page; nothing where there are none.
pub(super) fn draw(content: &str) -> String {
    let text = visible_words(content);
    let used = TERMS.iter().filter(|term| term.spellings.iter().any(|word| has_word(&text, word)));
    let entries =
        each(used, |Term { name, meaning, .. }| format!("<div><dt>{name}</dt><dd>{meaning}</dd></div>"));
    if entries.is_empty() {
        return entries;
    }
    format!("<details class=\"glossary\"><summary>Words on this page</summary><dl>{entries}</dl></details>")
}

/// The text of some HTML in lower case, without code, which speaks another language.
fn visible_words(html: &str) -> String {
    let mut text = String::new();
    let mut in_code = 0_usize;
    for piece in html.split('<') {
        let (tag, words) = piece.split_once('>').unwrap_or(("", piece));
        match tag.split([' ', '>']).next().unwrap_or_default() {
            "code" | "pre" => in_code += 1,
            "/code" | "/pre" => in_code = in_code.saturating_sub(1),
            _ => {}
        }
        if in_code == 0 {
            text.push_str(words);
            text.push(' ');
        }
    }
    text.to_lowercase()
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(start, _)| {
        let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !is_part(text[..start].chars().next_back()) && !is_part(text[start + word.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_explains_the_words_that_it_uses_and_no_others() {
        let drawn =
            draw("<p>Recall of <b>each</b> class</p><pre>seed = 1</pre><code>--folds</code> lossless");
        assert!(drawn.contains("<dt>Recall</dt>"), "{drawn}");
        assert_eq!(drawn.matches("<dt>").count(), 1, "{drawn}");
        assert_eq!(draw("<p>nothing of note</p>"), "");
    }

    #[test]
    fn terms_stand_in_the_order_of_the_alphabet_and_have_spellings() {
        assert!(TERMS.is_sorted_by_key(|term| term.name.to_lowercase()));
        for term in TERMS {
            assert!(term.spellings.iter().all(|word| *word == word.to_lowercase()), "{}", term.name);
            assert!(term.meaning.ends_with('.') && !term.spellings.is_empty(), "{}", term.name);
        }
    }
}
