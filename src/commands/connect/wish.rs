//! What the user wants of the connection, wherever it comes from.

use std::io::{self, BufRead};

use tokio::sync::mpsc;

use super::command::Close;
use crate::error::{Failure, reason};

/// How many wishes may wait for the server to take what was sent before.
pub(super) const WAITING: usize = 1024;

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    /// Send a text message.
    Send(String),
    /// Send a ping.
    Ping,
    /// Close and leave.
    Close(Close),
    /// Leave, and say that the user broke off.
    Interrupt,
    /// Leave: there is no more to come, and why.
    Fail(Failure),
}

/// Reads standard input, each line a message, on a thread that nobody need wait for.
pub(super) fn read_lines(wishes: mpsc::Sender<Wish>) -> Result<(), Failure> {
    let reading = std::thread::Builder::new()
        .name("stdin".into())
        .spawn(move || send_lines(io::stdin().lock(), &wishes));
    reading
        .map(drop)
        .map_err(|e| Failure::new("internal", format!("no thread: {}", reason(&e))))
}

fn send_lines(mut from: impl BufRead, wishes: &mpsc::Sender<Wish>) {
    for number in 1.. {
        let mut line = Vec::new();
        let wish = match from.read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => of_line(line, number),
            Err(e) => Wish::Fail(Failure::new(
                "input",
                format!("cannot read standard input: {}", reason(&e)),
            )),
        };
        let is_last = matches!(wish, Wish::Fail(_));
        if wishes.blocking_send(wish).is_err() || is_last {
            return;
        }
    }
}

/// A line without its end, `\n` or `\r\n`.
fn of_line(mut line: Vec<u8>, number: usize) -> Wish {
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    match String::from_utf8(line) {
        Ok(text) => Wish::Send(text),
        Err(_) => {
            let message = format!("line {number} of standard input is not UTF-8");
            Wish::Fail(
                Failure::new("input", message)
                    .hint("each line is sent as a text message, and those are UTF-8"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(input: &[u8]) -> Vec<Wish> {
        let (sender, mut receiver) = mpsc::channel(WAITING);
        send_lines(input, &sender);
        drop(sender);
        std::iter::from_fn(|| receiver.try_recv().ok()).collect()
    }

    #[test]
    fn each_line_is_a_message_without_its_end() {
        let send = |text: &str| Wish::Send(text.into());
        assert_eq!(
            wishes(b"one\r\n\n two \nthree"),
            [send("one"), send(""), send(" two "), send("three")]
        );
        assert_eq!(wishes(b""), []);
    }

    #[test]
    fn a_line_that_is_no_text_is_named() {
        let wishes = wishes(b"ok\n\xff\nmore\n");
        assert_eq!(wishes.len(), 2);
        let Wish::Fail(failure) = &wishes[1] else {
            panic!("{wishes:?}");
        };
        assert_eq!(failure.message, "line 2 of standard input is not UTF-8");
    }
}
