//! A public data set, and how it is fetched.

use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use hema_core::data;
use hema_core::error::{Error, Result};
use hema_core::file;

use super::bccd;
use crate::checksum::sha256;
use crate::download::download;
use crate::request::{Event, Options, Outcome, Proof, Request};

/// A public data set.
pub struct PublicSet {
    /// Name of the set on the command line, and of its folder.
    pub name: &'static str,
    /// Description in a line.
    pub about: &'static str,
    /// Contents of the set, in a few sentences.
    pub contents: &'static str,
    /// How much there is to download, in words.
    pub size: &'static str,
    /// Most bytes that the file can have: somewhat more than its pixels, or than what was seen.
    pub(super) most: u64,
    /// The page it is published on.
    pub home: &'static str,
    /// Licence of the set.
    pub licence: &'static str,
    /// Articles to cite.
    pub citation: &'static str,
    /// Address of the file.
    pub(super) url: &'static str,
    /// Name of the file, here and on mirrors.
    pub(super) file: &'static str,
    pub(super) known: Known,
    pub(super) preparation: Preparation,
}

/// The proof of a file that is known before it is downloaded.
pub(super) enum Known {
    /// The file's MD5 checksum.
    Md5(&'static str),
    /// The number of pictures of every class; no checksum was published.
    Classes(&'static [(&'static str, u64)]),
    /// The SHA-256 checksum of the files packed in it; GitHub packs an archive anew for every request.
    Members(&'static str),
}

/// How a file becomes data that [`hema_core::data::open`] reads.
pub(super) enum Preparation {
    /// None: the file is such data.
    None,
    /// Packs the pictures anew, by class.
    PackBccd,
}

/// A data set that was fetched.
#[non_exhaustive]
pub struct Fetched {
    /// The path to give to commands as DATA.
    pub data: PathBuf,
    /// The file as it was downloaded.
    pub file: PathBuf,
    /// The SHA-256 checksum of that file.
    pub sha256: String,
    /// The proof that the file is the right one, in words.
    pub proof: String,
    /// Whether the file was there before.
    pub outcome: Outcome,
}

impl PublicSet {
    /// Brings the data set into the folder `name` under `folder`: its file, the data made of it, and a
    /// `README.txt` with its contents, licence and citation. `mirror` is an address that has all the files,
    /// to be used instead of each set's own.
    ///
    /// # Errors
    /// The errors of [`download`]; the hint says how to do it by hand.
    pub fn fetch(
        &self,
        folder: &Path,
        mirror: Option<&str>,
        options: &Options,
        report: &mut dyn FnMut(Event),
    ) -> Result<Fetched> {
        let folder = folder.join(self.name);
        let path = folder.join(self.file);
        let url = match mirror {
            Some(mirror) => format!("{}/{}", mirror.trim_end_matches('/'), self.file),
            None => self.url.to_owned(),
        };
        let check = |path: &Path| self.known.check(path);
        let (proof, most) = (self.known.proof(&check), self.most);
        let request = Request { urls: &[url], size: None, most, proof, token: None };
        let outcome = download(&request, &path, options, report).map_err(|e| e.hint(self.by_hand(&path)))?;
        let data = match self.preparation {
            Preparation::None => path.clone(),
            Preparation::PackBccd => bccd::pack(&path, &folder.join(bccd::PACKED))?,
        };
        let fetched =
            Fetched { data, sha256: sha256(&path)?, file: path, proof: self.known.to_string(), outcome };
        self.write_readme(&folder, &fetched)?;
        Ok(fetched)
    }

    /// The hint for a user whose program cannot download.
    fn by_hand(&self, path: &Path) -> String {
        format!(
            "behind a proxy, set HTTPS_PROXY; where there is a copy, set HEMA_MIRROR to the address of its folder; or get \
             `{}` from {} by other means, put it at {} and run this again",
            self.file,
            self.home,
            path.display()
        )
    }

    fn write_readme(&self, folder: &Path, fetched: &Fetched) -> Result<()> {
        let Self { name, about, contents, home, licence, citation, .. } = self;
        let (file, Fetched { sha256, proof, .. }) = (self.file, fetched);
        file::replace(&folder.join("README.txt"), |w| {
            write!(
                w,
                "{name}: {about}\n\n{contents}\n\nHome: {home}\nLicence: {licence}\nCite: {citation}\n\n\
                 File: {file}\nSHA-256: {sha256}\nChecked: {proof}\n"
            )
        })
    }
}

impl Known {
    fn proof<'a>(&self, check: &'a dyn Fn(&Path) -> Result<()>) -> Proof<'a> {
        match self {
            Self::Md5(checksum) => Proof::Md5(checksum),
            Self::Classes(_) | Self::Members(_) => Proof::Contents(check),
        }
    }

    /// Checks a file by its contents.
    fn check(&self, path: &Path) -> Result<()> {
        match self {
            Self::Md5(_) => Ok(()),
            Self::Classes(classes) => {
                check_members(path)?;
                check_classes(path, classes)
            }
            Self::Members(expected) => {
                let found = bccd::checksum(&bccd::read(path)?);
                if found == *expected {
                    return Ok(());
                }
                Err(Error::new(format!(
                    "the SHA-256 checksum of its members is {found}, expected {expected}"
                )))
            }
        }
    }
}

impl std::fmt::Display for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Md5(_) => "the published MD5 checksum",
            Self::Classes(_) => {
                "every member is whole (CRC-32) and every class has the published number of images; no checksum of the \
                 file is published"
            }
            Self::Members(_) => "the SHA-256 checksum of its members",
        })
    }
}

/// Reads a zip archive through: every member must have the CRC-32 that the archive says.
fn check_members(path: &Path) -> Result<()> {
    let damaged = |e: &dyn std::fmt::Display| Error::new(format!("is not a whole zip archive: {e}")).at(path);
    let mut archive = zip::ZipArchive::new(BufReader::new(file::open(path)?)).map_err(|e| damaged(&e))?;
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(|e| damaged(&e))?;
        let name = member.name().to_owned();
        io::copy(&mut member, &mut io::sink()).map_err(|e| damaged(&format!("{name}: {e}")))?;
    }
    Ok(())
}

/// Every class must have the number of pictures that was published, and there must be no other.
fn check_classes(path: &Path, published: &[(&str, u64)]) -> Result<()> {
    let source = data::open(path)?;
    let found: Vec<(&str, u64)> = source.classes().iter().map(String::as_str).zip(source.counts()).collect();
    let differs = |(class, count): &&(&str, u64)| !found.contains(&(class, *count));
    if let Some((class, count)) = published.iter().find(differs) {
        let there = found.iter().find(|(name, _)| name == class).map_or(0, |(_, count)| *count);
        return Err(Error::new(format!("holds {there} images of {class}, expected {count}")).at(path));
    }
    if found.len() > published.len() {
        let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
        let message =
            format!("holds {} classes ({}), expected {}", found.len(), names.join(", "), published.len());
        return Err(Error::new(message).at(path));
    }
    Ok(())
}
