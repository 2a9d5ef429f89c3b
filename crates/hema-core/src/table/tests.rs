//! Tables as spreadsheets, scripts and other systems write them.

use std::path::Path;

use super::*;

fn table(bytes: &[u8]) -> Result<Table> {
    Table::read(std::io::Cursor::new(bytes.to_vec()), Path::new("t.csv"))
}

/// Line, path and label of every row.
fn rows(bytes: &[u8]) -> Result<Vec<(u64, String, Option<String>)>> {
    let mut table = table(bytes)?;
    let path = table.require(Column::Path, "path,label")?;
    let label = table.find(Column::Label)?;
    let mut rows = Vec::new();
    while let Some(row) = table.next_row()? {
        let text = |column| row.cell(column).map(str::to_owned);
        rows.push((row.line, text(Some(path)).unwrap_or_default(), text(label)));
    }
    Ok(rows)
}

fn utf16(text: &str, bytes_of: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes_of).collect()
}

#[test]
fn a_table_reads_the_same_however_it_was_written() {
    let plain = "path,label\na/1.png,blast\na/2.png,\u{00e4}lter\n";
    let expected = rows(plain.as_bytes()).unwrap();
    assert_eq!(expected[1], (3, "a/2.png".to_owned(), Some("\u{00e4}lter".to_owned())));
    let marked = format!("\u{feff}{plain}");
    for (how, bytes) in [
        ("byte order mark", marked.clone().into_bytes()),
        ("UTF-16, little end first", utf16(&marked, u16::to_le_bytes)),
        ("UTF-16, big end first", utf16(&marked, u16::to_be_bytes)),
        ("UTF-16 without a mark", utf16(plain, u16::to_le_bytes)),
        ("semicolons", plain.replace(',', ";").into_bytes()),
        ("tabs", plain.replace(',', "\t").into_bytes()),
        ("bars", plain.replace(',', "|").into_bytes()),
        ("spaces", plain.replace(',', " ,  ").into_bytes()),
        ("Windows lines", plain.replace('\n', "\r\n").into_bytes()),
        ("old Macintosh lines", plain.replace('\n', "\r").into_bytes()),
        ("quotes", plain.replace("a/1.png", "\"a/1.png\"").into_bytes()),
        ("other case", plain.replace("path,label", "Path,LABEL").into_bytes()),
        ("other names", plain.replace("path,label", "File Name,cell_type").into_bytes()),
        ("an index", "n,path,label\n0,a/1.png,blast\n1,a/2.png,\u{00e4}lter\n".into()),
        ("empty cells at the ends", plain.replace('\n', ",,\n").into_bytes()),
        ("empty rows", format!("{plain}\n\n,\n,,\n").into_bytes()),
    ] {
        assert_eq!(rows(&bytes).unwrap(), expected, "{how}");
    }
    let named =
        rows(format!("sep=;\r\n{}", plain.replace(',', ";").replace('\n', "\r\n")).as_bytes()).unwrap();
    assert_eq!((named[0].0, &named[0].1), (3, &expected[0].1));
    let json = "{\"file_name\": \"a/1.png\", \"label\": \"blast\", \"box\": [1, 2]}\n\n\
                {\"label\": 7, \"file_name\": \"a/2.png\"}\n";
    let expected =
        [(1, "a/1.png".to_owned(), Some("blast".to_owned())), (3, "a/2.png".to_owned(), Some("7".into()))];
    assert_eq!(rows(json.as_bytes()).unwrap(), expected);
}

#[test]
fn a_separator_inside_a_cell_does_not_divide_the_table() {
    let found = rows(b"path;label\n\"a,b;c.png\";x, y\n").unwrap();
    assert_eq!(found, [(2, "a,b;c.png".to_owned(), Some("x, y".to_owned()))]);
}

#[test]
fn a_table_that_cannot_be_read_is_explained_with_its_line() {
    let fails = |bytes: &[u8]| {
        let error = rows(bytes).unwrap_err();
        format!("{error} | {}", error.hint_text().unwrap_or_default())
    };
    for (bytes, message) in [
        (
            &b"a/1.png,blast\na/2.png,blast\n"[..],
            "t.csv: has no column `path` (found: a/1.png,blast; expected path,label)",
        ),
        (b"picture,label\n", "are known too: file_name, file_path"),
        (b"path,label\na.png,b,c\n", "line 2 has 3 cells (expected 2"),
        (b"path,label\na.png\n", "line 2 has 1 cells (expected 2"),
        (b"path,label\na.png,x\nb.png,\xe4lter\n", "line 3 is not UTF-8 text"),
        (b"path,class,category\na.png,x,y\n", "the columns `class` and `category` could both be the label"),
        (b"path,label,label\na.png,x,y\n", "the columns `label` and `label` could both be the label"),
        (b"\xff\xfep\0a", "begins like UTF-16 text and is none"),
        (b"{\"file_name\": \"a.png\"}\n{\"file_name\"\n", "line 2 is no JSON object"),
    ] {
        let found = fails(bytes);
        assert!(found.contains(message), "{found}");
    }
}

#[test]
fn of_two_columns_the_likelier_is_taken_and_the_other_known() {
    let table = table(b"slide,id,patient,file_name,age\n").unwrap();
    assert_eq!(table.find(Column::Path).unwrap(), Some(3));
    assert_eq!(
        (table.find(Column::Group).unwrap(), table.set_aside(Column::Group)),
        (Some(2), vec!["slide"])
    );
    assert_eq!((table.find(Column::Label).unwrap(), table.unknown_columns()), (None, vec!["age"]));
}

#[test]
fn rows_find_their_images_however_paths_are_written() {
    let paths = ["a/s1/1.png", "a/s1/2.png", "b/3.PNG"];
    for names in [
        ["a/s1/1.png", "b/3.PNG"],
        ["./a/s1/1.png", "./b/3.PNG"],
        ["a\\s1\\1.png", "b\\3.PNG"],
        ["data/cells/a/s1/1.png", "data/cells/b/3.PNG"],
        ["C:\\cells\\a\\s1\\1.png", "C:\\cells\\b\\3.PNG"],
        ["/home/me/a/s1/1.png", "/home/me/b/3.PNG"],
        ["1.png", "3.PNG"],
        ["s1/1.png", "b/3.PNG"],
        ["1", "3"],
        ["a/s1/1", "b/3"],
        ["A/S1/1.PNG", "B/3.png"],
    ] {
        assert_eq!(fit(&paths.into_iter(), &names), Ok(vec![0, 2]), "{names:?}");
    }
}

#[test]
fn rows_that_fit_no_image_or_several_are_counted_and_named() {
    let fails = |paths: &[&str], names: &[&str]| {
        let misfit = fit(&paths.iter().copied(), names).unwrap_err();
        misfit.error(|row| row as u64 + 2, |row| names[row]).to_string()
    };
    let paths = ["a/1.png", "a/2.png", "b/1.png", "b/3.png"];
    assert_eq!(
        fails(&paths, &["a/1.png", "a/9.png", "b/1.png", "b/8.png"]),
        "2 of its 4 rows name no image, first: line 3 `a/9.png`, line 5 `b/8.png` (expected paths such as `a/1.png`)"
    );
    assert_eq!(
        fails(&paths, &["3.png", "1.png"]),
        "1 of its 2 rows fit several images, first: line 3 `1.png`, which could be `a/1.png` or `b/1.png`"
    );
    assert!(fails(&paths, &["1.png"]).contains("1 of its 1 rows fit several images, first: line 2 `1.png`"));
    // no folder is guessed: a right name in a wrong folder is another image
    assert!(fails(&paths, &["a/1.png", "a/3.png"]).contains("line 3 `a/3.png`"));
}

#[test]
fn cells_that_were_kept_from_being_formulas_read_as_they_were() {
    let names = ["=1+1", "'=1+1", "\t@x", "\r=2", "\r\n-a", "-1", "'quoted'"];
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(["path", "label"]).unwrap();
    for name in names {
        out.write_record([name, "x"].map(crate::spreadsheet::defused)).unwrap();
    }
    let read = rows(&out.into_inner().unwrap()).unwrap();
    assert_eq!(read.into_iter().map(|(_, path, _)| path).collect::<Vec<_>>(), names);
}
