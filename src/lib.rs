//! `ampt-ws`: a local development emulator for Ampt WebSocket apps.

pub mod cli;
pub mod control;
pub mod domain;
pub mod error;
pub mod event;
pub mod location;
pub mod ops;
pub mod output;
