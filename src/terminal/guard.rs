//! Leaves the terminal as it was found.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, Once, PoisonError};
use std::time::Duration;

use rustix::process::getpgrp;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// Name of the thread that reads lines.
pub(super) const READER: &str = "reader";

/// How the terminal was before we touched it. A process has one terminal, and a panic hook can
/// only reach what is static.
static FOUND: Mutex<Option<Termios>> = Mutex::new(None);

/// How the editor has set the terminal for the line that is being typed.
static EDITING: Mutex<Option<Termios>> = Mutex::new(None);

/// Whether the prompt stands on the screen.
static AT_PROMPT: AtomicBool = AtomicBool::new(false);

/// Whether the program is about to end.
static LEAVING: AtomicBool = AtomicBool::new(false);

/// Whether the reading thread has come to rest, with no prompt on the screen.
static AT_REST: Mutex<bool> = Mutex::new(false);
static COMES_TO_REST: Condvar = Condvar::new();

/// How long the reading thread may take to come to rest.
const REST_TIME: Duration = Duration::from_millis(500);

/// Restores the terminal when dropped, and when a thread that matters panics.
///
/// The thread that reads lines may well be waiting for a key meanwhile, with the terminal raw:
/// nothing wakes it, and it ends with the process.
#[derive(Debug)]
pub(super) struct TerminalGuard(());

impl TerminalGuard {
    /// Remembers how the terminal is now.
    pub(super) fn save() -> Self {
        static HOOK: Once = Once::new();
        *found() = tcgetattr(io::stdin()).ok();
        LEAVING.store(false, Ordering::SeqCst);
        HOOK.call_once(install_hook);
        Self(())
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        LEAVING.store(true, Ordering::SeqCst);
        restore();
    }
}

/// Says that the prompt is about to stand on the screen. If the terminal is to be given
/// back, it must not: whoever gives it back may have looked for a prompt before, in vain.
#[must_use]
pub(super) fn begin_prompt() -> bool {
    set_at_prompt(true);
    if is_leaving() {
        set_at_prompt(false);
        come_to_rest();
        return false;
    }
    true
}

/// Says that no prompt stands on the screen.
pub(super) fn end_prompt() {
    set_at_prompt(false);
}

/// Whether the prompt stands on the screen.
pub(super) fn is_at_prompt() -> bool {
    AT_PROMPT.load(Ordering::SeqCst)
}

/// Whether the terminal cannot move its cursor: the editor then reads lines as they come.
pub(super) fn is_dumb() -> bool {
    let term = std::env::var_os("TERM").unwrap_or_default();
    ["dumb", "cons25", "emacs"].iter().any(|dumb| term == *dumb)
}

fn set_at_prompt(is_at_prompt: bool) {
    *editing() = None;
    AT_PROMPT.store(is_at_prompt, Ordering::SeqCst);
}

/// Whether the terminal was given back; lines are no longer obeyed then.
pub fn is_leaving() -> bool {
    LEAVING.load(Ordering::SeqCst)
}

/// Called by the reading thread before it shows the prompt: once the terminal is to be given back,
/// it shows none, but rests until the process ends.
pub(super) fn rest_if_leaving() {
    if !is_leaving() {
        return;
    }
    come_to_rest();
    loop {
        std::thread::park();
    }
}

fn come_to_rest() {
    *AT_REST.lock().unwrap_or_else(PoisonError::into_inner) = true;
    COMES_TO_REST.notify_all();
}

/// Sees to it that the prompt, which is about to be shown again, is not.
pub(super) fn bring_to_rest() {
    LEAVING.store(true, Ordering::SeqCst);
    let at_rest = AT_REST.lock().unwrap_or_else(PoisonError::into_inner);
    let is_busy = |at_rest: &mut bool| !*at_rest && AT_PROMPT.load(Ordering::SeqCst);
    // Whoever does not come to rest in time shows a prompt too many, which is no great harm.
    let _ = COMES_TO_REST.wait_timeout_while(at_rest, REST_TIME, is_busy);
}

/// Called by the reading thread once the editor has set the terminal.
pub(super) fn note_editing() {
    let mut editing = editing();
    if editing.is_none() {
        *editing = tcgetattr(io::stdin()).ok();
    }
}

/// Sets the terminal for editing anew: the shell set it for itself while this process was stopped.
/// Whether a line is being typed at all.
pub(super) fn resume_editing() -> bool {
    let is_foreground = tcgetpgrp(io::stdin()).is_ok_and(|group| group == getpgrp());
    if !is_foreground || !AT_PROMPT.load(Ordering::SeqCst) || is_leaving() {
        return false;
    }
    let editing = editing();
    let set = |termios: &Termios| tcsetattr(io::stdin(), OptionalActions::Now, termios).is_ok();
    editing.as_ref().is_some_and(set)
}

fn editing() -> std::sync::MutexGuard<'static, Option<Termios>> {
    EDITING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn found() -> std::sync::MutexGuard<'static, Option<Termios>> {
    FOUND.lock().unwrap_or_else(|e| e.into_inner())
}

fn restore() {
    let Some(before) = found().take() else { return };
    // A process in the background is stopped when it sets the terminal, so only if need be.
    let is_changed = tcgetattr(io::stdin()).is_ok_and(|now| {
        now.local_modes != before.local_modes
            || now.input_modes != before.input_modes
            || now.output_modes != before.output_modes
    });
    if is_changed {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
    if AT_PROMPT.swap(false, Ordering::SeqCst) {
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(match is_dumb() {
            true => b"\n",
            // Erase the prompt, end synchronized output and bracketed paste, show the cursor.
            false => b"\r\x1b[J\x1b[?2026l\x1b[?2004l\x1b[?25h",
        });
        let _ = stdout.flush();
    }
}

fn install_hook() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        match thread.name() {
            // The runtime that the reader speaks to has ended under it; so does the process.
            Some(READER) if is_leaving() => return,
            Some(READER | "main") => restore(),
            _ => {}
        }
        before(panic);
    }));
}
