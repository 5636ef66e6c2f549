//! What the file and those that it refers to held when they were read.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    hash::{BuildHasher as _, RandomState},
    io,
    path::{Path, PathBuf},
};

use crate::regular_file;

/// Reads files, each one once: what is made of them must be what [`Contents`] remembers.
#[derive(Debug, Default)]
pub(super) struct FileReader(RefCell<BTreeMap<PathBuf, Seen>>);

#[derive(Debug)]
struct Seen {
    /// Maximum size in bytes.
    most: u64,
    /// `None` if the file cannot be read.
    bytes: Option<Vec<u8>>,
}

impl FileReader {
    /// The contents of a file of at most `most` bytes.
    pub(super) fn read(&self, path: &Path, most: u64) -> io::Result<Vec<u8>> {
        if let Some(Seen { bytes: Some(bytes), .. }) = self.0.borrow().get(path) {
            return Ok(bytes.clone());
        }
        let read = regular_file::read(path, most);
        let seen = Seen { most, bytes: read.as_ref().ok().cloned() };
        self.0.borrow_mut().insert(path.to_owned(), seen);
        read
    }

    pub(super) fn contents(self) -> Contents {
        let hasher = RandomState::new();
        let digest = |seen: Seen| (seen.most, seen.bytes.map(|bytes| hasher.hash_one(bytes)));
        let files = self.0.into_inner().into_iter();
        let digests = files.map(|(path, seen)| (path, digest(seen))).collect();
        Contents { hasher, digests }
    }
}

/// A digest of each file that was read.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    hasher: RandomState,
    /// With the maximum size of each file. No digest for a file that could not be read.
    digests: BTreeMap<PathBuf, (u64, Option<u64>)>,
}

impl Contents {
    /// Reads the files again. True if one of them has other contents now.
    pub fn have_changed(&self) -> bool {
        self.digests.iter().any(|(path, (most, digest))| {
            let bytes = regular_file::read(path, *most).ok();
            bytes.map(|bytes| self.hasher.hash_one(bytes)) != *digest
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn other_contents_are_found_and_the_same_are_not() {
        let folder = std::env::temp_dir().join(format!("contents-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let [file, missing, large] = ["file", "missing", "large"].map(|name| folder.join(name));
        fs::write(&file, "a").unwrap();
        fs::write(&large, "123").unwrap();
        let reader = FileReader::default();
        assert_eq!(reader.read(&file, 9).unwrap(), b"a");
        assert!(reader.read(&missing, 9).is_err());
        let error = reader.read(&large, 2).unwrap_err();
        assert_eq!(error.to_string(), "it has more than 2 bytes");
        // What was made of the first reading must be what is remembered.
        fs::write(&file, "b").unwrap();
        assert_eq!(reader.read(&file, 9).unwrap(), b"a");
        let contents = reader.contents();
        assert!(contents.have_changed());

        fs::write(&file, "a").unwrap();
        assert!(!contents.have_changed(), "a large file and a missing one are as before");
        fs::write(&missing, "").unwrap();
        assert!(contents.have_changed());
        fs::remove_file(&missing).unwrap();
        fs::write(&large, "12").unwrap();
        assert!(contents.have_changed());
        fs::write(&large, "123").unwrap();
        fs::remove_file(&file).unwrap();
        assert!(contents.have_changed());
        fs::remove_dir_all(folder).unwrap();
    }
}
