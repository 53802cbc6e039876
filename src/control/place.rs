//! Where the socket lies: in a private folder per user, on a path short enough for a socket.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Failure, reason};

/// Longest socket path in bytes; the system's own limits are 104 and 108 with a final zero.
const LONGEST: usize = 100;

/// The socket's path for a data folder, in a folder that is ours alone.
pub(super) fn socket_path(data_dir: &Path) -> Result<PathBuf, Failure> {
    let name = format!("{:016x}.sock", fingerprint(data_dir.as_os_str().as_bytes()));
    let mut refused = None;
    for dir in candidates() {
        let path = dir.join(&name);
        if path.as_os_str().len() > LONGEST {
            continue;
        }
        match make_private(&dir) {
            Ok(()) => return Ok(path),
            Err(failure) => refused = refused.or(Some(failure)),
        }
    }
    Err(refused.unwrap_or_else(|| {
        let message = "no folder for the control socket has a path short enough";
        Failure::new("control", message).hint("set XDG_RUNTIME_DIR to a short path of your own")
    }))
}

fn candidates() -> impl Iterator<Item = PathBuf> {
    let mine = format!("ampt-ws-{}", rustix::process::geteuid().as_raw());
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let runtime = runtime.filter(|dir| dir.is_absolute() && dir.is_dir());
    let temporary = [std::env::temp_dir(), PathBuf::from("/tmp")];
    runtime
        .map(|dir| dir.join("ampt-ws"))
        .into_iter()
        .chain(temporary.map(|dir| dir.join(&mine)))
}

/// Creates the folder if need be, and makes sure that nobody else can put a socket into it.
fn make_private(dir: &Path) -> Result<(), Failure> {
    let cannot = |e: io::Error| {
        let message = format!("cannot use the folder `{}`: {}", dir.display(), reason(&e));
        Failure::new("control", message)
            .hint("set XDG_RUNTIME_DIR to a folder of your own that can be written")
    };
    match std::fs::DirBuilder::new().mode(0o700).create(dir) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(cannot(e)),
        _ => {}
    }
    check_owner(dir)?;
    let mode = std::fs::metadata(dir).map_err(cannot)?.mode();
    if mode & 0o777 != 0o700 {
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(dir, private).map_err(cannot)?;
    }
    Ok(())
}

/// Refuses a folder that is not a real folder of ours.
fn check_owner(dir: &Path) -> Result<(), Failure> {
    let shown = dir.display();
    let metadata = std::fs::symlink_metadata(dir).map_err(|e| {
        Failure::new(
            "control",
            format!("cannot look at `{shown}`: {}", reason(&e)),
        )
    })?;
    if metadata.is_dir() && metadata.uid() == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    let message = format!("`{shown}` does not belong to you, so no sandbox is controlled there");
    Err(Failure::new("control", message)
        .hint("remove it, or set XDG_RUNTIME_DIR to a folder of your own"))
}

/// Whether a socket that a file names may be trusted: it lies in a folder that only we can enter.
pub(super) fn check_socket(socket: &Path) -> Result<(), Failure> {
    let dir = socket.parent().unwrap_or(socket);
    check_owner(dir)?;
    let mode = std::fs::metadata(dir).map_or(0o777, |metadata| metadata.mode());
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let message = format!(
        "others can enter `{}`, where the socket lies",
        dir.display()
    );
    Err(Failure::new("control", message).hint("make it private with `chmod 700`"))
}

/// FNV-1a; it need not withstand an attacker, since only we can write where the name is used.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deep_project_gets_a_short_socket_path() {
        let deep = Path::new("/").join("a very deep folder/".repeat(40));
        let path = socket_path(&deep).unwrap();
        assert!(path.as_os_str().len() <= LONGEST);
        let other = socket_path(&deep.join("other")).unwrap();
        assert_ne!(path, other);
        assert_eq!(check_socket(&path), Ok(()));
    }

    #[test]
    fn a_folder_that_others_can_enter_is_closed_or_refused() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("open");
        std::fs::create_dir(&dir).unwrap();
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(check_socket(&dir.join("x.sock")).is_err());
        make_private(&dir).unwrap();
        assert_eq!(std::fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
        assert_eq!(check_socket(&dir.join("x.sock")), Ok(()));
    }

    #[test]
    fn a_link_is_not_followed() {
        let temp = tempfile::tempdir().unwrap();
        let link = temp.path().join("link");
        std::os::unix::fs::symlink(temp.path(), &link).unwrap();
        let error = make_private(&link).unwrap_err();
        assert!(error.message.contains("does not belong to you"), "{error}");
    }
}
