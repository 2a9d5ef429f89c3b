//! What others gave to a model: published weights that it or its teachers started from, and their terms. It
//! goes from model to model, so that what was distilled from a network still says where that came from.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::published::Published;

/// Something of others that a model was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Where it is from: a repository of the Hugging Face hub, or the name of a file.
    pub source: String,
    /// Its licence and what that keeps out, in words; nothing where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<String>,
}

impl Origin {
    /// Published weights.
    pub fn published(published: &Published) -> Self {
        Self { source: published.repository(), terms: Some(published.terms()) }
    }

    /// The weights in a file that is no model of Hema.
    pub fn of_file(path: &Path) -> Self {
        let name = || path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Published::of_file(path).map_or_else(|| Self { source: name(), terms: None }, Self::published)
    }
}

/// The origins of several models together, each once; nothing where they are not known of one of them.
pub fn origins_together(of_models: impl IntoIterator<Item = Option<Vec<Origin>>>) -> Option<Vec<Origin>> {
    let mut all = Vec::new();
    for origins in of_models {
        for origin in origins? {
            if !all.contains(&origin) {
                all.push(origin);
            }
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_put_together_each_once_and_are_unknown_with_one_of_them() {
        let of = |name: &str| vec![Origin::of_file(Path::new(name))];
        let (known, other) = (of("weights/tf_efficientnetv2_b0.in1k.safetensors"), of("mine.safetensors"));
        assert_eq!(known[0].source, "timm/tf_efficientnetv2_b0.in1k");
        assert_eq!(known[0].terms.as_deref(), Some("apache-2.0"));
        assert_eq!((other[0].source.as_str(), &other[0].terms), ("mine.safetensors", &None));
        let both = [known.clone(), other.clone()].concat();
        let together = origins_together([Some(known.clone()), Some(other), Some(known.clone())]);
        assert_eq!(together, Some(both));
        assert_eq!(origins_together([Some(known), None]), None);
        assert_eq!(origins_together([]), Some(Vec::new()));
    }
}
