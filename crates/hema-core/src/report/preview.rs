//! The page of pictures before and after operators.

use super::html::{capital, each, escape, scroll_box};
use super::origin::Origin;
use super::page::page;
use super::pictures::thumbnail_png_base64;
use crate::error::Result;
use crate::preview::{PictureRow, Section};

/// The page: a table of pictures for every section, and what made it.
///
/// # Errors
/// When the PNG encoder fails.
pub fn render_preview(title: &str, sections: &[Section], origin: &Origin) -> Result<String> {
    let drawn: Vec<String> = sections.iter().map(draw).collect::<Result<_>>()?;
    Ok(page("preview", title, &(drawn.concat() + &origin.draw())))
}

fn draw(section: &Section) -> Result<String> {
    let rows: Vec<String> =
        section.rows.iter().map(|row| line(row, &section.columns)).collect::<Result<_>>()?;
    let heads = each(&section.columns, |column| format!("<th scope=\"col\">{}</th>", escape(column)));
    let table = format!(
        "<table class=\"tiles\"><thead><tr><th scope=\"col\"></th>{heads}</tr></thead><tbody>{}</tbody></table>",
        rows.concat()
    );
    Ok(format!("<section><h2>{}</h2>{}</section>", section.title, scroll_box(section.title, &table)))
}

fn line(row: &PictureRow, columns: &[String]) -> Result<String> {
    let cells: Vec<String> = (row.pictures.iter().zip(columns))
        .map(|(picture, column)| {
            let (png, alt) = (thumbnail_png_base64(picture)?, escape(&format!("{}, {column}", row.name)));
            Ok(format!("<td><img src=\"data:image/png;base64,{png}\" alt=\"{alt}\"></td>"))
        })
        .collect::<Result<_>>()?;
    Ok(format!(
        "<tr><th scope=\"row\">{}<small>{}</small></th>{}</tr>",
        escape(&row.name),
        escape(&capital(&row.about)),
        cells.concat()
    ))
}
