//! The integration suite: drives the real program and real sockets.
