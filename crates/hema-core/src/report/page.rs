//! The frame of every page: head, style, content policy, and the words that the page uses.

use super::glossary;
use super::html::escape;

/// The frame around the content; `kind` says what the page is about, in a word or two. The policy makes the
/// browser refuse any address outside the file, should one ever slip in.
pub(super) fn page(kind: &str, title: &str, content: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; \
         style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} · Hema {kind}</title>\n<style>\n{}</style>\n</head>\n\
         <body>\n<a class=\"skip\" href=\"#content\">Skip to the content</a>\n\
         <header><p class=\"brand\">Hema {kind}</p><h1>{title}</h1></header>\n\
         <main id=\"content\">{content}</main>\n\
         <footer>{}<p>Made by Hema {}. A research tool, not a medical device.</p></footer>\n</body>\n</html>\n",
        include_str!("report.css"),
        glossary::draw(content),
        env!("CARGO_PKG_VERSION")
    )
}
