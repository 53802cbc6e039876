//! `import` and `export`.

use std::path::{Path, PathBuf};

use super::{Context, Face, print, progress, typed};
use crate::cli::{ExportArgs, ImportArgs};
use crate::error::{Failure, exit, reason};
use crate::ops::{DataRequest, Imported, Request};
use crate::output::answers;

/// The data file that is meant where none is named.
const DATA_FILE: &str = "data.json";

pub(super) async fn import(context: &Context<'_>, args: ImportArgs) -> Result<u8, Failure> {
    let (file, name) = match &args.file {
        Some(file) => (absolute(file)?, file.display().to_string()),
        None => (context.app_dir.join(DATA_FILE), DATA_FILE.to_owned()),
    };
    if context.face != Face::Store {
        warn_of_orphans(context, &file, &name, &args).await?;
    }
    let request = request(&file, args.overwrite, false);
    let answer = progress::perform(context, &name, request).await?;
    let paint = context.out.paint();
    print(context.out, answer, |imported| {
        answers::imported(paint, &name, imported)
    })?;
    Ok(exit::OK)
}

fn request(file: &Path, overwrite: bool, dry_run: bool) -> Request {
    Request::Data(DataRequest::Import {
        file: file.to_owned(),
        overwrite,
        dry_run,
    })
}

/// Names the live connections that the app's data would no longer know, and asks on a terminal.
async fn warn_of_orphans(
    context: &Context<'_>,
    file: &Path,
    name: &str,
    args: &ImportArgs,
) -> Result<(), Failure> {
    let trial = request(file, args.overwrite, true);
    let trial: Imported = typed(progress::perform(context, name, trial).await?)?;
    if trial.orphaned_connections.is_empty() {
        return Ok(());
    }
    let warning = answers::orphan_warning(&trial.orphaned_connections);
    context.out.warning(&warning);
    if args.yes || context.ask.confirm("import all the same?") != Some(false) {
        return Ok(());
    }
    Err(Failure::new("declined", "nothing was imported"))
}

pub(super) async fn export(context: &Context<'_>, args: ExportArgs) -> Result<u8, Failure> {
    let (file, name) = match args.file {
        Some(file) => {
            let file = with_extension(file)?;
            (absolute(&file)?, file.display().to_string())
        }
        None => (context.app_dir.join(DATA_FILE), DATA_FILE.to_owned()),
    };
    let request = Request::Data(DataRequest::Export {
        file,
        overwrite: args.overwrite,
    });
    let answer = progress::perform(context, &name, request).await?;
    print(context.out, answer, answers::exported)?;
    Ok(exit::OK)
}

/// Adds `.json` to a name without an extension, and refuses another one.
pub(super) fn with_extension(mut file: PathBuf) -> Result<PathBuf, Failure> {
    match file.extension() {
        None => {
            file.set_extension("json");
            Ok(file)
        }
        Some(extension) if extension.eq_ignore_ascii_case("json") => Ok(file),
        Some(_) => {
            let message = format!("`{}` is not a .json file", file.display());
            let name = file.with_extension("json");
            Err(Failure::usage(message).hint(format!("for example: export {}", name.display())))
        }
    }
}

/// The sandbox may run in another folder.
fn absolute(file: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(file).map_err(|e| {
        Failure::usage(format!(
            "cannot use the path `{}`: {}",
            file.display(),
            reason(&e)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_a_json_file() {
        assert_eq!(with_extension("a/data".into()), Ok("a/data.json".into()));
        assert_eq!(with_extension("a.JSON".into()), Ok("a.JSON".into()));
        let error = with_extension("data.yaml".into()).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("for example: export data.json"));
    }
}
