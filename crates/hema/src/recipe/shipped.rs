//! The recipes that come with Hema, built into the library so that `--recipe v2b0` works anywhere.

/// One recipe of the repository's `recipes/` folder.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// What to say to `--recipe`; the file's path in that folder without `.toml`.
    pub name: &'static str,
    /// The file's text, comments and all.
    pub text: &'static str,
}

/// Every shipped recipe, the one to start with first.
pub const SHIPPED: &[Shipped] = &[
    Shipped { name: "quickstart", text: include_str!("../../recipes/quickstart.toml") },
    Shipped { name: "v2b0", text: include_str!("../../recipes/v2b0.toml") },
    Shipped { name: "robust-v2b0", text: include_str!("../../recipes/robust-v2b0.toml") },
    Shipped { name: "robust-student", text: include_str!("../../recipes/robust-student.toml") },
    Shipped { name: "robust-small", text: include_str!("../../recipes/robust-small.toml") },
    Shipped { name: "few-cells", text: include_str!("../../recipes/few-cells.toml") },
    Shipped { name: "v2b0-staged", text: include_str!("../../recipes/v2b0-staged.toml") },
    Shipped { name: "cnn", text: include_str!("../../recipes/cnn.toml") },
    Shipped { name: "mlp", text: include_str!("../../recipes/mlp.toml") },
    Shipped { name: "an2dl/01-mlp", text: include_str!("../../recipes/an2dl/01-mlp.toml") },
    Shipped { name: "an2dl/01b-mlp-scaled", text: include_str!("../../recipes/an2dl/01b-mlp-scaled.toml") },
    Shipped {
        name: "an2dl/02-mlp-augmented",
        text: include_str!("../../recipes/an2dl/02-mlp-augmented.toml"),
    },
    Shipped { name: "an2dl/03-cnn", text: include_str!("../../recipes/an2dl/03-cnn.toml") },
    Shipped {
        name: "an2dl/04-cnn-augmented",
        text: include_str!("../../recipes/an2dl/04-cnn-augmented.toml"),
    },
    Shipped {
        name: "an2dl/04b-cnn-augmented",
        text: include_str!("../../recipes/an2dl/04b-cnn-augmented.toml"),
    },
    Shipped {
        name: "an2dl/05-efficientnet-b0",
        text: include_str!("../../recipes/an2dl/05-efficientnet-b0.toml"),
    },
    Shipped {
        name: "an2dl/06-efficientnet-b0-improved",
        text: include_str!("../../recipes/an2dl/06-efficientnet-b0-improved.toml"),
    },
    Shipped {
        name: "an2dl/07-background-removal",
        text: include_str!("../../recipes/an2dl/07-background-removal.toml"),
    },
    Shipped {
        name: "an2dl/07b-background-removal",
        text: include_str!("../../recipes/an2dl/07b-background-removal.toml"),
    },
    Shipped {
        name: "an2dl/08-efficientnetv2-b3",
        text: include_str!("../../recipes/an2dl/08-efficientnetv2-b3.toml"),
    },
    Shipped {
        name: "an2dl/08b-efficientnetv2-b3",
        text: include_str!("../../recipes/an2dl/08b-efficientnetv2-b3.toml"),
    },
    Shipped {
        name: "an2dl/09-efficientnetv2-b3-improved",
        text: include_str!("../../recipes/an2dl/09-efficientnetv2-b3-improved.toml"),
    },
    Shipped {
        name: "an2dl/09b-efficientnetv2-b3-online",
        text: include_str!("../../recipes/an2dl/09b-efficientnetv2-b3-online.toml"),
    },
    Shipped {
        name: "an2dl/10-efficientnetv2-l",
        text: include_str!("../../recipes/an2dl/10-efficientnetv2-l.toml"),
    },
    Shipped {
        name: "an2dl/10b-efficientnetv2-l-online",
        text: include_str!("../../recipes/an2dl/10b-efficientnetv2-l-online.toml"),
    },
    Shipped { name: "an2dl/rival-convnext", text: include_str!("../../recipes/an2dl/rival-convnext.toml") },
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
