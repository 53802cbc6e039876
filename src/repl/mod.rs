//! The REPL: the sandbox's own terminal, where lines are typed while events are printed.

mod completion;
mod following;
mod grammar;
mod session;
mod suggest;
mod terminal;
mod words;

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::error::Failure;
use crate::event::{EventBus, Level};
use crate::ops::Perform;
use crate::output::{Output, Screen, Style};
use crate::terminal::{LineEditor, LineHelper, Reading};
use following::Following;
use session::Session;
use suggest::Suggestions;

/// Starts reading lines, which `sandbox` performs on `runtime`. What is printed on `screen` from
/// now on appears past the line that is being typed. The user leaves with `quit`, Ctrl-D, or
/// Ctrl-C on an empty line.
pub fn start(
    sandbox: Arc<dyn Perform>,
    runtime: Handle,
    bus: &EventBus,
    style: Style,
    screen: &Screen,
    app_dir: &Path,
    data_dir: &Path,
) -> Result<Reading, Failure> {
    let suggestions = Suggestions::new(sandbox.clone(), runtime.clone());
    let helper = LineHelper::new(suggestions, style.paint());
    let open = || {
        let mut editor = LineEditor::open(helper, style.color)?;
        if let Err(e) = editor.remember_in(&data_dir.join("history")) {
            let text = format!("the prompt's history cannot be read: {e}");
            bus.log(Level::Warn, text);
        }
        Ok(editor)
    };
    // Failures go where the line was typed, wherever standard error may lead.
    let on = screen.clone();
    let output = move |style| Output::to(style, io::stdout(), io::stdout()).on(on.clone());
    let following = Following::new(sandbox.clone(), runtime.clone(), screen.clone());
    let session = Session::new(
        sandbox,
        runtime,
        bus.clone(),
        style,
        app_dir,
        output,
        following,
    );
    let converse = move |editor| terminal::converse(editor, &session);
    crate::terminal::start(screen, open, converse)
        .map_err(|failure| failure.hint("--no-repl does without it"))
}
