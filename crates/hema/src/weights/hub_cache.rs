//! The cache of Hugging Face's own clients, so that they and Hema find each other's files.
//!
//! In `models--OWNER--NAME/`, `blobs/` has files by their checksum, `snapshots/COMMIT/` links to them by
//! their names, and `refs/main` is the commit that was newest when it was asked for.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use hema_core::error::{Error, Result};
use hema_core::file;

/// Most bytes of a file that names a commit.
const MOST_OF_REF: u64 = 4096;

/// A cache in a folder.
#[derive(Clone, Debug)]
pub struct HubCache(PathBuf);

impl HubCache {
    /// The cache in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// The cache that the environment names: `HF_HUB_CACHE`, `hub` in `HF_HOME`, or the one in the home
    /// folder; none where there is no home.
    pub fn from_environment() -> Option<Self> {
        let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let caches = || folder("XDG_CACHE_HOME").or_else(|| Some(env::home_dir()?.join(".cache")));
        let home = || folder("HF_HOME").or_else(|| Some(caches()?.join("huggingface")));
        folder("HF_HUB_CACHE").or_else(|| Some(home()?.join("hub"))).map(Self)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// A file of a repository `OWNER/NAME`: of the newest commit, else of any.
    pub fn find(&self, repository: &str, file: &str) -> Option<PathBuf> {
        let folder = self.repository(repository);
        let snapshots = folder.join("snapshots");
        let newest = file::read_text(&folder.join("refs/main"), MOST_OF_REF).ok();
        let newest =
            newest.map(|commit| snapshots.join(commit.trim()).join(file)).filter(|path| path.is_file());
        newest.or_else(|| {
            sorted(&snapshots).into_iter().map(|snapshot| snapshot.join(file)).find(|path| path.is_file())
        })
    }

    /// The repositories of `owner` whose names begin with `prefix`, in name order.
    pub fn repositories(&self, owner: &str, prefix: &str) -> Vec<String> {
        let start = format!("models--{owner}--");
        let folders = sorted(&self.0);
        let names = folders.iter().filter_map(|folder| folder.file_name()?.to_str()?.strip_prefix(&start));
        names.filter(|name| name.starts_with(prefix)).map(|name| format!("{owner}/{name}")).collect()
    }

    /// Where a file of this checksum belongs.
    pub fn blob(&self, repository: &str, sha256: &str) -> PathBuf {
        self.repository(repository).join("blobs").join(sha256)
    }

    /// Makes the file of this checksum the file of that name in the newest commit, and gives its place there.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub fn link(&self, repository: &str, commit: &str, file: &str, sha256: &str) -> Result<PathBuf> {
        let folder = self.repository(repository);
        let path = folder.join("snapshots").join(commit).join(file);
        if !path.is_file() {
            file::prepare(&path)?;
            let blob = folder.join("blobs").join(sha256);
            point(&path, &Path::new("../../blobs").join(sha256))
                // where links are not to be had, as on Windows, the clients move the file
                .or_else(|_| fs::rename(&blob, &path))
                .map_err(|e| Error::io(&path, &e))?;
        }
        file::replace(&folder.join("refs/main"), |w| w.write_all(commit.as_bytes()))?;
        Ok(path)
    }

    fn repository(&self, repository: &str) -> PathBuf {
        self.0.join(folder_name(repository))
    }
}

/// The name of the folder of a repository `OWNER/NAME`.
pub(super) fn folder_name(repository: &str) -> String {
    format!("models--{}", repository.replace('/', "--"))
}

/// Puts a link at `path`, in place of one that leads nowhere.
fn point(path: &Path, target: &Path) -> std::io::Result<()> {
    if path.is_symlink() {
        fs::remove_file(path)?;
    }
    #[cfg(unix)]
    return std::os::unix::fs::symlink(target, path);
    #[cfg(not(unix))]
    return Err(std::io::Error::other(format!("{} is not linked", target.display())));
}

/// The entries of a folder, in name order; none when it cannot be read.
fn sorted(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_link_under_the_name_of_the_newest_commit_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, secret) = (HubCache::new(folder.path().join("hub")), folder.path().join("secret"));
        fs::write(&secret, "mine").unwrap();
        let blob = cache.blob("timm/a.b", "aa");
        fs::create_dir_all(blob.parent().unwrap()).unwrap();
        fs::write(&blob, "aa").unwrap();
        let newest = folder.path().join("hub/models--timm--a.b/refs/main");
        fs::create_dir_all(newest.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(&secret, &newest).unwrap();
        cache.link("timm/a.b", "1", "x", "aa").unwrap();
        assert_eq!(fs::read_to_string(&newest).unwrap(), "1");
        assert_eq!(fs::read_to_string(&secret).unwrap(), "mine");
    }

    #[test]
    fn a_linked_file_is_found_and_the_newest_commit_first() {
        let folder = tempfile::tempdir().unwrap();
        let cache = HubCache::new(folder.path());
        assert_eq!(cache.find("timm/a.b", "x"), None);
        for (commit, sha256) in [("2", "aa"), ("1", "bb")] {
            let blob = cache.blob("timm/a.b", sha256);
            fs::create_dir_all(blob.parent().unwrap()).unwrap();
            fs::write(&blob, sha256).unwrap();
            let path = cache.link("timm/a.b", commit, "x", sha256).unwrap();
            assert_eq!(path, folder.path().join("models--timm--a.b/snapshots").join(commit).join("x"));
            assert_eq!(cache.find("timm/a.b", "x"), Some(path));
            assert_eq!(fs::read_to_string(cache.find("timm/a.b", "x").unwrap()).unwrap(), sha256);
        }
        assert_eq!(cache.repositories("timm", "a."), ["timm/a.b"]);
        assert_eq!(cache.repositories("timm", "b"), [""; 0]);

        // without the newest commit's file, or with a link that leads nowhere, another commit's will do
        fs::remove_file(cache.blob("timm/a.b", "bb")).unwrap();
        let other = cache.find("timm/a.b", "x").unwrap();
        assert_eq!(fs::read_to_string(other).unwrap(), "aa");
        // and such a link is no obstacle
        fs::write(cache.blob("timm/a.b", "bb"), "bb").unwrap();
        fs::remove_file(folder.path().join("models--timm--a.b/snapshots/1/x")).unwrap();
        cache.link("timm/a.b", "1", "x", "bb").unwrap();
        assert_eq!(fs::read_to_string(cache.find("timm/a.b", "x").unwrap()).unwrap(), "bb");
    }
}
