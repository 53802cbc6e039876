//! `export`: all items to a file that is either the old one or the whole new one.

use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::draft;
use super::error::TransferError;
use super::item;
use super::{Phase, Progress};
use crate::store::Store;
use crate::store::layout::{self, Generation, prefix};
use crate::store::row::Row;

/// Items between two reports of progress.
const REPORT_EVERY: u64 = 1024;

impl Store {
    /// Writes all items to a file, in the order of their keys; gives its path and the number of
    /// items. Without an extension `.json` is added. The file is written beside its place (readable
    /// for its owner only), brought to disk and moved there. Items that change meanwhile are in it as
    /// they were or as they are. For threads that may block.
    ///
    /// # Errors
    /// If the file exists and `overwrite` is not given, its name has another extension, or it cannot
    /// be written.
    pub fn export(
        &self,
        path: &Path,
        overwrite: bool,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(PathBuf, u64), TransferError> {
        let path = with_extension(path)?;
        if !overwrite && path.exists() {
            return Err(TransferError::Exists { path });
        }
        let failed = |source: io::Error| TransferError::Write {
            path: path.clone(),
            source,
        };
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let mut file = draft::create(folder.unwrap_or(Path::new("."))).map_err(failed)?;
        let items = loop {
            let generation = self.wait_open().generation("")?;
            let items = self.write_items(generation, &mut file, progress, &failed)?;
            // If the table was emptied or replaced meanwhile, its items were being deleted.
            if self.wait_open().generation("")? == generation {
                break items;
            }
            file.as_file_mut().set_len(0).map_err(failed)?;
            io::Seek::rewind(file.as_file_mut()).map_err(failed)?;
        };
        file.as_file().sync_all().map_err(failed)?;
        let persisted = if overwrite {
            file.persist(&path)
        } else {
            file.persist_noclobber(&path)
        };
        match persisted {
            Ok(_) => Ok((path, items)),
            Err(error) if !overwrite && error.error.kind() == io::ErrorKind::AlreadyExists => {
                Err(TransferError::Exists { path })
            }
            Err(error) => Err(failed(error.error)),
        }
    }

    fn write_items(
        &self,
        generation: Generation,
        file: &mut NamedTempFile,
        progress: &mut dyn FnMut(Progress),
        failed: &dyn Fn(io::Error) -> TransferError,
    ) -> Result<u64, TransferError> {
        let db = self.core().db.clone();
        let mut out = BufWriter::with_capacity(256 * 1024, file);
        let mut items = 0;
        let mut line = Vec::new();
        for entry in db.scan_prefix(layout::generation_prefix(prefix::ITEM, generation)) {
            let (key, stored) = entry?;
            let (Some((namespace, rest)), Some(row)) =
                (layout::item_of(&key), Row::decode(&stored))
            else {
                return Err(failed(io::Error::other("a stored item is damaged")));
            };
            line.clear();
            line.extend_from_slice(if items == 0 { b"[\n  " } else { b",\n  " });
            item::write(&mut line, &namespace, &rest, &row);
            out.write_all(&line).map_err(failed)?;
            items += 1;
            if items % REPORT_EVERY == 0 {
                progress(Progress {
                    items,
                    total: None,
                    phase: Phase::Writing,
                });
            }
        }
        let end: &[u8] = if items == 0 { b"[]\n" } else { b"\n]\n" };
        out.write_all(end).map_err(failed)?;
        out.flush().map_err(failed)?;
        Ok(items)
    }
}

/// The path with `.json` if it has no extension.
fn with_extension(path: &Path) -> Result<PathBuf, TransferError> {
    match path.extension() {
        None => {
            let mut name = path.as_os_str().to_owned();
            name.push(".json");
            Ok(name.into())
        }
        Some(extension) if extension.eq_ignore_ascii_case("json") => Ok(path.into()),
        Some(_) => Err(TransferError::Extension { path: path.into() }),
    }
}
