//! Damaged and malicious input: a clear error, little memory, nothing written.

use std::fs;

use hema_core::data::write::{Change, Form, Options, copy, create};
use hema_core::data::{OnBadImage, Subject, open};

use crate::helper::{
    File, cells, file, folder, gzip, load, load_skipping, open_error, paths, png, tar, write_folder, zip,
};

fn one(name: &str, bytes: Vec<u8>) -> Vec<File> {
    vec![(name.to_owned(), bytes)]
}

#[test]
fn members_that_point_outside_are_refused() {
    let dir = folder();
    for name in ["../evil.png", "ig/../../evil.png", "/etc/evil.png", "C:\\evil.png", "..\\evil.png"] {
        for bytes in [tar(&one(name, png(1))), gzip(&tar(&one(name, png(1)))), zip(&one(name, png(1)), true)]
        {
            let error = open_error(&file(&dir, "x", &bytes));
            assert!(error.contains("points outside the archive"), "{name}: {error}");
        }
    }
}

#[test]
fn links_in_archives_are_skipped() {
    let dir = folder();
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, "ig/link.png", "/etc/passwd").unwrap();
    header.set_entry_type(tar::EntryType::Link);
    builder.append_link(&mut header, "ig/hard.png", "ig/a.png").unwrap();
    let bytes = png(1);
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    builder.append_data(&mut header, "ig/a.png", bytes.as_slice()).unwrap();
    let source = open(&file(&dir, "x.tar", &builder.into_inner().unwrap())).unwrap();
    assert_eq!(source.len(), 1);
    assert!(load(&source).is_ok());
}

#[test]
fn truncated_and_damaged_archives_are_errors() {
    let dir = folder();
    let whole = tar(&cells());
    for cut in [512 + 20, 1024, 3 * 1024 + 100, 6 * 1024 + 512] {
        let error = open_error(&file(&dir, "x.tar", &whole[..cut]));
        assert!(error.contains("truncated"), "cut to {cut}: {error}");
        open_error(&file(&dir, "cut.tar.gz", &gzip(&whole[..cut])));
    }
    let packed = gzip(&whole);
    open_error(&file(&dir, "x.tar.gz", &packed[..packed.len() / 2]));
    let zipped = zip(&cells(), true);
    open_error(&file(&dir, "x.zip", &zipped[..zipped.len() / 2]));
    open_error(&file(&dir, "y.tar.gz", &gzip(b"this is no tar archive")));
    let mut wrong = tar(&cells());
    wrong[0] ^= 1;
    open_error(&file(&dir, "z.tar", &wrong));
}

#[test]
fn a_damaged_zip_member_is_a_bad_image_not_a_wrong_one() {
    let dir = folder();
    let bytes = zip(&cells(), true);
    let start = bytes.windows(14).position(|w| w == b"platelet/0.png").unwrap() + 14;
    let mut damaged = bytes;
    for byte in &mut damaged[start + 20..start + 24] {
        *byte ^= 0x55;
    }
    let source = open(&file(&dir, "x.zip", &damaged)).unwrap();
    let error = load(&source).err().unwrap();
    assert!(error.to_string().contains("x.zip/platelet/0.png"), "{error}");
    assert_eq!(load_skipping(&source).unwrap().len(), 4);
}

#[test]
fn members_larger_than_any_picture_are_refused_before_they_are_read() {
    let dir = folder();
    // the header of a 1 TiB member, and nothing behind it
    let mut header = tar::Header::new_gnu();
    header.set_path("ig/a.png").unwrap();
    header.set_size(1 << 40);
    header.set_cksum();
    let error = open_error(&file(&dir, "x.tar.gz", &gzip(header.as_bytes())));
    assert!(error.contains("larger than 256 MiB"), "{error}");
    let error = open_error(&file(&dir, "x.tar", header.as_bytes()));
    assert!(error.contains("beyond the end of the archive"), "{error}");
}

#[test]
fn a_small_archive_cannot_claim_endless_headers() {
    let dir = folder();
    // a long-name extension of 64 MiB of zeros, which gzip packs to a few kilobytes
    let mut header = tar::Header::new_gnu();
    header.set_path("././@LongLink").unwrap();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(64 << 20);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.resize(bytes.len() + (64 << 20), b'a');
    let error = open_error(&file(&dir, "x.tar.gz", &gzip(&bytes)));
    assert!(error.contains("headers are too long"), "{error}");
}

#[test]
fn a_zip_member_inflates_no_further_than_it_declared() {
    let dir = folder();
    let bytes = zip(&one("ig/a.png", vec![0; 32 << 20]), true);
    // lower the declared size in the local and the central header
    let lie = 1000_u32.to_le_bytes();
    let size = (32_u32 << 20).to_le_bytes();
    let mut lying = bytes;
    let places: Vec<usize> = (0..lying.len() - 4).filter(|i| lying[*i..*i + 4] == size).collect();
    for place in places {
        lying[place..place + 4].copy_from_slice(&lie);
    }
    let source = open(&file(&dir, "x.zip", &lying)).unwrap();
    let error = load(&source).err().unwrap().to_string();
    assert!(error.contains("is damaged"), "{error}");
}

#[test]
fn bad_images_stop_the_loading_or_are_recorded() {
    let dir = folder();
    let mut files = cells();
    files.push(("platelet/broken.jpg".into(), b"\xff\xd8\xff\xe0 broken".to_vec()));
    files.push(("platelet/empty.png".into(), Vec::new()));
    let root = dir.path().join("root");
    write_folder(&root, &files);
    for path in [root, file(&dir, "x.tar", &tar(&files)), file(&dir, "x.tgz", &gzip(&tar(&files)))] {
        let source = open(&path).unwrap();
        let error = load(&source).err().unwrap();
        assert!(error.to_string().contains("platelet/broken.jpg: "), "{error}");
        assert!(error.hint_text().unwrap().contains("--on-bad-image skip"));
        let data = load_skipping(&source).unwrap();
        assert_eq!((data.len(), data.skipped().len()), (5, 2));
        assert!(data.skipped()[1].path.ends_with("platelet/empty.png"));
        assert!(data.skipped()[1].reason.contains("is empty"));
    }
}

#[test]
fn nothing_but_bad_images_is_an_error_even_when_they_are_skipped() {
    let dir = folder();
    let source = open(&file(&dir, "x.tar", &tar(&one("ig/a.png", b"no".to_vec())))).unwrap();
    let error = load_skipping(&source).err().unwrap().to_string();
    assert!(error.contains("none of the 1 images can be read"), "{error}");
}

#[test]
fn inputs_without_images_say_what_was_expected() {
    let dir = folder();
    fs::create_dir(dir.path().join("empty")).unwrap();
    assert!(
        open_error(&dir.path().join("empty"))
            .contains("holds no images / give a folder or archive of pictures")
    );
    assert!(open_error(&file(&dir, "x.tar", &tar(&one("a.txt", vec![1])))).contains("holds no images"));
    assert!(open_error(&dir.path().join("nowhere")).contains("nowhere: cannot be opened"));
    assert!(open_error(&file(&dir, "empty.zip", b"")).contains("is empty"));
    assert!(open_error(&file(&dir, "notes.txt", b"hello")).contains("is in no known form"));
}

#[cfg(unix)]
#[test]
fn a_folder_that_links_to_itself_is_visited_once() {
    let dir = folder();
    let root = dir.path().join("root");
    write_folder(&root, &cells());
    std::os::unix::fs::symlink(&root, root.join("platelet/again")).unwrap();
    let source = open(&root).unwrap();
    assert_eq!((source.len(), source.notices()[0].subject), (5, Subject::LinkLoops));
}

/// Two classes in a folder of their own, and a data set that is made of links to it.
#[cfg(unix)]
fn linked(dir: &tempfile::TempDir, links: &[(&str, &str)]) -> std::path::PathBuf {
    write_folder(&dir.path().join("cells"), &cells());
    let root = dir.path().join("root");
    for (link, target) in links {
        let link = root.join(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(dir.path().join(target), link).unwrap();
    }
    root
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_linked_into_two_parts_is_in_both_and_the_way_out_is_said() {
    let dir = folder();
    let links = ["train", "test"].map(|part| {
        ["basophil", "platelet"].map(|class| (format!("{part}/{class}"), format!("cells/{class}")))
    });
    let links: Vec<(&str, &str)> =
        links.as_flattened().iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let source = open(&linked(&dir, &links)).unwrap();
    assert_eq!(source.read_split_inside().unwrap().unwrap().counts(), [5, 0, 5]);
    let [notice] = source.notices() else { panic!("{:?}", source.notices()) };
    assert_eq!((notice.subject, notice.count), (Subject::OutwardLinks, 4));
    let said = "4 links out of the data's folder, followed: test/basophil, test/platelet, \
                train/basophil, ...";
    assert_eq!(notice.to_string(), said);
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_an_image_that_cannot_be_read() {
    let dir = folder();
    let links = [("a/0.png", "cells/platelet/0.png"), ("a/1.png", "gone.png"), ("b/2.png", "gone.png")];
    let source = open(&linked(&dir, &links)).unwrap();
    assert_eq!((source.len(), source.counts()), (3, vec![2, 1]));
    let said: Vec<_> = source.notices().iter().map(|notice| (notice.subject, notice.count)).collect();
    assert_eq!(said, [(Subject::DanglingLinks, 2), (Subject::OutwardLinks, 1)]);
    assert!(load(&source).err().unwrap().to_string().contains("1.png: cannot be "));
    assert_eq!(load_skipping(&source).unwrap().len(), 1);
    // links that are no pictures by their names are said too
    let dir = folder();
    let source = open(&linked(&dir, &[("a/0.png", "cells/platelet/0.png"), ("b", "gone")])).unwrap();
    assert_eq!(
        source.notices()[0].to_string(),
        "1 link to nothing; those named as pictures are images that cannot be read: b"
    );
}

#[cfg(unix)]
#[test]
fn loops_of_links_are_cut_on_the_way_down_and_webs_of_them_end() {
    let dir = folder();
    let root = linked(&dir, &[("a", "cells/platelet"), ("b", "cells/basophil")]);
    std::os::unix::fs::symlink(&root, dir.path().join("cells/platelet/up")).unwrap();
    let source = open(&root).unwrap();
    let loops = source.notices().iter().find(|notice| notice.subject == Subject::LinkLoops).unwrap();
    assert_eq!((source.len(), loops.examples.as_slice()), (5, &["a/up".to_owned()][..]));
    // twenty folders, each with two links to the next: a million ways down
    let web = dir.path().join("web");
    for i in 0..20 {
        fs::create_dir_all(web.join(format!("{i}"))).unwrap();
        for side in ["l", "r"] {
            let target = web.join(format!("{}", i + 1));
            std::os::unix::fs::symlink(target, web.join(format!("{i}/{side}"))).unwrap();
        }
    }
    fs::create_dir_all(web.join("20")).unwrap();
    let error = open_error(&web);
    assert!(error.contains("holds links that lead to more than 100000 folders"), "{error}");
}

#[cfg(unix)]
#[test]
fn names_with_line_breaks_or_without_unicode_are_files_like_others() {
    use std::os::unix::ffi::OsStrExt;

    let dir = folder();
    let names: [&[u8]; 4] = [b"ig/a\nb.png", b"ig/\xff.png", b"ig/\xfe.png", b"ig/ .png"];
    let root = dir.path().join("root");
    let mut builder = tar::Builder::new(Vec::new());
    for (i, name) in names.iter().enumerate() {
        write_folder(&root, &one("ig/seed.txt", Vec::new()));
        fs::write(root.join(std::ffi::OsStr::from_bytes(name)), png(i as u8)).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(png(i as u8).len() as u64);
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_cksum();
        builder.append(&header, png(i as u8).as_slice()).unwrap();
    }
    let of_folder = open(&root).unwrap();
    assert_eq!((of_folder.len(), load(&of_folder).unwrap().len()), (4, 4));
    // in an archive the two names that are no Unicode cannot be told apart: the later one stays
    let of_archive = open(&file(&dir, "x.tar", &builder.into_inner().unwrap())).unwrap();
    assert_eq!((of_archive.len(), load(&of_archive).unwrap().len()), (3, 3));
    // written anew, names are plain
    let form = Form::find("folder").unwrap();
    let mut writer = create(&dir.path().join("new"), form, of_folder.classes(), &Options::default()).unwrap();
    let order = of_folder.reading_order(None).unwrap();
    copy(&of_folder, &order, &Change::default(), OnBadImage::Fail, writer.as_mut(), |_| Ok(())).unwrap();
    writer.finish().unwrap();
    assert_eq!(
        paths(&open(&dir.path().join("new")).unwrap()),
        ["ig/ .png", "ig/a_b.png", "ig/\u{fffd}-2.png", "ig/\u{fffd}.png"]
    );
}

#[test]
fn names_longer_than_any_system_allows_are_refused() {
    let dir = folder();
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    builder.append_data(&mut header, "a/".repeat(3000) + "x.png", &[0][..]).unwrap();
    let bytes = builder.into_inner().unwrap();
    for (name, bytes) in [("x.tar", bytes.clone()), ("x.tar.gz", gzip(&bytes))] {
        let error = open_error(&file(&dir, name, &bytes));
        assert!(error.contains("a name of 6005 bytes (at most 4096 are read)"), "{error}");
    }
}

#[test]
fn a_member_of_ten_gigabytes_is_refused_or_passed_over_unread() {
    let dir = folder();
    let begin = |name: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_path(name).unwrap();
        header.set_size(10 << 30);
        header.set_cksum();
        let path = file(&dir, "x.tar", header.as_bytes());
        // zeros that take no room on the disk, the two blocks at the end among them
        fs::File::options().write(true).open(&path).unwrap().set_len((10 << 30) + 3 * 512).unwrap();
        path
    };
    assert!(open_error(&begin("ig/a.png")).contains("ig/a.png: is larger than 256 MiB"));
    assert!(open_error(&begin("ig/a.bin")).contains("holds no images"));
}
