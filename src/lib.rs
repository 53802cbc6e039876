//! `ampt-ws`: a local development emulator for Ampt WebSocket apps.

pub mod app;
pub mod cli;
pub mod commands;
pub mod config;
pub mod dispatch;
pub mod domain;
pub mod error;
pub mod event;
pub mod gateway;
pub mod iso;
pub mod ops;
pub mod output;
pub mod store;
pub mod watch;
pub mod worker;
