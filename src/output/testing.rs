//! An [`Output`] that tests can read.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use super::{Output, Style};

/// What a command printed.
pub struct Captured {
    /// To print with.
    pub output: Output,
    out: Buffer,
    err: Buffer,
}

impl Captured {
    /// Nothing printed yet.
    pub fn new(style: Style) -> Self {
        let (out, err) = (Buffer::default(), Buffer::default());
        Self {
            output: Output::to(style, out.clone(), err.clone()),
            out,
            err,
        }
    }

    /// What stands on standard output.
    pub fn out(&self) -> String {
        self.out.text()
    }

    /// What stands on standard error.
    pub fn err(&self) -> String {
        self.err.text()
    }
}

/// A writer whose bytes stay readable.
#[derive(Clone, Default)]
pub struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    /// What was written so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
