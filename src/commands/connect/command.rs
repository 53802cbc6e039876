//! What a typed line means: a message, or a command that begins with `/`.

use crate::error::Failure;

/// Longest close reason in bytes: a control frame holds 125, two of them for the code.
const LONGEST_REASON: usize = 123;

/// The commands, with what stands behind them and what they do.
pub(super) const COMMANDS: [(&str, &str, &str); 3] = [
    (
        "/close",
        "[CODE] [REASON]",
        "close with this code [default: 1000] and leave",
    ),
    ("/ping", "", "measure the way to the server and back"),
    ("/help", "", "explain the commands"),
];

/// A close frame to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Close {
    pub(super) code: u16,
    pub(super) reason: String,
}

impl Close {
    /// A client that is done.
    pub(super) fn normal() -> Self {
        Self {
            code: 1000,
            reason: String::new(),
        }
    }

    /// A client that is told to go.
    pub(super) fn going_away() -> Self {
        Self {
            code: 1001,
            reason: String::new(),
        }
    }
}

/// A typed line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// Nothing was typed.
    Empty,
    /// Send this.
    Message(String),
    /// Close and leave.
    Close(Close),
    /// Send a ping.
    Ping,
    /// Explain.
    Help,
}

/// Understands a line.
///
/// # Errors
/// An unknown command, or one with the wrong arguments; nothing is to be sent then.
pub(super) fn parse(line: &str) -> Result<Line, Failure> {
    let Some(command) = line.strip_prefix('/') else {
        return Ok(match line.is_empty() {
            true => Line::Empty,
            false => Line::Message(line.to_owned()),
        });
    };
    if command.starts_with('/') {
        return Ok(Line::Message(command.to_owned()));
    }
    let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
    match (name, rest.trim()) {
        ("close", rest) => close(rest).map(Line::Close),
        ("ping", "") => Ok(Line::Ping),
        ("help" | "?", "") => Ok(Line::Help),
        ("ping" | "help" | "?", _) => {
            Err(Failure::usage(format!("`/{name}` takes nothing behind it")))
        }
        _ => Err(
            Failure::usage(format!("there is no command `/{name}`; nothing was sent")).hint(
                "/help lists the commands; a message that begins with `/` is typed with `//`",
            ),
        ),
    }
}

fn close(rest: &str) -> Result<Close, Failure> {
    if rest.is_empty() {
        return Ok(Close::normal());
    }
    let wrong = |why: String| Failure::usage(why).hint("for example: /close 4001 signed out");
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let reason = reason.trim();
    let code: u16 = code
        .parse()
        .map_err(|_| wrong(format!("`{code}` is not a close code")))?;
    // RFC 6455, section 7.4: what an endpoint may put into a close frame.
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(wrong(format!(
            "a close frame cannot carry {code}: 1000 is a normal end, 4000 to 4999 are an app's own"
        )));
    }
    if reason.len() > LONGEST_REASON {
        let size = reason.len();
        return Err(wrong(format!(
            "a close reason has at most {LONGEST_REASON} bytes, this one {size}"
        )));
    }
    Ok(Close {
        code,
        reason: reason.to_owned(),
    })
}

/// What `/help` prints.
pub(super) fn help() -> String {
    let mut text = String::new();
    for (name, arguments, what) in COMMANDS {
        let usage = format!("{name} {arguments}");
        text.push_str(&format!("  {usage:22} {what}\n"));
    }
    text.push_str(
        "\nAnything else is sent as a message; type // for a message that begins with /.\n\
         Ctrl-C clears the line, on an empty line it leaves; Ctrl-D leaves.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_message_unless_it_is_a_command() {
        let message = |text: &str| Ok(Line::Message(text.into()));
        assert_eq!(parse("{\"a\": 1} "), message("{\"a\": 1} "));
        assert_eq!(parse("//join room"), message("/join room"));
        assert_eq!(parse(""), Ok(Line::Empty));
        assert_eq!(parse("/ping"), Ok(Line::Ping));
        assert_eq!(parse("/help"), Ok(Line::Help));
        assert_eq!(parse("/close"), Ok(Line::Close(Close::normal())));
        let close = |code, reason: &str| {
            let reason = reason.into();
            Ok(Line::Close(Close { code, reason }))
        };
        assert_eq!(parse("/close 1001"), close(1001, ""));
        assert_eq!(
            parse("/close 4001 signed  out "),
            close(4001, "signed  out")
        );
    }

    #[test]
    fn mistakes_are_not_sent() {
        let long = format!("/close 1000 {}", "ü".repeat(62));
        for (line, part) in [
            ("/join room", "no command `/join`"),
            ("/", "no command `/`"),
            ("/ping now", "takes nothing"),
            ("/close now", "not a close code"),
            ("/close 1005", "cannot carry 1005"),
            ("/close 2000", "cannot carry 2000"),
            ("/close 70000", "not a close code"),
            (&long, "at most 123 bytes, this one 124"),
        ] {
            let failure = parse(line).unwrap_err();
            assert!(failure.message.contains(part), "{line}: {failure}");
        }
        assert!(parse(&format!("/close 1000 {}", "x".repeat(123))).is_ok());
    }

    #[test]
    fn help_names_every_command() {
        for (name, _, _) in COMMANDS {
            assert!(help().contains(name));
            assert!(parse(name).is_ok());
        }
    }
}
