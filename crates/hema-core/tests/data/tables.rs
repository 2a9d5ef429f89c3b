//! Tables beside pictures, and manifests, as people write them: used, or said to be wrong.

use hema_core::data::{Notice, Source, Subject, open};
use hema_core::split::{Part, Split};
use tempfile::TempDir;

use crate::helper::{File, file, folder, open_error, png, tar, write_folder, zip};

/// Two classes of three cells each, of three patients, in `data`.
fn with(tables: &[(&str, &str)]) -> (TempDir, Vec<File>) {
    let mut files: Vec<File> = Vec::new();
    for (i, class) in ["ig", "ig", "ig", "mono", "mono", "mono"].into_iter().enumerate() {
        files.push((format!("{class}/p{}_{i}.png", i % 3), png(i as u8)));
    }
    files.extend(tables.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())));
    let dir = folder();
    write_folder(&dir.path().join("data"), &files);
    (dir, files)
}

fn opened(tables: &[(&str, &str)]) -> Source {
    let (dir, _) = with(tables);
    open(&dir.path().join("data")).unwrap()
}

fn refused(tables: &[(&str, &str)]) -> String {
    let (dir, _) = with(tables);
    open_error(&dir.path().join("data"))
}

fn groups(source: &Source) -> Vec<Option<&str>> {
    source.entries().iter().map(|entry| entry.group).collect()
}

fn subjects(source: &Source) -> Vec<Subject> {
    source.notices().iter().map(|notice: &Notice| notice.subject).collect()
}

/// The rows of a table of groups, its paths written in some way.
fn group_rows(header: &str, separator: &str, path: impl Fn(&str) -> String) -> String {
    let (_dir, files) = with(&[]);
    let row = |(name, _): &File| {
        let group = name.split(['/', '_']).nth(1).unwrap_or_default();
        format!("{}{separator}{group}\n", path(name))
    };
    format!("{header}\n{}", files.iter().map(row).collect::<String>())
}

#[test]
fn groups_are_found_however_their_paths_and_columns_are_written() {
    let expected = [Some("p0"), Some("p1"), Some("p2"), Some("p0"), Some("p1"), Some("p2")];
    for text in [
        group_rows("path,group", ",", str::to_owned),
        group_rows("path,group", ",", |path| format!("data/{path}")),
        group_rows("path,group", ",", |path| format!("./{path}")),
        group_rows("path,group", ",", |path| path.replace('/', "\\")),
        group_rows("path,group", ",", |path| path.split('/').next_back().unwrap().to_owned()),
        group_rows("\u{feff}Image;Patient ID", ";", str::to_owned),
        group_rows("file_name\tslide", "\t", str::to_owned),
    ] {
        let source = opened(&[("groups.csv", &text)]);
        assert_eq!(groups(&source), expected, "{text}");
        assert_eq!(subjects(&source), [], "{text}");
    }
    let utf16: Vec<u8> = group_rows("\u{feff}path,group", ",", str::to_owned)
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let (dir, mut files) = with(&[]);
    files.push(("Groups.CSV".to_owned(), utf16));
    write_folder(&dir.path().join("other"), &files);
    assert_eq!(groups(&open(&dir.path().join("other")).unwrap()), expected);
    for (name, bytes) in [("x.tar", tar(&files)), ("x.zip", zip(&files, true))] {
        assert_eq!(groups(&open(&file(&dir, name, &bytes)).unwrap()), expected, "{name}");
    }
}

#[test]
fn a_table_of_groups_that_does_not_fit_is_refused_with_its_first_rows() {
    let found = refused(&[("groups.csv", "path,group\nig/p0_0.png,a\nig/none.png,b\nmono/gone.png,c\n")]);
    assert!(
        found.contains(
            "groups.csv: 2 of its 3 rows name no image, first: line 3 `ig/none.png`, line 4 `mono/gone.png` (expected \
             paths such as `ig/p0_0.png`)"
        ),
        "{found}"
    );
    let found = refused(&[("groups.csv", "path,smear\nig/p0_0.png,a\n")]);
    assert!(found.contains("has no column `group` (found: path,smear; expected path,group)"), "{found}");
    let found = refused(&[("groups.csv", "path,group\nig/p0_0.png,a\nig\\p0_0.png,b\n")]);
    assert!(found.contains("lines 2 and 3 say different things of one image"), "{found}");
    // the same said twice is no harm
    assert_eq!(
        groups(&opened(&[("groups.csv", "path,group\nig/p0_0.png,a\nig\\p0_0.png,a\n")]))[0],
        Some("a")
    );
}

#[test]
fn images_without_a_group_are_counted_and_groups_called_nothing_are_named() {
    let source = opened(&[("groups.csv", "path,group\nig/p0_0.png,nan\nig/p1_1.png,NaN\nig/p2_2.png,\n")]);
    let said: Vec<String> = source.notices().iter().map(ToString::to_string).collect();
    assert_eq!(subjects(&source), [Subject::OddName, Subject::NoGroup]);
    assert!(said[0].starts_with("2 images have the group `nan`, which is taken as a name"), "{said:?}");
    assert!(
        said[1].starts_with("4 of 6 images belong to no group, while the others do: ig/p2_2.png"),
        "{said:?}"
    );
}

#[test]
fn labels_are_read_from_the_metadata_of_hugging_face() {
    let loose = |part: &str, n: u8| -> Vec<File> {
        (0..n).map(|i| (format!("{part}/{part}{i}.png"), png(i))).collect()
    };
    let csv = |part: &str, n: u8| {
        let row = |i: u8| format!("{part}{i}.png,{}\n", ["ig", "blast"][usize::from(i) % 2]);
        let rows = (0..n).map(row).collect::<Vec<_>>().concat();
        (format!("{part}/metadata.csv"), format!("file_name,label\n{rows}").into_bytes())
    };
    let mut files = [loose("train", 4), loose("test", 2)].concat();
    files.extend([csv("train", 4), csv("test", 2)]);
    let dir = folder();
    write_folder(&dir.path().join("hf"), &files);
    for path in [dir.path().join("hf"), file(&dir, "hf.tar", &tar(&files))] {
        let source = open(&path).unwrap();
        assert_eq!(
            (source.classes(), source.counts()),
            (&["blast".to_owned(), "ig".to_owned()][..], vec![3, 3])
        );
        let parts: Vec<Option<Part>> = source.entries().iter().map(|entry| entry.part).collect();
        assert_eq!(parts[..3], [Some(Part::Test), Some(Part::Test), Some(Part::Train)]);
        assert_eq!(subjects(&source), []);
    }

    let mut files = loose("images", 4);
    let row = |i: u8| format!("{{\"file_name\": \"images/images{i}.png\", \"label\": {}}}\n", i % 2);
    let json = (0..3).map(row).collect::<Vec<_>>().concat();
    files.push(("metadata.jsonl".into(), json.into_bytes()));
    write_folder(&dir.path().join("json"), &files);
    let source = open(&dir.path().join("json")).unwrap();
    assert_eq!(source.counts(), [2, 1]);
    assert_eq!(subjects(&source), [Subject::NoLabel, Subject::FoldersNoClasses]);
    assert_eq!(source.notices()[1].examples, ["images"]);
}

#[test]
fn a_table_that_contradicts_the_folders_is_refused() {
    let right = "file_name,label\nig/p0_0.png,ig\nmono/p0_3.png,mono\n";
    assert_eq!(opened(&[("metadata.csv", right)]).counts(), [1, 1]);
    let found = refused(&[(
        "metadata.csv",
        "file_name,label\nig/p0_0.png,mono\nmono/p0_3.png,mono\nig/p1_1.png,ig\n",
    )]);
    assert!(
        found.contains(
            "1 images lie in the folder of another class than their table says, first: `ig/p0_0.png`"
        ),
        "{found}"
    );
    let two = [
        ("labels.csv", "image,label\nig/p0_0.png,a\n"),
        ("metadata.csv", "file_name,label\nig/p0_0.png,b\n"),
    ];
    assert!(
        refused(&two).contains("the label of `ig/p0_0.png` is `b`, but another table or its folder says `a`")
    );
}

#[test]
fn a_table_that_is_about_something_else_is_said_not_to_be_used() {
    for (name, text, why) in [
        (
            "metadata.csv",
            "scanner,year\nx,2020\n",
            "it has no column of paths, such as `file_name` (found: scanner,year)",
        ),
        ("metadata.csv", "file_name,age\nig/p0_0.png,3\n", "it has no column `label`, `group` or `split`"),
        (
            "labels.csv",
            "Image,Category\n0,NEUTROPHIL\n1,\"NEUTROPHIL, BASOPHIL\"\n",
            "none of its rows names an image",
        ),
        (
            "ig/split.csv",
            "path,split\np0_0.png,train\n",
            "a split is read beside the folders of all images alone",
        ),
    ] {
        let source = opened(&[(name, text)]);
        assert_eq!((subjects(&source), source.counts()), (vec![Subject::UnusedTable], vec![3, 3]), "{name}");
        assert!(source.notices()[0].examples[0].contains(why), "{:?}", source.notices());
    }
    // one notice, however many tables there are
    let source = opened(&[("metadata.csv", "x\n"), ("ig/metadata.csv", "x\n"), ("mono/metadata.csv", "x\n")]);
    assert_eq!((source.notices().len(), source.notices()[0].count), (1, 3));
    let source = opened(&[("groups.csv", "path,patient,slide\nig/p0_0.png,a,b\n")]);
    assert_eq!((groups(&source)[0], source.notices()[0].subject), (Some("a"), Subject::UnusedColumn));
}

#[test]
fn a_split_beside_the_data_must_fit_it() {
    let rows = "path,label,split\ndata\\ig\\p0_0.png,ig,train\ndata\\mono\\p0_3.png,mono,train\ndata\\ig\\p1_1.png,ig,val\n";
    let source = opened(&[("split.csv", rows)]);
    let split = source.read_split_inside().unwrap().unwrap();
    assert_eq!(split.parts(&source)[..4], [Some(Part::Train), Some(Part::Val), None, Some(Part::Train)]);

    let wrong = "path,split\nig/p0_0.png,train\nig/p9_9.png,val\n";
    let (dir, _) = with(&[("split.csv", wrong)]);
    let source = open(&dir.path().join("data")).unwrap();
    let error = source.read_split_inside().unwrap_err().to_string();
    assert!(
        error.contains("split.csv: 1 of its 2 rows name no image, first: line 3 `ig/p9_9.png`"),
        "{error}"
    );
    let given = Split::read(&file(&dir, "given.csv", b"image;set\np0_0.png;train\np0_3.png;val\n")).unwrap();
    assert_eq!(given.fitted(&source).unwrap().parts(&source)[3], Some(Part::Val));
}

#[test]
fn a_split_beside_folders_that_are_parts_is_said_not_to_be_used() {
    let dir = folder();
    let files =
        [("train/ig/a.png", png(1)), ("val/ig/b.png", png(2)), ("split.csv", b"path,split\n".to_vec())];
    write_folder(dir.path(), &files.map(|(name, bytes)| (name.to_owned(), bytes)));
    let source = open(dir.path()).unwrap();
    assert_eq!(
        (subjects(&source), source.read_split_inside().unwrap().unwrap().counts()),
        (vec![Subject::UnusedTable], [1, 1, 0])
    );
}

#[test]
fn manifests_of_spreadsheets_and_other_systems_are_read_the_same() {
    let (dir, _) = with(&[]);
    let plain = "path,label\ndata/ig/p0_0.png,ig\ndata/mono/p0_3.png,mono\n";
    let read = |name: &str, bytes: &[u8]| {
        let source = open(&file(&dir, name, bytes)).unwrap();
        let rows: Vec<_> = source.entries().iter().map(|e| (e.path.to_owned(), e.label)).collect();
        assert_eq!(source.image(1).unwrap().width(), 9, "{name}");
        (rows, source.classes().to_vec(), subjects(&source))
    };
    let expected = read("plain.csv", plain.as_bytes());
    assert_eq!(expected.2, []);
    let utf16: Vec<u8> = format!("\u{feff}{plain}").encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (name, bytes) in [
        ("mark.csv", format!("\u{feff}{plain}").into_bytes()),
        ("utf16.csv", utf16),
        ("semicolons.csv", plain.replace(',', ";").replace('\n', "\r\n").into_bytes()),
        ("tabs.tsv", plain.replace(',', "\t").into_bytes()),
        ("backslashes.csv", plain.replace('/', "\\").into_bytes()),
        ("elsewhere.csv", plain.replace("data/", "D:\\cells\\data/").into_bytes()),
        ("names.csv", plain.replace("path,label", "File_Name,Class").into_bytes()),
    ] {
        assert_eq!(read(name, &bytes), expected, "{name}");
    }
    let json = "{\"file_name\": \"data/ig/p0_0.png\", \"label\": \"ig\"}\n{\"file_name\": \"data/mono/p0_3.png\", \"label\": \"mono\"}\n";
    assert_eq!(read("lines.jsonl", json.as_bytes()), expected);
}

#[test]
fn a_manifest_says_what_is_odd_about_it() {
    let (dir, _) = with(&[]);
    let said = |text: &str| {
        let source = open(&file(&dir, "m.csv", text.as_bytes())).unwrap();
        (
            subjects(&source),
            source.classes().to_vec(),
            source.notices().iter().map(|n| n.count).collect::<Vec<_>>(),
        )
    };
    let (subjects, classes, counts) =
        said("path,label\ndata/ig/p0_0.png,nan\ndata/ig/p1_1.png,NA\ndata/ig/p2_2.png,ig\n");
    assert_eq!((subjects, classes.len(), counts), (vec![Subject::OddName; 2], 3, vec![1, 1]));
    let (subjects, classes, _) =
        said("path,label\ndata/ig/p0_0.png,0.0\ndata/ig/p1_1.png,1.0\ndata/ig/p2_2.png,2\n");
    assert!(subjects.contains(&Subject::WholeNumbers) && classes.len() == 3, "{subjects:?}");
    let (subjects, _, counts) = said("path,label\ndata/ig/p0_0.png,ig\ndata/ig/p1_9.png,ig\n");
    assert_eq!((subjects, counts), (vec![Subject::MissingFile], vec![1]));
    assert_eq!(said("path,diagnosis\ndata/ig/p0_0.png,ig\n").0, [Subject::UnusedColumn]);
    assert_eq!(said("path,label,group\ndata/ig/p0_0.png,ig,\ndata/ig/p1_1.png,ig,p\n").0, [Subject::NoGroup]);
}
