//! Reads files that settings name.

use std::{
    fs::OpenOptions,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

/// Maximum size in bytes of a certificate, a key or a secret in a file of its own.
pub(crate) const MAX_REFERRED: u64 = 1024 * 1024;

/// The contents of a regular file of at most `most` bytes.
///
/// # Errors
/// The file is larger, cannot be read, or is no regular file: reading another one may block or never end.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Otherwise the opening of a FIFO waits for a writer.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::other(format!("it has more than {most} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process, process::Command};

    use super::*;

    #[test]
    fn only_a_regular_file_is_read() {
        let folder = env::temp_dir().join(format!("regular-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let [file, fifo, link] = ["file", "fifo", "link"].map(|name| folder.join(name));
        fs::write(&file, "123").unwrap();
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(read(&link, 3).unwrap(), b"123");
        assert_eq!(read(&file, 2).unwrap_err().to_string(), "it has more than 2 bytes");
        for other in [&fifo, &folder, Path::new("/dev/zero")] {
            assert_eq!(read(other, 3).unwrap_err().to_string(), "it is not a regular file");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
