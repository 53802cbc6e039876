//! What a recording hears of HTTP: requests and their answers, whose bodies are copied as they pass.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::{HeaderMap, Request, Response};

use super::Gateway;
use super::handshake::{texts, title_cased};
use super::http::Body;
use crate::event::{EventBus, Wire};

/// Longest body that is kept, in bytes.
const KEPT: usize = 256 * 1024;

/// Somebody who tells of one request.
pub(super) struct Witness {
    bus: EventBus,
    number: u64,
    request: Arc<Mutex<Copied>>,
}

impl Gateway {
    /// Tells of a request, and of its answer later; `None` while nobody records.
    pub(super) fn witness(&self, request: &Request<Incoming>) -> Option<Witness> {
        if !self.bus.is_recorded() {
            return None;
        }
        let number = self
            .requests
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.bus.wire(|| Wire::Request {
            number,
            method: request.method().to_string(),
            target: request.uri().to_string(),
            headers: told(request.headers()),
        });
        Some(Witness {
            bus: self.bus.clone(),
            number,
            request: Arc::default(),
        })
    }
}

impl Witness {
    /// A request whose body is copied for `witness`, if there is one.
    pub(super) fn hear(witness: Option<&Self>, request: Request<Incoming>) -> Request<Passing> {
        let copy = witness.map(|witness| witness.request.clone());
        request.map(|body| Passing::new(body, copy, None))
    }

    /// An answer that is told once it was sent.
    pub(super) fn pass(witness: Option<Self>, response: Response<Incoming>) -> Response<Body> {
        let told = witness.map(|witness| Told {
            status: response.status().as_u16(),
            headers: told(response.headers()),
            witness,
        });
        let copy = told.is_some().then(Arc::default);
        response.map(|body| Passing::new(body, copy, told).boxed())
    }

    /// Tells of an answer whose body matters to nobody.
    pub(super) fn answered(self, response: &Response<Body>) {
        let headers = told(response.headers());
        self.tell(response.status().as_u16(), headers, Some(Vec::new()));
    }

    fn tell(self, status: u16, headers: Vec<(String, String)>, body: Option<Vec<u8>>) {
        let request = take(&self.request).whole();
        self.bus.wire(|| Wire::Answer {
            number: self.number,
            request,
            status,
            headers,
            body,
        });
    }
}

fn told(headers: &HeaderMap) -> Vec<(String, String)> {
    texts(&title_cased(headers))
}

/// An answer to be told of.
struct Told {
    witness: Witness,
    status: u16,
    headers: Vec<(String, String)>,
}

/// What has passed of a body.
#[derive(Debug, Default)]
struct Copied {
    bytes: Vec<u8>,
    is_cut: bool,
}

impl Copied {
    fn add(&mut self, data: &Bytes) {
        match self.bytes.len() + data.len() <= KEPT {
            true => self.bytes.extend_from_slice(data),
            false => self.is_cut = true,
        }
    }

    fn whole(self) -> Option<Vec<u8>> {
        (!self.is_cut).then_some(self.bytes)
    }
}

fn take(copy: &Mutex<Copied>) -> Copied {
    std::mem::take(&mut *copy.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A body on its way, of which a copy is made if anybody wants it.
pub(super) struct Passing {
    inner: Incoming,
    copy: Option<Arc<Mutex<Copied>>>,
    /// What is told when the body has ended or is given up.
    told: Option<Told>,
    is_over: bool,
}

impl Passing {
    fn new(inner: Incoming, copy: Option<Arc<Mutex<Copied>>>, told: Option<Told>) -> Self {
        Self {
            inner,
            copy,
            told,
            is_over: false,
        }
    }
}

impl hyper::body::Body for Passing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(copy), Some(data)) = (&self.copy, frame.data_ref()) {
                    copy.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .add(data);
                }
            }
            Poll::Ready(None) => self.is_over = true,
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        let Some(told) = self.told.take() else {
            return;
        };
        let is_whole = self.is_over || self.inner.is_end_stream();
        let copied = self.copy.as_ref().map(|copy| take(copy));
        let body = copied.filter(|_| is_whole).and_then(Copied::whole);
        told.witness.tell(told.status, told.headers, body);
    }
}
