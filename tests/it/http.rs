//! `http`: what the app serves beside its socket.

use crate::support::App;

#[test]
fn a_static_file_comes_as_a_promise_of_a_stream_or_of_nothing() {
    let app = App::esm(
        "import { http } from '@ampt/sdk';
         import { Readable } from 'node:stream';
         const files = [['there.txt', 'a web stream'], ['../secret.txt'], ['folder'], ['absent.txt']];
         http.use('/web', async () => {
           const told = [];
           for (const [name] of files) {
             const promise = http.readStaticFile(name);
             const file = await promise;
             told.push([promise instanceof Promise, file && await new Response(file).text()]);
           }
           return Response.json(told);
         });
         http.node.use('/node', async (req, res) => {
           const promise = http.node.readStaticFile('there.txt');
           const file = await promise;
           const absent = await http.node.readStaticFile('absent.txt');
           const text = [promise instanceof Promise, file instanceof Readable, absent].join(' ');
           res.setHeader('content-length', text.length).end(text);
         });",
    )
    .file("static/there.txt", "here")
    .file("static/folder/x", "")
    .file("secret.txt", "secret");
    let dev = app.dev(&[]);
    let get = |path| {
        let host = dev.address();
        dev.request(&format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n"))
    };
    assert_eq!(get("/node").body, "true true ");
    let mut socket = dev.socket();
    let host = dev.address();
    socket.write(
        format!("GET /web HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").as_bytes(),
    );
    let answer = String::from_utf8(socket.end()).expect("UTF-8");
    let told = r#"[[true,"here"],[true,null],[true,null],[true,null]]"#;
    assert!(answer.contains(told), "{answer}");
}
