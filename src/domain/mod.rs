//! Pure facts and small types that every layer shares; nothing here does I/O.

pub mod clock;

pub use clock::Clock;
