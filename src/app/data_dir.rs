//! The data folder: made private, opened, emptied; and what is wrong with it.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::config::Config;
use crate::control;
use crate::domain::Clock;
use crate::error::{Failure, reason};
use crate::store::{Store, StoreError};

/// The store's folder in the data folder.
const STORE: &str = "store";

/// Makes the data folder: for its owner only, and unseen by git.
///
/// # Errors
/// What is in the way.
pub(super) fn prepare(dir: &Path) -> Result<(), Failure> {
    make(dir).map_err(|error| unusable(dir, &error))
}

fn make(dir: &Path) -> io::Result<()> {
    let mut private = fs::DirBuilder::new();
    private.recursive(true).mode(0o700);
    private.create(dir)?;
    // The folder may be an older one that others can enter; what holds the data is not.
    private.create(dir.join(STORE))?;
    let ignore = dir.join(".gitignore");
    if !ignore.exists() {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(ignore)?;
        io::Write::write_all(&mut file, b"*\n")?;
    }
    Ok(())
}

/// Why a folder cannot be used.
pub(super) fn unusable(dir: &Path, error: &io::Error) -> Failure {
    let why = match error.kind() {
        io::ErrorKind::PermissionDenied => "it is not writable".to_owned(),
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "it is on a read-only disk".to_owned(),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a file is in its way".to_owned()
        }
        _ => reason(error),
    };
    Failure::new(
        "data-dir",
        format!("the data folder `{}` cannot be used: {why}", dir.display()),
    )
    .hint("choose another folder with --data-dir")
}

/// Opens the store, emptied first with `--fresh`, on a thread that may block. It begins at once;
/// what this gives waits for it.
pub(super) fn open_store_aside(
    config: &Config,
    clock: &Clock,
) -> impl Future<Output = Result<Store, Failure>> + use<> {
    let (dir, fresh, clock) = (config.data_dir.clone(), config.fresh, clock.clone());
    let opening = tokio::task::spawn_blocking(move || match fresh {
        true => open_empty(&dir, clock),
        false => open_store(&dir, clock),
    });
    async {
        opening
            .await
            .map_err(|error| Failure::new("internal", error.to_string()))?
    }
}

/// Opens the store of a data folder, which is made if it is not there. Blocks.
///
/// # Errors
/// What is wrong with the folder, or with the database in it.
pub fn open_store(data_dir: &Path, clock: Clock) -> Result<Store, Failure> {
    prepare(data_dir)?;
    Store::open(&data_dir.join(STORE), clock).map_err(|error| match error {
        StoreError::InUse { .. } => control::in_use(data_dir),
        error => store_failure(error),
    })
}

/// Opens the store after removing what is in it. Damaged databases that were kept stay.
fn open_empty(data_dir: &Path, clock: Clock) -> Result<Store, Failure> {
    prepare(data_dir)?;
    let store = data_dir.join(STORE);
    match Store::open(&store, clock.clone()) {
        // Nobody else is using what is removed here.
        Ok(opened) => drop(opened),
        Err(StoreError::Damaged { .. } | StoreError::FutureVersion { .. }) => {}
        Err(StoreError::InUse { .. }) => return Err(control::in_use(data_dir)),
        Err(error) => return Err(store_failure(error)),
    }
    empty(&store).map_err(|error| unusable(&store, &error))?;
    open_store(data_dir, clock)
}

fn empty(store: &Path) -> io::Result<()> {
    for entry in fs::read_dir(store)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().contains(".damaged-") {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

pub(super) fn store_failure(error: StoreError) -> Failure {
    Failure::new(error.code(), error.to_string()).hint(error.hint())
}
