//! The recipes that come with Hema, built into the library so that `--recipe v2b0` works anywhere.

/// One recipe of the repository's `recipes/` folder.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// What to say to `--recipe`; the file's name without `.toml`.
    pub name: &'static str,
    /// The file's text, comments and all.
    pub text: &'static str,
}

/// Every shipped recipe, the one to start with first.
pub const SHIPPED: &[Shipped] = &[
    Shipped { name: "quickstart", text: include_str!("../../../../recipes/quickstart.toml") },
    Shipped { name: "v2b0", text: include_str!("../../../../recipes/v2b0.toml") },
    Shipped { name: "robust-v2b0", text: include_str!("../../../../recipes/robust-v2b0.toml") },
    Shipped { name: "v2b0-staged", text: include_str!("../../../../recipes/v2b0-staged.toml") },
    Shipped { name: "cnn", text: include_str!("../../../../recipes/cnn.toml") },
    Shipped { name: "mlp", text: include_str!("../../../../recipes/mlp.toml") },
];

impl Shipped {
    /// The shipped recipe of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        SHIPPED.iter().find(|shipped| shipped.name == name)
    }

    /// Names of all shipped recipes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|shipped| shipped.name)
    }

    /// The recipe's own line about itself.
    pub fn about(&self) -> String {
        let table: toml::Table = self.text.parse().unwrap_or_default();
        table.get("about").and_then(toml::Value::as_str).unwrap_or_default().to_string()
    }
}
