//! The REPL, as a person at a terminal sees it.

use crate::support::{App, Terminal, key};

/// What stands before the line that is typed.
const PROMPT: &str = "ampt-ws> ";

/// An app that answers every message.
const ECHO: &str = "import { ws } from '@ampt/sdk';
     ws.on('connected', () => {});
     ws.on('message', (c, data) => c.send({ echo: data }));";

/// `dev` at a terminal, waiting for a line.
fn dev(app: &App) -> Terminal {
    let terminal = app.at_terminal(&["dev", "--port", "0"]);
    terminal.wait_for_line(PROMPT);
    terminal
}

#[test]
fn a_banner_and_a_prompt_come_first() {
    let app = App::esm(ECHO);
    let mut terminal = dev(&app);
    let screen = terminal.screen();
    assert!(screen.has("WebSocket   ws://127.0.0.1:"));
    assert!(screen.has("handlers    connected, message"));
    assert!(!terminal.modes().is_cooked);
    terminal.keys(key::CTRL_D);
    assert_eq!(terminal.wait_for_clean_end().0, Some(0));
}
