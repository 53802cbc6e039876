//! Errors of the app, with the place in its code.

use super::HumanEvents;
use crate::event::JsError;
use crate::output::code_frame;
use crate::output::escape::{visible, visible_line};
use crate::output::style::Verbosity;

impl HumanEvents {
    pub(super) fn reload_failed(&mut self, at: i64, cause: &str, kept: bool, error: &JsError) {
        self.start(at, "reload");
        let word = self.paint.bad("failed");
        let what_now = match kept {
            true => "the code that ran before keeps running",
            false => "events wait for the next save that loads",
        };
        self.end(format_args!("{word} ({}); {what_now}", visible(cause)));
        self.indent();
        self.error(error);
    }

    pub(super) fn error_in(&mut self, handler: &str, request_id: Option<&str>, error: &JsError) {
        let place = match handler {
            "load" => "error while loading the app".to_owned(),
            // What is no handler of the app's is named in words.
            words if words.contains(' ') && !words.starts_with("http ") => words.to_owned(),
            handler => format!("error in the `{}` handler", visible(handler)),
        };
        let place = self.paint.bad(&place).to_string();
        self.put(format_args!("{place}: "));
        self.error(error);
        if let (Verbosity::Verbose, Some(id)) = (self.verbosity, request_id) {
            let id = self
                .paint
                .dim(&format!("request id: {}", visible(id)))
                .to_string();
            self.indented(&id);
        }
    }

    /// The rest of a line that names the error, and lines with code, stack and hint.
    fn error(&mut self, error: &JsError) {
        let mut message = error.message.lines();
        let first = visible_line(message.next().unwrap_or_default());
        let separator = if first.is_empty() { "" } else { ": " };
        self.end(format_args!("{}{separator}{first}", visible(&error.name)));
        for more in message {
            self.indented(&visible_line(more));
        }
        if let Some(frame) = &error.code_frame {
            self.code_frame(frame);
        }
        let frames: Vec<&str> = stack_frames(error.stack.as_deref().unwrap_or_default());
        for frame in &frames {
            let frame = self.paint.dim(&visible_line(frame)).to_string();
            self.indented(&frame);
        }
        if let (true, Some(file)) = (frames.is_empty(), &error.file) {
            let (line, column) = (error.line.unwrap_or(1), error.column.unwrap_or(1));
            let place = format!("at {}:{line}:{column}", visible(file));
            let place = self.paint.dim(&place).to_string();
            self.indented(&place);
        }
        if let Some(hint) = &error.hint {
            self.hint(hint);
        }
        for inner in error
            .cause
            .iter()
            .map(|cause| &**cause)
            .chain(&error.errors)
        {
            self.indent();
            let word = self.paint.bad("caused by").to_string();
            self.put(format_args!("{word} "));
            // The first code frame says where to look; more of them hide it.
            self.error(&JsError {
                code_frame: None,
                ..inner.clone()
            });
        }
    }

    fn code_frame(&mut self, frame: &str) {
        let room = |columns: usize| columns.saturating_sub(self.indentation());
        let fitted = self.columns.map(|all| code_frame::fit(frame, room(all)));
        for line in fitted.as_deref().unwrap_or(frame).lines() {
            self.indented(&visible_line(line));
        }
    }

    pub(super) fn hint(&mut self, hint: &str) {
        let word = self.paint.strong("hint:").to_string();
        self.indented(&format!("{word} {}", visible_line(hint)));
    }

    fn indented(&mut self, text: &str) {
        self.indent();
        self.end(format_args!("{text}"));
    }
}

/// The frames of a JS stack, without the message that stands above them.
fn stack_frames(stack: &str) -> Vec<&str> {
    let frames = stack.lines().map(str::trim);
    frames.filter(|line| line.starts_with("at ")).collect()
}
